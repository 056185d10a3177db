"""What the curve of one key needs of many runs: where their history stands, and its lines.

Queries read columns and no rows of `runs`: a question over thousands of runs needs neither
their configs nor their summaries. They never commit.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from paribus_service.store.history import Stream
from paribus_service.store.tables import ConfigValue, Run, StreamLine

_PKS_AT_ONCE = 500  # parameters of one statement, well below SQLite's limit
_LINES_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class HistoryPlace:
    """A run's present history: equal places hold equal lines."""

    run_pk: int
    run_id: str
    """Our own id."""
    session: int
    lines: int


def history_places(session: Session, run_pks: Collection[int]) -> dict[int, HistoryPlace]:
    """Key → where the run's history stands."""
    found = {}
    for chunk in _chunks(run_pks):
        query = select(Run.pk, Run.id, Run.session, Run.history_lines).where(Run.pk.in_(chunk))
        for pk, run_id, run_session, lines in session.execute(query):
            found[pk] = HistoryPlace(pk, run_id, run_session, lines)
    return found


def history_keys(session: Session, run_pks: Collection[int]) -> dict[int, dict[str, Any]]:
    """Key → `Run.history_keys`: each key that stands at the top of a line, with type and count."""
    found: dict[int, dict[str, Any]] = {}
    for chunk in _chunks(run_pks):
        query = select(Run.pk, Run.history_keys).where(Run.pk.in_(chunk))
        found.update({pk: keys for pk, keys in session.execute(query)})
    return found


def config_numbers(
    session: Session, run_pks: Collection[int], keys: Sequence[str]
) -> dict[int, dict[str, float]]:
    """Key → config key → its number, where the run's config holds one."""
    found: dict[int, dict[str, float]] = {}
    for chunk in _chunks(run_pks):
        query = select(ConfigValue.run_pk, ConfigValue.key, ConfigValue.number).where(
            ConfigValue.run_pk.in_(chunk),
            ConfigValue.key.in_(keys),
        )
        for pk, key, number in session.execute(query):
            if number is not None:
                found.setdefault(pk, {})[key] = number
    return found


def lines_holding(
    session: Session, place: HistoryPlace, parts: Sequence[str]
) -> Iterator[tuple[int, str]]:
    """(line number, text) of the history lines that hold one of the texts, in order.

    Args:
        session: A reading session.
        place: Whose lines.
        parts: Looked for as they stand; SQLite finds other cases of letters too. None: every line.
    """
    query = (
        select(StreamLine.line, StreamLine.text)
        .where(
            StreamLine.run_pk == place.run_pk,
            StreamLine.session == place.session,
            StreamLine.stream == int(Stream.HISTORY),
        )
        .order_by(StreamLine.line)
        .limit(_LINES_AT_ONCE)
    )
    if parts:
        query = query.where(or_(*(StreamLine.text.contains(p, autoescape=True) for p in parts)))
    first = 0
    while rows := session.execute(query.where(StreamLine.line >= first)).all():
        yield from ((line, text) for line, text in rows)
        first = rows[-1][0] + 1


def _chunks(run_pks: Collection[int]) -> Iterator[list[int]]:
    wanted = sorted(run_pks)
    for start in range(0, len(wanted), _PKS_AT_ONCE):
        yield wanted[start : start + _PKS_AT_ONCE]
