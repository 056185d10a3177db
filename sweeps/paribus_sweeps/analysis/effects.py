"""What each factor did in a model: sums of squares, tests, contrasts, sizes.

    found = effects(table, against_baseline=True)
    found.rows[0].p, found.contrasts_of("batch")[0].estimate

Type II by model comparison: each term is adjusted for every term that does not contain it,
and tested against the residual of the whole model. Where the whole model cannot tell a term,
its row has no number but the reason; where it can tell a part, that part is tested.

Source: METHOD 5.1, 5.2, 5.5, 5.7; Langsrud, Statistics and Computing 13 (2003); Lenth, JSS 69
(2016) for the margins.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from scipy import stats

from paribus_sweeps.analysis import multiplicity
from paribus_sweeps.analysis.effect_rows import EffectRow, ModelContrast, around
from paribus_sweeps.analysis.families import Family, FamilyName, family_name
from paribus_sweeps.analysis.models import Fitted, Interactions, fit
from paribus_sweeps.analysis.spread import Spread, spread_of
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Column, Floats, Table

ErrorKind = Literal["pooled", "hc3"]

MOST_PAIRWISE = 12  # levels; beyond it every level is compared with the first only
_NO_ROBUST_ERROR = "the runs behind it do not vary: there is no robust error to compare with"
_LEAST_VARIANCE = 1e-12  # a robust variance below this share of the pooled one is rounding
_WHY_NO_ERROR = "no residual degree of freedom: there is no error to compare with"


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """The model's answer."""

    fitted: Fitted
    rows: tuple[EffectRow, ...]
    """Of every term but intercept, blocks and seed."""
    contrasts: tuple[ModelContrast, ...]
    spread: Spread
    error: ErrorKind
    sd: float | None
    """Residual standard deviation."""
    notes: tuple[str, ...]
    tests: _Tests

    def critical(self, factor: str, level: float, *, of: str | None = None) -> float:
        """Return how many standard errors an interval for a family of contrasts reaches.

        Args:
            factor: Whose contrasts.
            level: Of all intervals together.
            of: A level of the class that is meant, where the runs cannot compare all levels
                of the factor; the largest class by default.

        Raises:
            ValueError: No such contrast of the factor has an error.
        """
        return self.tests.critical(factor, level, of=of)

    def contrasts_of(self, factor: str) -> tuple[ModelContrast, ...]:
        """The contrasts of one factor."""
        return tuple(c for c in self.contrasts if c.factor == factor)

    def row(self, *members: str) -> EffectRow | None:
        """The row of a term, or None."""
        return next((row for row in self.rows if row.term.members == members), None)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        found = self.fitted.gate
        return {
            "model": [term.name for term in found.terms],
            "n": len(found.table),
            "parameters": found.parameters,
            "rank": found.rank,
            "residual_df": found.residual_df,
            "residual_sd": self.sd,
            "error": self.error,
            "seed_block": self.fitted.seed_block,
            "type": "II",
            "terms": [row.as_dict() for row in self.rows],
            "contrasts": [contrast.as_dict() for contrast in self.contrasts],
            "spread": self.spread.as_dict(),
            "gvif": found.as_dict()["gvif"],
            "notes": list(self.notes),
        }


def effects(
    table: Table,
    *,
    asked: Sequence[str] | None = None,
    interactions: Interactions = "auto",
    error: ErrorKind | Literal["auto"] = "auto",
    against_baseline: bool | None = None,
    level: float = 0.95,
    base: Gate | None = None,
) -> Effects:
    """Fit the model that the runs allow, and test its terms.

    Args:
        table: Runs with the response; unusable rows are left out.
        asked: Factors that the answer is about; all that vary by default. The model holds the
            others all the same.
        interactions: As `models.fit` takes them.
        error: "pooled", "hc3", or "auto": robust where the cells' spreads differ (METHOD 5.4).
        against_baseline: Compare every level with the baseline (Dunnett) and not every pair
            (Tukey); by default so where a factor declares a baseline.
        level: Of the intervals.
        base: The gate of blocks and main effects, where it was asked already.

    Raises:
        TooLarge: The model has too many columns.
        ValueError: `interactions` names a factor that does not vary.
    """
    fitted = fit(table, interactions=interactions, base=base)
    return effects_of(
        fitted, asked=asked, error=error, against_baseline=against_baseline, level=level
    )


