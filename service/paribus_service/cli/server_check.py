"""`paribus upstream`: whether the service can work with its W&B server, before a first launch."""

import json
from typing import Any

import typer

from paribus_service.cli.remote import service

_WAYS = {
    "enqueue": "run by run (Sweep.enqueue_run)",
    "controller": "by the schedule of a local controller, one waiting run at a time: this server, "
    "or a wandb client older than 0.31, takes no runs from outside",
}


def show(*, as_json: bool) -> None:
    """Ask the server who it is; any trouble ends the command with its sentence."""
    with service() as client:
        found = client.upstream()
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for line in _lines(found):
        typer.echo(line)


def _lines(found: dict[str, Any]) -> list[str]:
    release = f" (release {found['version']})" if found["version"] else ""
    entity = found["entity"]
    home = (
        f"sweeps that name no entity go to {entity}"
        if entity
        else "its user has no entity: name one in each sweep, or set PARIBUS_WANDB_ENTITY"
    )
    return [
        f"{found['base_url']}{release} answers, and takes the key of {found['username']}",
        f"  {home}",
        f"  asked by wandb {found['client_version']}",
        f"  designs are handed out {_WAYS[found['way']]}",
    ]
