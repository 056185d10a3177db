"""Best runs are facts; a best level is a claim, made only where the verdict carries it."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from paribus_sweeps.analysis.answers import answer
from paribus_sweeps.analysis.best import MOST_CONFIGURATIONS, best_level, configurations
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.comparisons import Comparison
from paribus_sweeps.analysis.plain_tables import read_table
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.shrinkage import INDISTINGUISHABLE
from paribus_sweeps.analysis.verdicts import FactorAnswer
from paribus_sweeps.errors import GoalUnknown
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run


def case(*cells: tuple[Any, ...], columns: str = "batch seed loss", **body: Any) -> Case:
    """The case of rows written as tuples; every column is a factor but seed, gpu and loss."""
    names = columns.split()
    runs = [dict(zip(names, row, strict=True)) for row in cells]
    made: dict[str, Any] = {
        "factors": [name for name in names if name not in ("seed", "gpu", "loss")],
        "replicate": [name for name in names if name == "seed"],
        "blocks": [name for name in names if name == "gpu"],
        "response": {"name": "loss", "goal": "minimize"},
        "runs": runs,
    }
    return read_table(made | body)


def batches(**values: list[float]) -> list[tuple[Any, ...]]:
    """Rows of (batch, seed, loss): `b8=[0.1, 0.2]` are two seeds of batch 8."""
    return [
        (int(name[1:]), seed, value)
        for name, cells in values.items()
        for seed, value in enumerate(cells)
    ]


def best(made: Case) -> dict[str, Any]:
    """The answer on the first factor."""
    [factor, *_] = answer("best", made)["factors"]
    return dict(factor)


def level(made: Case, label: str) -> dict[str, Any]:
    return next(dict(found) for found in best(made)["levels"] if found["level"] == label)


CLEAR = batches(b8=[0.1, 0.2, 0.15, 0.12], b64=[0.9, 1.05, 0.97, 0.91])


class TestBestLevel:
    def verdict(self, *wins: tuple[str, str, float, str], **more: Any) -> FactorAnswer:
        """An answer whose comparisons are (low, high, estimate, verdict)."""
        comparisons = tuple(
            Comparison("f", low, high, None, None, estimate=estimate, verdict=word)  # type: ignore[arg-type]
            for low, high, estimate, word in wins
        )
        made = FactorAnswer("f", "isolated", "yes", "", comparisons, (), None, None, 1)
        return replace(made, **more)

    def test_the_level_that_beats_the_other_one_is_best(self) -> None:
        assert best(case(*CLEAR))["best_level"] == "8"

    def test_the_goal_turns_it_round(self) -> None:
        made = case(*CLEAR, response={"name": "loss", "goal": "maximize"})

        assert best(made)["best_level"] == "64"

    def test_no_level_is_best_where_the_runs_cannot_tell(self) -> None:
        found = best(case(*batches(b8=[0.1, 0.9, 0.4], b64=[0.2, 0.8, 0.5])))

        assert (found["status"], found["best_level"]) == ("inconclusive", None)

    def test_no_level_is_best_where_the_difference_does_not_matter(self) -> None:
        rows = batches(b8=[0.10, 0.11, 0.12, 0.10], b64=[0.11, 0.10, 0.12, 0.11])
        found = best(case(*rows, question={"smallest_effect": 0.5}))

        assert (found["status"], found["verdict"], found["best_level"]) == ("isolated", "no", None)

    def test_no_level_is_best_where_another_factor_moved_along(self) -> None:
        rows = [(8, "1:1", 0, 0.1), (8, "1:1", 1, 0.2), (64, "4:1", 0, 0.9), (64, "4:1", 1, 1.0)]

        found = best(case(*rows, columns="batch ratio seed loss"))

        assert (found["status"], found["best_level"]) == ("confounded", None)
        assert [fact["members"] for fact in found["together"]] == [["batch", "ratio"]]
        assert [lv["value"] for lv in found["levels"]] == [0.1, 0.9]  # facts are still shown

    def test_no_level_is_best_of_what_a_sampler_chose(self) -> None:
        found = best(case(*CLEAR, question={"sampler": "random"}))

        assert (found["verdict"], found["best_level"]) == ("yes", None)

    def test_of_three_levels_the_best_beats_both(self) -> None:
        rows = batches(b8=[0.1, 0.2, 0.15], b16=[0.5, 0.55, 0.6], b64=[0.9, 1.05, 0.97])

        assert best(case(*rows))["best_level"] == "8"

    def test_two_levels_that_are_not_told_apart_stay_tied(self) -> None:
        rows = batches(b8=[0.1, 0.2, 0.15], b16=[0.12, 0.17, 0.16], b64=[0.9, 1.05, 0.97])

        found = best(case(*rows))

        assert (found["verdict"], found["best_level"]) == ("yes", None)

    def test_a_baseline_that_loses_to_both_leaves_them_tied(self) -> None:
        # nothing compares a with b, although a lies lower
        found = self.verdict(("base", "a", -2.0, "yes"), ("base", "b", -1.0, "yes"))

        assert best_level(found, ["base", "a", "b"], "minimize") is None
        assert best_level(found, ["base", "a", "b"], "maximize") == "base"

    def test_a_level_that_was_compared_with_some_only_is_not_best(self) -> None:
        found = self.verdict(("a", "b", 1.0, "yes"))

        assert best_level(found, ["a", "b"], "minimize") == "a"
        assert best_level(found, ["a", "b", "c"], "minimize") is None

    def test_values_without_levels_have_no_best_level(self) -> None:
        rows = [(at, at % 2, at / 10 + at % 3 / 100) for at in range(8)]

        found = best(case(*rows, columns="lr seed loss"))

        assert (found["kind"], found["verdict"], found["best_level"]) == (
            "continuous",
            "yes",
            None,
        )
        assert found["best"][0]["at"] == "0"
        assert best_level(self.verdict(("0", "7", 1.0, "yes")), [], "minimize") is None

    @pytest.mark.parametrize(
        "change",
        [{"status": "confounded"}, {"verdict": "no"}, {"verdict": None}, {"label": "association"}],
    )
    def test_it_needs_status_and_verdict(self, change: dict[str, Any]) -> None:
        found = self.verdict(("a", "b", 1.0, "yes"), **change)

        assert best_level(found, ["a", "b"], "minimize") is None


class TestLuck:
    def test_it_is_what_the_best_of_equal_runs_gains(self) -> None:
        # sd of 1, 2, 3 is 1; the best of three gains 0.846 sd
        found = best(case(*batches(b8=[1, 2, 3], b64=[4, 6])))

        # of 4 and 6: sd sqrt 2, the best of two gains 0.564 sd
        assert found["luck"]["expected_gain"] == {
            "8": pytest.approx(0.8463, abs=1e-4),
            "64": pytest.approx(0.5642 * 2**0.5, abs=1e-4),
        }

    def test_levels_of_different_size_are_compared_by_the_expected_best_of_the_smaller(
        self,
    ) -> None:
        # two of 1, 2, 4: the best are 1, 1, 2
        made = case(*batches(b8=[1, 2, 4], b64=[3, 5]))

        assert level(made, "8")["expected_best"] == pytest.approx(4 / 3)
        assert level(made, "64")["expected_best"] == 3

    def test_without_two_seeds_nobody_knows_it(self) -> None:
        assert best(case(*batches(b8=[1], b64=[2])))["luck"] is None

    def test_equal_runs_are_all_shown(self) -> None:
        made = case(*batches(b8=[1, 1, 2], b64=[3, 3, 3]))

        assert [run["id"] for run in level(made, "8")["best"]] == ["row 1", "row 2"]
        assert [run["id"] for run in answer("best", made)["best"]] == ["row 1", "row 2"]


class TestConfigurations:
    def test_they_are_ranked_by_means_that_are_pulled_together(self) -> None:
        # means 2 and 10, both of 2 seeds; s2 = (2 + 2) / 2 = 2, MS between = 64, n0 = 2:
        # tau2 = 31, B = 31 / (31 + 1) = 0.96875, mu = 6: 6 -+ 0.96875 * 4
        found = configurations(case(*batches(b8=[1, 3], b64=[9, 11])))

        assert [(row["setting"], row["rank"], row["n"]) for row in found["rows"]] == [
            ({"batch": "8"}, 1, 2),
            ({"batch": "64"}, 2, 2),
        ]
        assert [row["shrunk"] for row in found["rows"]] == pytest.approx([2.125, 9.875])
        assert [row["weight"] for row in found["rows"]] == pytest.approx([0.96875] * 2)
        assert (found["within_sd"], found["between_sd"]) == pytest.approx((2**0.5, 31**0.5))
        assert found["common_mean"] == pytest.approx(6)

    def test_where_seeds_explain_all_of_it_it_is_said(self) -> None:
        found = configurations(case(*batches(b8=[1, 9], b64=[2, 8])))

        assert found["note"] == INDISTINGUISHABLE
        assert [row["rank"] for row in found["rows"]] == [1, 1]

    @pytest.mark.parametrize(("goal", "first"), [("minimize", "8"), ("maximize", "64")])
    def test_without_seeds_they_stand_by_their_means(self, goal: str, first: str) -> None:
        made = case(*batches(b64=[9], b8=[1]), response={"name": "loss", "goal": goal})

        found = configurations(made)

        assert found["rows"][0]["setting"] == {"batch": first}
        assert [row["rank"] for row in found["rows"]] == [None, None]
        assert "no configuration has two seeds" in found["note"]

    def test_a_seed_that_ran_twice_is_one_seed(self) -> None:
        # seed 0 twice, 1 and 3: their mean 2 counts once beside 4
        rows = [(8, 0, 1.0), (8, 0, 3.0), (8, 1, 4.0), (64, 0, 9.0), (64, 1, 9.0)]

        [first, _] = configurations(case(*rows))["rows"]

        assert (first["n"], first["mean"], len(first["runs"])) == (2, 3.0, 3)

    def test_the_same_seed_on_another_gpu_is_another_run(self) -> None:
        rows = [(8, 0, "T4", 1.0), (8, 0, "A10", 3.0), (64, 0, "T4", 9.0), (64, 1, "T4", 9.0)]

        [first, _] = configurations(case(*rows, columns="batch seed gpu loss"))["rows"]

        assert first["n"] == 2

    def test_without_a_replicate_key_each_run_is_one(self) -> None:
        [first, _] = configurations(
            case((8, 1.0), (8, 1.0), (64, 9.0), (64, 8.0), columns="batch loss")
        )["rows"]

        assert first["n"] == 2

    def test_runs_that_no_verdict_uses_are_left_out(self) -> None:
        rows = [*batches(b8=[1, 3], b64=[9, 11]), (8, 2, "NaN"), (8, 3, 1e200)]

        found = configurations(case(*rows))

        assert [row["n"] for row in found["rows"]] == [2, 2]

    def test_very_many_are_counted(self) -> None:
        rows = [
            (at, other, 0, at + other) for at, other in itertools.product(range(34), range(34))
        ]

        found = configurations(case(*rows, columns="a b seed loss"))

        assert (found["count"], len(found["rows"])) == (1156, MOST_CONFIGURATIONS)

    def test_it_needs_to_know_which_way_is_better(self) -> None:
        made = case(*CLEAR, response="loss")

        with pytest.raises(GoalUnknown):
            configurations(made)
        with pytest.raises(GoalUnknown):
            answer("best", made)


class TestWhatIsIgnored:
    def test_a_factor_that_is_ignored_is_in_no_answer(self) -> None:
        factors = [
            Factor(name, (name,), tuple(Level(x, {name: x}) for x in "12")) for name in ("a", "b")
        ]
        runs = [
            Run(
                id=f"{a}{b}{seed}", setting={"a": a, "b": b}, value=float(a), replicate={"s": seed}
            )
            for a, b, seed in itertools.product("12", "12", (0, 1))
        ]
        question = Question("loss", goal="minimize", waived=("b",))

        found = answer("best", Case.of(runs, factors, question))

        assert [factor["factor"] for factor in found["factors"]] == ["a"]
        assert [row["setting"] for row in found["configurations"]["rows"]] == [
            {"a": "1"},
            {"a": "2"},
        ]
        assert [pairs["factor"] for pairs in found["matched_pairs"]] == ["a"]

    def test_a_block_that_is_ignored_keeps_no_pair_apart(self) -> None:
        rows = [(8, 0, "T4", 0.1), (64, 0, "A10", 0.2)]
        columns = "batch seed gpu loss"

        kept = answer("best", case(*rows, columns=columns))
        ignored = answer("best", case(*rows, columns=columns, question={"ignore": ["gpu"]}))

        assert [kept["matched_pairs"][0]["pairs"], ignored["matched_pairs"][0]["pairs"]] == [0, 1]
