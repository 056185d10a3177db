"""What an answer is drawn from: trials, the runs that count, their configs, in few statements.

Queries read columns and build no rows of the session: a question over 10,000 runs needs a
dozen columns of each, and none of their texts unless it asks for configs. They never commit.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from paribus_service.store.states import RunState
from paribus_service.store.tables import ConfigValue, Project, Run, SummaryValue, Sweep, Trial

Scalar = tuple[float | None, str | None]
"""(number, text) as the index tables hold them."""
_ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial, as an answer sees it."""

    id: str
    number: int
    setting: dict[str, Any]
    replicate: dict[str, Any]
    args: dict[str, Any]
    state: str
    reason: str | None
    run_pk: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run, as an answer sees it."""

    pk: int
    id: str
    wandb_id: str
    name: str
    entity: str
    project: str
    sweep_id: str | None
    trial_id: str | None
    state: str
    reason: str | None
    host: str | None
    gpu_name: str | None
    commit: str | None
    agent_id: str | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Scope:
    """Which runs an answer is about.

    Scope(sweep_ids=("abc",))                      # those that count in a sweep
    Scope(project_id=1)                            # those of a project that no sweep made
    Scope(project_id=1, with_sweeps=True)          # and those that count in its sweeps
    """

    sweep_ids: tuple[str, ...] = ()
    project_id: int | None = None
    with_sweeps: bool = False

    def pks(self, *, finished: bool = False) -> Select[Any]:
        """The runs' keys, as a query for use inside others."""
        query = select(Run.pk).outerjoin(Trial, Trial.id == Run.trial_id)
        query = query.where(Run.deleted_at.is_(None), self._here())
        return query.where(Run.state == RunState.FINISHED) if finished else query

    def _here(self) -> ColumnElement[bool]:
        counts = Trial.run_pk == Run.pk
        if self.project_id is None:
            return Run.sweep_id.in_(self.sweep_ids) & counts
        in_project = Run.project_id == self.project_id
        loose = Run.sweep_id.is_(None)
        return in_project & (or_(loose, counts) if self.with_sweeps else loose)


def trial_rows(session: Session, sweep_id: str) -> list[TrialRow]:
    """Every trial of a sweep, in the order of its design."""
    query = (
        select(
            Trial.id, Trial.number, Trial.setting, Trial.replicate, Trial.args, Trial.state,
            Trial.reason, Trial.run_pk, Trial.revision,
        )
        .where(Trial.sweep_id == sweep_id)
        .order_by(Trial.number)
    )  # fmt: skip
    return [TrialRow(*row) for row in session.execute(query)]


def run_rows(
    session: Session, scope: Scope, *, after_pk: int = 0, limit: int | None = None
) -> list[RunRow]:
    """The runs behind a key, by key."""
    query = _ROWS.where(Run.pk.in_(scope.pks()), Run.pk > after_pk).order_by(Run.pk).limit(limit)
    rows: Iterable[Any] = session.execute(query)
    return [RunRow(*row) for row in rows]


def newest_rows(session: Session, scope: Scope, *, skip: int = 0, limit: int) -> list[RunRow]:
    """Runs of a scope, the newest first."""
    query = _ROWS.where(Run.pk.in_(scope.pks())).order_by(Run.pk.desc())
    rows: Iterable[Any] = session.execute(query.offset(skip).limit(limit))
    return [RunRow(*row) for row in rows]


def rows_named(session: Session, scope: Scope, names: Sequence[str]) -> list[RunRow]:
    """The runs of a scope whose own id, W&B's id or name is one of these, by key."""
    is_named = or_(Run.id.in_(names), Run.wandb_id.in_(names), _NAME.in_(names))
    query = _ROWS.where(Run.pk.in_(scope.pks()), is_named).order_by(Run.pk)
    rows: Iterable[Any] = session.execute(query)
    return [RunRow(*row) for row in rows]


def logged_runs(session: Session, scope: Scope) -> dict[int, int]:
    """Key → lines of history, of the runs of a scope that have any."""
    query = select(Run.pk, Run.history_lines).where(Run.pk.in_(scope.pks()), Run.history_lines > 0)
    return {pk: lines for pk, lines in session.execute(query)}


def count_runs(session: Session, scope: Scope) -> int:
    """How many runs a scope has."""
    query = select(func.count()).select_from(scope.pks().subquery())
    return session.scalar(query) or 0


def rows_of(session: Session, run_pks: Sequence[int]) -> list[RunRow]:
    """These runs, whether they count or not, by key."""
    found: list[RunRow] = []
    for start in range(0, len(run_pks), _ROWS_AT_ONCE):
        rows: Iterable[Any] = session.execute(
            _ROWS.where(Run.pk.in_(run_pks[start : start + _ROWS_AT_ONCE])).order_by(Run.pk)
        )
        found += [RunRow(*row) for row in rows]
    return found


