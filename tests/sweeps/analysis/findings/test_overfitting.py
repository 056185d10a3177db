"""The table of METHOD 9.3, row by row, worked out by hand; and the story's third row."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.overfitting import Overfitting, overfitting
from tests.sweeps.analysis.findings.training_runs import Row, is_plain, rows_of, seen

RISES = (0.9, 0.7, 0.5, 0.6, 0.7, 0.8, 0.9)
FALLS = (1.0, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2)
LEVEL = (1.0, 0.8, 0.6, 0.6, 0.6, 0.6, 0.6)
FLAT = (0.9, 0.7, 0.5, 0.51, 0.505, 0.512, 0.507)
SINKS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2)


def looked(evaluations, trainings=(), **more):
    return overfitting(seen(rows_of(evaluations, trainings), **more))


def r3(seed: int) -> list[Row]:
    """The story's third row, made: three epochs of 391 steps, logged every 10, looked at every 20.

    Evaluation falls from .7 to .2 over the first 200 steps or so and stays; training falls on.
    """
    draw, rows = np.random.default_rng(seed), []
    for step in range(10, 1174, 10):
        training = 0.25 * math.exp(-step / 600) + 0.45 * math.exp(-step / 60)
        rows.append({"train/loss": training + draw.normal(0, 0.01), "train/global_step": step})
        if step % 20 == 0:
            evaluation = 0.2 + 0.5 * math.exp(-step / 40)
            rows.append(
                {"eval/loss": evaluation + draw.normal(0, 0.004), "train/global_step": step}
            )
    return rows


class TestLabels:
    def test_evaluation_that_rises_while_training_falls_is_overfitting(self):
        found = looked(RISES, FALLS)

        assert (found.status, found.label) == ("found", "overfitting")
        assert found.steps == (300.0, 700.0)
        assert found.sentence == (
            "eval/loss is lowest at step 300 (0.5) and rises by 0.25 until the end (4.564 noise "
            "sds, p = 0.04167, 4 evaluations after the best), while train/loss falls on "
            "(p = 0.04167)."
        )
        assert "rise_after_minimum(eval/loss) as response" in str(found.next_step)

    def test_evaluation_that_rises_while_training_does_not_fall_diverges(self):
        found = looked(RISES, LEVEL)

        assert (found.status, found.label) == ("found", "diverging")
        assert found.numbers["p_t"] == 1.0
        assert "no fall of train/loss can be shown (p = 1)" in found.sentence

    def test_evaluation_that_is_flat_while_training_falls_is_a_gap_and_no_more(self):
        """After the best, .51 .505 .512 .507: 3 pairs of 6 rise, as 15 of 24 orders or more do."""
        found = looked(FLAT, FALLS)

        assert (found.status, found.label) == ("found", "gap_widening_eval_flat")
        assert found.numbers["p_e"] == pytest.approx(15 / 24)
        assert found.sentence.startswith("train/loss falls after step 300 (p = 0.04167), while no")

    def test_a_rise_within_two_noise_sds_is_no_overfitting(self):
        """.201 .202 .203 .204 rise in order, by .0025, where points scatter by .5 and more."""
        found = looked((0.9, 0.3, 0.8, 0.2, 0.201, 0.202, 0.203, 0.204), (*FALLS, 0.1))

        assert found.numbers["p_e"] == pytest.approx(1 / 24)
        assert found.numbers["rise"] == pytest.approx(0.0025)
        assert found.label == "gap_widening_eval_flat"

    def test_where_neither_moves_it_is_flat(self):
        found = looked(FLAT, LEVEL)

        assert (found.status, found.label) == ("not_found", "flat")
        assert found.sentence.startswith("No rise of eval/loss beyond its noise can be shown")

    def test_evaluation_that_falls_to_the_end_still_improves(self):
        found = looked(SINKS, SINKS)

        assert (found.status, found.label) == ("not_found", "still_improving")
        assert found.steps == (500.0, 800.0)
        assert found.sentence == (
            "eval/loss still falls over its last 4 evaluations (p = 0.04167); it is lowest at "
            "step 800 (0.2), its last evaluation."
        )

    def test_with_the_best_near_the_end_the_last_half_is_looked_at(self):
        """Of .5 .52 .49 .51, 3 pairs of 6 fall; the best is the last but one."""
        found = looked((0.9, 0.8, 0.7, 0.6, 0.5, 0.52, 0.49, 0.51), SINKS)

        assert found.numbers["p_e"] == pytest.approx(15 / 24)
        assert (found.numbers["n_post"], found.numbers["window"]) == (1, 4)
        assert found.label == "gap_widening_eval_flat"
        assert "falls over its last 4 evaluations" in found.sentence

    def test_a_best_before_the_last_is_counted(self):
        """Of .4 .3 .2 .21 and the like 9 of 10 pairs fall: p = 5/120."""
        found = looked((1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.2, 0.3), SINKS)

        assert found.label == "still_improving"
        assert found.sentence.endswith("lowest at step 800 (0.2), 1 evaluation before the last.")

    @pytest.mark.parametrize(("n", "window"), [(6, 4), (8, 4), (9, 5), (20, 10)])
    def test_the_last_half_is_four_evaluations_at_least(self, n, window):
        found = looked([1.0 - 0.01 * i for i in range(n)])

        assert found.numbers["window"] == window

    def test_with_the_best_near_the_end_and_training_level_it_is_flat(self):
        found = looked((0.9, 0.8, 0.7, 0.6, 0.5, 0.52, 0.49, 0.51), (*LEVEL, 0.6))

        assert found.label == "flat"
        assert found.sentence.startswith("No fall of eval/loss can be shown over its last 4")


class TestGap:
    """METHOD's label asks for a fall of training alone; that a gap widens is looked at."""

    def test_a_gap_that_grew_is_found(self):
        """.5 − .6 at the best and .507 − .2 at the end."""
        found = looked(FLAT, FALLS)

        assert found.sentence.endswith(
            ": the gap widens, which is less than overfitting (evaluation less training is −0.1 "
            "at the best and 0.307 at the end)."
        )
        assert "compare the last checkpoint with the one from step 300" in str(found.next_step)

    def test_where_the_best_is_the_last_nothing_has_widened_since(self):
        """.5 .45 .46 .3 fall in 5 pairs of 6, as 4 of 24 orders or more do."""
        found = looked((0.9, 0.7, 0.5, 0.45, 0.46, 0.3), (0.9, 0.8, 0.7, 0.6, 0.5, 0.4))

        assert found.numbers["p_e"] == pytest.approx(4 / 24)
        assert found.numbers["gap_at_best"] == found.numbers["gap_at_end"]
        assert (found.status, found.label) == ("not_found", "gap_widening_eval_flat")
        assert "widens" not in found.sentence
        assert "the best evaluation is the last one" in found.sentence
        assert "compare" not in str(found.next_step)

    def test_a_gap_that_did_not_grow_is_not_found(self):
        """Training stands above the best look by .05, then by more: it jumped, and falls again."""
        trainings = (1.0, 0.9, 0.4, 0.9, 0.8, 0.7, 0.6)

        found = looked((0.9, 0.7, 0.35, 0.36, 0.355, 0.353, 0.352), trainings)

        assert found.numbers["gap_at_best"] == pytest.approx(-0.05)
        assert found.numbers["gap_at_end"] == pytest.approx(-0.248)
        assert (found.status, found.label) == ("not_found", "gap_widening_eval_flat")
        assert "the gap does not widen" in found.sentence

    def test_rounding_is_no_growth(self):
        """.3 − .1 is .19999999999999998 and .4 − .2 is .2: one gap, though not one float."""
        found = looked((0.9, 0.8, 0.3, 0.55, 0.6, 0.5, 0.4), (1, 0.9, 0.1, 0.5, 0.4, 0.3, 0.2))

        assert found.numbers["gap_at_end"] > found.numbers["gap_at_best"]
        assert found.status == "not_found"

    def test_training_that_skips_the_best_leaves_the_gap_unknown(self):
        found = looked(FLAT, (1.0, 0.8, (), 0.5, 0.4, 0.3, 0.2))

        assert (found.status, found.label) == ("cannot_tell", None)
        assert "whether the gap widens cannot be told: train/loss was not logged" in found.sentence

    def test_an_accuracy_and_a_loss_have_no_gap(self):
        found = overfitting(seen(rows_of([1 - v for v in FLAT], FALLS, eval_key="eval/accuracy")))

        assert (found.status, found.label) == ("cannot_tell", None)
        assert found.sentence.endswith(
            "a gap is one between two losses, and eval/accuracy is none."
        )
        assert found.next_step == "Log the loss of the evaluation as well."


