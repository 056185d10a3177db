"""Imports, as they are asked for and as they stand."""

import json
from datetime import datetime

from pydantic import Field

from paribus_service.api.bodies.base import Answer, Asked, JsonObject
from paribus_service.orchestration.upstream.importing import Import, Wanted
from paribus_service.store.states import MirrorState


class ImportIn(Asked):
    """What is to be copied from the W&B server that the service works with."""

    entity: str = Field(min_length=1)
    """There."""
    project: str = Field(min_length=1)
    """There."""
    filters: JsonObject | None = None
    """Which runs, as W&B's own filter: `{"tags": "good"}`, `{"state": "finished"}`,
    `{"config.lr": {"$gte": 0.1}}`; all by default."""
    into_entity: str | None = None
    """Where to, here; the same name by default."""
    into_project: str | None = None
    """Where to, here; the same name by default."""

    def wanted(self) -> Wanted:
        """As the service understands it."""
        return Wanted(self.entity, self.project, self.filters, self.into_entity, self.into_project)


class SkippedOut(Answer):
    """A run there that was left out, or whose history is not whole here."""

    wandb_id: str
    reason: str


class ImportOut(Answer):
    """An import as it stands."""

    id: int
    base_url: str
    """The server."""
    entity: str
    project: str
    filters: JsonObject | None
    into_entity: str
    into_project: str
    state: MirrorState
    """`listing`: reading which runs there are; `checking`: whether those that were not listed are
    gone; `reading`: histories; `idle`: all that was there when it began is here."""
    is_done: bool
    """Nothing is left to do before the next import."""
    total: int | None
    """Runs there; null while that is not known."""
    listed: int
    """Runs that this listing has brought so far."""
    runs: int
    """Runs there that are here too."""
    pending: int
    """Of those, the ones whose history is not whole yet."""
    gone: int
    """Runs that were deleted there since, and are kept out of answers here."""
    skipped: int
    """Runs there that were left out, or whose history is not whole here."""
    skipped_runs: list[SkippedOut]
    """The first of them, with the reason."""
    problem: str | None
    """What the server said when it was last asked in vain; null once it has answered."""
    retry_after_seconds: float | None
    """How long nothing is asked there; null where it can go on at once."""
    begun_at: datetime
    finished_listing_at: datetime | None
    """When the last listing that is through began."""

    @classmethod
    def of(cls, found: Import) -> "ImportOut":
        """The body of an import."""
        return cls(
            id=found.id,
            base_url=found.base_url,
            entity=found.entity,
            project=found.project,
            filters=json.loads(found.filters_text) if found.filters_text else None,
            into_entity=found.into_entity,
            into_project=found.into_project,
            state=found.state,
            is_done=found.state == MirrorState.IDLE,
            total=found.total,
            listed=found.listed,
            runs=found.counts.runs,
            pending=found.counts.pending,
            gone=found.counts.gone,
            skipped=found.counts.skipped,
            skipped_runs=[
                SkippedOut(wandb_id=skip.wandb_id, reason=skip.reason) for skip in found.skipped
            ],
            problem=found.problem,
            retry_after_seconds=found.wait_seconds,
            begun_at=found.begun_at,
            finished_listing_at=found.listed_at,
        )
