"""Findings as plain JSON: rules with their numbers, runs with what was said of them.

document = findings_document(seen, RULES, COMPARISONS)
document["runs"][0]["findings"]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule, Seen
from paribus_sweeps.analysis.findings.rules import rules_version
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.findings.watching import RunWatch, comparisons_of


def rule_document(rule: Rule | ComparisonRule, thresholds: Thresholds) -> dict[str, Any]:
    """Return what a rule is, with its thresholds as they are in force."""
    return {
        "name": rule.name,
        "about": "run" if isinstance(rule, Rule) else "comparison",
        "version": rule.version,
        "section": rule.section,
        "meaning": rule.meaning,
        "labels": dict(rule.labels),
        "reads": [*rule.roles, *rule.keys],
        "source": rule.source,
        "is_heuristic": rule.is_heuristic,
        "thresholds": [
            {
                "name": threshold.name,
                "value": thresholds[threshold.name],
                "default": threshold.default,
                "reason": threshold.reason,
            }
            for threshold in rule.thresholds
        ],
    }


def counts_of(
    told: Iterable[Iterable[Mapping[str, Any]]], rules: Iterable[Rule]
) -> dict[str, dict[str, int]]:
    """Return rule → status → runs.

    Args:
        told: The findings of each run, as JSON.
        rules: Those that were asked.
    """
    counts = {rule.name: {"found": 0, "not_found": 0, "cannot_tell": 0} for rule in rules}
    for findings in told:
        for finding in findings:
            counts[finding["rule"]][finding["status"]] += 1
    return counts


def findings_document(
    seen: Sequence[Seen],
    rules: Sequence[Rule],
    comparisons: Sequence[ComparisonRule],
) -> dict[str, Any]:
    """Return what rules say of runs, and of these runs beside one another.

    Args:
        seen: At least one run; all with the same thresholds.
        rules: Those about one run.
        comparisons: Those about several.
    """
    told = [RunWatch(rules).tell(one) for one in seen]
    documents = [[finding.as_dict() for finding in findings] for findings in told]
    beside: list[Finding] = comparisons_of(seen, rules=comparisons)
    asked: list[Rule | ComparisonRule] = [*rules, *comparisons]
    return {
        "rules_version": rules_version(asked),
        "rules": [rule_document(rule, seen[0].thresholds) for rule in asked],
        "counts": counts_of(documents, rules),
        "runs": [
            {
                "id": one.facts.run,
                "name": one.facts.name or one.facts.run,
                "state": one.facts.state,
                "findings": findings,
            }
            for one, findings in zip(seen, documents, strict=True)
        ],
        "comparisons": [finding.as_dict() for finding in beside],
    }
