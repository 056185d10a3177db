"""Collections of artifact versions, their aliases, and which version a name means.

A sequence holds the versions that runs logged under one name; a portfolio holds links to versions
of sequences, and numbers them by itself. Aliases belong to a collection, and each points to one
version of it. Nothing here commits.

Source: PROTOCOL 12 (wandb 0.31.0, wandb/sdk/artifacts/artifact.py).
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, NotFound
from paribus_service.store.tables import (
    Artifact,
    ArtifactAlias,
    ArtifactCollection,
    ArtifactMembership,
    Project,
)

LATEST = "latest"
_VERSION = re.compile(r"v(0|[1-9][0-9]*)")
_MAX_NAME = 128  # as the client checks (wandb/sdk/artifacts/_validators.py)


def find_collection(session: Session, project_id: int, name: str) -> ArtifactCollection | None:
    """The collection of that name, or None."""
    return session.scalar(
        select(ArtifactCollection).where(
            ArtifactCollection.project_id == project_id, ArtifactCollection.name == name
        )
    )


def get_collection(session: Session, collection_id: int) -> ArtifactCollection:
    """The collection.

    Raises:
        NotFound: There is none.
    """
    collection = session.get(ArtifactCollection, collection_id)
    if collection is None:
        raise NotFound("artifact collection", str(collection_id))
    return collection


def ensure_collection(
    session: Session,
    project: Project,
    name: str,
    *,
    type_name: str,
    is_portfolio: bool = False,
    client_id: str | None = None,
    now: datetime,
) -> ArtifactCollection:
    """The collection; made when it is missing.

    Raises:
        InvalidRequest: A name that cannot be one, or that stands for artifacts of another type.
    """
    collection = find_collection(session, project.id, _checked(name))
    if collection is None:
        collection = ArtifactCollection(
            project_id=project.id,
            type_name=type_name,
            name=name,
            is_portfolio=is_portfolio,
            tags=[],
            client_id=client_id,
            next_version=0,
            created_at=now,
            updated_at=now,
        )
        session.add(collection)
        session.flush()
    if collection.type_name != type_name:
        raise InvalidRequest.one(
            "/artifactTypeName",
            f"artifact {name!r} has type {collection.type_name!r} and cannot take one of type "
            f"{type_name!r}: choose another name",
        )
    if collection.is_portfolio != is_portfolio:
        what, other = ("links", "versions") if collection.is_portfolio else ("versions", "links")
        raise InvalidRequest.one(
            "/artifactCollectionName", f"{name!r} holds {what} and takes no {other}"
        )
    return collection


def _checked(name: str) -> str:
    if not name or len(name) > _MAX_NAME or "/" in name or ":" in name:
        raise InvalidRequest.one(
            "/artifactCollectionName",
            f"{name[:200]!r} cannot name artifacts: 1 to {_MAX_NAME} characters, none '/' or ':'",
        )
    return name


def list_collections(
    session: Session,
    project_id: int,
    *,
    type_name: str | None = None,
    order: str | None = None,
) -> Sequence[ArtifactCollection]:
    """Collections of a project, the newest first, or by `name`, `createdAt` or `updatedAt`."""
    query = select(ArtifactCollection).where(ArtifactCollection.project_id == project_id)
    if type_name is not None:
        query = query.where(ArtifactCollection.type_name == type_name)
    columns = {
        "name": ArtifactCollection.name,
        "createdAt": ArtifactCollection.created_at,
        "updatedAt": ArtifactCollection.updated_at,
    }
    sign, wanted = _signed(order or "-createdAt")
    column = columns.get(wanted, ArtifactCollection.created_at)
    key = ArtifactCollection.id.desc() if sign == "-" else ArtifactCollection.id.asc()
    query = query.order_by(column.desc() if sign == "-" else column.asc(), key)
    return session.scalars(query).unique().all()


def _signed(order: str) -> tuple[str, str]:
    return ("-", order[1:]) if order.startswith("-") else ("+", order.removeprefix("+"))


def list_types(session: Session, project_id: int) -> list[tuple[str, datetime]]:
    """(type, when its first collection was made), by name."""
    query = (
        select(ArtifactCollection.type_name, func.min(ArtifactCollection.created_at))
        .where(ArtifactCollection.project_id == project_id)
        .group_by(ArtifactCollection.type_name)
        .order_by(ArtifactCollection.type_name)
    )
    return [(name, created_at) for name, created_at in session.execute(query)]


def rename_collection(
    session: Session,
    collection: ArtifactCollection,
    *,
    name: str | None,
    description: str | None,
    now: datetime,
) -> None:
    """Give a collection another name or description.

    Raises:
        InvalidRequest: The name is taken, or none.
    """
    if name is not None and name != collection.name:
        if find_collection(session, collection.project_id, _checked(name)) is not None:
            raise InvalidRequest.one(
                "/name", f"there is an artifact {name!r} in this project already"
            )
        collection.name = name
    if description is not None:
        collection.description = description
    collection.updated_at = now


def place(
    session: Session, collection: ArtifactCollection, artifact: Artifact, *, now: datetime
) -> ArtifactMembership:
    """The version's place in a collection, with the next number; as it is when it has one."""
    member = membership_of(session, collection.id, artifact.id)
    if member is None:
        member = ArtifactMembership(
            collection_id=collection.id,
            artifact_id=artifact.id,
            version_index=collection.next_version,
            created_at=now,
        )
        collection.next_version += 1
        collection.updated_at = now
        session.add(member)
        session.flush()
    return member


