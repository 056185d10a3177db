"""Which settings there are, level by level, and which columns cannot be told apart.

    design_matrix(runs, {"batch": ["8", "64"]}, facts=confounding["facts"])

One row a setting, one column a factor (and a block where a fact names one). The level stands in
each cell, its shade is its place among the levels. Columns that a fact ties together are outlined
and share a letter, whose sentence stands above.

Source: METHOD 1 and 2; facts are those of docs/reference/answers.md, "Confounding".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from paribus_sweeps.analysis.words import counted
from paribus_sweeps.figures.drawing import (
    TEXT_PIXELS,
    Axis,
    Drawing,
    Figure,
    empty,
    hover,
    of_so_many,
    plain,
    shortened,
)
from paribus_sweeps.figures.look import DASHES, DEFAULT, Look
from paribus_sweeps.runs import Run

NAME = "design-matrix"
MOST_SETTINGS, MOST_COLUMNS, MOST_FACTS = 40, 12, 6
ROW_PIXELS = 24
COLUMN_PIXELS = (
    58  # seven characters and an outline: with fewer, names and levels could not be told apart
)
_UNSET = "–"
_Group = tuple[str, Mapping[str, Any], list[int]]
"""(letter, fact, places of its columns)."""


@dataclass(slots=True)
class _Setting:
    levels: tuple[str, ...]
    finished: int = 0
    planned: int = 0
    names: list[str] = field(default_factory=list)

    @property
    def told(self) -> str:
        return f"{self.finished} of {counted(self.planned, 'run')} finished"


def design_matrix(
    runs: Iterable[Run],
    levels: Mapping[str, Sequence[str]],
    *,
    facts: Sequence[Mapping[str, Any]] = (),
    look: Look = DEFAULT,
) -> Figure:
    """Return the matrix of settings by factors.

    Args:
        runs: Those of a case, finished or not.
        levels: Factor → its levels in their order; the order of the columns.
        facts: What cannot be told apart, as a confounding answer says it.
        look: Theme and width.
    """
    title = "The design: settings by factors"
    blocks = [b for fact in facts for b in fact.get("blocks", ()) if b not in levels]
    columns = list(dict.fromkeys([*levels, *blocks]))
    settings = _settings(runs, columns)
    if not columns or not settings:
        return empty(NAME, title, "There is no run and no factor to lay out yet.", look)
    shown, rows = _shown(columns, facts, look), settings[:MOST_SETTINGS]
    groups = _groups(facts, shown)
    return Drawing(
        NAME,
        title,
        _spoken(columns, settings, groups),
        data=[_cells(rows, columns, shown, _orders(settings, columns, levels), look)],
        x=_columns_axis(shown, groups, look),
        y=_rows_axis(rows),
        caption=[
            f"{counted(len(settings), 'setting')}; shades follow the order of "
            "the levels. Beside each row: finished of planned runs.",
            *(f"{letter}: {fact['sentence']}" for letter, fact, _ in groups),
            *([] if groups or facts else ["Nothing is known to be aliased."]),
            *of_so_many(len(rows), len(settings), "settings"),
            *of_so_many(len(shown), len(columns), "columns"),
            *of_so_many(len(groups), len(facts), "facts about aliasing"),
        ],
        height=ROW_PIXELS * len(rows) + 10,
        shapes=list(_outlines(groups, len(rows), look)),
        top=58 if groups else 40,
        bottom=12,
    ).written(look)


def _settings(runs: Iterable[Run], columns: Sequence[str]) -> list[_Setting]:
    found: dict[tuple[str, ...], _Setting] = {}
    for run in runs:
        key = tuple(run.setting.get(c) or run.blocks.get(c) or _UNSET for c in columns)
        setting = found.setdefault(key, _Setting(key))
        setting.planned += 1
        setting.finished += run.is_finished
        setting.names.append(run.name or run.id)
    return list(found.values())


def _orders(
    settings: Sequence[_Setting], columns: Sequence[str], levels: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Column → its levels in their order."""
    return {
        column: list(
            dict.fromkeys([*levels.get(column, ()), *(s.levels[place] for s in settings)])
        )
        for place, column in enumerate(columns)
    }


