"""What figures of curves take in: plain values, whoever computed them.

CurveLine("R1", x=[0, 10, 20], y=[0.7, 0.6, 0.5])
CurveLine("R1", x, y, smoothed=s, smoothing="debiased EMA, weight 0.9", stands_for=9_375)
Mark("overfitting", "Eval loss rose by …", start=4_000, end=9_000)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.figures.drawing import drawable, hover, plain
from paribus_sweeps.figures.look import Look


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding's place on a curve."""

    word: str
    """The rule's name, and its label where that says more."""
    sentence: str
    start: float
    end: float | None = None

    @property
    def last(self) -> float:
        """Where it ends; where it begins, if it is about one place."""
        return self.start if self.end is None else self.end

    @classmethod
    def of_finding(cls, finding: Mapping[str, Any]) -> Mark | None:
        """Return the mark of a finding's document; None where none was found, or at no step."""
        if finding["status"] != "found" or finding["steps"] is None:
            return None
        start, end = map(drawable, finding["steps"])
        if start is None:
            return None
        rule, label = finding["rule"], finding["label"]
        word = rule if label in (None, rule) else f"{rule}: {label}"
        return cls(word.replace("_", " "), finding["sentence"], start, end)


@dataclass(frozen=True, slots=True, eq=False)
class CurveLine:
    """One curve as it is drawn."""

    name: str
    x: Sequence[float | None]
    y: Sequence[float | None]
    """Raw values; what is not finite is a gap."""
    smoothed: Sequence[float | None] | None = None
    """For the eye alone, as many as `y`; drawn beside the raw line and never instead of it."""
    smoothing: str | None = None
    """How it was smoothed, in words."""
    stands_for: int | None = None
    """Points before they were thinned for drawing; None where none were left out."""
    marks: Sequence[Mark] = ()
    undrawn: Sequence[float | None] = ()
    """Where values stand that are no numbers and are not in `x`: NaN, infinities."""

    @classmethod
    def of_series(
        cls,
        found: Mapping[str, Any],
        *,
        name: str | None = None,
        smoothing: str | None = None,
        marks: Sequence[Mark] = (),
    ) -> CurveLine:
        """Return one line of a curves answer.

        Args:
            found: An entry of `series`.
            name: What it is called; the run's name by default.
            smoothing: The answer's `smoothing`.
            marks: Findings about the run.
        """
        return cls(
            name=found["name"] if name is None else name,
            x=found["x"],
            y=found["y"],
            smoothed=found["smoothed"],
            smoothing=smoothing if found["smoothed"] is not None else None,
            stands_for=found["stands_for"],
            marks=marks,
            undrawn=found["not_finite"]["x"],
        )

    @property
    def points(self) -> list[tuple[float, float]]:
        """Those that can be drawn."""
        places = zip(map(drawable, self.x), map(drawable, self.y), strict=True)
        return [(x, y) for x, y in places if x is not None and y is not None]

    @property
    def span(self) -> tuple[float, float] | None:
        """From where to where it reaches along x, gaps and what is not drawn included."""
        places = [x for x in map(drawable, (*self.x, *self.undrawn)) if x is not None]
        return (min(places), max(places)) if places else None

    @property
    def gaps(self) -> int:
        """Points that cannot be drawn."""
        return len(self.y) - len(self.points)

    @property
    def counted(self) -> str:
        """How many points there are, and how many they stand for."""
        told = counted(len(self.points), "point")
        more = self.stands_for is not None and self.stands_for > len(self.y)
        return f"{told} for {self.stands_for:,}" if more else told

    @property
    def spoken(self) -> str:
        """The curve in words."""
        seen = self.points
        if not seen:
            return f"{self.name}: no finite value."
        lowest, highest = min(seen, key=_y), max(seen, key=_y)
        (first, begin), (last, end) = seen[0], seen[-1]
        return (
            f"{self.name}: {self.counted}, from {number(begin)} at {number(first)} to "
            f"{number(end)} at {number(last)}, lowest {number(lowest[1])} at "
            f"{number(lowest[0])}, highest {number(highest[1])} at {number(highest[0])}."
        )


def line_traces(
    line: CurveLine, place: int, look: Look, *, name: str, with_points: bool = False
) -> Iterator[dict[str, Any]]:
    """Yield the traces of a curve: the raw line, faint where a smoothed one stands beside it."""
    x, raw = [drawable(v) for v in line.x], [drawable(v) for v in line.y]
    told = [hover(line.name, f"{number(b)} at {number(a)}") for a, b in zip(x, raw, strict=True)]
    shared: dict[str, Any] = {
        "type": "scatter",
        "x": x,
        "connectgaps": False,
        "legendgroup": str(place),
        "hoverinfo": "text",
        "hovertext": told,
    }
    is_lone = len(line.points) == 1
    mode = "lines+markers" if with_points or is_lone else "lines"
    solid = {**look.line(place), "dash": "solid", "width": 1}
    has_two = line.smoothed is not None
    raw_line = {"line": solid, "opacity": 0.35} if has_two else {"line": look.line(place)}
    yield {
        **shared,
        "name": plain(name),
        "showlegend": not has_two,
        "mode": mode,
        "y": raw,
        "marker": look.marker(place, 7),
        **raw_line,
    }
    if line.smoothed is not None:
        yield {
            **shared,
            "name": plain(f"{name} (smoothed)"),
            "showlegend": True,
            "mode": "lines",
            "y": [drawable(v) for v in line.smoothed],
            "line": look.line(place),
            "hoverinfo": "skip",
        }


def captions_of(lines: Sequence[CurveLine]) -> Iterator[str]:
    """Yield what is to be known of how curves are drawn."""
    ways = dict.fromkeys(line.smoothing for line in lines if line.smoothing)
    if ways:
        yield f"Bold: smoothed for the eye ({'; '.join(ways)}); faint: the values themselves."
    thinned = [line for line in lines if line.stands_for and line.stands_for > len(line.y)]
    if thinned:
        drawn = sum(len(line.y) for line in thinned)
        logged = sum(line.stands_for or 0 for line in thinned)
        yield f"Thinned for drawing: {drawn:,} of {logged:,} points shown, spikes kept."
    gaps = sum(line.gaps for line in lines)
    if gaps:
        were = "is" if gaps == 1 else "are"
        yield f"{counted(gaps, 'value')} {were} NaN, infinite or beyond drawing: gaps."


def _y(point: tuple[float, float]) -> float:
    return point[1]
