"""What looking too seldom hides or makes: a run beside one that was looked at more often.

Three findings for each run that has a denser partner:

    fall_over   most of the fall was over before its first look
    hidden      thinned to its cadence, the partner's rises are gone
    made        thinned to its cadence, the partner's curve looks irregular though it is not

The partner is matched in everything but how often it looked; where there is none, it is of the
same setting with another seed or on another GPU, and the sentence says so.

Source: METHOD 9.2.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.cadences import (
    DELTA,
    MORE_ROUGHNESS,
    NAME,
    NOISE_SDS,
    OWN_DELTA,
    PHASES,
    SHARE,
    cadence_of,
    delta_of,
    equal_looks,
    share_before,
)
from paribus_sweeps.analysis.findings.excursions import (
    LEAST_COARSE,
    Thinning,
    rises_over_falls,
    thinning,
    turning_points,
)
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.partners import (
    blocks_of,
    cadence_factors,
    differences_in_words,
    listed,
    name_of,
    replicate_of,
    setting_of,
)
from paribus_sweeps.analysis.findings.rule import STEPS, ComparisonRule, Seen, place
from paribus_sweeps.analysis.words import counted, number

_LEAST_RATIO = 2  # the partner looked at least twice as often: one that did not has no phases
_MOST_RATIO = 1e9  # beyond what any run has points for
_MOST_LOOKS = 10_000  # of a dense run: thinning them takes .3 s, and grows with the square


@dataclass(frozen=True, slots=True)
class _Looked:
    """A run's eval curve and how often it has a point."""

    seen: Seen
    key: str
    curve: Curve
    cadence: float
    x_name: str

    @property
    def name(self) -> str:
        return name_of(self.seen)


def _compare(runs: Sequence[Seen]) -> Iterator[Finding]:
    looked = [found for seen in runs if (found := _looked(seen)) is not None]
    groups = _by_setting(looked)
    alone: list[_Looked] = []
    for group in groups:
        for coarse in group:
            dense = _partner(coarse, group)
            if dense is None:
                alone.append(coarse)
            else:
                yield from _beside(coarse, dense)
    yield from _unpartnered(sorted(alone, key=lambda one: one.seen.facts.order))


def _looked(seen: Seen) -> _Looked | None:
    key = seen.key("eval_loss")
    if key is None:
        return None
    curve = seen.curve(key)
    cadence = cadence_of(curve)
    return _Looked(seen, key, curve, cadence, seen.x_name(key)) if cadence is not None else None


def _by_setting(looked: Sequence[_Looked]) -> list[list[_Looked]]:
    without = cadence_factors([one.seen for one in looked])
    groups: defaultdict[Any, list[_Looked]] = defaultdict(list)
    for one in looked:
        groups[one.key, one.x_name, setting_of(one.seen.facts, without)].append(one)
    return list(groups.values())


def _partner(coarse: _Looked, group: Sequence[_Looked]) -> _Looked | None:
    """The run that looked most often, of those that are most alike."""
    denser = [
        one
        for one in group
        if len(one.curve) > 1 and _ratio(coarse.cadence, one.cadence) >= _LEAST_RATIO
    ]
    return min(
        denser,
        key=lambda one: (len(_unlike(coarse, one)), one.cadence, -len(one.curve)),
        default=None,
    )


def _ratio(coarse: float, dense: float) -> int:
    return round(min(coarse / dense, _MOST_RATIO))


def _unlike(one: _Looked, other: _Looked) -> list[str]:
    """What two runs of one setting differ in, besides how often they looked."""
    first, second = one.seen.facts, other.seen.facts
    return [
        *differences_in_words(dict(replicate_of(first)), dict(replicate_of(second))),
        *differences_in_words(dict(blocks_of(first)), dict(blocks_of(second))),
    ]


def _unpartnered(alone: Sequence[_Looked]) -> Iterator[Finding]:
    if not alone:
        return
    often = sorted({one.cadence for one in alone})
    yield Finding.unknown(
        NAME,
        f"No run of the same setting was looked at more often than {_names(alone)} "
        f"(every {listed([f'{x:,.6g}' for x in often])} {alone[0].x_name}): what happened "
        "between their looks, and before the first, is not known.",
        keys=tuple(sorted({one.key for one in alone})),
        x_name=alone[0].x_name,
        runs=tuple(one.seen.facts.run for one in alone),
        next_step="Run one of them again, equal in everything else, and look more often.",
    )


def _names(looked: Sequence[_Looked]) -> str:
    return listed([one.name for one in looked])


def _beside(coarse: _Looked, dense: _Looked) -> Iterator[Finding]:
    common = {
        "keys": (coarse.key,),
        "x_name": coarse.x_name,
        "runs": (coarse.seen.facts.run, dense.seen.facts.run),
    }
    yield _fall_over(coarse, dense).with_(**common)
    for found in _phases(coarse, dense):
        yield found.with_(**common)


