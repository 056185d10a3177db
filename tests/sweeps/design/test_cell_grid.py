"""Which cells could be run: levels, places, what is forbidden, what crashed."""

import numpy as np
import pytest

from paribus_sweeps.design.cell_grid import Bans, CellGrid, Crashes, codes_of, levels_of, places_of
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.table import Codes, Table
from paribus_sweeps.factors import Factor
from tests.sweeps.design.follow_up_cases import BATCH, RATIO, factor, plan_of, ran, table

TWO = (BATCH, RATIO)


def grid_of(asked: Table, **request: object) -> CellGrid:
    return plan_of(asked, **request).grid


def words(grid: CellGrid, cells: Codes) -> list[str]:
    return [" ".join([*grid.setting(c).values(), *grid.place(c).values()]) for c in cells.tolist()]


def on(*runs: str, **how: object) -> Table:
    """Runs such as "8 1:1 T4", their GPU last."""
    made = [ran(r.rsplit(" ", 1)[0], TWO, gpu=r.rsplit(" ", 1)[1]) for r in runs]
    return table(*made, factors=TWO)


class TestCellGrid:
    def test_all_cells_in_order_of_factors_and_levels_places_last(self) -> None:
        grid = grid_of(on("8 1:1 T4", "8 1:1 A100", "64 1:1 T4"))

        # T4 has two finished runs, A100 one: it comes first
        cells = words(grid, grid.cells())
        assert cells[:3] == ["8 1:1 T4", "8 1:1 A100", "8 4:1 T4"]
        assert len(cells) == grid.size == 8

    def test_a_sample_is_the_same_every_time(self) -> None:
        grid = grid_of(on("8 1:1 T4"))

        assert np.array_equal(grid.sample(20), grid.sample(20))
        assert len(set(words(grid, grid.sample(200)))) == 4

    def test_neighbours_differ_in_one_factor_or_the_place(self) -> None:
        grid = grid_of(on("8 1:1 T4", "8 1:1 A100", "64 1:1 T4"))

        found = words(grid, grid.changed_once(grid.cells()[:1]))

        assert found == ["8 1:1 A100", "8 1:1 T4", "8 4:1 T4", "64 1:1 T4"]

    def test_an_unknown_place_is_not_named(self) -> None:
        grid = grid_of(table(ran("8 1:1", TWO, blocks={}), factors=TWO))

        assert grid.place(grid.cells()[0].tolist()) == {}


class TestBans:
    def test_a_combination_holds_where_all_of_it_holds(self) -> None:
        grid = grid_of(table("8 1:1", factors=TWO), forbidden=[{"batch": "64", "ratio": ["4:1"]}])

        assert grid.why_not(grid.cells()) == ["", "", "", "forbidden"]
        assert words(grid, grid.allowed(grid.cells())) == ["8 1:1", "8 4:1", "64 1:1"]

    def test_the_entries_responsible_are_told(self) -> None:
        bans = Bans.of([{"batch": "8"}, {"batch": "64", "ratio": ["1:1", "4:1"]}])

        assert bans.responsible({"batch": "64", "ratio": "4:1"}) == [1]

    def test_a_predicate_is_asked_once_for_each_setting(self) -> None:
        asked = []

        def is_large(setting: object) -> bool:
            asked.append(setting)
            return setting["batch"] == "64"  # type: ignore[index]

        grid = grid_of(on("8 1:1 T4", "8 1:1 A100"), forbidden=is_large)

        # four settings at two places
        assert grid.why_not(grid.cells()).count("forbidden") == 4
        assert len(asked) == 4
        assert grid.bans.responsible({"batch": "64", "ratio": "1:1"}) == []


