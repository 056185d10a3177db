"""Rises of a curve that are large enough to count, and what a coarser cadence makes of them.

    delta = usual_delta(curve)                     # 5 % of its fall
    excursions(curve, delta)                       # (Excursion(trough=0.4, peak=0.5, …),)
    thinning(curve, every=10, delta=delta)         # every phase: what it hides, what it makes

A dense curve that is irregular may look regular when it is looked at less often, and a dense
curve that is regular may look irregular: both are counted, over every phase in which the
coarse looks could have come.

On one range of x, thinning takes as much from the rises as from the falls, so a curve that
ends lower than it began never gets rougher by it. What looks rougher then is the chart: it
begins behind the fall, and a noisy plateau fills it. So a phase is also set beside the whole
dense curve (`rescaled`), and the two are told apart.

Source: METHOD 9.2; turning points: Kendall & Stuart, The Advanced Theory of Statistics,
vol. 3, 45.18.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve, thinned

DELTA_SHARE = 0.05  # METHOD 9.2: of the baseline's v_1 - min v
CREATED = 0.25  # METHOD 9.2: roughness beyond the dense curve's that the eye takes for irregular
LEAST_COARSE = 5  # METHOD 9.2: with fewer coarse points no fraction is given
_TOLERANCE = 1e-12  # METHOD 9.2: what is delta but for rounding is delta
_MOST_TOLERANCE = 1e-6  # of delta: a key whose values are themselves tiny keeps its hysteresis


@dataclass(frozen=True, slots=True)
class Excursion:
    """One rise from a trough to a peak that is at least delta high."""

    trough_x: float
    trough: float
    peak_x: float
    peak: float
    is_open: bool
    """The curve ended before it fell from the peak by delta."""

    @property
    def size(self) -> float:
        """Peak minus trough, in the key's unit."""
        return self.peak - self.trough


def usual_delta(curve: Curve, share: float = DELTA_SHARE) -> float | None:
    """Return a share of the fall from the first value to the lowest; None where it never fell."""
    if not len(curve):
        return None
    fall = float(curve.values[0]) - float(curve.values.min())
    return share * fall if 0 < fall < math.inf else None


def excursions(curve: Curve, delta: float) -> tuple[Excursion, ...]:
    """Return the upward excursions with hysteresis delta (zigzag), in the order of x.

    Args:
        curve: Of a key that is better when lower; else its negative.
        delta: Above 0, in the key's unit: one number for all curves that are compared.
    """
    return _excursions(curve.x.tolist(), curve.values.tolist(), delta)


def _excursions(x: Sequence[float], v: Sequence[float], delta: float) -> tuple[Excursion, ...]:
    found: list[Excursion] = []
    trough = peak = 0  # places
    is_up = False
    for at, value in enumerate(v):
        if not is_up and value < v[trough]:
            trough = at
        elif not is_up and _reaches(value - v[trough], delta):
            is_up, peak = True, at
        elif is_up and value > v[peak]:
            peak = at
        elif is_up and _reaches(v[peak] - value, delta):
            found.append(Excursion(x[trough], v[trough], x[peak], v[peak], False))
            is_up, trough = False, at
    if is_up:
        found.append(Excursion(x[trough], v[trough], x[peak], v[peak], True))
    return tuple(found)


def _reaches(move: float, delta: float) -> bool:
    return move >= delta - min(_TOLERANCE, delta * _MOST_TOLERANCE)


@dataclass(frozen=True, slots=True)
class TurningPoints:
    """How often a curve turns, beside what independent noise around one level would give."""

    count: int
    expected: float
    """2 (n - 2) / 3."""
    variance: float
    """(16 n - 29) / 90."""

    @property
    def z(self) -> float:
        """The count's distance from independent noise, in its sd; negative: smoother."""
        return (self.count - self.expected) / math.sqrt(self.variance)


def turning_points(curve: Curve) -> TurningPoints | None:
    """Return the sign changes of the differences that are not 0; None below 3 points."""
    n, v = len(curve), curve.values
    if n < 3:
        return None
    signs = (v[1:] > v[:-1]).astype(int) - (v[1:] < v[:-1])
    moved = signs[signs != 0]
    count = int(np.count_nonzero(moved[1:] != moved[:-1]))
    return TurningPoints(count, 2 * (n - 2) / 3, (16 * n - 29) / 90)


