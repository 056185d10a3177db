"""Which errors an operation may answer, as OpenAPI declares them."""

from typing import Any

_REASONS = {
    400: "The body is not text that can be read.",
    401: "No key, or one that nobody has.",
    403: "The key may not do this.",
    404: "There is no such thing.",
    405: "The path has other methods.",
    409: "Not possible in this state; `legal` lists what is.",
    413: "The body is too large.",
    415: "A body of this type is not taken.",
    422: "Something in the request is wrong; `errors` says what and where.",
    503: "Try again in a moment.",
    507: "The disk is full; nothing of the request was stored.",
}
Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Declared error answers, all of one shape."""
    return {
        status: {
            "description": _REASONS[status],
            "content": {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            },
        }
        for status in statuses
    }


READS = problems(401, 403, 404, 422, 503)
LISTS = problems(401, 403, 422, 503)
WRITES = problems(400, 401, 403, 404, 409, 413, 415, 422, 503, 507)
CREATES = problems(400, 401, 403, 409, 413, 415, 422, 503, 507)
