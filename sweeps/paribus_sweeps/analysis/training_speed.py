"""How fast a run trained: steps, examples and tokens a second over the same intervals.

The rate is `throughput`'s: from rows (steps, seconds since the start, seconds of looks), without
looks, first intervals and suspensions. What a run counts beside its steps (examples, tokens) is
divided by the same seconds. A checkpoint leaves no mark in a history, and counts as training; a
program that logs its own rate (`train/steps_per_second`) is quoted beside it.

Source: METHOD 9.6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.evaluation_speed import are_counts, finite, parts_of
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.roles import Roles
from paribus_sweeps.analysis.throughput import (
    LONGEST_TO_MEDIAN,
    MOST,
    Intervals,
    Throughput,
    timed,
)
from paribus_sweeps.analysis.words import counted

CLOCK = "_runtime"
"""Seconds since the run began, in every row that the W&B client writes."""
LOGGED_RATES = ("train/steps_per_second", "train_steps_per_second")
OPTIMIZER_STEPS, LOG_CALLS = "steps", "W&B steps"


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSpeed:
    """How fast a run trained, looks left out."""

    steps_per_second: float | None
    median_steps_per_second: float | None
    """Over the intervals: the companion that no outlier moves."""
    examples_per_second: float | None
    tokens_per_second: float | None
    logged_steps_per_second: float | None
    """Median of what the program logged itself; ours leaves checkpoints out as well."""
    step_name: str
    """What a step is: an optimizer step, or W&B's (a call of log) where no other is known."""
    last_step: float | None
    """How far it came; None where no optimizer step was logged."""
    intervals: int
    seconds: float
    """Of the intervals that count."""
    first_dropped: int
    """First intervals, one for each session: compiling, filling caches."""
    long_dropped: int
    """Suspensions: intervals above five times the median of seconds per step."""
    impossible_dropped: int
    """Intervals whose looks took longer than they did: their clocks disagree."""
    notes: tuple[str, ...]
    counts: FloatArray
    """Steps of the intervals that count; with `spans` what a bootstrap draws from."""
    spans: FloatArray
    """Seconds of those."""


