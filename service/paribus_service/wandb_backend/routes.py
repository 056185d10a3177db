"""Which path of W&B's protocol goes where."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse

from paribus_service.dependencies import ServicesDep
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


@router.post("/graphql")
async def graphql_route(request: Request, services: ServicesDep) -> Response:
    """All of GraphQL."""
    try:
        asked = graphql.Request.of(payloads.read_json(await request.body()))
        data = await graphql.answer(asked, caller_of(request, services), services)
    except Exception as error:  # noqa: BLE001  every error leaves in the shape that clients read
        return answers.graphql_error(error)
    return answers.json_answer(200, {"data": data})


@router.post("/files/{entity}/{project}/{run}/file_stream")
async def file_stream_route(
    entity: str, project: str, run: str, request: Request, services: ServicesDep
) -> Response:
    """What a run reports while it runs."""
    try:
        caller = caller_of(request, services)
        body = payloads.inflate(
            await request.body(),
            request.headers.get("content-encoding"),
            limit_bytes=services.settings.max_body_bytes,
        )
        place = Place(entity, project, run)
        reply = await file_stream.take_in(place, payloads.read_json(body), caller, services)
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
