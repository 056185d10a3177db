"""The life of a trial and of its attempts: every change of state goes through here.

    queued → leased → running → finished
       ▲        │         ├──→ failed ──────┐
       │        │         ├──→ interrupted ─┤
       └────────┴─────────┴─────────────────┘  queued again while the retry budget lasts
                          ├──→ stopped
                          └──→ cancelled

Promises (DESIGN 5):
- A trial has at most one run that counts, `Trial.run_pk`. A retry is a new run; what the older one
  still writes is kept with it and never counted.
- A resume keeps the run, and is offered only after the older process's end is certain.
- A stop that someone asked for wins over the requeue that its signal would otherwise cause.
- Each change carries its reason and its time, and is an event.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import ServiceBusy
from paribus_service.store import events
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import (
    RUN_LIVE,
    SWEEP_ENDED,
    TRIAL_LIVE,
    TRIAL_OPEN,
    RunState,
    SweepState,
    TrialState,
)
from paribus_service.store.tables import Run, Sweep, Trial
from paribus_sweeps.spec import driver_of

_OUTCOMES = {
    RunState.FINISHED: TrialState.FINISHED,
    RunState.FAILED: TrialState.FAILED,
    RunState.INTERRUPTED: TrialState.INTERRUPTED,
    RunState.STOPPED: TrialState.STOPPED,
}


def move_trial(
    session: Session,
    trial: Trial,
    state: TrialState,
    *,
    now: datetime,
    reason: str | None = None,
    run: Run | None = None,
) -> None:
    """Put a trial into a state, count it there, and write the event down."""
    sweep = sweep_store.get_sweep(session, trial.sweep_id)
    _count(sweep, TrialState(trial.state), state)
    touch_sweep(sweep, now=now)
    trial.state, trial.reason, trial.updated_at = state, reason, now
    events.note(
        session,
        f"trial.{state}",
        now=now,
        reason=reason,
        sweep_id=trial.sweep_id,
        trial_id=trial.id,
        run_id=run.id if run else None,
        agent_id=trial.agent_id,
    )


def move_trials(
    session: Session,
    sweep: Sweep,
    trial_ids: Sequence[str],
    state: TrialState,
    *,
    before: TrialState,
    now: datetime,
    reason: str,
) -> None:
    """Put many trials of one sweep from one state into another, as `move_trial` does with one.

    By the batch: 10,000 one by one would hold the write lock for seconds.
    """
    if not trial_ids:
        return
    _count(sweep, before, state, number=len(trial_ids))
    touch_sweep(sweep, now=now)
    values = {"state": state, "reason": reason, "updated_at": now}
    sweep_store.update_trials(session, trial_ids, values)
    events.note_trials(
        session,
        f"trial.{state}",
        now=now,
        reason=reason,
        sweep_id=sweep.id,
        trial_ids=trial_ids,
    )


def move_waiting(
    session: Session, sweep: Sweep, state: TrialState, *, now: datetime, reason: str
) -> None:
    """Put every trial that waits into a state."""
    waiting = sweep_store.trial_ids(session, sweep.id, TrialState.QUEUED)
    move_trials(session, sweep, waiting, state, before=TrialState.QUEUED, now=now, reason=reason)


def _count(sweep: Sweep, before: TrialState, after: TrialState, *, number: int = 1) -> None:
    counts = dict(sweep.trial_counts)
    counts[before] = counts.get(before, 0) - number
    counts[after] = counts.get(after, 0) + number
    sweep.trial_counts = {name: count for name, count in counts.items() if count}


def touch_sweep(sweep: Sweep, *, now: datetime) -> None:
    """The sweep has changed: a new version, for whoever polls it."""
    sweep.version += 1
    sweep.updated_at = now


def touch_run(session: Session, run: Run, *, now: datetime) -> None:
    """What an answer could rest on has changed: the run's state, config, summary or name.

    Its project gets a new version, and so does its sweep: answers are kept by these two, so a
    change that leaves both alone would go on being answered as before.
    """
    run.updated_at = now
    run.project.version += 1
    if run.sweep_id is not None:
        touch_sweep(sweep_store.get_sweep(session, run.sweep_id), now=now)


def start_run(session: Session, run: Run, *, now: datetime) -> None:
    """A client says that its run is under way.

    A run whose trial went to another attempt meanwhile may run on, and is asked to stop; one whose
    trial still waits takes it back.
    """
    was_ended = run.state not in RUN_LIVE
    run.state, run.reason, run.exit_code, run.ended_at = RunState.RUNNING, None, None, None
    run.started_at = run.started_at or now
    run.dropped_at, run.handed_out, run.preempting = None, 0, False
    if was_ended:
        run.stop_requested_at = run.stop_reason = None
    run.heartbeat_at = now
    _note(session, run, "run.running", now=now)
    if run.trial_id is not None:
        _start_trial(session, run, now=now)


def _start_trial(session: Session, run: Run, *, now: datetime) -> None:
    trial = sweep_store.get_trial(session, run.trial_id or "")
    if trial.run_pk != run.pk:
        request_stop(session, run, now=now, reason="another attempt has taken its trial over")
    elif trial.state not in (TrialState.RUNNING, TrialState.FINISHED):
        trial.resume_next = False
        move_trial(session, trial, TrialState.RUNNING, now=now, run=run)
        sweep = sweep_store.get_sweep(session, trial.sweep_id)
        if sweep.state == SweepState.CANCELLED:  # while this process was starting up
            request_stop(session, run, now=now, reason=f"the sweep was cancelled: {sweep.reason}")


def refuse_second_process(
    run: Run, token: str | None, *, now: datetime, silence_seconds: float
) -> None:
    """Before a client resumes a trial's run: the older process must have ended (DESIGN 5, rule 3).

    A plain client names no process, and once it has resumed a run nothing tells two of them
    apart. So it is made to wait for as long as the run reports: after a crash that takes one
    silence, and where the older process lives the client gives up by itself.

    Args:
        run: What is to be resumed.
        token: Of the process that asks, where it sends one.
        now: The moment.
        silence_seconds: How long a run that lives may be silent.

    Raises:
        ServiceBusy: The run still reports, and not from this process.
    """
    if run.trial_id is None or run.state != RunState.RUNNING:
        return
    if token is not None and token == run.process_token:
        return
    silent = (now - run.heartbeat_at).total_seconds()
    if silent < silence_seconds:
        raise ServiceBusy(
            f"run {run.path} is running: it reported {max(silent, 0):.0f} s ago. It can be "
            f"resumed once it has ended, or was silent for {silence_seconds:g} s"
        )


def revive_run(session: Session, run: Run, *, now: datetime) -> None:
    """A run that was given up reports again: it was only silent."""
    _note(
        session,
        run,
        "run.revived",
        now=now,
        reason=f"it reports again after it was given up ({run.reason})",
    )
    start_run(session, run, now=now)


def request_stop(session: Session, run: Run, *, now: datetime, reason: str) -> None:
    """Ask a run to stop; the first reason stands."""
    if run.stop_requested_at is not None:
        return
    run.stop_requested_at, run.stop_reason = now, reason
    _note(session, run, "run.stop_requested", now=now, reason=reason)
    if is_waiting(run):
        _withdraw(session, run, now=now, reason=reason)


def is_waiting(run: Run) -> bool:
    """Whether a client put the run into the queue (`orchestration.outside`), and nobody has it."""
    return run.state == RunState.CREATED and run.agent_id is None and run.trial_id is not None


def _withdraw(session: Session, run: Run, *, now: datetime, reason: str) -> None:
    """Take a run that waits out of the queue: there is no process that could stop by itself."""
    trial = sweep_store.get_trial(session, run.trial_id or "")
    end_run(session, run, RunState.STOPPED, now=now, reason=reason)
    if trial.run_pk == run.pk and trial.state == TrialState.QUEUED:
        move_trial(session, trial, TrialState.STOPPED, now=now, reason=reason, run=run)
        finish_if_done(session, sweep_store.get_sweep(session, trial.sweep_id), now=now)


def end_run(
    session: Session,
    run: Run,
    state: RunState,
    *,
    now: datetime,
    reason: str | None,
    exit_code: int | None = None,
    certain: bool = True,
) -> None:
    """A run has ended, or is given up; its trial follows if this is the attempt that counts.

    Args:
        session: A writing session.
        run: The attempt.
        state: One of the ends.
        now: The moment.
        reason: Why, in words; None for a plain success.
        exit_code: What the client said, if it said so.
        certain: The process has surely ended; only then may the run be resumed under its id.
    """
    run.state, run.reason, run.exit_code = state, reason, exit_code
    run.ended_at = now
    _note(session, run, f"run.{state}", now=now, reason=reason, exit_code=exit_code)
    _count_failure(session, run, state)
    if run.trial_id is None:
        return
    trial = sweep_store.get_trial(session, run.trial_id)
    if trial.run_pk == run.pk and trial.state in TRIAL_LIVE:
        _end_attempt(session, trial, run, now=now, certain=certain)


def _count_failure(session: Session, run: Run, state: RunState) -> None:
    if run.agent_id is None:
        return
    agent = sweep_store.get_agent(session, run.agent_id)
    if state == RunState.FAILED:
        agent.failures_in_a_row += 1
    elif state == RunState.FINISHED:
        agent.failures_in_a_row = 0


def _end_attempt(
    session: Session, trial: Trial, run: Run, *, now: datetime, certain: bool
) -> None:
    sweep = sweep_store.get_sweep(session, trial.sweep_id)
    state = _OUTCOMES[RunState(run.state)]
    if state == TrialState.STOPPED and sweep.state == SweepState.CANCELLED:
        state = TrialState.CANCELLED
    _spend(session, trial, run, state)
    move_trial(session, trial, state, now=now, reason=run.reason, run=run)
    if _may_retry(sweep, trial, run, state):
        _queue_again(session, sweep, trial, run, now=now, certain=certain)
    trial.agent_id = None
    if state == TrialState.FINISHED and _reached_target(sweep, run):
        _finish_early(session, sweep, run, now=now)
    finish_if_done(session, sweep, now=now)


def _reached_target(sweep: Sweep, run: Run) -> bool:
    if sweep.metric_target is None or sweep.metric_name is None or sweep.state in SWEEP_ENDED:
        return False
    value = run_store.lookup(run.summary, sweep.metric_name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if sweep.metric_goal == "maximize":
        return value >= sweep.metric_target
    return value <= sweep.metric_target


def _finish_early(session: Session, sweep: Sweep, run: Run, *, now: datetime) -> None:
    """W&B's `metric.target`: what runs goes on, and nothing more is handed out."""
    reason = f"run {run.wandb_id} reached the target {sweep.metric_target:g}"
    sweep.state, sweep.reason, sweep.ended_at = SweepState.FINISHED, reason, now
    events.note(session, "sweep.finished", now=now, sweep_id=sweep.id, reason=reason)
    move_waiting(session, sweep, TrialState.STOPPED, now=now, reason=reason)


