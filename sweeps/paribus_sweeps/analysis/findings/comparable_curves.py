"""Curves of several runs on one x.

    on_common_x(curves, x_name="examples seen")   # every run at the points that all share

Real points only: a value between two points has less noise than either (METHOD 9.1, 9.2). Bands
over runs are `series.bands`.

Source: METHOD 9.1 (common range, no extrapolation).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.comparable import STEPS
from paribus_sweeps.analysis.curves import Curve, common_grid
from paribus_sweeps.analysis.findings.rule import STEPS as OPTIMIZER_STEPS
from paribus_sweeps.analysis.findings.rule import Seen


@dataclass(frozen=True, slots=True)
class OnCommonX:
    """Every run's real points at the x that all of them share."""

    x_name: str
    low: float | None
    """Where the last curve begins; None where there is nothing in common."""
    high: float | None
    x: tuple[float, ...]
    """Right ends of the stretches; a run's value is its last one in the stretch."""
    values: Mapping[str, tuple[float, ...]]
    """Run → a value for each x."""
    thinned_from: Mapping[str, int]
    """Run → its points on the common range, where it had more than the common ones."""
    left_out: Mapping[str, str]
    """Run → why it is not compared."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "x_name": self.x_name,
            "common_range": None if self.low is None else [self.low, self.high],
            "points": len(self.x),
            "x": list(self.x),
            "values": {run: list(values) for run, values in self.values.items()},
            "thinned_from": dict(self.thinned_from),
            "left_out": dict(self.left_out),
        }


def on_common_x(curves: Mapping[str, Curve], *, x_name: str = STEPS) -> OnCommonX:
    """Return curves at the points that all of them share: nothing is interpolated.

    Args:
        curves: Run → its curve over `x_name`; those without a point are left out and named.
        x_name: What x is.
    """
    kept = {run: curve for run, curve in curves.items() if len(curve)}
    left_out = {run: "no finite value with an x" for run in curves if run not in kept}
    if not kept:
        return OnCommonX(x_name, None, None, (), {}, {}, left_out)
    grid = common_grid(list(kept.values()))
    shares = len(grid) > 0
    inside = {run: grid.inside(curve) for run, curve in kept.items()}
    return OnCommonX(
        x_name=x_name,
        low=grid.low if shares else None,
        high=grid.high if shares else None,
        x=tuple(grid.edges.tolist()) if shares else (),
        values={
            run: tuple(grid.on(c).values.tolist()) if shares else () for run, c in kept.items()
        },
        thinned_from={run: n for run, n in inside.items() if shares and n > len(grid)},
        left_out=left_out,
    )


def knows_examples(curves: Iterable[tuple[Seen, str]]) -> bool:
    """Whether it is known of every run's key at how many examples seen its values stand.

    It is where the key stands beside optimizer steps (W&B's count calls of log), and where it is
    known how many examples one takes.
    """
    return all(
        known is not None and 0 < known < math.inf and seen.x_name(key) == OPTIMIZER_STEPS
        for seen, key in curves
        for known in (seen.facts.examples_per_step,)
    )


def over(seen: Seen, key: str, over_examples: bool) -> Curve:
    """Return a key's curve over examples seen, or over steps."""
    curve = seen.curve(key)
    if not over_examples:
        return curve
    with np.errstate(over="ignore"):
        stretched = curve.stretched(seen.facts.examples_per_step or 1.0)
    return stretched.at(np.isfinite(stretched.x))
