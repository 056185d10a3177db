"""Coordinate exchange: from a poor start to the best set, on grids small enough to know it."""

import numpy as np
import pytest

from paribus_sweeps.design import coordinates, planning
from paribus_sweeps.design.coordinates import coordinate_exchange
from paribus_sweeps.design.planning import Plan
from paribus_sweeps.design.table import Codes
from tests.sweeps.design.follow_up_cases import factor, plan_of, table, three_runs, two_levels


def best(plan: Plan) -> float | None:
    """The objective of the best set among all cells."""
    return plan.smallest(plan.candidates()).objective


def some(plan: Plan, *codes: list[int]) -> Codes:
    return np.array(codes, np.int64).reshape(-1, len(plan.names))


class TestCoordinateExchange:
    def test_a_poor_start_ends_at_the_best_run(self) -> None:
        plan = plan_of(three_runs())

        # 8 4:1 coarse answers, with objective log 64; with the fine cadence log 256
        found, cells = coordinate_exchange(plan, some(plan, [0, 1, 0]), [])

        assert cells[list(found.chosen)].tolist() == [[0, 1, 1]]
        assert found.objective == pytest.approx(best(plan))
        assert (found.is_smallest, found.is_best, found.counted_all) == (True, False, False)

    def test_of_one_effect_too(self) -> None:
        plan = plan_of(three_runs(), factors=["batch"])

        found, cells = coordinate_exchange(plan, some(plan, [0, 1, 0]), ["batch"])

        assert cells[list(found.chosen)].tolist() == [[0, 1, 1]]
        assert found.objective == pytest.approx(np.log(4))

    def test_four_runs_of_which_one_is_off(self) -> None:
        plan = plan_of(table(factors=two_levels(3)))
        begun = some(plan, [0, 0, 0], [1, 1, 0], [1, 0, 1], [0, 1, 0])

        found, _ = coordinate_exchange(plan, begun, [])

        # with 0 1 1 for 0 1 0 it is a half fraction: det = 4^4
        assert found.objective == pytest.approx(4 * np.log(4))

    def test_a_start_that_is_best_stays(self) -> None:
        plan = plan_of(three_runs())

        found, cells = coordinate_exchange(plan, some(plan, [0, 1, 1]), [])

        assert (found.chosen, len(cells), found.equally_good) == ((0,), 1, 1)

    def test_a_start_that_answers_nothing_is_left_at_that(self) -> None:
        plan = plan_of(three_runs())

        found, _ = coordinate_exchange(plan, some(plan, [0, 0, 0]), [])

        assert (found.k, found.never, found.is_smallest) == (0, 1, False)

    def test_sets_of_more_runs_than_directions_are_taken_as_they_are(self) -> None:
        pairs = [("a", "b"), ("a", "c"), ("b", "c")]
        factors = two_levels(3)
        plan = plan_of(
            table("- - -", "+ - -", "- + -", "- - +", factors=factors),
            factors=["a"],
            interactions=pairs,
        )

        found, cells = coordinate_exchange(plan, plan.candidates(), ["a"])

        assert (found.k, found.closable, len(cells)) == (2, 1, 8)
        assert not found.is_smallest

    def test_where_there_are_too_many_neighbours_the_start_stays(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(coordinates, "MOST_NUMBERS", 1)
        plan = plan_of(three_runs())

        found, cells = coordinate_exchange(plan, some(plan, [0, 1, 0]), [])

        assert cells[list(found.chosen)].tolist() == [[0, 1, 0]]

    def test_it_ends_after_so_many_rounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(coordinates, "_MOST_ROUNDS", 1)
        plan = plan_of(three_runs())

        found, cells = coordinate_exchange(plan, some(plan, [0, 1, 0]), [])

        assert cells[list(found.chosen)].tolist() == [[0, 1, 1]]

    def test_a_wide_grid_is_searched_from_a_sample(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(planning, "_SAMPLED", 30)
        monkeypatch.setattr(planning, "MOST_CELLS", 100)
        factors = tuple(factor(name, "1", "2", "3") for name in "abcde")
        plan = plan_of(table("1 1 1 1 1", factors=factors))

        found, cells = coordinate_exchange(plan, plan.candidates(), list("abcde"))

        assert found.k == 10
        assert found.is_smallest
        assert len(np.unique(cells[list(found.chosen)], axis=0)) == 10
