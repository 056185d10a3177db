"""Write what a database of this release looks like, as SQL; run once before each release.

    .venv/bin/python -m tests.rules.databases.make     # writes <revision>.sql beside this file

The dumps of older releases are never written again: they stand for the databases out there.
"""

import json
import sqlite3
import tempfile
from pathlib import Path

from paribus_service.clock import SetClock
from paribus_service.orchestration import keys, recorder, registry
from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport
from paribus_service.settings import Settings
from paribus_service.store import migrate, projects
from paribus_service.store.engine import make_engine, session_scope
from tests.factories import START, grid_config

HERE = Path(__file__).parent


def fill(path: Path) -> str:
    """Make a small database with a bit of everything; the revision it is at."""
    engine, now = make_engine(f"sqlite:///{path}"), SetClock(START).now()
    revision = migrate.upgrade(engine)
    with session_scope(engine) as session:
        projects.secret(session, "signing")
        keys.create_key(session, name="old", entity="lab", scopes=["read"], now=now)
        registry.register(
            session,
            json.dumps(grid_config()),
            entity="lab",
            project="imdb",
            created_by="old",
            settings=Settings(data_dir=path.parent),
            now=now,
        )
        told = RunUpsert(
            entity="lab",
            project="imdb",
            wandb_id="oldrun01",
            config_text='{"lr": {"value": 0.1}, "_wandb": {"value": {}}}',
            summary_text='{"loss": 0.30000000000000004, "gap": NaN}',
        )
        run, _ = recorder.upsert_run(session, told, now=now)
        lines = ['{"_step":0,"loss":NaN}', '{"_step":1,"loss":0.30000000000000004}']
        recorder.record(session, run, StreamReport(history=Chunk(0, lines)), token=None, now=now)
    engine.dispose()
    return revision


def main() -> None:
    """Write the dump of the present revision."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "paribus.db"
        revision = fill(path)
        connection = sqlite3.connect(path)
        (HERE / f"{revision}.sql").write_text("\n".join(connection.iterdump()) + "\n")
        connection.close()


if __name__ == "__main__":
    main()
