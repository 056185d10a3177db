"""Curves of several runs over one x, and of seeds as bands; train and eval of one run.

    overlay([CurveLine("R1", x, y), CurveLine("R2", x, y)], key="train/loss", x_name="steps")
    train_eval(train, evaluation, x_name="steps")

Source: METHOD 9.1 (what is compared on what), 9.3 (the minimum of eval), 9.5 (smoothing is for
display only, beside the raw line).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.figures.curve_lines import (
    CurveLine,
    Mark,
    captions_of,
    line_traces,
)
from paribus_sweeps.figures.drawing import (
    Axis,
    Drawing,
    Figure,
    drawable,
    empty,
    hover,
    legend_room,
    note,
    of_so_many,
    plain,
    shortened,
    wrapped,
)
from paribus_sweeps.figures.finding_marks import EVERYWHERE, Span, mark_trace, marks_left_out
from paribus_sweeps.figures.look import DEFAULT, Look

OVERLAY, TRAIN_EVAL = "overlay", "train-eval"
MOST_LINES, MOST_BANDS = 12, 8
MOST_SPANS = 4  # findings shaded behind a pair of curves


@dataclass(frozen=True, slots=True, eq=False)
class CurveBand:
    """Runs that differ in their seed alone, as one: the mean, from the least to the largest."""

    name: str
    x: Sequence[float | None]
    mean: Sequence[float | None]
    low: Sequence[float | None]
    high: Sequence[float | None]
    n: int
    """Runs."""

    @classmethod
    def of_series(cls, found: Mapping[str, Any]) -> CurveBand:
        """Return one band of a curves answer, an entry of `bands` that is not missing."""
        return cls(
            name=found["label"],
            x=found["x"],
            mean=found["mean"],
            low=found["min"],
            high=found["max"],
            n=found["n"],
        )


def overlay(
    lines: Sequence[CurveLine],
    *,
    key: str,
    x_name: str = "steps",
    bands: Sequence[CurveBand] = (),
    notes: Sequence[str] = (),
    runs: int | None = None,
    drawn_runs: int | None = None,
    looked_at: Span = EVERYWHERE,
    why_empty: str | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return curves over one x.

    Args:
        lines: One for each run; the first ones are drawn where there are too many.
        key: What was logged; the title of the y axis.
        x_name: What x is, with its unit.
        bands: Groups of seeds.
        notes: What is to be known: the common range, what was left out.
        runs: How many there are, where `lines` are only some of them.
        drawn_runs: How many runs `lines` are of, where a run has several.
        looked_at: The part of x that was asked for: findings that begin elsewhere are counted.
        why_empty: The reason, where nothing can be drawn.
        look: Theme and width.
    """
    title = f"{key} over {x_name}"
    drawn, shown = list(lines[:MOST_LINES]), list(bands[:MOST_BANDS])
    if not any(line.points for line in drawn) and not shown:
        why = why_empty or f"No run has logged a finite {key} that can be placed on {x_name}."
        return empty(OVERLAY, title, why, look)
    n = drawn_runs or len(drawn)
    every = max(runs or 0, drawn_runs or len(lines))
    return Drawing(
        OVERLAY,
        title,
        " ".join([*map(_band_spoken, shown), *(line.spoken for line in drawn)]),
        data=[
            *chain.from_iterable(_band(b, place, look) for place, b in enumerate(shown)),
            *_lines(drawn, len(shown), look),
            *mark_trace(drawn, look, looked_at),
        ],
        x=Axis(x_name),
        y=Axis(f"{key} (its own unit)"),
        caption=[
            *([f"n = {counted(n, 'run')}."] if drawn else []),
            *(["Bands: from the least to the largest seed, around the mean."] if shown else []),
            *captions_of(drawn),
            *marks_left_out(drawn, looked_at),
            *notes,
            *of_so_many(n, every, "runs"),
            *([] if drawn_runs is None else of_so_many(len(drawn), len(lines), "lines")),
            *of_so_many(len(shown), len(bands), "groups"),
        ],
    ).written(look)


def _lines(lines: Sequence[CurveLine], before: int, look: Look) -> Iterator[dict[str, Any]]:
    room = legend_room(look) - 11  # " (smoothed)"
    for place, line in enumerate(lines, start=before):
        yield from line_traces(line, place, look, name=shortened(line.name, room))


