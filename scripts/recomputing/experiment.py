"""What a sweep tried, as its config declares it, and what came of it, as a W&B client sees it.

Levels, baselines and replicates stand in the sweep's config; settings, states and responses in
its runs. Of several attempts at one setting the finished one counts, else the latest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DIGITS = 12  # two floats that agree in these are one level (METHOD 13)
UNSET = "<unset>"
FINISHED = "finished"


class CannotRecompute(Exception):
    """The sweep has something that this script does not know how to work out."""


@dataclass(frozen=True)
class Factor:
    """A factor as the config declares it."""

    name: str
    levels: Mapping[str, Mapping[str, Any]]
    """Label → what it sets."""
    baseline: str | None

    @property
    def labels(self) -> list[str]:
        """In declared order."""
        return list(self.levels)

    def level_of(self, config: Mapping[str, Any]) -> str:
        """Which level a run's config stands at."""
        for label, values in self.levels.items():
            if all(label_of(value_at(config, key)) == label_of(v) for key, v in values.items()):
                return label
        raise CannotRecompute(f"{self.name}: a run's config stands at none of {self.labels}")


@dataclass(frozen=True)
class Run:
    """One run that counts."""

    id: str
    setting: Mapping[str, str]
    replicate: Mapping[str, Any]
    blocks: Mapping[str, str]
    state: str
    value: float | None
    created_at: str
    wandb_id: str = ""
    recorded: Mapping[str, Any] = field(default_factory=dict)
    """Summary, config and place: what the run says of itself."""

    @property
    def is_usable(self) -> bool:
        """Finished with a finite response (METHOD 0)."""
        return self.state == FINISHED and self.value is not None and math.isfinite(self.value)

    @property
    def seed(self) -> str:
        """The replicate as a label."""
        return ", ".join(label_of(value) for value in self.replicate.values())


@dataclass(frozen=True)
class Experiment:
    """A sweep and its runs, in the order of W&B's ids (METHOD 13), the same on every server."""

    factors: Sequence[Factor]
    replicates: Sequence[str]
    blocks: Sequence[str]
    runs: Sequence[Run]
    response: str
    goal: str | None
    smallest_effect: float | None = None
    held: Mapping[str, Any] = field(default_factory=dict)
    level: float = 0.95
    hours_per_run: float | None = None
    resolution: float = 0.0

    @property
    def usable(self) -> list[Run]:
        """The runs that answers stand on."""
        return [run for run in self.runs if run.is_usable]

    def factor(self, name: str) -> Factor:
        """The factor of this name."""
        return next(factor for factor in self.factors if factor.name == name)

    def label(self, run: Run, column: str) -> str:
        """Where a run stands in a factor, a block or the replicate."""
        if column in run.setting:
            return run.setting[column]
        return run.blocks.get(column, run.seed)

    def order(self, column: str) -> list[str]:
        """Labels of a column: a factor's as declared, else sorted, numbers as numbers."""
        found = {self.label(run, column) for run in self.runs}
        declared = [f.labels for f in self.factors if f.name == column]
        first = [label for labels in declared for label in labels]
        return first + sorted(found - set(first), key=_by_number)

    def observed(self, column: str) -> list[str]:
        """Labels that have a usable run."""
        here = {self.label(run, column) for run in self.usable}
        return [label for label in self.order(column) if label in here]

    def compared(self, factor: Factor, runs: Sequence[Run]) -> list[tuple[str, str]]:
        """Pairs (low, high): with the baseline where there is one, else each with each."""
        held = {run.setting[factor.name] for run in runs}
        labels = [label for label in factor.labels if label in held]
        if factor.baseline in labels:
            return [(factor.baseline, label) for label in labels if label != factor.baseline]
        return [(a, b) for at, a in enumerate(labels) for b in labels[at + 1 :]]


def counting(runs: Sequence[Run]) -> list[Run]:
    """One run for each setting and replicate: the finished one, else the latest attempt."""
    best: dict[tuple[str, ...], Run] = {}
    for run in sorted(runs, key=lambda run: (run.state == FINISHED, run.created_at)):
        best[(*run.setting.values(), run.seed)] = run
    return sorted(best.values(), key=lambda run: (run.wandb_id, run.id))


def label_of(value: Any) -> str:
    """One label for equal values: 8 and 8.0 are one level, 2e-5 and 0.00002 too."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.{DIGITS}g}"
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """A key of a config, which may lie below others: `optimizer.lr`."""
    if key in config:
        return config[key]
    first, _, rest = key.partition(".")
    below = config.get(first)
    return value_at(below, rest) if rest and isinstance(below, Mapping) else UNSET


def _by_number(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label
