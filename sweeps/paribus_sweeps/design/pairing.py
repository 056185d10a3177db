"""Cells that differ from finished runs in one open factor alone, so that pairs tell its effect.

The levels of a factor are joined where a matched pair of runs has both; its contrasts are told
by pairs alone once all levels are joined. Runs are added one at a time, each the one that
joins most, over all open factors together.

Source: METHOD 6.4 (a), 4 (the key of a pair).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from paribus_sweeps.design.cell_grid import codes_of
from paribus_sweeps.design.preference import change_counts
from paribus_sweeps.design.prospect import Prospect, Replicates
from paribus_sweeps.design.table import Codes, Table

_MOST_RUNS = 500  # finished runs beside which new ones are looked for, nearest the baseline first
_MOST_OPTIONS = 4_000  # cells beside those runs, about
_MOST_ADDED = 20  # runs; a set of pairs that needs more is no longer a small one


@dataclass(slots=True)
class _Levels:
    """One factor: which of its levels finished runs, or runs to come, have in pairs."""

    at: int
    """Its place in a row."""
    codes: Codes
    """Levels that may be run."""
    group: dict[int, int] = field(default_factory=dict)
    """Level → the smallest level that it is joined with, through others if need be."""

    def joined(self, level: int) -> int:
        return self.group.get(level, level)

    def join(self, one: int, other: int) -> None:
        """Take in a pair of runs that have these levels."""
        low, high = sorted((self.joined(one), self.joined(other)))
        for level in [one, other, *self.group]:
            if self.joined(level) == high:
                self.group[level] = low
        self.group.setdefault(low, low)


@dataclass(slots=True)
class _Option:
    """A run that could be made, and its partners: runs that differ from it in one factor."""

    row: Codes
    """Its cell without the wave, and its replicate's code last."""
    partners: set[tuple[int, int]]
    """(open factor, the partner's level)."""

    def joins(self, columns: Sequence[_Levels]) -> int:
        """In how many factors it would join its level with another for the first time."""
        new = {
            number
            for number, level in self.partners
            if columns[number].joined(level)
            != columns[number].joined(int(self.row[columns[number].at]))
        }
        return len(new)


@dataclass(frozen=True, slots=True, eq=False)
class PairCells:
    """Cells that make matched pairs; none where no run would make one."""

    cells: Codes
    replicates: Replicates
    factors: list[tuple[str, ...]]
    """Of each cell: the open factors in which it has a partner."""


def pair_cells(prospect: Prospect, factors: Sequence[str]) -> PairCells:
    """Return cells to run, the replicate of each, and the factors that it gives pairs for.

    Args:
        prospect: What has finished, and what may be run; cells that crashed may be here.
        factors: Names of those whose effects are open.
    """
    plan = prospect.plan
    rows = _rows(prospect)
    if not len(rows) or (plan.wave is not None and plan.unpaired is None):
        return PairCells(*_cells(prospect, rows[:0]), [])  # runs of two waves are no pairs there
    places = [plan.names.index(name) for name in factors]
    columns = [_Levels(at, plan.grid.levels[at]) for at in places]
    for column in columns:
        _join_pairs(column, rows)
    chosen = _chosen(_options(prospect, rows, columns), columns)
    partners = [sorted({number for number, _ in option.partners}) for option in chosen]
    return PairCells(
        *_cells(prospect, np.vstack([rows[:0], *(option.row for option in chosen)])),
        [tuple(factors[number] for number in numbers) for numbers in partners],
    )


def _chosen(options: Sequence[_Option], columns: Sequence[_Levels]) -> list[_Option]:
    """Add the run that joins most, and the first of those, until none joins anything."""
    found: list[_Option] = []
    while len(found) < _MOST_ADDED:
        gains = [option.joins(columns) for option in options]
        best = max(gains, default=0)
        if not best:
            break
        taken = options[gains.index(best)]
        found.append(taken)
        for number, level in taken.partners:
            columns[number].join(level, int(taken.row[columns[number].at]))
        _meet(options, columns, taken.row[None, :])
    return found