def _spend(session: Session, trial: Trial, run: Run, state: TrialState) -> None:
    if state == TrialState.INTERRUPTED:
        trial.interruptions += 1
    if state == TrialState.FAILED:
        trial.failures += 1
        host = _host_of(session, run)
        if host is not None and host not in trial.avoid_hosts:
            trial.avoid_hosts = [*trial.avoid_hosts, host]


def _host_of(session: Session, run: Run) -> str | None:
    if run.agent_id is None:
        return run.host
    return sweep_store.get_agent(session, run.agent_id).host


def _may_retry(sweep: Sweep, trial: Trial, run: Run, state: TrialState) -> bool:
    if sweep.state in SWEEP_ENDED or run.stop_requested_at is not None:
        return False
    if state == TrialState.FAILED:
        return trial.failures <= sweep.retry_failed
    if run.preempting and driver_of(sweep.config) is not None:
        return True  # W&B queues it again whatever the client that drives the sweep does
    return state == TrialState.INTERRUPTED and trial.interruptions <= sweep.retry_interrupted


def _queue_again(
    session: Session, sweep: Sweep, trial: Trial, run: Run, *, now: datetime, certain: bool
) -> None:
    interrupted = run.state == RunState.INTERRUPTED
    can_resume = certain and run.started_at is not None and (sweep.resumable or run.preempting)
    trial.resume_next = interrupted and can_resume
    way = "resumes under its run id" if trial.resume_next else "starts over under a new run id"
    spent, budget = (
        (trial.interruptions, sweep.retry_interrupted)
        if interrupted
        else (trial.failures, sweep.retry_failed)
    )
    reason = f"retry {spent} of {budget}: {way}"
    move_trial(session, trial, TrialState.QUEUED, now=now, reason=reason, run=run)


