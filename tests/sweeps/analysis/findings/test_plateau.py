"""A loss that stands still, worked out by hand; and curves that only look as if they did."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.findings.overfitting import overfitting
from paribus_sweeps.analysis.findings.plateau import plateau
from tests.sweeps.analysis.findings.training_runs import rows_of, seen, wave

FALL = [1.0 - 0.05 * i for i in range(10)]  # 1.0 to .55
STILL = [0.5 + d for d in wave(20, 0.01)]
STOPS = FALL + STILL
SINKS = [math.exp(-i / 40) for i in range(30)]


def wave_at(level, height, n):
    return [level + d for d in wave(n, height)]


def looked(evaluations, trainings=(), **more):
    return plateau(seen(rows_of(evaluations, trainings), **more))


class TestFound:
    def test_a_curve_that_stopped_says_over_which_points(self):
        """Ten looks fall to .55 at step 1,000; then .51 .49 .49 .51 …, to step 3,000.

        The last third is the looks at steps 2,100 to 3,000.
        """
        found = looked(STOPS)

        assert (found.status, found.label) == ("found", "eval_loss")
        assert found.keys == ("eval/loss",)
        assert found.steps == (2100.0, 3000.0)
        assert found.sentence.startswith(
            "eval/loss shows no movement beyond noise over its last 10 points (from step 2,100): "
            "by 0, sd 0.01"
        )

    def test_nothing_is_claimed_of_what_came_before_the_last_third(self):
        """With noise of .08 a look within three of it, .2 away, would have "stayed"."""
        fall = [0.7, 0.7, 0.68, 0.68, 0.66, 0.66, 0.64, 0.64]
        values = [value + 1.3 for value in fall] + fall + wave_at(0.5, 0.1, 16)

        found = looked(values)

        # 32 looks: the last third is the last 10, from look 23 on.
        assert found.status == "found"
        assert found.steps == (2300.0, 3200.0)
        assert "since" not in found.sentence

    def test_noise_and_scatter_are_those_of_the_last_third(self):
        """− − + + − − + + − − times .01 or the like: ten points, eight errors.

        Errors (v₋ + v₊)/2 − v: at each point of a pair one neighbour is its equal and the other
        is .02 away, so every error is ±.01; s² = .01² / 1.5, s = .008165.
        """
        numbers = looked(STOPS).numbers["eval_loss"]

        assert numbers["window"] == 10
        assert numbers["noise_sd"] == pytest.approx(0.01 / math.sqrt(1.5))
        assert numbers["p_method"] == "asymptotic"

    def test_equal_values_stand_still(self):
        found = looked([1.0, 0.7] + [0.1] * 28)

        assert found.status == "found"
        assert found.steps == (2100.0, 3000.0)
        assert found.numbers["eval_loss"]["noise_sd"] == 0

    @pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1.1, 0.6931, 2.3])
    def test_rounding_is_no_movement(self, value):
        """The sd of equal values is 1e-16 or so of them for many numbers."""
        assert all(looked([value] * n).status == "found" for n in range(24, 60, 3))

    def test_a_curve_that_never_moved_has_no_range(self):
        found = looked([0.1] * 30)

        assert found.steps == (2100.0, 3000.0)
        assert found.numbers["eval_loss"]["share_of_range"] is None

    def test_both_losses_may_stand_still(self):
        found = looked(STOPS, STOPS)

        assert (found.label, found.keys) == ("both", ("eval/loss", "train/loss"))

    def test_the_training_loss_alone_may(self):
        found = looked(SINKS, STOPS)

        assert found.label == "train_loss"
        assert "eval/loss moves: by −" in found.sentence
        assert "train/loss shows no movement beyond noise" in found.sentence

    def test_a_long_curve_is_averaged_first(self):
        """1,250 steps in 120 or fewer stretches: 11 each, 113 of them, and 7 steps wait."""
        values = [1.0 - 0.001 * min(i, 500) for i in range(1250)]
        rows = [{"loss": value, "global_step": at} for at, value in enumerate(values)]

        found = plateau(seen(rows))

        numbers = found.numbers["train_loss"]
        assert (numbers["n"], numbers["stretch"], numbers["window"]) == (1243, 11, 37)
        # 37 stretches of 11 are 407 points; the first of them is point 1,243 - 407 = 836.
        assert found.steps == (836.0, 1242.0)
        assert "over its last 407 points, averaged to 37 (from step 836)" in found.sentence

    def test_losses_of_steps_are_taken_where_they_are_denser(self):
        """30 means of ten steps each, and the 300 losses that they are the means of."""
        dense = [[value + d for d in wave(10, 0.05)] for value in STILL + STILL[:10]]
        rows = rows_of([1.0], dense, train_key="train_step/loss")
        rows += [{"train/loss": v, "train/global_step": 100 * i} for i, v in enumerate(SINKS)]
        steps = rows_of(SINKS, dense, train_key="train_step/loss")

        found = plateau(seen([*rows, *steps]))
        named = plateau(seen([*rows, *steps], named={"train_loss": "train/loss"}))

        assert found.keys == ("eval/loss", "train_step/loss")
        assert found.label == "train_loss"
        assert named.keys == ("eval/loss", "train/loss")
        assert named.status == "not_found"

    def test_a_named_loss_of_steps_is_enough(self):
        rows = rows_of((), [], every=1) + [
            {"x": v, "train/global_step": i} for i, v in enumerate(STOPS)
        ]

        assert plateau(seen(rows, named={"step_loss": "x"})).keys == ("x",)

    def test_a_run_under_way_is_told_so_far(self):
        assert looked(STOPS, state="running").sentence.startswith("So far: eval/loss shows no")


class TestSilent:
    def test_a_curve_that_sinks_moves(self):
        found = looked(SINKS)

        assert (found.status, found.label, found.steps) == ("not_found", None, None)

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
        alike = {"plateau.alpha": 0, "overfitting.alpha": 0, "plateau.hidden": 1}
        untested = looked(values, thresholds=alike)

        assert found.numbers["eval_loss"]["p"] < 0.05
        assert (found.status, untested.status) == ("not_found", "found")

    def test_the_test_is_one_sided(self):
        """Of ten in the order below 12 of 45 pairs fall: p = .036 for a rise, .073 for either."""
        values = FALL + [0.5] * 10 + [0.5 + 0.001 * i for i in (3, 0, 5, 1, 7, 2, 9, 4, 6, 8)]

        found = looked(values)
        untested = looked(values, thresholds={"plateau.alpha": 0, "overfitting.alpha": 0})

        assert found.numbers["eval_loss"]["p"] == pytest.approx(0.036, abs=5e-4)
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


class TestHiddenByNoise:
    """A movement that goes on as before may be no larger than what noise hides."""

    SINKING = [0.7 - 0.01 * i for i in range(20)] + wave_at(0.5, 0.1, 10)

    def test_what_the_last_third_hides_is_worked_out(self):
        """STOPS: ten looks 100 steps apart, noise sd .01/√1.5; Σ(x−x̄)² = 100²·82.5.

        The change of the third has a standard error of .008165·900/908.3 = .00809, times 1.645
        .01331; the curve spans 1.0 to .49.
        """
        numbers = looked(STOPS).numbers["eval_loss"]

        assert numbers["hidden"] == pytest.approx(0.0133087, abs=1e-7)
        assert numbers["range"] == pytest.approx(0.51)

    def test_a_fall_that_goes_on_under_much_noise_cannot_be_told(self):
        """.7 to .51 in twenty looks, then .6 .4 .4 .6 …: a fall of .1 a third may go on.

        The noise hides ten times what it does in STOPS, .133; the curve spans .7 to .4.
        """
        found = looked(self.SINKING)

        numbers = found.numbers["eval_loss"]
        assert numbers["p"] > 0.05
        assert numbers["has_moved"] is True
        assert (found.status, found.label, found.steps) == ("cannot_tell", None, None)
        assert "but this noise would hide a movement of up to 0.1331, 44 %" in found.sentence
        assert found.next_step.startswith("A longer run")

    def test_how_much_may_be_hidden_is_a_threshold(self):
        hidden = looked(self.SINKING).numbers["eval_loss"]
        share = hidden["hidden"] / hidden["range"]

        below, above = (
            looked(self.SINKING, thresholds={"plateau.hidden": at})
            for at in (share * 0.99, share * 1.01)
        )

        assert (below.status, above.status) == ("cannot_tell", "found")

    def test_a_curve_that_never_moved_stands_still_whatever_its_noise(self):
        found = looked(wave_at(0.7, 0.3, 30))

        numbers = found.numbers["eval_loss"]
        assert numbers["hidden"] > 0.1 * numbers["range"]
        assert numbers["has_moved"] is False
        assert found.status == "found"

    def test_the_other_loss_is_told_and_the_sentence_says_why_this_one_is_not(self):
        found = looked(STOPS, self.SINKING)
        moves = looked(SINKS, self.SINKING)

        assert (found.status, found.label) == ("found", "eval_loss")
        assert (moves.status, moves.keys) == ("not_found", ("eval/loss", "train/loss"))
        assert "train/loss shows no movement" in found.sentence
        assert "% of all that the curve spans" in found.sentence
        assert "train_loss" in moves.numbers

    def test_losses_of_few_reviews_that_fall_slowly_are_no_plateau(self):
        """250 steps that fall from .7 to .6, noise sd .15: a short run at batch 8, 50 seeds."""
        found = []
        for seed in range(50):
            noise = np.random.default_rng(seed).normal(0, 0.15, 250)
            rows = [
                {"loss": 0.7 - 0.1 * at / 250 + float(e), "global_step": at}
                for at, e in enumerate(noise)
            ]
            found.append(plateau(seen(rows)).status)

        assert found.count("found") <= 5


class TestBesideOverfitting:
    """Both rules read one curve: what one calls falling or rising the other calls no plateau."""

    def run(self, **more):
        """Training goes up and down again by .05 in its last third, under waves of .1.

        The best evaluation is the 25th of 30: behind it training falls from interval to interval.
        """
        means = [0.5] * 20 + [0.50, 0.51, 0.52, 0.53, 0.54, 0.53, 0.52, 0.51, 0.50, 0.49]
        trainings = [[mean + d for d in wave(4, 0.1)] for mean in means]
        evaluations = [0.6, *STILL, *STILL[:3], 0.4, 0.51, 0.49, 0.49, 0.51, 0.5]
        return seen(rows_of(evaluations, trainings), **more)

    def test_what_falls_by_evaluations_is_no_plateau(self):
        """Of the third no test shows a trend; of five interval means that fall p is 1/120."""
        fell, found = overfitting(self.run()), plateau(self.run())

        assert "train/loss falls after step 2,500" in fell.sentence
        numbers = found.numbers["train_loss"]
        assert numbers["p"] > 0.05
        assert numbers["p_of_evaluations"] == pytest.approx(1 / 120)
        assert found.label != "train_loss"
        assert found.label != "both"
        assert "but by evaluations it falls (5 points, p = 0.008333)" in found.sentence

    def test_at_another_level_of_that_rule_it_is_one(self):
        at_another = {"overfitting.alpha": 0.001, "plateau.hidden": 1}

        found = plateau(self.run(thresholds=at_another))

        assert found.numbers["train_loss"]["p_of_evaluations"] is None
        assert found.label == "both"

    def test_an_evaluation_that_rises_at_the_end_is_none(self):
        """.499 at the 25th look is the best; behind it .5, .501 …: p = 1/120 for five."""
        values = [*FALL, *STILL[:10], 0.51, 0.49, 0.52, 0.48, 0.4, 0.42, 0.44, 0.46, 0.48, 0.5]

        found = looked(values)

        assert found.numbers["eval_loss"]["p_of_evaluations"] == pytest.approx(1 / 120)
        assert "but by evaluations it rises (5 points" in found.sentence
        assert found.status == "not_found"

    def test_what_fell_before_the_last_third_alone_may_be_one(self):
        """Overfitting's own test reaches back to the best evaluation, the third look."""
        evaluations = [0.9, 0.7, 0.4, *STILL, *STILL[:7]]
        trainings = [1.0 - 0.05 * i for i in range(10)] + STILL

        run = seen(rows_of(evaluations, trainings))

        assert "train/loss falls after step 300" in overfitting(run).sentence
        assert plateau(run).label == "both"

    def test_on_another_axis_all_evaluations_after_the_best_count(self):
        """Looks hold no global_step: both are placed by `_step`, training alone by its step."""
        rows = [{**row, "_step": at} for at, row in enumerate(rows_of(
            [0.9, 0.7, 0.4, *STILL, *STILL[:7]],
            [1.0 - 0.05 * i for i in range(10)] + STILL,
        ))]  # fmt: skip
        for row in rows:
            if "eval/loss" in row:
                del row["train/global_step"]

        found = plateau(seen(rows))

        assert found.label == "eval_loss"
        assert found.numbers["train_loss"]["p_of_evaluations"] < 0.05

    def test_an_accuracy_says_nothing_of_a_loss(self):
        """Without a logged evaluation loss overfitting reads the accuracy."""
        rows = rows_of([0.5] * 30, STOPS, eval_key="eval/accuracy")

        assert plateau(seen(rows)).label == "train_loss"

    def test_few_evaluations_say_nothing(self):
        rows = rows_of([0.5] * 5, [STOPS[6 * i : 6 * i + 6] for i in range(5)])

        assert plateau(seen(rows)).label == "train_loss"


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
