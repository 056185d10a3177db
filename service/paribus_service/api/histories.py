"""A run's history: rows as they came in pages, or the whole as CSV, JSON lines or Parquet."""

import hashlib
from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from paribus_service.api.asking import listed, named_roles
from paribus_service.api.bodies.base import JsonObject, Page
from paribus_service.api.errors_declared import READS
from paribus_service.api.etags import is_known
from paribus_service.api.paging import PageToken, decode, encode, page_of
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.records import LinesPerPage
from paribus_service.api.runs import RunId
from paribus_service.api.table_forms import (
    IN_OTHER_FORMS,
    MEDIA_TYPES,
    TableForm,
    TableFormDep,
    attachment,
    in_header,
)
from paribus_service.dependencies import Reader, ServicesDep, SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.history_rows import (
    Part,
    chosen,
    json_lines,
    refuse_unknown_keys,
)
from paribus_service.orchestration.recorder import parse_object
from paribus_service.store import curves as curve_store
from paribus_service.store import history
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run

router = APIRouter(tags=["runs"], dependencies=[Depends(refuse_unknown_parameters)])


def _part(
    services: ServicesDep,
    keys: Annotated[
        list[str] | None,
        Query(
            description="Only these keys, several times or with commas between, of rows that have "
            "one of them; nested ones with dots. `_step` always stands beside them."
        ),
    ] = None,
    min_step: Annotated[int | None, Query(description="Rows with `_step` from here on.")] = None,
    max_step: Annotated[int | None, Query(description="Rows with `_step` below this.")] = None,
    x: Annotated[
        str | None,
        Query(
            description="Numbers joined on an x, steps that were logged again once: `step`, "
            "`epoch`, `examples`, `relative_time`, `wall_time`, `share`, or a logged key. Rows as "
            "they were logged by default."
        ),
    ] = None,
    role: Annotated[
        list[str] | None,
        Query(description="Which logged key is what, for an x: `epoch:my/epoch`."),
    ] = None,
) -> Part:
    return Part(listed(keys), min_step, max_step, x, named_roles(services.settings, role))


@router.get(
    "/runs/{run_id}/history",
    operation_id="show_history",
    response_model=Page[JsonObject],
    responses={**IN_OTHER_FORMS, **READS},
)
def show_history(
    run_id: RunId,
    _who: Reader,
    session: SessionDep,
    services: ServicesDep,
    response: Response,
    form: TableFormDep,
    part: Annotated[Part, Depends(_part)],
    page_size: LinesPerPage = 1000,
    page_token: PageToken = None,
    if_none_match: Annotated[str | None, Header(description="An ETag seen before.")] = None,
) -> Any:
    """The rows that a run logged, as they came, in the order of its lines; or joined on an x.

    JSON comes in pages, the other forms whole. JSON lines hold rows as they came; CSV and Parquet
    hold numbers, and name in `X-Paribus-Left-Out` the keys that have none. A table of numbers has
    20,000,000 values at most, and a larger one is refused.
    NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity"; in Parquet they are
    themselves.
    """
    run = run_store.get_run(session, run_id)
    if form != "json" and page_token is not None:
        raise InvalidRequest.one("?page_token", f"{form} comes whole, and has no pages")
    refuse_unknown_keys(session, run, part.keys)
    asked = (form, part, page_size, page_token)
    headers = {"ETag": _etag(session, run, asked), "Cache-Control": "no-cache", "Vary": "Accept"}
    if is_known(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if form == "json":
        response.headers.update(headers)
    else:
        headers |= attachment(run.id, form)
    if form == "json" and part.x is None:
        return _page(session, run, part, page_size, page_token)
    if form == "jsonl" and part.x is None:
        lines = json_lines(services.engine, run, part)
        return StreamingResponse(lines, media_type=MEDIA_TYPES[form], headers=headers)
    with services.answers.working():  # tables are as heavy as answers are
        if form == "json":
            return _page_of_table(session, run, part, page_size, page_token)
        return _whole(session, run, part, form, headers)


def _etag(session: SessionDep, run: Run, asked: tuple[Any, ...]) -> str:
    """Another one for other lines, another config (examples a step) or another request."""
    version = curve_store.history_places(session, [run.pk])[run.pk].version
    told = hashlib.sha256(repr((asked, run.state, run.config_text)).encode()).hexdigest()[:16]
    return f'"{version}-{told}"'


def _page(
    session: SessionDep, run: Run, part: Part, page_size: int, page_token: str | None
) -> Page[JsonObject]:
    first = decode(page_token, int)
    found = history.history_steps(
        session,
        run,
        min_step=part.min_step,
        max_step=part.max_step,
        first_line=first[0] + 1 if first else 0,
        limit=page_size + 1,
    )
    rows, token = page_of(found, page_size, lambda row: (row[0],))
    parsed = (chosen(parse_object(text), part.keys) for _, _, text in rows)
    return Page(items=[row for row in parsed if row], next_page_token=token)


def _page_of_table(
    session: SessionDep, run: Run, part: Part, page_size: int, page_token: str | None
) -> Page[JsonObject]:
    table = _tables().table_of(session, run, part)
    position = decode(page_token, int)
    first = max(0, position[0]) if position else 0
    end = first + page_size
    token = encode((end,)) if end < len(table) else None
    return Page(items=table.objects(first, end), next_page_token=token)


def _whole(
    session: SessionDep, run: Run, part: Part, form: TableForm, headers: dict[str, str]
) -> Response:
    tables = _tables()
    table = tables.table_of(session, run, part)
    if table.left_out:
        headers["X-Paribus-Left-Out"] = in_header(table.left_out)
    if form == "parquet":
        return Response(tables.parquet_of(table), media_type=MEDIA_TYPES[form], headers=headers)
    lines: Iterator[bytes] = tables.csv_of(table) if form == "csv" else tables.json_lines_of(table)
    return StreamingResponse(lines, media_type=MEDIA_TYPES[form], headers=headers)


def _tables() -> Any:
    """What makes tables, imported when the first one is asked for: numpy comes with it."""
    return import_module("paribus_service.orchestration.history_tables")
