"""Bring a sweep's two sides to agree: what people did here goes there, and the other way round.

A sweep's state that differs from what both sides last agreed on is news. News of one side is
carried out on the other. Where both have news, the newest act wins (docs/decisions/0027):

- The server does not say when somebody acted there. It was after the last look that found nothing
  new. An act here from before that look (the server could be read then, and not be told) is the
  older one, and gives way.
- Where both acted since that look, nobody can say who was first. Then the act wins that stops
  more, since work that was not done can still be asked for: cancel, stop, pause, resume.
- What cannot be done here (a cancelled sweep was resumed there) is taken back there.

Runs that were asked to stop here are stopped there, whoever asked: a person, `early_terminate`, a
cancelled sweep, an attempt that took a trial over.

Source: PROTOCOL 9 (states of a sweep); wandb 0.31.0, wandb/apis/public/sweeps.py.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import IllegalTransition
from paribus_service.orchestration import registry, trials
from paribus_service.orchestration.upstream import fleet
from paribus_service.orchestration.upstream.handing import stop_there
from paribus_service.orchestration.upstream.messages import RemoteSweep, RunPath, Upstream
from paribus_service.store import events, upstream_sweeps
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import session_scope
from paribus_service.store.states import RUN_LIVE, RunState, SweepState
from paribus_service.store.tables import Sweep, UpstreamSweep

Stance = Literal["active", "paused", "stopped", "cancelled"]

_HERE: dict[SweepState, Stance] = {
    SweepState.REGISTERED: "active",
    SweepState.RUNNING: "active",
    SweepState.PAUSED: "paused",
    SweepState.FINISHED: "stopped",
    SweepState.STOPPED: "stopped",
    SweepState.CANCELLED: "cancelled",
}
_THERE: dict[str, Stance] = {
    "PENDING": "active",
    "RUNNING": "active",
    "PAUSED": "paused",
    "FINISHED": "stopped",
    "CANCELED": "cancelled",
    "CANCELLED": "cancelled",
}
_ORDER: dict[Stance, str] = {
    "active": "RUNNING",
    "paused": "PAUSED",
    "stopped": "FINISHED",
    "cancelled": "CANCELED",
}
_STRENGTH: tuple[Stance, ...] = ("active", "paused", "stopped", "cancelled")
_VERBS: dict[Stance, Callable[..., Any]] = {
    "active": registry.resume,
    "paused": registry.pause,
    "stopped": registry.stop,
    "cancelled": registry.cancel,
}


class Steering:
    """Agrees with one server about the states of sweeps and the stops of runs."""

    def __init__(self, engine: Engine, clock: Clock, upstream: Upstream) -> None:
        self._engine = engine
        self._clock = clock
        self._upstream = upstream

    def agree(self, sweep_id: str, there: RemoteSweep) -> RemoteSweep:
        """Carry news of either side to the other.

        Returns:
            The sweep there, with the state that it has then.

        Raises:
            UpstreamError: The server cannot be told now; the news stays news.
        """
        with session_scope(self._engine) as session:
            order = self._read_news(session, sweep_id, there.state)
            upstream_sweeps.get(session, sweep_id).looked_at = self._clock.now()
        if order is None:
            return there
        self._upstream.set_sweep_state(there.path, order)
        with session_scope(self._engine) as session:
            self._note_agreed(session, sweep_id, order)
        return replace(there, state=order)

    def _read_news(self, session: Session, sweep_id: str, word: str) -> str | None:
        """Do here what was done there; what is to be ordered there, or None."""
        sweep = sweep_store.get_sweep(session, sweep_id)
        known = upstream_sweeps.get(session, sweep_id)
        there = _THERE.get(word)
        if there is None:
            return None  # a word that we do not know is no act of a person's
        here = _HERE[SweepState(sweep.state)]
        here_is_new = here != _HERE[SweepState(known.state_here)]
        there_is_new = there != _THERE.get(known.state_there)
        if here == there or not (here_is_new or there_is_new):
            _agreed(known, sweep, word, now=self._clock.now())
            return None
        if here_is_new and (not there_is_new or _wins_here(session, sweep, known, here, there)):
            return _ORDER[here]
        if self._do_here(session, sweep, there, known):
            _agreed(known, sweep, word, now=self._clock.now())
            return None
        return _ORDER[here]

    def _do_here(
        self, session: Session, sweep: Sweep, stance: Stance, known: UpstreamSweep
    ) -> bool:
        """Carry out here what somebody did there; False where the sweep's state does not allow it.

        A sweep that W&B's own search has brought to its end is finished, and not stopped.
        """
        now = self._clock.now()
        reason = f"on {known.base_url}, where it was {_IN_WORDS[stance]}"
        if stance == "stopped" and known.way == "own" and _all_ended(sweep):
            sweep.expected_trials = sum(sweep.trial_counts.values())
            trials.finish_if_done(session, sweep, now=now)
            return True
        try:
            _VERBS[stance](session, sweep, now=now, reason=reason)
        except IllegalTransition as error:
            why = (
                f"it was {_IN_WORDS[stance]} on {known.base_url}, and that was taken back: {error}"
            )
            events.note(session, "sweep.overruled", now=now, sweep_id=sweep.id, reason=why)
            return False
        return True

    def _note_agreed(self, session: Session, sweep_id: str, word: str) -> None:
        sweep = sweep_store.get_sweep(session, sweep_id)
        known = upstream_sweeps.get(session, sweep_id)
        now = self._clock.now()
        _agreed(known, sweep, word, now=now)
        why = f"told {known.base_url}: {word}"
        events.note(session, "sweep.told_there", now=now, sweep_id=sweep_id, reason=why)

    def stop_runs(self, sweep_id: str, there: RemoteSweep) -> None:
        """Stop there the runs that were asked to stop here.

        Raises:
            UpstreamError: The server cannot be told now.
        """
        with session_scope(self._engine, reads_only=True) as session:
            due = [
                (row.trial_id, row.attempt, RunPath(there.path.entity, there.path.project, run_id))
                for row, run in upstream_sweeps.stops_due(session, sweep_id)
                if (run_id := row.remote_run_id) is not None
            ]
        for trial_id, attempt, at in due:
            stop_there(self._upstream, at)
            with session_scope(self._engine) as session:
                rows = upstream_sweeps.attempts_of(session, trial_id)
                row = next(row for row in rows if row.attempt == attempt)
                row.stop_sent_at = self._clock.now()

    def forget_deleted(self, sweep_id: str, kind: str) -> None:
        """It was deleted there: nothing more is handed out, and what ran there is gone.

        Args:
            sweep_id: The sweep.
            kind: What is not there: the `sweep`, or its `project`.
        """
        now = self._clock.now()
        with session_scope(self._engine) as session:
            sweep = sweep_store.get_sweep(session, sweep_id)
            known = upstream_sweeps.get(session, sweep_id)
            what = "it" if kind == "sweep" else f"its {kind}"
            reason = f"{what} was deleted on {known.base_url}"
            if "stop" in registry.legal_verbs(sweep):
                registry.stop(session, sweep, now=now, reason=reason)
            for row in upstream_sweeps.open_rows(session, sweep_id):
                row.withdrawn_at = now
            for trial in sweep_store.list_trials(session, sweep_id):
                run = trials.counting_run(session, trial)
                if run is not None and run.state in RUN_LIVE:
                    trials.request_stop(session, run, now=now, reason=reason)
                    if run.state in RUN_LIVE:
                        trials.end_run(session, run, RunState.STOPPED, now=now, reason=reason)
                trials.end_unsent(session, trial, now=now, reason=reason)
            session.flush()
            for row, _ in upstream_sweeps.stops_due(session, sweep_id):
                row.stop_sent_at = now  # nobody is left there who could be told
            fleet.take_agents(session, sweep_id, [], now=now)
            known.agents = 0
            known.state_there, known.state_here = "FINISHED", sweep.state


_IN_WORDS: dict[Stance, str] = {
    "active": "resumed",
    "paused": "paused",
    "stopped": "stopped",
    "cancelled": "cancelled",
}


def _agreed(known: UpstreamSweep, sweep: Sweep, word: str, *, now: datetime) -> None:
    if (known.state_there, known.state_here) != (word, sweep.state):
        known.state_there, known.state_here, known.updated_at = word, sweep.state, now


def _wins_here(
    session: Session, sweep: Sweep, known: UpstreamSweep, here: Stance, there: Stance
) -> bool:
    """Whether the act here stands where somebody acted there as well; see the module."""
    acted_at = upstream_sweeps.last_act(session, sweep.id)
    if acted_at is not None and known.looked_at is not None and acted_at <= known.looked_at:
        return False
    return _STRENGTH.index(here) >= _STRENGTH.index(there)


def _all_ended(sweep: Sweep) -> bool:
    return not any(sweep.trial_counts.get(state) for state in ("queued", "leased", "running"))