def _band(band: CurveBand, place: int, look: Look) -> Iterator[dict[str, Any]]:
    x = [drawable(v) for v in band.x]
    shared = {"type": "scatter", "legendgroup": f"band {place}", "hoverinfo": "skip"}
    edge = {"width": 0.5, "color": look.colour(place)}
    low = {**shared, "x": x, "y": [drawable(v) for v in band.low], "mode": "lines", "line": edge}
    yield {**low, "name": "least", "showlegend": False}
    yield {
        **low,
        "y": [drawable(v) for v in band.high],
        "name": "largest",
        "showlegend": False,
        "fill": "tonexty",
        "fillcolor": _faint(look.colour(place)),
    }
    name = f"{shortened(band.name, legend_room(look) - 10)} (n = {band.n})"
    yield {
        **shared,
        "x": x,
        "y": [drawable(v) for v in band.mean],
        "mode": "lines",
        "name": plain(name),
        "showlegend": True,
        "line": look.line(place),
        "hoverinfo": "text",
        "hovertext": [
            hover(name, f"mean {number(m)}, {number(a)} to {number(b)}, at {number(at)}")
            for at, m, a, b in zip(band.x, band.mean, band.low, band.high, strict=True)
        ],
    }


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


def _band_spoken(band: CurveBand) -> str:
    line = CurveLine(f"{band.name} (mean of {counted(band.n, 'run')})", band.x, band.mean)
    return line.spoken


def train_eval(
    train: CurveLine | None,
    evaluation: CurveLine | None,
    *,
    run: str,
    x_name: str = "steps",
    marks: Sequence[Mark] = (),
    why_empty: str | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return the two losses of a run, the least eval marked, findings shaded behind them.

    Args:
        train: What was logged of training; None where the run logs none that is known.
        evaluation: What was logged of evaluation.
        run: What people call the run.
        x_name: What x is, with its unit.
        marks: Findings about either.
        why_empty: The reason, where nothing can be drawn.
        look: Theme and width.
    """
    title = f"Train and eval of {run}"
    lines = [line for line in (train, evaluation) if line is not None and line.points]
    if not lines:
        return empty(TRAIN_EVAL, title, why_empty or "No loss was logged yet.", look)
    spans = [mark for mark in marks if mark.end is not None][:MOST_SPANS]
    lowest = min(evaluation.points, key=lambda p: p[1]) if evaluation in lines else None
    missing = [
        f"No {word} value can be drawn."
        for word, line in (("train", train), ("eval", evaluation))
        if line not in lines
    ]
    return Drawing(
        TRAIN_EVAL,
        title,
        " ".join([*(line.spoken for line in lines), *(mark.sentence for mark in marks)]),
        data=[
            *_pair(train if train in lines else None, evaluation if lowest else None, look),
            *_least(lowest, look),
        ],
        x=Axis(x_name),
        y=Axis("loss (its own unit)"),
        caption=[
            f"n = 1 run; {'; '.join(f'{line.name}: {line.counted}' for line in lines)}.",
            *missing,
            *captions_of(lines),
            *(f"Shaded: {mark.word}. {mark.sentence}" for mark in spans),
            *of_so_many(len(spans), len(marks), "findings"),
        ],
        shapes=[_span(mark, place, look) for place, mark in enumerate(spans)],
        annotations=[_word(mark, place, look) for place, mark in enumerate(spans)],
        top=16 + 16 * len(spans),
    ).written(look)


def _pair(
    train: CurveLine | None, evaluation: CurveLine | None, look: Look
) -> Iterator[dict[str, Any]]:
    if train is not None:
        yield from line_traces(train, 0, look, name=train.name)
    if evaluation is not None:
        yield from line_traces(evaluation, 1, look, name=evaluation.name, with_points=True)


def _least(lowest: tuple[float, float] | None, look: Look) -> list[dict[str, Any]]:
    if lowest is None:
        return []
    told = f"lowest eval: {number(lowest[1])} at {number(lowest[0])}"
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": told,
            "showlegend": True,
            "x": [lowest[0]],
            "y": [lowest[1]],
            "marker": {
                "symbol": "circle-open",
                "size": 16,
                "color": look.colours.ink,
                "line": {"width": 2, "color": look.colours.ink},
            },
            "hoverinfo": "text",
            "hovertext": [hover(told)],
        }
    ]


def _span(mark: Mark, place: int, look: Look) -> dict[str, Any]:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": mark.start,
        "x1": mark.end,
        "y0": 0,
        "y1": 1,
        "fillcolor": look.colour(place + 3),
        "opacity": 0.14,
        "layer": "below",
        "line": {"width": 1.5, "color": look.colour(place + 3), "dash": "dot"},
    }


def _word(mark: Mark, place: int, look: Look) -> dict[str, Any]:
    where = {"yref": "paper", "y": 1, "xanchor": "left", "yanchor": "bottom"}
    [text, *_] = wrapped(mark.word, look.width / 2)
    return note(f"▾ {text}", look, {**where, "x": mark.start, "yshift": 16 * place})