class TestStory:
    def test_training_that_falls_on_while_evaluation_is_flat_is_no_overfitting(self):
        """DESIGN 1, row 3. At level .05 at most a run in twenty may be called overfitting.

        The best of some fifty equal looks is anywhere among them. Over the last twenty training
        falls from .069 to .035, where its means scatter by .01/√2: more than six standard errors
        of a slope (.007 √(12/20)), which must be seen. With fewer looks behind the best, `flat`
        is an honest word for too little to see.
        """
        found = [overfitting(seen(r3(seed))) for seed in range(100)]

        labels = [finding.label for finding in found]
        long = [finding.label for finding in found if finding.numbers["n_post"] >= 20]
        assert labels.count("overfitting") <= 5
        assert "diverging" not in labels
        assert len(long) > 50
        assert set(long) <= {"gap_widening_eval_flat", "overfitting"}

    def test_the_same_run_with_an_evaluation_that_rises_is_overfitting(self):
        rows = r3(0)
        for row in rows:
            if "eval/loss" in row:
                row["eval/loss"] += 1e-4 * max(0, row["train/global_step"] - 300)

        found = overfitting(seen(rows))

        assert found.label == "overfitting"
        assert 200 <= found.numbers["best_at"] <= 400


class TestNumbers:
    def test_they_are_those_of_method(self):
        """Seven looks, i* = 3, four behind. Rise: median of .8 .9 less median of .7 .5 .6.

        Noise: of the five errors only the one at the best is not 0, (.7 + .6)/2 − .5 = .15:
        s² = .15² / 1.5 / 5 = .003. GL = 100 (.9/.5 − 1).
        """
        numbers = looked(RISES, FALLS).numbers

        assert (numbers["n"], numbers["i_star"], numbers["n_post"]) == (7, 3, 4)
        assert numbers["rise"] == pytest.approx(0.25)
        assert numbers["noise_sd"] == pytest.approx(math.sqrt(0.003))
        assert numbers["gl_percent"] == pytest.approx(80.0)
        assert (numbers["best_at"], numbers["steps_after_best"]) == (300.0, 400.0)
        assert numbers["gap_at_best"] == pytest.approx(0.5 - 0.6)
        assert numbers["gap_at_end"] == pytest.approx(0.9 - 0.2)

    def test_slopes_are_theil_and_sens_per_step(self):
        """.6 .7 .8 .9 and .5 .4 .3 .2 at every hundredth step: all pairs agree."""
        numbers = looked(RISES, FALLS).numbers

        assert numbers["slope_e"] == pytest.approx(0.001)
        assert numbers["slope_t"] == pytest.approx(-0.001)

    def test_training_is_averaged_between_evaluations(self):
        """Each pair averages to the value of FALLS, and rises within every interval."""
        pairs = [(value - 0.3, value + 0.3) for value in FALLS]

        numbers = looked(RISES, pairs).numbers

        assert numbers["p_t"] == pytest.approx(1 / 24)
        assert numbers["gap_at_end"] == pytest.approx(0.9 - 0.2)

    def test_a_step_that_a_resumed_run_repeats_counts_once_as_it_was_last(self):
        rows = rows_of(RISES, FALLS)
        again = [{"eval/loss": 0.95, "train/global_step": 700}]

        numbers = overfitting(seen(rows + again)).numbers

        assert (numbers["n"], numbers["last"], numbers["overlaps"]) == (7, 0.95, 1)

    def test_evaluations_that_are_not_finite_are_counted(self):
        rows = [*rows_of(RISES, FALLS), {"eval/loss": math.nan, "train/global_step": 800}]

        assert overfitting(seen(rows)).numbers["non_finite"] == 1

    def test_ties_are_told(self):
        found = looked((0.9, 0.7, 0.5, 0.6, 0.6, 0.8, 0.9), FALLS)

        assert found.numbers["p_e_method"] == "asymptotic"
        assert found.numbers["p_t_method"] == "exact"

    def test_a_loss_of_zero_has_no_generalisation_loss(self):
        assert looked((0.9, 0.7, 0.0, 0.6, 0.7, 0.8, 0.9), FALLS).numbers["gl_percent"] is None

    def test_a_curve_without_noise_is_told_without_noise_sds(self):
        """A V of multiples of 1/8 would have noise at its tip; equal values have none at all."""
        found = looked((0.5,) * 7, FALLS)

        assert found.numbers["noise_sd"] == 0
        assert found.label == "gap_widening_eval_flat"


