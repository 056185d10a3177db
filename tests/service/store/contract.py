"""What every database behind the store must promise; each database runs this class.

class TestSqlite(StoreContract):
    @pytest.fixture
    def engine(self, tmp_path): ...
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.orm import Session

from paribus_service.store import history, projects
from paribus_service.store import runs as run_store
from paribus_service.store.engine import GroupWriter, session_scope
from paribus_service.store.history import Stream
from paribus_service.store.tables import Project, Run

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def add_run(session: Session, wandb_id: str = "abc") -> Run:
    project = projects.ensure_project(session, "lab", "imdb", now=NOW)
    run = Run(
        id=f"run-{wandb_id}",
        project_id=project.id,
        wandb_id=wandb_id,
        state="running",
        config_text="{}",
        summary_text="{}",
        tags=[],
        superseded_tokens=[],
        history_keys={},
        created_at=NOW,
        heartbeat_at=NOW,
        updated_at=NOW,
    )
    session.add(run)
    session.flush()
    return run


def project_named(name: str) -> Callable[[Session], None]:
    def job(session: Session) -> None:
        projects.ensure_project(session, "lab", name, now=NOW)

    return job


def fail(_session: Session) -> None:
    raise ZeroDivisionError


def store(engine: Engine, *jobs: Callable[[Session], None]) -> None:
    """Run jobs in one session."""
    with session_scope(engine) as session:
        for job in jobs:
            job(session)


def names(engine: Engine) -> list[str]:
    with session_scope(engine, reads_only=True) as session:
        return sorted(session.scalars(select(Project.name)))


class StoreContract:
    """Needs a fixture `engine` on an empty, upgraded database."""

    def test_a_block_that_fails_leaves_nothing(self, engine: Engine) -> None:
        with pytest.raises(ZeroDivisionError):
            store(engine, project_named("half"), fail)

        assert names(engine) == []

    def test_a_reading_session_stores_nothing(self, engine: Engine) -> None:
        with session_scope(engine, reads_only=True) as session:
            assert projects.find_project(session, "lab", "imdb") is None

        assert names(engine) == []

    def test_what_a_writer_reads_stays_true_until_it_commits(self, engine: Engine) -> None:
        """Each of ten threads adds one to a counter that it has read: none is lost."""
        with session_scope(engine) as session:
            project_named("imdb")(session)

        def count_up(_: int) -> None:
            with session_scope(engine) as session:
                project = projects.find_project(session, "lab", "imdb")
                assert project is not None
                project.run_count += 1

        with ThreadPoolExecutor(10) as pool:
            list(pool.map(count_up, range(50)))

        with session_scope(engine, reads_only=True) as session:
            found = projects.find_project(session, "lab", "imdb")
            assert found is not None
            assert found.run_count == 50

    def test_a_reader_sees_what_was_committed_when_it_began(self, engine: Engine) -> None:
        with session_scope(engine, reads_only=True) as reader:
            assert projects.find_project(reader, "lab", "late") is None
            with session_scope(engine) as writer:
                project_named("late")(writer)

            assert projects.find_project(reader, "lab", "late") is None

        assert names(engine) == ["late"]

    def test_lines_are_written_by_number(self, engine: Engine) -> None:
        lines = [(0, 0, '{"a":1}'), (1, 1, '{"a":2}'), (2, None, "torn {")]
        with session_scope(engine) as session:
            run = add_run(session)
            for _ in range(3):
                self.write(session, run, lines)
            self.write(session, run, [(1, 1, '{"a":NaN}')])

            assert history.read_lines(session, run, Stream.HISTORY) == [
                (0, '{"a":1}'),
                (1, '{"a":NaN}'),
                (2, "torn {"),
            ]
            assert history.last_lines(session, run, Stream.HISTORY, 2)[0][0] == 1

    def test_streams_and_sessions_of_a_run_are_apart(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            run = add_run(session)
            self.write(session, run, [(0, 0, "old")])
            run.session = 1
            self.write(session, run, [(0, 0, "new")])
            self.write(session, run, [(0, None, "log")], stream=Stream.OUTPUT)

            assert history.read_lines(session, run, Stream.HISTORY) == [(0, "new")]
            assert history.read_lines(session, run, Stream.OUTPUT) == [(0, "log")]
            run.session = 0
            assert history.read_lines(session, run, Stream.HISTORY) == [(0, "old")]

    def write(
        self, session: Session, run: Run, lines: Any, *, stream: Stream = Stream.HISTORY
    ) -> None:
        history.write_lines(
            session, run_pk=run.pk, run_session=run.session, stream=stream, lines=lines
        )

    def test_an_outline_of_a_run_comes_without_its_texts(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            pk = add_run(session).pk

        with session_scope(engine, reads_only=True) as session:
            outline = run_store.run_outlines(session, [pk, pk + 1])[pk]
            assert (outline.path, outline.state) == ("lab/imdb/abc", "running")
            with pytest.raises(InvalidRequestError, match="config_text"):
                outline.config  # noqa: B018  reading it is the claim

            assert run_store.runs_by_pk(session, [pk])[pk].config == {}  # asked for as a whole

    def test_the_index_follows_the_summary(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            run = add_run(session)
            first = {"loss": 0.5, "nested": {"a": 1}, "name": "x", "ok": True, "gone": 1}
            run_store.index_summary(session, run.pk, first)
            run_store.index_summary(
                session,
                run.pk,
                {"loss": float("nan"), "nested": {"a": 2}, "name": "x", "ok": True},
            )

            def at(key: str) -> Any:
                return run_store.summary_scalars(session, [run.pk], key).get(run.pk)

            assert at("loss") == (None, "NaN")
            assert at("nested.a") == (2.0, None)
            assert at("ok") == (1.0, "true")
            assert at("gone") is None
            assert run_store.summary_keys(session, [run.pk]) == ["loss", "name", "nested.a", "ok"]


class WriterContract:
    """Needs a fixture `engine`, as above."""

    @pytest.fixture
    def writer(self, engine: Engine) -> Any:
        writer = GroupWriter(engine)
        yield writer
        writer.close()

    def test_an_answer_comes_after_its_commit(self, engine: Engine, writer: GroupWriter) -> None:
        writer.submit(project_named("imdb")).result(30)

        assert names(engine) == ["imdb"]

    def test_a_job_that_fails_takes_back_its_own_changes_only(
        self, engine: Engine, writer: GroupWriter
    ) -> None:
        """Three jobs share one commit: the writer is held until all of them wait."""
        hold = threading.Event()

        def failing(session: Session) -> None:
            project_named("failed")(session)
            raise ZeroDivisionError

        def held(_session: Session) -> None:
            assert hold.wait(30)

        first = writer.submit(held)
        answers = [writer.submit(job) for job in (project_named("a"), failing, project_named("b"))]
        hold.set()

        first.result(30)
        answers[0].result(30)
        answers[2].result(30)
        with pytest.raises(ZeroDivisionError):
            answers[1].result(30)
        assert names(engine) == ["a", "b"]

    def test_a_request_that_went_away_does_not_end_the_writer(
        self, engine: Engine, writer: GroupWriter
    ) -> None:
        """Its job is not begun, and the next one is answered."""
        begun, hold = threading.Event(), threading.Event()

        def held(_session: Session) -> None:
            begun.set()
            assert hold.wait(30)

        first = writer.submit(held)
        assert begun.wait(30)
        gone = writer.submit(project_named("gone"))
        assert gone.cancel()
        assert not first.cancel()
        hold.set()

        writer.submit(project_named("next")).result(10)
        assert names(engine) == ["next"]

    def test_what_was_submitted_before_the_end_is_done(self, engine: Engine) -> None:
        writer = GroupWriter(engine)
        answers = [writer.submit(project_named(f"p{i}")) for i in range(50)]

        writer.close()

        assert all(answer.done() for answer in answers)
        assert len(names(engine)) == 50
