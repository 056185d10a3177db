"""The linear model: sum-to-zero coding, Type II by model comparison, equal-weight margins.

Source: METHOD 1, 2, 5.1, 5.2, 5.4, 5.5 and 5.7.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from . import exact
from .experiment import Experiment, Factor, Run
from .families import Family, benjamini_hochberg, holm, t_quantile
from .pairs import with_t

Floats = NDArray[np.float64]
Told = dict[str, Any]
POWERS = (1.0, 0.5, 0.0, -0.5, -1.0)
SMALL = 1e-8  # relative length of what rounding leaves of a dependent column


class Model:
    """A model of the usable runs, repeats of one cell and seed averaged.

    Model(asked, ["intercept", "seed", "lr", "batch", "lr x batch"])
    """

    def __init__(
        self,
        asked: Experiment,
        terms: Sequence[str],
        *,
        values: dict[str, float] | None = None,
        error: str = "pooled",
    ) -> None:
        """Take the runs in.

        Args:
            asked: The experiment.
            terms: Names; a product is written `a x b`.
            values: Run → value in place of its response; runs without one are left out.
            error: "pooled" or "hc3".
        """
        self.asked, self.terms, self.error = asked, list(terms), error
        own = {run.id: run.value or 0.0 for run in asked.usable}
        held = own if values is None else values
        self.runs, self.y = _averaged(asked, [r for r in asked.runs if r.id in held], held)
        self.columns: list[list[int]] = [[] for _ in self.runs]
        self.parts: dict[str, slice] = {}
        for term in self.terms:
            self._add(term)
        self.x = np.array(self.columns, float)

    def _add(self, term: str) -> None:
        start = len(self.columns[0])
        members = [] if term == "intercept" else self.members(term)
        codes = [self._codes(name) for name in members]
        for at, row in enumerate(self.columns):
            row += [math.prod(c) for c in itertools.product(*(code[at] for code in codes))]
        self.parts[term] = slice(start, len(self.columns[0]))

    def members(self, term: str) -> list[str]:
        """Columns that a term is made of."""
        known = [*(f.name for f in self.asked.factors), *self.asked.blocks]
        if term in known or " x " not in term:
            return [term]
        return term.split(" x ")

    def _codes(self, name: str) -> list[list[int]]:
        labels = self.labels(name)
        return [self._code(labels, self.asked.label(run, name)) for run in self.runs]

    def labels(self, name: str) -> list[str]:
        """Levels of a column that these runs hold."""
        here = {self.asked.label(run, name) for run in self.runs}
        return [label for label in self.asked.order(name) if label in here]

    @staticmethod
    def _code(labels: Sequence[str], label: str) -> list[int]:
        """Level l → the l-th unit vector, the last one → (-1, …, -1)."""
        at = labels.index(label)
        width = len(labels) - 1
        return [-1] * width if at == width else [int(i == at) for i in range(width)]

    # the fit

    @cached_property
    def null(self) -> list[list[Any]]:
        """What the runs say nothing of, exactly."""
        return exact.null_space(self.columns, len(self.columns[0]))

    @property
    def rank(self) -> int:
        """Independent columns, exactly."""
        return len(self.columns[0]) - len(self.null)

    @property
    def df(self) -> int:
        """Residual degrees of freedom."""
        return len(self.y) - self.rank

    @cached_property
    def residuals(self) -> Floats:
        """What the model leaves."""
        return self.y - self.x @ self.beta

    @cached_property
    def beta(self) -> Floats:
        """Least squares; of estimable functions alone it means something."""
        centre = float(np.mean(self.y))
        found: Floats = np.linalg.lstsq(self.x, self.y - centre, rcond=SMALL)[0]
        found = found + np.linalg.lstsq(self.x, np.full(len(self.y), centre), rcond=SMALL)[0]
        return np.asarray(found + np.linalg.lstsq(self.x, self.y - self.x @ found, rcond=SMALL)[0])

    @cached_property
    def bread(self) -> Floats:
        """(X'X)^-, by the singular values of X."""
        inverse = np.linalg.pinv(self.x, rcond=SMALL)
        return np.asarray(inverse @ inverse.T)

    @property
    def rss(self) -> float:
        """Residual sum of squares."""
        return math.fsum(self.residuals**2)

    @property
    def sd(self) -> float | None:
        """Residual standard deviation; None where no degree of freedom or no noise is left."""
        total = math.fsum((self.y - self.y.mean()) ** 2)
        if self.df < 1 or self.rss <= 1e-24 * total:
            return None
        return math.sqrt(self.rss / self.df)

    def df_estimable(self, term: str) -> int:
        """Degrees of freedom of a term that the runs can tell."""
        part = self.parts[term]
        return int(part.stop - part.start) - exact.rank([v[part] for v in self.null])

    # terms

    def term_rows(self, factors: Sequence[str]) -> list[Told]:
        """Tests of the terms made of factors, adjusted: main effects Holm, interactions BH."""
        rows = [self._row(t) for t in self.terms if set(self.members(t)) <= {*factors}]
        for is_main, adjust in ((True, holm), (False, benjamini_hochberg)):
            family = [row for row in rows if (len(self.members(row["term"])) == 1) == is_main]
            tested = [row for row in family if row.get("p") is not None]
            for row, p in zip(tested, adjust([row["p"] for row in tested]), strict=True):
                row["p_adjusted"] = p
            if not all("p" in row for row in family):  # its size is not known here
                for row in family:
                    row.pop("p_adjusted", None)
        return rows

    def _row(self, term: str) -> Told:
        part = self.parts[term]
        df, empty = self.df_estimable(term), {"f": None, "p": None, "omega_squared": None}
        told: Told = {"term": term, "df": df, "p_adjusted": None, **empty}
        if df == 0:
            return told | {"sum_of_squares": None}
        if df < part.stop - part.start:
            return {"term": term, "df": df}  # told in part: not worked out here
        squares = self._explained(term)
        told["sum_of_squares"] = squares
        if self.sd is None:
            return told
        mean_square = self.sd**2
        f = squares / df / mean_square if self.error == "pooled" else self._robust_f(part, df)
        total = math.fsum((self.y - self.y.mean()) ** 2)
        omega = max(0.0, (squares - df * mean_square) / (total + mean_square))
        return told | {"f": f, "p": float(stats.f.sf(f, df, self.df)), "omega_squared": omega}

    def _explained(self, term: str) -> float:
        """RSS(S) - RSS(S + T), S being all terms that do not contain T.

        The difference is the squared length of y along what T adds to S.
        """
        own = set(self.members(term))
        others = [t for t in self.terms if t == "intercept" or not own <= {*self.members(t)}]
        base = _basis(np.hstack([self.x[:, self.parts[t]] for t in others]))
        added = self.x[:, self.parts[term]]
        for _ in range(2):  # twice, so that rounding leaves nothing of S
            added = added - base @ (base.T @ added)
        fresh = _basis(added, least=SMALL)
        centred = self.y - self.y.mean()
        along = fresh.T @ (centred - base @ (base.T @ centred))
        return math.fsum(along**2)

    def _robust_f(self, part: slice, df: int) -> float:
        functions = np.eye(self.x.shape[1])[part]
        estimates = functions @ self.beta
        inner = np.linalg.solve(functions @ self.robust @ functions.T, estimates)
        return float(estimates @ inner) / df

    @cached_property
    def robust(self) -> Floats:
        """HC3: (X'X)^-1 [sum x x' e^2 / (1 - h)^2] (X'X)^-1."""
        leverage = np.einsum("ij,jk,ik->i", self.x, self.bread, self.x)
        meat = self.x * (self.residuals / (1 - leverage))[:, None]
        return np.asarray(self.bread @ (meat.T @ meat) @ self.bread)

    # contrasts

    def function(self, factor: Factor, low: str, high: str) -> list[int]:
        """L with L beta = margin(high) - margin(low).

        Margins give every level of the other factors the same weight; with sum-to-zero coding
        all that holds another factor averages to 0, and the factor's own columns are left.
        """
        labels = self.labels(factor.name)
        found = [0] * self.x.shape[1]
        rows = zip(self._code(labels, high), self._code(labels, low), strict=True)
        found[self.parts[factor.name]] = [b - a for b, a in rows]
        return found

    def contrast_rows(self, factor: Factor, level: float) -> tuple[list[Told], Family | None]:
        """Contrasts of one factor, adjusted for one another, and their family."""
        pairs = self.asked.compared(factor, self.runs)
        functions = [self.function(factor, *pair) for pair in pairs]
        told = [exact.is_estimable(function, self.null) for function in functions]
        if not all(told):
            return [_without_number(factor, pair, any(told)) for pair in pairs], None
        name = "one" if len(pairs) == 1 else "dunnett" if factor.baseline else "tukey"
        stacked = np.array(functions, float)
        covariance = stacked @ self._covariance @ stacked.T
        error = np.sqrt(np.diag(covariance))
        family = None
        if self.sd is not None:
            correlation = covariance / np.outer(error, error)
            family = Family(name, len(self.labels(factor.name)), self.df, correlation)
        rows = [
            self._contrast(factor, pair, function, family, name, len(pairs), level)
            for pair, function in zip(pairs, stacked, strict=True)
        ]
        return rows, family

    @property
    def _covariance(self) -> Floats:
        return self.robust if self.error == "hc3" else self.bread * (self.sd or 1.0) ** 2

    def _contrast(
        self,
        factor: Factor,
        pair: tuple[str, str],
        function: Floats,
        family: Family | None,
        name: str,
        size: int,
        level: float,
    ) -> Told:
        value = float(function @ self.beta)
        told: Told = {"factor": factor.name, "low": pair[0], "high": pair[1], "estimate": value}
        if family is None or self.sd is None:
            return told | {"standard_error": None, "p": None, "interval": None}
        error = math.sqrt(float(function @ self._covariance @ function))
        found = with_t(value, error, self.df, level)
        reach = family.critical(level) * error
        return told | {
            "standard_error": error,
            "df": self.df,
            "t": found["t"],
            "p": found["p"],
            "p_adjusted": family.adjusted(found["t"]),
            "interval": [found["low"], found["high"]],
            "interval_adjusted": [value - reach, value + reach],
            "family": name,
            "family_size": size,
            "in_sd": value / self.sd,
        }

    def variance_factor(self, factor: Factor, low: str, high: str) -> float:
        """Variance of a contrast in units of the residual variance."""
        function = np.array(self.function(factor, low, high), float)
        return float(function @ self.bread @ function)

    def half_width(self, factor: Factor, low: str, high: str, sd: float, df: int) -> float:
        """T s sqrt(c) (METHOD 6.4)."""
        return t_quantile(0.95, df) * sd * math.sqrt(self.variance_factor(factor, low, high))

    # beside

    def gvif(self) -> list[Told]:
        """det(R_TT) det(R_oo) / det(R) of each term but the intercept (METHOD 2.5)."""
        names = [term for term in self.terms if term != "intercept"]
        if not names or self.null:
            return []
        columns = self.x[:, self.parts["intercept"].stop :]
        r = np.atleast_2d(np.corrcoef(columns, rowvar=False))
        told = []
        for term in names:
            part = self.parts[term]
            own = np.zeros(len(r), bool)
            own[part.start - 1 : part.stop - 1] = True
            inside, outside = r[np.ix_(own, own)], r[np.ix_(~own, ~own)]
            value = np.linalg.det(inside) * np.linalg.det(outside) / np.linalg.det(r)
            factor = float(value) ** (1 / (2 * int(own.sum())))
            told.append({"term": term, "gvif": float(value), "factor": factor})
        return told

    def box_cox(self) -> list[float] | None:
        """Powers whose profile likelihood is within chi2_{1, .95} / 2 of the best one's."""
        if min(self.y) <= 0 or self.sd is None:
            return None
        logs = np.log(self.y)

        def likelihood(power: float) -> float:
            scaled = power * (logs - logs.mean())
            raised = logs if power == 0 else np.expm1(scaled) / power
            left = raised - self.x @ np.linalg.lstsq(self.x, raised, rcond=SMALL)[0]
            return -len(self.y) / 2 * math.log(math.fsum(left**2))

        best = max(map(likelihood, np.linspace(-2, 2, 401)))
        least = best - float(stats.chi2.ppf(0.95, 1)) / 2
        return [power for power in POWERS if likelihood(power) >= least]

    def spread(self, seed: str | None) -> Told:
        """Brown-Forsythe over the cells of three runs or more (METHOD 5.4, decision 0012)."""
        values = self.y - self.y.mean()
        if seed is not None:
            seeds = np.array([run.seed for run in self.runs])
            means = {label: values[seeds == label].mean() for label in set(seeds)}
            values = values - np.array([means[label] for label in seeds])
        cells: dict[Any, list[float]] = {}
        for run, value in zip(self.runs, values, strict=True):
            cells.setdefault((*run.setting.values(), *run.blocks.values()), []).append(value)
        large = [group for group in cells.values() if len(group) >= 3]
        told: Told = {"cells": len(large), "brown_forsythe_p": None, "sd_ratio": None}
        if len(large) < 2 or 2 * len(large) <= len(cells):
            return told
        p = float(stats.levene(*large, center="median").pvalue)
        sds = [float(np.std(group, ddof=1)) for group in large if len(group) >= 5]
        if len(sds) > 1 and min(sds) > 0:
            told["sd_ratio"] = max(sds) / min(sds)
        return told | {"brown_forsythe_p": p}


def _without_number(factor: Factor, pair: tuple[str, str], partly: bool) -> Told:
    """A contrast that the runs cannot tell; of a factor told in part nothing is worked out."""
    empty = dict.fromkeys(("estimate", "standard_error", "t", "p", "p_adjusted", "interval"))
    named = {"factor": factor.name, "low": pair[0], "high": pair[1]}
    return named if partly else named | empty


def _averaged(
    asked: Experiment, runs: Sequence[Run], held: dict[str, float]
) -> tuple[list[Run], Floats]:
    """Repeats of one cell and seed become one row (METHOD 1)."""
    groups: dict[Any, list[Run]] = {}
    for run in runs:
        key = (*run.setting.values(), *run.blocks.values(), run.seed)
        groups.setdefault(key if asked.replicates else run.id, []).append(run)
    values = [math.fsum(held[r.id] for r in group) / len(group) for group in groups.values()]
    return [group[0] for group in groups.values()], np.array(values)


def _basis(columns: Floats, *, least: float = 1e-10) -> Floats:
    """An orthonormal basis of what the columns span."""
    lengths = np.linalg.norm(columns, axis=0)
    kept: Floats = columns[:, lengths > least] / lengths[lengths > least]
    if not kept.shape[1]:
        return kept
    u, s, _ = np.linalg.svd(kept, full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * max(kept.shape) * s[0]])
