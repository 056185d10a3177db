"""A loss at chance, ln 2 = .6931 or ln 4 = 1.3863, and what must not be taken for it."""

import math

import pytest

from paribus_sweeps.analysis.findings.chance import loss_at_chance
from tests.sweeps.analysis.findings.training_runs import rows_of, seen, wave

TWO = {"num_labels": 2}
STUCK = [math.log(2) + d for d in wave(9, 0.004)]
LEARNS = [0.69, 0.66, 0.6, 0.5, 0.42, 0.38, 0.36, 0.35, 0.35]


def looked(losses, accuracies=(), *, trainings=(), **more):
    rows = rows_of(losses, trainings)
    rows += rows_of(accuracies, eval_key="eval/accuracy")
    return loss_at_chance(seen(rows, **more))


class TestFound:
    def test_a_loss_that_stays_at_ln_k(self):
        """The last three are ln 2 less, plus and plus .004: R² = −.004 / .693147."""
        found = looked(STUCK, config=TWO)

        assert (found.status, found.keys) == ("found", ("eval/loss",))
        assert found.numbers["chance"] == pytest.approx(0.693147)
        assert found.steps == (100.0, 900.0)
        assert found.sentence == (
            "eval/loss was 0.6971 over its last third (median), and guessing among 2 equally "
            "frequent classes gives ln 2 = 0.6931: McFadden's R² is −0.005771, and was above 0.02 "
            "in no third of the run"
        )

    def test_r2_is_mcfaddens(self):
        """Medians .7, .69, .686: 1 − .686 / .693147 = .01031."""
        found = looked([0.7] * 3 + [0.69] * 3 + [0.686] * 3, config=TWO)

        assert found.numbers["r2_of_thirds"][-1] == pytest.approx(0.01031, abs=5e-6)
        assert found.status == "found"

    def test_a_start_far_above_is_forgiven(self):
        """A new head may begin with a loss of 3 and then learn no more than to guess."""
        assert looked([3.0, 2.0, 1.0, *STUCK[3:]], config=TWO).status == "found"

    def test_too_few_evaluations_leave_it_to_the_training_loss(self):
        found = looked(STUCK[:2], trainings=[STUCK, STUCK], config=TWO)

        assert (found.status, found.keys) == ("found", ("train/loss",))

    def test_an_accuracy_of_guessing_agrees(self):
        assert looked(STUCK, [0.5] * 9, config=TWO).status == "found"


class TestSilent:
    def test_a_loss_that_falls_is_no_chance(self):
        found = looked(LEARNS, config=TWO)

        assert found.status == "not_found"
        assert found.next_step is None
        assert "at best 0.495" in found.sentence

    def test_a_loss_that_had_learned_and_came_back_is_another_thing(self):
        """Overfitting: down to .5 and up to ln 2 again."""
        found = looked([0.69, 0.6, 0.5, 0.5, 0.5, 0.6, 0.69, 0.693, 0.695], config=TWO)

        assert abs(found.numbers["r2_of_thirds"][-1]) < 0.01
        assert found.status == "not_found"

    def test_a_loss_far_above_chance_is_told_apart(self):
        found = looked([1.5] * 9, config=TWO)

        assert found.status == "not_found"
        assert found.sentence.endswith("worse than guessing, or no mean cross-entropy")

    def test_an_accuracy_above_guessing_tells_classes_apart(self):
        found = looked(STUCK, [0.6] * 9, config=TWO)

        assert found.status == "not_found"
        assert found.sentence.endswith("but the accuracy, 0.6, is not that of guessing")

    def test_with_many_classes_twice_the_share_is_above_guessing(self):
        """With k = 100, an accuracy of .03 is within .05 of .01, and three times as much."""
        stuck = [math.log(100)] * 9

        assert looked(stuck, [0.03] * 9, config={"num_classes": 100}).status == "not_found"
        assert looked(stuck, [0.015] * 9, config={"num_classes": 100}).status == "found"

    def test_bounds_are_thresholds(self):
        loose = {"loss_at_chance.r2": 0.2}

        assert looked([0.6] * 9, config=TWO).status == "not_found"
        assert looked([0.6] * 9, config=TWO, thresholds=loose).status == "found"
        assert (
            looked(STUCK, [0.5] * 6, config=TWO, thresholds={"loss_at_chance.accuracy": 0}).status
            == "found"
        )


