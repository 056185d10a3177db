"""A loss that has stopped moving.

Over the last third of a curve, of at least eight points, three things hold: Kendall's one-sided
test in the direction in which the third moves has p >= .05; the change that Theil and Sen's slope
makes of the third is at most two noise sds; and the points' own sd is at most two noise sds, since
a curve that wanders up and down has no trend and still moves. The noise sd is METHOD 9.2's, of
that third. Nothing is said of what came before it: the step that is named is the first of the
third, and the curve may have stood still for longer. A curve of more than 120 points is first
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
MOST_STRETCHES = 120  # forty in the last third, whose pairs take a millisecond
ROUNDING = 1e-12  # of the values: equal ones have no sd but for it
_ROLES = ("eval_loss", "train_loss")
_NEXT = (
    "At this learning rate more of the same training is not shown to change it: lower the rate, "
    "or stop. A rate that is about to warm up or to decay may still move it."
)


@dataclass(frozen=True, slots=True)
class _Still:
    """What the last third of one curve shows."""

    key: str
    x_name: str
    n: int
    """Points that were looked at."""
    stretch: int
    """Points that were averaged into one."""
    tested: Trend
    change: float
    """Slope times the length of the third."""
    noise_sd: float
    sd: float
    is_level: bool
    """Whether the third itself shows no movement."""
    since: float
    until: float
    range: float
    """Of the whole curve: largest minus smallest value."""
    behind: Movement | None = None
    """What the rule overfitting tests of it, within the third and where that is a trend."""

    @property
    def is_still(self) -> bool:
        """Whether no test shows a movement."""
        return self.is_level and self.behind is None

    def as_dict(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "stretch": self.stretch,
            "window": self.tested.points,
            "p": self.tested.p,
            "p_method": self.tested.method,
            "tau": self.tested.tau,
            "slope": self.tested.slope,
            "change": self.change,
            "noise_sd": self.noise_sd,
            "sd": self.sd,
            "since": self.since,
            "p_of_evaluations": self.behind.p if self.behind else None,
            "share_of_range": abs(self.change) / self.range if self.range else None,
        }

    def __str__(self) -> str:
        whole = self.tested.points * self.stretch
        averaged = f", averaged to {self.tested.points}" if self.stretch > 1 else ""
        last = f"over its last {whole:,} points{averaged} (from {place(self.since, self.x_name)})"
        by = (
            f"by {number(self.change)}, sd {number(self.sd)} (noise sd {number(self.noise_sd)}, "
            f"p = {number(self.tested.p)})"
        )
        if not self.is_level:
            return f"{self.key} moves: {by} {last}"
        still = f"{self.key} shows no movement beyond noise {last}: {by}"
        if self.behind is None:
            return still
        turned = "rises" if self.behind.rises else "falls"
        points = counted(self.behind.points, "point")
        return f"{still}; but by evaluations it {turned} ({points}, p = {number(self.behind.p)})"


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
    if not any(isinstance(found, _Still) and found.is_level for found in looked.values()):
        return looked
    pair = pair_of(seen)
    if isinstance(pair, Finding) or len(pair.curve) < seen.thresholds[LEAST_EVALUATIONS.name]:
        return looked
    return {
        role: _beside(seen, pair, role, found)
        if isinstance(found, _Still) and found.is_level
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
    told = {role: found for role, found in looked.items() if isinstance(found, _Still)}
    if not told:
        return Finding.unknown(NAME, sentence, keys=tuple(keys.values()))
    return _told(told, sentence if seen.facts.is_over else f"So far: {sentence}")


def _told(told: Mapping[str, _Still], sentence: str) -> Finding:
    still = [role for role, found in told.items() if found.is_still]
    finding = Finding.absent(
        NAME,
        sentence,
        keys=tuple(found.key for found in told.values()),
        numbers={role: found.as_dict() for role, found in told.items()},
    )
    if not still:
        return finding
    first = told[still[0]]
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
    window = curve.at(slice(-size, None))
    tested, noise = moving(window), feature_of(window, "noise_sd").value
    with np.errstate(over="ignore", invalid="ignore"):
        change = (tested.slope or 0.0) * float(window.x[-1] - window.x[0])
        sd, spread = float(np.std(window.values, ddof=1)), float(np.ptp(curve.values))
    if noise is None or tested.slope is None or not np.isfinite([change, sd, spread]).all():
        return f"{key}: the values are too large to compute with"
    bound = seen.thresholds[NOISE_SDS.name] * noise + ROUNDING * float(np.abs(window.values).max())
    return _Still(
        key=key,
        x_name=seen.x_name(key),
        n=len(curve) * stretch,
        stretch=stretch,
        tested=tested,
        change=change,
        noise_sd=noise,
        sd=sd,
        is_level=tested.p >= seen.thresholds[ALPHA.name] and max(abs(change), sd) <= bound,
        since=float(whole.x[(len(curve) - size) * stretch]),
        until=float(window.x[-1]),
        range=spread,
    )


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
        version=3,
        section="findings.md",
        meaning="Whether the evaluation loss or the training loss has stopped moving: it shows no "
        "movement beyond its noise over its last third.",
        watch=Plateau,
        thresholds=(ALPHA, NOISE_SDS, LEAST_WINDOW, EVALUATIONS_ALPHA, LEAST_EVALUATIONS),
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
