"""What a project's page shows, as plain values."""

from typing import Any

from paribus_service.dashboard import paging, sweep_views
from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest, NotFound
from paribus_service.store import projects
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Project

SWEEPS_SHOWN = 10  # the newest; all of them are one link away


def get_project(session: SessionDep, entity: str, name: str) -> Project:
    """The project.

    Raises:
        NotFound: There is none.
    """
    project = projects.find_project(session, entity, name)
    if project is None:
        raise NotFound("project", f"{entity}/{name}")
    return project


def shown_project(session: SessionDep, project: Project, *, before: str) -> dict[str, Any]:
    """A project's newest sweeps, and a page of its runs.

    Raises:
        InvalidRequest: `before` is no place in the list of runs.
    """
    found = run_store.list_runs(
        session,
        project_id=project.id,
        before=_place(before),
        limit=paging.RUNS_A_PAGE + 1,
    )
    runs, more = paging.cut(found, paging.RUNS_A_PAGE)
    sweeps = sweep_store.list_sweeps(
        session, entity=project.entity, project=project.name, limit=SWEEPS_SHOWN
    )
    older = paging.mark(runs[-1].created_at, runs[-1].pk) if more else ""
    return {
        "project": project,
        "sweeps": [sweep_views.sweep_row(session, sweep) for sweep in sweeps],
        "sweep_count": sweep_store.count_sweeps(session, project.id),
        "runs": runs,
        "is_first": not before,
        "older": f"{paging.query(before=older)}#runs" if older else None,
        "newest": "?#runs",
    }


def _place(before: str) -> tuple[Any, int] | None:
    place = paging.read_mark(before)
    if place is None:
        return None
    moment, key = place
    if not key.isdecimal():
        raise InvalidRequest.one("?before", f"{before!r} is not a place in the list of runs")
    return moment, int(key)
