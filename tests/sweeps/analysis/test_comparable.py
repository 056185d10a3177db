"""One feature over several runs: at which points, what is refused, and what is said."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.comparable import (
    EXAMPLES_SEEN,
    Comparison,
    comparable_features,
    comparable_rates,
)
from paribus_sweeps.analysis.curve_features import feature_of
from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.responses import FEATURE_TABLE, parse_response


def looks(step: int, *values: float, first: int | None = None) -> Curve:
    """A curve looked at every `step` steps."""
    start = step if first is None else first
    return Curve.of((start + step * i, value) for i, value in enumerate(values))


def compare(text: str, *, goal="minimize", x_name="steps", **curves: Curve) -> Comparison:
    return comparable_features(parse_response(text), curves, goal=goal, x_name=x_name)


def values(found: Comparison) -> list[float | None]:
    return [value.value for value in found.values.values()]


DENSE = looks(10, 9, 5, 8, 6, 7, 4, 6, 3, 5, 2)  # at 10 … 100; every other: 5 6 4 3 2
COARSE = looks(20, 9, 6, 7, 3, 4)  # at 20 … 100


class TestWhatIsThinned:
    def test_a_dense_run_is_compared_at_the_looks_of_the_coarse_one(self):
        """At 20 … 100 the dense one has 5 6 4 3 2: up 1, down 4; whole, it is far rougher."""
        found = compare("roughness(eval/loss)", dense=DENSE, coarse=COARSE)

        assert values(found) == [pytest.approx(2 / 7), pytest.approx(1 / 4)]  # by name: c, d
        assert (found.common_range, found.points) == ((20, 100), 5)
        assert found.thinned_from == {"dense": 9}  # 20, 30, … 100
        assert found.cautions == (
            "compared at 5 points, 20 to 100 steps: the last point of each stretch in which "
            "every run has one; runs have up to 10 points",
        )
        assert (feature_of(DENSE, "roughness").value or 0) > 0.4

    @pytest.mark.parametrize(
        "name", ["roughness", "max_drawup", "noise_sd", "log_sd", "min", "max"]
    )
    def test_runs_of_one_cadence_are_taken_whole(self, name):
        found = compare(f"{name}(k)", a=DENSE, b=DENSE)

        assert values(found) == [feature_of(DENSE, name).value] * 2
        assert found.cautions == ()

    def test_the_last_value_is_taken_as_it_is(self):
        found = compare("last(k)", dense=DENSE, short=looks(10, 3, 1))

        assert values(found) == [2, 1]
        assert (found.common_range, found.points, found.thinned_from) == (None, None, {})

    def test_smallest_values_over_unequally_many_looks_are_thinned(self):
        """The dense run's 4 at 60 counts, its 3 at 80 and 2 at 100 too; its 5 at 90 does not."""
        spike = looks(10, 9, 5, 8, 6, 0, 4, 6, 3, 5, 2)  # a lucky 0 at step 50

        assert values(compare("min(k)", coarse=COARSE, dense=spike)) == [3, 2]

    def test_smallest_values_over_equally_many_looks_are_not(self):
        """METHOD 7 asks it of unequal counts only; these two would share one point in steps."""
        found = compare("min(k)", slow=looks(100, 5, 4, 1), fast=looks(10, 3, 2, 6))

        assert values(found) == [2, 1]
        assert found.points is None

    def test_only_the_common_range_counts(self):
        longer = looks(10, 9, 8, 7, 6, 5, 9)

        found = compare("max_drawup(k)", longer=longer, shorter=looks(10, 9, 8, 7, 6, 5))

        assert values(found) == [0, 0]
        assert found.common_range == (10, 50)
        assert found.thinned_from == {}

    def test_few_common_points_are_said(self):
        found = compare("roughness(k)", a=looks(10, 5, 3, 4), b=looks(10, 5, 3, 4, 1))

        assert values(found) == [pytest.approx(0.5)] * 2
        assert "3 points of a curve say little of its shape" in found.cautions


class TestWhatIsRefused:
    def test_a_run_with_too_few_points_bounds_no_other(self):
        found = compare("roughness(k)", full=COARSE, stub=looks(10, 1, 2))

        assert values(found) == [pytest.approx(2 / 7), None]
        assert found.values["stub"].note == "2 points; roughness needs at least 3"
        assert found.points == 5

    def test_runs_that_share_too_little_are_named(self):
        found = compare(
            "roughness(k)", late=looks(10, 4, 3, 2, first=40), early=looks(10, 9, 8, 7, 6, 5)
        )

        assert values(found) == [None, None]
        assert found.values["late"].note == (
            "the runs share 2 points (40, where late begins, to 50 steps, where early ends); "
            "roughness needs at least 3"
        )
        assert found.cautions == ()

    def test_runs_that_share_nothing_are_named(self):
        found = compare(
            "roughness(k)", late=looks(10, 4, 3, 2, first=40), early=looks(10, 9, 8, 7)
        )

        assert found.values["early"].note == (
            "the runs share no stretch of x: early ends at 30 steps, and late begins at 40"
        )
        assert found.common_range is None

    def test_spread_over_unequal_cadences_is_refused(self):
        found = compare("log_sd(train/grad_norm)", dense=DENSE, coarse=COARSE)

        assert values(found) == [None, None]
        assert "unequal cadences" in (found.values["dense"].note or "")

    def test_spread_over_examples_seen_is_thinned(self):
        found = compare("log_sd(g)", x_name=EXAMPLES_SEEN, dense=DENSE, coarse=COARSE)

        assert values(found) == [
            feature_of(COARSE, "log_sd").value,
            feature_of(looks(20, 5, 6, 4, 3, 2), "log_sd").value,
        ]

    def test_no_run_has_no_answer(self):
        found = compare("roughness(k)")

        assert (found.values, found.cautions) == ({}, ())


