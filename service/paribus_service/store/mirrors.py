"""Queries on what is mirrored from a W&B server. They never commit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, func, select
from sqlalchemy.orm import Session

from paribus_service.errors import NotFound
from paribus_service.store.states import MirrorState
from paribus_service.store.tables import Agent, Project, Run, UpstreamSweep
from paribus_service.store.upstream_tables import UpstreamProject, UpstreamRun, UpstreamSkip

_LARGEST_KEY = 2**63 - 1  # of SQLite


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is of a source here."""

    runs: int
    """Mirrored, and not gone."""
    pending: int
    """Of those, whose history is not read to its end."""
    gone: int
    """Deleted there, so kept out of answers here."""
    skipped: int


def ensure_source(
    session: Session,
    project: Project,
    *,
    base_url: str,
    entity: str,
    remote_project: str,
    filters_text: str,
    now: datetime,
) -> UpstreamProject:
    """The mirror of these runs into a project of ours; made, idle, when it is missing."""
    found = find_source(
        session,
        project,
        base_url=base_url,
        entity=entity,
        remote_project=remote_project,
        filters_text=filters_text,
    )
    if found is not None:
        return found
    source = UpstreamProject(
        project_id=project.id,
        base_url=base_url,
        entity=entity,
        project=remote_project,
        filters_text=filters_text,
        state=MirrorState.IDLE,
        begun_at=now,
        created_at=now,
        updated_at=now,
    )
    session.add(source)
    session.flush()
    return source


def find_source(
    session: Session,
    project: Project,
    *,
    base_url: str,
    entity: str,
    remote_project: str,
    filters_text: str,
) -> UpstreamProject | None:
    """The mirror of these runs into a project of ours, or None."""
    return session.scalar(
        select(UpstreamProject).where(
            UpstreamProject.project_id == project.id,
            UpstreamProject.base_url == base_url,
            UpstreamProject.entity == entity,
            UpstreamProject.project == remote_project,
            UpstreamProject.filters_text == filters_text,
        )
    )


def get_source(session: Session, source_id: int) -> UpstreamProject:
    """The source with that number.

    Raises:
        NotFound: There is none.
    """
    source = session.get(UpstreamProject, source_id) if source_id <= _LARGEST_KEY else None
    if source is None:
        raise NotFound("import", str(source_id))
    return source


def list_sources(session: Session) -> Sequence[UpstreamProject]:
    """Every source, oldest first."""
    return session.scalars(select(UpstreamProject).order_by(UpstreamProject.id)).all()


def is_mirrored(session: Session, run_pk: int) -> bool:
    """Whether the run is a mirror of one on another server."""
    return session.get(UpstreamRun, run_pk) is not None


def find_mirror(session: Session, run_pk: int) -> UpstreamRun | None:
    """What its mirror knows of a run; None where it is no mirror."""
    return session.get(UpstreamRun, run_pk)


def next_pending(session: Session, source_id: int) -> tuple[Run, UpstreamRun] | None:
    """A run whose history is not read to its end, the oldest first."""
    return _first(session, source_id, UpstreamRun.pending.is_(True))


def next_with_records(session: Session, source_id: int) -> tuple[Run, UpstreamRun] | None:
    """A run that has something beside its history to read, the oldest first."""
    return _first(session, source_id, UpstreamRun.records_pending.is_(True))


def _first(
    session: Session, source_id: int, condition: ColumnElement[bool]
) -> tuple[Run, UpstreamRun] | None:
    query = (
        select(Run, UpstreamRun)
        .join(UpstreamRun, UpstreamRun.run_pk == Run.pk)
        .where(UpstreamRun.source_id == source_id, condition)
        .order_by(UpstreamRun.run_pk)
        .limit(1)
    )
    row = session.execute(query).first()
    return None if row is None else (row[0], row[1])


def not_listed(session: Session, source: UpstreamProject, *, limit: int) -> list[str]:
    """W&B's ids of mirrored runs that the newest listing of all did not have."""
    query = (
        select(Run.wandb_id)
        .join(UpstreamRun, UpstreamRun.run_pk == Run.pk)
        .where(
            UpstreamRun.source_id == source.id,
            UpstreamRun.seen_pass < source.passes,
            UpstreamRun.gone_at.is_(None),
        )
        .order_by(Run.pk)
        .limit(limit)
    )
    return list(session.scalars(query))


def counts_of(session: Session, source_id: int) -> Counts:
    """How many runs of a source are here, and in which way."""
    query = (
        select(UpstreamRun.gone_at.is_(None), UpstreamRun.pending, func.count(UpstreamRun.run_pk))
        .where(UpstreamRun.source_id == source_id)
        .group_by(UpstreamRun.gone_at.is_(None), UpstreamRun.pending)
    )
    rows = [(bool(here), bool(pending), n) for here, pending, n in session.execute(query)]
    skipped = session.scalar(
        select(func.count()).select_from(UpstreamSkip).where(UpstreamSkip.source_id == source_id)
    )
    return Counts(
        runs=sum(n for here, _, n in rows if here),
        pending=sum(n for here, pending, n in rows if here and pending),
        gone=sum(n for here, _, n in rows if not here),
        skipped=skipped or 0,
    )


def note_skip(session: Session, source: UpstreamProject, wandb_id: str, reason: str) -> None:
    """Write down that a run is not mirrored, and why."""
    session.merge(
        UpstreamSkip(
            source_id=source.id, wandb_id=wandb_id, reason=reason, seen_pass=source.passes
        )
    )


def forget_skips(
    session: Session,
    source: UpstreamProject,
    *,
    wandb_ids: Collection[str] | None = None,
    before_pass: int | None = None,
) -> None:
    """Forget why these were left out, or those that the newest listing did not have."""
    query = delete(UpstreamSkip).where(UpstreamSkip.source_id == source.id)
    if wandb_ids is not None:
        query = query.where(UpstreamSkip.wandb_id.in_(wandb_ids))
    if before_pass is not None:
        query = query.where(UpstreamSkip.seen_pass < before_pass)
    session.execute(query)


def skips_of(session: Session, source_id: int, *, limit: int) -> Sequence[UpstreamSkip]:
    """Runs that were left out, by their id."""
    query = (
        select(UpstreamSkip)
        .where(UpstreamSkip.source_id == source_id)
        .order_by(UpstreamSkip.wandb_id)
        .limit(limit)
    )
    return session.scalars(query).all()


def sweep_there(
    session: Session, *, entity: str, project: str, remote_id: str
) -> UpstreamSweep | None:
    """The sweep of ours that is registered there under that id."""
    return session.scalar(
        select(UpstreamSweep).where(
            UpstreamSweep.entity == entity,
            UpstreamSweep.project == project,
            UpstreamSweep.remote_id == remote_id,
        )
    )


def is_agent_there(session: Session, agent_id: str) -> bool:
    """Whether it is an agent of a sweep that another server holds."""
    held = exists().where(Agent.id == agent_id, UpstreamSweep.sweep_id == Agent.sweep_id)
    return bool(session.scalar(select(held)))


MIRRORED = exists().where(UpstreamRun.run_pk == Run.pk)
"""Of a run in a query: its state comes from another server."""
