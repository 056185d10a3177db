"""What an agent is to do next. Each trial is handed out once.

Promises, inside one writing session (`store.engine`), so under any number of agents:
- A claim takes the trial, creates the run and remembers the agent in one transaction.
- An agent whose assigned run has not started gets the same run again: its last answer was lost.
- One command a heartbeat: the Python agent drops all but the first, the command-line agent would
  run two trainings side by side.
- `exit` only to an agent that lists no live run, because it kills what still runs.

Source: PROTOCOL 9 and 10 (wandb 0.31.0, wandb/wandb_agent.py and wandb/agents/pyagent.py).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy.orm import Session

from paribus_service.errors import NotAllowed
from paribus_service.ids import new_id
from paribus_service.orchestration import outside, search, trials
from paribus_service.orchestration.attempts import new_attempt
from paribus_service.settings import Settings
from paribus_service.store import events
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import (
    SWEEP_ACTIVE,
    SWEEP_ENDED,
    TRIAL_LIVE,
    AgentState,
    RunState,
    SweepState,
    TrialState,
)
from paribus_service.store.tables import Agent, Run, Sweep, Trial


@dataclass(frozen=True, slots=True)
class Command:
    """One order to an agent."""

    kind: Literal["run", "resume", "stop", "exit"]
    run_id: str | None = None
    """W&B's run id."""
    program: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)


def create_agent(
    session: Session, sweep_id: str, *, host: str, key_id: str | None, now: datetime
) -> Agent:
    """Take in a new agent of a sweep.

    Raises:
        NotFound: No such sweep.
        NotAllowed: It is tracked on a W&B server, where its agents belong.
    """
    sweep = sweep_store.get_sweep(session, sweep_id)
    _refuse_elsewhere(sweep)
    agent = Agent(
        id=new_id(12),
        sweep_id=sweep.id,
        host=host,
        state=AgentState.RUNNING,
        run_state={},
        runs_started=0,
        failures_in_a_row=0,
        key_id=key_id,
        created_at=now,
        heartbeat_at=now,
    )
    session.add(agent)
    session.flush()
    events.note(session, "agent.created", now=now, sweep_id=sweep.id, agent_id=agent.id, host=host)
    return agent


def _refuse_elsewhere(sweep: Sweep) -> None:
    there = sweep.upstream
    if there is not None:
        path = f"{there.entity}/{there.project}/{there.remote_id}"
        raise NotAllowed(
            f"sweep {sweep.id} is tracked on {there.base_url}: start its agents there, with "
            f"WANDB_BASE_URL={there.base_url} wandb agent {path}"
        )


def heartbeat(
    session: Session,
    agent_id: str,
    listed: Mapping[str, bool],
    *,
    now: datetime,
    settings: Settings,
) -> Command | None:
    """An agent reports which runs live, and gets at most one order.

    Args:
        session: A writing session.
        agent_id: Who asks.
        listed: W&B run id → alive, of its processes.
        now: The moment.
        settings: For the limits.

    Raises:
        NotFound: No such agent; the client then ends.
        NotAllowed: It is an agent of a W&B server, which tells it what to do.
    """
    if sweep_store.note_all_well(session, agent_id, listed, now=now):
        return None  # nearly every heartbeat: its runs are alive, and there is nothing to order
    agent = sweep_store.get_agent(session, agent_id)
    sweep = sweep_store.get_sweep(session, agent.sweep_id)
    _refuse_elsewhere(sweep)
    live = {run_id for run_id, alive in listed.items() if alive}
    agent.heartbeat_at, agent.run_state = now, dict(listed)
    if agent.state == AgentState.GONE:
        _welcome_back(session, agent, now=now)
    runs = run_store.live_runs_of_agent(session, agent.id)
    _note_listing(session, runs, live, now=now, settings=settings)
    runs = [run for run in runs if run.state in (RunState.CREATED, RunState.RUNNING)]
    return _stop_order(sweep, runs, live, now=now, settings=settings) or _next_order(
        session, sweep, agent, runs, live, now=now, settings=settings
    )


def _welcome_back(session: Session, agent: Agent, *, now: datetime) -> None:
    agent.state, agent.reason, agent.ended_at = AgentState.RUNNING, None, None
    events.note(
        session,
        "agent.returned",
        now=now,
        reason="it asks again after it was given up",
        sweep_id=agent.sweep_id,
        agent_id=agent.id,
    )


def _note_listing(
    session: Session, runs: Sequence[Run], live: set[str], *, now: datetime, settings: Settings
) -> None:
    for run in runs:
        if run.wandb_id in live:
            run.listed_at, run.dropped_at = now, None
        elif run.dropped_at is None and (run.listed_at or run.state == RunState.RUNNING):
            run.dropped_at = now
        if run.dropped_at is not None:
            end_dropped_run(session, run, now=now, settings=settings)


