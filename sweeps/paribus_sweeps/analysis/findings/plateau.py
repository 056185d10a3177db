"""A loss that has stopped moving.

Over the last third of a curve, of at least eight points, three things hold: Kendall's one-sided
test in the direction in which the third moves has p >= .05; the change that Theil and Sen's slope
makes of the third is at most two noise sds; and the points' own sd is at most two noise sds, since
a curve that wanders up and down has no trend and still moves. The noise sd is METHOD 9.2's, of
that third.

Noise can make these three hold for a curve that goes on falling as before. So the third stands
still only where its noise would hide little: the change that the slope makes of it, and 1.645
standard errors of that change more (one-sided 95 %, independent noise around a line), are at most
a tenth of the whole curve's range, where a straight line would move by a third. Otherwise the rule
cannot tell, and says what would stay hidden. A curve of which the three hold from its first point
to its last has never moved, and stands still whatever its noise.

Nothing is said of what came before the third: the step that is named is its first, and the curve
may have stood still for longer. A curve of more than 120 points is first
averaged over at most 120 stretches of equally many, from its first point on; what comes behind the
last whole stretch, fewer points than in each of the others, waits until its own is full. Of the
training loss, that of every step is taken where it has more points than the logged one.

What the rule overfitting calls rising or falling is no plateau as well: its points (evaluations
after the best one, and training averaged between them) that lie in the third, four or more, have
no trend either at its own level. `flat` of that rule is another thing: it looks at what comes
after the best evaluation, asks for a worsening only, and does not bound how far the curve moved.

Source: ours, of METHOD's parts. No test shows that a curve stands still, so its movement is
bounded as well; the third criterion is von Neumann's ratio of successive differences to the
variance, Annals of Mathematical Statistics 12 (1941) 367.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.after_best import Pair, trend_behind
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.overfitting import ALPHA as EVALUATIONS_ALPHA
from paribus_sweeps.analysis.findings.overfitting import LEAST_EVALUATIONS, pair_of
from paribus_sweeps.analysis.findings.rule import Rule, Seen, place
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.findings.trends import Movement, Trend, moving
from paribus_sweeps.analysis.words import counted, number

NAME = "plateau"
ALPHA = Threshold(
    "plateau.alpha",
    0.05,
    "Ours, a rule of thumb: level of Kendall's one-sided test, as METHOD 9.3 has for its own. The "
    "direction is that of the curve, so that a tenth of those that stand still is not told.",
    high=1.0,
)
NOISE_SDS = Threshold(
    "plateau.noise_sds",
    2.0,
    "Ours, a rule of thumb: noise sds that a curve may move and still stand still, as METHOD 9.2 "
    "and 9.3 have for a fall and a rise that count.",
)
LEAST_WINDOW = Threshold(
    "plateau.least_window",
    8,
    "Ours, a rule of thumb: points that the last third must have. The slope's own standard error "
    "then moves the third by about 1.2 noise sds, which two still contain.",
    low=5,  # the noise sd needs as many
)
HIDDEN = Threshold(
    "plateau.hidden",
    0.1,
    "Ours, a rule of thumb: share of the curve's range that noise may hide in the last third. A "
    "straight line moves by a third of its range there, so that one at a third of its former "
    "pace is still told.",
    high=1.0,
)
MOST_STRETCHES = 120  # forty in the last third, whose pairs take a millisecond
ROUNDING = 1e-12  # of the values: equal ones have no sd but for it
ONE_SIDED = 1.645  # standard errors: the normal distribution's 95 % point
_ROLES = ("eval_loss", "train_loss")
_NEXT = (
    "At this learning rate more of the same training is not shown to change it: lower the rate, "
    "or stop. A rate that is about to warm up or to decay may still move it."
)
_TO_LEARN_MORE = "A longer run, or a loss over more examples a point, has less noise to hide it."


@dataclass(frozen=True, slots=True)
class _Moved:
    """How far a stretch of a curve moved, beside its noise."""

    tested: Trend
    change: float
    """Slope times its length."""
    noise_sd: float
    sd: float
    hidden: float
    """The largest change that noise would not let one see: an upper bound of its size."""
    is_level: bool
    """Whether it shows no movement."""


@dataclass(frozen=True, slots=True)
class _Still:
    """What the last third of one curve shows."""

    key: str
    x_name: str
    n: int
    """Points that were looked at."""
    stretch: int
    """Points that were averaged into one."""
    third: _Moved
    since: float
    until: float
    range: float
    """Of the whole curve: largest minus smallest value."""
    has_moved: bool
    """Whether the whole curve shows a movement."""
    is_shown: bool
    """Whether the third's noise would hide little, or the curve never moved."""
    behind: Movement | None = None
    """What the rule overfitting tests of it, within the third and where that is a trend."""

    @property
    def is_still(self) -> bool:
        """Whether no test shows a movement, and one would have been seen."""
        return self.third.is_level and self.is_shown and self.behind is None

    @property
    def is_told(self) -> bool:
        """Whether it is known to stand still or to move."""
        return self.is_still or not self.third.is_level or self.behind is not None

    def as_dict(self) -> dict[str, Any]:
        third = self.third
        return {
            "n": self.n,
            "stretch": self.stretch,
            "window": third.tested.points,
            "p": third.tested.p,
            "p_method": third.tested.method,
            "tau": third.tested.tau,
            "slope": third.tested.slope,
            "change": third.change,
            "noise_sd": third.noise_sd,
            "sd": third.sd,
            "since": self.since,
            "p_of_evaluations": self.behind.p if self.behind else None,
            "range": self.range,
            "share_of_range": abs(third.change) / self.range if self.range else None,
            "hidden": third.hidden,
            "has_moved": self.has_moved,
        }

    def __str__(self) -> str:
        third = self.third
        whole = third.tested.points * self.stretch
        averaged = f", averaged to {third.tested.points}" if self.stretch > 1 else ""
        last = f"over its last {whole:,} points{averaged} (from {place(self.since, self.x_name)})"
        by = (
            f"by {number(third.change)}, sd {number(third.sd)} (noise sd "
            f"{number(third.noise_sd)}, p = {number(third.tested.p)})"
        )
        if not third.is_level:
            return f"{self.key} moves: {by} {last}"
        still = f"{self.key} shows no movement beyond noise {last}: {by}"
        if self.behind is None:
            return still if self.is_shown else f"{still}; {self._what_hides()}"
        turned = "rises" if self.behind.rises else "falls"
        points = counted(self.behind.points, "point")
        return f"{still}; but by evaluations it {turned} ({points}, p = {number(self.behind.p)})"

    def _what_hides(self) -> str:
        share = 100 * self.third.hidden / self.range
        return (
            f"but this noise would hide a movement of up to {number(self.third.hidden)}, "
            f"{share:.0f} % of all that the curve spans, so it may still be going on"
        )


