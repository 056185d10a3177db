"""Artifacts, changed: begin a version, use it, name it, link it, delete it.

Source: PROTOCOL 12 (wandb 0.31.0, core/pkg/artifacts/saver.go, wandb/sdk/artifacts/artifact.py).
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from paribus_service.errors import InvalidRequest, NotFound, NotOfferedHere
from paribus_service.orchestration import names
from paribus_service.store import artifact_collections as collection_store
from paribus_service.store import artifacts as artifact_store
from paribus_service.store import projects as project_store
from paribus_service.store.artifacts import COMMITTED, NewVersion
from paribus_service.store.tables import Artifact, ArtifactCollection, Project, Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import number_of
from paribus_service.wandb_backend.operations.artifact_collections import tag
from paribus_service.wandb_backend.operations.places import run_at
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_SUCCESS = {"success": True}
_HERE = (None, "", "default")  # storage regions that mean wherever the service keeps its bytes


@resolvers("Mutation", "createArtifact")
def create_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """A version in the making; the committed one when it has the same content."""
    _refuse_what_is_not_offered(input)
    run = run_at(context, input, input["run_name"]) if input.get("run_name") else None
    project = run.project if run is not None else _project(context, input)
    collection = collection_store.ensure_collection(
        context.session,
        project,
        _collection_name(input),
        type_name=input["artifact_type_name"],
        client_id=input.get("sequence_client_id"),
        now=context.now,
    )
    told = _told(input, run)
    same = artifact_store.find_same(context.session, collection, told)
    if same is not None and input.get("enable_digest_deduplication", True):
        collection_store.point(context.session, collection.id, told.aliases, same.id)
        if run is not None:
            artifact_store.log_again(context.session, same, run)
        return {"artifact": same}
    version = artifact_store.begin_version(context.session, collection, told, now=context.now)
    return {"artifact": version}


def _refuse_what_is_not_offered(given: Mapping[str, Any]) -> None:
    if given.get("distributed_id"):
        raise NotOfferedHere(
            "an artifact that several processes write together (upsert_artifact)",
            hint="let one process log it",
        )
    if given.get("storage_region") not in _HERE:
        raise NotOfferedHere(f"the storage region {given['storage_region']!r}")


def _collection_name(given: Mapping[str, Any]) -> str:
    several = given.get("artifact_collection_names") or []
    name: str | None = given.get("artifact_collection_name") or next(iter(several), None)
    if name is None:
        raise InvalidRequest.one("/artifactCollectionName", "an artifact needs a name")
    return name


def _told(given: Mapping[str, Any], run: Run | None) -> NewVersion:
    return NewVersion(
        digest=given["digest"],
        digest_algorithm=given.get("digest_algorithm") or "MANIFEST_MD5",
        aliases=_aliases(given.get("aliases") or []),
        tags=[each["tag_name"] for each in given.get("tags") or []],
        description=given.get("description"),
        metadata_text=_metadata(given.get("metadata")),
        client_id=given.get("client_id"),
        run_pk=run.pk if run else None,
        history_step=given.get("history_step"),
        ttl_seconds=_ttl(given.get("ttl_duration_seconds")),
    )


def _aliases(given: Iterable[Mapping[str, Any]]) -> list[str]:
    """The aliases to set; `vN` is the version's own number and no alias."""
    wanted = [each["alias"] for each in given]
    for alias in wanted:
        if not alias or "/" in alias or ":" in alias:
            raise InvalidRequest.one(
                "/aliases", f"{alias!r} cannot be an alias: some text without '/' and ':'"
            )
    return [alias for alias in wanted if not (alias[0] == "v" and alias[1:].isdecimal())]


def _metadata(text: str | None) -> str | None:
    if text is not None and not isinstance(json.loads(text), dict):
        raise InvalidRequest.one("/metadata", "an artifact's metadata is a JSON object")
    return text


def _ttl(seconds: int | None) -> int | None:
    """-1 inherits, 0 keeps for ever; nothing is deleted by age here, the wish is kept."""
    return None if seconds is None or seconds < 0 else seconds


def _project(context: Context, given: Mapping[str, Any]) -> Project:
    entity = names.check("entity", context.entity(given.get("entity_name")))
    name = names.check("project", given["project_name"])
    return project_store.ensure_project(context.session, entity, name, now=context.now)


