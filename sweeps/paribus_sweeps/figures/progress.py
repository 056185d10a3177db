"""How far a sweep is: trials by state now, and the runs that ended over time.

progress({"finished": 10, "running": 2, "queued": 4}, ended=[("2026-01-01T10:00:00", "finished")])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.words import counted
from paribus_sweeps.figures.drawing import Axis, Drawing, Figure, counting, empty, hover
from paribus_sweeps.figures.look import DEFAULT, Look

NAME = "progress"
STATES = (
    "finished",
    "running",
    "leased",
    "queued",
    "interrupted",
    "failed",
    "stopped",
    "cancelled",
)
"""In the order in which they stand, whatever is not among them behind."""
_PATTERNS = ("", "/", "x", "", ".", "\\", "+", "-")
_SERIES = (2, 0, 0, 5, 4, 1, 5, 5)
ROW_PIXELS = 34


def progress(
    counts: Mapping[str, int],
    *,
    ended: Iterable[tuple[str, str]] = (),
    look: Look = DEFAULT,
) -> Figure:
    """Return bars of trials by state; or, once runs have ended, how many over time.

    Args:
        counts: State → trials in it, now.
        ended: (when, in ISO 8601, and state) of each run that has ended.
        look: Theme and width.
    """
    total = sum(counts.values())
    title = "How far the sweep is"
    if not total:
        return empty(NAME, title, "The sweep has no trials yet.", look)
    moments = sorted(ended)
    caption = [f"n = {counted(total, 'trial')}: {_listed(counts)}."]
    said = f"{title}: {_listed(counts)} of {counted(total, 'trial')}."
    if len({when for when, _ in moments}) < 2:
        return _now(counts, said, caption, title, look)
    return Drawing(
        NAME,
        title,
        said,
        data=list(_over_time(moments, look)),
        x=Axis("time (UTC)", more={"type": "date"}),
        y=Axis("runs that have ended", from_zero=True, more=counting(len(moments))),
        caption=[*caption, "Lines: runs that have ended so far, by how they ended."],
    ).written(look)


def _now(
    counts: Mapping[str, int], said: str, caption: Sequence[str], title: str, look: Look
) -> Figure:
    states = _ordered(counts)
    return Drawing(
        NAME,
        title,
        said,
        data=[_bars(states, counts, look)],
        x=Axis("trials", from_zero=True, more=counting(max(counts.values()))),
        y=Axis(ticks=list(enumerate(states)), span=(len(states) - 0.4, -0.6), more={"ticks": ""}),
        caption=caption,
        height=30 + ROW_PIXELS * len(states),
    ).written(look)


def _bars(states: Sequence[str], counts: Mapping[str, int], look: Look) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": "trials",
        "showlegend": False,
        "x": [counts[state] for state in states],
        "y": list(range(len(states))),
        "width": 0.6,
        "text": [f"{counts[state]:,}" for state in states],
        "textposition": "outside",
        "cliponaxis": False,
        "marker": {
            "color": [look.colour(_SERIES[_rank(state) % len(_SERIES)]) for state in states],
            "pattern": {
                "shape": [_PATTERNS[_rank(state) % len(_PATTERNS)] for state in states],
                "fgcolor": look.colours.ground,
            },
        },
        "hovertext": [hover(counted(counts[state], "trial") + f" {state}") for state in states],
        "hoverinfo": "text",
    }


def _over_time(moments: Sequence[tuple[str, str]], look: Look) -> Iterator[dict[str, Any]]:
    last = moments[-1][0]
    for state in _ordered(dict.fromkeys((state for _, state in moments), 1)):
        times = [when for when, found in moments if found == state]
        place = _rank(state)
        yield {
            "type": "scatter",
            "mode": "lines+markers",
            "name": f"{state} (n = {len(times)})",
            "showlegend": True,
            "x": [*times, last],
            "y": [*range(1, len(times) + 1), len(times)],
            "line": {**look.line(place), "shape": "hv"},
            "marker": look.marker(place, 5),
            "hovertext": [
                hover(f"{k} {state}", when)
                for k, when in zip(
                    [*range(1, len(times) + 1), len(times)], [*times, last], strict=True
                )
            ],
            "hoverinfo": "text",
        }


def _ordered(counts: Mapping[str, int]) -> list[str]:
    return sorted((state for state, n in counts.items() if n), key=lambda s: (_rank(s), s))


def _rank(state: str) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{counts[state]:,} {state}" for state in _ordered(counts))
