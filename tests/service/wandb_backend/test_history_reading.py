"""Rows of a history, sampled, by key and by step; without a client, so that each case is exact."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.recorder import (
    Chunk,
    RunUpsert,
    StreamReport,
    record,
    upsert_run,
)
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.tables import Base, Run
from paribus_service.wandb_backend.operations import console, history

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    engine = make_engine(f"sqlite:///{tmp_path / 'history.db'}")
    Base.metadata.create_all(engine)
    with session_scope(engine) as session:
        yield session
    engine.dispose()


def log(session: Session, texts: list[str], *, offset: int = 0) -> Run:
    told = RunUpsert(entity="me", project="p", wandb_id="r", host="h")
    run, _ = upsert_run(session, told, now=NOW)
    report = StreamReport(history=Chunk(offset, texts))
    record(session, run, report, token=None, now=NOW)
    session.flush()
    return run


def rows(count: int) -> list[str]:
    """Each holds `x`, every seventh `rare`, every third a nested one."""
    found: list[dict[str, Any]] = []
    for step in range(count):
        row: dict[str, Any] = {"_step": step, "x": step / 7}
        row |= {"rare": step} if step % 7 == 0 else {}
        row |= {"nest": {"in.ner": {"y": step}}, "a.b": step} if step % 3 == 0 else {}
        found.append(row)
    return [json.dumps(row) for row in found]


def sampled(session: Session, run: Run, **spec: Any) -> list[dict[str, Any]]:
    context: Any = SimpleNamespace(session=session)
    [found] = history.sampled_history(run, context, specs=[json.dumps(spec)])
    return found


class TestSampledHistory:
    def test_all_rows_come_while_they_are_no_more_than_asked_for(self, session: Session) -> None:
        run = log(session, rows(20))

        assert sampled(session, run, keys=["x"], samples=20) == [{"x": i / 7} for i in range(20)]

    @pytest.mark.parametrize("count", [1, 2, 3, 7])
    def test_samples_are_spread_and_keep_the_last(self, session: Session, count: int) -> None:
        run = log(session, rows(50))

        steps = [row["_step"] for row in sampled(session, run, keys=["_step"], samples=count)]
        rare = [row["rare"] for row in sampled(session, run, keys=["rare"], samples=count)]

        assert (len(steps), steps[-1]) == (count, 49)
        assert (len(rare), rare[-1]) == (count, 49)
        assert steps == sorted(set(steps))

    def test_rows_without_all_keys_are_left_out(self, session: Session) -> None:
        run = log(session, rows(22))

        both = sampled(session, run, keys=["_step", "rare", "a.b", "_step"])

        assert both == [{"_step": i, "rare": i, "a.b": i} for i in (0, 21)]

    def test_dots_spell_nested_keys_after_literal_ones(self, session: Session) -> None:
        text = '{"_step": 0, "m.n": 1, "m": {"n": 2, "k": null}}'
        run = log(session, [text])

        assert sampled(session, run, keys=["m.n", "m.k"]) == [{"m.n": 1, "m.k": None}]

    def test_both_bounds_are_inclusive(self, session: Session) -> None:
        run = log(session, rows(20))

        found = sampled(session, run, keys=["_step"], minStep=3, maxStep=6)

        assert [row["_step"] for row in found] == [3, 4, 5, 6]

    def test_lines_that_never_came_are_no_rows(self, session: Session) -> None:
        log(session, rows(30)[:10])
        run = log(session, rows(30)[20:], offset=20)

        found = sampled(session, run, keys=["_step"], samples=5)

        assert len(found) == 5
        assert found[-1] == {"_step": 29}

    @pytest.mark.parametrize(
        "spec",
        ["", "[]", '{"keys": 3}', '{"keys": [3]}', '{"samples": "many"}', '{"minStep": 1.5}'],
    )
    def test_a_spec_that_is_none_is_refused(self, session: Session, spec: str) -> None:
        run = log(session, rows(2))
        context: Any = SimpleNamespace(session=session)

        with pytest.raises(InvalidRequest, match="spec of sampledHistory"):
            history.sampled_history(run, context, specs=[spec])


class TestHistory:
    def test_the_upper_bound_is_exclusive_and_lines_are_as_they_came(
        self, session: Session
    ) -> None:
        texts = ['{"_step":0,"x":NaN}', '{"_step": 1, "x": 1e400}', '{"_step":2}', '{"_step":3}']
        run = log(session, texts)
        context: Any = SimpleNamespace(session=session)

        page = history.history(run, context, samples=10, min_step=0, max_step=2)
        everything = history.history(run, context, samples=None, min_step=None, max_step=None)
        two = history.history(run, context, samples=2, min_step=None, max_step=None)

        assert page == texts[:2]
        assert everything == texts
        assert two == [texts[0], texts[3]]

    def test_the_last_step_and_the_counts_of_keys_are_told(self, session: Session) -> None:
        run = log(session, rows(8))
        log(session, rows(8)[4:], offset=4)  # the client repeats what was not answered
        context: Any = SimpleNamespace(session=session)

        told = history.history_keys(run, context)

        assert told is not None
        assert told["lastStep"] == 7
        assert told["keys"]["x"]["typeCounts"] == [{"type": "number", "count": 8}]
        assert told["keys"]["rare"]["typeCounts"] == [{"type": "number", "count": 2}]


class TestLogLines:
    @pytest.mark.parametrize(
        ("text", "level", "line", "timestamp"),
        [
            (
                '{"ts":"2026-11-23T08:43:08.341942","level":"error","content":"no"}',
                "error", "no", "2026-11-23T08:43:08.341942Z",
            ),
            ("ERROR 2026-11-23T08:43:08.5 no", "error", "no", "2026-11-23T08:43:08.500000Z"),
            ("2026-11-23T08:43:08Z fine", "", "fine", "2026-11-23T08:43:08Z"),
            ("just text", "", "just text", None),
            ('{"my": "own json"}', "", '{"my": "own json"}', None),
        ],
    )  # fmt: skip
    def test_a_line_is_taken_apart(
        self, text: str, level: str, line: str, timestamp: str | None
    ) -> None:
        told = console.log_line(4, text)

        assert told == {
            "number": 4, "level": level, "label": "", "line": line, "timestamp": timestamp,
        }  # fmt: skip