def end_dropped_run(session: Session, run: Run, *, now: datetime, settings: Settings) -> None:
    """End a run that its living agent no longer lists, once it is quiet.

    A run that never started failed before it could report, unless it was asked to stop. One that
    started and did not say that it ended was cut off; its last rows may still be under way for
    some seconds.
    """
    if run.started_at is None and run.stop_requested_at is None:
        reason = "its process ended before it reported: does the program call wandb.init?"
        trials.end_run(session, run, RunState.FAILED, now=now, reason=reason)
        return
    last_sign = max(run.heartbeat_at, run.dropped_at or run.heartbeat_at)
    if now - last_sign < timedelta(seconds=settings.quiet_seconds):
        return
    if run.stop_requested_at is not None:
        trials.end_run(session, run, RunState.STOPPED, now=now, reason=run.stop_reason)
        return
    reason = "its process ended without saying so (killed, out of memory, or a signal)"
    trials.end_run(session, run, RunState.INTERRUPTED, now=now, reason=reason)


def _stop_order(
    sweep: Sweep, runs: Sequence[Run], live: set[str], *, now: datetime, settings: Settings
) -> Command | None:
    at_once = sweep.program is None or sweep.state == SweepState.CANCELLED
    patience = timedelta(seconds=0 if at_once else settings.stop_escalation_seconds)
    for run in runs:
        asked = run.stop_requested_at
        if asked is not None and run.wandb_id in live and now - asked >= patience:
            return Command("stop", run_id=run.wandb_id)
    return None


def _next_order(
    session: Session,
    sweep: Sweep,
    agent: Agent,
    runs: Sequence[Run],
    live: set[str],
    *,
    now: datetime,
    settings: Settings,
) -> Command | None:
    if live:
        return None
    if agent.state == AgentState.STOPPING:
        return Command("exit")
    if sweep.state in SWEEP_ENDED:
        return _dismiss(session, agent, now=now, reason=f"the sweep is {sweep.state}")
    if agent.failures_in_a_row >= settings.agent_failure_limit:
        reason = f"its last {agent.failures_in_a_row} runs failed: look at this host"
        return _dismiss(session, agent, now=now, reason=reason)
    if sweep.state not in SWEEP_ACTIVE:
        return None
    assigned = next((run for run in runs if run.state == RunState.CREATED), None)
    if assigned is not None:
        return _hand_out_again(session, sweep, assigned, now=now, settings=settings)
    if any(run.dropped_at is None for run in runs):
        return None  # a run of its own reports that the agent has not listed yet
    return _claim(session, sweep, agent, now=now)


def _dismiss(session: Session, agent: Agent, *, now: datetime, reason: str) -> Command:
    agent.state, agent.reason = AgentState.STOPPING, reason
    events.note(
        session,
        "agent.stopping",
        now=now,
        reason=agent.reason,
        sweep_id=agent.sweep_id,
        agent_id=agent.id,
    )
    return Command("exit")


def _hand_out_again(
    session: Session, sweep: Sweep, run: Run, *, now: datetime, settings: Settings
) -> Command | None:
    if run.stop_requested_at is not None:
        trials.end_run(session, run, RunState.STOPPED, now=now, reason=run.stop_reason)
        return None
    if run.handed_out >= settings.max_hand_outs:
        trials.end_run(session, run, RunState.FAILED, now=now, reason=_never_started(run))
        return None
    run.handed_out += 1
    run.updated_at = now
    trial = sweep_store.get_trial(session, run.trial_id or "")
    return _order(sweep, trial, run)


def _never_started(run: Run) -> str:
    times = f"handed out {run.handed_out} times and never started"
    return f"{times}: does the command run on this host, and call wandb.init?"


def _order(sweep: Sweep, trial: Trial, run: Run) -> Command:
    kind: Literal["run", "resume"] = "run" if run.started_at is None else "resume"
    return Command(kind, run_id=run.wandb_id, program=sweep.program, args=trial.args)


def _claim(session: Session, sweep: Sweep, agent: Agent, *, now: datetime) -> Command | None:
    trial = _choose(session, sweep, agent) or search.next_trial(session, sweep, now=now)
    if trial is None:
        return _nothing_left(session, sweep, agent, now=now)
    if sweep.state == SweepState.REGISTERED:
        sweep.state, sweep.reason = SweepState.RUNNING, None
        events.note(session, "sweep.running", now=now, sweep_id=sweep.id)
    run = (
        _take_again(session, trial, now=now)
        or _waiting_run(session, trial, now=now)
        or new_attempt(session, sweep, trial, now=now)
    )
    run.agent_id, run.handed_out = agent.id, 1
    trial.run_pk, trial.agent_id = run.pk, agent.id
    agent.runs_started += 1
    trials.move_trial(session, trial, TrialState.LEASED, now=now, run=run)
    return _order(sweep, trial, run)


