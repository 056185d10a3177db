"""Files of a run: where to put them, and what became of them.

Source: PROTOCOL 11 (wandb 0.31.0, core/api/graphql/createrunfiles.graphql,
wandb/apis/public/files.py).
"""

import mimetypes
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest, NotFound, Superseded
from paribus_service.store import files as file_store
from paribus_service.store import runs as run_store
from paribus_service.store.files import StoredBlob
from paribus_service.store.tables import Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.file_upload import upload_url
from paribus_service.wandb_backend.global_ids import global_id, number_of
from paribus_service.wandb_backend.operations.places import run_at
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_LONGEST_NAME = 1024  # bytes; longer than any path the client makes


@resolvers("Mutation", "createRunFiles")
def create_run_files(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Signed addresses for files, in the order in which they were named."""
    run = run_at(context, input, input["run_name"])
    _refuse_superseded(run, context.process_token)
    return {
        "runID": global_id("Run", run.id),
        "uploadHeaders": [],
        "files": [_announced(context, run, name) for name in input["files"]],
    }


def _announced(context: Context, run: Run, name: str) -> dict[str, Any]:
    row = file_store.announce_file(context.session, run, checked_name(name), now=context.now)
    return {
        "id": global_id("File", row.id),
        "name": name,
        "uploadUrl": run_file_url(context, run, name),
        "uploadHeaders": [],
    }


def checked_name(name: str) -> str:
    """The name of a run's file: a relative path with slashes that stays inside the run.

    Raises:
        InvalidRequest: It is none.
    """
    parts = name.split("/")
    bad = not name or "\0" in name or len(name.encode()) > _LONGEST_NAME
    if bad or name.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise InvalidRequest.one(
            "/files",
            f"{name[:80]!r} cannot be the name of a run's file: a relative path without '.' or '..' "
            f"parts, of at most {_LONGEST_NAME} bytes",
        )
    return name


def run_file_url(context: Context, run: Run, name: str) -> str:
    """A signed address to PUT a run's file to, good for this attempt and process alone."""
    return upload_url(
        context,
        "run_file",
        name,
        run=run.pk,
        name_in_run=name,
        session=run.session,
        token=context.process_token,
    )


def take_run_file(
    session: SessionDep, facts: Mapping[str, Any], stored: StoredBlob, now: datetime
) -> str | None:
    """File the stored bytes; answers which older ones they replace.

    Raises:
        NotFound: The run was deleted meanwhile.
        Superseded: Another process has taken the run over, or a later one overwrote it.
    """
    run = run_store.get_run_by_pk(session, facts["run"])
    if run.deleted_at is not None:
        raise NotFound("run", run.path, hint="it was deleted")
    _refuse_superseded(run, facts["token"])
    if facts["session"] != run.session:
        raise Superseded(run.path)
    row = file_store.announce_file(session, run, facts["name_in_run"], now=now)
    replaced = row.blob
    row.blob, row.size_bytes, row.md5 = stored.name, stored.size_bytes, stored.md5
    row.mimetype = mimetypes.guess_type(row.name)[0]
    row.updated_at = now
    return replaced


def _refuse_superseded(run: Run, token: str | None) -> None:
    if token is not None and token in run.superseded_tokens:
        raise Superseded(run.path)


@resolvers("Mutation", "markRunFilesUploaded")
def mark_run_files_uploaded(
    _root: None, context: Context, *, input: dict[str, Any]
) -> dict[str, bool]:
    """Nothing to do: we stored the bytes ourselves."""
    run = run_at(context, input, input["run_name"])
    there = {file.name for file in file_store.list_files(context.session, run)}
    return {"success": there.issuperset(input["files"])}


@resolvers("Mutation", "deleteFiles")
def delete_files(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, bool]:
    """Forget files; one that is gone already is no error."""
    for given in input["files"]:
        row = file_store.find_file_by_id(context.session, number_of("File", given))
        if row is not None:
            context.session.delete(row)
    return {"success": True}
