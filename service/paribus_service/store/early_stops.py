"""Queries of early stopping: which sweeps ask for it, their runs, what was decided. No commits.

Where no run is running, or no sweep of a running one asks for it, the first query is all that is
asked: it starts from the index of running runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, func, select, type_coerce
from sqlalchemy.orm import Session

from paribus_service.store.states import RunState, SweepState, TrialState
from paribus_service.store.tables import Event, Run, Sweep, Trial, UpstreamSweep
from paribus_sweeps.spec import client_stops_runs

PASSED, STOPPED = "run.passed_band", "run.stopped_early"
"""The events of a decision; their facts hold the band."""
FOLLOWED = frozenset({SweepState.REGISTERED, SweepState.RUNNING, SweepState.PAUSED})
"""A sweep that was stopped or has reached its target lets its live runs go on to their end."""


@dataclass(frozen=True, slots=True)
class FollowedSweep:
    """A sweep whose running runs may be stopped early."""

    id: str
    config: dict[str, Any]
    metric: str
    goal: str


@dataclass(frozen=True, slots=True)
class FollowedRun:
    """A run of one, however it ended."""

    pk: int
    id: str
    may_stop: bool
    """It runs, and nobody has asked it to stop."""


def is_any_followed(session: Session) -> bool:
    """Whether a running run belongs to a sweep that stops runs early."""
    return session.execute(_followed(Sweep.id).limit(1)).first() is not None


def followed_sweeps(session: Session) -> list[FollowedSweep]:
    """The sweeps with `early_terminate` that have a running run, and no client that decides."""
    columns = (Sweep.id, Sweep.config, Sweep.metric_name, Sweep.metric_goal)
    found = session.execute(_followed(*columns).order_by(Sweep.id))
    return [
        FollowedSweep(*row)
        for row in found
        if row[1].get("early_terminate") and not client_stops_runs(row[1])
    ]


def _followed(*columns: Any) -> Select[Any]:
    running = select(Run.sweep_id).where(Run.state == RunState.RUNNING, _STANDS)
    theirs = select(UpstreamSweep.sweep_id).where(UpstreamSweep.way == "own")
    return select(*columns).where(
        Sweep.id.in_(running),
        Sweep.id.not_in(theirs),  # a W&B server searches, and decides this as well
        Sweep.state.in_(FOLLOWED),
        Sweep.metric_name.is_not(None),
        type_coerce(Sweep.config, Text).contains('"early_terminate"', autoescape=True),
    )


_STANDS: ColumnElement[bool] = Run.deleted_at.is_(None)


def runs_of(session: Session, sweep_id: str) -> Sequence[FollowedRun]:
    """Every run of the sweep that was not deleted, attempts that do not count included."""
    query = (
        select(Run.pk, Run.id, Run.state, Run.stop_requested_at)
        .where(Run.sweep_id == sweep_id, _STANDS)
        .order_by(Run.pk)
    )
    return [
        FollowedRun(pk, run_id, state == RunState.RUNNING and asked is None)
        for pk, run_id, state, asked in session.execute(query)
    ]


def noted_bands(session: Session, sweep_id: str) -> dict[str, int]:
    """Run id → the last band at which a decision on it was written down."""
    query = select(Event.run_id, Event.facts).where(
        Event.sweep_id == sweep_id, Event.kind.in_((PASSED, STOPPED))
    )
    found: dict[str, int] = {}
    for run_id, facts in session.execute(query):
        found[run_id] = max(found.get(run_id, 0), facts["band"])
    return found


def stopped_trials(session: Session, sweep_id: str) -> int:
    """How many trials of the sweep ended because their run was stopped early."""
    query = (
        select(func.count(Trial.id.distinct()))
        .join(Run, Run.pk == Trial.run_pk)
        .join(Event, Event.run_id == Run.id)
        .where(
            Trial.sweep_id == sweep_id,
            Trial.state == TrialState.STOPPED,
            Event.kind == STOPPED,
        )
    )
    return session.scalar(query) or 0
