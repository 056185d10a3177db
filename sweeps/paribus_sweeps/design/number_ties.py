"""Numbers that are tied: a product or a sum of them is the same in every run.

    ties(columns)            # two by two: lr/batch = 6.25e-07, the linear-scaling rule
    larger_ties(columns)     # three and more: steps x batch/epochs = 25000

Source: METHOD 2.1 ("numeric").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

from paribus_sweeps.design.equations import (
    Number,
    exact,
    number_text,
    on_scale_text,
    size_of,
    whole,
)
from paribus_sweeps.design.linear_space import relations
from paribus_sweeps.design.table import Column, Floats, Table, cell_keys

Scale = Literal["log2", "identity"]

_SCALES: tuple[Scale, ...] = ("log2", "identity")
_MOST_TIED = 60  # numeric columns among which ties of three and more are looked for
_SAME = 1e-8  # relative to the largest part: a sum that is the same in every run


@dataclass(frozen=True, slots=True)
class Tie:
    """Numbers whose weighted sum, on one scale, is the same in every run."""

    scale: Scale
    parts: tuple[tuple[str, Number], ...]
    """Column → weight, the first one positive."""
    constant: float
    """The sum; of logarithms, the logarithm of the product."""

    @property
    def members(self) -> tuple[str, ...]:
        """The tied columns."""
        return tuple(name for name, _ in self.parts)

    @property
    def text(self) -> str:
        """Say it as METHOD 2.1 does."""
        (name, weight), *others = self.parts
        total = _weighted(name, weight, self.scale) + "".join(
            f" {'+' if weight > 0 else '-'} {_weighted(name, weight, self.scale)}"
            for name, weight in others
        )
        said = f"{total} is constant in every finished run"
        if self.scale == "log2":
            return f"{said}: {self._product} = {_power_of_two(self.constant)}"
        return f"{said}: {self.constant:.6g}"

    @property
    def _product(self) -> str:
        over = [_power(name, weight) for name, weight in self.parts if weight > 0]
        under = [_power(name, -weight) for name, weight in self.parts if weight < 0]
        bottom = f"({' x '.join(under)})" if len(under) > 1 else "".join(under)
        return " x ".join(over) + (f"/{bottom}" if under else "")

    def values(self, columns: Mapping[str, Column]) -> list[Floats]:
        """Return what each member contributes, (rows,)."""
        return [
            float(weight) * _on_scale(columns[name], self.scale)[columns[name].codes]
            for name, weight in self.parts
        ]

    def holds_in(self, table: Table) -> bool:
        """Whether the sum is the same in all rows of a table with the same columns."""
        columns = {column.name: column for column in table.columns}
        if not all(_is_on(columns[name], self.scale) for name in self.members):
            return False
        parts = self.values(columns)
        size = max(float(np.abs(part).max()) for part in parts)
        return bool(np.ptp(np.sum(parts, axis=0)) <= _SAME * size)


def _weighted(name: str, weight: Number, scale: Scale) -> str:
    text = on_scale_text(name, scale)
    return text if abs(weight) == 1 else f"{number_text(size_of(weight))}*{text}"


def _power(name: str, weight: Number) -> str:
    return name if weight == 1 else f"{name}^{number_text(weight)}"


def _power_of_two(logarithm: float) -> str:
    is_plain = abs(logarithm) < 1000  # beyond, a float overflows
    return f"{2.0**logarithm:.6g}" if is_plain else f"2^{logarithm:.6g}"


def has_levels(column: Column) -> bool:
    """Whether a model compares the column's levels; two values are two levels either way."""
    return not column.is_numeric or len(column.present()) <= 2


