"""Findings on curves: each at the point of its curve that is nearest to where it begins.

A finding that begins outside the part of x that is looked at, or that no point of what is drawn
belongs to, is left out: at the edge it would say something of a point that it is not about. The
caption says how many were.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from paribus_sweeps.analysis.words import counted
from paribus_sweeps.figures.curve_lines import CurveLine, Mark
from paribus_sweeps.figures.drawing import hover, of_so_many
from paribus_sweeps.figures.look import Look

MOST_MARKS = 20  # findings drawn into one figure
Span = tuple[float, float]
EVERYWHERE: Span = (-math.inf, math.inf)
Placed = tuple[CurveLine, Mark, tuple[float, float]]
"""A finding, and the point of its curve where it stands."""


def mark_trace(
    lines: Sequence[CurveLine], look: Look, looked_at: Span = EVERYWHERE
) -> list[dict[str, Any]]:
    """Return the trace of the findings, each on its curve; none where there are none.

    Args:
        lines: The curves that are drawn.
        look: Theme and width.
        looked_at: The part of x that was asked for.
    """
    found = _placed(lines, looked_at)[:MOST_MARKS]
    if not found:
        return []
    colour = look.colours.warn
    return [
        {
            "type": "scatter",
            "name": f"findings (n = {_count(found)})",
            "showlegend": True,
            "mode": "markers",
            "x": [x for _, _, (x, _) in found],
            "y": [y for _, _, (_, y) in found],
            "marker": {
                "symbol": "triangle-down-open",
                "size": 13,
                "color": colour,
                "line": {"width": 2.5, "color": colour},
            },
            "hoverinfo": "text",
            "hovertext": [
                hover(f"{line.name}: {mark.word}", mark.sentence) for line, mark, _ in found
            ],
        }
    ]


def marks_left_out(lines: Sequence[CurveLine], looked_at: Span = EVERYWHERE) -> Iterator[str]:
    """Yield the sentences that say how many findings are not drawn, and why."""
    placed = _placed(lines, looked_at)
    outside = len({id(mark) for line in lines for mark in line.marks}) - _count(placed)
    if outside:
        lie = "lies" if outside == 1 else "lie"
        are = "is" if outside == 1 else "are"
        yield f"{counted(outside, 'finding')} {lie} outside what is drawn and {are} not marked."
    yield from of_so_many(_count(placed[:MOST_MARKS]), _count(placed), "findings")


def _placed(lines: Sequence[CurveLine], looked_at: Span) -> list[Placed]:
    """Return the findings that belong to what is drawn, each on its curve."""
    spans = [line.span for line in lines if line.span is not None]
    if not spans:
        return []
    low, high = min(first for first, _ in spans), max(last for _, last in spans)
    return [
        (line, mark, place)
        for line in lines
        for mark in line.marks
        if looked_at[0] <= mark.start <= looked_at[1] and mark.start <= high and mark.last >= low
        if (place := nearest_point(line, mark.start)) is not None
    ]


def _count(placed: Sequence[Placed]) -> int:
    """Return how many findings they are: one of train and eval stands on both curves."""
    return len({id(mark) for _, mark, _ in placed})


def nearest_point(line: CurveLine, x: float) -> tuple[float, float] | None:
    """Return the point of a curve that stands nearest to a place; None without any."""
    return min(line.points, key=lambda point: abs(point[0] / 2 - x / 2), default=None)
