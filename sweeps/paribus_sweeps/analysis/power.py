"""How many runs an answer takes: power, the number of pairs, and the least effect that shows.

All tests here are F tests, a two-sided t test among them, and their power follows from the
noncentral F law. It is summed here as the mean of beta laws over a Poisson law: right to 1e-9
for any noncentrality, where the routines of scipy differ from release to release.

The power of the effect that was observed ("post hoc") says nothing that the p-value has not
said, and is not offered.

Source: METHOD 8; Johnson, Kotz & Balakrishnan, Continuous Univariate Distributions 2 (1995),
chapter 30; Browne, Journal of Clinical Nutrition 48 (1995) for the upper limit of a pilot's sd.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

RATIOS = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0)  # METHOD 8: effect over sd where there is no pilot
PILOT_RISK = 0.20  # METHOD 8: chance that the true sd lies above the upper limit
MOST_PAIRS = 1_000_000

_Floats = NDArray[np.float64]

_FAR = 12  # standard deviations of the Poisson law; beyond them is less than 1e-30
_TERMS = 4_000  # of the sum; a wider law is looked at in strides, 160 in a standard deviation


@dataclass(frozen=True, slots=True)
class PlannedPairs:
    """Pairs that an effect of so many standard deviations takes."""

    ratio: float
    """Effect over the standard deviation of a difference."""
    pairs: int | None
    """None if more than the most that was looked for."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def power_of_pairs(n: int, effect: float, sd: float, alpha: float = 0.05) -> float:
    """Return the chance that `n` pairs show an effect: the two-sided paired t test.

    Args:
        n: Pairs, at least 2.
        effect: Mean difference, in the response's own unit.
        sd: Of one difference, same unit, above 0.
        alpha: Level of the test, adjusted for its family (for m questions, alpha / m).

    Raises:
        ValueError: Fewer than two pairs, an sd not above 0, an alpha outside (0, 1).
    """
    if n < 2:
        raise ValueError(f"n {n}: a test takes at least 2 pairs")
    return power_of_contrast(n * _square(effect, sd), 1, n - 1, alpha=alpha)


def pairs_needed(
    effect: float, sd: float, alpha: float = 0.05, power: float = 0.8, *, most: int = MOST_PAIRS
) -> int | None:
    """Return the fewest pairs that show an effect with that power; None if more than `most`.

    Args:
        effect: Mean difference that matters, in the response's own unit.
        sd: Of one difference, same unit, above 0.
        alpha: Level of the test, adjusted for its family.
        power: Wanted chance of showing it, above alpha and below 1.
        most: What is looked for at the most.

    Raises:
        ValueError: A power outside (alpha, 1), an sd not above 0.
    """
    _check_wanted(power, alpha)

    def enough(n: int) -> bool:
        return power_of_pairs(n, effect, sd, alpha=alpha) >= power

    return _fewest(enough, 2, most)


def power_of_contrast(noncentrality: float, df1: float, df2: float, alpha: float = 0.05) -> float:
    """Return the power of an F test with the noncentrality of the effect in question.

    Args:
        noncentrality: (L b)' (L (X'X)^-1 L')^-1 (L b) / s^2, at least 0.
        df1: Degrees of freedom of the effect.
        df2: Degrees of freedom of the error.
        alpha: Level of the test, between 0 and 1.

    Raises:
        ValueError: A degree of freedom below 1, a negative noncentrality, a bad alpha.
    """
    if not (df1 >= 1 and df2 >= 1):
        raise ValueError(f"df {df1} and {df2}: at least 1 each was expected")
    if not 0 <= noncentrality < math.inf:
        raise ValueError(f"noncentrality {noncentrality}: a number of at least 0 was expected")
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha}: between 0 and 1 was expected")
    # x = df1 F / (df1 F + df2) at the critical F, with its complement to keep the digits of both
    rest = float(special.betaincinv(df2 / 2, df1 / 2, alpha))
    weights, j = _poisson(noncentrality / 2)
    return float(weights @ special.betainc(df2 / 2, df1 / 2 + j, rest))


def power_of_two_levels(
    runs: int, parameters: int, effect: float, sd: float, *, alpha: float = 0.05
) -> float:
    """Return the power for a two-level main effect in a balanced experiment.

    All runs tell of each factor (hidden replication): lambda = N (effect / (2 s))^2.

    Args:
        runs: N, of the whole experiment, half of them at each level.
        parameters: Of the model, the mean among them.
        effect: Mean at one level less mean at the other, in the response's own unit.
        sd: Of one run, same unit, above 0.
        alpha: Level of the test, adjusted for its family.

    Raises:
        ValueError: No run left for the error, an sd not above 0.
    """
    noncentrality = runs * _square(effect, sd) / 4
    return power_of_contrast(noncentrality, 1, runs - parameters, alpha=alpha)


def power_of_levels(
    per_level: int,
    levels: int,
    difference: float,
    sd: float,
    *,
    df: float,
    alpha: float = 0.05,
) -> float:
    """Return the power for a factor of several levels, in the least favourable case.

    That is two levels `difference` apart and all others half way: lambda = n D^2 / (2 s^2).

    Args:
        per_level: Runs at each level.
        levels: At least 2.
        difference: Between the best and the worst level, in the response's own unit.
        sd: Of one run, same unit, above 0.
        df: Degrees of freedom of the error.
        alpha: Level of the test, adjusted for its family.

    Raises:
        ValueError: Fewer than two levels, a df below 1, an sd not above 0.
    """
    noncentrality = per_level * _square(difference, sd) / 2
    return power_of_contrast(noncentrality, levels - 1, df, alpha=alpha)


