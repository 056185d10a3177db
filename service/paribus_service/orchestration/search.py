"""The next trial of a random search, made when an agent asks for it.

Values follow from the sweep's seed and the trial's number alone, so the search's state is the
trials themselves: a service that was killed goes on where it was.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.ids import new_trial_id
from paribus_service.orchestration.programs import schemas
from paribus_service.store import events
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import TrialState
from paribus_service.store.tables import Sweep, Trial
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.design.grids import drawn_trial
from paribus_sweeps.spec import SweepSpec, driver_of


def next_trial(session: Session, sweep: Sweep, *, now: datetime) -> Trial | None:
    """A new queued trial, or None where the method makes none or the cap is reached."""
    if sweep.method != "random" or driver_of(sweep.config) is not None:
        return None
    number = sweep_store.next_trial_number(session, sweep.id)
    if sweep.run_cap is not None and number >= sweep.run_cap:
        return None
    spec = SweepSpec.from_config(sweep.config, programs=schemas(session))
    planned = drawn_trial(spec, number, sweep.search_seed)
    trial = add_trial(session, sweep, planned, now=now)
    session.flush()
    return trial


def add_trial(
    session: Session,
    sweep: Sweep,
    planned: PlannedTrial,
    *,
    now: datetime,
    reason: str = "registered",
) -> Trial:
    """Store a planned trial, queued, and count it."""
    add_trials(session, sweep, [planned], now=now, reason=reason)
    return sweep_store.get_trial(session, new_trial_id(sweep.id, planned.number))


def add_trials(
    session: Session,
    sweep: Sweep,
    planned: Sequence[PlannedTrial],
    *,
    now: datetime,
    reason: str = "registered",
) -> None:
    """Store planned trials, queued, under the sweep's present revision, and count them.

    Rows go in by the batch: 10,000 trials one by one would hold the write lock for seconds.
    """
    sweep_store.insert_trials(session, [_row(sweep, trial, now=now) for trial in planned])
    ids = [new_trial_id(sweep.id, trial.number) for trial in planned]
    events.note_trials(
        session, "trial.queued", now=now, sweep_id=sweep.id, trial_ids=ids, reason=reason
    )
    queued = sweep.trial_counts.get(TrialState.QUEUED, 0) + len(planned)
    sweep.trial_counts = {**sweep.trial_counts, TrialState.QUEUED: queued}


def _row(sweep: Sweep, planned: PlannedTrial, *, now: datetime) -> dict[str, Any]:
    return {
        "id": new_trial_id(sweep.id, planned.number),
        "sweep_id": sweep.id,
        "number": planned.number,
        "setting": dict(planned.setting),
        "replicate": dict(planned.replicate),
        "args": dict(planned.args),
        "state": TrialState.QUEUED,
        "attempts": 0,
        "failures": 0,
        "interruptions": 0,
        "resume_next": False,
        "avoid_hosts": [],
        "revision": sweep.revision,
        "created_at": now,
        "updated_at": now,
    }
