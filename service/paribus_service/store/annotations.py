"""Queries on what was written to the runs of a W&B server. They never commit."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, func, select
from sqlalchemy.orm import Session

from paribus_service.errors import NotFound
from paribus_service.store.states import SWEEP_ENDED, AnnotationState
from paribus_service.store.tables import Project, Run, Sweep
from paribus_service.store.upstream_tables import (
    AnnotatedRun,
    Annotation,
    UpstreamProject,
    UpstreamRun,
)


@dataclass(frozen=True, slots=True)
class Target:
    """Whose runs are annotated: a sweep's, or those of a project that no sweep made.

    Target(sweep_id="x1y2")
    Target(project_id=3)
    """

    sweep_id: str | None = None
    project_id: int | None = None

    @property
    def runs(self) -> ColumnElement[bool]:
        """Its runs, as a condition."""
        if self.sweep_id is not None:
            return Run.sweep_id == self.sweep_id
        return (Run.project_id == self.project_id) & Run.sweep_id.is_(None)


@dataclass(frozen=True, slots=True)
class RunThere:
    """A mirrored run, and where it is there."""

    pk: int
    id: str
    wandb_id: str
    entity: str
    project: str


@dataclass(frozen=True, slots=True)
class Known:
    """What was added to a run, and what was left as it was."""

    keys: dict[str, str]
    tags: list[str]
    has_block: bool
    left: list[str]

    @property
    def is_nothing(self) -> bool:
        """There is nothing to remember."""
        return not (self.keys or self.tags or self.has_block or self.left)


NOTHING_KNOWN = Known({}, [], False, [])
_LARGEST_KEY = 2**63 - 1  # of SQLite


def find(session: Session, target: Target) -> Annotation | None:
    """The annotation of a sweep or a project; None where there never was one."""
    query = select(Annotation).where(
        Annotation.sweep_id == target.sweep_id
        if target.sweep_id is not None
        else Annotation.project_id == target.project_id
    )
    return session.scalar(query)


def get(session: Session, annotation_id: int) -> Annotation:
    """The annotation with that number.

    Raises:
        NotFound: There is none.
    """
    found = session.get(Annotation, annotation_id) if annotation_id <= _LARGEST_KEY else None
    if found is None:
        raise NotFound("annotation", str(annotation_id))
    return found


def ensure(
    session: Session, target: Target, *, base_url: str, root: str, now: datetime
) -> Annotation:
    """The annotation of a sweep or a project; made, idle, where it is missing."""
    found = find(session, target)
    if found is None:
        found = Annotation(
            sweep_id=target.sweep_id,
            project_id=target.project_id,
            base_url=base_url,
            root=root,
            state=AnnotationState.IDLE,
            question_text="{}",
            best_text="{}",
            lines_text="[]",
            sweep_left_text="[]",
            begun_at=now,
            created_at=now,
            updated_at=now,
        )
        session.add(found)
        session.flush()
    return found


def target_of(annotation: Annotation) -> Target:
    """Whose runs it is about."""
    return Target(annotation.sweep_id, annotation.project_id)


def automatic(session: Session) -> Sequence[int]:
    """Those that are the driver's to write: asked for at a launch, of a sweep that has ended.

    Not while a history is not read to its end: findings rest on it.
    """
    unread = exists().where(
        UpstreamRun.run_pk == Run.pk, UpstreamRun.pending.is_(True), Run.sweep_id == Sweep.id
    )
    query = (
        select(Annotation.id)
        .join(Sweep, Sweep.id == Annotation.sweep_id)
        .where(
            Annotation.is_automatic.is_(True),
            Annotation.state.in_([AnnotationState.WAITING, AnnotationState.WRITING]),
            Sweep.state.in_(SWEEP_ENDED),
            ~unread,
        )
        .order_by(Annotation.id)
    )
    return session.scalars(query).all()


# ---- runs


def runs_after(
    session: Session, target: Target, *, base_url: str, after_pk: int, limit: int
) -> list[RunThere]:
    """Runs that are mirrored from that server, by key; deleted ones are left out."""
    query = _mirrored(target, base_url).where(Run.pk > after_pk).order_by(Run.pk).limit(limit)
    rows: Iterable[Any] = session.execute(query)
    return [RunThere(*row) for row in rows]


def count_runs(session: Session, target: Target, *, base_url: str) -> int:
    """How many there are of them."""
    query = select(func.count()).select_from(_mirrored(target, base_url).subquery())
    return session.scalar(query) or 0


def _mirrored(target: Target, base_url: str) -> Select[int, str, str, str, str]:
    return (
        select(Run.pk, Run.id, Run.wandb_id, UpstreamProject.entity, UpstreamProject.project)
        .join(UpstreamRun, UpstreamRun.run_pk == Run.pk)
        .join(UpstreamProject, UpstreamProject.id == UpstreamRun.source_id)
        .where(
            target.runs,
            Run.deleted_at.is_(None),
            UpstreamRun.gone_at.is_(None),
            UpstreamProject.base_url == base_url,
        )
    )


def servers_of(session: Session, target: Target) -> Sequence[str]:
    """The servers that a target's runs are mirrored from."""
    query = (
        select(UpstreamProject.base_url)
        .join(UpstreamRun, UpstreamRun.source_id == UpstreamProject.id)
        .join(Run, Run.pk == UpstreamRun.run_pk)
        .where(target.runs, Run.deleted_at.is_(None))
        .distinct()
        .order_by(UpstreamProject.base_url)
    )
    return session.scalars(query).all()


