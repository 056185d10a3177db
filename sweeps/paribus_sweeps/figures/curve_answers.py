"""What of a curves answer is drawn: its lines with their findings, and its bands.

overlay(lines_of(answer), key="train/loss, eval/loss", bands=bands_of(answer))
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from paribus_sweeps.figures.curve_lines import CurveLine, Mark
from paribus_sweeps.figures.overlay import CurveBand

Marked = tuple[Collection[str], Mark]
"""The keys that a finding is about, and its place."""


def lines_of(
    told: Mapping[str, Any], marks: Mapping[str, Sequence[Marked]] | None = None
) -> list[CurveLine]:
    """Return the lines that have a point.

    Runs that share their name are told apart by their id, and lines of several keys by the key.

    Args:
        told: A curves answer.
        marks: Run → its findings, on this x.
    """
    drawn = [one for one in told["series"] if one["missing"] is None]
    runs_called: dict[str, set[str]] = {}
    for one in told["series"]:
        runs_called.setdefault(one["name"], set()).add(one["run"])
    return [
        CurveLine.of_series(
            one,
            name=_name(one, told, is_shared=len(runs_called[one["name"]]) > 1),
            smoothing=told["smoothing"],
            marks=[m for keys, m in (marks or {}).get(one["run"], ()) if one["key"] in keys],
        )
        for one in drawn
    ]


def bands_of(told: Mapping[str, Any]) -> list[CurveBand]:
    """Return the bands that have a point; of several keys, with the key."""
    return [
        CurveBand.of_series({**band, "label": _with_key(band["label"], band, told)})
        for band in told["bands"]
        if band["missing"] is None
    ]


def _name(one: Mapping[str, Any], told: Mapping[str, Any], *, is_shared: bool) -> str:
    name = f"{one['name']} ({one['run']})" if is_shared else one["name"]
    return _with_key(name, one, told)


def _with_key(name: str, one: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    several = len({line["key"] for line in told["series"]}) > 1
    return f"{name} · {one['key']}" if several else name
