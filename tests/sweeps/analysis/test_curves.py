"""A curve from rows, and the points at which several curves can be compared."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.curves import Curve, common_grid, thinned

ROWS = st.lists(
    st.tuples(st.integers(0, 30).map(float), st.floats(-1e6, 1e6)), min_size=1, max_size=40
)


def every(step: int, until: int) -> Curve:
    """A curve looked at every so many steps, whose values are its steps."""
    steps = [float(x) for x in range(step, until + 1, step)]
    return Curve.of(zip(steps, steps, strict=True))


def points(curve: Curve) -> list[tuple[float, float]]:
    return list(zip(curve.x.tolist(), curve.values.tolist(), strict=True))


class TestCurve:
    def test_it_is_sorted_by_step(self):
        assert points(Curve.of([(20, 0.7), (10, 0.9)])) == [(10, 0.9), (20, 0.7)]

    def test_of_a_repeated_step_the_last_row_wins(self):
        """A run that was resumed at step 10 trained step 20 anew."""
        curve = Curve.of([(10, 0.9), (20, 0.7), (30, 0.6), (20, 0.8), (30, 0.5)])

        assert points(curve) == [(10, 0.9), (20, 0.8), (30, 0.5)]
        assert curve.overlaps == 2

    def test_what_is_not_finite_is_counted_and_left_out(self):
        curve = Curve.of([(10, 0.9), (20, math.nan), (30, math.inf), (40, 0.5)])

        assert points(curve) == [(10, 0.9), (40, 0.5)]
        assert (curve.non_finite, curve.ends_non_finite) == (2, False)

    def test_a_last_row_that_is_not_finite_replaces_a_finite_one(self):
        """It is what the run holds at that step; an earlier value would hide the finding."""
        curve = Curve.of([(10, 0.9), (20, 0.7), (20, math.nan)])

        assert points(curve) == [(10, 0.9)]
        assert (curve.non_finite, curve.ends_non_finite, curve.overlaps) == (1, True, 1)

    def test_a_row_without_a_place_is_nowhere(self):
        curve = Curve.of([(math.nan, 0.9), (10, 0.7), (math.inf, 0.1)])

        assert points(curve) == [(10, 0.7)]
        assert curve.unplaced == 2

    def test_no_rows_are_an_empty_curve(self):
        curve = Curve.of([])

        assert len(curve) == 0
        assert not curve.ends_non_finite

    def test_steps_whose_difference_no_number_holds_are_steps(self):
        """1e308 - (-1e308) is beyond the largest float; warnings are errors here."""
        assert points(Curve.of([(1e308, 0.7), (-1e308, 0.9)])) == [(-1e308, 0.9), (1e308, 0.7)]

    def test_it_can_be_put_over_examples(self):
        curve = Curve.of([(10, 0.9), (20, math.nan), (30, 0.5)]).stretched(64)

        assert curve.x.tolist() == [640, 1920]
        assert curve.non_finite == 1

    @given(ROWS)
    def test_rows_that_stand_twice_change_nothing(self, rows):
        assert points(Curve.of(rows + rows)) == points(Curve.of(rows))

    @given(ROWS, st.randoms())
    def test_the_order_of_rows_of_distinct_steps_changes_nothing(self, rows, random):
        distinct = list(dict(rows).items())
        shuffled = random.sample(distinct, len(distinct))

        assert points(Curve.of(shuffled)) == points(Curve.of(distinct))

    @given(ROWS)
    def test_steps_rise(self, rows):
        curve = Curve.of(rows)

        assert (np.diff(curve.x) > 0).all()
        assert len(curve) + curve.overlaps == len(rows)


class TestThinned:
    @given(ROWS)
    def test_by_one_it_is_itself(self, rows):
        curve = Curve.of(rows)

        assert points(thinned(curve, 1)) == points(curve)

    def test_by_default_it_is_what_a_coarser_run_had_looked_at(self):
        """A run looked at every 20 steps, thinned by 10: steps 200, 400."""
        assert thinned(every(20, 400), 10).x.tolist() == [200, 400]

    def test_another_phase_takes_other_points(self):
        assert thinned(every(20, 100), 2, phase=0).x.tolist() == [20, 60, 100]

    @pytest.mark.parametrize(("step", "phase"), [(0, None), (2, 2), (2, -1)])
    def test_a_phase_out_of_range_is_refused(self, step, phase):
        with pytest.raises(ValueError, match="expected 0 <= phase < every"):
            thinned(every(20, 100), step, phase=phase)


class TestCommonGrid:
    def test_equal_cadences_keep_every_point(self):
        grid = common_grid([every(20, 100), every(20, 100)])

        assert grid.edges.tolist() == [20, 40, 60, 80, 100]
        assert points(grid.on(every(20, 100))) == points(every(20, 100))

    def test_a_dense_run_is_thinned_to_the_looks_of_a_coarse_one(self):
        dense, coarse = every(20, 1000), every(200, 1000)

        grid = common_grid([dense, coarse])

        assert grid.on(dense).x.tolist() == [200, 400, 600, 800, 1000]
        assert grid.on(coarse).x.tolist() == [200, 400, 600, 800, 1000]
        assert (grid.inside(dense), grid.inside(coarse)) == (41, 5)  # 200, 220, … 1000

    def test_only_the_range_that_all_cover_counts(self):
        late, early = Curve.of([(x, 0.0) for x in (50, 60, 70)]), every(10, 60)

        grid = common_grid([late, early])

        assert (grid.low, grid.high) == (50, 60)
        assert grid.on(early).x.tolist() == grid.on(late).x.tolist() == [50, 60]

    def test_cadences_that_do_not_divide_share_stretches(self):
        """200, 400, … beside 300, 600, …: the range begins at 300.

        Stretches close when both have a point: at 400 (400 | 300), at 600 (600 | 600), at
        900 (800 | 900), at 1200 (1200 | 1200).
        """
        twos, threes = every(200, 1200), every(300, 1200)

        grid = common_grid([twos, threes])

        assert grid.on(twos).x.tolist() == [400, 600, 800, 1200]
        assert grid.on(threes).x.tolist() == [300, 600, 900, 1200]

    def test_curves_that_share_no_stretch_share_no_points(self):
        grid = common_grid([every(10, 30), Curve.of([(40, 0.0), (50, 0.0)])])

        assert len(grid) == 0
        assert grid.high < grid.low

    @given(st.lists(ROWS, min_size=1, max_size=4))
    def test_each_curve_gives_one_point_to_each_stretch(self, many):
        curves = [Curve.of(rows) for rows in many]

        grid = common_grid(curves)

        for curve in curves:
            shown = grid.on(curve)
            assert len(shown) == len(grid) <= len(curve)
            assert (np.diff(shown.x) > 0).all()
            assert ((shown.x >= grid.low) & (shown.x <= grid.high)).all()
            assert (shown.x <= grid.edges).all()

    @given(st.lists(ROWS, min_size=2, max_size=4))
    def test_the_order_of_curves_does_not_matter(self, many):
        curves = [Curve.of(rows) for rows in many]

        assert common_grid(curves).edges.tolist() == common_grid(curves[::-1]).edges.tolist()

    @given(st.lists(ROWS, min_size=2, max_size=3))
    def test_no_grid_of_real_points_has_more_stretches(self, many):
        """Against all ways to close stretches at points of the curves, the best of each end."""
        curves = [Curve.of(rows) for rows in many]
        grid = common_grid(curves)
        axes = [[x for x in c.x.tolist() if grid.low <= x <= grid.high] for c in curves]
        ends = sorted({x for axis in axes for x in axis})
        most = {-math.inf: 0}
        for end in ends:
            counts = [
                count + 1
                for start, count in most.items()
                if all(any(start < x <= end for x in axis) for axis in axes)
            ]
            if counts:
                most[end] = max(counts)

        assert len(grid) == max(most.values())

    @given(ROWS)
    def test_one_curve_alone_keeps_every_point(self, rows):
        curve = Curve.of(rows)

        assert points(common_grid([curve]).on(curve)) == points(curve)
