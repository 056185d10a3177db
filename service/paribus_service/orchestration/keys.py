"""Whose a key is, and what it may."""

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, get_args

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, NotAllowed, NotAuthenticated, NotFound
from paribus_service.ids import new_api_key, new_id
from paribus_service.orchestration import names
from paribus_service.store import keys as key_store
from paribus_service.store.engine import GroupWriter, session_scope
from paribus_service.store.tables import Key

log = logging.getLogger(__name__)

Scope = Literal["read", "submit", "agent", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_PREFIX_LENGTH = 12  # "local-" and six characters: enough to recognise, too few to guess
_LAST_USED_EVERY = timedelta(minutes=1)
_REMEMBERED_SECONDS = 5.0  # a revoked key works for at most so long
_REMEMBERED_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks, and what they may."""

    key_id: str
    name: str
    entity: str
    """Default entity."""
    scopes: frozenset[str]

    def require(self, scope: Scope) -> None:
        """Refuse whoever lacks a scope; `admin` has them all.

        Raises:
            NotAllowed: The key lacks the scope.
        """
        if scope not in self.scopes and "admin" not in self.scopes:
            raise NotAllowed.lacks(scope, sorted(self.scopes))


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; `secret` is shown once and kept nowhere."""

    id: str
    secret: str


def developer(entity: str) -> Who:
    """Who everyone is in development mode."""
    return Who("dev", "developer", entity, frozenset(SCOPES))


def create_key(
    session: Session,
    *,
    name: str,
    entity: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> NewKey:
    """Make a key.

    Raises:
        InvalidRequest: An unknown scope, or an entity that cannot be one.
    """
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        found = repr(unknown[0]) if unknown else "no scope"
        raise InvalidRequest.one("/scopes", f"{found}: a scope is one of {', '.join(SCOPES)}")
    secret = new_api_key()
    key = Key(
        id=new_id(),
        name=name,
        prefix=secret[:_PREFIX_LENGTH],
        hash=_hash(secret),
        entity=names.check("entity", entity),
        scopes=list(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    session.add(key)
    return NewKey(key.id, secret)


def revoke_key(session: Session, key_id: str, *, now: datetime) -> Key:
    """End a key, by its id or its visible prefix; ending it twice ends it once.

    Raises:
        NotFound: No such key.
    """
    for key in key_store.list_keys(session):
        if key_id in (key.id, key.prefix):
            key.revoked_at = key.revoked_at or now
            return key
    raise NotFound("key", key_id, hint="`paribus keys list` shows them")


def has_keys(session: Session) -> bool:
    """A key was made before."""
    return bool(key_store.list_keys(session))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Doorkeeper:
    """Tells whose a key is; asks the database at most every few seconds for each.

    It never waits for the write lock: the event loop asks it, and who holds the lock may need the
    event loop to let it go. When a key was last used is left to the group writer.
    """

    def __init__(self, engine: Engine, writer: GroupWriter) -> None:
        self._engine = engine
        self._writer = writer
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Who]] = {}

    def identify(self, secret: str, *, now: datetime) -> Who:
        """Whose key this is.

        Raises:
            NotAuthenticated: Nobody's; or it has expired or was revoked.
        """
        key_hash = _hash(secret)
        with self._lock:
            known = self._known.get(key_hash)
        if known is not None and time.monotonic() - known[0] < _REMEMBERED_SECONDS:
            return known[1]
        who = self._look_up(key_hash, now=now)
        with self._lock:
            if len(self._known) >= _REMEMBERED_KEYS:
                self._known.clear()
            self._known[key_hash] = (time.monotonic(), who)
        return who

    def _look_up(self, key_hash: str, *, now: datetime) -> Who:
        with session_scope(self._engine, reads_only=True) as session:
            key = key_store.find_by_hash(session, key_hash)
            who = _who(key, now=now)
            stale = key is not None and (
                key.last_used_at is None or now - key.last_used_at > _LAST_USED_EVERY
            )
        if stale:
            noted = self._writer.submit(partial(_note_use, key_hash=key_hash, now=now))
            noted.add_done_callback(_tell_trouble)
        return who


def _note_use(session: Session, *, key_hash: str, now: datetime) -> None:
    used = key_store.find_by_hash(session, key_hash)
    if used is not None:
        used.last_used_at = now


def _tell_trouble(noted: Future[None]) -> None:
    """Nobody waits for this answer, and no request fails for it."""
    error = noted.exception()
    if error is not None:
        log.warning("when a key was last used could not be stored: %s", error)


def _who(key: Key | None, *, now: datetime) -> Who:
    if key is None:
        raise NotAuthenticated("this key is not known here: `paribus keys create` makes one")
    if key.revoked_at is not None:
        raise NotAuthenticated(f"key {key.prefix}… was revoked on {key.revoked_at:%Y-%m-%d}")
    if key.expires_at is not None and key.expires_at <= now:
        raise NotAuthenticated(f"key {key.prefix}… expired on {key.expires_at:%Y-%m-%d %H:%M} UTC")
    return Who(key.id, key.name, key.entity, frozenset(key.scopes))
