"""A sweep's config, read and checked; see `sweep_spec` for where to start."""

from paribus_sweeps.spec.designs import Design
from paribus_sweeps.spec.driver import Driver, client_stops_runs, driver_of
from paribus_sweeps.spec.early_terminate import EarlyTerminate
from paribus_sweeps.spec.intake import Program, Programs, Taken, no_programs
from paribus_sweeps.spec.parameters import Parameter
from paribus_sweeps.spec.sweep_spec import MAX_TRIALS, Metric, Retry, SweepSpec, module_command
from paribus_sweeps.spec.text import read_config

__all__ = [
    "MAX_TRIALS",
    "Design",
    "Driver",
    "EarlyTerminate",
    "Metric",
    "Parameter",
    "Program",
    "Programs",
    "Retry",
    "SweepSpec",
    "Taken",
    "client_stops_runs",
    "driver_of",
    "module_command",
    "no_programs",
    "read_config",
]
