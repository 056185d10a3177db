"""Columns that moved together so closely that they share credit: one importance for them all.

    moving_groups(columns)          # (MovingGroup(("lr", "batch"), 0.93), MovingGroup(("wd",), 0))

How closely is a number from 0 to 1: |rank correlation| of two columns of numbers, the correlation
ratio of one with levels and one of numbers, Cramer's V of two with levels. It is one formula:
the mean squared canonical correlation of their codings.

Source: METHOD 10 (grouped above .8); Cramer, Mathematical Methods of Statistics (1946), 21.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from paribus_sweeps.design.table import Codes, Column, Floats

TOGETHER = 0.8  # METHOD 10


@dataclass(frozen=True, slots=True)
class MovingGroup:
    """Columns that no importance is told apart for."""

    members: tuple[str, ...]
    """In the order of the columns."""
    association: float
    """The closest of its pairs, 0 to 1; 0 for a column by itself."""


def moving_groups(columns: Sequence[Column]) -> tuple[MovingGroup, ...]:
    """Group columns that are linked, each to some other of its group, by more than .8.

    Args:
        columns: With the same rows; each varies.
    """
    spans = [_span(column) for column in columns]
    group = list(range(len(columns)))
    closest = [0.0] * len(columns)
    for j in range(len(columns)):
        for i in range(j):
            found = _association(spans[i], spans[j])
            if found > TOGETHER:
                old, new = group[j], group[i]
                closest = [max(c, found) if k in (i, j) else c for k, c in enumerate(closest)]
                group = [new if g == old else g for g in group]
    made = []
    for of in dict.fromkeys(group):
        members = [k for k, g in enumerate(group) if g == of]
        names = tuple(columns[k].name for k in members)
        made.append(MovingGroup(names, max(closest[k] for k in members)))
    return tuple(made)


def ranks_of(column: Column) -> Codes:
    """Return a rank for each row: by value where the labels are numbers, else by label."""
    if column.numbers is None:
        return column.codes
    _, ranks = np.unique(np.asarray(column.numbers)[column.codes], return_inverse=True)
    return np.asarray(ranks, np.int64)


def _span(column: Column) -> Floats:
    """Return an orthonormal basis of the column's coding less its mean, (rows, df)."""
    if column.numbers is not None:
        coded = stats.rankdata(ranks_of(column))[:, None]
    else:
        coded = (column.codes[:, None] == column.present()[1:]).astype(np.float64)
    return np.asarray(np.linalg.qr(coded - coded.mean(axis=0))[0])


def _association(one: Floats, other: Floats) -> float:
    squares = float(np.sum((one.T @ other) ** 2))
    return math.sqrt(squares / min(one.shape[1], other.shape[1]))
