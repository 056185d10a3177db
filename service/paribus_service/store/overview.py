"""Queries of pages: what a list shows of each row, and whether a page has changed. No commits."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paribus_service.store.states import TrialState
from paribus_service.store.tables import Agent, Event, Run, SummaryValue, Sweep, Trial


@dataclass(frozen=True, slots=True)
class BestValue:
    """The best value of a sweep's metric so far, and whose it is."""

    value: float
    run_pk: int


def best_value(session: Session, sweep: Sweep) -> BestValue | None:
    """The best metric among the sweep's finished trials; None without metric, goal or value."""
    if sweep.metric_name is None or sweep.metric_goal is None:
        return None
    number = SummaryValue.number
    query = (
        select(number, SummaryValue.run_pk)
        .join(Trial, Trial.run_pk == SummaryValue.run_pk)
        .where(
            Trial.sweep_id == sweep.id,
            Trial.state == TrialState.FINISHED,
            SummaryValue.key == sweep.metric_name,
            number.is_not(None),
        )
        .order_by(
            number.desc() if sweep.metric_goal == "maximize" else number, SummaryValue.run_pk
        )
        .limit(1)
    )
    found = session.execute(query).first()
    if found is None or found[0] is None:
        return None
    return BestValue(found[0], found[1])


def sweep_pulse(session: Session, sweep: Sweep) -> str:
    """A text that differs whenever something that a sweep's page shows has changed."""
    facts = [
        sweep.version,
        session.scalar(select(func.max(Event.id)).where(Event.sweep_id == sweep.id)),
        session.scalar(select(func.max(Run.updated_at)).where(Run.sweep_id == sweep.id)),
        session.scalar(select(func.count()).where(Run.sweep_id == sweep.id)),
        session.scalar(select(func.max(Agent.heartbeat_at)).where(Agent.sweep_id == sweep.id)),
    ]
    return " ".join(map(str, [sweep.id, *facts]))


def run_pulse(session: Session, run: Run) -> str:
    """A text that differs whenever something that a run's page shows has changed."""
    facts = [
        run.updated_at,
        run.session,
        run.history_lines,
        run.output_lines,
        session.scalar(select(func.max(Event.id)).where(Event.run_id == run.id)),
    ]
    if run.trial_id is not None:
        facts.append(
            session.scalar(select(func.max(Run.updated_at)).where(Run.trial_id == run.trial_id))
        )
    return " ".join(map(str, [run.id, *facts]))


def recent_events(
    session: Session,
    *,
    sweep_id: str | None = None,
    run_id: str | None = None,
    without: str | None = None,
    limit: int = 30,
) -> Sequence[Event]:
    """The newest events of a sweep or of a run, newest first.

    Args:
        session: A reading session.
        sweep_id: Of this sweep.
        run_id: Of this run.
        without: How kinds begin that are left out: `finding.`.
        limit: How many.
    """
    query = select(Event).order_by(Event.id.desc()).limit(limit)
    if sweep_id is not None:
        query = query.where(Event.sweep_id == sweep_id)
    if run_id is not None:
        query = query.where(Event.run_id == run_id)
    if without is not None:
        query = query.where(~Event.kind.startswith(without))
    return session.scalars(query).all()
