"""Artifact bytes by the address that a client makes up by itself, when it was given none.

Source: PROTOCOL 2 (wandb 0.31.0, wandb/sdk/artifacts/storage_policies/wandb_storage_policy.py).
"""

import base64
import binascii

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from paribus_service.dependencies import ServicesDep, SessionDep
from paribus_service.errors import NotFound
from paribus_service.store import artifact_bytes
from paribus_service.wandb_backend.callers import who_asks
from paribus_service.wandb_backend.file_upload import blob_answer

router = APIRouter(include_in_schema=False)

_OLD_PLACE = "/artifactsV2/{region}/{entity}"  # clients around 0.21
_PLACE = _OLD_PLACE + "/{project}/{collection}"


@router.get("/artifacts/{entity}/{digest}")
@router.get(_OLD_PLACE + "/{birth_id}/{digest}")
@router.get(_PLACE + "/{birth_id}/{digest}/{name}")
@router.get(_PLACE + "/{artifact_id}/{birth_id}/{digest}/{name}")
def download(
    entity: str,
    digest: str,
    request: Request,
    services: ServicesDep,
    session: SessionDep,
    name: str = "file",
) -> FileResponse:
    """The bytes that an artifact of the entity holds under an MD5 in hex.

    Raises:
        NotAuthenticated: No key, or nobody's.
        NotFound: No artifact of the entity holds such bytes.
    """
    who_asks(request, services)
    held = artifact_bytes.stored_bytes(session, entity, [_base64(digest)])
    if not held:
        raise NotFound("artifact file", digest)
    [(blob, _size)] = held.values()
    return blob_answer(services, blob, name)


def _base64(digest: str) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(digest)).decode()
    except (binascii.Error, ValueError) as error:
        raise NotFound("artifact file", digest) from error
