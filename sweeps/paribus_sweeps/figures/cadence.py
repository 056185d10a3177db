"""What a coarser look would have shown, and what looking costs.

    cadence_phases(dense, every=8, told={7: "hidden"}, used=7)
    cadence_price([CadencePrice(20, evaluations=469, hours=1.2, share=0.31)])

Source: METHOD 9.2 (all phases of a coarser cadence; the price of a cadence).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.figures.curve_lines import CurveLine
from paribus_sweeps.figures.drawing import (
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    note,
    of_so_many,
    padded,
    plain,
    wrapped,
)
from paribus_sweeps.figures.look import DEFAULT, Look

PHASES, PRICE = "cadence-phases", "cadence-price"
MOST_PHASES = 12
PANEL_PIXELS = 150
_GAP = 0.1  # between panels, of the plot


def cadence_phases(
    dense: CurveLine,
    *,
    every: int,
    told: Mapping[int, str] | None = None,
    used: int | None = None,
    x_name: str = "steps",
    notes: Sequence[str] = (),
    why_empty: str | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return a panel for each phase: the dense curve faint, the points a coarse look keeps bold.

    Args:
        dense: The curve of the run that looked most often.
        every: The coarser cadence looks at every so manieth point.
        told: Phase → what thinning did to it: "hidden", "made".
        used: The phase that a real run would have had; `every` - 1 where it is left out.
        x_name: What x is, with its unit.
        notes: The shares in words.
        why_empty: The reason, where nothing can be drawn.
        look: Theme and width.
    """
    title = f"{dense.name}: had it been looked at every {every} points"
    points = dense.points
    if every < 2 or len(points) <= every:
        why = (
            f"{counted(len(points), 'point')} cannot be thinned to every {every}: a cadence of 2 "
            "or more, and a curve with more points than that, are needed."
        )
        return empty(PHASES, title, why_empty or why, look)
    real = every - 1 if used is None else used
    phases = _chosen(every, real)
    words = told or {}
    return Drawing(
        PHASES,
        title,
        f"{dense.spoken} {'; '.join(_spoken(p, words, real) for p in phases)}.",
        data=[t for k, p in enumerate(phases) for t in _panel(points, p, every, k, look)],
        caption=[
            f"Faint: all {counted(len(points), 'point')} of the run. Bold: what each phase keeps; "
            f"phase {real} is the one that a run would have used.",
            *notes,
            *of_so_many(len(phases), every, "phases"),
        ],
        height=PANEL_PIXELS * _rows(len(phases), look),
        axes=_axes(points, phases, x_name, look),
        annotations=list(_names(phases, words, real, look)),
        top=30,
    ).written(look)


def _chosen(every: int, real: int) -> list[int]:
    """The phases that are drawn: the first ones, and the one that would have been used."""
    first = list(range(min(every, MOST_PHASES)))
    return first if real in first else [*first[:-1], real]


def _columns(look: Look) -> int:
    return 2 if look.is_narrow else 4


