"""The files of a run, listed and downloaded.

Whoever asks for names gets an edge for each, with size 0 where there is no such file: the client
takes element 0 without looking (`run.file("x")`).

Source: PROTOCOL 11 (wandb 0.31.0, wandb/apis/public/files.py).
"""

from typing import Any

from paribus_service.store import files as file_store
from paribus_service.store.tables import File, Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.file_upload import download_url
from paribus_service.wandb_backend.global_ids import global_id
from paribus_service.wandb_backend.operations.files import run_file_url
from paribus_service.wandb_backend.operations.pages import cursor, read_cursor
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_LARGEST_PAGE = 1000


@resolvers("Run", "fileCount")
def file_count(run: Run, context: Context) -> int:
    """How many files have come."""
    return file_store.count_files(context.session, run)


@resolvers("Run", "files")
def files(
    run: Run,
    context: Context,
    *,
    names: list[str | None] | None,
    after: str | None,
    first: int | None,
    pattern: str | None,
) -> dict[str, Any]:
    """A page of files by name: all, those that are named, or those LIKE `pattern`."""
    wanted = [name for name in names or () if name]
    size = min(_LARGEST_PAGE if first is None else max(first, 0), _LARGEST_PAGE)
    behind = read_cursor(after) if after else None
    found = file_store.page_of_files(
        context.session, run, names=wanted, pattern=pattern, after=behind, limit=size + 1
    )
    nodes = [_node(run, row) for row in found[:size]]
    if behind is None:
        there = {row.name for row in found}
        nodes += [_absent(run, name) for name in dict.fromkeys(wanted) if name not in there]
    edges = [{"node": node, "cursor": cursor(node["name"])} for node in nodes]
    return {
        "edges": edges,
        "pageInfo": {
            "hasNextPage": len(found) > size,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
        "totalCount": file_store.count_files(context.session, run),
    }


def _node(run: Run, row: File) -> dict[str, Any]:
    return {
        "id": global_id("File", row.id),
        "name": row.name,
        "displayName": row.name,
        "sizeBytes": row.size_bytes,
        "mimetype": row.mimetype,
        "updatedAt": row.updated_at,
        "md5": row.md5,
        "digest": row.md5,
        "uploadHeaders": [],
        "blob": row.blob,
        "run": run,
    }


def _absent(run: Run, name: str) -> dict[str, Any]:
    return {
        "id": global_id("File", 0),
        "name": name,
        "displayName": name,
        "sizeBytes": 0,
        "uploadHeaders": [],
        "run": run,
    }


@resolvers("File", "url")
def url(node: dict[str, Any], context: Context, *, upload: bool | None) -> str | None:
    """Where to GET the bytes, or with `upload` where to PUT them."""
    if upload and "run" in node:
        return run_file_url(context, node["run"], node["name"])
    return direct_url(node, context)


@resolvers("File", "directUrl")
def direct_url(node: dict[str, Any], context: Context) -> str | None:
    """Where to GET the bytes without any authorization; None where there are none."""
    if node.get("blob") is None:
        return None
    return download_url(context, node["blob"], node["name"], node.get("mimetype"))
