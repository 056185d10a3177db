"""What of a mirrored run stays on its server, in the sentences that pages and REST share.

told = elsewhere.of_run(session, run)     # None for a run of our own
told.url                                  # its page there
told.console                              # what is not here of its console output; None: nothing
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from paribus_service.errors import NotOfferedHere
from paribus_service.orchestration.upstream.records import ENDED_BADLY
from paribus_service.store import history, mirrors
from paribus_service.store.history import Stream
from paribus_service.store.tables import Run
from paribus_service.store.upstream_tables import UpstreamRun

FILES = "Its files and artifacts stay on the server that it is mirrored from."


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Of one run; `url` is where all of it is."""

    url: str
    console: str | None
    system: str | None
    files: str = FILES


def of_run(session: Session, run: Run) -> Elsewhere | None:
    """What is on another server; None for a run that is no mirror."""
    mirror = mirrors.find_mirror(session, run.pk)
    if mirror is None:
        return None
    first = history.read_lines(session, run, Stream.OUTPUT, limit=1)
    return Elsewhere(
        mirror.url,
        _of_console(run, mirror, None if not first else first[0][0]),
        _of_system(run, mirror),
    )


def _of_console(run: Run, mirror: UpstreamRun, first_line: int | None) -> str | None:
    if first_line is not None:
        if not first_line:
            return None
        return f"Its first {first_line:,} lines stay on the server that it is mirrored from."
    if mirror.console_problem is not None:
        return f"Its console output stays on the server that it is mirrored from: {_why(mirror)}."
    if mirror.console_lines:
        return (
            f"The server that it is mirrored from counts {mirror.console_lines:,} lines of "
            "console output, and gave out none of them."
        )
    if mirror.console_lines is not None:
        return "The server that it is mirrored from has no console output of it."
    if run.state in ENDED_BADLY:
        return "Its console output is on the server that it is mirrored from, and not read yet."
    return (
        "Its console output stays on the server that it is mirrored from: that of runs that "
        "failed or were interrupted is read, and no other."
    )


def _why(mirror: UpstreamRun) -> str:
    return (mirror.console_problem or "").rstrip(".")


def _of_system(run: Run, mirror: UpstreamRun) -> str | None:
    there = mirror.system_lines
    if there is None:
        return "System metrics come with the history of a mirrored run: none was read yet."
    if there > run.events_lines:
        return (
            f"{run.events_lines:,} of {there:,} lines of system metrics are here, spread over the "
            "run; the rest stays on the server that it is mirrored from."
        )
    return None


def refuse_console(session: Session, run: Run) -> None:
    """Refuse where there is console output, and all of it is elsewhere.

    Raises:
        NotOfferedHere: It is; the text says where.
    """
    mirror = mirrors.find_mirror(session, run.pk)
    if mirror is not None and not run.output_lines and mirror.console_lines is None:
        why = f": {_why(mirror)}" if mirror.console_problem is not None else ""
        raise NotOfferedHere(
            "reading the console output of this mirrored run", hint=f"it is at {mirror.url}{why}"
        )


def refuse_files(session: Session, run: Run) -> None:
    """Refuse to list or send files of a run that is a mirror.

    Raises:
        NotOfferedHere: It is; the text says where they are.
    """
    mirror = mirrors.find_mirror(session, run.pk)
    if mirror is not None:
        raise NotOfferedHere(
            "reading the files of this mirrored run", hint=f"they are at {mirror.url}"
        )
