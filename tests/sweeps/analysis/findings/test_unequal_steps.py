"""Equal epochs give unequal optimizer steps."""

import math

import pytest

from paribus_sweeps.analysis.findings.unequal_steps import COMPARISONS
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import bad_histories, seen


def run(id, steps, epochs=3.0, **facts):
    rows = [
        {"train/global_step": steps * part / 4, "train/epoch": epochs * part / 4}
        for part in range(1, 5)
    ]
    return seen(id, rows, COMPARISONS, name=id.upper(), **facts)


def told(*runs):
    return list(comparisons_of(runs, rules=COMPARISONS))


class TestTheStory:
    def test_batch_8_made_eight_times_the_steps_of_batch_64(self):
        """R1 and R3: 3 epochs of 3,125 and of 391 steps."""
        (found,) = told(
            run("r1", 9_375, setting={"batch": "8"}), run("r3", 1_173, setting={"batch": "64"})
        )

        assert (found.status, found.factor) == ("found", "batch")
        assert found.numbers["ratio"] == pytest.approx(9_375 / 1_173)
        assert found.numbers["steps"] == {"r1": 9_375, "r3": 1_173}
        assert found.sentence == (
            "Equal epochs are unequal steps: of 2 runs of 3 epochs, R1 made 9,375 optimizer "
            "steps, 7.99 times as many as the 1,173 of R3. `batch` goes along with it. What "
            "differs between them may come from the number of steps."
        )

    def test_a_ratio_beyond_the_largest_float_is_told_in_words(self):
        (found,) = told(run("r1", 1e300), run("r3", 1e-300))

        assert found.status == "found"
        assert (
            "R1 made 1e+300 optimizer steps and R3 1e-300, a ratio that no float can hold. What"
            in found.sentence
        )

    def test_two_factors_that_moved_together_are_both_not_named(self):
        (found,) = told(
            run("r1", 9_375, setting={"batch": "8", "ratio": "1:1"}),
            run("r2", 1_875, setting={"batch": "64", "ratio": "4:1"}),
        )

        assert (found.status, found.factor) == ("found", None)

    def test_a_factor_within_whose_levels_steps_differ_is_not_named(self):
        (found,) = told(
            run("a", 100, setting={"lr": "1"}),
            run("b", 900, setting={"lr": "1"}),
            run("c", 900, setting={"lr": "2"}),
        )

        assert found.factor is None


class TestSilence:
    def test_equal_steps_are_told_as_such(self):
        (found,) = told(run("a", 300), run("b", 310))

        assert found.status == "not_found"
        assert found.sentence == "2 runs of 3 epochs made 300 to 310 optimizer steps."

    def test_more_epochs_are_no_equal_epochs(self):
        assert told(run("a", 300, 1.0), run("b", 900, 3.0)) == []

    def test_each_number_of_epochs_is_compared_for_itself(self):
        found = told(run("a", 300, 1.0), run("b", 900, 3.0), run("c", 301, 1.01), run("d", 90))

        assert [(f.status, f.runs) for f in found] == [
            ("not_found", ("a", "c")),
            ("found", ("b", "d")),
        ]

    def test_a_run_that_goes_on_is_left_out(self):
        assert told(run("a", 300), run("b", 30, state="running")) == []

    def test_the_ratio_is_a_setting(self):
        limits = {"unequal_steps.ratio": 10.0}

        (found,) = told(run("a", 300, thresholds=limits), run("b", 2_400))

        assert found.status == "not_found"

    def test_without_epochs_it_asks_for_them(self):
        runs = [seen(x, [{"train/global_step": 3}], COMPARISONS) for x in "ab"]

        (found,) = told(*runs)

        assert found.status == "cannot_tell"
        assert "no logged key is known as epoch" in found.sentence

    def test_epochs_that_never_begin_are_told(self):
        (found,) = told(run("a", 300, 0.0), run("b", 300, 0.0))

        assert "none goes beyond 0" in found.sentence

    def test_one_run_says_nothing(self):
        assert told(run("a", 300)) == []

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_raises_nothing(self, name):
        rows = [{**row, "epoch": row.get("eval/loss")} for row in bad_histories()[name]]
        runs = [seen("z", rows, COMPARISONS), seen("y", rows, COMPARISONS), run("a", math.inf)]

        for found in told(*runs, run("b", 300)):
            assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