def _partner_words(coarse: _Looked, dense: _Looked) -> str:
    unlike = _unlike(coarse, dense)
    if not unlike:
        matched = "matched with it in everything but how often it looked"
    else:
        matched = f"of the same setting, but {listed(unlike)}"
    if coarse.x_name == STEPS:
        return matched
    return f"{matched}; {coarse.x_name} stand for optimizer steps, which were not logged"


def _fall_over(coarse: _Looked, dense: _Looked) -> Finding:
    first = float(coarse.curve.x[0])
    until = min(float(coarse.curve.x[-1]), float(dense.curve.x[-1]))
    points, largest = equal_looks(coarse.curve, dense.curve)
    numbers: dict[str, Any] = {
        "first_look": first,
        "dense_first_look": float(dense.curve.x[0]),
        "common_range": [first, until] if first <= until else None,
        "cadence": coarse.cadence,
        "dense_cadence": dense.cadence,
        "points_in_common": points,
        "largest_difference": largest,
        "unlike": _unlike(coarse, dense),
    }
    told = {"label": "fall_over", "numbers": numbers}
    began = float(dense.curve.x[0])
    if until < first:
        why = f"{coarse.name} looked first at {first:,.6g}, and the earlier of both ends at "
        shared = f"{until:,.6g}: they share no stretch of {coarse.x_name}."
        return Finding.unknown(NAME, f"{why}{shared}", **told)
    if began >= first:
        why = f"{coarse.name} looked first at {first:,.6g}, {dense.name} no earlier: "
        return Finding.unknown(NAME, f"{why}what came before is not known of either.", **told)
    found = share_before(dense.curve, first, until)
    noise = feature_of(dense.curve, "noise_sd")
    if found is None:
        where = f"from {first:,.6g}, where {coarse.name} looked first, to {until:,.6g}"
        why = f"{dense.name} was never below its first value {where}: no fall to be over is left."
        return Finding.absent(NAME, why, **told)
    share, fall = found
    numbers |= {"share": share, "fall": fall, "noise_sd": noise.value}
    if noise.value is None:
        return Finding.unknown(NAME, f"The noise of {dense.name}: {noise.note}.", **told)
    return _judged(coarse, dense, share, fall, noise.value, numbers)


def _judged(
    coarse: _Looked, dense: _Looked, share: float, fall: float, noise: float, numbers: Any
) -> Finding:
    limit = coarse.seen.thresholds
    began = place(numbers["dense_first_look"], dense.x_name)
    over = f"{share:.0%}" if share > 0 else "Nothing"
    sentence = (
        f"{over} of the fall that {dense.name} shows since {began} "
        f"({number(fall)}; noise sd {number(noise)}) was over when {coarse.name} looked first, "
        f"at {numbers['first_look']:,.6g}. {dense.name} is {_partner_words(coarse, dense)}."
        f"{_alone_words(coarse, dense, numbers)}{_equal_words(coarse, dense, numbers)}"
    )
    told = {
        "label": "fall_over",
        "numbers": numbers,
        "steps": (numbers["dense_first_look"], numbers["first_look"]),
    }
    if fall <= limit[NOISE_SDS.name] * noise:
        return Finding.absent(
            NAME, f"{sentence} The fall is within {limit[NOISE_SDS.name]:g} noise sd.", **told
        )
    if share < limit[SHARE.name]:
        return Finding.absent(NAME, sentence, **told)
    return Finding.found(
        NAME,
        sentence,
        next_step=f"Look at least every {dense.cadence:,.6g} {dense.x_name} while it falls.",
        **told,
    )


def _alone_words(coarse: _Looked, dense: _Looked, numbers: Any) -> str:
    """Say where one look is all that both have: its value is then the lowest by definition."""
    first, until = numbers["common_range"]
    if first < until:
        return ""
    ended = coarse if coarse.curve.x[-1] <= until else dense
    return f" {ended.name} has no value behind that look: all of the fall up to it counts as over."


def _equal_words(coarse: _Looked, dense: _Looked, numbers: Any) -> str:
    """Say whether two runs that should be equal are: looking must not change the training."""
    points, largest = numbers["points_in_common"], numbers["largest_difference"]
    if not points or numbers["unlike"]:
        return ""
    where = f"At the {counted(points, 'point')} that both have, "
    if largest == 0:
        return f" {where}their values are equal."
    return (
        f" {where}their values differ by up to {number(largest)}: looking changed the training, "
        "or something that was not recorded did."
    )


