"""Curves on one x."""

import json
import math

import pytest

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.comparable_curves import (
    knows_examples,
    on_common_x,
    over,
)
from tests.sweeps.analysis.findings.runs_beside import (
    falling,
    looks,
    rows_of,
    seen,
)


def run(id, points, **facts):
    return seen(id, rows_of(points), (), **facts)


class TestOnCommonX:
    def test_the_dense_run_is_thinned_to_the_coarse_ones_points(self):
        """Every 20 and every 200 up to 1,000: 200, 400, … 1,000; 41 dense looks lie there."""
        found = on_common_x(
            {
                "r1": Curve.of(looks(falling, 200, 1_000)),
                "r4": Curve.of(looks(falling, 20, 1_000)),
            }
        )

        assert found.x == (200, 400, 600, 800, 1_000)
        assert (found.low, found.high) == (200, 1_000)
        assert found.thinned_from == {"r4": 41}

    def test_equal_losses_differ_by_exactly_nothing(self):
        found = on_common_x(
            {
                "r1": Curve.of(looks(falling, 200, 1_000)),
                "r4": Curve.of(looks(falling, 20, 1_000)),
            }
        )

        assert [a - b for a, b in zip(*found.values.values(), strict=True)] == [0.0] * 5

    def test_nothing_is_compared_outside_the_common_range(self):
        found = on_common_x({"a": Curve.of([(1, 1.0), (2, 2.0)]), "b": Curve.of([(3, 1.0)])})

        assert (found.x, found.low, found.values) == ((), None, {"a": (), "b": ()})
        assert found.as_dict()["common_range"] is None

    def test_a_run_without_a_point_is_left_out_and_named(self):
        found = on_common_x({"a": Curve.of([(1, 1.0)]), "b": Curve.of([])})

        assert found.values == {"a": (1.0,)}
        assert found.left_out == {"b": "no finite value with an x"}

    def test_without_any_point_there_is_nothing(self):
        assert on_common_x({"a": Curve.of([])}).x == ()
        assert on_common_x({}).values == {}

    def test_it_is_plain_json(self):
        found = on_common_x({"a": Curve.of([(1, 1.0)])}).as_dict()

        assert json.loads(json.dumps(found)) == {
            "x_name": "steps",
            "common_range": [1, 1],
            "points": 1,
            "x": [1],
            "values": {"a": [1]},
            "thinned_from": {},
            "left_out": {},
        }


class TestKnowsExamples:
    def test_every_run_must_say_how_many_a_step_takes(self):
        told, untold = run("a", [(10, 1.0)], examples_per_step=8.0), run("b", [(10, 2.0)])

        assert knows_examples([(told, "eval/loss")])
        assert not knows_examples([(told, "eval/loss"), (untold, "eval/loss")])

    @pytest.mark.parametrize("each", [0.0, -1.0, math.inf])
    def test_no_step_takes_none_or_infinitely_many(self, each):
        assert not knows_examples([(run("a", [(10, 1.0)], examples_per_step=each), "eval/loss")])

    def test_calls_of_log_are_no_steps_of_so_many_examples(self):
        rows = [{"_step": 10, "eval/loss": 1.0}]

        assert not knows_examples([(seen("a", rows, (), examples_per_step=8.0), "eval/loss")])


class TestOver:
    def test_x_is_examples_seen_or_steps(self):
        one = run("a", [(10, 1.0)], examples_per_step=8.0)

        assert over(one, "eval/loss", True).x.tolist() == [80]
        assert over(one, "eval/loss", False).x.tolist() == [10]

    def test_x_beyond_the_largest_float_is_left_out(self):
        found = over(run("a", [(1, 1.0), (1e300, 2.0)], examples_per_step=1e9), "eval/loss", True)

        assert found.x.tolist() == [1e9]
