"""Does what one factor did depend on another? Means of the runs, a line for each level.

    interaction(runs, "batch", "ratio", response="loss")

Every finished run is a point and every mean says its n; lines that are not parallel are what an
interaction looks like, and whether they differ by more than noise is the model's to say (`tested`,
of an effects answer). A combination without a run is a gap, and is named.

Source: METHOD 5.3; Box, Hunter and Hunter, Statistics for Experimenters (2005), chapter 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.figures.drawing import (
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    legend_room,
    of_so_many,
    plain,
    shortened,
)
from paribus_sweeps.figures.look import DEFAULT, Look
from paribus_sweeps.runs import Run

NAME = "interaction"
MOST_LINES, MOST_PLACES = 6, 12
_BESIDE = ("middle left", "middle right", "top center", "bottom center", "top left", "top right")
_DODGE = 0.06  # of the distance of two levels, between lines


@dataclass(frozen=True, slots=True)
class _Cells:
    """Finished runs by their levels of two factors."""

    first: str
    second: str
    across: Sequence[str]
    """Levels along the axis."""
    lines: Sequence[str]
    runs: Mapping[tuple[str, str], Sequence[tuple[str, float]]]
    """(level of first, level of second) → (name of the run, response)."""

    def mean(self, at: str, line: str) -> float | None:
        found = self.runs.get((at, line))
        return fmean(value for _, value in found) if found else None

    @property
    def holes(self) -> list[str]:
        return [
            f"{self.first} {a}, {self.second} {b}"
            for a in self.across
            for b in self.lines
            if not self.runs.get((a, b))
        ]


def interaction(
    runs: Iterable[Run],
    first: str,
    second: str,
    *,
    response: str,
    levels: Mapping[str, Sequence[str]] | None = None,
    tested: Mapping[str, Any] | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return means of the response over the levels of `first`, a line for each of `second`.

    Args:
        runs: Those of a case.
        first: The factor along the axis.
        second: The factor with a line for each level.
        response: What was measured.
        levels: Factor → its levels in their order; as they are met where it is left out.
        tested: `effects` of an effects answer: what the model says of the interaction.
        look: Theme and width.
    """
    title = f"Does what {first} did to {response} depend on {second}?"
    cells = _cells(runs, first, second, levels or {})
    if not cells.runs:
        why = f"No finished run has {response} with a level of {first} and of {second}."
        return empty(NAME, title, why, look)
    across, lines = cells.across[:MOST_PLACES], cells.lines[:MOST_LINES]
    shown = _Cells(first, second, across, lines, cells.runs)
    return Drawing(
        NAME,
        title,
        " ".join(_spoken(shown)),
        data=[
            trace for place, line in enumerate(lines) for trace in _line(shown, line, place, look)
        ],
        x=Axis(first, ticks=list(enumerate(across)), span=(-0.4, len(across) - 0.6)),
        y=Axis(f"{response} (its own unit)"),
        caption=[
            "Lines join means of runs; small points are the runs, and n stands at each mean.",
            *_test(tested, first, second),
            *([f"No run: {'; '.join(shown.holes)}."] if shown.holes else []),
            *of_so_many(len(across), len(cells.across), f"levels of {first}"),
            *of_so_many(len(lines), len(cells.lines), f"levels of {second}"),
        ],
    ).written(look)


def _cells(
    runs: Iterable[Run], first: str, second: str, levels: Mapping[str, Sequence[str]]
) -> _Cells:
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for run in runs:
        at, line, value = run.setting.get(first), run.setting.get(second), drawable(run.value)
        if run.is_finished and at is not None and line is not None and value is not None:
            found.setdefault((at, line), []).append((run.name or run.id, value))
    met_across = dict.fromkeys([*levels.get(first, ()), *(at for at, _ in found)])
    met_lines = dict.fromkeys([*levels.get(second, ()), *(line for _, line in found)])
    return _Cells(first, second, list(met_across), list(met_lines), found)


def _line(cells: _Cells, line: str, place: int, look: Look) -> Iterator[dict[str, Any]]:
    shift = (place - (len(cells.lines) - 1) / 2) * _DODGE
    means = [cells.mean(at, line) for at in cells.across]
    counts = [len(cells.runs.get((at, line), ())) for at in cells.across]
    name = shortened(f"{cells.second} {line}", legend_room(look))
    shared = {"type": "scatter", "legendgroup": str(place), "hoverinfo": "text"}
    yield {
        **shared,
        "name": plain(name),
        "showlegend": True,
        "mode": "lines+markers+text",
        "x": [at + shift for at in range(len(cells.across))],
        "y": means,
        "line": look.line(place),
        "marker": look.marker(place, 10),
        "text": [f"n={n}" if n else "" for n in counts],
        "textposition": _BESIDE[place % len(_BESIDE)],
        "textfont": dict(look.font(11, soft=True)),
        "cliponaxis": False,
        "hovertext": [
            hover(f"{cells.first} {at}, {cells.second} {line}", f"mean {number(mean)}, n = {n}")
            for at, mean, n in zip(cells.across, means, counts, strict=True)
        ],
    }
    seen = [
        (at + shift, run, value)
        for at, label in enumerate(cells.across)
        for run, value in cells.runs.get((label, line), ())
    ]
    yield {
        **shared,
        "name": "runs",
        "showlegend": False,
        "mode": "markers",
        "x": [x for x, _, _ in seen],
        "y": [value for _, _, value in seen],
        "marker": {**look.marker(place, 5, is_open=True), "opacity": 0.7},
        "hovertext": [hover(run, number(value)) for _, run, value in seen],
    }


def _spoken(cells: _Cells) -> Iterator[str]:
    for line in cells.lines:
        told = [
            f"{number(cells.mean(at, line))} at {at} (n = {len(cells.runs[at, line])})"
            for at in cells.across
            if cells.runs.get((at, line))
        ]
        yield f"{cells.second} {line}: {', '.join(told) or 'no run'}."


def _test(tested: Mapping[str, Any] | None, first: str, second: str) -> Iterator[str]:
    names = (f"{first} x {second}", f"{second} x {first}")
    for term in (tested or {}).get("terms", ()):
        if term["term"] in names and term["p"] is not None:
            wide = f"p = {number(term['p'])}, adjusted {number(term['p_adjusted'])}"
            yield f"The model tests it: {wide} (n = {counted(tested['n'], 'run')})."  # type: ignore[index]
            return
    yield "Whether it is more than noise is not tested here."
