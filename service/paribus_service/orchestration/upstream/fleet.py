"""Keep the agents of a sweep that a W&B server holds: who they are, where, how they fare.

Promises:
- An agent's state follows the other side. Our watchdog declares none of them gone, and our
  scheduler hands none of them anything (`store.sweeps.silent_agents`, `scheduler.heartbeat`).
- A look that says nothing new writes nothing.
- The kind of GPU is that of the sweep's runs on the agent's host: which agent made a run would
  cost a question for each agent. A host on which runs named several kinds leaves it open.

All inside the caller's writing session.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from paribus_service.orchestration.upstream.messages import RemoteAgent
from paribus_service.store import events, upstream_sweeps
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import AgentState
from paribus_service.store.tables import Agent

NO_HOST = "unknown"
STATES = {"RUNNING": AgentState.RUNNING, "STOPPING": AgentState.STOPPING}
"""W&B's word → ours; any other says that the agent asks for no more runs."""


def take_agents(
    session: Session, sweep_id: str, listed: Sequence[RemoteAgent], *, now: datetime
) -> None:
    """Bring our agents of the sweep in line with those that the server lists."""
    known = {agent.id: agent for agent in sweep_store.list_agents(session, sweep_id=sweep_id)}
    seen = set()
    for remote in listed:
        agent_id = _key(session, remote, sweep_id)
        agent = known.get(agent_id) or _new(session, agent_id, sweep_id, remote, now=now)
        _bring_in_line(session, agent, remote, now=now)
        seen.add(agent_id)
    for agent in known.values():
        if agent.id not in seen and agent.state != AgentState.GONE:
            _end(session, agent, "it is no longer listed there", at=agent.heartbeat_at, now=now)
    _name_gpus(session, sweep_id)


def _key(session: Session, remote: RemoteAgent, sweep_id: str) -> str:
    """Its name, as W&B's pages show it; its longer id where another sweep's agent has that."""
    name = remote.name or remote.id
    taken = session.get(Agent, name)
    return name if taken is None or taken.sweep_id == sweep_id else remote.id


def _new(
    session: Session, agent_id: str, sweep_id: str, remote: RemoteAgent, *, now: datetime
) -> Agent:
    began = remote.created_at or remote.heartbeat_at or now
    agent = Agent(
        id=agent_id,
        sweep_id=sweep_id,
        host=remote.host or NO_HOST,
        state=AgentState.RUNNING,
        run_state={},
        runs_started=0,
        failures_in_a_row=0,
        created_at=began,
        heartbeat_at=began,
    )
    session.add(agent)
    session.flush()
    events.note(
        session, "agent.created", now=now, sweep_id=sweep_id, agent_id=agent_id, host=agent.host
    )
    return agent


def _bring_in_line(session: Session, agent: Agent, remote: RemoteAgent, *, now: datetime) -> None:
    agent.host = remote.host or agent.host
    agent.heartbeat_at = remote.heartbeat_at or agent.heartbeat_at
    if remote.total_runs is not None:
        agent.runs_started = remote.total_runs
    state = state_of(remote)
    if state == agent.state:
        return
    if state == AgentState.GONE:
        _end(session, agent, f"W&B calls it {remote.state}", at=agent.heartbeat_at, now=now)
        return
    returned = agent.state == AgentState.GONE
    agent.state, agent.reason, agent.ended_at = state, None, None
    kind = "agent.returned" if returned else f"agent.{state}"
    events.note(
        session,
        kind,
        now=now,
        reason=f"W&B calls it {remote.state}",
        sweep_id=agent.sweep_id,
        agent_id=agent.id,
    )


def state_of(remote: RemoteAgent) -> AgentState:
    """Our word for an agent's state; a server that says none lists those that ask."""
    if remote.state is None:
        return AgentState.RUNNING
    return STATES.get(remote.state.upper(), AgentState.GONE)


def _end(session: Session, agent: Agent, reason: str, *, at: datetime, now: datetime) -> None:
    agent.state, agent.reason, agent.ended_at = AgentState.GONE, reason, at
    events.note(
        session,
        "agent.gone",
        now=now,
        reason=reason,
        sweep_id=agent.sweep_id,
        agent_id=agent.id,
    )


def _name_gpus(session: Session, sweep_id: str) -> None:
    agents = sweep_store.list_agents(session, sweep_id=sweep_id)
    unnamed = [agent for agent in agents if agent.gpu_name is None]
    if not unnamed:
        return
    gpus = upstream_sweeps.gpus_of_hosts(session, sweep_id, {agent.host for agent in unnamed})
    for agent in unnamed:
        kinds = gpus.get(agent.host, set())
        if len(kinds) == 1:
            (agent.gpu_name,) = kinds
