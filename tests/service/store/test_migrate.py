"""Upgrading is whole, once, or nothing; what it makes is held in tests/rules."""

import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from paribus_service.store import migrate
from paribus_service.store.engine import make_engine

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
def engine(path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


def schema(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2")
        rows = found.fetchall()
    connection.close()
    return rows


class TestUpgrade:
    def test_revisions_are_one_line_from_the_first_schema_on(self) -> None:
        script = ScriptDirectory(str(migrate._MIGRATIONS))

        assert script.get_heads() == [REVISIONS[0]]
        assert script.get_bases() == ["0001"]

    def test_two_services_that_start_at_once_upgrade_once(self, path: Path) -> None:
        engines = [make_engine(f"sqlite:///{path}") for _ in range(4)]

        with ThreadPoolExecutor(len(engines)) as pool:
            heads = list(pool.map(migrate.upgrade, engines))

        assert heads == [REVISIONS[0]] * len(engines)
        for engine in engines:
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
