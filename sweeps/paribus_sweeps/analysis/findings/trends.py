"""Does a short curve rise, fall, or neither: Kendall's test and Theil and Sen's slope.

    trend(curve, "up").p        # one-sided: how often would no trend look like a rise like this

Points of one curve depend on one another, which makes every p here too small: they screen
curves, and no claim about a factor rests on them (METHOD 9.3).

Source: METHOD 9.3; Kendall, Rank Correlation Methods, 4th ed. 1970; Sen, Journal of the
American Statistical Association 63 (1968) 1379.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import kendalltau, theilslopes

from paribus_sweeps.analysis.curves import Curve, FloatArray

Direction = Literal["up", "down", "either"]
Method = Literal["exact", "asymptotic", "constant"]

LEAST_POINTS = 4  # of three in order p is 1/6: no test at .05 could ever speak
MOST_EXACT = 170  # points; scipy 1.17 counts orders exactly below 171, where 170! is still a float
MOST_FOR_SLOPE = 400  # points; their 79,800 pairs take 10 ms, and pairs grow with the square
_WAYS: tuple[Direction, Direction] = ("up", "down")
_ALTERNATIVES = {"up": "greater", "down": "less", "either": "two-sided"}


@dataclass(frozen=True, slots=True)
class Trend:
    """What the order of a curve's points says."""

    points: int
    tau: float | None
    """Kendall's, −1 to 1; None where all values are equal."""
    p: float
    """1 where all values are equal."""
    method: Method
    """Asymptotic where values tie, or for more than `MOST_EXACT` points."""
    slope: float | None
    """Theil and Sen's, per unit of x, from at most `MOST_FOR_SLOPE` points spread evenly over
    the curve; None where it is beyond the largest float."""


@dataclass(frozen=True, slots=True)
class Movement:
    """In which direction a curve moves, and whether that is a trend."""

    points: int
    rises: bool
    """Whether more pairs of points rise than fall."""
    p: float
    """One-sided, in that direction: of curves without a trend, twice the level passes."""


def trend(curve: Curve, direction: Direction) -> Trend:
    """Test a curve of two points or more for a trend.

    Args:
        curve: Its x rise strictly, so that only values can tie.
        direction: What the test is to show; "either" is two-sided.
    """
    tau, p, method = _kendall(curve, direction)
    return Trend(len(curve), tau, p, method, _slope(curve))


def movement(curve: Curve) -> Movement:
    """Test a curve of two points or more in the direction in which it moves; no slope."""
    up, down = (_kendall(curve, direction)[1] for direction in _WAYS)
    return Movement(len(curve), up < down, min(up, down))


def moving(curve: Curve) -> Trend:
    """Test a curve of two points or more in the direction in which it moves."""
    return trend(curve, "up" if movement(curve).rises else "down")


def _kendall(curve: Curve, direction: Direction) -> tuple[float | None, float, Method]:
    n = len(curve)
    if curve.values.min() == curve.values.max():
        return None, 1.0, "constant"
    ties = len(np.unique(curve.values)) < n
    method: Method = "asymptotic" if ties or n > MOST_EXACT else "exact"
    found = kendalltau(curve.x, curve.values, alternative=_ALTERNATIVES[direction], method=method)
    return float(found.statistic), float(found.pvalue), method


def _slope(curve: Curve) -> float | None:
    n = len(curve)
    kept = np.unique(np.linspace(0, n - 1, min(n, MOST_FOR_SLOPE)).round().astype(int))
    with np.errstate(over="ignore", invalid="ignore"):
        slope = float(theilslopes(curve.values[kept], curve.x[kept]).slope)
    return slope if math.isfinite(slope) else None


def means_between(curve: Curve, edges: FloatArray) -> FloatArray:
    """Return the mean of a curve within each interval that ends at an edge, itself included.

    Args:
        curve: Any number of points; those behind the last edge count nowhere.
        edges: Shape (n,), strictly increasing; the first interval begins before all points.

    Returns:
        Shape (n,); NaN where an interval holds no point, or its sum is beyond the largest float.
    """
    place = np.searchsorted(edges, curve.x, side="left")
    counts = np.bincount(place, minlength=len(edges) + 1)[: len(edges)]
    sums = np.bincount(place, weights=curve.values, minlength=len(edges) + 1)[: len(edges)]
    means: FloatArray = np.full(len(edges), math.nan)
    usable = (counts > 0) & np.isfinite(sums)
    means[usable] = sums[usable] / counts[usable]
    return means
