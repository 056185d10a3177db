"""Every rule, in the order in which findings are listed.

A rule of one's own is written as these are: docs/how-to/write-a-finding-rule.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from types import ModuleType

from paribus_sweeps.analysis.findings import (
    accuracies_within_noise,
    chance,
    clocks,
    coarsest_cadence,
    evaluation_sets,
    evaluation_size,
    gradient_spread,
    gradients,
    looks,
    non_finite,
    overfitting,
    plateau,
    recorded_steps,
    recording,
    schedules,
    seed_noise,
    settings_in_effect,
    unequal_steps,
)
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from paribus_sweeps.analysis.findings.thresholds import Threshold

ABOUT_RUNS: tuple[ModuleType, ...] = (
    non_finite,
    overfitting,
    chance,
    plateau,
    gradients,
    schedules,
    settings_in_effect,
    recording,
    recorded_steps,
    clocks,
    evaluation_size,
    coarsest_cadence,
)
"""Modules with rules about one run; each opens with the definition of its rules."""
ABOUT_COMPARISONS: tuple[ModuleType, ...] = (
    looks,
    gradient_spread,
    unequal_steps,
    seed_noise,
    evaluation_sets,
    accuracies_within_noise,
)
"""And those about several runs."""

RULES: tuple[Rule, ...] = tuple(rule for module in ABOUT_RUNS for rule in module.RULES)
COMPARISONS: tuple[ComparisonRule, ...] = tuple(
    rule for module in ABOUT_COMPARISONS for rule in module.COMPARISONS
)


def declared(rules: Iterable[Rule | ComparisonRule]) -> tuple[Threshold, ...]:
    """Return the thresholds of rules, each once."""
    found = {t.name: t for rule in rules for t in rule.thresholds}
    return tuple(found.values())


def rules_version(rules: Iterable[Rule | ComparisonRule]) -> str:
    """Return a short text that differs whenever a rule came, went or changed."""
    told = ";".join(f"{rule.name}={rule.version}" for rule in rules)
    return hashlib.sha256(told.encode()).hexdigest()[:12]
