"""A table with runs that do not exist yet: what it could tell if they had finished.

The values of such a table mean nothing; what it can tell depends on its cells alone. Gate,
pairs and relative variances of "after" are those of the extended table, by the same code that
speaks of "before".

Source: METHOD 4 (the key of a pair), 6.1 (the wave), 6.4 and 6.5 (relative variance).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paribus_sweeps.design.cell_grid import OPEN_STATES
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.linear_space import triangular
from paribus_sweeps.design.openings import complement
from paribus_sweeps.design.table import Codes, Column, Flags, Floats, Table, cell_keys

WAVE = "wave"


def with_wave(table: Table) -> tuple[Table, Column]:
    """Return the table with a label for new runs in its wave column, and that column.

    A block called `wave` gets a further label; where there is none, a column is added in which
    all runs so far are "earlier". The new label is the last one.
    """
    known = {column.name: column for column in table.columns}
    own = known.get(WAVE)
    if own is not None and own.role == "block":
        wave = replace(own, labels=(*own.labels, _unused("follow-up", own.labels)))
        columns = tuple(wave if column is own else column for column in table.columns)
        return replace(table, columns=columns), wave
    codes = np.zeros(len(table), np.int64)
    wave = Column(_unused(WAVE, known), ("earlier", "follow-up"), codes, "block")
    return replace(table, columns=(*table.columns, wave)), wave


def _unused(name: str, taken: Sequence[str] | dict[str, Column]) -> str:
    while name in taken:
        name = f"next {name}"
    return name


def open_rows(table: Table) -> Flags:
    """(rows,): trials that are still to end by themselves."""
    return np.isin(np.array(table.states, str), sorted(OPEN_STATES)) & ~table.usable


def as_if_finished(table: Table, rows: Flags, blocks: Sequence[Column], place: Codes) -> Table:
    """Return finished runs and some others as if they had finished, repeats averaged.

    Args:
        table: Of all runs.
        rows: (rows,) which others.
        blocks: The columns that make up a place.
        place: (blocks,) codes for those whose block is not known yet.
    """
    columns = list(table.columns)
    for block, code in zip(blocks, place, strict=True):
        unset = np.array([label == UNSET for label in block.labels], bool)[block.codes] & rows
        columns[columns.index(block)] = replace(block, codes=np.where(unset, code, block.codes))
    values = np.where(rows, 0.0, table.values)
    return replace(table, columns=tuple(columns), values=values).averaged()


def with_cells(
    table: Table, names: Sequence[str], cells: Codes, replicates: Sequence[str | None]
) -> Table:
    """Return a table with one further finished run for each cell.

    Args:
        table: Of finished runs.
        names: Of the columns of `cells`; other columns take their first label.
        cells: (runs, names) codes.
        replicates: Label of each run, known or new; not looked at where the table has none.
    """
    count = len(cells)
    added = {name: cells[:, at] for at, name in enumerate(names)}
    columns = tuple(
        replace(c, codes=np.concatenate([c.codes, added.get(c.name, np.zeros(count, np.int64))]))
        for c in table.columns
    )
    return replace(
        table,
        ids=(*table.ids, *(f"+{at:06}" for at in range(count))),
        columns=columns,
        replicate=_with_replicates(table.replicate, replicates),
        values=np.concatenate([table.values, np.zeros(count)]),
        states=(*table.states, *["finished"] * count),
        reasons=(*table.reasons, *[""] * count),
    )


def _with_replicates(column: Column | None, replicates: Sequence[str | None]) -> Column | None:
    if column is None:
        return None
    held = [*map(str, replicates)]
    labels = tuple(dict.fromkeys([*column.labels, *held]))
    codes = np.array([labels.index(label) for label in held], np.int64)
    return replace(column, labels=labels, codes=np.concatenate([column.codes, codes]))


def pair_count(table: Table, factor: str, wave: str | None) -> int:
    """How many pairs of runs differ in one factor and in nothing else.

    Args:
        table: Of finished runs, repeats averaged.
        factor: Name of the studied factor.
        wave: A column that is not in the key (METHOD 4: host, software and wave are not).
    """
    others = [c for c in (*table.factors, *table.blocks) if c.name not in (factor, wave)]
    key = cell_keys([*others, *([table.replicate] if table.replicate else [])], rows=len(table))
    held = np.unique(np.column_stack([key, table.column(factor).codes]), axis=0)
    sizes = np.unique(held[:, 0], return_counts=True)[1]
    return int(np.sum(sizes * (sizes - 1) // 2))


def relative_variances(gate: Gate, functions: Floats) -> list[float | None]:
    """Return L (X'X)^- L' for each function (a row); None where it is not estimable.

    Times the variance of one run it is the variance of the function's estimate.
    """
    row_space = complement(gate.space.null)
    root = triangular(gate.full_matrix() @ row_space)
    solved = np.linalg.solve(root.T, (functions @ row_space).T)
    variances = np.einsum("ij,ij->j", solved, solved)
    told = gate.space.estimable(functions)
    return [float(v) if ok else None for v, ok in zip(variances, told, strict=True)]
