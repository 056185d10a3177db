"""Paths under /api/v1 that there are not, and methods that a path does not have."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from fastapi import APIRouter, Request, Response

from paribus_service.api.links import API
from paribus_service.error_handlers import problem
from paribus_service.errors import nearest

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"]
Known = Mapping[str, tuple[re.Pattern[str], frozenset[str]]]
"""Path → its pattern, and its methods."""


def router_of(document: Callable[[], Mapping[str, Any]]) -> APIRouter:
    """A router that stands behind all others: 405 with the methods, or 404 with the nearest path.

    Args:
        document: Gives OpenAPI's, which knows every path; asked when it is needed first.
    """

    @cache
    def known() -> Known:
        paths = document()["paths"].items()
        return {p: (_pattern(p), frozenset(m.upper() for m in item)) for p, item in paths}

    def unknown(request: Request) -> Response:
        return _refusal(request, known())

    router = APIRouter(include_in_schema=False)
    for path in ("/api", API, f"{API}/{{path:path}}"):  # the first two would be a project's page
        router.add_api_route(path, unknown, methods=METHODS)
    return router


def _refusal(request: Request, known: Known) -> Response:
    path = request.url.path
    found = [methods for pattern, methods in known.values() if pattern.fullmatch(path)]
    if not found:
        detail = f"there is no path {path}{_hint(path, known)}"
        return problem(request, 404, "not_found", detail)
    allow = ", ".join(sorted(frozenset().union(*found)))
    detail = f"{path} does not take {request.method}; it takes {allow}"
    answer = problem(request, 405, "method_not_allowed", detail)
    answer.headers["Allow"] = allow
    return answer


def _pattern(path: str) -> re.Pattern[str]:
    """The path's pattern; a file's or a program's name may hold slashes, an id no colon."""
    parts = re.split(r"(\{[^}]*\})", path)
    return re.compile("".join(_OF_PART.get(part) or _part(part) for part in parts))


_OF_PART = {"{name}": ".+"}


def _part(part: str) -> str:
    return "[^/:]+" if part.startswith("{") else re.escape(part)


def _hint(path: str, known: Iterable[str]) -> str:
    near = nearest(path, list(known))
    return f"; did you mean {near}?" if near else "; /openapi.json lists all of them"