def effects_of(
    fitted: Fitted,
    *,
    asked: Sequence[str] | None = None,
    error: ErrorKind | Literal["auto"] = "auto",
    against_baseline: bool | None = None,
    level: float = 0.95,
) -> Effects:
    """Test the terms of a model that is fitted already; the arguments are those of `effects`."""
    spread = spread_of(fitted.table, fitted)
    kind, why = _error_kind(fitted, spread, error)
    chosen = [f for f in fitted.table.factors if f.varies and (not asked or f.name in asked)]
    chosen = [f for f in chosen if Term((f.name,)) in fitted.gate.terms]
    test = _Tests(fitted, kind, level)
    rows = _adjusted([test.row(term) for term in _asked_terms(fitted, chosen)])
    contrasts: list[ModelContrast] = []
    for factor in chosen:
        contrasts += test.contrasts(factor, against_baseline)
    return Effects(
        fitted=fitted,
        rows=tuple(rows),
        contrasts=tuple(contrasts),
        spread=spread,
        error=kind,
        sd=test.sd,
        notes=(*fitted.notes, *why),
        tests=test,
    )


def _error_kind(
    fitted: Fitted, spread: Spread, asked: ErrorKind | Literal["auto"]
) -> tuple[ErrorKind, list[str]]:
    """Pooled or robust error, and what is to be said of it."""
    wanted = spread.differs if asked == "auto" else asked == "hc3"
    if not wanted:
        return "pooled", []
    if fitted.solution.residual_df < 1:
        return "pooled", []
    highest = float(fitted.solution.leverages(fitted.matrix).max())
    if highest > 1 - 1e-8:
        why = (
            "A run stands alone in its part of the model (leverage 1): a robust standard error is "
            "not defined there; the pooled error is used, although the spreads "
            + ("differ." if spread.differs else "may differ.")
        )
        return "pooled", [why]
    notes = ["Standard errors are robust (HC3)" + (f": {spread.why}" if spread.why else ".")]
    if highest > 0.9:
        notes.append(f"The highest leverage is {highest:.3g}: robust errors lean on one run.")
    return "hc3", notes


def _asked_terms(fitted: Fitted, chosen: Sequence[Column]) -> list[Term]:
    names = {factor.name for factor in chosen}
    factors = {factor.name for factor in fitted.table.factors}
    return [
        term
        for term in fitted.gate.terms
        if term.members and set(term.members) <= factors and names & set(term.members)
    ]


