"""What becomes of a plan with further runs."""

import numpy as np

from paribus_sweeps.design.prospect import Prospect
from tests.sweeps.design.follow_up_cases import BATCH, RATIO, plan_of, prospect_of, ran, table

TWO = (BATCH, RATIO)


class TestProspect:
    def test_ended_runs_of_the_same_setting_and_replicate_are_named(self) -> None:
        runs = [
            ran("8 1:1", TWO, seed=0),
            ran("64 1:1", TWO, seed=0, state="failed", id="f0"),
            ran("64 1:1", TWO, seed=1, state="failed", id="f1"),
            ran("64 1:1", TWO, seed=0, state="running", id="open"),
        ]
        prospect = prospect_of(table(*runs, factors=TWO))
        cells = np.array([[1, 0], [1, 0], [1, 1]])

        found = prospect.proposed(cells, ["0", "2", "0"], [""] * 3)

        assert [run.again for run in found] == [("f0",), (), ()]
        assert [run.replicate for run in found] == [{"seed": 0}, {"seed": 2}, {"seed": 0}]

    def test_new_runs_take_the_replicate_of_most(self) -> None:
        runs = [ran("8 1:1", TWO, seed=4), ran("8 4:1", TWO, seed=4), ran("64 1:1", TWO, seed=1)]

        prospect = prospect_of(table(*runs, factors=TWO))

        assert prospect.usual(np.zeros((2, 2), np.int64)) == ["4", "4"]

    def test_pairs_that_are_there_already_are_not_gained(self) -> None:
        prospect = prospect_of(table("8 1:1", "64 1:1", factors=TWO))

        later = prospect.table(np.array([[0, 1]]), [None])

        assert prospect.gained(later) == {"batch": 0, "ratio": 1}

    def test_hours_need_a_run_that_told(self) -> None:
        plan = plan_of(table("8 1:1", factors=TWO))

        assert Prospect(plan, 0, None).hours(3) is None
        assert Prospect(plan, 0, 0.5).hours(3) == 1.5

    def test_enough_is_all_that_runs_can_answer(self) -> None:
        plan = plan_of(table("8 1:1", factors=TWO), forbidden=[{"batch": "64"}])
        later = Prospect(plan, 1, None).table(np.array([[0, 1]]), [None])

        assert Prospect(plan, 1, None).is_enough(plan.gate(later))
        assert not Prospect(plan, 0, None).is_enough(plan.gate(later))
