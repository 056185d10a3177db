"""Prices, by hand from the story's numbers (DESIGN 1)."""

import json
from typing import Any

import pytest

from paribus_sweeps.design.grids import expand
from paribus_sweeps.design.host_price import MeasuredRun
from paribus_sweeps.design.price import Price, looks, price
from paribus_sweeps.programs import ProgramSchema, shipped
from paribus_sweeps.spec import SweepSpec

STORY = {
    "data_set": "stanfordnlp/imdb",
    "train_test_ratio": "1:1",
    "per_device_train_batch_size": 8,
    "per_device_eval_batch_size": 8,
    "num_train_epochs": 3,
    "eval_steps": 20,
    "save_steps": 20,
}


def priced(rates: dict[str, float] | None = None, **more: Any) -> Price:
    parameters = {key: {"value": value} for key, value in {**STORY, **more}.items()}
    spec = SweepSpec.from_config(
        {"method": "grid", "program": "paribus_agent.train", "parameters": parameters},
        programs=shipped,
    )
    return price(spec, expand(spec), shipped("paribus_agent.train"), rates=rates)


class TestStory:
    def test_r4_looks_469_times(self) -> None:
        # 25,000 / 8 = 3,125 steps an epoch; 9,375 / 20 = 468 looks, and one at the last step
        made = priced()

        assert (made.steps, made.evaluations) == (9375, 469)
        assert made.examples_trained == 75_000
        assert made.examples_scored == 469 * 25_000

    def test_r2_takes_five_times_fewer_steps_than_r1(self) -> None:
        # 40,000 / 64 = 625 steps an epoch
        made = priced(
            train_test_ratio="4:1", per_device_train_batch_size=64, eval_steps=200, save_steps=200
        )

        assert (made.steps, made.evaluations) == (1875, 10)
        assert made.examples_scored == 10 * 10_000

    def test_r3_ends_each_epoch_with_a_smaller_batch(self) -> None:
        # 25,000 / 64 = 390.6: 391 steps an epoch
        assert priced(per_device_train_batch_size=64).steps == 1173

    @pytest.mark.parametrize(
        ("eval_steps_per_second", "hours"),
        # 469 x 3,125 batches at 4.553 a second are 321,903 s; at 17.233 a second 85,048 s
        [(4.553, 89.4), (17.233, 23.6)],
    )
    def test_r4s_looks_took_89_hours_on_a_t4_and_24_on_an_a100(
        self, eval_steps_per_second: float, hours: float
    ) -> None:
        rates = {"train_steps_per_second": 1e9, "eval_steps_per_second": eval_steps_per_second}

        assert priced(rates).hours == pytest.approx(hours, abs=0.05)

    def test_training_counts_too(self) -> None:
        # 9,375 steps at 1 a second are 2.604 hours
        rates = {"train_steps_per_second": 1.0, "eval_steps_per_second": 1e9}

        assert priced(rates).hours == pytest.approx(9375 / 3600, abs=0.01)


class TestMeasuredHosts:
    def measured(self, gpu_name: str, rate: float, **args: Any) -> MeasuredRun:
        held = shipped("paribus_agent.train").complete({**STORY, **args})
        return MeasuredRun(f"run-{gpu_name}", gpu_name, held, 1e9, rate)

    def priced(self, *measured: MeasuredRun, **more: Any) -> Price:
        parameters = {key: {"value": value} for key, value in {**STORY, **more}.items()}
        spec = SweepSpec.from_config(
            {"method": "grid", "program": "paribus_agent.train", "parameters": parameters},
            programs=shipped,
        )
        schema = shipped("paribus_agent.train")
        return price(spec, expand(spec), schema, measured=measured)

    def test_r4s_looks_take_89_hours_on_a_t4_and_24_on_an_a100(self) -> None:
        # 469 x 3,125 batches at 4.553 a second are 321,903 s; at 17.233 a second 85,048 s
        runs = [self.measured("Tesla T4", 4.553), self.measured("NVIDIA A100", 17.233)]

        made = self.priced(*runs)

        assert [(host.gpu_name, round(host.looking_hours or 0)) for host in made.hosts] == [
            ("NVIDIA A100", 24),
            ("Tesla T4", 89),
        ]
        assert made.eval_batches == 469 * 3_125
        assert made.hosts[0].looking_share == pytest.approx(1)
        assert made.notes == ()

    def test_they_are_plain_json(self) -> None:
        made = self.priced(self.measured("Tesla T4", 4.553)).as_dict()

        assert json.loads(json.dumps(made)) == made
        assert made["hosts"][0]["runs"] == 1

    def test_trials_without_a_price_have_none_on_any_host(self) -> None:
        made = self.priced(self.measured("Tesla T4", 4.553), data_set="my/reviews.csv")

        assert made.hosts == ()
        assert "my/reviews.csv" in made.notes[0]


