"""Sweeps as values: configs checked, designs expanded, runs compared. Pure, and no service.

    spec = SweepSpec.from_text(text, programs=shipped)   # a W&B config, or InvalidSpec
    trials = expand(spec)                                # what it stands for
    best_per_factor(runs, factors_of(spec), response="holdout/loss", goal="minimize")

Importing this loads neither numpy nor scipy.
"""

from paribus_sweeps.analysis.best_runs import best_per_factor
from paribus_sweeps.design.confounding import moved_together, moved_together_by_design
from paribus_sweeps.design.grids import Trial, count, draws, expand
from paribus_sweeps.design.price import price
from paribus_sweeps.design.search_space import draw, factors_of
from paribus_sweeps.errors import InvalidSpec, NotOffered, Problem, SweepError, TooManyTrials
from paribus_sweeps.factors import Factor, Level, level_label
from paribus_sweeps.programs import ProgramSchema, shipped
from paribus_sweeps.runs import Run
from paribus_sweeps.spec import SweepSpec

__all__ = [
    "Factor",
    "InvalidSpec",
    "Level",
    "NotOffered",
    "Problem",
    "ProgramSchema",
    "Run",
    "SweepError",
    "SweepSpec",
    "TooManyTrials",
    "Trial",
    "best_per_factor",
    "count",
    "draw",
    "draws",
    "expand",
    "factors_of",
    "level_label",
    "moved_together",
    "moved_together_by_design",
    "price",
    "shipped",
]
