"""Factors and their levels, as values.

A factor is a config key under study, or several keys that move as one (a bundle).
Levels are told apart by a canonical label, so that 32 and 32.0, or 2e-5 and
0.00002, are one level wherever they were written (METHOD 13).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

FactorKind = Literal["levels", "continuous"]

SIGNIFICANT_DIGITS = 12  # floats that differ by less than 1e-12 relative are one level (METHOD 13)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a factor.

    Level("64", {"per_device_train_batch_size": 64})
    Level("fine", {"eval_steps": 20, "save_steps": 20})   # of a bundle
    """

    label: str
    values: Mapping[str, Any]
    """What the level sets: key → value; keys of nested parameters are dotted."""


@dataclass(frozen=True, slots=True)
class Factor:
    """Something under study, with what it may be, in declared order."""

    name: str
    keys: tuple[str, ...]
    """The config keys that it moves; more than one for a bundle."""
    levels: tuple[Level, ...]
    """Empty where `kind` is "continuous": such a factor has values and no levels."""
    baseline: str | None = None
    """Label of the level that everything is compared with, where one was declared."""
    kind: FactorKind = "levels"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the levels, in declared order."""
        return tuple(level.label for level in self.levels)

    def level(self, label: str) -> Level:
        """Return the level with this label.

        Raises:
            KeyError: The factor has no such level.
        """
        for level in self.levels:
            if level.label == label:
                return level
        raise KeyError(label)


def level_label(value: Any) -> str:
    """Return the canonical label of a value: equal values have equal labels.

    1 and 1.0 → "1", 2e-5 → "2e-05", True → "true", None → "null"; strings as they
    are; lists and mappings as compact JSON with sorted keys.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _float_label(value)
    if type(value) is int:  # what JSON makes of it, ten times as fast: seeds are most of them
        return str(value)
    return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _float_label(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:  # beyond it, a float no longer names one integer
        return str(int(value))
    return f"{value:.{SIGNIFICANT_DIGITS}g}"


def _canonical(value: Any) -> Any:
    """`value` with floats inside it brought to the form that their labels have."""
    if isinstance(value, Mapping):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_canonical(item) for item in value]
    if isinstance(value, float) and math.isfinite(value):
        label = _float_label(value)
        return int(label) if label.lstrip("-").isdigit() else float(label)
    return value
