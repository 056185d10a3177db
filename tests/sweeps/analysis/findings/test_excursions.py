"""Rises that count, turning points, and what thinning hides or makes."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.excursions import (
    excursions,
    rises_over_falls,
    shown,
    thinning,
    turning_points,
    usual_delta,
)


def curve(*values: float) -> Curve:
    """A curve at steps 1, 2, 3 and so on."""
    return Curve.of([(float(at), value) for at, value in enumerate(values, 1)])


def spans(values: tuple[float, ...], delta: float) -> list[tuple[float, float, bool]]:
    """(step of the trough, step of the peak, open) of each excursion."""
    return [(e.trough_x, e.peak_x, e.is_open) for e in excursions(curve(*values), delta)]


class TestExcursions:
    def test_a_rise_counts_from_delta_on(self):
        """.4 to .5 is .1: with delta .1 it counts, and with .11 it does not."""
        values = (1.0, 0.4, 0.5, 0.3)

        assert spans(values, 0.1) == [(2, 3, False)]
        assert spans(values, 0.11) == []

    def test_rounding_does_not_lose_a_rise_of_delta(self):
        """.3 - .2 is .09999999999999998 in floats."""
        assert spans((1.0, 0.2, 0.3, 0.1), 0.1) == [(2, 3, False)]

    def test_a_small_dip_does_not_end_a_rise(self):
        """Up from .2 (step 2) to .6 (step 5), with a dip of .05 on the way; closed at step 6."""
        (found,) = excursions(curve(1.0, 0.2, 0.4, 0.35, 0.6, 0.3), 0.1)

        assert (found.trough_x, found.peak_x) == (2, 5)
        assert found.size == pytest.approx(0.4)

    def test_small_steps_add_up_to_one_rise(self):
        assert spans((1.0, 0.50, 0.54, 0.58, 0.62, 0.4), 0.1) == [(2, 5, False)]

    def test_a_rise_at_the_end_counts_and_is_open(self):
        assert spans((1.0, 0.3, 0.35, 0.45), 0.1) == [(2, 4, True)]

    def test_the_first_value_can_be_a_trough(self):
        assert spans((0.5, 0.8, 0.2, 0.6, 0.1), 0.1) == [(1, 2, False), (3, 4, False)]

    @pytest.mark.parametrize("values", [(), (0.5,), (0.5, 0.5, 0.5), (0.9, 0.5, 0.3, 0.2)])
    def test_without_a_rise_there_is_none(self, values):
        assert spans(values, 0.01) == []

    def test_a_key_with_tiny_values_keeps_its_hysteresis(self):
        """All values are below METHOD's tolerance of 1e-12."""
        assert spans((1e-13, 2e-14, 2.1e-14, 1e-14), 5e-15) == []
        assert spans((1e-13, 2e-14, 4e-14, 1e-14), 5e-15) == [(2, 3, False)]

    def test_the_usual_delta_is_a_twentieth_of_the_fall(self):
        """From 1.0 to .2: .8 / 20."""
        assert usual_delta(curve(1.0, 0.2, 0.6)) == pytest.approx(0.04)

    @pytest.mark.parametrize("values", [(), (0.5,), (0.5, 0.6), (1.7e308, -1.7e308)])
    def test_where_nothing_falls_there_is_no_usual_delta(self, values):
        assert usual_delta(curve(*values)) is None


