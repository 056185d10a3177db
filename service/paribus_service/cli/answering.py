"""`paribus answer`: a question about a table of one's own, over HTTP or in this process."""

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from paribus_service.cli import exits
from paribus_service.cli.asking import deliver, form_of, show, written
from paribus_service.cli.remote import file_text, service
from paribus_service.cli.table_bodies import body_of
from paribus_service.cli.table_files import BadTable, Table, read_table
from paribus_service.client import KINDS
from paribus_service.errors import InvalidRequest
from paribus_sweeps.errors import InvalidSpec, SweepError, did_you_mean


def answer(
    source: str,
    kind: str,
    options: Mapping[str, Any],
    *,
    local: bool,
    form: str | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Read the table, ask, and show the answer; exit code 1 where no run counts."""
    _refuse_unknown_kind(kind)
    is_report = kind == "report"
    if not is_report and (form or out):
        name = "--format" if form else "--out"
        exits.leave(f"{name} is for the kind report, and {kind} was asked", exits.REFUSED)
    chosen = form_of(form, out, as_json=as_json) if is_report else "json"
    try:
        body = body_of(_table(source), options)
    except BadTable as error:
        exits.leave(str(error), exits.REFUSED)
    text = (_worked_out if local else _asked)(kind, body, chosen)
    if is_report:
        deliver(written(json.loads(text)) if chosen == "json" else text, out)
    else:
        show(json.loads(text), as_json=as_json)


def _refuse_unknown_kind(kind: str) -> None:
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS) or "the file comes first: paribus answer FILE KIND"
        exits.leave(
            f"{kind!r}: one of {', '.join(KINDS)} was expected ({hint})",
            exits.REFUSED,
        )


def _table(source: str) -> Table:
    """What is in a file, or comes in on stdin; there JSON is told by how it begins."""
    if source == "-":
        text = _stdin()
        return read_table("stdin", text, is_json=text.lstrip()[:1] in ("{", "["))
    path = Path(source)
    return read_table(path.name, file_text(path), is_json=path.suffix.lower() == ".json")


def _stdin() -> str:
    try:
        return sys.stdin.read().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        exits.leave(f"stdin is not UTF-8: byte {error.start}", exits.REFUSED)


def _asked(kind: str, body: Mapping[str, Any], form: Any) -> str:
    with service() as client:
        if form == "json":
            return json.dumps(client.answer_table(kind, body))
        return client.table_report(body, format=form)


def _worked_out(kind: str, body: Mapping[str, Any], form: str) -> str:
    """The same answer without a service; numpy and scipy come only now."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `serve` has it, and why
    answers = import_module("paribus_service.orchestration.answers")
    try:
        text: str = answers.of_table(kind, body, form).body.decode()
    except (InvalidSpec, InvalidRequest) as error:
        exits.leave("\n".join(map(str, error.problems)), exits.REFUSED)
    except SweepError as error:
        exits.leave(str(error), exits.REFUSED)
    return text
