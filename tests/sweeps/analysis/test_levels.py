"""What each level showed, from columns of codes, is what a plain loop over runs finds."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.best_runs import best_per_factor
from paribus_sweeps.analysis.levels import LevelSummary, level_summaries
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run


def factor(name: str, *labels: str) -> Factor:
    return Factor(name, (name,), tuple(Level(label, {name: label}) for label in labels))


BATCH, RATIO = factor("batch", "8", "64", "128"), factor("ratio", "1:1")


def run(id: str, value: float | None, batch: str = "8", state: str = "finished") -> Run:
    return Run(id=id, value=value, setting={"batch": batch, "ratio": "1:1"}, state=state)


def summaries(runs: list[Run], goal: Any = "minimize") -> dict[str, LevelSummary]:
    table = Table.from_runs(runs, [BATCH, RATIO])
    return {s.label: s for s in level_summaries(table, goal=goal, factors=("batch",))["batch"]}


class TestSummaries:
    RUNS = [run("a", 1.0), run("b", 3.0), run("c", 5.0, "64"), run("d", None, "64")]

    def test_a_level_has_its_number_its_mean_and_its_best(self) -> None:
        assert summaries(self.RUNS)["8"].as_dict() == {
            "level": "8",
            "n": 2,
            "mean": 2.0,
            "best": 1.0,
            "best_run": "a",
        }

    def test_the_goal_turns_it_round(self) -> None:
        assert summaries(self.RUNS, "maximize")["8"].best_run == "b"

    def test_a_level_without_a_finished_run_is_shown_without_numbers(self) -> None:
        assert summaries(self.RUNS)["128"] == LevelSummary("128", 0, None, None, None)

    def test_unusable_runs_are_left_out(self) -> None:
        runs = [*self.RUNS, run("e", 0.0, state="crashed"), run("f", float("nan"))]

        assert summaries(runs) == summaries(self.RUNS)

    @pytest.mark.parametrize("goal", ["minimize", "maximize"])
    def test_of_equal_runs_the_first_by_id_is_shown(self, goal: str) -> None:
        runs = [run("c", 1.0), run("a", 1.0), run("b", 1.0)]

        assert summaries(runs, goal)["8"].best_run == "a"

    def test_all_factors_are_told_where_none_is_named(self) -> None:
        table = Table.from_runs(self.RUNS, [BATCH, RATIO])

        assert list(level_summaries(table, goal="minimize")) == ["batch", "ratio"]

    def test_no_run_is_no_error(self) -> None:
        assert [s.n for s in summaries([]).values()] == [0, 0, 0]

    @given(
        st.lists(st.tuples(st.sampled_from(["8", "64"]), st.integers(-3, 3)), max_size=12),
        st.sampled_from(["minimize", "maximize"]),
        st.randoms(use_true_random=False),
    )
    def test_it_agrees_with_the_slow_way(
        self, cells: list[tuple[str, int]], goal: Any, order: random.Random
    ) -> None:
        runs = [run(f"{at:02}", float(value), batch) for at, (batch, value) in enumerate(cells)]
        slow = best_per_factor(runs, [BATCH], response="loss", goal=goal).factors[0]
        order.shuffle(runs)

        quick = summaries(runs, goal)

        for level in slow.levels:
            found = quick[level.label]
            assert (found.n, found.best) == (level.n, level.value)
            assert found.best_run == (level.best[0].run.id if level.best else None)
            assert found.mean == (pytest.approx(level.mean) if level.n else None)
