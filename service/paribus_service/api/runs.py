"""Runs: list, show, find by W&B's path, stop."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.runs import RunDetailOut, RunOut
from paribus_service.api.bodies.sweeps import ReasonIn
from paribus_service.api.errors_declared import READS, WRITES
from paribus_service.api.idempotency import OnceDep, Reply
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.api.trials import reason_of
from paribus_service.dependencies import BaseUrl, ClockDep, Reader, SessionDep, Submitter
from paribus_service.errors import InvalidRequest, NotFound, NotOfferedHere
from paribus_service.orchestration import registry
from paribus_service.store import mirrors, projects
from paribus_service.store import runs as run_store
from paribus_service.store.states import RunState
from paribus_service.store.tables import Run

router = APIRouter(
    tags=["runs"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)

RunId = Annotated[str, Path(description="Our own id: `run-…`.")]


@router.get("/runs", operation_id="list_runs", responses=READS)
def list_runs(
    _who: Reader,
    session: SessionDep,
    base: BaseUrl,
    sweep_id: str | None = None,
    trial_id: str | None = None,
    agent_id: str | None = None,
    entity: Annotated[str | None, Query(description="With `project`.")] = None,
    project: Annotated[str | None, Query(description="With `entity`.")] = None,
    state: Annotated[list[RunState] | None, Query(description="Only these states.")] = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[RunOut]:
    """Runs, newest first."""
    if agent_id is not None and mirrors.is_agent_there(session, agent_id):
        raise NotOfferedHere(
            f"finding the runs of agent {agent_id}, which works for a W&B server",
            hint="that server is not asked which agent made a run: ?sweep_id lists its sweep's",
        )
    found = run_store.list_runs(
        session,
        sweep_id=sweep_id,
        trial_id=trial_id,
        project_id=_project_id(session, entity, project),
        agent_id=agent_id,
        states=state or (),
        before=decode(page_token, datetime, int),
        limit=page_size + 1,
    )
    runs, token = page_of(found, page_size, lambda run: (run.created_at, run.pk))
    return Page(items=[RunOut.of(run, base) for run in runs], next_page_token=token)


def _project_id(session: SessionDep, entity: str | None, project: str | None) -> int | None:
    if entity is None and project is None:
        return None
    if entity is None or project is None:
        missing = "?entity" if entity is None else "?project"
        raise InvalidRequest.one(missing, "a project is named by `entity` and `project` together")
    found = projects.find_project(session, entity, project)
    if found is None:
        raise NotFound("project", f"{entity}/{project}")
    return found.id


@router.get("/runs/{run_id:plain}", operation_id="show_run", responses=READS)
def show_run(run_id: RunId, _who: Reader, session: SessionDep, base: BaseUrl) -> RunDetailOut:
    """A run, with its config, its summary and the other attempts at its trial."""
    return _detail(session, run_store.get_run(session, run_id), base)


@router.get(
    "/projects/{entity}/{project}/runs/{wandb_id}",
    operation_id="find_run",
    responses=READS,
)
def find_run(
    entity: str, project: str, wandb_id: str, _who: Reader, session: SessionDep, base: BaseUrl
) -> RunDetailOut:
    """The run that the wandb client knows as `entity/project/wandb_id`."""
    return _detail(session, run_store.get_run_at(session, entity, project, wandb_id), base)


@router.post(
    "/runs/{run_id}:stop",
    operation_id="stop_run",
    response_model=RunDetailOut,
    responses=WRITES,
)
def stop_run(
    run_id: RunId,
    who: Submitter,
    once: OnceDep,
    clock: ClockDep,
    base: BaseUrl,
    body: ReasonIn | None = None,
) -> Response:
    """Ask a live run to stop; it is told with its next report, its agent a minute later."""

    def stop() -> Reply:
        why = reason_of(body, who.name)
        registry.stop_run(once.session, run_id, now=clock.now(), reason=why)
        return Reply(_detail(once.session, run_store.get_run(once.session, run_id), base))

    return once.answer(stop)


def _detail(session: SessionDep, run: Run, base: str) -> RunDetailOut:
    attempts = run_store.list_runs(session, trial_id=run.trial_id) if run.trial_id else []
    mirror = mirrors.find_mirror(session, run.pk)
    there = None if mirror is None else mirror.url
    return RunDetailOut.with_attempts(run, list(attempts), base, there=there)
