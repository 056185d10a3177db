"""Differences of pairs as numbers, by context, and estimates with their t intervals.

What is done here keeps digits: no square overflows or vanishes, a huge common offset costs
nothing, and nothing depends on the order of the pairs, not in the last bit. Differences that no
more than rounding tells apart count as equal (0.9 - 0.8 and 0.4 - 0.3 are not the same float).

Source: METHOD 4 and 13; Student, Biometrika 6 (1908).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from paribus_sweeps.design.table import Codes, Floats

ROUNDING = 8 * float(np.finfo(np.float64).eps)  # two responses, their difference, a comparison


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its t interval and test, or with the reason why it has none.

    Numbers are in the response's own unit, `t`, `df` and `p` aside.
    """

    value: float | None
    level: float
    """Confidence of the interval, 0 to 1."""
    standard_error: float | None = None
    df: float | None = None
    t: float | None = None
    p: float | None = None
    """Two-sided, of "the mean is 0"."""
    low: float | None = None
    high: float | None = None
    label: str | None = None
    """What sets this interval apart from the usual one, such as "pooled error"."""
    note: str | None = None
    """Why there is no interval, or what to bear in mind with this one."""


@dataclass(frozen=True, slots=True)
class ContextMean:
    """The mean difference of the pairs of one context."""

    context: int
    n: int
    mean: float


@dataclass(frozen=True, slots=True)
class Differences:
    """The differences as the tests want them: sorted, of size about 1, with mean >= 0."""

    x: Floats
    """Sorted differences / unit."""
    contexts: Codes
    unit: float
    """A power of two, negative if the mean is: squares then neither overflow nor vanish."""
    tolerance: float
    """Values of `x` that differ by no more are equal."""
    middle: float
    """A value of `x`; what is centred on it keeps its digits beside a huge offset."""

    @classmethod
    def of(cls, differences: ArrayLike, contexts: ArrayLike, magnitude: float) -> Differences:
        """Sort and scale differences, (n,), with their contexts, (n,).

        Raises:
            ValueError: Shapes that differ, a difference that is not finite.
        """
        d, codes = finite_vector(differences, "differences"), np.asarray(contexts)
        if d.shape != codes.shape:
            raise ValueError(f"{d.size} differences and {codes.size} contexts: one each")
        unit = power_of_two(d)
        if math.fsum(d / unit) < 0:
            unit = -unit
        x = d / unit
        order = np.lexsort((codes, x))
        x = x[order]
        largest = max(2.0, magnitude / abs(unit))
        middle = float(x[x.size // 2]) if x.size else 0.0
        return cls(x, codes[order].astype(np.int64), unit, ROUNDING * largest, middle)

    @property
    def n(self) -> int:
        """Pairs."""
        return int(self.x.size)

    @property
    def mean(self) -> float:
        """Of `x`; at least one pair."""
        return mean_of(self.x)

    @property
    def deviations(self) -> Floats:
        """`x` less its mean, (n,)."""
        return centred(self.x)

    @property
    def sd(self) -> float:
        """Of `x`, with n - 1; at least two pairs."""
        return math.sqrt(math.fsum(self.deviations**2) / (self.n - 1))

    @property
    def are_equal(self) -> bool:
        """Whether only rounding tells them apart; at least one pair."""
        return bool(self.x[-1] - self.x[0] <= self.tolerance)

    def spread(self, sd: float) -> float | None:
        """Return `sd` in the response's own unit; None beyond the largest float."""
        own = sd * abs(self.unit)
        return own if math.isfinite(own) else None


@dataclass(frozen=True, slots=True)
class Groups:
    """The differences by context, each less the middle of them all."""

    codes: Codes
    sizes: Codes
    means: Floats
    df: int
    """Of the spread within contexts."""
    sd: float
    """Within contexts, pooled; 0 where `df` is."""
    are_equal: bool
    """No context holds two differences that differ."""

    @classmethod
    def of(cls, pairs: Differences) -> Groups:
        """Group differences by context."""
        order = np.argsort(pairs.contexts, kind="stable")
        codes, starts, sizes = np.unique(
            pairs.contexts[order], return_index=True, return_counts=True
        )
        centred = pairs.x[order] - pairs.middle
        means, rest = np.zeros(codes.size), centred
        for _ in range(2 if codes.size else 0):  # the second time takes back rounding
            step = np.add.reduceat(rest, starts) / sizes
            means, rest = means + step, rest - np.repeat(step, sizes)
        df = pairs.n - codes.size
        sd = math.sqrt(math.fsum(rest**2) / df) if df else 0.0
        ends = starts + sizes - 1
        widths = centred[ends] - centred[starts]  # sorted within each context
        return cls(codes, sizes, means, df, sd, bool(np.all(widths <= pairs.tolerance)))

    def context_means(self, pairs: Differences) -> tuple[ContextMean, ...]:
        """Return the means in the response's own unit, by context."""
        own = (self.means + pairs.middle) * pairs.unit
        rows = zip(self.codes.tolist(), self.sizes.tolist(), own.tolist(), strict=True)
        return tuple(ContextMean(*row) for row in rows)


def t_estimate(
    value: float,
    standard_error: float,
    df: float,
    level: float,
    *,
    unit: float = 1.0,
    label: str | None = None,
    note: str | None = None,
) -> Estimate:
    """Return the t interval and test of `value`; both are given in multiples of `unit`."""
    t = value / standard_error
    half = -float(special.stdtrit(df, (1 - level) / 2)) * standard_error
    low, high = sorted(((value - half) * unit, (value + half) * unit))
    inside = math.isfinite(high - low)
    return Estimate(
        value=value * unit,
        level=level,
        standard_error=standard_error * abs(unit) if inside else None,
        df=df,
        t=math.copysign(t, t * unit),
        p=float(special.betainc(df / 2, 0.5, df / (df + t * t))),
        low=low if inside else None,
        high=high if inside else None,
        label=label,
        note=note if inside else "the interval reaches beyond the largest float",
    )


def check_level(level: float) -> None:
    """Refuse a confidence that is none.

    Raises:
        ValueError: A level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level}: between 0 and 1 was expected")


def finite_vector(values: ArrayLike, name: str) -> Floats:
    """Return the values as a vector; `name` is for the refusal.

    Raises:
        ValueError: Not one row of finite numbers.
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ValueError(f"{name}: one row of finite numbers was expected")
    return vector


def power_of_two(values: Floats) -> float:
    """Return a power of two by which to divide: exact, and the largest becomes 1 to 2."""
    largest = float(np.abs(values).max(initial=0.0))
    return math.ldexp(1.0, math.frexp(largest)[1] - 1)


def are_equal(values: Floats) -> bool:
    """Whether only rounding tells the values apart; at least one value."""
    return bool(np.ptp(values) <= ROUNDING * np.abs(values).max())


def mean_of(values: Floats) -> float:
    """Return the mean from an exact sum; at least one value."""
    return math.fsum(values) / values.size


def centred(values: Floats) -> Floats:
    """Return the values less their mean, with all the digits that they have."""
    rest: Floats = values - values[values.size // 2]
    for _ in range(2):  # the second time takes back the rounding of the first
        rest = rest - mean_of(rest)
    return rest
