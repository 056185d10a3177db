"""The gate: what finished runs can tell at all. Nothing is estimated before it has been asked.

    found = gate(table)                         # main effects and blocks
    found.status("batch").word                  # estimable | partially_estimable | not_estimable
    found.is_estimable("batch", "8", "64")      # one contrast of levels
    found.confounded_with("batch")              # ("ratio", "gpu_name")

Rank and null space are taken over the distinct cells of the finished runs, so that repeats
change nothing. What stands outside the row space has no number anywhere in an answer.

Source: METHOD 2 (Searle, Linear Models, 1971, chapter 5; R's `estimability` and `alias`);
generalised variance inflation: Fox & Monette, JASA 87 (1992).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from paribus_sweeps.design.linear_space import (
    ESTIMABLE_TOLERANCE,
    LinearSpace,
    Relation,
    relations,
    scaled,
    triangular,
)
from paribus_sweeps.design.model_matrix import (
    Codings,
    ModelMatrix,
    Term,
    codings_of,
    main_effects,
)
from paribus_sweeps.design.table import Codes, Column, Floats, Table, cell_keys
from paribus_sweeps.errors import TooLarge

StatusWord = Literal["estimable", "partially_estimable", "not_estimable"]

GVIF_WARNING, GVIF_STRONG_WARNING = 2.0, 5.0  # METHOD 2 (5), of GVIF^(1/(2 df))
MOST_PARAMETERS = 2_000
_MOST_WORK = 5e10  # cells x parameters^2: about ten seconds on one core


@dataclass(frozen=True, slots=True)
class TermStatus:
    """Whether a term of the model can be estimated."""

    term: Term
    df: int
    """Columns of the term."""
    df_estimable: int
    """Independent functions of them that can be estimated."""

    @property
    def word(self) -> StatusWord:
        """The status in one word; a term without columns has nothing to estimate."""
        if self.df and self.df_estimable == self.df:
            return "estimable"
        return "partially_estimable" if self.df_estimable else "not_estimable"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "term": self.term.name,
            "df": self.df,
            "df_estimable": self.df_estimable,
            "status": self.word,
        }


@dataclass(frozen=True, slots=True)
class Inflation:
    """How much a term's standard error suffers from what moved nearly along with it."""

    term: Term
    gvif: float
    """Generalised variance inflation factor, 1 where nothing is correlated with the term."""
    factor: float
    """GVIF^(1/(2 df)): the factor on the standard error."""

    @property
    def warning(self) -> str | None:
        """What to say of it, or None where it is harmless."""
        if self.factor <= GVIF_WARNING:
            return None
        how = "strongly " if self.factor > GVIF_STRONG_WARNING else ""
        return (
            f"`{self.term.name}` is {how}correlated with other terms: its standard error is "
            f"{self.factor:.3g} times what a balanced design of this size would give."
        )


