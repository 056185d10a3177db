"""Many questions at once: p-values and critical values adjusted for the family they are in.

Which family takes which adjustment (METHOD 5.5): all pairs of levels Tukey-Kramer, all levels
against the baseline Dunnett, the table of main effects Holm, exploratory interactions and many
responses Benjamini-Hochberg, and Bonferroni for planning. Adjusted values come back in the
order in which the raw ones were given, and depend on nothing else.

Tukey's integral is worked out by fixed quadrature, right to 1e-9; so is Dunnett's wherever the
correlations are products l_i * l_j, as they are for comparisons with one control. Elsewhere it
is estimated by quasi-Monte Carlo with fixed seeds, and `error` says how far that may be off.

Source: METHOD 5.5; Holm, Scand. J. Statist. 6 (1979); Benjamini & Hochberg, JRSS B 57 (1995);
Kramer, Biometrics 12 (1956); Dunnett, JASA 50 (1955); Dunnett & Sobel, Biometrika 42 (1955).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

_SAME = 1e-10  # two correlations that differ by less are one
_TAIL = 1e-13  # of the law of the spread, left out at both ends
_NODES = 12  # of Gauss and Legendre in a panel
_PANEL, _FEWEST_PANELS = 1.2, 8  # width in log s: halving it changes no answer by 1e-10
_NARROW = 0.4  # width in log s for a range, which bends faster: of 50 levels, right to 1e-13
_SMALLEST = 2.0**-53  # short of certainty, so that its logarithm is a number
_QUADRATURE_ERROR = 1e-9  # ten times what was seen
_STEEPEST = 0.99995  # loading that some thousand nodes still follow: 1 run against 10,000
_FAR = 8.6  # standard normal deviates beyond it: 1e-17
_POINTS_LOG2, _REPEATS = 14, 8  # quasi-Monte Carlo estimates, whose spread is the stated error

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
Method = Literal["quadrature", "quasi-Monte Carlo"]


@dataclass(frozen=True, slots=True)
class Dunnett:
    """Adjusted two-sided p-values, in the order of the t statistics."""

    p: tuple[float, ...]
    method: Method
    error: float
    """How far a value may be off: three standard errors, or the bound of the quadrature."""


@dataclass(frozen=True, slots=True)
class DunnettCritical:
    """What |t| must exceed; times the standard error, the half width of all intervals at once."""

    value: float
    method: Method
    error: float
    """How far the confidence at `value` may be off `level`."""


def bonferroni(p: Sequence[float]) -> tuple[float, ...]:
    """Return p-values times the size of their family, at most 1.

    Raises:
        ValueError: A value that is no probability.
    """
    raw = _probabilities(p)
    return tuple(float(value) for value in np.minimum(1.0, raw * raw.size))


def holm(p: Sequence[float]) -> tuple[float, ...]:
    """Return Holm's step-down p-values: the family-wise error is kept under any dependence.

    Raises:
        ValueError: A value that is no probability.
    """
    raw = _probabilities(p)
    order = np.argsort(raw, kind="stable")
    stepped = raw[order] * np.arange(raw.size, 0, -1)
    return _in_place(np.maximum.accumulate(stepped), order)


def benjamini_hochberg(p: Sequence[float]) -> tuple[float, ...]:
    """Return q-values: the share of false findings among those at or below each.

    Raises:
        ValueError: A value that is no probability.
    """
    raw = _probabilities(p)
    order = np.argsort(raw, kind="stable")
    stepped = raw[order] * raw.size / np.arange(1, raw.size + 1)
    return _in_place(np.minimum.accumulate(stepped[::-1])[::-1], order)


def tukey_kramer(t: Sequence[float], levels: int, df: float) -> tuple[float, ...]:
    """Return the p-values of all pairs of levels, adjusted: P(q >= sqrt(2) |t|).

    Exact for levels with equal numbers of runs, on the safe side otherwise (Hayter 1984).

    Args:
        t: One statistic for each pair that is compared.
        levels: Levels that the pairs are made of, at least 2.
        df: Degrees of freedom of the error; may be infinite.

    Raises:
        ValueError: Fewer than two levels, df below 1, a t that is no number.
    """
    _check_tukey(levels, df)
    sizes = np.abs(_numbers(t, "t"))
    known = {size: _tukey_tail(float(size), levels, df) for size in np.unique(sizes)}
    return tuple(known[size] for size in sizes)


@lru_cache(maxsize=256)
def tukey_critical(levels: int, df: float, level: float = 0.95) -> float:
    """Return what |t| of a pair must exceed so that all pairs together keep `level`.

    Raises:
        ValueError: Fewer than two levels, df below 1, a level outside (0, 1).
    """
    _check_tukey(levels, df)
    _check_level(level)
    return _root(lambda t: _tukey_tail(t, levels, df) - (1 - level))


def dunnett(t: Sequence[float], correlation: ArrayLike, df: float) -> Dunnett:
    """Return the p-values of comparisons with one baseline, adjusted: P(max |T| >= |t|).

    Any family of contrasts will do whose statistics have this correlation.

    Args:
        t: Shape (k,), one statistic for each comparison.
        correlation: Shape (k, k), of the estimates.
        df: Degrees of freedom of the error; may be infinite.

    Raises:
        ValueError: Shapes that do not fit, a matrix that is no correlation, df below 1.
    """
    sizes = np.abs(_numbers(t, "t"))
    law = _joint_law(correlation, df, size=sizes.size)
    tails = {size: law.tail(float(size), df) for size in np.unique(sizes)}
    p = tuple(tails[size][0] for size in sizes)
    return Dunnett(p, law.method, max(error for _, error in tails.values()))


def dunnett_critical(correlation: ArrayLike, df: float, level: float = 0.95) -> DunnettCritical:
    """Return what |t| must exceed so that all comparisons together keep `level`.

    Raises:
        ValueError: A matrix that is no correlation, df below 1, a level outside (0, 1).
    """
    _check_level(level)
    law = _joint_law(correlation, df)
    value = _root(lambda t: law.tail(t, df)[0] - (1 - level))
    return DunnettCritical(value, law.method, law.tail(value, df)[1])


def _joint_law(correlation: ArrayLike, df: float, *, size: int | None = None) -> _JointLaw:
    """Return the way to the chance that some |T| exceeds a bound."""
    if not df >= 1:
        raise ValueError(f"df {df}: at least 1 was expected")
    matrix = _correlation(correlation)
    if size not in (None, len(matrix)):
        raise ValueError(f"{size} statistics and {len(matrix)} correlated: one each")
    distinct = _distinct(matrix)
    loadings = _loadings(distinct)
    return _directions(distinct) if loadings is None else _Products(loadings)


@dataclass(frozen=True, slots=True)
class _Products:
    """Statistics with correlations l_i l_j: independent of each other, given what they share."""

    loadings: _Floats
    method: ClassVar[Method] = "quadrature"

    def tail(self, bound: float, df: float) -> tuple[float, float]:
        """Return P(max |T| >= bound), and how far that may be off."""
        spreads, weights = _spread_law(df)
        outside = _normal_tail(bound * spreads, self.loadings)
        return min(1.0, math.fsum(weights * outside)), _QUADRATURE_ERROR


@dataclass(frozen=True, slots=True)
class _Directions:
    """Random directions of the statistics, whose joint length has a known law.

    What is left to estimate is smooth, has its digits where it is small, and a singular
    correlation is as good as any. (scipy 1.17 has no use here: of three pairs of levels, whose
    correlation is singular, `multivariate_t.cdf` makes .27 of a tail that is .16.)

    Source: Deak, Annals of Operations Research 18 (1990).
    """

    dimensions: int
    widest: _Floats
    """max |t_i| of statistics of joint length 1, shape (repeats, points)."""
    method: ClassVar[Method] = "quasi-Monte Carlo"

    def tail(self, bound: float, df: float) -> tuple[float, float]:
        """Return P(max |T| >= bound), and how far that may be off."""
        square = (bound / self.widest) ** 2
        if math.isinf(df):
            tails = special.chdtrc(self.dimensions, square).mean(axis=1)
        else:
            tails = special.fdtrc(self.dimensions, df, square / self.dimensions).mean(axis=1)
        return float(tails.mean()), 3 * float(tails.std(ddof=1)) / math.sqrt(_REPEATS)


_JointLaw = _Products | _Directions


def _loadings(correlation: _Floats) -> _Floats | None:
    """Return l with correlation l_i l_j off the diagonal and |l| clearly below 1, or None.

    Three statistics that go together fix their own: l_j^2 = r_jk r_jm / r_km.
    """
    off = correlation - np.eye(len(correlation))
    if np.abs(off).max(initial=0.0) < _SAME:
        return np.zeros(len(off))
    j, k = np.unravel_index(np.abs(off).argmax(), off.shape)
    m = int(np.abs(off[j] * off[k]).argmax())
    square = abs(off[j, k])
    if abs(off[j, m] * off[k, m]) >= _SAME:
        square = off[j, k] * off[j, m] / off[k, m]
    if not 0 < square < 1:
        return None
    loadings: _Floats = off[j] / math.sqrt(square)
    loadings[j] = math.sqrt(square)
    found = np.outer(loadings, loadings) - np.diag(loadings**2)
    fits = np.abs(found - off).max() < _SAME and np.abs(loadings).max() < _STEEPEST
    return loadings if fits else None


@lru_cache(maxsize=64)
def _spread_law(df: float, panel: float = _PANEL) -> tuple[_Floats, _Floats]:
    """Return nodes s and weights for the mean of a function of s = sqrt(chi2_df / df).

    On the scale of log s the law is smooth for any df, where that of s has a corner at 0.
    """
    if math.isinf(df):
        return np.ones(1), np.ones(1)
    ends = special.gammaincinv(df / 2, _TAIL), special.gammainccinv(df / 2, _TAIL)
    low, high = (math.log(end * 2 / df) / 2 for end in ends)
    x, step = _panels(low, high, max(_FEWEST_PANELS, math.ceil((high - low) / panel)))
    log_density = df * x - df / 2 * np.exp(2 * x)
    weights = step * np.exp(log_density - log_density.max())
    return np.exp(x), weights / math.fsum(weights)


@lru_cache(maxsize=64)
def _panels(low: float, high: float, count: int) -> tuple[_Floats, _Floats]:
    """Return nodes and weights of Gauss and Legendre on `count` equal parts of an interval."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = (high - low) / count / 2
    centres = low + half * (2 * np.arange(count) + 1)
    return (centres[:, None] + half * nodes).ravel(), np.tile(half * weights, count)


