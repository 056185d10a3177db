"""Artifacts, read: types, collections, versions, aliases, who made them and who used them.

Source: PROTOCOL 12 (wandb 0.31.0, wandb/sdk/artifacts/_generated/operations.py,
wandb/apis/public/artifacts.py).
"""

import json
from collections.abc import Sequence
from typing import Any

from paribus_service.errors import NotOfferedHere
from paribus_service.store import artifact_collections as collection_store
from paribus_service.store import artifacts as artifact_store
from paribus_service.store import runs as run_store
from paribus_service.store.tables import (
    Artifact,
    ArtifactCollection,
    ArtifactMembership,
    Project,
    Run,
)
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.operations.pages import page_of
from paribus_service.wandb_backend.operations.viewer import Entity
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_NO_TTL = -1  # the client reads it as "none" (wandb/sdk/artifacts/_validators.py)


@resolvers.kind("ArtifactCollection")
def kind_of_collection(collection: ArtifactCollection) -> str:
    """A portfolio holds links, a sequence the versions themselves."""
    return "ArtifactPortfolio" if collection.is_portfolio else "ArtifactSequence"


@resolvers.kind("ArtifactCreator")
def kind_of_creator(creator: Any) -> str:
    """Versions are made by runs; the schema knows users too."""
    return "Run" if isinstance(creator, Run) else "User"


# ---- where reading begins


@resolvers("Query", "artifact")
def artifact_by_id(_root: None, context: Context, *, id: str) -> Artifact | None:
    """The version with that id, or None."""
    number = number_of("Artifact", id)
    return context.session.get(Artifact, number)


@resolvers("Query", "artifactCollection")
def collection_by_id(_root: None, context: Context, *, id: str) -> ArtifactCollection | None:
    """The collection with that id, or None."""
    return context.session.get(ArtifactCollection, number_of("ArtifactCollection", id))


@resolvers("Query", "clientIDMapping")
def client_id_mapping(_root: None, context: Context, *, client_id: str) -> dict[str, str] | None:
    """The id of what a client named by an id of its own while it uploaded it."""
    artifact = artifact_store.find_by_client_id(context.session, client_id)
    return None if artifact is None else {"serverID": global_id("Artifact", artifact.id)}


@resolvers("Project", "artifact")
def artifact_named(
    project: Project, context: Context, *, name: str, **_: object
) -> Artifact | None:
    """The version that `collection:alias` means, or None."""
    member = collection_store.membership_named(context.session, project.id, name)
    return None if member is None else artifact_of(member, context)


@resolvers("Project", "artifactCollectionMembership")
def membership_named(
    project: Project, context: Context, *, name: str
) -> ArtifactMembership | None:
    """The place that `collection:alias` means, or None."""
    return collection_store.membership_named(context.session, project.id, name)


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
    return _counted(found, first=first, after=after, key="name")


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


@resolvers("Run", "inputArtifacts")
def inputs(run: Run, context: Context, *, first: int | None, after: str | None) -> dict[str, Any]:
    """A page of versions that the run used."""
    return _artifacts(artifact_store.inputs_of(context.session, run), first=first, after=after)


@resolvers("Run", "outputArtifacts")
def outputs(run: Run, context: Context, *, first: int | None, after: str | None) -> dict[str, Any]:
    """A page of versions that the run logged."""
    return _artifacts(artifact_store.outputs_of(context.session, run), first=first, after=after)


# ---- types and collections


def artifact_type(project_id: int, name: str, created_at: Any) -> dict[str, Any]:
    """A type; it has no row of its own."""
    return {
        "id": global_id("ArtifactType", f"{project_id}:{name}"),
        "name": name,
        "description": None,
        "createdAt": created_at,
        "project": project_id,
    }


