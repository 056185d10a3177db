"""How a command ends: a number for scripts, one sentence for people."""

from typing import NoReturn

import typer

OK = 0
NOT_WELL = 1
REFUSED = 2
NOT_REACHABLE = 3
NOT_AUTHENTICATED = 4


def leave(sentence: str, code: int) -> NoReturn:
    """Say why on stderr, and end the command."""
    typer.echo(f"paribus: {sentence}", err=True)
    raise typer.Exit(code)


def of_status(status: int) -> int:
    """The exit code for an HTTP status that refused a request."""
    if status in (401, 403):
        return NOT_AUTHENTICATED
    return NOT_REACHABLE if status >= 500 else REFUSED
