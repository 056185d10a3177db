"""Bytes of artifacts' entries, up and down.

An entry's bytes are known by their digest: what the entity holds already is not uploaded again,
and what comes is compared with the digest that was announced.

Source: PROTOCOL 12 (wandb 0.31.0, core/pkg/artifacts/saver.go and downloader.go).
"""

import mimetypes
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest, NotOfferedHere
from paribus_service.store import artifact_bytes
from paribus_service.store import artifacts as artifact_store
from paribus_service.store.files import StoredBlob
from paribus_service.store.tables import Artifact, ArtifactFile, ArtifactMembership
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.file_upload import upload_url
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.operations.pages import cursor, read_cursor
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_LARGEST_PAGE = 5000


@resolvers("Mutation", "createArtifactFiles")
def create_artifact_files(
    _root: None, context: Context, *, input: dict[str, Any]
) -> dict[str, Any]:
    """For each entry, in order, where to PUT its bytes; nowhere if we hold them already."""
    specs = input["artifact_files"]
    held = _held(context, specs)
    edges = [{"node": _announced(context, spec, held), "cursor": ""} for spec in specs]
    pages = {"hasNextPage": False, "endCursor": None}
    return {"files": {"edges": edges, "pageInfo": pages, "totalCount": len(edges)}}


def _held(context: Context, specs: list[dict[str, Any]]) -> dict[str, tuple[str, int | None]]:
    found: dict[str, tuple[str, int | None]] = {}
    entities = {_artifact(context, spec).collection.project.entity for spec in specs}
    for entity in entities:
        digests = [spec["md5"] for spec in specs]
        found.update(artifact_bytes.stored_bytes(context.session, entity, digests))
    files = context.services.files
    return {md5: place for md5, place in found.items() if files.exists(place[0])}


def _announced(
    context: Context, spec: dict[str, Any], held: Mapping[str, tuple[str, int | None]]
) -> dict[str, Any]:
    artifact, name, md5 = _artifact(context, spec), spec["name"], spec["md5"]
    node: dict[str, Any] = {
        "id": global_id("ArtifactFile", f"{artifact.id}:{name}"),
        "name": name,
        "storagePath": f"{artifact.collection.project.entity}/{md5}",
        "uploadHeaders": [],
        "uploadUrl": None,
        "artifact": artifact,  # never null: the client dies of it (PROTOCOL 16)
    }
    if md5 in held:
        blob, size = held[md5]
        artifact_bytes.keep_file(
            context.session, artifact.id, name, md5=md5, blob=blob, size_bytes=size
        )
        return node
    address = upload_url(context, "artifact_file", name, artifact=artifact.id, entry=name, md5=md5)
    return {**node, "uploadUrl": address}


def _artifact(context: Context, given: Mapping[str, Any]) -> Artifact:
    return artifact_store.get_artifact(
        context.session, number_of("Artifact", given["artifact_id"])
    )


def take_artifact_file(
    session: SessionDep, facts: Mapping[str, Any], stored: StoredBlob, _now: datetime
) -> str | None:
    """File an entry's bytes; answers which blob they replace.

    Raises:
        InvalidRequest: The bytes are not those that were announced.
    """
    if stored.md5 != facts["md5"]:
        raise InvalidRequest.one(
            "/body",
            f"{facts['entry']!r} came with the digest {stored.md5}, and {facts['md5']} was "
            "announced: the file changed while it was uploaded, log the artifact again",
        )
    known = artifact_bytes.find_file(session, facts["artifact"], facts["entry"])
    replaced = None if known is None else (known.md5, known.blob)
    artifact_bytes.keep_file(
        session,
        facts["artifact"],
        facts["entry"],
        md5=stored.md5,
        blob=stored.name,
        size_bytes=stored.size_bytes,
    )
    if replaced is None or artifact_bytes.is_named(session, *replaced):
        return None
    return replaced[1]


@resolvers("Mutation", "completeMultipartUploadArtifact")
def complete_multipart(_root: None, _context: Context, *, input: dict[str, Any]) -> None:
    """Refused by name; we never hand out addresses for parts."""
    raise NotOfferedHere("uploading an artifact's file in parts")


@resolvers("Artifact", "files")
def files_of_artifact(
    artifact: Artifact,
    context: Context,
    *,
    names: list[str] | None,
    first: int | None,
    after: str | None,
) -> dict[str, Any]:
    """A page of the version's files, with addresses."""
    size = min(_LARGEST_PAGE if first is None else max(first, 0), _LARGEST_PAGE)
    rows = artifact_bytes.page_of_files(
        context.session,
        artifact.id,
        names=names or (),
        after=read_cursor(after) if after else None,
        limit=size + 1,
    )
    edges = [_edge(artifact, row) for row in rows[:size]]
    pages = {"hasNextPage": len(rows) > size, "endCursor": edges[-1]["cursor"] if edges else None}
    total = len(rows) if names else artifact_bytes.count_files(context.session, artifact.id)
    return {"edges": edges, "pageInfo": pages, "totalCount": total}


@resolvers("ArtifactCollectionMembership", "files")
def files_of_membership(
    member: ArtifactMembership, context: Context, **asked: Any
) -> dict[str, Any]:
    """A page of the files of the version that stands there."""
    artifact = artifact_store.get_artifact(context.session, member.artifact_id)
    return files_of_artifact(artifact, context, **asked)


@resolvers("Artifact", "filesByManifestEntries")
def files_by_entries(
    artifact: Artifact, context: Context, *, entries: list[dict[str, Any]] | None, **_: object
) -> dict[str, Any]:
    """The files of the named entries, with addresses, in the order in which they were named."""
    wanted = entries or []
    held = artifact_bytes.files_of(context.session, artifact.id)
    edges = [_edge(artifact, held[entry["name"]]) for entry in wanted if entry["name"] in held]
    pages = {"hasNextPage": False, "endCursor": None}
    return {"edges": edges, "pageInfo": pages, "totalCount": len(edges)}


def _edge(artifact: Artifact, row: ArtifactFile) -> dict[str, Any]:
    node: dict[str, Any] = {
        "id": global_id("ArtifactFile", f"{artifact.id}:{row.name}"),
        "name": row.name,
        "displayName": row.name,
        "sizeBytes": row.size_bytes,
        "mimetype": mimetypes.guess_type(row.name)[0],
        "updatedAt": artifact.updated_at,
        "md5": row.md5,
        "digest": row.md5,
        "storagePath": f"{artifact.collection.project.entity}/{row.md5}",
        "uploadHeaders": [],
        "artifact": artifact,
        "blob": row.blob,
    }
    return {"node": node, "cursor": cursor(row.name)}
