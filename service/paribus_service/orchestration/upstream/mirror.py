"""Mirrors runs of a W&B server into our own tables, a little at a time.

Promises:
- A page of history is stored with how far it came, in one transaction, and a page of runs is
  turned after its last run: whoever is killed goes on from there, and two that mirror the same
  runs at once store each line once.
- No question is asked inside a transaction, and no more than a page is held in memory.
- A second listing costs the list itself and what changed since: a history is asked for only where
  the list counts other lines, and what stands beside it only as `records` says.
- A run that is no longer listed is asked for by its id before it is taken for deleted.
- Trouble that may pass ends the turn and is waited out before the next question, longer each time;
  what is there stays there.

A source is what is mirrored: a project, what a filter chooses of it, or a sweep. It goes
`listing` → `checking` → `reading` → `idle`.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import (
    UpstreamBusy,
    UpstreamError,
    UpstreamFailed,
    UpstreamNotFound,
    UpstreamUnreachable,
)
from paribus_service.orchestration.upstream import records, taking_in
from paribus_service.orchestration.upstream.messages import (
    RemoteRun,
    RunPage,
    RunRecords,
    Upstream,
)
from paribus_service.orchestration.upstream.pace import is_due
from paribus_service.orchestration.upstream.reading import Reading, next_reading
from paribus_service.store import mirrors
from paribus_service.store import runs as run_store
from paribus_service.store.engine import session_scope
from paribus_service.store.states import MirrorState
from paribus_service.store.tables import Project
from paribus_service.store.upstream_tables import UpstreamProject

RUNS_A_PAGE = 100
RUNS_A_COMMIT = 25  # taken in within 0.15 s on busy cores, so that no other writer waits long
ROWS_A_PAGE = 2_000
IDS_A_QUESTION = 50
HEARTBEAT_OVERLAP = timedelta(minutes=2)  # heartbeats come every 30 s and are stored late
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 2.0, 300.0
TRIES_A_RUN = 3  # of a history that cannot be read; then the others have their turn
_HISTORY_LACKS = "its history is not whole here, and is read on with the next import"
_RECORDS_LACK = (
    "its console output or system metrics are not here, and are asked for with the next import"
)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much one turn may do.

    Budget()                          # a turn of a thread in the background
    Budget(seconds=5)                 # a turn that a request waits for
    Budget(questions=1)               # one step: for tests
    """

    questions: int = 1_000
    seconds: float = 30.0


@dataclass(slots=True)
class Turn:
    """What one turn did."""

    questions: int = 0
    changed: set[int] = field(default_factory=set)
    """Keys of the runs of which something was taken in."""
    trouble: UpstreamError | None = None
    """What ended it early and may pass."""
    is_done: bool = False
    """There is nothing more to do before the next listing."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a source stands, as plain values."""

    id: int
    entity: str
    project: str
    filters: Mapping[str, Any] | None
    state: str
    cursor: str | None
    passes: int


def open_source(
    session: Session,
    project: Project,
    *,
    base_url: str,
    entity: str,
    remote_project: str,
    filters: Mapping[str, Any] | None = None,
    now: datetime,
) -> UpstreamProject:
    """The source for these runs, made where it is missing; `begin` starts a listing of it."""
    return mirrors.ensure_source(
        session,
        project,
        base_url=base_url,
        entity=entity,
        remote_project=remote_project,
        filters_text=filters_text(filters),
        now=now,
    )


def filters_text(filters: Mapping[str, Any] | None) -> str:
    """A filter in one spelling, so that it is recognised; empty for all runs."""
    return json.dumps(filters, sort_keys=True, ensure_ascii=False) if filters else ""


def begin(source: UpstreamProject, *, everything: bool, now: datetime) -> bool:
    """Begin a new listing, unless one is under way; whether it did.

    Args:
        source: What to list.
        everything: All runs, so that edits and deletions are seen; else those that reported since
            the last listing.
        now: The moment.
    """
    if source.state != MirrorState.IDLE:
        return False
    source.listing_all = everything or source.listed_all_at is None or source.heard_at is None
    source.passes += source.listing_all
    source.state, source.cursor, source.listed = MirrorState.LISTING, None, 0
    source.begun_at = source.updated_at = now
    return True


