"""The scale on which a model works, and the way back into the response's own unit.

The transform is chosen before any p-value is looked at and is part of the answer; what comes
out is always translated back at the baseline.

Source: METHOD 11; Box & Cox, J. R. Statist. Soc. B 26 (1964).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from paribus_sweeps.analysis.least_squares import LeastSquares
from paribus_sweeps.design.table import Floats, Table
from paribus_sweeps.errors import CannotTransform

TransformName = Literal["identity", "log", "logit", "rank"]
TRANSFORMS: tuple[TransformName, ...] = ("identity", "log", "logit", "rank")
LAMBDAS = (1.0, 0.5, 0.0, -0.5, -1.0)  # METHOD 11: those that have a name
CEILING_SHARE = 0.2  # METHOD 11: more runs at the bound leave ranks only


@dataclass(frozen=True, slots=True)
class Scale:
    """A transform with what it needs.

    Scale("identity")
    Scale("log")
    Scale("logit", denominator=25_000)   # of shares of 25,000 examples
    Scale("rank")                        # 1 for the smallest value; ties share their mean rank
    """

    name: TransformName = "identity"
    denominator: int | None = None

    def forward(self, values: Floats) -> Floats:
        """Return finite values on the scale of the model; NaN stays NaN.

        Raises:
            CannotTransform: A value outside the transform's domain.
        """
        finite = values[np.isfinite(values)]
        if self.name == "log":
            _require(finite, finite > 0, self.name, "above 0")
            return np.asarray(np.log(values))
        if self.name == "logit":
            inside = (
                (finite >= 0) & (finite <= 1) if self.denominator else (finite > 0) & (finite < 1)
            )
            _require(finite, inside, self.name, "a share between 0 and 1")
            shares = self._shrunk(values)
            return np.asarray(np.log(shares) - np.log1p(-shares))
        if self.name == "rank":
            return np.asarray(stats.rankdata(values, nan_policy="omit"), np.float64)
        return values

    def _shrunk(self, shares: Floats) -> Floats:
        """(k + .5) / (m + 1) where the denominator m is known: 0 and 1 stay finite."""
        if self.denominator is None:
            return shares
        return np.asarray((shares * self.denominator + 0.5) / (self.denominator + 1))

    @property
    def has_way_back(self) -> bool:
        """Whether a value on the scale says what the response was: a rank does not."""
        return self.name != "rank"

    def smallest(self, effect: float, at: float) -> float | None:
        """Return the smallest effect that matters on the scale of the model; None on ranks.

        Args:
            effect: In the response's own unit, above 0.
            at: On the scale of the model: where the effect begins.

        The shorter of the steps up and down: what is smaller on the scale is smaller both ways.
        """
        if not self.has_way_back:
            return None
        here = self.back(at)
        steps = []
        for moved in (here - effect, here + effect):
            try:
                steps.append(abs(float(self.forward(np.array([moved]))[0]) - at))
            except CannotTransform:  # beyond the end of the scale: no step there
                continue
        return min(steps, default=None)

    def back(self, value: float) -> float:
        """Return a value on the scale of the model in the response's own unit.

        Raises:
            ValueError: The scale has no way back.
        """
        if not self.has_way_back:
            raise ValueError("a rank does not say which value it was of")
        if self.name == "log":
            return math.exp(value)
        if self.name == "logit":
            share = 1 / (1 + math.exp(-value))
            if self.denominator is None:
                return share
            return (share * (self.denominator + 1) - 0.5) / self.denominator
        return value


def _require(values: Floats, inside: Any, name: str, expected: str) -> None:
    if not np.all(inside):
        raise CannotTransform(name, float(values[~inside][0]), expected)


def transformed(table: Table, scale: Scale) -> Table:
    """Return the table with its response on the scale of the model.

    Raises:
        CannotTransform: A value outside the transform's domain.
    """
    return table if scale.name == "identity" else table.with_values(scale.forward(table.values))


def at_ceiling(values: Floats, *, bounds: tuple[float, float], resolution: float) -> bool:
    """Whether more than a fifth of the values lie within one resolution step of a bound."""
    near = (values - bounds[0] <= resolution) | (bounds[1] - values <= resolution)
    return bool(len(values)) and float(np.mean(near)) > CEILING_SHARE


def box_cox_hint(matrix: Floats, values: Floats) -> tuple[float, ...] | None:
    """Return the named lambdas inside the 95 % likelihood interval, or None.

    Args:
        matrix: (rows, parameters) of the model.
        values: (rows,), the response as it is; None is returned unless all are above 0 and the
            model leaves residuals.

    lambda 1 is no transform, 0.5 the square root, 0 the logarithm, -1 the reciprocal.
    """
    if not len(values) or np.any(values <= 0):
        return None
    mean_log = float(np.mean(np.log(values)))
    grid = np.linspace(-2, 2, 81)
    profile = {
        float(at): _log_likelihood(matrix, values, mean_log, float(at))
        for at in np.union1d(grid, LAMBDAS)
    }
    if any(value is None for value in profile.values()):
        return None
    told = {at: value for at, value in profile.items() if value is not None}
    bound = max(told.values()) - float(stats.chi2.ppf(0.95, 1)) / 2
    return tuple(at for at in LAMBDAS if told[at] >= bound)


def _log_likelihood(matrix: Floats, values: Floats, mean_log: float, power: float) -> float | None:
    """-n/2 ln RSS of the response, transformed and scaled by its geometric mean's power."""
    centred = np.exp(np.log(values) - mean_log)
    moved = np.log(centred) if abs(power) < 1e-12 else (centred**power - 1) / power
    squares = LeastSquares.of(matrix, moved)
    solution = squares.solve()
    if solution.residual_df < 1 or solution.is_exact:
        return None
    return -0.5 * len(values) * math.log(solution.rss * squares.scale**2)
