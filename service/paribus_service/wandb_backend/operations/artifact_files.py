"""Bytes of artifacts, up and down, and the commit that makes a version of them.

An entry's bytes are known by their digest: what the entity holds already is not uploaded again,
and what comes is compared with the digest that was announced. A commit wants every entry's bytes.

Source: PROTOCOL 12 (wandb 0.31.0, core/pkg/artifacts/saver.go and downloader.go).
"""

import json
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest, NotOfferedHere
from paribus_service.store import artifacts as artifact_store
from paribus_service.store import manifests
from paribus_service.store.artifacts import PENDING
from paribus_service.store.files import StoredBlob
from paribus_service.store.tables import (
    Artifact,
    ArtifactFile,
    ArtifactManifest,
    ArtifactMembership,
)
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.file_upload import upload_url
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.operations.pages import cursor, read_cursor
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_LARGEST_PAGE = 5000


# ---- entries


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
        found.update(artifact_store.stored_bytes(context.session, entity, digests))
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
        artifact_store.keep_file(
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
    known = artifact_store.find_file(session, facts["artifact"], facts["entry"])
    replaced = None if known is None else (known.md5, known.blob)
    artifact_store.keep_file(
        session,
        facts["artifact"],
        facts["entry"],
        md5=stored.md5,
        blob=stored.name,
        size_bytes=stored.size_bytes,
    )
    if replaced is None or artifact_store.is_named(session, *replaced):
        return None
    return replaced[1]


@resolvers("Mutation", "completeMultipartUploadArtifact")
def complete_multipart(_root: None, _context: Context, *, input: dict[str, Any]) -> None:
    """Refused by name; we never hand out addresses for parts."""
    raise NotOfferedHere("uploading an artifact's file in parts")


# ---- manifests


@resolvers("Mutation", "createArtifactManifest")
def create_manifest(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """A manifest, with the address to PUT its JSON to."""
    base = input.get("base_artifact_id")
    manifest = artifact_store.begin_manifest(
        context.session,
        _artifact(context, input),
        name=input["name"],
        kind=_offered(input.get("type") or "FULL"),
        digest=input["digest"],
        base_artifact_id=number_of("Artifact", base) if base else None,
        now=context.now,
    )
    return {"artifactManifest": manifest}


def _offered(kind: str) -> str:
    if kind == "PATCH":
        raise NotOfferedHere(
            "an artifact that several processes write together (upsert_artifact)",
            hint="let one process log it",
        )
    return kind


@resolvers("Mutation", "updateArtifactManifest")
def update_manifest(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Change what was said of a manifest before its JSON comes."""
    number = number_of("ArtifactManifest", input["artifact_manifest_id"])
    manifest = artifact_store.get_manifest(context.session, number)
    manifest.digest = input.get("digest") or manifest.digest
    if input.get("base_artifact_id"):
        manifest.base_artifact_id = number_of("Artifact", input["base_artifact_id"])
    return {"artifactManifest": manifest}


@resolvers("ArtifactManifest", "id")
def manifest_id(manifest: ArtifactManifest, _context: Context) -> str:
    """The manifest's global id."""
    return global_id("ArtifactManifest", manifest.id)


@resolvers("ArtifactManifest", "file")
def manifest_file(manifest: ArtifactManifest, context: Context) -> dict[str, Any]:
    """The manifest's JSON as a file: where to PUT it, and once it has come, where to GET it."""
    return {
        "id": global_id("ArtifactManifest", manifest.id),
        "name": manifest.name,
        "displayName": manifest.name,
        "blob": manifest.blob,
        "mimetype": "application/json",
        "uploadHeaders": [],
        "uploadUrl": upload_url(context, "artifact_manifest", manifest.name, manifest=manifest.id),
    }


def take_manifest(
    session: SessionDep, facts: Mapping[str, Any], stored: StoredBlob, _now: datetime
) -> str | None:
    """File a manifest's JSON; that of a committed version stays as it is."""
    manifest = artifact_store.get_manifest(session, facts["manifest"])
    if artifact_store.get_artifact(session, manifest.artifact_id).state != PENDING:
        return None
    replaced = manifest.blob
    manifest.blob = stored.name
    return replaced


@resolvers("Artifact", "currentManifest")
def current_manifest(artifact: Artifact, context: Context) -> ArtifactManifest | None:
    """The manifest that lists every entry of the version."""
    return artifact_store.current_manifest(context.session, artifact.id)


# ---- the commit


@resolvers("Mutation", "commitArtifact")
def commit_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make what was uploaded a version: numbered, aliased, listed.

    Raises:
        InvalidRequest: Its manifest or some of its bytes have not come.
    """
    artifact = _artifact(context, input)
    if artifact.state == PENDING:
        manifest = _whole_manifest(context, artifact)
        _keep_entries(context, artifact, manifest)
        artifact_store.commit_version(
            context.session,
            artifact,
            size_bytes=manifests.total_size(manifest),
            file_count=len(manifest["contents"]),
            now=context.now,
        )
    return {"artifact": artifact}


def _whole_manifest(context: Context, artifact: Artifact) -> dict[str, Any]:
    """The manifest that came; an incremental one merged with its base, and kept so."""
    row = artifact_store.current_manifest(context.session, artifact.id)
    if row is None:
        raise InvalidRequest.one("/artifactID", "the artifact's manifest has not come yet")
    manifest = _read(context, row)
    if row.kind != "INCREMENTAL" or row.base_artifact_id is None:
        return manifest
    base = artifact_store.current_manifest(context.session, row.base_artifact_id)
    if base is None:
        raise InvalidRequest.one(
            "/baseArtifactID", "the version that this one adds to has no manifest"
        )
    whole = manifests.merged(_read(context, base), manifest)
    context.unused_blobs += [row.blob] if row.blob else []
    row.blob = context.services.files.keep(json.dumps(whole).encode()).name
    return whole


def _read(context: Context, row: ArtifactManifest) -> dict[str, Any]:
    assert row.blob is not None
    with context.services.files.open(row.blob) as file:
        return manifests.read_manifest(file.read())


def _keep_entries(context: Context, artifact: Artifact, manifest: Mapping[str, Any]) -> None:
    entries = manifests.stored_entries(manifest)
    known = artifact_store.files_of(context.session, artifact.id)
    lacking = {path: e["digest"] for path, e in entries.items() if path not in known}
    entity = artifact.collection.project.entity
    held = artifact_store.stored_bytes(context.session, entity, list(lacking.values()))
    absent = [path for path, digest in lacking.items() if digest not in held]
    if absent:
        raise InvalidRequest.one(
            "/artifactID",
            f"the bytes of {len(absent)} files have not come, {absent[0]!r} for one: "
            "log the artifact again",
        )
    for path, digest in lacking.items():
        blob, size = held[digest]
        artifact_store.keep_file(
            context.session, artifact.id, path, md5=digest, blob=blob, size_bytes=size
        )


# ---- the way back


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
    rows = artifact_store.page_of_files(
        context.session,
        artifact.id,
        names=names or (),
        after=read_cursor(after) if after else None,
        limit=size + 1,
    )
    edges = [_edge(artifact, row) for row in rows[:size]]
    pages = {"hasNextPage": len(rows) > size, "endCursor": edges[-1]["cursor"] if edges else None}
    total = len(rows) if names else artifact_store.count_files(context.session, artifact.id)
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
    held = artifact_store.files_of(context.session, artifact.id)
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
