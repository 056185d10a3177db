"""Checkpoints over attempts: whole or not there, and never another attempt's."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from paribus_agent.checkpoints import (
    MARKER,
    ROWS,
    check_same_settings,
    checkpoints_root,
    claim_attempt,
    forget,
    newest_checkpoint,
    prune,
    read,
    run_folder,
    write_marker,
)
from paribus_agent.errors import CheckpointUnusable
from paribus_agent.history import History


class TestAttempts:
    def test_no_two_processes_get_the_same_attempt(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            claimed = list(pool.map(lambda _: claim_attempt(tmp_path / "run"), range(40)))

        assert len(set(claimed)) == 40

    def test_a_revived_older_process_does_not_reach_a_newer_attempts_checkpoint(
        self, tmp_path: Path
    ) -> None:
        old, new = claim_attempt(tmp_path), claim_attempt(tmp_path)
        _write(new, 100)
        _write(old, 150)  # after the network healed, it saved once more

        found = newest_checkpoint(tmp_path)
        assert found is not None
        assert (found.folder.parent, found.step) == (new, 100)

    def test_an_attempt_without_a_checkpoint_falls_back_to_the_one_before(
        self, tmp_path: Path
    ) -> None:
        old, new = claim_attempt(tmp_path), claim_attempt(tmp_path)
        _write(old, 100)

        found = newest_checkpoint(tmp_path, before=new)
        assert found is not None
        assert found.step == 100

    def test_ids_cannot_lead_out_of_the_root(self, tmp_path: Path) -> None:
        folder = run_folder(tmp_path, sweep_id="../..", run_id="a/b")

        assert folder.parent.parent == tmp_path
        assert folder.name == "a_b"

    def test_a_finished_run_leaves_nothing_and_others_alone(self, tmp_path: Path) -> None:
        mine = run_folder(tmp_path / "root", sweep_id="s", run_id="a")
        other = run_folder(tmp_path / "root", sweep_id="s", run_id="b")
        claim_attempt(mine)
        claim_attempt(other)

        forget(mine)
        assert not mine.exists()
        assert other.exists()
        forget(other)
        assert not (tmp_path / "root").exists()

    def test_the_root_is_a_setting(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PARIBUS_CHECKPOINTS", str(tmp_path))

        assert checkpoints_root() == tmp_path


class TestWholeness:
    def test_one_without_its_marker_is_not_there(self, tmp_path: Path) -> None:
        folder = _write(tmp_path, 10)
        (folder / MARKER).unlink()

        assert read(folder) is None

    def test_one_with_a_torn_file_is_not_there(self, tmp_path: Path) -> None:
        folder = _write(tmp_path, 10)
        (folder / "model.safetensors").write_bytes(b"we")

        assert read(folder) is None

    def test_the_newest_whole_one_is_taken(self, tmp_path: Path) -> None:
        attempt = claim_attempt(tmp_path)
        _write(attempt, 9)
        torn = _write(attempt, 100)
        (torn / MARKER).write_text("{", encoding="utf-8")

        found = newest_checkpoint(tmp_path)
        assert found is not None
        assert found.step == 9

    def test_another_setting_is_refused_with_the_key(self, tmp_path: Path) -> None:
        checkpoint = read(_write(tmp_path, 10, settings={"seed": 0, "max_length": 64}))
        assert checkpoint is not None

        check_same_settings(checkpoint, {"seed": 0, "max_length": 64})
        with pytest.raises(CheckpointUnusable, match="max_length=64, and 32 is asked"):
            check_same_settings(checkpoint, {"seed": 0, "max_length": 32})


class TestPruning:
    @pytest.mark.parametrize(
        ("keep", "best", "kept"),
        [
            (2, None, [30, 100]),
            (2, 20, [20, 100]),
            (1, 20, [20, 100]),  # the best and the last are never deleted
            (1, 100, [100]),
            (3, 9, [9, 30, 100]),
            (9, None, [9, 20, 30, 100]),
        ],
    )
    def test_the_oldest_go_first(
        self, tmp_path: Path, keep: int, best: int | None, kept: list[int]
    ) -> None:
        for step in (9, 20, 30, 100):
            _write(tmp_path, step)

        prune(tmp_path, keep=keep, best=str(tmp_path / f"checkpoint-{best}") if best else None)

        assert sorted(int(path.name[11:]) for path in tmp_path.glob("checkpoint-*")) == kept

    def test_a_best_one_of_an_older_attempt_does_not_count_here(self, tmp_path: Path) -> None:
        for step in (9, 20, 30):
            _write(tmp_path / "new", step)

        prune(tmp_path / "new", keep=2, best=str(tmp_path / "old/checkpoint-5"))

        assert len(list((tmp_path / "new").glob("checkpoint-*"))) == 2


class TestHistory:
    def test_values_of_one_step_are_one_row(self, tmp_path: Path) -> None:
        sent, history = _history(tmp_path)

        history.add(1, {"a": 1})
        history.add(2, {"a": 2})
        history.add(1, {"b": 3})
        history.flush()

        assert sent == [
            (0, {"train/global_step": 1, "a": 1, "b": 3}),
            (1, {"train/global_step": 2, "a": 2}),
        ]

    @pytest.mark.parametrize("delivered", [0, 1, 2, 3, 5])
    def test_what_did_not_arrive_is_sent_again_and_nothing_else(
        self, tmp_path: Path, delivered: int
    ) -> None:
        attempt = tmp_path / "attempt-0001"
        attempt.mkdir()
        _, history = _history(attempt)
        for step in (1, 2, 3):
            history.add(step, {"a": float("nan") if step == 2 else step})
        size = history.settle()
        history.add(4, {"a": 4})  # after the checkpoint: trained anew
        history.flush()
        checkpoint = read(_write(attempt, 3, rows_bytes=size))
        assert checkpoint is not None

        sent, again = _history(tmp_path)
        again.go_on_from(checkpoint, delivered=delivered)
        again.add(4, {"a": 4})
        again.flush()

        steps = [row["train/global_step"] for _, row in sent]
        assert steps == [step for step in (1, 2, 3) if step > delivered] + [4]
        assert [line for line, _ in sent] == list(range(delivered, delivered + len(sent)))

    def test_offline_nothing_is_sent_again(self, tmp_path: Path) -> None:
        attempt = tmp_path / "attempt-0001"
        attempt.mkdir()
        _, history = _history(attempt)
        history.add(1, {"a": 1})
        checkpoint = read(_write(attempt, 1, rows_bytes=history.settle()))
        assert checkpoint is not None

        sent, again = _history(tmp_path)
        again.go_on_from(checkpoint, delivered=None)

        assert sent == []
        again.add(2, {"a": 2})
        again.flush()
        assert [line for line, _ in sent] == [1]
        lines = (tmp_path / ROWS).read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["line"] for line in lines] == [0, 1]


def _history(folder: Path) -> tuple[list[tuple[int, dict[str, Any]]], History]:
    sent: list[tuple[int, dict[str, Any]]] = []
    return sent, History(lambda row, line: sent.append((line, row)), folder / ROWS)


def _write(attempt: Path, step: int, **notes: Any) -> Path:
    folder = attempt / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    write_marker(folder, step=step, notes=notes)
    return folder
