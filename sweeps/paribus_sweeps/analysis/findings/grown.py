"""What is known of a run's curves from one look at it to the next, so that only new rows are read.

    grown = Grown()
    grown.curve(history, "eval/loss", "train/global_step")
    grown.curve(longer, "eval/loss", "train/global_step")     # of the same run, later

A history only ever grows: rows come behind those that are there, and none of these changes. So a
curve whose steps rose and whose values were finite until now is its columns as they are, once the
new rows are found to go on like this; nothing is sorted, searched or copied. One row that repeats
a step (a resumed run) or holds NaN ends this for its key: METHOD 9.1 is then applied to all rows
at each look.

Kept are two numbers for a curve, and no rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.histories import History, places_in

T = TypeVar("T")
_UNEVEN = -1  # values that are known to rise


class Grown:
    """What was found of one run's curves by now."""

    def __init__(self) -> None:
        self._inside: dict[tuple[str, str], tuple[int, bool]] = {}
        self._rising: dict[tuple[str, str | None], tuple[int, float]] = {}
        self._counted: dict[Callable[[], Any], Any] = {}

    def go_on_from(self, earlier: Grown) -> None:
        """Take over what was found at an earlier look at the same run."""
        self._inside, self._rising = earlier._inside, earlier._rising
        self._counted = earlier._counted

    def counted(self, of: Callable[[], T]) -> T:
        """Return what rules of this run count together, made once: `counted(Spikes)`."""
        if of not in self._counted:
            self._counted[of] = of()
        return cast(T, self._counted[of])

    def is_inside(self, history: History, key: str, other: str) -> bool:
        """Whether each row of `key`, at least one, holds `other` as well."""
        rows = history[key].rows
        known, holds = self._inside.get((key, other), (0, True))
        if holds and known < len(rows):
            behind = history[other].after(int(rows[known]) - 1).rows
            holds = bool((places_in(rows[known:], behind) >= 0).all())
            self._inside[key, other] = len(rows), holds
        return holds and len(rows) > 0

    def curve(self, history: History, key: str, x_key: str | None) -> Curve:
        """Return a key over `x_key` (the row's number without one), METHOD 9.1 applied."""
        x, values = self._x(history, key, x_key), history[key].values
        known, last = self._rising.get((key, x_key), (0, -math.inf))
        if known == _UNEVEN or not _goes_on(x[known:], values[known:], last):
            self._rising[key, x_key] = _UNEVEN, last
            return Curve.of_columns(x, values)
        self._rising[key, x_key] = len(x), float(x[-1]) if len(x) else last
        return Curve(x, values)

    def goes_on(self, history: History, key: str, x_key: str | None) -> bool:
        """Whether the curve is all its rows as they came, each at a later step, all finite.

        A later one of which that holds has it as its beginning.
        """
        self.curve(history, key, x_key)
        return self._rising[key, x_key][0] != _UNEVEN

    def _x(self, history: History, key: str, x_key: str | None) -> FloatArray:
        if x_key is None:
            return history[key].rows.astype(float)
        held = history[x_key]
        if len(held) == len(history[key]) and self.is_inside(history, key, x_key):
            return held.values
        return history.along(key, x_key)


def _goes_on(x: FloatArray, values: FloatArray, last: float) -> bool:
    """Whether finite x rise strictly from behind `last`, and all values are finite."""
    if not len(x):
        return True
    rises = last < x[0] and x[-1] < math.inf and bool((x[1:] > x[:-1]).all())
    return rises and bool(np.isfinite(values).all())
