"""What the service ships and is told: the library of sweeps, and programs' parameters."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Path, Response

from paribus_service.api.bodies.answers import (
    LibraryEntryOut,
    LibraryItemOut,
    ProgramSchemaOut,
)
from paribus_service.api.bodies.base import Page
from paribus_service.api.errors_declared import LISTS, READS, WRITES
from paribus_service.api.links import API
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.dependencies import BaseUrl, ClockDep, Reader, SessionDep, Submitter
from paribus_service.errors import AlreadyExists, NotFound, nearest
from paribus_service.orchestration import programs
from paribus_service.store import projects
from paribus_sweeps import library
from paribus_sweeps.programs import ProgramSchema, shipped

router = APIRouter(
    tags=["library"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)

ProgramName = Annotated[
    str, Path(description="As in a sweep's `program`, such as `paribus_agent.train`.")
]


@router.get("/library", operation_id="list_library", responses=LISTS)
def list_library(_who: Reader, base: BaseUrl) -> Page[LibraryItemOut]:
    """The shipped sweeps, by name, each with the question it answers and what it costs."""
    entries = [library.load(name) for name in library.names()]
    items = [
        LibraryItemOut(name=e.name, question=e.question, cost=e.cost, links=_links(base, e.name))
        for e in entries
    ]
    return Page(items=items)


@router.get("/library/{name}", operation_id="show_library_sweep", responses=READS)
def show_library_sweep(name: str, _who: Reader, base: BaseUrl) -> LibraryEntryOut:
    """A shipped sweep, with the YAML that `POST /sweeps` takes."""
    if name not in library.names():
        near = nearest(name, library.names())
        raise NotFound(
            "sweep of the library",
            name,
            hint=f"did you mean {near!r}?" if near else "GET /api/v1/library lists them",
        )
    return LibraryEntryOut.of(library.load(name), _links(base, name))


def _links(base: str, name: str) -> dict[str, str]:
    return {"self": f"{base}{API}/library/{name}"}


@router.get("/programs/{name:path}/schema", operation_id="show_program_schema", responses=READS)
def show_program_schema(name: ProgramName, _who: Reader, session: SessionDep) -> ProgramSchemaOut:
    """The parameters of a program: shipped with the service, or published by its owner."""
    found = programs.find_schema(session, name)
    if found is None:
        raise NotFound(
            "schema of program", name, hint="its parameters are taken as they come; PUT one here"
        )
    return ProgramSchemaOut(
        program=name, shipped=shipped(name) is not None, schema=dict(found.schema)
    )


@router.put(
    "/programs/{name:path}/schema",
    operation_id="publish_program_schema",
    response_model=ProgramSchemaOut,
    responses={201: {"model": ProgramSchemaOut, "description": "It is new."}, **WRITES},
)
def publish_program_schema(
    name: ProgramName,
    schema: Annotated[dict[str, Any], Body(description="JSON Schema 2020-12 of type object.")],
    _who: Submitter,
    session: SessionDep,
    clock: ClockDep,
    response: Response,
) -> ProgramSchemaOut:
    """Say what a program takes: a misspelt or impossible value is then refused at registration.

    Sweeps that are registered already keep what they were checked against.
    """
    if shipped(name) is not None:
        raise AlreadyExists("schema of program", name, hint="it is shipped with the service")
    ProgramSchema.from_json(schema, name=name)
    is_new = projects.publish_schema(session, name, schema, now=clock.now())
    response.status_code = 201 if is_new else 200
    return ProgramSchemaOut(program=name, shipped=False, schema=schema)
