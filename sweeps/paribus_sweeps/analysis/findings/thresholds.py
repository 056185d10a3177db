"""Numbers that rules compare with: each with its default, its bounds and its reason.

    thresholds = Thresholds.of({"gradients.spike_ratio": 20})
    thresholds["gradients.spike_ratio"]                       # 20.0; all others as they are

A rule declares its own beside it; what is called `heuristic` in the docs is a rule of thumb
and no test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from paribus_sweeps.errors import InvalidThreshold, UnknownThreshold, did_you_mean


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number that a rule compares with."""

    name: str
    """`rule.what`."""
    default: float
    reason: str
    """What it is, and why this value: METHOD's section, or a source."""
    low: float = 0.0
    high: float = math.inf
    """Bounds, themselves allowed."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every threshold by its name."""

    values: Mapping[str, float]

    @classmethod
    def of(
        cls, declared: Iterable[Threshold], given: Mapping[str, float] | None = None
    ) -> Thresholds:
        """Return the defaults, with what somebody set in their place.

        Raises:
            UnknownThreshold: There is no such threshold.
            InvalidThreshold: A value is not finite, or out of its bounds.
        """
        known = {threshold.name: threshold for threshold in declared}
        values = {name: threshold.default for name, threshold in known.items()}
        for name, value in (given or {}).items():
            if name not in known:
                raise UnknownThreshold(name, tuple(known), hint=did_you_mean(name, known))
            values[name] = _checked(known[name], value)
        return cls(values)

    def __getitem__(self, name: str) -> float:
        return self.values[name]


def _checked(threshold: Threshold, value: float) -> float:
    if not math.isfinite(value) or not threshold.low <= value <= threshold.high:
        raise InvalidThreshold(threshold.name, value, threshold.low, threshold.high)
    return float(value)
