"""The four runs of DESIGN 1 beside one another, and comparisons of anything that runs log."""

import json
import math
import random
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rules import COMPARISONS
from paribus_sweeps.analysis.findings.watching import comparisons_of
from tests.sweeps.analysis.findings.runs_beside import A100, T4, bad_histories, seen

# batch, ratio, cadence, steps of three epochs, eval_steps, logging_steps, GPU, last step, tests
FOUR = {
    "r1": (8, "1:1", "coarse", 9_375, 200, 200, A100, 9_375, 25_000),
    "r2": (64, "4:1", "coarse", 1_875, 200, 200, A100, 1_875, 10_000),
    "r3": (64, "1:1", "fine", 1_173, 20, 10, A100, 1_173, 25_000),
    "r4": (8, "1:1", "fine", 9_375, 20, 10, T4, 7_000, 25_000),
}
"""Counts of DESIGN 1; R4 was cut off."""


def four_runs(**more):
    return [logged(name, *told, **more) for name, told in FOUR.items()]


def logged(name, batch, ratio, cadence, steps, looks, logs, gpu, last, tests, **more):
    """One run as a Trainer logs it: the loss falls with the examples that were seen."""
    chance = random.Random(name)
    rows = []
    for step in range(1, last + 1):
        row = {"train/global_step": step, "train/epoch": 3 * step / steps}
        if step % logs == 0:
            spread = 1.0 if batch == 8 else 0.5
            rows.append({**row, "train/loss": 0.3 + 0.4 * math.exp(-step * batch / 20_000),
                         "train/grad_norm": math.exp(chance.gauss(1, spread))})  # fmt: skip
        if step % looks == 0 or step == steps:
            loss = 0.3 + 0.4 * math.exp(-step * batch / 500)
            rows.append({**row, "eval/loss": loss, "eval/accuracy": 0.9})
    return seen(
        name,
        rows,
        COMPARISONS,
        name=name.upper(),
        state="interrupted" if last < steps else "finished",
        setting={"batch": str(batch), "ratio": ratio, "cadence": cadence},
        blocks={"gpu_name": gpu},
        config={
            "per_device_train_batch_size": batch, "eval_steps": looks, "logging_steps": logs,
            "data.test.reviews": tests,
        },
        examples_per_step=float(batch),
        **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def told():
    return comparisons_of(four_runs())


def only(found: list[Finding], rule: str, **fields) -> Finding:
    (one,) = [
        f
        for f in found
        if f.rule == rule and all(getattr(f, name) == value for name, value in fields.items())
    ]
    return one


class TestTheStory:
    def test_r1_looked_when_the_fall_was_over(self, told):
        """Since step 20, of exp(-8 x / 500): 1 - e^-3.2 / e^-.32 = .944."""
        found = only(told, "looked_too_coarsely", label="fall_over")

        assert (found.status, found.runs) == ("found", ("r1", "r4"))
        assert found.numbers["share"] == pytest.approx(1 - math.exp(-2.88), abs=1e-6)
        assert f"of the same setting, but gpu_name {A100} against {T4}" in found.sentence

    def test_a_smooth_curve_is_not_made_irregular(self, told):
        for label in ("hidden", "made"):
            assert only(told, "looked_too_coarsely", label=label).status == "not_found"

    def test_the_others_have_no_denser_partner(self, told):
        found = only(told, "looked_too_coarsely", label=None)

        assert (found.status, found.runs) == ("cannot_tell", ("r2", "r3", "r4"))

    def test_r1_and_r3_are_one_pair_whose_cadence_differs_too(self, told):
        """R3 against R1, both on the A100: no interval from one pair."""
        found = only(told, "gradient_spread", factor="batch")

        assert (found.status, found.runs) == ("cannot_tell", ("r1", "r3"))
        assert "One pair of runs: no interval" in found.sentence
        assert "8 has made 8 times the optimizer steps" in found.sentence
        assert "also differ in how often they looked or logged" in found.sentence
        assert found.numbers["steps"]["why_not"] is not None

    def test_the_cadence_is_no_factor_of_gradients(self, told):
        """And R2 and R3 differ in the ratio and the cadence alone."""
        assert [f.factor for f in told if f.rule == "gradient_spread"] == ["batch", "ratio"]

    def test_equal_epochs_are_unequal_steps(self, told):
        """R4 made 2.24 epochs and is left out."""
        found = only(told, "unequal_steps")

        assert (found.status, found.runs) == ("found", ("r1", "r2", "r3"))
        assert found.numbers["ratio"] == pytest.approx(9_375 / 1_173)

    def test_the_ratio_also_changes_the_test_set(self, told):
        found = only(told, "evaluation_sets_differ")

        assert (found.status, found.factor) == ("found", "ratio")

    def test_no_seed_was_repeated(self, told):
        assert {f.status for f in told if f.rule == "seed_noise"} == {"cannot_tell"}


class TestAnything:
    def test_runs_are_taken_in_the_order_of_their_ids(self, told):
        assert comparisons_of(reversed(four_runs())) == told

    def test_no_run_and_one_run_say_little(self):
        assert comparisons_of([]) == []
        assert {f.status for f in comparisons_of(four_runs()[:1])} == {"cannot_tell"}

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(st.sampled_from(sorted(bad_histories())), min_size=2, max_size=6),
        st.randoms(use_true_random=False),
    )
    def test_what_comes_is_a_sentence_and_plain_json(self, names, chance):
        runs = [
            seen(
                f"r{at}",
                bad_histories()[name],
                COMPARISONS,
                setting={"a": str(at % 2), "eval_steps": str(at % 3)},
                replicate={"seed": chance.randrange(2)},
                examples_per_step=chance.choice([None, 8.0, math.inf, math.nan, -1.0, 1e300]),
            )
            for at, name in enumerate(names)
        ]

        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for found in comparisons_of(runs):
                assert found.sentence
                json.dumps(found.as_dict(), allow_nan=False)
