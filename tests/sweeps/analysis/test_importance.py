"""Association is shown as such, and only where there is more than noise."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis import importance as module
from paribus_sweeps.analysis.effects import effects
from paribus_sweeps.analysis.importance import DESIGNED, Importance, importance
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

RANDOM = Question("loss", sampler="random", has_plan=False, experiment="s1")
BAYES = replace(RANDOM, sampler="bayes")


def continuous(name: str) -> Factor:
    return Factor(name, (name,), (), kind="continuous")


def table(
    columns: Mapping[str, Any],
    values: Any,
    *,
    blocks: Mapping[str, Any] | None = None,
    **more: Any,
) -> Table:
    """Columns of floats are continuous factors; columns of text have levels."""
    is_text = {name: isinstance(found[0], str) for name, found in columns.items()}
    factors = [
        Factor(name, (name,), tuple(Level(v, {name: v}) for v in sorted(set(found))))
        if is_text[name]
        else continuous(name)
        for name, found in columns.items()
    ]
    runs = [
        Run(
            id=f"r{at:04d}",
            setting={
                name: found[at] if is_text[name] else repr(float(found[at]))
                for name, found in columns.items()
            },
            value=float(value),
            blocks={name: found[at] for name, found in (blocks or {}).items()},
        )
        for at, value in enumerate(values)
    ]
    return Table.from_runs(runs, factors, blocks=tuple(blocks or ()), **more)


def drawn(runs: int = 60, seed: int = 1) -> tuple[dict[str, Any], Any]:
    """Lr does nearly everything, wd a little, seeds of the data nothing."""
    words = np.random.default_rng(seed)
    columns = {name: words.random(runs) for name in ("lr", "wd", "data")}
    return columns, 4 * columns["lr"] + columns["wd"] + words.normal(0, 0.3, runs)


def noise(runs: int = 60) -> tuple[dict[str, Any], Any]:
    columns, _ = drawn(runs)
    return columns, np.random.default_rng(2).normal(size=runs)


def asked(found: tuple[dict[str, Any], Any], question: Question, **more: Any) -> Importance:
    return importance(table(*found, **more), question, trees=25, refits=5)


def by_factor(found: Importance) -> dict[str, Any]:
    return {one.factor: one for one in found.factors}


class TestDesigned:
    def test_a_designed_sweep_gets_no_association(self) -> None:
        found = asked(drawn(), Question("loss"))

        assert (found.label, found.method, found.factors) == (None, None, ())
        assert found.note == DESIGNED
        assert "`effects`" in found.note


class TestLeastSquares:
    def test_shares_are_those_of_type_two(self) -> None:
        made = table(*drawn())
        found = importance(made, RANDOM, refits=5)
        rows = effects(made, interactions="none")

        assert (found.method, found.oob_r2) == ("least_squares", None)
        for one in found.factors:
            row = rows.row(one.factor)
            assert row is not None
            assert one.importance == pytest.approx(row.omega_squared)
            low, high = one.interval or (0, 0)
            assert low <= high

    def test_the_largest_share_is_first_and_stays_so(self) -> None:
        lr = by_factor(asked(drawn(), RANDOM))["lr"]

        assert (lr.rank, lr.same_rank) == (1, 5)
        assert "rank 1 in 5 of 5 refits; randomised by the sampler" in lr.sentence

    def test_a_slope_is_in_standard_deviations_of_both(self) -> None:
        columns, values = drawn()
        lr = by_factor(asked((columns, values), RANDOM))["lr"]
        x = np.column_stack([np.ones(60), *columns.values()])
        slope = np.linalg.lstsq(x, values, rcond=None)[0][1]

        expected = slope * columns["lr"].std() / values.std()
        assert lr.slope.estimate == pytest.approx(expected)
        assert lr.slope.interval[0] < expected < lr.slope.interval[1]
        assert lr.slope.scale == "identity"

    def test_values_stand_in_the_model_as_the_table_says(self) -> None:
        words = np.random.default_rng(3)
        power = words.uniform(-6, -3, 40)
        values = -2 * power + words.normal(0, 0.01, 40)
        found = asked(({"lr": 10**power}, values), RANDOM, transforms={"lr": "log10"})

        # A straight line in log10: nearly all of the variance, and a slope of -1 sd.
        (lr,) = found.factors
        assert lr.importance == pytest.approx(1, abs=0.001)
        assert lr.slope is not None
        assert lr.slope.estimate == pytest.approx(-1, abs=0.001)
        assert "log10 of `lr`" in lr.sentence

    def test_levels_have_a_share_and_no_slope(self) -> None:
        optimizers = ["adam", "lion", "sgd"] * 10
        values = [
            {"adam": 0, "lion": 1, "sgd": 4}[name] + 0.1 * (at % 2)
            for at, name in enumerate(optimizers)
        ]
        (found,) = asked(({"optimizer": optimizers}, values), RANDOM).factors

        assert found.importance is not None
        assert found.importance > 0.9
        assert found.slope is None

    def test_a_factor_without_an_association_says_so(self) -> None:
        data = by_factor(asked(drawn(), RANDOM))["data"]

        assert data.sentence.startswith("`data`: no association shown (p = ")

    def test_noise_shows_nothing(self) -> None:
        found = asked(noise(), RANDOM)

        assert found.note.startswith("No importance shown: all factors together")
        assert [one.importance for one in found.factors] == [None] * 3

    @pytest.mark.parametrize("n", [8])
    def test_few_degrees_of_freedom_leave_the_forest_which_wants_more_runs(self, n: int) -> None:
        columns = {f"f{k}": np.random.default_rng(k).random(n) for k in range(5)}
        found = asked((columns, np.arange(n)), RANDOM)

        # 8 runs, 6 columns.
        assert found.method is None
        assert (
            "2 residual df are too few for least squares, so it is left to a forest."
            in found.reasons
        )
        assert found.note.startswith("8 finished runs: a forest takes 20")

    def test_a_model_that_fits_exactly_has_no_error_and_is_left_to_the_forest(self) -> None:
        columns, _ = drawn()
        found = asked((columns, 3 * columns["lr"]), RANDOM)

        assert found.method == "forest"
        assert found.reasons[1] == (
            "Least squares fits every run exactly and has no error to compare with, so it is "
            "left to a forest."
        )

    def test_factors_that_cannot_be_told_apart_are_left_to_the_forest(self) -> None:
        columns, values = drawn()
        columns["batch"] = 2 * columns["lr"] + 1
        found = asked((columns, values), RANDOM)

        assert found.method == "forest"
        assert found.reasons[1] == (
            "Least squares cannot tell `lr` and `batch` apart from the rest, so it is left to a "
            "forest."
        )

    def test_factors_that_nearly_moved_together_are_left_to_the_forest(self) -> None:
        columns, values = drawn()
        columns["twin"] = columns["lr"] + np.random.default_rng(4).normal(0, 0.02, 60)
        found = asked((columns, values), RANDOM)

        assert found.method == "forest"
        assert any(
            "has no meaning of its own, so it is left to a forest." in r for r in found.reasons
        )
        assert by_factor(found)["lr"].group == ("lr", "twin")


class TestForest:
    def test_the_largest_loss_is_first(self) -> None:
        found = asked(drawn(), BAYES)
        lr, wd, data = found.factors

        assert found.method == "forest"
        assert found.oob_r2 is not None
        assert found.oob_r2 > 0.5
        assert (lr.rank, lr.same_rank) == (1, 5)
        assert lr.importance is not None
        assert wd.importance is not None
        assert lr.importance > 5 * abs(wd.importance)
        assert "rank 1 in 5 of 5 refits." in lr.sentence
        assert data.sentence.startswith("`data` is not shown to matter: shuffling it")
        assert found.note.endswith("run a two-level factorial of `lr`.") or "`wd`" in found.note

    def test_noise_shows_nothing(self) -> None:
        found = asked(noise(), BAYES)

        assert found.oob_r2 is not None
        assert found.oob_r2 < 0.3
        assert found.note.startswith("No importance shown: the forest predicts")
        assert [one.importance for one in found.factors] == [None] * 3

    def test_twins_have_one_importance(self) -> None:
        columns, values = drawn()
        columns["twin"] = columns["lr"] + np.random.default_rng(4).normal(0, 0.02, 60)
        found = by_factor(asked((columns, values), BAYES))

        assert found["lr"].group == found["twin"].group == ("lr", "twin")
        assert found["lr"].importance == found["twin"].importance
        assert found["lr"].rank == found["twin"].rank == 1
        assert "shuffling it together with `twin`" in found["lr"].sentence
        assert found["wd"].group == ()

    def test_a_factor_that_moved_with_the_gpu_says_so(self) -> None:
        columns, values = drawn()
        gpus = ["A10" if x < 0.5 else "H100" for x in columns["lr"]]
        found = asked((columns, values), BAYES, blocks={"gpu_name": gpus})

        assert by_factor(found)["lr"].group == ("lr", "gpu_name")
        assert any(r.startswith("`lr` and `gpu_name` moved together") for r in found.reasons)

    def test_a_block_alone_has_no_importance(self) -> None:
        gpus = ["A10", "H100"] * 30
        found = asked(drawn(), BAYES, blocks={"gpu_name": gpus})

        assert [one.factor for one in found.factors] == ["lr", "wd", "data"]
        assert {one.rank for one in found.factors} == {1, 2, 3}

    def test_what_cannot_be_told_apart_gets_no_number(self) -> None:
        columns, values = drawn()
        columns["batch"] = 2 * columns["lr"] + 1
        answer = asked((columns, values), BAYES)
        found = by_factor(answer)

        assert len(answer.reasons) == 1  # and nothing of a common importance
        assert found["lr"].importance is None
        assert found["lr"].sentence == (
            "`lr`: cannot be told apart from `batch`: no importance is given."
        )
        assert found["wd"].importance is not None

    def test_where_nothing_stands_out_no_factorial_is_named(self) -> None:
        found = asked(drawn(), replace(BAYES, factors=("data",)))

        assert found.note.endswith("No single factor stands out.")

    def test_people_are_not_a_sampler(self) -> None:
        found = asked(drawn(), replace(RANDOM, sampler=None))

        assert found.method == "forest"
        assert found.label == "association"
        assert found.reasons[0].startswith("Neither a design nor a sampler chose")

    def test_too_few_runs(self) -> None:
        found = asked(drawn(19), BAYES)

        assert (found.method, found.oob_r2) == (None, None)
        assert found.note.startswith("19 finished runs: a forest takes 20")

    def test_too_many_runs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MOST_RUNS", 50)
        found = asked(drawn(), BAYES)

        assert found.note == "60 finished runs: a forest is not offered beyond 50."


class TestRefusals:
    @pytest.mark.parametrize("question", [RANDOM, BAYES])
    def test_a_response_that_is_always_the_same(self, question: Question) -> None:
        columns, _ = drawn()

        assert "there is no variation" in asked((columns, np.ones(60)), question).note

    def test_no_factor_varies(self) -> None:
        found = asked(({"lr": np.ones(30)}, np.arange(30)), BAYES)

        assert found.note == "No two finished runs differ in a factor."
        assert found.factors[0].sentence == "`lr`: never varied (always 1.0)."

    def test_no_run_has_finished(self) -> None:
        made = Table.from_runs([Run("r", {"lr": "1"}, None, state="failed")], [continuous("lr")])
        found = importance(made, BAYES)

        assert found.factors[0].sentence == "`lr`: never varied (always nothing)."

    def test_only_what_is_asked_about_is_answered(self) -> None:
        found = asked(drawn(), replace(RANDOM, factors=("wd",)))

        assert [one.factor for one in found.factors] == ["wd"]
        assert found.factors[0].rank == 2  # lr is in the model, and before it

    def test_runs_without_a_value_are_counted(self) -> None:
        columns, values = drawn()
        values[[3, 5]] = np.nan
        made = table(columns, values)
        states = tuple("stopped" if at in (3, 5) else "finished" for at in range(60))
        found = importance(replace(made, states=states), RANDOM, refits=2)

        assert found.reasons[1] == (
            "2 of 60 runs have no value and take no part (2 stopped): a run that was stopped "
            "early is no finished run."
        )

    def test_what_is_not_offered_is_named(self) -> None:
        told = asked(noise(), BAYES).as_dict()

        assert told["not_offered"] == ["fANOVA", "PED-ANOVA"]


class TestAnswer:
    @pytest.mark.parametrize("question", [RANDOM, BAYES])
    def test_the_same_runs_in_any_order_give_the_same_answer(self, question: Question) -> None:
        columns, values = drawn(30)
        made = table(columns, values)
        again = table(columns, values)

        first = importance(made, question, trees=5, refits=3)
        assert importance(again, question, trees=5, refits=3) == first

    def test_another_sweep_draws_other_trees(self) -> None:
        first = asked(drawn(), BAYES)

        assert asked(drawn(), replace(BAYES, experiment="s2")).oob_r2 != first.oob_r2

    @pytest.mark.parametrize("question", [RANDOM, BAYES, Question("loss")])
    def test_it_is_plain_json(self, question: Question) -> None:
        told = asked(drawn(), question).as_dict()

        assert json.loads(json.dumps(told)) == told
        assert set(told) == {
            "label", "method", "oob_r2", "factors", "reasons", "note", "not_offered",
        }  # fmt: skip

    def test_shares_at_the_bound_are_looked_at_as_ranks(self) -> None:
        columns, values = drawn()
        shares = np.minimum(1, np.round(values / 3, 2))  # about a third are at 1
        question = replace(RANDOM, denominator=100)

        found = asked((columns, np.maximum(0, shares)), question)
        assert any("compared on ranks" in reason for reason in found.reasons)
