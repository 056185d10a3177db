"""Replicates: of proposed runs, and of what has finished where nothing is open."""

import numpy as np
import pytest

from paribus_sweeps.design import seeds
from paribus_sweeps.design.changes import Spread
from paribus_sweeps.design.proposals import Alternative
from paribus_sweeps.design.seeds import seeded
from paribus_sweeps.design.table import Codes, Table
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    grid,
    prospect_of,
    ran,
    table,
    three_runs,
)

TWO = (BATCH, RATIO)
UNKNOWN = Spread(None, None)
NEW = np.array([[0, 1, 1]])


def replicates(
    asked: Table, chosen: Codes, wanted: int | None = None, spread: Spread = UNKNOWN
) -> Alternative:
    found = seeded(prospect_of(asked), chosen, wanted, spread)
    assert found is not None
    return found


class TestOfProposedRuns:
    def test_as_many_as_the_sweep_has(self) -> None:
        runs = [
            ran(c, seed=s)
            for c in ("8 1:1 coarse", "64 4:1 coarse", "64 1:1 fine")
            for s in (0, 1, 2)
        ]

        found = replicates(table(*runs), NEW)

        assert [run.replicate for run in found.runs] == [{"seed": s} for s in (0, 1, 2)]
        # 12 runs, rank 4
        assert (found.residual_df, found.is_enough) == (8, True)
        assert found.sentence == (
            "3 replicates of the proposed run: 3 runs. 8 degrees of freedom would be left for an "
            "interval."
        )

    def test_at_least_two_and_as_many_as_are_wanted(self) -> None:
        asked = three_runs(seed=7)

        assert [r.replicate for r in replicates(asked, NEW).runs] == [{"seed": 7}, {"seed": 8}]
        assert len(replicates(asked, NEW, 5).runs) == 5
        assert [r.replicate for r in replicates(asked, NEW, 1).runs] == [{"seed": 7}]

    def test_several_runs(self) -> None:
        found = replicates(three_runs(seed=0), np.array([[0, 1, 1], [1, 1, 1]]))

        assert found.sentence.startswith("2 replicates of each of 2 proposed runs: 4 runs.")

    def test_without_a_replicate_key_they_are_repetitions(self) -> None:
        found = replicates(three_runs(), NEW)

        assert [run.replicate for run in found.runs] == [{}, {}]
        assert found.residual_df == 1

    def test_replicates_that_cannot_be_named_are_left_open(self) -> None:
        found = replicates(three_runs(seed="a"), NEW)

        assert [run.replicate for run in found.runs] == [{"seed": "a"}, None]
        assert found.as_dict()["runs"][1]["replicate"] is None

    def test_expected_half_widths_take_the_degrees_of_freedom_there_would_be(self) -> None:
        found = replicates(three_runs(seed=0), NEW, 2, Spread(0.1, 3))

        # batch: c = 1/4 (1 + 1 + 1 + 1/2) = .875; t(.975, 3 + 1) = 2.776445
        contrast = found.details["contrasts"][0]
        assert contrast["relative_variance"]["after"] == pytest.approx(0.875)
        assert contrast["half_width"]["after"] == pytest.approx(2.776445 * 0.1 * 0.875**0.5)
        assert contrast["half_width"]["before"] is None
        assert "Expected half-widths: `batch` 64 against 8 0.26; " in found.sentence


class TestOfFinishedRuns:
    def test_cells_that_lack_replicates_get_those_they_lack(self) -> None:
        runs = [ran(cell, TWO, seed=0) for cell in grid(TWO)] + [ran("8 1:1", TWO, seed=1)]

        found = replicates(table(*runs, factors=TWO), NEW[:0], 2)

        # the first cell has its two
        assert [list(run.setting.values()) for run in found.runs] == [
            ["8", "4:1"],
            ["64", "1:1"],
            ["64", "4:1"],
        ]
        assert {str(run.replicate) for run in found.runs} == {"{'seed': 1}"}
        assert found.sentence.startswith("Up to 2 replicates of every finished setting: 3 runs.")

    def test_one_more_than_most_have_unless_told_otherwise(self) -> None:
        runs = [ran(cell, TWO, seed=0) for cell in grid(TWO)] + [ran("8 1:1", TWO, seed=1)]

        assert len(replicates(table(*runs, factors=TWO), NEW[:0]).runs) == 4 * 3 - 5

    def test_without_a_replicate_key_they_are_repetitions(self) -> None:
        found = replicates(table(*grid(TWO), factors=TWO), NEW[:0], 2, Spread(0.1, 1))

        assert [run.replicate for run in found.runs] == [{}] * 4
        assert "`batch` 64 against 8" in found.sentence
        assert " instead of " in found.sentence

    def test_enough_replicates_need_no_more(self) -> None:
        asked = table(*grid(TWO), factors=TWO)

        assert seeded(prospect_of(asked), NEW[:0], 1, UNKNOWN) is None

    def test_very_many_runs_are_no_follow_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(seeds, "_MOST_RUNS", 3)
        asked = table(*grid(TWO), factors=TWO)

        assert seeded(prospect_of(asked), NEW[:0], None, UNKNOWN) is None
