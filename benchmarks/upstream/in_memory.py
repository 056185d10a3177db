"""A W&B server in memory, for what mirroring very many runs costs on our side alone.

It answers at once, from runs that it makes up as they are asked for, and counts the questions.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.upstream.made_up import MadeUp, run_number
from benchmarks.upstream.slices import Slices
from paribus_service.orchestration.upstream.messages import (
    ConsoleTail,
    HistoryPage,
    RemoteRun,
    RunPage,
    RunPath,
    RunRecords,
    ServerFacts,
    SystemMetrics,
)

BASE_URL = "https://wandb.bench"
BEGINNING = datetime(2025, 11, 23, 8, 0, tzinfo=UTC)
BETWEEN = timedelta(minutes=10)  # 50,000 runs in a year


PREFIX = "run"


def id_of(number: int) -> str:
    """W&B's id of the run with that number."""
    return f"{PREFIX}{number:06}"


SYSTEM = [json.dumps({f"system.gpu.0.{i}": i / 7 for i in range(20)})] * 4
"""System metrics of a minute; the same for every run."""
CONSOLE = [(n, json.dumps({"content": f"line {n} of a log " * 3})) for n in range(200)]
"""What a run that ended badly wrote."""


class InMemory:
    """Runs of one project, made up as they are asked for.

    server = InMemory(50_000, rows=20)
    """

    def __init__(self, runs: int, *, rows: int) -> None:
        """A server of so many runs, each with so many rows at most."""
        self.requests = 0
        self.slices = Slices(runs)
        self._runs = runs
        self._rows = rows
        self._more: dict[int, list[str]] = {}

    def log(self, number: int, text: str) -> None:
        """One more row of a run."""
        self._more.setdefault(number, []).append(text)

    def server(self) -> ServerFacts:
        """Which server this is; no question to be counted, since a service asks it once."""
        return ServerFacts(BASE_URL, None, "paribus", "bench", can_enqueue=False)

    def runs(
        self,
        entity: str,
        project: str,
        *,
        filters: Mapping[str, Any] | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> RunPage:
        """A page of runs, by creation; no filter is known."""
        assert not filters, f"the benchmark's server knows no filter: {filters}"
        self.requests += 1
        start = int(after or 0)
        end = min(start + limit, self._runs)
        if limit > 1:  # one is asked for to see whether the project is there
            self.slices.note("listed", start)
        with self.slices.apart():
            page = [self._run(RunPath(entity, project, id_of(n)), n) for n in range(start, end)]
        return RunPage(page, str(end) if end < self._runs else None, self._runs)

    def history(
        self, at: RunPath, *, min_step: int, max_step: int | None, limit: int, samples: int = 0
    ) -> HistoryPage:
        """The rows from a step on, all of them: pages are the other benchmark's matter."""
        assert max_step is None
        self.requests += 1
        number = int(at.run_id.removeprefix(PREFIX))
        self.slices.note("read", number)
        with self.slices.apart():
            texts = self._texts(number, self._made(number))
        rows: list[tuple[int | None, str]] = list(enumerate(texts))
        assert len(rows) - min_step <= limit, "the benchmark's server has no second page"
        system = SystemMetrics(SYSTEM, len(SYSTEM)) if samples else None
        return HistoryPage(rows[min_step:], None, system)

    def records(self, at: RunPath, *, samples: int, console_lines: int) -> RunRecords:
        """Of a run that failed or crashed: the same end of a log for all."""
        self.requests += 1
        self.slices.note("console", int(at.run_id.removeprefix(PREFIX)))
        return RunRecords(None, ConsoleTail(CONSOLE[-console_lines:], len(CONSOLE)))

    def _run(self, at: RunPath, number: int) -> RemoteRun:
        made, began = self._made(number), BEGINNING + number * BETWEEN
        lines = len(self._texts(number, made))
        return RemoteRun(
            path=at,
            gql_id=f"gql-{number}",
            display_name=f"run-{number}",
            state=made.state,
            config_text=json.dumps({key: {"value": value} for key, value in made.config.items()}),
            summary_text=made.summary_text,
            created_at=began,
            heartbeat_at=began + timedelta(minutes=lines),
            host=made.host,
            gpu=made.gpu,
            history_lines=lines,
            last_step=lines - 1,
            url=f"{BASE_URL}/{at.entity}/{at.project}/runs/{at.run_id}",
        )

    def _made(self, number: int) -> MadeUp:
        return run_number(number, rows=self._rows)

    def _texts(self, number: int, made: MadeUp) -> list[str]:
        return [*made.rows, *self._more.get(number, [])]
