"""All rules over one run, asked again as it goes on.

watched = RunWatch(RULES)
watched.tell(seen)       # a finding for each rule
watched.tell(seen)       # later, with more rows: only these are counted
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Facts, Rule, Seen, Watch
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History


class RunWatch:
    """What all rules remember of one run."""

    def __init__(self, rules: Sequence[Rule] = RULES) -> None:
        self._watches: list[tuple[Rule, Watch]] = [(rule, rule.watch()) for rule in rules]

    def tell(self, seen: Seen) -> list[Finding]:
        """Say what the run shows by now, a finding for each rule, in the order of the rules.

        What a run logged may be beyond what can be computed with: that gives infinity or NaN,
        which no comparison finds above anything, and no warning.
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
    """Return what runs show beside one another."""
    ordered = sorted(runs, key=lambda seen: seen.facts.run)
    return [finding for rule in rules for finding in rule.compare(ordered)]
