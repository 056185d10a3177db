"""What `paribus curves | history` do: tables to files as they come in, or in short for people."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

import typer

from paribus_service.cli import exits
from paribus_service.cli.asking import written
from paribus_service.cli.questions import names_in
from paribus_service.cli.remote import service
from paribus_service.cli.tables import new_table, put
from paribus_service.client import Client, TableFile
from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.errors import did_you_mean

Form = Literal["csv", "jsonl", "parquet", "json"]
FORMS: tuple[Form, ...] = ("csv", "jsonl", "parquet", "json")
Document = dict[str, Any]
_LISTS = ("keys", "runs", "group_by", "label_by", "sweeps")


def curves(
    target: str, options: Mapping[str, Any], *, out: Path | None, form: str | None, as_json: bool
) -> None:
    """Write curves, or show where they end; exit code 1 where no line has a point."""
    chosen = _form(out, form, as_json=as_json)
    whose, asked = _whose(target), _asked(options)
    keys = asked.pop("keys", [])
    with service() as client:
        if chosen is not None and chosen != "json":
            _write(client.open_curves(whose, keys, format=chosen, **asked), out)
            return
        found = _document(client, whose, keys, asked)
    if chosen == "json":
        text = json.dumps(found, ensure_ascii=False) if out else written(found)
        _save([text.encode(), b"\n"], out)
    else:
        put(*_in_short(found))
    if not any(line["points"] for line in found["series"]):
        raise typer.Exit(exits.NOT_WELL)


def history(
    run_id: str, options: Mapping[str, Any], *, out: Path | None, form: str | None, as_json: bool
) -> None:
    """Write a run's history."""
    chosen = _form(out, form, as_json=as_json) or "csv"
    asked = _asked(options)
    with service() as client:
        if chosen == "json":
            _save(_as_json(client.history(run_id, **asked)), out)
        else:
            _write(client.open_history(run_id, format=chosen, **asked), out)


def _form(out: Path | None, form: str | None, *, as_json: bool) -> Form | None:
    """What is written; None where nothing was said of it."""
    if as_json and form not in (None, "json"):
        exits.leave(f"--json and --format {form} differ (leave one of the two out)", exits.REFUSED)
    said = "json" if as_json else form
    if said is None and out is not None:
        said = _ending(out)
    chosen = next((one for one in FORMS if one == said), None)
    if said is not None and chosen is None:
        near = did_you_mean(said, FORMS)
        exits.leave(
            f"--format {said!r}: one of {', '.join(FORMS)} was expected"
            + (f" ({near})" if near else ""),
            exits.REFUSED,
        )
    if chosen == "parquet" and out is None:
        exits.leave("Parquet is no text: name a file with --out FILE.parquet", exits.REFUSED)
    return chosen


def _ending(out: Path) -> str:
    """What a file's name says of how it is written."""
    found = out.suffix.lower().removeprefix(".")
    if found not in FORMS:
        exits.leave(
            f"--out {out}: a name that ends in .{', .'.join(FORMS)} was expected (or say "
            "--format)",
            exits.REFUSED,
        )
    return found


def _whose(target: str) -> tuple[str] | tuple[str, str]:
    if target.startswith("run-"):
        exits.leave(
            f"{target!r} is a run: curves are of a sweep or of ENTITY/PROJECT, with --runs "
            f"{target} for this one alone (its rows: paribus history {target})",
            exits.REFUSED,
        )
    entity, slash, project = target.partition("/")
    return (entity, project) if slash else (target,)


def _asked(options: Mapping[str, Any]) -> Document:
    """The options in the client's words."""
    asked = {name: names_in(v) if name in _LISTS else v for name, v in options.items()}
    if "role" in asked:
        asked["roles"] = _roles(asked.pop("role"))
    return asked


def _roles(given_roles: Iterable[str]) -> dict[str, str]:
    found = {}
    for text in given_roles:
        name, _, key = text.partition(":")
        if not name or not key:
            exits.leave(f"--role {text!r}: ROLE:KEY was expected", exits.REFUSED)
        found[name] = key
    return found


def _document(
    client: Client, whose: tuple[str] | tuple[str, str], keys: list[str], asked: Document
) -> Document:
    if len(whose) == 2:
        return client.project_curves(*whose, keys, **asked)
    return client.curves(*whose, keys, **asked)


def _write(opened: AbstractContextManager[TableFile], out: Path | None) -> None:
    """Save a table as it comes in; what is to be known of it goes to stderr."""
    with opened as table:
        _save(table.chunks, out)
    for note in table.notes:
        typer.echo(f"Note: {note}", err=True)
    if table.left_out:
        typer.echo(f"Note: without a number, and left out: {', '.join(table.left_out)}", err=True)


def _save(chunks: Iterable[bytes], out: Path | None) -> None:
    """Write to stdout, or to a file that stands under its name once it is whole."""
    if out is None:
        for chunk in chunks:
            typer.echo(chunk, nl=False)
        return
    part = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("wb") as file:
                file.writelines(chunks)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        exits.leave(f"--out {out} cannot be written: {error.strerror}", exits.REFUSED)
    typer.echo(f"{out} is written", err=True)


def _as_json(rows: Iterable[Document]) -> Iterator[bytes]:
    """A JSON array, row by row."""
    before = "[\n"
    for row in rows:
        yield (before + json.dumps(row, ensure_ascii=False)).encode()
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _in_short(found: Document) -> Iterator[Any]:
    smoothing = f", smoothed: {found['smoothing']}" if found["smoothing"] else ""
    lines = counted(len(found["series"]), "line")
    yield f"{lines} over {found['x_name'] or found['x']}{smoothing}"
    if found["series"]:
        yield from ("", _lines(found))
    if found["bands"]:
        yield from ("", _bands(found))
    yield from (f"Note: {note}" for note in found["notes"])


def _lines(found: Document) -> Any:
    table = new_table("run", "setting", "key", "points", "logged", "last", "at", "to know")
    for one in found["series"]:
        told = [one["missing"]] if one["missing"] else one["notes"]
        table.add_row(
            one["name"],
            ", ".join(f"{key}={value}" for key, value in one["labels"].items()),
            one["key"],
            f"{one['points']:,}",
            f"{one['stands_for']:,}",
            *_end(one, "y"),
            "; ".join(told),
        )
    return table


def _bands(found: Document) -> Any:
    table = new_table("group", "key", "n", "points", "last mean", "at", "to know")
    for band in found["bands"]:
        told = [band["missing"]] if band["missing"] else band["notes"]
        sizes = [f"{band['n']:,}", f"{band['points']:,}"]
        table.add_row(band["label"], band["key"], *sizes, *_end(band, "mean"), "; ".join(told))
    return table


def _end(one: Document, what: str) -> tuple[str, str]:
    """(the last value, where it stands)."""
    return (number(one[what][-1]), number(one["x"][-1])) if one["points"] else ("–", "–")
