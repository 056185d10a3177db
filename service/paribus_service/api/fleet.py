"""Agents, and the hosts they run on."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.fleet import AgentOut, HostOut
from paribus_service.api.errors_declared import LISTS, READS
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.dependencies import BaseUrl, Reader, SessionDep
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import AgentState

router = APIRouter(tags=["agents"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/agents", operation_id="list_agents", responses=LISTS)
def list_agents(
    _who: Reader,
    session: SessionDep,
    base: BaseUrl,
    sweep_id: str | None = None,
    state: Annotated[list[AgentState] | None, Query(description="Only these states.")] = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[AgentOut]:
    """Agents, oldest first."""
    found = sweep_store.list_agents(
        session,
        sweep_id=sweep_id,
        states=state or (),
        after=decode(page_token, datetime, str),
        limit=page_size + 1,
    )
    agents, token = page_of(found, page_size, lambda agent: (agent.created_at, agent.id))
    return Page(items=[AgentOut.of(agent, base) for agent in agents], next_page_token=token)


@router.get("/agents/{agent_id:plain}", operation_id="show_agent", responses=READS)
def show_agent(agent_id: str, _who: Reader, session: SessionDep, base: BaseUrl) -> AgentOut:
    """An agent: where it runs, how it fares, when it last asked."""
    return AgentOut.of(sweep_store.get_agent(session, agent_id), base)


@router.get("/hosts", operation_id="list_hosts", responses=LISTS)
def list_hosts(
    _who: Reader,
    session: SessionDep,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[HostOut]:
    """Machines by name, as their agents name them."""
    after = decode(page_token, str)
    found = sweep_store.list_hosts(session, after=after[0] if after else "", limit=page_size + 1)
    hosts, token = page_of(found, page_size, lambda host: (host.name,))
    return Page(items=[HostOut.of(host) for host in hosts], next_page_token=token)
