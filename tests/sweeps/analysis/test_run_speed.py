"""How fast one run was, and where its time went: rows as Trainers and other programs log them."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.run_speed import RunSpeed, is_speed_key, run_speed
from paribus_sweeps.errors import UnknownRole

Rows = list[dict[str, Any]]


def measured(rows: Rows, *, named: dict[str, str] | None = None, **facts: Any) -> RunSpeed:
    return run_speed(History.of_rows(rows), Facts(**{"run": "r", **facts}), named=named)


def trained(*seconds: float, every: int = 10, first: int = 10) -> Rows:
    """A row every `every` steps, at these seconds since the run began."""
    return [
        {"train/global_step": first + every * i, "_runtime": at, "train/loss": 1.0}
        for i, at in enumerate(seconds)
    ]


def look(step: int, at: float, seconds: float, **more: float) -> dict[str, Any]:
    rates = {f"eval/{name}": value for name, value in more.items()}
    return {"train/global_step": step, "_runtime": at, "eval/runtime": seconds, **rates}


class TestTraining:
    def test_an_interrupted_run_has_a_rate(self):
        """The first 10 steps after the first row took 20 s and are dropped; then 20 in 8 s."""
        found = measured(trained(5, 25, 29, 33), state="interrupted")

        assert found.training.steps_per_second == pytest.approx(20 / 8)
        assert found.training.median_steps_per_second == pytest.approx(10 / 4)
        assert (found.training.intervals, found.training.seconds) == (2, 8)
        assert found.training.first_dropped == 1
        assert (found.state, found.training.last_step) == ("interrupted", 40)
        assert found.training.step_name == "steps"

    def test_looks_are_left_out_of_the_seconds(self):
        """20 s of look behind step 30; the steps beside it took 4 s each ten."""
        rows = [*trained(5, 25, 29), look(30, 49, 20.0), *trained(53, 57, first=40)]

        assert measured(rows).training.steps_per_second == pytest.approx(30 / 12)

    def test_a_look_in_a_row_without_a_step_belongs_to_the_step_before(self):
        rows = [*trained(5, 25, 29), {"_runtime": 49, "eval/runtime": 20.0}]

        found = measured([*rows, *trained(53, 57, first=40)])

        assert found.training.steps_per_second == pytest.approx(30 / 12)

    def test_training_between_looks_without_a_step_is_training(self):
        """A second a step: 30 steps and 5 s of look three times, and 10 steps: 115 s a hundred."""
        rows: Rows = []
        for hundred in range(6):
            begun = 115.0 * hundred
            rows.append({"train/global_step": 100 * hundred, "_runtime": begun})
            rows += [{"eval/runtime": 5.0, "_runtime": begun + 35.0 * i} for i in (1, 2, 3)]

        assert measured(rows).training.steps_per_second == pytest.approx(1.0)

    def test_a_suspended_host_is_dropped_and_said(self):
        """Ten steps took 4, 4, 4 and 400 s behind the first."""
        found = measured(trained(5, 25, 29, 33, 37, 437))

        assert found.training.steps_per_second == pytest.approx(30 / 12)
        assert found.training.long_dropped == 1
        assert found.training.notes == (
            "1 of 4 intervals took more than 5 times the median (a suspended host, a resume, a "
            "slow checkpoint) and are left out",
        )

    def test_a_resumed_run_is_two_sessions(self):
        """It goes back to step 20: of each session the first interval is dropped."""
        rows = [*trained(5, 25, 29, 33), *trained(100, 130, 134, first=20)]

        found = measured(rows).training

        assert found.first_dropped == 2
        assert found.steps_per_second == pytest.approx(30 / 12)

    def test_looks_longer_than_their_interval_are_dropped_and_said(self):
        rows = [*trained(5, 25, 29), look(40, 33, 20.0), *trained(37, first=50)]

        found = measured(rows).training

        assert (found.impossible_dropped, found.steps_per_second) == (1, pytest.approx(20 / 8))
        assert found.notes == (
            "1 interval left out as shorter than the looks inside: clocks disagree",
        )

    def test_examples_and_tokens_are_counted_over_the_same_seconds(self):
        """Counters rise by 80 and by 8,000 in ten steps of 4 s; before, faster."""
        rows = trained(5, 25, 29, 33)
        for i, row in enumerate(rows):
            row |= {"train/examples_seen": 80 * i, "train/tokens_seen": 8_000 * i}

        found = measured(rows, examples_per_step=64).training

        assert found.examples_per_second == pytest.approx(160 / 8)
        assert found.tokens_per_second == pytest.approx(16_000 / 8)

    def test_without_a_counter_examples_are_steps_times_their_size(self):
        found = measured(trained(5, 25, 29, 33), examples_per_step=64).training

        assert found.examples_per_second == pytest.approx(64 * 20 / 8)
        assert found.tokens_per_second is None

    @pytest.mark.parametrize("size", [None, math.inf, math.nan, 0.0])
    def test_without_a_size_there_are_no_examples(self, size):
        found = measured(trained(5, 25, 29, 33), examples_per_step=size)

        assert (found.training.examples_per_second, found.examples_per_step) == (None, None)

    def test_a_counter_that_falls_tells_nothing_there(self):
        """It rises by 80 in the last 4 s, and starts anew before."""
        rows = trained(5, 25, 29, 33)
        for row, seen in zip(rows, (100, 900, 20, 100), strict=True):
            row["train/examples_seen"] = seen

        assert measured(rows).training.examples_per_second == pytest.approx(80 / 4)

    @pytest.mark.parametrize("seen", [[7, 7, 7, 7], [1e300] * 4, [math.nan] * 4])
    def test_a_counter_that_stands_still_is_none(self, seen):
        rows = [
            {**row, "tokens_seen": n} for row, n in zip(trained(5, 25, 29, 33), seen, strict=True)
        ]

        assert measured(rows).training.tokens_per_second is None

    def test_what_the_program_logs_itself_stands_beside(self):
        rows = trained(5, 25, 29, 33)
        for row, rate in zip(rows, (1.0, 2.0, 4.0, math.nan), strict=True):
            row["train/steps_per_second"] = rate

        assert measured(rows).training.logged_steps_per_second == 2.0

    def test_calls_of_log_are_no_optimizer_steps(self):
        rows = [{"_step": 10 * i, "_runtime": at} for i, at in enumerate((5, 25, 29, 33))]

        found = measured(rows, examples_per_step=8).training

        assert (found.step_name, found.steps_per_second) == ("W&B steps", pytest.approx(20 / 8))
        assert (found.examples_per_second, found.last_step) == (None, None)
        assert "name one: global_step=KEY" in found.notes[0]

    def test_a_step_key_can_be_named(self):
        rows = [{"it": 10 * i, "_runtime": at} for i, at in enumerate((5, 25, 29, 33))]

        found = measured(rows, named={"global_step": "it"}).training

        assert (found.step_name, found.steps_per_second) == ("steps", pytest.approx(20 / 8))

    def test_a_role_that_is_none_is_refused(self):
        with pytest.raises(UnknownRole):
            measured(trained(5), named={"global_stp": "it"})

    def test_looks_that_tell_no_seconds_count_as_training_and_that_is_said(self):
        rows = [{**row, "val_loss": 0.5} for row in trained(5, 25, 29, 33)]

        found = measured(rows).training

        assert found.steps_per_second == pytest.approx(20 / 8)
        assert found.notes == (
            "no logged key says how long a look took (val_loss is there): looks count as "
            "training (name one: eval_seconds=KEY)",
        )

    @pytest.mark.parametrize(
        ("rows", "note"),
        [
            ([], "no row holds _runtime"),
            ([{"train/global_step": 1}, {"train/global_step": 2}], "no row holds _runtime"),
            (trained(5), "too few moments"),
            (trained(5, 25), "too few moments"),
            (trained(math.nan, math.nan, math.nan), "too few moments"),
        ],
    )
    def test_without_three_moments_there_is_no_rate_and_a_reason(self, rows, note):
        found = measured(rows).training

        assert found.steps_per_second is None
        assert [note in told for told in found.notes] == [True]


class TestEvaluation:
    def test_it_is_batches_over_seconds_of_all_looks(self):
        """10 s at 4 and 30 s at 2 batches a second: 100 batches in 40 s."""
        rows = [
            look(20, 10, 10.0, steps_per_second=4.0, samples_per_second=32.0),
            look(40, 50, 30.0, steps_per_second=2.0, samples_per_second=16.0),
        ]

        found = measured(rows).evaluation

        assert found.steps_per_second == pytest.approx(100 / 40)
        assert found.examples_per_second == pytest.approx(800 / 40)
        assert (found.looks, found.seconds, found.seconds_per_look) == (2, 40, 20)
        assert (found.tokens_per_second, found.notes) == (None, ())
        assert found.counts.tolist() == [40, 60]
        assert found.spans.tolist() == [10, 30]

    def test_one_look_is_enough(self):
        found = measured([look(20, 10, 686.3, steps_per_second=4.553)]).evaluation

        assert found.steps_per_second == pytest.approx(4.553)

    def test_a_look_that_was_suspended_is_dropped_and_said(self):
        """10, 10 and 60 s: the last is beyond five times the median; 50 is not."""
        rows = [look(20 * i, 100.0 * i, s) for i, s in enumerate((10.0, 10.0, 50.0, 60.0, 10.0))]

        found = measured(rows)

        assert (found.evaluation.looks, found.evaluation.long_dropped) == (4, 1)
        assert found.evaluation.seconds_per_look == pytest.approx(80 / 4)
        assert found.times.looking == 140
        assert found.evaluation.notes[0].startswith("1 of 5 looks took more than 5 times")

    def test_batches_times_their_size_are_examples_where_none_are_told(self):
        config = {"per_device_eval_batch_size": 8}

        found = measured([look(20, 10, 10.0, steps_per_second=4.0)], config=config)

        assert (found.evaluation.examples_per_second, found.eval_batch) == (32, 8)
        assert "is taken as full" in found.evaluation.notes[0]

    def test_seconds_alone_tell_no_rate(self):
        found = measured([look(20, 10, 10.0)]).evaluation

        assert (found.steps_per_second, found.examples_per_second) == (None, None)
        assert (found.seconds_per_look, found.spans.tolist()) == (10, [])

    def test_rates_alone_tell_no_seconds(self):
        """Two looks weigh the same: (4 + 2) / 2."""
        rows = [{"eval/steps_per_second": rate} for rate in (4.0, 2.0)]

        found = measured(rows).evaluation

        assert (found.steps_per_second, found.looks) == (pytest.approx(3.0), 2)
        assert (found.seconds, found.seconds_per_look) == (None, None)
        assert found.notes == ("no look says how long it took: rates are means over looks",)
        assert len(found.spans) == 0

    @pytest.mark.parametrize("prefix", ["val/", "val_", "eval_"])
    def test_other_names_of_a_look_are_known(self, prefix):
        rows = [{f"{prefix}runtime": 10.0, f"{prefix}examples_per_second": 3.0}]

        assert measured(rows).evaluation.examples_per_second == 3

    def test_seconds_can_be_named(self):
        rows = [{"dev_time": 10.0, "eval/tokens_per_second": 5.0}]

        found = measured(rows, named={"eval_seconds": "dev_time"}).evaluation

        assert (found.seconds_per_look, found.tokens_per_second) == (10, 5)

    def test_of_two_sets_the_first_has_the_rates_and_both_count_as_looking(self):
        rows = [{**look(20, 50, 10.0, steps_per_second=4.0), "eval/hard_runtime": 30.0}]

        found = measured(rows)

        assert found.evaluation.steps_per_second == 4
        assert found.evaluation.notes == (
            "rates are those of eval/runtime; eval/hard_runtime count as time spent looking",
        )
        assert (found.times.looking, found.times.looking_share) == (40, pytest.approx(0.8))

    def test_a_look_that_tells_no_rate_is_left_out_of_the_rate_alone(self):
        rows = [look(20, 10, 10.0, steps_per_second=4.0), look(40, 50, 30.0)]

        found = measured(rows).evaluation

        assert (found.steps_per_second, found.looks, found.seconds) == (4, 2, 40)

    @pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
    def test_looks_without_seconds_say_so(self, seconds):
        found = measured([look(20, 10, seconds)]).evaluation

        assert found.looks == 0
        assert found.notes == ("eval/runtime was never above 0: no look tells how long it took",)

    def test_a_run_that_never_looked_says_which_key_was_expected(self):
        found = measured(trained(5, 25, 29))

        assert found.evaluation.notes == (
            "no logged key is known as eval_seconds (name one: eval_seconds=KEY)",
        )
        assert (found.times.looking, found.times.looking_share) == (None, None)


class TestParts:
    def test_of_many_intervals_neighbours_are_added_up(self):
        """600 intervals behind the first, of 10 steps in 2 s: 200 parts of three."""
        found = measured(trained(*(2.0 * i for i in range(602)))).training

        assert found.intervals == 600
        assert found.counts.tolist() == [30.0] * 200
        assert found.spans.tolist() == [6.0] * 200

    def test_so_are_looks(self):
        """257 looks of 4 batches in 2 s: 128 pairs and one alone."""
        rows = [look(i, 2.0 * i, 2.0, steps_per_second=2.0) for i in range(257)]

        found = measured(rows).evaluation

        assert found.counts.tolist() == [8.0] * 128 + [4.0]
        assert found.spans.tolist() == [4.0] * 128 + [2.0]


class TestTimes:
    def test_the_share_is_that_of_the_whole_run(self):
        """Two looks of 20 s in 100 s."""
        rows = [*trained(5, 25), look(20, 45, 20.0), *trained(80, first=30), look(30, 100, 20.0)]

        found = measured(rows).times

        assert (found.total, found.looking, found.looking_share) == (100, 40, pytest.approx(0.4))

    def test_checkpoints_are_told_by_who_counts_them(self):
        summary = {"time/checkpoint_seconds": 5.0, "time/training_seconds": 20.0, "time/x": 1}

        found = measured(trained(5, 25), summary=summary).times

        assert (found.checkpoints, found.checkpoint_share) == (5, pytest.approx(0.2))
        assert found.logged == {"training": 20.0, "checkpoint": 5.0}
        assert found.notes == ()

    @pytest.mark.parametrize(("summary", "seconds"), [(None, 2), (1.5, 2), (5.0, 5)])
    def test_a_run_that_was_cut_off_has_them_from_its_history(self, summary, seconds):
        """Sums over the run: the summary of one that ended tells of the last checkpoint too."""
        rows = trained(5, 25, 29)
        rows[0]["time/checkpoint_seconds"], rows[1]["time/checkpoint_seconds"] = 1.0, 2.0

        found = measured(rows, summary={"time/checkpoint_seconds": summary}).times

        assert found.checkpoints == seconds

    @pytest.mark.parametrize("told", [None, "soon", -1.0, math.nan, 1e300, True])
    def test_where_nobody_counts_them_they_are_training(self, told):
        found = measured(trained(5, 25), summary={"time/checkpoint_seconds": told}).times

        assert (found.checkpoints, found.checkpoint_share) == (None, None)
        assert "they count as training" in found.notes[0]

    def test_a_clock_that_begins_anew_goes_on(self):
        """25 s, then 30 s more after a start of its own at 3."""
        rows = [*trained(5, 25), *trained(3, 33, first=30)]

        assert measured(rows).times.total == 25 + 30

    def test_a_clock_that_is_set_back_counts_twice_only_that(self):
        assert measured(trained(5, 25, 24.5, 30)).times.total == 30.5

    def test_looks_longer_than_the_run_have_no_share(self):
        found = measured([*trained(5), look(20, 10, 30.0)]).times

        assert found.looking_share is None
        assert found.notes[-1] == "looks took 30 s of a run of 10 s: their clocks disagree"

    def test_a_run_of_no_time_has_no_share(self):
        assert measured([look(20, 0, 1.0)]).times.looking_share is None

    def test_without_a_clock_nothing_is_known_of_time(self):
        found = measured([{"eval/runtime": 3.0}]).times

        assert (found.total, found.looking) == (None, 3)
        assert found.notes[0].startswith("no row holds _runtime")


class TestKeys:
    def test_what_is_read_is_known_by_its_name(self):
        keys = ("eval/runtime", "eval_hard_runtime", "val/steps_per_second", "dev_time",
                "time/checkpoint_seconds", "val_loss", "train/loss", "time/of_day")  # fmt: skip

        found = [key for key in keys if is_speed_key(key, {"eval_seconds": "dev_time"})]

        assert found == list(keys[:6])
        assert not is_speed_key("dev_time")


class TestAsDict:
    def test_it_is_plain_json_without_single_intervals(self):
        rows = [*trained(5, 25, 29, 33), look(40, 43, 10.0, steps_per_second=4.0)]

        found = measured(rows, blocks={"gpu_name": "Tesla T4"}, examples_per_step=8).as_dict()

        assert json.loads(json.dumps(found, allow_nan=False)) == found
        assert (found["run"], found["gpu_name"]) == ("r", "Tesla T4")
        assert found["training"]["steps_per_second"] == pytest.approx(20 / 8)
        assert "counts" not in found["training"]
        assert "spans" not in found["evaluation"]
        assert found["times"]["notes"] == list(found["times"]["notes"])

    @given(
        st.lists(
            st.fixed_dictionaries(
                {},
                optional={
                    key: st.one_of(st.floats(), st.integers(), st.text(max_size=3), st.none())
                    for key in (
                        "train/global_step", "_step", "_runtime", "eval/runtime",
                        "eval/steps_per_second", "eval/samples_per_second",
                        "train/examples_seen", "train/tokens_seen", "train/steps_per_second",
                        "time/checkpoint_seconds",
                    )
                },
            ),
            max_size=12,
        )
    )  # fmt: skip
    def test_whatever_was_logged_it_is_numbers_or_reasons(self, rows):
        found = measured(rows, config={"per_device_eval_batch_size": 8}, examples_per_step=8)

        json.dumps(found.as_dict(), allow_nan=False)
        assert found.training.steps_per_second is not None or found.training.notes
        assert np.isfinite(found.evaluation.counts).all()
