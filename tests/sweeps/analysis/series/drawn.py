"""Runs for tests of series: rows as a program logs them, and what is known beside."""

from collections.abc import Iterable, Mapping
from typing import Any

from paribus_sweeps.analysis.findings.rule import Facts, Seen
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History


def seen(rows: Iterable[Mapping[str, Any]], run: str = "run-a", **facts: Any) -> Seen:
    return Seen(Facts(run, **facts), History.of_rows(rows), Thresholds.of(()))


def logged(key: str, values: Iterable[Any], *, every: int = 1, **facts: Any) -> Seen:
    """A run that logs one key at steps `every`, 2 `every` and so on."""
    steps = enumerate(values, start=1)
    return seen([{"_step": n * every, key: value} for n, value in steps], **facts)
