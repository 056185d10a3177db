"""How seldom a run could have been looked at and still have shown what it shows.

A cadence m times the run's own still shows it where in every phase, v[phi::m]:

1. the excursions are the same: as many, each overlapping the dense one of its number in x,
2. the fall shows: less than half of it was over at the phase's first look (asked only where
   the fall exceeds 2 noise sds, as `looked_too_coarsely` does),
3. the lowest value that was looked at lies within delta of the dense curve's lowest,
4. nothing is made: the roughness is not beyond the dense curve's by more than .25, neither
   the whole curve's nor that of the same range.

The answer is the largest m for which this holds and holds for every smaller m that was tried
as well: one that holds by luck above one that does not is not promised. It is one run's
answer: another seed's curve may ask for more.

Source: METHOD 9.2 (excursions, created fraction, looked too coarsely); the four conditions
together are ours (docs/reference/findings.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.cadences import (
    DELTA,
    MORE_ROUGHNESS,
    NOISE_SDS,
    OWN_DELTA,
    SHARE,
    cadence_of,
    delta_of,
    share_before,
)
from paribus_sweeps.analysis.findings.excursions import (
    DELTA_SHARE,
    LEAST_COARSE,
    Excursion,
    excursions,
    rises_over_falls,
    shown,
    usual_delta,
)
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Rule, Seen, each_time
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.words import counted

NAME = "coarsest_cadence"
_MOST_POINTS = 2_000  # looks of one run; of a smooth one the search takes a second then
_EVEN = 0.1  # share of the intervals that may differ from the usual one
_ROUNDING = 1e-9  # of an interval that is the usual one

LOST = {
    "excursions": "rises are lost, or look otherwise",
    "fall": "most of the fall is over before the first look",
    "lowest": "the lowest value is missed by delta or more",
    "created": "the curve looks irregular and is not",
}
"""What a cadence loses → in words."""


@dataclass(frozen=True, slots=True)
class _Dense:
    curve: Curve
    delta: float
    rises: tuple[Excursion, ...]
    roughness: float
    asks_for_fall: bool
    limits: Thresholds

    @classmethod
    def of(cls, curve: Curve, delta: float, limits: Thresholds) -> _Dense:
        fall = (usual_delta(curve) or 0.0) / DELTA_SHARE
        noise = feature_of(curve, "noise_sd").value or 0.0
        rises = excursions(curve, delta)
        asks = fall > limits[NOISE_SDS.name] * noise
        return cls(curve, delta, rises, rises_over_falls(curve), asks, limits)

    def lost(self, every: int, phase: int) -> str | None:
        """Return what one phase does not show any more, or None."""
        left = shown(self.curve, every, phase)
        if not _alike(self.rises, excursions(left, self.delta)):
            return "excursions"
        if self.asks_for_fall and self._is_late(left):
            return "fall"
        if float(left.values.min()) - float(self.curve.values.min()) >= self.delta:
            return "lowest"
        same = self.curve.at(slice(phase, phase + every * (len(left) - 1) + 1))
        return "created" if self._is_rougher(left, same) else None

    def _is_rougher(self, left: Curve, same: Curve) -> bool:
        limit, coarse = self.limits[MORE_ROUGHNESS.name], rises_over_falls(left)
        return coarse - rises_over_falls(same) > limit or coarse - self.roughness > limit

    def _is_late(self, left: Curve) -> bool:
        share = share_before(self.curve, float(left.x[0]), float(self.curve.x[-1]))
        return share is not None and share[0] >= self.limits[SHARE.name]


def _alike(dense: tuple[Excursion, ...], left: tuple[Excursion, ...]) -> bool:
    return len(dense) == len(left) and all(
        a.trough_x <= b.peak_x and b.trough_x <= a.peak_x for a, b in zip(dense, left, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Coarsest:
    """The coarsest cadence that still shows it, in multiples of the run's own."""

    every: int
    """1: none but its own."""
    failed: int | None
    """The first that does not; None where the run has too few points to try more."""
    lost: str | None
    """What it loses first: one of `LOST`."""
    lost_phases: int
    """In how many of its phases it loses that."""