def give_back(session: Session, run: Run, *, now: datetime, reason: str) -> None:
    """A run that was handed out and never started: its trial waits again, at no cost to it."""
    run.state, run.reason = RunState.INTERRUPTED, reason
    run.ended_at = now
    _note(session, run, "run.interrupted", now=now, reason=reason)
    if run.trial_id is None:
        return
    trial = sweep_store.get_trial(session, run.trial_id)
    if trial.run_pk != run.pk or trial.state not in TRIAL_LIVE:
        return
    sweep = sweep_store.get_sweep(session, trial.sweep_id)
    state = TrialState.STOPPED if sweep.state in SWEEP_ENDED else TrialState.QUEUED
    trial.agent_id = None
    # A run that started earlier and was to resume keeps that right.
    trial.resume_next = run.started_at is not None
    move_trial(session, trial, state, now=now, reason=reason, run=run)
    finish_if_done(session, sweep, now=now)


def retry_trial(session: Session, trial: Trial, *, now: datetime, reason: str) -> None:
    """Queue an ended trial again, with a fresh budget and under a new run id."""
    trial.failures = trial.interruptions = 0
    trial.resume_next = False
    trial.agent_id = None
    move_trial(session, trial, TrialState.QUEUED, now=now, reason=reason)


def finish_if_done(session: Session, sweep: Sweep, *, now: datetime) -> None:
    """A running sweep without an open trial, and with none to come, is finished."""
    if sweep.state in SWEEP_ENDED or sweep.expected_trials is None:
        return
    counts = sweep.trial_counts
    made = sum(counts.values())
    still_open = sum(counts.get(state, 0) for state in TRIAL_OPEN)
    if still_open or made < sweep.expected_trials:
        return
    left = counts.get(TrialState.FAILED, 0) + counts.get(TrialState.INTERRUPTED, 0)
    reason = f"all {made} trials have ended" + (f", {left} without a result" if left else "")
    sweep.state, sweep.reason, sweep.ended_at = SweepState.FINISHED, reason, now
    touch_sweep(sweep, now=now)
    events.note(session, "sweep.finished", now=now, sweep_id=sweep.id, reason=reason)


