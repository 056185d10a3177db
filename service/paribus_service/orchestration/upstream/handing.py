"""Hand trials to the agents of a W&B server: store, send, confirm.

Promises:
- What is to be sent is stored first, and confirmed once the server's run is known. Whatever was
  stored and not confirmed is looked up there before it is sent (again): by the run's display name,
  which carries the trial's id; in a controller's schedule by the entry's id, which is ours.
- So a service that is killed between any two steps hands nothing out twice. Where a request was
  under way for longer than `driver_resend_seconds` and arrives after all, the younger of the two
  runs is stopped before it can count.
- A retry is a new run. Nothing here decides whether there is one: `orchestration.trials` does.

Source: wandb 0.31.0, wandb/apis/public/sweeps.py (`enqueue_run`), wandb/wandb_controller.py ("Runs
are only schedule if there are no other runs scheduled": one entry at a time, as the client does).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import UpstreamFailed, UpstreamNotFound
from paribus_service.orchestration import search, trials
from paribus_service.orchestration.upstream import recalling
from paribus_service.orchestration.upstream.messages import (
    RemoteRun,
    RemoteSweep,
    RunPath,
    Upstream,
)
from paribus_service.settings import Settings
from paribus_service.store import events, upstream_sweeps
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import session_scope
from paribus_service.store.states import (
    RUN_LIVE,
    SWEEP_ACTIVE,
    SWEEP_ENDED,
    TRIAL_LIVE,
    RunState,
    SweepState,
    TrialState,
)
from paribus_service.store.tables import Run, Sweep, Trial, UpstreamTrial

_NEW_ATTEMPT = re.compile(r" \(attempt \d+\)$")
"""What a Paribus that plays the server adds when it hands out again, after a stop and a resume."""
_WORKS = "RUNNING"  # W&B's word for an agent that asks for runs


@dataclass(frozen=True, slots=True)
class Parcel:
    """One attempt on its way, without a session."""

    trial_id: str
    attempt: int
    display_name: str
    args: Mapping[str, Any]
    sent_at: datetime | None

    @property
    def entry_id(self) -> str:
        """Its id in a controller's schedule."""
        return f"{self.trial_id}-{self.attempt}"


