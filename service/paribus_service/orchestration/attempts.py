"""New attempts at trials: the run that an agent is given, and its name."""

import json
from datetime import datetime

from sqlalchemy.orm import Session

from paribus_service.ids import new_id
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run, Sweep, Trial

NAMED = "name/"
"""Begins the key of a trial whose driver gave its runs a name (`Trial.driver_key`)."""


def new_attempt(session: Session, sweep: Sweep, trial: Trial, *, now: datetime) -> Run:
    """A run of the trial that has not started, under a new id."""
    trial.attempts += 1
    config = {key: {"value": value} for key, value in trial.args.items()}
    run = run_store.add_run(
        session,
        sweep.project,
        new_id(),
        now=now,
        sweep_id=sweep.id,
        trial_id=trial.id,
        attempt=trial.attempts,
        display_name=_display_name(trial),
        config_text=json.dumps(config),
    )
    run_store.index_config(session, run)
    return run


def _display_name(trial: Trial) -> str:
    retry = f" (attempt {trial.attempts})" if trial.attempts > 1 else ""
    if trial.driver_key is not None and trial.driver_key.startswith(NAMED):
        return trial.driver_key.removeprefix(NAMED) + retry
    values = {**trial.setting, **trial.replicate}
    if not values:
        values = {k: v for k, v in trial.args.items() if not isinstance(v, dict | list)}
    text = " ".join(f"{key}={value}" for key, value in values.items())
    return f"{trial.number}: {text}"[:120] + retry
