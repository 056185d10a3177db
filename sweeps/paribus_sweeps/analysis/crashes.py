"""Crashes as a response: did a level make runs crash, and what that does to its mean.

Where crashing depends on the level, the runs that survived are a selection, and their mean
speaks of survivors only. Ranks with the crashed runs worst are the check that leaves none out.

Source: METHOD 5.8; Freeman & Halton, Biometrika 38 (1951), for tables of more than two levels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from paribus_sweeps.analysis.resampling import RANDOM_DRAWS, words_from

NOT_AT_RANDOM = "missing not at random: means of surviving runs are conditional on survival"

_MOST_RUNS = 2_000  # whose tables are counted one by one, with whole numbers
_MOST_STEPS = 300_000  # of that count: about half a second
_CHUNK = 4_000_000  # random numbers held at once
_SAME = 1e-7  # relative; chances that differ by less are equal, as in R's fisher.test

Method = Literal["exact", "Monte Carlo"]
Goal = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True)
class LevelCrashes:
    """How many of the runs of one level crashed."""

    level: str
    crashed: int
    total: int

    @property
    def rate(self) -> float | None:
        """Share of the runs that crashed; None without a run."""
        return self.crashed / self.total if self.total else None


@dataclass(frozen=True, slots=True)
class Crashes:
    """Crash rates by level, and the exact test that they are all the same."""

    levels: tuple[LevelCrashes, ...]
    p: float | None
    """Two-sided; for the family of all factors it is the caller who adjusts it (Holm)."""
    method: Method | None
    """"Monte Carlo": from 9,999 random tables, where there are too many to count."""
    note: str | None = None
    """Why there is no p."""

    @property
    def over_half(self) -> tuple[str, ...]:
        """The levels of which more than half crashed."""
        return tuple(level.level for level in self.levels if 2 * level.crashed > level.total)

    @property
    def counts(self) -> str:
        """The counts as a piece of a sentence: "8: 1 of 6, 64: 4 of 6"."""
        return ", ".join(f"{one.level}: {one.crashed} of {one.total}" for one in self.levels)

    def not_at_random(self, adjusted_p: float | None) -> bool:
        """Whether the means of survivors need the warning `NOT_AT_RANDOM` (METHOD 5.8)."""
        return bool(self.over_half) or (adjusted_p is not None and adjusted_p < 0.05)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        levels = [{**asdict(level), "rate": level.rate} for level in self.levels]
        return {"levels": levels, "p": self.p, "method": self.method, "note": self.note}


def crashes_by_level(table: Mapping[str, tuple[int, int]], *, seed: str) -> Crashes:
    """Test whether all levels crash alike: Fisher's exact test on crashed and not.

    Args:
        table: Level to (crashed, total), in the order of the answer. A level without a run
            is listed and plays no part.
        seed: Text that random tables are made from, if there are too many to count.

    Raises:
        ValueError: A count below 0, more crashed than there were.
    """
    levels = tuple(LevelCrashes(level, *counts) for level, counts in table.items())
    for one in levels:
        if not 0 <= one.crashed <= one.total:
            raise ValueError(f"level {one.level!r}: {one.crashed} of {one.total} cannot crash")
    cells = sorted((one.total, one.crashed) for one in levels if one.total)
    totals, crashed = [total for total, _ in cells], [count for _, count in cells]
    note = _why_no_test(totals, crashed)
    if note:
        return Crashes(levels, None, None, note)
    return Crashes(levels, *_fisher(totals, crashed, seed))


def ranks_with_crashed_worst(
    values: ArrayLike, crashed: ArrayLike, goal: Goal
) -> NDArray[np.float64]:
    """Return ranks, 1 the best, with the crashed runs tied at the bottom; mid-ranks for ties.

    A smaller rank is better whatever the goal: a contrast of ranks is read as a loss.

    Args:
        values: Shape (n,); what a crashed run has there plays no part.
        crashed: Shape (n,), True for each crashed run.
        goal: Which way the values are better.

    Raises:
        ValueError: Shapes that differ, another goal, a run neither crashed nor finite.
    """
    if goal not in ("minimize", "maximize"):
        raise ValueError(f"goal {goal!r}: minimize or maximize was expected")
    numbers, lost = np.asarray(values, dtype=np.float64), np.asarray(crashed, dtype=bool)
    if numbers.shape != lost.shape:
        raise ValueError(f"{numbers.size} values and {lost.size} states: one each")
    if not np.isfinite(numbers[~lost]).all():
        raise ValueError("values: each run that did not crash needs a finite one")
    signed = numbers if goal == "minimize" else -numbers
    ranks: NDArray[np.float64] = stats.rankdata(np.where(lost, np.inf, signed))
    return ranks


def _why_no_test(totals: Sequence[int], crashed: Sequence[int]) -> str | None:
    if len(totals) < 2:
        return "fewer than two levels with runs"
    if not any(crashed):
        return "no run crashed"
    return "every run crashed" if list(totals) == list(crashed) else None


def _fisher(totals: Sequence[int], crashed: Sequence[int], seed: str) -> tuple[float, Method]:
    if len(totals) == 2:
        finished = [total - count for total, count in zip(totals, crashed, strict=True)]
        return float(stats.fisher_exact([crashed, finished]).pvalue), "exact"
    p = _counted_p(totals, crashed) if sum(totals) <= _MOST_RUNS else None
    if p is not None:
        return p, "exact"
    return _sampled_p(np.array(totals), np.array(crashed), seed), "Monte Carlo"


def _counted_p(totals: Sequence[int], crashed: Sequence[int]) -> float | None:
    """Return the share of tables no likelier than this one; None if there are too many.

    A table's chance is a product of binomials over a common number. They are whole, so ties
    are exact; tables with the same product so far, and as many crashes, go on as one.
    """
    lost, left, steps = sum(crashed), sum(totals), 0
    ways: dict[tuple[int, int], int] = {(0, 1): 1}  # (crashes so far, product) -> tables
    for total in totals:
        left -= total
        following: dict[tuple[int, int], int] = {}
        for (before, product), count in ways.items():
            choices = range(max(0, lost - before - left), min(total, lost - before) + 1)
            steps += len(choices)
            if steps > _MOST_STEPS:
                return None
            for x in choices:
                key = (before + x, product * math.comb(total, x))
                following[key] = following.get(key, 0) + count
        ways = following
    observed = math.prod(math.comb(n, x) for n, x in zip(totals, crashed, strict=True))
    as_rare = sum(p * count for (_, p), count in ways.items() if p <= observed)
    return as_rare / math.comb(sum(totals), lost)


def _sampled_p(totals: NDArray[np.int64], crashed: NDArray[np.int64], seed: str) -> float:
    least = float(_log_chance(totals, crashed)) + _SAME
    tables = _random_tables(totals, int(crashed.sum()), seed)
    count = sum(int(np.sum(_log_chance(totals, some) <= least)) for some in tables)
    return (1 + count) / (RANDOM_DRAWS + 1)


def _random_tables(totals: NDArray[np.int64], lost: int, seed: str) -> Iterator[NDArray[np.int64]]:
    """Yield tables with the same sums, together `RANDOM_DRAWS` of them."""
    generator, left = np.random.Generator(words_from(seed)), RANDOM_DRAWS
    while left:
        rows = min(left, max(1, _CHUNK // totals.size))
        yield generator.multivariate_hypergeometric(totals, lost, size=rows, method="marginals")
        left -= rows


def _log_chance(totals: NDArray[np.int64], crashed: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the logarithm of a table's chance, less what all tables share."""
    parts = special.gammaln(crashed + 1) + special.gammaln(totals - crashed + 1)
    chance: NDArray[np.float64] = -parts.sum(axis=-1)
    return chance
