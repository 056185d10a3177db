"""Annotate runs and sweeps of a W&B server: write there what the answers say, and take it back.

Never by default: somebody asks for it, run by run of the answer `best` and of the findings. It is
done by turns, as imports are, each as long as whoever asks for it will wait.

Promises:
- Only runs that have ended are written to, after they were read, and only where something differs:
  annotating again costs the list of runs, and no change there.
- What was there before stays, and so does whatever somebody changed since; it is named.
- What was written is remembered after it was written. Who is killed in between, and who lost an
  answer, finds it by its own marks: nothing is doubled, nothing is forgotten.
- What is taken back leaves notes, tags and summary as they were. That works without our record,
  too, from the blocks that stand there (`annotation_text`).
- No question is asked inside a transaction.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from importlib import import_module
from itertools import takewhile
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import (
    InvalidRequest,
    UpstreamBusy,
    UpstreamError,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamTooOld,
)
from paribus_service.orchestration.inquiries import Inquiry
from paribus_service.orchestration.names import page_of_sweep
from paribus_service.orchestration.upstream.annotation_calls import LIVE
from paribus_service.orchestration.upstream.annotation_requests import (
    MOST_SHOWN,
    Preview,
    Progress,
    Wanted,
    check,
    show,
    subject_of,
    target_of,
    told,
)
from paribus_service.orchestration.upstream.annotation_text import (
    NONE_ADDED,
    NOTHING,
    change_of,
)
from paribus_service.orchestration.upstream.messages import (
    Added,
    Annotated,
    Content,
    RemoteRun,
    RunPath,
    SweepPath,
    Upstream,
)
from paribus_service.orchestration.upstream.pace import is_due
from paribus_service.store import annotations, upstream_sweeps
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.annotations import Known, RunThere, Target
from paribus_service.store.engine import session_scope
from paribus_service.store.states import AnnotationState
from paribus_service.store.upstream_tables import Annotation

log = logging.getLogger(__name__)

RUNS_A_PAGE = 50
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 300.0
TURN_SECONDS = 10.0  # of the driver's; then sweeps have theirs
_LIVE_LEFT = "it has not ended, and nothing was written: its client would write over it"
_GONE_LEFT = "it is not there any more"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an annotation stands, as plain values."""

    id: int
    target: Target
    base_url: str
    root: str
    state: str
    passes: int
    cursor: int | None
    best: dict[str, list[str]]
    lines: list[str]


@dataclass(frozen=True, slots=True)
class _Due:
    """A run whose turn it is."""

    run: RunThere
    wanted: Content
    known: Known

    @property
    def recorded(self) -> Added:
        return Added(self.known.keys, self.known.tags)


