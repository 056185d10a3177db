"""Slips of YAML 1.1, seen from what the program's schema says the value should be.

Unquoted 1:1 is the number 61 (base sixty), unquoted 2e-5 is a text, `off` is a
boolean. Source: yaml.org/type/int.html, float.html, bool.html (YAML 1.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paribus_sweeps.spec.intake import number_in

_BASE = 60  # 1:1 is 1 * 60 + 1


def type_names(subschema: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the types that a subschema allows, as a tuple; empty where it does not say."""
    given = subschema.get("type", ())
    return (given,) if isinstance(given, str) else tuple(given)


def put_right(value: Any, subschema: Mapping[str, Any]) -> tuple[Any, str | None]:
    """Return the value in the type that the schema wants, warned where its spelling was off."""
    types = type_names(subschema)
    if isinstance(value, str) and "string" not in types:
        return _number_from_text(value, types)
    if isinstance(value, float) and value.is_integer() and {"integer"} == set(types) - {"null"}:
        return int(value), None
    return value, None


def _number_from_text(text: str, types: tuple[str, ...]) -> tuple[Any, str | None]:
    number = number_in(text) if {"number", "integer"} & set(types) else None
    if number is None:
        return text, None
    if "number" not in types and float(number).is_integer():
        number = int(number)
    return number, f"{text!r} is text in YAML 1.1; taken as the number {number}"


def slip_hint(value: Any, subschema: Mapping[str, Any]) -> str | None:
    """Say what the writer probably meant, where YAML made another thing of it."""
    types = type_names(subschema)
    if "string" not in types:
        if isinstance(value, bool):
            return "YAML reads yes, no, on and off as booleans"
        return "take the quotes off" if isinstance(value, str) else None
    if isinstance(value, bool):
        word = "on or yes" if value else "off or no"
        return f"was this {word}? quote it"
    if isinstance(value, int) and _is_ratio(subschema) and value > _BASE:
        return f"was this {value // _BASE}:{value % _BASE}? quote it"
    return "quote it" if isinstance(value, int | float) else None


def _is_ratio(subschema: Mapping[str, Any]) -> bool:
    pattern = subschema.get("pattern")
    return subschema.get("format") == "ratio" or bool(pattern and re.search(pattern, "1:1"))
