"""What each proposed run is there for."""

import numpy as np
import pytest

from paribus_sweeps.design import purposes as module
from paribus_sweeps.design.purposes import purposes
from tests.sweeps.design.follow_up_cases import BATCH, RATIO, plan_of, table, three_runs


class TestPurposes:
    def test_each_run_names_what_stays_open_without_it(self) -> None:
        plan = plan_of(table("8 1:1", factors=(BATCH, RATIO)))

        # from the baseline: 64 1:1 tells batch, 8 4:1 tells ratio
        found = purposes(plan, np.array([[1, 0], [0, 1]]))

        assert found == ["needed to tell `batch`", "needed to tell `ratio`"]

    def test_only_what_was_asked_is_named(self) -> None:
        plan = plan_of(three_runs(), factors=["ratio"])

        assert purposes(plan, np.array([[0, 1, 1]])) == ["needed to tell `ratio`"]

    def test_a_run_that_could_be_left_out_is_one_of_several(self) -> None:
        told = plan_of(three_runs(), factors=["batch"])
        begun = plan_of(table("8 1:1 coarse"), factors=["batch"])

        repeat = purposes(told, np.array([[0, 1, 1], [0, 0, 0]]))
        beside = purposes(begun, np.array([[1, 0, 0], [0, 0, 1]]))

        several = "one of 2 runs that together tell `batch`"
        assert repeat == beside == ["needed to tell `batch`", several]

    def test_of_two_runs_that_make_up_for_each_other_neither_is_needed(self) -> None:
        plan = plan_of(three_runs())

        found = purposes(plan, np.array([[0, 1, 1], [0, 0, 1]]))

        assert set(found) == {"one of 2 runs that together tell `batch`, `ratio` and `cadence`"}

    def test_no_run_has_none(self) -> None:
        plan = plan_of(three_runs())

        assert purposes(plan, plan.candidates()[:0]) == []

    def test_of_very_many_runs_none_is_looked_at_by_itself(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "_MOST_RUNS", 0)
        plan = plan_of(three_runs())

        assert purposes(plan, np.array([[0, 1, 1]])) == [
            "one of 1 runs that together tell `batch`, `ratio` and `cadence`"
        ]
