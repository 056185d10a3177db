"""Trials: list those of a sweep, show one with its runs, try one again."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.runs import RunOut, TrialDetailOut
from paribus_service.api.bodies.sweeps import ReasonIn, TrialOut
from paribus_service.api.errors_declared import READS, WRITES
from paribus_service.api.idempotency import OnceDep, Reply
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import BaseUrl, ClockDep, Reader, SessionDep, Submitter
from paribus_service.orchestration import registry
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import TrialState
from paribus_service.store.tables import Run, Trial

router = APIRouter(
    tags=["trials"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)

TrialId = Annotated[str, Path(description="`{sweep_id}-{number}`.")]


@router.get("/sweeps/{sweep_id}/trials", operation_id="list_trials", responses=READS)
def list_trials(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    base: BaseUrl,
    state: Annotated[list[TrialState] | None, Query(description="Only these states.")] = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[TrialOut]:
    """The trials of a sweep, in the order of its design."""
    sweep_store.get_sweep(session, sweep_id)
    after = decode(page_token, int)
    found = sweep_store.list_trials(
        session,
        sweep_id,
        states=state or (),
        after_number=after[0] if after else -1,
        limit=page_size + 1,
    )
    trials, token = page_of(found, page_size, lambda trial: (trial.number,))
    runs = run_store.run_outlines(session, {t.run_pk for t in trials if t.run_pk is not None})
    items = [TrialOut.of(t, run_id=_run_id(t, runs), base=base) for t in trials]
    return Page(items=items, next_page_token=token)


def _run_id(trial: Trial, runs: dict[int, Run]) -> str | None:
    run = runs.get(trial.run_pk) if trial.run_pk is not None else None
    return None if run is None else run.id


@router.get("/trials/{trial_id:plain}", operation_id="show_trial", responses=READS)
def show_trial(
    trial_id: TrialId, _who: Reader, session: SessionDep, base: BaseUrl
) -> TrialDetailOut:
    """A trial, with all its runs."""
    trial = sweep_store.get_trial(session, trial_id)
    return detail(trial, run_store.list_runs(session, trial_id=trial.id), base)


@router.post(
    "/trials/{trial_id}:retry",
    operation_id="retry_trial",
    response_model=TrialDetailOut,
    responses=WRITES,
)
def retry_trial(
    trial_id: TrialId,
    who: Submitter,
    once: OnceDep,
    clock: ClockDep,
    base: BaseUrl,
    body: ReasonIn | None = None,
) -> Response:
    """Queue a trial that has ended without a result again, under a new run id."""

    def retry() -> Reply:
        trial = sweep_store.get_trial(once.session, trial_id)
        why = reason_of(body, who.name)
        registry.retry_one(once.session, trial, now=clock.now(), reason=why)
        runs = run_store.list_runs(once.session, trial_id=trial.id)
        return Reply(detail(trial, runs, base))

    return once.answer(retry)


def detail(trial: Trial, runs: Sequence[Run], base: str) -> TrialDetailOut:
    """The body for a trial with its runs."""
    by_pk = {run.pk: run for run in runs}
    shown = TrialOut.of(trial, run_id=_run_id(trial, by_pk), base=base)
    attempts = [RunOut.of(run, base) for _, run in sorted(by_pk.items())]
    return TrialDetailOut(**shown.model_dump(), runs=attempts)


def reason_of(body: ReasonIn | None, name: str) -> str:
    """Why, for the log of events: what the caller said, else who it was."""
    return body.reason if body is not None and body.reason else f"by {name}"
