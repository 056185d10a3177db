"""Rules between a program's keys, as data: trainings that cannot run are refused early.

{"kind": "multiple_of", "key": "save_steps", "of": "eval_steps", "when": {…}, "message": "…"}
{"kind": "fits_holdout", "ratio": "train_test_ratio", "share": "holdout_share", "message": "…"}
{"kind": "not_equal", "key": "max_steps", "value": 0, "message": "…"}
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from paribus_sweeps.errors import InvalidProgramSchema, Problem, pointer
from paribus_sweeps.spec.reading import is_number

_RATIO = re.compile(r"[1-9][0-9]*:[1-9][0-9]*")
# kind → the fields that name keys
_KEY_FIELDS: Mapping[str, tuple[str, ...]] = {
    "multiple_of": ("key", "of"),
    "fits_holdout": ("ratio", "share"),
    "not_equal": ("key",),
}


@dataclass(frozen=True, slots=True)
class Constraint:
    """One rule; it holds, or has a sentence for why it does not."""

    kind: str
    message: str
    keys: tuple[str, ...]
    """The keys that it is about, in the order of its kind's fields."""
    when: Mapping[str, Any] = field(default_factory=dict)
    """The rule is asked only where these keys have these values."""
    value: Any = None

    def problems(self, args: Mapping[str, Any]) -> Iterator[Problem]:
        """Say what is wrong with complete arguments (defaults filled in) under this rule."""
        if any(args.get(key) != wanted for key, wanted in self.when.items()):
            return
        given = [args.get(key) for key in self.keys]
        if not self._can_be_asked(*given) or self._holds(*given):
            return
        shown = ", ".join(f"{key} {value}" for key, value in zip(self.keys, given, strict=True))
        yield Problem(
            pointer(self.keys[0]), self.kind, f"{self.message}: {shown}", self._advice(*given)
        )

    def _can_be_asked(self, first: Any, second: Any = 0) -> bool:
        """Whether the values are of the kind that the rule compares; types are the schema's."""
        if self.kind == "multiple_of":
            return is_number(first) and is_number(second)
        if self.kind == "fits_holdout":
            return bool(_RATIO.fullmatch(str(first))) and is_number(second)
        return first is not None

    def _holds(self, first: Any, second: Any = None) -> bool:
        if self.kind == "multiple_of":
            return bool(second) and first % second == 0
        if self.kind == "fits_holdout":
            return train_share(first) + Fraction(str(second)) <= 1
        return bool(first != self.value)

    def _advice(self, first: Any, second: Any = None) -> str | None:
        if self.kind == "multiple_of" and second:
            return f"take {max(second, first - first % second)}"
        if self.kind == "fits_holdout":
            rest = float(1 - train_share(first))
            return f"the ratio leaves {rest:.4g} of the pool; hold out that much or less"
        return None


def train_share(ratio: str) -> Fraction:
    """Return the share of the pool that a train:test ratio trains on: "4:1" → 4/5."""
    train, test = (int(part) for part in ratio.split(":"))
    return Fraction(train, train + test)


def read_constraints(given: Any, known: Collection[str]) -> tuple[Constraint, ...]:
    """Return the rules of a schema's `x-paribus`.

    Raises:
        InvalidProgramSchema: Not a list of rules, an unknown kind, a key that the
            schema does not have.
    """
    where = pointer("x-paribus", "constraints")
    if not isinstance(given, list | tuple):
        raise InvalidProgramSchema(where, "a list of rules was expected")
    return tuple(_read(entry, known, where + pointer(at)) for at, entry in enumerate(given))


def _read(entry: Any, known: Collection[str], where: str) -> Constraint:
    kind = str(entry.get("kind")) if isinstance(entry, Mapping) else ""
    if kind not in _KEY_FIELDS:
        raise InvalidProgramSchema(where, f"rule {kind!r} is not one of {', '.join(_KEY_FIELDS)}")
    keys = tuple(str(entry.get(name)) for name in _KEY_FIELDS[kind])
    when = entry.get("when", {})
    if not isinstance(when, Mapping):
        raise InvalidProgramSchema(where + "/when", "a mapping of keys to values was expected")
    for key in (*keys, *when):
        if key not in known:
            raise InvalidProgramSchema(where, f"the rule names {key!r}, which is no parameter")
    return Constraint(kind, str(entry.get("message", kind)), keys, when, entry.get("value"))
