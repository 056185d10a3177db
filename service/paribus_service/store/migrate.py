"""Bring a database to this release's schema.

Promises:
- An older database is upgraded in one transaction, or left as it was.
- A newer one, and a file that another program made, is refused and not touched.
- Two services that start at once upgrade once: the write lock is held meanwhile.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from paribus_service.errors import DatabaseNewer, StartRefused

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> str:
    """Upgrade the database to the newest revision, and name it.

    Raises:
        DatabaseNewer: The database has a revision that this release does not know.
        StartRefused: The file is the database of another program.
    """
    with engine.begin() as connection:
        config = _config(connection)
        script = ScriptDirectory.from_config(config)
        head = script.get_current_head()
        assert head is not None, "there are no migrations"
        found = revision(connection)
        if found == head:
            return head
        if found is None:
            _refuse_foreign(connection)
        if found is not None and found not in {s.revision for s in script.walk_revisions()}:
            raise DatabaseNewer(str(engine.url), found)
        command.upgrade(config, "head")
        return head


def _refuse_foreign(connection: Connection) -> None:
    tables = sorted(inspect(connection).get_table_names())
    if tables:
        raise StartRefused(
            f"the database {connection.engine.url} holds tables that Paribus did not make "
            f"({', '.join(tables[:3])}): it is another program's and was not touched. "
            "Name another data directory with --data-dir or PARIBUS_DATA_DIR"
        )


def current(engine: Engine) -> str:
    """The revision that an upgraded database is at."""
    with engine.execution_options(reads_only=True).connect() as connection:
        return revision(connection) or "none"


def revision(connection: Connection) -> str | None:
    """The revision that the database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def make_revision(engine: Engine, name: str) -> None:
    """For developers: write the next migration from what changed in `tables`."""
    with engine.connect() as connection:
        command.revision(_config(connection), name, autogenerate=True)
