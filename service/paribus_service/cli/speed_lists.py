"""`paribus throughput`: how fast runs were, by kind of GPU, and what looking cost, for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from paribus_service.cli import exits
from paribus_service.cli.asking import written
from paribus_service.cli.questions import given, names_in
from paribus_service.cli.remote import service
from paribus_service.cli.tables import new_table, put
from paribus_service.client import Client
from paribus_sweeps.analysis.words import counted, number

Document = dict[str, Any]
_PAGE = 500  # the largest that the service gives
_PARTS = {"training": "Training", "evaluation": "Looking"}


def show(
    target: str,
    *,
    ignore: Sequence[str] | None,
    role: Sequence[str] | None,
    level: float | None,
    as_json: bool,
) -> None:
    """Ask and show; exit code 1 where no run has a rate yet."""
    roles = _roles(role or ())
    with service() as client:
        if target.startswith("run-"):
            found = client.run_throughput(target, roles=roles)
        else:
            asked = given({"ignore": names_in(ignore or ()), "level": level, "roles": roles})
            found = _whole(client, target, asked)
    if as_json:
        typer.echo(written(found))
    elif "run" in found:
        put(*_of_run(found["run"]))
    else:
        put(*_of_runs(found))
    if not _is_told(found):
        raise typer.Exit(exits.NOT_WELL)


def _roles(given_roles: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in given_roles:
        name, _, key = text.partition(":")
        if not name or not key:
            exits.leave(f"--role {text!r}: ROLE:KEY was expected", exits.REFUSED)
        found[name] = key
    return found


def _whole(client: Client, target: str, asked: Mapping[str, Any]) -> Document:
    """The speeds, with the runs of all pages."""
    found = _page(client, target, asked, None)
    token = found["next_page_token"]
    while token is not None:
        page = _page(client, target, asked, token)
        found["runs"] += page["runs"]
        token = page["next_page_token"]
    return {**found, "next_page_token": None}


def _page(client: Client, target: str, asked: Mapping[str, Any], token: str | None) -> Document:
    entity, slash, project = target.partition("/")
    query = {**asked, "page_size": _PAGE, "page_token": token}
    if slash:
        return client.project_throughput(entity, project, **query)
    return client.throughput(target, **query)


def _is_told(found: Document) -> bool:
    if "run" not in found:
        return bool(found["n"])
    parts = (found["run"]["training"], found["run"]["evaluation"])
    rates = [part[name] for part in parts for name in ("steps_per_second", "examples_per_second")]
    return any(rate is not None for rate in rates)


def _of_runs(found: Document) -> Iterator[Any]:
    yield f"{counted(len(found['runs']), 'run')}, {found['n']:,} with a rate"
    for part, name in _PARTS.items():
        if found[part]["gpus"]:
            yield from ("", _gpus(name, found[part]), *_sentences(found[part]))
    if found["runs"]:
        yield from ("", _runs(found["runs"]))
    yield from (f"Note: {notice}" for notice in found["notices"])


def _gpus(name: str, told: Document) -> Any:
    columns = ("GPU", "n", "mean", "least", "most", "without")
    table = new_table(*columns, title=f"{name}, {told['unit']}")
    for gpu in told["gpus"]:
        rates = [number(gpu[what]) for what in ("mean", "least", "most")]
        table.add_row(gpu["gpu_name"], str(gpu["n"]), *rates, str(gpu["without"]))
    return table


def _sentences(told: Document) -> Iterator[str]:
    for ratio in told["ratios"]:
        matched = f" Pairs share {ratio['matched']}." if ratio["n"] else ""
        yield f"  {ratio['sentence']}{matched}"
        two = ratio["these_two_runs"]
        if two is not None:
            yield f"    {number(two['low'])} to {number(two['high'])} {two['note']}"
    yield from (f"  Note: {caution}" for caution in told["cautions"])


def _runs(runs: Sequence[Document]) -> Any:
    table = new_table("run", "GPU", "state", "steps/s", "examples/s", "batches/s", "looking")
    for run in runs:
        training, share = run["training"], run["times"]["looking_share"]
        table.add_row(
            run["name"],
            run["gpu_name"] or "",
            run["state"],
            number(training["steps_per_second"]),
            number(training["examples_per_second"]),
            number(run["evaluation"]["steps_per_second"]),
            "–" if share is None else f"{share:.0%}",
        )
    return table


def _of_run(run: Document) -> Iterator[Any]:
    training, looking, times = run["training"], run["evaluation"], run["times"]
    yield f"{run['name']} on {run['gpu_name'] or 'an unknown device'}, {run['state']}"
    table = new_table("", f"{training['step_name']}/s", "examples/s", "tokens/s", "measured over")
    table.add_row("training", *_rates(training), counted(training["intervals"], "interval"))
    table.add_row("looking (batches)", *_rates(looking), counted(looking["looks"], "look"))
    yield table
    yield _dropped(training, looking)
    yield run["looks"]["sentence"]
    if run["looks"]["coarser"] is not None:
        yield run["looks"]["coarser"]["sentence"]
    if times["checkpoints"] is not None and times["checkpoint_share"] is not None:
        yield f"Checkpoints took {times['checkpoints']:.4g} s, {times['checkpoint_share']:.0%}."
    for part in (training, looking, times):
        yield from (f"Note: {note}" for note in part["notes"])


def _rates(part: Document) -> list[str]:
    names = ("steps_per_second", "examples_per_second", "tokens_per_second")
    return [number(part[name]) for name in names]


def _dropped(training: Document, looking: Document) -> str:
    return (
        f"Left out: {counted(training['first_dropped'], 'first interval')}, "
        f"{counted(training['long_dropped'], 'suspension')}, "
        f"{counted(training['impossible_dropped'], 'impossible interval')}, "
        f"{counted(looking['long_dropped'], 'long look')}."
    )