class TestTurningPoints:
    def test_they_are_changes_of_direction(self):
        """Up, down, down, up: two changes. Mean 2 · 3 / 3 = 2, variance (80 - 29) / 90."""
        found = turning_points(curve(1, 3, 2, 1, 2))

        assert found is not None
        assert (found.count, found.expected) == (2, 2)
        assert found.variance == pytest.approx(51 / 90)
        assert found.z == 0

    def test_equal_neighbours_are_no_change(self):
        """Up, level, up, level, down: one."""
        found = turning_points(curve(1, 2, 2, 3, 3, 1))

        assert found is not None
        assert found.count == 1

    def test_independent_noise_turns_as_often_as_the_formula_says(self):
        """Of 5,000: 3,332 expected, sd 29.8; three sd are allowed."""
        chance = random.Random(1)
        found = turning_points(curve(*(chance.gauss(0, 1) for _ in range(5_000))))

        assert found is not None
        assert abs(found.z) < 3

    def test_a_smooth_curve_turns_less(self):
        found = turning_points(curve(*(math.exp(-x / 10) for x in range(50))))

        assert found is not None
        assert (found.count, found.z < -8) == (0, True)

    def test_two_points_do_not_turn(self):
        assert turning_points(curve(1, 2)) is None


SPIKED = (1.0, 0.8, 0.6, 0.5, 0.7, 0.4, 0.35, 0.3, 0.28, 0.26, 0.24, 0.22)
"""Twelve looks; the fifth (.7) is one spike, .2 above its trough."""


class TestHidden:
    def test_a_spike_shows_in_the_one_phase_that_has_it(self):
        """With m = 2, phase 0 has looks 1, 3, 5 …, and so the spike; phase 1 falls all the way."""
        found = thinning(curve(*SPIKED), 2, 0.05)

        assert found.excursions == 1
        assert found.hidden == (1,)
        assert found.fewer == (1,)
        assert found.share(found.hidden) == 0.5

    def test_the_phase_of_a_real_run_is_the_last(self):
        """Looks 2, 4, 6 … of a run that looks half as often."""
        found = thinning(curve(*SPIKED), 2, 0.05)

        assert found.own.phase == 1
        assert (found.own.points, found.own.excursions, found.own.roughness) == (6, 0, 0)

    def test_a_run_that_also_looked_at_the_start_had_another_phase(self):
        assert thinning(curve(*SPIKED), 2, 0.05, own_phase=0).own.excursions == 1

    def test_fewer_is_told_apart_from_none(self):
        """Spikes at looks 3 and 6: looks 1, 3, 5 … have the first, 2, 4, 6 … the second."""
        two = curve(1.0, 0.9, 1.1, 0.7, 0.6, 0.9, 0.4, 0.3, 0.2, 0.15)
        found = thinning(two, 2, 0.05)

        assert found.excursions == 2
        assert (found.hidden, found.fewer) == ((), (0, 1))

    def test_what_has_no_rise_has_none_to_hide(self):
        found = thinning(curve(*(1 / (1 + x) for x in range(20))), 4, 0.05)

        assert found.hidden == ()
        assert found.as_dict()["hidden_fraction"] is None

    def test_below_five_coarse_points_there_is_no_fraction(self):
        """12 looks, m = 3: 4 points a phase."""
        found = thinning(curve(*SPIKED), 3, 0.05)

        assert not found.is_enough
        assert found.share(found.hidden) is None
        told = found.as_dict()
        assert told["hidden_phases"] is told["created_phases"] is told["created_fraction"] is None

    def test_thinning_by_one_changes_nothing(self):
        found = thinning(curve(*SPIKED), 1, 0.05)

        assert (found.hidden, found.fewer, found.created) == ((), (), ())
        assert found.own.roughness == found.own.dense_roughness
        assert found.own.y_share == 1

    @pytest.mark.parametrize("every", [0, 13])
    def test_more_phases_than_points_are_refused(self, every):
        with pytest.raises(ValueError, match="expected 1 to 12"):
            thinning(curve(*SPIKED), every, 0.05)


PLATEAU = (1.0, 0.6, *[0.5, 0.52] * 9)
"""Twenty looks: the fall is over at the third, then a plateau that breathes by .02."""


