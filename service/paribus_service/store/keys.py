"""Queries on API keys and on stored answers to idempotent requests. They never commit."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from paribus_service.errors import NotFound
from paribus_service.store.tables import IdempotencyRecord, Key


def find_by_hash(session: Session, key_hash: str) -> Key | None:
    """The key with that hash, revoked or not."""
    return session.scalar(select(Key).where(Key.hash == key_hash))


def get_key(session: Session, key_id: str) -> Key:
    """The key with that id.

    Raises:
        NotFound: There is none.
    """
    key = session.get(Key, key_id)
    if key is None:
        raise NotFound("key", key_id)
    return key


def list_keys(session: Session) -> Sequence[Key]:
    """All keys, oldest first."""
    return session.scalars(select(Key).order_by(Key.created_at, Key.id)).all()


def find_answer(session: Session, key_id: str, idempotency_key: str) -> IdempotencyRecord | None:
    """The stored answer, or None."""
    return session.get(IdempotencyRecord, (key_id, idempotency_key))


def store_answer(
    session: Session,
    *,
    key_id: str,
    idempotency_key: str,
    request_hash: str,
    status: int,
    headers: dict[str, str],
    body: str,
    now: datetime,
) -> None:
    """Keep the answer to a request for its repetitions."""
    session.add(
        IdempotencyRecord(
            key_id=key_id,
            idempotency_key=idempotency_key,
            request_hash=request_hash,
            status=status,
            headers=headers,
            body=body,
            created_at=now,
        )
    )


def forget_answers(session: Session, *, before: datetime) -> None:
    """Delete stored answers older than `before`."""
    session.execute(delete(IdempotencyRecord).where(IdempotencyRecord.created_at < before))