class TestWhatIsSaid:
    def test_a_key_without_a_direction(self):
        found = compare("roughness(k)", goal=None, a=COARSE)

        assert found.cautions == (
            "nothing says which way the key is better: a rise was taken to be worse",
        )
        assert values(found) == values(compare("roughness(k)", a=COARSE))

    def test_noise_has_no_direction(self):
        assert compare("noise_sd(k)", goal=None, a=COARSE).cautions == ()

    def test_what_was_not_finite(self):
        broken = Curve.of([(10, 3.0), (20, math.nan), (30, 2.0), (40, math.inf), (50, 1.0)])

        found = compare("max_drawup(k)", a=broken, b=broken, c=looks(10, 5, 4, 3, 2, 1))

        assert "4 values were NaN or infinite and are left out, in 2 of 3 runs" in found.cautions

    def test_a_last_value_that_is_not_finite_is_no_caution(self):
        """The run has its own note; a NaN before the end does not touch its last value."""
        found = compare("last(k)", a=Curve.of([(10, math.nan), (20, 2.0)]))

        assert (values(found), found.cautions) == ([2], ())

    def test_runs_without_roughness_are_the_worst(self):
        found = compare("roughness(k)", good=looks(10, 3, 2, 1), bad=looks(10, 1, 2, 3))

        assert values(found) == [None, 0]
        assert (
            "1 of 2 runs only rose and have no roughness: the others look better than all of "
            "them together"
        ) in found.cautions

    def test_runs_that_hardly_rose(self):
        still = looks(10, 6, 5, 4, 3, 2, 1)

        found = compare("rise_after_minimum(k)", a=still, b=still, c=looks(10, 6, 5, 4, 1, 2, 3))

        assert found.cautions == (
            "only 2 points after the minimum in 1 run",
            "the minimum is the last point in 2 runs",
        )

    def test_it_is_plain_json(self):
        found = compare("roughness(k)", dense=DENSE, coarse=COARSE).as_dict()

        assert json.loads(json.dumps(found, allow_nan=False))["common_range"] == [20, 100]
        assert compare("last(k)", a=COARSE).as_dict()["common_range"] is None


RUNS = st.dictionaries(
    st.sampled_from("abcd"),
    st.lists(st.tuples(st.integers(0, 20), st.floats(0.125, 8)), max_size=15).map(Curve.of),
    min_size=1,
)
NAMES = st.sampled_from([name for name in FEATURE_TABLE if name != "rate"])


class TestAnyRuns:
    @given(RUNS, NAMES)
    def test_each_has_a_number_or_a_reason(self, curves, name):
        found = compare(f"{name}(k)", **curves)

        assert set(found.values) == set(curves)
        for value in found.values.values():
            assert (value.value is None) == (value.note is not None)

    @given(RUNS, NAMES)
    def test_the_order_of_runs_does_not_matter(self, curves, name):
        turned = dict(reversed(curves.items()))

        assert compare(f"{name}(k)", **turned) == compare(f"{name}(k)", **curves)

    @given(RUNS, NAMES)
    def test_the_unit_of_x_does_not_matter(self, curves, name):
        scaled = {run: curve.stretched(64) for run, curve in curves.items()}
        by_steps = compare(f"{name}(k)", x_name=EXAMPLES_SEEN, **curves)

        assert values(compare(f"{name}(k)", x_name=EXAMPLES_SEEN, **scaled)) == values(by_steps)


def rates(*, per_step: dict[str, float | None], **rows) -> Comparison:
    return comparable_rates(parse_response("rate(k)"), rows, examples_per_step=per_step)


FAST = [(10.0, 9.0, None), (20.0, 10.0, None), (30.0, 11.0, None)]  # 10 steps a second
SLOW = [(10.0, 9.0, None), (20.0, 14.0, None), (30.0, 19.0, None)]  # 2 steps a second


class TestComparableRates:
    def test_equal_steps_are_compared_as_they_are(self):
        found = rates(fast=FAST, slow=SLOW, per_step={"fast": 8, "slow": 8})

        assert values(found) == [10, 2]
        assert (found.unit, found.cautions) == ("steps per second", ())

    def test_unequal_steps_are_brought_to_examples(self):
        found = rates(fast=FAST, slow=SLOW, per_step={"fast": 8, "slow": 64})

        assert values(found) == [80, 128]
        assert found.unit == "examples per second"
        assert found.values["slow"].companions == {"median_rate": 128}
        assert found.cautions == (
            "runs differ in examples per step, so rates are examples per second",
        )

    @pytest.mark.parametrize("per_step", [{"fast": 8}, {"fast": 8, "slow": None}])
    def test_steps_of_unknown_size_stay_steps(self, per_step):
        found = rates(fast=FAST, slow=SLOW, per_step=per_step)

        assert values(found) == [10, 2]
        assert "not known of 1 of 2 runs" in found.cautions[0]

    def test_a_run_without_a_rate_has_a_reason(self):
        found = rates(fast=FAST, stub=FAST[:2], per_step={"fast": 8, "stub": 64})

        assert values(found) == [80, None]
        assert found.values["stub"].note is not None

    def test_left_out_suspensions_are_said(self):
        asleep = [*FAST, (40.0, 12.0, None), (50.0, 900.0, None)]

        found = rates(a=asleep, b=asleep, per_step={"a": 8, "b": 8})

        assert found.cautions == ("suspensions (or clocks that disagree) are left out in 2 runs",)
