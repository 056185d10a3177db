"""One feature over several runs, each taken at points that can be compared.

A run that was looked at ten times as often has ten times the chances of a spike. So
where METHOD asks for it, a feature is computed on the x range that all runs cover, each
run thinned to the coarsest cadence that they share; the answer says what was left out.

Source: METHOD 7, 9.1, 9.2, 9.4 and 9.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.curve_features import (
    FeatureValue,
    counted,
    feature_of,
    too_few_points,
)
from paribus_sweeps.analysis.curves import CommonGrid, Curve, common_grid
from paribus_sweeps.analysis.responses import FEATURE_TABLE, Feature, Response
from paribus_sweeps.analysis.throughput import Row, throughput

EXAMPLES_SEEN = "examples seen"
STEPS = "steps"
FEW_POINTS = 5  # METHOD 9.2: two runs that share fewer "share too little to tell"


@dataclass(frozen=True, slots=True)
class Comparison:
    """A feature of every run, and what was done to make the runs comparable."""

    response: Response
    values: Mapping[str, FeatureValue]
    """By run, in the order of their names."""
    unit: str
    x_name: str
    """What x is: "examples seen", "steps"."""
    common_range: tuple[float, float] | None = None
    """First and last x that were compared, in `x_name`; None where every run was taken whole."""
    points: int | None = None
    """Common points of every run on that range."""
    thinned_from: Mapping[str, int] = field(default_factory=dict)
    """Run → its points on the common range, where it had more than the common ones."""
    cautions: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "response": self.response.text,
            "unit": self.unit,
            "x": self.x_name,
            "common_range": None if self.common_range is None else list(self.common_range),
            "points": self.points,
            "thinned_from": dict(self.thinned_from),
            "cautions": list(self.cautions),
            "values": {run: value.as_dict() for run, value in self.values.items()},
        }


def comparable_features(
    response: Response,
    curves_by_run: Mapping[str, Curve],
    *,
    goal: Goal | None,
    x_name: str = STEPS,
) -> Comparison:
    """Return one feature of every run, on points that can be compared.

    `last` is taken as it is, and so are `min` and `max` where all runs have equally many
    points. Every other feature is computed on the range that all runs cover, thinned to
    the last point of each stretch of the coarsest common cadence (`common_grid`). A run
    with fewer points than the feature needs is refused and bounds no other run's range.

    Args:
        response: With a feature; `rate` is `comparable_rates`'.
        curves_by_run: Every run's curve over the same x.
        goal: Which way the *key* is better; None: not known, and taken as "minimize".
        x_name: What x is. A spread of logarithms over unequal cadences is refused unless
            it is `EXAMPLES_SEEN` (METHOD 9.1).
    """
    feature = _feature(response)
    curves = {run: curves_by_run[run] for run in sorted(curves_by_run)}
    grid = _grid(feature, curves)
    refusal = _refusal(feature, curves, grid, x_name)

    def value_of(curve: Curve) -> FeatureValue:
        refused = too_few_points(curve, feature.name) or refusal
        if refused is not None:
            return refused
        shown = curve if grid is None else grid.on(curve)
        return feature_of(shown, feature.name, goal=goal or "minimize")

    done = Comparison(
        response=response,
        values={run: value_of(curve) for run, curve in curves.items()},
        unit=feature.unit,
        x_name=x_name,
    )
    return _told(done, feature, curves, grid, goal)


def _feature(response: Response) -> Feature:
    return FEATURE_TABLE[response.feature or ""]


def _grid(feature: Feature, curves: Mapping[str, Curve]) -> CommonGrid | None:
    """The points to compare at; None where every run is taken whole."""
    enough = [c for c in curves.values() if len(c) >= feature.least_points]
    if not enough or not feature.on_common_points:
        return None
    equally_many = len({len(curve) for curve in enough}) == 1
    if equally_many and feature.name in ("min", "max"):
        return None
    return common_grid(enough)


def _refusal(
    feature: Feature, curves: Mapping[str, Curve], grid: CommonGrid | None, x_name: str
) -> FeatureValue | None:
    """What keeps every run from being compared, or None."""
    if grid is None:
        return None
    if len(grid) < feature.least_points:
        return FeatureValue(None, _share_too_little(feature, curves, grid, x_name))
    if feature.name == "log_sd" and x_name != EXAMPLES_SEEN and _thinned(feature, curves, grid):
        return FeatureValue(
            None,
            "the runs were logged at unequal cadences, and x is not examples seen: spread over "
            "unequal cadences is not compared (METHOD 9.1)",
        )
    return None


def _share_too_little(
    feature: Feature, curves: Mapping[str, Curve], grid: CommonGrid, x_name: str
) -> str:
    enough = {run: c for run, c in curves.items() if len(c) >= feature.least_points}
    late = max(enough, key=lambda run: (enough[run].x[0], run))
    early = min(enough, key=lambda run: (enough[run].x[-1], run))
    if grid.high < grid.low:
        return (
            f"the runs share no stretch of x: {early} ends at {_number(grid.high)} {x_name}, "
            f"and {late} begins at {_number(grid.low)}"
        )
    return (
        f"the runs share {counted(len(grid))} ({_number(grid.low)}, where {late} begins, to "
        f"{_number(grid.high)} {x_name}, where {early} ends); {feature.name} needs at least "
        f"{feature.least_points}"
    )


def _thinned(feature: Feature, curves: Mapping[str, Curve], grid: CommonGrid) -> dict[str, int]:
    inside = {run: grid.inside(c) for run, c in curves.items() if len(c) >= feature.least_points}
    return {run: points for run, points in inside.items() if points > len(grid)}


def _told(
    done: Comparison,
    feature: Feature,
    curves: Mapping[str, Curve],
    grid: CommonGrid | None,
    goal: Goal | None,
) -> Comparison:
    """The comparison with what was done to the curves, and what to bear in mind."""
    if grid is not None:
        done = replace(
            done,
            common_range=(grid.low, grid.high) if grid.low <= grid.high else None,
            points=len(grid),
            thinned_from=_thinned(feature, curves, grid),
        )
    cautions = [
        *_of_points(done, curves),
        *_of_direction(feature, goal),
        *_of_non_finite(done, curves),
        *_of_missing(done),
        *_of_values(done.values.values()),
    ]
    return replace(done, cautions=tuple(cautions))


def _of_points(done: Comparison, curves: Mapping[str, Curve]) -> Iterator[str]:
    compared = [run for run, value in done.values.items() if value.value is not None]
    if not compared or done.common_range is None or done.points is None:
        return
    low, high = map(_number, done.common_range)
    most = max(len(curves[run]) for run in compared)
    if most > done.points:
        yield (
            f"compared at {counted(done.points)}, {low} to {high} {done.x_name}: the last point "
            f"of each stretch in which every run has one; runs have up to {counted(most)}"
        )
    if done.points < FEW_POINTS:
        yield f"{counted(done.points)} of a curve say little of its shape"


def _of_direction(feature: Feature, goal: Goal | None) -> Iterator[str]:
    if feature.needs_direction and goal is None:
        yield "nothing says which way the key is better: a rise was taken to be worse"


def _of_non_finite(done: Comparison, curves: Mapping[str, Curve]) -> Iterator[str]:
    found = {run: curve.non_finite for run, curve in curves.items() if curve.non_finite}
    if found and done.response.feature != "last":
        yield (
            f"{sum(found.values()):,} values were NaN or infinite and are left out, in "
            f"{_of_all(len(found), done)}"
        )


def _of_missing(done: Comparison) -> Iterator[str]:
    """Say what only rising curves do to the rest: they are not missing by chance."""
    risen = [v for v in done.values.values() if v.note and "never falls" in v.note]
    if risen:
        yield (
            f"{_of_all(len(risen), done)} only rose and have no roughness: the others look "
            "better than all of them together"
        )


def _of_values(values: Iterable[FeatureValue]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for value in values:
        if value.caution is not None:
            counts[value.caution] = counts.get(value.caution, 0) + 1
    for caution, runs in sorted(counts.items()):
        yield f"{caution} in {_runs(runs)}"


def _of_all(runs: int, done: Comparison) -> str:
    return f"{runs:,} of {_runs(len(done.values))}"


def _runs(count: int) -> str:
    return f"{count:,} run{'' if count == 1 else 's'}"


def _number(x: float) -> str:
    return f"{x:,.10g}"


def comparable_rates(
    response: Response,
    rows_by_run: Mapping[str, Iterable[Row]],
    *,
    examples_per_step: Mapping[str, float | None],
    x_name: str = STEPS,
) -> Comparison:
    """Return the rate of every run: steps per second, or examples where a step is not a step.

    Where runs differ in examples per step, all are brought to examples per second; where
    that is not known of each, steps stay, and the answer says so.

    Args:
        response: `rate(key)`.
        rows_by_run: See `throughput`.
        examples_per_step: Batch size times accumulation times devices; None (or no
            entry): not known.
        x_name: What is counted.
    """
    per_step = {run: examples_per_step.get(run) for run in sorted(rows_by_run)}
    known = [examples for examples in per_step.values() if examples is not None]
    differ = len(set(known)) > 1
    converts = differ and len(known) == len(per_step)
    rates = {run: throughput(rows_by_run[run]).as_feature() for run in per_step}
    if converts:
        rates = {run: _times(rate, per_step[run] or 0.0) for run, rate in rates.items()}
    return Comparison(
        response=response,
        values=rates,
        unit="examples per second" if converts else f"{x_name} per second",
        x_name=x_name,
        cautions=(*_of_unit(converts, known, per_step, x_name), *_of_values(rates.values())),
    )


def _times(rate: FeatureValue, factor: float) -> FeatureValue:
    return replace(
        rate,
        value=None if rate.value is None else rate.value * factor,
        companions={name: value * factor for name, value in rate.companions.items()},
    )


def _of_unit(
    converts: bool, known: list[float], per_step: Mapping[str, float | None], x_name: str
) -> Iterator[str]:
    if converts:
        yield "runs differ in examples per step, so rates are examples per second"
    elif len(known) < len(per_step):
        yield (
            f"rates are {x_name} per second: how many examples a step takes is not known of "
            f"{len(per_step) - len(known):,} of {_runs(len(per_step))}, and between batch sizes "
            "steps are not comparable"
        )
