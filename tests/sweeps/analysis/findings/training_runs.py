"""Runs as tests of the rules about losses write them down: a value for each look, some between."""

import math
from collections.abc import Sequence
from typing import Any

from paribus_sweeps.analysis.findings.rule import Facts, Seen
from paribus_sweeps.analysis.findings.rules import RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History

Row = dict[str, Any]


def rows_of(
    evaluations: Sequence[float],
    trainings: Sequence[float | Sequence[float]] = (),
    *,
    every: int = 100,
    eval_key: str = "eval/loss",
    train_key: str = "train/loss",
) -> list[Row]:
    """Rows as a Trainer writes them: training before each look, each in a row of its own.

    Args:
        evaluations: Looked at at steps `every`, 2 `every`, …
        trainings: What was logged before each look: a number, or several spread evenly.
        every: Steps between looks.
        eval_key: What the looks are logged as.
        train_key: What training is logged as.
    """
    rows: list[Row] = []
    for i, value in enumerate(evaluations):
        between = trainings[i] if i < len(trainings) else ()
        logged = [between] if isinstance(between, int | float) else list(between)
        for j, loss in enumerate(logged, start=1):
            step = every * i + every * j // len(logged)
            rows.append({train_key: loss, "train/global_step": step})
        rows.append({eval_key: value, "train/global_step": every * (i + 1)})
    return rows


def seen(
    rows: Sequence[Row],
    *,
    state: str = "finished",
    config: dict[str, Any] | None = None,
    named: dict[str, str] | None = None,
    thresholds: dict[str, float] | None = None,
) -> Seen:
    """One run as a rule sees it."""
    asked = Thresholds.of(declared(RULES), thresholds)
    return Seen(
        Facts("r1", state=state, config=config or {}), History.of_rows(rows), asked, named or {}
    )


def wave(n: int, height: float) -> list[float]:
    """Scatter without chance: +, −, −, + times `height`, which has no trend over four points."""
    return [height * (1 if i % 4 in (0, 3) else -1) for i in range(n)]


def is_plain(value: object) -> bool:
    """Whether a value is JSON without NaN or infinity."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(part) for key, part in value.items())
    if isinstance(value, list):
        return all(is_plain(part) for part in value)
    return (
        value is None
        or isinstance(value, str | bool | int)
        or (isinstance(value, float) and math.isfinite(value))
    )
