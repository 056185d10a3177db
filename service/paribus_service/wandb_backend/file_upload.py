"""Bytes in and out by addresses that prove themselves.

A client PUTs files and GETs artifacts without any authorization, so each address carries what it
is for, signed (PROTOCOL 2 and 11). Bytes are streamed to the file store first; only when they are
whole and on disk does a row name them. A PUT that is torn leaves nothing, and one that is repeated
replaces the same bytes.

Source: wandb 0.31.0, core/internal/filetransfer/file_transfer_default.go.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import FileResponse

from paribus_service.dependencies import Services, SessionDep
from paribus_service.errors import NotFound, SignatureInvalid
from paribus_service.store.files import StoredBlob
from paribus_service.wandb_backend.context import Context

Taker = Callable[[SessionDep, Mapping[str, Any], StoredBlob, datetime], str | None]
"""Files stored bytes under what their address was for; the answer is a blob that is now unused."""


def upload_url(context: Context, kind: str, name: str, **facts: Any) -> str:
    """A signed address to PUT one file to.

    Args:
        context: Of the request that asks for it.
        kind: Which taker gets the stored bytes: a key of `operations.UPLOADS`.
        name: Of the file; only its last part stands in the address, for people who read logs.
        facts: What the taker needs to know, as JSON.
    """
    signed = context.services.signer.sign("upload", {"kind": kind, **facts})
    return f"{context.base_url}/storage/{signed}/{_last_part(name)}"


def download_url(context: Context, blob: str, name: str, mimetype: str | None = None) -> str:
    """A signed address to GET a blob from, without any other authorization."""
    signed = context.services.signer.sign("download", {"blob": blob, "mimetype": mimetype})
    return f"{context.base_url}/storage/{signed}/{_last_part(name)}"


def _last_part(name: str) -> str:
    # Never "." or "..": a client or proxy would walk up the path.
    last = name.rsplit("/", 1)[-1]
    return quote(last, safe="") if last.strip(".") else "file"


async def take_in(
    request: Request, services: Services, signed: str, takers: Mapping[str, Taker]
) -> None:
    """Store the body of a PUT, and file it.

    Raises:
        SignatureInvalid: Not an upload address of ours, or too old.
        BodyTooLarge: More than `max_upload_bytes` came.
        StorageFull: The disk is full.
        Superseded: The process that asked for the address no longer may write.
    """
    facts = _read(services, "upload", signed)
    taker = takers.get(facts["kind"])
    if taker is None:
        raise SignatureInvalid("this upload address is of a kind that is no longer known")
    stored = await services.files.write(
        request.stream(), limit_bytes=services.settings.max_upload_bytes
    )
    now = services.clock.now()
    try:
        job = partial(_file, taker=taker, facts=facts, stored=stored, now=now)
        unused = await asyncio.wrap_future(services.writer.submit(job))
    except BaseException:
        services.files.delete(stored.name)
        raise
    if unused is not None and unused != stored.name:
        services.files.delete(unused)


def _file(
    session: SessionDep,
    *,
    taker: Taker,
    facts: Mapping[str, Any],
    stored: StoredBlob,
    now: datetime,
) -> str | None:
    return taker(session, facts, stored, now)


def hand_out(services: Services, signed: str, name: str) -> FileResponse:
    """The bytes behind a download address.

    Raises:
        SignatureInvalid: Not a download address of ours, or too old.
        NotFound: The bytes were replaced or deleted.
    """
    facts = _read(services, "download", signed)
    return blob_answer(services, facts["blob"], name, facts["mimetype"])


def _read(services: Services, purpose: str, signed: str) -> dict[str, Any]:
    limit = services.settings.upload_url_seconds
    facts: dict[str, Any] = services.signer.read(purpose, signed, max_age_seconds=limit)
    return facts


def blob_answer(
    services: Services, blob: str, name: str, mimetype: str | None = None
) -> FileResponse:
    """A blob as an answer that a browser saves and never runs.

    Raises:
        NotFound: The bytes are gone.
    """
    if not services.files.exists(blob):
        raise NotFound("file", name, hint="it was replaced or deleted; ask for its address again")
    return FileResponse(
        services.files.path(blob),
        media_type=mimetype or "application/octet-stream",
        filename=name.rsplit("/", 1)[-1] or "file",
        headers={"X-Content-Type-Options": "nosniff"},
    )
