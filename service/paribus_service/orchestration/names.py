"""Which names an entity, a project or a run may have, and the path that shows a run."""

import re
from functools import lru_cache
from urllib.parse import quote

from paribus_service.errors import InvalidRequest

# First path segments of our own pages and routes (DESIGN 6): no entity may be called so.
RESERVED = frozenset(
    [
        "api",
        "static",
        "graphql",
        "files",
        "artifacts",
        "artifactsV2",
        "storage",
        "authorize",
        "login",
        "logout",
        "healthz",
        "readyz",
        "metrics",
        "openapi.json",
        "docs",
        "redoc",
        "favicon.ico",
        "robots.txt",
        "figures",
        "events",
        "compare",
        "hosts",
        "projects",
        "sweeps",
        "runs",
        "agents",
        "settings",
        "library",
        "about",
        "help",
    ]
)
_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\- ]{0,127}")


def check(kind: str, name: str) -> str:
    """The name, if it may stand in our addresses.

    Raises:
        InvalidRequest: It may not; the message says what may.
    """
    if kind == "entity" and name in RESERVED:
        raise InvalidRequest.one(
            f"/{kind}",
            f"{name!r} is a path of the service itself: choose another {kind}",
            code="reserved",
        )
    if not _PATTERN.fullmatch(name):
        raise InvalidRequest.one(
            f"/{kind}",
            f"{name!r} is no name for the {kind}: 1 to 128 letters, digits, '_', '-', '.' or "
            "spaces, beginning with a letter or digit",
            code="invalid_name",
        )
    return name


def check_run_id(wandb_id: str) -> str:
    """The run id, if pages and streams can be addressed with it; wandb refuses more by itself.

    Raises:
        InvalidRequest: It may not; the message says why.
    """
    addressable = wandb_id.isprintable() and wandb_id.strip() == wandb_id
    if not addressable or "/" in wandb_id or wandb_id in (".", ".."):
        raise InvalidRequest.one(
            "/name",
            f"{wandb_id!r} cannot be a run id: it needs printable characters, no '/', and no "
            "space at its ends",
            code="invalid_name",
        )
    return wandb_id


def page_of_run(root: str, entity: str, project: str, wandb_id: str) -> str:
    """A run's page, on the path that wandb clients print; `root` is what comes before it."""
    return f"{root}/{_quoted(entity)}/{_quoted(project)}/runs/{_quoted(wandb_id)}"


def page_of_sweep(root: str, entity: str, project: str, sweep_id: str) -> str:
    """A sweep's page, likewise."""
    return f"{root}/{_quoted(entity)}/{_quoted(project)}/sweeps/{_quoted(sweep_id)}"


@lru_cache(maxsize=1024)  # entity and project of 50,000 links are the same two names
def _quoted(name: str) -> str:
    return quote(name, safe="")