class TestThresholds:
    def test_a_stricter_level_calls_less_overfitting(self):
        found = looked(RISES, FALLS, thresholds={"overfitting.alpha": 0.01})

        assert found.label == "flat"

    def test_a_rise_can_be_asked_to_be_larger(self):
        """4.564 noise sds."""
        found = looked(RISES, FALLS, thresholds={"overfitting.noise_sds": 5})

        assert found.label == "gap_widening_eval_flat"

    def test_more_evaluations_can_be_asked_for(self):
        found = looked(RISES, FALLS, thresholds={"overfitting.least_evaluations": 8})

        assert found.status == "cannot_tell"


class TestWithoutEnough:
    def test_five_evaluations_are_too_few(self):
        rows = [*rows_of(RISES[:5], FALLS), {"eval/loss": math.inf, "train/global_step": 900}]

        found = overfitting(seen(rows))

        assert found.status == "cannot_tell"
        assert found.sentence == (
            "too few evaluations: 5 values of eval/loss and 1 not finite, and at least 6 are "
            "needed"
        )

    def test_fewer_without_any_that_is_not_finite(self):
        assert looked(RISES[:1]).sentence == (
            "too few evaluations: 1 value of eval/loss, and at least 6 are needed"
        )

    def test_no_evaluation_at_all_asks_for_a_name(self):
        found = overfitting(seen([{"train/loss": 0.3, "train/global_step": 1}]))

        assert found.sentence == (
            "no logged key is known as eval_loss; keys with 'loss' in their name: train/loss "
            "(name one: eval_loss=KEY)"
        )

    def test_a_rise_without_training_may_be_either(self):
        found = looked(RISES)

        assert (found.status, found.label) == ("cannot_tell", None)
        assert "overfitting or divergence depends on the training loss" in found.sentence
        assert "no logged key is known as train_loss" in found.sentence

    def test_no_rise_without_training_may_be_either(self):
        found = looked(FLAT)

        assert found.status == "cannot_tell"
        assert "whether the gap widens depends on the training loss" in found.sentence

    def test_a_fall_to_the_end_needs_no_training(self):
        assert looked(SINKS).label == "still_improving"

    def test_training_in_too_few_intervals_is_as_good_as_none(self):
        """Logged every 500 steps, as the Trainer does by default, beside looks every 100."""
        rows = rows_of(RISES) + [
            {"train/loss": 0.9, "train/global_step": 500},
            {"train/loss": 0.3, "train/global_step": 700},
        ]

        found = overfitting(seen(rows))

        assert found.status == "cannot_tell"
        assert found.sentence.endswith(
            "train/loss was logged in too few of the 4 intervals between evaluations (at least 4 "
            "are needed)"
        )

    def test_a_run_under_way_is_told_so_far(self):
        found = looked(RISES, FALLS, state="running")

        assert found.label == "overfitting"
        assert found.sentence.startswith("So far: eval/loss is lowest")

    @pytest.mark.parametrize("values", [(1.5e308, -1.5e308) * 4, (1e300, -1e308, 1.7e308) * 3])
    def test_values_near_the_largest_float_are_refused(self, values):
        found = looked(values, FALLS)

        assert found.status == "cannot_tell"
        assert found.sentence == "eval/loss: the values are too large to compute with"


