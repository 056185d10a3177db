"""Agents and runs whose reports stopped.

Promises:
- A service that was down or could not store (a full disk), or a clock that jumped, ends nothing:
  whoever may have been silent because of us gets the whole time again from then on.
- A lease lives as long as the agent lists the run or the run itself reports (DESIGN 5, rule 4).

It also gives early stopping its turn (`orchestration.early_stopping`).
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import ServiceError
from paribus_service.orchestration import scheduler, trials
from paribus_service.settings import Settings
from paribus_service.store import early_stops
from paribus_service.store import keys as key_store
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import session_scope
from paribus_service.store.states import AgentState, RunState
from paribus_service.store.tables import Run

log = logging.getLogger(__name__)

CLOCK_JUMP_SECONDS = 30.0  # more than any pause of a busy machine, less than any timeout here


class Watchdog:
    """A thread that looks every few seconds; `look` is what it does each time."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        clock: Clock,
        *,
        refusals: Callable[[], int] = lambda: 0,
    ) -> None:
        """A watchdog that does not look yet.

        Args:
            engine: The database.
            settings: For the times.
            clock: Of the service.
            refusals: How many reports the storage has refused so far.
        """
        self._refusals = refusals
        self._refused = 0
        self._looked = True  # the last look could be stored
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._baseline = clock.now()
        self._early_stopping: Any = None  # once a sweep asks for it
        self._last: tuple[datetime, float] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._settings.watchdog_interval_seconds):
            try:
                self.look()
            except ServiceError as error:
                log.warning("the watchdog could not look this time: %s", error)
            except Exception:
                log.exception("the watchdog stumbled; it looks again")

    def look(self, *, monotonic: float | None = None) -> None:
        """Find lost agents and runs, and deal with them.

        Args:
            monotonic: Seconds of a clock that cannot jump; the machine's by default.
        """
        now = self._clock.now()
        if self._could_not_store():
            self._baseline = now
        self._looked = False
        with session_scope(self._engine) as session:
            if self._jumped(now, time.monotonic() if monotonic is None else monotonic):
                self._baseline = now
                sweep_store.move_future_heartbeats(session, now=now)
                log.warning("the clock jumped: every agent and run gets its whole time again")
            self._forget_agents(session, now)
            self._end_lost_runs(session, now)
            kept = timedelta(hours=self._settings.idempotency_hours)
            key_store.forget_answers(session, before=now - kept)
        self._looked = True
        self._stop_early(now)

    def _stop_early(self, now: datetime) -> None:
        """Stop bad runs of sweeps that ask for it; numpy comes with the first, and not before."""
        if self._early_stopping is None:
            with session_scope(self._engine, reads_only=True) as session:
                if not early_stops.is_any_followed(session):
                    return
            module = import_module("paribus_service.orchestration.early_stopping")
            self._early_stopping = module.EarlyStopping(self._engine)
        self._early_stopping.look(now=now)

    def _could_not_store(self) -> bool:
        """Since the last look, someone's report was refused, or that look itself was."""
        before, self._refused = self._refused, self._refusals()
        return self._refused != before or not self._looked

    def _jumped(self, now: datetime, monotonic: float) -> bool:
        last, self._last = self._last, (now, monotonic)
        if last is None:
            return False
        by_wall = (now - last[0]).total_seconds()
        return abs(by_wall - (monotonic - last[1])) > CLOCK_JUMP_SECONDS

    def _silence(self, heard: datetime, now: datetime) -> float:
        """Seconds for which someone was silent while we could have heard it."""
        return (now - max(heard, self._baseline)).total_seconds()

    def _forget_agents(self, session: Session, now: datetime) -> None:
        limit = self._settings.agent_timeout_seconds
        for agent in sweep_store.silent_agents(session, since=now - timedelta(seconds=limit)):
            if self._silence(agent.heartbeat_at, now) >= limit:
                reason = f"it was silent for {limit:g} seconds"
                scheduler.forget_lost_agent(session, agent, now=now, reason=reason)

    def _end_lost_runs(self, session: Session, now: datetime) -> None:
        limit = self._settings.run_timeout_seconds
        for run in run_store.suspicious_runs(session, since=now - timedelta(seconds=limit)):
            if run.dropped_at is not None:
                scheduler.end_dropped_run(session, run, now=now, settings=self._settings)
            elif run.state == RunState.RUNNING:
                self._end_if_lost(session, run, now)

    def _end_if_lost(self, session: Session, run: Run, now: datetime) -> None:
        limit = self._settings.run_timeout_seconds
        if self._silence(run.heartbeat_at, now) < limit or _is_listed(session, run):
            return
        reason = f"neither it nor its agent was heard from for {limit:g} seconds"
        if run.stop_requested_at is not None:
            trials.end_run(session, run, RunState.STOPPED, now=now, reason=run.stop_reason)
            return
        # Its host may only be cut off from us, so its end is not certain: no resume.
        trials.end_run(session, run, RunState.INTERRUPTED, now=now, reason=reason, certain=False)


def _is_listed(session: Session, run: Run) -> bool:
    if run.agent_id is None:
        return False
    agent = sweep_store.get_agent(session, run.agent_id)
    return agent.state != AgentState.GONE and bool(agent.run_state.get(run.wandb_id))
