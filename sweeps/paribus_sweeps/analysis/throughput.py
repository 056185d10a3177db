"""Steps per second from a run's history: what it did, and not what its summary says.

The final summary is missing for interrupted runs and wrong after a resume, so the rate
is taken from rows (step, seconds since the start, seconds of an evaluation). Left out
are evaluations, the first interval of each session (compiling, filling caches), and
intervals that took far longer than the others (a suspended host).

Rows that come within half a second of one another are one moment. A program that sends
rows in batches stamps all of a batch with the time of sending (ours does, every few
seconds), and between two rows of one batch no time seems to pass.

Source: METHOD 9.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from paribus_sweeps.analysis.curve_features import FeatureValue

Row = tuple[float, float, float | None]
"""(step, seconds since the run began, seconds of an evaluation that ended in this row)."""

BATCH_SECONDS = 0.5  # sending 1,000 rows takes a fraction of it; an interval worth timing, more
LONGEST_TO_MEDIAN = 5.0  # METHOD 9.6: beyond it, the run was suspended or resumed


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


def throughput(rows: Iterable[Row]) -> Throughput:
    """Return the rate of one run.

    Args:
        rows: In the order in which they were written. A step that goes down begins a new
            session, and so does a time that does; a row twice in a row counts once.
    """
    sessions = [_intervals(moments) for moments in _sessions(rows)]
    timed = [interval for session in sessions for interval in session[1:]]
    possible = [interval for interval in timed if interval.is_possible]
    usual = median([i.seconds_per_step for i in possible]) if possible else 0.0
    kept = [i for i in possible if i.seconds_per_step <= LONGEST_TO_MEDIAN * usual]
    seconds = math.fsum(i.seconds for i in kept)
    return Throughput(
        rate=math.fsum(i.steps for i in kept) / seconds if kept else None,
        median_rate=median([i.steps / i.seconds for i in kept]) if kept else None,
        intervals=len(kept),
        seconds=seconds,
        first_dropped=sum(1 for session in sessions if session),
        long_dropped=len(possible) - len(kept),
        impossible_dropped=len(timed) - len(possible),
        note=None if kept else _too_few(len(timed)),
    )


@dataclass(frozen=True, slots=True)
class _Moment:
    """A time at which rows came, with the last step that they tell of."""

    step: float
    came: float
    """When its first row came."""
    until: float
    """When its last row came."""
    evaluating: float
    """Seconds of the evaluations that its rows report."""


@dataclass(frozen=True, slots=True)
class _Interval:
    steps: float
    seconds: float

    @property
    def is_possible(self) -> bool:
        return self.seconds > 0 and math.isfinite(self.steps / self.seconds)

    @property
    def seconds_per_step(self) -> float:
        return self.seconds / self.steps


def _sessions(rows: Iterable[Row]) -> Iterator[list[_Moment]]:
    """Yield the moments of each session: between two of them the step or the time went down."""
    moments: list[_Moment] = []
    for step, runtime, evaluation in _distinct(rows):
        now = _Moment(step, runtime, runtime, _counted(evaluation))
        if moments and (step < moments[-1].step or runtime < moments[-1].until):
            yield moments
            moments = [now]
        elif moments and _is_same_moment(moments[-1], now):
            moments[-1] = _joined(moments[-1], now)
        else:
            moments.append(now)
    yield moments


def _distinct(rows: Iterable[Row]) -> Iterator[Row]:
    before: Row | None = None
    for row in rows:
        if row != before and math.isfinite(row[0]) and math.isfinite(row[1]):
            yield row
        before = row


def _counted(evaluation: float | None) -> float:
    known = evaluation is not None and math.isfinite(evaluation)
    return max(evaluation or 0.0, 0.0) if known else 0.0


def _joined(last: _Moment, now: _Moment) -> _Moment:
    """One moment of two; a second row of the same step moves it, as after an evaluation."""
    came = now.came if now.step == last.step else last.came
    return _Moment(now.step, came, now.until, last.evaluating + now.evaluating)


def _is_same_moment(last: _Moment, now: _Moment) -> bool:
    return now.step == last.step or now.came - last.came < BATCH_SECONDS


def _intervals(moments: Sequence[_Moment]) -> list[_Interval]:
    return [
        _Interval(now.step - last.step, now.until - last.until - now.evaluating)
        for last, now in pairwise(moments)
    ]


def _too_few(intervals: int) -> str:
    if intervals:
        return "the evaluations took longer than the intervals that hold them: clocks disagree"
    return (
        f"too few moments: rate needs rows at 3 moments at least {BATCH_SECONDS:g} s apart, at "
        "steps that rise, since the first interval of a session is left out"
    )
