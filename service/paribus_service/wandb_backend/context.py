"""What every resolver is given beside its object and its arguments."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from paribus_service.dependencies import Services, SessionDep
from paribus_service.orchestration.keys import Who


@dataclass(slots=True)
class Context:
    """One GraphQL request."""

    session: SessionDep
    """For mutations the group writer's (never commit; flush when ids are needed), for queries one
    that only reads."""
    services: Services
    who: Who
    now: datetime
    """One moment for the whole request."""
    base_url: str
    """Where links begin, without a slash at the end."""
    process_token: str | None
    """`X-Paribus-Process`: which process of a run asks (DESIGN 5, rule 3)."""
    remembered: dict[Any, Any] = field(default_factory=dict)
    """For resolvers that would ask the database the same thing twice in one request."""

    unused_blobs: list[str] = field(default_factory=list)
    """Blobs that nothing names any more: removed once the request is committed."""

    def entity(self, given: str | None) -> str:
        """The entity that a client means: null and "" stand for the key's own."""
        return given or self.who.entity
