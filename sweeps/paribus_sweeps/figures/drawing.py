"""A drawing: what every figure has, and how it is written as plain Plotly JSON.

drawing = Drawing("effects", title="…", description="…", data=[…], x=Axis("loss"))
drawing.written(Look(theme="dark"))

The headline and the caption stand above, wrapped for the look's width; the legend stands below.
Nothing needs WebGL or a plug-in: plotly.js compiles code for both, which the policy of our pages
refuses. Texts are Plotly's small HTML: `plain` takes out what a name could smuggle in.

Source: plotly.js 4.1.1, attributes of traces and layout; tests hold every figure against them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from textwrap import wrap
from typing import Any

from paribus_sweeps.figures.look import DEFAULT, Look

Figure = dict[str, Any]
"""`{"data": […], "layout": {…}}`; JSON, and what `plotly.graph_objects.Figure` takes."""

TITLE_PIXELS, TEXT_PIXELS = 8.9, 6.5  # a character's mean width in bold 16 and plain 12 pixels
TITLE_LINE, TEXT_LINE = 21, 17
LEGEND_LINE, SWATCH = 20, 58
LARGEST = 1e300  # beyond it an axis has no room to be laid out
NO_BUTTONS = ("sendChartToCloud", "select2d", "lasso2d")
"""plotly.js 4 offers to send a chart to its maker's cloud unless it is told not to; selecting
points does nothing in our figures."""
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Axis("steps")
    Axis("loss", log=True)
    Axis(ticks=[(0, "8"), (1, "64")], span=(-0.5, 1.5))    # places with names
    """

    title: str = ""
    """With its unit."""
    log: bool = False
    from_zero: bool = False
    """What is drawn as a length is honest only from zero on."""
    span: tuple[float, float] | None = None
    """From where to where; of a logarithmic axis the exponents."""
    ticks: Sequence[tuple[float, str]] | None = None
    hidden: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def written(self, look: Look) -> dict[str, Any]:
        """Return it as Plotly has it."""
        colours = look.colours
        found: dict[str, Any] = {
            "title": {"text": plain(self.title), "font": look.font(12), "standoff": 8},
            "type": "log" if self.log else "linear",
            "automargin": True,
            "gridcolor": colours.grid,
            "linecolor": colours.line,
            "zeroline": False,
            "showline": not self.hidden,
            "ticks": "" if self.hidden else "outside",
            "tickcolor": colours.line,
            "tickfont": look.font(12, soft=True),
            "exponentformat": "power",
        }
        if self.from_zero:
            found["rangemode"] = "tozero"
        if self.span is not None:
            found["range"] = list(self.span)
        if self.ticks is not None:
            found |= {
                "tickmode": "array",
                "tickvals": [place for place, _ in self.ticks],
                "ticktext": [plain(text) for _, text in self.ticks],
            }
        if self.hidden:
            found |= {"showgrid": False, "showticklabels": False}
        return {**found, **self.more}


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure before it is written."""

    name: str
    title: str
    description: str
    """One or two sentences for who does not see it."""
    data: Sequence[Mapping[str, Any]]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    caption: Sequence[str] = ()
    """Sentences under the title: what is shown, n, and how many of how many."""
    height: int = 340
    """Of the plot alone, in pixels."""
    shapes: Sequence[Mapping[str, Any]] = ()
    annotations: Sequence[Mapping[str, Any]] = ()
    axes: Mapping[str, Any] = field(default_factory=dict)
    """Further axes and what else the layout holds."""
    top: int = 12
    """Room between the caption and the plot, in pixels."""
    bottom: int = 52
    """Room for what stands at the axis below."""
    is_empty: bool = False

    def written(self, look: Look = DEFAULT) -> Figure:
        """Return it as plain Plotly JSON."""
        title = wrapped(self.title, look.width, TITLE_PIXELS)
        caption = list(chain.from_iterable(wrapped(part, look.width) for part in self.caption))
        top = 14 + TITLE_LINE * len(title) + TEXT_LINE * len(caption) + self.top
        below = self.bottom + LEGEND_LINE * _legend_rows(self.data, look)
        layout = {
            "title": _heading(title, caption, look),
            "font": dict(look.font()),
            "paper_bgcolor": look.colours.ground,
            "plot_bgcolor": look.colours.ground,
            "colorway": list(look.colours.series),
            "height": top + self.height + below,
            "margin": {"l": 56, "r": 16, "t": top, "b": below},
            "xaxis": self.x.written(look),
            "yaxis": self.y.written(look),
            "showlegend": any(trace.get("showlegend") for trace in self.data),
            "legend": _legend(look),
            "hovermode": "closest",
            "hoverlabel": {"align": "left", "font": {"size": 12}, "namelength": -1},
            "dragmode": False if look.is_narrow else "zoom",
            "modebar": {"remove": list(NO_BUTTONS)},
            "shapes": [dict(shape) for shape in self.shapes],
            "annotations": [dict(note) for note in self.annotations],
            "meta": {
                "figure": self.name,
                "width": look.width,
                "description": unquoted(self.description),
                "caption": [unquoted(part) for part in self.caption],
                "is_empty": self.is_empty,
            },
            **self.axes,
        }
        return {"data": [dict(trace) for trace in self.data], "layout": layout}


def empty(name: str, title: str, reason: str, look: Look = DEFAULT) -> Figure:
    """Return the figure that says why there is nothing to draw."""
    lines = wrapped(reason, look.width - 90)
    reasoned = {
        "text": "<br>".join(lines),
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "align": "center",
        "font": dict(look.font(13)),
        "bordercolor": look.colours.line,
        "borderwidth": 1,
        "borderpad": 10,
    }
    return Drawing(
        name,
        title,
        f"{title}: nothing to draw. {reason}",
        data=[],
        x=Axis(hidden=True),
        y=Axis(hidden=True),
        height=max(160, 50 + 20 * len(lines)),
        annotations=[reasoned],
        is_empty=True,
    ).written(look)


def unquoted(text: str) -> str:
    """Return a sentence whose names stand in curly quotes: a figure knows no code font."""
    return re.sub(r"`([^`]*)`", "“\\1”", text)


def plain(text: object) -> str:
    """Return a text that Plotly shows as it is, whatever tags it seems to hold."""
    return re.sub("[&<>]", lambda found: _ENTITIES[found[0]], unquoted(str(text)))


def wrapped(text: str, width: float, pixels: float = TEXT_PIXELS) -> list[str]:
    """Return a text in lines that fit, each as Plotly shows it."""
    room = max(12, int((width - 32) / pixels))
    return [plain(line) for line in wrap(unquoted(text), room)]


def shortened(text: str, most: int) -> str:
    """Return a text with its middle left out where it is longer than `most` characters."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[: most - 1 - half]}…{text[-half:]}"