class _Tests:
    """The tests of one fitted model."""

    def __init__(self, fitted: Fitted, kind: ErrorKind, level: float) -> None:
        self.fitted = fitted
        self.kind = kind
        self.level = level
        self.solution = fitted.solution
        exact = self.solution.is_exact
        self.sd = None if exact else self.solution.sd
        self.df = self.solution.residual_df
        self.why_none = _why_no_error(fitted, exact=exact)
        self.families: dict[str, list[Family]] = {}

    # terms

    def row(self, term: Term) -> EffectRow:
        """Type II: adjusted for every term that does not contain this one.

        What the whole model cannot tell is not tested either, although a model without the
        terms that contain this one might tell it (METHOD 2: the gate).
        """
        status = self.fitted.gate.status(*term.members)
        if status.word == "not_estimable":
            return EffectRow(term, 0, None, None, None, None, None, self._why_not(term))
        df = status.df_estimable
        explained = self._explained(term, df)
        note = None
        if df < status.df:
            note = (
                f"only the {df} of its {status.df} degrees of freedom that the runs can tell are "
                "tested"
            )
        squares = explained * self.fitted.squares.scale**2
        found = EffectRow(term, df, squares, None, None, None, None, note)
        if self.sd is None:
            return replace(found, note=self.why_none)
        f = self._f(term, explained, df)
        if f is None:
            return replace(found, note=_NO_ROBUST_ERROR)
        p = float(stats.f.sf(f, df, self.df))
        return replace(found, f=f, p=p, omega_squared=self._omega(explained, df))

    def _explained(self, term: Term, df: int) -> float:
        """Return SS(T | S); of a term told in part, what cannot be told belongs to S."""
        fitted = self.fitted
        beyond = [t for t in fitted.gate.terms if t == term or t.contains(term)]
        open_part = np.zeros((fitted.gate.parameters, 0))
        if df < fitted.gate.status(*term.members).df:
            part = fitted.gate.matrix.columns_of(term)
            open_part = np.zeros((fitted.gate.parameters, part.stop - part.start - df))
            open_part[part] = self._directions(term)[:, : open_part.shape[1]]
        return fitted.squares.explained(
            fitted.columns_of(term),
            ~fitted.columns_of(*beyond),
            also=open_part,
            df=df,
            is_full_rank=not fitted.gate.space.deficiency,
        )[0]

    def _directions(self, term: Term) -> Floats:
        """Return an orthonormal basis of a term's coefficients, those that stay open first."""
        part = self.fitted.gate.matrix.columns_of(term)
        made: Floats = np.linalg.svd(self.fitted.gate.space.null[part], full_matrices=True)[0]
        return made

    def _why_not(self, term: Term) -> str:
        partners = self.fitted.gate.partners_of(term)
        if partners:
            named = ", ".join(f"`{name}`" for name in partners)
            return f"cannot be told apart from {named}: no number is given"
        return "the runs hold nothing that tells of it"

    def _f(self, term: Term, explained: float, df: int) -> float | None:
        if self.kind == "hc3":
            return self._robust_f(term, df)
        return explained / df / (self.solution.rss / self.df)

    @cached_property
    def _residual_root(self) -> Floats:
        return self.solution.residual_root(self.fitted.matrix, self.fitted.table.values)

    def _robust_f(self, term: Term, df: int) -> float | None:
        """Return F of the term's own coefficients that can be told; None without an error."""
        part = self.fitted.gate.matrix.columns_of(term)
        directions = self._directions(term)
        functions = np.zeros((df, self.fitted.gate.parameters))
        functions[:, part] = directions[:, directions.shape[1] - df :].T
        covariance = self.solution.robust(functions, self._residual_root)
        if self._is_rounding(functions, covariance):
            return None
        estimates = np.array([self.solution.estimate(row) for row in functions])
        return float(estimates @ np.linalg.solve(covariance, estimates)) / df

    def _is_rounding(self, functions: Floats, covariance: Floats) -> bool:
        """Whether some of the functions have no robust variance beside the pooled one."""
        assert self.sd is not None
        half = functions @ self.solution.half
        spread, axes = np.linalg.eigh(half @ half.T)
        unit = axes / np.sqrt(spread)  # the functions, brought to pooled variance 1 each
        least = float(np.linalg.eigvalsh(unit.T @ covariance @ unit)[0])
        return least <= _LEAST_VARIANCE * self.sd**2

    def _omega(self, explained: float, df: int) -> float:
        mean_square = self.solution.rss / self.df
        total = self.fitted.squares.total
        return max(0.0, (explained - df * mean_square) / (total + mean_square))

    # contrasts

    def contrasts(self, factor: Column, against_baseline: bool | None) -> list[ModelContrast]:
        """Every contrast of a factor that is asked for, adjusted class by class."""
        pairs, family = contrast_pairs(factor, against_baseline)
        made = [self._contrast(factor, low, high, family) for low, high in pairs]
        self.families[factor.name] = []
        for levels in self.fitted.gate.comparable(factor.name):
            places = [at for at, c in enumerate(made) if c.t is not None and c.low in levels]
            if places:
                adjusted = self._as_family([made[at] for at in places], levels, family)
                for at, contrast in zip(places, adjusted, strict=True):
                    made[at] = contrast
        return made

    def _contrast(self, factor: Column, low: str, high: str, family: FamilyName) -> ModelContrast:
        found = self.fitted.gate
        empty = ModelContrast(
            factor.name, low, high, None, None, self.df, None, None, None, None, None, family, 0,
            None,
        )  # fmt: skip
        if not found.is_estimable(factor.name, low, high):
            return replace(empty, note=self._why_not(Term((factor.name,))))
        function = found.contrast(factor.name, low, high)
        estimate = self.solution.estimate(function)
        factor_of_variance = self.solution.variance_factor(function)
        empty = replace(
            empty,
            estimate=estimate,
            variance_factor=factor_of_variance,
            runs=len(self.fitted.table),
            cells=self.fitted.settings,
        )
        if self.sd is None:
            return replace(empty, note=self.why_none)
        error = self._error(function, factor_of_variance)
        if error is None:
            return replace(empty, note=_NO_ROBUST_ERROR)
        half = float(stats.t.ppf((1 + self.level) / 2, self.df)) * error
        t = estimate / error
        return replace(
            empty,
            standard_error=error,
            t=t,
            p=2 * float(stats.t.sf(abs(t), self.df)),
            interval=(estimate - half, estimate + half),
            in_sd=estimate / self.sd,
        )

    def _error(self, function: Floats, variance_factor: float) -> float | None:
        assert self.sd is not None
        if self.kind == "pooled":
            return self.sd * math.sqrt(variance_factor)
        found = float(self.solution.robust(function[None, :], self._residual_root)[0, 0])
        least = _LEAST_VARIANCE * self.sd**2 * variance_factor
        return math.sqrt(found) if found > least else None

    def _as_family(
        self, told: Sequence[ModelContrast], levels: tuple[str, ...], name: FamilyName
    ) -> list[ModelContrast]:
        """Adjust the contrasts among the levels of one class for one another."""
        made = Family(
            family_name(name, len(told)), levels, len(told), self.df, self._correlation(told)
        )
        self.families[told[0].factor].append(made)
        adjusted = made.adjusted(
            [c.t for c in told if c.t is not None], [c.p for c in told if c.p is not None]
        )
        critical = made.critical(self.level)
        return [
            replace(
                contrast,
                family=made.name,
                family_size=made.size,
                p_adjusted=p,
                interval_adjusted=around(contrast, critical),
            )
            for contrast, p in zip(told, adjusted, strict=True)
        ]

    def critical(self, factor: str, level: float, *, of: str | None = None) -> float:
        """Return how many standard errors an interval for a whole family reaches.

        Args:
            factor: Whose contrasts.
            level: Of all intervals together.
            of: A level of the class that is meant; the largest family by default.

        Raises:
            ValueError: No such contrast of the factor has an error.
        """
        families = self.families.get(factor, [])
        return max(
            (f for f in families if of is None or of in f.levels), key=lambda f: f.size
        ).critical(level)

    def _correlation(self, told: Sequence[ModelContrast]) -> Floats:
        """Correlations of the contrasts' estimates."""
        found = self.fitted.gate
        functions = np.array([found.contrast(c.factor, c.low, c.high) for c in told])
        if self.kind == "hc3":
            covariance = self.solution.robust(functions, self._residual_root)
        else:
            half = functions @ self.solution.half
            covariance = half @ half.T
        spread = np.sqrt(np.diag(covariance))
        return np.asarray(covariance / np.outer(spread, spread))