class TestCrashes:
    def crashes(self, *runs: object, blocks: bool = False) -> Crashes:
        found = table(*runs, factors=TWO)  # type: ignore[arg-type]
        return Crashes.of(found, found.blocks)

    def test_a_cell_whose_every_attempt_failed(self) -> None:
        found = self.crashes(ran("8 1:1", TWO, state="failed"), ran("64 1:1", TWO))

        assert found.flags(np.array([[0, 0], [1, 0]])).tolist() == [True, False]

    def test_a_run_that_finished_without_a_finite_response_would_again(self) -> None:
        found = self.crashes(ran("8 1:1", TWO, value=float("nan")))

        assert found.flags(np.array([[0, 0]])).tolist() == [True]

    def test_one_finished_or_interrupted_attempt_is_enough_to_try_again(self) -> None:
        failed = ran("8 1:1", TWO, state="failed")

        assert not self.crashes(failed, ran("8 1:1", TWO)).cells
        assert not self.crashes(failed, ran("8 1:1", TWO, state="interrupted")).cells

    def test_it_crashed_on_that_gpu_and_may_run_on_another(self) -> None:
        found = self.crashes(
            ran("8 1:1", TWO, state="failed", gpu="T4"), ran("64 1:1", TWO, gpu="A100")
        )

        # labels of gpu_name: A100, T4
        assert found.flags(np.array([[0, 0, 0], [0, 0, 1]])).tolist() == [False, True]

    def test_where_the_gpu_is_not_known_it_crashed_everywhere(self) -> None:
        found = self.crashes(ran("8 1:1", TWO, state="failed"), ran("64 1:1", TWO, gpu="A100"))

        assert found.flags(np.array([[0, 0, 0], [1, 0, 0]])).tolist() == [True, False]


class TestLevelsOf:
    def levels(self, one: Factor, *labels: str, **how: object) -> list[str]:
        column = table(*labels, factors=(one,), **how).column(one.name)
        return [column.labels[code] for code in levels_of(column)]

    def test_declared_levels_whether_they_ran_or_not(self) -> None:
        assert self.levels(BATCH, "8", "128") == ["8", "64"]

    def test_without_declared_ones_those_that_runs_have(self) -> None:
        free = Factor("batch", ("batch",), ())

        assert self.levels(free, "8", "64", "?") == ["8", "64"]
        assert self.levels(free, "?") == [UNSET]

    def test_of_values_the_two_ends(self) -> None:
        rate = Factor("lr", ("lr",), (), kind="continuous")

        assert self.levels(rate, "3", "1", "2") == ["1", "3"]
        assert self.levels(rate, "3") == ["3"]


class TestPlacesOf:
    def places(self, asked: Table, **held: str) -> list[str]:
        found = places_of(asked, asked.blocks, held)
        return [asked.blocks[0].labels[row[0]] for row in found.tolist()]

    def test_without_blocks_there_is_one_place(self) -> None:
        assert places_of(table("8 1:1", factors=TWO), (), {}).shape == (1, 0)

    def test_the_place_with_most_finished_runs_first(self) -> None:
        assert self.places(on("8 1:1 A100", "8 4:1 T4", "64 4:1 T4")) == ["T4", "A100"]

    def test_only_where_it_is_wanted(self) -> None:
        assert self.places(on("8 1:1 A100", "8 4:1 T4"), gpu_name="A100") == ["A100"]

    def test_places_without_a_name_only_where_there_is_no_other(self) -> None:
        named = table(ran("8 1:1", TWO), ran("8 4:1", TWO, gpu="T4"), factors=TWO)

        assert self.places(named) == ["T4"]
        assert self.places(named.take(np.array([0]))) == [UNSET]

    def test_unfinished_runs_say_it_where_none_finished(self) -> None:
        failed = ran("8 1:1", TWO, state="failed", gpu="T4")

        assert self.places(table(failed, factors=TWO)) == ["T4"]


class TestCodesOf:
    def test_no_columns_have_rows_all_the_same(self) -> None:
        assert codes_of((), 3).shape == (3, 0)


def test_a_numeric_factor_keeps_declared_levels() -> None:
    rate = factor("lr", "1", "2", "3", numeric=True)

    column = table("1", "3", factors=(rate,), numeric=["lr"]).column("lr")

    assert levels_of(column).tolist() == pytest.approx([0, 1, 2])
