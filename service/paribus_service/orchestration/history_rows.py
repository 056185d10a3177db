"""A run's history row by row, as it came: what of a row is asked for, and all rows as JSON lines.

Nothing here loads numpy.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, nearest
from paribus_service.orchestration.recorder import parse_object
from paribus_service.store import curves as curve_store
from paribus_service.store import history
from paribus_service.store.engine import session_scope
from paribus_service.store.json_text import write_json
from paribus_service.store.runs import lookup
from paribus_service.store.tables import Run

STEP = "_step"
_LINES_AT_ONCE = 5_000
_KEYS_COUNTED = 10_000  # the recorder counts no more of them for one run


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a history.

    Part()                                   # all of it
    Part(keys=("loss",), min_step=100)
    Part(keys=("loss",), x="epoch")          # joined on epochs
    """

    keys: tuple[str, ...] = ()
    """Nested ones with dots between; empty for all."""
    min_step: int | None = None
    """Rows with `_step` from here on."""
    max_step: int | None = None
    """Rows with `_step` below this."""
    x: str | None = None
    """As of curves; None: rows as they were logged."""
    roles: tuple[tuple[str, str], ...] = ()
    """Role → key, as the request says."""


def refuse_unknown_keys(session: Session, run: Run, keys: Collection[str]) -> None:
    """Refuse a key that a run which has logged something has never logged.

    Raises:
        InvalidRequest: With the nearest key.
    """
    tops = run.history_keys
    if not tops or len(tops) >= _KEYS_COUNTED:
        return
    places = curve_store.history_places(session, [run.pk])
    nested = curve_store.column_keys(session, list(places.values())).get(run.pk, frozenset())
    known = sorted({*tops, *nested})
    for key in keys:
        if key not in known and key.partition(".")[0] not in tops:
            near = nearest(key, known)
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(known[:20])}"
            message = f"run {run.id} has never logged {key!r}"
            raise InvalidRequest.one("?keys", message, code="unknown_key", hint=hint)


def chosen(row: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """A row's values of these keys and its `_step`; nothing where it holds none of them."""
    if not keys:
        return row
    found = {key: v for key in keys if (v := lookup(row, key)) is not None or key in row}
    if not found:
        return {}
    return {STEP: row[STEP], **found} if STEP in row else found


def json_lines(engine: Engine, run: Run, part: Part) -> Iterator[bytes]:
    """Every row as it came, one line of JSON each, read a few thousand at a time.

    Each stretch has a session of its own: none is held open while a slow client reads. Lines of a
    session that was overwritten meanwhile stay what they were.
    """
    first = 0
    while True:
        with session_scope(engine, reads_only=True) as session:
            rows = history.history_steps(
                session,
                run,
                min_step=part.min_step,
                max_step=part.max_step,
                first_line=first,
                limit=_LINES_AT_ONCE,
            )
        parsed = (chosen(parse_object(text), part.keys) for _, _, text in rows)
        yield b"".join(write_json(row) + b"\n" for row in parsed if row)
        if len(rows) < _LINES_AT_ONCE:
            return
        first = rows[-1][0] + 1
