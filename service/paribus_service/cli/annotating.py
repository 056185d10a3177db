"""`paribus annotate`: what answers say, written to the runs of a W&B server, by turns."""

import json
import time
from collections.abc import Callable
from typing import Any

import typer

from paribus_service.cli import exits, progress
from paribus_service.cli.remote import service
from paribus_service.cli.turns import SECONDS_A_TURN, Found, Pause, Work, follow
from paribus_service.client import ApiError, Client

_MOST_SHOWN = 20


def run(
    target: str,
    question: dict[str, Any],
    *,
    remove: bool,
    dry_run: bool,
    patience_minutes: float,
    as_json: bool,
    pause: Pause = time.sleep,
) -> None:
    """Annotate, or take back; exit code 1 where something was left as it is."""
    if remove and (dry_run or question):
        exits.leave("--remove takes back all of it, and goes with no other choice", exits.REFUSED)
    with service() as client:
        if dry_run:
            _show_plan(client.plan_annotations(target, question), as_json=as_json)
            return

        def begin() -> Found:
            if remove:
                return client.remove_annotations(target, seconds=SECONDS_A_TURN)
            return client.annotate(target, question, seconds=SECONDS_A_TURN)

        try:
            work = _work(client, target, begin)
            found = follow(work, patience_seconds=60 * patience_minutes, pause=pause)
        except KeyboardInterrupt:
            exits.leave("stopped; the same command goes on where it was", exits.OK)
    _show(found, target, as_json=as_json)


def after_import(client: Client, target: str, *, patience_seconds: float, pause: Pause) -> None:
    """`paribus import --annotate`: by the question that was asked before, else findings alone."""
    question = _asked_before(client, target)

    def begin() -> Found:
        return client.annotate(target, question, seconds=SECONDS_A_TURN)

    found = follow(_work(client, target, begin), patience_seconds=patience_seconds, pause=pause)
    for line in _lines(found, target):
        typer.echo(line, err=True)


def _asked_before(client: Client, target: str) -> dict[str, Any]:
    try:
        asked: dict[str, Any] = client.annotations(target)["question"]
    except ApiError as error:
        if error.status != 404:
            raise
        return {}
    return asked


def _work(client: Client, target: str, begin: Callable[[], Found]) -> Work:
    return Work(
        begin=begin,
        go_on=lambda number: client.continue_annotation(number, seconds=SECONDS_A_TURN),
        show=progress.annotating(target),
        stays="what is written stays",
    )


def _show(found: dict[str, Any], target: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for line in _lines(found, target):
            typer.echo(line)
    if found["left"] or found["sweep_left"]:
        raise typer.Exit(exits.NOT_WELL)


def _lines(found: dict[str, Any], target: str) -> list[str]:
    where = f"{target} on {found['base_url']}"
    left = [
        f"  - {run['wandb_id']}: {sentence}" for run in found["runs"] for sentence in run["left"]
    ]
    lines = [
        f"{where}: {_counted(found['annotated'], 'run')} of {found['total']:,} annotated, "
        f"{_counted(found['writes'], 'change')} sent",
        *(f"  - the sweep: {sentence}" for sentence in found["sweep_left"]),
        *left[:_MOST_SHOWN],
    ]
    if len(left) > _MOST_SHOWN:
        lines.append(f"  - and {len(left) - _MOST_SHOWN:,} more: --json has them")
    if found["annotated"] or found["sweep_is_annotated"]:
        lines.append(f"Take it back:  paribus annotate {target} --remove")
    return lines


def _show_plan(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo(
        f"Nothing is written. {_counted(len(found['runs']), 'run')} of {found['looked_at']:,} "
        f"looked at ({found['total']:,} in all) would be annotated."
    )
    for sentence in found["verdict"]:
        typer.echo(f"  {sentence}")
    for run in found["runs"]:
        typer.echo(f"{run['wandb_id']}: {', '.join(run['tags']) or 'no tags'}")
        for sentence in run["notes"]:
            typer.echo(f"  {sentence}")


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}" + ("" if number == 1 else "s")
