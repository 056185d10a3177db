"""A run as it is without what an annotation wrote to it: so the mirror takes it in.

What Paribus says of runs must not become something that it is asked about: no key of an
annotation is a response, no tag and no note of it makes a run a changed one.
"""

from dataclasses import replace

from sqlalchemy.orm import Session

from paribus_service.orchestration.upstream.annotation_text import (
    NONE_ADDED,
    NOTHING,
    change_of,
    may_hold_ours,
)
from paribus_service.orchestration.upstream.messages import Added, RemoteRun
from paribus_service.store import annotations
from paribus_service.store.tables import Run


def unannotated(session: Session, remote: RemoteRun, run: Run | None) -> RemoteRun:
    """The run there as it was before we, or another Paribus, annotated it.

    Args:
        session: Of the caller.
        remote: As it was listed.
        run: Ours, where it is here already.
    """
    if may_hold_ours(remote.summary_text, remote.tags, remote.notes):
        remote = _without_ours(remote, _recorded(session, run))
    if run is not None and not remote.notes and not run.notes:
        return replace(remote, notes=run.notes)  # no notes, and empty ones, say the same
    return remote


def _without_ours(remote: RemoteRun, recorded: Added) -> RemoteRun:
    back = change_of(
        summary_text=remote.summary_text,
        tags=remote.tags,
        notes=remote.notes,
        wanted=NOTHING,
        recorded=recorded,
    )
    return replace(
        remote,
        summary_text=remote.summary_text if back.summary_text is None else back.summary_text,
        tags=remote.tags if back.tags is None else back.tags,
        notes=remote.notes if back.notes is None else back.notes,
    )


def _recorded(session: Session, run: Run | None) -> Added:
    if run is None:
        return NONE_ADDED
    known = annotations.known_of(session, run.pk)
    return Added(known.keys, known.tags)
