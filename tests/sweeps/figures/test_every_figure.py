"""What holds for each figure: Plotly's own schema, plain JSON, words, and room for text."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
import pytest

from paribus_sweeps.figures import THEMES, Figure, Look
from tests.sweeps.figures.examples import every_figure

LOOKS = [Look(theme, width) for theme in THEMES for width in (400, 1160)]


@pytest.fixture(scope="module")
def figures() -> list[tuple[str, Figure]]:
    return list(every_figure(Look()))


class TestPlotlyTakesThem:
    @pytest.mark.parametrize("look", LOOKS, ids=str)
    def test_every_attribute_is_known_to_plotly(self, look):
        """`go.Figure` refuses an attribute or a value that plotly.js 4 does not have."""
        taken = [go.Figure(figure) for _, figure in every_figure(look)]

        assert len(taken) == 25

    def test_the_check_can_fail(self):
        with pytest.raises(ValueError, match="Invalid property"):
            go.Figure({"data": [], "layout": {"titel": "x"}})

    def test_they_are_plain_json_without_nan(self, figures):
        for _, figure in figures:
            assert json.loads(json.dumps(figure, allow_nan=False)) == figure

    def test_none_needs_webgl_or_compiled_code(self, figures):
        """Our pages' policy refuses code made from text, which `gl` traces and parcoords make."""
        kinds = {trace["type"] for _, figure in figures for trace in figure["data"]}

        assert kinds == {"scatter", "bar", "box", "heatmap"}


class TestNothingLeaves:
    def test_no_figure_offers_to_send_itself_elsewhere(self, figures):
        """plotly.js 4.1.1: `showSendToCloud` is true unless the button is taken out."""
        for _, figure in figures:
            assert "sendChartToCloud" in figure["layout"]["modebar"]["remove"]


class TestWords:
    def test_each_describes_itself_for_who_does_not_see_it(self, figures):
        for name, figure in figures:
            assert len(figure["layout"]["meta"]["description"]) > 20, name
            assert "`" not in figure["layout"]["meta"]["description"], name

    def test_each_that_is_drawn_says_what_it_counts(self, figures):
        for name, figure in figures:
            meta = figure["layout"]["meta"]
            told = " ".join(meta["caption"])
            assert meta["is_empty"] or re.search(r"n = \d|\bn\b|\d+ settings?|\d+ points", told), (
                name
            )

    def test_what_cannot_be_drawn_says_why_in_the_plot(self, figures):
        for name, figure in figures:
            if name.startswith("no "):
                [reason] = figure["layout"]["annotations"]
                assert figure["layout"]["meta"]["is_empty"]
                assert figure["data"] == []
                assert len(reason["text"]) > 20, name

    def test_axes_with_ticks_of_numbers_have_a_title(self, figures):
        for name, figure in figures:
            for axis in ("xaxis", "yaxis"):
                told = figure["layout"][axis]
                is_named = bool(told["title"]["text"])
                has_numbers = told.get("showticklabels", True) and "ticktext" not in told
                assert is_named or not has_numbers or name == "phases", (name, axis)


class TestNothingRestsOnColourAlone:
    def test_lines_of_one_figure_differ_in_dash_or_width(self, figures):
        for name, figure in figures:
            shown = [
                t for t in figure["data"] if t.get("showlegend") and "lines" in t.get("mode", "")
            ]
            styles = [
                (t["line"].get("dash", "solid"), t["line"]["width"], "markers" in t["mode"])
                for t in shown
            ]
            assert len(set(styles)) == len(styles), name

    def test_markers_of_one_figure_differ_in_symbol(self, figures):
        for name, figure in figures:
            shown = [
                t for t in figure["data"] if t.get("showlegend") and t.get("mode") == "markers"
            ]
            symbols = [trace["marker"]["symbol"] for trace in shown]
            assert len(set(symbols)) == len(symbols), name


class TestLengthsAreHonest:
    def test_bars_begin_at_zero(self, figures):
        bars = [figure for _, figure in figures for t in figure["data"] if t["type"] == "bar"]

        assert [figure["layout"]["xaxis"]["rangemode"] for figure in bars] == ["tozero"] * 2


class TestRoomForText:
    @pytest.mark.parametrize("look", LOOKS, ids=str)
    def test_no_line_of_a_heading_is_wider_than_the_figure(self, look):
        """About 6.5 pixels a character at 12 pixels, 8.9 in bold 16."""
        for name, figure in every_figure(look):
            title = figure["layout"]["title"]
            lines = title["text"].split("<br>")
            assert max(len(_bare(line)) for line in lines) * 8.9 <= look.width, name
            captions = title["subtitle"]["text"].split("<br>")
            assert max(len(_bare(line)) for line in captions) * 6.5 <= look.width, name

    def test_the_margin_above_holds_title_and_caption(self, figures):
        for name, figure in figures:
            layout = figure["layout"]
            lines = layout["title"]["text"].count("<br>") + 1
            captions = layout["title"]["subtitle"]["text"]
            below = captions.count("<br>") + 1 if captions else 0
            assert layout["margin"]["t"] >= 21 * lines + 17 * below, name


class TestNamesCannotSmuggleMarkup:
    def test_tags_in_names_are_shown_as_text(self):
        for _, figure in every_figure(Look()):
            for text in _texts(figure):
                assert not re.search(r"<(?!/?b>|br>)", text), text


def _bare(text: str) -> str:
    return re.sub("<[^>]*>", "", text).replace("&lt;", "<").replace("&gt;", ">")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            if key != "meta":
                yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


class TestImporting:
    def test_it_loads_neither_numpy_nor_plotly(self):
        """A notebook that only draws what a service has answered needs neither."""
        code = "import sys, paribus_sweeps.figures; print(*sys.modules)"

        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )

        assert {"numpy", "scipy", "plotly"} & set(done.stdout.split()) == set()
