"""Tests of matched differences that need no normal law: sign flips, signed ranks, Walsh averages.

Turning a and b round leaves each p as it was. What has no p says why in its `note`.

Source: METHOD 4; Fisher, The Design of Experiments (1935), sections 17 to 21 (sign flips);
Wilcoxon, Biometrics Bulletin 1 (1945); Hodges & Lehmann, Ann. Math. Statist. 34 (1963).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from paribus_sweeps.analysis.differences import Differences
from paribus_sweeps.analysis.resampling import RANDOM_DRAWS, chunks, words_from
from paribus_sweeps.design.table import Codes, Flags, Floats

MOST_ENUMERATED = 20  # pairs; 2^19 sums take some milliseconds and 4 MB
MOST_EXACT_RANKS = 300  # differences; above, the normal law is right to three digits
MOST_FOR_WALSH = 2_000  # pairs; they have 2 million averages


@dataclass(frozen=True, slots=True)
class SignFlip:
    """The test that flips the signs of the differences: exact for any symmetric law."""

    p: float | None
    """Two-sided."""
    method: Literal["exact", "random flips"] | None
    smallest_p: float | None
    """No differences of these sizes could have had a smaller p."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class SignedRank:
    """Wilcoxon's signed rank test: zeros dropped, mid-ranks for ties."""

    n: int
    """Differences other than 0."""
    positive_rank_sum: float | None
    p: float | None
    """Two-sided, from the distribution given the ties."""
    method: Literal["exact", "normal approximation"] | None
    note: str | None = None


def sign_flip_test(pairs: Differences, level: float, seed: str | None) -> SignFlip:
    """Compare the sum with the sums under all flips of signs, or under 9,999 of them.

    METHOD 4 counts a tie within 1e-12; that is taken relative to the sizes that are summed,
    so that a change of unit changes no p.
    """
    if pairs.n == 0 or (pairs.n > 1 and pairs.are_equal):
        return SignFlip(None, None, None, "no variation" if pairs.n else "no matched pair")
    sizes = np.sort(np.abs(pairs.x))
    nonzero = int(np.sum(sizes > pairs.tolerance))
    smallest, note = _smallest_p(nonzero), _floor_note(nonzero, level)
    least = math.fsum(pairs.x) - pairs.n * pairs.tolerance
    if pairs.n <= MOST_ENUMERATED:
        return SignFlip(_share_of_all_flips(sizes, least), "exact", smallest, note)
    if seed is None:
        return SignFlip(None, None, smallest, "random draws were not asked for")
    count = sum(int(np.sum(np.abs(sums) >= least)) for sums in _flipped_sums(sizes, seed))
    p = (1 + count) / (RANDOM_DRAWS + 1)
    return SignFlip(p, "random flips", max(smallest, 1 / (RANDOM_DRAWS + 1)), note)


def signed_rank_test(pairs: Differences, level: float) -> SignedRank:
    """Rank the differences by size, and compare the ranks above 0 with those below.

    The law of the rank sum is that of these very ranks, ties and all, up to 300 differences.
    """
    if pairs.n == 0 or (pairs.n > 1 and pairs.are_equal):
        return SignedRank(0, None, None, None, "no variation" if pairs.n else "no matched pair")
    x = pairs.x[np.abs(pairs.x) > pairs.tolerance]
    if not x.size:
        return SignedRank(0, None, None, None, "every difference is 0")
    doubled, positive = _doubled_ranks(x, pairs.tolerance)
    total, above = int(doubled.sum()), int(doubled[positive].sum())
    statistic = (above if pairs.unit > 0 else total - above) / 2
    tail = min(above, total - above)
    if x.size > MOST_EXACT_RANKS:
        z = (tail - total / 2) / (math.hypot(*doubled) / 2)
        p = min(1.0, 2 * float(special.ndtr(z)))
        return SignedRank(x.size, statistic, p, "normal approximation")
    p = min(1.0, 2 * _rank_sum_cdf(doubled, tail))
    return SignedRank(x.size, statistic, p, "exact", _floor_note(x.size, level))


def hodges_lehmann(pairs: Differences) -> float | None:
    """Return the median of all Walsh averages; None without a pair or above 2,000."""
    if not 0 < pairs.n <= MOST_FOR_WALSH:
        return None
    x = pairs.x - pairs.middle
    sums = np.concatenate([x[i:] + x[i] for i in range(pairs.n)])
    return (pairs.middle + float(np.median(sums)) / 2) * pairs.unit


def _share_of_all_flips(sizes: Floats, least: float) -> float:
    sums = sizes[-1:]  # the mirror images, with the last sign turned, are as many
    for size in sizes[:-1]:
        sums = np.concatenate((sums + size, sums - size))
    return float(np.mean(np.abs(sums) >= least))


def _flipped_sums(sizes: Floats, seed: str) -> Iterator[Floats]:
    """Yield sums under random signs, together `RANDOM_DRAWS` of them."""
    words, n = words_from(seed), sizes.size
    for rows in chunks(n):
        raw = words.random_raw((rows, -(-n // 64))).astype("<u8").view(np.uint8)
        bits = np.unpackbits(raw, axis=1)[:, :n]
        yield 2 * (bits.astype(np.float64) @ sizes) - math.fsum(sizes)


def _smallest_p(nonzero: int) -> float:
    """Two-sided; a difference of zero is the same with either sign."""
    return min(1.0, math.ldexp(1.0, 1 - nonzero))


def _floor_note(nonzero: int, level: float) -> str | None:
    smallest, least = _smallest_p(nonzero), round(1 - level, 12)
    if smallest < least:
        return None
    noun = "difference" if nonzero == 1 else "differences"
    return f"{nonzero} {noun} other than 0: no exact p can be below {smallest:.4g}"


def _doubled_ranks(x: Floats, tolerance: float) -> tuple[Codes, Flags]:
    """Return twice the mid-ranks of |x|, which are whole, and which of them are of x > 0."""
    order = np.argsort(np.abs(x), kind="stable")
    sizes = np.abs(x)[order]
    new = np.concatenate(([True], np.diff(sizes) > tolerance))
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], sizes.size)
    doubled = (starts + ends + 1)[np.cumsum(new) - 1]  # (first rank) + (last rank)
    return doubled.astype(np.int64), x[order] > 0


def _rank_sum_cdf(doubled: Codes, most: int) -> float:
    """Return the chance of a sum <= `most` where each rank counts with chance one half."""
    chance = np.zeros(most + 1)
    chance[0] = 1.0
    for rank in doubled:
        halved = chance / 2
        chance = halved.copy()
        if rank <= most:
            chance[rank:] += halved[: most + 1 - rank]
    return math.fsum(chance)
