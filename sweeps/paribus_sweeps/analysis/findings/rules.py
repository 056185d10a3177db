"""Every rule, in the order in which findings are listed.

A rule of one's own is added by `all_rules(own)`; see docs/how-to/write-a-finding-rule.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from paribus_sweeps.analysis.findings.thresholds import Threshold

RULES: tuple[Rule, ...] = ()
COMPARISONS: tuple[ComparisonRule, ...] = ()


def declared(rules: Iterable[Rule | ComparisonRule]) -> tuple[Threshold, ...]:
    """Return the thresholds of rules, each once."""
    found = {t.name: t for rule in rules for t in rule.thresholds}
    return tuple(found.values())


def rules_version(rules: Iterable[Rule | ComparisonRule]) -> str:
    """Return a short text that differs whenever a rule came, went or changed."""
    told = ";".join(f"{rule.name}={rule.version}" for rule in rules)
    return hashlib.sha256(told.encode()).hexdigest()[:12]
