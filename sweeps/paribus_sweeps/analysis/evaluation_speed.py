"""How fast a run looked at its evaluation set: from what each look says of itself.

A look tells its seconds and its own rates. No look is left out for being the first, since its
seconds belong to the price of looking; one that took more than five times as long as the others
is, as an interval of training would be (a suspended host).

Source: METHOD 9.2 ("Price of a cadence") and 9.6; transformers 5.23, trainer_utils.py
(`speed_metrics`: `…_runtime`, `…_samples_per_second`, `…_steps_per_second` of each look).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.roles import Roles
from paribus_sweeps.analysis.throughput import LONGEST_TO_MEDIAN, MOST

EVAL_BATCH = "per_device_eval_batch_size"
MOST_PARTS = 256  # kept of a run: of 1,000 runs 4 MB, and more than enough to draw blocks from

_SECONDS = re.compile(r"(eval|val|valid|validation|test)[/_](.+[/_])?runtime")
_UNITS = ("steps", "samples", "examples", "tokens")
_PREFIXES = ("eval/", "eval_", "val/", "val_")
_BARE = tuple(f"{prefix}{unit}_per_second" for prefix in _PREFIXES for unit in _UNITS)
"""What a look may tell of itself where it does not say how long it took."""


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationSpeed:
    """How fast a run looked."""

    steps_per_second: float | None
    """Batches."""
    examples_per_second: float | None
    tokens_per_second: float | None
    seconds_per_look: float | None
    looks: int
    """Those that count."""
    seconds: float | None
    """Theirs; None where no look tells any."""
    long_dropped: int
    """Looks that took more than five times the median."""
    notes: tuple[str, ...]
    counts: FloatArray
    """Batches of the looks that count and tell both; with `spans` what a bootstrap draws from."""
    spans: FloatArray
    """Seconds of those."""


def look_keys(keys: Sequence[str], roles: Roles) -> list[str]:
    """Return the keys that say how long a look took, the main one first."""
    main = roles["eval_seconds"]
    found = sorted(key for key in keys if _SECONDS.fullmatch(key))
    return [key for key in dict.fromkeys([main, *found]) if key in keys and key is not None]


def evaluation_speed(
    history: History, looks: Sequence[str], *, eval_batch: float | None = None
) -> EvaluationSpeed:
    """Return how fast a run looked.

    Args:
        history: What it logged.
        looks: Keys that say how long a look took (`look_keys`); rates are those of the first.
        eval_batch: Examples of a full batch, for a run that tells batches alone.
    """
    timed = bool(looks)
    anchor = looks[0] if timed else next((key for key in _BARE if key in history), None)
    if anchor is None:
        return _nothing("no logged key is known as eval_seconds (name one: eval_seconds=KEY)")
    held = _Looks.of(history, anchor)
    if not len(held.kept):
        return _nothing(f"{anchor} was never above 0: no look tells how long it took")
    steps, examples = held.rate("steps"), held.rate("samples") or held.rate("examples")
    notes = [*held.notes(), *_of_sets(looks)]
    if examples is None and steps is not None and eval_batch:
        examples = finite(steps * eval_batch)
        notes.append(
            f"examples a second are batches times {EVAL_BATCH} {eval_batch:g}: the last batch "
            "of a look, which may be smaller, is taken as full"
        )
    if not timed:
        notes.append("no look says how long it took: rates are means over looks")
    counts, spans = parts_of(*held.parts()) if timed else (np.empty(0), np.empty(0))
    seconds = math.fsum(held.kept) if timed else None
    return EvaluationSpeed(
        steps_per_second=steps,
        examples_per_second=examples,
        tokens_per_second=held.rate("tokens"),
        seconds_per_look=None if seconds is None else finite(seconds / len(held.kept)),
        looks=len(held.kept),
        seconds=None if seconds is None else finite(seconds),
        long_dropped=held.dropped,
        notes=tuple(notes),
        counts=counts,
        spans=spans,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Looks:
    """The looks that count."""

    kept: FloatArray
    """Seconds of each; 1 where looks tell none, so that each weighs the same."""
    dropped: int
    rates: Mapping[str, FloatArray]
    """Unit → rate of each look, NaN where it does not tell one."""

    @classmethod
    def of(cls, history: History, anchor: str) -> _Looks:
        column = history[anchor]
        counts = are_counts(column.values)
        rows, values = column.rows[counts], column.values[counts]
        seconds = np.ones(len(values)) if anchor in _BARE else values
        kept = seconds <= LONGEST_TO_MEDIAN * (np.median(seconds) if len(seconds) else 0.0)
        rates = {unit: _rates_at(history, anchor, unit, rows)[kept] for unit in _UNITS}
        return cls(seconds[kept], int(len(seconds) - kept.sum()), rates)

    def rate(self, unit: str) -> float | None:
        """Counts over seconds, over the looks that tell both."""
        counts, spans = self.parts(unit)
        return finite(math.fsum(counts) / math.fsum(spans)) if len(spans) else None

    def parts(self, unit: str = "steps") -> tuple[FloatArray, FloatArray]:
        """Count and seconds of each look that tells both."""
        told = are_counts(self.rates[unit])
        return self.rates[unit][told] * self.kept[told], self.kept[told]

    def notes(self) -> Iterator[str]:
        if self.dropped:
            yield (
                f"{self.dropped:,} of {self.dropped + len(self.kept):,} looks took more than "
                f"{LONGEST_TO_MEDIAN:g} times the median and are left out of the rates"
            )


def are_counts(values: FloatArray) -> NDArray[np.bool_]:
    """Return which of the values can be seconds or counts: above 0, and no absurd number."""
    found: NDArray[np.bool_] = (values > 0) & (values <= MOST)
    return found


def _rates_at(history: History, anchor: str, unit: str, rows: NDArray[np.int64]) -> FloatArray:
    """Return what each look says of one unit a second, NaN where it says nothing."""
    found = np.full(len(rows), math.nan)
    key = next((key for key in _rate_keys(anchor, unit) if key in history), None)
    if key is not None:
        column = history[key]
        held = np.isin(rows, column.rows)
        found[held] = column.values[np.isin(column.rows, rows)]
    return found


def _rate_keys(anchor: str, unit: str) -> list[str]:
    """Return where a look's rate may stand: beside its seconds, else under a common name."""
    beside = re.sub(r"(runtime|[a-z]+_per_second)$", "", anchor)
    return [f"{prefix}{unit}_per_second" for prefix in (beside, *_PREFIXES)]


def _of_sets(looks: Sequence[str]) -> Iterator[str]:
    if len(looks) > 1:
        yield f"rates are those of {looks[0]}; {', '.join(looks[1:])} count as time spent looking"


def _nothing(note: str) -> EvaluationSpeed:
    nothing = np.empty(0)
    return EvaluationSpeed(None, None, None, None, 0, None, 0, (note,), nothing, nothing)


def parts_of(counts: FloatArray, spans: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what a bootstrap draws from: intervals, neighbours added up where there are many."""
    size = -(-len(counts) // MOST_PARTS)
    if size <= 1:
        return counts, spans
    firsts = np.arange(0, len(counts), size)
    return np.add.reduceat(counts, firsts), np.add.reduceat(spans, firsts)


def finite(x: float) -> float | None:
    """Return a number that JSON can hold, else None."""
    return float(x) if math.isfinite(x) else None
