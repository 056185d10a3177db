"""Curves on one x, and seeds as a band."""

import json

import pytest

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.comparable_curves import on_common_x, over, seed_bands
from tests.sweeps.analysis.findings.runs_beside import (
    bad_histories,
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


class TestSeedBands:
    def test_a_band_is_mean_spread_and_range_over_seeds(self):
        """At step 10: 1, 2, 6: mean 3, sd sqrt(14 / 2) = 2.6458."""
        runs = [
            run(f"s{v}", [(10, v), (20, 0.5)], setting={"b": "8"}, replicate={"seed": v})
            for v in (1.0, 2.0, 6.0)
        ]

        (band,) = seed_bands(runs, "eval/loss")

        assert (band.n, band.x, band.mean) == (3, (10, 20), (3, 0.5))
        assert band.sd == pytest.approx((7**0.5, 0))
        assert (band.lowest, band.highest) == ((1, 0.5), (6, 0.5))
        assert band.runs == ("s1.0", "s2.0", "s6.0")
        assert band.setting == (("b", "8"),)

    def test_one_seed_has_no_spread(self):
        (band,) = seed_bands([run("a", [(10, 1.0)])], "eval/loss")

        assert (band.n, band.sd) == (1, None)
        assert band.as_dict()["sd"] is None

    def test_settings_and_gpus_have_bands_of_their_own(self):
        runs = [
            run("a", [(10, 1.0)], setting={"b": "8"}),
            run("b", [(10, 1.0)], setting={"b": "64"}),
            run("c", [(10, 1.0)], setting={"b": "64"}, blocks={"gpu_name": "T4"}),
        ]

        assert [band.runs for band in seed_bands(runs, "eval/loss")] == [("a",), ("b",), ("c",)]

    def test_x_is_examples_seen_where_all_say_how_many_a_step_takes(self):
        runs = [
            run(x, [(10, 1.0)], setting={"b": x}, examples_per_step=float(x)) for x in ("8", "64")
        ]  # noqa: E501

        found = seed_bands(runs, "eval/loss")

        assert [(band.x, band.x_name) for band in found] == [
            ((80,), "examples seen"),
            ((640,), "examples seen"),
        ]

    def test_where_one_does_not_say_it_is_steps(self):
        runs = [run("a", [(10, 1.0)], examples_per_step=8.0), run("b", [(10, 2.0)])]

        (band,) = seed_bands(runs, "eval/loss")

        assert (band.x, band.x_name) == ((10,), "steps")

    def test_calls_of_log_are_no_steps_of_so_many_examples(self):
        rows = [{"_step": 10, "eval/loss": 1.0}]

        (band,) = seed_bands([seen("a", rows, (), examples_per_step=8.0)], "eval/loss")

        assert (band.x, band.x_name) == ((10,), "W&B steps")

    def test_runs_over_other_steps_share_no_band(self):
        rows = [{"_step": 10, "eval/loss": 1.0}]

        found = seed_bands([run("a", [(10, 1.0)]), seen("b", rows, ())], "eval/loss")

        assert [band.runs for band in found] == [("a",), ("b",)]

    def test_seeds_that_share_no_x_have_no_band(self):
        assert seed_bands([run("a", [(1, 1.0)]), run("b", [(9, 1.0)])], "eval/loss") == ()

    def test_a_key_that_no_run_has_has_no_band(self):
        assert seed_bands([run("a", [(1, 1.0)])], "eval/lost") == ()
        assert seed_bands([], "eval/loss") == ()

    def test_a_long_band_is_thinned_to_what_a_chart_shows(self):
        """2,500 points: every third, the third first: 833."""
        (band,) = seed_bands([run("a", looks(falling, 1, 2_500))], "eval/loss")

        assert (band.every, len(band.x), band.x[0]) == (3, 833, 3)

    @pytest.mark.parametrize("name", bad_histories())
    def test_bad_input_gives_plain_json(self, name):
        for each in (None, 1e300, float("inf"), -1.0):
            runs = [seen(x, bad_histories()[name], (), examples_per_step=each) for x in ("a", "b")]
            for band in seed_bands(runs, "eval/loss"):
                json.dumps(band.as_dict(), allow_nan=False)


class TestOver:
    def test_x_beyond_the_largest_float_is_left_out(self):
        found = over(run("a", [(1, 1.0), (1e300, 2.0)], examples_per_step=1e9), "eval/loss", True)

        assert found.x.tolist() == [1e9]
