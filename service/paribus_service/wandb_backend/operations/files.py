"""Files of a run: where to put them, and what became of them.

Source: PROTOCOL 11 (wandb 0.31.0, core/api/graphql/createrunfiles.graphql,
wandb/apis/public/files.py).
"""

import logging
import mimetypes
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.errors import NotFound, Superseded
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
log = logging.getLogger(__name__)

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
    problem = problem_with(name)
    if problem is not None:
        # Without an address the client leaves this file out, and sends the others.
        log.warning("run %s: file %r is not taken in: %s", run.path, name[:80], problem)
        return {"id": "", "name": name, "uploadUrl": None, "uploadHeaders": []}
    row = file_store.announce_file(context.session, run, name, now=context.now)
    return {
        "id": global_id("File", row.id),
        "name": name,
        "uploadUrl": run_file_url(context, run, name),
        "uploadHeaders": [],
    }


def problem_with(name: str) -> str | None:
    """Why a text cannot be the name of a run's file, or None: it must stay inside the run."""
    if not name or "\0" in name:
        return "it is empty, or holds a zero byte"
    if len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        return f"it is longer than {_LONGEST_NAME} bytes"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "it is no relative path, or has '.' or '..' in it"
    return None


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
            context.unused_blobs += [row.blob] if row.blob else []
    return {"success": True}
