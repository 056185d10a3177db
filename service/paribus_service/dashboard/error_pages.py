"""Errors as pages, for people; every other client is answered by `error_handlers` itself."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from paribus_service.dashboard import addresses
from paribus_service.dashboard.rendering import HEADERS, open_page
from paribus_service.orchestration.names import RESERVED

_OURS = frozenset({"", "authorize", "login", "logout", "settings"})
"""First path segments that are pages although no entity may be called so."""
_LOG_IN_AGAIN = frozenset({"not_authenticated", "signature_invalid"})
_WHAT_TO_DO = {
    403: "Log in with a key that may do this, or ask whoever runs this service for one.",
    404: "Check the address, or look it up in the list of sweeps.",
    409: "Go back and reload the page: it shows what can be done now.",
    413: "Send less at once.",
    500: "Try again. If it happens again, give the number above to whoever runs this service.",
    503: "Nothing was lost. Try again in a moment.",
    507: "Nothing that was stored before is lost. Make room on its disk, and try again.",
}


def error_page(
    request: Request,
    *,
    status: int,
    title: str,
    code: str,
    detail: str,
    problems: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response | None:
    """The page of an error; None where a program asked, which then gets problem+json."""
    if not _is_for_people(request):
        return None
    if code in _LOG_IN_AGAIN and request.url.path != _authorize(request):
        return RedirectResponse(_log_in(request), 303, HEADERS)
    page = open_page(request, request.app.state.services, None)
    response = page.render(
        "error.html",
        status=status,
        number=status,
        heading=title,
        detail=detail,
        problems=problems,
        advice=_WHAT_TO_DO.get(status),
    )
    for name, value in (headers or {}).items():
        response.headers[name] = value
    return response


def _is_for_people(request: Request) -> bool:
    """A browser asks for a page: it says so, and the path is not one of the service's own."""
    first = request.url.path.split("/")[1] if "/" in request.url.path else ""
    if first in RESERVED and first not in _OURS:
        return False
    return "text/html" in request.headers.get("accept", "")


def _authorize(request: Request) -> str:
    root = addresses.root_of(request.app.state.services.settings)
    return f"{root}/authorize"


def _log_in(request: Request) -> str:
    """Where to log in, and afterwards come back to what was asked for; never to a form."""
    if request.method not in ("GET", "HEAD"):
        return _authorize(request)
    root = addresses.root_of(request.app.state.services.settings)
    asked = f"{root}{request.url.path}"
    if request.url.query:
        asked += f"?{request.url.query}"
    return f"{_authorize(request)}?next={quote(asked, safe='')}"
