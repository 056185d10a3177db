"""Lines and bands for a chart, as plain JSON: of each run and key, and of each group of runs.

    series_of(runs, SeriesRequest(("eval/loss",), smoothing="ema:0.6"))

In this order: rows become a line over x, each step once; a line is thinned to another run's
cadence; it is smoothed; it is cut to the common range and to the part that is looked at; and only
then are points left out, so that neither a zoom nor the width of a chart changes what is drawn.
Whatever a run lacks is a sentence of its own, and the others are drawn all the same.

Source: METHOD 9.1, 9.2 and 9.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.rule import STEPS, Seen
from paribus_sweeps.analysis.series.axes import (
    AXES,
    LOG_STEP,
    Axis,
    Line,
    never_logged,
    no_numbers,
    placed,
)
from paribus_sweeps.analysis.series.bands import LEVEL, Band, band_of, grouped, labels, varying
from paribus_sweeps.analysis.series.cadences import Cadence
from paribus_sweeps.analysis.series.downsampling import inside, points_kept
from paribus_sweeps.analysis.series.requests import SeriesRequest
from paribus_sweeps.analysis.series.smoothing import Smoothing
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.errors import UnknownKey

MOST_NOT_FINITE = 100  # places of NaN and infinities that are given one by one


def series_of(runs: Sequence[Seen], request: SeriesRequest) -> dict[str, Any]:
    """Return the lines of runs, and their bands where they are grouped, as plain JSON.

    No number in it is NaN or infinite: those stand in `not_finite`, as texts.

    Args:
        runs: In the order in which they are drawn.
        request: What is drawn, and how.

    Raises:
        InvalidSeries: A part of the request cannot be read, or names what no run has.
        UnknownKey: No run has logged a key, or what x was asked to be.
    """
    request.check()
    _refuse_unknown(runs, request)
    groups = grouped([seen.facts for seen in runs], request.group_by) if request.group_by else []
    label_keys = request.label_by or varying([seen.facts for seen in runs])
    axis, notes = _shared_axis(runs, request)
    series, bands = [], []
    for key in request.keys:
        drawn = _drawn_of(runs, key, axis, request)
        notes += _of_common(drawn, request)
        series += [_as_dict(d, request, labels(d.seen.facts, label_keys)) for d in drawn]
        for group in groups:
            members = [drawn[place] for place in group.places]
            bands.append(_band_as_dict(key, group.label, group.values, members, request))
    names = {one["x_name"] for one in series if one["missing"] is None}
    return {
        "x": request.x,
        "x_name": names.pop() if len(names) == 1 else None,
        "smoothing": None if (how := request.smoother()) is None else how.text,
        "series": series,
        "bands": bands,
        "notes": list(dict.fromkeys(notes)),
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """One line, and its smoothed values."""

    seen: Seen
    key: str
    line: Line
    smoothed: FloatArray | None = None

    def cut(self, low: float | None, high: float | None) -> _Drawn:
        return self.at(inside(self.line.x, low, high))

    def at(self, chosen: Any) -> _Drawn:
        smoothed = None if self.smoothed is None else self.smoothed[chosen]
        return replace(self, line=self.line.at(chosen), smoothed=smoothed)

    def curve(self) -> Curve:
        return Curve.of_columns(self.line.x, self.line.values)


def _refuse_unknown(runs: Sequence[Seen], request: SeriesRequest) -> None:
    """Runs that have logged nothing yet may still log a key: they have a sentence each."""
    known = sorted({key for seen in runs for key in seen.keys})
    for key in request.keys if known else ():
        if key not in known:
            raise UnknownKey(key, known)
    x_key = request.axis().key
    if known and x_key is not None and x_key not in known:
        raise UnknownKey(x_key, [*AXES, *known])


def _shared_axis(runs: Sequence[Seen], request: SeriesRequest) -> tuple[Axis, list[str]]:
    """Return what x is for every line: steps that some lines do not have are steps of none."""
    axis = request.axis()
    held = [(seen, key) for seen in runs for key in request.keys if key in seen.history]
    counts: dict[str, int] = {}
    if axis.word == "step":
        for seen, key in held:
            name = seen.x_name(key) if seen.x_key(key) else "no step"
            counts[name] = counts.get(name, 0) + 1
    if len(counts) < 2:
        return axis, []
    note = (
        f"x is W&B's _step, which counts log calls: {len(held) - counts.get(STEPS, 0):,} of "
        f"{counted(len(held), 'line')} have no optimizer step in every row"
    )
    return Axis("key", LOG_STEP), [note]


def _drawn_of(runs: Sequence[Seen], key: str, axis: Axis, request: SeriesRequest) -> list[_Drawn]:
    """Return a key's line of each run, cut to what is looked at."""
    lines = {seen.facts.run: placed(seen, key, axis) for seen in runs}
    if request.thin_to is not None:
        names = {**{seen.facts.name: seen.facts.run for seen in runs}, **{r: r for r in lines}}
        cadence = Cadence.parse(request.thin_to, names, request.phase)
        target = lines.get(cadence.run or "")
        lines = {run: cadence.thin(run, line, target) for run, line in lines.items()}
    smoother = request.smoother()
    drawn = [_smoothed(seen, key, lines[seen.facts.run], smoother) for seen in runs]
    low, high = _common(drawn) if request.common else (None, None)
    return [d.cut(low, high).cut(request.low, request.high) for d in drawn]


