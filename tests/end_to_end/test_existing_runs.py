"""The story of DESIGN 1: four runs that no sweep made, synced from their folders, questioned."""

import json
import subprocess
import sys
from typing import Any

from tests.end_to_end.harness import BIN, Bench, until

RUNS: dict[str, dict[str, Any]] = {
    # batch, ratio, cadence, GPU, and what was seen
    "r1": {"batch": 8, "ratio": "1:1", "steps": (200, 200, 200), "gpu": "A100", "loss": 0.42},
    "r2": {"batch": 64, "ratio": "4:1", "steps": (200, 200, 200), "gpu": "A100", "loss": 0.31},
    "r3": {"batch": 64, "ratio": "1:1", "steps": (20, 20, 10), "gpu": "A100", "loss": 0.35},
    "r4": {"batch": 8, "ratio": "1:1", "steps": (20, 20, 10), "gpu": "T4", "loss": None},
}
"""R4 ran on another kind of GPU, and was cut off at twelve hours."""

TRAIN = """
import json, os, signal, sys, wandb
name, told = sys.argv[1], json.loads(sys.argv[2])
evaluate, save, log = told["steps"]
run = wandb.init(project="imdb", id=name, name=name.upper(), config={
    "per_device_train_batch_size": told["batch"], "train_test_ratio": told["ratio"],
    "eval_steps": evaluate, "save_steps": save, "logging_steps": log,
    "learning_rate": 2e-5, "num_train_epochs": 3, "seed": 42, "gpu_name": told["gpu"],
    "output_dir": f"out/{name}",
})
for step in range(1, 6):
    run.log({"train/global_step": step, "train/loss": 1 / step})
if told["loss"] is None:
    sys.exit(1)
run.log({"eval/loss": told["loss"], "train/global_step": 6})
"""


def train(bench: Bench, name: str, told: dict[str, Any]) -> None:
    """One run with the real client, without a network."""
    environment = bench.client_environment(WANDB_MODE="offline")
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, name, json.dumps(told)],
        env=environment, cwd=bench.home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == (1 if told["loss"] is None else 0), done.stderr


def sync(bench: Bench) -> None:
    """`wandb sync` of the four folders, as its user would call it."""
    folders = sorted(str(path) for path in (bench.home / "wandb").glob("offline-run-*"))
    assert len(folders) == len(RUNS)
    done = subprocess.run(
        [str(BIN / "wandb"), "sync", *folders],
        env=bench.client_environment(),
        cwd=bench.home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def runs_of(bench: Bench) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.get("/runs", entity="paribus", project="imdb")["items"]
    return found


class TestTheStory:
    def test_four_synced_runs_are_told_apart_as_far_as_they_can_be(self, bench: Bench) -> None:
        """Slow (40 s): the real client, four times, and its sync; nothing else reads folders."""
        for name, told in RUNS.items():
            train(bench, name, told)
        sync(bench)
        until(
            lambda: len(bench.get("/runs", entity="paribus", project="imdb")["items"]) == len(RUNS)
        )

        asked = {
            "factors": "per_device_train_batch_size,train_test_ratio,cadence",
            "response": "eval/loss",
            "goal": "minimize",
        }
        found = bench.get("/projects/paribus/imdb/confounding", **asked)
        best = bench.get("/projects/paribus/imdb/best", **asked)
        follow_ups = bench.get("/projects/paribus/imdb/follow-ups", **asked)["follow_ups"]

        # Three finished runs cannot tell the three factors apart …
        told = found["confounding"]
        assert found["n"] == 3
        assert {f["factor"]: f["status"] for f in told["factors"]} == dict.fromkeys(
            ("per_device_train_batch_size", "train_test_ratio", "cadence"), "confounded"
        )
        [fact] = told["facts"]
        assert "cannot be told apart" in fact["sentence"]
        # … finishing R4 on R1's kind of GPU would, with no degree of freedom left.
        assert told["restoring"]["sentence"] == (
            "Finishing R4 (failed: the program ended with exit code 1) on gpu_name A100 would let "
            "`per_device_train_batch_size`, `train_test_ratio` and `cadence` be told, with no "
            "degree of freedom left for an interval."
        )
        # No number, no best level; best runs are facts.
        assert {f["status"] for f in best["factors"]} == {"confounded"}
        assert {f["best_level"] for f in best["factors"]} == {None}
        assert best["best"][0]["wandb_id"] == "r2"
        # One run is enough, and the answer says which.
        assert follow_ups["k"] == 1
        assert len(follow_ups["runs"]) == 1
