"""What a rule is given to read."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Facts, Rule, Seen, each_time, place
from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, rules_version
from tests.sweeps.analysis.findings.training_runs import seen


class TestFacts:
    @pytest.mark.parametrize(
        ("state", "is_over"),
        [("pending", False), ("running", False), ("finished", True), ("crashed", True)],
    )
    def test_a_run_is_over_once_nothing_more_is_to_come(self, state, is_over):
        assert Facts("r1", state=state).is_over is is_over

    @pytest.mark.parametrize(
        ("value", "number"),
        [
            (8, 8.0),
            (2e-5, 2e-5),
            (True, None),
            ("8", None),
            (None, None),
            (math.nan, None),
            ("Infinity", None),
            (10**400, None),
        ],
    )
    def test_a_number_of_the_config_is_a_finite_one(self, value, number):
        assert Facts("r1", config={"batch": value}).number("batch") == number

    def test_runs_are_put_in_order_by_what_every_server_calls_them(self):
        """Ids of a service are chance; a sum in their order differs in its last digit."""
        here = [Facts("run-7", rank="a"), Facts("run-2", rank="b")]
        there = [Facts("run-1", rank="b"), Facts("run-9", rank="a")]

        ordered = [sorted(side, key=lambda facts: facts.order) for side in (here, there)]

        assert [[facts.rank for facts in side] for side in ordered] == [["a", "b"], ["a", "b"]]

    def test_without_that_by_their_ids(self):
        assert Facts("run-1").order < Facts("run-2").order

    def test_a_key_that_the_config_lacks_is_none(self):
        assert Facts("r1").number("batch") is None


class TestKeys:
    def test_keys_are_those_with_numbers_by_name(self):
        assert seen([{"b": 1.0, "a": 2.0, "note": "x"}]).keys == ("a", "b")

    def test_a_role_gives_its_key(self):
        run = seen([{"val_loss": 1.0}])

        assert run.key("eval_loss") == "val_loss"
        assert run.key("grad_norm") is None

    def test_a_named_key_that_was_never_logged_is_none(self):
        run = seen([{"val_loss": 1.0}], named={"eval_loss": "dev/nll"})

        assert run.key("eval_loss") is None
        assert run.missing("eval_loss") == (
            "dev/nll (named as eval_loss) was never logged as a number"
        )

    def test_a_role_that_nothing_has_asks_for_a_name(self):
        assert seen([{"val_loss": 1.0}]).missing("grad_norm") == (
            "no logged key is known as grad_norm (name one: grad_norm=KEY)"
        )


class TestX:
    def test_optimizer_steps_count_where_every_row_holds_them(self):
        run = seen([{"loss": 1.0, "global_step": 10, "_step": 0}])

        assert (run.x_key("loss"), run.x_name("loss")) == ("global_step", "steps")
        assert run.curve("loss").x.tolist() == [10]

    def test_one_row_without_them_leaves_it_to_wandbs(self):
        run = seen([{"loss": 1.0, "global_step": 10, "_step": 0}, {"loss": 0.9, "_step": 1}])

        assert (run.x_key("loss"), run.x_name("loss")) == ("_step", "W&B steps")
        assert run.curve("loss").x.tolist() == [0, 1]

    def test_as_many_steps_in_other_rows_are_not_its_own(self):
        run = seen([{"loss": 1.0}, {"global_step": 10}])

        assert (run.x_key("loss"), run.x_name("loss")) == (None, "rows")

    def test_without_any_step_x_is_the_number_of_the_row(self):
        run = seen([{"lr": 1.0}, {"loss": 0.5}])

        assert (run.x_key("loss"), run.x_name("loss")) == (None, "rows")
        assert run.curve("loss").x.tolist() == [1]

    def test_a_key_that_was_never_logged_has_none(self):
        run = seen([{"loss": 1.0, "_step": 0}])

        assert run.x_key("f1") is None
        assert len(run.curve("f1")) == 0

    def test_several_keys_share_what_all_of_them_have(self):
        run = seen(
            [
                {"loss": 1.0, "global_step": 10, "_step": 0},
                {"val_loss": 1.0, "_step": 1},
            ]
        )

        assert run.x_key("loss") == "global_step"
        assert run.x_key("loss", "val_loss") == "_step"
        assert run.x_name("loss", "val_loss") == "W&B steps"

    @pytest.mark.parametrize(
        ("x", "name", "words"),
        [
            (1240.0, "steps", "step 1,240"),
            (3.0, "W&B steps", "W&B step 3"),
            (7.5, "rows", "row 7.5"),
            (12_345_678.0, "steps", "step 12,345,678"),
        ],
    )
    def test_a_place_is_said_in_words(self, x, name, words):
        assert place(x, name) == words


class TestRules:
    def test_a_plain_function_is_asked_anew_each_time(self):
        asked: list[Seen] = []

        def look(run: Seen) -> Finding:
            asked.append(run)
            return Finding.absent("r", str(run.history.rows))

        watch = each_time(look)()
        told = [watch.tell(seen([{"a": 1.0}] * rows)).sentence for rows in (1, 2)]

        assert told == ["1", "2"]
        assert len(asked) == 2

    def test_names_are_unique(self):
        names = [rule.name for rule in (*RULES, *COMPARISONS)]

        assert len(names) == len(set(names))

    def test_every_rule_says_what_it_means_and_where_it_is_defined(self):
        for rule in (*RULES, *COMPARISONS):
            assert rule.meaning, rule.name
            assert rule.section, rule.name
            assert rule.source or rule.section != "findings.md", rule.name

    def test_the_version_of_all_rules_changes_with_any_of_them(self):
        def rule(name: str, version: int) -> Rule:
            watch = each_time(lambda run: Finding.absent(name, ""))
            return Rule(name, version, "9.3", "What it means.", watch)

        versions = [
            rules_version(rules)
            for rules in ([], [rule("a", 1)], [rule("a", 2)], [rule("a", 1), rule("b", 1)])
        ]

        assert len(set(versions)) == 4
        assert rules_version([rule("a", 1)]) == versions[1]


class TestColumnsReadWhenAsked:
    def test_a_mapping_that_reads_late_is_asked_for_keys_it_has(self):
        """`History.columns` may read a column from a store when it is asked for."""
        run = seen([{"loss": 1.0, "note": "x"}])

        assert np.array_equal(run.history["loss"].values, [1.0])
        assert run.history["nothing"].rows.size == 0