class Mirror:
    """Takes turns at mirroring; one for each server.

    mirror = Mirror(engine, upstream, clock)
    turn = mirror.turn(source_id, Budget(seconds=5))
    """

    def __init__(
        self,
        engine: Engine,
        upstream: Upstream,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._upstream = upstream
        self._clock = clock
        self._monotonic = monotonic

    def turn(self, source_id: int, budget: Budget) -> Turn:
        """Go on with a source until its listing is through, or the budget is spent.

        Raises:
            NotFound: No such source.
            UpstreamError: Trouble that does not pass by itself; it stands with the source, too.
        """
        turn, begun = Turn(), self._monotonic()
        while turn.questions < budget.questions:
            place = self._place(source_id)
            if place is None:
                return turn
            turn.is_done = place.state == MirrorState.IDLE or not self._step(place, turn)
            spent = self._monotonic() - begun
            if turn.is_done or turn.trouble is not None or spent >= budget.seconds:
                return turn
        return turn

    def _place(self, source_id: int) -> _Place | None:
        """Where the source stands; None while it is to wait."""
        with session_scope(self._engine, reads_only=True) as session:
            source = mirrors.get_source(session, source_id)
            if not is_due(source.wait_until, source.updated_at, self._clock.now()):
                return None
            return _Place(
                source.id, source.entity, source.project, _filters_of(source), source.state,
                source.cursor, source.passes,
            )  # fmt: skip

    def _step(self, place: _Place, turn: Turn) -> bool:
        """One question and what follows from its answer; False when nothing was left to do."""
        steps: dict[MirrorState, Callable[[_Place, Turn], bool]] = {
            MirrorState.LISTING: self._list,
            MirrorState.CHECKING: self._check,
            MirrorState.READING: self._read,
        }
        try:
            return steps[MirrorState(place.state)](place, turn)
        except UpstreamError as error:
            self._note_trouble(place, error)
            if not error.may_pass and not isinstance(error, UpstreamFailed):
                raise
            turn.trouble = error
            return True

    def _list(self, place: _Place, turn: Turn) -> bool:
        turn.questions += 1
        page = self._upstream.runs(
            place.entity,
            place.project,
            filters=place.filters,
            after=place.cursor,
            limit=RUNS_A_PAGE,
        )
        for start in range(0, len(page.runs), RUNS_A_COMMIT):
            if not self._take_runs(place, page.runs[start : start + RUNS_A_COMMIT], turn):
                return True
        self._turn_page(place, page)
        return True

    def _take_runs(self, place: _Place, runs: Sequence[RemoteRun], turn: Turn) -> bool:
        """Take some runs in; False where somebody else has turned the page meanwhile.

        The page is turned after its last run: whoever is killed in between lists it again.
        """
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            if not _stands_at(source, place):
                return False
            mirrors.forget_skips(session, source, wandb_ids=[run.path.run_id for run in runs])
            for remote in runs:
                changed = taking_in.take_run(session, source, remote, now=now)
                turn.changed |= {changed} if changed is not None else set()
        return True

    def _turn_page(self, place: _Place, page: RunPage) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            if not _stands_at(source, place):
                return
            heard = [source.heard_at, *(remote.heartbeat_at for remote in page.runs)]
            source.heard_at = max((at for at in heard if at is not None), default=None)
            source.cursor, source.listed = page.next_cursor, source.listed + len(page.runs)
            if source.listing_all and page.total is not None:
                source.total = page.total
            if page.next_cursor is None:
                source.state = MirrorState.CHECKING if source.listing_all else MirrorState.READING
            _note_well(source, now=now)

    def _check(self, place: _Place, turn: Turn) -> bool:
        """Tell runs that are gone from those that the filter no longer chooses."""
        with session_scope(self._engine, reads_only=True) as session:
            source = mirrors.get_source(session, place.id)
            missing = mirrors.not_listed(session, source, limit=IDS_A_QUESTION)
        there = {}
        if missing:
            turn.questions += 1
            filters = {"name": {"$in": missing}}
            page = self._upstream.runs(
                place.entity, place.project, filters=filters, limit=IDS_A_QUESTION
            )
            there = {remote.path.run_id: remote for remote in page.runs}
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            if not _stands_at(source, place):
                return True
            for wandb_id in missing:
                if wandb_id in there:
                    changed = taking_in.take_run(session, source, there[wandb_id], now=now)
                else:
                    changed = _take_deletion(session, source, wandb_id, now=now)
                turn.changed |= {changed} if changed is not None else set()
            if len(missing) < IDS_A_QUESTION:
                mirrors.forget_skips(session, source, before_pass=source.passes)
                source.state = MirrorState.READING
            _note_well(source, now=now)
        return True

    def _read(self, place: _Place, turn: Turn) -> bool:
        reading = self._next_reading(place)
        if reading is None:
            self._finish(place)
            return False
        turn.questions += 1
        try:
            came = reading.ask(self._upstream)
        except UpstreamNotFound:
            self._take_gone(place, reading, turn)
            return True
        except (UpstreamFailed, UpstreamUnreachable) as error:
            has_failed = isinstance(error, UpstreamFailed)
            left = (has_failed or reading.is_of_records) and self._give_up(place, reading, error)
            if not (left and has_failed):
                raise
            return True
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            _note_well(source, now=now)
            run = run_store.get_run_by_pk(session, reading.pk)
            mirror = mirrors.find_mirror(session, reading.pk)
            if mirror is None or reading.is_stale(run, mirror):
                return True
            if run.deleted_at is not None:
                mirror.pending = mirror.records_pending = False
            elif isinstance(came, RunRecords):
                records.take(session, run, mirror, came, now=now)
            else:
                taking_in.take_history(session, source, run, mirror, came, now=now)
            turn.changed.add(run.pk)
        return True

    def _next_reading(self, place: _Place) -> Reading | None:
        with session_scope(self._engine, reads_only=True) as session:
            return next_reading(session, place.id, place.entity, place.project, rows=ROWS_A_PAGE)

    def _take_gone(self, place: _Place, reading: Reading, turn: Turn) -> None:
        """It was deleted there while it was read."""
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            _take_deletion(session, source, reading.path.run_id, now=now)
            _note_well(source, now=now)
        turn.changed.add(reading.pk)

    def _give_up(self, place: _Place, reading: Reading, error: UpstreamError) -> bool:
        """After some tries, leave what cannot be read to the next listing.

        A server that answers nothing is waited for all the same. But one that has no answer to
        this alone must not keep the others from being read.
        """
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            if source.tries + 1 < TRIES_A_RUN:
                return False
            mirror = mirrors.find_mirror(session, reading.pk)
            if mirror is not None and reading.is_of_records:
                mirror.records_pending = False
            elif mirror is not None:
                mirror.pending, mirror.history_lines = False, None
            what = _RECORDS_LACK if reading.is_of_records else _HISTORY_LACKS
            mirrors.note_skip(session, source, reading.path.run_id, f"{what}: {error}")
            if isinstance(error, UpstreamFailed):
                _note_well(source, now=now)
        return True

    def _finish(self, place: _Place) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            if source.state == MirrorState.READING:
                source.state, source.listed_at = MirrorState.IDLE, source.begun_at
                source.updated_at = now
                if source.listing_all:
                    source.listed_all_at = source.begun_at

    def _note_trouble(self, place: _Place, error: UpstreamError) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            source = mirrors.get_source(session, place.id)
            wait = min(FIRST_WAIT_SECONDS * 2.0**source.tries, LONGEST_WAIT_SECONDS)
            if isinstance(error, UpstreamBusy):
                wait = max(error.retry_after, wait if source.tries else 0.0)
            source.tries += 1
            source.problem = str(error)
            source.wait_until = (
                now + timedelta(seconds=wait)
                if error.may_pass or isinstance(error, UpstreamFailed)
                else None
            )
            source.updated_at = now


def _filters_of(source: UpstreamProject) -> Mapping[str, Any] | None:
    """What is asked for: the source's own filter, and who reported since where that will do."""
    own = json.loads(source.filters_text) if source.filters_text else None
    if source.listing_all or source.heard_at is None:
        return own
    since = (source.heard_at - HEARTBEAT_OVERLAP).isoformat().replace("+00:00", "Z")
    recent = {"heartbeat_at": {"$gte": since}}
    return {"$and": [own, recent]} if own else recent


def _stands_at(source: UpstreamProject, place: _Place) -> bool:
    return (source.state, source.cursor, source.passes) == (
        place.state,
        place.cursor,
        place.passes,
    )


def _take_deletion(
    session: Session, source: UpstreamProject, wandb_id: str, *, now: datetime
) -> int | None:
    run = run_store.find_run(session, source.project_id, wandb_id)
    mirror = None if run is None else mirrors.find_mirror(session, run.pk)
    if run is None or mirror is None:
        return None
    taking_in.take_deletion(session, run, mirror, now=now)
    return run.pk


def _note_well(source: UpstreamProject, *, now: datetime) -> None:
    source.tries, source.wait_until, source.problem = 0, None, None
    source.updated_at = now
