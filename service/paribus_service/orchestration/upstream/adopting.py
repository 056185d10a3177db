"""Give runs that a W&B server's own search made their trials.

Plain grid, random and bayes sweeps stay the server's (`launching.way_for`): it says what runs
next, and we read along. A grid's trials are known here, and a run takes the waiting one with its
values; of a search each run is a trial of its own. So every answer is computed as for any sweep.

A run that somebody added there beside the grid stays a run without a trial, and counts in none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.orchestration import outside, search, trials
from paribus_service.orchestration.programs import spec_of
from paribus_service.store import events, upstream_sweeps
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import SweepState, TrialState
from paribus_service.store.tables import Run, Sweep, Trial, UpstreamTrial
from paribus_sweeps.spec import SweepSpec

_NO_SETTINGS = ("_wandb", "wandb_version")


def adopt(session: Session, sweep: Sweep, *, now: datetime) -> int:
    """Give every run of the sweep that has none its trial; how many were given one."""
    runs = upstream_sweeps.adoptable(session, sweep)
    if not runs:
        return 0
    spec = spec_of(session, sweep)
    waiting = [] if spec.is_search else list(upstream_sweeps.waiting_trials(session, sweep.id))
    adopted = 0
    for run in runs:
        trial = _trial_for(session, sweep, spec, waiting, run, now=now)
        if trial is not None:
            give(session, sweep, trial, run, now=now)
            adopted += 1
    return adopted


def _trial_for(
    session: Session,
    sweep: Sweep,
    spec: SweepSpec,
    waiting: list[Trial],
    run: Run,
    *,
    now: datetime,
) -> Trial | None:
    values = values_of(run)
    if not spec.is_search:
        found = next((trial for trial in waiting if has(values, trial.args)), None)
        if found is not None:
            waiting.remove(found)
        return found
    declared = {parameter.key.partition(".")[0] for parameter in spec.parameters}
    args = {key: value for key, value in values.items() if not declared or key in declared}
    number = sweep_store.next_trial_number(session, sweep.id)
    planned = outside.laid_out(sweep, args, number)
    reason = "the server's own search made its run"
    return search.add_trial(session, sweep, planned, now=now, reason=reason)


def values_of(run: Run) -> dict[str, Any]:
    """A run's config, out of W&B's wrapping."""
    return {
        key: entry.get("value") if isinstance(entry, Mapping) else entry
        for key, entry in run.config.items()
        if key not in _NO_SETTINGS
    }


def has(values: Mapping[str, Any], args: Mapping[str, Any]) -> bool:
    """Whether a run's values are those of a trial; it may have others beside them."""
    return all(key in values and values[key] == value for key, value in args.items())


def give(session: Session, sweep: Sweep, trial: Trial, run: Run, *, now: datetime) -> None:
    """The run is the trial's next attempt."""
    if sweep.state == SweepState.REGISTERED:
        sweep.state, sweep.reason = SweepState.RUNNING, None
        events.note(session, "sweep.running", now=now, sweep_id=sweep.id)
    trial.attempts += 1
    session.add(
        UpstreamTrial(
            trial_id=trial.id,
            attempt=trial.attempts,
            sweep_id=sweep.id,
            display_name=run.display_name or run.wandb_id,
            created_at=now,
            confirmed_at=now,
            remote_run_id=run.wandb_id,
        )
    )
    trials.move_trial(session, trial, TrialState.LEASED, now=now, run=run)
    trials.take_up(session, trial, run, attempt=trial.attempts, now=now)
    session.flush()
