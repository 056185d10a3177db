"""Taking in single values: what the program's schema makes of them, with YAML's traps.

`Program` is what a spec needs to know of a program; `paribus_sweeps.programs`
implements it. Without one, values stay as they are, and only what is surely a
slip of YAML 1.1 is warned of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from paribus_sweeps.errors import Problem, pointer
from paribus_sweeps.spec.reading import is_number, shown

# What YAML 1.1 takes as text and people mean as a number: 2e-5, 1e5, 1E-3 (it wants a dot
# and a sign). Source: yaml.org/type/float.html
_EXPONENT_WITHOUT_DOT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one value.

    Taken(8)                                            # fine as it was
    Taken(2e-5, warning="'2e-5' is text in YAML …")     # put right
    Taken(61, problem=Problem("", "type", …))           # refused
    """

    value: Any
    problem: Problem | None = None
    """Its pointer is relative to the value."""
    warning: str | None = None


class Program(Protocol):
    """What a spec asks a program's schema."""

    @property
    def name(self) -> str:
        """As it stands after `program:`."""

    def unknown(self, key: str) -> Problem | None:
        """Return the problem with a key that the program does not take, None where it does."""

    def take(self, key: str, value: Any) -> Taken:
        """`value` for `key`, checked, and put right where only its spelling was off."""

    def draws_problem(self, key: str, low: float, high: float, whole: bool) -> Problem | None:
        """Say what is wrong with drawing `key` between `low` and `high`, if anything is."""

    def varying_problems(
        self, keys: frozenset[str], responses: tuple[str, ...]
    ) -> tuple[Problem, ...]:
        """Say what cannot be asked (a response) while these keys vary; pointers are absolute."""

    def check(self, args: Mapping[str, Any]) -> tuple[Problem, ...]:
        """Say what is wrong with one trial's arguments as a whole; pointers name the key."""


Programs = Callable[[str], Program | None]
"""Looks a program's schema up by the name after `program:`; None where it has none."""


def no_programs(name: str) -> Program | None:
    """Know no program at all: every parameter passes as under W&B."""
    del name
    return None


class Intake:
    """Takes values in for one config, collecting problems and warnings on the way."""

    def __init__(self, program: Program | None, problems: list[Problem]) -> None:
        self.program = program
        self.problems = problems
        self.warnings: list[str] = []

    def key(self, key: str, where: str) -> bool:
        """Whether the program takes `key`; a problem is noted where it does not."""
        problem = self.program.unknown(key) if self.program else None
        if problem:
            self.problems.append(problem.under(where))
        return problem is None

    def value(self, key: str, value: Any, where: str) -> Any:
        """`value` as the program is to get it; problems and warnings are noted."""
        if self.program is None or self.program.unknown(key):
            self._warn_of_exponent(value, where)
            return value
        taken = self.program.take(key, value)
        if taken.problem:
            self.problems.append(taken.problem.under(where))
        if taken.warning:
            self.warn(where, taken.warning)
        return taken.value

    def number(self, value: Any, where: str) -> Any:
        """`value` where the format itself wants a number, such as `min`."""
        if isinstance(value, str) and (number := number_in(value)) is not None:
            self.warn(where, f"{shown(value)} is text in YAML 1.1; taken as the number {number}")
            return number
        if not is_number(value):
            message = f"{shown(value)}: a number was expected"
            self.problems.append(Problem(where, "type", message))
            return None
        return value

    def warn(self, where: str, message: str) -> None:
        """Note something that is taken, and that its writer may not have meant."""
        self.warnings.append(f"{where}: {message}")

    def _warn_of_exponent(self, value: Any, where: str) -> None:
        if isinstance(value, str) and _EXPONENT_WITHOUT_DOT.fullmatch(value):
            advice = "write 2.0e-5 and not 2e-5 for a number"
            self.warn(where, f"{shown(value)} is text in YAML 1.1 and stays text; {advice}")


def number_in(text: str) -> int | float | None:
    """Return the number that a text spells, None where it spells none (NaN and infinity too)."""
    if not re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?", text.strip()):
        return None
    if re.fullmatch(r"[-+]?[0-9]{1,18}", text.strip()):
        return int(text)
    number = float(text)
    return number if abs(number) != float("inf") else None


def at(where: str, *parts: object) -> str:
    """Return the pointer to `parts` under `where`."""
    return where + pointer(*parts)
