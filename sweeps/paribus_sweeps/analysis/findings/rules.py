"""Every rule, in the order in which findings are listed.

A rule of one's own is written as these are: docs/how-to/write-a-finding-rule.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from paribus_sweeps.analysis.findings import (
    accuracies_within_noise,
    chance,
    coarsest_cadence,
    evaluation_sets,
    evaluation_size,
    gradient_spread,
    gradients,
    looks,
    non_finite,
    overfitting,
    plateau,
    recording,
    schedules,
    seed_noise,
    settings_in_effect,
    unequal_steps,
)
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from paribus_sweeps.analysis.findings.thresholds import Threshold

RULES: tuple[Rule, ...] = (
    *non_finite.RULES,
    *overfitting.RULES,
    *chance.RULES,
    *plateau.RULES,
    *gradients.RULES,
    *schedules.RULES,
    *settings_in_effect.RULES,
    *recording.RULES,
    *evaluation_size.RULES,
    *coarsest_cadence.RULES,
)
COMPARISONS: tuple[ComparisonRule, ...] = (
    *looks.COMPARISONS,
    *gradient_spread.COMPARISONS,
    *unequal_steps.COMPARISONS,
    *seed_noise.COMPARISONS,
    *evaluation_sets.COMPARISONS,
    *accuracies_within_noise.COMPARISONS,
)


def declared(rules: Iterable[Rule | ComparisonRule]) -> tuple[Threshold, ...]:
    """Return the thresholds of rules, each once."""
    found = {t.name: t for rule in rules for t in rule.thresholds}
    return tuple(found.values())


def rules_version(rules: Iterable[Rule | ComparisonRule]) -> str:
    """Return a short text that differs whenever a rule came, went or changed."""
    told = ";".join(f"{rule.name}={rule.version}" for rule in rules)
    return hashlib.sha256(told.encode()).hexdigest()[:12]
