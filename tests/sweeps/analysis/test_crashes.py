"""Crashes as a response: Fisher's test, and ranks that leave no run out.

Expected numbers: tests/sweeps/r/crashes.R, which is not needed to run these.
"""

import json
import math
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paribus_sweeps.analysis.crashes import Crashes, crashes_by_level, ranks_with_crashed_worst

CASES = json.loads(
    (Path(__file__).parents[1] / "r" / "expected" / "crashes.json").read_text("utf-8")
)["cases"]
EXACT = [name for name in CASES if name != "large"]


def crashes(crashed: list[int], total: list[int], seed: str = "a seed") -> Crashes:
    pairs = zip(crashed, total, strict=True)
    return crashes_by_level({f"level {i}": pair for i, pair in enumerate(pairs)}, seed=seed)


class TestFisher:
    @pytest.mark.parametrize("name", EXACT)
    def test_it_is_fishers_exact_test(self, name: str) -> None:
        case = CASES[name]

        made = crashes(case["crashed"], case["total"])

        assert made.p == pytest.approx(case["p"], rel=1e-9)
        assert made.method == "exact"

    def test_the_lady_tasting_tea(self) -> None:
        # The Design of Experiments, section 11: three of four right, both sides, 34 of 70
        assert crashes([3, 1], [4, 4]).p == pytest.approx(34 / 70)

    def test_too_many_tables_are_sampled_and_labelled(self) -> None:
        case = CASES["large"]

        made = crashes(case["crashed"], case["total"])

        assert made.method == "Monte Carlo"
        error = math.sqrt(case["p"] * (1 - case["p"]) / 9999)
        assert made.p == pytest.approx(case["p"], abs=4 * error)

    def test_many_levels_of_many_sizes_are_sampled(self) -> None:
        totals = [40 + 7 * i for i in range(16)]
        crashed = [total // 3 + (-1) ** i * (i % 5) for i, total in enumerate(totals)]

        made = crashes(crashed, totals)

        assert made.method == "Monte Carlo"
        table = [crashed, [t - c for c, t in zip(crashed, totals, strict=True)]]
        assert made.p == pytest.approx(stats.chi2_contingency(table).pvalue, abs=0.02)

    def test_the_text_decides_the_sample(self) -> None:
        case = CASES["large"]

        p = [crashes(case["crashed"], case["total"], seed=s).p for s in ("one", "one", "two")]

        assert p[0] == p[1] != p[2]

    @pytest.mark.parametrize("name", ["four", "large"])
    def test_the_order_of_the_levels_changes_nothing(self, name: str) -> None:
        case = CASES[name]
        pairs = list(zip(case["crashed"], case["total"], strict=True))

        found = {crashes(*map(list, zip(*order, strict=True))).p for order in permutations(pairs)}

        assert len(found) == 1

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=4))
    def test_it_is_the_share_of_tables_no_likelier(self, cells: list[tuple[int, int]]) -> None:
        crashed = [x for x, _ in cells]
        total = [x + y for x, y in cells]
        made = crashes(crashed, total)
        if made.p is None:
            return

        chances: dict[tuple[int, ...], int] = {}
        for table in np.ndindex(*(n + 1 for n in total)):
            if sum(table) == sum(crashed):
                chances[table] = math.prod(map(math.comb, total, table))
        observed = chances[tuple(crashed)]
        rare = sum(chance for chance in chances.values() if chance <= observed)

        assert made.p == pytest.approx(rare / sum(chances.values()), rel=1e-9)

    @pytest.mark.parametrize(
        ("crashed", "total", "note"),
        [
            ([], [], "fewer than two levels with runs"),
            ([2], [6], "fewer than two levels with runs"),
            ([2, 0], [6, 0], "fewer than two levels with runs"),
            ([0, 0], [6, 6], "no run crashed"),
            ([6, 4], [6, 4], "every run crashed"),
        ],
    )
    def test_where_there_is_nothing_to_compare_there_is_no_p(
        self, crashed: list[int], total: list[int], note: str
    ) -> None:
        made = crashes(crashed, total)

        assert (made.p, made.method, made.note) == (None, None, note)

    def test_a_level_without_a_run_plays_no_part(self) -> None:
        assert crashes([1, 0, 7], [12, 0, 12]).p == crashes([1, 7], [12, 12]).p

    @pytest.mark.parametrize("cell", [(-1, 3), (4, 3)])
    def test_counts_that_cannot_be_are_refused(self, cell: tuple[int, int]) -> None:
        with pytest.raises(ValueError, match="level '64'"):
            crashes_by_level({"8": (0, 3), "64": cell}, seed="s")


class TestWords:
    MADE = crashes_by_level({"8": (1, 6), "64": (4, 6), "512": (0, 0)}, seed="s")

    def test_rates_stand_in_the_order_of_the_levels(self) -> None:
        assert [(one.level, one.rate) for one in self.MADE.levels] == [
            ("8", 1 / 6),
            ("64", 4 / 6),
            ("512", None),
        ]
        assert self.MADE.counts == "8: 1 of 6, 64: 4 of 6, 512: 0 of 0"

    def test_a_level_of_which_most_crashed_is_not_missing_at_random(self) -> None:
        assert self.MADE.over_half == ("64",)
        assert self.MADE.not_at_random(1.0)
        assert crashes([3, 1], [6, 6]).over_half == ()

    def test_nor_is_a_factor_whose_adjusted_p_is_small(self) -> None:
        made = crashes([9, 1], [30, 30])

        assert made.not_at_random(0.049)
        assert not made.not_at_random(0.05)
        assert not made.not_at_random(None)

    def test_the_answer_is_plain_json(self) -> None:
        shown: Any = json.loads(json.dumps(self.MADE.as_dict(), allow_nan=False))

        assert shown["levels"][1] == {
            "level": "64",
            "crashed": 4,
            "total": 6,
            "rate": pytest.approx(4 / 6),
        }
        assert shown["method"] == "exact"


class TestRanks:
    def test_crashed_runs_tie_at_the_bottom(self) -> None:
        values = [0.3, math.nan, 0.1, 0.1, -5.0]
        crashed = [False, True, False, False, True]

        ranks = ranks_with_crashed_worst(values, crashed, "minimize")

        # .1 and .1 share 1 and 2, .3 is third, the crashed ones share 4 and 5
        assert ranks.tolist() == [3.0, 4.5, 1.5, 1.5, 4.5]

    def test_one_is_the_best_whatever_the_goal(self) -> None:
        ranks = ranks_with_crashed_worst([0.3, 0.9, 0.1], [False, True, False], "maximize")

        assert ranks.tolist() == [1.0, 3.0, 2.0]

    def test_a_run_that_survived_has_a_value(self) -> None:
        with pytest.raises(ValueError, match="finite"):
            ranks_with_crashed_worst([0.3, math.nan], [False, False], "minimize")

    def test_each_value_has_a_state(self) -> None:
        with pytest.raises(ValueError, match="2 values and 1 states"):
            ranks_with_crashed_worst([0.3, 0.2], [False], "minimize")

    def test_another_goal_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'best'"):
            ranks_with_crashed_worst([0.3], [False], "best")  # type: ignore[arg-type]
