"""Bodies about agents and hosts."""

from datetime import datetime

from paribus_service.api.bodies.base import Answer
from paribus_service.api.links import API
from paribus_service.store.states import AgentState
from paribus_service.store.sweeps import Host
from paribus_service.store.tables import Agent


class AgentOut(Answer):
    """A `wandb agent` process."""

    id: str
    sweep_id: str
    host: str
    state: AgentState
    reason: str | None
    gpu_name: str | None
    """Known from its first run on."""
    runs_started: int
    failures_in_a_row: int
    created_at: datetime
    heartbeat_at: datetime
    """When it last asked."""
    ended_at: datetime | None
    links: dict[str, str]

    @classmethod
    def of(cls, agent: Agent, base: str) -> "AgentOut":
        """The body for an agent; `base` is where links begin."""
        own = (
            "id sweep_id host state reason gpu_name runs_started failures_in_a_row created_at "
            "heartbeat_at ended_at"
        )
        links = {
            "self": f"{base}{API}/agents/{agent.id}",
            "sweep": f"{base}{API}/sweeps/{agent.sweep_id}",
            "runs": f"{base}{API}/runs?agent_id={agent.id}",
        }
        values = {name: getattr(agent, name) for name in own.split()}
        return cls.model_validate({**values, "links": links})


class HostOut(Answer):
    """A machine, as its agents name it."""

    host: str
    agents: dict[AgentState, int]
    """Number of its agents in each state."""
    gpu_names: list[str]
    heartbeat_at: datetime
    """When one of its agents last asked."""

    @classmethod
    def of(cls, host: Host) -> "HostOut":
        """The body for a host."""
        return cls(
            host=host.name,
            agents={state: host.agents.get(state, 0) for state in AgentState},
            gpu_names=sorted(host.gpu_names),
            heartbeat_at=host.heartbeat_at,
        )