def coarsest(curve: Curve, delta: float, limits: Thresholds) -> Coarsest:
    """Return the coarsest cadence that shows in all phases what a dense curve shows.

    Args:
        curve: Looked at evenly, better when lower.
        delta: From which a rise counts.
        limits: Thresholds of `looked_too_coarsely`.
    """
    dense = _Dense.of(curve, delta, limits)
    best = 1
    for every in _tried(len(curve) // LEAST_COARSE):
        first = next((w for p in range(every) if (w := dense.lost(every, p))), None)
        if first is not None:
            phases = sum(dense.lost(every, phase) == first for phase in range(every))
            return Coarsest(best, every, first, phases)
        best = every
    return Coarsest(best, None, None, 0)


def _tried(most: int) -> Iterator[int]:
    """Yield every m below 100, and from there those of two digits: 110, 120 … 1,100."""
    every = 2
    while every <= most:
        yield every
        every += 10 ** max(0, len(str(every)) - 2)


def _look(seen: Seen) -> Finding:
    key = seen.key("eval_loss")
    if key is None:
        return Finding.unknown(NAME, seen.missing("eval_loss"))
    if not seen.facts.is_over:
        goes_on = "The run goes on: how often one must look at it is told when it is over."
        return Finding.unknown(NAME, goes_on, keys=(key,))
    curve = seen.curve(key)
    told: dict[str, Any] = {"keys": (key,), "x_name": seen.x_name(key)}
    delta = delta_of(curve, seen.thresholds)
    why = _refusal(curve)
    if why is None and delta is None:
        why = f"{key} never fell below its first value: there is no fall to be shown."
    if why is not None or delta is None:
        return Finding.unknown(NAME, why or "", **told)
    return _told(coarsest(curve, delta, seen.thresholds), curve, delta, told)


def _refusal(curve: Curve) -> str | None:
    least = 2 * LEAST_COARSE
    if len(curve) < least:
        return f"{counted(len(curve), 'look')}; a coarser cadence needs at least {least}."
    if len(curve) > _MOST_POINTS:
        return f"{len(curve):,} looks; at most {_MOST_POINTS:,} are searched."
    with np.errstate(over="ignore"):
        gaps = np.diff(curve.x)
    usual = np.median(gaps[:-1])
    if gaps[-1] < usual:
        gaps = gaps[:-1]  # a Trainer looks at its last step, wherever that is
    if np.mean(np.abs(gaps - usual) > _ROUNDING * usual) > _EVEN:
        return "The looks are not evenly spaced: there is no cadence to take multiples of."
    return None


def _told(found: Coarsest, curve: Curve, delta: float, told: dict[str, Any]) -> Finding:
    own = cadence_of(curve) or 0.0
    numbers = {
        "own_cadence": own,
        "coarsest_cadence": own * found.every,
        "every": found.every,
        "looks": len(curve),
        "looks_enough": len(curve) // found.every,
        "delta": delta,
        "first_failing_cadence": None if found.failed is None else own * found.failed,
        "lost": found.lost,
        "lost_phases": found.lost_phases,
    }
    told = {**told, "numbers": numbers, "steps": (float(curve.x[0]), float(curve.x[-1]))}
    lost = _lost_words(found, own)
    if found.every == 1:
        sentence = (
            f"No coarser cadence shows all that every {own:,.6g} {told['x_name']} does{lost}"
        )
        return Finding.absent(NAME, sentence, **told)
    return Finding.found(
        NAME,
        f"Looking every {own * found.every:,.6g} {told['x_name']} would still have shown in "
        f"every phase what looking every {own:,.6g} did, with {len(curve) // found.every:,} "
        f"looks in place of {len(curve):,}{lost}",
        next_step=f"Look every {own * found.every:,.6g} in runs like this one, if looking costs.",
        **told,
    )


def _lost_words(found: Coarsest, own: float) -> str:
    if found.failed is None or found.lost is None:
        return f"; beyond it fewer than {LEAST_COARSE} looks are left to tell by."
    return (
        f": at every {own * found.failed:,.6g}, {LOST[found.lost]} in {found.lost_phases} of "
        f"{found.failed} phases."
    )


COARSEST_CADENCE = Rule(
    name=NAME,
    version=2,
    section="findings.md",
    meaning="The coarsest cadence that would still have shown, in every phase, what the run "
    "shows: its rises, its fall and its lowest value, and nothing that it does not.",
    watch=each_time(_look),
    thresholds=(SHARE, NOISE_SDS, MORE_ROUGHNESS, DELTA, OWN_DELTA),
    roles=("eval_loss",),
    source="METHOD 9.2 has the parts; that all of them must hold in every phase is ours.",
    is_heuristic=True,
)

RULES = (COARSEST_CADENCE,)
