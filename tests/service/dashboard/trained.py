"""A sweep of fine-tuning runs as a Trainer logs them, for pages about curves.

trained(lab)                      # eight runs on an A100, and one on a T4 that was cut off
trained(lab, trials=2, steps=200)   # smaller
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from paribus_service.orchestration.recorder import RunUpsert, upsert_run
from tests.factories import Lab
from tests.service.dashboard.site import factorial_config

T4, A100 = "Tesla T4", "NVIDIA A100-SXM4-40GB"
SECONDS_PER_STEP = {T4: 0.25, A100: 0.0625}
LOGGED_EVERY = 5


@dataclass(frozen=True, slots=True)
class TrainedSweep:
    """What was written: W&B's ids of the runs, in the order of the trials."""

    id: str
    runs: tuple[str, ...]
    cut_off: str
    """The first attempt at the first trial, on the slower GPU."""


def trained(lab: Lab, *, trials: int = 8, steps: int = 600, looks: int = 20) -> TrainedSweep:
    """Write a sweep over batch size and class ratio, two seeds each; small batches overfit."""
    sweep_id = lab.register(factorial_config())
    agent = lab.agent(sweep_id)
    cut_off = lab.claim(agent)
    _start(lab, cut_off, T4)
    lab.log(cut_off, *list(_rows(lab, cut_off, T4, steps=steps, looks=looks))[: steps // 8])
    lab.finish(cut_off, exit_code=1)
    runs = []
    other = lab.agent(sweep_id, host="host-b")
    for _ in range(trials):
        run_id = lab.claim(other)
        _start(lab, run_id, A100)
        rows = list(_rows(lab, run_id, A100, steps=steps, looks=looks))
        lab.log(run_id, *rows)
        best = min(row["eval/loss"] for row in map(json.loads, rows) if "eval/loss" in row)
        lab.finish(run_id, **{"holdout/loss": round(best + 0.01, 4), "eval/loss": best})
        runs.append(run_id)
    return TrainedSweep(sweep_id, tuple(runs), cut_off)


def _start(lab: Lab, run_id: str, gpu: str) -> None:
    trial = lab.trial_of(run_id)
    config: dict[str, Any] = {
        "per_device_train_batch_size": int(trial.setting["batch"]),
        "per_device_eval_batch_size": 64,
        "learning_rate": 2e-5,
        "max_grad_norm": 1.0,
        "eval_steps": 20,
        "num_labels": 2,
        "seed": trial.replicate["seed"],
    }
    values = {key: {"value": value} for key, value in config.items()}
    values["_wandb"] = {"value": {"t": {}, "e": {"a1": {"gpu": gpu}}}}
    told = RunUpsert(
        entity="lab",
        project="imdb",
        wandb_id=run_id,
        display_name=f"batch-{trial.setting['batch']}-seed-{trial.replicate['seed']}-{run_id[:3]}",
        host="host-a",
        config_text=json.dumps(values),
    )
    with lab.writing() as session:
        upsert_run(session, told, now=lab.clock.now())


def _rows(lab: Lab, run_id: str, gpu: str, *, steps: int, looks: int) -> Iterator[str]:
    trial = lab.trial_of(run_id)
    small = trial.setting["batch"] == "8"
    chance = Random(f"{trial.number}")
    runtime, line, wait = 20.0, 0, looks
    for step in range(LOGGED_EVERY, steps + 1, LOGGED_EVERY):
        runtime += LOGGED_EVERY * SECONDS_PER_STEP[gpu] * chance.uniform(0.97, 1.03)
        fall = math.exp(-step / (0.18 * steps))
        yield _written(
            line,
            step,
            runtime,
            {
                "train/loss": 0.08 + 0.6 * fall + chance.gauss(0, 0.05 if small else 0.02),
                "train/grad_norm": (3.2 if small else 1.4) * math.exp(chance.gauss(0, 0.35)),
                "train/learning_rate": 2e-5 * (1 - step / (steps + 1)),
                "train/epoch": 3 * step / steps,
            },
        )
        line += 1
        if step % wait == 0:
            seconds = 20 * SECONDS_PER_STEP[gpu]
            runtime += seconds
            late = max(0.0, step / steps - 0.4)
            loss = 0.25 + 0.45 * fall + (0.35 * late if small else 0.02 * late)
            yield _written(
                line,
                step,
                runtime,
                {
                    "eval/loss": loss + chance.gauss(0, 0.008),
                    "eval/accuracy": 0.92 - 0.4 * fall + chance.gauss(0, 0.004),
                    "eval/runtime": seconds,
                    "eval/steps_per_second": 1 / SECONDS_PER_STEP[gpu],
                    "eval/samples_per_second": 64 / SECONDS_PER_STEP[gpu],
                    "train/epoch": 3 * step / steps,
                },
            )
            line += 1


def _written(line: int, step: int, runtime: float, values: dict[str, float]) -> str:
    told = {key: round(value, 8) for key, value in values.items()}
    own = {"_step": line, "_runtime": round(runtime, 3), "_timestamp": round(1.7e9 + runtime, 3)}
    return json.dumps({**own, "train/global_step": step, **told})