_NAME = func.coalesce(Run.display_name, Run.wandb_id)
_ROWS = (
    select(
        Run.pk, Run.id, Run.wandb_id, _NAME, Project.entity, Project.name, Run.sweep_id,
        Run.trial_id, Run.state, Run.reason, Run.host, Run.gpu_name, Run.commit, Run.agent_id,
        Run.started_at, Run.ended_at,
    )
    .join(Project, Project.id == Run.project_id)
)  # fmt: skip


def summary_of(
    session: Session, scope: Scope, keys: Collection[str], prefixes: Collection[str] = ()
) -> dict[int, dict[str, Scalar]]:
    """Key of the run → summary key → its scalar, of the finished runs."""
    column = SummaryValue
    query = select(column.run_pk, column.key, column.number, column.text).where(
        column.run_pk.in_(scope.pks(finished=True)), _named(column.key, keys, prefixes)
    )
    return _by_run(session.execute(query))


def config_of(
    session: Session, scope: Scope, keys: Collection[str], prefixes: Collection[str] = ()
) -> dict[int, dict[str, Scalar]]:
    """Key of the run → config key → its scalar, of the finished runs."""
    column = ConfigValue
    query = select(column.run_pk, column.key, column.number, column.text).where(
        column.run_pk.in_(scope.pks(finished=True)), _named(column.key, keys, prefixes)
    )
    return _by_run(session.execute(query))


def _named(key: Any, keys: Collection[str], prefixes: Collection[str]) -> ColumnElement[bool]:
    starts = [key.startswith(prefix, autoescape=True) for prefix in sorted(prefixes)]
    return or_(key.in_(sorted(keys)), *starts)


def _by_run(rows: Any) -> dict[int, dict[str, Scalar]]:
    found: dict[int, dict[str, Scalar]] = {}
    for run_pk, key, number, text in rows:
        found.setdefault(run_pk, {})[key] = (number, text)
    return found


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A scalar config key over many runs."""

    key: str
    runs: int
    """How many hold it."""
    varies: bool
    """They do not all hold the same; those without it are not asked."""
    value: Scalar
    """Its value, where it does not vary."""


def config_keys(session: Session, scope: Scope) -> list[ConfigKey]:
    """Every scalar config key of the finished runs, by name, and whether it varies.

    One aggregate over the index: no value of a run is read into Python.
    """
    number, text = ConfigValue.number, ConfigValue.text
    differs = or_(
        func.min(number) < func.max(number),
        func.min(text) < func.max(text),
        func.count(number) % func.count() != 0,  # a number in some runs, a text in others
        func.count(text) % func.count() != 0,
    )
    query = (
        select(
            ConfigValue.key, func.count(), case((differs, 1), else_=0), func.min(number),
            func.min(text),
        )
        .where(ConfigValue.run_pk.in_(scope.pks(finished=True)))
        .group_by(ConfigValue.key)
        .order_by(ConfigValue.key)
    )  # fmt: skip
    return [
        ConfigKey(key, runs, bool(varies), (least, first))
        for key, runs, varies, least, first in session.execute(query)
    ]


def config_texts(session: Session, scope: Scope) -> Iterator[tuple[str, str]]:
    """(own id, config as the text that came) of each run, by key."""
    query = select(Run.id, Run.config_text).where(Run.pk.in_(scope.pks())).order_by(Run.pk)
    for row in session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE)):
        yield row[0], row[1]


def versions(session: Session, scope: Scope) -> str:
    """A text that differs whenever something has changed that an answer could rest on.

    It is made of counters that rise with the rows (`trials.touch_run`), so it costs the same
    for ten runs and for 100,000.
    """
    if scope.project_id is None:
        query = select(Sweep.id, Sweep.version).where(Sweep.id.in_(scope.sweep_ids))
        return repr(sorted(tuple(row) for row in session.execute(query)))
    project = session.scalar(select(Project.version).where(Project.id == scope.project_id))
    if not scope.with_sweeps:
        return repr(project)
    trials = select(func.sum(Sweep.version)).where(Sweep.project_id == scope.project_id)
    return repr((project, session.scalar(trials)))


def sweeps_named(session: Session, sweep_ids: Sequence[str]) -> list[Sweep]:
    """Those of the sweeps that there are, in the order in which they were named."""
    found = {s.id: s for s in session.scalars(select(Sweep).where(Sweep.id.in_(sweep_ids)))}
    return [found[sweep_id] for sweep_id in sweep_ids if sweep_id in found]
