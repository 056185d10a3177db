"""The engine, and the one place that commits.

Promises:
- `session_scope` commits once, when its block ends without an error, and rolls back otherwise.
- A session for writing holds SQLite's write lock from its first statement on (BEGIN IMMEDIATE),
  so what it reads stays true until it commits: a claim made from it is atomic. Do not call
  the network inside one.
- `GroupWriter` runs jobs one after another in shared transactions: several requests, one commit.
  A job's answer is given after its commit; a job that fails takes back its own changes only.
  A job may bring a fast form of itself for SQLite's own driver, without a session's cost.
- Writers of one process take turns in the order in which they came (`turns`).

SQLite: WAL, so readers never wait for the writer. With `synchronous=NORMAL` everything that was
answered survives the death of the process; the last commits may be lost when the power fails
(`PARIBUS_SQLITE_SYNCHRONOUS=FULL` keeps those too). Source: ENGINES 6; sqlite.org, "WAL mode".
"""

import errno
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from paribus_service.errors import ServiceBusy, ServiceError, StorageFull
from paribus_service.store.turns import Turns

Job = Callable[[Session], Any]
FastJob = Callable[[sqlite3.Connection], Any]
NOT_FAST = object()  # a fast job's answer where the plain one must do it
TURNS = "turns"
MAX_JOBS_PER_COMMIT = 256  # measured gain levels off near 100 rows a commit (ENGINES 6)


def make_engine(
    url: str, *, busy_timeout_seconds: float = 30.0, synchronous: str = "NORMAL"
) -> Engine:
    """An engine for `url`; SQLite gets the pragmas that this module promises."""
    is_sqlite = url.startswith("sqlite")
    arguments = {"timeout": busy_timeout_seconds, "check_same_thread": False} if is_sqlite else {}
    options = {TURNS: Turns(busy_timeout_seconds)} if is_sqlite else {}
    engine = create_engine(
        url, connect_args=arguments, execution_options=options, pool_size=20, max_overflow=40
    )
    if is_sqlite:
        event.listen(engine, "connect", _sqlite_pragmas(synchronous))
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "checkin", _leave_no_transaction)
        event.listen(engine, "checkin", _end_turn(options[TURNS]))
    return engine


