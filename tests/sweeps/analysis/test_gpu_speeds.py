"""Speeds by kind of GPU: which unit, which pairs, what is left out and said."""

import json
from typing import Any

import pytest

from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.gpu_speeds import (
    ALL_BUT_THE_SEED,
    EVERYTHING,
    Compared,
    gpu_speeds,
    setting_of,
)
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.run_speed import run_speed

T4, A100 = "Tesla T4", "NVIDIA A100"


def run(
    name: str,
    gpu: str | None,
    rate: float | None,
    *,
    batch: int | None = 8,
    seed: int = 0,
    step_key: str = "train/global_step",
    look: float | None = None,
    eval_batch: int | None = None,
    **setting: Any,
) -> Compared:
    """A run cut off behind 50 steps at `rate` steps a second, and a look at `look` batches."""
    rows: list[dict[str, Any]] = []
    if rate is not None:
        rows = [{step_key: 10 * i, "_runtime": 10 * i / rate} for i in range(6)]
    if look is not None:
        rows.append({"eval/runtime": 10.0, "eval/steps_per_second": look})
    config = {"per_device_eval_batch_size": eval_batch} if eval_batch else {}
    facts = Facts(
        run=name,
        state="interrupted",
        config=config,
        blocks={"gpu_name": gpu} if gpu else {},
        examples_per_step=batch,
    )
    held = {"batch": batch, **config, **setting}
    return Compared(run_speed(History.of_rows(rows), facts), held, {"seed": seed})


class TestTheStory:
    def test_eval_rates_of_two_runs_that_were_cut_off(self):
        """17.233 / 4.553 = 3.785; one look each is a rate, and one pair no interval."""
        runs = [run("r4", T4, None, look=4.553), run("r4-again", A100, None, look=17.233)]

        told = gpu_speeds(runs, seed="story")["evaluation"]

        [found] = told.ratios
        assert found.ratio.ratio == pytest.approx(3.785, abs=5e-4)
        assert (found.ratio.n, found.ratio.low, found.matched) == (1, None, EVERYTHING)
        assert "n = 1, no interval" in found.ratio.sentence
        assert told.unit == "batches per second"

    def test_training_rates_of_two_runs_that_were_cut_off(self):
        told = gpu_speeds([run("a", T4, 4.553), run("b", A100, 17.233)])["training"]

        [found] = told.ratios
        assert found.ratio.ratio == pytest.approx(3.785, abs=5e-4)
        assert (told.unit, told.cautions) == ("steps per second", ())


class TestGpus:
    def test_each_kind_has_n_mean_least_and_most(self):
        runs = [
            run("a", T4, 2.0),
            run("b", T4, 4.0, seed=1),
            run("c", T4, None),
            run("d", A100, 9),
        ]

        a100, t4 = gpu_speeds(runs)["training"].gpus

        assert (t4.gpu_name, t4.n, t4.without) == (T4, 2, 1)
        assert (t4.mean, t4.least, t4.most) == tuple(map(pytest.approx, (3, 2, 4)))
        assert (a100.n, a100.mean) == (1, pytest.approx(9))

    def test_a_kind_without_a_rate_has_no_mean(self):
        [t4] = gpu_speeds([run("a", T4, None)])["training"].gpus

        assert (t4.n, t4.mean, t4.least, t4.most, t4.without) == (0, None, None, None, 1)

    def test_runs_without_a_gpus_name_are_left_out_and_counted(self):
        told = gpu_speeds([run("a", T4, 2.0), run("b", None, 2.0)])["training"]

        assert [gpu.n for gpu in told.gpus] == [1]
        assert told.cautions == ("left out: 1 run without a GPU's name",)

    def test_no_runs_have_no_speeds(self):
        told = gpu_speeds([])

        assert (told["training"].gpus, told["training"].ratios) == ((), ())


