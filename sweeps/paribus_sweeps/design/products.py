"""Main effects that are the product of two others: estimable, and never alone.

Source: METHOD 2.1 ("interaction"), 2 (4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.alias_facts import AliasFact, blocks_among, factors_first
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.table import Codes, Column, Table

_MOST_TWO_LEVEL = 40  # two-level columns among which products of two are compared with a third
_FIRST_ROWS = 1_000  # that rule out most of them before all rows are compared


def product_facts(gate: Gate) -> list[AliasFact]:
    """Find two-level main effects, all estimable, one of which is the product of two others."""
    columns = [
        column
        for column in factors_first(gate.columns)
        if len(column.present()) == 2 and gate.status(column.name).word == "estimable"
    ][:_MOST_TWO_LEVEL]
    if len(columns) < 3:
        return []
    signs = np.column_stack([np.where(c.codes == c.present()[1], 1, -1) for c in columns])
    return [
        _fact(gate, [columns[at] for at in triple], int(np.prod(signs[0, list(triple)])))
        for triple in _triples(signs)
    ]


def _triples(signs: Codes) -> Iterator[tuple[int, int, int]]:
    """Yield the triples of columns of -1 and 1 whose product is the same in every row."""
    few = signs[:_FIRST_ROWS].astype(np.float64)
    for one in range(signs.shape[1] - 2):
        sums = (few[:, one, None] * few).T @ few
        for other, third in np.argwhere(np.triu(np.abs(sums) == len(few), 1)):
            if one < other and len(np.unique(np.prod(signs[:, [one, other, third]], axis=1))) == 1:
                yield one, int(other), int(third)


def _fact(gate: Gate, columns: list[Column], sign: int) -> AliasFact:
    product = _Product(tuple((c.name, c.observed[0], c.observed[1]) for c in columns), sign)
    members = tuple(column.name for column in columns)
    return AliasFact(
        kind="interaction",
        members=members,
        blocks=blocks_among(gate.table, members),
        count=len(gate.table) + gate.table.repeats,
        sentence=product.sentence,
        holds=product.holds_in,
    )


@dataclass(frozen=True, slots=True)
class _Product:
    """Whether one of three two-level columns is the product of the others, with a sign."""

    levels: tuple[tuple[str, str, str], ...]
    """(column, low label, high label)."""
    sign: int

    def holds_in(self, table: Table) -> bool:
        """Whether it is so in all rows of a table with the same columns."""
        total = np.ones(len(table), np.int64)
        for name, low, high in self.levels:
            column = table.column(name)
            if set(column.observed) - {low, high}:
                return False
            total *= np.where(column.codes == column.labels.index(high), 1, -1)
        return bool(np.all(total == self.sign))

    @property
    def sentence(self) -> str:
        """Say it as METHOD 2.1 does, of the last one."""
        (one, _, one_high), (other, _, other_high), (name, _, high) = self.levels
        pair = f"`{one}`, `{other}`"
        if self.sign < 0:
            when = f"one of {pair} is high ({one_high}, {other_high}) and the other low"
        else:
            when = f"{pair} are both high ({one_high}, {other_high}) or both low"
        minus = "minus " if self.sign < 0 else ""
        return (
            f"`{name}` is {high} exactly when {when}: its effect equals {minus}the "
            f"{one} x {other} interaction, and the two cannot be told apart."
        )
