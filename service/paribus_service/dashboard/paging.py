"""Lists that go on on another page."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from paribus_service.errors import InvalidRequest

Row = TypeVar("Row")
SWEEPS_A_PAGE = 25
RUNS_A_PAGE = 50
TRIALS_A_PAGE = 200  # a design of 200 is read in one go; larger ones in parts


def cut(rows: Sequence[Row], size: int) -> tuple[Sequence[Row], bool]:
    """The page's rows, and whether there are more; ask for `size + 1`."""
    return rows[:size], len(rows) > size


def mark(moment: datetime, key: str | int) -> str:
    """The place of a row in a list, for an address."""
    return f"{moment.isoformat()}~{key}"


def read_mark(text: str) -> tuple[datetime, str] | None:
    """The place that an address names; None where it names none.

    Raises:
        InvalidRequest: It is not one that `mark` wrote.
    """
    if not text:
        return None
    moment, _, key = text.partition("~")
    try:
        place = datetime.fromisoformat(moment)
    except ValueError as error:
        raise _not_a_mark(text) from error
    if place.tzinfo is None or not key:
        raise _not_a_mark(text)
    return place, key


def _not_a_mark(text: str) -> InvalidRequest:
    return InvalidRequest.one(
        "?before", f"{text!r} is not a place in a list: leave it away to begin with the newest"
    )


def query(**values: str) -> str:
    """The query part of an address, without what is empty."""
    kept = {key: value for key, value in values.items() if value}
    return f"?{urlencode(kept)}" if kept else "?"
