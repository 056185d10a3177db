"""Queries on sweeps, trials and agents. They never commit.

Promises: `next_queued` and what the caller does with its answer are atomic inside one writing
session (`store.engine`): two agents never see the same queued trial.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, insert, select, tuple_, update
from sqlalchemy.orm import Session

from paribus_service.errors import NotFound
from paribus_service.store.states import RUN_LIVE, AgentState, RunState, TrialState
from paribus_service.store.tables import Agent, Project, Run, Sweep, Trial, UpstreamSweep

_IS_ELSEWHERE = exists().where(UpstreamSweep.sweep_id == Agent.sweep_id)
"""Of an agent in a query: it asks a W&B server for runs, and we are told of it."""


def get_sweep(session: Session, sweep_id: str) -> Sweep:
    """The sweep.

    Raises:
        NotFound: No sweep has that id.
    """
    sweep = session.get(Sweep, sweep_id)
    if sweep is None:
        raise NotFound("sweep", sweep_id)
    return sweep


def find_sweep(session: Session, sweep_id: str) -> Sweep | None:
    """The sweep, or None."""
    return session.get(Sweep, sweep_id)


def get_trial(session: Session, trial_id: str) -> Trial:
    """The trial.

    Raises:
        NotFound: No trial has that id.
    """
    trial = session.get(Trial, trial_id)
    if trial is None:
        raise NotFound("trial", trial_id)
    return trial


def get_agent(session: Session, agent_id: str) -> Agent:
    """The agent.

    Raises:
        NotFound: No agent has that id.
    """
    agent = session.get(Agent, agent_id)
    if agent is None:
        raise NotFound("agent", agent_id)
    return agent


def list_sweeps(
    session: Session,
    *,
    entity: str | None = None,
    project: str | None = None,
    states: Collection[str] = (),
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> Sequence[Sweep]:
    """Sweeps, newest first; `before` is (created_at, id) of the last one already seen."""
    query = (
        select(Sweep)
        .join(Project, Sweep.project_id == Project.id)
        .order_by(Sweep.created_at.desc(), Sweep.id.desc())
        .limit(limit)
    )
    if entity is not None:
        query = query.where(Project.entity == entity)
    if project is not None:
        query = query.where(Project.name == project)
    if states:
        query = query.where(Sweep.state.in_(states))
    if before is not None:
        query = query.where(tuple_(Sweep.created_at, Sweep.id) < before)
    return session.scalars(query).unique().all()


def sweeps_of_project(session: Session, project_id: int) -> Sequence[Sweep]:
    """All of a project's sweeps, newest first."""
    query = (
        select(Sweep)
        .where(Sweep.project_id == project_id)
        .order_by(Sweep.created_at.desc(), Sweep.id.desc())
    )
    return session.scalars(query).unique().all()


def last_heartbeat(session: Session, sweep_id: str) -> datetime | None:
    """When one of the sweep's agents last asked."""
    return session.scalar(select(func.max(Agent.heartbeat_at)).where(Agent.sweep_id == sweep_id))


def count_sweeps(session: Session, project_id: int) -> int:
    """Number of sweeps in a project."""
    return session.scalar(select(func.count()).where(Sweep.project_id == project_id)) or 0


def list_trials(
    session: Session,
    sweep_id: str,
    *,
    states: Collection[str] = (),
    after_number: int = -1,
    limit: int | None = None,
) -> Sequence[Trial]:
    """Trials in the order of the design."""
    query = (
        select(Trial)
        .where(Trial.sweep_id == sweep_id, Trial.number > after_number)
        .order_by(Trial.number)
    )
    if states:
        query = query.where(Trial.state.in_(states))
    if limit is not None:
        query = query.limit(limit)
    return session.scalars(query).all()


