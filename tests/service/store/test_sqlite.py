"""The store on SQLite: the contract, and what only SQLite can go wrong with."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from paribus_service.errors import ServiceBusy, StorageFull
from paribus_service.store import migrate
from paribus_service.store.engine import GroupWriter, make_engine, session_scope
from tests.service.store.contract import (
    StoreContract,
    WriterContract,
    names,
    project_named,
    store,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'store.db'}", busy_timeout_seconds=30)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


class TestStoreOnSqlite(StoreContract):
    """Everything that the store promises."""


class TestWriterOnSqlite(WriterContract):
    """Everything that the group writer promises."""


def fill(engine: Engine) -> None:
    """No page more than there are: SQLite then answers as on a full disk."""
    with engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
    _limit_pages(engine, pages)


def _limit_pages(engine: Engine, pages: int) -> None:

    def on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA max_page_count={pages}")

    engine.dispose()
    event.listen(engine, "connect", on_connect)


MANY = [project_named(f"project-{number}") for number in range(10_000)]


class TestTroubles:
    def test_a_full_disk_says_so_and_loses_nothing(self, engine: Engine) -> None:
        store(engine, project_named("before"))
        fill(engine)

        with pytest.raises(StorageFull, match="nothing that was stored before is lost"):
            store(engine, *MANY)

        assert names(engine) == ["before"]

    def test_every_job_of_a_commit_hears_of_a_full_disk(self, engine: Engine) -> None:
        fill(engine)
        writer = GroupWriter(engine)

        def all_of_them(session: Session) -> None:
            for job in MANY:
                job(session)

        answer = writer.submit(all_of_them)

        with pytest.raises(StorageFull):
            answer.result(60)
        assert writer.refusals == 1
        writer.close()

    def test_a_lock_held_too_long_is_busy_and_no_failure(
        self, engine: Engine, tmp_path: Path
    ) -> None:
        impatient = make_engine(f"sqlite:///{tmp_path / 'store.db'}", busy_timeout_seconds=0.05)

        with session_scope(engine) as session:
            project_named("held")(session)
            with pytest.raises(ServiceBusy, match="in a moment"):
                store(impatient, project_named("late"))
        impatient.dispose()

    def test_readers_never_wait_for_the_writer(self, engine: Engine) -> None:
        with session_scope(engine) as session:
            project_named("held")(session)

            assert names(engine) == []

    def test_it_writes_ahead_and_checks_foreign_keys(self, engine: Engine) -> None:
        with engine.connect() as connection:
            assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
            assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
            assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 1  # NORMAL
