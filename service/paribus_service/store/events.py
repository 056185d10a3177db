"""The log of what happened, to whom, and why."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from paribus_service.store.tables import Event


def note(
    session: Session,
    kind: str,
    *,
    now: datetime,
    reason: str | None = None,
    sweep_id: str | None = None,
    trial_id: str | None = None,
    run_id: str | None = None,
    agent_id: str | None = None,
    **facts: Any,
) -> None:
    """Write one event down."""
    session.add(
        Event(
            at=now,
            kind=kind,
            reason=reason,
            sweep_id=sweep_id,
            trial_id=trial_id,
            run_id=run_id,
            agent_id=agent_id,
            facts=facts,
        )
    )


def note_trials(
    session: Session,
    kind: str,
    *,
    now: datetime,
    sweep_id: str,
    trial_ids: Sequence[str],
    reason: str | None = None,
) -> None:
    """Write down one event for each of many trials, by the batch, behind those noted before."""
    session.flush()
    shared = {"at": now, "kind": kind, "reason": reason, "sweep_id": sweep_id, "facts": {}}
    if trial_ids:
        session.execute(insert(Event), [{**shared, "trial_id": t} for t in trial_ids])


def list_events(
    session: Session,
    *,
    sweep_id: str | None = None,
    trial_id: str | None = None,
    run_id: str | None = None,
    agent_id: str | None = None,
    after_id: int = 0,
    limit: int = 100,
) -> Sequence[Event]:
    """Events in the order they happened, behind `after_id`."""
    query = select(Event).where(Event.id > after_id).order_by(Event.id).limit(limit)
    for column, value in (
        (Event.sweep_id, sweep_id),
        (Event.trial_id, trial_id),
        (Event.run_id, run_id),
        (Event.agent_id, agent_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return session.scalars(query).all()
