"""Gradient norms of two runs beside one another, at points that can be compared.

Three sets of points, since equal epochs give a small batch many more optimizer steps, and the
norm changes as a model fits:

    examples   the last point of each stretch of examples seen in which both have one
    steps      the same over optimizer steps: as many steps of either run
    loss       stretches in which both had the same train loss, as many points of each

The spread of gradient norms that were logged at unequal cadences is compared over examples seen
alone (METHOD 9.1): at equal train loss the run with more of them for each example is thinned to
the other's cadence in examples first; where examples are not known, nothing is compared.

Source: METHOD 9.1, 9.4; TRAINING 4 (why whole-run ratios mislead).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from paribus_sweeps.analysis.comparable import FEW_POINTS
from paribus_sweeps.analysis.curves import Curve, FloatArray, common_grid
from paribus_sweeps.analysis.findings.cadences import cadence_of
from paribus_sweeps.analysis.findings.rule import STEPS, Seen
from paribus_sweeps.analysis.words import counted

BASES = ("examples", "steps", "loss")
MEASURES = ("sd_log", "variance", "maximum", "median")
_BLOCKS = 20  # stretches of a run whose mean train losses are compared: one is 5 % of a run
_LARGEST_LOG = 709.0  # math.exp overflows beyond
_ROUNDING = 1e-9  # of a stretch: a point at its end is in it
_EQUAL = 1e-12  # METHOD 13: logarithms that differ by less are one value


@dataclass(frozen=True, slots=True)
class Ratios:
    """How two runs compare at one set of points, high over low; None where there is none."""

    points: int
    """Of either run."""
    sd_log: float | None
    """Ratio of the sds of ln g: the spread whatever the level is."""
    variance: float | None
    maximum: float | None
    median: float | None


def ratios_of(low: FloatArray, high: FloatArray) -> Ratios:
    """Compare two equally long sets of gradient norms."""
    return Ratios(
        points=len(low),
        sd_log=_ratio(low, high, _sd_log),
        variance=_ratio(low, high, lambda g: float(np.var(g, ddof=1))),
        maximum=_ratio(low, high, lambda g: float(g.max())),
        median=_ratio(low, high, lambda g: float(np.median(g))),
    )


def _sd_log(g: FloatArray) -> float:
    return float(np.std(np.log(g), ddof=1)) if (g > 0).all() else math.nan


def _ratio(low: FloatArray, high: FloatArray, of: Callable[[FloatArray], float]) -> float | None:
    if len(low) < FEW_POINTS:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        below, above = of(low), of(high)
    usable = 0 < below < math.inf and 0 < above < math.inf
    found = above / below if usable else math.nan
    return found if 0 < found < math.inf else None


@dataclass(frozen=True, slots=True)
class Gradients:
    """One run's gradient norms, read once for all the pairs that it is in."""

    seen: Seen
    key: str
    norms: Curve
    x_name: str
    loss: Curve | None
    """Its train loss."""
    per_step: float | None
    """Examples that an optimizer step takes; None where either is not known."""

    @classmethod
    def of(cls, seen: Seen) -> Gradients | None:
        """Return them, None where the run logged none."""
        key, loss = seen.key("grad_norm"), seen.key("train_loss")
        if key is None:
            return None
        told, x_name = seen.facts.examples_per_step, seen.x_name(key)
        known = told is not None and 0 < told < math.inf and x_name == STEPS
        return cls(
            seen=seen,
            key=key,
            norms=seen.curve(key),
            x_name=x_name,
            loss=None if loss is None else seen.curve(loss),
            per_step=told if known else None,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """One pair at all three sets of points."""

    runs: tuple[str, str]
    by_basis: Mapping[str, Ratios | str]
    """Basis → ratios, or why there are none."""
    steps: tuple[float, float]
    """Last optimizer step of either run."""
    at_equal_examples: float | None
    """Ratio of steps, low over high, at equally many examples; None: not known."""

    def value(self, basis: str, what: str) -> float | None:
        """Return one ratio, or None."""
        found = self.by_basis[basis]
        return None if isinstance(found, str) else getattr(found, what)


def compared(low: Gradients, high: Gradients) -> Compared | str:
    """Compare the gradient norms of two runs, or return why they cannot be compared."""
    if (low.key, low.x_name) != (high.key, high.x_name):
        one, other = (f"{side.key} over {side.x_name}" for side in (low, high))
        return f"one logged {one}, the other {other}"
    if min(len(low.norms), len(high.norms)) < FEW_POINTS:
        return f"fewer than {FEW_POINTS} gradient norms in one of them"
    each = low.per_step, high.per_step
    return Compared(
        (low.seen.facts.run, high.seen.facts.run),
        {
            "examples": _by_examples(low.norms, high.norms, each),
            "steps": _by_steps(low.norms, high.norms),
            "loss": _by_loss(low, high),
        },
        (float(low.norms.x[-1]), float(high.norms.x[-1])),
        each[1] / each[0] if each[0] and each[1] else None,
    )


def _by_examples(low: Curve, high: Curve, each: tuple[float | None, float | None]) -> Ratios | str:
    if each[0] is None or each[1] is None:
        return "how many examples a step takes, or the step itself, is not known of both"
    with np.errstate(over="ignore"):
        return _at_common(low.stretched(each[0]), high.stretched(each[1]))


def _by_steps(low: Curve, high: Curve) -> Ratios | str:
    """Spread over unequal cadences is refused, unless per examples seen (METHOD 9.1)."""
    if cadence_of(low) != cadence_of(high):
        return "the runs logged at unequal cadences: refused over steps (METHOD 9.1)"
    return _at_common(low, high)


def _at_common(low: Curve, high: Curve) -> Ratios | str:
    if not (np.isfinite(low.x).all() and np.isfinite(high.x).all()):
        return "x reaches beyond the largest float"
    grid = common_grid([low, high])
    if len(grid) < FEW_POINTS:
        return f"they share {counted(len(grid), 'point')}: too little to tell"
    return ratios_of(grid.on(low).values, grid.on(high).values)


def _by_loss(low: Gradients, high: Gradients) -> Ratios | str:
    """Compare stretches of either run in which the mean train loss was what both reached."""
    if low.loss is None or high.loss is None:
        return "no train loss was logged by both"
    norms = _at_one_cadence(low, high)
    if isinstance(norms, str):
        return norms
    stretches = [_blocks(g, loss) for g, loss in zip(norms, (low.loss, high.loss), strict=True)]
    if not all(stretches):
        return "no stretch has both a gradient norm and a train loss"
    means = [[mean for mean, _ in blocks] for blocks in stretches]
    least, most = max(map(min, means)), min(map(max, means))
    chosen = [
        np.concatenate([np.empty(0), *(g for mean, g in blocks if least <= mean <= most)])
        for blocks in stretches
    ]
    points = min(map(len, chosen))
    if points < FEW_POINTS:
        return f"they share {counted(points, 'point')} at equal train loss: too little to tell"
    return ratios_of(*(_evenly(g, points) for g in chosen))


def _at_one_cadence(low: Gradients, high: Gradients) -> tuple[Curve, Curve] | str:
    """Return the norms of both, thinned to as many for each example where cadences differ."""
    if cadence_of(low.norms) == cadence_of(high.norms):
        return low.norms, high.norms
    if low.per_step is None or high.per_step is None:
        return "the runs logged at unequal cadences, and examples are not known (METHOD 9.1)"
    seen = [low.norms.stretched(low.per_step), high.norms.stretched(high.per_step)]
    cadences = [cadence_of(curve) for curve in seen]
    if None in cadences or not all(np.isfinite(curve.x).all() for curve in seen):
        return "x reaches beyond the largest float"
    widest = max(cadence for cadence in cadences if cadence is not None)
    one, other = (_last_of_each(curve.x, widest) for curve in seen)
    return low.norms.at(one), high.norms.at(other)


def _last_of_each(x: FloatArray, width: float) -> NDArray[np.bool_]:
    """Return which points are the last of each stretch of x that is so wide."""
    stretch = np.ceil(x / width - _ROUNDING)
    return np.append(stretch[1:] != stretch[:-1], True)


def _blocks(g: Curve, loss: Curve) -> list[tuple[float, FloatArray]]:
    """Cut a run into equal stretches of steps: (mean train loss, gradient norms) of each."""
    edges = np.linspace(0.0, float(g.x[-1]), _BLOCKS + 1)[1:]
    of_g, of_loss = (np.searchsorted(edges, curve.x) for curve in (g, loss))
    found = []
    for block in range(_BLOCKS):
        held, losses = g.values[of_g == block], loss.values[of_loss == block]
        if len(held) and len(losses):
            with np.errstate(over="ignore", invalid="ignore"):
                found.append((float(np.mean(losses)), held))
    return found


def _evenly(values: FloatArray, points: int) -> FloatArray:
    """Return so many of the values, as evenly spread over them as can be."""
    return np.asarray(values[np.linspace(0, len(values) - 1, points).round().astype(int)])


@dataclass(frozen=True, slots=True)
class Overall:
    """The geometric mean of a ratio over pairs, with its interval."""

    n: int
    """Pairs."""
    ratio: float
    low: float | None
    """Of the 95 % t interval on ln ratio; None below two pairs, and where they do not vary."""
    high: float | None

    @property
    def is_one(self) -> bool:
        """Whether two pairs or more are equal at both levels."""
        return self.n > 1 and self.low is None and abs(math.log(self.ratio)) <= _EQUAL

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 1."""
        return self.low is not None and self.high is not None and not self.low <= 1 <= self.high

    def holds(self, factor: float) -> bool:
        """Whether the interval holds a ratio of so much, or its inverse."""
        low, high = self.low or 0.0, math.inf if self.high is None else self.high
        return any(low <= ratio <= high for ratio in (factor, 1 / factor))


def overall(ratios: Sequence[float]) -> Overall | None:
    """Return the mean of ln ratio over pairs, exponentiated; None without a pair."""
    if not ratios:
        return None
    logs = np.log(np.asarray(ratios, dtype=float))
    n, mean = len(logs), float(logs.mean())
    spread = float(logs.std(ddof=1)) if n > 1 else 0.0
    if spread <= _EQUAL:
        return Overall(n, _exp(mean), None, None)
    half = -float(special.stdtrit(n - 1, 0.025)) * spread / math.sqrt(n)
    return Overall(n, _exp(mean), _exp(mean - half), _exp(mean + half))


def _exp(x: float) -> float:
    return math.exp(min(x, _LARGEST_LOG))


@dataclass(frozen=True, slots=True)
class DispersionTest:
    """Whether the spread over seeds differs between two levels, in the same contexts."""

    z: float
    p: float
    contexts: int


def dispersion_test(cells: Sequence[tuple[Sequence[float], Sequence[float]]]) -> DispersionTest:
    """Test ln s² over seeds of one level against the other's, context by context.

    Var(ln s²) = trigamma((n_c - 1) / 2) is known beforehand where values are normal, so one
    cell of each level is enough; it needs three seeds in each.

    Args:
        cells: (values of the low level, values of the high level) of each context: one value
            a run, at least three runs each, which vary.

    Source: METHOD 9.4; Bartlett & Kendall, JRSS Supplement 8 (1946).
    """
    difference = variance = 0.0
    for low, high in cells:
        difference += math.log(float(np.var(high, ddof=1)) / float(np.var(low, ddof=1)))
        variance += sum(float(special.polygamma(1, (len(v) - 1) / 2)) for v in (low, high))
    z = difference / math.sqrt(variance)
    return DispersionTest(z, float(special.erfc(abs(z) / math.sqrt(2))), len(cells))
