"""What the pages about sweeps show, as plain values."""

from dataclasses import dataclass
from typing import Any

from paribus_service.dashboard import paging
from paribus_service.dashboard.progress import Progress, progress
from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest, nearest
from paribus_service.store import overview, projects
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import SweepState
from paribus_service.store.tables import Sweep


@dataclass(frozen=True, slots=True)
class SweepRow:
    """A sweep in a list."""

    sweep: Sweep
    progress: Progress
    best: float | None


def listed_sweeps(
    session: SessionDep, *, state: str, project: str, before: str
) -> dict[str, Any]:
    """What the list of sweeps shows.

    Args:
        session: A reading session.
        state: Only sweeps in this state; "" for all.
        project: `entity/project`, or "" for all.
        before: Where the page begins (`paging.mark`); "" for the newest.

    Raises:
        InvalidRequest: There is no such state, or `before` is no place in a list.
    """
    _check_state(state)
    entity, _, name = project.partition("/")
    found = sweep_store.list_sweeps(
        session,
        entity=entity or None,
        project=name or None,
        states=[state] if state else [],
        before=paging.read_mark(before),
        limit=paging.SWEEPS_A_PAGE + 1,
    )
    sweeps, more = paging.cut(found, paging.SWEEPS_A_PAGE)
    older = paging.mark(sweeps[-1].created_at, sweeps[-1].id) if more else ""
    return {
        "rows": [sweep_row(session, sweep) for sweep in sweeps],
        "state": state,
        "project": project,
        "states": [s.value for s in SweepState],
        "projects": [f"{p.entity}/{p.name}" for p in projects.list_projects(session)],
        "is_filtered": bool(state or project),
        "is_first": not before,
        "older": paging.query(state=state, project=project, before=older) if older else None,
        "newest": paging.query(state=state, project=project),
    }


def sweep_row(session: SessionDep, sweep: Sweep) -> SweepRow:
    """A sweep as lists show it."""
    best = overview.best_value(session, sweep)
    bar = progress(sweep.trial_counts, sweep.expected_trials)
    return SweepRow(sweep, bar, best.value if best else None)


def _check_state(state: str) -> None:
    known = [s.value for s in SweepState]
    if state and state not in known:
        near = nearest(state, known)
        hint = f"did you mean {near!r}?" if near else f"a state is one of {', '.join(known)}"
        raise InvalidRequest.one("?state", f"a sweep is never {state!r}; {hint}", hint=hint)
