"""The run's history: one row for each optimizer step, sent in order, kept beside checkpoints.

What is promised: a row is sent once by one process; after a resume the rows that the
server has not got are sent again from the file, and no others; a row of a step that is
trained anew (a `kill -9` after the last checkpoint) is sent anew, since its values may
differ on a GPU. Readers take the last row that holds a key at a step.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from paribus_agent.checkpoints import Checkpoint

Row = dict[str, Any]
Send = Callable[[Row, int], None]
"""Takes a row and its line number in the run's history."""


class History:
    """Collects the values of each step and sends finished rows."""

    def __init__(self, send: Send, file: Path, *, first_line: int = 0) -> None:
        self._send = send
        self._file = file
        self._next_line = first_line
        self._pending: dict[int, Row] = {}

    def add(self, step: int, values: Row) -> None:
        """Put values into the row of `step`; a key that it has already is replaced."""
        self._pending.setdefault(step, {"train/global_step": step}).update(values)

    def flush(self) -> None:
        """Send every row that was added, by step. A later value of a sent step is a new row."""
        rows = [self._pending[step] for step in sorted(self._pending)]
        self._pending.clear()
        if rows:
            self._deliver(rows)

    def settle(self) -> int:
        """Flush, and return how many bytes of the file are safely on disk."""
        self.flush()
        if not self._file.exists():
            return 0
        with self._file.open("rb") as stream:
            os.fsync(stream.fileno())
        return self._file.stat().st_size

    def go_on_from(self, checkpoint: Checkpoint, *, delivered: int | None) -> None:
        """Take over the rows up to a checkpoint, and send those that did not arrive.

        Args:
            checkpoint: Where training goes on from.
            delivered: Lines that the server has; None where no server tells (offline),
                and the earlier process's own folder holds them.
        """
        rows = list(_rows_until(checkpoint))
        self._file.unlink(missing_ok=True)
        there = len(rows) if delivered is None else sum(line < delivered for line, _ in rows)
        self._keep(rows[:there])
        self._next_line = max((line + 1 for line, _ in rows[:there]), default=0)
        self._next_line = max(self._next_line, delivered or 0)
        self._deliver([row for _, row in rows[there:]])

    def _deliver(self, rows: list[Row]) -> None:
        self._keep(list(enumerate(rows, start=self._next_line)))
        for row in rows:
            self._send(row, self._next_line)
            self._next_line += 1

    def _keep(self, rows: list[tuple[int, Row]]) -> None:
        with self._file.open("a", encoding="utf-8") as stream:
            stream.writelines(_as_text(line, row) for line, row in rows)


def _as_text(line: int, row: Row) -> str:
    return json.dumps({"line": line, "row": row}) + "\n"


def _rows_until(checkpoint: Checkpoint) -> Iterator[tuple[int, Row]]:
    size = int(checkpoint.notes["rows_bytes"])
    if size == 0:
        return
    with checkpoint.rows_file.open("rb") as stream:
        for text in stream.read(size).decode().splitlines():
            item = json.loads(text)
            yield item["line"], item["row"]
