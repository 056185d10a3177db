"""Queries on runs and on the index tables of their configs and summaries. They never commit."""

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.orm import Session, load_only
from sqlalchemy.orm.interfaces import ORMOption

from paribus_service.errors import NotFound
from paribus_service.ids import new_run_id
from paribus_service.store.mirrors import MIRRORED
from paribus_service.store.states import RunState
from paribus_service.store.tables import Agent, ConfigValue, Project, Run, SummaryValue


def add_run(
    session: Session, project: Project, wandb_id: str, *, now: datetime, **columns: Any
) -> Run:
    """A new run of a project that has not started; `columns` are what else is known of it."""
    empty: dict[str, Any] = {
        "attempt": 1,
        "state": RunState.CREATED,
        "config_text": "{}",
        "summary_text": "{}",
        "tags": [],
        "superseded_tokens": [],
        "history_keys": {},
        "created_at": now,
        "heartbeat_at": now,
        "updated_at": now,
    }
    run = Run(id=new_run_id(), project_id=project.id, wandb_id=wandb_id, **{**empty, **columns})
    session.add(run)
    project.run_count += 1
    project.version += 1
    session.flush()
    return run


def find_run(session: Session, project_id: int, wandb_id: str) -> Run | None:
    """The run with W&B's id in a project, or None; deleted ones too."""
    return session.scalar(
        select(Run).where(Run.project_id == project_id, Run.wandb_id == wandb_id)
    )


def find_run_at(session: Session, entity: str, project: str, wandb_id: str) -> Run | None:
    """The run at `entity/project/wandb_id`, or None; deleted ones too."""
    query = (
        select(Run)
        .join(Project, Run.project_id == Project.id)
        .where(Project.entity == entity, Project.name == project, Run.wandb_id == wandb_id)
    )
    return session.scalar(query)


def get_run_at(session: Session, entity: str, project: str, wandb_id: str) -> Run:
    """The run at `entity/project/wandb_id`.

    Raises:
        NotFound: There is none, or it was deleted.
    """
    run = find_run_at(session, entity, project, wandb_id)
    if run is None or run.deleted_at is not None:
        raise NotFound("run", f"{entity}/{project}/{wandb_id}")
    return run


def find_run_by_id(session: Session, run_id: str) -> Run | None:
    """The run with our own id, or None; deleted ones too."""
    return session.scalar(select(Run).where(Run.id == run_id))


def get_run(session: Session, run_id: str) -> Run:
    """The run with our own id.

    Raises:
        NotFound: There is none, or it was deleted.
    """
    run = find_run_by_id(session, run_id)
    if run is None or run.deleted_at is not None:
        raise NotFound("run", run_id)
    return run


def get_run_by_pk(session: Session, pk: int) -> Run:
    """The run behind a foreign key, deleted or not."""
    run = session.get(Run, pk)
    assert run is not None, f"run {pk} is referred to and missing"
    return run


def list_runs(
    session: Session,
    *,
    sweep_id: str | None = None,
    trial_id: str | None = None,
    project_id: int | None = None,
    agent_id: str | None = None,
    states: Collection[str] = (),
    before: tuple[datetime, int] | None = None,
    limit: int | None = None,
) -> Sequence[Run]:
    """Runs, newest first; `before` is (created_at, pk) of the last one already seen."""
    query = (
        select(Run).where(Run.deleted_at.is_(None)).order_by(Run.created_at.desc(), Run.pk.desc())
    )
    for column, value in (
        (Run.sweep_id, sweep_id),
        (Run.trial_id, trial_id),
        (Run.project_id, project_id),
        (Run.agent_id, agent_id),
    ):
        if value is not None:
            query = query.where(column == value)
    if states:
        query = query.where(Run.state.in_(states))
    if before is not None:
        query = query.where(tuple_(Run.created_at, Run.pk) < before)
    if limit is not None:
        query = query.limit(limit)
    return session.scalars(query).unique().all()


def count_runs(session: Session, *, sweep_id: str) -> int:
    """Number of a sweep's runs, deleted ones not counted."""
    query = select(func.count()).where(Run.sweep_id == sweep_id, Run.deleted_at.is_(None))
    return session.scalar(query) or 0


def best_summary_number(
    session: Session, sweep_id: str, key: str, *, largest: bool
) -> float | None:
    """The largest or smallest finite number under a summary key among a sweep's runs."""
    best = func.max(SummaryValue.number) if largest else func.min(SummaryValue.number)
    query = (
        select(best)
        .join(Run, Run.pk == SummaryValue.run_pk)
        .where(Run.sweep_id == sweep_id, Run.deleted_at.is_(None), SummaryValue.key == key)
    )
    return session.scalar(query)


def live_runs_of_agent(session: Session, agent_id: str) -> Sequence[Run]:
    """Runs of an agent that are created or running."""
    return session.scalars(
        select(Run).where(
            Run.agent_id == agent_id, Run.state.in_([RunState.CREATED, RunState.RUNNING])
        )
    ).all()


def suspicious_runs(session: Session, *, since: datetime) -> Sequence[Run]:
    """Running runs last heard at `since` or before, and live ones that their agent dropped.

    Those that have not started are their agent's, and else wait in the queue, thousands maybe.
    What another server says of its own runs is not ours to doubt: mirrored ones are left out.
    """
    live = Run.state.in_([RunState.CREATED, RunState.RUNNING])
    silent = (Run.state == RunState.RUNNING) & (Run.heartbeat_at <= since)
    query = select(Run).where(live, silent | Run.dropped_at.is_not(None), ~MIRRORED)
    return session.scalars(query).all()


