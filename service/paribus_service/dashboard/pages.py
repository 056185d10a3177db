"""The pages, one function each; `router` is included last and owns `/{entity}/{project}…`.

Those are the paths that W&B's client prints. A path whose first segment belongs to the service
itself (`/api`, `/files` …) is never a project's: `ProjectRoute` leaves it to whoever owns it.
"""

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from paribus_service.dashboard import (
    addresses,
    curve_pages,
    forms,
    project_views,
    run_views,
    sessions,
    sweep_views,
)
from paribus_service.dashboard.asked import AskedDep
from paribus_service.dashboard.project_route import ProjectRoute
from paribus_service.dashboard.rendering import HEADERS, PageDep
from paribus_service.dependencies import BaseUrl, SessionDep
from paribus_service.errors import NotFound, NotOfferedHere
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import files as file_store
from paribus_service.store import finding_counts, overview
from paribus_service.store import runs as run_store

router = APIRouter(include_in_schema=False)
router.include_router(sessions.router)
project_router = APIRouter(route_class=ProjectRoute, include_in_schema=False)


@router.get("/")
def show_sweeps(
    page: PageDep,
    session: SessionDep,
    state: str = "",
    project: str = "",
    before: str = "",
) -> Response:
    """All sweeps, newest first."""
    values = sweep_views.listed_sweeps(session, state=state, project=project, before=before)
    return page.render("sweeps.html", **values)


project_router.include_router(curve_pages.router)  # before what takes any other part


@project_router.get("/{entity}/{project}")
def show_project(
    page: PageDep,
    session: SessionDep,
    asked: AskedDep,
    entity: str,
    project: str,
    before: str = "",
) -> Response:
    """A project's sweeps and runs, and what its own runs can tell where that is asked."""
    found = project_views.get_project(session, entity, project)
    told = project_views.told_by_runs(
        session, found, asked, root=page.root, services=page.services
    )
    shown = project_views.shown_project(session, found, asked, before=before)
    return page.render("project.html", **shown, **told)


@project_router.get("/{entity}/{project}/sweeps/{sweep_id}")
def show_sweep(
    page: PageDep,
    session: SessionDep,
    base: BaseUrl,
    asked: AskedDep,
    entity: str,
    project: str,
    sweep_id: str,
    after: int = -1,
    read: bool = False,
) -> Response:
    """One sweep; with `read`, however much there is to be read for its findings and speeds."""
    sweep = sweep_views.get_sweep_at(session, entity, project, sweep_id)
    last_look = finding_counts.last_look(session, Subject.of_sweep(sweep).scope)
    pulse = overview.sweep_pulse(session, sweep)
    version = f"{pulse} {last_look} {after} {read} {asked.query()}"
    known = page.unchanged(version)
    if known is not None:
        return known
    values = sweep_views.shown_sweep(
        session,
        sweep,
        asked,
        root=page.root,
        base=base,
        services=page.services,
        after=max(after, -1),
        reads=read,
    )
    return page.render("sweep.html", version=version, **values)


@project_router.get("/{entity}/{project}/runs/{run_id}")
def show_run(
    page: PageDep, session: SessionDep, entity: str, project: str, run_id: str
) -> Response:
    """One run."""
    run = run_store.get_run_at(session, entity, project, run_id)
    version = f"{overview.run_pulse(session, run)} {finding_counts.looked_at(session, run.pk)}"
    known = page.unchanged(version)
    if known is not None:
        return known
    values = run_views.shown_run(session, run, root=page.root, services=page.services)
    return page.render("run.html", version=version, **values)


@project_router.get("/{entity}/{project}/runs/{run_id}/files/{name:path}")
def send_file(
    page: PageDep, session: SessionDep, entity: str, project: str, run_id: str, name: str
) -> Response:
    """The bytes of a run's file, to be saved: shown here, a file could act as one of our pages.

    Raises:
        NotFound: The run has no such file, or its bytes have not come.
    """
    run = run_store.get_run_at(session, entity, project, run_id)
    if not name:
        return page.redirect(f"{addresses.of_run(page.root, run)}#files")
    file = file_store.find_file(session, run, name)
    if file is None or file.blob is None:
        raise NotFound("file", name, hint=f"run {run.path} has no file of that name")
    return FileResponse(
        page.services.files.path(file.blob),
        media_type="application/octet-stream",
        filename=name.rpartition("/")[2],
        headers={**HEADERS, "Content-Security-Policy": "sandbox; default-src 'none'"},
    )


_PARTS_OF_A_RUN = {"logs": "log", "files": "files", "system": "system", "overview": "config"}


@project_router.get("/{entity}/{project}/runs/{run_id}/{part:path}")
def show_part_of_run(
    page: PageDep, session: SessionDep, entity: str, project: str, run_id: str, part: str
) -> Response:
    """W&B's pages about a run (overview, workspace, logs …) are parts of one page here."""
    run = run_store.get_run_at(session, entity, project, run_id)
    anchor = _PARTS_OF_A_RUN.get(part.split("/")[0])
    return page.redirect(addresses.of_run(page.root, run) + (f"#{anchor}" if anchor else ""))


_PARTS_OF_A_PROJECT = {
    "workspace": "",
    "overview": "",
    "table": "#runs",
    "runs": "#runs",
    "sweeps": "#sweeps",
}


@project_router.get("/{entity}/{project}/{part}")
def show_part_of_project(
    page: PageDep, session: SessionDep, entity: str, project: str, part: str
) -> Response:
    """W&B's pages about a project (workspace, table …) are parts of one page here.

    Raises:
        NotFound: No such project, or no such page.
        NotOfferedHere: W&B has such a page, and we do not.
    """
    found = project_views.get_project(session, entity, project)
    if part in _NOT_OFFERED:
        raise NotOfferedHere(f"a page of {part}", hint=_NOT_OFFERED[part])
    if part not in _PARTS_OF_A_PROJECT:
        raise NotFound("page", f"{entity}/{project}/{part}")
    address = addresses.of_project(page.root, found.entity, found.name)
    return page.redirect(address + _PARTS_OF_A_PROJECT[part])


_NOT_OFFERED = {
    "artifacts": "wandb.Api().artifact(…) reads artifacts; a run's files are on its page",
    "reports": "the page of a sweep has what its runs can tell",
}


@project_router.get("/{entity}/{project}/artifacts/{path:path}")
def show_artifact(
    page: PageDep, session: SessionDep, entity: str, project: str, path: str
) -> Response:
    """Where W&B's client says that an artifact is.

    Raises:
        NotOfferedHere: Always, of a project that there is.
    """
    project_views.get_project(session, entity, project)
    raise NotOfferedHere("a page of artifacts", hint=_NOT_OFFERED["artifacts"])


project_router.include_router(forms.router)
router.include_router(project_router)
