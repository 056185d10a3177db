"""The geometry of a chart: from a panel of curves to the numbers that an SVG is written with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_service.dashboard.curves import GLOBAL_STEP, STEP, Panel, Point, Series
from paribus_service.dashboard.wording import number

WIDTH, HEIGHT = 400, 220  # user units: about the pixels of a phone, so that text keeps its size
LEFT, RIGHT, TOP, BOTTOM = 58, 10, 10, 34
DOTS_UP_TO = 40  # more dots than that hide the line
MARK_HEIGHT = 12  # of a finding's mark; several at one place stand below one another
_X_NAMES = {GLOBAL_STEP: "steps", STEP: "W&B steps"}
"""What an axis of ours is called in findings (analysis/findings/rule.py)."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    """In user units."""
    label: str


@dataclass(frozen=True, slots=True)
class Line:
    """One curve, drawn."""

    series: Series
    path: str
    """Of an SVG `path`: moves and lines."""
    dots: tuple[tuple[float, float], ...]
    """Its points, where they are few enough to be shown."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding, marked on a chart."""

    number: int
    """Beside the mark and in the list under the chart."""
    at: float
    """In user units."""
    top: float
    told: Mapping[str, Any]
    """The finding as it is answered."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A panel, drawn."""

    panel: Panel
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    marks: tuple[Mark, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing could be drawn: every value was NaN or infinite."""
        return not any(line.path for line in self.lines)


def chart(panel: Panel, findings: Sequence[Mapping[str, Any]] = ()) -> Chart:
    """Draw a panel.

    Args:
        panel: The curves.
        findings: What rules found in the run; those about these curves are marked where they
            begin.
    """
    points = [point for series in panel.series for point in series.points]
    x_low, x_high = _span([p.x for p in points])
    y_low, y_high = _span([p.y for p in points])
    y_marks = nice_marks(y_low, y_high, about=5, around=True)
    if y_marks:
        y_low, y_high = y_marks[0], y_marks[-1]
    x = _Scale(x_low, x_high, LEFT, WIDTH - RIGHT)
    y = _Scale(y_low, y_high, HEIGHT - BOTTOM, TOP)
    return Chart(
        panel=panel,
        lines=tuple(_line(series, x, y) for series in panel.series),
        x_ticks=tuple(Tick(x.place(m), number(m)) for m in nice_marks(x_low, x_high, about=4)),
        y_ticks=tuple(Tick(y.place(m), number(m)) for m in y_marks),
        marks=tuple(_marks(panel, findings, x)),
    )


def nice_marks(low: float, high: float, *, about: int, around: bool = False) -> list[float]:
    """About so many round numbers between two values.

    Args:
        low: The lesser value.
        high: The larger value.
        about: How many.
        around: One more at either end, so that both values lie between marks.
    """
    step = _nice_step((high - low) / about)
    if not math.isfinite(step) or not math.isfinite(low / step) or not math.isfinite(high / step):
        return []
    first = math.floor(low / step + 1e-9) if around else math.ceil(low / step - 1e-9)
    last = math.ceil(high / step - 1e-9) if around else math.floor(high / step + 1e-9)
    marks = [float(f"{k * step:.12g}") for k in range(first, last + 1)]
    return marks if all(map(math.isfinite, marks)) else []


def _nice_step(rough: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below `rough`."""
    if not rough > 0 or not math.isfinite(rough):
        return math.nan
    power = 10.0 ** math.floor(math.log10(rough))
    return next((m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9)), 10 * power)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """The least and the largest value, apart from one another."""
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if high > low:
        return low, high
    room = abs(low) * 0.1 or 1.0
    return low - room, high + room


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        # Halves first: the distance of two values near the largest float would be infinite.
        share = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return round(self.start + share * (self.end - self.start), 1)


def _marks(panel: Panel, findings: Sequence[Mapping[str, Any]], x: _Scale) -> list[Mark]:
    keys = {series.key for series in panel.series}
    marks: list[Mark] = []
    for told in findings:
        start = told["steps"][0] if told["steps"] else None
        is_here = keys.intersection(told["keys"]) and told["x_name"] == _X_NAMES[panel.x_key]
        if start is None or not is_here or not x.low <= start <= x.high:
            continue
        at = x.place(start)
        above = sum(abs(mark.at - at) < MARK_HEIGHT for mark in marks)
        marks.append(Mark(len(marks) + 1, at, TOP + above * MARK_HEIGHT, told))
    return marks


def _line(series: Series, x: _Scale, y: _Scale) -> Line:
    places = [(x.place(p.x), y.place(p.y)) for p in series.points]
    path = "".join(f"{'L' if i else 'M'}{px:g} {py:g}" for i, (px, py) in enumerate(places))
    return Line(series, path, tuple(places) if len(places) <= DOTS_UP_TO else ())


def spoken(series: Series) -> str:
    """A curve in words, for who does not see it."""

    def at(point: Point | None) -> str:
        return "nothing" if point is None else f"{number(point.y)} at {number(point.x)}"

    return (
        f"{series.key}: {series.count:,} points, from {at(series.first)} to {at(series.last)}, "
        f"lowest {at(series.lowest)}, highest {at(series.highest)}"
    )
