"""What later releases answer: refused by its name until then. None of it stands in OpenAPI."""

from fastapi import APIRouter, Request, Response

from paribus_service.api.links import API
from paribus_service.errors import NotOfferedHere

_GET = (
    "/events",
    "/operations",
    "/operations/{operation_id}",
    "/webhooks",
    "/webhooks/{webhook_id}",
)
_POST = (
    "/agents/{agent_id}:drain",
    "/agents/{agent_id}:stop",
    "/sweeps/{sweep_id}:archive",
    "/sweeps/{sweep_id}:clone",
    "/webhooks",
)
_PUT = ("/sweeps/by-external-id/{external_id}",)
_PATCH = ("/sweeps/{sweep_id}",)

router = APIRouter(include_in_schema=False)


def refuse(request: Request) -> Response:
    """Refuse a route of a later release by its name.

    Raises:
        NotOfferedHere: Always.
    """
    asked = request.url.path.removeprefix(API)
    raise NotOfferedHere(f"{request.method} {API}{asked}")


ROUTES = (
    *(("GET", path) for path in _GET),
    *(("POST", path) for path in _POST),
    *(("PUT", path) for path in _PUT),
    *(("PATCH", path) for path in _PATCH),
)
for _method, _path in ROUTES:
    router.add_api_route(_path, refuse, methods=[_method])
