"""A dense run as it would look had it been looked at less often."""

import math

import pytest

from paribus_sweeps.analysis.series.axes import Axis, Line, placed
from paribus_sweeps.analysis.series.cadences import Cadence
from paribus_sweeps.errors import InvalidSeries
from tests.sweeps.analysis.series.drawn import logged, seen

RUNS = {"dense": "run-a", "run-a": "run-a", "run-b": "run-b"}


def line(every: int, until: int) -> Line:
    """Looked at every so many steps; each value is its step."""
    run = logged("loss", range(every, until + 1, every), every=every)
    return placed(run, "loss", Axis("step"))


def steps(cadence: Cadence, dense: Line, coarse: Line | None = None) -> list[float]:
    return cadence.thin("run-a", dense, coarse).x.tolist()


class TestParse:
    def test_a_run_is_found_by_id_and_by_name(self):
        assert Cadence.parse("dense", RUNS) == Cadence(run="run-a")
        assert Cadence.parse("run-b", RUNS, 2) == Cadence(run="run-b", phase=2)

    def test_a_number_is_how_many_points_become_one(self):
        assert Cadence.parse("8", RUNS, 7) == Cadence(every=8, phase=7)

    def test_a_run_that_is_called_by_a_number_is_that_run(self):
        assert Cadence.parse("8", {"8": "run-c"}) == Cadence(run="run-c")

    def test_anything_else_is_refused_with_the_nearest_run(self):
        with pytest.raises(InvalidSeries, match="did you mean 'dense'"):
            Cadence.parse("denze", RUNS)

    @pytest.mark.parametrize("text", ["0", "-3", "2.5", "", "99999999999", "²"])
    def test_what_is_no_number_of_points_is_refused(self, text):
        with pytest.raises(InvalidSeries, match="how many points become one"):
            Cadence.parse(text, {})

    def test_a_phase_must_lie_below_the_number(self):
        with pytest.raises(InvalidSeries, match="expected 0 to 7 with thin_to 8"):
            Cadence.parse("8", RUNS, 8)


class TestThin:
    def test_the_last_of_so_many_points_stays(self):
        assert steps(Cadence(every=4), line(20, 200)) == [80, 160]

    @pytest.mark.parametrize(("phase", "expected"), [(0, [20, 100, 180]), (3, [80, 160])])
    def test_any_phase_can_be_asked_for(self, phase, expected):
        assert steps(Cadence(every=4, phase=phase), line(20, 200)) == expected

    def test_another_runs_cadence_gives_the_points_that_it_has_itself(self):
        """200 / 20: the tenth, the twentieth … of the dense run."""
        dense, coarse = line(20, 600), line(200, 600)

        thin = Cadence(run="run-b").thin("run-a", dense, coarse)

        assert thin.x.tolist() == coarse.x.tolist() == [200, 400, 600]
        assert thin.notes == ("thinned to one of 10 points (phase 9): 3 of 30 points",)

    def test_runs_that_looked_at_step_0_keep_it(self):
        """0, 20, … 980 beside 0, 200, … 800: not 180, 380, …, which the coarse run never had."""
        dense, coarse = (
            placed(
                seen({"_step": step, "loss": 0.5} for step in range(0, 1_000, every)),
                "loss",
                Axis("step"),
            )
            for every in (20, 200)
        )

        assert steps(Cadence(run="run-b"), dense, coarse) == [0, 200, 400, 600, 800]

    def test_the_run_itself_stays_as_it_is(self):
        coarse = line(200, 600)

        assert Cadence(run="run-b").thin("run-b", coarse, coarse) is coarse

    def test_cadences_that_do_not_divide_are_told(self):
        """50 / 20 = 2.5, and the nearest whole number is 2: points 40 apart."""
        thin = Cadence(run="run-b").thin("run-a", line(20, 200), line(50, 200))

        assert thin.x.tolist() == [40, 80, 120, 160, 200]
        assert thin.notes[-1] == "points are 40 apart, those of run-b 50"

    def test_a_phase_that_a_run_does_not_have_is_told(self):
        thin = Cadence(run="run-b", phase=5).thin("run-a", line(20, 120), line(60, 120))

        assert thin.x.tolist() == [60, 120]
        assert thin.notes == (
            "thinned to one of 3 points (phase 2): 2 of 6 points; phase 5 is not below 3, so the "
            "last was taken",
        )

    def test_a_run_that_was_looked_at_no_more_often_stays(self):
        coarse = line(200, 600)

        thin = Cadence(run="run-b").thin("run-a", coarse, line(20, 600))

        assert thin.x.tolist() == [200, 400, 600]
        assert thin.notes == ("not thinned: run-b was looked at no less often",)

    @pytest.mark.parametrize("other", [None, line(20, 20)])
    def test_a_cadence_needs_two_points(self, other):
        thin = Cadence(run="run-b").thin("run-a", line(20, 60), other)

        assert thin.x.tolist() == [20, 40, 60]
        assert thin.notes == ("not thinned: run-a or run-b has fewer than two points here",)

    def test_nothing_is_thinned_to_nothing(self):
        empty = placed(logged("loss", [math.nan]), "lss", Axis("step"))

        assert Cadence(every=3).thin("run-a", empty, None) is empty
