"""Where an alias comes from: from the plan, from runs that are missing, or from who ran where.

Source: METHOD 2.1 ("say whether the alias was designed or caused by failed or missing runs").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paribus_sweeps.design.absorbed import estimable_df
from paribus_sweeps.design.alias_facts import AliasFact
from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.restoring import MissingRun
from paribus_sweeps.design.table import Table, cell_keys

_MOST_ENDING = 5  # runs named in a sentence; more are counted


def planned_df(plan: Table) -> dict[str, int]:
    """Return how many independent contrasts of each factor a plan would tell.

    Which GPU its runs will meet, no plan says: it is asked of the factors alone.
    """
    settings = distinct(plan.without(c.name for c in plan.columns if c.role != "factor"))
    found = gate(settings.with_values(np.zeros(len(settings))))
    return estimable_df(found, found.space)


def distinct(plan: Table) -> Table:
    """Return the rows of a table with each combination of factors once."""
    _, first = np.unique(cell_keys(plan.factors, rows=len(plan)), return_index=True)
    return plan.take(np.sort(first))


class Origins:
    """What a plan says of facts over those of its runs that finished."""

    def __init__(self, table: Table, missing: Sequence[MissingRun]) -> None:
        """Look at a plan.

        Args:
            table: Every run of the plan, usable or not.
            missing: Runs that would tell effects apart; those that end a fact are named.
        """
        self._table = table
        self._missing = missing
        self._settings = distinct(table)
        self._with_run: dict[str, Table] = {}

    def told(self, fact: AliasFact) -> AliasFact:
        """Return a fact with where it comes from; of blocks no plan says anything."""
        if fact.blocks:
            return replace(fact, origin="blocks")
        if fact.holds(self._settings):
            return replace(
                fact, origin="designed", sentence=f"{fact.sentence} The plan has it so."
            )
        ending = [run for run in self._missing if not fact.holds(self._finished_with(run))]
        why = "it comes from runs that are missing."
        if ending:
            why = f"finishing {listed([r.text for r in ending], most=_MOST_ENDING)} would end it."
        return replace(
            fact,
            origin="missing_runs",
            sentence=f"{fact.sentence} The plan has it otherwise: {why}",
            missing=tuple(run.id for run in ending),
        )

    def _finished_with(self, run: MissingRun) -> Table:
        """Return the settings of the finished runs and of one more."""
        if run.id not in self._with_run:
            rows = self._table.usable
            rows[self._table.ids.index(run.id)] = True
            self._with_run[run.id] = distinct(self._table.take(rows))
        return self._with_run[run.id]
