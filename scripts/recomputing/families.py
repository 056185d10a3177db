"""p-values and critical values of several questions at once.

Source: METHOD 5.5; Holm 1979; Benjamini & Hochberg 1995; Tukey-Kramer by scipy's studentized
range; Dunnett's integral by Gauss and Legendre in the spread and in the control's own error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]
NODES = 200  # of the integral in s
PANEL = 60  # of each of five panels in z; doubling both changes no digit that is compared
STEEPEST = 1 - 1e-12  # a contrast whose only error is the control's: what the others turn on


def holm(p: Sequence[float]) -> list[float]:
    """The smallest times m, the next times m - 1, …, never falling."""
    order, adjusted, floor = sorted(range(len(p)), key=lambda i: p[i]), [0.0] * len(p), 0.0
    for rank, at in enumerate(order):
        floor = max(floor, min(1.0, p[at] * (len(p) - rank)))
        adjusted[at] = floor
    return adjusted


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """The largest as it is, the one before times m / (m - 1), …, never rising."""
    order, adjusted, ceiling = sorted(range(len(p)), key=lambda i: -p[i]), [0.0] * len(p), 1.0
    for passed, at in enumerate(order):
        ceiling = min(ceiling, p[at] * len(p) / (len(p) - passed))
        adjusted[at] = ceiling
    return adjusted


def t_quantile(level: float, df: float) -> float:
    """How many standard errors a two-sided interval reaches."""
    return float(stats.t.isf((1 - level) / 2, df))


class Family:
    """The contrasts of one factor in the model.

    Family("one" | "tukey" | "dunnett", levels, df, correlation)
    """

    def __init__(self, name: str, levels: int, df: int, correlation: Floats) -> None:
        self.name, self.levels, self.df = name, levels, df
        self._chance = _inside_of(correlation, df) if name == "dunnett" else None

    def adjusted(self, t: float) -> float:
        """P of one statistic, adjusted for the others."""
        if self.name == "tukey":
            return float(stats.studentized_range.sf(math.sqrt(2) * abs(t), self.levels, self.df))
        if self._chance is not None:
            return 1 - self._chance(abs(t))
        return 2 * float(stats.t.sf(abs(t), self.df))

    def critical(self, level: float) -> float:
        """How many standard errors intervals for all contrasts reach."""
        if self.name == "one":
            return t_quantile(level, self.df)
        return _critical(self, level)


@lru_cache
def _critical(family: Family, level: float) -> float:
    low, high = t_quantile(level, family.df) * 0.99, 1e3
    found = optimize.brentq(
        lambda t: family.adjusted(t) - (1 - level), low, high, xtol=1e-12, rtol=1e-13
    )
    return float(found)


def _inside_of(correlation: Floats, df: int) -> Callable[[float], float]:
    """P(all |T_i| < t) for T_i = (sqrt(1 - l_i^2) Z_i - l_i Z_0) / S, S^2 = chi2_df / df."""
    load = [max(-STEEPEST, min(one, STEEPEST)) for one in _loadings(correlation)]
    low, high = (math.sqrt(edge(1e-15, df) / df) for edge in (stats.chi2.ppf, stats.chi2.isf))
    s, s_weight = _legendre(low, high, NODES)
    s_weight = s_weight * stats.chi2.pdf(df * s**2, df) * 2 * df * s

    def inside(t: float) -> float:
        z, weight = _where_it_turns(max(*map(abs, load), 1e-6), t * s)
        product = weight * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        for one in load:
            own = math.sqrt(1 - one**2)
            reach, shift = t * s[:, None] / own, one * z / own
            product *= special.ndtr(reach - shift) - special.ndtr(-reach - shift)
        return float(s_weight @ product.sum(axis=1) / s_weight.sum())

    return inside


def _where_it_turns(load: float, reach: Floats) -> tuple[Floats, Floats]:
    """Nodes in z for each s, with panels of their own where the steepest factor turns."""
    turn, width = reach / load, 9 * math.sqrt(1 - load**2) / load
    edges = np.stack(
        [np.full_like(turn, -9.0), -turn - width, -turn + width, turn - width, turn + width]
        + [np.full_like(turn, 9.0)],
        axis=1,
    )
    edges = np.sort(np.clip(edges, -9.0, 9.0), axis=1)
    x, weight = np.polynomial.legendre.leggauss(PANEL)
    low, half = edges[:, :-1, None], np.diff(edges, axis=1)[:, :, None] / 2
    z, scaled = low + half * (x + 1), half * weight
    return z.reshape(len(reach), -1), scaled.reshape(len(reach), -1)


def _loadings(correlation: Floats) -> list[float]:
    """L with correlation_ij = l_i l_j, as all contrasts with one control have it."""
    size = len(correlation)
    if not np.any(np.abs(correlation - np.eye(size)) > 1e-12):
        return [0.0] * size
    if size == 2:
        half = math.sqrt(abs(correlation[0, 1]))
        return [half, math.copysign(half, correlation[0, 1])]
    found = []
    for i in range(size):
        j, k = [other for other in range(size) if other != i][:2]
        square = correlation[i, j] * correlation[i, k] / (correlation[j, k] or math.nan)
        found.append(math.sqrt(square) if square >= 0 else math.nan)
    off = np.outer(found, found) - correlation
    np.fill_diagonal(off, 0.0)
    if not np.abs(off).max() <= 1e-9:
        raise NotImplementedError("correlations that are no products need another integral")
    return found


def _legendre(low: float, high: float, nodes: int) -> tuple[Floats, Floats]:
    x, weight = np.polynomial.legendre.leggauss(nodes)
    return (high - low) / 2 * x + (high + low) / 2, (high - low) / 2 * weight
