"""Answers about a plain table in the body: the same analysis for runs that no service knows."""

import json
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, Path, Request, Response

from paribus_service.api.asking import FormDep, sent
from paribus_service.api.bodies.evidence import AnyAnswer
from paribus_service.api.errors_declared import problems
from paribus_service.api.parameters import JSON_TYPE, refuse_other_bodies
from paribus_service.api.parameters import refuse_unknown_parameters as refuse_parameters
from paribus_service.api.questions import IN_WORDS
from paribus_service.dependencies import Reader, ServicesDep
from paribus_service.errors import InvalidRequest, NotFound, nearest
from paribus_service.orchestration import answers
from paribus_service.orchestration.inquiries import KINDS, Kind

router = APIRouter(
    tags=["questions"], dependencies=[Depends(refuse_parameters), Depends(refuse_other_bodies)]
)


def _kind(kind: Annotated[str, Path(description=f"One of {', '.join(KINDS)}.")]) -> Kind:
    """The kind that a path names.

    Raises:
        NotFound: There is no such kind.
    """
    for known in get_args(Kind):
        if kind == known:
            found: Kind = known
            return found
    near = nearest(kind, KINDS)
    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(KINDS)}"
    raise NotFound("kind of answer", kind, hint=hint)


async def read_body(request: Request) -> bytes:
    """The bytes of a body that is read by hand."""
    return await request.body()


@router.post(
    "/answers/{kind}",
    operation_id="answer_table",
    response_model=AnyAnswer,
    responses={
        **IN_WORDS,
        **problems(400, 401, 403, 404, 413, 415, 422, 503),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "Factors, blocks, runs with state and response, and the question; see "
            "the reference of answers.",
            "content": {JSON_TYPE: {"schema": {"type": "object"}}},
        }
    },
)
def answer_table(
    kind: Annotated[Kind, Depends(_kind)],
    _who: Reader,
    form: FormDep,
    services: ServicesDep,
    body: Annotated[bytes, Depends(read_body)],
) -> Response:
    """An answer about a plain table: each of `runs` is an object of columns.

    Nothing is stored. `format` and `Accept` count for a report alone.
    """
    wanted = form if kind == "report" else "json"
    with services.answers.working():
        found = answers.of_table(kind, object_in(body), wanted)
    return sent(found, None)


def object_in(body: bytes) -> dict[str, Any]:
    """The object in a body; NaN and the infinities may stand in it as they are.

    Raises:
        InvalidRequest: It is no JSON object.
    """
    try:
        found = json.loads(body)
        if b"\\u" in body:  # half of a character, "\ud800", is no text that can be sent back
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        problem = f"the body is not JSON: {error}"
        raise InvalidRequest.one("", problem, code="not_json") from error
    if not isinstance(found, dict):
        raise InvalidRequest.one(
            "", "an object was expected: with `runs`, and of a table `factors`"
        )
    return found
