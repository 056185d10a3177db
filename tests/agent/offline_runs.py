"""Reads what the W&B client wrote while offline, as a server would get it.

The file is LevelDB's log format after seven bytes of header; each record is a protobuf.
Source: wandb 0.31.0, core/internal/transactionlog.
"""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2

BLOCK = 32768
HEADER = 7


@dataclass
class OfflineRun:
    """One process's part of a run."""

    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    preempting: bool = False


def read_offline_runs(folder: Path) -> list[OfflineRun]:
    """Return the runs under a `wandb` folder's parent, oldest first."""
    files = sorted(folder.glob("wandb/offline-run-*/*.wandb"), key=lambda file: file.parent.name)
    return [_read(file) for file in files]


def _read(file: Path) -> OfflineRun:
    run = OfflineRun()
    for data in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "history":
            run.history.append(_items(record.history.item))
        elif kind == "summary":
            run.summary |= _items(record.summary.update)
        elif kind == "config":
            run.config |= _items(record.config.update)
        elif kind == "run":
            run.config |= _items(record.run.config.update)
        elif kind == "exit":
            run.exit_code = record.exit.exit_code
        elif kind == "preempting":
            run.preempting = True
    return run


def _items(items: Any) -> dict[str, Any]:
    return {"/".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def _records(data: bytes) -> Iterator[bytes]:
    offset, pieces = HEADER, b""
    while offset + HEADER <= len(data):
        left = BLOCK - offset % BLOCK
        if left < HEADER:
            offset += left
            continue
        _, length, kind = struct.unpack("<IHB", data[offset : offset + HEADER])
        offset += HEADER
        pieces += data[offset : offset + length]
        offset += length
        if kind in (1, 4):  # whole, or the last piece
            yield pieces
            pieces = b""
