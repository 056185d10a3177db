"""What an artifact's version is made of: its manifest, and the bytes of its entries.

Promises:
- Equal bytes are kept once in an entity, whichever artifacts they are in.
- A blob is free when no entry of any version stands for it (`is_named`).

Nothing here commits.

Source: PROTOCOL 12 (wandb 0.31.0, core/pkg/artifacts/saver.go).
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from paribus_service.errors import NotFound
from paribus_service.store.tables import (
    Artifact,
    ArtifactCollection,
    ArtifactFile,
    ArtifactManifest,
    Project,
)


def begin_manifest(
    session: Session,
    artifact: Artifact,
    *,
    name: str,
    kind: str,
    digest: str,
    base_artifact_id: int | None,
    now: datetime,
) -> ArtifactManifest:
    """A manifest whose JSON is about to come; the same request twice makes one."""
    known = session.scalar(
        select(ArtifactManifest).where(
            ArtifactManifest.artifact_id == artifact.id,
            ArtifactManifest.digest == digest,
            ArtifactManifest.kind == kind,
            ArtifactManifest.blob.is_(None),
        )
    )
    if known is not None:
        return known
    manifest = ArtifactManifest(
        artifact_id=artifact.id,
        name=name,
        kind=kind,
        digest=digest,
        base_artifact_id=base_artifact_id,
        created_at=now,
    )
    session.add(manifest)
    session.flush()
    return manifest


def get_manifest(session: Session, manifest_id: int) -> ArtifactManifest:
    """The manifest.

    Raises:
        NotFound: There is none.
    """
    manifest = session.get(ArtifactManifest, manifest_id)
    if manifest is None:
        raise NotFound("artifact manifest", str(manifest_id))
    return manifest


def current_manifest(session: Session, artifact_id: int) -> ArtifactManifest | None:
    """The newest manifest whose JSON has come, or None."""
    query = select(ArtifactManifest).where(
        ArtifactManifest.artifact_id == artifact_id, ArtifactManifest.blob.is_not(None)
    )
    return session.scalar(query.order_by(ArtifactManifest.id.desc()).limit(1))


def stored_bytes(
    session: Session, entity: str, digests: Collection[str]
) -> dict[str, tuple[str, int | None]]:
    """Digest → (blob, size) of bytes that an artifact of the entity holds already."""
    found: dict[str, tuple[str, int | None]] = {}
    wanted = sorted(set(digests))
    for start in range(0, len(wanted), 500):
        query = (
            select(ArtifactFile.md5, ArtifactFile.blob, ArtifactFile.size_bytes)
            .join(Artifact, Artifact.id == ArtifactFile.artifact_id)
            .join(ArtifactCollection, ArtifactCollection.id == Artifact.collection_id)
            .join(Project, Project.id == ArtifactCollection.project_id)
            .where(Project.entity == entity, ArtifactFile.md5.in_(wanted[start : start + 500]))
        )
        found.update({md5: (blob, size) for md5, blob, size in session.execute(query)})
    return found


def keep_file(
    session: Session, artifact_id: int, name: str, *, md5: str, blob: str, size_bytes: int | None
) -> None:
    """Say which bytes an entry of a version stands for; said twice, the last one holds."""
    row = session.get(ArtifactFile, (artifact_id, name))
    if row is None:
        row = ArtifactFile(artifact_id=artifact_id, name=name)
        session.add(row)
    row.md5, row.blob, row.size_bytes = md5, blob, size_bytes
    session.flush()


def is_named(session: Session, md5: str, blob: str) -> bool:
    """Some entry of some version stands for this blob, which has this digest."""
    query = select(ArtifactFile.artifact_id).where(
        ArtifactFile.md5 == md5, ArtifactFile.blob == blob
    )
    return session.scalar(query.limit(1)) is not None


def find_file(session: Session, artifact_id: int, name: str) -> ArtifactFile | None:
    """The bytes of an entry, or None."""
    return session.get(ArtifactFile, (artifact_id, name))


def files_of(session: Session, artifact_id: int) -> dict[str, ArtifactFile]:
    """Every entry of a version that has bytes here, by name."""
    query = select(ArtifactFile).where(ArtifactFile.artifact_id == artifact_id)
    return {row.name: row for row in session.scalars(query)}


def page_of_files(
    session: Session,
    artifact_id: int,
    *,
    names: Sequence[str] = (),
    after: str | None = None,
    limit: int,
) -> Sequence[ArtifactFile]:
    """Entries with bytes here, by name, behind the name `after`; of `names` where given."""
    query = select(ArtifactFile).where(ArtifactFile.artifact_id == artifact_id)
    if names:
        query = query.where(ArtifactFile.name.in_(names))
    if after is not None:
        query = query.where(ArtifactFile.name > after)
    return session.scalars(query.order_by(ArtifactFile.name).limit(limit)).all()


def count_files(session: Session, artifact_id: int) -> int:
    """How many entries have bytes here; references have none."""
    query = select(func.count()).where(ArtifactFile.artifact_id == artifact_id)
    return session.scalar(query) or 0
