"""Reading the question of a plain table: what it was measured by, and what is asked.

    response = ReadResponse.read(keys, rows)
    question = read_question(keys, response, factors=["batch"], others=["gpu"])

Nothing raises here: problems are collected, so that one answer names them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.labels import number_of
from paribus_sweeps.analysis.plain_columns import Rows
from paribus_sweeps.analysis.questions import ERRORS, Question, Sampler
from paribus_sweeps.analysis.transforms import TRANSFORMS
from paribus_sweeps.errors import did_you_mean, pointer
from paribus_sweeps.spec.reading import Keys, shown

RESPONSE_KEYS = ("name", "goal", "denominator", "resolution")
QUESTION_KEYS = (
    "factors",
    "smallest_effect",
    "transform",
    "interactions",
    "error",
    "compare",
    "ignore",
    "sampler",
    "planned",
    "hours_per_run",
    "level",
    "bins",
    "allow_crashed",
)
_COMPARE = ("baseline", "pairwise")
_WORDS = ("auto", "none", "all")


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """What the runs were measured by; `name` is "" where the body does not say."""

    name: str
    goal: Goal | None = None
    denominator: int | None = None
    resolution: float = 0.0

    @classmethod
    def read(cls, keys: Keys, rows: Rows) -> ReadResponse:
        """Read `response`: the name of a column, or an object with it."""
        given = keys.mapping.get("response")
        if isinstance(given, str) and given:
            given = {"name": given}
        if not isinstance(given, Mapping):
            code = "missing" if given is None else "type"
            message = f"{shown(given)}: a response is the name of a column, or an object with name"
            keys.refuse(code, message, "response")
            return cls("")
        inner = Keys(given, keys.where + pointer("response"), keys.problems)
        inner.refuse_others(RESPONSE_KEYS, "key of a response")
        goal: Any = inner.choice("goal", get_args(Goal))
        return cls(
            _column(inner, rows),
            goal,
            inner.integer("denominator", at_least=1),
            _within(inner, "resolution", 0, math.inf, "a number of at least 0") or 0.0,
        )


def _column(keys: Keys, rows: Rows) -> str:
    name = keys.text("name")
    if name is None and keys.mapping.get("name") is None:
        keys.refuse("missing", "a response has a name: the column that holds it", "name")
    if name and rows.lacks(name):
        message = f"no run has a column {name!r}"
        keys.refuse("unknown_column", message, "name", hint=rows.hint(name))
    return name or ""


def read_question(
    keys: Keys, response: ReadResponse, *, factors: Sequence[str], others: Sequence[str]
) -> Question:
    """Read `question`, and note what is wrong with it.

    Args:
        keys: The body.
        response: Of the same body.
        factors: Names of the factors.
        others: Names of blocks and lurking columns.
    """
    where = keys.where + pointer("question")
    inner = Keys(keys.mapping_at("question") or {}, where, keys.problems)
    inner.refuse_others(QUESTION_KEYS, "key of a question")
    compare = inner.choice("compare", _COMPARE)
    transform: Any = inner.choice("transform", TRANSFORMS)
    sampler: Any = inner.choice("sampler", get_args(Sampler))
    error: Any = inner.choice("error", ERRORS)
    return Question(
        response=response.name,
        goal=response.goal,
        factors=_named(inner, "factors", factors, "factor"),
        smallest_effect=_positive(inner, "smallest_effect"),
        transform=transform or "identity",
        denominator=response.denominator,
        interactions=_interactions(inner, factors),
        error=error or "auto",
        against_baseline=None if compare is None else compare == "baseline",
        waived=_named(inner, "ignore", others, "block or lurking column"),
        sampler=sampler,
        has_plan=_flag(inner, "planned", default=True),
        hours_per_run=_positive(inner, "hours_per_run"),
        level=_within(inner, "level", 0.5, 1, "a confidence of 0.5 or more, below 1") or 0.95,
        resolution=response.resolution,
        bins=inner.integer("bins", at_least=1),
        allow_crashed=_flag(inner, "allow_crashed", default=False),
    )


def _named(keys: Keys, key: str, known: Sequence[str], what: str) -> tuple[str, ...]:
    """Read a list of names, and refuse those that are not known, with the nearest that is."""
    names = keys.list_at(key) or []
    for at, name in enumerate(names):
        if name not in known:
            listed = f"known: {', '.join(known)}" if known else f"there is no {what}"
            hint = did_you_mean(str(name), known) or listed
            keys.refuse(
                f"unknown_{what.split()[0]}", f"there is no {what} {name!r}", key, at, hint=hint
            )
    return tuple(dict.fromkeys(str(name) for name in names))


def _within(keys: Keys, key: str, low: float, below: float, expected: str) -> float | None:
    """Read a number from `low` on and below another."""
    found = keys.number(key)
    if found is None:
        return None
    number = number_of(found)
    if number is None or not low <= number < below:
        keys.refuse("range", f"{shown(found)}: {expected} was expected", key)
        return None
    return number


def _positive(keys: Keys, key: str) -> float | None:
    least = math.ulp(0.0)  # the smallest number above 0
    return _within(keys, key, least, math.inf, "a number above 0")


def _flag(keys: Keys, key: str, *, default: bool) -> bool:
    found = keys.mapping.get(key, default)
    if not isinstance(found, bool):
        keys.refuse("type", f"{shown(found)}: true or false was expected", key)
        return default
    return found


def _interactions(keys: Keys, factors: Sequence[str]) -> Any:
    given = keys.mapping.get("interactions")
    if given is None:
        return "auto"
    if given in _WORDS:
        return given
    if not isinstance(given, list | tuple):
        message = f"{shown(given)}: auto, none, all or a list of pairs was expected"
        keys.refuse("value", message, "interactions")
        return "auto"
    for at, pair in enumerate(given):
        if not _is_pair(pair, factors):
            message = f"{shown(pair)}: two different factors were expected"
            keys.refuse("value", message, "interactions", at)
    return tuple((pair[0], pair[1]) for pair in given if _is_pair(pair, factors))


def _is_pair(pair: Any, factors: Sequence[str]) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return False
    return pair[0] != pair[1] and all(name in factors for name in pair)
