"""Whether runs that are compared were scored on the same examples.

A train:test ratio changes the test set as well as the training set (DESIGN 1, row 9): what
differs between two ratios may then be the examples that were scored.

How many examples a set has is read from the run's config (`data.test.reviews`, which
`paribus_agent` records), else from a size that is logged or set under a usual name, else from
eval/runtime times eval/samples_per_second, which a Trainer logs.

Source: DESIGN 1; transformers 5.23, trainer_utils.py (`speed_metrics`: the runtime with four
decimals, samples per second with three).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.findings.evaluation_size import SIZES
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.partners import (
    factors_of,
    in_order,
    level_of,
    listed,
)
from paribus_sweeps.analysis.findings.recorded_settings import number_setting
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Seen
from paribus_sweeps.analysis.words import counted

SIZE_KEYS = (*SIZES, "eval_samples")
"""Keys of a config or a summary that say how many examples are scored, the surest first."""
IDENTITY_KEYS = ("data.test.sha256", "data.eval.sha256", "data.validation.sha256")
"""Keys that are equal where the examples are."""
HOLD_OUT = ("holdout/loss", "holdout/accuracy")
_ROUNDING = 0.01  # by which the looks of one run may differ in runtime times rate
_TIME_DOUBT, _RATE_DOUBT = 5e-5, 5e-4  # half of the last decimal that a Trainer keeps
_LEAST_DOUBT = 0.5  # of an example: beyond it, the size is not known exactly
_MOST_EXAMPLES = 1e9  # beyond any set
_MOST_NAMED = 50  # runs whose numbers are listed one by one


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """What is known of the examples that a run was scored on."""

    size: int | None
    size_key: str | None
    """Where the size is from."""
    identity: str | None
    """Equal where the examples are; None: not recorded."""

    @property
    def label(self) -> str:
        """What tells two sets apart, in words."""
        return "of unknown size" if self.size is None else counted(self.size, "example")


def evaluation_set(seen: Seen) -> EvaluationSet:
    """Return what is known of the set that a run's eval keys speak of."""
    facts = seen.facts
    identity = next((str(facts.config[k]) for k in IDENTITY_KEYS if facts.config.get(k)), None)
    for key in SIZE_KEYS:
        for known in (facts.config, facts.summary):
            size = number_setting(known, key)
            if size is not None and size >= 1 and size.is_integer():
                return EvaluationSet(int(size), key, identity)
    return EvaluationSet(*_timed(seen), identity)


def _timed(seen: Seen) -> tuple[int | None, str | None]:
    """Return seconds of a look times examples a second: the size, where all looks agree."""
    seconds = seen.key("eval_seconds")
    if seconds is None:
        return None, None
    rate = seconds.removesuffix("runtime") + "samples_per_second"
    times, rates = seen.history[seconds].values, seen.history.along(seconds, rate)
    usable = np.isfinite(times) & np.isfinite(rates) & (times > 0)
    with np.errstate(over="ignore", invalid="ignore"):
        found = times[usable] * rates[usable]
        size = float(np.median(found)) if len(found) else 0.0
    if not 1 <= size < _MOST_EXAMPLES or np.abs(found - size).max() > _ROUNDING * size:
        return None, None
    seconds_a_look = float(np.median(times[usable]))
    doubt = size * _TIME_DOUBT / seconds_a_look + _RATE_DOUBT * seconds_a_look
    return (round(size), f"{seconds} x {rate}") if doubt < _LEAST_DOUBT else (None, None)


def _differ(runs: Sequence[Seen]) -> Iterator[Finding]:
    scored = [seen for seen in runs if _is_scored(seen)]
    if len(scored) < 2:
        return
    sets = {seen.facts.run: evaluation_set(seen) for seen in scored}
    sizes = {known.size for known in sets.values()}
    identities = {known.identity for known in sets.values()}
    told: dict[str, Any] = {"runs": tuple(sets), "numbers": {"examples": _sizes(sets)}}
    if len(sizes - {None}) > 1 or len(identities - {None}) > 1:
        yield _another(scored, sets, told)
    elif None not in identities:
        label = next(iter(sets.values())).label
        sentence = f"All {len(scored):,} runs were scored on the same set, {label}."
        yield Finding.absent("evaluation_sets_differ", sentence, **told)
    else:
        yield Finding.unknown(
            "evaluation_sets_differ",
            f"Nothing recorded says that all {len(scored):,} runs were scored on the same "
            "examples.",
            next_step=f"Log a fingerprint of the examples as {IDENTITY_KEYS[0]} in the config.",
            **told,
        )


def _is_scored(seen: Seen) -> bool:
    return seen.key("eval_loss") is not None or seen.key("eval_accuracy") is not None


def _sizes(sets: Mapping[str, EvaluationSet]) -> dict[str, int | None]:
    return {run: known.size for run, known in list(sets.items())[:_MOST_NAMED]}


def _another(
    runs: Sequence[Seen], sets: Mapping[str, EvaluationSet], told: dict[str, Any]
) -> Finding:
    factor = _moving(runs, sets)
    held_out = all(any(key in seen.facts.summary for key in HOLD_OUT) for seen in runs)
    if factor is None:
        sizes = sorted({known.size for known in sets.values() if known.size is not None})
        what = f" ({listed([f'{size:,}' for size in sizes])} of them)" if len(sizes) > 1 else ""
        sentence = f"The {len(runs):,} runs were not all scored on the same examples{what}."
    else:
        sentence = (
            f"`{factor}` also changes what runs are scored on: {_by_level(runs, sets, factor)}."
        )
    instead = (
        "Compare holdout/loss and holdout/accuracy, which all of them have."
        if held_out
        else "Score all runs on one common hold-out and compare that."
    )
    return Finding.found(
        "evaluation_sets_differ",
        f"{sentence} What differs in their eval losses may be the examples.",
        factor=factor,
        next_step=instead,
        **told,
    )


def _moving(runs: Sequence[Seen], sets: Mapping[str, EvaluationSet]) -> str | None:
    """The one factor each of whose levels has a set of its own, or None."""
    by_size = len({known.size for known in sets.values()} - {None}) > 1
    found = []
    for factor in factors_of(runs):
        held: defaultdict[str, set[int | str | None]] = defaultdict(set)
        for seen in runs:
            known = sets[seen.facts.run]
            held[level_of(seen, factor)].add(known.size if by_size else known.identity)
        apart = set().union(*held.values())
        if all(len(of_level) == 1 for of_level in held.values()) and len(apart) > 1:
            found.append(factor)
    return found[0] if len(found) == 1 else None


def _by_level(runs: Sequence[Seen], sets: Mapping[str, EvaluationSet], factor: str) -> str:
    labels = {level_of(seen, factor): sets[seen.facts.run].label for seen in runs}
    return listed([f"{labels[level]} at {level}" for level in in_order(labels)])


EVALUATION_SETS_DIFFER = ComparisonRule(
    name="evaluation_sets_differ",
    version=1,
    section="findings.md",
    meaning="Whether runs that are compared were scored on the same examples.",
    compare=_differ,
    roles=("eval_loss", "eval_accuracy", "eval_seconds"),
    keys=(*IDENTITY_KEYS, *SIZE_KEYS),
    source="DESIGN 1, row 9: 4:1 also changes the test set.",
)

COMPARISONS = (EVALUATION_SETS_DIFFER,)
