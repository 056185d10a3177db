"""`paribus annotate`: what answers say, written to the runs of a W&B server, by turns."""

import json
import time
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from paribus_service.cli import exits, progress
from paribus_service.cli.remote import service
from paribus_service.client import ApiError, Client

SECONDS_A_TURN = 5.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 30.0
_MAY_PASS = ("upstream_unreachable", "upstream_busy")
_MOST_SHOWN = 20

Pause = Callable[[float], object]
_Ask = Callable[[], dict[str, Any]]


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

        def begin() -> dict[str, Any]:
            if remove:
                return client.remove_annotations(target, seconds=SECONDS_A_TURN)
            return client.annotate(target, question, seconds=SECONDS_A_TURN)

        try:
            found = _follow(client, target, begin, 60 * patience_minutes, pause)
        except KeyboardInterrupt:
            exits.leave("stopped; the same command goes on where it was", exits.OK)
    _show(found, target, as_json=as_json)


def after_import(client: Client, target: str, *, patience_seconds: float, pause: Pause) -> None:
    """`paribus import --annotate`: by the question that was asked before, else findings alone."""
    question = _asked_before(client, target)
    found = _follow(
        client,
        target,
        lambda: client.annotate(target, question, seconds=SECONDS_A_TURN),
        patience_seconds,
        pause,
    )
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


def _follow(
    client: Client, target: str, begin: _Ask, patience_seconds: float, pause: Pause
) -> dict[str, Any]:
    """Ask for turn after turn until it is through."""
    found = _begun(begin, patience_seconds, pause)
    waited = 0.0
    with progress.annotating(target) as update:
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
            found = client.continue_annotation(found["id"], seconds=SECONDS_A_TURN)


def _begun(begin: _Ask, patience_seconds: float, pause: Pause) -> dict[str, Any]:
    """The first turn, once the server there answers."""
    waited, seconds = 0.0, FIRST_PAUSE_SECONDS
    while True:
        try:
            return begin()
        except ApiError as error:
            if error.code not in _MAY_PASS:
                raise
            if waited + seconds > patience_seconds:
                _give_up(str(error), waited)
        pause(seconds)
        waited += seconds
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)


def _give_up(problem: str, waited: float) -> NoReturn:
    exits.leave(
        f"{problem} (waited {waited / 60:.0f} minutes; what is written stays, and the same "
        "command goes on)",
        exits.NOT_REACHABLE,
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
