"""A database of any release is brought to this one's tables, or left as it was."""

import shutil
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from paribus_service.errors import DatabaseNewer
from paribus_service.store import migrate
from paribus_service.store.engine import make_engine
from paribus_service.store.tables import Base

REVISIONS = [
    script.revision for script in ScriptDirectory(str(migrate._MIGRATIONS)).walk_revisions()
]

BROKEN = '''
"""A revision that fails half-way."""

import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("keys") as batch:
        batch.add_column(sa.Column("colour", sa.Text()))
    op.execute("UPDATE keys SET colour = nowhere")
'''


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "paribus.db"


@pytest.fixture
def engine(path: Path) -> Engine:
    return make_engine(f"sqlite:///{path}")


def schema(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
        rows = found.fetchall()
    connection.close()
    return rows


def set_revision(path: Path, revision: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    connection.close()


class TestUpgrade:
    def test_migrations_make_the_tables_that_the_code_has(self, engine: Engine) -> None:
        migrate.upgrade(engine)

        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            differences = compare_metadata(context, Base.metadata)
        engine.dispose()

        assert differences == []

    def test_revisions_are_one_line_from_the_first_schema_on(self) -> None:
        script = ScriptDirectory(str(migrate._MIGRATIONS))

        assert script.get_heads() == [REVISIONS[0]]
        assert script.get_bases() == ["0001"]

    def test_an_upgraded_database_is_left_alone(self, engine: Engine, path: Path) -> None:
        head = migrate.upgrade(engine)
        before = schema(path)

        assert migrate.upgrade(engine) == head
        assert migrate.current(engine) == head
        assert schema(path) == before
        engine.dispose()

    def test_two_services_that_start_at_once_upgrade_once(self, path: Path) -> None:
        engines = [make_engine(f"sqlite:///{path}") for _ in range(4)]

        with ThreadPoolExecutor(len(engines)) as pool:
            heads = list(pool.map(migrate.upgrade, engines))

        assert heads == [REVISIONS[0]] * len(engines)
        for engine in engines:
            engine.dispose()

    def test_a_newer_database_is_refused_by_its_revision_and_not_touched(
        self, engine: Engine, path: Path
    ) -> None:
        migrate.upgrade(engine)
        set_revision(path, "9999")
        before = schema(path)

        with pytest.raises(DatabaseNewer, match="9999"):
            migrate.upgrade(engine)

        assert schema(path) == before
        assert migrate.current(engine) == "9999"
        engine.dispose()

    def test_an_upgrade_that_fails_leaves_the_database_as_it_was(
        self, engine: Engine, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        head = migrate.upgrade(engine)
        before = schema(path)
        migrations = tmp_path / "migrations"
        shutil.copytree(migrate._MIGRATIONS, migrations)
        (migrations / "versions" / "9998_broken.py").write_text(BROKEN.format(head=head))
        monkeypatch.setattr(migrate, "_MIGRATIONS", migrations)

        with pytest.raises(Exception, match="nowhere"):
            migrate.upgrade(engine)

        assert schema(path) == before
        assert migrate.current(engine) == head
        engine.dispose()
