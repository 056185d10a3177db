"""One table: error class → status, for REST, GraphQL, file_stream and pages alike.

REST answers `application/problem+json` (RFC 9457). W&B's clients read `errors[0].message` of
GraphQL and `error` elsewhere, and take most 4xx as final: what may pass must be 5xx or 429 there
(PROTOCOL 4). A browser that asked for a page gets one: `app.state.error_page`, where it is set,
answers first, and None from it means that a program asked.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from paribus_service import errors
from paribus_service.errors import ServiceError, nearest
from paribus_service.ids import new_id
from paribus_sweeps.errors import (
    CannotTransform,
    EndlessSearch,
    GoalUnknown,
    InvalidProgramSchema,
    InvalidResponse,
    InvalidSeries,
    InvalidSpec,
    InvalidThreshold,
    NoSuchInteraction,
    NotOffered,
    NotOnScale,
    Problem,
    SweepError,
    TooLarge,
    TooManyTrials,
    UnknownColumn,
    UnknownFactor,
    UnknownKey,
    UnknownKind,
    UnknownName,
    UnknownRole,
    UnknownSweepName,
    UnknownThreshold,
)

log = logging.getLogger(__name__)

STATUS: dict[type[Exception], int] = {
    errors.NotFound: 404,
    errors.AlreadyExists: 409,
    errors.IllegalTransition: 409,
    errors.InvalidRequest: 422,
    errors.NotOfferedHere: 422,
    errors.NotAuthenticated: 401,
    errors.NotAllowed: 403,
    errors.ConfirmationFailed: 403,
    errors.Superseded: 410,
    errors.DataChanged: 409,
    errors.NothingToAdd: 409,
    errors.IdempotencyMismatch: 422,
    errors.BodyTooLarge: 413,
    errors.UnsupportedBody: 415,
    errors.SignatureInvalid: 403,
    errors.ServiceBusy: 503,
    errors.NotReady: 503,
    errors.StorageFull: 507,
    errors.UpstreamNotConfigured: 422,
    errors.UpstreamNotInstalled: 422,
    errors.UpstreamUnreachable: 503,
    errors.UpstreamRefusedKey: 502,
    errors.UpstreamNotFound: 404,
    errors.UpstreamTooOld: 422,
    errors.UpstreamBusy: 503,
    errors.UpstreamElsewhere: 409,
    errors.UpstreamFailed: 502,
    errors.UpstreamError: 502,
    InvalidSpec: 422,
    NotOffered: 422,
    TooManyTrials: 422,
    InvalidProgramSchema: 422,
    EndlessSearch: 422,
    UnknownSweepName: 404,
    UnknownKind: 404,
    InvalidResponse: 422,
    UnknownKey: 422,
    InvalidSeries: 422,
    UnknownColumn: 422,
    UnknownFactor: 422,
    UnknownName: 422,
    UnknownRole: 422,
    UnknownThreshold: 422,
    InvalidThreshold: 422,
    GoalUnknown: 422,
    CannotTransform: 422,
    TooLarge: 422,
    NotOnScale: 422,
    NoSuchInteraction: 422,
    SweepError: 422,
}
_CODES: dict[type[Exception], str] = {
    TooManyTrials: "too_many_trials",
    NotOffered: "not_offered",
    UnknownKind: "unknown_kind",
    InvalidResponse: "unknown_response",
    UnknownKey: "unknown_key",
    InvalidSeries: "invalid_series",
    UnknownColumn: "unknown_column",
    UnknownFactor: "unknown_factor",
    UnknownName: "unknown_name",
    UnknownRole: "unknown_role",
    UnknownThreshold: "unknown_threshold",
    InvalidThreshold: "invalid_threshold",
    GoalUnknown: "goal_unknown",
    CannotTransform: "cannot_transform",
    TooLarge: "too_large",
    SweepError: "invalid_spec",
}
"""Of errors that do not carry theirs: those of a package that knows no requests."""
RETRY_AFTER_SECONDS = {503: "2", 507: "30"}
_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Not possible in this state",
    410: "Gone",
    412: "Changed meanwhile",
    413: "Too large",
    415: "Unsupported type",
    422: "Invalid request",
    428: "Precondition required",
    429: "Too many requests",
    500: "Internal error",
    502: "Refused by the W&B server",
    503: "Try again",
    507: "Disk full",
}


def status_of(error: Exception) -> int:
    """The status of an error; 500 for what nobody expected."""
    for kind in type(error).__mro__:
        if kind in STATUS:
            return STATUS[kind]
    return 500


def problem(
    request: Request,
    status: int,
    code: str,
    detail: str,
    *,
    problems: Sequence[dict[str, Any]] = (),
    **facts: Any,
) -> Response:
    """A problem+json answer; a page where a browser asked for one."""
    title = _TITLES.get(status, "Error")
    body = {
        "type": f"urn:paribus:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
        "errors": list(problems),
        **facts,
    }
    headers = {}
    if status in RETRY_AFTER_SECONDS:
        headers["Retry-After"] = RETRY_AFTER_SECONDS[status]
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="paribus"'
    error_page = getattr(request.app.state, "error_page", None)
    if error_page is not None:
        page: Response | None = error_page(
            request,
            status=status,
            title=title,
            code=code,
            detail=detail,
            problems=problems,
            headers=headers,
        )
        if page is not None:
            return page
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def problem_of(request: Request, error: Exception) -> Response:
    """The answer to an error of ours."""
    facts: dict[str, Any] = {}
    if isinstance(error, errors.IllegalTransition):
        facts = {"state": error.state, "legal": list(error.legal)}
    if isinstance(error, errors.DataChanged):
        facts = {"data_version": error.present}
    answer = problem(
        request,
        status_of(error),
        code_of(error),
        str(error),
        problems=problems_of(error),
        **facts,
    )
    if isinstance(error, errors.UpstreamBusy):  # not our own guess: as long as the server said
        answer.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return answer


def code_of(error: Exception) -> str:
    """The stable word for an error."""
    if isinstance(error, ServiceError):
        return error.code
    for kind in type(error).__mro__:
        if kind in _CODES:
            return _CODES[kind]
    return "internal_error"


def problems_of(error: Exception) -> list[dict[str, Any]]:
    """Every single problem of an error that lists them."""
    if isinstance(error, errors.InvalidRequest | InvalidSpec):
        return [
            {"pointer": p.pointer, "code": p.code, "message": p.message, "hint": p.hint}
            for p in error.problems
        ]
    return []


def install(app: FastAPI) -> None:
    """Make `app` answer every error in our shape."""

    def ours(request: Request, error: Exception) -> Response:
        return problem_of(request, error)

    def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        problems = [asdict(_field_problem(e)) for e in error.errors()]
        detail = "; ".join(f"{p['pointer']}: {p['message']}" for p in problems)
        return problem(request, 422, "invalid_request", detail, problems=problems)

    def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _TITLES.get(error.status_code, "error").lower().replace(" ", "_")
        answer = problem(request, error.status_code, code, str(error.detail))
        answer.headers.update(error.headers or {})  # such as Allow
        return answer

    def unexpected(request: Request, error: Exception) -> Response:
        request_id = new_id(12)
        log.error(
            "request %s %s failed [%s]",
            request.method,
            request.url.path,
            request_id,
            exc_info=error,
        )
        detail = f"something unexpected went wrong; the service's log has it under {request_id}"
        return problem(request, 500, "internal_error", detail, request_id=request_id)

    app.add_exception_handler(ServiceError, ours)
    app.add_exception_handler(SweepError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, unexpected)


def _field_problem(error: Any) -> Problem:
    where, *path = error["loc"]
    pointer = f"?{path[0]}" if where == "query" and path else "/" + "/".join(map(str, path))
    if error["type"] == "unknown_field":
        name, hint = error["ctx"]["name"], error["ctx"]["hint"]
        pointer = f"{pointer.rstrip('/')}/{name}"
        return Problem(pointer, "unknown_field", f"there is no field {name!r}", hint)
    if error["type"] == "extra_forbidden":
        return Problem(pointer, "unknown_field", f"there is no field {path[-1]!r}")
    return Problem(pointer, error["type"], error["msg"])


def unknown_field(name: str, known: Sequence[str], *, where: str = "?") -> Problem:
    """The problem that an unknown field or parameter is, with the nearest name."""
    near = nearest(name, known)
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(sorted(known))}"
    return Problem(f"{where}{name}", "unknown_field", f"there is no {name!r}", hint)
