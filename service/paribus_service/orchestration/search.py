"""The next trial of a random search, made when an agent asks for it.

Values follow from the sweep's seed and the trial's number alone, so the search's state is the
trials themselves: a service that was killed goes on where it was.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from paribus_service.ids import new_trial_id
from paribus_service.orchestration.programs import schemas
from paribus_service.store import events
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import TrialState
from paribus_service.store.tables import Sweep, Trial
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.design.grids import drawn_trial
from paribus_sweeps.spec import SweepSpec


def next_trial(session: Session, sweep: Sweep, *, now: datetime) -> Trial | None:
    """A new queued trial, or None where the method makes none or the cap is reached."""
    if sweep.method != "random":
        return None
    number = sweep_store.next_trial_number(session, sweep.id)
    if sweep.run_cap is not None and number >= sweep.run_cap:
        return None
    spec = SweepSpec.from_config(sweep.config, programs=schemas(session))
    planned = drawn_trial(spec, number, sweep.search_seed)
    trial = add_trial(session, sweep, planned, now=now)
    session.flush()
    return trial


def add_trial(session: Session, sweep: Sweep, planned: PlannedTrial, *, now: datetime) -> Trial:
    """Store a planned trial, queued, and count it."""
    trial = Trial(
        id=new_trial_id(sweep.id, planned.number),
        sweep_id=sweep.id,
        number=planned.number,
        setting=dict(planned.setting),
        replicate=dict(planned.replicate),
        args=dict(planned.args),
        state=TrialState.QUEUED,
        attempts=0,
        failures=0,
        interruptions=0,
        resume_next=False,
        avoid_hosts=[],
        created_at=now,
        updated_at=now,
    )
    session.add(trial)
    counts = dict(sweep.trial_counts)
    counts[TrialState.QUEUED] = counts.get(TrialState.QUEUED, 0) + 1
    sweep.trial_counts = counts
    events.note(
        session, "trial.queued", now=now, sweep_id=sweep.id, trial_id=trial.id, reason="registered"
    )
    return trial
