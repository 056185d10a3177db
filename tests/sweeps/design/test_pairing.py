"""Cells that make matched pairs: fewest first, planned ones before new ones."""

import pytest

from paribus_sweeps.design import pairing
from paribus_sweeps.design.pairing import pair_cells
from paribus_sweeps.design.table import Table
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    factor,
    prospect_of,
    ran,
    table,
    three_runs,
)

TWO = (BATCH, RATIO)


def pairs_of(asked: Table, *factors: str, **request: object) -> list[tuple[str, object]]:
    """(cell and place, replicate) of each, for the named factors."""
    prospect = prospect_of(asked, **request)
    found = pair_cells(prospect, factors)
    grid = prospect.plan.grid
    words = [" ".join([*grid.setting(c).values(), *grid.place(c).values()]) for c in found.cells]
    return list(zip(words, found.replicates, strict=True))


class TestPairCells:
    def test_one_run_may_be_the_partner_of_several(self) -> None:
        # 64 1:1 coarse differs from each of R1 to R3 in one factor
        found = pair_cells(prospect_of(three_runs()), ["batch", "ratio", "cadence"])

        assert found.cells.tolist() == [[1, 0, 0]]
        assert found.factors == [("batch", "ratio", "cadence")]

    def test_the_crashed_baseline_is_run_again_before_anything_new(self) -> None:
        # METHOD 14, trap 9
        crashed = ran("8 1:1 coarse", state="failed", seed=0)
        runs = [ran(c, seed=0) for c in ("64 1:1 coarse", "8 4:1 coarse", "8 1:1 fine")]

        found = pairs_of(table(crashed, *runs), "batch", "ratio", "cadence")

        assert found == [("8 1:1 coarse", "0")]

    def test_levels_are_joined_through_others(self) -> None:
        # 1 and 2 are joined already; 3 needs one pair with either: 1 2, 2 2 or 3 1 would do
        three = (factor("a", "1", "2", "3", baseline="1"), factor("b", "1", "2", baseline="1"))

        found = pairs_of(table("1 1", "2 1", "3 2", factors=three), "a")

        assert found == [("1 2", None)]

    def test_a_chain_is_joined_one_run_at_a_time(self) -> None:
        four = (factor("a", "1", "2", "3", "4", baseline="1"),)

        found = pairs_of(table("1", factors=four), "a")

        assert [cell for cell, _ in found] == ["2", "3", "4"]

    def test_partners_share_gpu_and_seed(self) -> None:
        runs = [ran("8 1:1", TWO, gpu="T4", seed=1), ran("64 4:1", TWO, gpu="A100", seed=2)]

        found = pairs_of(table(*runs, factors=TWO), "batch")

        assert found == [("8 4:1 A100", "2")]

    def test_forbidden_cells_are_not_proposed(self) -> None:
        found = pairs_of(
            table("8 1:1", "64 4:1", factors=TWO), "batch", forbidden=[{"ratio": "1:1"}]
        )

        assert found == [("8 4:1", None)]

    def test_no_run_has_no_partner(self) -> None:
        assert pairs_of(table(factors=TWO), "batch") == []
        assert pairs_of(table("8 1:1", factors=TWO), "batch", forbidden=[{"batch": "64"}]) == []

    def test_runs_of_two_waves_are_no_pair_where_the_wave_is_a_block(self) -> None:
        runs = [ran("8 1:1", TWO, blocks={"wave": "1"})]

        asked = table(*runs, factors=TWO, blocks=["wave"])

        assert pairs_of(asked, "batch", new_wave=True) == []
        assert pairs_of(table("8 1:1", factors=TWO), "batch", new_wave=True) != []

    def test_no_more_than_a_small_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pairing, "_MOST_ADDED", 2)

        found = pairs_of(table("1", factors=(factor("a", *map(str, range(9))),)), "a")

        assert len(found) == 2

    def test_neighbours_of_very_many_runs_are_those_of_the_first(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pairing, "_MOST_OPTIONS", 1)

        found = pairs_of(table("64 4:1", "8 1:1", factors=TWO), "batch")

        assert found == [("64 1:1", None)]  # beside the baseline
