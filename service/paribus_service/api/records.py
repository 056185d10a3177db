"""What a run reported beside its history: its console output, its files."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query
from fastapi.responses import FileResponse

from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.runs import FileOut, LineOut
from paribus_service.api.errors_declared import READS
from paribus_service.api.links import API
from paribus_service.api.paging import PageToken, decode, page_of
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.runs import RunId
from paribus_service.dependencies import BaseUrl, Reader, ServicesDep, SessionDep
from paribus_service.errors import NotFound
from paribus_service.orchestration.upstream import elsewhere
from paribus_service.store import files as file_store
from paribus_service.store import history
from paribus_service.store import runs as run_store
from paribus_service.store.history import Stream

router = APIRouter(tags=["runs"], dependencies=[Depends(refuse_unknown_parameters)])

LinesPerPage = Annotated[
    int, Query(ge=1, le=10_000, description="How many lines one page looks through at most.")
]


@router.get("/runs/{run_id}/logs", operation_id="show_logs", responses=READS)
def show_logs(
    run_id: RunId,
    _who: Reader,
    session: SessionDep,
    tail: Annotated[
        int | None, Query(ge=1, le=10_000, description="Only the last lines, so many.")
    ] = None,
    page_size: LinesPerPage = 1000,
    page_token: PageToken = None,
) -> Page[LineOut]:
    """What a run wrote to its console, line by line.

    Of a mirrored run that failed, the end; that of another one stays on its server, and is refused
    with its address.
    """
    run = run_store.get_run(session, run_id)
    elsewhere.refuse_console(session, run)
    if tail is not None:
        last = history.last_lines(session, run, Stream.OUTPUT, tail)
        return Page(items=[LineOut(line=line, text=text) for line, text in last])
    first = decode(page_token, int)
    found = history.read_lines(
        session,
        run,
        Stream.OUTPUT,
        first=first[0] + 1 if first else 0,
        limit=page_size + 1,
    )
    rows, token = page_of(found, page_size, lambda row: (row[0],))
    items = [LineOut(line=line, text=text) for line, text in rows]
    return Page(items=items, next_page_token=token)


@router.get("/runs/{run_id}/files", operation_id="list_files", responses=READS)
def list_files(run_id: RunId, _who: Reader, session: SessionDep, base: BaseUrl) -> Page[FileOut]:
    """The files of a run whose bytes have come, by name.

    Those of a mirrored run stay on its server, and are refused with its address.
    """
    run = run_store.get_run(session, run_id)
    elsewhere.refuse_files(session, run)
    own = f"{base}{API}/runs/{run.id}/files"
    found = file_store.list_files(session, run)
    return Page(items=[FileOut.of(file, f"{own}/{quote(file.name)}") for file in found])


@router.get(
    "/runs/{run_id}/files/{name:path}",
    operation_id="download_file",
    response_class=FileResponse,
    responses={
        200: {
            "description": "The bytes.",
            "content": {"application/octet-stream": {"schema": {"type": "string"}}},
        },
        **READS,
    },
)
def download_file(
    run_id: RunId,
    name: Annotated[str, Path(description="Path inside the run, with slashes.")],
    _who: Reader,
    session: SessionDep,
    services: ServicesDep,
) -> FileResponse:
    """The bytes of a run's file, always as an attachment: what a run wrote is not ours to show."""
    run = run_store.get_run(session, run_id)
    elsewhere.refuse_files(session, run)
    file = file_store.find_file(session, run, name)
    if file is None or file.blob is None or not services.files.exists(file.blob):
        raise NotFound("file", name, hint=f"run {run.id} has those under /files")
    return FileResponse(
        services.files.path(file.blob),
        media_type="application/octet-stream",
        filename=name.rpartition("/")[2],
    )
