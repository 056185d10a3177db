"""How fast runs went, by GPU: a point for each run, the mean with its n.

    throughput([Rate("R1", "T4", 4.553), Rate("R2", "A100", 17.233)], unit="steps/s")

Source: METHOD 9.6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    of_so_many,
    row_label,
)
from paribus_sweeps.figures.look import DEFAULT, Look

NAME = "throughput"
MOST_DEVICES = 20
ROW_PIXELS = 48


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast one run went on one device."""

    run: str
    device: str
    rate: float
    told: str = ""
    """What it rests on, in words: intervals, what was left out."""


def throughput(
    rates: Sequence[Rate],
    *,
    unit: str = "steps/s",
    notes: Sequence[str] = (),
    why_empty: str | None = None,
    look: Look = DEFAULT,
) -> Figure:
    """Return a row for each device; the axis begins at zero.

    Args:
        rates: One for each run.
        unit: Steps, examples or tokens a second.
        notes: Ratios between devices, in words.
        why_empty: The reason, where no run has a rate.
        look: Theme and width.
    """
    title = "How fast runs went, by GPU"
    seen = [rate for rate in rates if drawable(rate.rate) is not None]
    if not seen:
        return empty(NAME, title, why_empty or "No run has a rate yet.", look)
    every = list(dict.fromkeys(rate.device for rate in seen))
    devices = every[:MOST_DEVICES]
    rows = {device: [r for r in seen if r.device == device] for device in devices}
    places = {device: len(devices) - k for k, device in enumerate(devices)}
    return Drawing(
        NAME,
        title,
        " ".join([*(_spoken(d, rows[d], unit) for d in devices), *notes]),
        data=list(_points(rows, places, unit, look)),
        x=Axis(f"{unit} (from zero)", from_zero=True),
        y=Axis(hidden=True, span=(0.5, len(devices) + 0.85)),
        caption=[
            f"n = {counted(len(seen), 'run')}. Evaluations, first intervals and suspensions are "
            "left out.",
            *notes,
            *of_so_many(len(devices), len(every), "devices"),
        ],
        height=30 + ROW_PIXELS * len(devices),
        annotations=[
            row_label(f"{d}: {_mean(rows[d])} {unit}, n = {len(rows[d])}", places[d], look)
            for d in devices
        ],
    ).written(look)


def _points(
    rows: dict[str, list[Rate]], places: dict[str, int], unit: str, look: Look
) -> Iterator[dict[str, Any]]:
    shared = {"type": "scatter", "mode": "markers", "showlegend": True, "hoverinfo": "text"}
    runs = [rate for found in rows.values() for rate in found]
    yield {
        **shared,
        "name": "runs",
        "x": [rate.rate for rate in runs],
        "y": [places[rate.device] for rate in runs],
        "marker": {**look.marker(0, 10), "opacity": 0.8},
        "hovertext": [
            hover(
                f"{r.run} on {r.device}", f"{number(r.rate)} {unit}", *([r.told] if r.told else [])
            )
            for r in runs
        ],
    }
    several = [device for device, found in rows.items() if len(found) > 1]
    if several:
        yield {
            **shared,
            "name": "mean of several runs",
            "x": [fmean(rate.rate for rate in rows[device]) for device in several],
            "y": [places[device] for device in several],
            "marker": {
                "symbol": "line-ns-open",
                "size": 22,
                "color": look.colours.ink,
                "line": {"width": 3, "color": look.colours.ink},
            },
            "hovertext": [hover(_spoken(device, rows[device], unit)) for device in several],
        }


def _mean(rates: Sequence[Rate]) -> str:
    return ("mean " if len(rates) > 1 else "") + number(fmean(rate.rate for rate in rates))


def _spoken(device: str, rates: Sequence[Rate], unit: str) -> str:
    return f"{device}: {_mean(rates)} {unit} (n = {counted(len(rates), 'run')})."
