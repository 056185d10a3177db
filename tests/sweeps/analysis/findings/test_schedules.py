"""Learning rates beside their config, and settings that the history contradicts.

The rates of `TRAINERS` were computed by transformers 5.23.0 (torch 2.13): `get_scheduler` on an
SGD of rate 1e-3, stepped 0, 4, 10, 17, 25, 39, 40 and 43 times, over 40 steps.
"""

import math
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.findings import schedules, settings_in_effect
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.schedule_formulas import Schedule, warm_up_of
from tests.sweeps.analysis.findings.one_run import HEALTHY, STEP, column, told

RULES = (*schedules.RULES, *settings_in_effect.RULES)
RATE = "train/learning_rate"
DONE = np.array([0.0, 4, 10, 17, 25, 39, 40, 43])
TRAINERS: list[tuple[str, int, dict[str, float], list[float]]] = [
    ("linear", 10, {}, [0, 4e-4, 1e-3, 7.66666666667e-4, 5e-4, 3.33333333333e-5, 0, 0]),
    (
        "cosine",
        10,
        {},
        [0, 4e-4, 1e-3, 8.71572412739e-4, 5e-4, 2.73905231586e-6, 0, 2.44717418524e-5],
    ),
    (
        "cosine",
        0,
        {"num_cycles": 1.0},
        [1e-3, 9.04508497187e-4, 5e-4, 5.44967379058e-5, 1.46446609407e-4]
        + [9.93844170298e-4, 1e-3, 9.45503262094e-4],
    ),
    (
        "cosine_with_restarts",
        10,
        {"num_cycles": 2},
        [0, 4e-4, 1e-3, 5.52264231634e-4, 1e-3, 1.09261996331e-5, 0, 0],
    ),
    (
        "polynomial",
        0,
        {},
        [1e-3, 9.0001e-4, 7.50025e-4, 5.750425e-4, 3.750625e-4, 2.50975e-5, 1e-7, 1e-7],
    ),
    (
        "polynomial",
        5,
        {"lr_end": 1e-5, "power": 2.0},
        [0, 8e-4, 7.37346938776e-4, 4.37518367347e-4, 1.91836734694e-4, 1.08081632653e-5, 1e-5]
        + [1e-5],
    ),
    ("constant", 0, {}, [1e-3] * 8),
    ("constant_with_warmup", 10, {}, [0, 4e-4] + [1e-3] * 6),
    (
        "inverse_sqrt",
        10,
        {},
        [0, 4e-4, 1e-3, 7.66964988847e-4, 6.32455532034e-4, 5.06369683542e-4, 5e-4]
        + [4.8224282217e-4],
    ),
    (
        "inverse_sqrt",
        0,
        {},
        [1e-3, 9.9980005998e-4, 9.99500374688e-4, 9.99151082217e-4, 9.98752338878e-4]
        + [9.98055685276e-4, 9.9800598007e-4, 9.97856908997e-4],
    ),
    (
        "inverse_sqrt",
        10,
        {"timescale": 20},
        [0, 4e-4, 1e-3, 8.60662965824e-4, 7.55928946018e-4, 6.38876565e-4, 6.32455532034e-4]
        + [6.14295116834e-4],
    ),
]


def config(**more: Any) -> dict[str, Any]:
    known = {"lr_scheduler_type": "linear", "learning_rate": 1e-3, "max_steps": 40}
    return known | more


def rates(name: str = "linear", warm_up: float = 0, peak: float = 1e-3, **more: Any) -> list[Any]:
    """Return the rows of 40 steps, each with the rate that it used."""
    made = Schedule(name, peak, warm_up, 40, {}).at(np.arange(40.0))
    return column(RATE, made.tolist(), **more)


def look(rows: list[dict[str, Any]], config: dict[str, Any], **more: Any) -> Finding:
    return told(RULES, "learning_rate_schedule", rows, config, **more)


def in_effect(rows: list[dict[str, Any]], config: dict[str, Any], **more: Any) -> Finding:
    return told(RULES, "setting_not_in_effect", rows, config, **more)


