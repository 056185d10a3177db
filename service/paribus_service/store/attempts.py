"""Every run of a sweep or of a project, also those that no longer count.

A run that was cut off says how fast its GPU was. Queries never commit.
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from paribus_service.store.evidence import Scope
from paribus_service.store.states import RunState
from paribus_service.store.tables import ConfigValue, Run, Sweep

_PKS_AT_ONCE = 500


def attempts_of(session: Session, scope: Scope) -> list[int]:
    """Every run in a scope that logged anything, whether it counts or not, by key."""
    return list(session.scalars(_logged(scope).order_by(Run.pk)))


def newest_first(session: Session, scope: Scope, *, most: int) -> list[int]:
    """The newest of `attempts_of`, at most so many, the newest first."""
    return list(session.scalars(_logged(scope).order_by(Run.pk.desc()).limit(most)))


def attempts_after(session: Session, scope: Scope, pk: int, *, limit: int) -> list[int]:
    """Those of `attempts_of` that come after a key, at most so many."""
    query = _logged(scope).where(Run.pk > pk).order_by(Run.pk).limit(limit)
    return list(session.scalars(query))


def attempts_named(session: Session, scope: Scope, names: Sequence[str]) -> list[int]:
    """Those of `attempts_of` whose own id, W&B's id or name is one of these, by key."""
    is_named = or_(Run.id.in_(names), Run.wandb_id.in_(names), Run.display_name.in_(names))
    return list(session.scalars(_logged(scope).where(is_named).order_by(Run.pk)))


def count_attempts(session: Session, scope: Scope) -> tuple[int, int]:
    """How many `attempts_of` has, and how many lines they logged together."""
    query = _logged(scope).with_only_columns(
        func.count(), func.coalesce(func.sum(Run.history_lines), 0)
    )
    runs, lines = session.execute(query).one()
    return runs, lines


def _logged(scope: Scope) -> Select[int]:
    return select(Run.pk).where(in_scope(scope), Run.deleted_at.is_(None), Run.history_lines > 0)


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """Of a run in a query: it is a scope's, whether it counts or not."""
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
