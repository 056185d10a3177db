"""Replicates of runs that do not exist yet: their labels as values, and labels not used yet.

    replicate_values("seed", "0")                  # {"seed": 0}
    replicate_values("fold, seed", "fold=1, seed=0")  # {"fold": 1, "seed": 0}
    unused(column, 2)                              # ["3", "4"] after the seeds 0, 1, 2

A label that reads as a number is that number: `level_label` writes numbers so.
"""

from __future__ import annotations

import json
from typing import Any

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.table import Column
from paribus_sweeps.factors import level_label

NEW = "new "
"""How labels begin whose values are left to whoever makes the run."""


def replicate_values(name: str, label: str) -> dict[str, Any]:
    """Return key → value of a label of the replicate column, keys that were not set left out.

    Args:
        name: Of the column: its keys, joined by ", ".
        label: One of its labels.
    """
    keys = name.split(", ")
    if len(keys) == 1:
        return {} if label == UNSET else {name: _value(label)}
    starts = [0]
    for key in keys[1:]:
        starts.append(label.index(f", {key}=", starts[-1]) + 2)
    ends = [start - 2 for start in starts[1:]] + [len(label)]
    found = {}
    for key, start, end in zip(keys, starts, ends, strict=True):
        part = label[start + len(key) + 1 : end]
        if part != UNSET:
            found[key] = _value(part)
    return found


def _value(label: str) -> Any:
    """Return the value that has this label: a number, true, false, null, or the text itself."""
    try:
        value = json.loads(label)
    except ValueError:
        return label
    return value if not isinstance(value, str) and level_label(value) == label else label


def unused(column: Column, count: int) -> list[str]:
    """Return labels that no run has: the next whole numbers, or "new 1" and so on."""
    numbers = [_value(label) for label in column.labels if label != UNSET]
    if ", " in column.name or not all(type(number) is int for number in numbers):
        return [f"{NEW}{number + 1}" for number in range(count)]
    first = max(numbers, default=-1) + 1
    return [str(first + number) for number in range(count)]