class TestSchedule:
    @pytest.mark.parametrize(("name", "warm_up", "extra", "expected"), TRAINERS)
    def test_each_gives_what_the_trainer_uses(self, name, warm_up, extra, expected):
        schedule = Schedule(name, 1e-3, warm_up, 40, extra)

        assert schedule.at(DONE) == pytest.approx(expected, rel=1e-10, abs=1e-18)

    def test_warm_up_is_steps_or_a_share_of_all(self):
        assert warm_up_of(100, 0, 1_000) == 100
        assert warm_up_of(0.055, 0, 90) == 5  # 4.95, rounded up
        assert warm_up_of(0, 0.1, 95) == 10  # warmup_ratio of transformers 4: 9.5, rounded up
        assert warm_up_of(3, 0.5, 95) == 3  # steps count before a ratio
        assert warm_up_of(0, 0, 95) == 0


class TestLearningRateSchedule:
    @pytest.mark.parametrize(("name", "warm_up", "extra", "expected"), TRAINERS)
    def test_rates_of_the_trainer_are_as_the_config_says(self, name, warm_up, extra, expected):
        rows = [{STEP: 1 + done, RATE: rate} for done, rate in zip(DONE, expected, strict=True)]
        said = config(lr_scheduler_type=name, warmup_steps=warm_up)
        said |= {f"lr_scheduler_kwargs.{key}": value for key, value in extra.items()}

        found = look(rows, said)

        assert found.status == "not_found"
        assert found.numbers["deviation"] < 1e-9
        assert found.numbers["logged_after_the_step"] is False

    def test_a_rate_logged_after_the_step_is_as_good(self):
        rows = rates("linear", first=0)[1:]  # transformers 4: step n holds the rate of step n + 1

        found = look(rows, config())

        assert found.status == "not_found"
        assert found.numbers["logged_after_the_step"] is True

    def test_a_real_run_is_as_its_config_says(self):
        found = look(HEALTHY["rows"], HEALTHY["config"])

        assert found.status == "not_found"
        assert found.numbers["warm_up_config"] == 8  # .1 x 76 = 7.6, rounded up
        assert found.numbers["deviation"] < 1e-6

    def test_another_peak_is_found_with_its_factor(self):
        found = look(rates(peak=4e-3, warm_up=8), config(warmup_steps=8))

        assert (found.status, found.label) == ("found", "other_peak")
        assert "4 times what is expected" in found.sentence
        assert found.numbers["peak_logged"] == pytest.approx(4e-3)
        assert found.numbers["peak_expected"] == pytest.approx(1e-3)

    def test_a_warm_up_that_was_left_out_is_found(self):
        found = look(rates(warm_up=0), config(warmup_steps=20))

        assert (found.status, found.label) == ("found", "other_warm_up")
        assert "a warm-up of 0 steps" in found.sentence
        assert found.steps is not None
        assert found.steps[0] == 1

    def test_a_longer_warm_up_is_found_where_the_rate_peaks(self):
        found = look(rates(warm_up=20), config(warmup_steps=4))

        assert found.label == "other_warm_up"
        assert "a warm-up of 20 steps" in found.sentence
        assert found.numbers["peak_step"] == 21

    def test_another_schedule_is_found_by_name(self):
        found = look(rates("constant"), config(lr_scheduler_type="cosine"))

        assert (found.status, found.label) == ("found", "other_schedule")
        assert "`constant`" in found.sentence
        assert found.numbers["final_expected"] == pytest.approx(1.54e-6, rel=0.01)

    def test_what_nothing_explains_is_found_all_the_same(self):
        rows = column(RATE, [1e-3 if at % 7 else 1e-4 for at in range(40)])

        found = look(rows, config())

        assert (found.status, found.label) == ("found", "other")

    def test_rates_of_zero_are_no_multiple(self):
        found = look(column(RATE, [0.0] * 40), config(lr_scheduler_type="constant"))

        assert (found.status, found.label) == ("found", "other")

    def test_rates_where_none_is_expected_are_found(self):
        rows = [{STEP: step, RATE: 1e-3} for step in (50, 60, 70)]  # behind the last of 40 steps

        assert look(rows, config()).status == "found"

    def test_fp16_is_told_of_skipped_steps(self):
        assert "skipped steps" in look(rates(warm_up=9), config(fp16=True)).sentence

    def test_a_rate_far_from_the_peak_is_told_as_a_multiple(self):
        """.04 where .001 and less is expected: 39 peaks or more apart."""
        found = look([{STEP: at, RATE: 0.04} for at in range(1, 9)], config())

        assert "39" in found.sentence
        assert "times the peak apart" in found.sentence
        assert "%" not in found.sentence

    def test_a_rate_beyond_any_multiple_is_told_in_words(self):
        """1.7e308 / .001 is beyond the largest float."""
        found = look([{STEP: at, RATE: 1.7e308} for at in range(1, 9)], config())

        assert "more times the peak apart than a float can hold" in found.sentence

    def test_no_deviation_is_no_number(self):
        found = look(rates("constant"), config(lr_scheduler_type="constant"))

        assert found.status == "not_found"
        assert found.sentence.endswith("without any deviation.")

    def test_the_tolerance_can_be_set(self):
        rows = rates(peak=1.03e-3)
        lenient = {"learning_rate_schedule.tolerance": 0.05}

        assert look(rows, config()).status == "found"
        assert look(rows, config(), thresholds=lenient).status == "not_found"

    def test_all_steps_are_worked_out_from_epochs(self):
        # 10 steps a pass, 4 passes: 40 steps. Epochs rounded to two decimals, as transformers 4.
        rows = [{**row, "train/epoch": round(row[STEP] / 10, 2)} for row in rates()]
        said = config(max_steps=-1, num_train_epochs=4)

        found = look(rows, said)

        assert found.status == "not_found"
        assert found.numbers["steps_planned"] == 40

    def test_a_constant_rate_needs_no_total(self):
        said = config(lr_scheduler_type="constant_with_warmup", max_steps=-1, warmup_steps=5)

        assert look(rates("constant_with_warmup", 5), said).status == "not_found"

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"lr_scheduler_type": None}, "names no lr_scheduler_type"),
            ({"lr_scheduler_type": "greedy"}, "'greedy' is none of linear, cosine"),
            ({"learning_rate": None}, "no learning_rate above 0"),
            ({"learning_rate": 0}, "no learning_rate above 0"),
            ({"max_steps": -1}, "how many optimizer steps"),
            (
                {
                    "lr_scheduler_type": "constant_with_warmup",
                    "max_steps": -1,
                    "warmup_ratio": 0.1,
                },
                "how many optimizer steps",
            ),
            ({"lr_scheduler_kwargs": "{}"}, "lr_scheduler_kwargs '{}' cannot be read"),
            ({"lr_scheduler_kwargs": {"num_cycles": 2}}, "num_cycles 2 is not known"),
            (
                {"lr_scheduler_type": "cosine", "lr_scheduler_kwargs.num_cycles": "two"},
                "num_cycles 'two' is not known",
            ),
        ],
    )
    def test_a_config_that_names_no_schedule_cannot_tell(self, said, why):
        found = look(rates(), config(**said))

        assert found.status == "cannot_tell"
        assert why in found.sentence

    def test_arguments_of_a_schedule_are_read(self):
        made = Schedule("cosine", 1e-3, 0, 40, {"num_cycles": 1.0}).at(np.arange(40.0))
        said = config(lr_scheduler_type="cosine", lr_scheduler_kwargs={"num_cycles": 1.0})

        assert look(column(RATE, made.tolist()), said).status == "not_found"

    def test_rows_without_an_optimizer_step_cannot_tell(self):
        found = look([{"_step": at, RATE: 1e-3} for at in range(9)], config())

        assert found.status == "cannot_tell"
        assert "no optimizer step" in found.sentence

    def test_two_points_cannot_tell(self):
        assert look(rates()[:2], config()).status == "cannot_tell"

    def test_a_run_without_rates_cannot_tell(self):
        assert "learning_rate=KEY" in look([{"loss": 1.0}], config()).sentence

    @pytest.mark.parametrize("value", [1e300, 1.7e308, -1e300])
    def test_values_without_measure_are_found_and_stay_json(self, value):
        rows = column(RATE, [value] * 5)

        assert look(rows, config(learning_rate=1e-300)).status == "found"


