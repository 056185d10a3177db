"""How norms are spread, by the names of METHOD 9.4, as they come: in any pieces, the same numbers.

    spread = Spread()
    spread.add(norms)
    spread.numbers(non_finite=0)["iqr"]

Quartiles are read off all values, kept in order of size (8 bytes each). Means and variances are
added up in blocks of `BLOCK` values, counted from the first value: so they do not depend on the
pieces in which values came.

Source: METHOD 9.4 (type-7 quantiles, lognormal CV); Chan, Golub & LeVeque, American Statistician
37 (1983) 242 (how blocks are put together).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray

BLOCK = 1_000  # values whose sum takes some microseconds


class InOrder:
    """Values by size, new ones put where they belong."""

    def __init__(self) -> None:
        self.values: FloatArray = np.empty(0)

    def add(self, values: FloatArray) -> None:
        """Take in some values, none of them NaN."""
        new = np.sort(values)
        self.values = np.insert(self.values, np.searchsorted(self.values, new), new)

    def quantile(self, share: float) -> float:
        """Return a type-7 quantile of at least one value."""
        place = share * (len(self.values) - 1)
        around = self.values[int(place) : int(place) + 2].tolist()
        return float(around[0] + (place - int(place)) * (around[-1] - around[0]))


class Moments:
    """Mean and variance of values, added up in blocks."""

    def __init__(self) -> None:
        self._whole = (0, 0.0, 0.0)
        self._rest: FloatArray = np.empty(0)

    def add(self, values: FloatArray) -> None:
        """Take in some values."""
        rest = np.concatenate((self._rest, values))
        whole = len(rest) - len(rest) % BLOCK
        for block in rest[:whole].reshape(-1, BLOCK):
            self._whole = _together(self._whole, block)
        self._rest = rest[whole:].copy()

    def variance(self) -> float:
        """Return the variance of at least two values, over n - 1."""
        n, _, squares = _together(self._whole, self._rest)
        return squares / (n - 1)


def _together(known: tuple[int, float, float], values: FloatArray) -> tuple[int, float, float]:
    """Add values to (n, mean, sum of squared deviations)."""
    if not len(values):
        return known
    (n, mean, squares), more = known, len(values)
    theirs = float(values.mean())
    apart = theirs - mean if n else 0.0
    inside = float(((values - theirs) ** 2).sum())
    share = more / (n + more)
    return n + more, mean + (theirs - mean) * share, squares + inside + apart * apart * n * share


class Spread:
    """How the norms that came so far are spread."""

    def __init__(self) -> None:
        self._ordered, self._plain, self._logs = InOrder(), Moments(), Moments()

    def add(self, values: FloatArray) -> None:
        """Take in some norms, finite and at least 0."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self._ordered.add(values)
            self._plain.add(values)
            self._logs.add(np.log(values))

    def numbers(self, non_finite: int) -> dict[str, float | int | None]:
        """Return what METHOD 9.4 asks for by its names; None where there is no number.

        Args:
            non_finite: How many others there were.
        """
        found: dict[str, float | int | None] = {"non_finite": non_finite}
        ordered = self._ordered.values
        if not len(ordered):
            return found
        q1, median, q3 = (self._ordered.quantile(share) for share in (0.25, 0.5, 0.75))
        found |= {"median": median, "q1": q1, "q3": q3, "iqr": q3 - q1, "max": float(ordered[-1])}
        found["quartile_coefficient"] = (q3 - q1) / (q3 + q1) if q3 + q1 > 0 else None
        found["variance"] = found["log_sd"] = found["lognormal_cv"] = None
        if len(ordered) > 1:
            with np.errstate(over="ignore", invalid="ignore"):
                found["variance"] = _finite(self._plain.variance())
                found |= self._of_logarithms() if ordered[0] > 0 else {}
        return found

    def _of_logarithms(self) -> dict[str, float | None]:
        log_sd = math.sqrt(self._logs.variance())
        return {
            "log_sd": _finite(log_sd),
            "lognormal_cv": _finite(np.sqrt(np.expm1(np.float64(log_sd) ** 2))),
        }


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
