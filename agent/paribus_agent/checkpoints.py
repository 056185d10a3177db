"""Checkpoints of one run over all its attempts, so that none overwrites another's.

    <root>/<sweep>/<run>/attempt-0001/checkpoint-200/...     what the Trainer writes
                                      checkpoint-200/paribus.json   written last: it is whole
                                      rows.jsonl             the history that was logged
                         attempt-0002/...

Each process claims an attempt number of its own by making the folder, which only one
process can do. An older process that comes back to life after a network split goes on
writing into its own folder, and nobody reads that once a newer attempt has a
checkpoint of its own.

Source: such a process overwriting the new attempt's file was seen under Slurm 22.05.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paribus_agent.errors import CheckpointUnusable

MARKER = "paribus.json"
ROWS = "rows.jsonl"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A whole checkpoint of an earlier attempt."""

    folder: Path
    step: int
    """Optimizer steps that it had done."""
    notes: Mapping[str, Any]
    """What `write_marker` was given."""

    @property
    def rows_file(self) -> Path:
        """The history of the attempt that wrote it."""
        return self.folder.parent / ROWS


def checkpoints_root() -> Path:
    """Return where checkpoints go: PARIBUS_CHECKPOINTS, else ./paribus-checkpoints."""
    return Path(os.environ.get("PARIBUS_CHECKPOINTS") or "paribus-checkpoints").absolute()


def run_folder(root: Path, *, sweep_id: str | None, run_id: str) -> Path:
    """Return the folder of one run; ids are cut to characters that are safe in a path."""
    sweep = _UNSAFE.sub("_", sweep_id) if sweep_id else "no-sweep"
    return root / sweep / _UNSAFE.sub("_", run_id)


def claim_attempt(run: Path) -> Path:
    """Make and return the next attempt's folder; no two processes get the same one."""
    run.mkdir(parents=True, exist_ok=True)
    number = max(_attempts(run), default=0)
    while True:
        number += 1
        attempt = run / f"attempt-{number:04d}"
        try:
            attempt.mkdir()
        except FileExistsError:
            continue
        return attempt


def newest_checkpoint(run: Path, *, before: Path | None = None) -> Checkpoint | None:
    """Return where to go on from: the last step of the newest attempt that has one.

    Args:
        run: What `run_folder` returned.
        before: An attempt's folder; only attempts older than it are looked at.
    """
    attempts = _attempts(run)
    newest = _number(before) if before is not None else None
    for number in sorted(attempts, reverse=True):
        if newest is not None and number >= newest:
            continue
        whole = [found for path in _checkpoints(attempts[number]) if (found := read(path))]
        if whole:
            return max(whole, key=lambda checkpoint: checkpoint.step)
    return None


def read(folder: Path) -> Checkpoint | None:
    """Return the checkpoint in `folder`; None where it was not written to its end."""
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        sizes = {name: (folder / name).stat().st_size for name in marker["sizes"]}
    except (OSError, ValueError, KeyError):
        return None
    if sizes != marker["sizes"]:
        return None
    return Checkpoint(folder=folder, step=marker["step"], notes=marker["notes"])


def write_marker(folder: Path, *, step: int, notes: Mapping[str, Any]) -> None:
    """Say that the checkpoint in `folder` is whole. Call it last."""
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.name != MARKER}
    text = json.dumps({"step": step, "sizes": sizes, "notes": dict(notes)})
    fresh = folder / f".{MARKER}"
    with fresh.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(folder / MARKER)


def prune(attempt: Path, *, keep: int, best: str | None) -> None:
    """Delete an attempt's oldest checkpoints down to `keep`, never the best or the last."""
    folders = _checkpoints(attempt)
    protected = {folders[-1], Path(best)} if best else set(folders[-1:])
    spare = [folder for folder in folders if folder not in protected]
    surplus = max(0, len(folders) - max(keep, len(protected & set(folders))))
    for folder in spare[:surplus]:
        shutil.rmtree(folder, ignore_errors=True)


def check_same_settings(checkpoint: Checkpoint, settings: Mapping[str, Any]) -> None:
    """Compare what the checkpoint was trained with to what is asked for now.

    Raises:
        CheckpointUnusable: They differ; the text names the first key.
    """
    before = checkpoint.notes.get("settings", {})
    for key in sorted(before.keys() | settings.keys()):
        if before.get(key) != settings.get(key):
            raise CheckpointUnusable(
                f"{checkpoint.folder} was trained with {key}={before.get(key)!r}, and "
                f"{settings.get(key)!r} is asked for now: one run id stands for one setting. "
                "Use another run id, or delete that folder."
            )


def forget(run: Path) -> None:
    """Delete all checkpoints of a run that has finished."""
    shutil.rmtree(run, ignore_errors=True)
    for parent in (run.parent, run.parent.parent):
        try:
            parent.rmdir()  # only where nothing else is in it
        except OSError:
            return


def _attempts(run: Path) -> dict[int, Path]:
    return {_number(path): path for path in run.glob("attempt-*") if path.is_dir()}


def _checkpoints(attempt: Path) -> list[Path]:
    """Return an attempt's checkpoint folders, whole or not, by step."""
    return sorted(attempt.glob("checkpoint-*"), key=_number)


def _number(path: Path) -> int:
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdigit() else 0
