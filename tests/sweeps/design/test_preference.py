"""Which of equally good sets is proposed (METHOD 6.3)."""

import numpy as np

from paribus_sweeps.design.follow_ups import follow_ups
from paribus_sweeps.design.preference import (
    TieBreak,
    change_counts,
    place_numbers,
    usual_replicate,
)
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    cells_of,
    factor,
    plan_of,
    ran,
    table,
    three_runs,
)

TWO = (BATCH, RATIO)


class TestUsualReplicate:
    def test_that_of_most_runs_the_first_of_equals(self) -> None:
        runs = [ran("8 1:1", TWO, seed=seed, id=f"{at}") for at, seed in enumerate((2, 1, 1, 2))]

        assert usual_replicate(table(*runs, factors=TWO)) == "1"
        assert usual_replicate(table(*runs[:1], factors=TWO)) == "2"

    def test_without_a_key_there_is_none(self) -> None:
        assert usual_replicate(table("8 1:1", factors=TWO)) is None


class TestTieBreak:
    def test_more_new_pairs_come_first(self) -> None:
        plan = plan_of(three_runs())
        cells = np.array([[0, 1, 1], [1, 0, 0]])

        keys = TieBreak.of(plan, cells, ["batch", "ratio", "cadence"])(np.array([[0], [1]]))

        # the all-changed run has no partner, 64 1:1 coarse has three; changes: 2 and 1
        assert keys.tolist() == [[0, 0, 2], [-3, 0, 1]]

    def test_pairs_within_the_set_count_too(self) -> None:
        plan = plan_of(table(factors=TWO))
        cells = plan.candidates()

        keys = TieBreak.of(plan, cells, ["batch", "ratio"])(np.array([[0, 1], [0, 3]]))

        # 8 1:1 with 8 4:1 is a pair for the ratio; with 64 4:1 none
        assert keys[:, 0].tolist() == [-1, 0]

    def test_only_partners_of_the_same_seed_count(self) -> None:
        runs = [ran("8 1:1", TWO, seed=0), ran("8 4:1", TWO, seed=0), ran("64 4:1", TWO, seed=1)]
        plan = plan_of(table(*runs, factors=TWO))

        keys = TieBreak.of(plan, np.array([[1, 0], [0, 1]]), ["batch"])(np.array([[0], [1]]))

        # a new run is made under seed 0: 64 1:1 pairs with 8 1:1; 64 4:1 has another seed
        assert keys[:, 0].tolist() == [-1, 0]

    def test_without_open_factors_there_are_no_pairs(self) -> None:
        plan = plan_of(three_runs())

        assert TieBreak.of(plan, plan.candidates(), [])(np.array([[0]])).tolist() == [[0, 0, 0]]

    def test_places_with_most_finished_runs_come_before_others(self) -> None:
        runs = [
            ran("8 1:1", TWO, gpu="T4"),
            ran("64 1:1", TWO, gpu="T4"),
            ran("8 1:1", TWO, gpu="A100"),
        ]
        plan = plan_of(table(*runs, factors=TWO))

        assert place_numbers(plan, plan.candidates())[:2].tolist() == [0, 1]

    def test_a_place_that_is_none_of_those_comes_last(self) -> None:
        runs = [ran("8 1:1", TWO, gpu="T4"), ran("8 1:1", TWO, gpu="A100")]
        plan = plan_of(table(*runs, factors=TWO), blocks={"gpu_name": "T4"})

        # labels of gpu_name: A100, T4
        assert place_numbers(plan, np.array([[0, 0, 0], [0, 0, 1]])).tolist() == [1, 0]


class TestChangeCounts:
    def test_factors_that_are_not_at_their_baseline(self) -> None:
        plan = plan_of(table(factors=(BATCH, factor("odd", "1", "2"))))

        # `odd` has no baseline
        assert change_counts(plan, np.array([[0, 1], [1, 1]])).tolist() == [0, 1]


class TestChosen:
    def test_of_equally_good_runs_the_one_beside_its_partners(self) -> None:
        # levels 1 and 2 of a have run with b = 1 and b = 2; four cells join them equally well
        three = (factor("a", "1", "2", baseline="1"), factor("b", "1", "2", baseline="1"))

        found = follow_ups(table("1 1", "2 2", factors=three))

        # 1 2 and 2 1 give a pair for a and one for b each, and one change from the baseline
        assert found.equally_good.count == 2
        assert cells_of(found.runs) == ["1 2"]
        assert [cells_of(other) for other in found.equally_good.others] == [["2 1"]]