def _normal_tail(bounds: _Floats, loadings: _Floats) -> _Floats:
    """Return P(some |Z_i| >= bound) for each bound: Z_i = l_i Z_0 + sqrt(1 - l_i^2) Z'_i."""
    sizes, counts = np.unique(np.abs(loadings).round(13), return_counts=True)  # signs play no part
    rest = np.sqrt(1 - sizes**2)
    widest = float((4 * rest / np.maximum(sizes, _SAME)).min())  # of 12 nodes, a step
    z, weights = _panels(0, _FAR, math.ceil(_FAR / min(1.5, widest)))
    weights = weights * np.exp(-(z**2) / 2) * math.sqrt(2 / math.pi)  # and as much below 0
    parts = (sizes * z[:, None] / rest, 1 / rest, counts)
    return np.array([_some_exceed(bound, *parts) @ weights for bound in bounds])


def _some_exceed(bound: float, shift: _Floats, scale: _Floats, counts: _Ints) -> _Floats:
    """Return P(some |Z_i| >= bound) given Z_0, with all digits where it is small."""
    outside = special.ndtr(shift - bound * scale) + special.ndtr(-shift - bound * scale)
    some: _Floats = -np.expm1(special.log1p(-outside) @ counts)
    return some


def _directions(correlation: _Floats) -> _Directions:
    values, vectors = np.linalg.eigh(correlation)
    real = values > _SAME * len(values)
    factor = vectors[:, real] * np.sqrt(values[real])
    dimensions = int(real.sum())
    points = stats.qmc.Sobol(dimensions, scramble=False).random_base2(_POINTS_LOG2)
    widest = []
    for repeat in range(_REPEATS):
        shift = np.random.default_rng(repeat).random(dimensions)
        z = special.ndtri(np.clip((points + shift) % 1.0, 1e-16, 1 - 1e-16))
        widest.append(np.abs(z @ factor.T).max(axis=1) / np.linalg.norm(z, axis=1))
    return _Directions(dimensions, np.array(widest))


