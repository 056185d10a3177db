"""Where runs were stopped by what they had logged, answers are associations (METHOD 10)."""

from dataclasses import replace

import numpy as np
import pytest

from paribus_sweeps.analysis.importance import DESIGNED, importance
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.verdicts import Judged, judge
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor
from paribus_sweeps.runs import Run
from tests.sweeps.tables import case_of, grid

PLANNED = Question("loss", stopped_early=3, experiment="s1")
DRAWN = replace(PLANNED, sampler="random", has_plan=False)


def slope(runs: int = 40) -> Table:
    """The loss is `lr`, nearly; the three last runs were stopped."""
    words = np.random.default_rng(7)
    lr = words.random(runs)
    made = [
        Run(id=f"r{at:02d}", setting={"lr": repr(float(x))}, value=float(x + 0.01 * y))
        for at, (x, y) in enumerate(zip(lr, words.standard_normal(runs), strict=True))
    ]
    stopped = [replace(run, value=None, state="stopped") for run in made[-3:]]
    return Table.from_runs([*made[:-3], *stopped], [Factor("lr", ("lr",), (), kind="continuous")])


def judged(stopped: int) -> Judged:
    case = case_of(grid(batch=0.1))
    return judge(case.table, replace(case.question, stopped_early=stopped))


class TestVerdicts:
    @pytest.mark.parametrize(
        ("stopped", "said"),
        [
            (1, "An association: 1 run was stopped early by what was logged"),
            (3, "An association: 3 runs were stopped early by what was logged"),
        ],
    )
    def test_a_designs_answers_say_that_they_are_associations(
        self, stopped: int, said: str
    ) -> None:
        made = judged(stopped)

        assert {answer.label for answer in made.answers} == {"association"}
        assert all(said in answer.sentence for answer in made.answers)

    def test_without_a_stopped_run_they_are_none(self) -> None:
        made = judged(0)

        assert {answer.label for answer in made.answers} == {None}
        assert not any("ssociation" in answer.sentence for answer in made.answers)


class TestImportance:
    def test_a_design_is_left_to_a_forest_and_says_why(self) -> None:
        made = importance(slope(), PLANNED, trees=10, refits=2)

        assert (made.method, made.label) == ("forest", "association")
        assert made.reasons[:3] == (
            "A design chose the settings, and early stopping which of them came to their end.",
            "3 runs stopped early by what was logged: missing not at random.",
            "3 of 40 runs have no value and take no part (3 stopped): "
            "a run that was stopped early is no finished run.",
        )

    def test_a_random_search_is_left_to_a_forest_too(self) -> None:
        assert importance(slope(), DRAWN, trees=10, refits=2).method == "forest"

    def test_without_a_stopped_run_a_design_gets_no_association(self) -> None:
        assert importance(slope(), replace(PLANNED, stopped_early=0)).note == DESIGNED

    def test_without_a_stopped_run_a_random_search_is_fitted(self) -> None:
        made = importance(slope(), replace(DRAWN, stopped_early=0), refits=2)

        assert made.method == "least_squares"
