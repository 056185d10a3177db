"""How often a run looked, and what was over before it did."""

import pytest

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.cadences import cadence_of, equal_looks, share_before


class TestShareBefore:
    def test_it_is_the_part_of_the_fall_that_is_over(self):
        """1.0 at 20, .4 at 100, lowest .2: (1 - .4) / (1 - .2) = .75."""
        dense = Curve.of([(20, 1.0), (60, 0.7), (100, 0.4), (140, 0.2), (180, 0.3)])

        assert share_before(dense, 100, 180) == pytest.approx((0.75, 0.8))

    def test_between_two_looks_it_is_interpolated(self):
        """At 80, half way from .7 to .4: .55, and .45 / .8 = .5625."""
        dense = Curve.of([(20, 1.0), (60, 0.7), (100, 0.4), (140, 0.2), (180, 0.3)])

        assert share_before(dense, 80, 180) == pytest.approx((0.5625, 0.8))

    def test_what_falls_behind_the_common_range_does_not_count(self):
        """Until 100 the lowest is .4: all of that fall was over."""
        dense = Curve.of([(20, 1.0), (60, 0.7), (100, 0.4), (140, 0.2)])

        assert share_before(dense, 100, 100) == pytest.approx((1.0, 0.6))

    @pytest.mark.parametrize(
        ("x", "until"), [(10, 140), (150, 140), (145, 200)], ids=["before", "none", "behind"]
    )
    def test_outside_the_curve_there_is_no_share(self, x, until):
        dense = Curve.of([(20, 1.0), (60, 0.7), (140, 0.2)])

        assert share_before(dense, x, until) is None

    def test_a_curve_that_rises_has_no_fall(self):
        assert share_before(Curve.of([(20, 0.1), (60, 0.7)]), 40, 60) is None
        assert share_before(Curve.of([]), 40, 60) is None


class TestCadence:
    def test_it_is_the_usual_distance_though_the_last_look_came_early(self):
        assert cadence_of(Curve.of([(200, 1), (400, 1), (600, 1), (630, 1)])) == 200

    def test_of_one_look_it_is_where_that_was(self):
        assert cadence_of(Curve.of([(48, 1.0)])) == 48

    def test_without_a_look_there_is_none(self):
        assert cadence_of(Curve.of([])) is None
        assert cadence_of(Curve.of([(0, 1.0)])) is None


class TestEqualLooks:
    def test_only_equal_steps_are_compared(self):
        one, other = Curve.of([(20, 1.0), (40, 0.5)]), Curve.of([(40, 0.7), (60, 0.1)])

        assert equal_looks(one, other) == (1, pytest.approx(0.2))

    def test_without_a_step_in_common_there_is_no_difference(self):
        assert equal_looks(Curve.of([(20, 1.0)]), Curve.of([(30, 1.0)])) == (0, None)
