"""Rows of one run in, what a rule says of it out."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Facts, Rule, Seen
from paribus_sweeps.analysis.findings.rules import declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History

STEP = "train/global_step"
HEALTHY: dict[str, Any] = json.loads((Path(__file__).parent / "healthy_run.json").read_text())
"""A real run of our own training program: its command, versions, config and rows."""


def seen(
    rules: Iterable[Rule],
    rows: list[dict[str, Any]],
    config: dict[str, Any] | None = None,
    *,
    state: str = "finished",
    thresholds: dict[str, float] | None = None,
    **facts: Any,
) -> Seen:
    asked = Thresholds.of(declared(rules), thresholds or {})
    known = Facts("r1", config=config or {}, state=state, **facts)
    return Seen(known, History.of_rows(rows), asked)


def told(
    rules: Iterable[Rule], name: str, rows: list[dict[str, Any]], *a: Any, **kw: Any
) -> Finding:
    rule = next(rule for rule in rules if rule.name == name)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # as RunWatch asks
        found = rule.watch().tell(seen(rules, rows, *a, **kw))
    json.dumps(found.as_dict(), allow_nan=False)
    assert found.label is None or found.label in rule.labels
    return found


def column(
    key: str, values: Iterable[float], *, first: int = 1, every: int = 1
) -> list[dict[str, Any]]:
    return [{STEP: first + every * at, key: value} for at, value in enumerate(values)]
