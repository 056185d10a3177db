"""The W&B server that the service works with."""

from typing import Literal

from paribus_service.api.bodies.base import Answer
from paribus_service.orchestration.upstream.messages import ServerFacts
from paribus_service.settings import Settings


class UpstreamOut(Answer):
    """A W&B server, as it answered just now."""

    base_url: str
    version: str | None
    """Its release, where it says it: a self-managed server does."""
    username: str | None
    """Whose key the service has."""
    entity: str | None
    """Where sweeps go that name none: as the service's settings say, else the key's own."""
    client_version: str
    """Of the wandb client that speaks with it."""
    way: Literal["enqueue", "controller"]
    """How a design's trials reach its agents: run by run (`enqueue`), or by the schedule of a
    local controller, one waiting run at a time (`controller`)."""

    @classmethod
    def of(cls, facts: ServerFacts, settings: Settings) -> "UpstreamOut":
        """What a server said of itself, beside what the settings say."""
        return cls(
            base_url=facts.base_url,
            version=facts.version,
            username=facts.username,
            entity=settings.wandb_entity or facts.default_entity,
            client_version=facts.client_version,
            way="enqueue" if facts.can_enqueue else "controller",
        )