@dataclass(frozen=True, slots=True)
class PhaseLook:
    """The dense curve as a run would have shown it that looked at some of its points only."""

    phase: int
    """Place of the first point that stays, 0 to m - 1."""
    points: int
    excursions: int
    roughness: float | None
    """up / down of what stays; None where it never falls."""
    dense_roughness: float | None
    """up / down of the dense curve on the same range of x."""
    y_share: float | None
    """Span of the values that stay, as a share of the dense curve's; None where it has none."""
    is_created: bool
    """Rougher than the dense curve on the same range by more than `created`."""
    is_rescaled: bool
    """Rougher by as much than the whole dense curve, with the fall that the phase leaves out."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Thinning:
    """What every phase of one coarser cadence would have shown of a dense curve."""

    every: int
    """m: each so-manieth point stays."""
    delta: float
    excursions: int
    """Of the dense curve."""
    roughness: float | None
    """Of the whole dense curve."""
    phases: tuple[PhaseLook, ...]
    """0 to m - 1."""
    own_phase: int
    """The one that a real run would have had."""

    @property
    def own(self) -> PhaseLook:
        """What the phase shows that a real run would have had."""
        return self.phases[self.own_phase]

    @property
    def is_enough(self) -> bool:
        """Whether every phase has the five points below which no fraction is given."""
        return min(look.points for look in self.phases) >= LEAST_COARSE

    @property
    def hidden(self) -> tuple[int, ...]:
        """Phases that show no excursion, where the dense curve has one."""
        return self._where(lambda look: self.excursions > 0 and look.excursions == 0)

    @property
    def fewer(self) -> tuple[int, ...]:
        """Phases that show fewer excursions than the dense curve; those with none too."""
        return self._where(lambda look: look.excursions < self.excursions)

    @property
    def created(self) -> tuple[int, ...]:
        """Phases that are rougher than the dense curve on the same range."""
        return self._where(lambda look: look.is_created)

    @property
    def rescaled(self) -> tuple[int, ...]:
        """Phases that look rougher than the whole dense curve does."""
        return self._where(lambda look: look.is_rescaled)

    def _where(self, holds: Callable[[PhaseLook], bool]) -> tuple[int, ...]:
        return tuple(look.phase for look in self.phases if holds(look))

    def share(self, phases: Collection[int]) -> float | None:
        """Return the share of the phases; None where the points are too few for one."""
        return len(phases) / self.every if self.is_enough else None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        hides = self.excursions > 0
        return {
            "every": self.every,
            "phases": self.every,
            "delta": self.delta,
            "dense_excursions": self.excursions,
            "hidden_phases": list(self.hidden) if hides and self.is_enough else None,
            "hidden_fraction": self.share(self.hidden) if hides else None,
            "fewer_fraction": self.share(self.fewer) if hides else None,
            "created_phases": list(self.created) if self.is_enough else None,
            "created_fraction": self.share(self.created),
            "rescaled_phases": list(self.rescaled) if self.is_enough else None,
            "rescaled_fraction": self.share(self.rescaled),
            "dense_roughness": self.roughness,
            "own_phase": self.own.as_dict(),
        }


def thinning(
    curve: Curve,
    every: int,
    delta: float,
    *,
    created: float = CREATED,
    keep_last: bool = False,
    own_phase: int | None = None,
) -> Thinning:
    """Return what each phase of a coarser cadence would have shown.

    Args:
        curve: Looked at evenly, of a key that is better when lower; at least `every` points.
        every: m, at least 1.
        delta: One number for the dense curve and all its phases.
        created: Roughness beyond the dense curve's from which a phase counts as created.
        keep_last: Keep the dense curve's last point in every phase, as Trainer 5 looks at the
            last step whatever the cadence is.
        own_phase: The one that a real run would have had; m - 1 by default, as a run has that
            looks at steps m, 2m, … (METHOD 9.2).

    Raises:
        ValueError: There are fewer points than phases.
    """
    if not 1 <= every <= len(curve):
        raise ValueError(f"every {every}: expected 1 to {len(curve)}, the curve's points")
    whole = rises_over_falls(curve)
    kept = [shown(curve, every, phase, keep_last=keep_last) for phase in range(every)]
    looks = [_look(curve, whole, left, phase, delta, created) for phase, left in enumerate(kept)]
    return Thinning(
        every=every,
        delta=delta,
        excursions=len(excursions(curve, delta)),
        roughness=_finite(whole),
        phases=tuple(looks),
        own_phase=every - 1 if own_phase is None else own_phase,
    )


def shown(curve: Curve, every: int, phase: int, *, keep_last: bool = False) -> Curve:
    """Return what stays of a curve in one phase, with its last point where that is asked for."""
    left = thinned(curve, every, phase=phase)
    if not keep_last or left.x[-1] == curve.x[-1]:
        return left
    return curve.at(np.append(np.arange(phase, len(curve), every), len(curve) - 1))


def _look(
    curve: Curve, whole: float, left: Curve, phase: int, delta: float, created: float
) -> PhaseLook:
    same = curve.at((curve.x >= left.x[0]) & (curve.x <= left.x[-1]))
    coarse, dense = rises_over_falls(left), rises_over_falls(same)
    span = _span(curve)
    return PhaseLook(
        phase=phase,
        points=len(left),
        excursions=len(excursions(left, delta)),
        roughness=_finite(coarse),
        dense_roughness=_finite(dense),
        y_share=_finite(_span(left) / span) if span else None,
        is_created=coarse - dense > created,
        is_rescaled=coarse - whole > created,
    )


def rises_over_falls(curve: Curve) -> float:
    """Return the roughness, infinite where a curve only rises, NaN where it has none."""
    found = feature_of(curve, "roughness").value
    if found is not None:
        return found
    v = curve.values
    only_rises = bool((v[1:] >= v[:-1]).all()) and bool((v > v[:1]).any())
    return math.inf if only_rises else math.nan


def _span(curve: Curve) -> float:
    return float(curve.values.max()) - float(curve.values.min())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
