"""What moved along with a factor is said, and timing noise is not."""

import math
from typing import Any

import pytest

from paribus_sweeps.analysis.along import MovedAlong, moved_along
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

BATCH = Factor("batch", ("batch",), (Level("8", {"batch": 8}), Level("64", {"batch": 64})))


def run(
    batch: str | None, value: float | None = 0.3, state: str = "finished", **along: Any
) -> Run:
    return Run(id="", setting={"batch": batch}, value=value, state=state, along=along)


def found(*runs: Run, factor: Factor = BATCH) -> dict[str, MovedAlong]:
    return {fact.quantity: fact for fact in moved_along([factor], runs)}


class TestNumbers:
    def test_steps_that_follow_the_batch_size_are_told(self) -> None:
        [fact] = found(run("64", steps=100), run("8", steps=800), run("8", steps=802)).values()

        assert fact.as_dict() == {
            "factor": "batch",
            "quantity": "steps",
            "by_level": {"8": 801.0, "64": 100.0},
            "sentence": "`steps` moved along with `batch`: 801 at 8, 100 at 64. "
            "It is part of the effect.",
        }

    @pytest.mark.parametrize(("steps", "told"), [(105, False), (106, True), (95, False)])
    def test_a_twentieth_is_timing_noise(self, steps: int, told: bool) -> None:
        # 105 against 100: 5 / 105 < 0.05; 106: 6 / 106 > 0.05
        assert bool(found(run("8", steps=100), run("64", steps=steps))) == told

    def test_zeros_do_not_move(self) -> None:
        assert found(run("8", lost=0), run("64", lost=0)) == {}

    def test_the_largest_floats_have_a_mean(self) -> None:
        runs = [run("8", x=1.7e308), run("8", x=1.7e308), run("64", x=0)]

        assert found(*runs)["x"].by_level == {"8": 1.7e308, "64": 0.0}

    def test_a_quantity_that_a_level_lacks_is_not_compared(self) -> None:
        assert found(run("8", steps=100), run("64")) == {}


class TestTexts:
    def test_values_of_each_level_are_listed(self) -> None:
        runs = [run("8", gpu="T4"), run("8", gpu="A100"), run("64", gpu="A100")]

        assert found(*runs)["gpu"].sentence == (
            "`gpu` moved along with `batch`: A100, T4 at 8; A100 at 64. It is part of the effect."
        )

    def test_the_same_values_do_not_move(self) -> None:
        runs = [run("8", gpu="T4"), run("8", gpu="A100"), run("64", gpu="A100")]

        assert found(*runs, run("64", gpu="T4")) == {}

    def test_numbers_that_are_not_finite_are_texts(self) -> None:
        assert found(run("8", x=math.inf), run("64", x=1))["x"].by_level == {"8": "inf", "64": "1"}

    def test_very_many_values_are_counted(self) -> None:
        runs = [run("8", print=f"p{at}") for at in range(8)]

        assert found(*runs, run("64", print="p0"))["print"].by_level["8"] == (
            "p0, p1, p2, p3, p4, p5 and 2 more"
        )


class TestWhichRuns:
    @pytest.mark.parametrize(
        "lost", [{"value": None}, {"value": math.nan}, {"state": "crashed", "value": 0.3}]
    )
    def test_only_those_that_an_answer_uses(self, lost: dict[str, Any]) -> None:
        runs = [run("8", steps=100), run("64", steps=100), run("64", **lost, steps=900)]

        assert found(*runs) == {}

    def test_a_factor_at_one_level_moves_nothing(self) -> None:
        assert found(run("8", steps=100), run("8", steps=800)) == {}

    def test_a_factor_without_levels_is_left_out(self) -> None:
        runs = [run("8", steps=100), run("64", steps=800)]

        assert found(*runs, factor=Factor("batch", ("batch",), (), kind="continuous")) == {}

    def test_levels_that_nobody_declared_come_last_by_name(self) -> None:
        runs = [run(label, steps=at) for at, label in enumerate([None, "16", "64"], start=1)]

        assert list(found(*runs)["steps"].by_level) == ["64", "16", "<unset>"]
