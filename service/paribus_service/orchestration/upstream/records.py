"""What a mirrored run has beside its history: system metrics, and the end of its console output.

Promises:
- System metrics come along with the last page of a history. They are asked for on their own where
  a run has ended since, or failed before it logged anything: a project that ended before its
  import costs no request for them.
- A server gives out some of their lines, spread over the run: what is here is replaced as a whole
  each time, and never told as all where there are more. Nothing takes the place of what is here.
- Console output costs one request for each run that failed or was interrupted. Other runs' stays
  on the server, and so do files and artifacts; who asks for them is told where.

All inside the caller's writing session.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import Chunk, StreamReport
from paribus_service.orchestration.upstream.messages import (
    ConsoleTail,
    RunRecords,
    SystemMetrics,
)
from paribus_service.store import history
from paribus_service.store.history import Stream
from paribus_service.store.states import RUN_ENDED, RUN_LIVE, RunState
from paribus_service.store.tables import Run
from paribus_service.store.upstream_tables import UpstreamRun

SYSTEM_LINES = 500
"""The client's own default (wandb 0.31.0, `Run.history`): two hours of a line every 15 s, and at
most a megabyte of a run."""
CONSOLE_LINES = 500
"""More than a page shows; a long traceback has a hundred. See also `readings.CONSOLE_BYTES`."""
SYSTEM_EVERY = timedelta(minutes=5)
"""Of a run that is under way: half a megabyte with each new row would be too much."""
ENDED_BADLY = frozenset({RunState.FAILED, RunState.INTERRUPTED})


def samples_wanted(run: Run, mirror: UpstreamRun) -> int:
    """How many lines of system metrics to ask for along with the last page of its history."""
    heard = mirror.system_heard_at
    if run.state in RUN_LIVE and heard is not None and run.heartbeat_at - heard < SYSTEM_EVERY:
        return 0
    return SYSTEM_LINES


def wanted(run: Run, mirror: UpstreamRun) -> tuple[int, int]:
    """How many lines of system metrics, and of console output, are to be asked for apart."""
    console = _lacks_console(run, mirror)
    system = _lacks_system(run, mirror) or (console and mirror.system_heard_at is None)
    return SYSTEM_LINES * system, CONSOLE_LINES * console


def note_pending(run: Run, mirror: UpstreamRun) -> None:
    """Write down whether something is to be asked for apart."""
    if run.state in RUN_LIVE:
        mirror.system_final, mirror.console_lines, mirror.console_problem = False, None, None
    mirror.records_pending = run.deleted_at is None and any(wanted(run, mirror))


def _lacks_console(run: Run, mirror: UpstreamRun) -> bool:
    was_asked = mirror.console_lines is not None or mirror.console_problem is not None
    return run.state in ENDED_BADLY and not was_asked


def _lacks_system(run: Run, mirror: UpstreamRun) -> bool:
    """What is here was read while the run was under way."""
    return (
        run.state in RUN_ENDED and mirror.system_heard_at is not None and not mirror.system_final
    )


def forget(mirror: UpstreamRun) -> None:
    """The run's streams begin again: what was read of it is an older session's."""
    mirror.system_lines, mirror.system_heard_at, mirror.system_final = None, None, False
    mirror.console_lines, mirror.console_problem = None, None


def take(
    session: Session, run: Run, mirror: UpstreamRun, came: RunRecords, *, now: datetime
) -> None:
    """Store what came, in place of what was here."""
    if came.system is not None:
        take_system(session, run, mirror, came.system)
    if came.console is not None:
        _take_console(session, run, mirror, came.console)
    note_pending(run, mirror)
    mirror.mirrored_at = run.updated_at = now


def take_system(session: Session, run: Run, mirror: UpstreamRun, came: SystemMetrics) -> None:
    """The stream as a whole, since each time other lines of it may be given out."""
    if came.lines or not run.events_lines:
        history.drop_lines(session, run, Stream.EVENTS)
        run.events_lines, run.system_metrics_text = 0, None
        recorder.write(session, run, StreamReport(events=Chunk(0, came.lines)))
        mirror.system_lines = came.there
    mirror.system_heard_at = run.heartbeat_at
    mirror.system_final = run.state in RUN_ENDED


def _take_console(session: Session, run: Run, mirror: UpstreamRun, came: ConsoleTail) -> None:
    """Lines keep their numbers: those before them are missing, and said to be."""
    for chunk in _runs_of(came.lines):
        recorder.write(session, run, StreamReport(output=chunk))
    run.output_lines = max(run.output_lines, came.there)
    mirror.console_lines = came.there if came.problem is None else None
    mirror.console_problem = came.problem


def _runs_of(lines: Iterable[tuple[int, str]]) -> list[Chunk]:
    """Lines whose numbers follow one another, together."""
    found: list[tuple[int, list[str]]] = []
    for number, text in lines:
        if not found or number != found[-1][0] + len(found[-1][1]):
            found.append((number, []))
        found[-1][1].append(text)
    return [Chunk(first, texts) for first, texts in found]