def ties(columns: Sequence[Column]) -> list[Tie]:
    """Find columns that are tied two by two; each column in one tie with the first like it."""
    found: list[Tie] = []
    for scale in _SCALES:
        told = {name for tie in found for name in tie.members}
        groups: dict[bytes, list[Column]] = {}
        for column in _spread_on(scale, columns):
            if column.name not in told:
                coded = np.round(_coded(column, scale)[0], 9)
                alike = coded * np.sign(coded[0] or 1) + 0.0  # no -0.0
                groups.setdefault(alike.tobytes(), []).append(column)
        for first, *others in groups.values():
            found += [tie for other in others if (tie := _tie([first, other], scale))]
    return found


def larger_ties(columns: Sequence[Column]) -> Iterator[Tie]:
    """Yield ties of three and more columns, no two of which are tied."""
    for scale in _SCALES:
        usable = _spread_on(scale, columns)[:_MOST_TIED]
        if len(usable) > 2:
            coded = np.column_stack([_coded(column, scale)[0] for column in usable])
            distinct = np.unique(np.column_stack([np.ones(len(coded)), coded]), axis=0)
            for relation in relations(distinct):
                chosen = [usable[place - 1] for place in relation.members if place]
                if len(chosen) > 2 and (tie := _tie(chosen, scale)):
                    yield tie


def _spread_on(scale: Scale, columns: Sequence[Column]) -> list[Column]:
    """Return the columns with at least two different numbers on a scale."""
    return [c for c in columns if _is_on(c, scale) and _coded(c, scale)[1] > 0]


def _is_on(column: Column, scale: Scale) -> bool:
    """Whether the numbers of the rows stand on a scale, and the model's scale is no other."""
    if column.numbers is None:
        return False
    if not has_levels(column) and (column.transform == "identity") != (scale == "identity"):
        return False
    return scale == "identity" or bool(np.all(np.asarray(column.numbers)[column.present()] > 0))


def _on_scale(column: Column, scale: Scale) -> Floats:
    """Return the numbers of the labels on a scale; NaN where they have none there."""
    numbers = np.asarray(column.numbers, np.float64)
    if scale == "identity":
        return numbers
    return np.log2(numbers, out=np.full(len(numbers), np.nan), where=numbers > 0)


def _coded(column: Column, scale: Scale) -> tuple[Floats, float]:
    """Return a column's values in [-1, 1] in each row, and half of their range."""
    values = _on_scale(column, scale)[column.codes]
    low, high = float(values.min()), float(values.max())
    half = high / 2 - low / 2
    return (values - (low / 2 + high / 2)) / (half or 1.0), half


def _tie(columns: Sequence[Column], scale: Scale) -> Tie | None:
    """Return the tie of columns, the last of which is a weighted sum of the others."""
    coded = [_coded(column, scale) for column in columns]
    made = np.column_stack([np.ones(len(coded[0][0])), *(values for values, _ in coded[:-1])])
    solved = np.linalg.lstsq(made, coded[-1][0], rcond=None)[0][1:]
    last = coded[-1][1]
    weights = [exact(-c * last / half) for c, (_, half) in zip(solved, coded, strict=False)]
    weights = _signed(whole([*weights, Fraction(1)]))
    if not _is_telling(columns, weights, scale):
        return None
    values = [
        float(w) * _on_scale(c, scale)[c.codes[0]] for c, w in zip(columns, weights, strict=True)
    ]
    parts = tuple((column.name, w) for column, w in zip(columns, weights, strict=True))
    return Tie(scale, parts, float(np.sum(values)))


def _signed(weights: Sequence[Number]) -> list[Number]:
    """Return the weights, the first one positive."""
    sign = 1 if weights[0] > 0 else -1
    return [sign * weight for weight in weights]


def _is_telling(columns: Sequence[Column], weights: Sequence[Number], scale: Scale) -> bool:
    """Whether a tie says more than that few points lie on some plane."""
    if all(abs(weight) == 1 for weight in weights):
        return True
    are_exact = all(isinstance(weight, Fraction) for weight in weights)
    return len(np.unique(cell_keys(columns))) > len(columns) and (are_exact or scale == "identity")
