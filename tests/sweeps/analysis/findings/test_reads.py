"""What a rule has read is known, and it is asked again only where that has changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.reads import Reads, noted
from paribus_sweeps.analysis.findings.rule import Rule, Seen, each_time
from paribus_sweeps.analysis.findings.watching import watches_of
from tests.sweeps.analysis.findings.training_runs import seen

TRAINED = [{"global_step": at, "loss": 1.0, "epoch": at / 10} for at in range(1, 6)]
LOOKED = [*TRAINED, {"global_step": 5, "eval_loss": 0.7}]
MORE = [*LOOKED, {"global_step": 6, "loss": 0.9, "epoch": 0.6}]
TEXT = [*LOOKED, {"eval_loss": "not yet"}]
ANOTHER = [*LOOKED, {"accuracy": 0.5}]
AGAIN = [*MORE, {"global_step": 6, "eval_loss": 0.6}]

OF_EVALUATION: dict[str, Callable[[Seen], Any]] = {
    "a role": lambda one: one.key("eval_loss"),
    "no role": lambda one: one.key("grad_norm"),
    "all roles": lambda one: one.roles["eval_loss"],
    "all keys": lambda one: one.keys,
    "that there is none": lambda one: one.missing("grad_norm"),
    "a curve": lambda one: one.curve("eval_loss"),
    "what its x is": lambda one: one.x_name("eval_loss"),
    "a column": lambda one: one.history["eval_loss"],
    "that it is there": lambda one: "loss" in one.history,
    "another beside it": lambda one: one.history.along("eval_loss", "global_step"),
    "another before it": lambda one: one.history.carried("eval_loss", "epoch"),
    "a curve over another": lambda one: one.history.curve("eval_loss", "global_step"),
    "whether it goes on": lambda one: one.goes_on("eval_loss"),
    "its config": lambda one: one.facts.config,
}
OF_ALL: dict[str, Callable[[Seen], Any]] = {
    "the number of rows": lambda one: one.history.rows,
    "all columns": lambda one: one.history.columns["eval_loss"],
    "a column that grows": lambda one: one.history["loss"],
    "a curve that grows": lambda one: one.curve("loss"),
}


def read_by(ask: Callable[[Seen], Any], one: Seen) -> Reads:
    reads = Reads()
    ask(noted(one, reads))
    return reads


class TestReads:
    @pytest.mark.parametrize("ask", OF_EVALUATION.values(), ids=OF_EVALUATION)
    def test_what_is_read_of_an_evaluation_holds_while_training_goes_on(self, ask):
        assert read_by(ask, seen(LOOKED)).hold_in(seen(MORE))

    @pytest.mark.parametrize("ask", OF_ALL.values(), ids=OF_ALL)
    def test_what_grows_does_not_hold(self, ask):
        assert not read_by(ask, seen(LOOKED)).hold_in(seen(MORE))

    @pytest.mark.parametrize(
        "name",
        ["a curve", "a column", "another beside it", "another before it", "a curve over another"],
    )
    def test_another_evaluation_ends_it(self, name):
        assert not read_by(OF_EVALUATION[name], seen(MORE)).hold_in(seen(AGAIN))

    @pytest.mark.parametrize("name", ["a role", "all roles", "all keys", "that it is there"])
    def test_a_key_that_comes_ends_it(self, name):
        early = seen([{"other": 1.0}])

        assert not read_by(OF_EVALUATION[name], early).hold_in(seen([{"other": 1.0}, *LOOKED]))

    def test_a_value_that_is_no_number_ends_it(self):
        assert not read_by(OF_EVALUATION["a column"], seen(LOOKED)).hold_in(seen(TEXT))

    def test_a_rule_is_told_what_the_run_says(self):
        one = seen(LOOKED)

        for ask in (*OF_EVALUATION.values(), *OF_ALL.values()):
            told, true = ask(noted(one, Reads())), ask(one)

            same = told is true or str(told) == str(true) or (told == true).all()
            assert same

    def test_a_summary_is_noted_where_it_is_read(self):
        one, other = (
            replace(seen(LOOKED), facts=replace(seen(LOOKED).facts, summary={"best": best}))
            for best in (0.7, 0.6)
        )

        for ask in (lambda s: s.facts.summary["best"], lambda s: dict(s.facts.summary),
                    lambda s: len(s.facts.summary)):  # fmt: skip
            assert not read_by(ask, one).hold_in(other)
        assert read_by(lambda s: s.facts.config, one).hold_in(other)


class TestWatchesOf:
    def test_a_rule_over_evaluations_is_not_asked_for_a_row_of_training(self):
        asked = []

        def look(one: Seen) -> Finding:
            key = one.key("eval_loss")
            asked.append(len(one.curve(key)) if key else 0)
            return Finding.absent("r", f"{asked[-1]} evaluations")

        [(_, watch)] = watches_of([Rule("r", 1, "", "", each_time(look))])

        told = [watch.tell(seen(rows)).sentence for rows in (TRAINED, LOOKED, MORE, AGAIN)]

        assert asked == [0, 1, 2]
        assert told == ["0 evaluations", "1 evaluations", "1 evaluations", "2 evaluations"]

    def test_a_rule_that_failed_is_asked_again(self):
        def look(one: Seen) -> Finding:
            raise ZeroDivisionError

        [(_, watch)] = watches_of([Rule("r", 1, "", "", each_time(look))])

        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                watch.tell(seen(LOOKED))

    def test_what_rules_count_together_is_counted_once(self):
        made: list[object] = []

        class Counter:
            def __init__(self) -> None:
                made.append(self)

        def look(one: Seen) -> Finding:
            return Finding.absent("r", str(one.counted(Counter)))

        rule = Rule("r", 1, "", "", each_time(look))
        watches = watches_of([rule, rule])

        for rows in (TRAINED, LOOKED):
            for _, watch in watches:
                watch.tell(seen(rows))

        assert len(made) == 1