class Dispatcher:
    """Hands trials to the agents of one server; `serve` is one turn for one sweep."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, upstream: Upstream
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._upstream = upstream

    def serve(self, sweep_id: str, way: str, there: RemoteSweep) -> None:
        """Settle what is under way, then hand out as many trials as the agents can take.

        Raises:
            UpstreamError: The server cannot be asked now; what was stored goes on later.
        """
        if way == "own":
            return
        self._stop_doubles(sweep_id, there)
        if way == "enqueue":
            self._settle_by_name(sweep_id, there)
        else:
            self._settle_schedule(sweep_id, there)
        self._call_back(sweep_id)
        self._hand_out(sweep_id, way, there)

    def _stop_doubles(self, sweep_id: str, there: RemoteSweep) -> None:
        now = self._clock.now()
        with session_scope(self._engine) as session:
            recalling.recall(session, sweep_store.get_sweep(session, sweep_id), now=now)
            losers = settle_doubles(session, sweep_id, now=now)
        for run_id in losers:
            stop_there(self._upstream, RunPath(there.path.entity, there.path.project, run_id))

    # ---- what is under way

    def _parcels(self, sweep_id: str) -> tuple[list[Parcel], bool, bool]:
        """What is stored and not confirmed; whether the sweep hands out, whether it has ended."""
        with session_scope(self._engine, reads_only=True) as session:
            state = sweep_store.get_sweep(session, sweep_id).state
            rows = upstream_sweeps.open_rows(session, sweep_id)
            parcels = [_parcel(session, row) for row in rows]
        return parcels, state in SWEEP_ACTIVE, state in SWEEP_ENDED

    def _settle_by_name(self, sweep_id: str, there: RemoteSweep) -> None:
        parcels, is_active, _ = self._parcels(sweep_id)
        sent = [parcel for parcel in parcels if parcel.sent_at is not None]
        found = self._look_up(sent, there)
        for parcel in parcels:
            runs = found.get(parcel.display_name, [])
            if runs:
                self._confirm(parcel, runs[0].path.run_id)  # others are doubles, seen next time
            elif parcel.sent_at is not None and not self._is_overdue(parcel.sent_at):
                continue  # its request may be under way still
            elif is_active:
                self._enqueue(parcel, there)
            else:
                self._withdraw(parcel)

    def _look_up(
        self, parcels: Sequence[Parcel], there: RemoteSweep
    ) -> dict[str, list[RemoteRun]]:
        """Display name → the sweep's runs of that name, the oldest first."""
        if not parcels:
            return {}
        at = there.path
        names = [parcel.display_name for parcel in parcels]
        found: dict[str, list[RemoteRun]] = {}
        for run in self._upstream.find_runs(at.entity, at.project, names):
            if run.sweep_id in (None, at.sweep_id) and run.display_name is not None:
                found.setdefault(run.display_name, []).append(run)
        for runs in found.values():
            runs.sort(key=lambda run: (run.created_at is None, run.created_at, run.path.run_id))
        return found

    def _is_overdue(self, sent_at: datetime) -> bool:
        wait = timedelta(seconds=self._settings.driver_resend_seconds)
        return abs(self._clock.now() - sent_at) >= wait  # a clock may have gone back

    def _settle_schedule(self, sweep_id: str, there: RemoteSweep) -> None:
        parcels, is_active, _ = self._parcels(sweep_id)
        made = {entry.id: entry.run_id for entry in there.scheduled}
        written = {entry.get("id") for entry in _schedule_of(there)}
        waiting = []
        for parcel in parcels:
            if parcel.entry_id in made:
                self._confirm(parcel, made[parcel.entry_id])
            elif is_active:
                waiting.append(parcel)
            elif parcel.entry_id not in written:
                self._withdraw(parcel)
        self._write_schedule(sweep_id, there, waiting)

    def _write_schedule(
        self, sweep_id: str, there: RemoteSweep, waiting: Sequence[Parcel]
    ) -> None:
        """What is to be in the schedule: what the server has not taken, and has not started."""
        with session_scope(self._engine, reads_only=True) as session:
            rows = upstream_sweeps.waiting_there(session, sweep_id)
            wanted = [*(_parcel(session, row) for row in rows), *waiting]
        if [e.get("id") for e in _schedule_of(there)] == [p.entry_id for p in wanted]:
            return
        self._note_sent(waiting)
        controller = {"schedule": [_entry(parcel) for parcel in wanted]}
        self._upstream.write_controller(there.gql_id, controller)
        if not waiting:
            return
        made = {e.id: e.run_id for e in self._upstream.sweep(there.path).scheduled}
        for parcel in waiting:
            if parcel.entry_id in made:
                self._confirm(parcel, made[parcel.entry_id])

    def _call_back(self, sweep_id: str) -> None:
        """Runs that still wait there when the sweep has reached its target will never start."""
        now = self._clock.now()
        with session_scope(self._engine) as session:
            sweep = sweep_store.get_sweep(session, sweep_id)
            if sweep.state != SweepState.FINISHED:
                return
            for row in upstream_sweeps.waiting_there(session, sweep_id):
                run = run_store.find_run(session, sweep.project_id, row.remote_run_id or "")
                if run is not None:
                    why = f"the sweep was finished before it started: {sweep.reason}"
                    trials.request_stop(session, run, now=now, reason=why)

    # ---- new ones

    def _hand_out(self, sweep_id: str, way: str, there: RemoteSweep) -> None:
        parcels = self._store(sweep_id, way, agents=working_agents(there))
        if way == "enqueue":
            for parcel in parcels:
                self._enqueue(parcel, there)
        elif parcels:
            self._write_schedule(sweep_id, there, parcels)

    def _store(self, sweep_id: str, way: str, *, agents: int) -> list[Parcel]:
        """Take trials, in one transaction: from here on nobody else hands them out."""
        now = self._clock.now()
        with session_scope(self._engine) as session:
            sweep = sweep_store.get_sweep(session, sweep_id)
            if sweep.state not in SWEEP_ACTIVE:
                return []
            room = self._room(session, sweep, way, agents)
            rows: list[UpstreamTrial] = []
            while len(rows) < room and (row := _take(session, sweep, now=now)) is not None:
                rows.append(row)
            if not rows:
                trials.finish_if_done(session, sweep, now=now)
            return [_parcel(session, row) for row in rows]

    def _room(self, session: Session, sweep: Sweep, way: str, agents: int) -> int:
        room = agents + self._settings.driver_queue - upstream_sweeps.count_live(session, sweep)
        if way == "enqueue":
            return room
        waiting: int = sweep.trial_counts.get(TrialState.LEASED, 0)
        return min(room, 1 - waiting)

    def _enqueue(self, parcel: Parcel, there: RemoteSweep) -> None:
        self._note_sent([parcel])
        run_id = self._upstream.enqueue_run(there.path, parcel.args, parcel.display_name)
        self._confirm(parcel, run_id)

    def _note_sent(self, parcels: Sequence[Parcel]) -> None:
        if not parcels:
            return
        with session_scope(self._engine) as session:
            for parcel in parcels:
                _row_of(session, parcel).sent_at = self._clock.now()

    def _confirm(self, parcel: Parcel, run_id: str) -> None:
        with session_scope(self._engine) as session:
            confirm(session, _row_of(session, parcel), run_id, now=self._clock.now())

    def _withdraw(self, parcel: Parcel) -> None:
        with session_scope(self._engine) as session:
            withdraw(session, _row_of(session, parcel), now=self._clock.now())


