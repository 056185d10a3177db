"""What holds for every route: no unknown query parameter, no body of another type."""

import email.message
from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor

from paribus_service.error_handlers import unknown_field
from paribus_service.errors import InvalidRequest, UnsupportedBody

JSON_TYPE = "application/json"
CONFIG_TYPES = (JSON_TYPE, "application/yaml", "application/x-yaml", "text/yaml", "text/plain")


class PlainConvertor(StringConvertor):
    """An id in a path: without a colon, so that `/sweeps/x:pause` is never taken for one."""

    regex = "[^/:]+"


register_url_convertor("plain", PlainConvertor())


def refuse_unknown_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have, and one that is said twice.

    Raises:
        InvalidRequest: With the nearest name.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = sorted(set(_names(route.dependant)))
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in known]
    if unknown:
        raise InvalidRequest([unknown_field(name, known, where="?") for name in unknown])


def _names(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for needed in dependant.dependencies:
        yield from _names(needed)


def content_type(request: Request) -> str:
    """The body's type without its parameters, in lower case; "" where none was sent."""
    message = email.message.Message()
    message["content-type"] = request.headers.get("content-type", "")
    return message.get_content_type() if request.headers.get("content-type") else ""


async def refuse_other_bodies(request: Request) -> None:
    """Refuse a body that is not JSON, where the route does not read it by itself.

    Raises:
        UnsupportedBody: It is of another type.
    """
    if request.method in {"POST", "PUT", "PATCH"} and await request.body():
        found = content_type(request)
        if found != JSON_TYPE:
            raise UnsupportedBody(found or "none", [JSON_TYPE])
