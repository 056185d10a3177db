"""Which path of W&B's protocol goes where."""

from fastapi import APIRouter, Request, Response

from paribus_service.dependencies import ServicesDep
from paribus_service.wandb_backend import answers, graphql, payloads
from paribus_service.wandb_backend.callers import caller_of

router = APIRouter(include_in_schema=False)


@router.post("/graphql")
async def graphql_route(request: Request, services: ServicesDep) -> Response:
    """All of GraphQL."""
    try:
        asked = graphql.Request.of(payloads.read_json(await request.body()))
        data = await graphql.answer(asked, caller_of(request, services), services)
    except Exception as error:  # noqa: BLE001  every error leaves in the shape that clients read
        return answers.graphql_error(error)
    return answers.json_answer(200, {"data": data})
