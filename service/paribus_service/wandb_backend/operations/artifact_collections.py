"""Collections of artifacts, read: types, sequences, portfolios, and the versions in them.

Source: PROTOCOL 12 (wandb 0.31.0, wandb/sdk/artifacts/_generated/operations.py,
wandb/apis/public/artifacts.py).
"""

import json
from collections.abc import Sequence
from typing import Any

from paribus_service.errors import NotOfferedHere
from paribus_service.store import artifact_collections as collection_store
from paribus_service.store import artifacts as artifact_store
from paribus_service.store.tables import (
    Artifact,
    ArtifactCollection,
    ArtifactMembership,
    Project,
)
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.operations.pages import page_of
from paribus_service.wandb_backend.operations.viewer import Entity
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()


@resolvers.kind("ArtifactCollection")
def kind_of_collection(collection: ArtifactCollection) -> str:
    """A portfolio holds links, a sequence the versions themselves."""
    return "ArtifactPortfolio" if collection.is_portfolio else "ArtifactSequence"


@resolvers("Project", "artifactCollectionMembership")
def membership_named(
    project: Project, context: Context, *, name: str
) -> ArtifactMembership | None:
    """The place that `collection:alias` means, or None."""
    return collection_store.membership_named(context.session, project.id, name)


@resolvers("Query", "artifactCollection")
def collection_by_id(_root: None, context: Context, *, id: str) -> ArtifactCollection | None:
    """The collection with that id, or None."""
    return context.session.get(ArtifactCollection, number_of("ArtifactCollection", id))


@resolvers("Project", "artifactCollection")
def collection_named(
    project: Project, context: Context, *, name: str
) -> ArtifactCollection | None:
    """The collection of that name, or None."""
    return collection_store.find_collection(context.session, project.id, name)


@resolvers("Project", "artifactCollections")
def collections_of_project(project: Project, context: Context, **asked: Any) -> dict[str, Any]:
    """A page of the project's collections."""
    return _collections(context, project.id, **asked)


@resolvers("Project", "artifactTypes")
def types(
    project: Project, context: Context, *, first: int | None, after: str | None
) -> dict[str, Any]:
    """A page of the types that the project's collections have, by name."""
    found = [
        artifact_type(project.id, name, created_at)
        for name, created_at in collection_store.list_types(context.session, project.id)
    ]
    return counted(found, first=first, after=after, key="name")


@resolvers("Project", "artifactType")
def type_named(project: Project, context: Context, *, name: str) -> dict[str, Any] | None:
    """The type, or None where no collection has it."""
    for found, created_at in collection_store.list_types(context.session, project.id):
        if found == name:
            return artifact_type(project.id, found, created_at)
    return None


@resolvers("Entity", "artifactCollections")
def collections_of_entity(_entity: Entity, _context: Context, **_: object) -> dict[str, Any]:
    """Refused by name."""
    raise NotOfferedHere("listing artifacts across projects", hint="ask for one project's")


def artifact_type(project_id: int, name: str, created_at: Any) -> dict[str, Any]:
    """A type; it has no row of its own."""
    return {
        "id": global_id("ArtifactType", f"{project_id}:{name}"),
        "name": name,
        "description": None,
        "createdAt": created_at,
        "project": project_id,
    }


@resolvers("ArtifactType", "artifactCollection")
def collection_of_type(
    kind: dict[str, Any], context: Context, *, name: str
) -> ArtifactCollection | None:
    """The collection of that name and type, or None."""
    found = collection_store.find_collection(context.session, kind["project"], name)
    return found if found is not None and found.type_name == kind["name"] else None


@resolvers("ArtifactType", "artifactSequence")
def sequence_of_type(
    kind: dict[str, Any], context: Context, *, name: str
) -> ArtifactCollection | None:
    """The sequence of that name and type, or None: what clients around 0.21 ask for."""
    found = collection_of_type(kind, context, name=name)
    return None if found is None or found.is_portfolio else found


@resolvers("ArtifactType", "artifactCollections")
def collections_of_type(kind: dict[str, Any], context: Context, **asked: Any) -> dict[str, Any]:
    """A page of the collections of that type."""
    return _collections(context, kind["project"], type_name=kind["name"], **asked)


def _collections(
    context: Context,
    project_id: int,
    *,
    first: int | None,
    after: str | None,
    filters: str | None,
    order: str | None,
    type_name: str | None = None,
) -> dict[str, Any]:
    if filters and json.loads(filters):
        raise NotOfferedHere("filtering artifact collections", hint="list them, and choose")
    found = collection_store.list_collections(
        context.session, project_id, type_name=type_name, order=order
    )
    return counted(found, first=first, after=after)