def hover(*lines: str) -> str:
    """Return what is shown beside the pointer."""
    return "<br>".join("<br>".join(plain(part) for part in wrap(line, 60)) for line in lines)


def drawable(value: Any) -> float | None:
    """Return a number that has a place on an axis, or None: a gap in a line."""
    if value is None or not abs(value) <= LARGEST:  # false of NaN too
        return None
    return float(value)


def of_so_many(shown: int, all_of_them: int, what: str) -> list[str]:
    """Return the sentence that says how many are left out, where any are."""
    return [] if shown >= all_of_them else [f"{shown:,} of {all_of_them:,} {what} shown."]


def vertical(x: float, look: Look, *, dash: str = "solid", xref: str = "x") -> dict[str, Any]:
    """Return a line from the bottom to the top of the plot."""
    line = {"color": look.colours.line, "width": 1.5, "dash": dash}
    return {
        "type": "line", "xref": xref, "yref": "paper", "x0": x, "x1": x, "y0": 0, "y1": 1,
        "line": line, "layer": "below",
    }  # fmt: skip


def note(text: str, look: Look, where: Mapping[str, Any], *, soft: bool = False) -> dict[str, Any]:
    """Return a text in the plot, without an arrow."""
    return {"text": text, "showarrow": False, "font": dict(look.font(12, soft=soft)), **where}


def row_label(text: str, y: float, look: Look) -> dict[str, Any]:
    """Return the text above a row: it takes no room beside the plot, so phones have it too."""
    cut = shortened(unquoted(text), int((look.width - 80) / TEXT_PIXELS))
    where = {"y": y, "xref": "paper", "x": 0, "xanchor": "left", "yanchor": "bottom", "yshift": 5}
    return note(plain(cut), look, where)


def _heading(title: Sequence[str], caption: Sequence[str], look: Look) -> dict[str, Any]:
    lines = [f"<b>{line}</b>" for line in title]
    return {
        "text": "<br>".join(lines),
        "subtitle": {"text": "<br>".join(caption), "font": dict(look.font(12, soft=True))},
        "font": dict(look.font(16)),
        "x": 0,
        "xref": "container",
        "xanchor": "left",
        "y": 1,
        "yref": "container",
        "yanchor": "top",
        "pad": {"l": 12, "t": 12 + 10 * (len(title) - 1)},
    }


def _legend(look: Look) -> dict[str, Any]:
    return {
        "orientation": "h",
        "x": 0.01,
        "xref": "container",
        "xanchor": "left",
        "y": 0.0,
        "yref": "container",
        "yanchor": "bottom",
        "font": dict(look.font(12)),
        "bgcolor": "rgba(0,0,0,0)",
        "itemwidth": 40,
    }


def _legend_rows(data: Sequence[Mapping[str, Any]], look: Look) -> int:
    """How many lines the legend will take: Plotly gives every entry the width of the longest."""
    names = [len(str(trace["name"])) for trace in data if trace.get("showlegend")]
    if not names:
        return 0
    widest = SWATCH + TEXT_PIXELS * max(names)
    beside = max(1, int((look.width - 24) / widest))
    return math.ceil(len(names) / beside)


def legend_room(look: Look) -> int:
    """Return how many characters a name in the legend may have."""
    return max(16, int((look.width - 24 - SWATCH) / TEXT_PIXELS))


def counting(most: int) -> dict[str, Any]:
    """Return what makes the ticks of an axis of counts whole numbers."""
    return {"tick0": 0, "dtick": max(1, math.ceil(most / 6))}


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """Return the span of values, one at least, with a little room at both ends."""
    found = list(values)
    low, high = min(found), max(found)
    room = (high - low) * share or abs(high) * 0.1 or 1.0
    return low - room, high + room
