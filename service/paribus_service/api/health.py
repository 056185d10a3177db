"""Alive, ready, and which version."""

from importlib.metadata import version as installed_version
from typing import Literal

from fastapi import APIRouter, Depends

from paribus_service.api.bodies.base import Answer
from paribus_service.api.errors_declared import problems
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.dependencies import ServicesDep
from paribus_service.errors import NotReady, ServiceError
from paribus_service.store import migrate
from paribus_service.store.engine import prove_writable

# Clients that the protocol tests run against (tests/protocol).
WANDB_VERSIONS = ("0.21.4", "0.31.0")

root = APIRouter(tags=["health"], dependencies=[Depends(refuse_unknown_parameters)])
router = APIRouter(tags=["health"], dependencies=[Depends(refuse_unknown_parameters)])


class LiveOut(Answer):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ReadyOut(Answer):
    """The service can store what it is told."""

    status: Literal["ready"] = "ready"


class VersionOut(Answer):
    """What this service is."""

    service: str
    """Release of Paribus."""
    api: str
    """First part of every path of the API."""
    wandb: list[str]
    """Versions of the wandb client that the protocol is tested with."""
    schema_revision: str
    """Revision of the database's schema."""


@root.get("/healthz", operation_id="healthz", responses=problems(422))
async def healthz() -> LiveOut:
    """The process is alive; nothing is looked at. Asks for no key."""
    return LiveOut()


@root.get("/readyz", operation_id="readyz", responses=problems(422, 503, 507))
def readyz(services: ServicesDep) -> ReadyOut:
    """The database takes the write lock and the disk takes bytes. Asks for no key."""
    try:
        prove_writable(services.engine)
    except ServiceError:
        raise
    except Exception as error:  # whatever the driver says: it is the answer
        raise NotReady("database", _first_line(error)) from error
    try:
        services.files.prove_writable()
    except OSError as error:
        raise NotReady("file store", error.strerror or str(error)) from error
    return ReadyOut()


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]


@router.get("/version", operation_id="show_version", responses=problems(422))
def show_version(services: ServicesDep) -> VersionOut:
    """Which release answers, and what it was tested with. Asks for no key."""
    return VersionOut(
        service=installed_version("paribus"),
        api="v1",
        wandb=list(WANDB_VERSIONS),
        schema_revision=migrate.current(services.engine),
    )