for _type in ("ArtifactSequence", "ArtifactPortfolio"):
    resolvers.fields(
        _type,
        {
            "id": lambda collection: global_id("ArtifactCollection", collection.id),
            "defaultArtifactType": lambda collection: artifact_type(
                collection.project_id, collection.type_name, collection.created_at
            ),
            "tags": lambda collection: {
                "edges": [{"node": tag(name)} for name in collection.tags]
            },
        },
    )

    @resolvers(_type, "state")
    def state_of_collection(collection: ArtifactCollection, context: Context) -> str:
        """Whether this very request deleted it."""
        gone = context.remembered.get("deleted collection") == collection.id
        return "DELETED" if gone else "READY"

    @resolvers(_type, "aliases")
    def aliases_of_collection(
        collection: ArtifactCollection, context: Context, *, first: int | None, after: str | None
    ) -> dict[str, Any]:
        """A page of the collection's aliases."""
        names = collection_store.aliases_in(context.session, collection.id)
        found = [alias_of(collection, name) for name in names]
        return page_of(found, first=first, after=after, key=lambda alias: str(alias["alias"]))

    @resolvers(_type, "artifactMembership")
    def membership_in_collection(
        collection: ArtifactCollection, context: Context, *, alias_name: str
    ) -> ArtifactMembership | None:
        """The place that an alias or `vN` means, or None."""
        return collection_store.find_membership(context.session, collection, alias_name)

    @resolvers(_type, "artifacts")
    def versions_of_collection(
        collection: ArtifactCollection, context: Context, **asked: Any
    ) -> dict[str, Any]:
        """A page of the collection's versions, the newest first."""
        return _versions(collection, context, **asked)


@resolvers("ArtifactSequence", "latestArtifact")
def latest_artifact(collection: ArtifactCollection, context: Context) -> Artifact | None:
    """The newest committed version: what the next incremental one builds on."""
    member = collection_store.find_membership(context.session, collection, collection_store.LATEST)
    return None if member is None else artifact_of(member, context)


@resolvers("ArtifactSequence", "digestAlgorithm")
def digest_algorithm(_collection: ArtifactCollection, _context: Context) -> str:
    """How the client shall compute digests."""
    return "MANIFEST_MD5"


def _versions(
    collection: ArtifactCollection,
    context: Context,
    *,
    first: int | None,
    after: str | None,
    order: str | None,
    filters: str | None,
) -> dict[str, Any]:
    wanted = json.loads(filters) if filters else {}
    if set(wanted or {}) - {"state"}:
        raise NotOfferedHere("filtering artifact versions by anything but state")
    members = collection_store.list_memberships(context.session, collection.id, order=order)
    page = counted(members, first=first, after=after)
    for edge in page["edges"]:
        member = edge["node"]
        edge["version"] = f"v{member.version_index}"
        edge["node"] = artifact_of(member, context)
    return page


@resolvers("ArtifactCollectionMembership", "artifact")
def artifact_of(member: ArtifactMembership, context: Context) -> Artifact:
    """The version that stands there."""
    return artifact_store.get_artifact(context.session, member.artifact_id)


@resolvers("ArtifactCollectionMembership", "artifactCollection")
def collection_of(member: ArtifactMembership, context: Context) -> ArtifactCollection:
    """The collection that it is a place in."""
    return collection_store.get_collection(context.session, member.collection_id)


@resolvers("ArtifactCollectionMembership", "aliases")
def aliases_of_membership(member: ArtifactMembership, context: Context) -> list[dict[str, Any]]:
    """The version's aliases in that collection."""
    collection = collection_of(member, context)
    names = collection_store.aliases_of(context.session, collection.id, member.artifact_id)
    return [alias_of(collection, name) for name in names]


resolvers.fields(
    "ArtifactCollectionMembership",
    {"id": lambda member: global_id("ArtifactCollectionMembership", member.id)},
)


def tag(name: str) -> dict[str, str]:
    """A tag; it has no row of its own."""
    return {"id": global_id("Tag", name), "name": name}


def alias_of(collection: ArtifactCollection, name: str) -> dict[str, Any]:
    """An alias, or `vN`, of a version in a collection."""
    return {
        "id": global_id("ArtifactAlias", f"{collection.id}:{name}"),
        "alias": name,
        "artifactCollection": collection,
    }


def counted(
    found: Sequence[Any], *, first: int | None, after: str | None, key: str | None = None
) -> dict[str, Any]:
    """A page that says how many there are in all."""
    page = page_of(
        found, first=first, after=after, key=lambda item: str(item[key] if key else item.id)
    )
    return {**page, "totalCount": len(found)}
