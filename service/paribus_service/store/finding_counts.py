"""What rules said of many runs, counted by the database; queries never commit.

A page about a sweep of thousands of runs reads no findings but those that it shows.
"""

from collections.abc import Collection, Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paribus_service.store.evidence import Scope
from paribus_service.store.tables import FindingMark, FindingRow

_PKS_AT_ONCE = 500
Count = tuple[str, str, str | None]
"""Rule, status, label."""


def read_by(session: Session, scope: Scope, rules_version: str) -> set[int]:
    """The runs of a scope that these rules have read, by key."""
    query = select(FindingMark.run_pk).where(
        FindingMark.run_pk.in_(scope.pks()), FindingMark.rules_version == rules_version
    )
    return set(session.scalars(query))


def counted(session: Session, run_pks: Collection[int]) -> dict[Count, int]:
    """(rule, status, label) → of how many of these runs it was said."""
    found: dict[Count, int] = {}
    what = (FindingRow.rule, FindingRow.status, FindingRow.label)
    for chunk in _chunks(run_pks):
        here = FindingRow.run_pk.in_(chunk)
        for rule, status, label, n in session.execute(
            select(*what, func.count()).where(here).group_by(*what)
        ):
            key = (rule, status, label)
            found[key] = found.get(key, 0) + n
    return found


def first_found(session: Session, run_pks: Collection[int], *, most: int) -> dict[str, list[int]]:
    """Rule → the first of these runs of which it found something, by key, at most so many."""
    found: dict[str, list[int]] = {}
    for chunk in _chunks(run_pks):
        query = select(FindingRow.rule, FindingRow.run_pk).where(
            FindingRow.run_pk.in_(chunk), FindingRow.status == "found"
        )
        for rule, pk in session.execute(query.order_by(FindingRow.run_pk)):
            known = found.setdefault(rule, [])
            if len(known) < most:
                known.append(pk)
    return found


def last_look(session: Session, scope: Scope) -> datetime | None:
    """When a rule last looked at one of a scope's runs; None where none has."""
    return session.scalar(
        select(func.max(FindingMark.evaluated_at)).where(FindingMark.run_pk.in_(scope.pks()))
    )


def looked_at(session: Session, run_pk: int) -> datetime | None:
    """When the rules last read a run; None where they have not."""
    return session.scalar(select(FindingMark.evaluated_at).where(FindingMark.run_pk == run_pk))


def _chunks(run_pks: Collection[int]) -> Iterator[list[int]]:
    wanted = sorted(run_pks)
    for start in range(0, len(wanted), _PKS_AT_ONCE):
        yield wanted[start : start + _PKS_AT_ONCE]
