"""Imports from the W&B server that the service works with, by turns.

A long import is no single request: `POST /imports` begins it or goes on with it, each
`POST /imports/{id}:continue` takes in as much as fits into its `seconds` and says how far it came.
Whoever stops asking leaves it where it is; sending a request twice does no harm.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.imports import ImportIn, ImportOut
from paribus_service.api.errors_declared import READS, WRITES
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.dependencies import Reader, Services, ServicesDep, Submitter
from paribus_service.errors import UpstreamNotConfigured
from paribus_service.orchestration.upstream import importing
from paribus_service.orchestration.upstream.importing import Importer

router = APIRouter(
    tags=["imports"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)

ImportId = Annotated[int, Path(ge=1, description="The number that the import was given.")]
Seconds = Annotated[
    float,
    Query(
        ge=0,
        le=30,
        description="About how long this request may take; one question to the server there is "
        "asked at least.",
    ),
]


@router.post("/imports", operation_id="import_project", responses=WRITES)
def import_project(
    body: ImportIn, _who: Submitter, services: ServicesDep, seconds: Seconds = 5.0
) -> ImportOut:
    """Copy a project's runs from the W&B server, configs, summaries and histories whole.

    Nothing is written there. The same request again goes on where it was left; once it was
    through, it takes in what changed since. Runs that are here already are never overwritten.
    """
    importer = _importer(services)
    found = importer.open(body.wanted())
    return ImportOut.of(importer.go_on(found.id, seconds=seconds))


@router.post("/imports/{import_id}:continue", operation_id="continue_import", responses=WRITES)
def continue_import(
    import_id: ImportId, _who: Submitter, services: ServicesDep, seconds: Seconds = 5.0
) -> ImportOut:
    """Take in more of an import that is under way; one that is through stays as it is."""
    return ImportOut.of(_importer(services).go_on(import_id, seconds=seconds))


@router.get("/imports", operation_id="list_imports", responses=READS)
def list_imports(_who: Reader, services: ServicesDep) -> Page[ImportOut]:
    """Every import and every mirrored sweep, the oldest first, as it stands."""
    found = importing.show_all(services.engine, now=services.clock.now())
    return Page(items=[ImportOut.of(one) for one in found])


@router.get("/imports/{import_id}", operation_id="show_import", responses=READS)
def show_import(import_id: ImportId, _who: Reader, services: ServicesDep) -> ImportOut:
    """An import as it stands; the server there is not asked."""
    return ImportOut.of(importing.show(services.engine, import_id, now=services.clock.now()))


def _importer(services: Services) -> Importer:
    if services.upstream is None:
        raise UpstreamNotConfigured(["PARIBUS_WANDB_BASE_URL", "PARIBUS_WANDB_API_KEY"])
    return Importer(
        services.engine, services.upstream, services.clock, on_change=services.observer.ask
    )
