"""Gradient norms of each run as a box, by the level of a factor.

    grad_norm_spread([Spread("R1", "8", norms), Spread("R2", "64", norms)], factor="batch")

Boxes are quartiles of one run's own points, and runs are what is compared: points of one curve are
no replicates (METHOD 9.4). Quantiles of type 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import quantiles
from typing import Any

from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.figures.drawing import (
    TEXT_PIXELS,
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    of_so_many,
    plain,
    shortened,
)
from paribus_sweeps.figures.look import DEFAULT, Look

NAME = "grad-norm-spread"
MOST_RUNS = 24


@dataclass(frozen=True, eq=False)
class Spread:
    """What one run's gradient norms are spread over."""

    run: str
    level: str
    """Of the factor by which runs are grouped."""
    values: Sequence[float]
    """The norms that were logged, at common points where runs are compared."""

    @cached_property
    def finite(self) -> list[float]:
        """Those that can be drawn."""
        return [x for x in map(drawable, self.values) if x is not None]

    @cached_property
    def quartiles(self) -> tuple[float, float, float]:
        """Type-7 quartiles; of a single value, itself."""
        seen = self.finite
        if len(seen) == 1:
            return seen[0], seen[0], seen[0]
        first, middle, third = quantiles(seen, n=4, method="inclusive")
        return first, middle, third


def grad_norm_spread(
    spreads: Sequence[Spread],
    *,
    factor: str | None = None,
    key: str = "grad_norm",
    notes: Sequence[str] = (),
    why_empty: str | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return a box for each run, runs of one level side by side.

    Args:
        spreads: One for each run.
        factor: What the levels are of; None where runs are not grouped.
        key: What was logged.
        notes: The comparison in words, cautions first.
        why_empty: The reason, where nothing can be drawn.
        look: Theme and width.
    """
    by = f", by {factor}" if factor else ""
    title = f"How {key} is spread in each run{by}"
    seen = [spread for spread in spreads if spread.finite]
    if not seen:
        why = why_empty or f"No run has logged a finite {key}."
        return empty(NAME, title, why, look)
    levels = list(dict.fromkeys(spread.level for spread in seen))
    ordered = sorted(seen, key=lambda spread: levels.index(spread.level))[:MOST_RUNS]
    is_log = all(min(spread.finite) > 0 for spread in ordered)
    lost = sum(len(spread.values) - len(spread.finite) for spread in seen)
    return Drawing(
        NAME,
        title,
        " ".join(_spoken(spread, factor) for spread in ordered),
        data=[
            _boxes(ordered, level, place, factor, look)
            for place, level in enumerate(levels)
            if any(spread.level == level for spread in ordered)
        ],
        x=Axis(
            "run" if look.is_narrow else "run (n: points of its own curve)",
            ticks=_ticks(ordered, look),
            span=(-0.6, len(ordered) - 0.4),
            more={"showgrid": False},
        ),
        y=Axis(f"{key}{', logarithmic' if is_log else ''} (its own unit)", log=is_log),
        caption=[
            f"n = {counted(len(ordered), 'run')}. Boxes: quartiles of a run's own points; "
            "whiskers: least and largest.",
            *([f"{counted(lost, 'value')} NaN, infinite or beyond drawing."] if lost else []),
            *notes,
            *of_so_many(len(ordered), len(seen), "runs"),
        ],
    ).written(look)


def _boxes(
    spreads: Sequence[Spread], level: str, place: int, factor: str | None, look: Look
) -> dict[str, Any]:
    mine = [(k, spread) for k, spread in enumerate(spreads) if spread.level == level]
    parts = [spread.quartiles for _, spread in mine]
    colour = look.colour(place)
    return {
        "type": "box",
        "name": plain(f"{factor} {level} (n = {len(mine)})" if factor else f"n = {len(mine)}"),
        "showlegend": factor is not None,
        "x": [k for k, _ in mine],
        "q1": [first for first, _, _ in parts],
        "median": [middle for _, middle, _ in parts],
        "q3": [third for _, _, third in parts],
        "lowerfence": [min(spread.finite) for _, spread in mine],
        "upperfence": [max(spread.finite) for _, spread in mine],
        "width": 0.6,
        "line": {"color": colour, "width": 2},
        "fillcolor": look.colours.shades[min(place, len(look.colours.shades) - 1)],
        "hoverinfo": "text",
        "hovertext": [hover(_spoken(spread, factor)) for _, spread in mine],
    }


def _ticks(spreads: Sequence[Spread], look: Look) -> list[tuple[float, str]]:
    room = max(6, int((look.width - 90) / len(spreads) / TEXT_PIXELS))
    return [
        (k, f"{shortened(s.run, max(room, 8))} (n={len(s.finite)})") for k, s in enumerate(spreads)
    ]


def _spoken(spread: Spread, factor: str | None) -> str:
    first, middle, third = spread.quartiles
    where = f" ({factor} {spread.level})" if factor else ""
    return (
        f"{spread.run}{where}: median {number(middle)}, quartiles {number(first)} to "
        f"{number(third)}, largest {number(max(spread.finite))}, "
        f"{counted(len(spread.finite), 'point')}."
    )
