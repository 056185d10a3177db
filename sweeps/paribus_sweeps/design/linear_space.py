"""Rank, null space and linear relations of a matrix, without squaring its condition.

A tall matrix is first reduced to its triangular factor, block by block; that keeps singular
values and linear relations, and everything after it works on a square of parameters.

Source: METHOD 2 (1 to 3). The tolerance there, 1e-8 max(n, p) s_1, is taken with p alone:
the reduced matrix has p rows, and with n a million honest rows would be called dependent
(docs/decisions/0011).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from paribus_sweeps.design.table import Flags, Floats

RANK_TOLERANCE = 1e-8  # METHOD 2 (1), times the number of parameters
ESTIMABLE_TOLERANCE = 1e-7  # METHOD 2 (2)
_BLOCK_BYTES = 1_000_000  # rows that are reduced at once: a block stays in the cache
_CLEAN = 1e-8  # METHOD 2 (3): smaller coefficients of a relation are zero
_LARGEST_DENOMINATOR = 24


def triangular(matrix: Floats, response: Floats | None = None) -> Floats:
    """Return the triangular factor R of a matrix, (min(rows, columns), columns).

    Args:
        matrix: (rows, columns).
        response: (rows,): one more column at the end.

    Blocks of rows are reduced one after the other and then together, so that no copy of the
    whole matrix is made (TSQR; Demmel et al., SIAM J. Sci. Comput. 34, 2012).
    """
    rows, columns = matrix.shape
    size = max(4 * columns, _BLOCK_BYTES // (8 * max(1, columns)), 1)
    parts = [_factor(matrix, response, start, size) for start in range(0, max(rows, 1), size)]
    return parts[0] if len(parts) == 1 else triangular(np.vstack(parts))


def _factor(matrix: Floats, response: Floats | None, start: int, size: int) -> Floats:
    block = matrix[start : start + size]
    if response is not None:
        block = np.column_stack([block, response[start : start + size]])
    made: Floats = np.asarray(np.linalg.qr(block, mode="r"))
    return made


def scaled(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the matrix with columns of unit length, and their lengths (1 for empty ones)."""
    with np.errstate(over="ignore"):
        lengths = np.sqrt(np.einsum("ij,ij->j", matrix, matrix))
    lengths = np.where(lengths > 0, lengths, 1.0)
    return matrix / lengths, lengths


def rank_of(matrix: Floats) -> int:
    """Return the rank, columns brought to unit length first."""
    if 0 in matrix.shape:
        return 0
    unit, _ = scaled(triangular(matrix))
    return kept(np.linalg.svd(unit)[1], matrix.shape[1])


def kept(singular: Floats, parameters: int) -> int:
    """Return how many singular values of a matrix of unit columns are no rounding."""
    if not singular.size or singular[0] == 0:
        return 0
    return int(np.sum(singular > RANK_TOLERANCE * parameters * singular[0]))


@dataclass(frozen=True, slots=True, eq=False)
class LinearSpace:
    """What the rows of a matrix span, and what they leave open."""

    rank: int
    null: Floats
    """(columns, columns - rank): an orthonormal basis of the null space N."""

    @classmethod
    def of(cls, matrix: Floats) -> LinearSpace:
        """Take the row space of a matrix apart.

        Args:
            matrix: (rows, columns) with at least one column; best of distinct rows only,
                since repeating a row changes nothing but the condition.
        """
        columns = matrix.shape[1]
        unit, lengths = scaled(triangular(matrix))
        _, singular, vectors = np.linalg.svd(unit, full_matrices=True)
        rank = kept(singular, columns)
        null = vectors[rank:].T / lengths[:, None]
        return cls(rank, np.linalg.qr(null)[0] if null.shape[1] else null)

    @property
    def deficiency(self) -> int:
        """How many directions are left open."""
        return int(self.null.shape[1])

    def estimable(self, functions: Floats) -> Flags:
        """Tell for each linear function (a row) whether it is estimable.

        L is estimable if L N = 0 (Searle, Linear Models, 1971, chapter 5).
        """
        lengths = np.sqrt(np.einsum("ij,ij->i", functions, functions))
        beside = np.abs(functions @ self.null).max(axis=1, initial=0.0)
        return np.asarray(beside <= ESTIMABLE_TOLERANCE * np.where(lengths > 0, lengths, 1.0))

    def open_directions(self, functions: Floats) -> int:
        """Return rank(L N): how many independent functions among L are not estimable."""
        if not self.deficiency or not len(functions):
            return 0
        lengths = np.sqrt(np.einsum("ij,ij->i", functions, functions))
        beside = (functions / np.where(lengths > 0, lengths, 1.0)[:, None]) @ self.null
        singular = np.linalg.svd(beside, compute_uv=False)
        return int(np.sum(singular > ESTIMABLE_TOLERANCE))


@dataclass(frozen=True, slots=True)
class Relation:
    """A column that is a sum of earlier columns."""

    column: int
    """The dependent column."""
    parts: tuple[tuple[int, Fraction | float], ...]
    """Earlier independent columns with their coefficients; empty for a column of zeros."""

    @property
    def members(self) -> tuple[int, ...]:
        """Every column that takes part, the dependent one last."""
        return (*(place for place, _ in self.parts), self.column)


def relations(matrix: Floats) -> tuple[Relation, ...]:
    """Express each column that depends on earlier ones by them (R's `alias()$Complete`).

    Elimination in the order of columns, with every projection done twice (Giraud and others,
    Numer. Math. 101, 2005): the basis stays orthogonal to machine precision.
    """
    reduced = triangular(matrix)
    unit, lengths = scaled(reduced)
    columns = unit.shape[1]
    basis = np.zeros((unit.shape[0], min(unit.shape)))
    independent: list[int] = []
    found = []
    for place in range(columns):
        left = unit[:, place]
        made = basis[:, : len(independent)]
        for _ in range(2):
            left = left - made @ (made.T @ left)
        length = float(np.linalg.norm(left))
        if length > RANK_TOLERANCE * columns:
            basis[:, len(independent)] = left / length
            independent.append(place)
        else:
            found.append(_relation(unit, lengths, independent, place))
    return tuple(found)


def _relation(unit: Floats, lengths: Floats, independent: list[int], place: int) -> Relation:
    if not independent or not np.any(unit[:, place]):
        return Relation(place, ())
    solved = np.linalg.lstsq(unit[:, independent], unit[:, place], rcond=None)[0]
    own = solved * lengths[place] / lengths[independent]
    parts = [
        (at, clean(float(c))) for at, c in zip(independent, own, strict=True) if abs(c) > _CLEAN
    ]
    return Relation(place, tuple(parts))


def clean(coefficient: float) -> Fraction | float:
    """Return the fraction with a denominator of at most 24 that a coefficient is, or itself."""
    reach = 1e-7 * max(1.0, abs(coefficient))
    if not any(  # most are none, and a Fraction takes ten times as long to say so
        abs(coefficient * below - round(coefficient * below)) <= 2 * reach * below
        for below in range(1, _LARGEST_DENOMINATOR + 1)
    ):
        return coefficient
    near = Fraction(coefficient).limit_denominator(_LARGEST_DENOMINATOR)
    return near if abs(float(near) - coefficient) <= reach else coefficient
