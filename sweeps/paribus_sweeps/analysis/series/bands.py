"""Several runs as one band: mean, lowest to highest, spread and interval, on a common x.

    grouped([seen.facts for seen in runs], ["all_but:seed"])   # a group for each setting
    band_of({"run-a": curve, "run-b": other})                  # n = 2

A band reaches from where the last run begins to where the first one ends. Its points are those of
the run that was looked at least often there; the others are read between their points along
straight lines, and nowhere beyond them. Points of a band stand for looking at: values between two
points have less noise than either, so no test is made of them.

Source: METHOD 9.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.errors import InvalidSeries, did_you_mean
from paribus_sweeps.factors import level_label

ALL_BUT = "all_but:"
NOT_SET = "not set"
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that agree in what they are grouped by."""

    values: Mapping[str, str]
    """Key → label."""
    places: tuple[int, ...]
    """Which of the runs that were given."""

    @property
    def label(self) -> str:
        """The values in words."""
        return ", ".join(f"{key}={value}" for key, value in self.values.items()) or "all runs"


def grouped(facts: Sequence[Facts], by: Sequence[str]) -> list[Group]:
    """Return the groups of runs, in the order in which each has its first run.

    Args:
        facts: Of each run.
        by: Factors, replicate keys, blocks and config keys; `all_but:KEY` is every factor and
            replicate key that varies, that key left out. Where a run was computed (blocks) makes
            no group unless it is named.

    Raises:
        InvalidSeries: No run has such a key.
    """
    keys = _keys(facts, by)
    places: dict[tuple[str, ...], list[int]] = {}
    for place, run in enumerate(facts):
        places.setdefault(tuple(labels(run, keys).values()), []).append(place)
    return [
        Group(dict(zip(keys, values, strict=True)), tuple(members))
        for values, members in places.items()
    ]


def labels(run: Facts, keys: Sequence[str]) -> dict[str, str]:
    """Return what a run is called by these keys, in their order."""
    return {key: _label(run, key) for key in keys}


def varying(facts: Sequence[Facts]) -> list[str]:
    """Return what tells the runs apart: factors, replicate keys and blocks that vary."""
    return _varying(facts, lambda run: (run.setting, run.replicate, run.blocks))


def _varying(
    facts: Sequence[Facts], sources: Callable[[Facts], Sequence[Mapping[str, Any]]]
) -> list[str]:
    known = dict.fromkeys(key for run in facts for source in sources(run) for key in source)
    return [key for key in known if len({_label(run, key) for run in facts}) > 1]


def _keys(facts: Sequence[Facts], by: Sequence[str]) -> list[str]:
    left_out = [key.removeprefix(ALL_BUT) for key in by if key.startswith(ALL_BUT)]
    named = [key for key in by if not key.startswith(ALL_BUT)]
    known = list(dict.fromkeys(k for run in facts for source in _sources(run) for k in source))
    for key in (*left_out, *named):
        if key not in known and facts:
            hint = did_you_mean(key, known) or f"there are {', '.join(known) or 'none'}"
            raise InvalidSeries("group_by", key, f"none of these runs has it; {hint}")
    own = _varying(facts, lambda run: (run.setting, run.replicate)) if left_out else []
    return list(dict.fromkeys([*(key for key in own if key not in left_out), *named]))


def _sources(run: Facts) -> tuple[Mapping[str, Any], ...]:
    return run.setting, run.replicate, run.blocks, run.config


def _label(run: Facts, key: str) -> str:
    for source in _sources(run):
        if key in source:
            return level_label(source[key])
    return NOT_SET


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """What several runs come to at each x."""

    n: int
    """Runs in it, the same at each x."""
    x: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    sd: FloatArray | None
    """Over the runs at each x; None for one run."""
    half_width: FloatArray | None
    """Of the interval around the mean; None for one run."""
    interpolated: int
    """Runs that were read between their points somewhere."""
    notes: tuple[str, ...] = ()


def band_of(curves: Mapping[str, Curve]) -> Band | None:
    """Return the band of runs that have a point, or None where none has.

    The interval is the t interval for the mean over runs, 95 %, at each x alone: a band of such
    intervals does not hold the whole curve 95 times in 100.
    """
    held = {run: curve for run, curve in curves.items() if len(curve)}
    if not held:
        return None
    grid = _grid(list(held.values()))
    notes = (*_of_empty(curves), *_of_range(held, grid))
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the floats is told as null
        return _summed(held, grid, notes)


def _grid(curves: Sequence[Curve]) -> FloatArray:
    """Points of the run that has the fewest on the common range, and has one there."""
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    inside = [curve.x[(curve.x >= low) & (curve.x <= high)] for curve in curves]
    return min((x for x in inside if len(x)), key=len, default=np.empty(0))


def _summed(curves: Mapping[str, Curve], grid: FloatArray, notes: tuple[str, ...]) -> Band:
    """Take in one run after the other: never all of them at once, which may be millions."""
    mean, squares = np.zeros(len(grid)), np.zeros(len(grid))
    low, high = np.full(len(grid), math.inf), np.full(len(grid), -math.inf)
    interpolated = 0
    for n, curve in enumerate(curves.values(), start=1):
        values = np.interp(grid, curve.x, curve.values)
        interpolated += not np.isin(grid, curve.x, assume_unique=True).all()
        away = values - mean
        mean = mean + away / n
        squares += away * (values - mean)
        low, high = np.minimum(low, values), np.maximum(high, values)
    n = len(curves)
    sd = np.sqrt(squares / (n - 1)) if n > 1 else None
    quantile = float(student.ppf((1 + LEVEL) / 2, n - 1)) if n > 1 else math.nan
    half = None if sd is None else sd * (quantile / math.sqrt(n))
    return Band(n, grid, mean, low, high, sd, half, interpolated, notes)


def _of_empty(curves: Mapping[str, Curve]) -> Iterator[str]:
    empty = [run for run, curve in curves.items() if not len(curve)]
    if empty:
        yield f"without a point, and left out: {_listed(empty)}"


def _of_range(curves: Mapping[str, Curve], grid: FloatArray) -> Iterator[str]:
    late, early = _extreme(curves, lambda curve: -curve.x[0]), _extreme(curves, _end)
    begins, ends = curves[late].x[0], curves[early].x[-1]
    if not len(grid):
        yield (
            f"the runs share no stretch of x: {early} ends at {ends:,.10g}, and {late} begins at "
            f"{begins:,.10g}"
        )
    elif any(curve.x[0] != begins or curve.x[-1] != ends for curve in curves.values()):
        yield f"from {begins:,.10g}, where {late} begins, to {ends:,.10g}, where {early} ends"


def _end(curve: Curve) -> float:
    return float(curve.x[-1])


def _extreme(curves: Mapping[str, Curve], measure: Callable[[Curve], float]) -> str:
    return min(curves, key=lambda run: (measure(curves[run]), run))


def _listed(runs: Sequence[str]) -> str:
    more = f" and {counted(len(runs) - 5, 'more run')}" if len(runs) > 5 else ""
    return ", ".join(runs[:5]) + more