class TestUnit:
    def test_between_batch_sizes_rates_are_examples(self):
        """Batch 8 at 4 steps and batch 64 at 1: 32 and 64 examples a second."""
        told = gpu_speeds([run("a", T4, 4.0), run("b", T4, 1.0, batch=64)])["training"]

        assert told.unit == "examples per second"
        assert (told.gpus[0].least, told.gpus[0].most) == (pytest.approx(32), pytest.approx(64))
        assert told.cautions == (
            "not every run has the same examples in a step, so rates are examples per second",
        )

    def test_between_evaluation_batches_too(self):
        runs = [
            run("a", T4, None, look=4.0, eval_batch=8),
            run("b", T4, None, look=1.0, eval_batch=64),
        ]

        told = gpu_speeds(runs)["evaluation"]

        assert (told.unit, told.gpus[0].most) == ("examples per second", pytest.approx(64))

    def test_where_a_size_is_not_known_steps_stay_and_that_is_said(self):
        told = gpu_speeds([run("a", T4, 4.0), run("b", T4, 1.0, batch=None)])["training"]

        assert told.unit == "steps per second"
        assert told.cautions == (
            "rates are steps per second: how many examples one takes is not known of 1 of "
            "2 runs, and between batch sizes steps are not comparable",
        )

    def test_of_one_run_nothing_needs_saying(self):
        assert gpu_speeds([run("a", T4, 4.0, batch=None)])["training"].cautions == ()

    def test_a_run_that_tells_examples_alone_brings_all_to_examples(self):
        told = run("b", T4, None)
        rows = [{"eval/runtime": 1.0, "eval/samples_per_second": 7.0}]
        other = run_speed(History.of_rows(rows), Facts(run="c", blocks={"gpu_name": T4}))
        runs = [run("a", T4, None, look=4.0, eval_batch=8), Compared(other, {}), told]

        found = gpu_speeds(runs)["evaluation"]

        assert found.unit == "examples per second"
        assert (found.gpus[0].n, found.gpus[0].least) == (2, pytest.approx(7))

    def test_calls_of_log_are_not_compared_with_optimizer_steps(self):
        told = gpu_speeds([run("a", T4, 4.0), run("b", A100, 9.0, step_key="_step")])["training"]

        assert [gpu.gpu_name for gpu in told.gpus] == [T4]
        assert told.cautions == ("left out: 1 run without a logged optimizer step",)

    def test_among_themselves_they_are(self):
        runs = [run(name, gpu, rate, step_key="_step") for name, gpu, rate in
                (("a", T4, 2.0), ("b", A100, 8.0))]  # fmt: skip

        assert gpu_speeds(runs)["training"].ratios[0].ratio.ratio == pytest.approx(4)


class TestPairs:
    def test_seeds_are_paired_with_themselves(self):
        """2 and 4 times as fast: the mean of their logarithms is that of 2 sqrt(2)."""
        runs = [
            run("a0", T4, 1.0), run("a1", T4, 1.0, seed=1),
            run("b0", A100, 2.0), run("b1", A100, 4.0, seed=1),
        ]  # fmt: skip

        [found] = gpu_speeds(runs)["training"].ratios

        assert (found.matched, found.ratio.n) == (EVERYTHING, 2)
        assert found.ratio.ratio == pytest.approx(2 * 2**0.5)
        assert found.ratio.low is not None

    def test_without_a_strict_pair_settings_are_paired_and_labelled(self):
        """Each setting ran once: another seed on another GPU."""
        runs = [
            run("a", T4, 1.0, lr=1), run("b", A100, 2.0, seed=1, lr=1),
            run("c", T4, 1.0, lr=2), run("d", A100, 8.0, seed=1, lr=2),
        ]  # fmt: skip

        [found] = gpu_speeds(runs)["training"].ratios

        assert (found.matched, found.ratio.n) == (ALL_BUT_THE_SEED, 2)
        assert found.ratio.ratio == pytest.approx(4)

    def test_runs_of_other_settings_are_no_pair(self):
        runs = [run("a", T4, 1.0, lr=1), run("b", A100, 2.0, lr=2)]

        [found] = gpu_speeds(runs)["training"].ratios

        assert (found.ratio.n, found.ratio.ratio, found.matched) == (0, None, EVERYTHING)

    def test_8_and_8_0_are_one_setting(self):
        runs = [run("a", T4, 1.0, lr=1), run("b", A100, 2.0, lr=1.0)]

        assert gpu_speeds(runs)["training"].ratios[0].ratio.n == 1

    def test_it_is_plain_json(self):
        runs = [run("a", T4, 4.553, look=1.0), run("b", A100, 17.233)]

        told = {part: one.as_dict() for part, one in gpu_speeds(runs, seed="s").items()}

        assert json.loads(json.dumps(told, allow_nan=False)) == told
        assert told["training"]["ratios"][0]["matched"] == EVERYTHING
        assert told["training"]["gpus"][0]["gpu_name"] == A100


class TestSettingOf:
    CONFIG = {
        "batch": 8, "seed": 1, "eval_steps": 20, "software.torch": "2.9", "gpu_name": T4,
        "gpu_count": 1, "host": "a", "output_dir": "x", "run_name": "y", "planned.steps": 3,
    }  # fmt: skip

    def test_where_it_ran_is_no_setting_and_how_many_gpus_it_had_is(self):
        setting, replicate = setting_of(self.CONFIG)

        assert setting == {"batch": 8, "eval_steps": 20, "software.torch": "2.9", "gpu_count": 1}
        assert replicate == {"seed": 1}

    def test_what_is_ignored_may_differ(self):
        setting, replicate = setting_of(self.CONFIG, ["versions", "seed", "eval_steps"])

        assert (setting, replicate) == ({"batch": 8, "gpu_count": 1}, {})