def _tukey_tail(t: float, levels: int, df: float) -> float:
    """Return P(q >= sqrt(2) t), q the studentized range, by fixed quadrature.

    scipy 1.17 integrates adaptively, some 30 ms a value; a sweep of a few factors wants dozens.
    """
    if t == 0:
        return 1.0
    spreads, weights = _spread_law(df, _NARROW)
    z, step = _panels(-_FAR, _FAR, math.ceil(2 * _FAR / _PANEL))
    density = step * np.exp(-(z**2) / 2 + (levels - 1) * special.log_ndtr(z))
    widths = math.sqrt(2) * t * spreads[:, None]
    below = np.exp(special.log_ndtr(z - widths) - special.log_ndtr(z))  # P(Z < z - w | Z < z)
    below = np.minimum(below, 1 - _SMALLEST)
    outside = -np.expm1((levels - 1) * np.log1p(-below))
    range_tail = outside @ density * (levels / math.sqrt(2 * math.pi))
    return min(1.0, math.fsum(weights * range_tail))


def _root(excess: Callable[[float], float]) -> float:
    """Return where a function that falls from above 0 crosses it."""
    high = 1.0
    while excess(high) > 0:
        high *= 2
    return float(optimize.brentq(excess, 0.0, high, xtol=1e-10, rtol=1e-12))


