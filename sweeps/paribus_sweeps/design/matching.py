"""Matched pairs: two finished runs that are equal in everything but one factor.

Counting them tells whether runs can speak of a factor at all; what they say (estimate,
interval) is another question and is not answered here.

Source: METHOD 4 (the key of a run: all other factors, the replicate, the declared blocks).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.factors import Factor, level_label
from paribus_sweeps.runs import Run
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS


@dataclass(frozen=True, slots=True)
class MatchedPairs:
    """How many pairs of finished runs differ in one factor alone."""

    factor: str
    pairs: int
    contexts: int
    """Distinct settings of everything else, replicates not counted apart."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "pairs": self.pairs,
            "contexts": self.contexts,
            "sentence": self.sentence,
        }


def matched_pairs(
    factors: Sequence[Factor], runs: Iterable[Run], *, blocks: Sequence[str] = DEFAULT_BLOCKS
) -> tuple[MatchedPairs, ...]:
    """Count the matched pairs of each factor that has levels.

    A repeat of one (setting, replicate) is one run here, as it will be in an estimate.

    Args:
        factors: Under study; continuous ones have no levels to pair and are left out.
        runs: Only those that finished with a finite response are counted.
        blocks: Keys of `Run.blocks` that must be equal too.
    """
    finished = [
        run
        for run in runs
        if run.is_finished and run.value is not None and math.isfinite(run.value)
    ]
    return tuple(
        _count(factor, factors, finished, blocks) for factor in factors if factor.kind == "levels"
    )


def _count(
    factor: Factor, factors: Sequence[Factor], runs: Sequence[Run], blocks: Sequence[str]
) -> MatchedPairs:
    levels: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for run in runs:
        level = run.setting.get(factor.name) or UNSET
        levels[_context(factor, factors, run, blocks) + _replicate(run)].add(level)
    width = len(factors) - 1 + len(blocks)
    by_context: Counter[tuple[str, ...]] = Counter()
    for key, seen in levels.items():
        by_context[key[:width]] += len(seen) * (len(seen) - 1) // 2
    pairs = by_context.total()
    contexts = sum(1 for count in by_context.values() if count)
    return MatchedPairs(factor.name, pairs, contexts, _sentence(factor, runs, pairs, contexts))


def _context(
    factor: Factor, factors: Sequence[Factor], run: Run, blocks: Sequence[str]
) -> tuple[str, ...]:
    others = tuple(run.setting.get(f.name) or UNSET for f in factors if f.name != factor.name)
    return others + tuple(run.blocks.get(block, UNSET) for block in blocks)


def _replicate(run: Run) -> tuple[str, ...]:
    return tuple(f"{key}={level_label(value)}" for key, value in sorted(run.replicate.items()))


def _sentence(factor: Factor, runs: Sequence[Run], pairs: int, contexts: int) -> str:
    if pairs:
        noun = "pair" if pairs == 1 else "pairs"
        where = "setting" if contexts == 1 else "settings"
        return (
            f"{pairs} matched {noun} of finished runs differ in `{factor.name}` alone, in "
            f"{contexts} {where} of everything else: what it did can be told."
        )
    if not runs:
        return f"No run has finished yet, so nothing can be told of `{factor.name}`."
    return (
        f"No two of the {len(runs)} finished runs differ in `{factor.name}` alone: "
        "no matched pair tells what it did."
    )
