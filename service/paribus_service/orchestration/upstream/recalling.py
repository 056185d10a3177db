"""Give runs back to trials of which our database has forgotten that they were handed out.

As after it was restored from a backup: the server has runs of a sweep that we drive, and here
their trials wait to be handed out. A run that carries a trial's name and its values is that
trial's; by a controller's schedule, where the server chooses the name, its values are enough: of
such a sweep nobody else makes runs.
"""

import re
from datetime import datetime

from sqlalchemy.orm import Session

from paribus_service.orchestration.upstream.adopting import give, has, values_of
from paribus_service.store import upstream_sweeps
from paribus_service.store.states import TrialState
from paribus_service.store.tables import Run, Sweep, Trial

_AGAIN = re.compile(r"-try-(\d+)$")


def recall(session: Session, sweep: Sweep, *, now: datetime) -> int:
    """Give every such run its trial; how many were given one."""
    runs = upstream_sweeps.adoptable(session, sweep)
    if not runs:
        return 0
    by_schedule = upstream_sweeps.get(session, sweep.id).way == "controller"
    recalled = 0
    for run in runs:
        found = _named(session, sweep, run)
        if found is None and by_schedule:
            found = _untried(session, sweep, run)
        if found is not None:
            trial, attempt = found
            trial.attempts = attempt - 1
            give(session, sweep, trial, run, now=now)
            recalled += 1
    return recalled


def _named(session: Session, sweep: Sweep, run: Run) -> tuple[Trial, int] | None:
    """The waiting trial, and its attempt, that a run's name says; see `handing.display_name`."""
    prefix, name = f"{sweep.name}-", run.display_name or ""
    again = _AGAIN.search(name)
    attempt = int(again[1]) if again else 1
    trial = session.get(Trial, _AGAIN.sub("", name).removeprefix(prefix))
    if trial is None or trial.sweep_id != sweep.id or not name.startswith(prefix):
        return None
    is_forgotten = trial.state == TrialState.QUEUED and trial.attempts < attempt
    return (trial, attempt) if is_forgotten and has(values_of(run), trial.args) else None


def _untried(session: Session, sweep: Sweep, run: Run) -> tuple[Trial, int] | None:
    values = values_of(run)
    for trial in upstream_sweeps.waiting_trials(session, sweep.id):
        if trial.attempts == 0 and has(values, trial.args):
            return trial, 1
    return None