def runs_by_pk(session: Session, pks: Collection[int]) -> dict[int, Run]:
    """Key → run."""
    return _runs_by_pk(session, pks)


_OUTLINE = load_only(
    Run.id, Run.wandb_id, Run.display_name, Run.project_id, Run.state, Run.reason, Run.agent_id,
    Run.host, Run.gpu_name, Run.created_at, Run.started_at, Run.ended_at,
    raiseload=True,
)  # fmt: skip


def run_outlines(session: Session, pks: Collection[int]) -> dict[int, Run]:
    """Key → run, without its texts: what a list of thousands shows of each.

    Reading a column that was left out raises an error, rather than asking the database once for
    each run.
    """
    return _runs_by_pk(session, pks, _OUTLINE)


def runs_by_id(session: Session, ids: Collection[str]) -> dict[str, Run]:
    """Our own id → run, without its texts; a deleted one is left out."""
    found: dict[str, Run] = {}
    wanted = sorted(ids)
    for start in range(0, len(wanted), 500):
        here = Run.id.in_(wanted[start : start + 500]) & Run.deleted_at.is_(None)
        found |= {
            run.id: run for run in session.scalars(select(Run).where(here).options(_OUTLINE))
        }
    return found


def _runs_by_pk(session: Session, pks: Collection[int], *options: ORMOption) -> dict[int, Run]:
    found: dict[int, Run] = {}
    wanted = sorted(pks)
    for start in range(0, len(wanted), 500):
        query = select(Run).where(Run.pk.in_(wanted[start : start + 500])).options(*options)
        for run in session.scalars(query).unique():
            found[run.pk] = run
    return found


def summary_scalars(
    session: Session, run_pks: Collection[int], key: str
) -> dict[int, tuple[float | None, str | None]]:
    """(number, text) of one summary key, for those of the runs that have it."""
    found: dict[int, tuple[float | None, str | None]] = {}
    wanted = sorted(run_pks)
    for start in range(0, len(wanted), 500):
        query = select(SummaryValue.run_pk, SummaryValue.number, SummaryValue.text).where(
            SummaryValue.key == key, SummaryValue.run_pk.in_(wanted[start : start + 500])
        )
        found.update({pk: (number, text) for pk, number, text in session.execute(query)})
    return found


def summary_keys(session: Session, run_pks: Collection[int]) -> list[str]:
    """Every summary key that one of the runs has, by name."""
    keys: set[str] = set()
    wanted = sorted(run_pks)
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        keys.update(
            session.scalars(
                select(SummaryValue.key).where(SummaryValue.run_pk.in_(chunk)).distinct()
            )
        )
    return sorted(keys)


def hosts_of_agents(session: Session, agent_ids: Collection[str]) -> dict[str, str]:
    """Agent id → host."""
    query = select(Agent.id, Agent.host).where(Agent.id.in_(sorted(agent_ids)))
    return {agent_id: host for agent_id, host in session.execute(query)}


def index_config(session: Session, run: Run) -> None:
    """Bring `config_values` in line with the run's config."""
    values = {key: entry["value"] for key, entry in run.config.items() if _is_wrapped(key, entry)}
    _index(session, ConfigValue, run.pk, values)


def index_summary(session: Session, run_pk: int, summary: Mapping[str, Any]) -> None:
    """Bring `summary_values` in line with a summary."""
    _index(session, SummaryValue, run_pk, summary)


def _is_wrapped(key: str, entry: Any) -> bool:
    return key != "_wandb" and isinstance(entry, dict) and "value" in entry


def _index(
    session: Session,
    table: type[ConfigValue] | type[SummaryValue],
    run_pk: int,
    values: Mapping[str, Any],
) -> None:
    stored = {
        row.key: (row.number, row.text)
        for row in session.execute(
            select(table.key, table.number, table.text).where(table.run_pk == run_pk)
        )
    }
    wanted = dict(scalars(values))
    gone = [key for key in stored if key not in wanted]
    changed = [key for key in wanted if key in stored and stored[key] != wanted[key]]
    fresh = [key for key in wanted if key not in stored]
    if gone or changed:
        session.execute(delete(table).where(table.run_pk == run_pk, table.key.in_(gone + changed)))
    rows = [
        {"run_pk": run_pk, "key": key, "number": wanted[key][0], "text": wanted[key][1]}
        for key in fresh + changed
    ]
    if rows:
        session.execute(table.__table__.insert(), rows)  # type: ignore[attr-defined]


def scalars(
    values: Mapping[str, Any], prefix: str = ""
) -> Iterator[tuple[str, tuple[float | None, str | None]]]:
    """Key path → (number, text) of every scalar in a nested mapping."""
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from scalars(value, f"{path}.")
        else:
            found = as_scalar(value)
            if found is not None:
                yield path, found


def lookup(values: Mapping[str, Any], key: str) -> Any:
    """The value at a key: the literal key first, then `a.b` as a path; None if there is none."""
    if key in values:
        return values[key]
    head, dot, rest = key.partition(".")
    inner = values.get(head) if dot else None
    return lookup(inner, rest) if isinstance(inner, Mapping) else None


def as_scalar(value: Any) -> tuple[float | None, str | None] | None:
    """(number, text) as the index tables hold them; None for lists and null."""
    if isinstance(value, bool):
        return float(value), "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str):
        return None, value[:4096]  # an index entry, not the value: that stands in the text
    return None


def _number(value: float) -> tuple[float | None, str | None]:
    try:
        number = float(value)
    except OverflowError:
        return None, json.dumps(value)[:4096]
    return (number, None) if math.isfinite(number) else (None, json.dumps(number))
