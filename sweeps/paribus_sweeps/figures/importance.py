"""Which factors go along with the response, where a sampler chose the settings: association.

    importance(answer("importance", case))

Source: METHOD 10; the document is docs/reference/answers.md, "Importance".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.words import counted
from paribus_sweeps.figures.drawing import (
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    of_so_many,
    row_label,
)
from paribus_sweeps.figures.look import DEFAULT, Look

NAME = "importance"
MOST_ROWS = 30
ROW_PIXELS = 44


def importance(answer: Mapping[str, Any], look: Look = DEFAULT) -> Figure:
    """Return bars of the share of variance that goes along with each factor, from zero on."""
    found = answer["importance"]
    title = f"What goes along with {answer['response']}"
    told = [] if found is None else [f for f in found["factors"] if f["importance"] is not None]
    if found is None or not told:
        why = (found or {}).get("note") or "There is no importance of these runs."
        return empty(NAME, title, why, look)
    shown = sorted(told, key=lambda factor: factor["rank"])[:MOST_ROWS]
    places = list(range(len(shown), 0, -1))
    is_association = found["label"] == "association"
    return Drawing(
        NAME,
        title,
        " ".join(factor["sentence"] for factor in shown),
        data=[_bars(shown, places, look)],
        x=Axis("share of the variance (0 to 1)", from_zero=True),
        y=Axis(hidden=True, span=(0.5, len(shown) + 0.85)),
        caption=[
            f"n = {counted(answer['n'], 'run')}. "
            + ("An association, and no effect. " if is_association else "")
            + "Whiskers: smallest and largest over refits to other samples of the same runs.",
            *of_so_many(len(shown), len(found["factors"]), "factors"),
        ],
        height=30 + ROW_PIXELS * len(shown),
        annotations=[
            row_label(_label(factor), place, look)
            for factor, place in zip(shown, places, strict=True)
        ],
    ).written(look)


def _label(factor: Mapping[str, Any]) -> str:
    along = [name for name in factor["group"] if name != factor["factor"]]
    shared = f", shared with {', '.join(along)}" if along else ""
    return f"{factor['rank']}. {factor['factor']}: {factor['importance']:.0%}{shared}"


def _bars(factors: Sequence[Mapping[str, Any]], places: list[int], look: Look) -> dict[str, Any]:
    lengths = [drawable(factor["importance"]) or 0.0 for factor in factors]
    spans = [
        factor["interval"] or [length] * 2 for factor, length in zip(factors, lengths, strict=True)
    ]
    return {
        "type": "bar",
        "orientation": "h",
        "name": "importance",
        "showlegend": False,
        "x": lengths,
        "y": [place - 0.12 for place in places],
        "width": 0.3,
        "marker": {"color": look.colour(0)},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [max(0.0, high - x) for (_, high), x in zip(spans, lengths, strict=True)],
            "arrayminus": [max(0.0, x - low) for (low, _), x in zip(spans, lengths, strict=True)],
            "color": look.colours.ink,
            "thickness": 1.5,
        },
        "hovertext": [hover(factor["sentence"]) for factor in factors],
        "hoverinfo": "text",
    }
