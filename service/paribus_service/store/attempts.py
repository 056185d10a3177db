"""Every run of a sweep or of a project, also those that no longer count.

A run that was cut off says how fast its GPU was. Queries never commit.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from paribus_service.store.evidence import Scope
from paribus_service.store.states import RunState
from paribus_service.store.tables import ConfigValue, Run, Sweep

_PKS_AT_ONCE = 500


def attempts_of(session: Session, scope: Scope) -> list[int]:
    """Every run in a scope that logged anything, whether it counts or not, by key."""
    query = select(Run.pk).where(_in(scope), Run.deleted_at.is_(None), Run.history_lines > 0)
    return list(session.scalars(query.order_by(Run.pk)))


def _in(scope: Scope) -> ColumnElement[bool]:
    if scope.project_id is None:
        return Run.sweep_id.in_(scope.sweep_ids)
    here = Run.project_id == scope.project_id
    return here if scope.with_sweeps else here & Run.sweep_id.is_(None)


def newest_of_program(session: Session, program: str, *, most: int) -> list[tuple[int, str]]:
    """(key, kind of GPU) of a program's newest runs that are over and logged anything."""
    query = (
        select(Run.pk, Run.gpu_name)
        .outerjoin(Sweep, Sweep.id == Run.sweep_id)
        .where(
            or_(Sweep.program == program, Run.program == program),
            Run.state != RunState.RUNNING,
            Run.deleted_at.is_(None),
            Run.gpu_name.is_not(None),
            Run.history_lines > 0,
        )
        .order_by(Run.pk.desc())
        .limit(most)
    )
    return [(pk, str(gpu)) for pk, gpu in session.execute(query)]


def config_scalars(
    session: Session, run_pks: list[int], keys: list[str]
) -> dict[int, dict[str, float | str | None]]:
    """Key of the run → config key → its scalar."""
    found: dict[int, dict[str, float | str | None]] = {pk: {} for pk in run_pks}
    for chunk in _chunks(run_pks):
        query = select(
            ConfigValue.run_pk, ConfigValue.key, ConfigValue.number, ConfigValue.text
        ).where(ConfigValue.run_pk.in_(chunk), ConfigValue.key.in_(keys))
        for pk, key, number, text in session.execute(query):
            found[pk][key] = number if number is not None else text
    return found


def _chunks(run_pks: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(run_pks), _PKS_AT_ONCE):
        yield run_pks[start : start + _PKS_AT_ONCE]
