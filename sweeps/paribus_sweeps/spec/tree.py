"""Checks of the bare config tree, whoever parsed it: JSON bodies come without our reader.

After `check_tree` every key is a string, every number finite and of a size that
JSON, SQL and numpy carry unchanged, and every text can be stored as UTF-8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from paribus_sweeps.errors import InvalidSpec, Problem, pointer
from paribus_sweeps.spec.text import MAX_DEPTH, MAX_NODES

_LARGEST_INTEGER = 2**63 - 1  # of a signed 64-bit column
_MOST_PROBLEMS = 20  # a list of ten thousand NaN needs no ten thousand sentences


def check_tree(config: Mapping[str, Any]) -> None:
    """Refuse what no sweep config may hold anywhere.

    Raises:
        InvalidSpec: NaN, infinities, huge integers, keys that are no strings, texts
            with NUL or half a character, values that JSON does not have, too many
            values, too deep.
    """
    problems = []
    for problem in _problems(config):
        problems.append(problem)
        if len(problems) == _MOST_PROBLEMS or problem.code == "too_large":
            break
    if problems:
        raise InvalidSpec(problems)


def _problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Walk with a stack of our own: recursion would fail where `MAX_DEPTH` should speak."""
    stack: list[tuple[str, Any, int]] = [("", config, 0)]
    nodes = 0
    while stack:
        where, value, depth = stack.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            yield Problem("", "too_large", _size_message(depth))
        if isinstance(value, Mapping):
            yield from _key_problems(where, value)
            stack += [(where + pointer(key), item, depth + 1) for key, item in value.items()]
        elif isinstance(value, list | tuple):
            stack += [(where + pointer(at), item, depth + 1) for at, item in enumerate(value)]
        elif problem := _scalar_problem(where, value):
            yield problem


def _size_message(depth: int) -> str:
    if depth > MAX_DEPTH:
        return f"the config is nested more than {MAX_DEPTH} levels deep"
    return f"the config holds more than {MAX_NODES:,} values"


def _key_problems(where: str, mapping: Mapping[Any, Any]) -> Iterator[Problem]:
    for key in mapping:
        if not isinstance(key, str):
            message = f"the key {key!r} is no word; keys are words"
            yield Problem(where, "key_type", message, "quote it")
        elif problem := _text_problem(where, key):
            yield problem


def _scalar_problem(where: str, value: Any) -> Problem | None:
    if isinstance(value, str):
        return _text_problem(where, value)
    if isinstance(value, float):
        return None if math.isfinite(value) else _not_finite(where, value)
    if isinstance(value, int):
        return _integer_problem(where, value)
    if value is None:
        return None
    kind = type(value).__name__
    return Problem(where, "type", f"a value of type {kind} cannot be written as JSON")


def _integer_problem(where: str, value: int) -> Problem | None:
    if abs(value) <= _LARGEST_INTEGER:
        return None
    return Problem(where, "range", "this whole number does not fit into 64 bits")


def _not_finite(where: str, value: float) -> Problem:
    return Problem(where, "not_finite", f"{value} is not a number that a sweep can use")


def _text_problem(where: str, value: str) -> Problem | None:
    if "\x00" in value:
        return Problem(where, "text", "a text holds the character NUL, which is not storable")
    try:
        value.encode()
    except UnicodeEncodeError:
        return Problem(where, "text", "a text holds half a character (a lone surrogate)")
    return None
