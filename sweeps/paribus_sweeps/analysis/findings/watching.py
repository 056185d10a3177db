"""All rules over one run, asked again as it goes on.

    watched = RunWatch(RULES)
    watched.tell(seen)       # a finding for each rule
    watched.tell(seen)       # later, with more rows

Promised is:

- What is said does not depend on how a run was looked at on the way: fed in any pieces, the
  findings are those of one look at its end.
- A rule none of whose reads has changed is not asked again (`reads`): one over evaluations waits
  for the next evaluation.
- A rule that is asked again searches and sorts no rows that it has counted (`grown`, and what a
  rule keeps itself). Some still pass once over a column of numbers: a row more then costs
  microseconds for each thousand rows. Runs that were resumed, or hold NaN, are sorted anew.

What is kept of a run holds on to none of its rows but for gradient norms (16 bytes each).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from weakref import ref

import numpy as np

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.grown import Grown
from paribus_sweeps.analysis.findings.reads import Reads, noted
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Facts, Rule, Seen, Watch
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History


def watches_of(rules: Iterable[Rule]) -> list[tuple[Rule, Watch]]:
    """Return a fresh memory of one run for each rule; what they count together is counted once."""
    run = _Run()
    return [(rule, _Remembered(rule.watch(), run)) for rule in rules]


class _Run:
    """What all rules remember of one run together."""

    def __init__(self) -> None:
        self._grown = Grown()
        self._seen: ref[Seen] | None = None  # weak: what is looked at holds all rows
        self._known: tuple[Any, ...] = ()
        self.changes = 0
        """How often something else than rows and summary was another."""

    def look(self, seen: Seen) -> None:
        """Go on to a later look, where it is one."""
        if self._seen is not None and self._seen() is seen:
            return
        self._seen = ref(seen)
        seen.grown.go_on_from(self._grown)
        known = (replace(seen.facts, summary={}), seen.thresholds, seen.named)
        if known != self._known:
            self._known = known
            self.changes += 1


class _Remembered:
    """A watch that is asked again only where something that it read has changed."""

    def __init__(self, watch: Watch, run: _Run) -> None:
        self._watch, self._run = watch, run
        self._said: tuple[Finding, Reads, int] | None = None

    def tell(self, seen: Seen) -> Finding:
        """Say what the run shows by now."""
        self._run.look(seen)
        if self._said is not None:
            finding, reads, changes = self._said
            if changes == self._run.changes and reads.hold_in(seen):
                return finding
        self._said, reads = None, Reads()
        finding = self._watch.tell(noted(seen, reads))
        self._said = finding, reads, self._run.changes
        return finding


class RunWatch:
    """What all rules remember of one run."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._watches = watches_of(rules)

    def tell(self, seen: Seen) -> list[Finding]:
        """Say what the run shows by now, a finding for each rule, in the order of the rules.

        What a run logged may be beyond what can be computed with: that gives infinity or NaN,
        which no comparison finds above anything, and no warning.

        Args:
            seen: The run; its history is that of the last look, with or without rows behind it.
        """
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return [watch.tell(seen) for _, watch in self._watches]


def findings_of(
    history: History,
    facts: Facts,
    *,
    rules: Sequence[Rule] = RULES,
    thresholds: Mapping[str, float] | None = None,
    named: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Return what one run shows, a finding for each rule.

    Args:
        history: What it logged.
        facts: What else is known of it.
        rules: Those asked.
        thresholds: Those that somebody set.
        named: Role → key, as somebody said.

    Raises:
        UnknownThreshold: There is no such threshold.
        InvalidThreshold: A threshold is out of its bounds.
        UnknownRole: `named` names no role.
    """
    asked = Thresholds.of(declared(rules), thresholds)
    return RunWatch(rules).tell(Seen(facts, history, asked, dict(named or {})))


def comparisons_of(
    runs: Iterable[Seen], *, rules: Sequence[ComparisonRule] = COMPARISONS
) -> list[Finding]:
    """Return what runs show beside one another; of numbers too large see `RunWatch.tell`."""
    ordered = sorted(runs, key=lambda seen: seen.facts.order)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return [finding for rule in rules for finding in rule.compare(ordered)]