def _groups(facts: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[_Group]:
    """(letter, fact, places of its columns); facts whose columns are not shown are left out."""
    found: list[_Group] = []
    for fact in facts:
        places = [columns.index(name) for name in fact["members"] if name in columns]
        if places and len(found) < MOST_FACTS:
            found.append((ascii_uppercase[len(found)], fact, places))
    return found


def _shown(columns: Sequence[str], facts: Sequence[Mapping[str, Any]], look: Look) -> list[str]:
    """The columns for which there is room, those that facts name before all others."""
    most = max(2, min(MOST_COLUMNS, (look.width - 90) // COLUMN_PIXELS))
    named = [name for fact in facts for name in fact["members"] if name in columns]
    kept = set(list(dict.fromkeys([*named, *columns]))[:most])
    return [name for name in columns if name in kept]


def _cells(
    rows: Sequence[_Setting],
    columns: Sequence[str],
    shown: Sequence[str],
    orders: Mapping[str, Sequence[str]],
    look: Look,
) -> dict[str, Any]:
    shades = look.colours.shades
    last = len(shades) - 1
    held = [{name: row.levels[columns.index(name)] for name in shown} for row in rows]
    return {
        "type": "heatmap",
        "z": [[min(orders[c].index(level), last) for c, level in row.items()] for row in held],
        "zmin": 0,
        "zmax": last,
        "colorscale": [[k / last, shade] for k, shade in enumerate(shades)],
        "showscale": False,
        "showlegend": False,
        "xgap": 2,
        "ygap": 2,
        "text": [
            [plain(shortened(level, _room(shown, look))) for level in row.values()] for row in held
        ],
        "texttemplate": "%{text}",
        "textfont": dict(look.font(12)),
        "hovertext": [
            [hover(f"{c}: {level}", setting.told) for c, level in row.items()]
            for row, setting in zip(held, rows, strict=True)
        ],
        "hoverinfo": "text",
    }


def _room(columns: Sequence[str], look: Look) -> int:
    """How many characters a column has room for."""
    return int((look.width - 90) / len(columns) / TEXT_PIXELS) - 2


def _columns_axis(columns: Sequence[str], groups: Sequence[_Group], look: Look) -> Axis:
    letters = [
        "".join(letter for letter, _, places in groups if place in places)
        for place in range(len(columns))
    ]
    names = [plain(shortened(column, _room(columns, look))) for column in columns]
    texts = [
        f"<b>{a}</b><br>{name}" if a else name for a, name in zip(letters, names, strict=True)
    ]
    return Axis(
        span=(-0.5, len(columns) - 0.5),
        more={
            "side": "top", "showgrid": False, "ticks": "", "showline": False, "tickangle": 0,
            "tickmode": "array", "tickvals": list(range(len(columns))), "ticktext": texts,
        },
    )  # fmt: skip


def _rows_axis(rows: Sequence[_Setting]) -> Axis:
    return Axis(
        ticks=[(place, f"{row.finished}/{row.planned}") for place, row in enumerate(rows)],
        span=(len(rows) - 0.5, -0.5),
        more={"showgrid": False, "ticks": "", "showline": False},
    )


def _outlines(groups: Sequence[_Group], rows: int, look: Look) -> Iterator[dict[str, Any]]:
    for place, (_, _, columns) in enumerate(groups):
        inset = 0.46 - 0.05 * place  # of several facts, outlines stand inside one another
        for column in columns:
            yield {
                "type": "rect", "xref": "x", "yref": "y",
                "x0": column - inset, "x1": column + inset, "y0": -0.5, "y1": rows - 0.5,
                "line": {"color": look.colour(place), "width": 2.5, "dash": DASHES[place]},
            }  # fmt: skip


def _spoken(
    columns: Sequence[str],
    settings: Sequence[_Setting],
    groups: Sequence[_Group],
) -> str:
    finished = sum(setting.finished for setting in settings)
    planned = sum(setting.planned for setting in settings)
    laid = (
        f"{counted(len(settings), 'setting')} of {', '.join(columns)}; "
        f"{finished} of {counted(planned, 'run')} finished."
    )
    return " ".join([laid, *(str(fact["sentence"]) for _, fact, _ in groups)])