class TestKeys:
    def test_losses_of_steps_fill_intervals_that_the_log_leaves_empty(self):
        rows = rows_of(RISES, FALLS, train_key="train_step/loss") + [
            {"train/loss": 0.9, "train/global_step": 500}
        ]

        found = overfitting(seen(rows))

        assert (found.label, found.keys) == ("overfitting", ("eval/loss", "train_step/loss"))

    def test_where_both_fill_them_the_log_counts(self):
        rows = rows_of(RISES, FALLS) + [
            {"train_step/loss": 0.5, "train/global_step": 100 * i} for i in range(1, 8)
        ]

        assert overfitting(seen(rows)).keys == ("eval/loss", "train/loss")

    def test_a_named_training_loss_wins(self):
        rows = rows_of(RISES, FALLS, train_key="mine") + [
            {"train_step/loss": 0.5, "train/global_step": 100 * i} for i in range(1, 8)
        ]

        found = overfitting(seen(rows, named={"train_loss": "mine"}))

        assert found.keys == ("eval/loss", "mine")

    def test_a_named_evaluation_loss_that_was_never_logged_is_missed(self):
        rows = rows_of([0.5] * 8, FALLS, eval_key="eval/accuracy")

        found = overfitting(seen(rows, named={"eval_loss": "dev/nll"}))

        assert found.sentence == "dev/nll (named as eval_loss) was never logged as a number"

    def test_rows_without_steps_are_told_by_their_number(self):
        rows = [
            {key: value for key, value in row.items() if key != "train/global_step"}
            for row in rows_of(RISES, FALLS)
        ]

        found = overfitting(seen(rows))

        assert (found.label, found.x_name) == ("overfitting", "rows")
        assert found.steps == (5.0, 13.0)
        assert "lowest at row 5" in found.sentence

    def test_training_without_steps_is_placed_by_wandbs(self):
        """Only the looks hold global_step: both are placed by `_step`, which both hold."""
        rows = [{**row, "_step": at} for at, row in enumerate(rows_of(RISES, FALLS))]
        for row in rows:
            if "train/loss" in row:
                del row["train/global_step"]

        found = overfitting(seen(rows))

        assert (found.label, found.x_name) == ("overfitting", "W&B steps")


