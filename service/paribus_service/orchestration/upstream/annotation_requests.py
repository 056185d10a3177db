"""An annotation as it is asked for and as it stands: whose runs, what was written, what was left.

No server is asked here.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, NotFound, UpstreamElsewhere
from paribus_service.orchestration.inquiries import Inquiry, Subject
from paribus_service.orchestration.upstream.messages import Content
from paribus_service.store import annotations, projects, upstream_sweeps
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.annotations import Known, Target
from paribus_service.store.engine import session_scope
from paribus_service.store.states import AnnotationState
from paribus_service.store.tables import Sweep
from paribus_service.store.upstream_tables import Annotation
from paribus_sweeps.analysis.words import counted

MOST_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose runs are annotated, and what is asked of them.

    Wanted(sweep_id="x1y2")                                          # by the sweep's metric
    Wanted(entity="lab", project="imdb", response="loss", goal="minimize")
    Wanted(entity="lab", project="imdb")                             # findings alone
    """

    sweep_id: str | None = None
    entity: str = ""
    project: str = ""
    inquiry: Inquiry = Inquiry()


@dataclass(frozen=True, slots=True)
class AnnotatedRunHere:
    """A run, what of it there is ours, and what was left as it was."""

    run_id: str
    wandb_id: str
    known: Known
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """An annotation as it stands."""

    id: int
    sweep_id: str | None
    project: str | None
    base_url: str
    state: AnnotationState
    is_automatic: bool
    question: dict[str, Any]
    lines: list[str]
    total: int
    done: int
    writes: int
    written: int
    left: int
    sweep_is_annotated: bool
    sweep_left: list[str]
    runs: list[AnnotatedRunHere]
    """The first of them."""
    problem: str | None
    wait_seconds: float | None
    begun_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What an annotation would write; the runs are the first ones that have something to say."""

    lines: list[str]
    total: int
    looked_at: int
    runs: list[tuple[str, Content]]


def ask_at_the_end(session: Session, sweep_id: str, *, root: str, now: datetime) -> None:
    """Have a sweep that was just registered there annotated by the driver, once it has ended."""
    known = upstream_sweeps.get(session, sweep_id)
    row = annotations.ensure(
        session, Target(sweep_id=sweep_id), base_url=known.base_url, root=root, now=now
    )
    row.state, row.is_automatic = AnnotationState.WAITING, True


def show(engine: Engine, annotation_id: int, *, now: datetime) -> Progress:
    """An annotation as it stands; no server is asked.

    Raises:
        NotFound: No such annotation.
    """
    with session_scope(engine, reads_only=True) as session:
        return told(session, annotations.get(session, annotation_id), now=now)


def show_of(engine: Engine, wanted: Wanted, *, now: datetime) -> Progress:
    """What is written to a sweep's or a project's runs there.

    Raises:
        NotFound: No such sweep or project, or nobody has asked for it.
    """
    with session_scope(engine, reads_only=True) as session:
        subject = subject_of(session, wanted)
        project_id = None if wanted.sweep_id is not None else subject.scope.project_id
        row = annotations.find(session, Target(wanted.sweep_id, project_id))
        if row is None:
            raise NotFound("annotation", subject.name, hint="nobody has asked for one")
        return told(session, row, now=now)


def in_words(session: Session, sweep: Sweep) -> str | None:
    """What of a sweep stands on its W&B server, for its page; None where nothing does."""
    row = annotations.find(session, Target(sweep_id=sweep.id))
    if row is None:
        return None
    runs, left = annotations.counts(session, row.id)
    parts = []
    places = [*(["its description"] if row.sweep_block else []),
              *([counted(runs, "run")] if runs else [])]  # fmt: skip
    if places:
        parts.append(f"what Paribus says stands in {' and '.join(places)} there")
    if left:
        parts.append(f"of {counted(left, 'run')} something was left as it is")
    if row.is_automatic:
        parts.append("to be written once it has ended")
    return "; ".join([*parts, *([row.problem] if row.problem else [])]) or None


# ---- whose runs


def subject_of(session: Session, wanted: Wanted) -> Subject:
    """Whose runs answers are asked about.

    Raises:
        NotFound: No such sweep or project.
    """
    if wanted.sweep_id is not None:
        return Subject.of_sweep(sweep_store.get_sweep(session, wanted.sweep_id))
    project = projects.find_project(session, wanted.entity, wanted.project)
    if project is None:
        raise NotFound("project", f"{wanted.entity}/{wanted.project}")
    return Subject.of_project(project)


def check(engine: Engine, wanted: Wanted) -> None:
    """See that a W&B server holds these runs; none is asked.

    Raises:
        NotFound: No such sweep or project.
        InvalidRequest: They are tracked here.
    """
    with session_scope(engine, reads_only=True) as session:
        target_of(session, wanted, None)


def target_of(session: Session, wanted: Wanted, base_url: str | None) -> Target:
    """Whose runs, if they are that server's; None for whichever server's.

    Raises:
        NotFound: No such sweep or project.
        InvalidRequest: They are tracked here.
        UpstreamElsewhere: They are on another server.
    """
    subject = subject_of(session, wanted)
    if wanted.sweep_id is not None:
        target, there = Target(sweep_id=wanted.sweep_id), subject.sweeps[0].upstream
        servers = [] if there is None else [there.base_url]
    else:
        target = Target(project_id=subject.scope.project_id)
        servers = list(annotations.servers_of(session, target))
    if not servers:
        what = "sweep" if wanted.sweep_id is not None else "project"
        raise InvalidRequest.one(
            "",
            f"{what} {subject.name} is tracked here, and its pages here show all of it: only what "
            "a W&B server holds is annotated, a sweep that is registered there or an imported "
            "project",
            code="tracked_here",
        )
    if base_url is not None and base_url not in servers:
        raise UpstreamElsewhere(servers[0], base_url)
    return target


# ---- as it stands


def told(session: Session, row: Annotation, *, now: datetime) -> Progress:
    """An annotation, with what it wrote."""
    written, left = annotations.counts(session, row.id)
    wait = 0.0 if row.wait_until is None else (row.wait_until - now).total_seconds()
    name = annotations.name_of(session, row)
    return Progress(
        id=row.id,
        sweep_id=row.sweep_id,
        project=None if row.sweep_id is not None else name,
        base_url=row.base_url,
        state=AnnotationState(row.state),
        is_automatic=row.is_automatic,
        question=json.loads(row.question_text),
        lines=json.loads(row.lines_text),
        total=row.total,
        done=row.done,
        writes=row.writes,
        written=written,
        left=left,
        sweep_is_annotated=row.sweep_block,
        sweep_left=json.loads(row.sweep_left_text),
        runs=[
            AnnotatedRunHere(*found)
            for found in annotations.noted(session, row.id, limit=MOST_SHOWN)
        ],
        problem=row.problem,
        wait_seconds=wait if wait > 0 else None,
        begun_at=row.begun_at,
        ended_at=row.ended_at,
    )
