"""What a run's page shows, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_service.dashboard import charts, finding_views, throughput_views
from paribus_service.dashboard.console import ConsoleLine, console_line
from paribus_service.dashboard.curves import STRETCHES, curves
from paribus_service.dashboard.finding_views import RunFindings
from paribus_service.dependencies import Services, SessionDep
from paribus_service.orchestration import recorder
from paribus_service.orchestration.upstream import elsewhere
from paribus_service.store import files as file_store
from paribus_service.store import history, overview
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.history import Stream
from paribus_service.store.states import RUN_LIVE
from paribus_service.store.tables import Run, Trial

LOG_LINES = 200  # the end of the console output; the whole is in REST
HISTORY_LINES = 100_000  # parsed in about a second; the newest ones, and the page says so
CHARTS = 48  # a page of more is no page; the others are named
_ENVIRONMENT = {
    "host": "Host",
    "os": "System",
    "gpu": "GPU",
    "gpu_count": "GPUs",
    "cudaVersion": "CUDA",
    "cpu_count": "CPU cores",
    "python": "Python",
    "cli_version": "wandb",
    "framework": "Framework",
    "huggingface_version": "transformers",
    "program": "Program",
    "executable": "Interpreter",
}
"""Field of the client's report → what it is (wandb 0.31.0, wandb_internal.proto)."""


@dataclass(frozen=True, slots=True)
class Value:
    """A key and its value in a table."""

    key: str
    value: Any


def shown_run(session: SessionDep, run: Run, *, root: str, services: Services) -> dict[str, Any]:
    """What a run's page shows."""
    findings = finding_views.of_run(session, run, root=root, services=services)
    sweep = sweep_store.find_sweep(session, run.sweep_id) if run.sweep_id else None
    trial = sweep_store.get_trial(session, run.trial_id) if run.trial_id else None
    return {
        "run": run,
        "title": run.display_name or run.wandb_id,
        "sweep": sweep,
        "trial": trial,
        "counts": trial is None or trial.run_pk == run.pk,
        "attempts": attempts_of(session, trial),
        "is_live": run.state in RUN_LIVE,
        "elsewhere": elsewhere.of_run(session, run),
        "config": config_values(run),
        "summary": summary_values(run),
        "environment": environment(run),
        "system": system_metrics(run),
        "files": file_store.list_files(session, run),
        "log": log_tail(session, run),
        "log_lines": LOG_LINES,
        "events": overview.recent_events(session, run_id=run.id),
        "findings": findings,
        "speed": throughput_views.of_run(session, run, root=root, services=services),
        **drawn(session, run, findings),
    }


def log_tail(session: SessionDep, run: Run) -> list[ConsoleLine]:
    """The end of the console output."""
    lines = history.last_lines(session, run, Stream.OUTPUT, LOG_LINES)
    return [console_line(number, text) for number, text in lines]


def drawn(session: SessionDep, run: Run, findings: RunFindings | None) -> dict[str, Any]:
    """The run's curves, drawn, and what was found in them."""
    told = [one.told for one in findings.found] if findings else []
    first = max(0, run.history_lines - HISTORY_LINES)
    lines = history.read_lines(session, run, Stream.HISTORY, first=first)
    found = curves(recorder.parse_object(text) for _, text in lines)
    return {
        "charts": [charts.chart(panel, told) for panel in found.panels[:CHARTS]],
        "undrawn": [panel.title for panel in found.panels[CHARTS:]],
        "once": found.once,
        "rows_left_out": first,
        "stretches": STRETCHES,
    }


def attempts_of(session: SessionDep, trial: Trial | None) -> Sequence[Run]:
    """Every attempt at the run's trial, the first one first."""
    if trial is None:
        return []
    return sorted(run_store.list_runs(session, trial_id=trial.id), key=lambda run: run.attempt)


def config_values(run: Run) -> list[Value]:
    """What the run was given, by key, without what W&B keeps for itself."""
    config = recorder.parse_object(run.config_text)
    return [
        Value(key, entry["value"] if isinstance(entry, Mapping) and "value" in entry else entry)
        for key, entry in sorted(config.items())
        if not key.startswith("_wandb")
    ]


def summary_values(run: Run) -> list[Value]:
    """What the run ended with, by key; W&B's own keys last."""
    summary = recorder.parse_object(run.summary_text)
    keys = sorted(
        (key for key in summary if key != "_wandb"), key=lambda k: (k.startswith("_"), k)
    )
    return [Value(key, summary[key]) for key in keys]


def environment(run: Run) -> list[Value]:
    """Where the run ran, and with what: host, GPU, software."""
    report = _report(recorder.parse_object(run.config_text))
    known = {"host": run.host, "gpu": run.gpu_name, "program": run.program, **report}
    values = [Value(label, known[key]) for key, label in _ENVIRONMENT.items() if known.get(key)]
    if run.commit:
        values.append(Value("Commit", f"{run.commit} ({run.repo})" if run.repo else run.commit))
    if run.username:
        values.append(Value("User", run.username))
    return values


def _report(config: Mapping[str, Any]) -> dict[str, Any]:
    """What the client says of its surroundings; of several processes, the last one's word."""
    own = config.get("_wandb")
    own = own.get("value") if isinstance(own, Mapping) else None
    if not isinstance(own, Mapping):
        return {}
    told = {key: value for key, value in own.items() if isinstance(value, str)}
    reports = own.get("e")
    for report in reports.values() if isinstance(reports, Mapping) else ():
        told.update(report if isinstance(report, Mapping) else {})
    return told


def system_metrics(run: Run) -> list[Value]:
    """The last line of system metrics, by key."""
    if run.system_metrics_text is None:
        return []
    last = recorder.parse_object(run.system_metrics_text)
    return [Value(key, last[key]) for key in sorted(last) if not key.startswith("_")]
