"""Settings by their names, and how far a run was to go."""

import math

import pytest

from paribus_sweeps.analysis.findings.recorded_settings import (
    Planned,
    Setting,
    planned_steps,
    setting,
    steps_an_epoch,
    steps_done,
    uses_fp16,
)
from tests.sweeps.analysis.findings.one_run import HEALTHY, STEP, seen

NAMES = ("max_grad_norm", "grad_clip")


class TestSetting:
    def test_a_name_is_a_key_or_the_last_part_of_one(self):
        assert setting({"max_grad_norm": 1.0}, NAMES) == Setting("max_grad_norm", 1.0)
        assert setting({"a.b.grad_clip": 2.0}, NAMES) == Setting("a.b.grad_clip", 2.0)
        assert setting({"my_max_grad_norm": 1.0}, NAMES) is None

    def test_the_whole_key_counts_before_a_part(self):
        config = {"old.max_grad_norm": 5.0, "max_grad_norm": 1.0}

        assert setting(config, NAMES) == Setting("max_grad_norm", 1.0)

    def test_parts_that_agree_are_one(self):
        config = {"a.grad_clip": 1.0, "b.grad_clip": 1.0}

        assert setting(config, NAMES) == Setting("a.grad_clip", 1.0)

    def test_parts_that_differ_are_none(self):
        assert setting({"a.grad_clip": 1.0, "b.grad_clip": 2.0}, NAMES) is None

    @pytest.mark.parametrize(
        "config", [{"fp16": True}, {"precision": "fp16"}, {"precision": "16-mixed"}]
    )
    def test_fp16_has_several_names(self, config):
        assert uses_fp16(config)

    @pytest.mark.parametrize("config", [{}, {"fp16": False}, {"precision": "bf16"}])
    def test_other_precisions_are_not_fp16(self, config):
        assert not uses_fp16(config)


class TestPlannedSteps:
    def test_our_program_says_it(self):
        assert planned_steps(seen([], HEALTHY["rows"], HEALTHY["config"])) == Planned(
            76, "planned.steps"
        )

    def test_max_steps_overrides_epochs(self):
        config = {"max_steps": 50, "num_train_epochs": 3}

        assert planned_steps(seen([], [], config)) == Planned(50, "max_steps")

    def test_epochs_times_the_steps_of_one_are_an_estimate(self):
        rows = [{STEP: 60, "train/epoch": 1.6}, {STEP: 76, "train/epoch": math.nan}]

        found = planned_steps(seen([], rows, {"num_train_epochs": 2, "max_steps": -1}))

        assert found == Planned(75, "num_train_epochs", is_estimate=True)  # 2 x 60 / 1.6
        assert found.words == "about 75 steps (num_train_epochs)"

    def test_more_steps_than_a_number_holds_are_none(self):
        """1e308 epochs of 37.5 steps."""
        rows = [{STEP: 60, "train/epoch": 1.6}]

        assert planned_steps(seen([], rows, {"num_train_epochs": 1e308})) is None

    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [{STEP: 5, "train/epoch": 0.1}],  # too early
            [{STEP: 5, "epoch": 1.0}],  # other programs count passes from 0
            [{STEP: 0, "train/epoch": 1.0}],
            [{STEP: 5}, {"train/epoch": 1.0}],
        ],
    )
    def test_without_steps_and_passes_there_is_none(self, rows):
        asked = seen([], rows, {"num_train_epochs": 2})

        assert steps_an_epoch(asked) is None
        assert planned_steps(asked) is None

    def test_steps_done_are_the_largest_finite_one(self):
        rows = [{STEP: 5.0}, {STEP: 9.0}, {STEP: math.nan}, {STEP: 7.0}]

        assert steps_done(seen([], rows)) == 9
        assert steps_done(seen([], [{STEP: math.nan}])) is None
        assert steps_done(seen([], [])) is None
