"""Features of one curve: by hand, against R, and under changes that must not matter.

Expected values: tests/sweeps/r/curve_features.R.
"""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve, thinned
from paribus_sweeps.analysis.responses import FEATURE_TABLE

R = json.loads((Path(__file__).parents[1] / "r/expected/curve_features.json").read_text())
SERIES: dict[str, Any] = R["series"]
OF_A_CURVE = [name for name in FEATURE_TABLE if name != "rate"]
SHAPES = ("roughness", "max_drawup", "noise_sd", "rise_after_minimum")
TURNED = ("roughness", "max_drawup", "rise_after_minimum")
# Multiples of 1/8: sums, halves and differences of them are exact.
EIGHTHS = st.integers(-800, 800).map(lambda n: n / 8)
VALUES = st.lists(EIGHTHS, min_size=6, max_size=30)


def curve(*values: float, x: tuple[float, ...] = ()) -> Curve:
    return Curve.of(zip(x or range(1, len(values) + 1), values, strict=True))


def value(name: str, *values: float, **more: Any) -> float | None:
    return feature_of(curve(*values), name, **more).value


class TestAgainstR:
    @pytest.mark.parametrize(
        ("series", "name"),
        [
            (series, name)
            for series, given_ in SERIES.items()
            for name in OF_A_CURVE
            if given_["expected"][name] is not None
        ],
    )
    def test_every_feature_is_what_r_computes(self, series, name):
        given_ = SERIES[series]
        looked = Curve.of(zip(given_["x"], given_["values"], strict=True))

        assert feature_of(looked, name).value == pytest.approx(given_["expected"][name], rel=1e-12)

    @pytest.mark.parametrize(
        ("series", "name"),
        [
            (series, name)
            for series, given_ in SERIES.items()
            for name in TURNED
            if given_["expected"]["when_larger_is_better"][name] is not None
        ],
    )
    def test_what_is_better_when_larger_is_turned_round(self, series, name):
        given_ = SERIES[series]
        looked = Curve.of(zip(given_["x"], given_["values"], strict=True))

        assert feature_of(looked, name, goal="maximize").value == pytest.approx(
            given_["expected"]["when_larger_is_better"][name], rel=1e-12
        )

    @pytest.mark.parametrize("series", [name for name in SERIES if name != "pressure"])
    def test_variation_over_net_stands_beside_roughness(self, series):
        given_ = SERIES[series]
        found = feature_of(Curve.of(zip(given_["x"], given_["values"], strict=True)), "roughness")

        assert found.companions["variation_over_net"] == pytest.approx(
            given_["expected"]["variation_over_net"], rel=1e-12
        )


class TestValues:
    def test_last_smallest_and_largest(self):
        assert [value(name, 3, 1, 2) for name in ("last", "min", "max")] == [2, 1, 3]

    def test_a_run_that_ends_in_nan_has_no_last_value(self):
        """Its last finite one would rank a run that diverged among those that did not."""
        found = feature_of(Curve.of([(1, 0.5), (2, math.nan)]), "last")

        assert found.value is None
        assert found.note == "the last value is not finite (NaN or infinite)"

    def test_a_curve_of_nothing_finite_says_so(self):
        found = feature_of(Curve.of([(1, math.nan), (2, math.inf)]), "min")

        assert found.note == "0 points and 2 not finite; min needs at least 1"


class TestRoughness:
    def test_it_is_all_rises_over_all_falls(self):
        """Moves -4, +1, -3, +2: up 3, down 7; the net is 4 of a variation of 10."""
        found = feature_of(curve(10, 6, 7, 4, 6), "roughness")

        assert found.value == pytest.approx(3 / 7)
        assert found.companions == {"variation_over_net": 10 / 4}

    def test_of_what_is_better_when_larger_a_fall_is_a_rise(self):
        """Accuracies .5 .7 .6 .9: worse by .1, better by .5."""
        assert value("roughness", 0.5, 0.7, 0.6, 0.9, goal="maximize") == pytest.approx(0.2)

    def test_a_curve_that_only_falls_has_none(self):
        assert value("roughness", 9, 5, 2, 1) == 0

    def test_a_curve_that_never_falls_has_no_value(self):
        found = feature_of(curve(1, 2, 2, 3), "roughness")

        assert found.value is None
        assert found.note == "the curve never falls: up/down has no value"

    def test_a_constant_curve_has_no_value(self):
        found = feature_of(curve(1, 1, 1), "roughness")

        assert found.note == "the curve is constant: up/down has no value"

    def test_a_curve_that_comes_back_has_no_variation_over_net(self):
        """It would be infinite."""
        found = feature_of(curve(5, 3, 5), "roughness")

        assert (found.value, found.companions) == (1, {})


