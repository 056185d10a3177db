"""Which of equally good sets of follow-ups to propose.

More new matched pairs for the factors that are open; then the places with most finished runs;
then fewer changes from the baseline; then the order of factors and levels, which is the order
of the candidates.

Source: METHOD 6.3; the place is ours: a run beside its partners adds no block.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from paribus_sweeps.design.planning import Plan
from paribus_sweeps.design.table import Codes, Column, Table, cell_keys

_MOST_FACTORS = 50  # open ones whose pairs break ties; each is held against all other columns
_MOST_PARTNERS = 12  # runs of a set among which pairs are looked for


def usual_replicate(table: Table) -> str | None:
    """Return the replicate that most runs have, None where nothing tells replicates apart."""
    if table.replicate is None:
        return None
    counts = np.bincount(table.replicate.codes, minlength=len(table.replicate.labels))
    return table.replicate.labels[int(np.argmax(counts))]


@dataclass(frozen=True, slots=True, eq=False)
class TieBreak:
    """The order of preference over sets of some candidates."""

    pairs: Codes
    """(candidates,) matched pairs with the runs that count, over the open factors."""
    contexts: Codes
    """(open factors, candidates): equal where all but the factor is equal."""
    levels: Codes
    """(open factors, candidates)."""
    places: Codes
    """(candidates,): 0 for the place with most finished runs."""
    changes: Codes
    """(candidates,): factors that are not at their baseline."""

    @classmethod
    def of(cls, plan: Plan, cells: Codes, factors: Sequence[str]) -> TieBreak:
        """Look the candidates over.

        Args:
            plan: What the cells belong to.
            cells: (candidates, columns).
            factors: Names of those whose effects are open.
        """
        factors = factors[:_MOST_FACTORS]
        looked = [_paired(plan, cells, name) for name in factors]
        none = np.zeros((0, len(cells)), np.int64)
        return cls(
            pairs=np.sum([none[:0].sum(axis=0), *(pairs for pairs, _ in looked)], axis=0),
            contexts=np.vstack([none, *(contexts for _, contexts in looked)]),
            levels=np.vstack([none, *(cells[:, plan.names.index(name)] for name in factors)]),
            places=place_numbers(plan, cells),
            changes=change_counts(plan, cells),
        )

    def __call__(self, sets: Codes) -> Codes:
        """Return (sets, 3) keys, smaller ones preferred."""
        pairs = self.pairs[sets].sum(axis=1)
        members = range(min(sets.shape[1], _MOST_PARTNERS))
        for one, other in itertools.combinations(members, 2):
            a, b = sets[:, one], sets[:, other]
            alike = self.contexts[:, a] == self.contexts[:, b]
            pairs = pairs + (alike & (self.levels[:, a] != self.levels[:, b])).sum(axis=0)
        places, changes = self.places[sets].sum(axis=1), self.changes[sets].sum(axis=1)
        return np.column_stack([-pairs, places, changes])


def change_counts(plan: Plan, cells: Codes) -> Codes:
    """(cells,): how many factors are not at their baseline; those without one never are."""
    found = np.zeros(len(cells), np.int64)
    for at, factor in enumerate(plan.grid.factors):
        if factor.baseline is not None:
            found += cells[:, at] != factor.labels.index(factor.baseline)
    return found


def place_numbers(plan: Plan, cells: Codes) -> Codes:
    """(cells,): the number of each cell's place, 0 for the one with most finished runs."""
    held = cells[:, len(plan.grid.factors) : plan.grid.width]
    found = np.full(len(cells), len(plan.grid.places))
    for number, place in enumerate(plan.grid.places):
        found[np.all(held == place, axis=1)] = number
    return found


def _paired(plan: Plan, cells: Codes, name: str) -> tuple[Codes, Codes]:
    """Pairs of each cell in one factor, and a key of all but that factor."""
    runs = _partners(plan.counted)
    count = len(runs)
    others = [other for other in plan.names if other not in (name, plan.unpaired)]
    columns = [_joined(runs.column(o), cells[:, plan.names.index(o)]) for o in others]
    keys = np.unique(cell_keys(columns, rows=count + len(cells)), return_inverse=True)[1]
    levels = np.concatenate([runs.column(name).codes, cells[:, plan.names.index(name)]])
    own = keys * (int(levels.max(initial=0)) + 1) + levels
    held, first = np.unique(own[:count], return_index=True)
    partners = np.bincount(keys[:count][first], minlength=int(keys.max(initial=0)) + 1)
    return partners[keys[count:]] - np.isin(own[count:], held), keys[count:]


def _partners(table: Table) -> Table:
    """Runs of the replicate that new runs would have."""
    if table.replicate is None:
        return table
    usual = usual_replicate(table)
    return table.take(np.array(table.replicate.labels)[table.replicate.codes] == usual)


def _joined(column: Column, codes: Codes) -> Column:
    return replace(column, codes=np.concatenate([column.codes, codes]))
