"""Matched pairs: what one factor did while everything else, seed included, stood still.

Source: METHOD 4.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from .experiment import Experiment, Factor, Run
from .families import t_quantile

MOST_ENUMERATED = 20  # differences whose 2^n signs are all tried
Told = dict[str, Any]


class Matched:
    """The matched pairs of two levels of a factor."""

    def __init__(self, asked: Experiment, factor: Factor, low: str, high: str) -> None:
        self.asked, self.factor, self.low, self.high = asked, factor, low, high
        others = [f.name for f in asked.factors if f.name != factor.name]
        self.others = [*others, *asked.blocks]
        self.order = {name: asked.order(name) for name in [*self.others, "the seed"]}
        self.found = self._found()
        self.contexts = sorted({context for context, *_ in self.found})
        self.differences = [high - low for *_, (low, high), _ in self.found]

    def _place(self, run: Run) -> tuple[int, ...]:
        """The context: where everything else stands."""
        return tuple(self.order[c].index(self.asked.label(run, c)) for c in self.others)

    def _key(self, run: Run) -> tuple[tuple[int, ...], int]:
        return self._place(run), self.order["the seed"].index(run.seed)

    def _sides(self) -> tuple[dict[Any, list[Run]], dict[Any, list[Run]]]:
        sides: list[dict[Any, list[Run]]] = []
        for label in (self.low, self.high):
            side: dict[Any, list[Run]] = {}
            for run in self.asked.usable:
                if run.setting[self.factor.name] == label:
                    side.setdefault(self._key(run), []).append(run)
            sides.append(side)
        return sides[0], sides[1]

    def _found(self) -> list[Any]:
        """(context, seed, runs, values, seed's label), by context and seed; repeats averaged."""
        lows, highs = self._sides()
        if not self.asked.replicates and any(
            len(runs) > 1 for side in (lows, highs) for runs in side.values()
        ):
            return []  # nothing tells which to pair
        return [
            (key[0], key[1], (a[0].id, b[0].id), (_mean_of(a), _mean_of(b)), a[0].seed)
            for key, a in sorted(lows.items())
            if (b := highs.get(key))
        ]

    # what the report says

    @cached_property
    def headline(self) -> Told:
        """Mean and t interval, for contexts like these."""
        return estimate(self.differences, self.asked.level)

    def told(self) -> Told:
        """The contrast as the report has it, without what is drawn at random."""
        d = self.differences
        contexts = self._by_context()
        means = [math.fsum(group) / len(group) for group in contexts]
        told: Told = {
            "factor": self.factor.name,
            "low": self.low,
            "high": self.high,
            "n": len(d),
            "contexts": len(contexts),
            "headline": self.headline,
            "sd": spread(d),
            "fixed": self._fixed(contexts, means),
            "across": estimate(means, self.asked.level),
            "sd_within": self._within(contexts)[0],
            "context_means": [
                {"context": at, "n": len(group), "mean": mean}
                for at, (group, mean) in enumerate(zip(contexts, means, strict=True))
            ],
            "heterogeneity": self._heterogeneity(contexts, means),
            "depends_on": self._depends_on(self._heterogeneity(contexts, means)),
            "hodges_lehmann": hodges_lehmann(d),
            "pairs": self._pairs(),
            **self._lost(),
            "pairing": self._pairing(),
        }
        if len(d) <= MOST_ENUMERATED:
            told["sign_flip"] = sign_flip(d)
            told["signed_rank"] = signed_rank(d)
        if not d:
            told["unpaired"] = self._welch()
        return told

    def _by_context(self) -> list[list[float]]:
        return [
            [high - low for place, _, _, (low, high), _ in self.found if place == context]
            for context in self.contexts
        ]

    def _pairs(self) -> list[Told]:
        return [
            {
                "low_run": runs[0],
                "high_run": runs[1],
                "low": values[0],
                "high": values[1],
                "difference": values[1] - values[0],
                "context": self.contexts.index(context),
                **({"replicate": seed} if self.asked.replicates else {}),
            }
            for context, _, runs, values, seed in self.found
        ]

    def _within(self, contexts: Sequence[Sequence[float]]) -> tuple[float | None, int]:
        """Spread of one difference about its context's mean, and its df."""
        df = sum(len(group) - 1 for group in contexts)
        squares = math.fsum(_squares(group) for group in contexts)
        return (math.sqrt(squares / df) if df else None), df

    def _fixed(self, contexts: Sequence[Sequence[float]], means: Sequence[float]) -> Told:
        """For exactly these contexts, which only the seeds make uncertain."""
        if not contexts:
            return {"value": None, "standard_error": None}
        within, df = self._within(contexts)
        value = math.fsum(means) / len(means)
        if df < 2 or not within or are_equal(contexts, value):
            return {"value": value, "standard_error": None, "low": None, "high": None}
        error = within * math.sqrt(math.fsum(1 / len(g) for g in contexts)) / len(means)
        return with_t(value, error, df, self.asked.level)

    def _heterogeneity(self, contexts: Sequence[Sequence[float]], means: Sequence[float]) -> Told:
        """F of the differences between contexts against those within."""
        signs = {math.copysign(1, mean) for mean in means if mean}
        told: Told = {"means_change_sign": len(signs) == 2}
        if len(contexts) < 2:
            return told | {"f": None, "df1": None, "df2": None, "p": None}
        within, df2 = self._within(contexts)
        df1 = len(contexts) - 1
        if not within or are_equal(contexts, means[0]):
            return told | {"f": None, "df1": df1, "df2": df2, "p": None}
        grand = math.fsum(self.differences) / len(self.differences)
        between = math.fsum(
            len(g) * (mean - grand) ** 2 for g, mean in zip(contexts, means, strict=True)
        )
        f = between / df1 / within**2
        return told | {"f": f, "df1": df1, "df2": df2, "p": float(stats.f.sf(f, df1, df2))}

    def _depends_on(self, found: Told) -> Told | None:
        """The column that explains most between contexts, where they differ, and its levels."""
        p = found["p"]
        if not found["means_change_sign"] and not (p is not None and p < 0.10):
            return None
        grand = math.fsum(self.differences) / len(self.differences)
        explained: list[tuple[float, Told]] = []
        for at, column in enumerate(self.others):
            groups: dict[int, list[float]] = {}
            for place, _, _, (low, high), _ in self.found:
                groups.setdefault(place[at], []).append(high - low)
            means = {level: math.fsum(group) / len(group) for level, group in groups.items()}
            between = math.fsum(len(g) * (means[lv] - grand) ** 2 for lv, g in groups.items())
            labels = {self.order[column][level]: mean for level, mean in means.items()}
            explained.append((between, {"column": column, "by_level": labels, "p": p}))
        return max(explained, key=lambda entry: entry[0])[1]

    def _pairing(self) -> Told:
        """How strongly partners go together, and what pairing them is worth."""
        if len(self.found) < 3:
            return {"n": len(self.found), "rho": None, "efficiency": None}
        low, high = np.array([values for *_, values, _ in self.found]).T
        if np.ptp(low) == 0 or np.ptp(high) == 0:
            return {"n": len(self.found), "rho": None, "efficiency": None}
        rho = float(np.corrcoef(low, high)[0, 1])
        return {"n": len(self.found), "rho": rho, "efficiency": 1 / (1 - rho)}

    def _lost(self) -> Told:
        """Runs without a value, whose partner has one."""
        lows, highs = self._sides()
        partners = {self.low: highs, self.high: lows}
        own = {self.low: lows, self.high: highs}
        lost = [
            {"run": run.id, "partner": partners[label][self._key(run)][0].id}
            for run in self.asked.runs
            if not run.is_usable and (label := run.setting[self.factor.name]) in partners
            if self._key(run) in partners[label] and self._key(run) not in own[label]
        ]
        return {"lost": lost, "lost_count": len(lost), "open_count": 0}

    def _welch(self) -> Told | None:
        """Unpaired within contexts, where levels share contexts and no seeds."""
        sides: list[dict[Any, list[float]]] = [{}, {}]
        for side, label in zip(sides, (self.low, self.high), strict=True):
            for run in self.asked.usable:
                if run.setting[self.factor.name] == label:
                    side.setdefault(self._place(run), []).append(run.value or 0.0)
        shared = sorted(sides[0].keys() & sides[1].keys())
        if not shared:
            return None
        value = math.fsum(_mean(sides[1][c]) - _mean(sides[0][c]) for c in shared) / len(shared)
        groups = [side[c] for c in shared for side in sides]
        told: Told = {"estimate": value, "contexts": len(shared), "left_out": 0}
        if any(len(group) < 2 for group in groups):
            return told | {"standard_error": None, "df": None, "p": None, "interval": None}
        parts = [_squares(g) / (len(g) - 1) / len(g) for g in groups]
        total = math.fsum(parts)
        df = total**2 / math.fsum(
            part**2 / (len(g) - 1) for part, g in zip(parts, groups, strict=True)
        )
        found = with_t(value, math.sqrt(total) / len(shared), df, self.asked.level)
        return told | {
            "standard_error": found["standard_error"],
            "df": df,
            "p": found["p"],
            "interval": [found["low"], found["high"]],
        }


def estimate(d: Sequence[float], level: float) -> Told:
    """Mean of the differences with the t interval; without an error where there is none."""
    if not d:
        return {"value": None, "standard_error": None, "p": None, "low": None, "high": None}
    value, sd = _mean(d), spread(d)
    if sd is None or are_equal([d], value):
        return {"value": value, "standard_error": None, "p": None, "low": None, "high": None}
    return with_t(value, sd / math.sqrt(len(d)), len(d) - 1, level)


def with_t(value: float, error: float, df: float, level: float) -> Told:
    """An estimate with its t test and interval."""
    reach = t_quantile(level, df) * error
    return {
        "value": value,
        "level": level,
        "standard_error": error,
        "df": df,
        "t": value / error,
        "p": 2 * float(stats.t.sf(abs(value / error), df)),
        "low": value - reach,
        "high": value + reach,
    }


def spread(d: Sequence[float]) -> float | None:
    """Standard deviation; None below two."""
    return math.sqrt(_squares(d) / (len(d) - 1)) if len(d) > 1 else None


def are_equal(groups: Sequence[Sequence[float]], size: float) -> bool:
    """Whether only rounding tells the members of each group apart."""
    largest = max((abs(x) for group in groups for x in group), default=0.0)
    least = 1e-14 * max(1.0, abs(size), largest)
    return all(max(group) - min(group) <= least for group in groups if group)


def sign_flip(d: Sequence[float]) -> Told:
    """Share of all sign patterns whose mean is at least as far from 0."""
    moved = [x for x in d if x]
    if not moved:
        return {"p": None if not d else 1.0}
    total, size = abs(math.fsum(moved)), len(moved)
    sums = np.zeros(1)
    for x in moved:
        sums = np.concatenate([sums + x, sums - x])
    least = total - 1e-12 * math.fsum(map(abs, moved))
    return {"p": float(np.mean(np.abs(sums) >= least)), "smallest_p": min(1.0, 2 / 2**size)}


def signed_rank(d: Sequence[float]) -> Told:
    """Wilcoxon: zeros dropped, mid-ranks, and the exact law of the sum of positive ranks."""
    moved = [x for x in d if x]
    if not moved:
        return {"n": 0}
    twice = [round(2 * rank) for rank in stats.rankdata(np.round(np.abs(moved), 15))]
    seen = sum(rank for rank, x in zip(twice, moved, strict=True) if x > 0)
    ways = [1]
    for rank in twice:  # how many sign patterns give each sum
        ways = [
            (ways[s] if s < len(ways) else 0) + (ways[s - rank] if s >= rank else 0)
            for s in range(len(ways) + rank)
        ]
    tail = min(sum(ways[: seen + 1]), sum(ways[seen:]))
    return {
        "n": len(moved),
        "positive_rank_sum": seen / 2,
        "p": min(1.0, 2 * tail / 2 ** len(moved)),
    }


def hodges_lehmann(d: Sequence[float]) -> float | None:
    """Median of the means of all pairs of differences, each with itself too."""
    walsh = [(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)]
    return float(np.median(walsh)) if walsh else None


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _mean_of(runs: Sequence[Run]) -> float:
    return _mean([run.value or 0.0 for run in runs])


def _squares(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.fsum((x - mean) ** 2 for x in values)
