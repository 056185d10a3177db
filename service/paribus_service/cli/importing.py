"""`paribus import`: a project of a W&B server by turns, or `wandb` folders by its client."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import typer

from paribus_service.cli import annotating, exits, folders, progress
from paribus_service.cli.remote import service
from paribus_service.client import ApiError, Client

LONGEST_PAUSE_SECONDS = 30.0  # then it is asked how the import stands, whatever the server said
SECONDS_A_TURN = 5.0
FIRST_PAUSE_SECONDS = 2.0
_MAY_PASS = ("upstream_unreachable", "upstream_busy")
"""Codes of what a server there gets over by itself; any other stays until somebody changes it."""


def run(
    target: str,
    *,
    filters: str | None,
    entity: str | None,
    project: str | None,
    again: bool,
    patience_minutes: float,
    as_json: bool,
    annotate: bool = False,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Import a project or a folder; exit code 1 where something was left out."""
    path = Path(target)
    if path.is_dir():
        if annotate:
            exits.leave("--annotate writes to a W&B server, and not to a folder", exits.REFUSED)
        if filters is not None:
            exits.leave("--filter chooses runs of a server, and not of a folder", exits.REFUSED)
        folders.send(path, entity=entity, project=project, again=again, as_json=as_json)
        return
    there = _named(target)
    body = {
        "entity": there[0],
        "project": there[1],
        "filters": _filter(filters),
        "into_entity": entity,
        "into_project": project,
    }
    with service() as client:
        try:
            patience = 60 * patience_minutes
            found = _follow(client, body, patience_seconds=patience, pause=pause)
            if annotate:
                here = f"{found['into_entity']}/{found['into_project']}"
                annotating.after_import(client, here, patience_seconds=patience, pause=pause)
        except KeyboardInterrupt:
            exits.leave("stopped; the same command goes on where it was", exits.OK)
    _show(found, as_json=as_json)


def _named(target: str) -> tuple[str, str]:
    entity, slash, project = target.partition("/")
    if not entity or not slash or not project or "/" in project:
        exits.leave(
            f"{target!r} is neither a folder that is there nor ENTITY/PROJECT of a W&B server",
            exits.REFUSED,
        )
    return entity, project


def _filter(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        exits.leave(f"--filter is no JSON: {error}", exits.REFUSED)
    if not isinstance(found, dict):
        exits.leave('--filter is no JSON object such as {"tags": "good"}', exits.REFUSED)
    return found


def _follow(
    client: Client,
    body: dict[str, Any],
    *,
    patience_seconds: float,
    pause: Callable[[float], object],
) -> dict[str, Any]:
    """Ask for turn after turn until the import is through."""
    waited = 0.0
    found = _open(client, body, patience_seconds=patience_seconds, pause=pause)
    with progress.importing(f"{body['entity']}/{body['project']}") as update:
        while True:
            update(found)
            if found["is_done"]:
                return found
            seconds = min(found["retry_after_seconds"] or 0.0, LONGEST_PAUSE_SECONDS)
            waited = waited + seconds if found["problem"] else 0.0
            if waited > patience_seconds:
                _give_up(found["problem"], waited)
            if seconds:
                pause(seconds)
            found = client.continue_import(found["id"], seconds=SECONDS_A_TURN)


def _open(
    client: Client,
    body: dict[str, Any],
    *,
    patience_seconds: float,
    pause: Callable[[float], object],
) -> dict[str, Any]:
    """The first turn, once the server there answers."""
    waited, seconds = 0.0, FIRST_PAUSE_SECONDS
    while True:
        try:
            return client.import_project(body, seconds=SECONDS_A_TURN)
        except ApiError as error:
            if error.code not in _MAY_PASS:
                raise
            if waited + seconds > patience_seconds:
                _give_up(str(error), waited)
            if not waited:
                typer.echo(f"paribus: {error}; waiting for it", err=True)
        pause(seconds)
        waited += seconds
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def _give_up(problem: str, waited_seconds: float) -> NoReturn:
    exits.leave(
        f"{problem} (waited {waited_seconds / 60:.0f} minutes; what is here stays, and the same "
        "command goes on)",
        exits.NOT_REACHABLE,
    )


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in _lines(found):
            typer.echo(line)
    if found["skipped"]:
        raise typer.Exit(exits.NOT_WELL)


def _lines(found: dict[str, Any]) -> list[str]:
    there, here = (f"{found[f'{side}entity']}/{found[f'{side}project']}" for side in ("", "into_"))
    gone = f", {found['gone']} deleted there since" if found["gone"] else ""
    skipped = f", {found['skipped']} left out or not whole" if found["skipped"] else ""
    lines = [
        f"{there} of {found['base_url']} is here as {here}: {_runs(found['runs'])}{gone}{skipped}",
        *(f"  - {skip['wandb_id']}: {skip['reason']}" for skip in found["skipped_runs"]),
    ]
    more = found["skipped"] - len(found["skipped_runs"])
    if more > 0:
        lines.append(f"  - and {more} more")
    return [*lines, f"What can they tell?  paribus confounding {here}"]


def _runs(number: int) -> str:
    return f"{number:,} run" + ("" if number == 1 else "s")
