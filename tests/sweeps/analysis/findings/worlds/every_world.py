"""All worlds, in the order of their rules."""

from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from tests.sweeps.analysis.findings.worlds import (
    cadences,
    factors,
    gradients,
    losses,
    recordings,
    settings,
)
from tests.sweeps.analysis.findings.worlds.world import World

WORLDS: tuple[World, ...] = (
    *losses.WORLDS,
    *gradients.WORLDS,
    *settings.WORLDS,
    *recordings.WORLDS,
    *cadences.WORLDS,
    *factors.WORLDS,
)


def worlds_of(rule: Rule | ComparisonRule) -> list[World]:
    """Return the worlds that a rule is asked about."""
    several = isinstance(rule, ComparisonRule)
    return [w for w in WORLDS if w.rule == rule.name and w.of_several == several]
