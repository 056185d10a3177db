"""Whether anything that was logged of many runs, or found in them, has changed. No commits.

One aggregate over the rows, however many: reading where each of 50,000 histories stands takes
a second, and a page that is asked for again should not.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from paribus_service.store import attempts
from paribus_service.store.evidence import Scope, versions
from paribus_service.store.tables import FindingMark, Run


def of_scope(session: Session, scope: Scope) -> str:
    """Another text where a run of the scope logged more, was described anew, came or went.

    Sessions, rewrites and, within a session, lines of a run only ever rise, so that no two
    changes cancel out in a sum; that runs come, go and change is in the scope's versions.
    """
    return f"{versions(session, scope)} {_logged(session, Run.pk.in_(scope.pks()))}"


def of_attempts(session: Session, scope: Scope) -> str:
    """The same over every attempt, whether it counts or not."""
    return f"{versions(session, scope)} {_logged(session, attempts.in_scope(scope))}"


def of_findings(session: Session, runs: Select[Any]) -> str:
    """Another text where one of these runs was evaluated anew.

    Runs that are evaluated in one look share its moment: how many have the newest one tells them
    apart.

    Args:
        session: A reading session.
        runs: Their keys, as a query.
    """
    at = FindingMark.evaluated_at
    here = FindingMark.run_pk.in_(runs)
    newest = select(func.max(at)).where(here).scalar_subquery()
    query = select(func.max(at), func.count(), func.count().filter(at == newest)).where(here)
    return repr(tuple(session.execute(query).one()))


def _logged(session: Session, where: ColumnElement[bool]) -> str:
    query = select(
        func.count(),
        func.sum(Run.session),
        func.sum(Run.history_rewrites),
        func.sum(Run.history_lines),
    ).where(where, Run.deleted_at.is_(None))
    return repr(tuple(session.execute(query).one()))