def working_agents(there: RemoteSweep) -> int:
    """How many agents ask the server for runs of the sweep."""
    return sum(1 for agent in there.agents if (agent.state or _WORKS).upper() == _WORKS)


def stop_there(upstream: Upstream, at: RunPath) -> None:
    """Ask a run there to stop; one that has ended or is gone needs it no more."""
    try:
        upstream.stop_run(at)
    except (UpstreamNotFound, UpstreamFailed):
        return


def display_name(sweep: Sweep, trial: Trial, attempt: int) -> str:
    """The run's name there: readable, and carrying the trial's id."""
    again = f"-try-{attempt}" if attempt > 1 else ""
    return f"{sweep.name}-{trial.id}{again}"


def confirm(session: Session, row: UpstreamTrial, run_id: str, *, now: datetime) -> None:
    """The server made a run of it: from here on the trial follows that run."""
    if row.confirmed_at is not None:
        return
    sweep = sweep_store.get_sweep(session, row.sweep_id)
    trial = sweep_store.get_trial(session, row.trial_id)
    row.remote_run_id, row.confirmed_at = run_id, now
    run = run_store.find_run(session, sweep.project_id, run_id)
    if run is None:
        config = {key: {"value": value} for key, value in trial.args.items()}
        run = run_store.add_run(
            session,
            sweep.project,
            run_id,
            now=now,
            display_name=row.display_name,
            config_text=json.dumps(config),
        )
        run_store.index_config(session, run)
    trials.take_up(session, trial, run, attempt=row.attempt, now=now)
    if sweep.state in SWEEP_ENDED and sweep.state != SweepState.FINISHED:
        why = f"the sweep was {sweep.state} before it started: {sweep.reason}"
        if run.state == RunState.CREATED:
            # At the moment of the sweep's end, so that a resume finds its trial held back by it.
            trials.request_stop(session, run, now=sweep.ended_at or now, reason=why)


