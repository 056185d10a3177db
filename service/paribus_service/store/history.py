"""Lines of a run's streams: history, system metrics, console output. They never commit.

Promises:
- A line is written by its number: the same request twice leaves the same lines, in any order.
- The text is what came, byte for byte; nothing here parses it.
- A hole (a line number that never came) is absent here and counted in `next line`; readers that
  must not see holes fill them.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from paribus_service.store.tables import Run, StreamLine


class Stream(IntEnum):
    """Which of a run's files the client appends to."""

    HISTORY = 0
    EVENTS = 1
    OUTPUT = 2


def write_lines(
    session: Session,
    *,
    run_pk: int,
    run_session: int,
    stream: Stream,
    lines: Iterable[tuple[int, int | None, str]],
) -> None:
    """Write (line number, `_step` or None, text); what stands at a number already is replaced."""
    rows = [
        {
            "run_pk": run_pk,
            "session": run_session,
            "stream": int(stream),
            "line": i,
            "step": step,
            "text": text,
        }
        for i, step, text in lines
    ]
    if rows:
        session.connection().execute(_upsert(session), rows)


def drop_lines(session: Session, run: Run, stream: Stream) -> None:
    """Forget a stream's lines of the run's present session."""
    session.execute(
        delete(StreamLine).where(
            StreamLine.run_pk == run.pk,
            StreamLine.session == run.session,
            StreamLine.stream == int(stream),
        )
    )


_statements: dict[str, Any] = {}


def _upsert(session: Session) -> Any:
    dialect = session.get_bind().dialect.name
    if dialect not in _statements:
        insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
        statement = insert(StreamLine)
        _statements[dialect] = statement.on_conflict_do_update(
            index_elements=["run_pk", "session", "stream", "line"],
            set_={"step": statement.excluded.step, "text": statement.excluded.text},
        )
    return _statements[dialect]


def read_lines(
    session: Session,
    run: Run,
    stream: Stream,
    *,
    first: int = 0,
    limit: int | None = None,
) -> list[tuple[int, str]]:
    """(line number, text) from line `first` on, in order, of the run's present session."""
    query = (
        select(StreamLine.line, StreamLine.text)
        .where(
            StreamLine.run_pk == run.pk,
            StreamLine.session == run.session,
            StreamLine.stream == int(stream),
            StreamLine.line >= first,
        )
        .order_by(StreamLine.line)
    )
    if limit is not None:
        query = query.limit(limit)
    return [(line, text) for line, text in session.execute(query)]


def last_lines(session: Session, run: Run, stream: Stream, count: int) -> list[tuple[int, str]]:
    """The last `count` lines, in order."""
    query = (
        select(StreamLine.line, StreamLine.text)
        .where(
            StreamLine.run_pk == run.pk,
            StreamLine.session == run.session,
            StreamLine.stream == int(stream),
        )
        .order_by(StreamLine.line.desc())
        .limit(count)
    )
    return [(line, text) for line, text in session.execute(query)][::-1]


def lines_at(session: Session, run: Run, stream: Stream, numbers: Sequence[int]) -> list[str]:
    """The texts of these lines, in order; holes are left out."""
    found: list[str] = []
    for start in range(0, len(numbers), 500):
        query = (
            select(StreamLine.text)
            .where(
                StreamLine.run_pk == run.pk,
                StreamLine.session == run.session,
                StreamLine.stream == int(stream),
                StreamLine.line.in_(numbers[start : start + 500]),
            )
            .order_by(StreamLine.line)
        )
        found += session.scalars(query)
    return found


def history_steps(
    session: Session,
    run: Run,
    *,
    min_step: int | None = None,
    max_step: int | None = None,
    first_line: int = 0,
    limit: int | None = None,
) -> Sequence[tuple[int, int | None, str]]:
    """(line number, `_step`, text) with min_step ≤ step < max_step, in the order of lines."""
    query = (
        select(StreamLine.line, StreamLine.step, StreamLine.text)
        .where(
            StreamLine.run_pk == run.pk,
            StreamLine.session == run.session,
            StreamLine.stream == int(Stream.HISTORY),
            StreamLine.line >= first_line,
        )
        .order_by(StreamLine.line)
    )
    if min_step is not None:
        query = query.where(StreamLine.step >= min_step)
    if max_step is not None:
        query = query.where(StreamLine.step < max_step)
    if limit is not None:
        query = query.limit(limit)
    return [(line, step, text) for line, step, text in session.execute(query)]


def iterate_history(session: Session, run: Run, *, chunk: int = 5000) -> Iterator[str]:
    """Every history line's text, in order, without holding all of them."""
    first = 0
    while rows := read_lines(session, run, Stream.HISTORY, first=first, limit=chunk):
        yield from (text for _, text in rows)
        first = rows[-1][0] + 1
