"""How many times as fast one kind of GPU was as another: over pairs equal in everything else.

    told = device_ratios([
        DeviceRate("r4", "Tesla T4", "batch=8 seed=0", 4.553),
        DeviceRate("r4-a100", "NVIDIA A100", "batch=8 seed=0", 17.233),
    ], seed="abc")
    told[0].ratio          # 3.785
    told[0].sentence       # "… n = 1, no interval: …"

Two runs are a pair where they are equal in everything but the GPU. Of each pair the logarithm
of the ratio is taken, so that a ratio and its inverse weigh the same; the mean of them has a t
interval where there are two pairs or more. One pair says nothing of a kind of GPU: a bootstrap
over blocks of neighbouring intervals then describes these two runs, and nothing else.

Source: METHOD 9.6 and 13; Künsch, Annals of Statistics 17 (1989) (moving blocks); Hall, Horowitz
& Jing, Biometrika 82 (1995) (blocks of about n^(1/3) intervals).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.resampling import (
    LEAST_FOR_BOOTSTRAP,
    chunks,
    words_from,
)

LEVEL = 0.95
_EQUAL = 1e-12  # METHOD 13: logarithms that differ by less are one value


@dataclass(frozen=True, slots=True, eq=False)
class DeviceRate:
    """How fast a run was, and on what."""

    run: str
    device: str
    """Kind of GPU."""
    match: Hashable
    """All else that must be equal in the runs of a pair."""
    rate: float
    """Above 0, in one unit for all runs."""
    counts: FloatArray = field(default_factory=lambda: np.empty(0))
    """What it did in each interval (steps, batches)."""
    spans: FloatArray = field(default_factory=lambda: np.empty(0))
    """Seconds of each."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Runs equal in everything but the GPU; more than one of a side are its repeats."""

    faster: tuple[str, ...]
    """Runs on the GPU that the ratio stands for."""
    slower: tuple[str, ...]
    log_ratio: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        ratio = _exp(self.log_ratio)
        return {"runs": list(self.faster), "against": list(self.slower), "ratio": ratio}


@dataclass(frozen=True, slots=True)
class TheseTwoRuns:
    """What a bootstrap over the intervals of two runs says, of these two runs alone."""

    low: float
    high: float
    level: float
    blocks: tuple[int, int]
    """Neighbouring intervals that are drawn together, of each run."""
    note: str = "describes these two runs, not the two kinds of GPU"


