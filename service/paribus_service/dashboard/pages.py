"""The pages, one function each; `router` is included last and owns `/{entity}/{project}…`."""

from fastapi import APIRouter
from fastapi.responses import Response

from paribus_service.dashboard import sweep_views
from paribus_service.dashboard.rendering import PageDep
from paribus_service.dependencies import SessionDep

router = APIRouter(include_in_schema=False)


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