def _probabilities(p: Sequence[float]) -> _Floats:
    raw = _numbers(p, "p")
    if not np.all((raw >= 0) & (raw <= 1)):
        raise ValueError("p: each value must lie between 0 and 1")
    return raw


def _numbers(values: Sequence[float], name: str) -> _Floats:
    """Return the values as a vector; None and NaN are no numbers, and belong to no family."""
    if any(value is None or math.isnan(value) for value in values):
        raise ValueError(f"{name}: a value is missing; leave out what has none before adjusting")
    return np.array(values, dtype=np.float64)


def _in_place(stepped: _Floats, order: NDArray[np.intp]) -> tuple[float, ...]:
    adjusted = np.empty_like(stepped)
    adjusted[order] = np.minimum(1.0, stepped)
    return tuple(float(value) for value in adjusted)


def _correlation(values: ArrayLike) -> _Floats:
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError("correlation: a square matrix was expected")
    is_one = np.isfinite(matrix).all() and np.allclose(matrix, matrix.T, rtol=0, atol=1e-8)
    if not (is_one and np.allclose(np.diag(matrix), 1, rtol=0, atol=1e-8)):
        raise ValueError("correlation: symmetric with ones on the diagonal was expected")
    if np.linalg.eigvalsh(matrix)[0] < -1e-8:
        raise ValueError("correlation: no estimates can go together like this")
    return matrix


def _distinct(correlation: _Floats) -> _Floats:
    kept: list[int] = []
    for i, row in enumerate(np.abs(correlation)):
        if all(row[j] < 1 - _SAME for j in kept):
            kept.append(i)
    return correlation[np.ix_(kept, kept)]


def _check_tukey(levels: int, df: float) -> None:
    if levels < 2 or not df >= 1:
        raise ValueError(f"levels {levels}, df {df}: at least 2, and at least 1, were expected")


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level {level}: between 0 and 1 was expected")
