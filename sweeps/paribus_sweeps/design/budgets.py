"""What can be told with fewer runs than the whole question needs.

Asked terms are taken in their order, each if the smallest set for it and those taken before
still fits. The set is the smallest for what it tells; that no other choice of terms would tell
more is not claimed.

Source: METHOD 6 (budget), 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from paribus_sweeps.design.augmentation import Augmentation
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.planning import Plan
from paribus_sweeps.design.table import Codes

_MOST_TRIED = 12  # terms, each a search of its own


@dataclass(frozen=True, slots=True, eq=False)
class Affordable:
    """Runs that a budget allows, and what they tell."""

    terms: tuple[str, ...]
    """Names of the open terms that they make answerable; none fits where this is empty."""
    cells: Codes


def affordable(plan: Plan, cells: Codes, budget: int) -> Affordable:
    """Return what at most `budget` runs among `cells` can tell."""
    taken: list[Term] = []
    best: Augmentation | None = None
    for term in _open_terms(plan)[:_MOST_TRIED]:
        found = plan.smallest(cells, terms=[*taken, term])
        if found.k <= budget and not found.never:
            taken, best = [*taken, term], found
    chosen = cells[list(best.chosen)] if best else cells[:0]
    return Affordable(tuple(term.name for term in taken), chosen)


def _open_terms(plan: Plan) -> list[Term]:
    """Return the asked terms that the runs that count leave open."""
    gate = plan.coming
    return [
        term
        for term in plan.asked
        if gate is None or gate.space.open_directions(plan.functions(term))
    ]