def displace(session: Session, collection: ArtifactCollection, artifact_id: int) -> None:
    """Take a version out of a collection, with its aliases; `latest` goes to the newest left."""
    had = set(aliases_of(session, collection.id, artifact_id))
    session.execute(
        delete(ArtifactMembership).where(
            ArtifactMembership.collection_id == collection.id,
            ArtifactMembership.artifact_id == artifact_id,
        )
    )
    remove_aliases(session, collection.id, artifact_id, had)
    newest = newest_membership(session, collection.id)
    if LATEST in had and newest is not None:
        point(session, collection.id, [LATEST], newest.artifact_id)


def membership_of(
    session: Session, collection_id: int, artifact_id: int
) -> ArtifactMembership | None:
    """The version's place in the collection, or None."""
    return session.scalar(
        select(ArtifactMembership).where(
            ArtifactMembership.collection_id == collection_id,
            ArtifactMembership.artifact_id == artifact_id,
        )
    )


def memberships_of(session: Session, artifact_id: int) -> Sequence[ArtifactMembership]:
    """Every place of a version, its own sequence first."""
    return session.scalars(
        select(ArtifactMembership)
        .where(ArtifactMembership.artifact_id == artifact_id)
        .order_by(ArtifactMembership.id)
    ).all()


def newest_membership(session: Session, collection_id: int) -> ArtifactMembership | None:
    """The place with the largest number, or None."""
    return session.scalar(
        select(ArtifactMembership)
        .where(ArtifactMembership.collection_id == collection_id)
        .order_by(ArtifactMembership.version_index.desc())
        .limit(1)
    )


def list_memberships(
    session: Session, collection_id: int, *, order: str | None = None
) -> Sequence[ArtifactMembership]:
    """Places in a collection, the newest first, or by `versionIndex` or `createdAt`."""
    sign, wanted = _signed(order or "-versionIndex")
    by_time = wanted in ("createdAt", "created_at")
    column = ArtifactMembership.created_at if by_time else ArtifactMembership.version_index
    query = select(ArtifactMembership).where(ArtifactMembership.collection_id == collection_id)
    return session.scalars(query.order_by(column.desc() if sign == "-" else column.asc())).all()


def find_membership(
    session: Session, collection: ArtifactCollection, version: str
) -> ArtifactMembership | None:
    """The place that an alias, `vN` or a digest means, or None."""
    found = _VERSION.fullmatch(version)
    places = select(ArtifactMembership).where(ArtifactMembership.collection_id == collection.id)
    if found:
        return session.scalar(places.where(ArtifactMembership.version_index == int(found[1])))
    pointed = session.get(ArtifactAlias, (collection.id, version))
    if pointed is not None:
        return membership_of(session, collection.id, pointed.artifact_id)
    by_digest = places.join(Artifact, Artifact.id == ArtifactMembership.artifact_id).where(
        Artifact.digest == version
    )
    return session.scalar(by_digest.order_by(ArtifactMembership.version_index.desc()).limit(1))


def membership_named(session: Session, project_id: int, name: str) -> ArtifactMembership | None:
    """The place that `collection:version` means; without a version, the latest."""
    collection_name, _, version = name.partition(":")
    collection = find_collection(session, project_id, collection_name)
    if collection is None:
        return None
    return find_membership(session, collection, version or LATEST)


def point(session: Session, collection_id: int, aliases: Iterable[str], artifact_id: int) -> None:
    """Make aliases of a collection mean this version; another loses them."""
    for alias in aliases:
        row = session.get(ArtifactAlias, (collection_id, alias))
        if row is None:
            session.add(
                ArtifactAlias(collection_id=collection_id, alias=alias, artifact_id=artifact_id)
            )
        else:
            row.artifact_id = artifact_id
    session.flush()


def remove_aliases(
    session: Session, collection_id: int, artifact_id: int, aliases: Iterable[str]
) -> None:
    """Take aliases from a version; what points elsewhere stays."""
    session.execute(
        delete(ArtifactAlias).where(
            ArtifactAlias.collection_id == collection_id,
            ArtifactAlias.artifact_id == artifact_id,
            ArtifactAlias.alias.in_(list(aliases)),
        )
    )


def aliases_of(session: Session, collection_id: int, artifact_id: int) -> list[str]:
    """The version's aliases in a collection, by name."""
    query = select(ArtifactAlias.alias).where(
        ArtifactAlias.collection_id == collection_id, ArtifactAlias.artifact_id == artifact_id
    )
    return sorted(session.scalars(query))


def all_aliases_of(session: Session, artifact_id: int) -> Sequence[ArtifactAlias]:
    """The version's aliases in every collection."""
    query = select(ArtifactAlias).where(ArtifactAlias.artifact_id == artifact_id)
    return session.scalars(query.order_by(ArtifactAlias.collection_id, ArtifactAlias.alias)).all()


def aliases_in(session: Session, collection_id: int) -> list[str]:
    """Every alias of a collection, by name."""
    query = select(ArtifactAlias.alias).where(ArtifactAlias.collection_id == collection_id)
    return sorted(session.scalars(query))
