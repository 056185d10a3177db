"""Groups of runs, and what they come to at each x."""

import math

import pytest
from scipy import stats

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.series.bands import Band, band_of, grouped, labels, varying
from paribus_sweeps.errors import InvalidSeries


def run(name: str, lr: float, seed: int, gpu: str = "T4") -> Facts:
    return Facts(
        name,
        setting={"lr": str(lr)},
        replicate={"seed": seed},
        blocks={"gpu_name": gpu},
        config={"lr": lr, "warmup": 10},
    )


RUNS = [run("a", 0.1, 0), run("b", 0.2, 0), run("c", 0.1, 1, "A100"), run("d", 0.2, 1)]


def members(*by: str) -> dict[str, tuple[int, ...]]:
    return {group.label: group.places for group in grouped(RUNS, by)}


class TestGrouped:
    def test_by_a_factor(self):
        assert members("lr") == {"lr=0.1": (0, 2), "lr=0.2": (1, 3)}

    def test_by_several_keys_in_their_order(self):
        assert members("seed", "lr") == {
            "seed=0, lr=0.1": (0,),
            "seed=0, lr=0.2": (1,),
            "seed=1, lr=0.1": (2,),
            "seed=1, lr=0.2": (3,),
        }

    def test_by_a_key_of_the_config(self):
        assert members("warmup") == {"warmup=10": (0, 1, 2, 3)}

    def test_by_all_but_the_seed(self):
        """Which GPU computed a run makes no group of it, unless that is asked for."""
        assert members("all_but:seed") == {"lr=0.1": (0, 2), "lr=0.2": (1, 3)}

    def test_by_all_but_everything_is_one_group(self):
        assert members("all_but:seed", "all_but:lr") == {"all runs": (0, 1, 2, 3)}

    def test_a_run_without_the_key_is_a_group_of_its_own(self):
        groups = grouped([*RUNS[:1], Facts("e")], ["lr"])

        assert [group.label for group in groups] == ["lr=0.1", "lr=not set"]

    def test_a_key_that_no_run_has_is_refused_with_the_nearest(self):
        with pytest.raises(InvalidSeries, match="did you mean 'seed'"):
            grouped(RUNS, ["sed"])
        with pytest.raises(InvalidSeries, match="there are lr, seed, gpu_name, warmup"):
            grouped(RUNS, ["all_but:xyz"])

    def test_more_keys_may_be_named_beside(self):
        assert members("all_but:seed", "gpu_name") == {
            "lr=0.1, gpu_name=T4": (0,),
            "lr=0.2, gpu_name=T4": (1, 3),
            "lr=0.1, gpu_name=A100": (2,),
        }

    def test_no_runs_are_no_groups(self):
        assert grouped([], ["lr"]) == []


class TestLabels:
    def test_what_tells_runs_apart_is_what_varies(self):
        assert varying(RUNS) == ["lr", "seed", "gpu_name"]
        assert varying(RUNS[:1]) == []

    def test_a_run_is_called_by_its_values(self):
        assert labels(RUNS[0], ["seed", "lr", "host"]) == {
            "seed": "0", "lr": "0.1", "host": "not set",
        }  # fmt: skip


def band(**curves: list[tuple[float, float]]) -> Band:
    found = band_of({name: Curve.of(rows) for name, rows in curves.items()})
    assert found is not None
    return found


class TestBand:
    def test_by_hand(self):
        """At x = 1: 1, 2, 6: mean 3, sd sqrt((4 + 1 + 9) / 2) = sqrt 7; at 2: all 4."""
        found = band(a=[(1, 1), (2, 4)], b=[(1, 2), (2, 4)], c=[(1, 6), (2, 4)])

        assert (found.n, found.interpolated) == (3, 0)
        assert found.x.tolist() == [1, 2]
        assert found.mean.tolist() == [3, 4]
        assert (found.low.tolist(), found.high.tolist()) == ([1, 4], [6, 4])
        assert found.sd is not None
        assert found.sd.tolist() == pytest.approx([math.sqrt(7), 0])
        assert found.notes == ()

    def test_its_interval_is_the_t_interval_of_the_mean(self):
        found = band(a=[(1, 1)], b=[(1, 2)], c=[(1, 6)])

        low, high = stats.t.interval(0.95, 2, loc=3, scale=stats.sem([1, 2, 6]))
        assert found.half_width is not None
        assert found.mean[0] - found.half_width[0] == pytest.approx(low)
        assert found.mean[0] + found.half_width[0] == pytest.approx(high)

    def test_one_run_has_no_spread_and_no_interval(self):
        found = band(a=[(1, 1), (2, 4)])

        assert (found.n, found.sd, found.half_width) == (1, None, None)

    def test_it_stands_at_the_points_of_the_run_with_fewest(self):
        """Run b at 2 lies half way between its points at 1 and 3: (10 + 30) / 2 = 20."""
        found = band(a=[(2, 0)], b=[(1, 10), (3, 30)])

        assert found.x.tolist() == [2]
        assert found.mean.tolist() == [10]
        assert found.interpolated == 1

    def test_it_ends_where_the_first_run_ends(self):
        found = band(a=[(1, 1), (2, 1), (3, 1)], b=[(2, 3), (3, 3), (4, 3), (5, 3)])

        assert found.x.tolist() == [2, 3]
        assert found.notes == ("from 2, where b begins, to 3, where a ends",)

    def test_a_run_without_a_point_on_the_common_range_gives_no_grid(self):
        """Run a looks at 0 and 100 and nowhere between; b is what stands on the range."""
        found = band(a=[(0, 0), (100, 100)], b=[(20, 0), (40, 0), (60, 0)])

        assert found.x.tolist() == [20, 40, 60]
        assert found.mean.tolist() == [10, 20, 30]

    def test_runs_that_share_nothing_make_no_point(self):
        found = band(a=[(1, 1), (2, 1)], b=[(3, 3), (4, 3)])

        assert len(found.x) == 0
        assert found.notes == ("the runs share no stretch of x: a ends at 2, and b begins at 3",)

    def test_runs_without_a_point_are_named_and_not_counted(self):
        empty = {f"e{i}": [(1.0, math.nan)] for i in range(7)}

        found = band(a=[(1, 1)], **empty)

        assert found.n == 1
        assert found.notes == (
            "without a point, and left out: e0, e1, e2, e3, e4 and 2 more runs",
        )
        assert band(a=[(1, 1)], b=[]).notes == ("without a point, and left out: b",)

    def test_none_has_a_point(self):
        assert band_of({"a": Curve.of([])}) is None
        assert band_of({}) is None

    def test_values_beyond_the_floats_raise_nothing(self):
        found = band(a=[(1, 1.7e308)], b=[(1, -1.7e308)])

        assert found.low.tolist() == [-1.7e308]