def _smoothed(seen: Seen, key: str, line: Line, smoother: Smoothing | None) -> _Drawn:
    smoothed = None if smoother is None else smoother.of(line.x, line.values)
    return _Drawn(seen, key, line, smoothed)


def _common(drawn: Sequence[_Drawn]) -> tuple[float | None, float | None]:
    """Return where the last line begins and where the first one ends."""
    ends = [(d.line.x[0], d.line.x[-1]) for d in drawn if len(d.line)]
    if not ends:
        return None, None
    return float(max(low for low, _ in ends)), float(min(high for _, high in ends))


def _of_common(drawn: Sequence[_Drawn], request: SeriesRequest) -> list[str]:
    begun = [d for d in drawn if d.line.why_empty is None]
    if request.common and len(begun) > 1 and not any(len(d.line) for d in begun):
        return [f"{begun[0].key}: the runs share no stretch of x that is looked at"]
    return []


def _as_dict(drawn: _Drawn, request: SeriesRequest, labelled: Mapping[str, str]) -> dict[str, Any]:
    seen, line = drawn.seen, drawn.line
    is_finite = np.isfinite(line.values)
    finite = drawn.at(is_finite)
    kept = finite.at(_kept(finite.line, request.points))
    return {
        "run": seen.facts.run,
        "name": seen.facts.name or seen.facts.run,
        "key": drawn.key,
        "labels": dict(labelled),
        "x_name": line.x_name,
        "x_key": line.x_key,
        "x": _numbers(kept.line.x),
        "y": _numbers(kept.line.values),
        "smoothed": None if kept.smoothed is None else _numbers(kept.smoothed),
        "points": len(kept.line),
        "stands_for": len(finite.line),
        "not_finite": _not_finite(drawn.at(~is_finite).line),
        "replaced": line.replaced,
        "unplaced": line.unplaced,
        "others": seen.history[drawn.key].others,
        "notes": [*line.notes, *_of_line(drawn, finite, kept, request)],
        "missing": line.why_empty,
    }


def _kept(line: Line, most: int) -> Any:
    return points_kept(line.x, line.values, line.values, most=most)


def _of_line(drawn: _Drawn, finite: _Drawn, kept: _Drawn, request: SeriesRequest) -> Iterator[str]:
    others = drawn.seen.history[drawn.key].others
    if others and drawn.line.why_empty is None:
        yield f"{no_numbers(others)}: left out"
    bad = len(drawn.line) - len(finite.line)
    if bad:
        yield f"{counted(bad, 'value')} of {len(drawn.line):,} NaN or infinite: not drawn"
    if len(kept.line) < len(finite.line):
        yield (
            f"{len(kept.line):,} points stand for {len(finite.line):,}: lowest, highest and last "
            "of each stretch of x"
        )
    if drawn.line.why_empty is None and not len(drawn.line):
        yield "no point in the part of x that is looked at"


def _not_finite(line: Line) -> dict[str, Any]:
    shown = slice(0, MOST_NOT_FINITE)
    return {
        "count": len(line),
        "x": _numbers(line.x[shown]),
        "values": [_word(value) for value in line.values[shown].tolist()],
    }


def _word(value: float) -> str:
    return "Infinity" if value > 0 else "-Infinity" if value < 0 else "NaN"


def _band_as_dict(
    key: str,
    label: str,
    values: Mapping[str, str],
    members: Sequence[_Drawn],
    request: SeriesRequest,
) -> dict[str, Any]:
    runs = {d.seen.facts.run: d.curve() for d in members}
    band = band_of(runs)
    told = {"key": key, "label": label, "values": dict(values), "runs": list(runs)}
    if band is None:
        why = "; ".join(dict.fromkeys(_never_drawn(d) for d in members))
        return {**told, "n": 0, "points": 0, "stands_for": 0, "notes": [], "missing": why}
    return {**told, **_band_numbers(band, request)}


def _never_drawn(drawn: _Drawn) -> str:
    """Return why a line has no point that is drawn."""
    if drawn.key not in drawn.seen.history:
        return never_logged(drawn.seen, drawn.key)
    return drawn.line.why_empty or "no finite point in the part of x that is looked at"


def _band_numbers(band: Band, request: SeriesRequest) -> dict[str, Any]:
    kept = points_kept(band.x, band.low, band.high, most=request.points)
    smoother = request.smoother()
    smoothed = None if smoother is None else smoother.of(band.x, band.mean)[kept]
    return {
        "n": band.n,
        "x": _numbers(band.x[kept]),
        "mean": _numbers(band.mean[kept]),
        "min": _numbers(band.low[kept]),
        "max": _numbers(band.high[kept]),
        "sd": None if band.sd is None else _numbers(band.sd[kept]),
        "interval": _interval(band, kept),
        "smoothed": None if smoothed is None else _numbers(smoothed),
        "points": len(kept),
        "stands_for": len(band.x),
        "interpolated": band.interpolated,
        "notes": list(band.notes),
        "missing": None,
    }


def _interval(band: Band, kept: Any) -> dict[str, Any] | None:
    if band.half_width is None:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = band.mean - band.half_width, band.mean + band.half_width
    return {"level": LEVEL, "low": _numbers(low[kept]), "high": _numbers(high[kept])}


def _numbers(values: FloatArray) -> list[float | None]:
    """Return the values as JSON has them: None for what is not finite."""
    listed: list[float | None] = values.tolist()
    if np.isfinite(values).all():
        return listed
    return [x if keep else None for x, keep in zip(listed, np.isfinite(values), strict=True)]
