"""Queries on sweeps that a W&B server holds, and on what was handed to it. They never commit."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session

from paribus_service.store.states import (
    SWEEP_ENDED,
    TRIAL_LIVE,
    RunState,
    SweepState,
    TrialState,
)
from paribus_service.store.tables import (
    Event,
    Run,
    Sweep,
    Trial,
    UpstreamLaunch,
    UpstreamSweep,
    UpstreamTrial,
)

_OPEN_ROW = and_(UpstreamTrial.confirmed_at.is_(None), UpstreamTrial.withdrawn_at.is_(None))


def to_look_at(session: Session, *, ended_since: datetime) -> Sequence[str]:
    """Ids of the sweeps there that may have news, the oldest first.

    Args:
        session: A reading session.
        ended_since: Sweeps that ended before, with nothing left to do, are left alone.
    """
    live = exists().where(Trial.sweep_id == Sweep.id, Trial.state.in_(TRIAL_LIVE))
    unsettled = exists().where(UpstreamTrial.sweep_id == Sweep.id, _OPEN_ROW)
    query = (
        select(Sweep.id)
        .join(UpstreamSweep, UpstreamSweep.sweep_id == Sweep.id)
        .where(
            or_(
                Sweep.state.not_in(SWEEP_ENDED),
                Sweep.state != UpstreamSweep.state_here,
                Sweep.ended_at >= ended_since,
                live,
                unsettled,
                _stop_is_due(),
            )
        )
        .order_by(Sweep.created_at, Sweep.id)
    )
    return session.scalars(query).all()


def _stop_is_due() -> ColumnElement[bool]:
    """A run of the sweep was asked to stop here, and the server does not know."""
    return exists().where(
        UpstreamTrial.sweep_id == Sweep.id,
        UpstreamTrial.confirmed_at.is_not(None),
        UpstreamTrial.stop_sent_at.is_(None),
        Run.trial_id == UpstreamTrial.trial_id,
        Run.attempt == UpstreamTrial.attempt,
        Run.stop_requested_at.is_not(None),
    )


def get(session: Session, sweep_id: str) -> UpstreamSweep:
    """What is known of the sweep there."""
    found = session.get(UpstreamSweep, sweep_id)
    assert found is not None, f"sweep {sweep_id} is tracked here"
    return found


def attempts_of(session: Session, trial_id: str) -> Sequence[UpstreamTrial]:
    """What was handed out of a trial, the first attempt first."""
    query = select(UpstreamTrial).where(UpstreamTrial.trial_id == trial_id)
    return session.scalars(query.order_by(UpstreamTrial.attempt)).all()


def open_rows(session: Session, sweep_id: str) -> Sequence[UpstreamTrial]:
    """What was stored and is neither confirmed nor withdrawn, in the order it was stored."""
    query = select(UpstreamTrial).where(UpstreamTrial.sweep_id == sweep_id, _OPEN_ROW)
    return session.scalars(query.order_by(UpstreamTrial.created_at, UpstreamTrial.trial_id)).all()


def row_named(session: Session, sweep_id: str, display_name: str) -> UpstreamTrial | None:
    """What was sent, or was given up, under a run's name; None for a name that is not ours."""
    query = select(UpstreamTrial).where(
        UpstreamTrial.display_name == display_name,
        UpstreamTrial.sweep_id == sweep_id,
        or_(UpstreamTrial.confirmed_at.is_not(None), UpstreamTrial.withdrawn_at.is_not(None)),
    )
    return session.scalars(query).first()


def waiting_there(session: Session, sweep_id: str) -> Sequence[UpstreamTrial]:
    """What the server has, and whose run has not started."""
    query = (
        select(UpstreamTrial)
        .join(Run, and_(Run.trial_id == UpstreamTrial.trial_id,
                        Run.attempt == UpstreamTrial.attempt))
        .where(
            UpstreamTrial.sweep_id == sweep_id,
            UpstreamTrial.confirmed_at.is_not(None),
            Run.state == RunState.CREATED,
        )
        .order_by(UpstreamTrial.created_at, UpstreamTrial.trial_id)
    )  # fmt: skip
    return session.scalars(query).all()


def stops_due(session: Session, sweep_id: str) -> Sequence[tuple[UpstreamTrial, Run]]:
    """Runs that were asked to stop here, and of which the server does not know that."""
    query = (
        select(UpstreamTrial, Run)
        .join(Run, and_(Run.trial_id == UpstreamTrial.trial_id,
                        Run.attempt == UpstreamTrial.attempt))
        .where(
            UpstreamTrial.sweep_id == sweep_id,
            UpstreamTrial.confirmed_at.is_not(None),
            UpstreamTrial.stop_sent_at.is_(None),
            Run.stop_requested_at.is_not(None),
        )
        .order_by(Run.pk)
    )  # fmt: skip
    return [(row, run) for row, run in session.execute(query)]


def count_live(session: Session, sweep: Sweep) -> int:
    """Trials of a sweep that somebody holds or is to hold."""
    return sum(sweep.trial_counts.get(state, 0) for state in TRIAL_LIVE)


def adoptable(session: Session, sweep: Sweep) -> Sequence[Run]:
    """Runs of a sweep that belong to no trial yet: the server's own search made them.

    Copies of them that somebody imported into another project are not meant.
    """
    query = select(Run).where(
        Run.sweep_id == sweep.id,
        Run.project_id == sweep.project_id,
        Run.trial_id.is_(None),
        Run.deleted_at.is_(None),
    )
    return session.scalars(query.order_by(Run.created_at, Run.pk)).unique().all()


def launches(session: Session) -> Sequence[UpstreamLaunch]:
    """Registrations that began, and that nobody was told of."""
    return session.scalars(select(UpstreamLaunch).order_by(UpstreamLaunch.created_at)).all()


def waiting_trials(session: Session, sweep_id: str) -> Sequence[Trial]:
    """Trials of a sweep that wait, in the order of the design."""
    query = select(Trial).where(Trial.sweep_id == sweep_id, Trial.state == TrialState.QUEUED)
    return session.scalars(query.order_by(Trial.number)).all()


def gpus_of_hosts(session: Session, sweep_id: str, hosts: Collection[str]) -> dict[str, set[str]]:
    """Host → the kinds of GPU that runs of the sweep named there."""
    query = (
        select(Run.host, Run.gpu_name)
        .where(Run.sweep_id == sweep_id, Run.host.in_(hosts), Run.gpu_name.is_not(None))
        .distinct()
    )
    found: dict[str, set[str]] = {}
    for host, gpu in session.execute(query):
        if host is not None and gpu is not None:
            found.setdefault(host, set()).add(gpu)
    return found


def last_act(session: Session, sweep_id: str) -> datetime | None:
    """When the sweep last changed its state here."""
    kinds = [f"sweep.{state}" for state in SweepState]
    query = select(func.max(Event.at)).where(Event.sweep_id == sweep_id, Event.kind.in_(kinds))
    return session.scalar(query)
