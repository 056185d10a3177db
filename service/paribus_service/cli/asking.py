"""What the commands that ask do: over HTTP, about the runs of a sweep or of a project."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from paribus_service.cli import evidence, exits
from paribus_service.cli.questions import Asked
from paribus_service.cli.remote import service
from paribus_service.cli.tables import put
from paribus_service.client import ApiError, Client
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.errors import did_you_mean

FORMS = ("markdown", "html", "json")
_SUFFIXES = {".md": "markdown", ".html": "html", ".htm": "html", ".json": "json"}


def ask(kind: str, asked: Asked, *, as_json: bool) -> None:
    """Ask and show; exit code 1 where no run counts yet."""
    whose = _Whose.read(asked)
    with service() as client:
        found = whose.answer(client, kind)
    show(found, as_json=as_json)


def show(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an answer; exit code 1 where no run counts yet."""
    if as_json:
        typer.echo(written(found))
    else:
        evidence.show_answer(found)
    if found["n"] == 0:
        raise typer.Exit(exits.NOT_WELL)


def written(value: Any) -> str:
    """A value as JSON that people can read."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Whose:
    """A question with whose runs it is about: a sweep's, or a project's."""

    asked: Asked
    sweep_id: str | None
    project: tuple[str, str] | None

    @classmethod
    def read(cls, asked: Asked) -> "_Whose":
        """The target as it was written; one that cannot be ends the command."""
        parts = asked.target.split("/")
        if len(parts) == 2 and all(parts):
            return cls(asked, None, (parts[0], parts[1]))
        if len(parts) != 1:
            exits.leave(
                f"{asked.target!r}: a sweep's id or ENTITY/PROJECT was expected (a sweep is named "
                "by its id alone)",
                exits.REFUSED,
            )
        for name, given in (("--sweeps", asked.sweeps), ("--with-sweeps", asked.with_sweeps)):
            if given:
                exits.leave(
                    f"{name} is for ENTITY/PROJECT, and {asked.target!r} is a sweep's id (leave "
                    "one of the two out)",
                    exits.REFUSED,
                )
        return cls(asked, asked.target, None)

    def answer(self, client: Client, kind: str) -> dict[str, Any]:
        if self.project is None:
            return client.answer(str(self.sweep_id), kind, **self.asked.question)
        return client.project_answer(*self.project, kind, **self._of_project())

    def document(self, client: Client, form: Any) -> str:
        if self.project is None:
            return client.report(str(self.sweep_id), format=form, **self.asked.question)
        return client.project_report(*self.project, format=form, **self._of_project())

    def _of_project(self) -> dict[str, Any]:
        whose = {"sweeps": self.asked.sweeps, "with_sweeps": self.asked.with_sweeps}
        return {**whose, **self.asked.question}


# reports


def report(asked: Asked, *, form: str | None, out: Path | None, as_json: bool) -> None:
    """Write a report to a file, or print it."""
    whose, chosen = _Whose.read(asked), form_of(form, out, as_json=as_json)
    with service() as client:
        if chosen == "json":
            text = written(whose.answer(client, "report"))
        else:
            text = whose.document(client, chosen)
    deliver(text, out)


def form_of(form: str | None, out: Path | None, *, as_json: bool) -> str:
    """How a report is to be written: as was said, else as the file's name ends."""
    if as_json and form not in (None, "json"):
        exits.leave(f"--json and --format {form} differ (leave one of the two out)", exits.REFUSED)
    if as_json:
        return "json"
    if form is None:
        return _SUFFIXES.get(out.suffix.lower(), "markdown") if out else "markdown"
    if form not in FORMS:
        hint = did_you_mean(form, FORMS)
        exits.leave(
            f"--format {form!r}: one of {', '.join(FORMS)} was expected"
            + (f" ({hint})" if hint else ""),
            exits.REFUSED,
        )
    return form


def deliver(text: str, out: Path | None) -> None:
    """Print a document, or write it to a file and say so."""
    if out is None:
        typer.echo(text.rstrip("\n"))
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        exits.leave(f"--out {out} cannot be written: {error.strerror}", exits.REFUSED)
    typer.echo(f"{out} is written", err=True)


# follow-ups


def follow_ups(asked: Asked, for_enqueue: Iterable[str], *, as_json: bool) -> None:
    """Show what would settle the question, and how it is queued."""
    for name in for_enqueue:
        exits.leave(f"{name} says what to queue: add --enqueue, or leave it out", exits.REFUSED)
    whose = _Whose.read(asked)
    with service() as client:
        found = whose.answer(client, "follow-ups")
    if found["follow_ups"]["runs"] and whose.sweep_id and not as_json:
        evidence.show_answer(found)
        put(
            "", f"Queue them: paribus follow-ups {whose.sweep_id} --enqueue (and the same options)"
        )
        return
    show(found, as_json=as_json)


def enqueue(
    asked: Asked, *, chosen: str | None, seeds: int | None, yes: bool, as_json: bool
) -> None:
    """Show what would be queued and its price, ask, and queue it; what was seen is what is made.

    Exit code 1 where there is nothing to queue.
    """
    whose = _Whose.read(asked)
    if whose.sweep_id is None:
        exits.leave(
            f"--enqueue adds runs to a sweep, and {asked.target} is a project (register the "
            "proposed runs as a sweep, with design: type: settings)",
            exits.REFUSED,
        )
    with service() as client:
        seen = whose.answer(client, "follow-ups")
        wish = {
            **asked.question,
            "chosen": chosen or "proposed",
            "seeds": seeds,
            "data_version": seen["data_version"],
        }
        planned = _queue(client, whose.sweep_id, {**wish, "validate_only": True})
        price = price_of(planned, seen["question"]["hours_per_run"])
        if not as_json:
            _show_planned(planned, price)
        if not yes:
            _confirm(f"Queue {counted(len(planned['trials']), 'trial')}? {price}")
        queued = _queue(client, whose.sweep_id, wish)
    if as_json:
        typer.echo(written(queued))
    else:
        _show_queued(queued)


def _queue(client: Client, sweep_id: str, wish: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return client.enqueue_follow_ups(sweep_id, **wish)
    except ApiError as error:
        if error.code != "nothing_to_add":
            raise
        exits.leave(f"nothing was queued: {error}", exits.NOT_WELL)


def price_of(planned: Mapping[str, Any], hours_per_run: float | None) -> str:
    """What the trials cost, in a sentence."""
    trials = len(planned["trials"])
    if hours_per_run is None:
        return "No run has told yet how long one takes."
    hours = trials * hours_per_run
    return f"About {hours:.3g} GPU-hours: {counted(trials, 'run')} of {hours_per_run:.3g} hours."


def _show_planned(planned: Mapping[str, Any], price: str) -> None:
    put(planned["sentence"], *evidence.runs_to_make(planned["trials"]), "")
    if planned["waiting"]:
        put(f"{counted(len(planned['waiting']), 'trial')} of this set wait already.")
    put(price, *planned["notices"])


def _confirm(question: str) -> None:
    """Ask on stderr; without a yes the command ends."""
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        exits.leave("nothing was queued: nobody answered (--yes queues unasked)", exits.REFUSED)
    if not agreed:
        exits.leave("nothing was queued", exits.OK)


def _show_queued(queued: Mapping[str, Any]) -> None:
    put(
        "",
        f"sweep {queued['sweep_id']} is {queued['state']}, revision {queued['revision']}: "
        f"{counted(len(queued['trials']), 'trial')} queued",
        f"  page    {queued['links']['page']}",
        f"  follow  paribus status {queued['sweep_id']} --follow",
    )