@resolvers("ArtifactType", "artifact")
def artifact_of_type(kind: dict[str, Any], context: Context, *, name: str) -> Artifact | None:
    """The version of that name and type, or None: what clients around 0.21 ask for."""
    member = collection_store.membership_named(context.session, kind["project"], name)
    found = None if member is None else artifact_of(member, context)
    return found if found is not None and found.collection.type_name == kind["name"] else None


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
    return _counted(found, first=first, after=after)


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
        found = [_alias(collection, name) for name in names]
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
    page = _counted(members, first=first, after=after)
    for edge in page["edges"]:
        member = edge["node"]
        edge["version"] = f"v{member.version_index}"
        edge["node"] = artifact_of(member, context)
    return page


# ---- places


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
    return [_alias(collection, name) for name in names]


resolvers.fields(
    "ArtifactCollectionMembership",
    {"id": lambda member: global_id("ArtifactCollectionMembership", member.id)},
)


# ---- versions


resolvers.fields(
    "Artifact",
    {
        "id": lambda artifact: global_id("Artifact", artifact.id),
        "artifactSequence": lambda artifact: artifact.collection,
        "artifactType": lambda artifact: artifact_type(
            artifact.collection.project_id,
            artifact.collection.type_name,
            artifact.collection.created_at,
        ),
        "metadata": lambda artifact: artifact.metadata_text,
        "ttlDurationSeconds": lambda artifact: artifact.ttl_seconds or _NO_TTL,
        "ttlIsInherited": lambda artifact: artifact.ttl_seconds is None,
        "tags": lambda artifact: [tag(name) for name in artifact.tags],
        "size": lambda artifact: artifact.size_bytes,
        "commitHash": lambda artifact: None,
    },
)


@resolvers("Artifact", "aliases")
def aliases(artifact: Artifact, context: Context) -> list[dict[str, Any]]:
    """The version's aliases in every collection, and its number in each as `vN`.

    Clients around 0.21 read a link's own number there and nowhere else.
    """
    session = context.session
    named = [
        (row.collection_id, row.alias)
        for row in collection_store.all_aliases_of(session, artifact.id)
    ]
    places = collection_store.memberships_of(session, artifact.id)
    numbered = [(place.collection_id, f"v{place.version_index}") for place in places]
    return [
        _alias(collection_store.get_collection(session, collection_id), alias)
        for collection_id, alias in named + numbered
    ]


@resolvers("Artifact", "createdBy")
def created_by(artifact: Artifact, context: Context) -> Run | None:
    """The run that logged it, unless that was deleted."""
    if artifact.created_by_run_pk is None:
        return None
    run = run_store.get_run_by_pk(context.session, artifact.created_by_run_pk)
    return None if run.deleted_at is not None else run


@resolvers("Artifact", "usedBy")
def used_by(
    artifact: Artifact, context: Context, *, first: int | None, after: str | None
) -> dict[str, Any]:
    """A page of the runs that used it."""
    runs = artifact_store.users_of(context.session, artifact)
    return page_of(runs, first=first, after=after, key=lambda run: run.id)


@resolvers("Artifact", "artifactMemberships")
def memberships(
    artifact: Artifact, context: Context, *, first: int | None, after: str | None
) -> dict[str, Any]:
    """A page of the version's places: its own sequence, and where it is linked."""
    found = collection_store.memberships_of(context.session, artifact.id)
    return _counted(found, first=first, after=after)


def tag(name: str) -> dict[str, str]:
    """A tag; it has no row of its own."""
    return {"id": global_id("Tag", name), "name": name}


def _alias(collection: ArtifactCollection, name: str) -> dict[str, Any]:
    return {
        "id": global_id("ArtifactAlias", f"{collection.id}:{name}"),
        "alias": name,
        "artifactCollection": collection,
    }


def _artifacts(
    found: Sequence[Artifact], *, first: int | None, after: str | None
) -> dict[str, Any]:
    return _counted(found, first=first, after=after)


def _counted(
    found: Sequence[Any], *, first: int | None, after: str | None, key: str | None = None
) -> dict[str, Any]:
    page = page_of(
        found, first=first, after=after, key=lambda item: str(item[key] if key else item.id)
    )
    return {**page, "totalCount": len(found)}
