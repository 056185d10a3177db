"""Which runs can be put beside one another: equal in everything but one thing.

A cadence (how often a run looks at itself and logs) is a factor like any other, but where a
curve is thinned to the other's cadence it need not be equal: `cadence_factors` says which
factors are that and nothing else.

Source: METHOD 4 (the key of a run: all other factors, the replicate, the declared blocks).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

from paribus_sweeps.analysis.execution_keys import REPLICATE_KEYS, class_of
from paribus_sweeps.analysis.findings.rule import Facts, Seen
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.factors import level_label

_MOST_LEVELS = 6  # beyond them, every two levels are more comparisons than anybody reads

Labels = tuple[tuple[str, str], ...]


def setting_of(facts: Facts, without: Collection[str] = ()) -> Labels:
    """Return a run's levels by factor; of a run without factors, what its config sets.

    Args:
        facts: Of the run.
        without: Factors to leave out.
    """
    known = facts.setting or {
        key: level_label(value)
        for key, value in facts.config.items()
        if class_of(key) is None and key not in REPLICATE_KEYS
    }
    return tuple(sorted((name, label) for name, label in known.items() if name not in without))


def replicate_of(facts: Facts) -> Labels:
    """Return which repetition a run is."""
    return tuple(sorted((name, level_label(value)) for name, value in facts.replicate.items()))


def blocks_of(facts: Facts) -> Labels:
    """Return what a run differs in from others without being asked about, cadences left out.

    Runs of a project carry them among their blocks, and runs that looked or logged differently
    often are the same training.
    """
    return tuple(sorted((k, v) for k, v in facts.blocks.items() if class_of(k) != "cadence"))


def looking_of(facts: Facts, cadences: Collection[str] = ()) -> Labels:
    """Return how often a run looked and logged: blocks that say so, and these factors."""
    of_blocks = [(k, v) for k, v in facts.blocks.items() if class_of(k) == "cadence"]
    return tuple(
        sorted([*of_blocks, *((k, v) for k, v in facts.setting.items() if k in cadences)])
    )


def factors_of(runs: Iterable[Seen]) -> list[str]:
    """Return the factors that have two levels or more among runs, by name."""
    labels: defaultdict[str, set[str]] = defaultdict(set)
    for seen in runs:
        for name, label in seen.facts.setting.items():
            labels[name].add(label)
    return sorted(name for name, found in labels.items() if len(found) > 1)


def level_of(seen: Seen, factor: str) -> str:
    """Return a run's level of a factor."""
    return seen.facts.setting.get(factor, UNSET)


def in_order(levels: Iterable[str]) -> list[str]:
    """Return levels as people order them: 8 before 64."""

    def key(label: str) -> list[tuple[int, float, str]]:
        parts = re.split(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", label)
        return [(1, float(p), p) if at % 2 else (0, 0.0, p) for at, p in enumerate(parts)]

    return sorted(set(levels), key=key)


def cadence_factors(runs: Sequence[Seen]) -> frozenset[str]:
    """Return the factors that say how often a run looks or logs, and nothing else.

    A key of that class is one, and so is a bundle that moves such keys and no setting: what a
    bundle moves is read from the runs' configs.
    """
    factors = factors_of(runs)
    bundles = [name for name in factors if all(name not in seen.facts.config for seen in runs)]
    moving = _moving_keys(runs, factors) if bundles else {}
    by_key = {name for name in factors if name not in bundles and class_of(name) == "cadence"}
    return frozenset({*by_key, *(name for name in bundles if _is_cadence(name, moving, runs))})


def _moving_keys(runs: Sequence[Seen], factors: Collection[str]) -> dict[str, list[str]]:
    """Return the config keys that are no factors and not the same in all runs: key → labels."""
    keys = {key for seen in runs for key in seen.facts.config} - set(factors)
    labels = {key: [level_label(seen.facts.config.get(key)) for seen in runs] for key in keys}
    return {key: found for key, found in labels.items() if len(set(found)) > 1}


def _is_cadence(factor: str, moving: Mapping[str, Sequence[str]], runs: Sequence[Seen]) -> bool:
    levels = [level_of(seen, factor) for seen in runs]
    count = len(set(levels))
    moved = {
        class_of(key)
        for key, labels in moving.items()
        if len(set(zip(levels, labels, strict=True))) == count  # one value at each level
    }
    by_name = factor == "cadence" or class_of(factor) == "cadence"
    return None not in moved and (by_name or "cadence" in moved)


Context = Mapping[str, Seen]
"""Level of one factor → a run, of runs that are equal in everything else."""


def contexts_of(
    factor: str, runs: Sequence[Seen], *, any_cadence: Collection[str] = ()
) -> list[Context]:
    """Return runs that differ in one factor alone: same setting otherwise, replicate and blocks.

    Any two runs of a context are a pair. Of several runs of one (setting, replicate, block) one
    counts: how often a run looked and logged makes it no other training. Runs that did so alike
    are put beside one another where there are any, of those the first.

    Args:
        factor: The one that differs.
        runs: In the order of their ids.
        any_cadence: Factors that say how often a run looked or logged, which may differ as well.
    """
    left_out = {factor, *any_cadence}
    contexts: defaultdict[Any, defaultdict[Labels, dict[str, Seen]]]
    contexts = defaultdict(lambda: defaultdict(dict))
    for seen in runs:
        facts = seen.facts
        where = setting_of(facts, left_out), replicate_of(facts), blocks_of(facts)
        looking = looking_of(facts, any_cadence)
        contexts[where][looking].setdefault(level_of(seen, factor), seen)
    found = [_one_of_each(by_looking.values()) for by_looking in contexts.values()]
    return [held for held in found if len(held) > 1]


def _one_of_each(alike: Iterable[dict[str, Seen]]) -> Context:
    """Return a run of each level, of those that looked alike where there are several."""
    chosen: dict[str, Seen] = {}
    for held in sorted(alike, key=len, reverse=True):
        chosen = {**held, **chosen}
    return chosen


def level_pairs(runs: Sequence[Seen], factor: str) -> list[tuple[str, str]]:
    """Return every two levels of a factor, the lower one first; of many, each with the lowest."""
    levels = in_order(level_of(seen, factor) for seen in runs)
    if len(levels) > _MOST_LEVELS:
        return [(levels[0], level) for level in levels[1:]]
    return list(combinations(levels, 2))


def name_of(seen: Seen) -> str:
    """Return what people call a run."""
    return seen.facts.name or seen.facts.run


def listed(names: Sequence[str], most: int = 5) -> str:
    """Return "R1, R2 and R3"; beyond `most`, how many more there are."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def differences_in_words(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return "seed 0 against 1" for each name whose values differ, by name."""
    names = sorted({*one, *other})
    return [
        f"{name} {one.get(name, UNSET)} against {other.get(name, UNSET)}"
        for name in names
        if one.get(name) != other.get(name)
    ]
