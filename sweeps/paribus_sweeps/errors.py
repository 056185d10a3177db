"""What can go wrong with a sweep.

SweepError
├── InvalidSpec            the config cannot be a sweep; `problems` lists everything that was found
│   ├── NotOffered         understood, and refused by name
│   └── TooManyTrials      the design is larger than the limit; `count`, `limit`
├── EndlessSearch          trials were asked for all at once where there is no last one
├── InvalidProgramSchema   a program's published schema cannot be used; `pointer`, `reason`
└── UnknownSweepName       the library has no such sweep; `name`, `nearest`
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

_MOST_DIGITS = 30  # of a count that is written in full


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a config.

    Problem("/parameters/lr", "unknown_parameter", "…")       # where, what kind, a sentence
    Problem("/method", "not_offered", "…", hint="use random")  # and what to do
    """

    pointer: str
    """JSON pointer (RFC 6901) into the config, "" for the whole of it."""
    code: str
    """A stable word for programs, such as "unknown_key" or "not_offered"."""
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        where = f"{self.pointer}: " if self.pointer else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{where}{self.message}{hint}"

    def under(self, pointer: str) -> Problem:
        """Return the same problem, its pointer taken relative to `pointer`."""
        return replace(self, pointer=pointer + self.pointer)


class SweepError(Exception):
    """Base of everything this package raises on purpose."""


class InvalidSpec(SweepError):
    """The config cannot be a sweep; every problem that was found is in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NotOffered(InvalidSpec):
    """The config asks for something that is understood and not offered yet."""


class TooManyTrials(InvalidSpec):
    """The design is larger than the limit; it was counted and not built."""

    def __init__(self, count: int, limit: int, *, pointer: str = "") -> None:
        problem = Problem(
            pointer,
            "too_many_trials",
            f"this sweep has {_shown(count)} trials; the limit is {limit:,}",
            "take fewer levels or seeds, another design type, method: random, or set run_cap",
        )
        super().__init__([problem])
        self.count = count
        self.limit = limit


def _shown(count: int) -> str:
    """`count` in full, or its size where no line would hold it."""
    digits = int(math.log10(count))
    return f"{count:,}" if digits < _MOST_DIGITS else f"about 10^{digits}"


class EndlessSearch(SweepError):
    """All trials were asked for at once from a search that has no last one."""

    def __init__(self, method: str) -> None:
        super().__init__(f"method: {method} without run_cap has no last trial; ask one at a time")
        self.method = method


class InvalidProgramSchema(SweepError):
    """A program's published schema cannot be used to check its parameters."""

    def __init__(self, pointer: str, reason: str) -> None:
        super().__init__(f"{pointer or '/'}: {reason}")
        self.pointer = pointer
        self.reason = reason


class UnknownSweepName(SweepError):
    """The library has no sweep of this name; `nearest` holds what comes close."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.nearest = tuple(get_close_matches(name, known, n=3, cutoff=0.5))
        shown = " or ".join(repr(near) for near in self.nearest)
        hint = f"did you mean {shown}?" if shown else f"it has: {', '.join(known)}"
        super().__init__(f"the library has no sweep {name!r}; {hint}")


def refusal(problems: Sequence[Problem]) -> InvalidSpec:
    """Return the error that stands for `problems`: `NotOffered` if none of them is a mistake."""
    if all(problem.code == "not_offered" for problem in problems):
        return NotOffered(problems)
    return InvalidSpec(problems)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return a hint that names the nearest known word, or None where nothing is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else None


def pointer(*parts: object) -> str:
    """JSON pointer to `parts`, each escaped (RFC 6901, section 3)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