def _sqlite_pragmas(synchronous: str) -> Callable[[sqlite3.Connection, Any], None]:
    def on_connect(connection: sqlite3.Connection, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA foreign_keys=ON")

    return on_connect


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("reads_only", False):
        connection.exec_driver_sql("BEGIN")
        return
    options[TURNS].give(connection.info.get(TURNS))  # a second transaction of one connection
    connection.info[TURNS] = options[TURNS].take()
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _end_turn(turns: Turns) -> Callable[[Any, Any], None]:
    """When a connection is given back, its transaction is over, however it ended."""

    def on_checkin(_connection: Any, record: Any) -> None:
        turns.give(record.info.pop(TURNS, None))

    return on_checkin


def _leave_no_transaction(connection: sqlite3.Connection | None, _record: Any) -> None:
    """SQLite keeps a transaction open whose COMMIT failed, and SQLAlchemy takes it for ended."""
    if connection is not None and connection.in_transaction:
        connection.rollback()


@contextmanager
def session_scope(engine: Engine, *, reads_only: bool = False) -> Iterator[Session]:
    """A session; the block's end is its one commit.

    Raises:
        ServiceBusy: Another writer held the lock for longer than the busy timeout.
        StorageFull: The disk is full; nothing of the block was stored.
    """
    bind = engine.execution_options(reads_only=True) if reads_only else engine
    with translated_errors(), Session(bind, expire_on_commit=False) as session:
        yield session
        if reads_only:
            session.expunge_all()  # else the rollback would empty what was read
            session.rollback()
        else:
            session.commit()


@contextmanager
def translated_errors() -> Iterator[None]:
    """The database's own troubles as errors that say what to do."""
    try:
        yield
    except (DBAPIError, OSError, sqlite3.OperationalError) as error:
        known = _known_trouble(error)
        if known is None:
            raise
        raise known from error


def _known_trouble(
    error: DBAPIError | OSError | sqlite3.OperationalError,
) -> ServiceError | None:
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return StorageFull(_FULL) if full else None
    if not isinstance(error, OperationalError | sqlite3.OperationalError):
        return None
    told = str(error.orig if isinstance(error, OperationalError) else error)
    if "database is locked" in told:
        return ServiceBusy("the database is busy; the same request may go through in a moment")
    if "disk is full" in told or "disk I/O error" in told:
        return StorageFull(_FULL)
    return None


def prove_writable(engine: Engine) -> None:
    """Take the write lock and give it back: what a commit would need, without one.

    Raises:
        ServiceBusy: Another writer held the lock for longer than the busy timeout.
        StorageFull: The disk is full.
        DBAPIError: Anything else that keeps the database from writing.
    """
    with translated_errors(), engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.rollback()


_FULL = (
    "the disk of the data directory is full: nothing of this request was stored, and nothing that "
    "was stored before is lost. Free some space; clients send again by themselves"
)


@dataclass(frozen=True, slots=True)
class _Pending:
    job: Job
    fast: FastJob | None
    answer: Future[Any]


_Answers = list[tuple[_Pending, Any, BaseException | None]]


class GroupWriter:
    """One thread that runs writing jobs and commits what several requests brought together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._driver = _own_driver(engine)
        self._turns: Turns | None = engine.get_execution_options().get(TURNS)
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="group-writer", daemon=True)
        self._thread.start()
        self._closed = False
        self.refusals = 0
        """How many jobs the storage refused: a full disk, a lock held by someone else."""

    def submit(self, job: Job, *, fast: FastJob | None = None) -> Future[Any]:
        """Run `job(session)` soon; the future is done after the commit that holds its changes.

        Args:
            job: What to do.
            fast: The same for SQLite's own connection; it answers `NOT_FAST`, having changed
                nothing, where `job` must do it.
        """
        if self._closed:
            raise ServiceBusy("the service is stopping; send again in a moment")
        pending = _Pending(job, fast, Future())
        self._queue.put(pending)
        return pending.answer

    def close(self) -> None:
        """Finish what was submitted, then stop."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        if self._driver is not None:
            self._driver.close()

    def _run(self) -> None:
        closing = False
        while not closing:
            batch, closing = self._next_batch()
            # Whose request went away is left out; what has begun can no longer be cancelled, and
            # answering it cannot fail.
            batch = [p for p in batch if p.answer.set_running_or_notify_cancel()]
            if batch:
                self._commit(batch)

    def _next_batch(self) -> tuple[list[_Pending], bool]:
        batch: list[_Pending] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == MAX_JOBS_PER_COMMIT:
                return batch, False
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[_Pending]) -> None:
        if self._driver is not None and all(pending.fast for pending in batch):
            batch = self._answered(batch, self._run_fast)
        if batch:
            self._answered(batch, self._run_in_session)

    def _answered(
        self, batch: list[_Pending], run: Callable[[list[_Pending]], _Answers]
    ) -> list[_Pending]:
        """Run and answer; those that were not fast are left."""
        try:
            answers = run(batch)
        except BaseException as error:  # noqa: BLE001  every waiting request must hear of it
            answers = [(pending, None, error) for pending in batch]
        for pending, value, problem in answers:
            if problem is not None:
                self.refusals += isinstance(problem, StorageFull | ServiceBusy)
                pending.answer.set_exception(problem)
            elif value is not NOT_FAST:
                pending.answer.set_result(value)
        return [pending for pending, value, _ in answers if value is NOT_FAST]

    def _run_in_session(self, batch: list[_Pending]) -> _Answers:
        with session_scope(self._engine) as session:
            if len(batch) == 1:
                return [(batch[0], batch[0].job(session), None)]
            return [_run_in_savepoint(session, pending) for pending in batch]

    def _run_fast(self, batch: list[_Pending]) -> _Answers:
        assert self._driver is not None
        assert self._turns is not None
        with translated_errors(), _turn(self._turns), _transaction(self._driver) as driver:
            if len(batch) == 1:
                assert batch[0].fast is not None
                return [(batch[0], batch[0].fast(driver), None)]
            return [_run_fast_in_savepoint(driver, pending) for pending in batch]


def _own_driver(engine: Engine) -> sqlite3.Connection | None:
    if engine.dialect.name != "sqlite":
        return None
    connection = engine.raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    connection.detach()  # ours alone from here on, and ours to close
    return driver


@contextmanager
def _turn(turns: Turns) -> Iterator[None]:
    turn = turns.take()
    try:
        yield
    finally:
        turns.give(turn)


@contextmanager
def _transaction(driver: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    driver.execute("BEGIN IMMEDIATE")
    try:
        yield driver
        driver.execute("COMMIT")
    except BaseException:
        if driver.in_transaction:
            driver.execute("ROLLBACK")
        raise


def _run_fast_in_savepoint(
    driver: sqlite3.Connection, pending: _Pending
) -> tuple[_Pending, Any, BaseException | None]:
    assert pending.fast is not None
    driver.execute("SAVEPOINT one")
    try:
        value = pending.fast(driver)
    except sqlite3.OperationalError:
        raise  # SQLite may have rolled back the whole transaction
    except Exception as error:  # noqa: BLE001  handed to the request that waits for it
        driver.execute("ROLLBACK TO one")
        driver.execute("RELEASE one")
        return pending, None, error
    driver.execute("RELEASE one")
    return pending, value, None


def _run_in_savepoint(
    session: Session, pending: _Pending
) -> tuple[_Pending, Any, BaseException | None]:
    try:
        with translated_errors(), session.begin_nested():
            return pending, pending.job(session), None
    except StorageFull:
        raise  # SQLite has rolled back the whole transaction
    except Exception as error:  # noqa: BLE001  handed to the request that waits for it
        return pending, None, error
