"""What two columns of a table show: never varied, always together, one decides the other.

    pairwise_facts(table)

Every column is compared with all others at once, over the distinct rows: a table of two columns
for each of the 124,750 pairs of 500 factors would take minutes.

Source: METHOD 2.1 (its first cases, which need no model).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.alias_facts import AliasFact
from paribus_sweeps.design.confounding import MovedTogether, Telling
from paribus_sweeps.design.number_ties import has_levels, ties
from paribus_sweeps.design.table import Column, Table, cell_keys

_MOST_EACH = 3  # columns that one decides, with a fact of its own for each
_FIRST_ROWS = (64, 1_000)  # that rule out most pairs of columns before all rows are compared


def pairwise_facts(rows: Table) -> tuple[AliasFact, ...]:
    """Say what pairs of factors and blocks show.

    Args:
        rows: Usable runs, repeats averaged.
    """
    columns = (*rows.factors, *rows.blocks)
    if not len(rows) or not columns:
        return ()
    told = telling(rows, columns)
    found = [*told.constants(), *told.bijections(), *told.functions(most_each=_MOST_EACH)]
    return tuple(_fact(fact, rows) for fact in found)


def _fact(found: MovedTogether, rows: Table) -> AliasFact:
    return AliasFact(
        kind=found.kind,
        members=found.members,
        blocks=found.blocks,
        count=found.count,
        sentence=" ".join([found.sentence, *_tied(found, rows)]),
        holds=_Holding(found.members, _HOLDS[found.kind]),
    )


def _tied(found: MovedTogether, rows: Table) -> list[str]:
    """Return what two numbers that always changed together have in common, as a sentence."""
    if found.kind != "always_together":
        return []
    return [f"{tie.text}." for tie in ties([rows.column(name) for name in found.factors])[:1]]


@dataclass(frozen=True, slots=True)
class _Holding:
    """Whether a fact about some columns holds in a table that has them all."""

    members: tuple[str, ...]
    test: Callable[[CodeLook, Sequence[str]], bool]

    def __call__(self, table: Table) -> bool:
        columns = [table.column(name) for name in self.members]
        return self.test(CodeLook(table, columns), self.members)


def _is_constant(look: CodeLook, members: Sequence[str]) -> bool:
    return len(look.values(members[0])) == 1


def _go_together(look: CodeLook, members: Sequence[str]) -> bool:
    return all(
        look.decides(*pair) and look.decides(*pair[::-1]) for pair in itertools.pairwise(members)
    )


def _is_decided(look: CodeLook, members: Sequence[str]) -> bool:
    return all(look.decides(members[0], other) for other in members[1:])


_HOLDS: Mapping[str, Callable[[CodeLook, Sequence[str]], bool]] = {
    "constant": _is_constant,
    "always_together": _go_together,
    "decided_by": _is_decided,
}


def telling(table: Table, columns: Sequence[Column]) -> Telling:
    """Return what can be told of the pairs among some columns of a table with rows."""
    factors = [column for column in columns if column.role == "factor"]
    blocks = [column.name for column in columns if column.role != "factor"]
    return Telling(
        CodeLook(table, columns),
        factors=[column.name for column in factors],
        levelled=[*(c.name for c in factors if has_levels(c)), *blocks],
        sloped=[column.name for column in factors if not has_levels(column)],
        blocks=blocks,
    )


class CodeLook:
    """A look at the columns of a table, over its distinct rows in the order of first ids."""

    def __init__(self, table: Table, columns: Sequence[Column]) -> None:
        """Look at some columns of a table.

        Args:
            table: Its `repeats` are counted.
            columns: At least one, with the rows of the table.
        """
        _, first = np.unique(cell_keys(columns, rows=len(table)), return_index=True)
        self.count = len(table) + table.repeats
        self._columns = {column.name: column.take(np.sort(first)) for column in columns}
        self._names = tuple(self._columns)
        self._codes = np.stack(
            [column.codes.astype(np.int32) for column in self._columns.values()], axis=1
        )
        self._decided: dict[str, frozenset[str]] = {}

    def values(self, column: str) -> list[str]:
        """Return the labels that occur in a column, in the order of rows."""
        found = self._columns[column]
        present, first = np.unique(found.codes, return_index=True)
        return [found.labels[code] for code in present[np.argsort(first)]]

    def decides(self, column: str, other: str) -> bool:
        """Whether each value of `column` occurs with one value of `other` only."""
        if column not in self._decided:
            self._decided[column] = self._decided_by(column)
        return other in self._decided[column]

    def _decided_by(self, column: str) -> frozenset[str]:
        codes = self._columns[column].codes
        first = np.zeros(int(codes.max(initial=0)) + 1, np.intp)
        first[codes[::-1]] = np.arange(len(codes))[::-1]  # of equal codes, the first row stays
        like = first[codes]
        left = np.arange(len(self._names))
        rows = np.arange(len(codes))
        for some in np.split(rows, [end for end in _FIRST_ROWS if end < len(rows)]):
            held, wanted = (self._codes[np.ix_(at, left)] for at in (some, like[some]))
            left = left[(held == wanted).all(axis=0)]
        return frozenset(self._names[at] for at in left)

    def combinations(self, columns: Sequence[str], most: int) -> tuple[list[str], int]:
        """Return the first combinations that occur, as `8 with 1:1`, and how many there are."""
        chosen = [self._columns[name] for name in columns]
        _, first = np.unique(cell_keys(chosen), return_index=True)
        rows = np.sort(first)[:most]
        held = [[column.labels[code] for code in column.codes[rows]] for column in chosen]
        return [" with ".join(labels) for labels in zip(*held, strict=True)], len(first)
