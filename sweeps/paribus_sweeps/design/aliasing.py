"""Everything that keeps effects of a model from being told apart, each group once.

    alias_facts(table.averaged(), gate)

Source: METHOD 2.1: never varied, always together, decided by another, ties of numbers, products
of two others, and what is left as sums of levels, in this order.
"""

from __future__ import annotations

from collections.abc import Sequence

from paribus_sweeps.design.alias_facts import AliasFact, blocks_among
from paribus_sweeps.design.confounding import Telling, named
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.number_ties import Tie, has_levels, larger_ties, ties
from paribus_sweeps.design.pairwise import pairwise_facts, telling
from paribus_sweeps.design.products import product_facts
from paribus_sweeps.design.relation_facts import relation_facts
from paribus_sweeps.design.table import Column, Table


def alias_facts(rows: Table, gate: Gate) -> tuple[AliasFact, ...]:
    """Say what the null space of a model of main effects is made of.

    Products leave the main effects estimable: their estimates contain the interaction.

    Args:
        rows: Usable runs, repeats averaged.
        gate: Asked of them, or of some of their columns.
    """
    if not gate.columns:
        return pairwise_facts(rows)
    told = telling(gate.table, gate.columns)
    tied = _numeric_ties(gate, told)
    return (
        *pairwise_facts(rows),
        *(_tie_fact(tie, gate) for tie in tied),
        *product_facts(gate),
        *relation_facts(gate, told, tied),
    )


def _numeric_ties(gate: Gate, told: Telling) -> list[Tie]:
    """Find ties of factors that are not estimable and that no bijection says already."""
    numeric = [c for c in gate.columns if c.role == "factor" and c.numbers is not None]
    groups = [set(group) for group in told.groups]
    pairs = [
        tie
        for tie in ties([column for column in numeric if not has_levels(column)])
        if not any(set(tie.members) <= group for group in groups)
    ]
    found: dict[frozenset[str], Tie] = {}
    for tie in (*pairs, *larger_ties(_left(gate, numeric, told, pairs))):
        found.setdefault(frozenset(tie.members), tie)  # on the first scale that ties them
    return list(found.values())


def _left(
    gate: Gate, numeric: Sequence[Column], told: Telling, pairs: Sequence[Tie]
) -> list[Column]:
    """Return the columns that may be tied in threes: of those that go together, the first."""
    second = {name for group in told.groups for name in group[1:]}
    second |= {tie.members[1] for tie in pairs}
    return [
        column
        for column in numeric
        if column.name not in second and gate.status(column.name).word != "estimable"
    ]


def _tie_fact(tie: Tie, gate: Gate) -> AliasFact:
    table = gate.table
    return AliasFact(
        kind="numeric",
        members=tie.members,
        blocks=blocks_among(table, tie.members),
        count=len(table) + table.repeats,
        sentence=(
            f"{tie.text}. No two finished runs differ in one of {named(tie.members)} alone: "
            "their separate effects cannot be told apart."
        ),
        holds=tie.holds_in,
    )