def training_speed(
    history: History,
    roles: Roles,
    looks: Sequence[str],
    *,
    examples_per_step: float | None = None,
) -> TrainingSpeed:
    """Return how fast a run trained.

    Args:
        history: What it logged.
        roles: Which key is which.
        looks: Keys that say how long a look took.
        examples_per_step: Batch size times accumulation times devices, for a run that does not
            count its examples.
    """
    rows = _Rows.of(history, roles, looks)
    is_told = np.isin(rows.numbers, history[rows.step_key].rows)
    steps = rows.carried(rows.step_key)
    told, intervals = timed(steps, rows.seconds, rows.looking, is_told=is_told)
    counts, spans = parts_of(intervals.steps, intervals.seconds)
    return TrainingSpeed(
        steps_per_second=told.rate,
        median_steps_per_second=told.median_rate,
        examples_per_second=_examples(rows, roles, intervals, told, examples_per_step),
        tokens_per_second=rows.counted_up(roles["tokens_seen"], intervals),
        logged_steps_per_second=_logged_rate(history),
        step_name=rows.step_name,
        last_step=rows.last_step,
        intervals=told.intervals,
        seconds=told.seconds,
        first_dropped=told.first_dropped,
        long_dropped=told.long_dropped,
        impossible_dropped=told.impossible_dropped,
        notes=(*_notes(history, told, rows.step_name), *_of_untimed(history, roles, looks)),
        counts=counts,
        spans=spans,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The rows that hold a step or a look, in the order in which they were written."""

    history: History
    numbers: NDArray[np.int64]
    step_key: str
    step_name: str
    looking: FloatArray
    """Seconds of the looks that each reports."""

    @classmethod
    def of(cls, history: History, roles: Roles, looks: Sequence[str]) -> _Rows:
        shared = roles["global_step"]
        known = shared is not None and shared in history
        step_key, step_name = (shared, OPTIMIZER_STEPS) if known else ("_step", LOG_CALLS)
        held = [history[key].rows for key in (str(step_key), *looks)]
        numbers = np.unique(np.concatenate(held))
        looking = look_seconds(history, looks, numbers)
        return cls(history, numbers, str(step_key), step_name, looking)

    @property
    def seconds(self) -> FloatArray:
        """When each row came, by the run's own clock; NaN where it does not say."""
        clock = self.history[CLOCK]
        found = np.full(len(self.numbers), math.nan)
        held = np.isin(self.numbers, clock.rows)
        found[held] = clock.values[np.isin(clock.rows, self.numbers)]
        return found

    @property
    def last_step(self) -> float | None:
        """The highest optimizer step."""
        steps = self.history[self.step_key].values
        steps = steps[are_counts(steps)]
        known = len(steps) and self.step_name == OPTIMIZER_STEPS
        return float(steps.max()) if known else None

    def carried(self, key: str) -> FloatArray:
        """What a key was in each row, or last before it; NaN where none came before."""
        column = self.history[key]
        place = np.searchsorted(column.rows, self.numbers, side="right") - 1
        found = np.full(len(self.numbers), math.nan)
        found[place >= 0] = column.values[place[place >= 0]]
        return found

    def counted_up(self, key: str | None, intervals: Intervals) -> float | None:
        """How fast a count rose over the intervals that count; None where it did not."""
        if key is None or not len(intervals):
            return None
        counts = self.carried(key)
        counts[~(np.abs(counts) <= MOST)] = math.nan
        rises = counts[intervals.last] - counts[intervals.first]
        known = (rises >= 0) & (rises <= MOST)
        rose = math.fsum(rises[known])
        return finite(rose / math.fsum(intervals.seconds[known])) if rose > 0 else None


def look_seconds(history: History, looks: Sequence[str], numbers: NDArray[np.int64]) -> FloatArray:
    """Return the seconds of all looks that each of these rows reports; 0 where it reports none.

    Args:
        history: What the run logged.
        looks: Keys that say how long a look took.
        numbers: Rows, rising; every row that holds one of the keys is among them.
    """
    found = np.zeros(len(numbers))
    for key in looks:
        column = history[key]
        counts = are_counts(column.values)
        found[np.searchsorted(numbers, column.rows[counts])] += column.values[counts]
    return found


def _examples(
    rows: _Rows,
    roles: Roles,
    intervals: Intervals,
    told: Throughput,
    examples_per_step: float | None,
) -> float | None:
    """As the run counted its examples; where it did not, steps times examples of a step."""
    counted = rows.counted_up(roles["examples_seen"], intervals)
    if counted is not None or told.rate is None or not examples_per_step:
        return counted
    return finite(told.rate * examples_per_step) if rows.step_name == OPTIMIZER_STEPS else None


def _logged_rate(history: History) -> float | None:
    for key in LOGGED_RATES:
        values = history[key].values
        values = values[are_counts(values)]
        if len(values):
            return float(np.median(values))
    return None


def _of_untimed(history: History, roles: Roles, looks: Sequence[str]) -> Iterator[str]:
    """Say where looks cannot be told apart from training."""
    loss = roles["eval_loss"]
    if not looks and loss is not None and loss in history:
        yield (
            f"no logged key says how long a look took ({loss} is there): looks count as training "
            "(name one: eval_seconds=KEY)"
        )


def _notes(history: History, told: Throughput, step_name: str) -> Iterator[str]:
    if CLOCK not in history:
        yield f"no row holds {CLOCK}: without a clock there is no rate"
    elif told.note is not None:
        yield told.note
    elif step_name != OPTIMIZER_STEPS:
        yield (
            f"steps are {LOG_CALLS}, which count calls of log: no logged key is known as "
            "global_step (name one: global_step=KEY)"
        )
    if told.long_dropped:
        yield (
            f"{told.long_dropped:,} of {told.intervals + told.long_dropped:,} intervals took more "
            f"than {LONGEST_TO_MEDIAN:g} times the median (a suspended host, a resume, a slow "
            "checkpoint) and are left out"
        )
    if told.impossible_dropped and told.rate is not None:
        yield (
            f"{counted(told.impossible_dropped, 'interval')} left out as shorter than the looks "
            "inside: clocks disagree"
        )
