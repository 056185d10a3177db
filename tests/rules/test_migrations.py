"""The newest migration is the tables, and every database that was ever released still opens."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, select

from paribus_service.errors import DatabaseNewer
from paribus_service.store import history, migrate
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.history import Stream
from paribus_service.store.tables import Base, Key, Run, Sweep, Trial
from tests.rules.databases.make import fill

DUMPS = sorted((Path(__file__).parent / "databases").glob("*.sql"))
WITHOUT_ROWID = {
    table.name
    for table in Base.metadata.tables.values()
    if table.dialect_options["sqlite"]["with_rowid"] is False
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paribus.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def restore(dump: Path, path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(dump.read_text())
    connection.close()


def content(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    lines = list(connection.iterdump())
    connection.close()
    return lines


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def without_rowid(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
    names = {name for name, sql in found if "WITHOUT ROWID" in sql.upper()}
    connection.close()
    return names


class TestTheNewestMigration:
    def test_it_equals_the_tables(self, engine):
        """Else tests, which build from migrations, run on another schema than developers think."""
        migrate.upgrade(engine)

        assert differences(engine) == []

    def test_it_keeps_bulk_tables_without_rowid(self, engine, path):
        """Alembic's comparison does not see it; with it, a line costs one tree and not two."""
        migrate.upgrade(engine)

        assert WITHOUT_ROWID
        assert without_rowid(path) == WITHOUT_ROWID

    def test_upgrading_twice_changes_nothing(self, engine, path):
        migrate.upgrade(engine)
        before = content(path)

        migrate.upgrade(engine)

        assert content(path) == before


class TestOldDatabases:
    def test_there_is_one_for_the_first_release(self):
        assert "0001.sql" in [dump.name for dump in DUMPS]

    @pytest.mark.parametrize("dump", DUMPS, ids=lambda dump: dump.stem)
    def test_it_upgrades_and_holds_what_it_held(self, dump, engine, path):
        """What a lab measured last year has to open under this year's release."""
        restore(dump, path)

        migrate.upgrade(engine)

        assert differences(engine) == []
        assert without_rowid(path) == WITHOUT_ROWID
        with session_scope(engine, reads_only=True) as session:
            assert [key.name for key in session.scalars(select(Key))] == ["old"]
            [sweep] = session.scalars(select(Sweep))
            assert sweep.config["parameters"] == {
                "lr": {"values": [0.1, 0.2]},
                "batch": {"values": [8, 64]},
            }
            assert len(session.scalars(select(Trial)).all()) == 4
            [run] = session.scalars(select(Run))
            assert run.path == "lab/imdb/oldrun01"
            assert run.summary["loss"] == 0.1 + 0.2  # to the last bit
            assert history.read_lines(session, run, Stream.HISTORY) == [
                (0, '{"_step":0,"loss":NaN}'),
                (1, '{"_step":1,"loss":0.30000000000000004}'),
            ]

    def test_what_makes_the_dumps_still_works(self, path, engine):
        """It is run once a release, so nothing else would tell."""
        assert fill(path) == migrate.upgrade(engine)


class TestANewerDatabase:
    def test_it_is_refused_and_not_touched(self, engine, path):
        """An older release that writes into it would destroy what only the newer one knows."""
        migrate.upgrade(engine)
        engine.dispose()
        connection = sqlite3.connect(path)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        before = content(path)

        with pytest.raises(DatabaseNewer, match="9999"):
            migrate.upgrade(engine)

        assert content(path) == before