class TestMade:
    def test_a_plateau_fills_the_chart_of_a_run_that_looked_behind_the_fall(self):
        """Phase 2 of m = 3: looks 3, 6, … 18: .50 .52 .50 .52 .50 .52.

        up .06, down .04: 1.5. The whole: up 9 · .02 = .18, down .5 + 8 · .02 = .66: 3/11.
        On the same range, looks 3 to 18: up 8 · .02, down 7 · .02: 8/7.
        """
        found = thinning(curve(*PLATEAU), 3, 0.025)

        assert found.own.roughness == pytest.approx(1.5)
        assert found.roughness == pytest.approx(3 / 11)
        assert found.own.dense_roughness == pytest.approx(8 / 7)
        assert (found.own.is_rescaled, found.own.is_created) == (True, True)
        assert found.own.y_share == pytest.approx(0.02 / 0.5)

    def test_the_phases_that_still_have_the_fall_make_nothing(self):
        """Phase 0: 1.0 .52 .50 .52 .50 .52 .50: up .04, down .54. Phase 1 begins at .6."""
        found = thinning(curve(*PLATEAU), 3, 0.025)

        assert found.phases[0].roughness == pytest.approx(0.04 / 0.54)
        assert found.rescaled == found.created == (2,)

    def test_a_phase_that_only_rises_is_made_where_the_dense_curve_also_falls(self):
        """.20 .30 .21 .40 .22 .50 …: of two looks one, each rises all the way."""
        values = [v for at in range(6) for v in (0.20 + 0.01 * at, 0.3 + 0.1 * at)]
        found = thinning(curve(*values), 2, 0.05)

        assert found.own.roughness is None
        assert found.own.dense_roughness is not None
        assert found.created == (0, 1)

    @settings(deadline=None)
    @given(
        st.lists(st.floats(0, 1), min_size=15, max_size=40),
        st.integers(1, 3),
    )
    def test_on_one_range_only_a_curve_that_ends_higher_gets_rougher(self, values, every):
        """Net is the same for both, and the thinned curve has less of each."""
        for look in thinning(curve(*values), every, 0.05).phases:
            left = shown(curve(*values), every, look.phase).values
            assert not look.is_created or left[-1] > left[0]

    def test_a_constant_curve_has_no_range(self):
        found = thinning(curve(*[0.5] * 10), 2, 0.05)

        assert found.own.y_share is None
        assert (found.own.roughness, found.created, found.rescaled) == (None, (), ())

    def test_the_limit_is_a_setting(self):
        """In phase 2 the roughness exceeds the same range's by 1.5 - 8/7 = .357."""
        assert thinning(curve(*PLATEAU), 3, 0.025, created=0.35).created == (2,)
        assert thinning(curve(*PLATEAU), 3, 0.025, created=0.36).created == ()


class TestKeepLast:
    def test_the_last_point_stays_where_it_is_asked_for(self):
        """Looks 1, 4, 7, 10 of twelve; and with the last, 12."""
        dense = curve(*SPIKED)

        assert shown(dense, 3, 0).x.tolist() == [1, 4, 7, 10]
        assert shown(dense, 3, 0, keep_last=True).x.tolist() == [1, 4, 7, 10, 12]

    def test_it_is_not_taken_twice(self):
        assert shown(curve(*SPIKED), 3, 2, keep_last=True).x.tolist() == [3, 6, 9, 12]

    def test_a_phase_with_it_has_a_point_more(self):
        found = thinning(curve(*SPIKED), 5, 0.05, keep_last=True)

        assert [look.points for look in found.phases] == [4, 3, 3, 3, 3]


class TestRisesOverFalls:
    def test_it_is_the_roughness(self):
        """Up .1, down .6 + .2."""
        assert rises_over_falls(curve(1.0, 0.4, 0.5, 0.3)) == pytest.approx(0.1 / 0.8)

    def test_it_is_infinite_where_a_curve_only_rises(self):
        assert rises_over_falls(curve(0.1, 0.2, 0.2, 0.3)) == math.inf

    @pytest.mark.parametrize("values", [(), (0.5,), (0.5, 0.5, 0.5)])
    def test_without_a_move_there_is_none(self, values):
        assert math.isnan(rises_over_falls(curve(*values)))
