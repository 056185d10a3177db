"""Filters and orders over runs, against a real SQLite file."""

import itertools
import json
import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.store import runs as run_store
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.run_filters import compile_filter, parse_filter
from paribus_service.store.run_order import Term, count_runs, page_of_runs, parse_order
from paribus_service.store.tables import Base, Project, Run

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
WORDS = {("failed", False): "failed", ("interrupted", True): "preempted"}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    engine = make_engine(f"sqlite:///{tmp_path / 'runs.db'}")
    Base.metadata.create_all(engine)
    with session_scope(engine) as session:
        session.add(Project(id=1, entity="me", name="imdb", created_at=START, run_count=0))
        session.flush()
        yield session
    engine.dispose()


def add_run(
    session: Session,
    name: str,
    *,
    config: dict[str, Any] | None = None,
    summary: dict[str, Any] | None = None,
    second: int = 0,
    **columns: Any,
) -> Run:
    wrapped = {key: {"value": value} for key, value in (config or {}).items()}
    facts: dict[str, Any] = {
        "state": "finished",
        "tags": [],
        "history_keys": {},
        "display_name": name,
        **columns,
    }
    run = Run(
        id=f"run-{name}",
        project_id=1,
        wandb_id=name,
        config_text=json.dumps(wrapped),
        summary_text=json.dumps(summary or {}),
        superseded_tokens=[],
        created_at=START + timedelta(seconds=second),
        heartbeat_at=START,
        updated_at=START,
        **facts,
    )
    session.add(run)
    session.flush()
    run_store.index_config(session, run)
    run_store.index_summary(session, run.pk, summary or {})
    return run


def found(session: Session, tree: Any, words: Any = None) -> set[str]:
    """Names of the runs that the filter holds for; the count says the same."""
    where = [compile_filter(parse_filter(json.dumps(tree)), state_words=words)]
    page = page_of_runs(session, where, [Term("created_at")], after=None, limit=1000)
    assert count_runs(session, where) == len(page.rows)
    return {session.get_one(Run, pk).wandb_id for pk, _ in page.rows}


def ordered(session: Session, order: str, *, limit: int = 100) -> list[str]:
    """Names in that order, read page by page."""
    names, after, more = [], None, True
    while more:
        page = page_of_runs(session, [], parse_order(order), after=after, limit=limit)
        names += [session.get_one(Run, pk).wandb_id for pk, _ in page.rows]
        more, after = page.has_more, page.rows[-1][1] if page.rows else None
    return names


class TestValues:
    @pytest.fixture(autouse=True)
    def _runs(self, session: Session) -> None:
        add_run(session, "one", config={"lr": 0.1, "opt": {"name": "adam"}}, summary={"loss": 1})
        add_run(session, "two", config={"lr": 1, "opt.name": "sgd"}, summary={"loss": math.nan})
        add_run(session, "tri", config={"lr": "0.1", "on": True}, summary={"eval/loss.x": 2.5})
        add_run(session, "inf", config={"on": 1}, summary={"loss": math.inf})
        add_run(session, "nil")

    @pytest.mark.parametrize(
        ("tree", "names"),
        [
            ({"config.lr": 0.1}, "one"),
            ({"config.lr.value": 0.1}, "one"),
            ({"config": {"lr": {"value": 0.1}}}, "one"),
            ({"config.lr": "0.1"}, "tri"),
            ({"config.lr": True}, ""),  # 1 is not true
            ({"config.on": True}, "tri"),
            ({"config.on": 1}, "inf"),
            ({"config.lr": {"$gt": 0.05, "$lt": 0.5}}, "one"),
            ({"config.lr": {"$gt": "0.0"}}, "tri"),
            ({"config.lr": {"$gt": [1]}}, ""),
            ({"config.lr": {"$in": [1, "0.1", None]}}, "two tri inf nil"),
            ({"config.lr": {"$ne": 0.1}}, "two tri inf nil"),
            ({"config.lr": {"$nin": [0.1, 1]}}, "tri inf nil"),
            ({"config.lr": {"$not": {"$gt": 0.5}}}, "one tri inf nil"),
            ({"config.lr": {"$exists": True}}, "one two tri"),
            ({"config.lr": {"$exists": False}}, "inf nil"),
            ({"config.lr": None}, "inf nil"),
            ({"config.opt.name": "adam"}, "one"),
            ({"config.opt.value.name": "adam"}, "one"),
            ({"config.opt.name": "sgd"}, "two"),  # the key itself has a dot
            ({"config.opt": {"$exists": True}}, "one two"),
            ({"config.opt.name": {"$regex": "^a"}}, "one"),
            ({"config.opt.name": {"$regex": "^A", "$options": "i"}}, "one"),
            ({"config.opt.name": {"$contains": "g"}}, "two"),
            ({"config.lr": {"$regex": "1"}}, "tri"),  # a pattern is for texts
            ({"summary_metrics.eval/loss.x": {"$gte": 2.5}}, "tri"),
            ({"summary_metrics.loss": {"$gt": 0}}, "one inf"),
            ({"summary_metrics.loss": {"$lt": 5}}, "one"),
            ({"summary_metrics.loss": 1.0}, "one"),
            ({"summaryMetrics.loss": {"$exists": True}}, "one two inf"),
            ({"config.'; DROP TABLE runs": 1}, ""),
            ({}, "one two tri inf nil"),
        ],
    )
    def test_a_filter_finds_exactly_these(
        self, session: Session, tree: dict[str, Any], names: str
    ) -> None:
        assert found(session, tree) == set(names.split())

    @pytest.mark.parametrize(
        "tree",
        [
            {"config.lr": 0.1},
            {"config.lr": {"$gt": 0.05}},
            {"display_name": "one"},
            {"group": "g"},  # null in every run
            {"nothing.known": 3},
            {"$and": [{"group": "g"}, {"config.lr": 0.1}]},
            {"$or": [{"group": {"$gt": "a"}}, {"tags": "x"}]},
        ],
    )
    def test_not_is_the_complement(self, session: Session, tree: dict[str, Any]) -> None:
        everything = found(session, {})

        for negated in ({"$not": tree}, {"$nor": [tree]}):
            assert found(session, negated) == everything - found(session, tree)
        assert found(session, {"$not": {"$not": tree}}) == found(session, tree)


