"""Answers in the shapes and statuses that W&B's clients understand (PROTOCOL 4)."""

import logging
from typing import Any

from fastapi import Response
from starlette.requests import ClientDisconnect

from paribus_service.error_handlers import (
    RETRY_AFTER_SECONDS,
    code_of,
    problems_of,
    status_of,
)
from paribus_service.ids import new_id
from paribus_service.wandb_backend.graphql import Refused
from paribus_service.wandb_backend.payloads import write_json

log = logging.getLogger(__name__)

# What may pass must be retried, what cannot work must not: the client retries 409 of UpsertBucket,
# and takes 400 as a refusal whose message it shows.
_GRAPHQL_STATUS = {409: 400, 415: 400, 422: 400}
# The statuses that end a stream on purpose: wrong key, deleted run, superseded process.
_STREAM_ENDS = frozenset({401, 403, 404, 410, 413})


def json_answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer, strict."""
    return Response(write_json(body), status, headers, media_type="application/json")


def graphql_error(error: Exception) -> Response:
    """The answer to a GraphQL request that failed."""
    if isinstance(error, Refused):
        found = [{"message": each.message} for each in error.found]
        return json_answer(400, {"errors": found, "data": None})
    status, message, code = _told(error)
    status = _GRAPHQL_STATUS.get(status, status)
    extensions = {"code": code, "problems": problems_of(error)}
    body = {"errors": [{"message": message, "extensions": extensions}], "data": None}
    return json_answer(status, body, _headers(status))


def stream_error(error: Exception) -> Response:
    """The answer to a file_stream request that failed: 503 unless the stream must end."""
    status, message, _ = _told(error)
    if status not in _STREAM_ENDS:
        log.warning("a file_stream request is to be sent again: %s", message)
        status = 503
    return json_answer(status, {"error": message}, _headers(status))


def upload_error(error: Exception) -> Response:
    """The answer to a PUT that failed."""
    status, message, _ = _told(error)
    return json_answer(status, {"error": message}, _headers(status))


def _told(error: Exception) -> tuple[int, str, str]:
    if isinstance(error, ClientDisconnect):  # nobody reads this answer
        return 503, "the connection ended before the body", "torn"
    status = status_of(error)
    if status != 500:
        return status, str(error), code_of(error)
    reference = new_id(12)
    log.error("a W&B request failed [%s]", reference, exc_info=error)
    message = f"something unexpected went wrong; the service's log has it under {reference}"
    return status, message, "internal_error"


def _headers(status: int) -> dict[str, str] | None:
    wait = RETRY_AFTER_SECONDS.get(status)
    return {"Retry-After": wait} if wait else None