def settle_doubles(session: Session, sweep_id: str, *, now: datetime) -> list[str]:
    """Of two runs there with one trial's name, let that count which started first.

    Returns:
        W&B's ids of the others that may be alive: they are to be stopped there.
    """
    sweep = sweep_store.get_sweep(session, sweep_id)
    losers = []
    for run in upstream_sweeps.adoptable(session, sweep):
        name = _NEW_ATTEMPT.sub("", run.display_name or "")
        row = upstream_sweeps.row_named(session, sweep_id, name)
        if row is None or run.wandb_id == row.remote_run_id:
            continue  # somebody else's run, and counted as nobody's
        loser = _loser(session, sweep, row, run, now=now)
        if loser.state in RUN_LIVE:
            why = f"its trial {row.trial_id} has another run"
            trials.request_stop(session, loser, now=now, reason=why)
            losers.append(loser.wandb_id)
    return losers


def _loser(session: Session, sweep: Sweep, row: UpstreamTrial, run: Run, *, now: datetime) -> Run:
    """Which of the two does not count; where `run` started first, it becomes the one that does."""
    trial = sweep_store.get_trial(session, row.trial_id)
    counts = run_store.find_run(session, sweep.project_id, row.remote_run_id or "")
    has_begun = run.state in (RunState.RUNNING, RunState.FINISHED)
    if counts is None or counts.state != RunState.CREATED or not has_begun:
        return run
    if trial.run_pk != counts.pk or trial.state not in TRIAL_LIVE:
        return run
    counts.trial_id = None
    row.remote_run_id = run.wandb_id
    trials.take_up(session, trial, run, attempt=row.attempt, now=now)
    return counts


def withdraw(session: Session, row: UpstreamTrial, *, now: datetime) -> None:
    """The server does not have it, and is not to get it: the trial waits, or ends as the sweep."""
    sweep = sweep_store.get_sweep(session, row.sweep_id)
    trial = sweep_store.get_trial(session, row.trial_id)
    row.withdrawn_at = now
    if trial.state != TrialState.LEASED or trial.attempts != row.attempt:
        return
    state, reason = TrialState.QUEUED, "it was not sent: the sweep is paused"
    if sweep.state in SWEEP_ENDED:
        ended = sweep.state == SweepState.CANCELLED
        state = TrialState.CANCELLED if ended else TrialState.STOPPED
        reason = f"it was not sent: the sweep is {sweep.state}"
    trials.move_trial(session, trial, state, now=now, reason=reason)
    trials.finish_if_done(session, sweep, now=now)


def _take(session: Session, sweep: Sweep, *, now: datetime) -> UpstreamTrial | None:
    """The next trial, stored as on its way; None where there is none."""
    trial = next(sweep_store.each_queued(session, sweep.id, batch=1), None)
    trial = trial or search.next_trial(session, sweep, now=now)
    if trial is None:
        return None
    if sweep.state == SweepState.REGISTERED:
        sweep.state, sweep.reason = SweepState.RUNNING, None
        events.note(session, "sweep.running", now=now, sweep_id=sweep.id)
    trial.attempts += 1
    trial.resume_next, trial.run_pk = False, None
    row = UpstreamTrial(
        trial_id=trial.id,
        attempt=trial.attempts,
        sweep_id=sweep.id,
        display_name=display_name(sweep, trial, trial.attempts),
        created_at=now,
    )
    session.add(row)
    trials.move_trial(session, trial, TrialState.LEASED, now=now)
    session.flush()
    return row


def _parcel(session: Session, row: UpstreamTrial) -> Parcel:
    trial = sweep_store.get_trial(session, row.trial_id)
    return Parcel(row.trial_id, row.attempt, row.display_name, dict(trial.args), row.sent_at)


def _row_of(session: Session, parcel: Parcel) -> UpstreamTrial:
    row = session.get(UpstreamTrial, (parcel.trial_id, parcel.attempt))
    assert row is not None, f"{parcel.entry_id} was stored"
    return row


def _schedule_of(there: RemoteSweep) -> list[dict[str, Any]]:
    found = (there.controller or {}).get("schedule") or []
    return [entry for entry in found if isinstance(entry, dict)]


def _entry(parcel: Parcel) -> dict[str, Any]:
    args = {key: {"value": value} for key, value in parcel.args.items()}
    return {"id": parcel.entry_id, "data": {"args": args}}
