"""Queue the follow-ups of a question, in the same sweep, as a new revision."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from paribus_service.api import links
from paribus_service.api.bodies.follow_ups import FollowUpsIn, RevisionOut
from paribus_service.api.errors_declared import WRITES
from paribus_service.api.etags import etag
from paribus_service.api.idempotency import OnceDep, Reply
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import (
    BaseUrl,
    Services,
    ServicesDep,
    SessionDep,
    Submitter,
)
from paribus_service.errors import InvalidRequest, ServiceError
from paribus_service.orchestration import revisions
from paribus_service.orchestration.revisions import Revision
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import session_scope
from paribus_service.store.tables import Sweep
from paribus_sweeps.errors import SweepError

router = APIRouter(
    tags=["questions"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)


@router.post(
    "/sweeps/{sweep_id}/follow-ups",
    status_code=201,
    operation_id="queue_follow_ups",
    response_model=RevisionOut,
    responses={200: {"model": RevisionOut, "description": "With `validate_only=true`."}, **WRITES},
)
def queue_follow_ups(
    sweep_id: SweepId,
    who: Submitter,
    once: OnceDep,
    services: ServicesDep,
    base: BaseUrl,
    body: FollowUpsIn | None = None,
    validate_only: Annotated[
        bool, Query(description="Answer what would be queued, and write nothing.")
    ] = False,
) -> Response:
    """Queue the runs that a question calls for, in the same sweep, as a new revision.

    Finished trials keep what they gave; a sweep that had finished runs again. A second request
    for the same finds the trials queued, and is answered 409 `nothing_to_add`; with an
    `Idempotency-Key` it is answered as the first.
    """
    plan = partial(_plan, sweep_id=sweep_id, asked=body or FollowUpsIn(), base=base)
    if validate_only:
        with session_scope(services.engine, reads_only=True) as session:
            found = RevisionOut.of(*plan(session, services), base, is_written=False)
        return Response(found.model_dump_json(), media_type="application/json")

    def queue() -> Reply:
        sweep, found = plan(once.session, services)
        revisions.write(once.session, sweep, found, now=services.clock.now(), by=who.name)
        trials = links.of_sweep(base, sweep)["trials"]
        headers = {"Location": trials, "ETag": etag(sweep.version)}
        return Reply(RevisionOut.of(sweep, found, base, is_written=True), 201, headers)

    # The answer is worked out before the write lock is taken, and found in the cache under it.
    # What is wrong with the request is said there, unless it was done before under its key.
    with (
        session_scope(services.engine, reads_only=True) as session,
        suppress(ServiceError, SweepError),
    ):
        plan(session, services)
    return once.answer(queue)


def _plan(
    session: SessionDep, services: Services, *, sweep_id: str, asked: FollowUpsIn, base: str
) -> tuple[Sweep, Revision]:
    """The sweep, and what the request would add to it."""
    sweep = sweep_store.get_sweep(session, sweep_id)
    with _in_the_body():
        found = revisions.plan(
            session,
            sweep,
            asked.inquiry(),
            asked.wish(),
            root=base,
            cache=services.answers,
            settings=services.settings,
        )
    return sweep, found


@contextmanager
def _in_the_body() -> Iterator[None]:
    """A question's problem is in the body here, and not in the query."""
    try:
        yield
    except InvalidRequest as error:
        moved = [replace(p, pointer=p.pointer.replace("?", "/", 1)) for p in error.problems]
        raise InvalidRequest(moved) from error
