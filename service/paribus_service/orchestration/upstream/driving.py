"""A thread that drives the sweeps of a W&B server: agree, read along, hand out, stop.

Promises:
- It stands beside the service: a server that hangs or is down costs no request here.
- Trouble with the server is waited out, longer each time, and stands on the sweep's page as a
  sentence until the server answers again. Nothing is lost meanwhile, and nothing is done twice.
- Trouble with one sweep (deleted there, refused) costs no other one its turn; while the server
  itself does not answer, it is asked once a turn and not once a sweep.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine

from paribus_service.clock import Clock
from paribus_service.errors import (
    ServiceError,
    UpstreamBusy,
    UpstreamElsewhere,
    UpstreamError,
    UpstreamNotFound,
)
from paribus_service.orchestration.upstream import adopting, fleet, mirror
from paribus_service.orchestration.upstream.annotating import Annotator
from paribus_service.orchestration.upstream.handing import Dispatcher, working_agents
from paribus_service.orchestration.upstream.launching import Launcher
from paribus_service.orchestration.upstream.messages import RemoteSweep, SweepPath, Upstream
from paribus_service.orchestration.upstream.mirror import Budget, Mirror
from paribus_service.orchestration.upstream.steering import Steering
from paribus_service.settings import Settings
from paribus_service.store import annotations, upstream_sweeps
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import session_scope
from paribus_service.store.states import SWEEP_ENDED, TRIAL_LIVE

log = logging.getLogger(__name__)

KEPT_IN_SIGHT = timedelta(hours=24)  # an ended sweep: somebody may resume it there
READING_ALONG = Budget(questions=200, seconds=10.0)  # of histories; then others have their turn
SLOW_DOWN = 12  # an ended sweep is looked at so many times less often
DELETED_AFTER = 3  # looks in a row that do not find a sweep: one may be a server that starts
ONE_PAGE = 100  # runs that the mirror lists in one question: then all of them, at each look
ALL_RUNS_EVERY = 10  # looks; of a larger sweep it lists what reported lately in between


@dataclass(slots=True)
class _Memory:
    """What one driver remembers of a sweep between looks; all of it can be lost."""

    looks: int = 0
    missing: int = 0
    failures: int = 0
    is_behind: bool = False
    """More of its runs is to be read than fitted into the last look."""
    since: datetime | None = None
    next_at: datetime | None = None

    def rest(self, seconds: float, *, now: datetime) -> None:
        """Nothing is asked for so long."""
        self.since, self.next_at = now, now + timedelta(seconds=seconds)

    def is_due(self, now: datetime) -> bool:
        """The rest is over, or the clock went back since it began."""
        return self.since is None or self.next_at is None or not self.since <= now < self.next_at


@dataclass(frozen=True, slots=True)
class _Place:
    """A sweep that is to be looked at, as plain values."""

    sweep_id: str
    path: SweepPath
    base_url: str
    way: str
    has_ended: bool
    is_quiet: bool
    """It has ended, and nothing of it is live."""


class Driver:
    """A thread that looks every few seconds; `look` is what it does each time."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        clock: Clock,
        upstream: Upstream,
        launcher: Launcher,
        annotator: Annotator | None = None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._upstream = upstream
        self._launcher = launcher
        self._annotator = annotator
        self._dispatcher = Dispatcher(engine, settings, clock, upstream)
        self._steering = Steering(engine, clock, upstream)
        self._mirror = Mirror(engine, upstream, clock)
        self._base_url: str | None = None
        self._memories: dict[str, _Memory] = {}
        self._server = _Memory()
        """Of the server itself: while it does not answer, no sweep has its turn."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="driver", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        wait = 0.0  # what a killed service left half done is seen to at once
        while not self._stopping.wait(wait):
            try:
                self.look()
            except ServiceError as error:
                log.warning("the driver could not look this time: %s", error)
            except Exception:
                log.exception("the driver stumbled; it looks again")
            wait = self._settings.driver_interval_seconds

    def look(self) -> None:
        """Give each sweep there its turn, and take back launches that were cut off."""
        now = self._clock.now()
        if not self._server.is_due(now):
            return
        if not self._take_back():
            return
        for place in self._places(now):
            memory = self._memories.setdefault(place.sweep_id, _Memory())
            if self._stopping.is_set():
                return
            if memory.is_due(now) and not self._look_at(place, memory):
                return
        self._annotate_what_ended()

    def _annotate_what_ended(self) -> None:
        """Sweeps that were launched to be annotated, and no other ones."""
        if self._annotator is None:
            return
        with session_scope(self._engine, reads_only=True) as session:
            due = annotations.automatic(session)
        for annotation_id in due:
            if self._stopping.is_set():
                return
            self._annotator.go_on_by_itself(annotation_id)

    def _places(self, now: datetime) -> list[_Place]:
        with session_scope(self._engine, reads_only=True) as session:
            found = []
            for sweep_id in upstream_sweeps.to_look_at(session, ended_since=now - KEPT_IN_SIGHT):
                sweep = sweep_store.get_sweep(session, sweep_id)
                known = upstream_sweeps.get(session, sweep_id)
                live = any(sweep.trial_counts.get(state) for state in TRIAL_LIVE)
                ended = sweep.state in SWEEP_ENDED
                quiet = ended and sweep.state == known.state_here and not live
                path = SweepPath(known.entity, known.project, known.remote_id)
                found.append(_Place(sweep_id, path, known.base_url, known.way, ended, quiet))
            return found

    def _take_back(self) -> bool:
        """Whether the server answered, where it was asked."""
        try:
            for sentence in self._launcher.take_back():
                log.warning("%s", sentence)
        except UpstreamError as error:
            log.warning("a launch that was cut off could not be taken back: %s", error)
            if error.may_pass:
                self._wait(self._server, error)
                return False
        return True

    def _look_at(self, place: _Place, memory: _Memory) -> bool:
        """One sweep's turn; False where the server itself does not answer."""
        try:
            there = self._turn(place, memory)
        except UpstreamError as error:
            return self._note_trouble(place, memory, error)
        except ServiceError as error:  # the database is busy or full: nothing there to blame
            log.warning("sweep %s could not be looked at this time: %s", place.sweep_id, error)
            return True
        self._note_well(place, there)
        self._server = _Memory()
        memory.failures = memory.missing = 0
        is_quiet = place.is_quiet and not memory.is_behind
        rest = self._settings.driver_interval_seconds * (SLOW_DOWN if is_quiet else 0)
        memory.rest(rest, now=self._clock.now())
        memory.looks += 1
        return True

    def _turn(self, place: _Place, memory: _Memory) -> RemoteSweep:
        if self._base_url is None:
            self._base_url = self._upstream.server().base_url
        if self._base_url != place.base_url:
            raise UpstreamElsewhere(place.base_url, self._base_url)
        there = self._upstream.sweep(place.path)
        # Stops first: a server that resumes a stopped sweep would hand out again what waited.
        self._steering.stop_runs(place.sweep_id, there)
        self._read_along(place, memory, there)  # before it: the server's own search may be through
        there = self._steering.agree(place.sweep_id, there)
        self._dispatcher.serve(place.sweep_id, place.way, there)
        self._steering.stop_runs(place.sweep_id, there)
        return self._steering.agree(place.sweep_id, there)  # its last trial may just have ended

    def _read_along(self, place: _Place, memory: _Memory, there: RemoteSweep) -> None:
        """Mirror the sweep's runs, so that trials follow them."""
        now = self._clock.now()
        with session_scope(self._engine) as session:
            sweep = sweep_store.get_sweep(session, place.sweep_id)
            source = mirror.open_source(
                session,
                sweep.project,
                base_url=place.base_url,
                entity=place.path.entity,
                remote_project=place.path.project,
                filters={"sweep": place.path.sweep_id},
                now=now,
            )
            everything = there.run_count <= ONE_PAGE or memory.looks % ALL_RUNS_EVERY == 0
            mirror.begin(source, everything=everything, now=now)
            source_id = source.id
        turn = self._mirror.turn(source_id, READING_ALONG)
        memory.is_behind = not turn.is_done
        if turn.trouble is not None and turn.trouble.may_pass:
            raise turn.trouble  # any other is one run's, and costs the sweep nothing
        if place.way == "own":
            with session_scope(self._engine) as session:
                adopting.adopt(session, sweep_store.get_sweep(session, place.sweep_id), now=now)

    # ---- well and ill

    def _note_well(self, place: _Place, there: RemoteSweep) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            known = upstream_sweeps.get(session, place.sweep_id)
            known.agents = working_agents(there)
            known.url = there.url or known.url
            fleet.take_agents(session, place.sweep_id, there.agents, now=now)
            if known.problem is not None:
                known.problem = known.problem_since = None
                known.updated_at = now

    def _note_trouble(self, place: _Place, memory: _Memory, error: UpstreamError) -> bool:
        log.warning("sweep %s: %s", place.sweep_id, error)
        if isinstance(error, UpstreamNotFound):
            self._note_missing(place, memory, error)
        self._wait(memory, error)
        if not error.may_pass:
            self._note_problem([place.sweep_id], error)
            return True
        self._wait(self._server, error)
        self._note_problem([p.sweep_id for p in self._places(self._clock.now())], error)
        return False

    def _note_missing(self, place: _Place, memory: _Memory, error: UpstreamNotFound) -> None:
        """A sweep that is gone is stopped here; one whose project is gone, once a person ended it.

        A project may be hidden from this key, or a server may have lost its data.
        """
        is_gone = error.kind == "sweep" or (error.kind == "project" and place.has_ended)
        memory.missing += is_gone
        if is_gone and memory.missing >= DELETED_AFTER:
            self._steering.forget_deleted(place.sweep_id, error.kind)

    def _note_problem(self, sweep_ids: list[str], error: UpstreamError) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            for sweep_id in sweep_ids:
                known = upstream_sweeps.get(session, sweep_id)
                if known.problem is None:
                    known.problem_since = now
                if known.problem != str(error):
                    known.problem, known.updated_at = str(error), now

    def _wait(self, memory: _Memory, error: UpstreamError) -> None:
        """Twice as long after each failure, as long as the server said at least."""
        wait = self._settings.driver_interval_seconds * 2.0**memory.failures
        wait = min(wait, self._settings.driver_backoff_seconds)
        if isinstance(error, UpstreamBusy):
            wait = max(wait, error.retry_after)
        memory.failures = min(memory.failures + 1, 30)  # 2 to the 30th is long enough
        memory.rest(wait, now=self._clock.now())
