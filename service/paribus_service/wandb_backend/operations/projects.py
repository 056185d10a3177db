"""Projects: what is in one, and making one.

Source: PROTOCOL 7, 13 (wandb 0.31.0, wandb/apis/public/projects.py, core/api/graphql/*.graphql).
"""

from typing import Any

from paribus_service.errors import NotOfferedHere
from paribus_service.orchestration import names
from paribus_service.orchestration.registry import DEFAULT_PROJECT
from paribus_service.store import projects as project_store
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.tables import Project, Run, Sweep
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, key_of, number_of
from paribus_service.wandb_backend.operations.pages import page_of
from paribus_service.wandb_backend.operations.viewer import Entity, User
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()


@resolvers("Query", "project")
def project(
    _root: None,
    context: Context,
    *,
    name: str | None,
    entity_name: str | None,
    id: str | None = None,
    internal_id: str | None = None,
) -> Project | None:
    """The project, or None: the client says "could not find project" itself."""
    if id:
        return project_store.get_project(context.session, number_of("Project", id))
    if internal_id:
        number = number_of("ProjectInternalId", internal_id)
        return project_store.get_project(context.session, number)
    entity = context.entity(entity_name)
    return project_store.find_project(context.session, entity, name or DEFAULT_PROJECT)


@resolvers("Query", "model")
def model(
    _root: None, context: Context, *, name: str | None, entity_name: str | None
) -> Project | None:
    """W&B's older word for a project."""
    return project(None, context, name=name, entity_name=entity_name)


@resolvers("Query", "models")
def models(
    _root: None,
    context: Context,
    *,
    entity_name: str | None,
    first: int | None,
    after: str | None,
    filters: str | None,
    **_order: Any,
) -> dict[str, Any]:
    """An entity's projects, by name."""
    if filters not in (None, "", "{}", "null"):
        raise NotOfferedHere("filtering projects")
    found = project_store.list_projects(context.session, context.entity(entity_name))
    return page_of(found, first=first, after=after, key=lambda project: project.name)


@resolvers("Mutation", "upsertModel")
def upsert_model(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Make a project, or describe one."""
    entity = names.check("entity", context.entity(input.get("entity_name")))
    name = names.check("project", input.get("name") or DEFAULT_PROJECT)
    known = project_store.find_project(context.session, entity, name)
    made = project_store.ensure_project(context.session, entity, name, now=context.now)
    if input.get("description") is not None:
        made.description = input["description"]
    return {"project": made, "model": made, "inserted": known is None}


@resolvers("Project", "run")
def run(project: Project, context: Context, *, name: str, **_desc: Any) -> Run | None:
    """A run of the project, or None; deleted ones are gone."""
    found = run_store.find_run(context.session, project.id, name)
    return None if found is None or found.deleted_at is not None else found


@resolvers("Project", "bucket")
def bucket(project: Project, context: Context, *, name: str, **_missing_ok: Any) -> Run | None:
    """W&B's older word for a run. Missing is null and no error: resume depends on it."""
    return run(project, context, name=name)


@resolvers("Project", "sweep")
def sweep(project: Project, context: Context, *, sweep_name: str) -> Sweep | None:
    """A sweep of the project, by its name (what people call its id) or its global id."""
    found = sweep_store.find_sweep(context.session, key_of("Sweep", sweep_name))
    return found if found is not None and found.project_id == project.id else None


@resolvers("Project", "sweeps")
def sweeps(
    project: Project,
    context: Context,
    *,
    first: int | None,
    after: str | None,
    filters: str | None,
    **_order: Any,
) -> dict[str, Any]:
    """The project's sweeps, newest first."""
    if filters not in (None, "", "{}", "null"):
        raise NotOfferedHere("filtering sweeps")
    found = sweep_store.sweeps_of_project(context.session, project.id)
    total = len(found)
    return {**page_of(found, first=first, after=after, key=lambda s: s.id), "totalCount": total}


@resolvers("Project", "totalSweeps")
def total_sweeps(project: Project, context: Context) -> int:
    """How many sweeps the project has."""
    return sweep_store.count_sweeps(context.session, project.id)


@resolvers("Project", "allViews")
def all_views(_project: Project, context: Context, **_asked: Any) -> dict[str, Any]:
    """Reports are not offered; there are none to list."""
    return {"edges": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}


resolvers.fields(
    "Project",
    {
        "id": lambda project: global_id("Project", project.id),
        "internalId": lambda project: global_id("ProjectInternalId", project.id),
        "entityName": lambda project: project.entity,
        "access": lambda project: "ENTITY_WRITE",
        "views": lambda project: {},
        "isBenchmark": lambda project: False,
        "readOnly": lambda project: False,
        "entity": lambda project: Entity(project.entity),
        "user": lambda project: User(project.entity, project.entity),
    },
)
