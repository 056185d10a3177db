"""Every rule over runs whose truth is known: it says what is there, and nothing of what is not.

`benchmarks/findings` draws the same worlds hundreds of times and counts.
"""

import json

import pytest

from paribus_sweeps.analysis.findings.rule import ComparisonRule, Rule
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES
from tests.sweeps.analysis.findings.training_runs import is_plain
from tests.sweeps.analysis.findings.worlds.every_world import worlds_of
from tests.sweeps.analysis.findings.worlds.world import World

DRAWS = 2
EVERY_RULE = (*RULES, *COMPARISONS)
ASKED = [(rule, world) for rule in EVERY_RULE for world in worlds_of(rule)]


def named(value: object) -> str:
    return getattr(value, "name", str(value)).replace(" ", "_")


class TestWorlds:
    @pytest.mark.parametrize(
        ("rule", "world"), [pair for pair in ASKED if pair[1].is_sure], ids=named
    )
    def test_a_rule_says_what_is_true_where_the_margin_is_wide(
        self, rule: Rule | ComparisonRule, world: World
    ) -> None:
        random = world.random()

        told = [world.asked(rule, random) for _ in range(DRAWS)]

        assert [found.sentence for found in told if not world.is_right(found)] == []

    @pytest.mark.parametrize(("rule", "world"), ASKED, ids=named)
    def test_what_it_says_is_plain_json(self, rule: Rule | ComparisonRule, world: World) -> None:
        found = world.asked(rule, world.random())

        assert is_plain(json.loads(json.dumps(found.as_dict(), allow_nan=False)))

    @pytest.mark.parametrize("rule", EVERY_RULE, ids=named)
    def test_every_rule_has_what_it_must_find_and_what_it_must_be_silent_of(
        self, rule: Rule | ComparisonRule
    ) -> None:
        sure = {world.truth for world in worlds_of(rule) if world.is_sure}

        assert sure == {"found", "not_found", "cannot_tell"}

    def test_a_world_draws_the_same_runs_each_time(self) -> None:
        rule, world = ASKED[0]

        assert world.asked(rule, world.random()) == world.asked(rule, world.random())
