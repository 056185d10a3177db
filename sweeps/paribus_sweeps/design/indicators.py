"""A model of main effects in words that people read: 1 where a level is held, else 0.

Levels are counted from a reference, the baseline or the first level that occurs. Main effects of
columns that others decide are left out: the pairwise facts have said them, and all that they
span is spanned by the deciding column.

Source: METHOD 2.1 (fallback: the cleaned linear relation).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from paribus_sweeps.design.confounding import Telling
from paribus_sweeps.design.equations import Equation, Piece, exact
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.linear_space import Relation, clean, relations
from paribus_sweeps.design.number_ties import Tie, has_levels
from paribus_sweeps.design.table import Column, Floats, cell_keys


@dataclass(frozen=True, slots=True)
class Indicator:
    """One column of the indicator matrix: a level of a column, or its values."""

    column: str
    label: str | None = None
    transform: str = "identity"
    half: float = 1.0
    """What one unit of it is on the column's own scale: 1 for labels."""
    middle: float = 0.0
    """What 0 of it is on the column's own scale."""


@dataclass(frozen=True, slots=True, eq=False)
class Indicators:
    """The columns of a gate's model as indicators, over its distinct cells."""

    cells: Mapping[str, Column]
    stand_in: Mapping[str, str]
    """Column → the kept one that spans it; a kept one stands for itself."""
    indicators: tuple[Indicator, ...]
    values: Floats
    """(cells, 1 + indicators): the intercept first."""

    @classmethod
    def of(cls, gate: Gate, told: Telling) -> Indicators:
        """Lay the columns out.

        Args:
            gate: Of main effects.
            told: What pairs of its columns show.
        """
        _, first = np.unique(cell_keys(gate.columns, rows=len(gate.table)), return_index=True)
        cells = {column.name: column.take(first) for column in gate.columns}
        stand_in = _stand_ins(told, list(cells))
        kept = [n for term in gate.terms for n in term.members if stand_in[n] == n]
        made = [pair for name in kept for pair in _single(cells[name], gate)]
        values = np.column_stack([np.ones(len(first)), *(values for _, values in made)])
        return cls(cells, stand_in, tuple(indicator for indicator, _ in made), values)

    def equations(self, said: Sequence[Tie]) -> list[Equation]:
        """Return every relation among the indicators that follows from no tie said before."""
        space = _Span(self.values.shape[1] - 1)
        for tie in said:
            space.adds(self._of_tie(tie))
        vectors = (self._of_relation(relation) for relation in relations(self.values))
        return [self._equation(vector) for vector in vectors if space.adds(vector[1:])]

    def _of_relation(self, relation: Relation) -> Floats:
        """Return a relation as coefficients that add up to nothing, the intercept's first."""
        vector = np.zeros(self.values.shape[1])
        vector[relation.column] = 1.0
        for place, coefficient in relation.parts:
            vector[place] = -float(coefficient)
        return vector

    def _of_tie(self, tie: Tie) -> Floats:
        """Return a tie as coefficients of the indicators, the intercept left out."""
        made = np.zeros(len(self.indicators))
        for name, values in zip(tie.members, tie.values(self.cells), strict=True):
            kept = self.cells[self.stand_in[name]]
            for at, indicator in enumerate(self.indicators):
                if indicator.column == kept.name:
                    made[at] += _gain(values, kept, indicator.label, self.values[:, at + 1])
        return made

    def _equation(self, vector: Floats) -> Equation:
        """Return coefficients as an equation, numbers on their own scales.

        Where there are numbers, the first one has the coefficient 1.
        """
        pieces = [
            (vector[at + 1] / indicator.half, indicator)
            for at, indicator in enumerate(self.indicators)
            if vector[at + 1]
        ]
        constant = -vector[0] + sum(weight * indicator.middle for weight, indicator in pieces)
        size = next((abs(w) for w, indicator in pieces if indicator.label is None), 1.0)
        made = tuple(
            Piece(exact(float(weight / size)), found.column, found.label, found.transform)
            for weight, found in pieces
        )
        return Equation(made, clean(float(constant / size)))


def reference(column: Column) -> int:
    """Return the code that indicators are counted from: the baseline, or the first that occurs."""
    present = column.present()
    baseline = column.labels.index(column.baseline) if column.baseline in column.labels else -1
    return baseline if baseline in present else int(present[0])


def _stand_ins(told: Telling, names: Sequence[str]) -> dict[str, str]:
    """Return for each column the one that spans it and is spanned by none."""
    first = {name: group[0] for group in told.groups for name in group}
    decided: dict[str, list[str]] = {}
    for column, other in told.decided_pairs():
        decided.setdefault(other, []).append(column)
    kept = {name: first.get(name, name) for name in names}
    return {
        name: next((d for d in decided.get(own, ()) if d not in decided), own)
        for name, own in kept.items()
    }


def _single(column: Column, gate: Gate) -> Iterator[tuple[Indicator, Floats]]:
    """Yield the indicators of one column: one for each level but the reference, or its values."""
    if not has_levels(column):
        coding = gate.codings[column.name]
        if coding.half:  # else all labels are one number
            coded = coding.rows[column.codes, 0]
            made = Indicator(column.name, None, column.transform, coding.half)
            middle = float(column.transformed()[column.codes[0]] - coded[0] * coding.half)
            yield replace(made, middle=middle), coded
        return
    for code in column.present():
        if code != reference(column):
            yield Indicator(column.name, column.labels[code]), (column.codes == code) * 1.0


def _gain(values: Floats, kept: Column, label: str | None, coded: Floats) -> float:
    """Return what `values` gain from a column's reference to a label, or for a unit of it."""
    if label is None:
        top, bottom = int(np.argmax(coded)), int(np.argmin(coded))
        return float((values[top] - values[bottom]) / (coded[top] - coded[bottom]))
    codes = (kept.labels.index(label), reference(kept))
    top, bottom = (int(np.flatnonzero(kept.codes == code)[0]) for code in codes)
    return float(values[top] - values[bottom])


class _Span:
    """A growing space of vectors."""

    def __init__(self, size: int) -> None:
        self._basis = np.zeros((size, size))
        self._rank = 0

    def adds(self, vector: Floats) -> bool:
        """Whether a vector was outside the space; it is inside from now on."""
        left = vector / (np.linalg.norm(vector) or 1.0)
        made = self._basis[: self._rank]
        for _ in range(2):
            left = left - (made @ left) @ made
        length = float(np.linalg.norm(left))
        if length <= 1e-7:
            return False
        self._basis[self._rank] = left / length
        self._rank += 1
        return True
