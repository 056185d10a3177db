"""Random draws that a text decides, and the BCa bootstrap of a mean difference.

Source: METHOD 4 and 13; Efron, JASA 82 (1987) (BCa).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from paribus_sweeps.analysis.differences import ROUNDING, Differences, centred

RANDOM_DRAWS = 9_999  # METHOD 4: so that (1 + k) / (draws + 1) is a round number
LEAST_FOR_BOOTSTRAP = 10  # pairs; METHOD 4: never below

_CHUNK = 4_000_000  # random numbers held at once: 32 MB
_TAIL_DRAWS = 5  # resamples beyond a limit of the bootstrap, at the least


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The BCa bootstrap interval of the mean difference, in the response's own unit."""

    low: float | None
    high: float | None
    level: float
    note: str | None = None


def bootstrap_interval(pairs: Differences, level: float, seed: str | None) -> Bootstrap:
    """Resample the differences 9,999 times; without a seed nothing is drawn."""
    note = _why_no_bootstrap(pairs, level, seed)
    if note is not None or seed is None:
        return Bootstrap(None, None, level, note)
    words, deviations = words_from(seed), pairs.deviations
    means = []
    for rows in chunks(pairs.n):
        uniform = (words.random_raw((rows, pairs.n)) >> np.uint64(11)) * 2.0**-53
        means.append(deviations[(uniform * pairs.n).astype(np.intp)].mean(axis=1))
    low, high = bca_limits(deviations, np.concatenate(means), level=level)
    first, second = sorted(((pairs.mean + low) * pairs.unit, (pairs.mean + high) * pairs.unit))
    return Bootstrap(first, second, level)


def bca_limits(values: ArrayLike, resampled: ArrayLike, *, level: float) -> tuple[float, float]:
    """Return the BCa limits of a mean, given the means of resamples.

    Args:
        values: Shape (n,), the sample; not all equal.
        resampled: Shape (draws,), means of samples drawn from it with replacement.
        level: Confidence, between 0 and 1.

    Source: Efron 1987, formulas 2.3 and 6.6; quantiles by linear interpolation.
    """
    sample = np.asarray(values, dtype=np.float64)
    mean = math.fsum(sample) / sample.size
    deviations = centred(sample)
    means = np.asarray(resampled, dtype=np.float64) - mean
    slack = sample.size * ROUNDING * float(np.abs(sample).max())
    at_or_below = (np.sum(means < -slack) + np.sum(means <= slack)) / 2
    shift = special.ndtri(np.clip(at_or_below, 1, means.size - 1) / means.size)
    cubes, squares = math.fsum(deviations**3), math.fsum(deviations**2)
    acceleration = cubes / (6 * squares**1.5)
    z = shift + special.ndtri([(1 - level) / 2, (1 + level) / 2])
    shares = special.ndtr(shift + z / (1 - acceleration * z))
    low, high = mean + np.quantile(means, shares)
    return float(low), float(high)


def words_from(seed: str) -> np.random.PCG64:
    """Return a source of random words that only `seed` decides, under any numpy.

    Its `random_raw` is promised to stay; what `Generator` makes of it is not.
    """
    return np.random.PCG64(int.from_bytes(sha256(seed.encode()).digest(), "big"))


def chunks(n: int) -> Iterator[int]:
    """Cut the random draws, of `n` numbers each, into pieces that fit into memory."""
    left = RANDOM_DRAWS
    while left:
        rows = min(left, max(1, _CHUNK // n))
        yield rows
        left -= rows


def _why_no_bootstrap(pairs: Differences, level: float, seed: str | None) -> str | None:
    if pairs.n < LEAST_FOR_BOOTSTRAP:
        return f"fewer than {LEAST_FOR_BOOTSTRAP} pairs"
    if pairs.are_equal:
        return "no variation"
    if (1 - level) / 2 * RANDOM_DRAWS < _TAIL_DRAWS:
        return f"{RANDOM_DRAWS:,} resamples do not reach a level of {level}"
    return "random draws were not asked for" if seed is None else None
