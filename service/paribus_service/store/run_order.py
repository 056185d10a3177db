"""Runs in an order, page by page.

Promises:
- A run that lacks what is ordered by, or has NaN there, comes last in both directions; numbers
  come before texts; ties go by the time of creation, then by key: no page skips or repeats a run.
- A page costs what is on it. One term: the page begins where the cursor says, in an index where
  there is one. Several terms: all matching runs are sorted for every page (offset cursors).
- Cursors are opaque; one that is not ours is refused.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, null, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from paribus_service.errors import InvalidRequest
from paribus_service.store.run_filters import (
    Condition,
    StateWords,
    complement,
    plain_column,
    state_column,
    value_table,
)
from paribus_service.store.tables import ConfigValue, Run, SummaryValue

_Column = ColumnElement[Any] | InstrumentedAttribute[Any]
_FEW_RUNS = 2000  # a look-up each is cheaper than an index walk over all projects (measured)
_NOT_FINITE = ("NaN", "Infinity", "-Infinity")


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to order by."""

    path: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class RunPage:
    """Keys of the runs on a page, each with the cursor behind it."""

    rows: Sequence[tuple[int, str]]
    has_more: bool


def runs_in(
    *, project_id: int | None = None, sweep_id: str | None = None, agent_id: str | None = None
) -> list[Condition]:
    """The runs of a project, a sweep or an agent."""
    scopes = ((Run.project_id, project_id), (Run.sweep_id, sweep_id), (Run.agent_id, agent_id))
    return [column == value for column, value in scopes if value is not None]


def parse_order(text: str | None) -> list[Term]:
    """`+path`, `-path` or `path`, separated by commas; oldest first where nothing is asked."""
    terms = []
    for part in (text or "").split(","):
        path = part.strip().removeprefix("+")
        if path.removeprefix("-"):
            terms.append(Term(path.removeprefix("-"), descending=path.startswith("-")))
    return terms or [Term("created_at")]


def count_runs(session: Session, where: Sequence[Condition]) -> int:
    """How many runs the conditions hold for; deleted ones never count."""
    query = select(func.count()).select_from(Run).where(Run.deleted_at.is_(None), *where)
    return session.scalar(query) or 0


def page_of_runs(
    session: Session,
    where: Sequence[Condition],
    order: Sequence[Term],
    *,
    after: str | None,
    limit: int,
    state_words: StateWords | None = None,
) -> RunPage:
    """At most `limit` runs behind the cursor `after`.

    Raises:
        InvalidRequest: The cursor is not one of this order's.
    """
    conditions = [Run.deleted_at.is_(None), *where]
    place = _read_cursor(after)
    if len(order) > 1:
        return _sorted_page(session, conditions, order, place, limit, state_words)
    if value_table(order[0].path) is not None:
        conditions = _narrowed(session, conditions)
    phases = _phases(session, order[0], state_words)
    if place.phase >= len(phases):
        raise _foreign_cursor()
    rows: list[tuple[int, str]] = []
    for number in range(place.phase, len(phases)):
        statement = _page_of_phase(phases[number], conditions, place)
        found = session.execute(statement.limit(limit + 1 - len(rows))).all()
        rows += [(pk, _Place(number, key, moment, pk).cursor()) for pk, key, moment in found]
        if len(rows) > limit:
            return RunPage(rows[:limit], has_more=True)
        place = _Place(number + 1)
    return RunPage(rows, has_more=False)


def _narrowed(session: Session, conditions: list[Condition]) -> list[Condition]:
    """Few runs as a list of keys: each value is looked up; else the index of values is walked."""
    query = select(Run.pk).where(*conditions).limit(_FEW_RUNS + 1)
    pks = session.scalars(query).all()
    return [Run.pk.in_(pks)] if len(pks) <= _FEW_RUNS else conditions


@dataclass(frozen=True, slots=True)
class _Place:
    """Behind which row a page begins; without `pk`, at the start of the phase."""

    phase: int = 0
    key: Any = None
    created_at: datetime | None = None
    pk: int | None = None
    offset: int = 0

    def cursor(self) -> str:
        """The place as an opaque text."""
        key = {"t": self.key.isoformat()} if isinstance(self.key, datetime) else self.key
        moment = self.created_at.isoformat() if self.created_at else None
        facts = [self.phase, key, moment, self.pk, self.offset]
        return base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()


def _read_cursor(text: str | None) -> _Place:
    if not text:
        return _Place()
    try:
        phase, key, moment, pk, offset = json.loads(base64.urlsafe_b64decode(text))
        if isinstance(key, dict):
            key = datetime.fromisoformat(key["t"])
        created_at = datetime.fromisoformat(moment) if moment else None
        place = _Place(int(phase), key, created_at, pk, int(offset))
    except (binascii.Error, ValueError, TypeError, KeyError) as error:
        raise _foreign_cursor() from error
    if place.phase < 0 or (place.pk is None) != (created_at is None):
        raise _foreign_cursor()
    return place


def _foreign_cursor() -> InvalidRequest:
    return InvalidRequest.one(
        "/after", "this cursor belongs to no page of these runs in this order"
    )


@dataclass(frozen=True, slots=True)
class _Phase:
    """Runs whose values are alike and can be ordered by one column."""

    statement: Select[Any]
    key: _Column | None
    descending: bool
    newest_first: bool = False


