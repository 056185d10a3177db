"""Curves of several runs on one x, and seeds as a band.

    on_common_x(curves, x_name="examples seen")   # every run at the points that all share
    seed_bands(runs, "eval/loss")                 # mean, sd, lowest, highest and n at each point

Real points only: a value between two points has less noise than either (METHOD 9.1, 9.2).

Source: METHOD 9.1 (common range, no extrapolation), 4 (the replicate is the seed).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.comparable import EXAMPLES_SEEN, STEPS
from paribus_sweeps.analysis.curves import Curve, FloatArray, common_grid
from paribus_sweeps.analysis.findings.partners import Labels, blocks_of, setting_of
from paribus_sweeps.analysis.findings.rule import STEPS as OPTIMIZER_STEPS
from paribus_sweeps.analysis.findings.rule import Seen

_MOST_POINTS = 1_000  # of a band; a chart shows no more


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


@dataclass(frozen=True, slots=True)
class Band:
    """One setting's curves over seeds, at the points that they share."""

    setting: Labels
    """Factor and level."""
    blocks: Labels
    runs: tuple[str, ...]
    x_name: str
    n: int
    """Runs; every point has as many."""
    x: tuple[float, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...] | None
    """Over runs, n - 1 in the divisor; None of one run."""
    lowest: tuple[float, ...]
    highest: tuple[float, ...]
    every: int
    """1, or of how many common points each one is shown."""
    thinned_from: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        columns = {
            name: None if (found := getattr(self, name)) is None else [_finite(v) for v in found]
            for name in ("mean", "sd", "lowest", "highest")
        }
        labels = {"setting": dict(self.setting), "blocks": dict(self.blocks)}
        return {**asdict(self), **labels, **columns}


def seed_bands(runs: Iterable[Seen], key: str) -> tuple[Band, ...]:
    """Return a band for each setting (and block) whose runs logged a key.

    x is examples seen where it is known of every run, else steps; runs over optimizer steps and
    runs over W&B's share no band. A run that repeats a seed counts as one more run.

    Args:
        runs: Of one or more settings.
        key: What is shown.
    """
    having = [seen for seen in runs if key in seen.history]
    over_examples = knows_examples((seen, key) for seen in having)
    groups: defaultdict[tuple[Labels, Labels, str], list[Seen]] = defaultdict(list)
    for seen in having:
        groups[setting_of(seen.facts), blocks_of(seen.facts), seen.x_name(key)].append(seen)
    return tuple(
        band
        for (setting, blocks, _), held in groups.items()
        if (band := _band(setting, blocks, held, key, over_examples)) is not None
    )


def _band(
    setting: Labels, blocks: Labels, runs: Sequence[Seen], key: str, over_examples: bool
) -> Band | None:
    curves = {seen.facts.run: over(seen, key, over_examples) for seen in runs}
    x_name = EXAMPLES_SEEN if over_examples else runs[0].x_name(key)
    shared = on_common_x(curves, x_name=x_name)
    if not shared.x:
        return None
    every = math.ceil(len(shared.x) / _MOST_POINTS)
    chosen = slice(every - 1, None, every)
    values = np.array(list(shared.values.values()))[:, chosen]
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = values.mean(axis=0), _sd(values)
    return Band(
        setting=setting,
        blocks=blocks,
        runs=tuple(shared.values),
        x_name=x_name,
        n=len(values),
        x=shared.x[chosen],
        mean=tuple(mean.tolist()),
        sd=None if spread is None else tuple(spread.tolist()),
        lowest=tuple(values.min(axis=0).tolist()),
        highest=tuple(values.max(axis=0).tolist()),
        every=every,
        thinned_from=shared.thinned_from,
    )


def _sd(values: FloatArray) -> FloatArray | None:
    return np.asarray(values.std(axis=0, ddof=1)) if len(values) > 1 else None


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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
