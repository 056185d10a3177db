"""What can be asked of a sweep: its factors, the best run of each level, what happened."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from paribus_service.api import links
from paribus_service.api.bodies.answers import BestOut
from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.sweeps import EventOut, FactorOut, FactorsOut, MovedTogetherOut
from paribus_service.api.errors_declared import READS
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import BaseUrl, Reader, SessionDep
from paribus_service.orchestration import reports
from paribus_service.store import events as event_store
from paribus_service.store import sweeps as sweep_store

router = APIRouter(tags=["questions"], dependencies=[Depends(refuse_unknown_parameters)])


@router.get("/sweeps/{sweep_id}/factors", operation_id="show_factors", responses=READS)
def show_factors(sweep_id: SweepId, _who: Reader, session: SessionDep) -> FactorsOut:
    """What a sweep studies, and which factors its settings cannot tell apart."""
    sweep = sweep_store.get_sweep(session, sweep_id)
    factors = reports.factors_of_sweep(sweep)
    together = reports.planned_together(session, sweep)
    return FactorsOut(
        sweep_id=sweep.id,
        factors=[FactorOut.of(factor) for factor in factors],
        moved_together=[MovedTogetherOut.of(found) for found in together],
    )


@router.get("/sweeps/{sweep_id}/best", operation_id="show_best", responses=READS)
def show_best(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    base: BaseUrl,
    response: Annotated[
        str | None,
        Query(description="Summary key that runs are ranked by; the sweep's metric by default."),
    ] = None,
    goal: Annotated[
        Literal["minimize", "maximize"] | None,
        Query(description="Which way is better; the metric's own by default."),
    ] = None,
    factors: Annotated[
        str | None, Query(description="Only these factors: names with commas between.")
    ] = None,
    bins: Annotated[
        int | None, Query(ge=1, le=100, description="Quantile bins for continuous factors.")
    ] = None,
) -> BestOut:
    """Best run per factor: of each level the best run, n, mean, spread; and what is not ranked."""
    sweep = sweep_store.get_sweep(session, sweep_id)
    found = reports.best(
        session,
        sweep,
        response=response,
        goal=goal,
        factor_names=[name.strip() for name in factors.split(",")] if factors else (),
        bins=bins,
        run_url=lambda run: links.page_of_run(base, run),
    )
    return BestOut.model_validate(found)


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
    after = decode(page_token, int)
    found = event_store.list_events(
        session, sweep_id=sweep_id, after_id=after[0] if after else 0, limit=page_size + 1
    )
    rows, token = page_of(found, page_size, lambda event: (event.id,))
    return Page(items=[EventOut.of(event) for event in rows], next_page_token=token)
