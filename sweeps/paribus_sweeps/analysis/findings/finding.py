"""What a rule says of a run, or of several: found, not found, or why it cannot tell.

Finding.found("spikes", "3 of 9,375 gradient norms …", steps=(120, 4_410), numbers={…})
Finding.absent("spikes", "no gradient norm exceeds …")
Finding.unknown("spikes", "no logged key is known as grad_norm …")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import Any, Literal

Status = Literal["found", "not_found", "cannot_tell"]
Number = float | int | str | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says."""

    rule: str
    status: Status
    sentence: str
    """What was seen, with its numbers; of `cannot_tell`, why, and what would change it."""
    label: str | None = None
    """The rule's word for it, where it has several: `gap_widening_eval_flat`."""
    keys: tuple[str, ...] = ()
    """What was read."""
    steps: tuple[float, float] | None = None
    """From where to where, in `x_name`."""
    x_name: str = "steps"
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """What the sentence rests on, by the names of METHOD; finite numbers, texts, lists, None."""
    next_step: str | None = None
    """What to do about it, or to learn more."""
    runs: tuple[str, ...] = ()
    """Of a comparison: which runs, by our own ids, in the order of the sentence."""
    factor: str | None = None
    """Of a comparison: the factor whose levels were compared."""

    @classmethod
    def found(cls, rule: str, sentence: str, **more: Any) -> Finding:
        """Return a finding that is there."""
        return cls(rule, "found", sentence, **more)

    @classmethod
    def absent(cls, rule: str, sentence: str, **more: Any) -> Finding:
        """Return that a rule looked and found nothing."""
        return cls(rule, "not_found", sentence, **more)

    @classmethod
    def unknown(cls, rule: str, why: str, **more: Any) -> Finding:
        """Return that a rule cannot tell."""
        return cls(rule, "cannot_tell", why, **more)

    def with_(self, **changes: Any) -> Finding:
        """Return the same finding with some fields changed."""
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON: what is not finite is None."""
        return {
            "rule": self.rule,
            "status": self.status,
            "label": self.label,
            "sentence": self.sentence,
            "keys": list(self.keys),
            "steps": None if self.steps is None else [_finite(x) for x in self.steps],
            "x_name": self.x_name,
            "numbers": {name: _plain(value) for name, value in self.numbers.items()},
            "next_step": self.next_step,
            "runs": list(self.runs),
            "factor": self.factor,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, bool | str) or value is None:
        return value
    return int(value) if isinstance(value, Integral) else _finite(float(value))


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None
