"""The price of looking, by hand from the story's numbers (DESIGN 1)."""

import json
import math

import pytest

from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.looking import (
    RunLooks,
    evaluations,
    looks_of,
    price_of_looking,
    saved_by,
)
from paribus_sweeps.analysis.run_speed import run_speed

R4 = {"steps": 9_375, "eval_steps": 20, "batches_per_look": 3_125}


class TestTheStory:
    def test_r4_looks_469_times(self):
        """Three epochs of 3,125 steps: 9,375 / 20 = 468 looks, and one at the last step."""
        assert price_of_looking(**R4).evaluations == 469

    @pytest.mark.parametrize(
        ("rate", "hours"),
        # 469 x 3,125 batches at 4.553 a second are 321,903 s; at 17.233 a second 85,048 s
        [(4.553, 321_903 / 3600), (17.233, 85_048 / 3600)],
    )
    def test_by_its_own_rates_they_take_89_and_24_hours(self, rate, hours):
        priced = price_of_looking(**R4, eval_steps_per_second=rate)

        assert priced.hours == pytest.approx(hours, rel=1e-5)
        assert round(priced.hours) in (89, 24)

    def test_trainer_4_did_not_look_at_the_last_step(self):
        assert price_of_looking(**R4, at_the_last_step=False).evaluations == 468
        assert evaluations(100, 20) == evaluations(100, 20, at_the_last_step=False) == 5


class TestShare:
    def test_it_is_of_training_and_looks_together(self):
        """100 looks of 36 s are an hour; 3,600 steps at 1 a second another."""
        priced = price_of_looking(
            steps=3600, eval_steps=36, seconds_per_look=36.0, train_steps_per_second=1.0
        )

        assert (priced.hours, priced.training_hours, priced.share) == (1, 1, 0.5)
        assert priced.sentence == (
            "Looking every 36 steps is 100 looks: 1 h, 50% of the time of training and looks."
        )

    def test_without_a_training_rate_there_is_none(self):
        priced = price_of_looking(steps=3600, eval_steps=36, seconds_per_look=36.0)

        assert (priced.share, priced.training_hours) == (None, None)
        assert priced.sentence == "Looking every 36 steps is 100 looks: 1 h."

    @pytest.mark.parametrize("rate", [None, 0.0, -1.0, math.nan, math.inf])
    def test_without_a_rate_there_are_no_hours(self, rate):
        priced = price_of_looking(
            **R4, eval_steps_per_second=rate, seconds_per_look=rate, train_steps_per_second=rate
        )

        assert (priced.hours, priced.share, priced.seconds_per_look) == (None, None, None)
        assert "nothing was measured" in priced.sentence

    def test_a_rate_without_batches_says_nothing(self):
        assert price_of_looking(steps=9, eval_steps=3, eval_steps_per_second=1.0).hours is None

    @pytest.mark.parametrize(("steps", "eval_steps"), [(0, 20), (10, 0), (-1, 1)])
    def test_counts_below_one_are_refused(self, steps, eval_steps):
        with pytest.raises(ValueError, match="1 or more was expected"):
            price_of_looking(steps=steps, eval_steps=eval_steps)


class TestSavedBy:
    def test_it_is_fewer_looks_and_hours(self):
        """At 200 steps 46 looks and a last one: 422 of 469 fewer, 422 / 469 of the hours."""
        priced = price_of_looking(**R4, eval_steps_per_second=4.553, train_steps_per_second=2.0)

        saving = saved_by(priced, 200)

        assert (saving.price.evaluations, saving.evaluations) == (47, 422)
        assert saving.hours == pytest.approx(priced.hours * 422 / 469)
        assert saving.price.training_hours == pytest.approx(priced.training_hours)
        assert saving.sentence == (
            "Looking every 200 steps instead of every 20 would save 422 looks and 80.5 h."
        )
        assert json.loads(json.dumps(saving.as_dict())) == saving.as_dict()

    def test_without_a_rate_looks_alone_are_saved(self):
        saving = saved_by(price_of_looking(**R4), 200)

        assert saving.hours is None
        assert saving.sentence.endswith("would save 422 looks.")

    def test_the_same_cadence_saves_nothing(self):
        priced = price_of_looking(**R4, eval_steps_per_second=4.553)

        assert (saved_by(priced, 20).evaluations, saved_by(priced, 20).hours) == (0, 0)

    def test_a_finer_one_is_refused(self):
        with pytest.raises(ValueError, match="finer"):
            saved_by(price_of_looking(**R4), 10)

    def test_a_price_is_plain_json(self):
        made = price_of_looking(**R4).as_dict()

        assert json.loads(json.dumps(made)) == made


class TestOfARun:
    def looks(self, rows: list[dict[str, float]] | None = None, **more: int) -> RunLooks:
        """Without rows: two looks of 900 s in two hours."""
        default = [
            {"_runtime": 3600.0, "eval/runtime": 900.0},
            {"_runtime": 7200.0, "eval/runtime": 900.0},
        ]
        history = History.of_rows(default if rows is None else rows)
        return looks_of(run_speed(history, Facts(run="r")), **more)

    def test_it_is_its_own_seconds_and_their_share(self):
        found = self.looks()

        assert (found.evaluations, found.seconds, found.share) == (2, 1800, 0.25)
        assert found.sentence == "2 looks took 0.5 h, 25% of the run's time."
        assert json.loads(json.dumps(found.as_dict())) == found.as_dict()

    def test_a_coarser_cadence_that_would_have_shown_it_saves(self):
        """40 steps at every 20 are 2 looks; at every 40 one, of 900 s."""
        found = self.looks(steps=40, eval_steps=20, coarsest=40)

        assert found.coarser is not None
        assert (found.coarser.evaluations, found.coarser.hours) == (1, 0.25)

    @pytest.mark.parametrize(
        "more",
        [
            {"steps": 40, "eval_steps": 20, "coarsest": 20},
            {"steps": 40, "eval_steps": 20, "coarsest": 10},
            {"steps": 40, "eval_steps": 20},
            {"steps": 40, "coarsest": 40},
            {"eval_steps": 20, "coarsest": 40},
            {"steps": 0, "eval_steps": 20, "coarsest": 40},
            {"steps": 40, "eval_steps": 0, "coarsest": 40},
        ],
    )
    def test_where_none_is_coarser_or_known_there_is_no_saving(self, more):
        assert self.looks(**more).coarser is None

    @pytest.mark.parametrize(
        ("rows", "sentence"),
        [
            ([], "No look is known."),
            ([{"eval/steps_per_second": 4.0}], "1 look; none says how long it took."),
            ([{"eval/runtime": 3600.0}], "1 look took 1 h."),
        ],
    )
    def test_what_is_not_known_is_not_said(self, rows, sentence):
        assert self.looks(rows).sentence == sentence