def _why_no_error(fitted: Fitted, *, exact: bool) -> str:
    if not fitted.squares.varies:
        return "every run has the same value: there is no variation"
    if fitted.solution.residual_df > 0 and exact:
        return "the model fits every run exactly: there is no error to compare with"
    return _WHY_NO_ERROR


def contrast_pairs(
    factor: Column, against_baseline: bool | None = None
) -> tuple[list[tuple[str, str]], FamilyName]:
    """Return the pairs of observed levels that are compared, (low, high), and their family.

    Args:
        factor: Its observed labels are compared, in label order; of one that is analysed on
            its values, the smallest with the largest.
        against_baseline: As in `effects`; the first level stands in where the baseline never
            ran, and where all pairs of very many levels would be compared.
    """
    labels = list(factor.observed)
    if len(labels) < 2:
        return [], "one"
    if factor.is_numeric:
        return [_ends(factor)], "one"
    baseline = factor.baseline if factor.baseline in labels else None
    wanted = baseline is not None if against_baseline is None else against_baseline
    if len(labels) == 2:
        low = baseline or labels[0]
        return [(low, next(label for label in labels if label != low))], "one"
    if wanted or len(labels) > MOST_PAIRWISE:
        low = baseline or labels[0]
        return [(low, label) for label in labels if label != low], "dunnett"
    return list(itertools.combinations(labels, 2)), "tukey"


def _ends(factor: Column) -> tuple[str, str]:
    """The smallest and the largest number that occur, whatever order they were declared in."""
    assert factor.numbers is not None
    numbers = factor.numbers
    codes = sorted(factor.present().tolist(), key=lambda code: numbers[code])
    return factor.labels[codes[0]], factor.labels[codes[-1]]


def _adjusted(rows: Sequence[EffectRow]) -> list[EffectRow]:
    """Holm over the main effects, Benjamini-Hochberg over the interactions (METHOD 5.5)."""
    methods: Mapping[bool, Any] = {
        True: multiplicity.holm,
        False: multiplicity.benjamini_hochberg,
    }
    made = list(rows)
    for is_main, method in methods.items():
        places = [
            at
            for at, row in enumerate(rows)
            if row.p is not None and (len(row.term.members) == 1) == is_main
        ]
        adjusted = method([rows[at].p for at in places]) if places else []
        for at, p in zip(places, adjusted, strict=True):
            made[at] = replace(made[at], p_adjusted=float(p))
    return made
