"""A question about a table of runs: which response, which factors, what would matter.

Question("holdout/loss", goal="minimize", smallest_effect=0.01)
Question("holdout/accuracy", goal="maximize", factors=("batch",), interactions="none")
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.models import Interactions
from paribus_sweeps.analysis.transforms import TransformName
from paribus_sweeps.design.table import Table

METHOD_VERSION = "2026.11"  # changes when the same runs could get another answer

Sampler = Literal["random", "bayes"]
ErrorModel = Literal["auto", "pooled", "hc3", "permutation"]
ERRORS: tuple[ErrorModel, ...] = get_args(ErrorModel)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; every answer repeats it."""

    response: str
    """Name of the response, for sentences."""
    goal: Goal | None = None
    """Which way is better; None where the question is only whether there was a difference."""
    factors: tuple[str, ...] = ()
    """Those asked about; empty for all of the table."""
    smallest_effect: float | None = None
    """In the response's unit: a smaller difference does not matter. Without it, "no" is
    never said (METHOD 8.1)."""
    transform: TransformName = "identity"
    """Scale on which the model works."""
    denominator: int | None = None
    """Of a response that is a share: how many examples it was counted on."""
    interactions: Interactions = "auto"
    error: ErrorModel = "auto"
    """What a term is tested against; "permutation" adds a test that supposes no law of it."""
    against_baseline: bool | None = None
    """Compare with the baseline, or all pairs of levels; None: as the factor declares."""
    waived: tuple[str, ...] = ()
    """Blocks that partners of a pair may differ in."""
    sampler: Sampler | None = None
    """What chose the settings, where no design did: answers are associations then."""
    stopped_early: int = 0
    """Runs that were stopped by what they had logged: answers are associations then too."""
    has_plan: bool = True
    """The table's rows without a value were planned: what is missing can be named."""
    hours_per_run: float | None = None
    """Of one GPU, measured; None where nothing was."""
    experiment: str = ""
    """What random draws are made from, beside the question and the data (METHOD 13)."""
    level: float = 0.95
    resolution: float = 0.0
    """Runs whose values differ by no more are tied."""
    bins: int | None = None
    """Quantile bins of continuous factors, for best runs; None for none."""
    allow_crashed: bool = False
    """Propose settings again that failed in every attempt."""

    @property
    def is_of_association(self) -> bool:
        """A sampler chose what ran, or the runs' own values which of them ended (METHOD 10)."""
        return self.sampler is not None or self.stopped_early > 0

    def seed(self, table: Table) -> str:
        """Return the text that random draws are made from."""
        return f"{self.experiment}|{self.response}|{data_version(table)}"


def data_version(table: Table) -> str:
    """Return the same text for the same runs, settings, states and values, in any order."""
    columns = [*table.columns, *([table.replicate] if table.replicate else [])]
    digest = hashlib.sha256()
    digest.update(json.dumps([table.ids, table.states]).encode())
    digest.update(table.values.tobytes())
    for column in sorted(columns, key=lambda column: column.name):
        labels = sorted(column.labels)
        place = {label: at for at, label in enumerate(labels)}
        renumbered = np.array([place[label] for label in column.labels], "<i4")
        digest.update(json.dumps([column.name, column.role, labels]).encode())
        digest.update(renumbered[column.codes].tobytes())
    return digest.hexdigest()[:16]