@resolvers("Mutation", "useArtifact")
def use_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Note that a run used a version."""
    artifact = _artifact(context, input)
    artifact_store.use(context.session, artifact, run_at(context, input, input["run_name"]))
    return {"artifact": artifact}


@resolvers("Mutation", "updateArtifact")
def update_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Change description, metadata, tags, time to live, aliases; what is absent stays."""
    artifact = _artifact(context, input)
    if input.get("description") is not None:
        artifact.description = input["description"]
    if input.get("metadata") is not None:
        artifact.metadata_text = _metadata(input["metadata"])
    if input.get("ttl_duration_seconds") is not None:
        artifact.ttl_seconds = _ttl(input["ttl_duration_seconds"])
    if input.get("aliases") is not None:
        _replace_aliases(context, artifact, input["aliases"])
    gone = {each["tag_name"] for each in input.get("tags_to_delete") or []}
    added = [each["tag_name"] for each in input.get("tags_to_add") or []]
    artifact.tags = [name for name in dict.fromkeys([*artifact.tags, *added]) if name not in gone]
    artifact.updated_at = context.now
    context.session.flush()
    return {"artifact": artifact}


def _replace_aliases(context: Context, artifact: Artifact, given: list[Mapping[str, Any]]) -> None:
    """Aliases of the version's own sequence, as the client has them; links keep theirs."""
    own = artifact.collection
    wanted = _aliases([a for a in given if a["artifact_collection_name"] == own.name])
    held = collection_store.aliases_of(context.session, own.id, artifact.id)
    gone = [alias for alias in held if alias not in wanted and alias != collection_store.LATEST]
    collection_store.remove_aliases(context.session, own.id, artifact.id, gone)
    collection_store.point(context.session, own.id, wanted, artifact.id)


@resolvers("Mutation", "addAliases")
def add_aliases(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, bool]:
    """Let aliases point to a version, in the collections that are named."""
    artifact = _artifact(context, input)
    for each in input["aliases"]:
        collection = _aliased_collection(context, artifact, each)
        collection_store.point(context.session, collection.id, _aliases([each]), artifact.id)
    return _SUCCESS


@resolvers("Mutation", "deleteAliases")
def delete_aliases(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, bool]:
    """Take aliases from a version; what points elsewhere stays."""
    artifact = _artifact(context, input)
    for each in input["aliases"]:
        collection = _aliased_collection(context, artifact, each)
        collection_store.remove_aliases(
            context.session, collection.id, artifact.id, [each["alias"]]
        )
    return _SUCCESS


def _aliased_collection(
    context: Context, artifact: Artifact, alias: Mapping[str, Any]
) -> ArtifactCollection:
    own = artifact.collection.project
    entity = alias.get("entity_name") or own.entity
    project_name = alias.get("project_name") or own.name
    project = project_store.find_project(context.session, entity, project_name)
    name = alias["artifact_collection_name"]
    collection = None
    if project is not None:
        collection = collection_store.find_collection(context.session, project.id, name)
    if collection is None:
        raise NotFound("artifact collection", f"{entity}/{project_name}/{name}")
    if collection_store.membership_of(context.session, collection.id, artifact.id) is None:
        raise InvalidRequest.one("/aliases", f"this artifact is not in {name!r}: link it first")
    return collection


@resolvers("Mutation", "deleteArtifact")
def delete_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Forget a version."""
    artifact = _artifact(context, input)
    context.unused_blobs += artifact_store.delete_version(
        context.session,
        artifact,
        with_aliases=bool(input.get("delete_aliases")),
        now=context.now,
    )
    return {"artifact": artifact}


@resolvers("Mutation", "linkArtifact")
def link_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Put a version into a portfolio, which is made when it is missing."""
    artifact = _linked_artifact(context, input)
    portfolio = collection_store.ensure_collection(
        context.session,
        _project(context, input),
        input["artifact_portfolio_name"],
        type_name=artifact.collection.type_name,
        is_portfolio=True,
        now=context.now,
    )
    member = collection_store.place(context.session, portfolio, artifact, now=context.now)
    aliases = [*_aliases(input.get("aliases") or []), collection_store.LATEST]
    collection_store.point(context.session, portfolio.id, aliases, artifact.id)
    return {"versionIndex": member.version_index, "artifactMembership": member}


