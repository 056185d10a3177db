"""Which path of W&B's protocol goes where.

The two paths that are asked thousands of times a second stand before all routing, in `HotPaths`:
to match them behind some fifty other routes cost as much as all the rest of a request.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from paribus_service.dependencies import ServicesDep, get_services
from paribus_service.wandb_backend import (
    answers,
    artifact_download,
    file_stream,
    file_upload,
    graphql,
    payloads,
)
from paribus_service.wandb_backend.callers import caller_of
from paribus_service.wandb_backend.file_stream import Place
from paribus_service.wandb_backend.operations import UPLOADS

router = APIRouter(include_in_schema=False)


async def graphql_route(request: Request) -> Response:
    """All of GraphQL."""
    services = get_services(request)
    try:
        asked = graphql.Request.of(payloads.read_json(await request.body()))
        data = await graphql.answer(asked, caller_of(request, services), services)
    except Exception as error:  # noqa: BLE001  every error leaves in the shape that clients read
        return answers.graphql_error(error)
    return answers.json_answer(200, {"data": data})


async def file_stream_route(request: Request) -> Response:
    """What a run reports while it runs."""
    services = get_services(request)
    try:
        caller = caller_of(request, services)
        body = payloads.inflate(
            await request.body(),
            request.headers.get("content-encoding"),
            limit_bytes=services.settings.max_body_bytes,
        )
        reply = await file_stream.take_in(
            Place(**request.path_params), payloads.read_json(body), caller, services
        )
    except Exception as error:  # noqa: BLE001  most statuses would end the run's stream for good
        return answers.stream_error(error)
    return answers.json_answer(200, {"stopped": True} if reply.stopped else {})


@router.put("/storage/{signed}/{name:path}")
async def upload_route(signed: str, request: Request, services: ServicesDep) -> Response:
    """One file's bytes."""
    try:
        await file_upload.take_in(request, services, signed, UPLOADS)
    except Exception as error:  # noqa: BLE001
        return answers.upload_error(error)
    return answers.json_answer(200, {})


@router.get("/storage/{signed}/{name:path}")
def download_route(signed: str, name: str, services: ServicesDep) -> FileResponse:
    """The bytes behind a signed address."""
    return file_upload.hand_out(services, signed, name)


router.include_router(artifact_download.router)


class HotPaths:
    """ASGI middleware: GraphQL and file_stream, answered before FastAPI looks for a route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on."""
        handler = _hot(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if handler is None:
            await self._app(scope, receive, send)
            return
        answer = await handler(Request(scope, receive))
        await answer(scope, receive, send)


def _hot(scope: Scope) -> Callable[[Request], Awaitable[Response]] | None:
    path = scope["path"]
    if path == "/graphql":
        return graphql_route
    match path.split("/"):
        case ["", "files", entity, project, run, "file_stream"]:
            scope["path_params"] = {"entity": entity, "project": project, "run": run}
            return file_stream_route
    return None
