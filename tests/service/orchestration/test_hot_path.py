"""The hot path writes what the plain path writes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from paribus_service.errors import NotFound
from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport
from paribus_service.store import migrate
from paribus_service.store.engine import NOT_FAST, GroupWriter, make_engine, session_scope
from paribus_service.store.runs import get_run_at
from paribus_service.store.tables import StreamLine, SummaryValue

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)
REPORTS = (
    StreamReport(
        history=Chunk(0, ['{"_step": 0, "loss": 1.5}', '{"_step": 1, "loss": NaN}']),
        events=Chunk(0, ['{"system.cpu": 3}']),
        output=Chunk(0, ["a", "b"]),
        summary_text='{"loss": NaN, "acc": 0.5, "gone": 1}',
    ),
    StreamReport(
        history=Chunk(1, ['{"_step": 1, "loss": 2}', '{"_step": 2, "x": "y"}']),
        output=Chunk(1, ["c"]),
        summary_text='{"loss": 2, "acc": 0.5, "deep": {"x": true}}',
    ),
    StreamReport(history=Chunk(7, ["no json"])),
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'x.db'}")
    migrate.upgrade(engine)
    with session_scope(engine) as session:
        for name in ("plain", "fast"):
            told = RunUpsert(entity="e", project="p", wandb_id=name, host="h", config_text="{}")
            recorder.upsert_run(session, told, now=NOW)
    yield engine
    engine.dispose()


def send(engine: Engine, name: str, report: StreamReport) -> Any:
    """Record a report by the path that `name` says."""

    def plain(session: Any) -> Any:
        return recorder.record_at(session, "e", "p", name, report, token=None, now=LATER)

    def fast(driver: Any) -> Any:
        told = recorder.record_running(driver, "e", "p", name, report, token=None, now=LATER)
        return NOT_FAST if told is None else told

    writer = GroupWriter(engine)
    try:
        return writer.submit(plain, fast=fast if name == "fast" else None).result(10)
    finally:
        writer.close()


def stored(engine: Engine, name: str) -> dict[str, Any]:
    """Everything of a run that reports change."""
    with session_scope(engine, reads_only=True) as session:
        run = get_run_at(session, "e", "p", name)
        lines = select(StreamLine).where(StreamLine.run_pk == run.pk)
        values = select(SummaryValue).where(SummaryValue.run_pk == run.pk)
        return {
            "counters": (run.history_lines, run.events_lines, run.output_lines, run.last_step),
            "keys": run.history_keys,
            "texts": (run.summary_text, run.system_metrics_text),
            "times": (run.heartbeat_at, run.updated_at),
            "lines": sorted((x.stream, x.line, x.step, x.text) for x in session.scalars(lines)),
            "values": sorted(
                (v.key, v.number or 0.0, v.text or "") for v in session.scalars(values)
            ),
        }


class TestHotPath:
    def test_both_paths_store_the_same(self, engine: Engine) -> None:
        for name in ("plain", "fast"):
            for report in REPORTS:
                assert send(engine, name, report).stopped is False

        fast = stored(engine, "fast")
        assert fast == stored(engine, "plain")
        assert fast["counters"] == (8, 1, 2, 2)
        assert fast["times"] == (LATER, LATER)

    def test_an_end_is_left_to_the_plain_path(self, engine: Engine) -> None:
        send(engine, "fast", StreamReport(complete=True, exit_code=0))

        with session_scope(engine, reads_only=True) as session:
            assert get_run_at(session, "e", "p", "fast").exit_code == 0

    def test_an_error_of_one_job_takes_back_its_own_changes_only(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            run = get_run_at(session, "e", "p", "fast")
            recorder.delete_run(session, run, now=NOW)

        with pytest.raises(NotFound):
            send(engine, "fast", REPORTS[0])

        assert send(engine, "plain", REPORTS[0]).stopped is False