def _phases(coarse: _Looked, dense: _Looked) -> Iterator[Finding]:
    """Say what the coarse run's cadence hides of the dense curve, and what it makes of it."""
    first, until = _common(coarse.curve, dense.curve)
    shared = int(np.count_nonzero((coarse.curve.x >= first) & (coarse.curve.x <= until)))
    every = _ratio(coarse.cadence, dense.cadence)
    limit = dense.seen.thresholds
    delta = delta_of(dense.curve, limit)
    numbers: dict[str, Any] = {"coarse_points": shared, "every": every, "delta": delta}
    why = None
    if shared < LEAST_COARSE or len(dense.curve) < every * LEAST_COARSE:
        shown = min(shared, len(dense.curve) // every)
        why = (
            f"{coarse.name} and {dense.name} share {counted(shown, 'coarse point')}: they share "
            f"too little to tell (at least {LEAST_COARSE} are needed)."
        )
    elif len(dense.curve) > _MOST_LOOKS:
        why = f"{dense.name} has {len(dense.curve):,} looks; at most {_MOST_LOOKS:,} are thinned."
    elif delta is None:
        why = f"{dense.name} never fell below its first value: no rise can be set beside a fall."
    if why is not None or delta is None:
        for label in ("hidden", "made"):
            yield Finding.unknown(NAME, why or "", label=label, numbers=numbers)
        return
    own = int(np.abs(dense.curve.x - coarse.curve.x[0]).argmin()) % every
    more = limit[MORE_ROUGHNESS.name]
    found = thinning(dense.curve, every, delta, created=more, own_phase=own)
    turns = turning_points(dense.curve)
    numbers |= {
        **found.as_dict(),
        "coarse_roughness": _finite(rises_over_falls(coarse.curve)),
        "turning_points": None if turns is None else {**asdict(turns), "z": turns.z},
    }
    yield _hidden(coarse, dense, found, numbers)
    yield _made(coarse, dense, found, numbers)


def _common(one: Curve, other: Curve) -> tuple[float, float]:
    return (
        max(float(one.x[0]), float(other.x[0])),
        min(float(one.x[-1]), float(other.x[-1])),
    )


def _every(dense: _Looked, every: int, verb: str = "looking") -> str:
    return f"{verb} every {dense.cadence * every:,.6g} {dense.x_name}"


def _hidden(coarse: _Looked, dense: _Looked, found: Thinning, numbers: Any) -> Finding:
    told = {"label": "hidden", "numbers": numbers}
    rises = counted(found.excursions, "rise")
    size = f"of at least {number(found.delta)}"
    if not found.excursions:
        return Finding.absent(NAME, f"{dense.name} has no rise {size} that could hide.", **told)
    own = "also" if found.own.phase in found.hidden else "not"
    sentence = (
        f"{dense.name} has {rises} {size}; {_every(dense, found.every)} would have hidden "
        f"{'it' if found.excursions == 1 else 'all of them'} in {len(found.hidden)} of "
        f"{found.every} phases, {own} in the one that {coarse.name} would have had, and shown "
        f"fewer in {len(found.fewer)}. {dense.name} is {_partner_words(coarse, dense)}."
    )
    if not _is_much(dense, found, found.hidden):
        return Finding.absent(NAME, sentence, **told)
    return Finding.found(
        NAME, sentence, next_step="Take no smooth curve at this cadence for a smooth run.", **told
    )


def _made(coarse: _Looked, dense: _Looked, found: Thinning, numbers: Any) -> Finding:
    own = found.own
    rough = "only rising" if own.roughness is None else f"roughness {number(own.roughness)}"
    looking = _every(dense, found.every, "Looking")
    sentence = (
        f"{looking} would have made {dense.name} look rougher than its whole curve is in "
        f"{len(found.rescaled)} of {found.every} phases, and than it is on the same range in "
        f"{len(found.created)}. In the phase that {coarse.name} would have had: {rough} over "
        f"{_percent(own.y_share)} of the range of values ({coarse.name} itself has "
        f"{number(numbers['coarse_roughness'])}), against "
        f"{number(found.roughness)} of the whole and {number(own.dense_roughness)} of the same "
        f"range. {dense.name} is {_partner_words(coarse, dense)}."
    )
    told = {"label": "made", "numbers": numbers}
    phases = sorted({*found.created, *found.rescaled})
    if not _is_much(dense, found, phases):
        return Finding.absent(NAME, sentence, **told)
    return Finding.found(
        NAME,
        sentence,
        next_step="Take no irregular curve at this cadence for an irregular run.",
        **told,
    )


def _is_much(dense: _Looked, found: Thinning, phases: Sequence[int]) -> bool:
    share = len(phases) / found.every
    return found.own.phase in phases or share >= dense.seen.thresholds[PHASES.name]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


LOOKED_TOO_COARSELY = ComparisonRule(
    name=NAME,
    version=3,
    section="9.2",
    meaning="Whether a run was looked at too seldom to show what it did: the fall over before "
    "the first look, rises hidden, or an irregular look made by the cadence alone.",
    compare=_compare,
    thresholds=(SHARE, NOISE_SDS, PHASES, MORE_ROUGHNESS, DELTA, OWN_DELTA),
    labels={
        "fall_over": "Most of the fall was over before the first look.",
        "hidden": "The cadence hides rises that a denser run shows.",
        "made": "The cadence makes a curve look irregular that is not.",
    },
    roles=("eval_loss",),
)

COMPARISONS = (LOOKED_TOO_COARSELY,)
