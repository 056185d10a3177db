"""Steps per second from a run's history: what it did, and not what its summary says.

The final summary is missing for interrupted runs and wrong after a resume, so the rate
is taken from rows (step, seconds since the start, seconds of an evaluation). Left out
are evaluations, the first interval of each session (compiling, filling caches), and
intervals that took far longer than the others (a suspended host).

Rows that come within half a second of one another are one moment. A program that sends
rows in batches stamps all of a batch with the time of sending (ours does, every few
seconds), and between two rows of one batch no time seems to pass.

Between a step's row and the row of a look at that step nothing is trained, however much longer
than the look it took: a checkpoint was loaded, or somebody evaluated once more an hour later.

Source: METHOD 9.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.analysis.curve_features import FeatureValue
from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.histories import IntArray

Row = tuple[float, float, float | None]
"""(step, seconds since the run began, seconds of an evaluation that ended in this row)."""

BATCH_SECONDS = 0.5  # sending 1,000 rows takes a fraction of it; an interval worth timing, more
LONGEST_TO_MEDIAN = 5.0  # METHOD 9.6: beyond it, the run was suspended or resumed
MOST = 2.0**52  # steps or seconds: beyond it a float holds no half second, and it is no count


@dataclass(frozen=True, slots=True)
class Throughput:
    """How fast a run went, and what was left out to say so."""

    rate: float | None
    """Steps per second over all intervals that count."""
    median_rate: float | None
    """Median over the intervals of steps per second: the companion that no outlier moves."""
    intervals: int
    """Those that count."""
    seconds: float
    """Their time, evaluations left out."""
    first_dropped: int
    """First intervals, one for each session of the run."""
    long_dropped: int
    """Intervals above five times the median of seconds per step."""
    impossible_dropped: int
    """Intervals whose evaluations took longer than they did: their clocks disagree."""
    note: str | None = None
    """Why `rate` is None."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)

    def as_feature(self) -> FeatureValue:
        """Return it as the feature `rate`, the median beside it."""
        if self.rate is None or self.median_rate is None:
            return FeatureValue(None, self.note)
        left_out = self.long_dropped + self.impossible_dropped
        return FeatureValue(
            self.rate,
            caution="suspensions (or clocks that disagree) are left out" if left_out else None,
            companions={"median_rate": self.median_rate},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Intervals:
    """From one moment to the next one, looks left out; a place for each that counts."""

    steps: FloatArray
    seconds: FloatArray
    first: IntArray
    """Numbers of the rows, counted from 0, that the intervals begin behind."""
    last: IntArray
    """Numbers of the rows that they end with."""

    def __len__(self) -> int:
        return len(self.steps)

    def at(self, chosen: NDArray[np.bool_]) -> Intervals:
        """Return some of them."""
        return Intervals(
            self.steps[chosen], self.seconds[chosen], self.first[chosen], self.last[chosen]
        )


def throughput(rows: Iterable[Row]) -> Throughput:
    """Return the rate of one run.

    Args:
        rows: In the order in which they were written. A step that goes down begins a new
            session, and so does a time that does; a row twice in a row counts once.
    """
    table = np.array([*rows], dtype=float).reshape(-1, 3)
    return timed(table[:, 0], table[:, 1], table[:, 2])[0]


def timed(
    steps: FloatArray,
    seconds: FloatArray,
    looking: FloatArray,
    *,
    is_told: NDArray[np.bool_] | None = None,
) -> tuple[Throughput, Intervals]:
    """Return the rate of one run, and the intervals that it rests on; see `throughput`.

    Args:
        steps: Shape (rows,).
        seconds: Since the run began.
        looking: Seconds of the looks that each row reports; NaN or 0 where it reports none.
        is_told: Whether a row holds its step itself; of the others it is the last one before
            them, and training may have gone on. None: all do.
    """
    is_told = np.ones(len(steps), dtype=bool) if is_told is None else is_told
    intervals, is_first = _intervals(steps, seconds, looking, is_told)
    counted = intervals.at(~is_first)
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        each, rates = counted.seconds / counted.steps, counted.steps / counted.seconds
    is_possible = (counted.seconds > 0) & (each <= MOST) & np.isfinite(rates)
    possible, each = counted.at(is_possible), each[is_possible]
    kept = possible.at(each <= LONGEST_TO_MEDIAN * np.median(each)) if len(each) else possible
    total = math.fsum(kept.seconds)
    return Throughput(
        rate=math.fsum(kept.steps) / total if len(kept) else None,
        median_rate=float(np.median(kept.steps / kept.seconds)) if len(kept) else None,
        intervals=len(kept),
        seconds=total,
        first_dropped=int(is_first.sum()),
        long_dropped=len(possible) - len(kept),
        impossible_dropped=len(counted) - len(possible),
        note=None if len(kept) else _too_few(len(counted)),
    ), kept


def _intervals(
    steps: FloatArray, seconds: FloatArray, looking: FloatArray, is_told: NDArray[np.bool_]
) -> tuple[Intervals, NDArray[np.bool_]]:
    """Return the intervals of every session, and which of them are the first of theirs."""
    rows = _rows_that_count(np.stack((steps, seconds, looking)))
    ends, begins = _moments(steps[rows].tolist(), seconds[rows].tolist())
    if not ends:
        nothing = np.empty(0)
        none = Intervals(nothing, nothing, nothing.astype(np.int64), nothing.astype(np.int64))
        return none, np.empty(0, dtype=bool)
    last, is_begin = rows[ends], np.array(begins)
    looked = np.where((looking > 0) & (looking <= MOST), looking, 0.0)[rows]
    lost = _lost(steps[rows], seconds[rows], looked, is_told[rows])
    lost = np.add.reduceat(lost, [0, *(end + 1 for end in ends[:-1])])
    found = Intervals(np.diff(steps[last]), np.diff(seconds[last]) - lost[1:], last[:-1], last[1:])
    within = ~is_begin[1:]
    return found.at(within), is_begin[:-1][within]


def _lost(
    steps: FloatArray, seconds: FloatArray, looked: FloatArray, is_told: NDArray[np.bool_]
) -> FloatArray:
    """Return the seconds before each row that went into its looks, or into waiting for them.

    Only a look's row is known to have followed the row before it without training: others may
    repeat a step because gradients are accumulated. Rows that were stamped when they were sent
    may stand closer than the looks took.
    """
    lost = looked.copy()
    waited = (looked > 0) & is_told
    waited[1:] &= (steps[1:] == steps[:-1]) & is_told[:-1]
    waited[:1] = False
    lost[waited] = np.maximum(looked, np.diff(seconds, prepend=0.0))[waited]
    return lost


def _rows_that_count(table: FloatArray) -> IntArray:
    """Return the numbers of rows with a step and a time, without what stands twice in a row."""
    same = (table[:, 1:] == table[:, :-1]) | (np.isnan(table[:, 1:]) & np.isnan(table[:, :-1]))
    is_new = np.concatenate(([True], ~same.all(axis=0)))[: table.shape[1]]
    counts: IntArray = np.flatnonzero(is_new & (np.abs(table[:2]) <= MOST).all(axis=0))
    return counts


def _moments(steps: list[float], seconds: list[float]) -> tuple[list[int], list[bool]]:
    """Return where each moment ends, and whether it begins a session.

    A moment is a time at which rows came, with the last step that they tell of: a second row of
    the same step moves it, as after a look.
    """
    ends: list[int] = []
    begins: list[bool] = []
    came, step_before, before = 0.0, math.inf, math.inf
    for row, (step, now) in enumerate(zip(steps, seconds, strict=True)):
        begins_session = step < step_before or now < before
        if not begins_session and (step == step_before or now - came < BATCH_SECONDS):
            ends[-1] = row
            came = now if step == step_before else came
        else:
            ends.append(row)
            begins.append(begins_session)
            came = now
        step_before, before = step, now
    return ends, begins


def _too_few(intervals: int) -> str:
    if intervals:
        return "the evaluations took longer than the intervals that hold them: clocks disagree"
    return (
        f"too few moments: rate needs rows at 3 moments at least {BATCH_SECONDS:g} s apart, at "
        "steps that rise, since the first interval of a session is left out"
    )
