"""Every run as a line through its levels, to its response: parallel coordinates.

    parallel_coordinates(runs, {"lr": ["1e-05", "2e-05"], "batch": ["8", "64"]}, response="loss")

Factors whose levels are numbers and many are axes of numbers; all others have a place for each
level. A run without a value goes to a lane of its own under the axis, so that crashed and open
runs are seen. Lines are plain ones: plotly.js's own `parcoords` compiles code, which the policy
of our pages refuses.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.labels import number_in
from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.figures.drawing import (
    TEXT_PIXELS,
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    note,
    of_so_many,
    plain,
    shortened,
    vertical,
)
from paribus_sweeps.figures.look import DASHES, DEFAULT, Look
from paribus_sweeps.runs import Run

NAME = "parallel-coordinates"
MOST_RUNS, MOST_AXES = 300, 9
MOST_LEVELS = 12  # with a place of their own
MISSING = -0.18
"""Where a run goes that has no value on an axis that runs from 0 to 1."""
_DECADES = 2.0  # of a factor's numbers, from which on the axis is logarithmic
_WORDS = ("lowest fifth", "second fifth", "middle fifth", "fourth fifth", "highest fifth")


@dataclass(frozen=True, slots=True)
class _Scale:
    """One axis: where each value stands, and what is written beside it."""

    name: str
    places: Mapping[str, float]
    marks: Sequence[tuple[float, str]]
    note: str = ""

    def place(self, label: str | None) -> float:
        return MISSING if label is None else self.places.get(label, MISSING)


def parallel_coordinates(
    runs: Iterable[Run],
    levels: Mapping[str, Sequence[str]],
    *,
    response: str,
    look: Look = DEFAULT,
) -> Figure:
    """Return a line for each run; coloured and dashed by fifths of the response.

    Args:
        runs: Those of a case; the newest are shown where there are too many.
        levels: Factor → its levels in their order; the order of the axes.
        response: What was measured; the last axis.
        look: Theme and width.
    """
    every = list(runs)
    title = f"Every run: settings, and {response}"
    if not every or not levels:
        return empty(NAME, title, "There is no run with a setting yet.", look)
    rows = every[-MOST_RUNS:]
    most = MOST_AXES if not look.is_narrow else 5
    factors = list(levels)[: most - 1]
    scales = [_of_levels(factor, levels[factor], rows) for factor in factors]
    values = [_value(run) for run in rows]
    scales.append(_of_numbers(response, [v for v in values if v is not None]))
    missing = sum(value is None for value in values)
    return Drawing(
        NAME,
        title,
        _spoken(rows, values, factors, response),
        data=list(_lines(rows, values, scales, look)),
        x=Axis(
            ticks=[
                (k, shortened(scale.name, _name_room(scales, look)))
                for k, scale in enumerate(scales)
            ],
            span=(-0.3, len(scales) - (0.3 if look.is_narrow else 0.5)),
            more={
                "showgrid": False,
                "showline": False,
                "ticks": "",
                "tickangle": -30 if look.is_narrow else 0,
                "ticklabeloverflow": "allow",  # else the last name is left out on a phone
            },
        ),
        y=Axis(hidden=True, span=(MISSING - 0.08, 1.06)),
        caption=[
            f"n = {counted(len(rows), 'run')}, {missing} of them without {response}.",
            *(scale.note for scale in scales if scale.note),
            *of_so_many(len(rows), len(every), "runs"),
            *of_so_many(len(factors), len(levels), "factors"),
        ],
        height=360,
        shapes=[vertical(k, look) for k in range(len(scales))],
        annotations=list(_marks(scales, look)),
    ).written(look)


def _name_room(scales: Sequence[_Scale], look: Look) -> int:
    """How many characters of a name fit under its axis."""
    return 14 if look.is_narrow else int((look.width - 80) / len(scales) / TEXT_PIXELS)


def _value(run: Run) -> float | None:
    return drawable(run.value) if run.is_finished else None


def _of_levels(name: str, declared: Sequence[str], rows: Sequence[Run]) -> _Scale:
    met = [label for run in rows if (label := run.setting.get(name)) is not None]
    labels = list(dict.fromkeys([*declared, *met]))
    if len(labels) > MOST_LEVELS:
        numbers = {label: x for label in labels if (x := number_in(label)) is not None}
        if len(numbers) == len(labels):
            scale = _of_numbers(name, list(numbers.values()))
            by_number = {label: scale.places[repr(x)] for label, x in numbers.items()}
            return _Scale(name, by_number, scale.marks, scale.note)
    last = max(1, len(labels) - 1)
    places = {label: place / last for place, label in enumerate(labels)}
    step = math.ceil(len(labels) / MOST_LEVELS)
    return _Scale(name, places, [(places[label], label) for label in labels[::step]])


def _of_numbers(name: str, values: Sequence[float]) -> _Scale:
    """An axis from the least to the largest; logarithmic over two decades and more."""
    if not values:
        return _Scale(name, {}, [])
    low, high = min(values), max(values)
    is_log = low > 0 and math.log10(high) - math.log10(low) >= _DECADES
    to = math.log10 if is_log else float
    start, reach = to(low) / 2, to(high) / 2 - to(low) / 2  # halves: a difference may overflow
    places = {repr(x): (to(x) / 2 - start) / reach if reach else 0.5 for x in values}
    ends = [(places[repr(low)], number(low)), (places[repr(high)], number(high))]
    marks = ends if reach else ends[:1]
    return _Scale(name, places, marks, f"{name} is drawn on a logarithmic axis." if is_log else "")


def _lines(
    rows: Sequence[Run],
    values: Sequence[float | None],
    scales: Sequence[_Scale],
    look: Look,
) -> Iterator[dict[str, Any]]:
    fifths = _fifths(values)
    for step in (None, *range(len(_WORDS))):
        mine = [
            (run, value)
            for run, value, fifth in zip(rows, values, fifths, strict=True)
            if fifth == step
        ]
        if mine:
            yield _class(mine, step, scales, look)


def _fifths(values: Sequence[float | None]) -> list[int | None]:
    """The fifth of each value, by rank; equal values share one."""
    order = sorted({value for value in values if value is not None})
    place = {value: k for k, value in enumerate(order)}
    parts = len(_WORDS)
    if len(order) == 1:
        return [None if value is None else parts // 2 for value in values]
    return [
        None if value is None else min(parts - 1, place[value] * parts // len(order))
        for value in values
    ]


def _class(
    runs: Sequence[tuple[Run, float | None]],
    step: int | None,
    scales: Sequence[_Scale],
    look: Look,
) -> dict[str, Any]:
    x: list[int | None] = []
    y: list[float | None] = []
    told: list[str] = []
    for run, value in runs:
        heights = [scale.place(run.setting.get(scale.name)) for scale in scales[:-1]]
        heights.append(scales[-1].place(None if value is None else repr(value)))
        x += [*range(len(scales)), None]
        y += [*heights, None]
        told += [_told(run, value, scales)] * (len(scales) + 1)
    colour = look.colours.line if step is None else look.colours.steps[step]
    word = "no value" if step is None else _WORDS[step]
    dash = "dot" if step is None else DASHES[(0, 1, 3, 4, 0)[step]]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{word} (n = {len(runs)})",
        "showlegend": True,
        "x": x,
        "y": y,
        "connectgaps": False,
        "line": {"color": colour, "width": 1.6, "dash": dash},
        "marker": {"color": colour, "size": 4},
        "opacity": 0.85,
        "cliponaxis": False,
        "hovertext": told,
        "hoverinfo": "text",
    }


def _told(run: Run, value: float | None, scales: Sequence[_Scale]) -> str:
    setting = ", ".join(f"{s.name} {run.setting.get(s.name) or 'not set'}" for s in scales[:-1])
    why = run.value_note or run.reason or run.state
    found = number(value) if value is not None else f"no value ({why})"
    return hover(run.name or run.id, setting, f"{scales[-1].name} {found}")


def _marks(scales: Sequence[_Scale], look: Look) -> Iterator[dict[str, Any]]:
    room = max(3, int((look.width - 80) / len(scales) / TEXT_PIXELS) - 2)
    for place, scale in enumerate(scales):
        for height, text in scale.marks:
            where = {"x": place, "y": height, "xanchor": "left", "xshift": 4, "opacity": 0.9}
            shown = plain(shortened(text, room))
            yield note(shown, look, {**where, "bgcolor": look.colours.ground})
    where = {"xref": "paper", "x": 0, "xanchor": "left", "yanchor": "top", "yshift": -4}
    yield note("no value", look, {**where, "y": MISSING}, soft=True)


def _spoken(
    rows: Sequence[Run],
    values: Sequence[float | None],
    factors: Sequence[str],
    response: str,
) -> str:
    told = [value for value in values if value is not None]
    over = f"{counted(len(rows), 'run')} over {', '.join(factors)}."
    if not told:
        return f"{over} None has {response} yet."
    low = min(
        zip(values, rows, strict=True), key=lambda pair: math.inf if pair[0] is None else pair[0]
    )
    high = max(
        zip(values, rows, strict=True), key=lambda pair: -math.inf if pair[0] is None else pair[0]
    )
    return (
        f"{over} {response} of {counted(len(told), 'run')}: from {number(low[0])} "
        f"({low[1].name or low[1].id}) to {number(high[0])} ({high[1].name or high[1].id})."
    )
