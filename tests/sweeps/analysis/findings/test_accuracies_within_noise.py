"""Whether runs were scored on enough examples for the difference between them."""

import math

import pytest

from paribus_sweeps.analysis.findings.accuracies_within_noise import COMPARISONS
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import bad_histories, seen


def run(id, accuracy, size=400, **more):
    rows = [{"train/global_step": 10, "eval/accuracy": accuracy}]
    config = {} if size is None else {"data.test.reviews": size}
    return seen(id, rows, COMPARISONS, config=config, name=id.upper(), **more)


def told(*runs):
    return list(comparisons_of(runs, rules=COMPARISONS))


class TestTheFloor:
    def test_a_point_and_a_half_on_400_reviews_means_nothing(self):
        """TRAINING 3: .825 and .810. Floors .0190 and .0196, of the difference .0273."""
        (found,) = told(run("a", 0.810), run("b", 0.825))

        floors = [math.sqrt(p * (1 - p) / 400) for p in (0.825, 0.810)]
        assert found.status == "found"
        assert found.numbers["floor_of_best"] == pytest.approx(floors[0])
        assert found.numbers["floor_of_difference"] == pytest.approx(math.hypot(*floors))
        assert found.runs == ("b", "a")
        assert found.sentence == (
            "B ended right on 0.825 of 400 examples, with a noise floor of 0.019; A on 0.81: a "
            "difference of 0.015, whose floor is 0.02731 on sets of their own, and less where "
            "both were scored on the same examples. 1 of 1 other run is within 2 floors."
        )

    def test_it_says_how_many_would_do(self):
        """(.825 · .175 + .81 · .19) (2 / .015)² = 5,302.7."""
        (found,) = told(run("a", 0.810), run("b", 0.825))

        assert found.numbers["examples_needed"] == 5_303
        assert "Score them on 5,303 examples or more" in (found.next_step or "")

    def test_the_same_difference_on_25_000_reviews_is_told(self):
        (found,) = told(run("a", 0.810, 25_000), run("b", 0.825, 25_000))

        assert found.status == "not_found"
        assert found.numbers["within"] == 0

    def test_the_nearest_counts_its_floor(self):
        """.80 of 25,000 is twenty floors from .85; .80 of 40 is less than one."""
        (found,) = told(run("a", 0.85, 25_000), run("b", 0.80, 25_000), run("c", 0.80, 40))

        assert (found.runs, found.numbers["within"]) == (("a", "c"), 1)

    def test_equal_accuracies_need_another_measure(self):
        (found,) = told(run("a", 0.8), run("b", 0.8))

        assert found.status == "found"
        assert found.numbers["examples_needed"] is None
        assert "compare their losses" in (found.next_step or "")

    def test_two_perfect_runs_are_equal(self):
        """P = 1 has no noise floor."""
        (found,) = told(run("a", 1.0), run("b", 1.0))

        assert found.status == "found"

    def test_all_right_and_all_wrong_differ(self):
        (found,) = told(run("a", 1.0), run("b", 0.0))

        assert found.status == "not_found"

    def test_accuracies_nearly_equal_would_need_more_than_there_are(self):
        (found,) = told(run("a", 0.5), run("b", 0.5 + 1e-9))

        assert found.numbers["examples_needed"] is None

    def test_the_limit_is_a_setting(self):
        limits = {"accuracies_within_noise.floors": 0.5}

        (found,) = told(run("a", 0.810), run("b", 0.825, thresholds=limits))

        assert found.status == "not_found"  # .549 floors


class TestSilence:
    def test_without_a_size_it_cannot_tell(self):
        (found,) = told(run("a", 0.8, None), run("b", 0.9, None))

        assert found.status == "cannot_tell"
        assert "data.test.reviews" in found.sentence

    def test_runs_of_unknown_size_are_left_out(self):
        (found,) = told(run("a", 0.8, None), run("b", 0.9), run("c", 0.89))

        assert found.numbers["others"] == 1

    def test_one_run_says_nothing(self):
        assert told(run("a", 0.8)) == []

    @pytest.mark.parametrize("accuracy", [81.0, -1.0, math.nan])
    def test_what_is_no_share_is_left_out(self, accuracy):
        assert told(run("a", accuracy), run("b", 0.8)) == []

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_raises_nothing(self, name):
        rows = [
            {("eval/accuracy" if key == "eval/loss" else key): value for key, value in r.items()}
            for r in bad_histories()[name]
        ]
        odd = seen("z", rows, COMPARISONS, config={"data.test.reviews": 1})

        for found in told(odd, run("a", 0.8), run("b", 0.9)):
            assert found.as_dict()["status"] in ("found", "not_found", "cannot_tell")
