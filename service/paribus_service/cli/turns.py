"""Work that the service does by turns: asked for again and again until it is through.

found = follow(
    Work(begin=…, go_on=…, show=progress.importing("lab/imdb"), stays="what is here stays"),
    patience_seconds=3600, pause=time.sleep,
)

A W&B server that is down, or busy, is waited for: longer each time, and not longer than somebody
has patience. What else goes wrong ends the command.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from paribus_service.cli import exits
from paribus_service.client import ApiError

SECONDS_A_TURN = 5.0
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0  # then it is asked how it stands, whatever the server said
_MAY_PASS = ("upstream_unreachable", "upstream_busy")
"""Codes of what a server there gets over by itself; any other stays until somebody changes it."""

Found = dict[str, Any]
"""How the work stands, as the service tells it: `is_done`, `problem`, `retry_after_seconds`."""
Pause = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Work:
    """What is done by turns, of `SECONDS_A_TURN` each."""

    begin: Callable[[], Found]
    """The first turn."""
    go_on: Callable[[int], Found]
    """The next one, of the work with that number."""
    show: AbstractContextManager[Callable[[Found], None]]
    stays: str
    """What is not lost where patience ends: "what is here stays"."""


def follow(work: Work, *, patience_seconds: float, pause: Pause) -> Found:
    """Ask for turn after turn until the work is through; how it stands then."""
    found = _begun(work, patience_seconds, pause)
    waited = 0.0
    with work.show as update:
        while True:
            update(found)
            if found["is_done"]:
                return found
            seconds = min(found["retry_after_seconds"] or 0.0, LONGEST_PAUSE_SECONDS)
            waited = waited + seconds if found["problem"] else 0.0
            if waited > patience_seconds:
                _give_up(work, found["problem"], waited)
            if seconds:
                pause(seconds)
            found = work.go_on(found["id"])


def _begun(work: Work, patience_seconds: float, pause: Pause) -> Found:
    """The first turn, once the server there answers."""
    waited, seconds = 0.0, FIRST_PAUSE_SECONDS
    while True:
        try:
            return work.begin()
        except ApiError as error:
            if error.code not in _MAY_PASS:
                raise
            if waited + seconds > patience_seconds:
                _give_up(work, str(error), waited)
            if not waited:
                typer.echo(f"paribus: {error}; waiting for it", err=True)
        pause(seconds)
        waited += seconds
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def _give_up(work: Work, problem: str, waited_seconds: float) -> NoReturn:
    exits.leave(
        f"{problem} (waited {waited_seconds / 60:.0f} minutes; {work.stays}, and the same command "
        "goes on)",
        exits.NOT_REACHABLE,
    )
