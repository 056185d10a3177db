"""What a table of numbers is sent as: JSON, JSON lines, CSV or Parquet, by `format` or Accept."""

from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Depends, Header, Query

from paribus_service.api.errors_declared import Responses

TableForm = Literal["json", "jsonl", "csv", "parquet"]
MEDIA_TYPES: dict[TableForm, str] = {
    "json": "application/json",
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
_WORDS: dict[str, TableForm] = {
    "application/json": "json",
    "*/*": "json",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
IN_OTHER_FORMS: Responses = {
    200: {
        "content": {
            MEDIA_TYPES[form].partition(";")[0]: {"schema": {"type": "string"}}
            for form in ("jsonl", "csv", "parquet")
        }
    },
    304: {"description": "Not changed since the ETag in If-None-Match."},
}
_NOTE_BYTES = 2_000  # proxies refuse answers whose headers are longer than 4 to 8 KB


def _form(
    asked: Annotated[
        TableForm | None,
        Query(alias="format", description="How to write it; wins over `Accept`."),
    ] = None,
    accept: Annotated[
        str | None,
        Header(description="`text/csv`, `application/jsonl`, `application/vnd.apache.parquet`."),
    ] = None,
) -> TableForm:
    """As `format` says, else the first type in Accept that a table has; JSON where none is."""
    if asked is not None:
        return asked
    kinds = (part.partition(";")[0].strip().lower() for part in (accept or "").split(","))
    return next((_WORDS[kind] for kind in kinds if kind in _WORDS), "json")


TableFormDep = Annotated[TableForm, Depends(_form)]


def attachment(name: str, form: TableForm) -> dict[str, str]:
    """The header that gives a file its name."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in name)
    return {"Content-Disposition": f'attachment; filename="{plain}.{form}"'}


def in_header(texts: Iterable[str]) -> str:
    """Texts as one header: percent-encoded, with commas between."""
    return ",".join(quote(text, safe="/") for text in texts)


def notes_in_header(notes: list[str]) -> str:
    """Notes as one header; where they are too long for one, the last says how many are missing."""
    shown: list[str] = []
    for note in notes:
        if len(in_header([*shown, note])) > _NOTE_BYTES:
            left = f"{len(notes) - len(shown):,} more: format=json has them all"
            return in_header([*shown, left])
        shown.append(note)
    return in_header(shown)
