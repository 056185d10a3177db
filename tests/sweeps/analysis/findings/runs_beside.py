"""Runs for the tests of comparisons: plain functions with defaults, as a Trainer logs them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.findings.rule import ComparisonRule, Facts, Rule, Seen
from paribus_sweeps.analysis.findings.rules import declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History

T4, A100 = "Tesla T4", "NVIDIA A100-SXM4-40GB"


def rows_of(points: Iterable[tuple[float, float]], key: str = "eval/loss") -> list[dict[str, Any]]:
    """Rows of one key over optimizer steps."""
    return [{"train/global_step": step, key: value} for step, value in points]


def looks(f: Callable[[float], float], every: int, until: int) -> list[tuple[float, float]]:
    """A loss looked at every so many steps."""
    return [(float(step), f(step)) for step in range(every, until + 1, every)]


def seen(
    run: str,
    rows: Iterable[Mapping[str, Any]],
    rules: Sequence[Rule | ComparisonRule],
    *,
    thresholds: Mapping[str, float] | None = None,
    named: Mapping[str, str] | None = None,
    **facts: Any,
) -> Seen:
    """One run as rules see it."""
    asked = Thresholds.of(declared(rules), thresholds)
    return Seen(Facts(run, **facts), History.of_rows(rows), asked, dict(named or {}))


def falling(x: float) -> float:
    """A loss that falls fast and then slowly: .3 + .4 exp(-x / 60)."""
    return 0.3 + 0.4 * math.exp(-x / 60)


def bad_histories() -> dict[str, list[dict[str, Any]]]:
    """Histories that no program should write, and some do."""
    step, loss = "train/global_step", "eval/loss"
    return {
        "empty": [],
        "one point": [{step: 20, loss: 0.5}],
        "one point at 0": [{step: 0, loss: 0.5}],
        "all NaN": [{step: x, loss: math.nan} for x in range(20)],
        "infinite": [{step: x, loss: math.inf if x % 2 else 0.5} for x in range(20)],
        "huge": [{step: x, loss: 1e300 if x % 2 else -1e300} for x in range(1, 60)],
        "largest": [{step: x, loss: 1.7e308 if x % 3 else -1.7e308} for x in range(1, 60)],
        "constant": [{step: x, loss: 0.5} for x in range(1, 60)],
        "rising": [{step: x, loss: float(x)} for x in range(1, 60)],
        "steps go back": [{step: 60 - x, loss: 1.0 / (x + 1)} for x in range(60)],
        "steps far apart": [
            {step: x, loss: 1.0} for x in (-1.7e308, 1.7e308, 0.0, 1e-300, 2.0, 1e300)
        ],
        "texts": [{step: x, loss: "low" if x % 2 else 0.5} for x in range(1, 60)],
        "no step": [{loss: 1.0 / (x + 1)} for x in range(60)],
    }
