"""The model matrix: sum-to-zero columns for levels, one scaled column for numbers.

    terms = main_effects(table)                       # intercept, blocks, factors
    matrix = ModelMatrix.of(terms, Codings.of(columns), codes)
    matrix.values                                     # (rows, parameters)

Source: METHOD 1. Categorical with L levels: L-1 columns, level l is e_l, the last level is
(-1, …, -1). Numeric: (t(x) - mid) / half, in [-1, 1] over the column's own range.
Interactions are row-wise products.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.table import Codes, Column, Floats
from paribus_sweeps.errors import NotOnScale

INTERCEPT = "intercept"


@dataclass(frozen=True, slots=True)
class Term:
    """A term of a model: the intercept, a main effect, an interaction.

    Term()                      # the intercept
    Term(("batch",))            # a main effect
    Term(("batch", "ratio"))    # an interaction
    """

    members: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`intercept`, `batch`, `batch x ratio`."""
        return " x ".join(self.members) if self.members else INTERCEPT

    def contains(self, other: Term) -> bool:
        """Whether `other` is marginal to this term, and not the same."""
        return set(other.members) < set(self.members)


@dataclass(frozen=True, slots=True, eq=False)
class Coding:
    """How the labels of one column become columns of a matrix."""

    name: str
    rows: Floats
    """(labels, df): the columns' values at each label; NaN at labels that are left out."""
    names: tuple[str, ...]
    """Of the df columns."""
    half: float | None = None
    """Of a numeric column: half of its range, on the scale of the model."""

    @property
    def df(self) -> int:
        """How many columns."""
        return int(self.rows.shape[1])

    @classmethod
    def of(cls, column: Column, codes: Codes) -> Coding:
        """Code a column for the labels at `codes`.

        Args:
            column: What is coded.
            codes: Places of the labels that take part, sorted: observed ones, or those of
                all candidates.

        Raises:
            NotOnScale: The logarithm of a number that has none.
        """
        return _numeric(column, codes) if column.is_numeric else _categorical(column, codes)


def _categorical(column: Column, codes: Codes) -> Coding:
    df = max(0, len(codes) - 1)
    rows = np.full((len(column.labels), df), np.nan)
    rows[codes[:df]] = np.eye(df)
    rows[codes[df:]] = -1.0
    names = tuple(f"{column.name}[{column.labels[code]}]" for code in codes[:df])
    return Coding(column.name, rows, names)


def _numeric(column: Column, codes: Codes) -> Coding:
    scaled = column.transformed()
    held = scaled[codes]
    if not np.all(np.isfinite(held)):
        label = column.labels[codes[np.flatnonzero(~np.isfinite(held))[0]]]
        raise NotOnScale(column.name, label, column.transform)
    low, high = (float(held.min()), float(held.max())) if len(held) else (0.0, 0.0)
    half = high / 2 - low / 2  # the difference of two large numbers may be none
    if half == 0:
        return Coding(column.name, np.zeros((len(scaled), 0)), (), half=0.0)
    with np.errstate(over="ignore"):  # at labels that take no part
        values = (scaled - (low / 2 + high / 2)) / half
    return Coding(column.name, values[:, None], (column.name,), half=half)


Codings = Mapping[str, Coding]


def codings_of(columns: Iterable[Column], *, extra: Mapping[str, Codes] | None = None) -> Codings:
    """Code columns for the labels that occur in them, and for those in `extra`.

    Args:
        columns: Of one table.
        extra: Column → further codes that take part, as candidates of a follow-up do.
    """
    found = {}
    for column in columns:
        codes = column.present()
        if extra and column.name in extra:
            codes = np.union1d(codes, extra[column.name])
        found[column.name] = Coding.of(column, codes)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class ModelMatrix:
    """The columns of a model over some rows, term by term."""

    terms: tuple[Term, ...]
    values: Floats
    """(rows, parameters)."""
    slices: tuple[slice, ...]
    """Which columns each term has."""
    names: tuple[str, ...]
    """(parameters): `intercept`, `batch[8]`, `batch[8] x ratio[1:1]`."""

    @classmethod
    def of(
        cls, terms: Sequence[Term], codings: Codings, codes: Mapping[str, Codes], *, rows: int
    ) -> ModelMatrix:
        """Build the matrix.

        Args:
            terms: Of the model, in order; the intercept first.
            codings: Of every column that the terms name.
            codes: Column → its code in each row.
            rows: How many rows.
        """
        names = [_term_names(term, codings) for term in terms]
        ends = list(itertools.accumulate(len(found) for found in names))
        starts = [0, *ends[:-1]]
        slices = tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))
        values = np.empty((rows, ends[-1]))
        for term, part in zip(terms, slices, strict=True):
            values[:, part] = _term_values(term, codings, codes, rows)
        return cls(tuple(terms), values, slices, tuple(itertools.chain(*names)))

    @property
    def parameters(self) -> int:
        """How many columns."""
        return int(self.values.shape[1])

    def columns_of(self, term: Term) -> slice:
        """Which columns the term has.

        Raises:
            ValueError: The model has no such term.
        """
        return self.slices[self.terms.index(term)]

    def term_of(self, place: int) -> Term:
        """The term that the column at `place` belongs to."""
        at = next(i for i, part in enumerate(self.slices) if place < part.stop)
        return self.terms[at]


def _term_values(term: Term, codings: Codings, codes: Mapping[str, Codes], rows: int) -> Floats:
    if not term.members:
        return np.ones((rows, 1))
    first, *others = term.members
    made = codings[first].rows[codes[first]]
    for name in others:
        part = codings[name].rows[codes[name]]
        made = (made[:, :, None] * part[:, None, :]).reshape(rows, -1)
    return made


def _term_names(term: Term, codings: Codings) -> list[str]:
    parts = [codings[name].names for name in term.members]
    return [" x ".join(names) if names else INTERCEPT for names in itertools.product(*parts)]


def main_effects(columns: Iterable[Column]) -> tuple[Term, ...]:
    """Intercept and one term for each column that varies, in their order."""
    return (Term(), *(Term((column.name,)) for column in columns if column.varies))


def two_factor_interactions(factors: Iterable[Column]) -> tuple[Term, ...]:
    """Every pair of factors that vary, in their order."""
    names = [factor.name for factor in factors if factor.varies]
    return tuple(Term(pair) for pair in itertools.combinations(names, 2))