class Annotator:
    """Opens annotations and goes on with them.

    annotator = Annotator(engine, upstream, clock, observer.rules)
    found = annotator.open(Wanted(sweep_id="x1y2"), root="https://paribus.example")
    while found.state != AnnotationState.IDLE:
        found = annotator.go_on(found.id, seconds=5)
    """

    def __init__(
        self,
        engine: Engine,
        upstream: Upstream,
        clock: Clock,
        rules: Callable[[], Any],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """An annotator of one server's runs.

        Args:
            engine: The database.
            upstream: The server.
            clock: Of the service.
            rules: The rules of findings in force.
            monotonic: For what a turn may take.
        """
        self._engine = engine
        self._upstream = upstream
        self._clock = clock
        self._rules = rules
        self._monotonic = monotonic

    # ---- asking for it

    def open(self, wanted: Wanted, *, root: str) -> Progress:
        """Begin to write what the answers say now; one that is under way begins anew.

        Raises:
            NotFound: No such sweep or project.
            InvalidRequest: Its runs are tracked here, or what is asked of them is not there.
            UpstreamError: They are on another server, or this one cannot be asked.
        """
        base_url = self._server_of(wanted)
        with session_scope(self._engine, reads_only=True) as session:
            subject = subject_of(session, wanted)
            target = target_of(session, wanted, base_url)
            verdict = _content().verdict_of(
                session, subject, wanted.inquiry, self._rules(), root=root
            )
        with session_scope(self._engine) as session:
            row = annotations.ensure(
                session, target, base_url=base_url, root=root, now=self._clock.now()
            )
            row.question_text = _question_text(wanted.inquiry)
            row.best_text, row.lines_text = json.dumps(verdict.best), json.dumps(verdict.lines)
            return self._begin(session, row, AnnotationState.WRITING, base_url, root)

    def remove(self, wanted: Wanted, *, root: str) -> Progress:
        """Begin to take back whatever an annotation wrote to these runs.

        Raises:
            NotFound: No such sweep or project.
            InvalidRequest: Its runs are tracked here.
            UpstreamError: They are on another server, or this one cannot be asked.
        """
        base_url = self._server_of(wanted)
        with session_scope(self._engine) as session:
            target = target_of(session, wanted, base_url)
            row = annotations.ensure(
                session, target, base_url=base_url, root=root, now=self._clock.now()
            )
            row.best_text, row.lines_text, row.is_automatic = "{}", "[]", False
            return self._begin(session, row, AnnotationState.REMOVING, base_url, root)

    def _begin(
        self, session: Session, row: Annotation, state: AnnotationState, base_url: str, root: str
    ) -> Progress:
        now = self._clock.now()
        target = annotations.target_of(row)
        row.state, row.base_url, row.root = state, base_url, root
        row.passes += 1
        row.cursor = None if row.sweep_id is not None else 0
        row.total = annotations.count_runs(session, target, base_url=base_url)
        row.done = row.writes = 0
        row.begun_at = row.updated_at = now
        session.flush()
        return told(session, row, now=now)

    def preview(self, wanted: Wanted, *, root: str, limit: int = 100) -> Preview:
        """What would be written; nothing is, and the server is not asked for its runs.

        Raises:
            NotFound: No such sweep or project.
            InvalidRequest: Its runs are tracked here, or what is asked of them is not there.
            UpstreamError: They are on another server, or this one cannot be asked.
        """
        base_url = self._server_of(wanted)
        content, book = _content(), self._rules()
        with session_scope(self._engine, reads_only=True) as session:
            target = target_of(session, wanted, base_url)
            verdict = content.verdict_of(
                session, subject_of(session, wanted), wanted.inquiry, book, root=root
            )
            runs = annotations.runs_after(
                session, target, base_url=base_url, after_pk=0, limit=MOST_SHOWN
            )
            found: list[tuple[str, Content]] = []
            looked_at = 0
            for start in range(0, len(runs), RUNS_A_PAGE):
                page = runs[start : start + RUNS_A_PAGE]
                told = content.contents_of(session, [r.pk for r in page], verdict, book, root=root)
                found += [(r.wandb_id, told[r.pk]) for r in page if told[r.pk] != NOTHING]
                looked_at += len(page)
                if len(found) >= limit:
                    break
            total = annotations.count_runs(session, target, base_url=base_url)
        return Preview(verdict.lines, total, looked_at, found[:limit])

    def _server_of(self, wanted: Wanted) -> str:
        check(self._engine, wanted)
        return self._upstream.server().base_url

    # ---- doing it

    def go_on(self, annotation_id: int, *, seconds: float) -> Progress:
        """Do more of it, for about so many seconds; one question to the server at least.

        Raises:
            NotFound: No such annotation.
            UpstreamError: Trouble that does not pass by itself; it stands with it, too.
        """
        until = self._monotonic() + seconds
        while (place := self._place(annotation_id)) is not None:
            try:
                self._step(place, until)
            except UpstreamError as error:
                self._note_trouble(place.id, error)
                if not error.may_pass:
                    raise
                break
            if self._monotonic() >= until:
                break
        return show(self._engine, annotation_id, now=self._clock.now())

    def _place(self, annotation_id: int) -> _Place | None:
        """Where it stands; None where nothing is to be done now."""
        with session_scope(self._engine, reads_only=True) as session:
            row = annotations.get(session, annotation_id)
            waits = not is_due(row.wait_until, row.updated_at, self._clock.now())
            if row.state not in (AnnotationState.WRITING, AnnotationState.REMOVING) or waits:
                return None
            return _Place(
                row.id, annotations.target_of(row), row.base_url, row.root, row.state, row.passes,
                row.cursor, json.loads(row.best_text), json.loads(row.lines_text),
            )  # fmt: skip

    def _step(self, place: _Place, until: float) -> None:
        if place.cursor is None and place.target.sweep_id is not None:
            self._annotate_sweep(place, place.target.sweep_id)
            return
        page = self._page(place)
        if not page:
            self._finish(place)
            return
        there = self._listed(page)
        done: list[tuple[_Due, Annotated]] = []
        for due in page:
            found = _settled(due, there.get(due.run.wandb_id))
            if found is None:
                if not self._store(place, done):
                    return
                found, done = self._write(due), []
            done.append((due, found))
            if found.was_written and self._monotonic() >= until:
                break
        self._store(place, done)

    def _annotate_sweep(self, place: _Place, sweep_id: str) -> None:
        """Its description: the verdict."""
        with session_scope(self._engine, reads_only=True) as session:
            project = sweep_store.get_sweep(session, sweep_id).project
            known = upstream_sweeps.get(session, sweep_id)
            path = SweepPath(known.entity, known.project, known.remote_id)
            page = page_of_sweep(place.root, project.entity, project.name, sweep_id)
            has_block = annotations.get(session, place.id).sweep_block
        is_written = place.state == AnnotationState.WRITING
        content = Content({}, [], [*place.lines, f"More: {page}"]) if is_written else NOTHING
        try:
            found = self._upstream.annotate_sweep(path, content)
        except (UpstreamFailed, UpstreamTooOld) as error:
            found = Annotated(NONE_ADDED, [str(error)], has_block=has_block)
        except UpstreamNotFound as error:
            if error.kind != "sweep":
                raise
            found = Annotated(NONE_ADDED, [_GONE_LEFT])
        with session_scope(self._engine) as session:
            row = annotations.get(session, place.id)
            row.sweep_block = found.has_block
            row.sweep_left_text = json.dumps(found.left)
            if row.passes == place.passes:
                row.cursor = 0
                row.writes += found.was_written
                _note_well(row, now=self._clock.now())

    def _page(self, place: _Place) -> list[_Due]:
        """The next runs, all of one project there."""
        with session_scope(self._engine, reads_only=True) as session:
            runs = annotations.runs_after(
                session, place.target, base_url=place.base_url, after_pk=place.cursor or 0,
                limit=RUNS_A_PAGE,
            )  # fmt: skip
            home = [(run.entity, run.project) for run in runs[:1]]
            runs = list(takewhile(lambda run: (run.entity, run.project) in home, runs))
            told = self._contents(session, place, [run.pk for run in runs])
            return [
                _Due(run, told.get(run.pk, NOTHING), annotations.known_of(session, run.pk))
                for run in runs
            ]

    def _contents(
        self, session: Session, place: _Place, run_pks: Sequence[int]
    ) -> dict[int, Content]:
        if place.state == AnnotationState.REMOVING or not run_pks:
            return {}
        content = _content()
        verdict = content.Verdict(place.best, place.lines)
        found: dict[int, Content] = content.contents_of(
            session, run_pks, verdict, self._rules(), root=place.root
        )
        return found

    def _listed(self, page: Sequence[_Due]) -> dict[str, RemoteRun]:
        """These runs as they are there now; one question tells which of them differ."""
        first = page[0].run
        names = [due.run.wandb_id for due in page]
        listed = self._upstream.runs(
            first.entity, first.project, filters={"name": {"$in": names}}, limit=len(names)
        )
        return {remote.path.run_id: remote for remote in listed.runs}

    def _write(self, due: _Due) -> Annotated:
        run = due.run
        path = RunPath(run.entity, run.project, run.wandb_id)
        try:
            found = self._upstream.annotate_run(path, due.wanted, due.recorded)
        except UpstreamNotFound as error:
            if error.kind != "run":
                raise
            return Annotated(NONE_ADDED, [_GONE_LEFT])
        except UpstreamFailed as error:
            return Annotated(due.recorded, [str(error)], has_block=due.known.has_block)
        return _left_live(due) if found.is_live else found

    def _store(self, place: _Place, done: Sequence[tuple[_Due, Annotated]]) -> bool:
        """Remember what came of these; False where somebody has begun anew meanwhile."""
        now = self._clock.now()
        with session_scope(self._engine) as session:
            row = annotations.get(session, place.id)
            for due, found in done:
                known = Known(found.added.keys, found.added.tags, found.has_block, found.left)
                annotations.note(session, row, due.run.pk, known, now=now)
            if row.passes != place.passes:
                return False
            if done:
                row.cursor, row.done = done[-1][0].run.pk, row.done + len(done)
                row.writes += sum(found.was_written for _, found in done)
                _note_well(row, now=now)
        return True

    def _finish(self, place: _Place) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            row = annotations.get(session, place.id)
            if row.passes == place.passes:
                row.is_automatic = row.is_automatic and not _is_last(session, row)
                row.state, row.ended_at = AnnotationState.IDLE, now
                if row.is_automatic:  # somebody wanted to see it before the sweep's end, too
                    row.state = AnnotationState.WAITING
                _note_well(row, now=now)

    def go_on_by_itself(self, annotation_id: int) -> None:
        """A turn of the driver's: of a sweep that was launched with it, and has ended.

        Trouble stands with the annotation, and is waited out.
        """
        now = self._clock.now()
        with session_scope(self._engine, reads_only=True) as session:
            row = annotations.get(session, annotation_id)
            state, root, wanted = row.state, row.root, Wanted(sweep_id=row.sweep_id)
            if not is_due(row.wait_until, row.updated_at, now):
                return
        try:
            if state == AnnotationState.WAITING:
                self.open(wanted, root=root)
            self.go_on(annotation_id, seconds=TURN_SECONDS)
        except (UpstreamError, InvalidRequest) as error:
            log.warning("sweep %s could not be annotated: %s", wanted.sweep_id, error)
            self._note_trouble(annotation_id, error)

    def _note_trouble(self, annotation_id: int, error: UpstreamError | InvalidRequest) -> None:
        """Wait longer each time; what does not pass is asked for again by somebody."""
        now = self._clock.now()
        may_pass = isinstance(error, UpstreamError) and error.may_pass
        with session_scope(self._engine) as session:
            row = annotations.get(session, annotation_id)
            wait = min(FIRST_WAIT_SECONDS * 2.0**row.tries, LONGEST_WAIT_SECONDS)
            if isinstance(error, UpstreamBusy):
                wait = max(error.retry_after, wait if row.tries else 0.0)
            row.tries = min(row.tries + 1, 30)
            row.problem, row.updated_at = str(error), now
            if not may_pass:  # nobody but the driver asks again by itself
                wait = LONGEST_WAIT_SECONDS if row.is_automatic else 0.0
            row.wait_until = now + timedelta(seconds=wait) if wait else None


def _settled(due: _Due, remote: RemoteRun | None) -> Annotated | None:
    """What is to be said of a run that needs no writing, as it was just listed; None: it does."""
    if remote is None:
        return Annotated(NONE_ADDED, [_GONE_LEFT])
    if remote.state in LIVE:
        return _left_live(due)
    change = change_of(
        summary_text=remote.summary_text,
        tags=remote.tags,
        notes=remote.notes,
        wanted=due.wanted,
        recorded=due.recorded,
    )
    if not change.is_empty:
        return None
    return Annotated(change.added, change.left, has_block=change.has_block)


def _is_last(session: Session, row: Annotation) -> bool:
    """It was begun once the sweep had ended, and every history is read."""
    assert row.sweep_id is not None
    ended_at = sweep_store.get_sweep(session, row.sweep_id).ended_at
    is_due = row.id in annotations.automatic(session)
    return is_due and (ended_at is None or ended_at <= row.begun_at)


def _content() -> Any:
    """What works out the words; numpy comes with it."""
    return import_module("paribus_service.orchestration.upstream.annotation_content")


def _question_text(inquiry: Inquiry) -> str:
    told = asdict(inquiry)
    return json.dumps({key: told[key] for key in ("response", "goal", "factors", "ignore")})


def _left_live(due: _Due) -> Annotated:
    says = due.wanted != NOTHING or not due.known.is_nothing
    return Annotated(due.recorded, [_LIVE_LEFT] if says else [], has_block=due.known.has_block)


def _note_well(row: Annotation, *, now: datetime) -> None:
    row.tries, row.wait_until, row.problem = 0, None, None
    row.updated_at = now
