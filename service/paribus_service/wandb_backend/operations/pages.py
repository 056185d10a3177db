"""Relay pages over lists that are at hand."""

import base64
from collections.abc import Callable, Sequence
from typing import Any

from paribus_service.errors import InvalidRequest

_LARGEST_PAGE = 1000


def page_of(
    items: Sequence[Any], *, first: int | None, after: str | None, key: Callable[[Any], str]
) -> dict[str, Any]:
    """The page behind the cursor `after`; a cursor names the item that it stands behind."""
    start = 0
    if after:
        last_seen = read_cursor(after)
        start = next((i + 1 for i, item in enumerate(items) if key(item) == last_seen), len(items))
    size = min(_LARGEST_PAGE if first is None else max(first, 0), _LARGEST_PAGE)
    chosen = items[start : start + size]
    edges = [{"node": item, "cursor": cursor(key(item))} for item in chosen]
    return {
        "edges": edges,
        "pageInfo": {
            "hasNextPage": start + size < len(items),
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def cursor(text: str) -> str:
    """An opaque cursor."""
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_cursor(given: str) -> str:
    """What a cursor was made of.

    Raises:
        InvalidRequest: It is none of ours.
    """
    try:
        return base64.urlsafe_b64decode(given.encode()).decode()
    except ValueError as error:
        raise InvalidRequest.one("/after", f"{given!r} is no cursor of this server") from error
