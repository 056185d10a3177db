"""`paribus import`: a project of a W&B server by turns, or `wandb` folders by its client."""

import json
import time
from pathlib import Path
from typing import Any

import typer

from paribus_service.cli import annotating, exits, folders, progress
from paribus_service.cli.remote import service
from paribus_service.cli.turns import SECONDS_A_TURN, Pause, Work, follow
from paribus_service.client import Client


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
    pause: Pause = time.sleep,
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
            found = follow(_work(client, body), patience_seconds=patience, pause=pause)
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


def _work(client: Client, body: dict[str, Any]) -> Work:
    return Work(
        begin=lambda: client.import_project(body, seconds=SECONDS_A_TURN),
        go_on=lambda number: client.continue_import(number, seconds=SECONDS_A_TURN),
        show=progress.importing(f"{body['entity']}/{body['project']}"),
        stays="what is here stays",
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
