"""`paribus findings`: what rules say of runs, alone and beside one another, for people."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from paribus_service.cli import exits
from paribus_service.cli.questions import names_in
from paribus_service.cli.remote import service
from paribus_service.cli.tables import put
from paribus_service.client import Client
from paribus_sweeps.analysis.words import counted

Document = dict[str, Any]
_STATUSES = ("found", "not_found", "cannot_tell")


def show(
    target: str, asked: Mapping[str, list[str] | None], *, everything: bool, as_json: bool
) -> None:
    """Ask and show; exit code 1 where a rule could not look at a run yet."""
    query = _query(asked, everything=everything)
    with service() as client:
        found = _whole(client, target, query)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        put(*_lines(found))
    if any(run["is_pending"] for run in found["runs"]):
        raise typer.Exit(exits.NOT_WELL)


def _query(asked: Mapping[str, list[str] | None], *, everything: bool) -> dict[str, Any]:
    statuses = names_in(asked["status"] or []) or ([] if everything else ["found"])
    return {
        "status": statuses,
        "rule": names_in(asked["rule"] or []),
        "thresholds": _pairs("--threshold", asked["threshold"]),
        "roles": _pairs("--role", asked["role"]),
    }


def _pairs(option: str, given: list[str] | None) -> dict[str, str]:
    found = {}
    for text in given or ():
        name, colon, value = text.partition(":")
        if not (name and colon and value):
            exits.leave(f"{option} {text!r}: NAME:VALUE was expected", exits.REFUSED)
        found[name] = value
    return found


def _whole(client: Client, target: str, query: Mapping[str, Any]) -> Document:
    """The findings of all pages."""
    if target.startswith("run-"):
        return client.run_findings(target, **query)
    found = _page(client, target, query, None)
    token = found["next_page_token"]
    while token is not None:
        page = _page(client, target, query, token)
        found["runs"] += page["runs"]
        for rule, counts in page["counts"].items():
            found["counts"][rule] = {s: found["counts"][rule][s] + counts[s] for s in _STATUSES}
        token = page["next_page_token"]
    return found


def _page(client: Client, target: str, query: Mapping[str, Any], token: str | None) -> Document:
    entity, slash, project = target.partition("/")
    if slash:
        return client.project_findings(entity, project, page_token=token, **query)
    return client.findings(target, page_token=token, **query)


def _lines(found: Document) -> Iterator[str]:
    runs = found["runs"]
    yield f"{counted(len(runs), 'run')}; rules {found['rules_version']}"
    yield from (f"Note: {notice}" for notice in found["notices"])
    for comparison in found.get("comparisons", ()):
        yield from _finding(comparison, "runs beside one another")
    for run in runs:
        for finding in run["findings"]:
            yield from _finding(finding, run["name"])
    if not any(run["findings"] for run in runs) and not found.get("comparisons"):
        yield ""
        yield "Nothing of what was asked for; --all shows what was not found and cannot be told."
    yield from _counts(found)


def _finding(finding: Document, whose: str) -> Iterator[str]:
    label = f" ({finding['label']})" if finding["label"] else ""
    yield ""
    yield f"{whose}: {finding['rule']}{label}, {finding['status'].replace('_', ' ')}"
    yield f"  {finding['sentence']}"
    if finding["next_step"]:
        yield f"  {finding['next_step']}"


def _counts(found: Document) -> Iterator[str]:
    yield ""
    for rule, counts in found["counts"].items():
        told = ", ".join(f"{counts[s]:,} {s.replace('_', ' ')}" for s in _STATUSES if counts[s])
        if told:
            yield f"{rule}: {told}"