class TestAccuracy:
    """Where no evaluation loss is logged: METHOD 9.2 takes −v."""

    def test_one_that_falls_after_its_best_is_overfitting(self):
        found = overfitting(seen(rows_of([1 - v for v in RISES], FALLS, eval_key="eval/accuracy")))

        assert found.label == "overfitting"
        assert found.sentence.startswith(
            "eval/accuracy is highest at step 300 (0.5) and falls by 0.25 until the end"
        )
        assert found.numbers["best"] == 0.5
        assert found.numbers["rise"] == pytest.approx(0.25)

    def test_it_has_neither_a_gap_nor_a_generalisation_loss(self):
        numbers = overfitting(
            seen(rows_of([1 - v for v in RISES], FALLS, eval_key="eval/accuracy"))
        ).numbers

        assert numbers["is_turned"] is True
        assert [numbers[k] for k in ("gl_percent", "gap_at_best", "gap_at_end")] == [None] * 3

    def test_one_that_rises_to_the_end_still_improves(self):
        found = overfitting(seen(rows_of([1 - v for v in SINKS], SINKS, eval_key="eval/accuracy")))

        assert found.label == "still_improving"
        assert found.sentence.startswith("eval/accuracy still rises")

    @pytest.mark.parametrize(
        ("evaluations", "words"),
        [
            (FLAT, "No fall of eval/accuracy beyond its noise"),
            ((0.9, 0.8, 0.7, 0.6, 0.5, 0.52, 0.49, 0.51), "No rise of eval/accuracy can be shown"),
        ],
    )
    def test_one_that_does_neither_is_told_in_its_own_direction(self, evaluations, words):
        rows = rows_of([1 - v for v in evaluations], [0.6] * 8, eval_key="eval/accuracy")

        found = overfitting(seen(rows))

        assert found.label == "flat"
        assert found.sentence.startswith(words)

    def test_a_logged_loss_counts_before_it(self):
        rows = rows_of(RISES, FALLS) + rows_of([0.5] * 7, eval_key="eval/accuracy")

        assert overfitting(seen(rows)).keys[0] == "eval/loss"


