"""The smallest set against R's exhaustive search, and what is claimed where none is possible."""

import itertools
import math
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.design import augmentation
from paribus_sweeps.design.augmentation import improved_set, smallest_set
from paribus_sweeps.design.table import Codes, Floats
from tests.sweeps.design.follow_up_cases import cells_of, r_answer, r_cases

SIGNS = np.array(list(itertools.product((1.0, -1.0), repeat=3)))


def main_effects(signs: Floats) -> Floats:
    return np.column_stack([np.ones(len(signs)), signs])


def with_pairs(signs: Floats) -> Floats:
    pairs = [signs[:, a] * signs[:, b] for a, b in itertools.combinations(range(3), 2)]
    return np.column_stack([main_effects(signs), *pairs])


STORY = main_effects(SIGNS[[0, 6, 5]])  # R1 to R3 of DESIGN 1
GRID = main_effects(SIGNS)
BATCH = np.eye(4)[1:2]
A_OF_PAIRS = np.eye(7)[1:2]
POSSIBLE = [case for case in r_cases() if case["expected"]["possible"]]
OPEN = [case for case in POSSIBLE if case["expected"]["runs_needed"]]


def story(case: dict[str, Any]) -> str:
    return str(case["story"])


class TestAgainstR:
    @pytest.mark.parametrize("case", POSSIBLE, ids=story)
    def test_as_many_runs_as_an_exhaustive_search_needs(self, case: Any) -> None:
        found = r_answer(case)

        assert found.k == case["expected"]["runs_needed"]
        assert found.open_directions == case["expected"]["open_directions"]
        assert found.is_smallest
        assert not found.impossible

    @pytest.mark.parametrize("case", OPEN, ids=story)
    def test_the_best_of_them_and_how_many_are_as_good(self, case: Any) -> None:
        found = r_answer(case)

        wanted = case["expected"]
        best = [wanted["sets"][place] for place in wanted["best"]]
        names = [factor["name"] for factor in case["factors"]]
        cells = [" ".join(cell[n] for n in names) for cell in case["candidates"]]
        assert found.objective == pytest.approx(max(wanted["objectives"]), rel=1e-9)
        assert (found.equally_good.count, found.equally_good.counted_all) == (len(best), True)
        assert sorted(cells_of(found.runs)) in [sorted(cells[at] for at in one) for one in best]
        assert found.is_best

    @pytest.mark.parametrize(
        "case", [c for c in r_cases() if not c["expected"]["possible"]], ids=story
    )
    def test_what_no_candidate_tells_is_named(self, case: Any) -> None:
        found = r_answer(case)

        assert [item.term for item in found.impossible] == case["expected"]["never"]


class TestSmallestSet:
    def test_without_open_directions_there_is_nothing_to_run(self) -> None:
        found = smallest_set(GRID, GRID)

        assert (found.k, found.open, found.never, found.objective) == (0, 0, 0, None)

    def test_no_finished_run_leaves_everything_open(self) -> None:
        found = smallest_set(GRID[:0], GRID)

        # 4 parameters; the best 4 of the 8 cells are one of the two half fractions: det = 4^4
        assert (found.k, found.open) == (4, 4)
        assert found.objective == pytest.approx(4 * math.log(4))
        assert found.equally_good == 2

    def test_no_candidate_closes_nothing(self) -> None:
        found = smallest_set(STORY, GRID[:0])

        assert (found.k, found.open, found.closable, found.never) == (0, 1, 0, 1)

    def test_repeats_of_finished_runs_raise_the_objective(self) -> None:
        twice = smallest_set(STORY, GRID, counts=np.full(3, 2.0))

        # det(2 X'X + zz'), all four cells of a half fraction: 2^3 of the plain 4^4
        assert twice.objective == pytest.approx(math.log(8 * 4**4))

    def test_the_order_of_finished_runs_changes_nothing(self) -> None:
        one, other = (smallest_set(STORY[order], GRID) for order in ([0, 1, 2], [2, 0, 1]))

        assert (one.chosen, one.equally_good) == (other.chosen, other.equally_good)
        assert one.objective == pytest.approx(other.objective)

    def test_the_callers_preference_decides_between_equally_good_sets(self) -> None:
        def last_first(sets: Codes) -> Codes:
            return -sets.sum(axis=1)[:, None]

        plain = smallest_set(GRID[:0], GRID)
        asked = smallest_set(GRID[:0], GRID, prefer=last_first)

        # the two half fractions have places 0, 3, 5, 6 and 1, 2, 4, 7: both sum to 14
        assert plain.chosen == asked.chosen == (0, 3, 5, 6)
        assert plain.others == ((1, 2, 4, 7),)

    def test_a_direction_may_need_more_runs_than_one(self) -> None:
        # A of a 2^3 with pairs; finished (1), c, b, a: one open direction, two runs (R's case)
        finished = with_pairs(SIGNS[[0, 1, 2, 4]])

        found = smallest_set(finished, with_pairs(SIGNS), A_OF_PAIRS)

        assert (found.closable, found.k, found.tried) == (1, 2, 0)
        assert found.is_smallest
        assert found.equally_good == 2


