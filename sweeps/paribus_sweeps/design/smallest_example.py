"""Two finished runs that show why a group of columns cannot be told apart.

Source: METHOD 2.1 (fallback: "the smallest example").
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from paribus_sweeps.design.alias_facts import Example
from paribus_sweeps.design.table import Codes, Column, Floats, Table, cell_keys

_MOST_GROUPS, _MOST_ROWS = 50, 30  # looked through
_EQUAL = 1e-9


def smallest_example(
    table: Table, columns: Sequence[Column], parts: Mapping[str, Floats]
) -> Example | None:
    """Return two rows that agree outside a group and differ inside it, in as little as can be.

    Those of one replicate come first. None where there are none among the rows looked at.

    Args:
        table: Finished runs.
        columns: Of the model: the group's and those outside it.
        parts: Column of the group → what it adds to an equation in each row: two of them have
            to differ.
    """
    group = [column for column in columns if column.name in parts]
    outside = [column for column in columns if column.name not in parts]
    held = np.stack([column.codes for column in group], axis=1)
    apart = np.stack([parts[column.name] for column in group], axis=1)
    with_seed = [[*outside, table.replicate]] if table.replicate else []
    for same in (*with_seed, outside):
        pairs = (_closest(apart, held, rows) for rows in _alike(same, group, len(table)))
        found = min((pair for pair in pairs if pair), default=None)
        if found:
            return _example(table, group, found[-2:])
    return None


def _alike(same: Sequence[Column], group: Sequence[Column], count: int) -> Iterator[Codes]:
    """Yield rows that agree in some columns, those that agree in the group too counted once."""
    _, first = np.unique(cell_keys([*same, *group], rows=count), return_index=True)
    rows = np.sort(first)
    keys = cell_keys(same, rows=count)[rows]
    order = np.argsort(keys, kind="stable")
    groups = np.split(rows[order], np.flatnonzero(np.diff(keys[order])) + 1)
    several = (found for found in groups if len(found) > 1)
    for found in itertools.islice(sorted(several, key=lambda g: int(g[0])), _MOST_GROUPS):
        yield found[:_MOST_ROWS]


def _closest(apart: Floats, held: Codes, rows: Codes) -> tuple[int, int, int, int] | None:
    """Return (parts that differ, labels that differ, row, row) of the two closest rows."""
    parts, labels = (_counts_apart(columns[rows]) for columns in (apart, held))
    pairs = (
        (int(parts[i, j]), int(labels[i, j]), int(rows[i]), int(rows[j]))
        for i, j in itertools.combinations(range(len(rows)), 2)
        if parts[i, j] >= 2
    )
    return min(pairs, default=None)


def _counts_apart(rows: Floats | Codes) -> Codes:
    return np.asarray((np.abs(rows[:, None] - rows[None, :]) > _EQUAL).sum(axis=2), np.int64)


def _example(table: Table, group: Sequence[Column], rows: tuple[int, int]) -> Example:
    one, other = rows
    differ = {
        column.name: (column.labels[column.codes[one]], column.labels[column.codes[other]])
        for column in group
        if column.codes[one] != column.codes[other]
    }
    return Example((table.ids[one], table.ids[other]), differ)
