"""What a project's page shows, as plain values."""

from typing import Any

from paribus_service.dashboard import finding_views, paging, sweep_views
from paribus_service.dashboard.asked import Asked, offered_keys
from paribus_service.dashboard.decide_views import (
    MEANINGS,
    decided,
    statuses_of,
    told_or_why_not,
)
from paribus_service.dependencies import Services, SessionDep
from paribus_service.errors import InvalidRequest, NotFound
from paribus_service.orchestration.answers import AnswerCache
from paribus_service.orchestration.inquiries import Inquiry, Subject
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


def shown_project(
    session: SessionDep, project: Project, asked: Asked, *, before: str
) -> dict[str, Any]:
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
        "older": f"{asked.query(ask=asked.ask, before=older)}#runs" if older else None,
        "newest": f"{asked.query(ask=asked.ask)}#runs",
        "keys": offered_keys(session, (run.pk for run in runs)),
    }


def told_by_runs(
    session: SessionDep, project: Project, asked: Asked, *, root: str, services: Services
) -> dict[str, Any]:
    """What the runs that no sweep made can tell of the config keys that vary.

    Nothing is read before it is asked for: a project may have 100,000 runs.

    Args:
        session: A reading session.
        project: The project.
        asked: The question; without a response, which factors could be told apart.
        root: What links begin with.
        services: For answers that are kept, and the rules.
    """
    found: dict[str, Any] = {
        "asked": asked,
        "decided": None,
        "apart": None,
        "findings": None,
        "by_reason": sweep_views.by_reason,
    }
    if not asked.is_asked:
        return found
    subject, inquiry, cache = Subject.of_project(project), asked.inquiry, services.answers
    found["findings"] = finding_views.of_subject(
        session, subject, root=root, services=services, compares=False
    )
    if asked.response:
        found["decided"] = decided(session, subject, inquiry, root=root, cache=cache)
    else:
        found["apart"] = _told_apart(session, subject, inquiry, root=root, cache=cache)
    return found


def _told_apart(
    session: SessionDep, subject: Subject, inquiry: Inquiry, *, root: str, cache: AnswerCache
) -> dict[str, Any]:
    """Which factors could be told apart, nothing having been measured; and what would help."""
    found = told_or_why_not(session, subject, "factors", inquiry, root=root, cache=cache)
    if "told" not in found:
        return found
    more = told_or_why_not(session, subject, "follow-ups", inquiry, root=root, cache=cache)
    factors = found["told"]["factors"]
    return {
        **found,
        "statuses": statuses_of(factors),
        "meanings": MEANINGS,
        "follow_ups": more["told"]["follow_ups"] if "told" in more else None,
        "why_no_follow_ups": more.get("why_not", []),
    }


def _place(before: str) -> tuple[Any, int] | None:
    place = paging.read_mark(before)
    if place is None:
        return None
    moment, key = place
    if not key.isdecimal():
        raise InvalidRequest.one("?before", f"{before!r} is not a place in the list of runs")
    return moment, int(key)