def trained(
    steps: int = 40, *, logging: int = 5, looks: int = 10, batch: int = 8, pace: int = 20
) -> list[dict[str, Any]]:
    """Return rows as the Trainer writes them, `pace` steps a pass."""
    rows: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        common = {STEP: step, "train/epoch": step / pace}
        if step % logging == 0:
            seen_ = {"train/examples_seen": batch * step}
            rows.append({**common, **seen_, "train/loss": 0.5, RATE: 1e-3 * (1 - (step - 1) / 40)})
        if step % looks == 0 or step == steps:
            rows.append({**common, "eval/loss": 0.6})
    return rows


TRAINED = {
    "max_steps": -1,
    "num_train_epochs": 2.0,
    "logging_steps": 5,
    "eval_steps": 10,
    "eval_strategy": "steps",
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 1e-3,
    "lr_scheduler_type": "linear",
}


class TestSettingNotInEffect:
    def test_a_run_as_its_config_says_is_let_pass(self):
        found = in_effect(trained(), TRAINED)

        assert found.status == "not_found"
        assert found.numbers["checked"] == [
            "num_train_epochs",
            "logging_steps",
            "eval_steps",
            "examples per step",
            "learning_rate",
        ]

    def test_a_real_run_is_let_pass(self):
        assert in_effect(HEALTHY["rows"], HEALTHY["config"]).status == "not_found"

    def test_a_sweeps_config_that_was_not_handed_on_is_found(self):
        # The trap of TRAINING 3: locked by the sweep, while the program used its defaults.
        locked = TRAINED | {"learning_rate": 5e-4, "per_device_train_batch_size": 64}

        found = in_effect(trained(), locked)

        assert found.status == "found"
        assert found.numbers["asked"] == {"examples per step": 64, "learning_rate": 5e-4}
        assert found.numbers["seen"]["examples per step"] == 8
        assert "examples per step is 64, but a step took 8 examples" in found.sentence

    def test_accumulation_and_devices_multiply_the_batch(self):
        said = TRAINED | {"gradient_accumulation_steps": 2, "world_size": 2}

        assert in_effect(trained(batch=32), said).status == "not_found"
        assert in_effect(trained(batch=16), said).numbers["asked"] == {"examples per step": 32}

    def test_what_is_known_of_the_run_counts_before_the_config(self):
        found = in_effect(trained(), TRAINED, examples_per_step=16.0)

        assert found.numbers["asked"] == {"examples per step": 16}

    def test_small_last_batches_are_let_pass(self):
        # Passes of 4 steps with 8, 8, 8 and 2 examples, logged once a pass: 26 / 4 = 6.5 a step.
        rows = [{STEP: 4 * at, "train/examples_seen": 26 * at} for at in range(1, 9)]

        found = in_effect(rows, {"per_device_train_batch_size": 8})

        assert found.status == "not_found"

    def test_passes_of_few_steps_are_not_judged(self):
        rows = [
            {STEP: at, "train/epoch": float(at), "train/examples_seen": 5 * at}
            for at in range(1, 9)
        ]

        found = in_effect(rows, {"per_device_train_batch_size": 8})

        assert found.status == "cannot_tell"

    def test_examples_beyond_the_largest_float_are_told_in_words(self):
        rows = [
            {STEP: at, "train/examples_seen": v} for at, v in enumerate([-1.7e308, 1.7e308] * 3)
        ]

        found = in_effect(rows, {"per_device_train_batch_size": 8})

        assert "but a step took more examples than a float can hold" in found.sentence

    def test_a_batch_without_measure_is_not_judged(self):
        rows = [{STEP: at, "train/examples_seen": 8 * at} for at in range(9)]

        assert in_effect(rows, {}, examples_per_step=math.inf).status == "cannot_tell"

    def test_steps_without_measure_have_no_cadence(self):
        """The middle two of four gaps are .95e308: their sum is beyond the largest float."""
        steps = (-1.7e308, -1.699e308, -0.75e308, 0.2e308, 1.4e308)
        rows = [{STEP: x, "train/loss": 1.0} for x in steps]

        assert in_effect(rows, {"logging_steps": 8}).status == "cannot_tell"

    def test_too_few_rows_of_examples_are_not_judged(self):
        rows = [{STEP: at, "train/examples_seen": 5 * at} for at in range(3)]

        assert in_effect(rows, {"per_device_train_batch_size": 8}).status == "cannot_tell"

    def test_other_cadences_are_found(self):
        found = in_effect(trained(logging=2, looks=5), TRAINED)

        assert found.numbers["asked"] == {"logging_steps": 5, "eval_steps": 10}
        assert "train/loss came every 2 steps" in found.sentence

    @pytest.mark.parametrize(
        "strategy",
        [{"logging_strategy": "epoch", "eval_strategy": "epoch"}, {"logging_steps": 0.9}],
    )
    def test_other_strategies_are_not_judged(self, strategy):
        found = in_effect(trained(logging=2), TRAINED | strategy)

        assert "logging_steps" not in found.numbers["checked"]

    def test_a_share_of_all_steps_is_a_cadence(self):
        said = TRAINED | {"max_steps": 40, "logging_steps": 0.11}  # 4.4, rounded up: 5

        found = in_effect(trained(), said)

        assert found.status == "not_found"
        assert "logging_steps" in found.numbers["checked"]

    def test_an_end_before_max_steps_is_found_and_may_be_on_purpose(self):
        found = in_effect(trained(40), TRAINED | {"max_steps": 100, "lr_scheduler_type": None})

        assert found.numbers["asked"]["max_steps"] == 100
        assert "stopped early on purpose?" in found.sentence

    def test_an_end_behind_max_steps_is_found(self):
        found = in_effect(trained(40), {"max_steps": 30})

        assert found.status == "found"
        assert "on purpose" not in found.sentence

    def test_the_last_log_may_lie_before_the_end(self):
        rows = [row for row in trained(40, looks=99) if row[STEP] <= 35]

        assert in_effect(rows, {"max_steps": 38}).status == "not_found"

    @pytest.mark.parametrize("state", ["running", "failed", "interrupted", "stopped"])
    def test_ends_are_judged_of_finished_runs_alone(self, state):
        assert in_effect(trained(20), {"max_steps": 100}, state=state).status == "cannot_tell"

    def test_other_epochs_are_found(self):
        found = in_effect(trained(40), {"num_train_epochs": 3})

        assert found.numbers["asked"] == {"num_train_epochs": 3}
        assert "after 2 passes" in found.sentence

    def test_without_a_schedule_a_larger_rate_is_found(self):
        found = in_effect(trained(), {"learning_rate": 5e-4})

        assert found.numbers["asked"] == {"learning_rate": 5e-4}

    def test_without_a_schedule_a_smaller_rate_may_be_a_decayed_one(self):
        assert in_effect(trained(), {"learning_rate": 2e-3}).status == "not_found"

    def test_without_a_schedule_a_constant_smaller_rate_is_found(self):
        rows = column(RATE, [5e-5] * 9)

        assert in_effect(rows, {"learning_rate": 1e-3}).status == "found"
        assert in_effect(rows, {"learning_rate": 5e-5}).status == "not_found"

    def test_a_peak_that_lies_between_two_logs_is_allowed_for(self):
        made = Schedule("linear", 1e-3, 10, 40, {}).at(np.array([4.0, 19, 34]))
        rows = [{STEP: s, RATE: r} for s, r in zip((5, 20, 35), made.tolist(), strict=True)]

        said = {"lr_scheduler_type": "linear", "learning_rate": 1e-3, "warmup_steps": 10}
        found = in_effect(rows, said | {"max_steps": 40}, state="running")
        other = in_effect(rows, said | {"max_steps": 40, "learning_rate": 2e-3}, state="running")

        assert found.status == "not_found"  # 21 / 30 = .0007 at step 20 is all it could show
        # Neither way to read it fits; nearer is the rate after step 20: 20 / 30 of .002.
        assert "where the schedule reaches 0.001333" in other.sentence

    def test_a_warm_up_that_constant_has_not_is_found(self):
        rows = column(RATE, [1e-3] * 9)
        said = {"lr_scheduler_type": "constant", "warmup_steps": 100, "learning_rate": 1e-3}

        assert in_effect(rows, said).numbers["asked"] == {"warm-up": 100}
        assert in_effect(rows, said | {"warmup_steps": 0}).status == "not_found"

    def test_nothing_to_compare_cannot_tell(self):
        assert in_effect([{"loss": 1.0}], {"seed": 1}).status == "cannot_tell"

    def test_what_is_not_finite_is_left_out(self):
        rows = column(RATE, [math.nan] * 5) + [{STEP: math.nan, "train/loss": 1.0}]

        assert in_effect(rows, TRAINED).status == "cannot_tell"