class TestAskedAgain:
    def test_training_after_the_last_evaluation_waits_for_the_next(self):
        rows, watch = rows_of(RISES, FALLS), Overfitting()
        later = [{"train/loss": 0.1, "train/global_step": 790}]
        first = watch.tell(seen(rows, state="running"))

        assert watch.tell(seen(rows + later, state="running")) is first

    @pytest.mark.parametrize(
        "late",
        [
            {"train/loss": 9.0, "train/global_step": 700},
            {"train/loss": 9.0, "train/global_step": 350},
            {"train/loss": 9.0},
            {"eval/loss": 0.1, "train/global_step": 800},
            {"train_step/loss": 9.0, "train/global_step": 10},
        ],
    )
    def test_what_changes_the_finding_is_seen(self, late):
        """Training of the last look's own step, of one that a resumed run repeats, or of none.

        Without a step in one row, all are placed by their number. Then a look, and a new key.
        """
        rows, watch = rows_of(RISES, FALLS), Overfitting()
        watch.tell(seen(rows, state="running"))

        found = watch.tell(seen([*rows, late], state="running"))

        assert found == overfitting(seen([*rows, late], state="running"))

    def test_the_end_of_the_run_and_another_threshold_are_seen(self):
        rows, watch = rows_of(RISES, FALLS), Overfitting()
        strict = {"overfitting.alpha": 0.01}

        running = watch.tell(seen(rows, state="running"))
        over, stricter = watch.tell(seen(rows)), watch.tell(seen(rows, thresholds=strict))

        assert running.sentence == f"So far: {over.sentence}"
        assert stricter.label == "flat"

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    "train/loss": st.integers(0, 8).map(float),
                    "train_step/loss": st.integers(0, 8).map(float),
                    "eval/loss": st.integers(0, 8).map(float),
                    "train/global_step": st.integers(0, 12).map(float),
                    "_step": st.integers(0, 12).map(float),
                },
            ),
            max_size=40,
        ),
        st.lists(st.integers(0, 40), max_size=5),
    )
    def test_in_pieces_it_is_what_it_is_at_once(self, rows, stops):
        watch = Overfitting()
        for stop in sorted(stops):
            watch.tell(seen(rows[:stop]))

        assert watch.tell(seen(rows)) == overfitting(seen(rows))


class TestChangesThatMustNotMatter:
    @settings(deadline=None)
    @given(st.lists(st.integers(0, 64).map(lambda n: n / 8), min_size=7, max_size=14))
    def test_another_unit_of_loss_leaves_the_label(self, values):
        """Times 8 is exact, and no criterion has a unit."""
        trainings = [10.0 - i for i in range(len(values))]

        assert looked(values, trainings).label == looked([8 * v for v in values], trainings).label

    @settings(deadline=None)
    @given(st.lists(st.floats(), max_size=12), st.lists(st.floats(), max_size=12))
    def test_whatever_was_logged_there_is_an_answer_in_plain_json(self, values, trainings):
        assert is_plain(looked(values, trainings).as_dict())