class TestMaxDrawup:
    def test_it_is_the_largest_rise_above_the_lowest_so_far(self):
        """Lowest so far 5 3 3 3 1 1: rises 0 0 3 1 0 2."""
        assert value("max_drawup", 5, 3, 6, 4, 1, 3) == 3

    def test_a_curve_that_only_falls_has_none(self):
        assert value("max_drawup", 9, 5, 2, 1) == 0

    def test_of_what_is_better_when_larger_it_is_the_largest_fall(self):
        assert value("max_drawup", 0.5, 0.75, 0.25, 1, goal="maximize") == 0.5


class TestNoiseSd:
    def test_five_points_by_hand(self):
        """At x 0 1 2 4 5: v 0 1 0 2 0.

        i=2: a 1/2, line 0, e -1, e2/(1/4+1/4+1) = 2/3
        i=3: a 2/3, line 2/3 + 2/3 = 4/3, e 4/3, (16/9)/(4/9+1/9+1) = 16/14
        i=4: a 1/3, line 0, e -2, 4/(1/9+4/9+1) = 36/14
        s2 = (2/3 + 16/14 + 36/14)/3 = (14 + 24 + 54)/63 = 92/63
        """
        found = feature_of(curve(0, 1, 0, 2, 0, x=(0, 1, 2, 4, 5)), "noise_sd")

        assert found.value == pytest.approx(math.sqrt(92 / 63), rel=1e-14)

    def test_a_straight_line_has_none_however_it_is_spaced(self):
        assert feature_of(
            curve(2, 4, 8, 16, 20, x=(1, 2, 4, 8, 10)), "noise_sd"
        ).value == pytest.approx(0, abs=1e-12)

    def test_four_points_are_too_few(self):
        found = feature_of(curve(1, 2, 1, 2), "noise_sd")

        assert (found.value, found.note) == (None, "4 points; noise_sd needs at least 5")

    def test_very_small_values_keep_their_scatter(self):
        small = value("noise_sd", *(v * 1e-200 for v in (0, 1, 0, 1, 0)))

        assert small == pytest.approx((value("noise_sd", 0, 1, 0, 1, 0) or 0) * 1e-200)


class TestLogSd:
    def test_it_is_the_spread_of_logarithms(self):
        """The logarithms 0, 1, 2 have a standard deviation of 1."""
        assert value("log_sd", 1, math.e, math.e**2) == pytest.approx(1)

    @pytest.mark.parametrize(
        ("values", "note"),
        [
            ((1, 0, 2), "1 value is not above 0: log_sd needs logarithms"),
            ((1, 0, -2), "2 values are not above 0: log_sd needs logarithms"),
        ],
    )
    def test_what_has_no_logarithm_has_no_value(self, values, note):
        assert feature_of(curve(*values), "log_sd").note == note


class TestRiseAfterMinimum:
    def test_it_is_measured_from_medians(self):
        """Minimum 1 at place 3, 5 behind it: q = 2, median(6, 8) - median(2, 1, 3) = 5."""
        found = feature_of(curve(9, 2, 1, 3, 4, 5, 6, 8), "rise_after_minimum")

        assert (found.value, found.caution) == (5, None)

    def test_a_minimum_that_comes_first_has_one_neighbour(self):
        """Behind it 5: median(6, 8) - median(1, 3) = 5."""
        assert value("rise_after_minimum", 1, 3, 4, 5, 6, 8) == 5

    def test_a_curve_that_still_falls_has_risen_by_nothing(self):
        found = feature_of(curve(9, 8, 7, 6, 5, 4), "rise_after_minimum")

        assert (found.value, found.caution) == (0, "the minimum is the last point")

    @pytest.mark.parametrize(
        ("behind", "expected"),
        [
            ((7.0,), 7 - 5),  # the one point behind, against median(5, 1, 7)
            ((3.0, 7.0), 5 - 3),  # median(3, 7) against median(5, 1, 3)
            ((3.0, 7.0, 9.0), 8 - 3),  # median(7, 9)
        ],
    )
    def test_few_points_behind_the_minimum_are_said(self, behind, expected):
        found = feature_of(curve(9, 8, 7, 6, 5, 1, *behind), "rise_after_minimum")

        assert found.value == expected
        assert found.caution is not None
        assert found.caution.startswith(f"only {len(behind)} point")

    def test_of_several_minima_the_first_counts(self):
        """1 at places 2 and 5: behind the first 6, median(7, 8) - median(9, 1, 3)."""
        assert value("rise_after_minimum", 9, 1, 3, 4, 1, 6, 7, 8) == 7.5 - 3

    def test_five_looks_are_too_few(self):
        found = feature_of(curve(5, 4, 3, 2, 1), "rise_after_minimum")

        assert found.note == "5 points; rise_after_minimum needs at least 6"


