"""What is left of the null space once pairs and ties have been said: sums of levels.

    [batch = 64] = [ratio = 4:1] + [cadence = fine]

Source: METHOD 2.1 (fallback), 2 (2) (sums of effects that can be told although their parts
cannot).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.alias_facts import AliasFact, blocks_among, factors_first
from paribus_sweeps.design.confounding import Telling, named
from paribus_sweeps.design.equations import Equation, Piece
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.indicators import Indicators, reference
from paribus_sweeps.design.number_ties import Tie
from paribus_sweeps.design.smallest_example import smallest_example
from paribus_sweeps.design.table import Floats, Table

_MOST_RELATIONS = 20  # groups with a fact of their own; the others are one fact together
_MOST_JOINT = 6  # effects named that can be told together


def relation_facts(gate: Gate, told: Telling, said: Sequence[Tie]) -> list[AliasFact]:
    """Say the relations that follow from no tie said before, those of the same columns together.

    Args:
        gate: Of main effects.
        told: What pairs of its columns show.
        said: Ties of numbers.
    """
    groups: dict[tuple[str, ...], list[Equation]] = {}
    order = [column.name for column in factors_first(gate.columns)]
    for equation in Indicators.of(gate, told).equations(said):
        held = {piece.column for piece in equation.pieces}
        groups.setdefault(tuple(name for name in order if name in held), []).append(equation)
    groups = {members: e for members, e in groups.items() if set(members) - set(told.blocks)}
    several = list(groups.items())
    facts = [_fact(gate, members, found) for members, found in several[:_MOST_RELATIONS]]
    left = several[_MOST_RELATIONS:]
    return [*facts, *([_rest(gate, order, left)] if left else [])]


@dataclass(frozen=True, slots=True)
class _Balance:
    """Whether all of some equations hold in the rows of a table."""

    equations: tuple[Equation, ...]

    def __call__(self, table: Table) -> bool:
        return all(equation.holds_in(table) for equation in self.equations)


def _fact(gate: Gate, members: tuple[str, ...], found: Sequence[Equation]) -> AliasFact:
    table, blocks = gate.table, blocks_among(gate.table, members)
    more = len(found) - 1
    also = f" ({more} more such equation{'s' * (more > 1)} between them)" if more else ""
    return AliasFact(
        kind="relation",
        members=members,
        blocks=blocks,
        count=len(table) + table.repeats,
        sentence=(
            f"In every finished run, {found[0].text}{_counting(found[0])}{also}: the separate "
            f"effects of {named(members, blocks)} cannot be told apart."
        ),
        holds=_Balance(tuple(found)),
        equations=tuple(found),
        example=smallest_example(table, gate.columns, _parts(gate, members, found[0])),
        joint=() if more else _joint(gate, blocks, found[0]),
    )


def _counting(equation: Equation) -> str:
    is_counted = any(piece.label is not None for piece in equation.pieces)
    return ", counting 1 where it holds and 0 where not" if is_counted else ""


def _parts(gate: Gate, members: Sequence[str], equation: Equation) -> dict[str, Floats]:
    """Return what each member adds to an equation, row by row."""
    made = {name: np.zeros(len(gate.table)) for name in members}
    for piece in equation.pieces:
        made[piece.column] += piece.values(gate.table.column(piece.column))
    return made


def _rest(
    gate: Gate, order: Sequence[str], left: Sequence[tuple[tuple[str, ...], list[Equation]]]
) -> AliasFact:
    """Say the relations that are too many to be said one by one."""
    table = gate.table
    held = {name for members, _ in left for name in members}
    members = tuple(name for name in order if name in held)
    blocks = blocks_among(table, members)
    equations = tuple(equation for _, found in left for equation in found)
    many = f"{len(equations)} more equations hold"
    return AliasFact(
        kind="relation",
        members=members,
        blocks=blocks,
        count=len(table) + table.repeats,
        sentence=(
            f"{'1 more equation holds' if len(equations) == 1 else many} in every finished run, "
            f"between levels of {named(members, blocks)}: not all of their effects can be told "
            "apart."
        ),
        holds=_Balance(equations),
        equations=equations,
    )


def _joint(gate: Gate, blocks: Sequence[str], equation: Equation) -> tuple[str, ...]:
    """Name effects of two members that can be told together where neither can alone."""
    levels = [p for p in equation.pieces if p.label is not None and p.column not in blocks]
    pairs = (
        (one, other)
        for one, other in itertools.combinations(levels, 2)
        if one.column != other.column and abs(one.coefficient) == abs(other.coefficient)
    )
    told = (_together(gate, one, other) for one, other in pairs)
    return tuple(itertools.islice((text for text in told if text), _MOST_JOINT))


def _together(gate: Gate, one: Piece, other: Piece) -> str | None:
    """Return the sum (or difference) of two effects in words, if it is estimable."""
    steps = [_from_reference(gate, piece) for piece in (one, other)]
    contrasts = [gate.contrast(*step) for step in steps]
    sign = -1 if one.coefficient == other.coefficient else 1
    if not gate.space.estimable((contrasts[0] + sign * contrasts[1])[None, :])[0]:
        return None
    effects = [f"that of `{name}` ({low} to {high})" for name, low, high in steps]
    what = "the sum of two effects" if sign > 0 else "the difference of two effects"
    return f"{what}, {effects[0]} and {effects[1]}"


def _from_reference(gate: Gate, piece: Piece) -> tuple[str, str, str]:
    column = gate.table.column(piece.column)
    return column.name, column.labels[reference(column)], str(piece.label)
