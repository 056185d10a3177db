"""Whether runs were scored on enough examples for the difference between their accuracies.

An accuracy on m examples has a floor of noise, sqrt(p (1 - p) / m), that no seed removes. Two
accuracies on sets of their own differ by noise of sqrt(p (1 - p) / m + q (1 - q) / k); where
both were scored on the same examples most of it cancels, and that is said.

Source: METHOD 8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.findings.evaluation_sets import SIZE_KEYS, evaluation_set
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.partners import name_of
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Seen
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.power import floor_sd
from paribus_sweeps.analysis.words import counted, number

FLOORS = Threshold(
    "accuracies_within_noise.floors",
    2.0,
    "Noise floors of a difference (METHOD 8) within which two accuracies are not told apart: "
    "about 95 % of what the choice of examples does.",
)
_MOST_EXAMPLES = 1e9  # beyond any set


def _compare(runs: Sequence[Seen]) -> Iterator[Finding]:
    scored = [one for seen in runs if (one := _scored(seen)) is not None]
    if len(scored) < 2:
        return
    best = max(scored, key=lambda one: one.accuracy)
    others = [one for one in scored if one is not best]
    known = [one for one in others if one.floor is not None]
    if best.floor is None or not known:
        yield Finding.unknown(
            "accuracies_within_noise",
            f"How many examples {name_of(best.seen)} and the others were scored on is not known: "
            f"log it as {SIZE_KEYS[0]} in the config.",
            runs=tuple(one.seen.facts.run for one in scored),
        )
        return
    yield _told(best, known)


@dataclass(frozen=True, slots=True)
class _Scored:
    seen: Seen
    accuracy: float
    """The last one, 0 to 1."""
    size: int | None
    floor: float | None
    """Least sd of the accuracy, by its examples."""


def _scored(seen: Seen) -> _Scored | None:
    key = seen.key("eval_accuracy")
    curve = None if key is None else seen.curve(key)
    if curve is None or not len(curve) or not 0 <= curve.values[-1] <= 1:
        return None
    accuracy, size = float(curve.values[-1]), evaluation_set(seen).size
    return _Scored(seen, accuracy, size, None if size is None else floor_sd(accuracy, size))


def _floor_of(one: _Scored, other: _Scored) -> float:
    """Noise of a difference of two accuracies on different sets; on one set it is less."""
    return math.hypot(one.floor or 0.0, other.floor or 0.0)


def _told(best: _Scored, others: Sequence[_Scored]) -> Finding:
    floors = best.seen.thresholds[FLOORS.name]
    within = [one for one in others if _distance(best, one) <= floors]
    nearest = min(others, key=lambda one: (_distance(best, one), one.seen.facts.order))
    difference = best.accuracy - nearest.accuracy
    told: dict[str, Any] = {
        "runs": tuple(one.seen.facts.run for one in (best, nearest)),
        "numbers": {
            "best": best.accuracy,
            "nearest": nearest.accuracy,
            "difference": difference,
            "examples": [best.size, nearest.size],
            "floor_of_best": best.floor,
            "floor_of_difference": _floor_of(best, nearest),
            "within": len(within),
            "others": len(others),
            "examples_needed": _needed(best, nearest, floors),
        },
    }
    sentence = (
        f"{name_of(best.seen)} ended right on {number(best.accuracy)} of {best.size or 0:,} "
        f"examples, with a noise floor of {number(best.floor)}; {name_of(nearest.seen)} on "
        f"{number(nearest.accuracy)}: a difference of {number(difference)}, whose floor is "
        f"{number(_floor_of(best, nearest))} on sets of their own, and less where both were "
        "scored on the same examples."
    )
    if not within:
        return Finding.absent("accuracies_within_noise", sentence, **told)
    return Finding.found(
        "accuracies_within_noise",
        f"{sentence} {len(within):,} of {counted(len(others), 'other run')} "
        f"{'is' if len(within) == 1 else 'are'} within {floors:g} floors.",
        next_step=_larger(told["numbers"]["examples_needed"]),
        **told,
    )


def _distance(best: _Scored, one: _Scored) -> float:
    """How many floors two accuracies are apart."""
    floor = _floor_of(best, one)
    difference = best.accuracy - one.accuracy
    if floor == 0:
        return 0.0 if difference == 0 else math.inf
    return difference / floor


def _needed(best: _Scored, one: _Scored, floors: float) -> int | None:
    """How many examples would bring the difference beyond the floors; None where it is 0."""
    difference = best.accuracy - one.accuracy
    variance = sum(p * (1 - p) for p in (best.accuracy, one.accuracy))
    if difference == 0:
        return None
    needed = variance * (floors / difference) ** 2
    return math.ceil(needed) if needed < _MOST_EXAMPLES else None


def _larger(needed: int | None) -> str:
    if needed is None:
        return "Take them as equally good, or compare their losses."
    return f"Score them on {needed:,} examples or more, the same ones, or take them as equal."


ACCURACIES_WITHIN_NOISE = ComparisonRule(
    name="accuracies_within_noise",
    version=1,
    section="8",
    meaning="Whether the best accuracy stands out from the others by more than the choice of its "
    "examples explains.",
    compare=_compare,
    thresholds=(FLOORS,),
    roles=("eval_accuracy", "eval_seconds"),
    keys=SIZE_KEYS,
)

COMPARISONS = (ACCURACIES_WITHIN_NOISE,)
