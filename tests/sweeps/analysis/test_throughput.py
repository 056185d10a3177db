"""Steps per second from history: what counts as time, and what is left out."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.analysis.throughput import Row, throughput


def logged(*rows: tuple[float, float] | Row) -> list[Row]:
    return [(row[0], row[1], row[2] if len(row) > 2 else None) for row in rows]


class TestThroughput:
    def test_it_is_steps_over_seconds_without_the_first_interval(self):
        """Steps 20 to 40 in 9 s; the first 10 took 10 s, compiling."""
        found = throughput(logged((10, 20), (20, 30), (30, 34), (40, 39)))

        assert found.rate == pytest.approx(20 / 9)
        assert found.median_rate == pytest.approx((10 / 4 + 10 / 5) / 2)
        assert (found.intervals, found.seconds, found.first_dropped) == (2, 9, 1)

    def test_an_evaluation_is_no_training(self):
        """Its row comes behind the step's own, 6 s later: step 20 ends at 12, the look at 18."""
        found = throughput(
            logged((10, 10), (20, 12), (20, 18, 6.0), (30, 20), (40, 22), (40, 28, 6.0))
        )

        assert found.rate == pytest.approx(20 / (2 + 2))
        assert found.seconds == 4

    def test_two_looks_at_one_step_are_both_left_out(self):
        rows = logged((10, 10), (20, 12), (30, 14), (30, 18, 4.0), (30, 21, 3.0))

        assert throughput(rows).rate == pytest.approx(10 / 2)

    def test_an_evaluation_long_after_the_last_step_is_no_training(self):
        """Step 30 ends at 14; the look at 60 took 4 s, and 42 s passed with nothing."""
        rows = logged((10, 10), (20, 12), (30, 14), (30, 60, 4.0))

        found = throughput(rows)

        assert (found.rate, found.seconds) == (pytest.approx(10 / 2), 2)

    def test_a_look_that_is_sent_with_its_step_is_left_out_all_the_same(self):
        """Sent 1 s before the row of its look of 6 s: step 30 took 28 - 19 s less these 6."""
        rows = logged((10, 10), (20, 18), (20, 19, 6.0), (30, 27), (30, 28, 6.0), (40, 30))

        found = throughput(rows)

        assert found.seconds == pytest.approx((28 - 19 - 6) + (30 - 28))

    def test_rows_that_repeat_a_step_without_a_look_are_training(self):
        """Gradients of two batches make a step, and each batch has a row: 2 s a step."""
        found = throughput(
            logged((1, 1), (1, 2), (2, 3), (2, 4), (3, 5), (3, 6), (3, 9, 3.0), (4, 10), (4, 11))
        )

        assert (found.rate, found.seconds) == (pytest.approx(2 / 4), 4)

    def test_a_suspended_host_is_left_out(self):
        """Seconds per step .2, .2, .2, 100: the last is beyond five times the median."""
        found = throughput(logged((10, 9), (20, 11), (30, 13), (40, 15), (50, 1015)))

        assert found.rate == pytest.approx(5)
        assert found.long_dropped == 1
        assert found.as_feature().caution == "suspensions (or clocks that disagree) are left out"

    def test_five_times_the_median_still_counts(self):
        """Seconds per step 1, 1, 5 behind the first: the median is 1."""
        found = throughput(logged((1, 5), (2, 9), (3, 10), (4, 11), (5, 16)))

        assert (found.long_dropped, found.rate) == (0, pytest.approx(3 / 7))

    def test_a_resumed_run_compiles_again(self):
        """It goes on from step 20: 30 and 40 come again, and the interval to 30 is dropped."""
        found = throughput(
            logged((10, 5), (20, 6), (30, 7), (40, 8), (20, 30), (30, 39), (40, 40), (50, 41))
        )

        assert found.first_dropped == 2
        assert found.rate == pytest.approx(40 / 4)
        assert found.as_feature().caution is None

    def test_a_clock_that_begins_anew_is_a_new_session(self):
        found = throughput(logged((10, 50), (20, 51), (30, 52), (40, 3), (50, 9), (60, 10)))

        assert (found.first_dropped, found.rate) == (2, pytest.approx(20 / 2))

    def test_rows_that_were_sent_in_one_batch_are_one_moment(self):
        """Three batches of five steps, each stamped when it was sent: 5 steps in 2 s."""
        rows = logged(
            *(
                (5 * batch + step, 2.0 * batch + step / 1000)
                for batch in range(4)
                for step in range(5)
            )
        )

        assert throughput(rows).rate == pytest.approx(5 / 2)

    def test_one_batch_tells_no_rate(self):
        found = throughput(logged((1, 3.0), (2, 3.001), (3, 3.002)))

        assert found.rate is None
        assert "rows at 3 moments" in (found.as_feature().note or "")

    def test_evaluations_longer_than_their_interval_are_said(self):
        found = throughput(logged((10, 1), (20, 2), (30, 3, 9.0)))

        assert found.impossible_dropped == 1
        assert "clocks disagree" in (found.note or "")

    @pytest.mark.parametrize(
        "row", [(15.0, math.nan, None), (math.inf, 2.5, None), (math.nan, 2.5, 1.0)]
    )
    def test_a_row_without_time_or_step_is_nothing(self, row):
        rows = logged((10, 1), (20, 2), (30, 3), (40, 4))

        assert throughput([*rows[:2], row, *rows[2:]]) == throughput(rows)

    @pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
    def test_an_evaluation_without_a_time_takes_none(self, seconds):
        assert throughput(logged((10, 1), (20, 2), (30, 3, seconds))).rate == 10

    def test_steps_so_small_that_one_takes_forever_are_no_steps(self):
        """1 s for 5e-324 of a step: seconds per step are beyond the largest float."""
        found = throughput(logged((0.0, 0), (5e-324, 1), (1e-323, 2), (1.5e-323, 3)))

        assert (found.rate, found.impossible_dropped) == (None, 2)

    def test_no_rows_have_no_rate(self):
        assert throughput([]).as_feature().value is None

    @given(st.lists(st.integers(1, 9), min_size=3, max_size=20), st.integers(1, 64))
    def test_another_count_of_steps_is_a_factor(self, seconds, factor):
        rows = [(10.0 * i, float(sum(seconds[: i + 1])), None) for i in range(len(seconds))]
        scaled = [(step * factor, at, None) for step, at, _ in rows]

        assert throughput(scaled).rate == pytest.approx((throughput(rows).rate or 0) * factor)

    @given(
        st.lists(st.tuples(st.integers(0, 9).map(float), st.floats(), st.floats()), max_size=20)
    )
    def test_rows_that_stand_twice_change_nothing(self, rows):
        assert throughput([row for row in rows for _ in "ab"]) == throughput(rows)

    @given(st.lists(st.tuples(st.floats(), st.floats(), st.none() | st.floats()), max_size=20))
    def test_whatever_the_rows_hold_there_is_a_number_or_a_reason(self, rows):
        found = throughput(rows)

        assert (found.rate is None) == (found.note is not None)
        json.dumps(found.as_dict(), allow_nan=False)
        json.dumps(found.as_feature().as_dict(), allow_nan=False)