class TestFields:
    @pytest.fixture(autouse=True)
    def _runs(self, session: Session) -> None:
        add_run(session, "a", tags=["x", "y"], group="g", job_type="train", second=0)
        add_run(session, "b", tags=['", "'], state="failed", host="h", second=60)
        add_run(session, "c", state="interrupted", preempting=True, second=120)
        add_run(session, "d", history_keys={"loss": ["number", 3]}, second=180)
        add_run(session, "gone", deleted_at=START)

    @pytest.mark.parametrize(
        ("tree", "names"),
        [
            ({"name": "a"}, "a"),
            ({"name": {"$in": ["a", "c", "zz"]}}, "a c"),
            ({"display_name": {"$regex": "[ab]"}}, "a b"),
            ({"displayName": "c"}, "c"),
            ({"tags": "x"}, "a"),
            ({"tags": ", "}, ""),
            ({"tags": '", "'}, "b"),
            ({"tags": {"$in": ["x", "z"]}}, "a"),
            ({"tags": {"$nin": ["x"]}}, "b c d"),
            ({"tags": {"$all": ["x", "y"]}}, "a"),
            ({"tags": {"$exists": False}}, "c d"),
            ({"tags": ["x", "y"]}, "a"),
            ({"tags.x": True}, "a"),
            ({"group": "g", "jobType": "train"}, "a"),
            ({"job_type": {"$exists": True}}, "a"),
            ({"group": {"$ne": "g"}}, "b c d"),
            ({"host": "h"}, "b"),
            ({"name": 5}, ""),
            (
                {"created_at": {"$gte": "2026-11-23T12:01:00Z", "$lt": "2026-11-23T12:03:00"}},
                "b c",
            ),
            ({"createdAt": {"$gt": "yesterday"}}, ""),
            ({"created_at": {"$gt": 17}}, ""),
            ({"keys_info.keys.loss": {"$exists": True}}, "d"),
            ({"$or": [{"name": "a"}, {"$and": [{"host": "h"}, {"state": "failed"}]}]}, "a b"),
            ({"$or": []}, ""),
            ({"$and": []}, "a b c d"),
        ],
    )
    def test_a_filter_finds_exactly_these(
        self, session: Session, tree: dict[str, Any], names: str
    ) -> None:
        assert found(session, tree) == set(names.split())

    def test_states_are_compared_in_the_words_of_who_asks(self, session: Session) -> None:
        assert found(session, {"state": "preempted"}, WORDS) == {"c"}
        assert found(session, {"state": {"$ne": "preempted"}}, WORDS) == {"a", "b", "d"}
        assert found(session, {"state": "interrupted"}) == {"c"}

    @pytest.mark.parametrize(
        "tree",
        [
            {"config.lr": {"$near": 3}},
            {"$xor": []},
            {"$or": {"name": "a"}},
            {"$and": ["a"]},
            {"name": {"$in": "a"}},
            {"name": {"$regex": "("}},
            {"name": {"$regex": "a" * 5000}},
            json.loads('{"$not": ' * 60 + "{}" + "}" * 60),
        ],
    )
    def test_what_cannot_be_a_filter_is_refused_with_a_sentence(
        self, session: Session, tree: dict[str, Any]
    ) -> None:
        with pytest.raises(InvalidRequest, match="in the filter"):
            found(session, tree)

    @pytest.mark.parametrize("text", ["[1]", "{", "3"])
    def test_text_that_is_no_object_is_refused(self, text: str) -> None:
        with pytest.raises(InvalidRequest):
            parse_filter(text)

    @pytest.mark.parametrize("text", [None, "", "null", "{}"])
    def test_an_absent_filter_filters_nothing(self, text: str | None) -> None:
        assert parse_filter(text) == {}


