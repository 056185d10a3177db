"""A run's history as panels of curves: pure values, nothing drawn and nothing fetched.

Raw points, never smoothed. Where there are more than fit, each stretch of the x axis keeps its
lowest, its highest and its last point, so that no spike is lost; the panel says so.

Rows that a resumed run wrote twice count once: per key and `train/global_step`, the last row that
holds the key wins (DESIGN 5, rule 3).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GLOBAL_STEP = "train/global_step"
STEP = "_step"
STRETCHES = 250  # about as many as a chart is pixels wide; three points each
_FIRST = ("eval/", "holdout/", "train/", "train_step/")
"""Which curves come first, behind the pairs of train and eval."""


@dataclass(frozen=True, slots=True)
class Point:
    """One logged value."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Series:
    """One key's values over the x axis."""

    key: str
    points: tuple[Point, ...]
    """What is drawn, by x."""
    count: int
    """Finite values that were logged; more than `points` where those were thinned."""
    not_finite: int
    """Values that cannot be drawn: NaN and infinities."""
    first: Point | None
    last: Point | None
    lowest: Point | None
    highest: Point | None

    @property
    def is_thinned(self) -> bool:
        """Whether fewer points are drawn than were logged."""
        return len(self.points) < self.count


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves that share their axes."""

    title: str
    x_key: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Logged:
    """A key that was logged once: a number, and no curve."""

    key: str
    x_key: str
    x: float
    value: float


@dataclass(frozen=True, slots=True)
class Curves:
    """Everything that a run's history holds in numbers."""

    panels: tuple[Panel, ...]
    once: tuple[Logged, ...]


def curves(rows: Iterable[Mapping[str, Any]], *, stretches: int = STRETCHES) -> Curves:
    """The panels of a run, and what was logged only once.

    Args:
        rows: History rows in the order they were written.
        stretches: How many parts of the x axis keep three points each.
    """
    tracks = _tracks(rows)
    once, panels = [], []
    for title, keys in _grouped([k for k, t in tracks.items() if t.values]):
        by_global_step = all(tracks[key].has_global_step for key in keys)
        x_key = GLOBAL_STEP if by_global_step else STEP
        series = [_series(tracks[key], key, x_key, stretches) for key in keys]
        if len(series) == 1 and series[0].count + series[0].not_finite == 1:
            point = tracks[keys[0]].placed(x_key)[0]
            once.append(Logged(keys[0], x_key, point.x, point.y))
        else:
            panels.append(Panel(title, x_key, tuple(series)))
    return Curves(tuple(panels), tuple(once))


@dataclass(slots=True)
class _Track:
    """One key's values as they were written: (`_step`, global step or None, value)."""

    values: list[tuple[float, float | None, float]]

    @property
    def has_global_step(self) -> bool:
        return all(step is not None for _, step, _ in self.values)

    def placed(self, x_key: str) -> list[Point]:
        """By x; of several values at one place, the last that was written."""
        found: dict[float, float] = {}
        for own, shared, value in self.values:
            x = shared if x_key == GLOBAL_STEP and shared is not None else own
            found[x] = value
        return [Point(x, found[x]) for x in sorted(found)]


def _tracks(rows: Iterable[Mapping[str, Any]]) -> dict[str, _Track]:
    tracks: dict[str, _Track] = {}
    for line, row in enumerate(rows):
        own = _as_number(row.get(STEP))
        shared = _as_number(row.get(GLOBAL_STEP))
        place = float(line) if own is None or not math.isfinite(own) else own
        if shared is not None and not math.isfinite(shared):
            shared = None
        for key, value in _numbers(row):
            tracks.setdefault(key, _Track([])).values.append((place, shared, value))
    return tracks


def _numbers(row: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, float]]:
    for name, value in row.items():
        key = f"{prefix}{name}"
        if key.startswith("_") or key == GLOBAL_STEP:
            continue
        if isinstance(value, Mapping):
            if "_type" not in value:  # media, tables and histograms are no curves
                yield from _numbers(value, f"{key}.")
            continue
        number = _as_number(value)
        if number is not None:
            yield key, number


def _as_number(value: Any) -> float | None:
    """A number; W&B writes NaN and infinities as text where JSON has no word for them."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if value in ("NaN", "Infinity", "-Infinity") else None
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _grouped(keys: Sequence[str]) -> list[tuple[str, list[str]]]:
    """(title, keys) of each panel: `train/loss` with `eval/loss` in one, the others alone."""
    known = set(keys)
    pairs, alone = [], []
    for key in keys:
        kind, _, rest = key.partition("/")
        if kind == "train" and f"eval/{rest}" in known:
            pairs.append((rest, [key, f"eval/{rest}"]))
        elif not (kind == "eval" and f"train/{rest}" in known):
            alone.append((key, [key]))
    return sorted(pairs) + sorted(alone, key=lambda panel: (_rank(panel[0]), panel[0]))


def _rank(key: str) -> int:
    return next((i for i, prefix in enumerate(_FIRST) if key.startswith(prefix)), len(_FIRST))


def _series(track: _Track, key: str, x_key: str, stretches: int) -> Series:
    placed = track.placed(x_key)
    finite = [point for point in placed if math.isfinite(point.y)]
    return Series(
        key=key,
        points=tuple(thinned(finite, stretches)),
        count=len(finite),
        not_finite=len(placed) - len(finite),
        first=finite[0] if finite else None,
        last=finite[-1] if finite else None,
        lowest=min(finite, key=lambda p: p.y, default=None),
        highest=max(finite, key=lambda p: p.y, default=None),
    )


def thinned(points: Sequence[Point], stretches: int) -> list[Point]:
    """The first point, and three for each stretch of the x axis: lowest, highest and last.

    Args:
        points: By x.
        stretches: Number of equal parts of the x axis.
    """
    if len(points) <= 3 * stretches:
        return list(points)
    start, width = points[0].x, (points[-1].x - points[0].x) / stretches
    parts: dict[int, list[Point]] = {}
    for point in points:
        place = min(int((point.x - start) / width), stretches - 1)
        parts.setdefault(place, []).append(point)
    kept: list[Point] = []
    for part in parts.values():
        chosen = {
            min(part, key=lambda p: p.y),
            max(part, key=lambda p: p.y),
            part[-1],
        }
        kept.extend(sorted(chosen, key=lambda p: p.x))
    return kept if kept[0] == points[0] else [points[0], *kept]