def _rows(prospect: Prospect) -> Codes:
    """Return the runs that count, those nearest to the baseline first."""
    plan = prospect.plan
    table = plan.counted
    cells = codes_of([table.column(name) for name in plan.names], len(table))
    replicate = _replicate_codes(table)
    rows = np.column_stack([change_counts(plan, cells), cells[:, : plan.grid.width], replicate])
    return np.asarray(np.unique(rows, axis=0)[:, 1:])


def _replicate_codes(table: Table) -> Codes:
    return np.zeros(len(table), np.int64) if table.replicate is None else table.replicate.codes


def _join_pairs(column: _Levels, rows: Codes) -> None:
    """Join the levels that runs have in pairs: equal in everything but the factor."""
    others = np.delete(rows, column.at, axis=1)
    context = np.unique(others, axis=0, return_inverse=True)[1].reshape(-1)
    held = np.unique(np.column_stack([context, rows[:, column.at]]), axis=0)
    beside = held[1:, 0] == held[:-1, 0]
    pairs = np.column_stack([held[:-1, 1], held[1:, 1]])[beside]
    for one, other in np.unique(pairs, axis=0).tolist():
        column.join(one, other)


def _options(prospect: Prospect, rows: Codes, columns: Sequence[_Levels]) -> list[_Option]:
    """Return runs beside those that count, most wanted first.

    Runs that ended without a value come first: what was planned once needs no new cell. Then
    fewer changes from the baseline, then the order of factors and levels.
    """
    each = 1 + sum(len(column.codes) for column in columns)
    near = rows[: max(1, min(_MOST_RUNS, _MOST_OPTIONS // each))]
    found = np.unique(np.vstack([rows[:0], *_beside(near, columns)]), axis=0)
    cells, _ = _cells(prospect, found)
    width = len(prospect.plan.grid.factors)
    planned = _ended(prospect)
    new = [(*row[:width], row[-1]) not in planned for row in found.tolist()]
    order = np.lexsort([change_counts(prospect.plan, cells), np.array(new, bool)])
    reasons = prospect.plan.grid.why_not(cells)
    options = [_Option(found[at], set()) for at in order if reasons[at] != "forbidden"]
    _meet(options, columns, near)
    return [option for option in options if option.partners]


def _meet(options: Sequence[_Option], columns: Sequence[_Levels], rows: Codes) -> None:
    """Note for each option which of some runs are its partners, and in which factor."""
    if not options:
        return
    held = np.array([option.row for option in options])
    places = {column.at: number for number, column in enumerate(columns)}
    for row in rows:
        differs = held != row
        for at in np.flatnonzero(differs.sum(axis=1) == 1).tolist():
            where = int(np.argmax(differs[at]))
            if where in places:
                options[at].partners.add((places[where], int(row[where])))


def _ended(prospect: Prospect) -> set[tuple[int, ...]]:
    """Return settings and replicates of runs that ended without a usable value."""
    table = prospect.plan.everything
    rows = np.column_stack([codes_of(table.factors, len(table)), _replicate_codes(table)])
    return set(map(tuple, rows[prospect.ended].tolist()))


def _beside(rows: Codes, columns: Sequence[_Levels]) -> Iterator[Codes]:
    for column in columns:
        for code in column.codes:
            moved = rows[rows[:, column.at] != code].copy()
            moved[:, column.at] = code
            yield moved


def _cells(prospect: Prospect, rows: Codes) -> tuple[Codes, Replicates]:
    """Return rows as cells of the new wave, and their replicates' labels."""
    plan = prospect.plan
    width = len(plan.grid.factors)
    labels = plan.counted.replicate.labels if plan.counted.replicate else ()
    replicates = [labels[code] if labels else None for code in rows[:, -1].tolist()]
    return plan.grid.at_places(rows[:, :width], rows[:, width : plan.grid.width]), replicates
