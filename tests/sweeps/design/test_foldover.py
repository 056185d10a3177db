"""Fold-overs against R's ranks, and METHOD 14's trap 8."""

import itertools
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.design.foldover import fold_overs
from paribus_sweeps.design.table import Codes
from tests.sweeps.textbook import cases, label, table_of

CASES = list(cases("fold_over"))


def codes(told: Any, case: Any) -> tuple[Codes, list[str]]:
    found = table_of(told, case).finished()
    return np.column_stack([f.codes for f in found.factors]), [f.name for f in found.factors]


class TestAgainstR:
    @pytest.mark.parametrize(("told", "case"), CASES, ids=label)
    def test_ranks_and_what_becomes_estimable(self, told: Any, case: Any) -> None:
        cells, names = codes(told, case)
        with_pairs = len(case["model"]["terms"]) > len(names)

        held = set(map(tuple, cells.tolist()))
        found = {fold.factor or "all": fold for fold in fold_overs(cells, names)}

        for wanted in case["expected"]["folds"]:
            fold = found[wanted["fold"]]
            reach = fold.interactions if with_pairs else fold.main_effects
            mirrored = {tuple(int(cell[n] == "1") for n in names) for cell in wanted["added"]}
            assert set(map(tuple, fold.cells.tolist())) == mirrored - held  # R counts repeats too
            assert (reach.after, reach.needed) == (wanted["rank"], wanted["parameters"])
            assert reach.before == case["expected"]["rank_before"]
            if with_pairs:
                told_now = {t["term"] for t in wanted["terms"] if t["df_estimable"] == t["df"]}
                assert set(fold.frees) <= told_now

    def test_a_quarter_fraction_is_not_enough_with_its_fold_over(self) -> None:
        told, case = next(c for c in CASES if c[1]["data"] == "reactor_quarter")

        full = fold_overs(*codes(told, case))[0]

        # METHOD 14, trap 8: rank 13 of 16
        assert (full.interactions.after, full.interactions.needed) == (13, 16)
        assert "13 of the 16 with all two-factor interactions" in full.sentence
        assert full.as_dict()["rank"]["two_factor_interactions"] == {
            "before": 8,
            "after": 13,
            "needed": 16,
        }


class TestFoldOver:
    def test_cells_that_may_not_run_are_left_out_and_counted(self) -> None:
        held = np.array([[0, 0], [0, 1]])

        fold = fold_overs(held, ["a", "b"], may_run=lambda cells: cells[cells[:, 1] == 0])[0]

        # mirrored: 11 and 10; 11 may not run
        assert fold.cells.tolist() == [[1, 0]]
        assert fold.left_out == 1
        assert "adds 1 runs (1 more may not be run)" in fold.sentence

    def test_a_full_factorial_is_its_own_mirror_image(self) -> None:
        cells = np.array(list(itertools.product((0, 1), repeat=2)))

        fold = fold_overs(cells, ["a", "b"])[0]

        assert len(fold.cells) == 0
        assert fold.frees == ()
        assert "frees" not in fold.sentence
