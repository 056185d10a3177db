"""What a key is drawn over, and what a run says that lacks it."""

import math

import pytest

from paribus_sweeps.analysis.series.axes import AXES, Axis, Line, placed
from paribus_sweeps.errors import InvalidSeries
from tests.sweeps.analysis.series.drawn import seen

STEP = Axis("step")


def points(line: Line) -> list[tuple[float, float]]:
    return list(zip(line.x.tolist(), line.values.tolist(), strict=True))


def trained(*rows: tuple[float, float], **facts: object):
    """A run of (step, loss) rows under the names of the Trainer; W&B's step counts the rows."""
    return seen(
        [
            {"_step": i, "train/global_step": step, "train/loss": loss}
            for i, (step, loss) in enumerate(rows)
        ],
        **facts,
    )


class TestAxis:
    @pytest.mark.parametrize("word", AXES)
    def test_a_word_is_itself(self, word):
        assert Axis.parse(f" {word} ") == Axis(word)

    def test_any_other_word_is_a_logged_key(self):
        assert Axis.parse("train/lr") == Axis("key", "train/lr")

    def test_a_key_that_is_called_as_a_word_can_be_named(self):
        assert Axis.parse("key:epoch") == Axis("key", "epoch")

    @pytest.mark.parametrize("text", ["", "  ", "key:"])
    def test_nothing_names_no_axis(self, text):
        with pytest.raises(InvalidSeries, match="expected one of step, epoch"):
            Axis.parse(text)


class TestSteps:
    def test_optimizer_steps_are_taken_where_every_row_has_them(self):
        line = placed(trained((10, 0.9), (20, 0.7)), "train/loss", STEP)

        assert points(line) == [(10, 0.9), (20, 0.7)]
        assert (line.x_name, line.x_key) == ("steps", "train/global_step")

    def test_else_wandbs_own_are(self):
        run = seen([{"_step": 3, "loss": 0.9}, {"_step": 5, "loss": 0.7}])

        line = placed(run, "loss", STEP)

        assert points(line) == [(3, 0.9), (5, 0.7)]
        assert (line.x_name, line.x_key) == ("W&B steps", "_step")

    def test_else_rows_are_counted_and_that_is_said(self):
        line = placed(seen([{"loss": 0.9}, {"lr": 1}, {"loss": 0.7}]), "loss", STEP)

        assert points(line) == [(0, 0.9), (2, 0.7)]
        assert line.x_name == "rows"
        assert line.notes == ("x is the number of the row: not every row of loss holds a step",)

    def test_of_a_step_that_was_trained_again_the_last_row_counts(self):
        line = placed(trained((10, 0.9), (20, 0.7), (20, 0.6), (30, 0.5)), "train/loss", STEP)

        assert points(line) == [(10, 0.9), (20, 0.6), (30, 0.5)]
        assert line.replaced == 1
        assert line.notes == (
            "1 row of steps that were logged again: the last row of a step counts",
        )

    def test_rows_of_other_keys_at_the_same_step_drop_nothing(self):
        """A Trainer writes train and eval values of one step as two rows."""
        run = seen(
            [
                {"_step": 0, "train/global_step": 10, "train/loss": 0.9},
                {"_step": 1, "train/global_step": 10, "eval/loss": 0.8},
            ]
        )

        assert points(placed(run, "train/loss", STEP)) == [(10, 0.9)]
        assert points(placed(run, "eval/loss", STEP)) == [(10, 0.8)]

    def test_steps_that_go_back_are_put_in_order(self):
        line = placed(trained((30, 0.5), (10, 0.9), (20, 0.7)), "train/loss", STEP)

        assert points(line) == [(10, 0.9), (20, 0.7), (30, 0.5)]

    def test_a_step_that_is_not_finite_has_no_place_and_replaces_nothing(self):
        """The second row's place among the rows is 1, and there is a step 1 as well."""
        line = placed(trained((1, 0.9), (math.nan, 0.8), (1, 0.7)), "train/loss", STEP)

        assert points(line) == [(1, 0.7)]
        assert (line.replaced, line.unplaced) == (1, 1)
        assert "1 point without steps: left out" in line.notes

    def test_nan_values_keep_their_places(self):
        line = placed(trained((1, 0.9), (2, math.nan)), "train/loss", STEP)

        assert line.x.tolist() == [1, 2]
        assert math.isnan(line.values[1])


