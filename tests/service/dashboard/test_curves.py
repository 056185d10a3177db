import math

import pytest

from paribus_service.dashboard.curves import GLOBAL_STEP, Panel, Point, curves, thinned


def row(step: int, shared: int | None = None, **values: object) -> dict[str, object]:
    own: dict[str, object] = {"_step": step, "_timestamp": 1.0, "_runtime": 2.0}
    if shared is not None:
        own[GLOBAL_STEP] = shared
    return own | values


def points(panel: Panel, which: int = 0) -> list[tuple[float, float]]:
    return [(point.x, point.y) for point in panel.series[which].points]


class TestPanels:
    def test_train_and_eval_of_one_number_share_a_panel(self) -> None:
        rows = [row(i, i, **{"train/loss": 1.0, "eval/loss": 2.0}) for i in range(3)]

        (panel,) = curves(rows).panels

        assert panel.title == "loss"
        assert [series.key for series in panel.series] == ["train/loss", "eval/loss"]

    def test_a_number_without_partner_has_a_panel_of_its_own(self) -> None:
        rows = [row(i, **{"train/loss": 1.0, "eval/accuracy": 0.5}) for i in range(2)]

        assert [panel.title for panel in curves(rows).panels] == ["eval/accuracy", "train/loss"]

    def test_the_x_axis_is_the_global_step_where_every_row_has_it(self) -> None:
        rows = [row(0, 10, loss=1.0), row(1, 20, loss=0.5)]

        (panel,) = curves(rows).panels

        assert panel.x_key == "train/global_step"
        assert points(panel) == [(10, 1.0), (20, 0.5)]

    def test_the_x_axis_is_the_own_step_where_a_row_lacks_the_global_one(self) -> None:
        rows = [row(0, 10, loss=1.0), row(7, loss=0.5)]

        (panel,) = curves(rows).panels

        assert panel.x_key == "_step"
        assert points(panel) == [(0, 1.0), (7, 0.5)]

    def test_of_rows_written_twice_the_last_that_holds_the_key_wins(self) -> None:
        """A resumed run repeats global steps 2 and 3 under new `_step`s."""
        rows = [
            row(0, 1, loss=1.0),
            row(1, 2, loss=0.9),
            row(2, 3, loss=0.8),
            row(3, 2, loss=0.7),
            row(4, 3, other=5.0),
            row(5, 4, loss=0.5, other=6.0),
        ]

        found = {panel.title: panel for panel in curves(rows).panels}

        assert points(found["loss"]) == [(1, 1.0), (2, 0.7), (3, 0.8), (4, 0.5)]

    def test_a_number_logged_once_is_no_curve(self) -> None:
        found = curves([row(0, 0, loss=1.0), row(1, 1, loss=0.9, **{"holdout/loss": 0.4})])

        assert [(one.key, one.x, one.value) for one in found.once] == [("holdout/loss", 1, 0.4)]
        assert [panel.title for panel in found.panels] == ["loss"]

    def test_text_flags_and_media_are_no_curves(self) -> None:
        rows = [
            row(i, note="text", flag=True, picture={"_type": "image-file", "width": 3}, loss=1.0)
            for i in range(2)
        ]

        assert [panel.title for panel in curves(rows).panels] == ["loss"]

    def test_nested_numbers_are_named_by_their_path(self) -> None:
        rows = [row(i, inner={"a": 1.0, "b": {"c": 2.0}}) for i in range(2)]

        assert [panel.title for panel in curves(rows).panels] == ["inner.a", "inner.b.c"]

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, "NaN", "-Infinity"])
    def test_what_is_not_finite_is_counted_and_not_drawn(self, bad: object) -> None:
        (panel,) = curves([row(0, loss=1.0), row(1, loss=bad), row(2, loss=0.5)]).panels

        assert points(panel) == [(0, 1.0), (2, 0.5)]
        assert panel.series[0].not_finite == 1

    def test_rows_without_any_step_are_placed_by_their_line(self) -> None:
        (panel,) = curves([{"loss": 3.0}, {"loss": 2.0}]).panels

        assert points(panel) == [(0, 3.0), (1, 2.0)]

    def test_an_integer_beyond_every_float_is_not_drawn(self) -> None:
        (panel,) = curves([row(0, loss=1), row(1, loss=10**400), row(2, loss=2)]).panels

        assert panel.series[0].not_finite == 1

    def test_no_rows_are_no_panels(self) -> None:
        assert curves([]).panels == ()


class TestThinning:
    def test_few_points_are_all_kept(self) -> None:
        raw = [Point(i, i % 7) for i in range(30)]

        assert thinned(raw, 10) == raw

    def test_no_spike_is_lost(self) -> None:
        raw = [Point(i, 0.0) for i in range(10_000)]
        raw[4321], raw[8765] = Point(4321, 99.0), Point(8765, -99.0)

        kept = thinned(raw, 100)

        assert len(kept) <= 301  # the first, and three for each of 100 stretches
        assert {raw[4321], raw[8765], raw[0], raw[-1]} <= set(kept)

    def test_only_raw_points_are_kept_in_their_order(self) -> None:
        raw = [Point(i, math.sin(i)) for i in range(5_000)]

        kept = thinned(raw, 50)

        assert set(kept) <= set(raw)
        assert [p.x for p in kept] == sorted(p.x for p in kept)

    def test_the_numbers_told_beside_a_chart_are_those_of_all_points(self) -> None:
        rows = [row(i, loss=float(i % 997)) for i in range(4_000)]

        (panel,) = curves(rows, stretches=20).panels

        series = panel.series[0]
        assert series.is_thinned
        assert series.count == 4_000
        assert series.highest == Point(996, 996.0)
        assert series.last == Point(3999, 3999 % 997)
