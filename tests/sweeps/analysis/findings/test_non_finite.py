"""NaN and infinity: which keys, how many, since when; counted once however often it is asked."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.non_finite import RULES, NonFinite
from tests.sweeps.analysis.findings.training_runs import is_plain, seen

NAN, INF = math.nan, math.inf


def steps(key: str, *values: float) -> list[dict[str, Any]]:
    return [{key: value, "train/global_step": 10 * (at + 1)} for at, value in enumerate(values)]


def told(rows: list[dict[str, Any]], **more: Any) -> Finding:
    return RULES[0].watch().tell(seen(rows, **more))


class TestFound:
    def test_it_says_which_key_how_many_and_since_when(self):
        found = told(steps("train/loss", 0.7, NAN, 0.6, INF, NAN))

        assert (found.status, found.label, found.keys) == ("found", "loss", ("train/loss",))
        assert found.sentence == (
            "not finite are 3 of train/loss (2 NaN, 1 infinite); the first at step 20"
        )
        assert (found.steps, found.x_name) == ((20.0, 50.0), "steps")
        assert found.numbers["by_key"]["train/loss"] == {
            "nan": 2,
            "infinite": 1,
            "first_row": 1,
            "last_row": 4,
        }

    def test_one_value_is_told_as_one(self):
        assert told(steps("loss", 0.7, NAN)).sentence == (
            "not finite is 1 of loss (1 NaN); the first at step 20"
        )

    def test_a_loss_is_more_serious_than_a_gradient_and_that_than_a_score(self):
        score = steps("eval/f1", NAN)
        gradient = steps("train/grad_norm", INF)
        loss = steps("my_loss", NAN)

        assert told(score).label == "other"
        assert told(score + gradient).label == "gradient"
        assert told(score + gradient + loss).label == "loss"

    def test_what_is_less_serious_stands_in_the_numbers(self):
        found = told(steps("eval/f1", NAN) + steps("train/loss", NAN))

        assert found.keys == ("train/loss",)
        assert sorted(found.numbers["by_key"]) == ["eval/f1", "train/loss"]
        assert found.numbers["non_finite"] == 2

    def test_a_key_named_as_a_gradient_norm_is_one(self):
        found = told(steps("g", INF), named={"grad_norm": "g"})

        assert found.label == "gradient"
        assert "loss scaling" in str(found.next_step)

    def test_keys_stand_in_the_order_in_which_it_began(self):
        rows = [{"b_loss": 1.0, "a_loss": 1.0}, {"b_loss": NAN}, {"a_loss": NAN, "c_loss": NAN}]

        assert told(rows).keys == ("b_loss", "a_loss", "c_loss")

    def test_of_many_keys_five_are_told_and_the_rest_counted(self):
        found = told([{f"loss_{at}": NAN for at in range(7)}])

        assert len(found.keys) == 7
        assert "loss_4 (1 NaN) and 2 more keys" in found.sentence

    def test_infinity_as_wandb_writes_it_counts(self):
        assert told([{"loss": "-Infinity"}]).numbers["non_finite"] == 1


class TestPlaces:
    def test_without_optimizer_steps_it_is_placed_by_wandbs(self):
        found = told([{"loss": 0.7, "_step": 4}, {"loss": NAN, "_step": 5}])

        assert (found.steps, found.x_name) == ((5.0, 5.0), "W&B steps")

    def test_without_any_step_it_is_placed_by_its_row(self):
        found = told([{"loss": 0.7}, {"loss": NAN}])

        assert (found.steps, found.x_name) == ((1.0, 1.0), "rows")

    def test_a_step_that_is_itself_not_finite_places_nothing(self):
        found = told([{"loss": NAN, "_step": NAN}])

        assert found.x_name == "rows"

    def test_a_row_before_the_first_step_is_placed_by_its_number(self):
        found = told([{"loss": NAN}, {"loss": NAN, "_step": 3}])

        assert (found.steps, found.x_name) == ((0.0, 1.0), "rows")


class TestSilent:
    def test_finite_numbers_are_no_finding(self):
        found = told(steps("train/loss", 0.7, 1e300, -5.0))

        assert (found.status, found.sentence) == (
            "not_found",
            "every number of 2 keys is finite",
        )

    def test_texts_and_lists_are_no_numbers(self):
        assert (
            told([{"loss": 0.7, "note": "diverged to nan", "bins": [NAN]}]).status == "not_found"
        )

    def test_a_run_that_logged_nothing_cannot_be_told(self):
        found = told([])

        assert (found.status, found.sentence) == (
            "cannot_tell",
            "this run has logged no number yet",
        )


class TestAskedAgain:
    def test_nothing_new_changes_nothing(self):
        watch, rows = NonFinite(), steps("loss", NAN, 0.5)

        assert watch.tell(seen(rows)) == watch.tell(seen(rows))

    @settings(deadline=None)
    @given(
        st.lists(
            st.dictionaries(
                st.sampled_from(["loss", "grad_norm", "f1", "_step"]),
                st.sampled_from([0.5, NAN, INF, -INF]),
            ),
            max_size=12,
        ),
        st.lists(st.integers(0, 12), max_size=4),
    )
    def test_in_pieces_it_is_what_it_is_at_once(self, rows, stops):
        watch = NonFinite()
        for stop in sorted(stops):
            watch.tell(seen(rows[:stop]))

        found = watch.tell(seen(rows))

        assert found == NonFinite().tell(seen(rows))
        assert is_plain(found.as_dict())
