"""Versions of artifacts: made, committed, used, deleted. They never commit a transaction.

Promises:
- A version becomes visible, numbered and aliased in one step, when it is committed; before that it
  is in the making and nobody's.
- The same content under the same name is the same version (`find_same`).
- A request that is repeated after a lost reply finds what it made (`client_id`).

Source: PROTOCOL 12 (wandb 0.31.0, core/pkg/artifacts/saver.go).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, NotFound
from paribus_service.store import artifact_collections as collections
from paribus_service.store.artifact_bytes import files_of, is_named
from paribus_service.store.tables import (
    Artifact,
    ArtifactAlias,
    ArtifactCollection,
    ArtifactFile,
    ArtifactManifest,
    ArtifactMembership,
    ArtifactOutput,
    ArtifactUse,
    Run,
)

PENDING, COMMITTED, DELETED = "PENDING", "COMMITTED", "DELETED"


@dataclass(frozen=True, slots=True)
class NewVersion:
    """What a client says of a version that it is about to upload."""

    digest: str
    digest_algorithm: str = "MANIFEST_MD5"
    aliases: Sequence[str] = ()
    tags: Sequence[str] = ()
    description: str | None = None
    metadata_text: str | None = None
    client_id: str | None = None
    run_pk: int | None = None
    history_step: int | None = None
    ttl_seconds: int | None = None


def get_artifact(session: Session, artifact_id: int) -> Artifact:
    """The version, in whatever state.

    Raises:
        NotFound: There is none.
    """
    artifact = session.get(Artifact, artifact_id)
    if artifact is None:
        raise NotFound("artifact", str(artifact_id))
    return artifact


def find_same(
    session: Session, collection: ArtifactCollection, told: NewVersion
) -> Artifact | None:
    """The committed version with that digest, or None."""
    query = select(Artifact).where(
        Artifact.collection_id == collection.id,
        Artifact.digest == told.digest,
        Artifact.state == COMMITTED,
    )
    return session.scalar(query.order_by(Artifact.version_index.desc()).limit(1))


def find_by_client_id(session: Session, client_id: str) -> Artifact | None:
    """The version that a client calls so until it knows its id, or None."""
    query = select(Artifact).where(Artifact.client_id == client_id, Artifact.state != DELETED)
    return session.scalar(query.order_by(Artifact.id.desc()).limit(1))


def begin_version(
    session: Session, collection: ArtifactCollection, told: NewVersion, *, now: datetime
) -> Artifact:
    """A version in the making; the one that an earlier, unanswered request began."""
    known = find_by_client_id(session, told.client_id) if told.client_id else None
    if known is not None and known.collection_id == collection.id and known.digest == told.digest:
        return known
    artifact = Artifact(
        collection_id=collection.id,
        state=PENDING,
        digest=told.digest,
        digest_algorithm=told.digest_algorithm,
        description=told.description,
        metadata_text=told.metadata_text,
        tags=list(dict.fromkeys(told.tags)),
        requested_aliases=list(dict.fromkeys(told.aliases)),
        client_id=told.client_id,
        created_by_run_pk=told.run_pk,
        history_step=told.history_step,
        ttl_seconds=told.ttl_seconds,
        created_at=now,
        updated_at=now,
    )
    session.add(artifact)
    session.flush()
    return artifact


def commit_version(
    session: Session, artifact: Artifact, *, size_bytes: int, file_count: int, now: datetime
) -> None:
    """Number a version and let its aliases and `latest` point to it; doing it twice does it once.

    Raises:
        InvalidRequest: It was deleted.
    """
    if artifact.state == DELETED:
        raise InvalidRequest.one("/artifactID", "this artifact was deleted: log it again")
    if artifact.state == COMMITTED:
        return
    member = collections.place(session, artifact.collection, artifact, now=now)
    artifact.version_index = member.version_index
    artifact.state = COMMITTED
    artifact.size_bytes, artifact.file_count = size_bytes, file_count
    artifact.updated_at = now
    aliases = [*artifact.requested_aliases, collections.LATEST]
    collections.point(session, artifact.collection_id, aliases, artifact.id)


def delete_version(
    session: Session, artifact: Artifact, *, with_aliases: bool, now: datetime
) -> list[str]:
    """Forget a version; its number is not used again. Answers the blobs that nothing names now.

    Raises:
        InvalidRequest: It has aliases, and nobody said that they go too.
    """
    if artifact.state == DELETED:
        return []
    held = [row.alias for row in collections.all_aliases_of(session, artifact.id)]
    if held and not with_aliases:
        raise InvalidRequest.one(
            "/deleteAliases",
            f"artifact {artifact.collection.name}:v{artifact.version_index} has the aliases "
            f"{', '.join(held)}: delete it with delete_aliases=True, or remove them first",
        )
    for member in collections.memberships_of(session, artifact.id):
        collection = collections.get_collection(session, member.collection_id)
        collections.displace(session, collection, artifact.id)
    artifact.state, artifact.updated_at = DELETED, now
    return _forget_bytes(session, artifact.id)


def _forget_bytes(session: Session, artifact_id: int) -> list[str]:
    files = {(row.md5, row.blob) for row in files_of(session, artifact_id).values()}
    of_manifests = session.scalars(
        select(ArtifactManifest.blob).where(ArtifactManifest.artifact_id == artifact_id)
    )
    unused = [blob for blob in of_manifests if blob is not None]
    for table in (ArtifactFile, ArtifactManifest):
        session.execute(delete(table).where(table.artifact_id == artifact_id))
    return unused + [blob for md5, blob in sorted(files) if not is_named(session, md5, blob)]


def delete_collection(session: Session, collection: ArtifactCollection) -> list[str]:
    """Forget a collection, and with a sequence its versions wherever they are linked.

    Answers the blobs that nothing names now.
    """
    own = list(session.scalars(select(Artifact.id).where(Artifact.collection_id == collection.id)))
    for table in (ArtifactAlias, ArtifactMembership):
        session.execute(delete(table).where(table.collection_id == collection.id))
    unused = [blob for artifact_id in own for blob in _erase(session, artifact_id)]
    session.delete(collection)
    session.flush()
    return unused


def _erase(session: Session, artifact_id: int) -> list[str]:
    unused = _forget_bytes(session, artifact_id)
    for table in (ArtifactAlias, ArtifactMembership, ArtifactOutput, ArtifactUse):
        session.execute(delete(table).where(table.artifact_id == artifact_id))
    session.execute(delete(Artifact).where(Artifact.id == artifact_id))
    return unused


def delete_outputs_of(session: Session, run: Run, *, now: datetime) -> list[str]:
    """Forget every version that a run made. Answers the blobs that nothing names now."""
    made = select(Artifact).where(
        Artifact.created_by_run_pk == run.pk, Artifact.state == COMMITTED
    )
    unused: list[str] = []
    for artifact in session.scalars(made.order_by(Artifact.id)).unique().all():
        unused += delete_version(session, artifact, with_aliases=True, now=now)
    return unused


def use(session: Session, artifact: Artifact, run: Run) -> None:
    """Note that a run used a version."""
    if session.get(ArtifactUse, (run.pk, artifact.id)) is None:
        session.add(ArtifactUse(run_pk=run.pk, artifact_id=artifact.id))
        session.flush()


def log_again(session: Session, artifact: Artifact, run: Run) -> None:
    """Note that a run logged what was a version already; doing it twice does it once."""
    if artifact.created_by_run_pk == run.pk:
        return
    if session.get(ArtifactOutput, (run.pk, artifact.id)) is None:
        session.add(ArtifactOutput(run_pk=run.pk, artifact_id=artifact.id))
        session.flush()


def inputs_of(session: Session, run: Run) -> Sequence[Artifact]:
    """Versions that a run used."""
    query = (
        select(Artifact)
        .join(ArtifactUse, ArtifactUse.artifact_id == Artifact.id)
        .where(ArtifactUse.run_pk == run.pk, Artifact.state == COMMITTED)
    )
    return session.scalars(query.order_by(Artifact.id)).unique().all()


def outputs_of(session: Session, run: Run) -> Sequence[Artifact]:
    """Versions that a run logged, made by it or there already."""
    again = select(ArtifactOutput.artifact_id).where(ArtifactOutput.run_pk == run.pk)
    query = select(Artifact).where(
        or_(Artifact.created_by_run_pk == run.pk, Artifact.id.in_(again)),
        Artifact.state == COMMITTED,
    )
    return session.scalars(query.order_by(Artifact.id)).unique().all()


def users_of(session: Session, artifact: Artifact) -> Sequence[Run]:
    """Runs that used a version."""
    query = (
        select(Run)
        .join(ArtifactUse, ArtifactUse.run_pk == Run.pk)
        .where(ArtifactUse.artifact_id == artifact.id, Run.deleted_at.is_(None))
    )
    return session.scalars(query.order_by(Run.pk)).unique().all()
