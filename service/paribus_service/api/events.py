"""What happened to a sweep, or to a run, and why: oldest first, page by page."""

from collections.abc import Sequence

from fastapi import APIRouter, Depends

from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.sweeps import EventOut
from paribus_service.api.errors_declared import READS
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.runs import RunId
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import Reader, SessionDep
from paribus_service.store import events as event_store
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Event

router = APIRouter(tags=["events"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/sweeps/{sweep_id}/events", operation_id="list_sweep_events", responses=READS)
def list_sweep_events(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[EventOut]:
    """What happened to a sweep, its trials and its runs, oldest first, with the reasons."""
    sweep_store.get_sweep(session, sweep_id)
    found = event_store.list_events(
        session, sweep_id=sweep_id, after_id=_after(page_token), limit=page_size + 1
    )
    return _page(found, page_size)


@router.get("/runs/{run_id}/events", operation_id="list_run_events", responses=READS)
def list_run_events(
    run_id: RunId,
    _who: Reader,
    session: SessionDep,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[EventOut]:
    """What happened to a run, oldest first: its states with the reasons, and its findings."""
    run = run_store.get_run(session, run_id)
    found = event_store.list_events(
        session, run_id=run.id, after_id=_after(page_token), limit=page_size + 1
    )
    return _page(found, page_size)


def _after(token: str | None) -> int:
    after = decode(token, int)
    return int(after[0]) if after else 0


def _page(found: Sequence[Event], size: int) -> Page[EventOut]:
    rows, token = page_of(found, size, lambda event: (event.id,))
    return Page(items=[EventOut.of(event) for event in rows], next_page_token=token)
