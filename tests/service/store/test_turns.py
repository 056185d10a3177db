"""Turns at writing: in the order of asking, and never a reason to wait for ever."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from paribus_service.store import migrate
from paribus_service.store.engine import GroupWriter, make_engine, session_scope
from paribus_service.store.turns import Turns
from tests.service.store.contract import names, project_named

SOON = 30.0  # seconds within which a thread has to have come; none of them is waited for


class Queueing:
    """Threads that ask for a turn, one after the other, and write down when they had it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.had: list[str] = []
        self._threads: list[threading.Thread] = []

    def ask(self, name: str) -> None:
        waiting = len(self.turns._queue)
        thread = threading.Thread(target=self._have, args=[name], daemon=True)
        thread.start()
        self._threads.append(thread)
        while len(self.turns._queue) == waiting:
            thread.join(0.001)

    def wait(self) -> None:
        for thread in self._threads:
            thread.join(SOON)

    def _have(self, name: str) -> None:
        turn = self.turns.take()
        self.had.append(name)
        self.turns.give(turn)


class TestTurns:
    def test_whoever_asked_first_is_next(self) -> None:
        turns = Turns(patience_seconds=SOON)
        queueing = Queueing(turns)

        mine = turns.take()
        queueing.ask("first")
        queueing.ask("second")
        turns.give(mine)
        queueing.wait()

        assert queueing.had == ["first", "second"]

    def test_one_that_writes_again_at_once_comes_behind_those_that_wait(self) -> None:
        turns = Turns(patience_seconds=SOON)
        queueing = Queueing(turns)

        mine = turns.take()
        queueing.ask("a report")
        turns.give(mine)
        again = turns.take()

        assert queueing.had == ["a report"]
        turns.give(again)

    def test_who_waits_too_long_goes_on_without_one_and_is_no_longer_waited_for(self) -> None:
        turns = Turns(patience_seconds=0.01)
        mine = turns.take()

        assert turns.take() is None

        turns.give(mine)
        assert turns.take() is not None

    def test_a_turn_that_was_given_back_twice_is_nobody_elses(self) -> None:
        turns = Turns(patience_seconds=0.01)
        mine = turns.take()
        turns.give(mine)
        other = turns.take()

        turns.give(mine)

        assert other is not None
        assert turns.take() is None


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", busy_timeout_seconds=SOON)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


def turns_of(engine: Engine) -> Turns:
    found: Turns = engine.get_execution_options()["turns"]
    return found


class TestWriters:
    def test_a_session_that_writes_has_the_turn_until_it_is_over(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            project_named("one")(session)
            assert len(turns_of(engine)._queue) == 1

        assert len(turns_of(engine)._queue) == 0

    def test_one_that_fails_gives_it_back(self, engine: Engine) -> None:
        def fail() -> None:
            with session_scope(engine) as session:
                project_named("one")(session)
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()

        assert len(turns_of(engine)._queue) == 0

    def test_one_that_reads_needs_none(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            project_named("held")(session)

            assert names(engine) == []
            assert len(turns_of(engine)._queue) == 1

    def test_reports_come_between_the_commits_of_an_import(self, engine: Engine) -> None:
        writer = GroupWriter(engine)
        with session_scope(engine) as session:
            project_named("import 1")(session)
            report = writer.submit(project_named("a report"))
            while len(turns_of(engine)._queue) == 1:
                assert not report.done()
        with session_scope(engine) as session:
            project_named("import 2")(session)
            stored_before = names(engine)
        writer.close()

        assert stored_before == ["a report", "import 1"]
