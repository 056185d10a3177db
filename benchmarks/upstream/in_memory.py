"""A W&B server in memory, for what mirroring very many runs costs on our side alone.

It answers at once, from runs that it makes up as they are asked for, and counts the questions.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from paribus_service.orchestration.upstream.messages import (
    HistoryPage,
    RemoteRun,
    RunPage,
    RunPath,
    ServerFacts,
)

BASE_URL = "https://wandb.bench"
BEGINNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class InMemory:
    """Finished runs of one project, each with as many rows.

    server = InMemory(50_000, [row_0, row_1], {"lr": 0.1})
    """

    def __init__(self, runs: int, texts: Sequence[str], config: Mapping[str, Any]) -> None:
        """A server of so many runs.

        Args:
            runs: How many there are.
            texts: Rows of history in JSON, the same of each run; the last one is its summary.
            config: Plain values, the same of each run, but for its number as `number`.
        """
        self.requests = 0
        self._runs = runs
        self._texts = list(texts)
        self._config = {key: {"value": value} for key, value in config.items()}
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
        page = [self._run(RunPath(entity, project, f"run{n:06}"), n) for n in range(start, end)]
        return RunPage(page, str(end) if end < self._runs else None, self._runs)

    def history(
        self, at: RunPath, *, min_step: int, max_step: int | None, limit: int
    ) -> HistoryPage:
        """The rows from a step on, all of them: pages are the other benchmark's matter."""
        assert max_step is None
        self.requests += 1
        texts = self._texts_of(int(at.run_id.removeprefix("run")))
        rows: list[tuple[int | None, str]] = list(enumerate(texts))
        assert len(rows) - min_step <= limit, "the benchmark's server has no second page"
        return HistoryPage(rows[min_step:], None)

    def _run(self, at: RunPath, number: int) -> RemoteRun:
        began, texts = BEGINNING + timedelta(seconds=number), self._texts_of(number)
        return RemoteRun(
            path=at,
            gql_id=f"gql-{number}",
            display_name=f"run-{number}",
            state="finished",
            config_text=json.dumps({**self._config, "number": {"value": number}}),
            summary_text=texts[-1],
            created_at=began,
            heartbeat_at=began + timedelta(minutes=5),
            history_lines=len(texts),
            last_step=len(texts) - 1,
            url=f"{BASE_URL}/{at.entity}/{at.project}/runs/{at.run_id}",
        )

    def _texts_of(self, number: int) -> list[str]:
        return [*self._texts, *self._more.get(number, [])]
