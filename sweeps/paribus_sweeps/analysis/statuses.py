"""What keeps a factor from an answer, before any number is looked at.

    statuses = FactorStatuses(table, gate(table), report, has_plan=True)
    statuses.of(factor)                  # ("confounded", "`batch` and `ratio` always changed …")
    statuses.of(other)                   # None: there is something to judge

Source: METHOD 8.1. "not_ready" also where levels were lost to runs that ended without a value,
so that fewer than two are left to compare: there is nobody to be confounded with.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Literal

from paribus_sweeps.analysis.words import counted
from paribus_sweeps.design.confounding_report import ConfoundingReport
from paribus_sweeps.design.estimability import Gate, gate
from paribus_sweeps.design.table import Column, Table
from paribus_sweeps.runs import OPEN

StatusWord = Literal["isolated", "confounded", "inconclusive", "not_varied", "not_ready"]
MOST_NAMED = 8  # levels in a sentence


class FactorStatuses:
    """The statuses of one table's factors, as far as no number decides them."""

    def __init__(
        self, table: Table, finished: Gate, confounding: ConfoundingReport, *, has_plan: bool
    ) -> None:
        """Look at a table.

        Args:
            table: Every run that was planned or made.
            finished: The gate of its finished runs.
            confounding: What they cannot tell apart.
            has_plan: Rows without a value were planned.
        """
        self.table = table
        self.finished = finished
        self.confounding = confounding
        self.has_plan = has_plan

    def of(self, factor: Column) -> tuple[StatusWord, str] | None:
        """Return the status that leaves nothing to judge, with its sentence; else None."""
        levels = factor.observed if self.has_plan else self.observed(factor)
        if len(levels) == 1:
            return "not_varied", f"`{factor.name}` never varied (always {levels[0]})."
        missing = self._why_not_ready(factor)
        if missing:
            return "not_ready", missing
        if not _all_estimable(self.finished, factor):
            return "confounded", self._why_confounded(factor)
        return None

    def observed(self, factor: Column) -> tuple[str, ...]:
        """The levels that have a finished run."""
        return self.finished.table.column(factor.name).observed

    def lost(self, factor: Column) -> tuple[str, ...]:
        """The levels that were planned or tried, and have no finished run."""
        told = set(self.observed(factor))
        return tuple(label for label in factor.observed if label not in told)

    def partners(self, factor: Column) -> tuple[str, ...]:
        """Names of what the factor cannot be told apart from."""
        found = (s.partners for s in self.confounding.factors if s.factor == factor.name)
        return next(found, ()) or self.finished.confounded_with(factor.name)

    def _why_not_ready(self, factor: Column) -> str | None:
        """Say which runs are missing, if that is what keeps the factor from an answer."""
        if _all_estimable(self.finished, factor) and not self.lost(factor):
            return None
        if self._open and _all_estimable(self._once_open, factor):
            return (
                f"`{factor.name}` cannot be told yet: {self._open} of "
                f"{counted(len(self.table), 'run')} are still open, and it can once they finish."
            )
        observed = self.observed(factor)
        if len(observed) >= 2:
            return None
        if not observed:
            return f"No run has finished with a value, so nothing can be told of `{factor.name}`."
        return (
            f"`{factor.name}` cannot be told: only runs at {observed[0]} have a value; "
            f"those at {_some(self.lost(factor))} ended without one."
        )

    @cached_property
    def _open(self) -> int:
        return sum(state in OPEN for state in self.table.states)

    @cached_property
    def _once_open(self) -> Gate:
        """The gate, were every open run to finish."""
        values = self.table.values.copy()
        values[[state in OPEN for state in self.table.states]] = 0.0
        return gate(replace(self.table, values=values))

    def _why_confounded(self, factor: Column) -> str:
        facts = [f.sentence for f in self.confounding.facts if factor.name in f.members]
        if facts:
            return " ".join(facts)
        partners = _some([f"`{name}`" for name in self.partners(factor)])
        return (
            f"What `{factor.name}` did cannot be told apart from {partners}: no number is given."
        )


def _all_estimable(found: Gate, factor: Column) -> bool:
    """Whether every level that has a run can be compared with every other."""
    column = found.table.column(factor.name)
    return len(column.observed) > 1 and found.status(factor.name).word == "estimable"


def _some(names: tuple[str, ...] | list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