class TestAnyCurve:
    @pytest.mark.parametrize("name", OF_A_CURVE)
    def test_an_empty_curve_has_a_reason(self, name):
        found = feature_of(curve(), name)

        assert found.value is None
        assert found.note == f"0 points; {name} needs at least {FEATURE_TABLE[name].least_points}"

    def test_one_point_is_no_points(self):
        assert feature_of(curve(1), "max_drawup").note == "1 point; max_drawup needs at least 2"

    def test_rate_is_no_feature_of_values(self):
        with pytest.raises(KeyError):
            feature_of(curve(1, 2), "rate")

    @pytest.mark.parametrize("name", ["roughness", "max_drawup", "noise_sd"])
    def test_values_near_the_largest_float_have_a_reason(self, name):
        huge = [1.7e308 * (-1) ** i for i in range(9)]

        assert feature_of(curve(*huge), name).note == "the values are too large to compute with"

    @given(st.lists(st.floats(), max_size=12), st.sampled_from(OF_A_CURVE))
    def test_whatever_it_holds_there_is_a_number_or_a_reason(self, values, name):
        found = feature_of(curve(*values), name)

        assert (found.value is None) == (found.note is not None)
        assert found.value is None or math.isfinite(found.value)
        assert all(map(math.isfinite, found.companions.values()))
        json.dumps(found.as_dict(), allow_nan=False)

    @given(VALUES, st.integers(1, 8), EIGHTHS)
    def test_another_unit_leaves_roughness_as_it_is(self, values, a, b):
        before = value("roughness", *values)

        assert value("roughness", *(a * v + b for v in values)) == pytest.approx(before)

    @given(VALUES, st.integers(1, 8), EIGHTHS, st.sampled_from(SHAPES[1:]))
    def test_another_unit_is_a_factor_of_what_has_a_unit(self, values, a, b, name):
        before = value(name, *values)
        assert before is not None

        after = value(name, *(a * v + b for v in values))

        assert after == pytest.approx(a * before, rel=1e-9, abs=1e-12)

    @given(VALUES, st.integers(1, 8), EIGHTHS, st.sampled_from(TURNED))
    def test_a_negative_factor_is_the_other_direction(self, values, a, b, name):
        turned = value(name, *(b - a * v for v in values), goal="maximize")
        before = value(name, *values)
        assume(before is not None)

        assert turned == pytest.approx(before if name == "roughness" else a * (before or 0))

    @given(VALUES, EIGHTHS)
    def test_the_sign_of_a_unit_does_not_touch_noise(self, values, b):
        assert value("noise_sd", *(b - v for v in values)) == pytest.approx(
            value("noise_sd", *values), rel=1e-9, abs=1e-12
        )

    @given(VALUES, st.sampled_from(OF_A_CURVE))
    def test_thinning_by_one_changes_nothing(self, values, name):
        whole = curve(*values)

        assert feature_of(thinned(whole, 1), name) == feature_of(whole, name)

    @given(st.lists(EIGHTHS, min_size=3, max_size=30, unique=True))
    def test_a_curve_that_only_falls_is_neither_rough_nor_drawn_up(self, values):
        falling = sorted(values, reverse=True)

        assert (value("roughness", *falling), value("max_drawup", *falling)) == (0, 0)

    @given(VALUES)
    def test_a_curve_that_ends_below_its_start_has_a_roughness_below_one(self, values):
        assume(values[-1] < values[0])

        assert 0 <= (value("roughness", *values) or 0) < 1
