"""Whether an evaluation set can show a difference: floors by hand, and sets large enough."""

import math
from typing import Any

import pytest
from scipy import stats

from paribus_sweeps.analysis.findings.evaluation_size import CHANGED_LEAST, RULES
from paribus_sweeps.analysis.findings.finding import Finding
from tests.sweeps.analysis.findings.one_run import HEALTHY, column, told

KEY = "eval/accuracy"
DECLARED = "evaluation_set_too_small.difference"


def tell(values: list[float], config: dict[str, Any] | None = None, **more: Any) -> Finding:
    return told(RULES, "evaluation_set_too_small", column(KEY, values), config, **more)


def on(n: int, values: list[float], **more: Any) -> Finding:
    return tell(values, {"eval_examples": n}, **more)


class TestEvaluationSetTooSmall:
    def test_a_change_within_the_floor_needs_each_answer(self):
        # sqrt(.75 x .25 / 400) = .02165; times 1.959964 sqrt(2) = 2.771808 it is .0600114.
        # 6 / 400 = .015.
        found = on(400, [0.70, 0.75])

        assert (found.status, found.label) == ("found", "needs_each_answer")
        assert found.numbers["floor_sd"] == pytest.approx(0.0216506, rel=1e-5)
        assert found.numbers["least_without"] == pytest.approx(0.0600114, rel=1e-5)
        assert found.numbers["least_with_each_answer"] == 0.015
        # 2 x (1.95996 / .05)^2 x .75 x .25 = 576.2
        assert found.numbers["examples_needed"] == 577
        assert "577 examples or more" in found.next_step

    def test_speed_and_time_are_those_of_one_row(self):
        """Looks of 400 examples at 100, 200 and 400 a second; one has one of both.

        By position, as many values of both: 100 x 8, 200 x 4, 400 x 2 and 50 x 1.
        """
        rows = column(KEY, [0.5, 0.6, 0.7, 0.8, 0.9])
        for row, speed, time in zip(
            rows, (None, 100, 200, 400, 50), (8, 4, 2, 1, None), strict=True
        ):
            row |= {"eval/samples_per_second": speed} if speed else {}
            row |= {"eval/runtime": time} if time else {}

        found = told(RULES, "evaluation_set_too_small", rows)

        assert found.numbers["examples"] == 400
        assert found.numbers["examples_from"] == "eval/samples_per_second x eval/runtime"

    def test_speed_and_time_that_share_no_row_say_nothing(self):
        rows = column(KEY, [0.5, 0.6])
        rows[0]["eval/samples_per_second"], rows[1]["eval/runtime"] = 100.0, 4.0

        assert told(RULES, "evaluation_set_too_small", rows).status == "cannot_tell"

    def test_a_change_below_six_examples_is_told_by_no_test(self):
        found = on(400, [0.75, 0.7625])  # 5 of 400

        assert (found.status, found.label) == ("found", "below_any_test")

    def test_a_change_above_the_floor_is_let_pass(self):
        assert on(400, [0.50, 0.75]).status == "not_found"

    def test_the_same_change_on_more_examples_is_let_pass(self):
        assert on(25_000, [0.70, 0.75]).status == "not_found"

    def test_a_declared_difference_counts_before_the_runs_own(self):
        found = on(400, [0.50, 0.75], thresholds={DECLARED: 0.015})

        assert found.label == "needs_each_answer"
        assert "the declared difference is +0.015" in found.sentence

    def test_the_smallest_effect_of_the_config_is_a_declared_one(self):
        found = tell([0.5, 0.75], {"eval_examples": 400, "smallest_effect": 0.01})

        assert found.label == "below_any_test"

    def test_at_an_accuracy_of_one_six_examples_remain(self):
        # The floor is 0 there, which no test set has: 6 / 10 = .6 remain.
        assert on(10, [0.5, 1.0]).label == "below_any_test"
        assert on(10, [0.4, 1.0]).status == "not_found"

    def test_a_real_run_of_300_reviews_is_let_pass(self):
        found = told(RULES, "evaluation_set_too_small", HEALTHY["rows"], HEALTHY["config"])

        assert found.status == "not_found"
        assert found.numbers["examples_from"] == "data.test.reviews"

    def test_speed_times_time_is_the_number_of_examples(self):
        rows = [
            {KEY: 0.5, "eval/runtime": 2.0011, "eval/samples_per_second": 199.89},
            {KEY: 0.75, "eval/runtime": 2.5, "eval/samples_per_second": 160.0},
        ]

        found = told(RULES, "evaluation_set_too_small", rows)

        assert found.numbers["examples"] == 400
        assert found.numbers["examples_from"] == "eval/samples_per_second x eval/runtime"

    @pytest.mark.parametrize("speed", [math.nan, 0.0, 1e308])
    def test_a_speed_without_measure_is_no_number_of_examples(self, speed):
        rows = [
            {KEY: at, "eval/runtime": 100.0, "eval/samples_per_second": speed} for at in (0, 1)
        ]

        assert told(RULES, "evaluation_set_too_small", rows).status == "cannot_tell"

    @pytest.mark.parametrize("size", [0.2, 0, -1, "all", None])
    def test_a_share_is_no_number_of_examples(self, size):
        found = tell([0.5, 0.75], {"test_size": size})

        assert found.status == "cannot_tell"
        assert "data.test.reviews, eval_examples" in found.sentence

    def test_an_accuracy_in_percent_cannot_tell(self):
        found = on(400, [50.0, 75.0])

        assert found.status == "cannot_tell"
        assert "50 to 75; a fraction" in found.sentence

    def test_an_accuracy_that_ends_at_its_lowest_cannot_tell(self):
        assert "ends at its lowest value" in on(400, [0.75, 0.70]).sentence

    def test_one_look_cannot_tell(self):
        found = on(400, [0.75])

        assert found.status == "cannot_tell"
        assert "1 value, and no difference" in found.sentence

    def test_values_that_are_not_finite_cannot_tell(self):
        assert on(400, [math.nan] * 3).status == "cannot_tell"

    def test_a_run_without_accuracy_cannot_tell(self):
        found = told(RULES, "evaluation_set_too_small", [{"loss": 1.0}])

        assert "eval_accuracy=KEY" in found.sentence

    def test_the_least_of_differences_raises_nothing(self):
        found = on(400, [0.5, 0.5 + 2**-53])

        assert found.label == "below_any_test"


class TestChangedLeast:
    def test_six_changed_examples_are_the_fewest_that_an_exact_test_tells(self):
        # McNemar's exact test of k examples, all changed to the better.
        assert stats.binomtest(CHANGED_LEAST, CHANGED_LEAST, 0.5).pvalue == 2**-5
        assert stats.binomtest(CHANGED_LEAST, CHANGED_LEAST, 0.5).pvalue < 0.05
        assert stats.binomtest(CHANGED_LEAST - 1, CHANGED_LEAST - 1, 0.5).pvalue > 0.05
