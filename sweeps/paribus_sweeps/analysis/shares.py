"""Shares of variance in a main-effects model, for settings that were drawn at random.

    shares = shares_of(rows, gate(rows), question)
    shares.shares, shares.slopes["lr"].estimate

Least squares on the actual values is legitimate where the sampler randomised and the gate lets
every factor pass; a share is omega squared, Type II. One error for all runs is supposed, as a
share of the variance does.

Source: METHOD 5.1, 5.2, 5.7 and 10.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from paribus_sweeps.analysis.effect_rows import ModelContrast
from paribus_sweeps.analysis.effects import Effects, effects
from paribus_sweeps.analysis.least_squares import LeastSquares
from paribus_sweeps.analysis.models import LEAST_RESIDUAL_DF, fit
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.words import signed
from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.estimability import GVIF_WARNING, Gate
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Codes, Column, Flags, Floats, Table


@dataclass(frozen=True, slots=True)
class Slope:
    """What one standard deviation of a factor goes along with."""

    estimate: float
    """In standard deviations of the response."""
    interval: tuple[float, float]
    level: float
    scale: str
    """Of the factor: "identity", "log2" or "log10"."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "interval": list(self.interval)}

    def sentence(self, factor: str, response: str) -> str:
        """Return it in words."""
        of = f"`{factor}`" if self.scale == "identity" else f"{self.scale} of `{factor}`"
        low, high = (signed(limit) for limit in self.interval)
        return (
            f"One standard deviation more of {of} goes along with {signed(self.estimate)} "
            f"standard deviations of {response} ({100 * self.level:g} % interval {low} to {high})."
        )


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Every factor's share of the variance, and the test that all of them together have one."""

    names: tuple[str, ...]
    """Factors that vary, in their order."""
    shares: tuple[float, ...]
    """Omega squared of each, at least 0."""
    p_adjusted: dict[str, float]
    """Holm, over the factors."""
    slopes: dict[str, Slope]
    """Of factors that are analysed on their values."""
    r2_adjusted: float
    p: float
    """Of all factors together."""
    test: str
    """The same in words."""
    effects: Effects

    def refitted(self, sample: Codes) -> list[float]:
        """Return the shares of a sample of the runs, (runs,)."""
        fitted = self.effects.fitted
        matrix, values = fitted.matrix[sample], fitted.table.values[sample]
        return _omega_squared(LeastSquares.of(matrix, values), self._columns())

    def _columns(self) -> list[Flags]:
        return [self.effects.fitted.columns_of(Term((name,))) for name in self.names]


def why_not_shares(found: Gate) -> str | None:
    """Say what keeps least squares from giving shares; None where nothing does.

    Args:
        found: The gate of blocks and main effects.
    """
    open_terms = [f"`{s.term.name}`" for s in found.statuses if s.word != "estimable"]
    if open_terms:
        return f"Least squares cannot tell {listed(open_terms)} apart from the rest"
    if found.residual_df < LEAST_RESIDUAL_DF:
        return f"{found.residual_df} residual df are too few for least squares"
    if fit(found.table, interactions="none", base=found).solution.is_exact:
        return "Least squares fits every run exactly and has no error to compare with"
    inflated = [i for i in found.inflation if i.factor > GVIF_WARNING]
    if inflated:
        worst = max(inflated, key=lambda i: i.factor)
        return (
            f"`{worst.term.name}` is so correlated with other factors that its standard error is "
            f"{worst.factor:.2g} times as large, and its share has no meaning of its own"
        )
    return None


def shares_of(rows: Table, found: Gate, question: Question) -> Shares:
    """Fit blocks and main effects, and divide up the variance.

    Args:
        rows: The finished runs; some factor varies, and so does the response.
        found: Their gate, which `why_not_shares` let pass.
        question: Says at what level intervals are.
    """
    fitted = effects(rows, interactions="none", error="pooled", level=question.level, base=found)
    names = tuple(factor.name for factor in rows.factors if factor.varies)
    tested = [fitted.row(name) for name in names]
    flags = [fitted.fitted.columns_of(Term((name,))) for name in names]
    f, df, p = _together(fitted, flags)
    residual_df = fitted.fitted.solution.residual_df
    left = fitted.fitted.solution.rss / residual_df
    return Shares(
        names=names,
        shares=tuple(_omega_squared(fitted.fitted.squares, flags)),
        p_adjusted={
            row.term.name: row.p_adjusted for row in tested if row and row.p_adjusted is not None
        },
        slopes=_slopes(fitted, question.level),
        r2_adjusted=1 - left / (fitted.fitted.squares.total / (len(fitted.fitted.table) - 1)),
        p=p,
        test=f"F({df}, {residual_df}) = {f:.3g}, p = {p:.3g}",
        effects=fitted,
    )


def _together(found: Effects, flags: list[Flags]) -> tuple[float, int, float]:
    """Test all factors at once, given the blocks: F, df and p."""
    own = np.any(flags, axis=0)
    solution = found.fitted.solution
    explained, df = found.fitted.squares.explained(own, ~own)
    f = explained / df / (solution.rss / solution.residual_df)
    return f, df, float(stats.f.sf(f, df, solution.residual_df))


def _omega_squared(squares: LeastSquares, flags: list[Flags]) -> list[float]:
    """Return (SS - df MSE) / (SS_total + MSE) of each set of columns, at least 0."""
    solution = squares.solve()
    error = solution.rss / max(1, solution.residual_df)
    parts = [squares.explained(own, ~own) for own in flags]
    return [max(0.0, (ss - df * error) / (squares.total + error)) for ss, df in parts]


def _slopes(found: Effects, level: float) -> dict[str, Slope]:
    rows = found.fitted.table
    sd = float(rows.values.std(ddof=1))
    return {
        contrast.factor: _slope(rows.column(contrast.factor), contrast, sd, level)
        for contrast in found.contrasts
        if rows.column(contrast.factor).is_numeric
    }


def _slope(column: Column, contrast: ModelContrast, sd: float, level: float) -> Slope:
    """Turn the contrast of two values of a line into its slope."""
    assert contrast.estimate is not None
    assert contrast.interval is not None
    scaled: Floats = column.transformed()
    low, high = (scaled[column.labels.index(label)] for label in (contrast.low, contrast.high))
    times = float(scaled[column.codes].std(ddof=1) / (high - low)) / sd
    limits = sorted(times * limit for limit in contrast.interval)
    return Slope(times * contrast.estimate, (limits[0], limits[1]), level, column.transform)
