"""Features of one curve, each a number with its unit, or the reason why there is none.

A rise is always a change for the worse: of a key that is better when larger, the
negative is taken first (METHOD 9.2), so the rise of an accuracy is its loss. Nothing
here raises for what a curve holds, and no value is NaN or infinite.

Source: METHOD 7, 9.2, 9.3 and 9.4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.responses import FEATURE_TABLE

WINDOW_AFTER_MINIMUM = 4  # points behind the minimum from which METHOD 9.3 tests a rise


@dataclass(frozen=True, slots=True)
class FeatureValue:
    """What one curve shows of a feature.

    FeatureValue(0.25)                                                # a value
    FeatureValue(None, "2 points; roughness needs at least 3")        # none, and why
    """

    value: float | None
    note: str | None = None
    """Why `value` is None."""
    caution: str | None = None
    """What to bear in mind with a value that there is."""
    companions: Mapping[str, float] = field(default_factory=dict)
    """What METHOD asks to stand beside it, by name."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "value": self.value,
            "note": self.note,
            "caution": self.caution,
            "companions": dict(self.companions),
        }


def feature_of(curve: Curve, name: str, *, goal: Goal = "minimize") -> FeatureValue:
    """Return one feature of one curve, on all its points.

    Args:
        curve: One run's.
        name: One of `FEATURES` but `rate`, which needs times and is `throughput`'s.
        goal: Which way the key is better. A feature that speaks of rises turns a key that
            is to be maximized round.

    Raises:
        KeyError: There is no such feature of a curve.
    """
    compute = _FORMULAS[name]
    refusal = too_few_points(curve, name)
    if refusal is not None:
        return refusal
    turned = FEATURE_TABLE[name].needs_direction and goal == "maximize"
    with np.errstate(over="ignore", invalid="ignore"):
        found = compute(replace(curve, values=-curve.values) if turned else curve)
    return _finite(found)


def too_few_points(curve: Curve, name: str) -> FeatureValue | None:
    """Return the refusal of a curve with too few points for a feature, or None."""
    least = FEATURE_TABLE[name].least_points
    if len(curve) >= least:
        return None
    left_out = f" and {curve.non_finite} not finite" if curve.non_finite else ""
    return FeatureValue(None, f"{counted(len(curve))}{left_out}; {name} needs at least {least}")


def counted(points: int) -> str:
    """Return "1 point", "2 points"."""
    return f"{points:,} point{'' if points == 1 else 's'}"


def _finite(found: FeatureValue) -> FeatureValue:
    """Return the value, or none where it is beyond the largest float: JSON has no infinity."""
    numbers = [found.value or 0.0, *found.companions.values()]
    if all(math.isfinite(number) for number in numbers):
        return found
    return FeatureValue(None, "the values are too large to compute with")


def _last(curve: Curve) -> FeatureValue:
    if curve.ends_non_finite:
        return FeatureValue(None, "the last value is not finite (NaN or infinite)")
    return FeatureValue(float(curve.values[-1]))


def _min(curve: Curve) -> FeatureValue:
    return FeatureValue(float(curve.values.min()))


def _max(curve: Curve) -> FeatureValue:
    return FeatureValue(float(curve.values.max()))


def _roughness(curve: Curve) -> FeatureValue:
    """Rises over falls, with TV / |net| beside it where the curve ends elsewhere than it began.

    A curve that never falls has none: its up / down is infinite (or 0 / 0 if it is
    constant), and any number put in its place would be ranked among real ones.
    """
    moves = np.diff(curve.values)
    up, down = float(moves[moves > 0].sum()), float(-moves[moves < 0].sum())
    if down == 0:
        how = "is constant" if up == 0 else "never falls"
        return FeatureValue(None, f"the curve {how}: up/down has no value")
    net = abs(down - up)
    companions = {"variation_over_net": (up + down) / net} if net else {}
    return FeatureValue(up / down, companions=companions)


def _max_drawup(curve: Curve) -> FeatureValue:
    lowest = np.minimum.accumulate(curve.values)
    return FeatureValue(float((curve.values - lowest).max()))


def _noise_sd(curve: Curve) -> FeatureValue:
    """Gasser, Sroka and Jennen-Steinmetz, Biometrika 1986, for unequal spacing."""
    x, v = curve.x, curve.values
    a = (x[2:] - x[1:-1]) / (x[2:] - x[:-2])
    errors = a * v[:-2] + (1 - a) * v[2:] - v[1:-1]
    largest = float(np.abs(errors).max())
    if largest == 0:
        return FeatureValue(0.0)
    scaled = errors / largest  # squares of 1e-200 would vanish
    variance = np.mean(scaled**2 / (a**2 + (1 - a) ** 2 + 1))  # n - 2 of them
    return FeatureValue(largest * math.sqrt(variance))


def _log_sd(curve: Curve) -> FeatureValue:
    low = int(np.count_nonzero(curve.values <= 0))
    if low:
        noun = "value is" if low == 1 else "values are"
        return FeatureValue(None, f"{low:,} {noun} not above 0: log_sd needs logarithms")
    return FeatureValue(float(np.std(np.log(curve.values), ddof=1)))


def _rise_after_minimum(curve: Curve) -> FeatureValue:
    """Median of the last q points minus the median of the minimum and its neighbours.

    q is max(2, a third of the points behind the minimum), as METHOD 9.3 has it for 4
    such points or more. With fewer it takes as many as there are (q = 1 for one), so that
    the minimum itself, which was selected, never counts as an end; with none the rise is
    0. A curve that still falls would otherwise have no value, and the runs that are left
    would be those that rose.
    """
    v, lowest = curve.values, int(np.argmin(curve.values))
    behind = len(v) - 1 - lowest
    if behind == 0:
        return FeatureValue(0.0, caution="the minimum is the last point")
    last = min(max(2, math.ceil(behind / 3)), behind)
    around: FloatArray = v[max(lowest - 1, 0) : lowest + 2]
    caution = None
    if behind < WINDOW_AFTER_MINIMUM:
        caution = f"only {counted(behind)} after the minimum"
    return FeatureValue(float(np.median(v[-last:]) - np.median(around)), caution=caution)


_FORMULAS: Mapping[str, Callable[[Curve], FeatureValue]] = {
    "last": _last,
    "min": _min,
    "max": _max,
    "roughness": _roughness,
    "max_drawup": _max_drawup,
    "noise_sd": _noise_sd,
    "log_sd": _log_sd,
    "rise_after_minimum": _rise_after_minimum,
}
