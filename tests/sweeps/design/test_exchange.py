"""Exchanges: never worse than their start, and as good as all sets on small cases."""

import itertools

import numpy as np
import pytest

from paribus_sweeps.design.exchange import (
    MOST_WORK,
    STARTS,
    basis,
    exchanged,
    largest_volume,
    starts,
    swapped,
    weightings,
)
from paribus_sweeps.design.table import Codes, Floats


def volume(rows: Floats) -> float:
    return float(abs(np.linalg.det(rows)))


class TestStarts:
    def test_twenty_unless_one_takes_long(self) -> None:
        assert starts(0) == starts(1_000) == STARTS == 20
        assert starts(MOST_WORK // 3) == 3
        assert starts(MOST_WORK * 9) == 1

    def test_the_first_weighs_all_candidates_alike_and_none_is_drawn_twice(self) -> None:
        first, second, third = weightings(4, 3)

        assert first.tolist() == [1, 1, 1, 1]
        assert not np.array_equal(second, third)
        assert np.array_equal(list(weightings(4, 3))[2], third)


class TestBasis:
    def test_the_longest_row_that_is_left(self) -> None:
        rows = np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 1.0]])

        # first (3, 0); without its direction (2, 1) is (0, 1)
        assert basis(rows, np.ones(3)).tolist() == [1, 2]

    def test_weights_favour_other_rows(self) -> None:
        rows = np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 1.0]])

        assert basis(rows, np.array([10.0, 1.0, 0.1])).tolist() == [0, 2]


class TestLargestVolume:
    @pytest.mark.parametrize("seed", range(8))
    def test_it_is_that_of_an_exhaustive_search(self, seed: int) -> None:
        rows = np.random.default_rng(seed).integers(-2, 3, size=(9, 3)).astype(float)

        best = max(volume(rows[list(one)]) for one in itertools.combinations(range(9), 3))

        found = largest_volume(rows)
        assert volume(rows[found[0]]) == pytest.approx(best)
        assert np.array_equal(found, np.sort(found, axis=1))

    def test_a_swap_never_makes_it_smaller(self) -> None:
        rows = np.random.default_rng(3).normal(size=(30, 4))
        start = np.arange(4)

        assert volume(rows[swapped(rows, start)]) > volume(rows[start])


class TestExchanged:
    def test_one_member_at_a_time_until_none_is_better(self) -> None:
        weights = np.array([1.0, 5.0, 3.0, 4.0])

        value, chosen = exchanged(
            lambda sets: weights[sets].sum(axis=1), np.array([0, 2]), np.arange(4)
        )

        assert (value, chosen.tolist()) == (9.0, [1, 3])

    def test_without_other_options_the_start_stays(self) -> None:
        def score(sets: Codes) -> Floats:
            return np.ones(len(sets))

        value, chosen = exchanged(score, np.array([1, 0]), np.array([0, 1]))

        assert (value, chosen.tolist()) == (1.0, [0, 1])