def _rows(panels: int, look: Look) -> int:
    return -(-panels // _columns(look))


def _domains(panels: int, look: Look) -> Iterator[tuple[list[float], list[float]]]:
    """(x, y) of each panel, as shares of the plot."""
    columns, rows = min(panels, _columns(look)), _rows(panels, look)
    wide, high = 1 / columns, 1 / rows
    for k in range(panels):
        left, top = (k % columns) * wide, 1 - (k // columns) * high
        below = top - high * (0.72 if rows > 1 else 1.0)
        yield [left, left + wide * (1 - _GAP)], [max(0.0, below), top]


def _panel(
    points: Sequence[tuple[float, float]], phase: int, every: int, panel: int, look: Look
) -> Iterator[dict[str, Any]]:
    kept = points[phase::every]
    ref = "" if panel == 0 else str(panel + 1)
    shared = {"type": "scatter", "xaxis": f"x{ref}", "yaxis": f"y{ref}"}
    yield {
        **shared,
        "name": "every point",
        "legendgroup": "dense",
        "showlegend": panel == 0,
        "mode": "lines",
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": {"color": look.colours.line, "width": 1},
        "hoverinfo": "skip",
    }
    yield {
        **shared,
        "name": f"every {every}",
        "legendgroup": "coarse",
        "showlegend": panel == 0,
        "mode": "lines+markers",
        "x": [x for x, _ in kept],
        "y": [y for _, y in kept],
        "line": {"color": look.colour(0), "width": 2},
        "marker": look.marker(0, 7),
        "hoverinfo": "text",
        "hovertext": [
            hover(f"phase {phase}, n = {len(kept)}", f"{number(y)} at {number(x)}")
            for x, y in kept
        ],
    }


def _axes(
    points: Sequence[tuple[float, float]], phases: Sequence[int], x_name: str, look: Look
) -> dict[str, Any]:
    x, y = padded([x for x, _ in points]), padded([y for _, y in points])
    found: dict[str, Any] = {}
    columns, rows = _columns(look), _rows(len(phases), look)
    for k, (across, up) in enumerate(_domains(len(phases), look)):
        ref = "" if k == 0 else str(k + 1)
        is_first, is_last = k % columns == 0, k // columns == rows - 1
        more = {"anchor": f"y{ref}", "domain": across, "nticks": 4}
        found[f"xaxis{ref}"] = Axis(x_name if is_last else "", span=x, more=more).written(look)
        more = {"anchor": f"x{ref}", "domain": up, "nticks": 4, "showticklabels": is_first}
        found[f"yaxis{ref}"] = Axis(span=y, more=more).written(look)
    return found


def _names(
    phases: Sequence[int], told: Mapping[int, str], real: int, look: Look
) -> Iterator[dict[str, Any]]:
    for phase, (across, up) in zip(phases, _domains(len(phases), look), strict=True):
        text = f"phase {phase}" + (f": {told[phase]}" if phase in told else "")
        mark = "▸ " if phase == real else ""
        shown = wrapped(mark + text, look.width / min(len(phases), _columns(look)))[0]
        where = {"x": across[0], "y": up[1], "xanchor": "left", "yanchor": "bottom"}
        bold = f"<b>{shown}</b>" if phase == real else shown
        yield note(bold, look, {**where, "xref": "paper", "yref": "paper"})


def _spoken(phase: int, told: Mapping[int, str], real: int) -> str:
    word = told.get(phase, "no difference told")
    return f"phase {phase}{' (the one used)' if phase == real else ''}: {word}"


@dataclass(frozen=True, slots=True)
class CadencePrice:
    """What one cadence costs."""

    every: int
    """Steps between two evaluations."""
    evaluations: int
    hours: float | None = None
    """GPU-hours spent on evaluations; None where no rate was measured."""
    share: float | None = None
    """Of a run's time, 0 to 1."""
    is_chosen: bool = False
    is_coarsest: bool = False
    """Whether it is the coarsest that would still have shown what the dense run shows."""


def cadence_price(
    prices: Sequence[CadencePrice],
    *,
    notes: Sequence[str] = (),
    why_empty: str | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return the price over the cadence: GPU-hours where they are known, else evaluations.

    Args:
        prices: One for each cadence.
        notes: On which rates they stand.
        why_empty: The reason, where nothing can be drawn.
        look: Theme and width.
    """
    title = "What looking costs"
    if not prices:
        why = why_empty or "No cadence has a price: no number of steps is known."
        return empty(PRICE, title, why, look)
    ordered = sorted(prices, key=lambda price: price.every)
    has_hours = all(price.hours is not None for price in ordered)
    heights = [p.hours if has_hours else float(p.evaluations) for p in ordered]
    unit = "GPU-hours of evaluation" if has_hours else "evaluations"
    return Drawing(
        PRICE,
        title,
        " ".join(_priced(price) for price in ordered),
        data=list(_priced_traces(ordered, heights, look)),
        x=Axis("steps between evaluations", log=True, more=_cadence_ticks(ordered)),
        y=Axis(f"{unit} (from zero)", from_zero=True),
        caption=[
            f"n = {counted(len(ordered), 'cadence')}."
            + ("" if has_hours else " No rate was measured, so no time is told."),
            *notes,
        ],
        height=260,
    ).written(look)


def _cadence_ticks(prices: Sequence[CadencePrice]) -> dict[str, Any]:
    values = [price.every for price in prices]
    return {"tickmode": "array", "tickvals": values, "ticktext": [f"{v:,}" for v in values]}


def _priced_traces(
    prices: Sequence[CadencePrice], heights: Sequence[float | None], look: Look
) -> Iterator[dict[str, Any]]:
    shared: dict[str, Any] = {"type": "scatter", "hoverinfo": "text", "cliponaxis": False}
    yield {
        **shared,
        "name": "price",
        "showlegend": True,
        "mode": "lines+markers+text",
        "x": [price.every for price in prices],
        "y": [drawable(height) for height in heights],
        "text": ["\u00a0\u00a0\u00a0" + plain(_short(price)) for price in prices],
        "textposition": "top right",
        "textfont": dict(look.font(11, soft=True)),
        "line": look.line(0),
        "marker": look.marker(0, 9),
        "hovertext": [hover(_priced(price)) for price in prices],
    }
    ringed = (
        ("the cadence used", "circle-open", 18, [p.is_chosen for p in prices]),
        ("the coarsest that shows as much", "square-open", 22, [p.is_coarsest for p in prices]),
    )
    for name, symbol, size, flags in ringed:
        mine = [(p, h) for p, h, flag in zip(prices, heights, flags, strict=True) if flag]
        if mine:
            line = {"width": 2.5, "color": look.colours.ink}
            yield {
                **shared,
                "name": name,
                "showlegend": True,
                "mode": "markers",
                "x": [price.every for price, _ in mine],
                "y": [drawable(height) for _, height in mine],
                "marker": {
                    "symbol": symbol,
                    "size": size,
                    "color": look.colours.ink,
                    "line": line,
                },
                "hovertext": [hover(name, _priced(price)) for price, _ in mine],
            }


def _short(price: CadencePrice) -> str:
    return f"{price.share:.0%}" if price.share is not None else f"{price.evaluations:,}"


def _priced(price: CadencePrice) -> str:
    parts = [f"Every {price.every:,} steps: {counted(price.evaluations, 'evaluation')}"]
    if price.hours is not None:
        parts.append(f"{number(price.hours)} GPU-hours")
    if price.share is not None:
        parts.append(f"{price.share:.0%} of the run's time")
    return ", ".join(parts) + "."
