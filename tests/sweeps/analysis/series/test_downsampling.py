"""Fewer points, and every spike still there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.series.downsampling import FEWEST, inside, points_kept

LINES = st.lists(
    st.tuples(st.integers(-50, 50).map(float), st.floats(-1e300, 1e300)), min_size=1, max_size=200
)


def kept(x, y, most: int) -> list[int]:
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return points_kept(x, y, y, most=most).tolist()


class TestPointsKept:
    def test_few_points_all_stay(self):
        assert kept([1, 2, 3, 4], [1, 2, 3, 4], 4) == [0, 1, 2, 3]

    def test_each_stretch_keeps_lowest_highest_and_last(self):
        """Of x 0 to 9 the stretches are 0 to 4 and 5 to 9 (the edge is 4.5); the first stays."""
        y = [5, 9, 1, 4, 4, 4, 3, 8, 4, 4]

        assert kept(range(10), y, 7) == [0, 1, 2, 4, 6, 7, 9]

    def test_a_stretch_without_a_point_keeps_none(self):
        """Edges at 33.3 and 66.7: nine points in the first stretch, none in the second."""
        x = [0, 1, 2, 3, 4, 5, 6, 7, 8, 99, 100]

        assert kept(x, [5, 3, 1, 2, 9, 4, 4, 4, 4, 7, 6], 10) == [0, 2, 4, 8, 9, 10]

    def test_one_spike_among_a_million_is_there(self):
        y = np.zeros(1_000_000)
        y[123_457] = 1

        assert 123_457 in kept(np.arange(1_000_000), y, 100)

    def test_points_at_one_x_are_one_stretch(self):
        assert kept([3] * 6, [2, 1, 5, 4, 4, 3], 4) == [0, 1, 2, 5]

    def test_lowest_and_highest_may_be_of_two_lines(self):
        """A band is as wide as its lower and upper edge go."""
        low, high = np.array([0, -5, 0, 0, 0.0]), np.array([1, 1, 9, 1, 1.0])

        found = points_kept(np.arange(5.0), low, high, most=4)

        assert found.tolist() == [0, 1, 2, 4]

    @pytest.mark.parametrize("ends", [(-1.7e308, 1.7e308), (0.0, 5e-324)])
    def test_ranges_at_the_ends_of_the_floats_are_cut_too(self, ends):
        x = np.linspace(0, 1, 50)
        x = ends[0] * (1 - x) + ends[1] * x

        assert len(kept(x, range(50), 7)) <= 7

    @given(LINES, st.integers(FEWEST, 60))
    def test_no_more_than_asked_and_the_ends_and_extremes_are_among_them(self, line, most):
        line = sorted(line, key=lambda point: point[0])
        x, y = ([point[i] for point in line] for i in (0, 1))

        found = kept(x, y, most)

        assert len(found) <= most
        assert found == sorted(set(found))
        assert {0, len(y) - 1} <= set(found)
        assert {min(y), max(y)} <= {y[place] for place in found}


class TestInside:
    X = np.array([1.0, 2, 2, 3])

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (None, None, [1, 2, 2, 3]),
            (2, None, [2, 2, 3]),
            (None, 2, [1, 2, 2]),
            (2, 2, [2, 2]),
            (2.1, 2.9, []),
            (9, None, []),
            (3, 1, []),
        ],
    )
    def test_both_ends_belong_to_it(self, low, high, expected):
        assert self.X[inside(self.X, low, high)].tolist() == expected
