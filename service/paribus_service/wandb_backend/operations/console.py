"""A run's console output, line by line.

Lines come as JSON objects, since we advertise STRUCTURED_CONSOLE_LOGS, or, from older clients, as
`[ERROR ]<time> <text>`; both are stored as they came and taken apart here.

Source: PROTOCOL 6 and 13 (wandb 0.31.0, core/internal/runconsolelogs,
wandb/apis/public/console_logs.py).
"""

import re
from datetime import UTC, datetime
from typing import Any

from paribus_service.orchestration.recorder import parse_object
from paribus_service.store import history as lines
from paribus_service.store.history import Stream
from paribus_service.store.tables import Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.operations.pages import cursor, read_cursor
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_LARGEST_PAGE = 10_000
_PLAIN = re.compile(r"(ERROR )?(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)Z? ?(.*)", re.DOTALL)


@resolvers("Run", "logLines")
def log_lines(
    run: Run,
    context: Context,
    *,
    first: int | None,
    last: int | None,
    after: str | None,
    **_: object,
) -> dict[str, Any]:
    """Lines in the order of their numbers: a page from `after` on, or the `last` ones."""
    if last is not None:
        found = lines.last_lines(
            context.session, run, Stream.OUTPUT, min(max(last, 0), _LARGEST_PAGE)
        )
        return _connection(found, has_more=False)
    size = min(_LARGEST_PAGE if first is None else max(first, 0), _LARGEST_PAGE)
    found = lines.read_lines(
        context.session, run, Stream.OUTPUT, first=_behind(after), limit=size + 1
    )
    return _connection(found[:size], has_more=len(found) > size)


def _behind(after: str | None) -> int:
    number = read_cursor(after) if after else ""
    return int(number) + 1 if number.isdecimal() else 0


def _connection(found: list[tuple[int, str]], *, has_more: bool) -> dict[str, Any]:
    edges = [{"node": log_line(n, text), "cursor": cursor(str(n))} for n, text in found]
    end = edges[-1]["cursor"] if edges else None
    return {"edges": edges, "pageInfo": {"hasNextPage": has_more, "endCursor": end}}


def log_line(number: int, text: str) -> dict[str, Any]:
    """One stored line, taken apart."""
    if text.startswith("{"):
        told = parse_object(text)
        if "content" in told:
            return {
                "number": number,
                "timestamp": _moment(told.get("ts")),
                "level": told.get("level") or "",
                "label": told.get("label") or "",
                "line": str(told["content"]),
            }
    found = _PLAIN.fullmatch(text)
    if found is None:
        return {"number": number, "timestamp": None, "level": "", "label": "", "line": text}
    level, moment, rest = found.groups()
    return {
        "number": number,
        "timestamp": _moment(moment),
        "level": "error" if level else "",
        "label": "",
        "line": rest,
    }


def _moment(text: Any) -> datetime | str | None:
    """The client writes UTC without saying so; microseconds are kept."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