class TestOrder:
    @pytest.fixture(autouse=True)
    def _runs(self, session: Session) -> None:
        values: list[Any] = [0.5, math.nan, 0.25, None, "text", 0.5, math.inf, -math.inf, True]
        for i, (name, value) in enumerate(zip("abcdefghi", values, strict=True)):
            summary = {} if value is None else {"loss": value}
            add_run(session, name, summary=summary, group="ab"[i % 2], second=i)

    @pytest.mark.parametrize("limit", [1, 2, 4, 100])
    @pytest.mark.parametrize(
        ("order", "names"),
        [
            # -inf, 0.25, 0.5 twice in the order of creation, true as 1, inf, text; NaN and missing
            ("+summary_metrics.loss", "hcafigebd"),
            ("-summary_metrics.loss", "giafchebd"),
            ("summary_metrics.loss.value", "hcafigebd"),
            ("+created_at", "abcdefghi"),
            ("-created_at", "ihgfedcba"),
            ("", "abcdefghi"),
            ("-display_name", "ihgfedcba"),
            ("+group", "acegibdfh"),
            ("-group", "bdfhacegi"),
            ("+job_type", "abcdefghi"),
            ("+nothing.known", "abcdefghi"),
            ("-config.nothing", "abcdefghi"),
            ("+group,-summary_metrics.loss", "giacefhbd"),
            ("-state,+summary_metrics.loss", "hcafigebd"),
        ],
    )
    def test_pages_make_the_whole(
        self, session: Session, order: str, names: str, limit: int
    ) -> None:
        assert "".join(ordered(session, order, limit=limit)) == names

    @pytest.mark.parametrize("cursor", ["%%%", "bm90IGpzb24=", "WzksIG51bGwsIG51bGwsIG51bGwsIDBd"])
    def test_a_foreign_cursor_is_refused(self, session: Session, cursor: str) -> None:
        with pytest.raises(InvalidRequest):
            page_of_runs(session, [], parse_order("+created_at"), after=cursor, limit=5)

    def test_a_run_that_ends_between_two_pages_moves_no_other(self, session: Session) -> None:
        order = parse_order("+summary_metrics.loss")
        first = page_of_runs(session, [], order, after=None, limit=3)  # h c a
        add_run(session, "new", summary={"loss": 0.1}, second=99)

        second = page_of_runs(session, [], order, after=first.rows[-1][1], limit=2)

        assert [session.get_one(Run, pk).wandb_id for pk, _ in second.rows] == ["f", "i"]


class TestManyRuns:
    def test_both_ways_of_ordering_values_agree(
        self, session: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        generator = random.Random(7)
        for i in range(60):
            summary = {"loss": generator.choice([0.1, 0.2, math.nan, 3])} if i % 5 else {}
            add_run(session, f"r{i}", summary=summary, second=i // 3)
        orders = [sign + "summary_metrics.loss" for sign in "+-"]

        by_key = [ordered(session, order, limit=7) for order in orders]
        monkeypatch.setattr("paribus_service.store.run_order._FEW_RUNS", 0)
        by_index = [ordered(session, order, limit=7) for order in orders]

        assert by_key == by_index
        assert all(len(set(names)) == 60 for names in by_key)

    @pytest.mark.parametrize(
        ("order", "index"),
        [
            ("-created_at", "ix_runs_project_id_created_at"),
            ("+summary_metrics.loss", "ix_summary_values_key_number"),
        ],
    )
    def test_a_page_begins_inside_an_index_and_sorts_nothing_whole(
        self, session: Session, monkeypatch: pytest.MonkeyPatch, order: str, index: str
    ) -> None:
        """The plans behind the measured milliseconds: 100,000 runs cost no more than a page."""
        monkeypatch.setattr("paribus_service.store.run_order._FEW_RUNS", 0)
        for i in range(9):
            add_run(session, f"r{i}", summary={"loss": i}, config={"lr": 1}, second=i)
        where = [Run.project_id == 1, compile_filter({"config.lr": 1})]

        plan = _plan_of_last_query(
            session, lambda: page_of_runs(session, where, parse_order(order), after=None, limit=3)
        )

        assert any(index in step for step in plan)
        assert "USE TEMP B-TREE FOR ORDER BY" not in plan  # the right part, ties, may be sorted


def _plan_of_last_query(session: Session, ask: Callable[[], object]) -> list[str]:
    seen: list[tuple[str, Any]] = []

    def remember(_c: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        seen.append((statement, values))

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", remember)
    ask()
    event.remove(connection, "before_cursor_execute", remember)
    statement, values = seen[-1]
    return [
        row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    ]


def test_every_pair_of_orders_can_be_combined(session: Session) -> None:
    for i in range(4):
        add_run(session, f"r{i}", summary={"loss": i % 2}, config={"lr": i}, second=i)
    paths = ["created_at", "summary_metrics.loss", "config.lr", "state", "tags"]

    for first, second in itertools.permutations(paths, 2):
        assert len(ordered(session, f"-{first},+{second}", limit=3)) == 4
