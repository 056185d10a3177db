"""Rank and null space in whole fractions: no tolerance decides what can be told.

Source: METHOD 2; the matrices are sum-to-zero coded, so that every entry is -1, 0 or 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

Rows = Sequence[Sequence[int | Fraction]]


def reduced(rows: Rows) -> tuple[list[list[Fraction]], list[int]]:
    """Row echelon form, its zero rows left out, and the columns with a pivot."""
    left = [[Fraction(x) for x in row] for row in {tuple(row) for row in rows}]
    done: list[list[Fraction]] = []
    pivots: list[int] = []
    for column in range(len(left[0]) if left else 0):
        at = next((i for i, row in enumerate(left) if row[column]), None)
        if at is None:
            continue
        pivot = left.pop(at)
        pivot = [x / pivot[column] for x in pivot]
        left = [_without(row, pivot, column) for row in left]
        done = [_without(row, pivot, column) for row in done] + [pivot]
        pivots.append(column)
    return done, pivots


def rank(rows: Rows) -> int:
    """How many rows are independent."""
    return len(reduced(rows)[1])


def null_space(rows: Rows, width: int) -> list[list[Fraction]]:
    """Vectors that every row sends to 0, as many as columns without a pivot."""
    done, pivots = reduced(rows)
    found = []
    for free in (column for column in range(width) if column not in pivots):
        vector = [Fraction(0)] * width
        vector[free] = Fraction(1)
        for row, pivot in zip(done, pivots, strict=True):
            vector[pivot] = -row[free]
        found.append(vector)
    return found


def is_estimable(function: Sequence[int | Fraction], null: Sequence[Sequence[Fraction]]) -> bool:
    """Whether a linear function of the coefficients is 0 wherever the data say nothing."""
    return all(not sum(Fraction(a) * b for a, b in zip(function, v, strict=True)) for v in null)


def _without(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    times = row[column]
    return [a - times * b for a, b in zip(row, pivot, strict=True)] if times else row
