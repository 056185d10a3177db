"""The calls that annotate: read, work out what differs, write that alone, in one breath.

Between reading and writing lie milliseconds, and no question of anybody else here. What a person
writes there in that moment is lost: W&B's mutations replace a run's notes, tags and summary whole.

Standard library only: this runs beside the client, in its environment.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from paribus_service.orchestration.upstream import documents
from paribus_service.orchestration.upstream.annotation_text import (
    NONE_ADDED,
    Change,
    both,
    change_of,
)
from paribus_service.orchestration.upstream.messages import Added, Annotated, Content
from paribus_service.orchestration.upstream.refusals import Refusal

LIVE = ("pending", "running", "preempting")
"""W&B's words of a run whose client may still write its summary."""
_NOT_KEPT = "the server did not keep all that it was sent"


class Asking(Protocol):
    """What of `calls.Client` is needed here."""

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer; what fails may be sent again."""
        ...

    def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an answer to something that must not be sent twice."""
        ...


def annotate_run(
    client: Asking,
    entity: str,
    project: str,
    run_id: str,
    wanted: Mapping[str, Any],
    recorded: Mapping[str, Any],
) -> Annotated:
    """`Upstream.annotate_run`."""
    named = {"entity": entity, "project": project, "name": run_id}
    node = _node(client, documents.ANNOTATED_RUN, named, "run")
    content, before = Content(**wanted), Added(**recorded)
    if node.get("state") in LIVE:
        return Annotated(before, is_live=True)
    change = _change(node, content, before)
    if change.is_empty:
        return Annotated(change.added, change.left, has_block=change.has_block)
    told = client.tell(documents.ANNOTATE_RUN, {"id": node["id"], **variables_of(change)})
    kept = (told.get("upsertBucket") or {}).get("bucket") or node
    if _change(kept, content, change.known).is_empty:
        return _written(change)
    # What is ours there still is what was before: were it forgotten, nobody could take it back.
    is_stale = kept.get("summaryMetrics") == node.get("summaryMetrics")
    ours = both(change.added, change.known) if is_stale else both(change.known, change.added)
    return _written(replace(change, added=ours, left=[*change.left, _NOT_KEPT]))


def annotate_sweep(
    client: Asking, entity: str, project: str, sweep_id: str, wanted: Mapping[str, Any]
) -> Annotated:
    """`Upstream.annotate_sweep`: read again afterwards, since nothing says that it was kept."""
    named = {"entity": entity, "project": project, "name": sweep_id}
    node = _node(client, documents.ANNOTATED_SWEEP, named, "sweep")
    content = Content(**wanted)
    change = _change_of_sweep(node, content)
    if change.is_empty:
        return Annotated(change.added, change.left, has_block=change.has_block)
    variables = {"id": node["id"], "description": change.notes}
    where = {"entityName": entity, "projectName": project}
    client.tell(documents.ANNOTATE_SWEEP, variables | where)
    kept = _node(client, documents.ANNOTATED_SWEEP, named, "sweep")
    if not _change_of_sweep(kept, content).is_empty:
        change.left.append(f"its description: {_NOT_KEPT}")
    if kept.get("config") != node.get("config"):
        change.left.append("its config there changed with its description: look at it")
    return _written(change)


def variables_of(change: Change) -> dict[str, Any]:
    """What of a run is written; what is not named stays as it is."""
    found = {
        "tags": change.tags,
        "notes": change.notes,
        "summaryMetrics": change.summary_text,
    }
    return {name: value for name, value in found.items() if value is not None}


def _written(change: Change) -> Annotated:
    return Annotated(change.added, change.left, was_written=True, has_block=change.has_block)


def _change(node: Mapping[str, Any], wanted: Content, recorded: Added) -> Change:
    return change_of(
        summary_text=node.get("summaryMetrics") or "{}",
        tags=node.get("tags") or [],
        notes=node.get("notes"),
        wanted=wanted,
        recorded=recorded,
    )


def _change_of_sweep(node: Mapping[str, Any], wanted: Content) -> Change:
    return change_of(
        summary_text="{}",
        tags=[],
        notes=node.get("description"),
        wanted=Content({}, [], wanted.lines),
        recorded=NONE_ADDED,
    )


def _node(client: Asking, document: str, named: Mapping[str, str], kind: str) -> Mapping[str, Any]:
    found = client.ask(document, named).get("project")
    where = f"{named['entity']}/{named['project']}"
    if found is None:
        raise Refusal.missing("project", where)
    if found.get(kind) is None:
        raise Refusal.missing(kind, f"{where}/{named['name']}")
    node: Mapping[str, Any] = found[kind]
    return node
