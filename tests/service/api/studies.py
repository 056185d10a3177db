"""Sweeps whose runs are known, for tests of what is answered about them."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import RunUpsert
from paribus_service.store.tables import Trial
from tests.factories import Lab

Value = Callable[[Trial], float | None]
API = "/api/v1"


def study(lab: Lab, *, values: Value | None = None, **design: Any) -> str:
    """Register a design over `lr` and `batch`, and finish every trial that `values` has one for.

    Without `values` nothing is run. A trial whose value is None fails.
    """
    declared = {
        "type": "full_factorial",
        "factors": {"lr": {"levels": [0.1, 0.2]}, "batch": {"levels": [8, 64]}},
        **design,
    }
    sweep_id = lab.register(
        {
            "program": "train.py",
            "project": "imdb",
            "metric": {"name": "loss", "goal": "minimize"},
            "retry": {"failed": 0},
            "design": declared,
        }
    )
    if values is not None:
        run_all(lab, sweep_id, values)
    return sweep_id


def run_all(lab: Lab, sweep_id: str, values: Value, *, gpu: str | None = None) -> list[str]:
    """Hand out trials until there is none left; W&B's ids of their runs."""
    runs = []
    agent = lab.agent(sweep_id)
    while (command := lab.beat(agent)) is not None and command.run_id is not None:
        lab.start(command.run_id, gpu=gpu)
        value = values(lab.trial_of(command.run_id))
        if value is None:
            lab.finish(command.run_id, exit_code=1)
            agent = lab.agent(sweep_id)  # the one before would be told to stop after some
        else:
            lab.finish(command.run_id, loss=value)
        runs.append(command.run_id)
    return runs


def confounded(lab: Lab) -> str:
    """A finished sweep of two runs in which `lr` and `batch` always changed together."""
    settings = [{"lr": 0.1, "batch": 8}, {"lr": 0.2, "batch": 64}]
    return study(lab, values=by_batch, type="settings", settings=settings)


def by_batch(trial: Trial) -> float:
    """0.5, and 0.3 less with the large batch; under a hundredth more, another in each trial."""
    better = 0.3 if trial.setting["batch"] == "64" else 0.0
    return 0.5 - better + 0.002 * (trial.number * 7 % 5)


def loose_run(
    lab: Lab, name: str, config: Mapping[str, Any], summary: Mapping[str, Any] | None
) -> str:
    """A run that no sweep made; it has crashed where it has no summary. Our own id."""
    values = {key: {"value": value} for key, value in config.items()}
    with lab.writing() as session:
        told = RunUpsert(
            entity="lab", project="imdb", wandb_id=name, config_text=json.dumps(values)
        )
        run, _ = recorder.upsert_run(session, told, now=lab.clock.now())
        run_id = run.id
    lab.finish(name, exit_code=0 if summary is not None else 1, **(summary or {}))
    return run_id