def _linked_artifact(context: Context, given: Mapping[str, Any]) -> Artifact:
    if given.get("artifact_id"):
        artifact = _artifact(context, given)
    else:
        client_id = given.get("client_id") or ""
        found = artifact_store.find_by_client_id(context.session, client_id)
        if found is None:
            raise NotFound("artifact", client_id, hint="log it before linking it")
        artifact = found
    if artifact.state != COMMITTED:
        raise InvalidRequest.one("/artifactID", "only a logged artifact can be linked")
    return artifact


@resolvers("Mutation", "unlinkArtifact")
def unlink_artifact(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Take a version out of a portfolio; the version itself stays.

    Raises:
        InvalidRequest: It is the sequence that the version was logged to.
    """
    artifact = _artifact(context, input)
    portfolio = _collection(context, input["artifact_portfolio_id"])
    if portfolio.id == artifact.collection_id:
        raise InvalidRequest.one(
            "/artifactPortfolioID", "an artifact cannot be unlinked from its own collection"
        )
    collection_store.displace(context.session, portfolio, artifact.id)
    return {"artifactID": input["artifact_id"], "success": True}


@resolvers("Mutation", "updateArtifactSequence")
def update_sequence(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Rename or describe a sequence."""
    return _renamed(context, _collection(context, input["artifact_sequence_id"]), input)


@resolvers("Mutation", "updateArtifactPortfolio")
def update_portfolio(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Rename or describe a portfolio."""
    return _renamed(context, _collection(context, input["artifact_portfolio_id"]), input)


def _renamed(
    context: Context, collection: ArtifactCollection, given: Mapping[str, Any]
) -> dict[str, Any]:
    collection_store.rename_collection(
        context.session,
        collection,
        name=given.get("name"),
        description=given.get("description"),
        now=context.now,
    )
    return {"artifactCollection": collection}


@resolvers("Mutation", "moveArtifactSequence")
def move_sequence(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Give a sequence another type."""
    collection = _collection(context, input["artifact_sequence_id"])
    collection.type_name = input["destination_artifact_type_name"]
    collection.updated_at = context.now
    return {"artifactCollection": collection}


@resolvers("Mutation", "deleteArtifactSequence")
def delete_sequence(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Forget a sequence with all of its versions."""
    return _deleted(context, _collection(context, input["artifact_sequence_id"]))


@resolvers("Mutation", "deleteArtifactPortfolio")
def delete_portfolio(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Forget a portfolio; what it links to stays."""
    return _deleted(context, _collection(context, input["artifact_portfolio_id"]))


def _deleted(context: Context, collection: ArtifactCollection) -> dict[str, Any]:
    context.unused_blobs += artifact_store.delete_collection(context.session, collection)
    context.remembered["deleted collection"] = collection.id
    return {"artifactCollection": collection}


@resolvers("Mutation", "createArtifactCollectionTagAssignments")
def add_collection_tags(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Tag a collection."""
    collection = _collection_at(context, input)
    added = [each["tag_name"] for each in input["tags"]]
    collection.tags = list(dict.fromkeys([*collection.tags, *added]))
    return {"tags": [tag(name) for name in collection.tags]}


@resolvers("Mutation", "deleteArtifactCollectionTagAssignments")
def delete_collection_tags(
    _root: None, context: Context, *, input: dict[str, Any]
) -> dict[str, bool]:
    """Take tags from a collection."""
    collection = _collection_at(context, input)
    gone = {each["tag_name"] for each in input["tags"]}
    collection.tags = [name for name in collection.tags if name not in gone]
    return _SUCCESS


def _collection_at(context: Context, given: Mapping[str, Any]) -> ArtifactCollection:
    name = given["artifact_collection_name"]
    found = collection_store.find_collection(context.session, _project(context, given).id, name)
    if found is None:
        raise NotFound("artifact collection", name)
    return found


def _collection(context: Context, given: str) -> ArtifactCollection:
    number = number_of("ArtifactCollection", given)
    return collection_store.get_collection(context.session, number)


def _artifact(context: Context, given: Mapping[str, Any]) -> Artifact:
    number = number_of("Artifact", given["artifact_id"])
    return artifact_store.get_artifact(context.session, number)
