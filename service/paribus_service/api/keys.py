"""Keys over REST: list, make, revoke; for admins."""

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from paribus_service.api.bodies.answers import KeyIn, KeyOut, NewKeyOut
from paribus_service.api.bodies.base import Page
from paribus_service.api.errors_declared import CREATES, LISTS, READS, WRITES
from paribus_service.api.idempotency import OnceDep, Reply
from paribus_service.api.links import API
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.dependencies import Admin, BaseUrl, ClockDep, SessionDep
from paribus_service.orchestration import keys
from paribus_service.store import keys as key_store

router = APIRouter(
    tags=["keys"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)


@router.get("/keys", operation_id="list_keys", responses=LISTS)
def list_keys(_who: Admin, session: SessionDep) -> Page[KeyOut]:
    """All keys, oldest first, by what may be shown of them."""
    return Page(items=[KeyOut.of(key) for key in key_store.list_keys(session)])


@router.post(
    "/keys",
    status_code=201,
    operation_id="create_key",
    response_model=NewKeyOut,
    responses=CREATES,
)
def create_key(body: KeyIn, who: Admin, once: OnceDep, clock: ClockDep, base: BaseUrl) -> Response:
    """Make a key. It is shown in this answer and never again, nor in that of a repetition."""

    def create() -> Reply:
        made = keys.create_key(
            once.session,
            name=body.name,
            entity=body.entity or who.entity,
            scopes=body.scopes,
            now=clock.now(),
            expires_at=body.expires_at and body.expires_at.astimezone(UTC),
        )
        once.session.flush()
        shown = KeyOut.of(key_store.get_key(once.session, made.id)).model_dump()
        location = {"Location": f"{base}{API}/keys/{made.id}"}
        kept = NewKeyOut(**shown, key=None)
        return Reply(NewKeyOut(**shown, key=made.secret), 201, location, kept)

    return once.answer(create)


@router.get("/keys/{key_id:plain}", operation_id="show_key", responses=READS)
def show_key(key_id: str, _who: Admin, session: SessionDep) -> KeyOut:
    """A key, by what may be shown of it."""
    return KeyOut.of(key_store.get_key(session, key_id))


@router.post(
    "/keys/{key_id}:revoke",
    operation_id="revoke_key",
    response_model=KeyOut,
    responses=WRITES,
)
def revoke_key(
    key_id: Annotated[str, Path(description="Its id, or its visible prefix.")],
    _who: Admin,
    once: OnceDep,
    clock: ClockDep,
) -> Response:
    """End a key; it works for at most five seconds more."""

    def revoke() -> Reply:
        return Reply(KeyOut.of(keys.revoke_key(once.session, key_id, now=clock.now())))

    return once.answer(revoke)
