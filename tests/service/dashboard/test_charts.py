import math
import re
from typing import Any

import pytest

from paribus_service.dashboard import charts
from paribus_service.dashboard.charts import chart, nice_marks
from paribus_service.dashboard.curves import Panel, curves


def panel_of(*values: float) -> Panel:
    rows = [{"_step": i, "loss": value} for i, value in enumerate(values)]
    return curves(rows).panels[0]


class TestMarks:
    def test_marks_are_round(self) -> None:
        assert nice_marks(0, 10, about=5) == [0, 2, 4, 6, 8, 10]
        assert nice_marks(0.13, 0.58, about=4) == [0.2, 0.4]

    def test_marks_around_hold_both_values(self) -> None:
        assert nice_marks(0.13, 0.58, about=5, around=True) == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]

    def test_small_numbers_keep_their_marks_apart(self) -> None:
        marks = nice_marks(1e-9, 5e-9, about=4)

        assert marks == [1e-9, 2e-9, 3e-9, 4e-9, 5e-9]

    @pytest.mark.parametrize(
        ("low", "high"), [(1, 1), (-1e308, 1e308), (1e308, 1.5e308), (0, 5e-324)]
    )
    def test_marks_of_extreme_ranges_are_finite_or_none(self, low: float, high: float) -> None:
        assert all(math.isfinite(mark) for mark in nice_marks(low, high, about=5, around=True))


class TestChart:
    def test_every_point_lies_inside_the_frame(self) -> None:
        drawn = chart(panel_of(0.7, 0.3, -0.4, 12.5))

        for x, y in drawn.lines[0].dots:
            assert charts.LEFT <= x <= charts.WIDTH - charts.RIGHT
            assert charts.TOP <= y <= charts.HEIGHT - charts.BOTTOM

    def test_larger_values_lie_higher(self) -> None:
        low, high = chart(panel_of(1.0, 2.0)).lines[0].dots

        assert high[1] < low[1]

    @pytest.mark.parametrize(
        "values",
        [(5.0, 5.0), (0.0, 0.0), (-1.7e308, 1.7e308), (1e-300, 2e-300), (1e300, 1e300)],
    )
    def test_extreme_values_are_drawn_with_plain_numbers(self, values: tuple[float, ...]) -> None:
        path = chart(panel_of(*values)).lines[0].path

        assert re.fullmatch(r"M[\d.]+ [\d.]+(L[\d.]+ [\d.]+)*", path)

    def test_a_curve_of_nan_is_empty(self) -> None:
        assert chart(panel_of(math.nan, math.nan)).is_empty

    def test_a_curve_is_told_in_words(self) -> None:
        spoken = charts.spoken(panel_of(3.0, 1.0, 2.0).series[0])

        assert spoken == "loss: 3 points, from 3 at 0 to 2 at 2, lowest 1 at 1, highest 3 at 0"


def found_at(step: float, *, keys: str = "loss", x_name: str = "W&B steps") -> dict[str, Any]:
    """A finding about some keys, from a step on."""
    told = {"rule": "plateau", "label": None, "sentence": "it stands still"}
    return {**told, "keys": keys.split(), "steps": [step, 9.0], "x_name": x_name}


class TestFindingsOnCharts:
    def test_a_finding_is_marked_where_it_begins(self) -> None:
        """Ten points, 0 to 9, from 58 to 390: step 3 lies a third of the way."""
        drawn = chart(panel_of(*range(10)), [found_at(3)])

        [mark] = drawn.marks
        assert (mark.number, mark.at, mark.top) == (1, 168.7, 10)

    def test_findings_at_one_place_stand_below_one_another(self) -> None:
        drawn = chart(panel_of(*range(10)), [found_at(3), found_at(3.1), found_at(8)])

        assert [mark.top for mark in drawn.marks] == [10, 22, 10]
        assert [mark.number for mark in drawn.marks] == [1, 2, 3]

    @pytest.mark.parametrize(
        "finding",
        [
            found_at(3, keys="eval/loss"),
            found_at(3, x_name="steps"),
            found_at(300),
            {**found_at(3), "steps": None},
            {**found_at(3), "steps": [None, 9.0]},
        ],
    )
    def test_a_finding_about_something_else_is_not_marked(self, finding: dict[str, Any]) -> None:
        assert chart(panel_of(*range(10)), [finding]).marks == ()
