"""What questions over curves need of many runs: where histories stand, their columns and lines.

Queries read columns and no rows of `runs`: a question over thousands of runs needs neither
their configs nor their summaries. They never commit.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Integer, bindparam, delete, insert, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from paribus_service.store.history import Stream
from paribus_service.store.tables import ConfigValue, HistoryColumn, Run, StreamLine

_PKS_AT_ONCE = 500  # parameters of one statement, well below SQLite's limit
_KEYS_AT_ONCE = 200
_LINES_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class HistoryPlace:
    """A run's present history: equal places hold equal lines."""

    run_pk: int
    run_id: str
    """Our own id."""
    session: int
    lines: int
    rewrites: int = 0
    folded: int = 0
    """Lines that stand in columns too."""

    @property
    def version(self) -> str:
        """Another text for other lines."""
        return f"{self.session}.{self.rewrites}.{self.lines}"


@dataclass(frozen=True, slots=True)
class Packed:
    """One key over a stretch of lines, as it is stored."""

    key: str
    first_line: int
    count: int
    others: int
    lines: bytes | None
    numbers: bytes


def history_places(session: Session, run_pks: Collection[int]) -> dict[int, HistoryPlace]:
    """Key → where the run's history stands."""
    found = {}
    for chunk in _chunks(run_pks):
        for row in session.execute(_PLACES.where(Run.pk.in_(chunk))):
            found[row[0]] = HistoryPlace(*row)
    return found


_PLACES = select(
    Run.pk, Run.id, Run.session, Run.history_lines, Run.history_rewrites, Run.folded_lines
)


def unfolded_places(
    session: Session, *, after_pk: int, least_lines: int, limit: int
) -> list[HistoryPlace]:
    """Runs behind `after_pk` with so many lines or more that stand in no column, by `pk`."""
    query = (
        _PLACES.where(Run.pk > after_pk, Run.history_lines - Run.folded_lines >= least_lines)
        .order_by(Run.pk)
        .limit(limit)
    )
    return [HistoryPlace(*row) for row in session.execute(query)]


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


def lines_from(
    session: Session, place: HistoryPlace, first: int, *, limit: int | None = None
) -> Iterator[tuple[int, str]]:
    """(line number, text) of the history lines of a place from `first` on, in order."""
    left = place.lines if limit is None else limit
    while left > 0:
        asked = {
            "run_pk": place.run_pk,
            "session": place.session,
            "first": first,
            "end": place.lines,
            "most": min(left, _LINES_AT_ONCE),
        }
        rows = session.execute(_LINES, asked).all()
        yield from ((line, text) for line, text in rows)
        if len(rows) < asked["most"]:
            return
        first, left = rows[-1][0] + 1, left - len(rows)


# Put together once: of 35,000 short histories, each in a statement of its own, half the time was
# SQLAlchemy's, which built and compared them.
_LINES = (
    select(StreamLine.line, StreamLine.text)
    .where(
        StreamLine.run_pk == bindparam("run_pk"),
        StreamLine.session == bindparam("session"),
        StreamLine.stream == int(Stream.HISTORY),
        StreamLine.line >= bindparam("first"),
        StreamLine.line < bindparam("end"),
    )
    .order_by(StreamLine.line)
    .limit(bindparam("most", type_=Integer))
)


def column_keys(session: Session, places: Collection[HistoryPlace]) -> dict[int, frozenset[str]]:
    """Key → the keys that the run's folded lines hold."""
    found: dict[int, set[str]] = {place.run_pk: set() for place in places}
    sessions = {place.run_pk: place.session for place in places if place.folded}
    for chunk in _chunks(sessions):
        query = (
            select(HistoryColumn.run_pk, HistoryColumn.session, HistoryColumn.key)
            .where(HistoryColumn.run_pk.in_(chunk))
            .distinct()
        )
        for pk, number, key in session.execute(query):
            if number == sessions[pk]:
                found[pk].add(key)
    return {pk: frozenset(keys) for pk, keys in found.items()}


def read_columns(
    session: Session, places: Mapping[int, HistoryPlace], keys: Collection[str]
) -> Iterator[tuple[int, Packed]]:
    """(run, a stretch of one of the keys), the stretches of a key in the order of the lines."""
    for pks in _chunks(places):
        for some in _parts(sorted(keys)):
            query = (
                select(
                    HistoryColumn.run_pk, HistoryColumn.session, HistoryColumn.key,
                    HistoryColumn.first_line, HistoryColumn.count, HistoryColumn.others,
                    HistoryColumn.lines, HistoryColumn.numbers,
                )
                .where(HistoryColumn.run_pk.in_(pks), HistoryColumn.key.in_(some))
                .order_by(HistoryColumn.run_pk, HistoryColumn.key, HistoryColumn.first_line)
            )  # fmt: skip
            rows: Iterable[Any] = session.execute(query)
            for pk, number, *stored in rows:
                packed = Packed(*stored)
                if number == places[pk].session and packed.first_line < places[pk].folded:
                    yield pk, packed


def fold(
    session: Session, place: HistoryPlace, columns: Collection[Packed], *, until: int
) -> bool:
    """Store columns of the lines from `place.folded` to `until`, unless they changed meanwhile."""
    moved = update(Run).where(
        Run.pk == place.run_pk,
        Run.session == place.session,
        Run.history_rewrites == place.rewrites,
        Run.folded_lines == place.folded,
    )
    done: CursorResult[Any] = session.connection().execute(moved.values(folded_lines=until))
    if not done.rowcount:
        return False
    stale = delete(HistoryColumn).where(HistoryColumn.run_pk == place.run_pk)
    if place.folded:
        stale = stale.where(HistoryColumn.first_line >= place.folded)
    session.execute(stale)
    rows = [
        {
            "run_pk": place.run_pk,
            "session": place.session,
            "key": column.key,
            "first_line": column.first_line,
            "count": column.count,
            "others": column.others,
            "lines": column.lines,
            "numbers": column.numbers,
        }
        for column in columns
    ]
    if rows:
        session.connection().execute(insert(HistoryColumn), rows)
    return True


def _chunks(run_pks: Collection[int]) -> Iterator[list[int]]:
    wanted = sorted(run_pks)
    for start in range(0, len(wanted), _PKS_AT_ONCE):
        yield wanted[start : start + _PKS_AT_ONCE]


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        yield keys[start : start + _KEYS_AT_ONCE]
