"""Every route of REST: live, ready and OpenAPI at the root, all else under /api/v1."""

import json
from functools import cache
from typing import Any

from fastapi import APIRouter, Response

from paribus_service.api import (
    annotations,
    curves,
    events,
    figures,
    findings,
    fleet,
    follow_ups,
    health,
    histories,
    imports,
    keys,
    not_offered,
    openapi_document,
    questions,
    records,
    runs,
    shipped,
    sweeps,
    tables,
    throughput,
    trials,
    unknown,
    upstream,
    verbs,
)
from paribus_service.api.links import API

offered = APIRouter()
"""What OpenAPI describes."""
offered.include_router(health.root)
# Verbs stand before what they act on: `/sweeps/{id}` would take `/sweeps/x:pause` for an id.
for _part in (
    verbs,
    sweeps,
    questions,
    events,
    findings,
    curves,
    throughput,
    follow_ups,
    tables,
    trials,
    runs,
    histories,
    records,
    fleet,
    figures,
    imports,
    annotations,
    upstream,
    shipped,
    keys,
    health,
):
    offered.include_router(_part.router, prefix=API)

router = APIRouter()
router.include_router(offered)
router.include_router(not_offered.router, prefix=API)


@cache
def document() -> dict[str, Any]:
    """OpenAPI's document; written when it is first asked for, since starting must be quick."""
    return openapi_document.write(offered)


@router.get("/openapi.json", include_in_schema=False)
def openapi() -> Response:
    """The OpenAPI document."""
    return Response(json.dumps(document()), media_type="application/json")


router.include_router(unknown.router_of(document))