class TestWithoutNumbers:
    def test_a_key_that_was_never_logged_is_a_sentence(self):
        line = placed(seen([{"_step": 0, "loss": 1}]), "lss", STEP)

        assert len(line) == 0
        assert line.why_empty == "lss was never logged as a number"

    def test_one_that_holds_texts_says_so(self):
        line = placed(seen([{"_step": 0, "loss": "high"}]), "loss", STEP)

        assert line.why_empty == (
            "loss was never logged as a number (1 row holds a text, a list or media)"
        )

    def test_a_run_whose_places_are_all_lost_says_so(self):
        line = placed(trained((math.nan, 0.9)), "train/loss", STEP)

        assert line.why_empty == (
            "no row of it says where it stands (steps: missing there, or not finite)"
        )


class TestEpochs:
    def test_an_epoch_holds_until_the_next_one(self):
        run = seen(
            [
                {"_step": 0, "loss": 0.9},
                {"_step": 1, "epoch": 1},
                {"_step": 2, "loss": 0.8},
                {"_step": 3, "loss": 0.7},
            ]
        )

        line = placed(run, "loss", Axis("epoch"))

        assert points(line) == [(1, 0.8), (1, 0.7)]  # two steps of one epoch are two points
        assert line.unplaced == 1

    def test_of_a_resumed_run_each_step_stands_once(self):
        rows = [(10, 0.5, 0.9), (20, 1.0, 0.8), (20, 1.0, 0.7), (30, 1.5, 0.6)]
        run = seen(
            [
                {"_step": i, "train/global_step": step, "train/epoch": epoch, "train/loss": loss}
                for i, (step, epoch, loss) in enumerate(rows)
            ]
        )

        assert points(placed(run, "train/loss", Axis("epoch"))) == [
            (0.5, 0.9), (1.0, 0.7), (1.5, 0.6),
        ]  # fmt: skip

    def test_a_run_without_epochs_says_how_to_name_them(self):
        line = placed(trained((1, 0.9)), "train/loss", Axis("epoch"))

        assert line.why_empty == "no logged key is known as epoch (name one: epoch=KEY)"


class TestExamples:
    def test_they_are_taken_as_logged(self):
        run = seen([{"_step": 0, "examples_seen": 64, "loss": 0.9}], examples_per_step=8)

        assert points(placed(run, "loss", Axis("examples"))) == [(64, 0.9)]

    def test_else_steps_times_what_a_step_takes(self):
        """10 steps of 16 x 2 = 32 examples are 320."""
        run = trained((10, 0.9), (20, 0.7), examples_per_step=32.0)

        line = placed(run, "train/loss", Axis("examples"))

        assert points(line) == [(320, 0.9), (640, 0.7)]
        assert line.notes == (
            "examples seen are train/global_step times 32, as the config has it",
        )

    def test_without_a_batch_size_they_are_not_known(self):
        line = placed(trained((10, 0.9)), "train/loss", Axis("examples"))

        assert line.why_empty == (
            "how many examples a step takes is not known: the config names no batch size, and no "
            "logged key is known as examples_seen (name one: examples_seen=KEY)"
        )

    def test_without_optimizer_steps_they_are_not_known(self):
        line = placed(
            seen([{"_step": 1, "loss": 0.9}], examples_per_step=8), "loss", Axis("examples")
        )

        assert line.why_empty is not None
        assert "examples_seen" in line.why_empty

    def test_more_than_a_float_holds_has_no_place(self):
        line = placed(
            trained((1e300, 0.9), examples_per_step=1e300), "train/loss", Axis("examples")
        )

        assert line.unplaced == 1


def timed(*rows: tuple[int, float], clock: str = "_runtime"):
    """(step, seconds) of a run that logs its step as loss."""
    return seen([{"_step": step, clock: time, "loss": float(step)} for step, time in rows])


