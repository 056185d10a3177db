"""Kendall's test against a count of all orders, and slopes and means worked out by hand."""

import itertools
import math

import numpy as np
import pytest

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.trends import (
    MOST_EXACT,
    MOST_FOR_SLOPE,
    Movement,
    means_between,
    movement,
    moving,
    trend,
)


def curve(*values: float) -> Curve:
    return Curve.of([(float(x), value) for x, value in enumerate(values)])


def score(values: tuple[float, ...]) -> int:
    """Pairs that rise minus pairs that fall."""
    return sum(int(np.sign(b - a)) for a, b in itertools.combinations(values, 2))


def share_of_orders(values: tuple[float, ...], *, at_least: bool) -> float:
    """How many of all orders of these values rise (or fall) as much: the definition of p."""
    scores = [score(order) for order in itertools.permutations(values)]
    mine = score(values)
    return sum(s >= mine if at_least else s <= mine for s in scores) / len(scores)


class TestKendall:
    @pytest.mark.parametrize(
        "values", [(1, 2, 3, 4), (1, 2, 4, 3), (2, 1, 5, 3, 4), (6, 1, 5, 2, 4, 3)]
    )
    def test_p_is_the_share_of_orders_that_rise_or_fall_as_much(self, values):
        assert trend(curve(*values), "up").p == pytest.approx(
            share_of_orders(values, at_least=True), rel=1e-12
        )
        assert trend(curve(*values), "down").p == pytest.approx(
            share_of_orders(values, at_least=False), rel=1e-12
        )

    def test_four_points_in_order_are_one_of_24(self):
        found = trend(curve(1, 2, 3, 4), "up")

        assert (found.p, found.tau, found.method) == (pytest.approx(1 / 24), 1.0, "exact")

    def test_either_way_is_twice_as_likely(self):
        assert trend(curve(4, 3, 2, 1), "either").p == pytest.approx(2 / 24)

    def test_the_way_in_which_a_curve_moves_is_tested_one_sided(self):
        assert moving(curve(4, 3, 2, 1)) == trend(curve(4, 3, 2, 1), "down")
        assert moving(curve(1, 2, 4, 3)) == trend(curve(1, 2, 4, 3), "up")
        assert movement(curve(4, 3, 2, 1)) == Movement(4, False, pytest.approx(1 / 24))
        assert movement(curve(1, 2, 3, 4)) == Movement(4, True, pytest.approx(1 / 24))
        assert movement(curve(1, 1, 1, 1)) == Movement(4, False, 1.0)

    def test_ties_are_told_by_the_normal_law(self):
        """Values 1, 1, 2, 3: S = 5.

        Its variance with one tie of two is (4·3·13 − 2·1·9) / 18 = 138/18, so z = 5 / 2.769 =
        1.806 and the one-sided p is .0355 (Kendall 1970, chapter 4).
        """
        found = trend(curve(1, 1, 2, 3), "up")

        assert found.method == "asymptotic"
        assert found.p == pytest.approx(0.5 * math.erfc(5 / math.sqrt(138 / 18) / math.sqrt(2)))

    def test_more_points_than_can_be_counted_are_told_by_the_normal_law(self):
        values = np.sin(np.arange(MOST_EXACT + 1))

        assert trend(curve(*values), "up").method == "asymptotic"
        assert trend(curve(*values[:-1]), "up").method == "exact"

    def test_equal_values_have_no_trend(self):
        found = trend(curve(3, 3, 3), "up")

        assert (found.p, found.tau, found.method, found.slope) == (1.0, None, "constant", 0.0)


class TestSlope:
    def test_it_is_the_median_of_the_slopes_of_all_pairs(self):
        """0, 1, 8: slopes 1, 4, 7; the last point alone would draw a fitted line."""
        assert trend(curve(0, 1, 8), "up").slope == 4.0

    def test_of_a_long_curve_it_rests_on_points_spread_over_all_of_it(self):
        """Twice as many points as are taken, on a line."""
        values = [2.0 * x for x in range(2 * MOST_FOR_SLOPE)]

        assert trend(curve(*values), "up").slope == pytest.approx(2.0, rel=1e-12)

    def test_one_beyond_the_largest_float_is_none(self):
        assert trend(curve(-1.5e308, 0, 1.5e308), "up").slope == pytest.approx(1.5e308)
        assert trend(curve(-1.5e308, 1.5e308), "up").slope is None


class TestMeansBetween:
    def test_an_interval_holds_its_right_end_and_not_its_left_one(self):
        """Up to 10: 2 and 4; up to 20: 6 (at 20); 9 comes behind the last look."""
        logged = Curve.of([(5, 2.0), (10, 4.0), (20, 6.0), (25, 9.0)])

        assert means_between(logged, np.array([10.0, 20.0])).tolist() == [3.0, 6.0]

    def test_an_empty_interval_has_no_mean(self):
        means = means_between(Curve.of([(5, 2.0)]), np.array([10.0, 20.0]))

        assert means[0] == 2.0
        assert math.isnan(means[1])

    def test_a_sum_beyond_the_largest_float_has_no_mean(self):
        logged = Curve.of([(1, 1.5e308), (2, 1.5e308), (15, 1.0)])

        assert math.isnan(means_between(logged, np.array([10.0, 20.0]))[0])

    def test_nothing_logged_leaves_every_interval_empty(self):
        assert np.isnan(means_between(Curve.of([]), np.array([10.0, 20.0]))).all()
