"""Hours by kind of host: what was measured there, and what can be made of it."""

from typing import Any

import pytest

from paribus_sweeps.design.host_price import Counted, HostPrice, MeasuredRun, host_prices

T4 = "Tesla T4"
ARGS = {
    "model": "bert",
    "data_set": "imdb",
    "max_length": 512,
    "precision": "fp32",
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "per_device_eval_batch_size": 8,
}


def ran(
    name: str,
    train: float | None = 2.0,
    look: float | None = 4.0,
    *,
    gpu: str = T4,
    **args: Any,
) -> MeasuredRun:
    return MeasuredRun(name, gpu, {**ARGS, **args}, train, look)


def trial(number: int = 0, *, steps: int = 7_200, batches: int = 14_400, **args: Any) -> Counted:
    """At 2 and 4 a second: an hour of training, an hour of looks."""
    return Counted(number, {**ARGS, **args}, steps, batches)


def priced(*runs: MeasuredRun, trials: tuple[Counted, ...] = (trial(),)) -> HostPrice:
    [found] = host_prices(trials, runs)
    return found


class TestHours:
    def test_steps_and_batches_are_divided_by_what_was_measured(self) -> None:
        found = priced(ran("a"))

        assert (found.training_hours, found.looking_hours, found.hours) == (1, 1, 2)
        assert (found.looking_share, found.longest_trial_hours) == (0.5, 2)
        assert (found.runs, found.trials_priced, found.notes) == (1, 1, ())

    def test_several_runs_are_averaged_by_what_a_step_took(self) -> None:
        """1/2 and 1/6 s a step: a third on average, 7,200 of them 40 minutes."""
        found = priced(ran("a"), ran("b", train=6.0))

        assert found.training_hours == pytest.approx(2 / 3)
        assert found.runs == 2

    def test_trials_are_added_up_one_after_the_other(self) -> None:
        found = priced(ran("a"), trials=(trial(0), trial(1, steps=14_400)))

        assert (found.hours, found.longest_trial_hours, found.trials_priced) == (5, 3, 2)

    def test_each_kind_of_host_has_its_own(self) -> None:
        runs = [ran("a"), ran("b", train=20.0, look=40.0, gpu="NVIDIA A100")]

        found = host_prices([trial()], runs)

        assert [(one.gpu_name, one.hours) for one in found] == [
            ("NVIDIA A100", pytest.approx(0.2)),
            (T4, 2),
        ]

    def test_nothing_was_measured_anywhere(self) -> None:
        assert host_prices([trial()], []) == ()


class TestBatchSizes:
    def test_the_same_batch_size_wins_over_a_nearer_run(self) -> None:
        found = priced(ran("a"), ran("b", 9.0, None, per_device_train_batch_size=16))

        assert (found.training_hours, found.runs, found.notes) == (1, 1, ())

    def test_another_one_is_reckoned_by_examples_and_said(self) -> None:
        """64 in a step where 8 were measured: eight times the seconds of a step."""
        wanted = trial(per_device_train_batch_size=64, per_device_eval_batch_size=16)

        found = priced(ran("a"), trials=(wanted, wanted))

        assert (found.training_hours, found.looking_hours) == (16, 4)
        assert found.notes == (
            "hours of steps on Tesla T4 with per_device_train_batch_size x "
            "gradient_accumulation_steps 64 x 1 suppose the examples a second that were measured "
            "with 8 x 1",
            "hours of looks on Tesla T4 with per_device_eval_batch_size 16 suppose the examples a "
            "second that were measured with 8",
        )

    def test_the_nearest_one_is_taken(self) -> None:
        """Of 8 and 64, 32 is nearer to 64: half its seconds."""
        runs = [ran("a"), ran("b", train=1.0, per_device_train_batch_size=64)]

        found = priced(*runs, trials=(trial(per_device_train_batch_size=32),))

        assert found.training_hours == pytest.approx(7_200 * 0.5 / 3600)

    def test_accumulated_batches_are_another_size(self) -> None:
        found = priced(ran("a"), trials=(trial(gradient_accumulation_steps=2),))

        assert found.training_hours == 2
        assert "8 x 2 suppose" in found.notes[0]

    @pytest.mark.parametrize("size", [None, 0, -8, 2.5, "8", float("inf")])
    def test_a_size_that_is_no_count_has_no_price(self, size: Any) -> None:
        found = priced(ran("a"), trials=(trial(per_device_train_batch_size=size),))

        assert (found.training_hours, found.hours, found.looking_hours) == (None, None, 1)

    def test_8_0_is_8(self) -> None:
        assert priced(ran("a", per_device_train_batch_size=8.0)).training_hours == 1


class TestUnknown:
    @pytest.mark.parametrize(
        ("key", "value"),
        [("model", "tiny"), ("max_length", 64), ("precision", "bf16"), ("data_set", "mine")],
    )
    def test_a_rate_says_nothing_of_another_setting(self, key: str, value: Any) -> None:
        found = priced(ran("a", **{key: value}))

        assert (found.hours, found.runs, found.trials_priced) == (None, 0, 0)
        assert (found.looking_share, found.longest_trial_hours) == (None, None)
        assert found.notes[0] == (
            "nothing was measured of steps on Tesla T4 with model bert, data_set imdb, "
            "max_length 512, precision fp32"
        )

    def test_where_one_trial_has_no_price_there_is_no_sum(self) -> None:
        found = priced(ran("a"), trials=(trial(0), trial(1, max_length=64)))

        assert (found.hours, found.trials_priced, found.longest_trial_hours) == (None, 1, 2)
        assert len(found.notes) == 2

    @pytest.mark.parametrize("rate", [None, 0.0, -1.0])
    def test_a_run_that_never_looked_prices_no_looks(self, rate: float | None) -> None:
        found = priced(ran("a", look=rate))

        assert (found.training_hours, found.looking_hours, found.hours) == (1, None, None)
        assert found.notes[0].startswith("nothing was measured of looks on Tesla T4")