def _note(
    session: Session,
    run: Run,
    kind: str,
    *,
    now: datetime,
    reason: str | None = None,
    **facts: Any,
) -> None:
    """Write down what happened to a run."""
    touch_run(session, run, now=now)
    events.note(
        session,
        kind,
        now=now,
        reason=reason,
        sweep_id=run.sweep_id,
        trial_id=run.trial_id,
        run_id=run.id,
        agent_id=run.agent_id,
        **facts,
    )


def take_up(session: Session, trial: Trial, run: Run, *, attempt: int, now: datetime) -> None:
    """A run that a W&B server made is the trial's attempt that counts, and the trial follows it.

    The run may have started or ended meanwhile: it reports there, and is mirrored here.
    """
    run.sweep_id, run.trial_id, run.attempt = trial.sweep_id, trial.id, attempt
    trial.run_pk = run.pk
    touch_run(session, run, now=now)
    if run.state == RunState.RUNNING:
        _start_trial(session, run, now=now)
    elif run.state not in RUN_LIVE and trial.state in TRIAL_LIVE:
        _end_attempt(session, trial, run, now=now, certain=False)


def end_unsent(session: Session, trial: Trial, *, now: datetime, reason: str) -> None:
    """A trial that was on its way to a W&B server which has no sweep for it any more."""
    if trial.state == TrialState.LEASED and counting_run(session, trial) is None:
        move_trial(session, trial, TrialState.STOPPED, now=now, reason=reason)


def counting_run(session: Session, trial: Trial) -> Run | None:
    """The attempt that counts or may yet count, or None."""
    return None if trial.run_pk is None else run_store.get_run_by_pk(session, trial.run_pk)
