"""The gradient norms of one run, and what is to be said of them whatever a rule asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.cadences import usual_gap
from paribus_sweeps.analysis.findings.rule import STEPS, Seen
from paribus_sweeps.analysis.words import counted, number

ROLE = "grad_norm"


@dataclass(frozen=True, slots=True)
class Norms:
    """The gradient norms of one run, and what is to be said of them."""

    key: str
    curve: Curve
    x_name: str
    gap: float | None
    """Median of the optimizer steps between two values; None where it is not known."""

    @classmethod
    def of(cls, seen: Seen) -> Norms | str:
        """Return a run's gradient norms, or the sentence that says why there are none."""
        key = seen.key(ROLE)
        if key is None:
            return seen.missing(ROLE)
        curve, x_name = seen.curve(key), seen.x_name(key)
        if len(curve) and float(curve.values.min()) < 0:
            lowest = number(float(curve.values.min()))
            return f"{key} holds {lowest}; a norm is never below 0 (name one: {ROLE}=KEY)"
        known = x_name == STEPS and len(curve) > 1
        gap = usual_gap(curve.x) if known else None
        return cls(key, curve, x_name, gap)

    @property
    def values(self) -> FloatArray:
        """Finite norms, by step."""
        return self.curve.values

    @property
    def counted(self) -> str:
        """Return `375 values of train_step/grad_norm`."""
        return f"{counted(len(self.curve), 'value')} of {self.key}"

    @property
    def caution(self) -> str:
        """Say what was not seen, where the key does not hold every step."""
        if self.gap is None or self.gap <= 1:
            return ""
        return (
            f" It holds one step in {number(self.gap)} (the last of each logging window); "
            "the steps between are not seen."
        )

    def about(self, **numbers: Any) -> dict[str, Any]:
        """Return what every finding over these norms has."""
        shown = {"values": len(self.curve), "steps_between": self.gap, **numbers}
        return {"keys": (self.key,), "x_name": self.x_name, "numbers": shown}
