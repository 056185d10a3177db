"""A request that may be sent twice and is done once.

Promises:
- The answer to an `Idempotency-Key` is stored in the transaction of its effect: both are there,
  or neither.
- Requests with one key at the same time wait for one another (the write lock is held from the
  first look on); all get the first one's answer.
- A refused request stores nothing: its key is free again.
- Keys are the caller's own: two API keys never meet in one.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header, Request, Response

from paribus_service.api.bodies.base import Answer
from paribus_service.dependencies import ServicesDep, SessionDep, get_who
from paribus_service.errors import IdempotencyMismatch
from paribus_service.orchestration.keys import Who
from paribus_service.store import keys as key_store
from paribus_service.store.engine import session_scope

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Any text of your choice: the same request with the same key is done once, "
        "and answered alike each time.",
    ),
]


@dataclass(frozen=True, slots=True)
class Reply:
    """What a route answers, before it is written out."""

    body: Answer
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    kept: Answer | None = None
    """What is stored for a repetition, where `body` holds a secret."""


@dataclass(frozen=True, slots=True)
class Once:
    """Does what a request asks for, unless it was done before."""

    session: SessionDep
    key_id: str
    idempotency_key: str | None
    request_hash: str
    services: ServicesDep

    def is_answered(self) -> bool:
        """Whether a request with this key was answered; asks without taking the write lock."""
        if self.idempotency_key is None:
            return False
        with session_scope(self.services.engine, reads_only=True) as session:
            return key_store.find_answer(session, self.key_id, self.idempotency_key) is not None

    def answer(self, act: Callable[[], Reply]) -> Response:
        """The answer of `act`, or the stored one of the first request with this key.

        Raises:
            IdempotencyMismatch: The key was used for another request.
        """
        if self.idempotency_key is None:
            return _written(act())
        now = self.services.clock.now()
        kept_for = timedelta(hours=self.services.settings.idempotency_hours)
        key_store.forget_answers(self.session, before=now - kept_for)
        stored = key_store.find_answer(self.session, self.key_id, self.idempotency_key)
        if stored is None:
            return self._first_time(act())
        if stored.request_hash != self.request_hash:
            raise IdempotencyMismatch(self.idempotency_key)
        headers = {**stored.headers, "Idempotent-Replayed": "true"}
        return Response(stored.body, stored.status, headers, media_type="application/json")

    def _first_time(self, reply: Reply) -> Response:
        assert self.idempotency_key is not None
        key_store.store_answer(
            self.session,
            key_id=self.key_id,
            idempotency_key=self.idempotency_key,
            request_hash=self.request_hash,
            status=reply.status,
            headers=dict(reply.headers),
            body=(reply.kept or reply.body).model_dump_json(by_alias=True),
            now=self.services.clock.now(),
        )
        return _written(reply)


def _written(reply: Reply) -> Response:
    text = reply.body.model_dump_json(by_alias=True)
    return Response(text, reply.status, dict(reply.headers), media_type="application/json")


async def _hash_request(request: Request) -> str:
    digest = hashlib.sha256()
    for part in (request.method, request.url.path, request.url.query):
        digest.update(part.encode() + b"\0")
    digest.update(await request.body())
    return digest.hexdigest()


def _once(
    session: SessionDep,
    services: ServicesDep,
    who: Annotated[Who, Depends(get_who)],
    request_hash: Annotated[str, Depends(_hash_request)],
    idempotency_key: IdempotencyKey = None,
) -> Once:
    return Once(session, who.key_id, idempotency_key, request_hash, services)


OnceDep = Annotated[Once, Depends(_once)]