@dataclass(eq=False)
class Gate:
    """What a model over the finished runs can tell; `gate` makes it."""

    table: Table
    """The finished runs."""
    columns: tuple[Column, ...]
    """Those that the terms name."""
    codings: Codings
    matrix: ModelMatrix
    """Over the distinct cells."""
    space: LinearSpace
    _comparable: dict[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def terms(self) -> tuple[Term, ...]:
        """Of the model, in hierarchical order."""
        return self.matrix.terms

    @property
    def rank(self) -> int:
        """Of the model matrix."""
        return self.space.rank

    @property
    def parameters(self) -> int:
        """Columns of the model matrix."""
        return self.matrix.parameters

    @property
    def residual_df(self) -> int:
        """Finished runs (repeats averaged) minus rank: 0 leaves no standard error."""
        return len(self.table) - self.rank

    @cached_property
    def statuses(self) -> tuple[TermStatus, ...]:
        """Of every term but the intercept."""
        return tuple(self._status(term) for term in self.terms if term.members)

    def _status(self, term: Term) -> TermStatus:
        part = self.matrix.columns_of(term)
        df = part.stop - part.start
        functions = np.zeros((df, self.parameters))
        functions[:, part] = np.eye(df)
        return TermStatus(term, df, df - self.space.open_directions(functions))

    def status(self, *members: str) -> TermStatus:
        """The status of the term with these members.

        Raises:
            KeyError: The model has no such term.
        """
        for found in self.statuses:
            if set(found.term.members) == set(members):
                return found
        raise KeyError(" x ".join(members))

    def margin(self, levels: Mapping[str, str]) -> Floats:
        """Return L of the mean at some levels, all other factors averaged with equal weight.

        In sum-to-zero coding the average of every other factor's columns over its levels is
        zero, so that only columns of these factors are left; a factor that is analysed on its
        values stands at the middle of its range (Lenth, JSS 69, 2016).

        Args:
            levels: Factor → observed label.
        """
        made = np.zeros(self.parameters)
        for term, part in zip(self.terms, self.matrix.slices, strict=True):
            if set(term.members) <= levels.keys():
                value = np.ones(1)
                for name in term.members:
                    code = self._column(name).labels.index(levels[name])
                    value = np.kron(value, self.codings[name].rows[code])
                made[part] = value
        return made

    def contrast(self, factor: str, low: str, high: str) -> Floats:
        """Return L of the contrast high - low, all other factors averaged with equal weight."""
        return self.margin({factor: high}) - self.margin({factor: low})

    def _column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def is_estimable(self, factor: str, low: str, high: str) -> bool:
        """Whether the finished runs can tell two observed levels apart."""
        return any(low in levels and high in levels for levels in self.comparable(factor))

    def comparable(self, factor: str) -> tuple[tuple[str, ...], ...]:
        """Return the observed levels of a factor in classes, both in label order.

        Two levels can be compared if they are in one class: differences between estimable
        contrasts are estimable.

        Raises:
            ValueError: The model has no term of this factor.
        """
        if factor not in self._comparable:
            self._comparable[factor] = self._classes(self._column(factor))
        return self._comparable[factor]

    def _classes(self, column: Column) -> tuple[tuple[str, ...], ...]:
        part = self.matrix.columns_of(Term((column.name,)))
        if part.start == part.stop:
            return tuple((label,) for label in column.observed)
        rows = self.codings[column.name].rows
        beside = rows @ self.space.null[part]
        left = column.present()
        found: list[tuple[str, ...]] = []
        while len(left):
            away = rows[left] - rows[left[0]]
            lengths = np.sqrt(np.einsum("ij,ij->i", away, away))
            apart = np.abs(beside[left] - beside[left[0]]).max(axis=1, initial=0.0)
            own = apart <= ESTIMABLE_TOLERANCE * lengths
            found.append(tuple(column.labels[code] for code in left[own]))
            left = left[~own]
        return tuple(found)

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """Every column that is a sum of earlier ones."""
        return relations(self.matrix.values) if self.space.deficiency else ()

    def confounded_with(self, factor: str) -> tuple[str, ...]:
        """Names of the terms whose effects cannot be told from the factor's, in model order."""
        return self.partners_of(Term((factor,)))

    def partners_of(self, own: Term) -> tuple[str, ...]:
        """Names of the terms that stand in a linear relation with this one, in model order."""
        return self._partners.get(own, ())

    @cached_property
    def _partners(self) -> Mapping[Term, tuple[str, ...]]:
        """Term → names of those in a linear relation with it, the intercept left out."""
        owners = [
            t
            for t, part in zip(self.terms, self.matrix.slices, strict=True)
            for _ in range(part.start, part.stop)
        ]
        found: defaultdict[Term, set[Term]] = defaultdict(set)
        for relation in self.relations:
            terms = {owners[place] for place in relation.members if owners[place].members}
            for term in terms:
                found[term] |= terms - {term}
        place = {term: at for at, term in enumerate(self.terms)}
        return {
            term: tuple(other.name for other in sorted(others, key=place.__getitem__))
            for term, others in found.items()
        }

    @cached_property
    def inflation(self) -> tuple[Inflation, ...]:
        """Of every term, over the finished runs; empty where the rank is not full."""
        if self.space.deficiency or self.parameters < 2:
            return ()
        return _inflation(self.matrix, self.full_matrix())

    def full_matrix(self) -> Floats:
        """Return the model matrix with one row for each finished run."""
        if len(self.matrix.values) == len(self.table):
            return self.matrix.values  # every run is a cell of its own: see `cell_matrix`
        codes = {column.name: column.codes for column in self.columns}
        return ModelMatrix.of(self.terms, self.codings, codes, rows=len(self.table)).values

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "runs": len(self.table),
            "cells": len(self.matrix.values),
            "parameters": self.parameters,
            "rank": self.rank,
            "residual_df": self.residual_df,
            "terms": [status.as_dict() for status in self.statuses],
            "aliases": [self.written(relation) for relation in self.relations],
            "gvif": [
                {"term": i.term.name, "gvif": i.gvif, "factor": i.factor, "warning": i.warning}
                for i in self.inflation
            ],
        }

    def written(self, relation: Relation) -> dict[str, Any]:
        """Return a relation with the names of its columns, its coefficients as text."""
        names = self.matrix.names
        return {
            "column": names[relation.column],
            "equals": [
                {"column": names[place], "coefficient": str(value)}
                for place, value in relation.parts
            ],
        }