def _nothing_left(
    session: Session, sweep: Sweep, agent: Agent, *, now: datetime
) -> Command | None:
    trials.finish_if_done(session, sweep, now=now)
    if any(sweep.trial_counts.get(state) for state in TRIAL_LIVE):
        return None  # a live trial may fail and need this agent
    if outside.may_get_more(sweep):
        return None  # whoever drives the sweep has not said that this was all
    return _dismiss(session, agent, now=now, reason="there is nothing left to do")


def _take_again(session: Session, trial: Trial, *, now: datetime) -> Run | None:
    """The interrupted run under its own id; whoever wrote to it before is shut out for good."""
    run = trials.counting_run(session, trial)
    if run is None or not trial.resume_next:
        return None
    if run.process_token is not None:
        run.superseded_tokens = [*run.superseded_tokens, run.process_token]
    run.process_token = None
    run.state, run.reason, run.exit_code, run.ended_at = RunState.CREATED, None, None, None
    run.listed_at = run.dropped_at = run.stop_requested_at = run.stop_reason = None
    run.heartbeat_at = run.updated_at = now
    return run


def _waiting_run(session: Session, trial: Trial, *, now: datetime) -> Run | None:
    """The run that was made when a client put the trial into the queue."""
    run = trials.counting_run(session, trial)
    if run is None or not trials.is_waiting(run):
        return None
    run.heartbeat_at = run.updated_at = now
    return run


def _choose(session: Session, sweep: Sweep, agent: Agent) -> Trial | None:
    """The queued trial that this agent should take: the first, unless a better one is known.

    Trials avoid hosts on which they failed while another host works on the sweep. Among the rest,
    those go first whose matched partners ran on this agent's kind of GPU, so that GPU and factors
    do not get mixed by accident; nothing waits for that (DESIGN 5, "Pairs share a GPU").
    """
    may_avoid = sweep_store.other_hosts(session, sweep.id, agent.host)

    def suits(trial: Trial) -> bool:
        return not (may_avoid and agent.host in trial.avoid_hosts)

    gpu = agent.gpu_name
    if gpu is None or not sweep_store.gpu_kinds(session, sweep.id) - {gpu}:
        return next(filter(suits, sweep_store.each_queued(session, sweep.id)), None)
    queued = list(filter(suits, sweep_store.queued_trials(session, sweep.id)))
    if not queued:
        return None
    gpus = sweep_store.gpus_of_trials(session, sweep.id)
    return _best_matched(session, sweep, queued, gpus, gpu)


def _best_matched(
    session: Session, sweep: Sweep, queued: Sequence[Trial], gpus: Mapping[str, str], gpu: str
) -> Trial:
    here: Counter[tuple[Any, ...]] = Counter()
    elsewhere: Counter[tuple[Any, ...]] = Counter()
    for trial in sweep_store.list_trials(session, sweep.id):
        if trial.id in gpus:
            here_or_not = here if gpus[trial.id] == gpu else elsewhere
            here_or_not.update(_contexts(trial))

    def score(trial: Trial) -> tuple[int, int]:
        contexts = _contexts(trial)
        return (
            sum(here[context] for context in contexts)
            - sum(elsewhere[context] for context in contexts),
            -trial.number,
        )

    return max(queued, key=score)


def _contexts(trial: Trial) -> list[tuple[Any, ...]]:
    """For each factor, what must be equal in a matched partner: all else, replicate included."""
    rest = tuple(sorted((key, str(value)) for key, value in trial.replicate.items()))
    setting = trial.setting
    return [
        (factor, *((k, v) for k, v in sorted(setting.items()) if k != factor), *rest)
        for factor in setting
    ]


def forget_lost_agent(session: Session, agent: Agent, *, now: datetime, reason: str) -> None:
    """An agent is gone; what it was handed and never started waits for another.

    Not at no cost where it was handed out again and again: `wandb agent` gives up after three
    quick failures, and a command that cannot start would go from agent to agent for ever.
    """
    told_to_stop = agent.state == AgentState.STOPPING
    agent.state, agent.ended_at = AgentState.GONE, now
    agent.reason = agent.reason if told_to_stop else reason
    events.note(
        session,
        "agent.gone",
        now=now,
        reason=agent.reason,
        sweep_id=agent.sweep_id,
        agent_id=agent.id,
    )
    for run in run_store.live_runs_of_agent(session, agent.id):
        if run.state != RunState.CREATED:
            continue
        if run.stop_requested_at is not None:
            trials.end_run(session, run, RunState.STOPPED, now=now, reason=run.stop_reason)
        elif run.handed_out > 1:
            trials.end_run(session, run, RunState.FAILED, now=now, reason=_never_started(run))
        else:
            trials.give_back(session, run, now=now, reason=f"its agent is gone: {reason}")
