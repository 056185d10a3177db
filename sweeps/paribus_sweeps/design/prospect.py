"""What runs that do not exist yet would tell: the same gate, over finished runs and those.

Source: METHOD 6.4 and 6.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from paribus_sweeps.design.cell_grid import codes_of
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.extended_table import open_rows, pair_count, with_cells
from paribus_sweeps.design.planning import Plan
from paribus_sweeps.design.preference import usual_replicate
from paribus_sweeps.design.proposals import ProposedRun
from paribus_sweeps.design.replicates import NEW, replicate_values
from paribus_sweeps.design.table import Codes, Flags, Table

Replicates = Sequence[str | None]


@dataclass(eq=False)
class Prospect:
    """A plan, and what becomes of it with further runs."""

    plan: Plan
    never: int
    """Directions of the question that no candidate closes."""
    hours_per_run: float | None

    @cached_property
    def replicate(self) -> str | None:
        """Under which replicate a new run is made: that of most finished runs."""
        return usual_replicate(self.plan.counted)

    def usual(self, cells: Codes) -> Replicates:
        """Return that replicate for each of some cells."""
        return [self.replicate] * len(cells)

    def table(self, cells: Codes, replicates: Replicates) -> Table:
        """Return finished runs, open trials and these, as if all had finished."""
        return with_cells(self.plan.counted, self.plan.names, cells, replicates)

    def is_enough(self, gate: Gate) -> bool:
        """Whether all of the question that runs can answer is answered."""
        return self.plan.left(gate) <= self.never

    def pairs(self, table: Table) -> dict[str, int]:
        """Count the matched pairs of each asked factor."""
        names = [term.name for term in self.plan.asked if len(term.members) == 1]
        return {name: pair_count(table, name, self.plan.unpaired) for name in names}

    def gained(self, table: Table) -> dict[str, int]:
        """Count the matched pairs that are new, those of open trials left out."""
        held = self.pairs(self.plan.counted)
        return {name: count - held[name] for name, count in self.pairs(table).items()}

    def hours(self, runs: int) -> float | None:
        """How long `runs` runs take, one after the other; None where no run has told."""
        return None if self.hours_per_run is None else runs * self.hours_per_run

    def proposed(
        self, cells: Codes, replicates: Replicates, purposes: Sequence[str]
    ) -> tuple[ProposedRun, ...]:
        """Return cells with their labels, what they are for, and the runs that they repeat."""
        grid = self.plan.grid
        return tuple(
            ProposedRun(grid.setting(c), grid.place(c), self._values(r), self._again(c, r), why)
            for c, r, why in zip(cells.tolist(), replicates, purposes, strict=True)
        )

    def _values(self, replicate: str | None) -> dict[str, Any] | None:
        """Return key → value of a replicate, None for one whose value cannot be guessed."""
        column = self.plan.everything.replicate
        if column is None or replicate is None:
            return {}
        if replicate not in column.labels and replicate.startswith(NEW):
            return None
        return replicate_values(column.name, replicate)

    def _again(self, cell: Sequence[int], replicate: str | None) -> tuple[str, ...]:
        table = self.plan.everything
        wanted = np.array(cell[: len(self.plan.grid.factors)], np.int64)
        same = np.all(self._settings == wanted, axis=1) & self.ended
        if table.replicate is not None:
            labels = np.array(table.replicate.labels)
            same &= labels[table.replicate.codes] == replicate
        return tuple(table.ids[at] for at in np.flatnonzero(same))

    @cached_property
    def _settings(self) -> Codes:
        return codes_of(self.plan.everything.factors, len(self.plan.everything))

    @cached_property
    def ended(self) -> Flags:
        """(rows,): runs that ended without a usable value."""
        table = self.plan.everything
        return ~table.usable & ~open_rows(table)