class TestTooManyToTry:
    """Limits are lowered, so that small cases take the way of large ones."""

    @pytest.fixture(autouse=True)
    def _few(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(augmentation, "MOST_SETS", 1)

    def test_exchange_finds_the_best_of_a_whole_model(self) -> None:
        found = smallest_set(GRID[:0], GRID)

        assert found.objective == pytest.approx(4 * math.log(4))
        assert found.is_smallest
        assert not found.is_best
        assert not found.counted_all

    def test_and_of_one_effect(self) -> None:
        found = smallest_set(STORY, GRID, BATCH)

        # R: the best is the all-changed run, -logdet = log 4
        assert found.k == 1
        assert found.objective == pytest.approx(math.log(4))
        assert not found.is_best

    def test_sets_of_many_runs_are_taken_from_the_largest_volume(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(augmentation, "MOST_WORK", 1)

        found = smallest_set(STORY, GRID, np.eye(4)[1:])

        assert found.objective == pytest.approx(smallest_value(STORY, GRID, np.eye(4)[1:]))

    def test_a_larger_set_is_not_claimed_to_be_the_smallest(self) -> None:
        finished = with_pairs(SIGNS[[0, 1, 2, 4]])

        found = smallest_set(finished, with_pairs(SIGNS), A_OF_PAIRS)

        assert found.k >= 2
        assert found.is_smallest is (found.k == 2)
        assert not found.is_best


def smallest_value(finished: Floats, candidates: Floats, targets: Floats) -> float:
    """The best objective of one more run, straight from its definition."""
    values = []
    for row in candidates:
        both = np.vstack([finished, row])
        if np.linalg.matrix_rank(both) == both.shape[1]:
            inverse = np.linalg.inv(both.T @ both)
            values.append(-np.linalg.slogdet(targets @ inverse @ targets.T)[1])
    return max(values)


class TestManyAlike:
    def test_of_too_many_equal_sets_an_exchange_takes_a_good_one(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(augmentation, "MOST_SETS", 50)
        finished = with_pairs(SIGNS[[0, 1, 2, 4]])
        ten_times = np.tile(with_pairs(SIGNS), (10, 1))

        found = smallest_set(finished, ten_times, A_OF_PAIRS)

        # R: two sets of two runs, each ten by ten times; -logdet = 2 log 2
        assert (found.k, found.is_smallest, found.is_best) == (2, True, False)
        assert found.objective == pytest.approx(2 * math.log(2))
        assert not found.counted_all


class TestEquallyGood:
    def test_a_number_beyond_all_integers_of_json_is_cut(self) -> None:
        # one factor of 40 levels, none finished; another of 4: 40 x log2(4) bits of choices
        codes = np.array(list(itertools.product(range(40), range(4))))
        level = np.vstack([np.eye(39), -np.ones(39)])
        other = np.vstack([np.eye(3), -np.ones(3)])
        rows = np.column_stack([np.ones(160), level[codes[:, 0]], other[codes[:, 1]]])

        found = smallest_set(rows[:4], rows)

        assert found.k == 39
        assert found.equally_good <= 10**15
        assert len(found.others) <= 5

    def test_of_very_many_only_the_preferred_ones_are_listed(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(augmentation, "_MOST_TIED", 4)
        doubled = np.vstack([GRID, GRID])  # every cell twice, as on two GPUs of one kind

        plain = smallest_set(GRID[:0], doubled)
        asked = smallest_set(
            GRID[:0], doubled, prefer=lambda sets: (sets < 8).sum(axis=1)[:, None]
        )

        assert plain.equally_good == asked.equally_good == 2 * 2**4
        assert max(plain.chosen) < 8 <= min(asked.chosen)


class TestImprovedSet:
    def test_a_poor_set_is_exchanged_for_the_best(self) -> None:
        begun = np.array([0, 1, 2, 4])  # one factor at a time: det 16^2 / 4^4 = 1

        places, value = improved_set(GRID[:0], GRID, None, begun, counts=np.ones(0))

        assert places.tolist() in ([0, 3, 5, 6], [1, 2, 4, 7])
        assert value == pytest.approx(4 * math.log(4))
