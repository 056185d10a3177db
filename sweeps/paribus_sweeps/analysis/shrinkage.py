"""What the best is worth: the luck in a best run, and configurations pulled towards their mean.

The best of several runs lies above their mean even where nothing sets them apart. The mean of
a configuration that looks best is partly luck too, the more so the fewer its seeds; shrinking
each mean towards all of them, by the share of its variance that is noise, takes that back.

Source: METHOD 7; Efron & Morris, JASA 70 (1975); Searle, Casella & McCulloch, Variance
Components (1992), section 3.6, for the components of unbalanced groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy import special

Goal = Literal["minimize", "maximize"]

INDISTINGUISHABLE = "configurations are indistinguishable from seed noise"

_FAR, _STEPS = 12, 2_400  # standard deviations; steps of 0.01 leave an error below 1e-13
_ROUNDING = 8 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class ShrunkConfiguration:
    """One configuration: its mean over seeds, and what is left of it without the luck."""

    n: int
    """Seeds."""
    mean: float
    weight: float | None
    """B: share of its distance from the common mean that is kept, 0 to 1."""
    shrunk: float | None
    """theta: the mean pulled towards the common one, in the response's own unit."""
    rank: int | None
    """By `shrunk`, 1 the best; equal ones share the better rank."""


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """Configurations by their shrunken means, or the reason why these cannot be had."""

    configurations: tuple[ShrunkConfiguration, ...]
    """In the order in which they were given."""
    goal: Goal
    within_sd: float | None = None
    """s: spread over seeds, pooled; response's own unit. None beyond the largest float."""
    between_sd: float | None = None
    """tau: spread of the configurations themselves; 0 where seeds explain all of it."""
    common_mean: float | None = None
    """mu: what the means are pulled to."""
    note: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@lru_cache(maxsize=1024)
def expected_maximum(k: int) -> float:
    """Return the mean of the largest of `k` independent standard normal numbers.

    Raises:
        ValueError: k below 1.

    Source: the integral of z k phi(z) Phi(z)^(k-1), by the trapezium rule, which is all but
    exact for an integrand that falls off like this one.
    """
    if k < 1:
        raise ValueError(f"k {k}: at least 1 was expected")
    if k == 1:
        return 0.0
    z = np.linspace(-_FAR, _FAR, _STEPS + 1)
    logs = math.log(k) - z**2 / 2 - math.log(2 * math.pi) / 2 + (k - 1) * special.log_ndtr(z)
    return math.fsum(z * np.exp(logs)) * (2 * _FAR / _STEPS)


def winners_curse(runs: int, sd: float) -> float:
    """Return by how much the best of `runs` equal runs beats their mean, by luck alone.

    Args:
        runs: That were compared, at least 1.
        sd: Over seeds, in the response's own unit.

    Raises:
        ValueError: No run.
    """
    return expected_maximum(runs) * sd


def shrink(configurations: Sequence[Sequence[float]], *, goal: Goal) -> Shrinkage:
    """Shrink the means of configurations by empirical Bayes, and rank them by that.

    Args:
        configurations: For each, the responses of its seeds, at least one, finite. One seed
            is enough for a configuration if another has two.
        goal: Which way is better.

    Raises:
        ValueError: A configuration without a response, one that is not finite, another goal.
    """
    if goal not in ("minimize", "maximize"):
        raise ValueError(f"goal {goal!r}: minimize or maximize was expected")
    if not all(len(values) and np.isfinite(values).all() for values in configurations):
        raise ValueError("configurations: each needs responses, and finite ones")
    look = _Look.at(configurations)
    seeds, settings = sum(look.sizes), len(look.sizes)
    if settings < 2:
        return look.unshrunk(goal, "fewer than two configurations")
    if seeds == settings:
        return look.unshrunk(goal, "no configuration has two seeds: their noise is unknown")
    if look.is_constant:
        return look.unshrunk(goal, "no variation")
    return look.shrunk(goal)


@dataclass(frozen=True, slots=True)
class _Look:
    """The configurations as (value / unit - middle): no square overflows, no digit is lost."""

    groups: tuple[tuple[float, ...], ...]
    unit: float
    middle: float
    tolerance: float
    """What rounding makes of equal values."""

    @classmethod
    def at(cls, configurations: Sequence[Sequence[float]]) -> _Look:
        everything = sorted(float(v) for values in configurations for v in values)
        largest = max(map(abs, everything), default=0.0)
        unit = math.ldexp(1.0, math.frexp(largest)[1] - 1)
        middle = everything[len(everything) // 2] / unit if everything else 0.0
        groups = tuple(tuple(float(v) / unit - middle for v in g) for g in configurations)
        return cls(groups, unit, middle, 2 * _ROUNDING)

    @property
    def sizes(self) -> list[int]:
        return [len(group) for group in self.groups]

    @property
    def means(self) -> list[float]:
        return [math.fsum(group) / len(group) for group in self.groups]

    @property
    def is_constant(self) -> bool:
        values = [value for group in self.groups for value in group]
        return max(values) - min(values) <= self.tolerance

    def own(self, value: float) -> float:
        return (value + self.middle) * self.unit

    def unshrunk(self, goal: Goal, note: str) -> Shrinkage:
        rows = zip(self.sizes, self.means, strict=True)
        shown = (ShrunkConfiguration(n, self.own(mean), None, None, None) for n, mean in rows)
        return Shrinkage(tuple(shown), goal, note=note)

    def shrunk(self, goal: Goal) -> Shrinkage:
        s2, tau2 = self.components()
        noise = [s2 / n for n in self.sizes]
        weights = [1 / (tau2 + own) for own in noise]
        mu = math.fsum(w * m for w, m in zip(weights, self.means, strict=True)) / math.fsum(
            weights
        )
        kept = [tau2 / (tau2 + own) for own in noise]
        thetas = [mu + b * (mean - mu) for b, mean in zip(kept, self.means, strict=True)]
        rows = zip(self.sizes, self.means, kept, thetas, _ranks(thetas, goal), strict=True)
        return Shrinkage(
            tuple(
                ShrunkConfiguration(n, self.own(mean), b, self.own(theta), rank)
                for n, mean, b, theta, rank in rows
            ),
            goal,
            within_sd=_finite(math.sqrt(s2) * self.unit),
            between_sd=_finite(math.sqrt(tau2) * self.unit),
            common_mean=self.own(mu),
            note=None if tau2 else INDISTINGUISHABLE,
        )

    def components(self) -> tuple[float, float]:
        """Return the variance over seeds and that of the configurations themselves."""
        n, c, sizes, means = sum(self.sizes), len(self.sizes), self.sizes, self.means
        within = math.fsum(
            (v - mean) ** 2 for g, mean in zip(self.groups, means, strict=True) for v in g
        )
        grand = math.fsum(v for group in self.groups for v in group) / n
        between = math.fsum(
            size * (mean - grand) ** 2 for size, mean in zip(sizes, means, strict=True)
        )
        replicated = max(max(group) - min(group) for group in self.groups)
        s2 = within / (n - c) if replicated > self.tolerance else 0.0
        n0 = (n - math.fsum(size**2 for size in sizes) / n) / (c - 1)
        return s2, max(0.0, (between / (c - 1) - s2) / n0)


def _ranks(thetas: Sequence[float], goal: Goal) -> list[int]:
    better = sorted(thetas, reverse=goal == "maximize")
    return [better.index(theta) + 1 for theta in thetas]


def _finite(spread: float) -> float | None:
    return spread if math.isfinite(spread) else None