def detectable_noncentrality(
    df1: float, df2: float, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return the noncentrality at which the F test has that power, to 1e-10 of itself.

    Raises:
        ValueError: A power outside (alpha, 1), a degree of freedom below 1.
    """
    _check_wanted(power, alpha)

    def missing(root: float) -> float:
        return power_of_contrast(root * root, df1, df2, alpha=alpha) - power

    high = 1.0
    while missing(high) < 0:
        high *= 2
    return float(optimize.brentq(missing, 0.0, high, xtol=1e-14, rtol=1e-13)) ** 2


def detectable_effect(n: int, sd: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the least mean difference that `n` pairs show with that power.

    Args:
        n: Pairs, at least 2.
        sd: Of one difference, in the response's own unit, above 0.
        alpha: Level of the test, adjusted for its family.
        power: Wanted chance of showing it, above alpha and below 1.

    Raises:
        ValueError: Fewer than two pairs, an sd not above 0, a power outside (alpha, 1).
    """
    if n < 2:
        raise ValueError(f"n {n}: a test takes at least 2 pairs")
    noncentrality = detectable_noncentrality(1, n - 1, alpha=alpha, power=power)
    return _checked_sd(sd) * math.sqrt(noncentrality / n)


def detectable_two_level_effect(
    runs: int, parameters: int, sd: float, *, alpha: float = 0.05, power: float = 0.8
) -> float:
    """Return the least two-level main effect that a balanced experiment shows; as its power.

    Raises:
        ValueError: No run left for the error, an sd not above 0, a power outside (alpha, 1).
    """
    noncentrality = detectable_noncentrality(1, runs - parameters, alpha=alpha, power=power)
    return 2 * _checked_sd(sd) * math.sqrt(noncentrality / runs)


def detectable_difference(
    per_level: int,
    levels: int,
    sd: float,
    *,
    df: float,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """Return the least difference between two of several levels that shows in any case.

    Raises:
        ValueError: Fewer than two levels, a df below 1, an sd not above 0, a bad power.
    """
    noncentrality = detectable_noncentrality(levels - 1, df, alpha=alpha, power=power)
    return _checked_sd(sd) * math.sqrt(2 * noncentrality / per_level)


def pairs_without_pilot(
    *, alpha: float = 0.05, power: float = 0.8, ratios: tuple[float, ...] = RATIOS
) -> tuple[PlannedPairs, ...]:
    """Return the pairs for several effects in units of the unknown sd: no single number.

    Raises:
        ValueError: A power outside (alpha, 1).
    """
    return tuple(
        PlannedPairs(ratio, pairs_needed(ratio, 1.0, alpha=alpha, power=power)) for ratio in ratios
    )


def upper_sd(s: float, df: float, risk: float = PILOT_RISK) -> float:
    """Return the upper limit of the sd behind a pilot's `s`: plan with it, for s is optimistic.

    Args:
        s: Of the pilot, in the response's own unit.
        df: Its degrees of freedom, above 0.
        risk: Chance that the true sd lies above the limit.

    Raises:
        ValueError: A df not above 0, a negative s, a risk outside (0, 1).
    """
    if not (df > 0 and s >= 0 and 0 < risk < 1):
        raise ValueError(f"s {s}, df {df}, risk {risk}: at least 0, above 0, inside (0, 1)")
    return s * math.sqrt(df / (2 * float(special.gammaincinv(df / 2, risk))))


def floor_sd(p: float, m: int) -> float:
    """Return the least sd of a run's accuracy on `m` examples: seeds do not remove it.

    All runs share it where they share the test set, and most of it cancels in differences.

    Args:
        p: Accuracy, a fraction from 0 to 1.
        m: Examples, at least 1.

    Raises:
        ValueError: A p outside [0, 1], no example.
    """
    if not (0 <= p <= 1 and m >= 1):
        raise ValueError(f"p {p}, m {m}: a fraction and at least one example were expected")
    return math.sqrt(p * (1 - p) / m)


def _poisson(mean: float) -> tuple[_Floats, _Floats]:
    """Return the weights and values of a Poisson law, in strides where it is wide."""
    width = _FAR * math.sqrt(mean) + 3 * _FAR
    low, high = max(0, math.floor(mean - width)), math.ceil(mean + width)
    stride = max(1, (high - low) // _TERMS)
    j = np.arange(low, high + 1, stride, dtype=np.float64)
    logs = special.xlogy(j, mean) - special.gammaln(j + 1)
    if stride > 1:  # the large terms would cancel: Stirling's formula around the mean
        u = (j - mean) / mean
        logs = -mean * ((1 + u) * np.log1p(u) - u) - np.log1p(u) / 2
    weights = np.exp(logs - logs.max())
    return weights / weights.sum(), j


def _fewest(enough: Callable[[int], bool], least: int, most: int) -> int | None:
    """Return the first n in [least, most] that is enough, if all above it are."""
    low, high = least - 1, least
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(most, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _square(effect: float, sd: float) -> float:
    return (effect / _checked_sd(sd)) ** 2


def _checked_sd(sd: float) -> float:
    if not 0 < sd < math.inf:
        raise ValueError(f"sd {sd}: a number above 0 was expected")
    return sd


def _check_wanted(power: float, alpha: float) -> None:
    if not 0 < alpha < power < 1:
        raise ValueError(f"power {power}, alpha {alpha}: 0 < alpha < power < 1 was expected")
