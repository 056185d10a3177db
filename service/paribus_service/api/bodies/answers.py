"""Bodies of what the service ships, and of keys."""

from datetime import datetime

from pydantic import AwareDatetime, Field

from paribus_service.api.bodies.base import Answer, Asked, JsonObject
from paribus_service.orchestration.keys import Scope
from paribus_service.store.tables import Key
from paribus_sweeps.library import LibraryEntry


class LibraryItemOut(Answer):
    """A shipped sweep."""

    name: str
    question: str
    cost: str
    links: dict[str, str]


class LibraryEntryOut(LibraryItemOut):
    """A shipped sweep, with its file."""

    text: str
    """The YAML as it is, comments included: what `POST /sweeps` takes."""
    config: JsonObject

    @classmethod
    def of(cls, entry: LibraryEntry, links: dict[str, str]) -> "LibraryEntryOut":
        """The body for an entry."""
        return cls(
            name=entry.name,
            question=entry.question,
            cost=entry.cost,
            links=links,
            text=entry.text,
            config=dict(entry.config),
        )


class ProgramSchemaOut(Answer):
    """The parameters of a training program."""

    program: str
    shipped: bool
    """It comes with the service and cannot be replaced."""
    parameters: JsonObject = Field(alias="schema", serialization_alias="schema")
    """JSON Schema 2020-12."""


class KeyIn(Asked):
    """A key to make."""

    name: str = Field(min_length=1, max_length=200)
    """What it is for."""
    scopes: list[Scope] = Field(default=["read", "submit", "agent"], min_length=1)
    entity: str | None = Field(None, max_length=128)
    """Where its sweeps and runs go when they name no entity."""
    expires_at: AwareDatetime | None = None
    """With a time zone; null for never."""


class KeyOut(Answer):
    """A key, by what may be shown of it."""

    id: str
    name: str
    prefix: str
    entity: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: Key) -> "KeyOut":
        """The body for a key."""
        return cls.model_validate(key, from_attributes=True)


class NewKeyOut(KeyOut):
    """A key that was just made."""

    key: str | None
    """The key itself: shown once; null when the request was a repetition."""
