"""What holds in every run, as an equation that people read.

    one, other = Piece(Fraction(1), "a", "2"), Piece(Fraction(-1), "b", "2")
    Equation((one, other), Fraction(0)).text          # [a = 2] = [b = 2]

Source: METHOD 2.1 (fallback: the cleaned linear relation), 2 (3) (fractions).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from paribus_sweeps.design.linear_space import clean
from paribus_sweeps.design.table import Column, Floats, Table

Number = Fraction | float

_MOST_PIECES = 12  # on one side of an equation; more are counted
_MOST_LABELS = 6  # of one column in one word; more are counted
_BALANCED = 1e-7  # relative to the size of the pieces


@dataclass(frozen=True, slots=True)
class Piece:
    """A coefficient times what a run counts: 1 where it holds a label (else 0), or its value.

    Piece(Fraction(1), "batch", "64")                # [batch = 64]
    Piece(Fraction(2), "lr", transform="log2")       # 2 x log2(lr)
    """

    coefficient: Number
    column: str
    label: str | None = None
    transform: str = "identity"

    @property
    def text(self) -> str:
        """What is counted, without the coefficient: `[batch = 64]`, `log2(lr)`."""
        if self.label is not None:
            return f"[{self.column} = {self.label}]"
        return on_scale_text(self.column, self.transform)

    def values(self, column: Column) -> Floats:
        """Return what it adds in each row of its column, coefficient included."""
        if self.label is None:
            counted = column.transformed()
        else:
            counted = np.array([label == self.label for label in column.labels], np.float64)
        return float(self.coefficient) * counted[column.codes]


@dataclass(frozen=True, slots=True)
class Equation:
    """What holds in every run: the sum of the pieces is the constant."""

    pieces: tuple[Piece, ...]
    constant: Number

    @property
    def text(self) -> str:
        """The equation with positive whole coefficients: `[a = 2] = [b = 2] + [c = 2]`."""
        *weights, constant = whole([*(piece.coefficient for piece in self.pieces), self.constant])
        pieces = [
            replace(piece, coefficient=weight)
            for piece, weight in zip(self.pieces, weights, strict=True)
        ]
        plus = [piece for piece in pieces if piece.coefficient > 0]
        minus = [piece for piece in pieces if piece.coefficient < 0]
        sides = [_Side.of(plus, -constant), _Side.of(minus, constant)]
        first = 0 if pieces[0].coefficient > 0 else 1
        subjects = [at for at in (first, 1 - first) if sides[at].words]
        subject = min(subjects, key=lambda at: len(sides[at].words))
        return f"{sides[subject].text} = {sides[1 - subject].text}"

    def holds_in(self, table: Table) -> bool:
        """Whether it holds in all rows of a table with all of its columns."""
        columns = {column.name: column for column in table.columns}
        total = np.full(len(table), -float(self.constant))
        size = abs(float(self.constant)) + 1.0
        for values in self._parts(columns):
            total += values
            size += float(np.abs(values).max(initial=0))
        return bool(np.all(np.abs(total) <= _BALANCED * size))

    def _parts(self, columns: Mapping[str, Column]) -> list[Floats]:
        return [piece.values(columns[piece.column]) for piece in self.pieces]


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of an equation, all of it positive."""

    words: tuple[str, ...]
    constant: Number

    @classmethod
    def of(cls, pieces: Sequence[Piece], constant: Number) -> _Side:
        """Write pieces, the levels of one factor that have one coefficient as one word."""
        merged: dict[tuple[str, Number], list[Piece]] = {}
        for piece in pieces:
            merged.setdefault((piece.column, size_of(piece.coefficient)), []).append(piece)
        words = (_times(number, _merged(found)) for (_, number), found in merged.items())
        return cls(tuple(words), constant)

    @property
    def text(self) -> str:
        """Its words and its constant; 0 where it has neither."""
        shown = list(self.words[:_MOST_PIECES])
        if len(self.words) > len(shown):
            shown.append(f"{len(self.words) - len(shown)} more terms")
        if self.constant > 0:
            shown.append(number_text(self.constant))
        return " + ".join(shown) or "0"


def _merged(pieces: Sequence[Piece]) -> str:
    if len(pieces) == 1:
        return pieces[0].text
    labels = [str(piece.label) for piece in pieces]
    if len(labels) > _MOST_LABELS:
        labels = [*labels[:_MOST_LABELS], f"{len(labels) - _MOST_LABELS} more"]
    return f"[{pieces[0].column} = {' or '.join(labels)}]"


def _times(number: Number, word: str) -> str:
    return word if number == 1 else f"{number_text(number)} x {word}"


def on_scale_text(name: str, scale: str) -> str:
    """Write a value on its scale: `lr`, `log2(lr)`."""
    return name if scale == "identity" else f"{scale}({name})"


def number_text(number: Number) -> str:
    """Write a number for people: a fraction as it is, a float to six digits."""
    return str(number) if isinstance(number, Fraction) else f"{number:.6g}"


def size_of(number: Number) -> Number:
    """Return a number without its sign."""
    return number if number >= 0 else -number


def exact(weight: float) -> Number:
    """Return a weight as a fraction where it is one; unlike `clean`, a small one is not zero."""
    near = clean(weight)
    return near if abs(float(near) - weight) <= 1e-7 * abs(weight) else weight


def whole(numbers: Sequence[Number]) -> list[Number]:
    """Return proportional numbers: whole ones where all are fractions, else as they are."""
    fractions = [number for number in numbers if isinstance(number, Fraction)]
    if len(fractions) < len(numbers):
        return list(numbers)
    times = math.lcm(*(fraction.denominator for fraction in fractions))
    return [fraction * times for fraction in fractions]