def _page_of_phase(phase: _Phase, where: Sequence[Condition], place: _Place) -> Select[Any]:
    statement = phase.statement.where(*where)
    ties = [Run.created_at, Run.pk]
    if place.pk is not None:
        statement = statement.where(_behind(phase, place))
    if phase.newest_first:
        return statement.order_by(*(column.desc() for column in ties))
    if phase.key is None:
        return statement.order_by(*ties)
    key = phase.key.desc() if phase.descending else phase.key.asc()
    return statement.order_by(key, *ties)


def _behind(phase: _Phase, place: _Place) -> Condition:
    later = _later(phase, place)
    if phase.key is None:
        return later
    if phase.descending:
        return and_(phase.key <= place.key, or_(phase.key < place.key, later))
    return and_(phase.key >= place.key, or_(phase.key > place.key, later))


def _later(phase: _Phase, place: _Place) -> Condition:
    at, pk = place.created_at, place.pk
    if phase.newest_first:
        return and_(Run.created_at <= at, or_(Run.created_at < at, Run.pk < pk))
    return and_(Run.created_at >= at, or_(Run.created_at > at, Run.pk > pk))


def _phases(session: Session, term: Term, words: StateWords | None) -> list[_Phase]:
    if term.path in ("created_at", "createdAt"):
        return [_Phase(_select(None), None, term.descending, newest_first=term.descending)]
    found = value_table(term.path)
    if found is not None:
        return _value_phases(found[0], _stored_key(session, *found), descending=term.descending)
    column = state_column(words) if term.path == "state" else plain_column(term.path)
    if column is None:  # a path that no run has: all are missing
        return [_Phase(_select(None), None, descending=False)]
    present = _Phase(_select(column).where(column.is_not(None)), column, term.descending)
    return [present, _Phase(_select(None).where(column.is_(None)), None, descending=False)]


def _select(key: _Column | None) -> Select[Any]:
    columns: list[Any] = [Run.pk, null().label("key") if key is None else key, Run.created_at]
    return select(*columns)


def _stored_key(
    session: Session, table: type[ConfigValue] | type[SummaryValue], keys: Sequence[str]
) -> str:
    """The first of the keys that any run has; the last where none has."""
    for key in keys[:-1]:
        if session.scalar(select(table.key).where(table.key == key).limit(1)) is not None:
            return key
    return keys[-1]


def _value_phases(
    table: type[ConfigValue] | type[SummaryValue], key: str, *, descending: bool
) -> list[_Phase]:
    row = aliased(table)

    def rows(column: _Column | None) -> Select[Any]:
        return _select(column).join(row, row.run_pk == Run.pk).where(row.key == key)

    finite = _Phase(rows(row.number).where(row.number.is_not(None)), row.number, descending)
    infinite = [_infinite(table, key, name) for name in ("-Infinity", "Infinity")]
    other = and_(row.number.is_(None), row.text.not_in(_NOT_FINITE))
    texts = _Phase(rows(row.text).where(other), row.text, descending)
    numbers = [infinite[0], finite, infinite[1]]
    has_value = and_(row.key == key, or_(row.number.is_not(None), row.text != "NaN"))
    present = select(1).where(row.run_pk == Run.pk, has_value).correlate(Run).exists()
    missing = _Phase(_select(None).where(complement(present)), None, descending=False)
    return [*(numbers[::-1] if descending else numbers), texts, missing]


def _infinite(table: type[ConfigValue] | type[SummaryValue], key: str, name: str) -> _Phase:
    pks = select(table.run_pk).where(table.key == key, table.number.is_(None), table.text == name)
    return _Phase(_select(None).where(Run.pk.in_(pks)), None, descending=False)


def _sorted_page(
    session: Session,
    where: Sequence[Condition],
    order: Sequence[Term],
    place: _Place,
    limit: int,
    words: StateWords | None,
) -> RunPage:
    statement, keys = select(Run.pk).where(*where), []
    for term in order:
        statement, columns = _sort_keys(session, statement, term, words)
        keys += columns
    statement = statement.order_by(*keys, Run.created_at, Run.pk)
    pks = session.scalars(statement.offset(place.offset).limit(limit + 1)).all()
    rows = [
        (pk, replace(_Place(), offset=place.offset + i).cursor())
        for i, pk in enumerate(pks[:limit], 1)
    ]
    return RunPage(rows, has_more=len(pks) > limit)


def _sort_keys(
    session: Session, statement: Select[Any], term: Term, words: StateWords | None
) -> tuple[Select[Any], list[Any]]:
    found = value_table(term.path)
    if found is None:
        column = state_column(words) if term.path == "state" else plain_column(term.path)
        if column is None:
            return statement, []
        return statement, [column.is_(None), column.desc() if term.descending else column]
    table, key = found[0], _stored_key(session, *found)
    row = aliased(table)
    statement = statement.outerjoin(row, and_(row.run_pk == Run.pk, row.key == key))
    infinity = case(
        (row.number.is_not(None), row.number),
        (row.text == "Infinity", float("inf")),
        (row.text == "-Infinity", float("-inf")),
    )
    text = case((row.number.is_(None) & row.text.not_in(_NOT_FINITE), row.text))
    missing = infinity.is_(None) & text.is_(None)
    columns = [infinity, text]
    ordered = [column.desc() if term.descending else column for column in columns]
    return statement, [missing, infinity.is_(None), *ordered]
