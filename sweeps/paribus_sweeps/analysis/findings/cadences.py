"""How often a run looked at itself, what was over before it did, and the limits of those rules.

Source: METHOD 9.2.
"""

from __future__ import annotations

import math

import numpy as np

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.excursions import CREATED, DELTA_SHARE, usual_delta
from paribus_sweeps.analysis.findings.thresholds import Threshold, Thresholds

NAME = "looked_too_coarsely"
SHARE = Threshold(
    f"{NAME}.share",
    0.5,
    "METHOD 9.2: share of the fall that was over before the first look.",
    high=1.0,
)
NOISE_SDS = Threshold(
    f"{NAME}.noise_sds", 2.0, "METHOD 9.2: the fall must exceed this many noise sds."
)
PHASES = Threshold(
    f"{NAME}.phases",
    0.5,
    "Share of the phases from which a cadence counts as hiding or making a pattern; the phase "
    "that the run itself had counts alone. Heuristic: METHOD gives the share and no limit.",
    low=1e-6,
    high=1.0,
)
MORE_ROUGHNESS = Threshold(
    f"{NAME}.roughness", CREATED, "METHOD 9.2: roughness beyond the dense curve's, 0 to 1."
)
DELTA = Threshold(
    f"{NAME}.delta_share",
    DELTA_SHARE,
    "METHOD 9.2: a rise counts from this share of the dense run's fall (v_1 - min v).",
    low=1e-6,
    high=1.0,
)
OWN_DELTA = Threshold(
    f"{NAME}.delta",
    0.0,
    "A rise counts from this on, in the loss's own unit (METHOD 9.2: a user's value); 0: from the "
    "share of the fall.",
)


def delta_of(dense: Curve, limits: Thresholds) -> float | None:
    """Return from which size a rise counts; None where that hangs on a fall that there is not."""
    return limits[OWN_DELTA.name] or usual_delta(dense, limits[DELTA.name])


def cadence_of(curve: Curve) -> float | None:
    """Return the usual distance between two looks; of one look, where it was.

    None where there is no look, or the first was at 0 and the only one.
    """
    if len(curve) < 2:
        return float(curve.x[0]) if len(curve) and curve.x[0] > 0 else None
    with np.errstate(over="ignore"):
        usual = usual_gap(curve.x)
    return usual if math.isfinite(usual) else None


def usual_gap(x: FloatArray) -> float:
    """Return the median distance of two points or more; where all are equal, none is sorted."""
    gaps = np.diff(x)
    if gaps.min() == gaps.max():
        return float(gaps[0])
    return float(np.median(gaps))


def share_before(dense: Curve, x: float, until: float) -> tuple[float, float] | None:
    """Return which share of a curve's fall was over at x, and the fall.

    The fall is from the curve's first value, wherever that is, to its lowest between x and
    `until`; its value at x is interpolated.

    Returns:
        None where the curve begins behind x, or does not fall.
    """
    if not len(dense) or not dense.x[0] <= x <= min(until, dense.x[-1]):
        return None
    inside = (dense.x >= x) & (dense.x <= until)
    here = _between(dense, x)
    lowest = min([here, *dense.values[inside].tolist()])
    first = float(dense.values[0])
    fall = first - lowest
    return ((first - here) / fall, fall) if 0 < fall < math.inf else None


def _between(curve: Curve, x: float) -> float:
    """Return the value at x, exactly where there is a point."""
    after = int(np.searchsorted(curve.x, x))
    if curve.x[after] == x:
        return float(curve.values[after])
    (low, high), (here, there) = (
        column[after - 1 : after + 1].tolist() for column in (curve.x, curve.values)
    )
    weight = (x - low) / (high - low)
    return float(here * (1 - weight) + there * weight)


def equal_looks(one: Curve, other: Curve) -> tuple[int, float | None]:
    """Return at how many x both have a point, and the largest difference there."""
    _, mine, theirs = np.intersect1d(one.x, other.x, assume_unique=True, return_indices=True)
    if not len(mine):
        return 0, None
    with np.errstate(over="ignore"):
        return len(mine), float(np.abs(one.values[mine] - other.values[theirs]).max())
