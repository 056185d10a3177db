"""A run that is broken off and goes on is the run that was never broken off.

Broken off at every kind of moment in this process, and twice in a real process by a
real signal.
"""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from paribus_agent.checkpoints import newest_checkpoint
from tests.agent.offline_runs import read_offline_runs
from tests.agent.trainings import Trained, series, start_process, train_here

pytestmark = pytest.mark.usefixtures("packaged")

# Two epochs of five steps; looks at 3, 6, 9 and 10, logs at 4 and 8.
CADENCE = {"eval_steps": 3, "save_steps": 6, "logging_steps": 4}
LONGER = {"num_train_epochs": 8, **CADENCE}  # long enough for a signal to arrive in it
COMPARED = (
    "train_step/loss",
    "train_step/grad_norm",
    "train_step/learning_rate",
    "train/loss",
    "train/examples_seen",
    "train/tokens_seen",
    "eval/loss",
    "eval/accuracy",
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_here(tmp_path_factory.mktemp("uninterrupted"), **CADENCE)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_here(tmp_path_factory.mktemp("longer"), **LONGER)


class TestLeavingAndGoingOn:
    @pytest.mark.parametrize(
        "step",
        [
            pytest.param(1, marks=pytest.mark.slow),
            4,  # at a log
            5,  # at the end of an epoch
            6,  # at a look and a save
            pytest.param(9, marks=pytest.mark.slow),
        ],
    )
    def test_told_to_go_at_a_step(self, uninterrupted: Trained, tmp_path: Path, step: int) -> None:
        rows = _broken_off(tmp_path, _at_step(step))

        _assert_same(rows, uninterrupted)

    @pytest.mark.parametrize("look", [pytest.param(1, marks=pytest.mark.slow), 2, 4])
    def test_told_to_go_in_the_middle_of_a_look(
        self, uninterrupted: Trained, tmp_path: Path, look: int
    ) -> None:
        rows = _broken_off(tmp_path, _in_look(look))

        _assert_same(rows, uninterrupted)

    def test_the_same_checkpoint_is_selected(self, tmp_path: Path) -> None:
        cadence = {"eval_steps": 3, "save_steps": 3, "metric_for_best_model": "loss"}
        whole = train_here(tmp_path / "whole", **cadence)

        train_here(tmp_path / "run/attempt-0001", before=_in_look(3), **cadence)
        went_on = train_here(
            tmp_path / "run/attempt-0002",
            checkpoint=newest_checkpoint(tmp_path / "run"),
            **cadence,
        )

        best = [Path(trained.trainer.state.best_model_checkpoint) for trained in (whole, went_on)]
        assert best[0].name == best[1].name

    @pytest.mark.slow  # the only case of a checkpoint that carries another's rows
    def test_told_to_go_twice(self, uninterrupted: Trained, tmp_path: Path) -> None:
        rows = _broken_off(tmp_path, _at_step(2), _at_step(7))

        _assert_same(rows, uninterrupted)

    def test_time_and_counts_go_on_over_attempts(self, tmp_path: Path) -> None:
        first = train_here(tmp_path / "attempt-0001", before=_at_step(7), **CADENCE)
        spent = dict(first.trainer.recorder.totals.seconds)

        second = train_here(
            tmp_path / "attempt-0002", checkpoint=newest_checkpoint(tmp_path), **CADENCE
        )

        total = second.trainer.recorder.totals
        assert total.seconds["training"] > spent["training"]
        assert total.examples == 2 * 40


class TestSignals:
    def test_sigterm_saves_tells_the_server_and_goes_on_to_the_same_end(
        self, longer: Trained, tmp_path: Path
    ) -> None:
        process = start_process(tmp_path, env={"WANDB_RUN_ID": "r1"}, **LONGER)
        _wait_for(process, "step 6/40  eval/loss")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 143

        again = start_process(tmp_path, env={"WANDB_RUN_ID": "r1"}, **LONGER)
        output, errors = again.communicate(timeout=120)
        assert again.returncode == 0, errors

        first, second = read_offline_runs(tmp_path)
        assert (first.exit_code, first.preempting) == (143, True)
        assert (second.exit_code, second.preempting) == (0, False)
        steps = [row["train/global_step"] for row in first.history + second.history]
        trained = [
            s
            for s, row in zip(steps, first.history + second.history, strict=True)
            if "train_step/loss" in row
        ]
        assert trained == list(range(1, 41))  # no gap, none doubled
        _assert_same(first.history + second.history, longer)
        assert second.config["attempts"] == 2
        assert second.config["resumed_from_step"] == max(
            row["train/global_step"] for row in first.history
        )
        assert not (tmp_path / "paribus-checkpoints").exists()

    def test_kill_goes_on_from_the_newest_whole_checkpoint(
        self, longer: Trained, tmp_path: Path
    ) -> None:
        process = start_process(tmp_path, env={"WANDB_RUN_ID": "r1"}, **LONGER)
        _wait_for(process, "step 15/40  eval/loss")
        process.kill()
        process.communicate(timeout=60)

        again = start_process(tmp_path, env={"WANDB_RUN_ID": "r1"}, **LONGER)
        output, errors = again.communicate(timeout=120)
        assert again.returncode == 0, errors

        *_, second = read_offline_runs(tmp_path)
        start = second.config["resumed_from_step"]
        assert start >= 12
        assert start % 6 == 0
        for key in ("train_step/loss", "eval/loss", "train/examples_seen"):
            later = {step: value for step, value in longer.series(key).items() if step > start}
            assert series(second.history, key) == later

    def test_sigterm_while_starting_leaves_at_once(self, tmp_path: Path) -> None:
        process = start_process(tmp_path)
        _wait_for(process, "Reporting to")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)

        assert process.returncode == 143


def _broken_off(folder: Path, *moments: Callable[[Any], None]) -> list[dict[str, Any]]:
    """Train, told to go at each of the moments in turn, and once more to the end."""
    rows: list[dict[str, Any]] = []
    for number, moment in enumerate((*moments, lambda trainer: None), start=1):
        trained = train_here(
            folder / f"attempt-{number:04d}",
            before=moment,
            checkpoint=newest_checkpoint(folder),
            **CADENCE,
        )
        assert trained.left == (number <= len(moments))
        rows += trained.rows
    return rows


def _assert_same(rows: list[dict[str, Any]], whole: Trained) -> None:
    for key in COMPARED:
        assert series(rows, key) == whole.series(key), key
    steps = [row["train/global_step"] for row in rows if "train_step/loss" in row]
    assert steps == sorted(set(steps))


def _at_step(step: int) -> Callable[[Any], None]:
    """Tell the training to go while it works at a step."""

    def install(trainer: Any) -> None:
        saw = trainer.recorder.saw_grad_norm

        def see(norm: Any) -> None:
            saw(norm)
            if trainer.state.global_step + 1 == step:
                trainer.preemption.requested = True

        trainer.recorder.saw_grad_norm = see

    return install


def _in_look(number: int) -> Callable[[Any], None]:
    """Tell the training to go in the second batch of its n-th look."""

    def install(trainer: Any) -> None:
        batches_a_look = -(-len(trainer.eval_dataset) // trainer.args.eval_batch_size)
        predict, seen = trainer.prediction_step, []

        def step(*args: Any, **kwargs: Any) -> Any:
            seen.append(1)
            if len(seen) == (number - 1) * batches_a_look + 2:
                trainer.preemption.requested = True
            return predict(*args, **kwargs)

        trainer.prediction_step = step

    return install


def _wait_for(process: Any, text: str) -> None:
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"ended before {text!r}: {process.stderr.read()}")