@dataclass(frozen=True, slots=True)
class DeviceRatio:
    """How many times as fast `device` was as `against`."""

    device: str
    against: str
    n: int
    """Pairs."""
    ratio: float | None
    """Geometric mean over the pairs; None without one."""
    low: float | None
    high: float | None
    """Ends of the t interval; None below two pairs."""
    level: float
    these_two_runs: TheseTwoRuns | None
    pairs: tuple[Pair, ...]
    note: str | None
    """Why there is no interval, or no ratio."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        two = self.these_two_runs
        return {
            "device": self.device,
            "against": self.against,
            "n": self.n,
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "these_two_runs": None
            if two is None
            else {"low": two.low, "high": two.high, "level": two.level,
                  "blocks": list(two.blocks), "note": two.note},
            "pairs": [pair.as_dict() for pair in self.pairs],
            "note": self.note,
            "sentence": self.sentence,
        }  # fmt: skip


def device_ratios(
    rates: Iterable[DeviceRate], *, seed: str | None = None, level: float = LEVEL
) -> list[DeviceRatio]:
    """Return the ratio of each two kinds of GPU, those with most pairs first.

    The faster one of two stands first; a tie goes by name. Kinds that share no pair are given
    too, and say so.

    Args:
        rates: One for each run, in one unit; their order does not matter.
        seed: What the bootstrap's draws follow from (METHOD 13: experiment, question, version of
            the data); None: none is drawn.
        level: Confidence of intervals.
    """
    by_device: dict[str, dict[Hashable, list[DeviceRate]]] = {}
    for rate in sorted(rates, key=lambda rate: rate.run):
        by_device.setdefault(rate.device, {}).setdefault(rate.match, []).append(rate)
    found = [
        _ratio(one, other, by_device, seed=seed, level=level)
        for one, other in combinations(sorted(by_device), 2)
    ]
    return sorted(found, key=lambda ratio: (-ratio.n, ratio.device, ratio.against))


def _ratio(
    one: str,
    other: str,
    by_device: dict[str, dict[Hashable, list[DeviceRate]]],
    *,
    seed: str | None,
    level: float,
) -> DeviceRatio:
    first, second = by_device[one], by_device[other]
    shared = [(first[match], second[match]) for match in first if match in second]
    logs = [_mean_log(a) - _mean_log(b) for a, b in shared]
    mean = math.fsum(logs) / len(logs) if logs else 0.0
    if mean < 0:
        one, other, mean = other, one, -mean
        shared, logs = [(b, a) for a, b in shared], [-log for log in logs]
    pairs = [
        Pair(tuple(r.run for r in a), tuple(r.run for r in b), log)
        for (a, b), log in zip(shared, logs, strict=True)
    ]
    interval, note = _interval(logs, mean, level)
    low, high = interval or (None, None)
    ratio = _exp(mean) if logs else None
    return DeviceRatio(
        device=one,
        against=other,
        n=len(logs),
        ratio=ratio,
        low=low,
        high=high,
        level=level,
        these_two_runs=_of_two_runs(shared, seed, level),
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.faster, pair.slower))),
        note=note,
        sentence=_sentence(one, other, len(logs), ratio, interval, note, level),
    )


def _mean_log(rates: Sequence[DeviceRate]) -> float:
    return math.fsum(math.log(rate.rate) for rate in rates) / len(rates)


def _exp(log: float) -> float | None:
    """A ratio; None where it is larger than a number can be."""
    return math.exp(log) if log < math.log(1e300) else None


def _interval(
    logs: Sequence[float], mean: float, level: float
) -> tuple[tuple[float, float] | None, str | None]:
    """Return the t interval over pairs as ratios, or why there is none."""
    n = len(logs)
    if _exp(mean) is None:
        return None, "their rates differ by more than a number can say"
    if n < 2:
        return None, _NO_PAIR if not n else _ONE_PAIR
    spread = math.sqrt(math.fsum((log - mean) ** 2 for log in logs) / (n - 1))
    if spread <= _EQUAL:
        return None, "every pair has the same ratio: no variation to make an interval from"
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread / math.sqrt(n)
    low, high = _exp(mean - half), _exp(mean + half)
    if low is None or high is None:
        return None, "the pairs differ by more than an interval can say"
    return (low, high), None


_NO_PAIR = "no two runs are equal in everything but the GPU"
_ONE_PAIR = "n = 1, no interval: one pair says nothing of how pairs differ"


def _sentence(
    one: str,
    other: str,
    n: int,
    ratio: float | None,
    interval: tuple[float, float] | None,
    note: str | None,
    level: float,
) -> str:
    if ratio is None:
        return f"{one} and {other} cannot be compared: {note}."
    times = f"{ratio:.4g} times as fast" if f"{ratio:.4g}" != "1" else "as fast"
    told = f"{one} was {times} as {other}"
    if interval is None:
        return f"{told} ({note})." if n == 1 else f"{told} (n = {n} pairs; {note})."
    low, high = interval
    return f"{told} (n = {n} pairs, {level:.0%} interval {low:.4g} to {high:.4g})."


# two runs


def _of_two_runs(
    shared: Sequence[tuple[Sequence[DeviceRate], Sequence[DeviceRate]]],
    seed: str | None,
    level: float,
) -> TheseTwoRuns | None:
    """Return the bootstrap of the only pair, where it is of two runs with enough intervals."""
    if seed is None or len(shared) != 1 or len(shared[0][0]) != 1 or len(shared[0][1]) != 1:
        return None
    [[a], [b]] = shared[0]
    if min(len(a.counts), len(b.counts)) < LEAST_FOR_BOOTSTRAP:
        return None
    if not all((parts > 0).all() for one in (a, b) for parts in (one.counts, one.spans)):
        return None  # so little in so short a time that no float holds it
    words = words_from(f"{seed} {a.run} {b.run}")
    logs = _drawn_logs(a, words) - _drawn_logs(b, words)
    low, high = np.exp(np.quantile(logs, [(1 - level) / 2, (1 + level) / 2]))
    return TheseTwoRuns(float(low), float(high), level, (_block(a.counts), _block(b.counts)))


def _block(counts: FloatArray) -> int:
    """Return how many neighbours are drawn together: about n^(1/3)."""
    return max(1, round(float(len(counts) ** (1 / 3))))


def _drawn_logs(rate: DeviceRate, words: np.random.PCG64) -> FloatArray:
    """Return the logarithms of the rates of resamples of a run's intervals.

    Sums of blocks are made once: a resample then draws blocks, and adds up theirs.
    """
    size = _block(rate.counts)
    counts, spans = _of_blocks(rate.counts, size), _of_blocks(rate.spans, size)
    blocks = math.ceil(len(rate.counts) / size)
    drawn = [
        np.log(counts[chosen].sum(axis=1)) - np.log(spans[chosen].sum(axis=1))
        for chosen in _choices(words, blocks, places=len(counts))
    ]
    return np.concatenate(drawn)


def _of_blocks(values: FloatArray, size: int) -> FloatArray:
    sums: FloatArray = np.convolve(values, np.ones(size), mode="valid")
    return sums


def _choices(words: np.random.PCG64, blocks: int, *, places: int) -> Iterator[Any]:
    """Yield, some resamples at a time, which blocks are drawn: shape (resamples, blocks)."""
    for rows in chunks(blocks):
        uniform = (words.random_raw((rows, blocks)) >> np.uint64(11)) * 2.0**-53
        yield (uniform * places).astype(np.intp)
