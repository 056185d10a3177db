"""Open the service's database: the data directory, the engine, the newest schema."""

from sqlalchemy import Engine

from paribus_service.errors import DataDirectoryUnusable
from paribus_service.settings import Settings
from paribus_service.store import migrate
from paribus_service.store.engine import make_engine


def open_database(settings: Settings) -> Engine:
    """An engine for the settings' database, upgraded to this release's schema.

    Raises:
        DataDirectoryUnusable: The data directory cannot be written.
        DatabaseNewer: The database was written by a newer release.
        NotOfferedHere: A database that is not SQLite.
    """
    make_data_directory(settings)
    engine = make_engine(
        settings.effective_database_url,
        busy_timeout_seconds=settings.busy_timeout_seconds,
        synchronous=settings.sqlite_synchronous,
    )
    try:
        migrate.upgrade(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def make_data_directory(settings: Settings) -> None:
    """Make the data directory and prove that it can be written.

    Raises:
        DataDirectoryUnusable: It cannot.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        probe = settings.data_dir / ".paribus-writes-here"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise DataDirectoryUnusable(
            str(settings.data_dir), error.strerror or str(error)
        ) from error
