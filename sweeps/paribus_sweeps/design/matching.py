"""Matched pairs: two finished runs that are equal in everything but one factor.

Counting them tells whether runs can speak of a factor at all; what they say (estimate,
interval) is another question and is not answered here.

Source: METHOD 4 (the key of a run: all other factors, the replicate, the declared blocks).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    cells = _Cells.of(finished, [factor.name for factor in factors], blocks)
    return tuple(_count(factor, finished, cells) for factor in factors if factor.kind == "levels")


@dataclass(frozen=True, slots=True)
class _Cells:
    """Runs as numbers: equal ones where runs are equal, with and without one factor."""

    whole: Sequence[int]
    """Of each run: factors and blocks, in mixed radix; of any size, so 500 factors fit."""
    parts: Mapping[str, Sequence[int]]
    """Factor → what it adds to the number of each run."""
    replicates: Sequence[tuple[str, ...]]
    """Of each run: what tells it from repetitions of its setting."""

    @classmethod
    def of(cls, runs: Sequence[Run], factors: Sequence[str], blocks: Sequence[str]) -> _Cells:
        """Number the runs."""
        columns = [[run.setting.get(name) or UNSET for run in runs] for name in factors]
        beside = [[run.blocks.get(name, UNSET) for run in runs] for name in blocks]
        whole, radix, parts = [0] * len(runs), 1, []
        for column in (*columns, *beside):
            code = {label: at * radix for at, label in enumerate(dict.fromkeys(column))}
            parts.append([code[label] for label in column])
            whole = [sum(pair) for pair in zip(whole, parts[-1], strict=True)]
            radix *= max(1, len(code))
        replicates = [_replicate(run) for run in runs]
        return cls(whole, dict(zip(factors, parts, strict=False)), replicates)

    def contexts(self, factor: str) -> list[int]:
        """Return the number of each run without a factor."""
        return [cell - own for cell, own in zip(self.whole, self.parts[factor], strict=True)]


def _count(factor: Factor, runs: Sequence[Run], cells: _Cells) -> MatchedPairs:
    levels: defaultdict[tuple[int, tuple[str, ...]], set[int]] = defaultdict(set)
    contexts_of, levels_of = cells.contexts(factor.name), cells.parts[factor.name]
    numbered = zip(contexts_of, levels_of, cells.replicates, strict=True)
    for context, level, replicate in numbered:
        levels[context, replicate].add(level)
    by_context: Counter[int] = Counter()
    for (context, _), seen in levels.items():
        by_context[context] += len(seen) * (len(seen) - 1) // 2
    pairs = by_context.total()
    contexts = sum(1 for count in by_context.values() if count)
    return MatchedPairs(factor.name, pairs, contexts, _sentence(factor, runs, pairs, contexts))


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
