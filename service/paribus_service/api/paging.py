"""Pages: a capped size, and a token that says where the next one begins."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

from fastapi import Query

from paribus_service.errors import InvalidRequest

MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 50

PageSize = Annotated[
    int, Query(ge=1, le=MAX_PAGE_SIZE, description="How many items one page holds at most.")
]
PageToken = Annotated[
    str | None,
    Query(max_length=1000, description="`next_page_token` of the page before; opaque."),
]
Row = TypeVar("Row")


def encode(position: Sequence[Any]) -> str:
    """A token for a position: times, numbers and texts."""
    plain = [{"at": p.isoformat()} if isinstance(p, datetime) else p for p in position]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def decode(token: str | None, *types: type) -> tuple[Any, ...] | None:
    """The position in a token, or None without one.

    Raises:
        InvalidRequest: It is none of ours, or of another list.
    """
    if token is None:
        return None
    try:
        plain = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        position = tuple(_moment(p) for p in plain)
    except (ValueError, TypeError, KeyError, binascii.Error):
        position = ()
    if tuple(map(type, position)) != types:
        raise InvalidRequest.one(
            "?page_token",
            "this is no page token of this list: send `next_page_token` as it came, or nothing",
        )
    return position


def _moment(part: Any) -> Any:
    return datetime.fromisoformat(part["at"]) if isinstance(part, dict) else part


def page_of(
    rows: Sequence[Row], size: int, position: Callable[[Row], Sequence[Any]]
) -> tuple[Sequence[Row], str | None]:
    """The first `size` of `rows`, and the token of the next page if there is one.

    Args:
        rows: One more than `size` was asked for: whether it came says if there is a next page.
        size: Of a page.
        position: Where a row stands in the list.
    """
    if len(rows) <= size:
        return rows, None
    return rows[:size], encode(position(rows[size - 1]))