def insert_trials(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert trials by the batch: column → value, for each."""
    if rows:
        session.execute(insert(Trial), list(rows))


def trial_ids(session: Session, sweep_id: str, state: TrialState) -> Sequence[str]:
    """Ids of the trials in a state, in the order of the design."""
    query = select(Trial.id).where(Trial.sweep_id == sweep_id, Trial.state == state)
    return session.scalars(query.order_by(Trial.number)).all()


def held_back_trials(session: Session, sweep: Sweep) -> Sequence[str]:
    """Ids of the trials that only the sweep's stop kept from starting, in the order of the design.

    They waited, for the first time or again; or they were handed out, had not started, and were
    asked to stop at the moment of the sweep's own end.
    """
    kept_from_starting = Run.state.in_([RunState.FAILED, RunState.INTERRUPTED]) | (
        (Run.state == RunState.STOPPED) & (Run.stop_requested_at == sweep.ended_at)
    )
    query = (
        select(Trial.id)
        .outerjoin(Run, Trial.run_pk == Run.pk)
        .where(Trial.sweep_id == sweep.id, Trial.state == TrialState.STOPPED)
        .where(Trial.run_pk.is_(None) | kept_from_starting)
        .order_by(Trial.number)
    )
    return session.scalars(query).all()


def update_trials(session: Session, trial_ids: Sequence[str], values: Mapping[str, Any]) -> None:
    """Set the same columns of many trials, by the batch; those in the session follow."""
    for start in range(0, len(trial_ids), 500):
        chunk = trial_ids[start : start + 500]
        session.execute(update(Trial).where(Trial.id.in_(chunk)).values(**values))


def has_attempts(session: Session, sweep_id: str) -> bool:
    """One of the sweep's trials was handed out."""
    query = select(Trial.id).where(Trial.sweep_id == sweep_id, Trial.attempts > 0)
    return session.scalar(query.limit(1)) is not None


def delete_trials(session: Session, sweep_id: str) -> None:
    """Take all of a sweep's trials away."""
    session.execute(delete(Trial).where(Trial.sweep_id == sweep_id))


def next_trial_number(session: Session, sweep_id: str) -> int:
    """One more than the largest number of the sweep's trials."""
    largest = session.scalar(select(func.max(Trial.number)).where(Trial.sweep_id == sweep_id))
    return 0 if largest is None else largest + 1


def trials_named(session: Session, sweep_id: str, driver_key: str) -> Sequence[Trial]:
    """The trials that a client which drives the sweep named so, oldest first."""
    query = (
        select(Trial)
        .where(Trial.sweep_id == sweep_id, Trial.driver_key == driver_key)
        .order_by(Trial.number)
    )
    return session.scalars(query).all()


def runs_named(session: Session, sweep_id: str, prefix: str) -> Sequence[tuple[str, str]]:
    """(how the client named it, W&B's id of its run) of the trials whose name begins so."""
    query = (
        select(Trial.driver_key, Run.wandb_id)
        .join(Run, Trial.run_pk == Run.pk)
        .where(Trial.sweep_id == sweep_id, Trial.driver_key.startswith(prefix, autoescape=True))
        .order_by(Trial.number)
    )
    return [(key, run_id) for key, run_id in session.execute(query) if key is not None]


def queued_trials(session: Session, sweep_id: str) -> Sequence[Trial]:
    """Trials that wait, in the order of the design."""
    return list_trials(session, sweep_id, states=[TrialState.QUEUED])


def each_queued(session: Session, sweep_id: str, *, batch: int = 50) -> Iterator[Trial]:
    """Trials that wait, one by one, for who mostly takes the first."""
    after = -1
    while found := list_trials(
        session, sweep_id, states=[TrialState.QUEUED], after_number=after, limit=batch
    ):
        yield from found
        after = found[-1].number


def gpu_kinds(session: Session, sweep_id: str) -> set[str]:
    """The kinds of GPU that the sweep's agents are known to have."""
    query = select(Agent.gpu_name).where(Agent.sweep_id == sweep_id).distinct()
    return {name for name in session.scalars(query) if name is not None}


def list_agents(
    session: Session,
    *,
    sweep_id: str | None = None,
    states: Collection[str] = (),
    after: tuple[datetime, str] | None = None,
    limit: int | None = None,
) -> Sequence[Agent]:
    """Agents, oldest first; `after` is (created_at, id) of the last one already seen."""
    query = select(Agent).order_by(Agent.created_at, Agent.id)
    if sweep_id is not None:
        query = query.where(Agent.sweep_id == sweep_id)
    if states:
        query = query.where(Agent.state.in_(states))
    if after is not None:
        query = query.where(tuple_(Agent.created_at, Agent.id) > after)
    if limit is not None:
        query = query.limit(limit)
    return session.scalars(query).all()


@dataclass(frozen=True, slots=True)
class Host:
    """A machine, as its agents name it."""

    name: str
    agents: Mapping[str, int]
    """State → number of its agents."""
    gpu_names: Collection[str]
    heartbeat_at: datetime
    """When one of its agents last asked."""


def list_hosts(session: Session, *, after: str = "", limit: int) -> Sequence[Host]:
    """Hosts by name, behind the name `after`."""
    named = select(Agent.host).where(Agent.host > after).distinct().order_by(Agent.host)
    names = session.scalars(named.limit(limit)).all()
    counts = (
        select(Agent.host, Agent.state, func.count(), func.max(Agent.heartbeat_at))
        .where(Agent.host.in_(names))
        .group_by(Agent.host, Agent.state)
    )
    gpus = select(Agent.host, Agent.gpu_name).where(Agent.host.in_(names)).distinct()
    agents: dict[str, dict[str, int]] = {name: {} for name in names}
    heard: dict[str, list[datetime]] = {name: [] for name in names}
    for name, state, number, last in session.execute(counts):
        agents[name][state] = number
        heard[name].append(last)
    known: dict[str, set[str]] = {name: set() for name in names}
    for name, gpu in session.execute(gpus):
        known[name] |= {gpu} if gpu else set()
    return [Host(name, agents[name], known[name], max(heard[name])) for name in names]


def note_all_well(
    session: Session, agent_id: str, listed: Mapping[str, bool], *, now: datetime
) -> bool:
    """Note a heartbeat that changes nothing but times, without loading what it is about.

    Returns:
        True if the agent works and lists as alive every live run that it was handed, and none of
        them is asked to stop; False, with nothing changed, where there is more to see to.
        It is False for an agent of a W&B server, which has no business here.
    """
    live = {run_id for run_id, alive in listed.items() if alive}
    state = session.scalar(select(Agent.state).where(Agent.id == agent_id, ~_IS_ELSEWHERE))
    if not live or state != AgentState.RUNNING:
        return False
    handed = session.execute(
        select(Run.pk, Run.wandb_id, Run.dropped_at, Run.stop_requested_at).where(
            Run.agent_id == agent_id, Run.state.in_(RUN_LIVE)
        )
    ).all()
    if any(row.wandb_id not in live or row.dropped_at or row.stop_requested_at for row in handed):
        return False
    quietly = {"synchronize_session": False}  # nothing of this is loaded
    session.execute(
        update(Agent).where(Agent.id == agent_id).values(heartbeat_at=now, run_state=dict(listed)),
        execution_options=quietly,
    )
    session.execute(
        update(Run).where(Run.pk.in_([row.pk for row in handed])).values(listed_at=now),
        execution_options=quietly,
    )
    return True


def silent_agents(session: Session, *, since: datetime) -> Sequence[Agent]:
    """Agents of ours that should be there and were last heard at `since` or before."""
    query = select(Agent).where(
        Agent.state != AgentState.GONE, Agent.heartbeat_at <= since, ~_IS_ELSEWHERE
    )
    return session.scalars(query).all()


def other_hosts(session: Session, sweep_id: str, host: str) -> bool:
    """An agent of the sweep that takes trials runs on another host."""
    query = select(Agent.id).where(
        Agent.sweep_id == sweep_id, Agent.state == AgentState.RUNNING, Agent.host != host
    )
    return session.scalar(query.limit(1)) is not None


def gpus_of_trials(session: Session, sweep_id: str) -> dict[str, str]:
    """Trial id → kind of GPU that its current attempt runs or ran on, where known."""
    query = (
        select(Trial.id, Run.gpu_name)
        .join(Run, Trial.run_pk == Run.pk)
        .where(Trial.sweep_id == sweep_id, Run.gpu_name.is_not(None))
    )
    return {trial_id: gpu for trial_id, gpu in session.execute(query) if gpu is not None}


def move_future_heartbeats(session: Session, *, now: datetime) -> None:
    """After a clock went back: nobody was heard from in the future."""
    for table in (Agent, Run):
        session.execute(update(table).where(table.heartbeat_at > now).values(heartbeat_at=now))
