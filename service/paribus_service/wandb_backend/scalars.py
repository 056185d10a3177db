"""W&B's scalars: how values leave, and what is taken.

A `JSONString` is text that holds JSON and may hold bare NaN and Infinity: it passes untouched. A
`JSON` is real JSON inside the answer, where such numbers become the strings "NaN", "Infinity" and
"-Infinity" (PROTOCOL 17, trap 5).
"""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from graphql import GraphQLError, GraphQLScalarType


def strict(value: Any) -> Any:
    """The value as strict JSON: non-finite numbers as the strings that W&B writes."""
    if isinstance(value, float):
        return value if math.isfinite(value) else json.dumps(value)
    if isinstance(value, dict):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    return value


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z, as W&B writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json_string(scalar: GraphQLScalarType) -> None:
    def serialize(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    def parse(value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        raise GraphQLError(f"a JSONString is a text that holds JSON, not {value!r}")

    scalar.serialize, scalar.parse_value = serialize, parse  # type: ignore[method-assign]


def _json(scalar: GraphQLScalarType) -> None:
    scalar.serialize = strict  # type: ignore[method-assign]


def _int64(scalar: GraphQLScalarType) -> None:
    def parse(value: Any) -> int:
        try:
            if isinstance(value, bool) or (isinstance(value, float) and value != int(value)):
                raise ValueError
            return int(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise GraphQLError(f"an Int64 is a whole number, not {value!r}") from error

    def serialize(value: Any) -> int:
        return int(value)

    scalar.serialize, scalar.parse_value = serialize, parse  # type: ignore[method-assign]


def _date_time(scalar: GraphQLScalarType) -> None:
    def serialize(value: Any) -> str:
        return iso(value) if isinstance(value, datetime) else str(value)

    scalar.serialize = serialize  # type: ignore[method-assign]


SCALARS: dict[str, Callable[[GraphQLScalarType], None]] = {
    "JSONString": _json_string,
    "JSON": _json,
    "Int64": _int64,
    "DateTime": _date_time,
}
