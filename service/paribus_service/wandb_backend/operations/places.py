"""Find what a client names by entity, project and name."""

from collections.abc import Mapping
from typing import Any

from paribus_service.errors import NotFound
from paribus_service.orchestration.registry import DEFAULT_PROJECT
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import key_of


def run_at(context: Context, place: Mapping[str, Any], name: str) -> Run:
    """The run that `entity_name`, `project_name` and a run name say.

    Raises:
        NotFound: There is none, or it was deleted.
    """
    entity = context.entity(place.get("entity_name"))
    project = place.get("project_name") or DEFAULT_PROJECT
    return run_store.get_run_at(context.session, entity, project, name)


def run_by_id(context: Context, given: str) -> Run:
    """The run with a global id, deleted or not.

    Raises:
        NotFound: There is none.
    """
    run = run_store.find_run_by_id(context.session, key_of("Run", given))
    if run is None:
        raise NotFound("run", given)
    return run