class Plateau:
    """What was seen of one run's curves; looked at anew once another stretch is full."""

    def __init__(self) -> None:
        self._looks: dict[str, tuple[tuple[object, ...], _Still | str]] = {}

    def tell(self, seen: Seen) -> Finding:
        """Say whether the evaluation loss or the training loss has stopped moving by now."""
        found = {"eval_loss": seen.key("eval_loss"), "train_loss": _train_key(seen)}
        keys = {role: key for role, key in found.items() if key is not None}
        if not keys:
            return Finding.unknown(NAME, seen.missing("eval_loss"))
        looked = {role: self._look(seen, key) for role, key in keys.items()}
        return _said(seen, keys, _beside_evaluations(seen, looked))

    def _look(self, seen: Seen, key: str) -> _Still | str:
        whole = seen.curve(key)
        size = _stretch(whole)
        mark = (key, seen.x_key(key), size, len(whole) // size, dict(seen.thresholds.values))
        known, found = self._looks.get(key, ((), ""))
        if known != mark or not seen.goes_on(key):
            found = _look(seen, key)
            self._looks[key] = (mark if seen.goes_on(key) else ()), found
        return found


def plateau(seen: Seen) -> Finding:
    """Say whether the evaluation loss or the training loss has stopped moving."""
    return Plateau().tell(seen)


def _train_key(seen: Seen) -> str | None:
    """Return the key of the training loss that has more points; the named one where one is."""
    key, of_steps = seen.key("train_loss"), seen.key("step_loss")
    if of_steps is None or "train_loss" in seen.named:
        return key
    is_denser = key is None or len(seen.history[of_steps]) > len(seen.history[key])
    return of_steps if is_denser else key


def _beside_evaluations(
    seen: Seen, looked: Mapping[str, _Still | str]
) -> Mapping[str, _Still | str]:
    """Hold what stands still beside what the rule overfitting tests of it."""
    if not any(isinstance(found, _Still) and found.third.is_level for found in looked.values()):
        return looked
    pair = pair_of(seen)
    if isinstance(pair, Finding) or len(pair.curve) < seen.thresholds[LEAST_EVALUATIONS.name]:
        return looked
    return {
        role: _beside(seen, pair, role, found)
        if isinstance(found, _Still) and found.third.is_level
        else found
        for role, found in looked.items()
    }


def _beside(seen: Seen, pair: Pair, role: str, found: _Still) -> _Still:
    shares_x = seen.x_key(*pair.keys) == seen.x_key(found.key)
    since = found.since if shares_x else -math.inf
    tested = trend_behind(pair, since, of_train=role == "train_loss")
    if tested is None or tested.p >= seen.thresholds[EVALUATIONS_ALPHA.name]:
        return found
    return replace(found, behind=tested)


def _said(seen: Seen, keys: Mapping[str, str], looked: Mapping[str, _Still | str]) -> Finding:
    sentence = "; ".join(str(found) for found in looked.values())
    known = {role: found for role, found in looked.items() if isinstance(found, _Still)}
    if any(found.is_told for found in known.values()):
        return _told(known, sentence if seen.facts.is_over else f"So far: {sentence}")
    return Finding.unknown(
        NAME,
        sentence,
        keys=tuple(keys.values()),
        numbers={role: found.as_dict() for role, found in known.items()},
        next_step=_TO_LEARN_MORE if known else None,
    )


def _told(known: Mapping[str, _Still], sentence: str) -> Finding:
    still = [role for role, found in known.items() if found.is_still]
    finding = Finding.absent(
        NAME,
        sentence,
        keys=tuple(found.key for found in known.values()),
        numbers={role: found.as_dict() for role, found in known.items()},
    )
    if not still:
        return finding
    first = known[still[0]]
    return finding.with_(
        status="found",
        label="both" if len(still) == len(_ROLES) else still[0],
        steps=(first.since, first.until),
        x_name=first.x_name,
        next_step=_NEXT,
    )


def _look(seen: Seen, key: str) -> _Still | str:
    """Look at one curve; a text says why it cannot be told."""
    whole = seen.curve(key)
    curve, stretch = _averaged(whole)
    size, least = len(curve) // 3, int(seen.thresholds[LEAST_WINDOW.name])
    if size < least:
        return f"{key}: too few values ({len(curve):,}, and at least {3 * least} are needed)"
    third = _moved(seen, curve.at(slice(-size, None)))
    with np.errstate(over="ignore"):
        spread = float(np.ptp(curve.values))
    if third is None or not math.isfinite(spread):
        return f"{key}: the values are too large to compute with"
    is_seen = third.hidden <= seen.thresholds[HIDDEN.name] * spread + _rounding(curve)
    has_moved = _has_moved(seen, curve)
    return _Still(
        key=key,
        x_name=seen.x_name(key),
        n=len(curve) * stretch,
        stretch=stretch,
        third=third,
        since=float(whole.x[(len(curve) - size) * stretch]),
        until=float(curve.x[-1]),
        range=spread,
        has_moved=has_moved,
        is_shown=is_seen or not has_moved,
    )


def _has_moved(seen: Seen, curve: Curve) -> bool:
    moved = _moved(seen, curve)
    return moved is None or not moved.is_level


def _moved(seen: Seen, curve: Curve) -> _Moved | None:
    """Test a curve for movement; None where its values are too large to compute with."""
    tested, noise = moving(curve), feature_of(curve, "noise_sd").value
    length = float(curve.x[-1] - curve.x[0])
    with np.errstate(over="ignore", invalid="ignore"):
        change = (tested.slope or 0.0) * length
        sd = float(np.std(curve.values, ddof=1))
    if noise is None or tested.slope is None or not np.isfinite([change, sd]).all():
        return None
    bound = seen.thresholds[NOISE_SDS.name] * noise + _rounding(curve)
    error = noise * length / math.sqrt(float(np.sum((curve.x - curve.x.mean()) ** 2)))
    return _Moved(
        tested=tested,
        change=change,
        noise_sd=noise,
        sd=sd,
        hidden=abs(change) + ONE_SIDED * error,
        is_level=tested.p >= seen.thresholds[ALPHA.name] and max(abs(change), sd) <= bound,
    )


def _rounding(curve: Curve) -> float:
    return ROUNDING * float(np.abs(curve.values).max())


def _stretch(curve: Curve) -> int:
    """Return how many points are averaged into one."""
    return max(1, math.ceil(len(curve) / MOST_STRETCHES))


def _averaged(curve: Curve) -> tuple[Curve, int]:
    """Return at most `MOST_STRETCHES` means of equally many points, and of how many."""
    size = _stretch(curve)
    kept = slice(len(curve) // size * size)
    parts = curve.values[kept].reshape(-1, size) / size  # divided first: sums may overflow
    return replace(curve, x=curve.x[kept][size - 1 :: size], values=parts.sum(axis=1)), size


RULES: tuple[Rule, ...] = (
    Rule(
        name=NAME,
        version=4,
        section="findings.md",
        meaning="Whether the evaluation loss or the training loss has stopped moving: it shows no "
        "movement beyond its noise over its last third, and its noise would hide little.",
        watch=Plateau,
        thresholds=(ALPHA, NOISE_SDS, HIDDEN, LEAST_WINDOW, EVALUATIONS_ALPHA, LEAST_EVALUATIONS),
        labels={
            "eval_loss": "The evaluation loss has stopped moving.",
            "train_loss": "The training loss has stopped moving.",
            "both": "Both have.",
        },
        roles=(*_ROLES, "step_loss"),
        source="ours, of METHOD 9.2 and 9.3 (Kendall, Theil and Sen, noise sd); von Neumann, "
        "Annals of Mathematical Statistics 12 (1941) 367 (sd beside noise sd)",
        is_heuristic=True,
    ),
)
