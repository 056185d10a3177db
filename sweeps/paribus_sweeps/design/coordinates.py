"""Coordinate exchange: follow-ups where there are too many cells to list.

The search starts from the best set of some cells, drawn evenly and beside finished runs. Then
every cell that differs from a proposed one in one factor, or in the place, may take its stead,
until no exchange makes the set better.

Source: METHOD 6.2; Meyer & Nachtsheim, Technometrics 37 (1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paribus_sweeps.design.augmentation import Augmentation, improved_set
from paribus_sweeps.design.exchange import MOST_WORK
from paribus_sweeps.design.planning import MOST_NUMBERS, Plan
from paribus_sweeps.design.preference import TieBreak
from paribus_sweeps.design.table import Codes

_MOST_ROUNDS = 30  # each one is bounded; most searches end after five to fifteen
_EQUAL = 1e-9


def coordinate_exchange(
    plan: Plan, cells: Codes, factors: Sequence[str]
) -> tuple[Augmentation, Codes]:
    """Change one factor of one run at a time, from the best set of `cells`, until none is better.

    Args:
        plan: The question.
        cells: Those that the search starts from.
        factors: Names of those whose effects are open, for whose pairs ties are broken.

    Returns:
        The best set met, and the cells that its places mean. It is never claimed to be the
        best of all; it is the smallest where it closes as many directions as it has runs.
    """
    found = plan.smallest(cells, TieBreak.of(plan, cells, factors))
    chosen, value = cells[list(found.chosen)], found.objective or 0.0
    for _ in range(_rounds(plan, found)):
        better = _exchanged(plan, chosen)
        if better is None or better[1] <= value + _EQUAL * max(1.0, abs(value)):
            break
        chosen, value = better
    if len(found.chosen) and not np.array_equal(chosen, cells[list(found.chosen)]):
        places = tuple(range(len(chosen)))
        found, cells = (
            replace(found, chosen=places, objective=value, equally_good=1, others=()),
            chosen,
        )
    proven = found.k == found.closable == found.open
    return replace(found, is_smallest=proven, is_best=False, counted_all=False), cells


def _rounds(plan: Plan, found: Augmentation) -> int:
    """How many rounds there is time for: none where a set of very many runs has to be found."""
    if found.k != found.closable:
        return 0
    moves = sum(len(factor.labels) - 1 for factor in plan.grid.factors)
    return min(_MOST_ROUNDS, MOST_WORK // max(1, found.k**3 * moves))


def _exchanged(plan: Plan, chosen: Codes) -> tuple[Codes, float] | None:
    """Exchange runs for their neighbours; None where there is nothing, or too much, to try."""
    near = plan.grid.allowed(plan.grid.changed_once(chosen))
    if not len(chosen) or near.shape[0] * plan.shape.parameters > MOST_NUMBERS:
        return None
    known, counts = plan.distinct
    own = set(map(tuple, chosen.tolist()))
    begun = np.flatnonzero([cell in own for cell in map(tuple, near.tolist())])
    places, value = improved_set(
        plan.rows(known), plan.rows(near), plan.targets, begun, counts=counts
    )
    return near[places], value
