"""Manifests of artifacts, and the commit that makes a version of what was uploaded.

A commit wants the manifest and every entry's bytes. An incremental manifest is merged with that of
its base, and kept so: whoever reads a version finds all of its entries.

Source: PROTOCOL 12 (wandb 0.31.0, core/pkg/artifacts/saver.go).
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest, NotOfferedHere
from paribus_service.store import artifact_bytes, manifests
from paribus_service.store import artifacts as artifact_store
from paribus_service.store.artifacts import PENDING
from paribus_service.store.files import StoredBlob
from paribus_service.store.tables import Artifact, ArtifactManifest
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.file_upload import upload_url
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()


@resolvers("Mutation", "createArtifactManifest")
def create_manifest(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """A manifest, with the address to PUT its JSON to."""
    base = input.get("base_artifact_id")
    manifest = artifact_bytes.begin_manifest(
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
    manifest = artifact_bytes.get_manifest(context.session, number)
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
    manifest = artifact_bytes.get_manifest(session, facts["manifest"])
    if artifact_store.get_artifact(session, manifest.artifact_id).state != PENDING:
        return None
    replaced = manifest.blob
    manifest.blob = stored.name
    return replaced


@resolvers("Artifact", "currentManifest")
def current_manifest(artifact: Artifact, context: Context) -> ArtifactManifest | None:
    """The manifest that lists every entry of the version."""
    return artifact_bytes.current_manifest(context.session, artifact.id)


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
    row = artifact_bytes.current_manifest(context.session, artifact.id)
    if row is None:
        raise InvalidRequest.one("/artifactID", "the artifact's manifest has not come yet")
    manifest = _read(context, row)
    if row.kind != "INCREMENTAL" or row.base_artifact_id is None:
        return manifest
    base = artifact_bytes.current_manifest(context.session, row.base_artifact_id)
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
    known = artifact_bytes.files_of(context.session, artifact.id)
    lacking = {path: e["digest"] for path, e in entries.items() if path not in known}
    entity = artifact.collection.project.entity
    held = artifact_bytes.stored_bytes(context.session, entity, list(lacking.values()))
    absent = [path for path, digest in lacking.items() if digest not in held]
    if absent:
        raise InvalidRequest.one(
            "/artifactID",
            f"the bytes of {len(absent)} files have not come, {absent[0]!r} for one: "
            "log the artifact again",
        )
    for path, digest in lacking.items():
        blob, size = held[digest]
        artifact_bytes.keep_file(
            context.session, artifact.id, path, md5=digest, blob=blob, size_bytes=size
        )


def _artifact(context: Context, given: Mapping[str, Any]) -> Artifact:
    return artifact_store.get_artifact(
        context.session, number_of("Artifact", given["artifact_id"])
    )