def gate(
    table: Table,
    *,
    terms: Sequence[Term] | None = None,
    also: Iterable[Column] = (),
    extra: Mapping[str, Codes] | None = None,
) -> Gate:
    """Ask what the usable runs of a table can tell.

    Args:
        table: Its unusable rows are left out, repeats of one (setting, replicate) averaged.
        terms: Of the model, hierarchical, intercept first; default: intercept, blocks and
            main effects of all that varies.
        also: Further columns that the default model takes as blocks.
        extra: Column → codes that take part in the coding beside the observed ones.
    """
    rows = table.averaged()
    if terms is None:
        terms = main_effects([*rows.blocks, *also, *rows.factors])
    named = {name for term in terms for name in term.members}
    known = [*rows.columns, *also, *([rows.replicate] if rows.replicate else [])]
    columns = tuple(column for column in known if column.name in named)
    _refuse_size(terms, columns, extra or {}, len(rows))
    codings = codings_of(columns, extra=extra)
    matrix = cell_matrix(terms, codings, columns, rows=len(rows))
    return Gate(rows, columns, codings, matrix, LinearSpace.of(matrix.values))


def _refuse_size(
    terms: Sequence[Term], columns: Sequence[Column], extra: Mapping[str, Codes], rows: int
) -> None:
    """Refuse a model that could not be taken apart in reasonable time, before it is built.

    Raises:
        TooLarge: It has too many columns.
    """
    df = {column.name: _most_df(column, extra.get(column.name)) for column in columns}
    parameters = sum(math.prod(df[name] for name in term.members) for term in terms)
    if parameters > MOST_PARAMETERS or rows * parameters**2 > _MOST_WORK:
        widest = max(columns, key=lambda column: df[column.name])
        raise TooLarge(parameters, widest.name, df[widest.name] + 1, most=MOST_PARAMETERS)


def _most_df(column: Column, extra: Codes | None) -> int:
    """Return how many columns a main effect has at most."""
    codes = column.present() if extra is None else np.union1d(column.present(), extra)
    return 1 if column.is_numeric else max(0, len(codes) - 1)


def cell_matrix(
    terms: Sequence[Term], codings: Codings, columns: Sequence[Column], *, rows: int
) -> ModelMatrix:
    """Return the model matrix over the distinct cells of some columns.

    In the order of the cells; in the order of the rows where each row is a cell of its own.
    """
    keys = cell_keys(columns, rows=rows)
    order = np.argsort(keys, kind="stable")
    first = order[np.diff(keys[order], prepend=-1) != 0]
    if len(first) == rows:
        first = np.arange(rows)
    codes = {column.name: column.codes[first] for column in columns}
    return ModelMatrix.of(terms, codings, codes, rows=len(first))


def _inflation(matrix: ModelMatrix, full: Floats) -> tuple[Inflation, ...]:
    """GVIF from the correlations of the coefficients' estimates, intercept left out.

    det(R_oo) / det(R) is the determinant of a term's part of R's inverse, and that inverse needs
    no inverting: without the intercept it is U'U, U what the triangle has right of its column.
    """
    unit, _ = scaled(triangular(full))
    inverse = np.linalg.inv(unit)
    covariance = (inverse @ inverse.T)[1:, 1:]
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(spread, spread)
    precision = (unit[1:, 1:].T @ unit[1:, 1:]) * np.outer(spread, spread)
    found = []
    for term, part in zip(matrix.terms, matrix.slices, strict=True):
        if term.members:
            own = slice(part.start - 1, part.stop - 1)
            parts = (correlation[own, own], precision[own, own])
            gvif = float(np.exp(sum(np.linalg.slogdet(one)[1] for one in parts)))
            found.append(Inflation(term, gvif, gvif ** (1 / (2 * (part.stop - part.start)))))
    return tuple(found)