def known_of(session: Session, run_pk: int) -> Known:
    """What was added to a run."""
    row = session.get(AnnotatedRun, run_pk)
    return NOTHING_KNOWN if row is None else _known(row)


def _known(row: AnnotatedRun) -> Known:
    return Known(
        json.loads(row.keys_text),
        json.loads(row.tags_text),
        row.has_block,
        json.loads(row.left_text),
    )


def note(
    session: Session, annotation: Annotation, run_pk: int, known: Known, *, now: datetime
) -> None:
    """Remember what was added to a run, or that nothing of ours is there any more."""
    row = session.get(AnnotatedRun, run_pk)
    if known.is_nothing:
        if row is not None:
            session.delete(row)
        return
    if row is not None and row.annotation_id == annotation.id and _known(row) == known:
        return
    session.merge(
        AnnotatedRun(
            run_pk=run_pk,
            annotation_id=annotation.id,
            keys_text=json.dumps(known.keys),
            tags_text=json.dumps(known.tags),
            has_block=known.has_block,
            left_text=json.dumps(known.left),
            written_at=now,
        )
    )


def noted(
    session: Session, annotation_id: int, *, limit: int
) -> list[tuple[str, str, Known, datetime]]:
    """(our run id, W&B's, what is there, since when) of an annotation's runs, by key."""
    query = (
        select(Run.id, Run.wandb_id, AnnotatedRun)
        .join(AnnotatedRun, AnnotatedRun.run_pk == Run.pk)
        .where(AnnotatedRun.annotation_id == annotation_id, Run.deleted_at.is_(None))
        .order_by(Run.pk)
        .limit(limit)
    )
    return [
        (run_id, wandb_id, _known(row), row.written_at)
        for run_id, wandb_id, row in session.execute(query)
    ]


def counts(session: Session, annotation_id: int) -> tuple[int, int]:
    """How many runs hold something of ours, and of how many something was left as it was."""
    query = (
        select(AnnotatedRun.keys_text, AnnotatedRun.tags_text, AnnotatedRun.has_block,
               AnnotatedRun.left_text)
        .join(Run, Run.pk == AnnotatedRun.run_pk)
        .where(AnnotatedRun.annotation_id == annotation_id, Run.deleted_at.is_(None))
    )  # fmt: skip
    rows = [tuple(row) for row in session.execute(query)]
    return (
        sum(bool(keys != "{}" or tags != "[]" or block) for keys, tags, block, _ in rows),
        sum(left != "[]" for *_, left in rows),
    )


def name_of(session: Session, annotation: Annotation) -> str:
    """The sweep's id, or `entity/project`."""
    if annotation.sweep_id is not None:
        return annotation.sweep_id
    project = session.get(Project, annotation.project_id)
    assert project is not None
    return f"{project.entity}/{project.name}"
