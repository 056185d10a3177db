"""`paribus launch | status | library | agents`: over HTTP, like any client."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from paribus_service.cli import exits, progress, tables
from paribus_service.client import DEFAULT_URL, ApiError, Client, NotReachable

_FILES = {".yaml", ".yml", ".json"}
_RECENT = 20


@contextmanager
def service() -> Iterator[Client]:
    """A client for PARIBUS_URL and PARIBUS_API_KEY; what goes wrong ends the command."""
    url = os.environ.get("PARIBUS_URL") or DEFAULT_URL
    with Client(url, os.environ.get("PARIBUS_API_KEY")) as client:
        try:
            yield client
        except NotReachable as error:
            exits.leave(str(error), exits.NOT_REACHABLE)
        except ApiError as error:
            exits.leave(_sentence(error), exits.of_status(error.status))


def _sentence(error: ApiError) -> str:
    hint = " (PARIBUS_API_KEY holds the key of these commands)" if error.status == 401 else ""
    return f"{error}{hint}"


def launch(
    source: str,
    *,
    entity: str | None,
    project: str | None,
    dry_run: bool,
    follow: bool,
    as_json: bool,
    annotate: bool = False,
) -> None:
    """Register a sweep from a file or from the library; say how to go on."""
    with service() as client:
        text = read_source(client, source)
        if dry_run:
            _show(client.plan(text, entity=entity, project=project), as_json, tables.show_plan)
            return
        sweep = client.register(text, entity=entity, project=project, annotate=annotate)
        if not (follow and as_json):
            _show(sweep, as_json, tables.show_launched)
        if follow:
            _follow(client, sweep["id"], as_json=as_json)


def read_source(client: Client, source: str) -> str:
    """A config's text: `-` is stdin, what looks like a file is one, all else is of the library."""
    if source == "-":
        return sys.stdin.read()
    path = Path(source)
    if path.suffix not in _FILES and not path.is_file():
        text: str = client.library_sweep(source)["text"]
        return text
    return file_text(path)


def file_text(path: Path) -> str:
    """A file's text; one that cannot be read ends the command."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        exits.leave(f"{path} cannot be read: {error.strerror}", exits.REFUSED)
    except UnicodeDecodeError as error:
        exits.leave(f"{path} is not UTF-8: byte {error.start}", exits.REFUSED)


def status(sweep_id: str | None, *, follow: bool, as_json: bool) -> None:
    """One sweep, or the newest ones; exit code 1 where trials have failed."""
    with service() as client:
        if sweep_id is None:
            sweeps = list(islice(client.sweeps(), _RECENT))
            _show(sweeps, as_json, tables.show_sweeps)
        elif follow:
            _follow(client, sweep_id, as_json=as_json)
        else:
            _show_status(client, client.sweep(sweep_id), as_json=as_json)


def _follow(client: Client, sweep_id: str, *, as_json: bool) -> None:
    try:
        sweep = progress.follow(client, sweep_id)
    except KeyboardInterrupt:
        exits.leave(f"no longer followed; sweep {sweep_id} goes on", exits.OK)
    _show_status(client, sweep, as_json=as_json)


def _show_status(client: Client, sweep: dict[str, Any], *, as_json: bool) -> None:
    unwell = list(client.trials(sweep["id"], state=["failed", "interrupted"]))
    if as_json:
        _echo_json(sweep)
    else:
        tables.show_sweep(sweep, unwell)
    if unwell:
        raise typer.Exit(exits.NOT_WELL)


def library(name: str | None, *, as_json: bool) -> None:
    """The shipped sweeps, or the YAML of one."""
    with service() as client:
        if name is None:
            _show(client.library(), as_json, tables.show_library)
        else:
            _show(client.library_sweep(name), as_json, lambda entry: typer.echo(entry["text"]))


def agents(sweep_id: str | None, *, everyone: bool, as_json: bool) -> None:
    """Agents that are there, or all that ever were."""
    states = () if everyone else ("running", "stopping")
    with service() as client:
        _show(list(client.agents(sweep_id=sweep_id, state=states)), as_json, tables.show_agents)


def _show(value: Any, as_json: bool, show: Any) -> None:
    if as_json:
        _echo_json(value)
    else:
        show(value)


def _echo_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
