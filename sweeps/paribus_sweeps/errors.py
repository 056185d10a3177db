"""What can go wrong with a sweep.

SweepError
├── InvalidSpec            the config cannot be a sweep; `problems` lists everything that was found
│   ├── NotOffered         understood, and refused by name
│   └── TooManyTrials      the design is larger than the limit; `count`, `limit`
├── EndlessSearch          trials were asked for all at once where there is no last one
├── InvalidProgramSchema   a program's published schema cannot be used; `pointer`, `reason`
├── UnknownSweepName       the library has no such sweep; `name`, `nearest`
├── InvalidResponse        a text that names no response; `text`, `problem`, `hint`
├── UnknownKind            there is no such kind of answer; `kind`, `known`
├── UnknownRole            a caller names a role that no key can have; `role`, `known`
├── UnknownThreshold       there is no such threshold of a rule; `name`, `known`
├── InvalidThreshold       a threshold is out of its bounds; `name`, `value`
├── UnknownKey             no run has logged a key as a number; `key`, `known`
├── InvalidSeries          a request for curves cannot be read; `field`, `value`, `problem`
├── UnknownColumn          a frame has no such column; `name`, `known`
├── UnknownFactor          a question names a factor that the runs do not have; `name`, `known`
├── UnknownName            the same of a factor, a level or a block of new runs; `where`, `name`
├── GoalUnknown            nobody said which way a response is better; `response`
├── CannotTransform        a response lies where its transform is not defined; `value`
├── NoSuchInteraction      one of its factors does not vary; `pair`, `name`
├── NotOnScale             a factor's value has no place on its scale; `factor`, `label`
└── TooLarge               a model has too many columns; `parameters`, `column`, `levels`
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
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
        super().__init__(
            f"method: {method} without run_cap, or driven by a client, has no last trial that is "
            "known; ask one at a time"
        )
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


class InvalidResponse(SweepError):
    """A text that is no response; `text` is what was asked, `hint` what to do instead."""

    def __init__(self, text: str, problem: str, *, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.text = text
        self.problem = problem
        self.hint = hint


class UnknownKind(SweepError):
    """There is no such kind of answer; `kind`, `known`."""

    def __init__(self, kind: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no answer {kind!r}; there are {', '.join(known)}")
        self.kind = kind
        self.known = tuple(known)


class UnknownRole(SweepError):
    """A caller names a role that no key can have; `role`, `known`, `hint`."""

    def __init__(self, role: str, known: Sequence[str], *, hint: str | None) -> None:
        told = hint or f"there are {', '.join(known)}"
        super().__init__(f"there is no role {role!r}; {told}")
        self.role = role
        self.known = tuple(known)
        self.hint = hint


class UnknownThreshold(SweepError):
    """There is no such threshold of a rule; `name`, `known`, `hint`."""

    def __init__(self, name: str, known: Sequence[str], *, hint: str | None) -> None:
        told = hint or f"there are {', '.join(known)}"
        super().__init__(f"there is no threshold {name!r}; {told}")
        self.name = name
        self.known = tuple(known)
        self.hint = hint


class InvalidThreshold(SweepError):
    """A threshold is out of its bounds; `name`, `value`, `low`, `high`."""

    def __init__(self, name: str, value: float, low: float, high: float) -> None:
        super().__init__(f"{name} is {value:g}: expected a number from {low:g} to {high:g}")
        self.name = name
        self.value = value
        self.low = low
        self.high = high


class UnknownKey(SweepError):
    """No run has logged this key as a number; `key`, `known`, `hint`."""

    def __init__(self, key: str, known: Collection[str]) -> None:
        near = get_close_matches(key, list(known), n=3)
        shown = " or ".join(repr(name) for name in near)
        first = sorted(known)[:10]
        more = f" and {len(known) - len(first):,} more" if len(known) > len(first) else ""
        self.hint = f"did you mean {shown}?" if near else f"there are {', '.join(first)}{more}"
        super().__init__(f"none of these runs has logged {key!r} as a number; {self.hint}")
        self.key = key
        self.known = tuple(known)


class InvalidSeries(SweepError):
    """A request for curves cannot be read; `field` is what it says, `problem` what is wrong."""

    def __init__(self, field: str, value: object, problem: str) -> None:
        super().__init__(f"{field} {value!r}: {problem}")
        self.field = field
        self.value = value
        self.problem = problem


class UnknownColumn(SweepError):
    """The frame has no such column; `name`, `known`."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"the frame has no column {name!r}; it has {', '.join(known)}")
        self.name = name
        self.known = tuple(known)


class UnknownFactor(SweepError):
    """A question names a factor that the runs do not have; `name`, `known`."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"there is no factor {name!r}; there are {', '.join(known) or 'none'}")
        self.name = name
        self.known = tuple(known)


class UnknownName(SweepError):
    """A question about new runs names a factor, a level or a block that the runs do not have."""

    def __init__(self, where: str, name: str, known: Collection[str]) -> None:
        near = get_close_matches(name, list(known), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known) or 'none'}"
        super().__init__(f"{where}: there is no {name!r}; {hint}")
        self.where = where
        self.name = name


class GoalUnknown(SweepError):
    """Runs cannot be ranked: nobody said which way the response is better; `response`."""

    def __init__(self, response: str) -> None:
        super().__init__(f"which way is {response!r} better? say goal: minimize or maximize")
        self.response = response


class CannotTransform(SweepError):
    """A response does not lie where its transform is defined; `transform`, `value`."""

    def __init__(self, transform: str, value: float, expected: str) -> None:
        super().__init__(f"transform {transform}: the response {value:g} is not {expected}")
        self.transform = transform
        self.value = value


class TooLarge(SweepError):
    """A model has more columns than can be looked at; `parameters`, and the widest column."""

    def __init__(self, parameters: int, column: str, levels: int, *, most: int) -> None:
        super().__init__(
            f"the model would have {parameters:,} columns (`{column}` alone has {levels:,} "
            f"levels); at most {most:,}, fewer with very many runs: leave the column "
            "out, or ask for it on its values where they are numbers"
        )
        self.parameters = parameters
        self.column = column
        self.levels = levels


class NotOnScale(SweepError):
    """A factor's value has no place on the scale of the model; `factor`, `label`, `transform`."""

    def __init__(self, factor: str, label: str, transform: str) -> None:
        super().__init__(
            f"factor {factor}: {label} has no {transform}; take the factor on another scale, or "
            "level by level"
        )
        self.factor = factor
        self.label = label
        self.transform = transform


class NoSuchInteraction(SweepError):
    """A pair of factors of which one does not vary; `pair`, `name`."""

    def __init__(self, pair: tuple[str, str], name: str) -> None:
        super().__init__(
            f"interaction {pair[0]} x {pair[1]}: {name} does not vary between the finished runs, "
            "so that it can interact with nothing; leave the pair out"
        )
        self.pair = pair
        self.name = name


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
