"""Which running runs hyperband stops, decided as W&B's engine decides it.

    bands = EarlyTerminate(min_iter=3).bands                # 3, 9, 27 … logged values
    progress = Progress(bands, "minimize")
    progress.take(values)                                   # and again, as more are logged
    judge({"a": progress, "b": other}, EarlyTerminate(min_iter=3), running={"a"})

A run is compared at the last band that it has reached, with every run of the sweep that has
reached it, however that one ended. The threshold is the value at rank int(n / eta) + 1 of the n
values logged there: who is behind it is not among the best 1/eta, and is stopped. What is judged
is the run's own value at the band, or without `strict` the best that it has logged so far. A
run is judged again whenever one more run reaches its band, so one that passed first, with nobody
to compare it with, may be stopped later. Values that are not finite do not count: a run that
logs only NaN reaches no band.

Source: wandb/sweeps 0.3.0, sweeps/hyperband_stopping.py (`hyperband_stop_runs`) and sweeps/run.py
(`metric_history`, `is_number`); the idea is Li et al., Journal of Machine Learning Research 18
(2018), section 2. Brackets are not: W&B runs one, and so does this.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.spec import EarlyTerminate

Name = TypeVar("Name", bound=Hashable)


@dataclass(slots=True)
class Progress:
    """What one run's metric has come to; grows with what is logged, and keeps only what counts."""

    bands: tuple[int, ...]
    goal: str = "minimize"
    logged: int = 0
    """Finite values so far: W&B's iterations."""
    best: float | None = None
    at_bands: dict[int, float] = field(default_factory=dict)
    """Band → the value that was logged there."""

    def take(self, values: FloatArray) -> None:
        """Take in what was logged since, in the order in which it was written.

        Args:
            values: Shape (n,); NaN and infinities are passed over, as W&B's engine does.
        """
        finite = values[np.isfinite(values)]
        if not len(finite):
            return
        for band in self.bands:
            if self.logged < band <= self.logged + len(finite):
                self.at_bands[band] = float(finite[band - 1 - self.logged])
        self.logged += len(finite)
        new = float(finite.max() if self.goal == "maximize" else finite.min())
        if self.best is None or _is_behind(self.best, new, self.goal):
            self.best = new

    @property
    def band(self) -> int | None:
        """The last band that the run has reached."""
        return max(self.at_bands, default=None)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a running run is stopped, and the numbers that say so."""

    stop: bool
    band: int
    """The last that it has reached, in logged values."""
    value: float
    """What was judged: the value at the band, or the best so far where not strict."""
    threshold: float
    rank: int
    """Of the threshold among the compared values, from 1, the best."""
    compared: int
    """Runs that have reached the band, this one included."""
    logged: int
    strict: bool
    goal: str

    def sentence(self, metric: str) -> str:
        """Return the decision for people: what was compared with what."""
        side = "below" if self.goal == "maximize" else "above"
        judged = f"`{metric}` at value {self.band}" if self.strict else f"the best `{metric}`"
        runs = "1 run" if self.compared == 1 else f"{self.compared} runs"
        return (
            f"hyperband, band {self.band}: {judged} is {self.value:.6g}, "
            f"{side if self.stop else f'not {side}'} the threshold {self.threshold:.6g}, "
            f"rank {self.rank} of {runs} that logged {self.band} values"
        )


def judge(
    runs: Mapping[Name, Progress], rule: EarlyTerminate, *, running: Collection[Name]
) -> dict[Name, Decision]:
    """Decide on every running run that has reached a band.

    Args:
        runs: All runs of the sweep, however they ended, with the rule's bands and one goal.
        rule: The sweep's `early_terminate`.
        running: Which of them run.
    """
    reached = {name: run.band for name, run in runs.items() if name in running}
    at = {band: _values_at(band, runs.values()) for band in set(reached.values()) if band}
    return {
        name: _decision(runs[name], rule, band, at[band])
        for name, band in reached.items()
        if band is not None
    }


def _values_at(band: int, runs: Iterable[Progress]) -> list[float]:
    """What runs logged at the band, the best first."""
    reached = [run for run in runs if band in run.at_bands]
    best_first = any(run.goal == "maximize" for run in reached)
    return sorted((run.at_bands[band] for run in reached), reverse=best_first)


def _decision(run: Progress, rule: EarlyTerminate, band: int, values: list[float]) -> Decision:
    rank = min(int(1.0 / rule.eta * len(values)), len(values) - 1)
    at_band = run.at_bands[band]
    judged = at_band if rule.strict or run.best is None else run.best
    return Decision(
        stop=_is_behind(judged, values[rank], run.goal),
        band=band,
        value=judged,
        threshold=values[rank],
        rank=rank + 1,
        compared=len(values),
        logged=run.logged,
        strict=rule.strict,
        goal=run.goal,
    )


def _is_behind(value: float, other: float, goal: str) -> bool:
    return value < other if goal == "maximize" else value > other