class TestRelativeTime:
    def test_it_is_the_clients_own(self):
        line = placed(timed((1, 10.0), (2, 20.0)), "loss", Axis("relative_time"))

        assert line.x.tolist() == [10, 20]
        assert (line.x_key, line.notes) == ("_runtime", ())

    def test_else_the_wall_clock_less_its_beginning(self):
        run = timed((1, 1e9), (2, 1e9 + 20), clock="_timestamp")

        assert placed(run, "loss", Axis("relative_time")).x.tolist() == [0, 20]

    def test_a_new_session_goes_on_where_the_one_before_ended(self):
        """10, 20, then a process that counts from 0 again: 3 is 20, and 8 is 25."""
        line = placed(timed((1, 10), (2, 20), (3, 3), (4, 8)), "loss", Axis("relative_time"))

        assert line.x.tolist() == [10, 20, 20, 25]
        assert line.notes == (
            "_runtime goes back 1 time, by 17 s together (a new session, or a clock that was "
            "set): the time goes on from where it was",
        )

    def test_a_step_that_was_trained_again_stands_at_its_last_time(self):
        line = placed(timed((1, 10), (2, 20), (2, 30), (3, 40)), "loss", Axis("relative_time"))

        assert points(line) == [(10, 1), (30, 2), (40, 3)]

    def test_a_pause_is_told(self):
        """100 of 103 s lie between two rows, which is more than half."""
        line = placed(timed((1, 0), (2, 1), (3, 101), (4, 103)), "loss", Axis("relative_time"))

        assert line.notes == (
            "100 of 103 s lie between two rows: a pause, or a clock that was set",
        )

    def test_a_slow_beginning_is_no_pause(self):
        line = placed(timed((1, 0), (2, 5), (3, 7), (4, 12)), "loss", Axis("relative_time"))

        assert line.notes == ()

    def test_without_a_clock_there_is_none(self):
        line = placed(seen([{"loss": 1}]), "loss", Axis("relative_time"))

        assert line.why_empty == (
            "no row holds a time: neither _runtime nor _timestamp was logged"
        )

    def test_a_clock_without_a_finite_time_places_nothing(self):
        run = timed((1, math.nan), (2, math.inf), clock="_timestamp")

        assert placed(run, "loss", Axis("relative_time")).unplaced == 2


class TestWallTime:
    def test_a_clock_that_was_set_back_draws_no_line_backwards(self):
        run = timed((1, 1000), (2, 1010), (3, 950), (4, 960), clock="_timestamp")

        line = placed(run, "loss", Axis("wall_time"))

        assert points(line) == [(1000, 1), (1010, 2), (1010, 3), (1020, 4)]
        assert "goes back 1 time, by 60 s" in line.notes[0]

    def test_a_time_in_a_row_of_its_own_holds_until_the_next(self):
        run = seen([{"_step": 0, "loss": 1}, {"_timestamp": 5}, {"_step": 1, "loss": 2}])

        line = placed(run, "loss", Axis("wall_time"))

        assert points(line) == [(5, 2)]

    def test_without_a_clock_there_is_none(self):
        line = placed(timed((1, 10)), "loss", Axis("wall_time"))

        assert line.why_empty == "no row holds a wall time: _timestamp was never logged"


class TestShare:
    def test_it_is_of_the_runs_own_steps(self):
        run = trained((10, 0.9), (40, 0.7))

        line = placed(run, "train/loss", Axis("share"))

        assert line.x.tolist() == [0.25, 1]
        assert (line.x_name, line.notes) == ("share of the run's steps", ())

    def test_other_keys_may_go_on_behind(self):
        run = seen(
            [
                {"_step": 0, "train/global_step": 10, "eval/loss": 0.9},
                {"_step": 1, "train/global_step": 40, "train/loss": 0.7},
            ]
        )

        assert placed(run, "eval/loss", Axis("share")).x.tolist() == [0.25]

    def test_of_a_run_that_goes_on_it_says_what_one_is(self):
        line = placed(trained((10, 0.9), (40, 0.7), state="running"), "train/loss", Axis("share"))

        assert line.notes == ("the run is not over: 1 is 40 steps, its last so far",)

    def test_without_steps_it_is_of_the_rows(self):
        line = placed(seen([{"loss": 3}, {"loss": 2}, {"loss": 1}]), "loss", Axis("share"))

        assert line.x.tolist() == [0, 0.5, 1]

    def test_a_run_of_no_step_has_no_share(self):
        line = placed(trained((0, 0.9)), "train/loss", Axis("share"))

        assert line.why_empty == "the run did no step yet, so it has no share of them"


class TestKey:
    def test_another_key_is_carried_to_the_rows_without_it(self):
        run = seen([{"lr": 0.2, "loss": 3}, {"loss": 2}, {"lr": 0.1, "loss": 1}])

        line = placed(run, "loss", Axis("key", "lr"))

        assert points(line) == [(0.1, 1), (0.2, 3), (0.2, 2)]
        assert line.notes == ("lr goes back 1 time: points stand by x",)
        assert line.x_name == "lr"

    def test_steps_are_called_what_they_count(self):
        run = trained((10, 0.9))

        assert placed(run, "train/loss", Axis("key", "_step")).x_name == "W&B steps"
        assert placed(run, "train/loss", Axis("key", "train/global_step")).x_name == "steps"

    def test_a_run_that_lacks_it_says_so(self):
        line = placed(trained((10, 0.9)), "train/loss", Axis("key", "lr"))

        assert line.why_empty == "x: lr was never logged as a number"
