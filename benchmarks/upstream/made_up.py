"""Runs as a project gathers them over a year, made up: the same one for the same number.

Eight keys were set, two of them always together (`lr_scheduler_type` and `warmup_steps`), one
is nested, one was introduced later and is missing before, one was drawn anew for each run; a
seed, and what says where a run was executed. Three in ten runs failed or crashed. The batch size
and the learning rate have an effect, the others have none.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

STATES = ("finished",) * 7 + ("failed", "crashed", "crashed")
HOSTS = tuple((f"gpu-{n}", gpu) for n, gpu in enumerate(("T4", "T4", "A10", "A100")))
SHARE_WITHOUT_DROPOUT = 0.2


@dataclass(frozen=True, slots=True)
class MadeUp:
    """One run as its server tells of it."""

    state: str
    config: dict[str, Any]
    summary_text: str
    rows: Sequence[str]
    host: str
    gpu: str


def run_number(number: int, *, rows: int) -> MadeUp:
    """The run with that number, and so many rows of history at most."""
    drawn = random.Random(number)
    config = _config(number, drawn)
    state = drawn.choice(STATES)
    logged = rows if state == "finished" else drawn.randint(1, rows)
    host, gpu = drawn.choice(HOSTS)
    texts = [json.dumps(row) for row in _rows(config, logged, drawn)]
    last = json.loads(texts[-1])
    summary = {
        **last,
        "train/global_step": 100 * logged,
        "best/eval/accuracy": last["eval/accuracy"],
        "data/train_examples": 25_000,
        "_wandb": {"runtime": 60 * logged},
    }
    return MadeUp(state, config, json.dumps(summary), texts, host, gpu)


def _config(number: int, drawn: random.Random) -> dict[str, Any]:
    schedule, warmup = drawn.choice((("linear", 0), ("cosine", 500)))
    config = {
        "learning_rate": drawn.choice((1e-5, 2e-5, 5e-5)),
        "per_device_train_batch_size": drawn.choice((8, 16, 32, 64)),
        "optimizer": {"name": drawn.choice(("adamw", "lion")), "eps": 1e-8},
        "lr_scheduler_type": schedule,
        "warmup_steps": warmup,
        "weight_decay": drawn.uniform(0, 0.1),
        "num_train_epochs": 3,
        "seed": drawn.randrange(10),
        "output_dir": f"/scratch/runs/{number}",
        "dataloader_num_workers": drawn.choice((2, 4, 8)),
    }
    if drawn.random() >= SHARE_WITHOUT_DROPOUT:
        config["dropout"] = drawn.choice((0.0, 0.1))
    return config


def _rows(config: dict[str, Any], rows: int, drawn: random.Random) -> list[dict[str, Any]]:
    floor = 0.3 + 0.02 * (config["per_device_train_batch_size"] // 16)
    floor -= 1_000 * config["learning_rate"]
    return [
        {
            "train/loss": floor + 0.5 / (step + 1) + drawn.gauss(0, 0.02),
            "eval/loss": floor + 0.6 / (step + 1) + drawn.gauss(0, 0.01),
            "eval/accuracy": 0.9 - 0.3 / (step + 1) + drawn.gauss(0, 0.005),
            "train/grad_norm": 5 * drawn.lognormvariate(0, 0.5),
            "train/global_step": 100 * (step + 1),
            "_step": step,
            "_runtime": 60.0 * (step + 1),
            "_timestamp": 1.79e9 + 60 * step,
        }
        for step in range(rows)
    ]
