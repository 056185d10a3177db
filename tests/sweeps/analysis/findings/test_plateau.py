"""A loss that stands still, worked out by hand; and curves that only look as if they did."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.findings.plateau import plateau
from tests.sweeps.analysis.findings.training_runs import rows_of, seen, wave

FALL = [1.0 - 0.05 * i for i in range(10)]  # 1.0 to .55
STILL = [0.5 + d for d in wave(20, 0.01)]
STOPS = FALL + STILL
SINKS = [math.exp(-i / 40) for i in range(30)]


def looked(evaluations, trainings=(), **more):
    return plateau(seen(rows_of(evaluations, trainings), **more))


class TestFound:
    def test_a_curve_that_stopped_says_since_when(self):
        """Ten looks fall to .55 at step 1,000; then .51 .49 .49 .51 …, to step 3,000.

        Noise sd .0082 (below), so three are .024; the third's median is .5. The look at step
        1,000 is .05 away, and every later one .01.
        """
        found = looked(STOPS)

        assert (found.status, found.label) == ("found", "eval_loss")
        assert found.keys == ("eval/loss",)
        assert found.steps is not None
        assert found.steps[1] == 3000.0
        assert found.steps[0] == 1100.0
        assert found.sentence.startswith("eval/loss has stood still since step 1,100: it moved")

    def test_noise_and_scatter_are_those_of_the_last_third(self):
        """− − + + − − + + − − times .01 or the like: ten points, eight errors.

        Errors (v₋ + v₊)/2 − v: at each point of a pair one neighbour is its equal and the other
        is .02 away, so every error is ±.01; s² = .01² / 1.5, s = .008165.
        """
        numbers = looked(STOPS).numbers["eval_loss"]

        assert numbers["window"] == 10
        assert numbers["noise_sd"] == pytest.approx(0.01 / math.sqrt(1.5))
        assert numbers["p_method"] == "asymptotic"

    @pytest.mark.parametrize(("away", "since"), [(2.5, 1100.0), (3.5, 1600.0)])
    def test_a_look_within_three_noise_sds_has_stayed(self, away, since):
        """The look at step 1,500, before the last third."""
        values = list(STOPS)
        values[14] = 0.5 + away * 0.01 / math.sqrt(1.5)

        assert looked(values).steps == (since, 3000.0)

    def test_equal_values_stand_still_since_the_first_of_them(self):
        found = looked([1.0, 0.7] + [0.1] * 28)

        assert found.status == "found"
        assert found.steps == (300.0, 3000.0)
        assert found.numbers["eval_loss"]["noise_sd"] == 0

    @pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1.1, 0.6931, 2.3])
    def test_rounding_is_no_movement(self, value):
        """The sd of equal values is 1e-16 or so of them for many numbers."""
        assert all(looked([value] * n).status == "found" for n in range(24, 60, 3))

    def test_a_curve_that_never_moved_stands_still_since_it_began(self):
        found = looked([0.1] * 30)

        assert found.steps == (100.0, 3000.0)
        assert found.numbers["eval_loss"]["share_of_range"] is None

    def test_both_losses_may_stand_still(self):
        found = looked(STOPS, STOPS)

        assert (found.label, found.keys) == ("both", ("eval/loss", "train/loss"))

    def test_the_training_loss_alone_may(self):
        found = looked(SINKS, STOPS)

        assert found.label == "train_loss"
        assert "eval/loss moves: by −" in found.sentence
        assert "train/loss has stood still since" in found.sentence

    def test_a_long_curve_is_averaged_first(self):
        """1,250 steps in 120 or fewer stretches: 11 each, 113 of them, and 7 steps wait."""
        values = [1.0 - 0.001 * min(i, 500) for i in range(1250)]
        rows = [{"loss": value, "global_step": at} for at, value in enumerate(values)]

        found = plateau(seen(rows))

        numbers = found.numbers["train_loss"]
        assert (numbers["n"], numbers["stretch"], numbers["window"]) == (1243, 11, 37)
        assert found.steps is not None
        assert 500 <= found.steps[0] < 500 + 2 * 11
        assert found.steps[1] == 1242.0

    def test_a_run_under_way_is_told_so_far(self):
        assert looked(STOPS, state="running").sentence.startswith("So far: eval/loss has stood")


class TestSilent:
    def test_a_curve_that_sinks_moves(self):
        found = looked(SINKS)

        assert (found.status, found.label, found.steps) == ("not_found", None, None)
        assert found.numbers["eval_loss"]["since"] is None

    def test_a_slow_trend_under_little_noise_moves(self):
        """Over the last ten, .018 down where points scatter by .0008."""
        values = [1.0 - 0.002 * i + d for i, d in enumerate(wave(30, 0.001))]

        assert looked(values).status == "not_found"

    def test_a_change_beyond_the_noise_moves_though_no_test_shows_it(self):
        """Level asked for is 0: only the bound on the change is left to speak."""
        values = FALL + [0.5 - 0.01 * i + d for i, d in enumerate(wave(20, 0.01))]

        found = looked(values, thresholds={"plateau.alpha": 0})

        assert abs(found.numbers["eval_loss"]["change"]) > 0.07
        assert found.status == "not_found"

    def test_the_change_counts_though_the_scatter_is_small(self):
        """A fall of .03 over the last ten: above two noise sds (.0163), and its sd is below."""
        values = FALL + [0.5 - i / 300 + d for i, d in enumerate(wave(20, 0.01))]

        found = looked(values, thresholds={"plateau.alpha": 0})

        numbers = found.numbers["eval_loss"]
        assert numbers["sd"] < 2 * numbers["noise_sd"] < abs(numbers["change"])
        assert found.status == "not_found"

    def test_a_small_change_that_a_test_shows_moves(self):
        """A fall of 1.5 noise sds over the last forty of 120 looks."""
        values = [1.0 - 0.0003 * i + d for i, d in enumerate(wave(120, 0.01))]

        found = looked(values)
        untested = looked(values, thresholds={"plateau.alpha": 0})

        assert found.numbers["eval_loss"]["p"] < 0.05
        assert (found.status, untested.status) == ("not_found", "found")

    def test_a_curve_that_wanders_has_no_trend_and_moves(self):
        """One whole cosine over the last third: its ends agree, and its middle is far off."""
        values = FALL + [0.5] * 10 + [0.5 + 0.1 * math.cos(2 * math.pi * i / 9) for i in range(10)]

        found = looked(values)

        numbers = found.numbers["eval_loss"]
        assert numbers["p"] > 0.05
        assert numbers["sd"] > 2 * numbers["noise_sd"]
        assert found.status == "not_found"

    def test_noise_around_a_trend_is_seldom_taken_for_a_plateau(self):
        """A fall of six noise sds over the last third of 60 looks, 100 seeds.

        The slope of twenty points has a standard error of 1/√(20·399/12) noise sds a look, which
        is .77 over the third: the trend is nearly eight of them.
        """
        found = []
        for seed in range(100):
            noise = np.random.default_rng(seed).normal(0, 0.01, 60)
            found.append(looked([1.0 - 0.003 * i + float(e) for i, e in enumerate(noise)]))

        assert sum(finding.status == "found" for finding in found) <= 2


class TestWithoutEnough:
    def test_no_loss_asks_for_a_name(self):
        assert plateau(seen([{"f1": 0.5}])).sentence.startswith("no logged key is known as eval_l")

    def test_few_values_are_counted(self):
        found = looked(STOPS[:23], STOPS[:4])

        assert found.status == "cannot_tell"
        assert found.sentence == (
            "eval/loss: too few values (23, and at least 24 are needed); train/loss: too few "
            "values (4, and at least 24 are needed)"
        )

    def test_one_loss_is_told_where_the_other_cannot_be(self):
        found = looked(STOPS, STOPS[:4])

        assert (found.status, found.keys) == ("found", ("eval/loss",))
        assert found.sentence.endswith(
            "train/loss: too few values (4, and at least 24 are needed)"
        )

    @pytest.mark.parametrize(
        "values",
        [[1.7e308, -1.7e308] * 15, [1.7e308] * 20 + [-1.7e308] * 10, [1e308, 0.0] * 15],
    )
    def test_values_near_the_largest_float_are_refused_or_told(self, values):
        found = looked(values)

        assert found.status in ("cannot_tell", "found")
        assert "nan" not in found.sentence

    def test_all_nan_is_too_few(self):
        assert looked([math.nan] * 30).status == "cannot_tell"
