"""What each factor did, as a forest plot: estimates with intervals around a line of no difference.

    effects(answer("effects", case))           # or of "factors", "contrasts", "report"

Of each comparison the headline stands: from matched pairs where there are three or more, else
from the model, with its interval adjusted for all that were asked about together (thick) and,
where it differs, alone (thin). What the other of the two says stands beside it and is never
blended in. A factor that cannot be told has a row too, with the reason and without a number.

Source: DESIGN 8, METHOD 4 and 5; the document is docs/reference/answers.md, "Factors".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.words import counted, number, signed
from paribus_sweeps.figures.drawing import (
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    of_so_many,
    padded,
    row_label,
    vertical,
)
from paribus_sweeps.figures.look import DEFAULT, Look

NAME = "effects"
MOST_ROWS = 40  # comparisons; more than a screen holds
ROW_PIXELS = 44
_STATUS_WORDS = {
    "confounded": "confounded",
    "not_ready": "not ready",
    "not_varied": "not varied",
    "inconclusive": "inconclusive",
    "isolated": "isolated",
}


@dataclass(frozen=True, slots=True)
class _Row:
    factor: Mapping[str, Any]
    compared: Mapping[str, Any] | None

    @property
    def estimate(self) -> float | None:
        return drawable(self.compared["estimate"]) if self.compared else None

    @property
    def levels(self) -> str:
        assert self.compared is not None
        return f"{self.compared['high']} against {self.compared['low']}"

    @property
    def basis(self) -> str:
        """What the estimate comes from, with n."""
        assert self.compared is not None
        if self.compared["basis"] == "pairs":
            return counted(self.compared["matched_pairs"], "pair")
        return f"model, {self.compared['df']} df"

    @property
    def label(self) -> str:
        name = self.factor["factor"]
        if self.compared is None or self.estimate is None:
            status = _STATUS_WORDS.get(self.factor["status"], self.factor["status"])
            partners = ", ".join(self.factor["confounded_with"])
            return f"{name}: {status}{f' with {partners}' if partners else ''}, no estimate"
        verdict = f" · {self.compared['verdict']}" if self.compared["verdict"] else ""
        return f"{name}: {self.levels} · {self.basis}{verdict}"

    @property
    def told(self) -> str:
        """What is shown beside the pointer."""
        assert self.compared is not None
        found = self.compared
        lines = [
            f"{self.factor['factor']}: {self.levels}",
            f"difference {signed(found['estimate'])} ({self.basis})",
            f"interval for all comparisons: {_interval(found['interval_adjusted'])}",
            f"interval of this one alone: {_interval(found['interval'])}",
            f"p {number(found['p'])}, adjusted {number(found['p_adjusted'])}",
        ]
        return hover(*lines, *([found["note"]] if found["note"] else []))


def effects(answer: Mapping[str, Any], look: Look = DEFAULT) -> Figure:
    """Return the forest plot of an answer that holds `factors`."""
    response = answer["response"]
    title = f"What each factor did to {response}"
    rows = [row for factor in answer["factors"] for row in _rows(factor)]
    if not rows:
        return empty(NAME, title, "No factor is asked about.", look)
    shown = rows[:MOST_ROWS]
    if all(row.estimate is None for row in shown):
        why = dict.fromkeys(factor["sentence"] for factor in answer["factors"])
        return empty(NAME, title, " ".join(["No factor has an estimate.", *list(why)[:3]]), look)
    band = answer["question"].get("smallest_effect")
    places = {id(row): len(shown) - place for place, row in enumerate(shown)}
    return Drawing(
        NAME,
        title,
        " ".join(factor["sentence"] for factor in answer["factors"]),
        data=list(_traces(shown, places, look)),
        x=Axis(_axis_title(answer), span=padded([*_reach(shown), 0.0, *_both(band)])),
        y=Axis(hidden=True, span=(0.6, len(shown) + 0.85)),
        caption=[*_caption(answer, band), *of_so_many(len(shown), len(rows), "comparisons")],
        height=30 + ROW_PIXELS * len(shown),
        shapes=[*_band(band, look), vertical(0.0, look)],
        annotations=[row_label(row.label, places[id(row)], look) for row in shown],
    ).written(look)


def _rows(factor: Mapping[str, Any]) -> Iterator[_Row]:
    found = factor["comparisons"]
    yield from (_Row(factor, compared) for compared in found) if found else [_Row(factor, None)]


def _traces(
    rows: Sequence[_Row], places: Mapping[int, int], look: Look
) -> Iterator[dict[str, Any]]:
    drawn = [row for row in rows if row.estimate is not None and row.compared is not None]
    for field, name, width, opacity in (
        ("interval_adjusted", "interval for all comparisons", 9.0, 0.4),
        ("interval", "interval of this one alone", 2.0, 1.0),
    ):
        x, y = _segments(drawn, places, field)
        if x:
            line = {"color": look.colour(0), "width": width}
            yield _trace(name, x, y, mode="lines", line=line, hoverinfo="skip", opacity=opacity)
    for place, (basis, name) in enumerate((("pairs", "matched pairs"), ("model", "model"))):
        mine = [row for row in drawn if row.compared and row.compared["basis"] == basis]
        if mine:
            yield _trace(
                f"estimate from {name}",
                [row.estimate for row in mine],
                [places[id(row)] for row in mine],
                mode="markers",
                marker=look.marker(place, 11),
                hovertext=[row.told for row in mine],
                hoverinfo="text",
            )
    yield from _others(drawn, places, look)


def _others(
    rows: Sequence[_Row], places: Mapping[int, int], look: Look
) -> Iterator[dict[str, Any]]:
    """What the model says where pairs have the headline."""
    told = [
        (drawable(row.compared["model_estimate"]), places[id(row)])
        for row in rows
        if row.compared and row.compared["basis"] == "pairs"
    ]
    seen = [(x, y) for x, y in told if x is not None]
    if seen:
        yield _trace(
            "the model beside it",
            [x for x, _ in seen],
            [y for _, y in seen],
            mode="markers",
            marker=look.marker(1, 9, is_open=True),
            hovertext=[f"the model says {signed(x)}" for x, _ in seen],
            hoverinfo="text",
        )


def _trace(name: str, x: Sequence[Any], y: Sequence[Any], **more: Any) -> dict[str, Any]:
    shared = {"type": "scatter", "name": name, "showlegend": True, "cliponaxis": False}
    return {**shared, "x": list(x), "y": list(y), **more}


def _segments(
    rows: Sequence[_Row], places: Mapping[int, int], field: str
) -> tuple[list[float | None], list[float | None]]:
    x: list[float | None] = []
    y: list[float | None] = []
    for row in rows:
        assert row.compared is not None
        if row.compared[field] is not None:
            x += [*map(drawable, row.compared[field]), None]
            y += [places[id(row)], places[id(row)], None]
    return x, y


def _reach(rows: Sequence[_Row]) -> Iterator[float]:
    for row in rows:
        if row.compared is not None:
            told = [row.compared["estimate"], row.compared["model_estimate"]]
            for field in ("interval", "interval_adjusted"):
                told += row.compared[field] or []
            yield from (x for x in map(drawable, told) if x is not None)


def _both(band: float | None) -> tuple[float, ...]:
    return () if band is None else (-band, band)


def _band(band: float | None, look: Look) -> list[dict[str, Any]]:
    if band is None:
        return []
    return [
        {
            "type": "rect", "xref": "x", "yref": "paper", "x0": -band, "x1": band,
            "y0": 0, "y1": 1, "fillcolor": look.colours.grid, "opacity": 0.6, "layer": "below",
            "line": {"width": 1, "dash": "dot", "color": look.colours.line},
        }
    ]  # fmt: skip


def _axis_title(answer: Mapping[str, Any]) -> str:
    scale = answer["question"].get("transform", "identity")
    on = "" if scale == "identity" else f", on the {scale} scale"
    return f"difference in {answer['response']} (its own unit{on})"


def _caption(answer: Mapping[str, Any], band: float | None) -> Iterator[str]:
    level = answer["question"].get("level", 0.95)
    better = {"minimize": " Lower is better.", "maximize": " Higher is better."}
    yield (
        f"n = {counted(answer['n'], 'run')}; intervals at {level:.0%}. "
        f"Each difference is the first level minus the second.{better.get(answer['goal'], '')}"
    )
    if band is not None:
        yield f"Shaded: differences up to {number(band)}, which do not matter."


def _interval(found: Sequence[float] | None) -> str:
    return "none" if found is None else f"{number(found[0])} to {number(found[1])}"