class TestCounting:
    @pytest.mark.parametrize(
        ("steps", "eval_steps", "expected"), [(100, 20, 5), (101, 20, 6), (99, 20, 5), (5, 20, 1)]
    )
    def test_the_last_step_is_looked_at_once(
        self, steps: int, eval_steps: int, expected: int
    ) -> None:
        assert looks(steps, eval_steps) == expected

    def test_accumulated_batches_are_one_step(self) -> None:
        # ceil(3,125 / 4) = 782 steps an epoch
        assert priced(gradient_accumulation_steps=4).steps == 3 * 782

    def test_part_of_an_epoch_is_rounded_up(self) -> None:
        # 0.1 x 3,125 = 312.5
        assert priced(num_train_epochs=0.1).steps == 313

    def test_part_of_an_epoch_is_counted_in_floats_as_the_trainer_does(self) -> None:
        # 1,600 reviews: 800 to train on, 100 steps an epoch; in floats .07 x 100 is
        # 7.000000000000001, whose ceiling is 8 (transformers 5.23, trainer.py)
        assert priced(num_train_epochs=0.07, pool_size=1600).steps == 8

    def test_max_steps_wins_over_epochs(self) -> None:
        made = priced(max_steps=100)

        assert made.steps == 100
        assert made.examples_trained == 800

    def test_a_pool_is_no_larger_than_the_data_set(self) -> None:
        # 2,000 reviews: 1,000 to train on, 125 steps an epoch
        assert priced(pool_size=2000).steps == 375
        assert priced(pool_size=10**6).steps == 9375

    def test_defaults_of_the_program_are_used(self) -> None:
        spec = SweepSpec.from_config(
            {"method": "grid", "parameters": {"seed": {"values": [1, 2]}}}
        )

        made = price(spec, expand(spec), shipped("paribus_agent.train"))

        # the defaults are R1's: 9,375 steps, 47 looks
        assert (made.trials, made.steps, made.evaluations) == (2, 18750, 94)
        assert [t.number for t in made.per_trial] == [0, 1]


class TestUnknown:
    def test_without_rates_there_are_no_hours(self) -> None:
        made = priced()

        assert made.hours is None
        assert made.notes == ("hours need rates that were measured on your hosts",)

    def test_a_missing_rate_is_named(self) -> None:
        assert priced({"train_steps_per_second": 1.0}).notes == (
            "hours need eval_steps_per_second",
        )

    def test_a_data_set_of_ones_own_has_no_price_before_it_is_loaded(self) -> None:
        made = priced(data_set="my/reviews.csv")

        assert (made.steps, made.evaluations, made.hours) == (None, None, None)
        assert "my/reviews.csv" in made.notes[0]

    def test_a_program_that_keeps_its_cadence_to_itself_has_no_price(self) -> None:
        schema = ProgramSchema.from_json(
            {
                "type": "object",
                "properties": {"data_set": {"default": "mine"}},
                "x-paribus": {"data_sets": {"mine": {"reviews": 100}}},
            }
        )
        spec = SweepSpec.from_config({"method": "grid", "parameters": {"a": {"value": 1}}})

        (note,) = price(spec, expand(spec), schema).notes

        assert note.startswith("train_test_ratio and per_device_train_batch_size and")

    def test_a_program_without_a_schema_has_no_price(self) -> None:
        config = {"method": "grid", "program": "train.py", "parameters": {"a": {"value": 1}}}
        spec = SweepSpec.from_config(config)

        made = price(spec, expand(spec), None)

        assert made.steps is None
        assert made.notes == ("train.py does not publish what its data sets hold",)

    def test_without_trials_there_is_nothing_to_add(self) -> None:
        spec = SweepSpec.from_config({"method": "grid", "parameters": {"a": {"value": 1}}})

        assert price(spec, (), None).steps is None

    def test_it_is_plain_json(self) -> None:
        made = priced().as_dict()

        assert json.loads(json.dumps(made)) == made
        assert made["per_trial"][0]["evaluations"] == 469
