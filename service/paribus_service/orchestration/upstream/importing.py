"""Imports: a project of a W&B server, or what a filter chooses of it, copied into one here.

Nothing is written there. An import is done by turns, each as long as whoever asks for it will
wait; it can be left at any time and gone on with, and importing again takes in what changed.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import names
from paribus_service.orchestration.upstream import mirror
from paribus_service.orchestration.upstream.messages import Upstream
from paribus_service.orchestration.upstream.mirror import Budget, Mirror
from paribus_service.store import mirrors, projects
from paribus_service.store.engine import session_scope
from paribus_service.store.mirrors import Counts
from paribus_service.store.states import MirrorState
from paribus_service.store.upstream_tables import UpstreamProject
from paribus_sweeps.errors import Problem

SKIPS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be imported, and where to.

    Wanted("lab", "imdb")                                         # all of lab/imdb, into lab/imdb
    Wanted("lab", "imdb", filters={"tags": "good"})
    Wanted("lab", "imdb", into_entity="us", into_project="old")
    """

    entity: str
    project: str
    filters: Mapping[str, Any] | None = None
    into_entity: str | None = None
    into_project: str | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A run there that was left out."""

    wandb_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it stands."""

    id: int
    base_url: str
    entity: str
    project: str
    filters_text: str
    into_entity: str
    into_project: str
    state: MirrorState
    total: int | None
    listed: int
    counts: Counts
    skipped: tuple[Skipped, ...]
    """The first of them."""
    problem: str | None
    wait_seconds: float | None
    """How long nothing is asked; None where it can go on at once."""
    begun_at: datetime
    listed_at: datetime | None


class Importer:
    """Opens imports and goes on with them.

    importer = Importer(engine, upstream, clock)
    found = importer.open(Wanted("lab", "imdb"))
    while found.state != MirrorState.IDLE:
        found = importer.go_on(found.id, seconds=5)
    """

    def __init__(
        self,
        engine: Engine,
        upstream: Upstream,
        clock: Clock,
        *,
        on_change: Callable[[Collection[int]], None] = lambda _run_pks: None,
    ) -> None:
        """An importer from one server.

        Args:
            engine: The database.
            upstream: The server.
            clock: Of the service.
            on_change: Told the keys of the runs that something was taken in of.
        """
        self._engine = engine
        self._upstream = upstream
        self._clock = clock
        self._on_change = on_change
        self._mirror = Mirror(engine, upstream, clock)

    def open(self, wanted: Wanted) -> Import:
        """The import of these runs: gone on with where one is under way, begun anew where not.

        Raises:
            InvalidRequest: A name that cannot stand in an address here.
            UpstreamError: No such project there, a filter that is refused, or any trouble with
                the server; nothing was written then.
        """
        base_url = self._upstream.server().base_url
        into = _destination(wanted)
        with session_scope(self._engine, reads_only=True) as session:
            is_known = _find(session, base_url, wanted, into) is not None
        if not is_known:  # a project that is not there shall leave none here
            self._upstream.runs(wanted.entity, wanted.project, filters=wanted.filters, limit=1)
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirror.open_source(
                session,
                projects.ensure_project(session, *into, now=now),
                base_url=base_url,
                entity=wanted.entity,
                remote_project=wanted.project,
                filters=wanted.filters,
                now=now,
            )
            mirror.begin(source, everything=True, now=now)
            return _told(session, source, now=now)

    def go_on(self, source_id: int, *, seconds: float) -> Import:
        """Take in more, for about so many seconds.

        Raises:
            NotFound: No such import.
            UpstreamError: Trouble that does not pass by itself.
        """
        turn = self._mirror.turn(source_id, Budget(seconds=seconds))
        self._on_change(turn.changed)
        return self.show(source_id)

    def show(self, source_id: int) -> Import:
        """The import as it stands.

        Raises:
            NotFound: No such import.
        """
        return show(self._engine, source_id, now=self._clock.now())


def show(engine: Engine, source_id: int, *, now: datetime) -> Import:
    """An import as it stands; no server is asked.

    Raises:
        NotFound: No such import.
    """
    with session_scope(engine, reads_only=True) as session:
        return _told(session, mirrors.get_source(session, source_id), now=now)


def show_all(engine: Engine, *, now: datetime) -> list[Import]:
    """Every import, the oldest first."""
    with session_scope(engine, reads_only=True) as session:
        return [_told(session, source, now=now) for source in mirrors.list_sources(session)]


def _destination(wanted: Wanted) -> tuple[str, str]:
    problems = []
    found = []
    for kind, name in (
        ("entity", wanted.into_entity or wanted.entity),
        ("project", wanted.into_project or wanted.project),
    ):
        try:
            found.append(names.check(kind, name))
        except InvalidRequest as error:
            problems += [_elsewhere(problem, kind) for problem in error.problems]
    if problems:
        raise InvalidRequest(problems)
    return found[0], found[1]


def _elsewhere(problem: Problem, kind: str) -> Problem:
    hint = f"into_{kind} (--{kind}) names another {kind} for it here"
    return Problem(f"/into_{kind}", problem.code, problem.message, hint)


def _find(
    session: Session, base_url: str, wanted: Wanted, into: tuple[str, str]
) -> UpstreamProject | None:
    project = projects.find_project(session, *into)
    if project is None:
        return None
    return mirrors.find_source(
        session,
        project,
        base_url=base_url,
        entity=wanted.entity,
        remote_project=wanted.project,
        filters_text=mirror.filters_text(wanted.filters),
    )


def _told(session: Session, source: UpstreamProject, *, now: datetime) -> Import:
    into = projects.get_project(session, source.project_id)
    assert into is not None
    skips = mirrors.skips_of(session, source.id, limit=SKIPS_TOLD)
    wait = 0.0 if source.wait_until is None else (source.wait_until - now).total_seconds()
    return Import(
        id=source.id,
        base_url=source.base_url,
        entity=source.entity,
        project=source.project,
        filters_text=source.filters_text,
        into_entity=into.entity,
        into_project=into.name,
        state=MirrorState(source.state),
        total=source.total,
        listed=source.listed,
        counts=mirrors.counts_of(session, source.id),
        skipped=tuple(Skipped(skip.wandb_id, skip.reason) for skip in skips),
        problem=source.problem,
        wait_seconds=wait if wait > 0 else None,
        begun_at=source.begun_at,
        listed_at=source.listed_at,
    )
