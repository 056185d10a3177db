"""Versions of artifacts, read: by id and by name, who made them and who used them.

Source: PROTOCOL 12 (wandb 0.31.0, wandb/sdk/artifacts/_generated/operations.py,
wandb/sdk/artifacts/artifact.py).
"""

from typing import Any

from paribus_service.store import artifact_collections as collection_store
from paribus_service.store import artifacts as artifact_store
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Artifact, Project, Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.operations.artifact_collections import (
    alias_of,
    artifact_of,
    artifact_type,
    counted,
    tag,
)
from paribus_service.wandb_backend.operations.pages import page_of
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_NO_TTL = -1  # the client reads it as "none" (wandb/sdk/artifacts/_validators.py)


@resolvers.kind("ArtifactCreator")
def kind_of_creator(creator: Any) -> str:
    """Versions are made by runs; the schema knows users too."""
    return "Run" if isinstance(creator, Run) else "User"


@resolvers("Query", "artifact")
def artifact_by_id(_root: None, context: Context, *, id: str) -> Artifact | None:
    """The version with that id, or None."""
    number = number_of("Artifact", id)
    return context.session.get(Artifact, number)


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


@resolvers("ArtifactType", "artifact")
def artifact_of_type(kind: dict[str, Any], context: Context, *, name: str) -> Artifact | None:
    """The version of that name and type, or None: what clients around 0.21 ask for."""
    member = collection_store.membership_named(context.session, kind["project"], name)
    found = None if member is None else artifact_of(member, context)
    return found if found is not None and found.collection.type_name == kind["name"] else None


@resolvers("Run", "inputArtifacts")
def inputs(run: Run, context: Context, *, first: int | None, after: str | None) -> dict[str, Any]:
    """A page of versions that the run used."""
    return counted(artifact_store.inputs_of(context.session, run), first=first, after=after)


@resolvers("Run", "outputArtifacts")
def outputs(run: Run, context: Context, *, first: int | None, after: str | None) -> dict[str, Any]:
    """A page of versions that the run logged."""
    return counted(artifact_store.outputs_of(context.session, run), first=first, after=after)


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
    },
)


@resolvers("Artifact", "commitHash")
def commit_hash(artifact: Artifact, context: Context) -> str | None:
    """What stands for the content since its commit: the digest; the client dies of null there."""
    return artifact.digest if artifact.state == artifact_store.COMMITTED else None


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
        alias_of(collection_store.get_collection(session, collection_id), alias)
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
    return counted(found, first=first, after=after)