class TestClasses:
    @pytest.mark.parametrize(
        ("config", "k"),
        [
            ({"num_labels": 2}, 2),
            ({"model.num_classes": 4}, 4),
            ({"n_labels": 2.0}, 2),
            ({"data.pool.labels.0": 100, "data.pool.labels.1": 100}, 2),
            ({f"id2label.{at}": f"LABEL_{at}" for at in range(4)}, 4),
            ({"num_labels": 2, "id2label.0": "a", "id2label.1": "b", "id2label.2": "c"}, 2),
        ],
    )
    def test_the_config_says_how_many(self, config, k):
        found = looked([math.log(k)] * 9, config=config)

        assert (found.status, found.numbers["classes"]) == ("found", k)

    def test_two_labels_of_transformers_own_count_beside_an_accuracy_alone(self):
        """Its config has two labels where nobody said anything: a language model's as well."""
        config = {"id2label.0": "LABEL_0", "id2label.1": "LABEL_1"}

        assert looked(STUCK, config=config).status == "cannot_tell"
        assert looked(STUCK, [0.5] * 3, config=config).numbers["classes_said_by"] == "id2label"

    def test_a_threshold_says_it_before_the_config(self):
        more = {"loss_at_chance.classes": 10}

        found = looked([math.log(10)] * 9, config=TWO, thresholds=more)

        assert (found.status, found.numbers["classes"]) == ("found", 10)

    def test_a_text_is_no_number_of_classes(self):
        assert looked(STUCK, config={"num_labels": "two"}).status == "cannot_tell"

    def test_several_that_differ_cannot_be_told(self):
        found = looked(STUCK, config={"num_labels": 2, "head.num_labels": 3})

        assert found.status == "cannot_tell"
        assert found.sentence == (
            "the config gives several numbers of classes: head.num_labels = 3, num_labels = 2"
        )

    def test_one_class_is_no_choice(self):
        found = looked(STUCK, config={"num_labels": 1})

        assert (found.status, found.sentence) == (
            "cannot_tell",
            "num_labels is 1: that is no choice among classes",
        )

    def test_without_any_word_of_classes_it_asks_for_one(self):
        found = looked(STUCK)

        assert found.status == "cannot_tell"
        assert "Log num_labels" in str(found.next_step)

    def test_loss_and_accuracy_together_can_say_it(self):
        """A loss of ln 4 = 1.386, and 1 in 4 right."""
        found = looked([math.log(4)] * 9, [0.26] * 9)

        assert (found.status, found.numbers["classes"]) == ("found", 4)

    @pytest.mark.parametrize("accuracy", [0.5, 0.1])
    def test_where_they_do_not_agree_on_one_it_is_no_chance(self, accuracy):
        assert looked([math.log(4)] * 9, [accuracy] * 9).status == "not_found"

    def test_a_loss_that_no_number_of_classes_has_suggests_none(self):
        found = looked([900.0] * 9, [0.5] * 9)

        assert found.status == "cannot_tell"
        assert found.sentence == (
            "the number of classes is not known, and a loss of 900 suggests none"
        )


class TestWithoutEnough:
    def test_no_loss_asks_for_a_name(self):
        assert looked([], [0.5] * 9, config=TWO).sentence == (
            "no logged key is known as eval_loss (name one: eval_loss=KEY)"
        )

    def test_few_values_are_counted(self):
        found = looked(STUCK[:5], trainings=[0.7], config=TWO)

        assert found.sentence == (
            "too few values: 5 values of eval/loss and 1 value of train/loss, and at least 6 of "
            "one are needed"
        )

    def test_values_near_the_largest_float_are_refused(self):
        found = looked([1.7e308] * 6, config=TWO)

        assert found.sentence == "eval/loss: the values are too large to compute with"

    def test_an_accuracy_near_the_largest_float_is_none(self):
        assert looked(STUCK, [1.7e308] * 6, config=TWO).numbers["accuracy"] is None

    def test_a_run_that_has_only_begun_is_given_time(self):
        rows = rows_of(STUCK, every=10)

        begun = loss_at_chance(seen(rows, config=TWO, state="running"))
        over = loss_at_chance(seen(rows, config=TWO))

        assert begun.status == "cannot_tell"
        assert "eval/loss is known up to step 90" in begun.sentence
        assert over.status == "found"

    def test_a_run_under_way_is_told_once_it_has_had_time(self):
        assert looked(STUCK, config=TWO, state="running").status == "found"
