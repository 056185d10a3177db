"""What stands beside the smallest set."""

from typing import Any

import pytest

from paribus_sweeps.design import alternatives
from paribus_sweeps.design.alternatives import finishing, folds, pair_restoring
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    cells_of,
    factor,
    prospect_of,
    ran,
    table,
    three_runs,
    two_levels,
)

TWO = (BATCH, RATIO)
OFAT = ("64 1:1 coarse", "8 4:1 coarse", "8 1:1 fine")


class TestPairRestoring:
    def test_rerunning_the_crashed_baseline_gives_pairs(self) -> None:
        # METHOD 14, trap 9: D-optimal is the all-changed run, which gives none
        crashed = ran("8 1:1 coarse", state="failed", id="base")

        found = pair_restoring(prospect_of(table(crashed, *OFAT)), ["batch", "ratio", "cadence"])

        assert found is not None
        assert found.is_enough
        assert found.pairs == {"batch": 1, "ratio": 1, "cadence": 1}
        assert found.runs[0].purpose == "matched pairs for `batch`, `ratio` and `cadence`"
        assert found.sentence == (
            "1 run that differs from a finished run in one factor alone: batch=8, ratio=1:1, "
            "cadence=coarse (again: `base`). Matched pairs gained: `batch` 1, `ratio` 1, "
            "`cadence` 1. No degree of freedom would be left for an interval: seeds are next."
        )

    def test_pairs_may_not_be_enough(self) -> None:
        # b = 2 ran only with a = 2: a pair for a tells nothing of b against c
        moved = (factor("a", "1", "2"), *two_levels(2))
        runs = table("1 - -", "1 + +", factors=(moved[0], *two_levels(3)[1:]))

        found = pair_restoring(prospect_of(runs), ["a"])

        assert found is not None
        assert not found.is_enough
        assert "That alone is not enough." in found.sentence

    def test_several_runs_and_none(self) -> None:
        found = pair_restoring(prospect_of(table("8 1:1", factors=TWO)), ["batch", "ratio"])

        assert found is not None
        assert found.sentence.startswith("2 runs that differ from finished runs in one factor")
        assert pair_restoring(prospect_of(table(factors=TWO)), ["batch"]) is None


class TestFinishing:
    def asked(self, *ended: Any) -> Any:
        return prospect_of(table("8 1:1", *ended, factors=TWO))

    def test_an_accident_is_finished_before_a_crash_is_tried_again(self) -> None:
        crashed = ran("8 4:1 fine", state="failed", id="crashed")
        cut_off = ran("8 1:1 fine", state="interrupted", id="cut off")
        runs = [ran(c) for c in ("8 1:1 coarse", "64 4:1 coarse", "64 1:1 fine")]

        both = finishing(prospect_of(table(*runs, crashed, cut_off)))
        crash_only = finishing(prospect_of(table(*runs, crashed)))

        # either would be enough, the all-changed one with the larger objective
        assert both is not None
        assert crash_only is not None
        assert [run.again for run in both.runs] == [("cut off",)]
        assert crash_only.sentence.startswith("Finishing `crashed` would be enough: batch=8, ")

    def test_where_ended_runs_would_not_be_enough_there_is_nothing_to_say(self) -> None:
        cut_off = ran("64 1:1", TWO, state="interrupted")

        assert finishing(self.asked(cut_off)) is None
        assert finishing(self.asked()) is None

    def test_a_level_that_may_not_be_run_any_more_is_left_out(self) -> None:
        strange = ran("128 4:1", TWO, state="interrupted")

        assert finishing(self.asked(strange)) is None

    def test_a_run_keeps_its_own_replicate(self) -> None:
        runs = [
            ran("8 1:1", TWO, seed=0),
            ran("64 1:1", TWO, seed=0),
            ran("64 4:1", TWO, seed=2, state="stopped"),
            ran("64 4:1", TWO, seed=1, state="stopped"),
        ]

        own = finishing(prospect_of(table(*runs, factors=TWO)))
        usual = finishing(
            prospect_of(table(*runs, ran("64 4:1", TWO, seed=0, state="stopped"), factors=TWO))
        )

        assert own is not None
        assert usual is not None
        assert own.runs[0].replicate == {"seed": 1}
        assert usual.runs[0].replicate == {"seed": 0}


class TestFolds:
    def test_all_factors_then_each_with_the_ranks_reached(self) -> None:
        found = folds(prospect_of(three_runs()))

        # all signs reversed: 3 more cells; rank 4 of 4, and 6 of the 7 with pairs
        assert [fold.details["factor"] for fold in found] == [None, "batch", "ratio", "cadence"]
        assert cells_of(found[0].runs) == ["64 4:1 fine", "8 4:1 coarse", "8 1:1 fine"]
        assert found[0].details["rank"]["two_factor_interactions"] == {
            "before": 3,
            "after": 6,
            "needed": 7,
        }
        assert found[0].runs[0].purpose == "fold-over of every factor"
        assert found[1].runs[0].purpose == "fold-over of `batch`"
        assert found[0].is_enough
        assert found[0].as_dict()["frees"] == ["batch", "ratio", "cadence"]

    def test_what_may_not_run_is_left_out(self) -> None:
        found = folds(prospect_of(three_runs(), forbidden=[{"ratio": "4:1", "cadence": "fine"}]))

        assert found[0].details["left_out"] == 1
        assert len(found[0].runs) == 2

    def test_three_levels_have_no_mirror_image(self) -> None:
        three = (factor("a", "1", "2", "3"), factor("b", "1", "2"))

        assert folds(prospect_of(table("1 1", "2 2", factors=three))) == ()

    def test_one_cell_or_one_factor_is_no_design(self) -> None:
        assert folds(prospect_of(table("8 1:1", factors=TWO))) == ()
        assert folds(prospect_of(table("8", "64", factors=(BATCH,)))) == ()

    def test_a_very_large_design_is_not_folded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(alternatives, "_MOST_FOLDED", 2)

        assert folds(prospect_of(three_runs())) == ()

    def test_a_full_factorial_has_nothing_to_add(self) -> None:
        assert folds(prospect_of(table("8 1:1", "8 4:1", "64 1:1", "64 4:1", factors=TWO))) == ()
