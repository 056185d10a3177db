"""Annotations, as they are asked for and as they stand."""

from datetime import datetime

from pydantic import Field

from paribus_service.api.asking import listed
from paribus_service.api.bodies.base import Answer, Asked, JsonObject
from paribus_service.orchestration.inquiries import Inquiry
from paribus_service.orchestration.upstream.annotation_requests import (
    AnnotatedRunHere,
    Preview,
    Progress,
)
from paribus_service.store.states import AnnotationState
from paribus_sweeps.analysis.best_runs import Goal


class AnnotationIn(Asked):
    """What is asked of the runs, as of the answer `best`."""

    response: str | None = Field(default=None, min_length=1)
    """Summary key, or a feature of a curve; the sweep's metric by default. Of a project without
    one, no run is called the best, and findings alone are written."""
    goal: Goal | None = None
    """Which way it is better; as the sweep says."""
    factors: list[str] = []
    """Only these factors; of a project, config keys. All by default. Commas part names, too."""
    ignore: list[str] = []
    """Of a project: config keys and classes of keys that are left out."""

    def inquiry(self) -> Inquiry:
        """As the service understands it."""
        return Inquiry(
            response=self.response,
            goal=self.goal,
            factors=listed(self.factors),
            ignore=listed(self.ignore),
        )


class AnnotatedRunOut(Answer):
    """What stands at a run there, written by an annotation."""

    run_id: str
    """Ours."""
    wandb_id: str
    summary_keys: list[str]
    """Keys that were added to its summary."""
    tags: list[str]
    """Tags that were added."""
    has_notes: bool
    """A block was added to its notes."""
    left: list[str]
    """What was left as it is, and why, in sentences."""
    written_at: datetime

    @classmethod
    def of(cls, found: AnnotatedRunHere) -> "AnnotatedRunOut":
        """The body of a run."""
        return cls(
            run_id=found.run_id,
            wandb_id=found.wandb_id,
            summary_keys=sorted(found.known.keys),
            tags=found.known.tags,
            has_notes=found.known.has_block,
            left=found.known.left,
            written_at=found.written_at,
        )


class AnnotationOut(Answer):
    """An annotation as it stands."""

    id: int
    sweep_id: str | None
    project: str | None
    """`entity/project` here, of an annotation of a project's runs."""
    base_url: str
    """The server."""
    state: AnnotationState
    """`waiting`: for the sweep's end; `writing`; `removing`: taking back; `idle`."""
    is_done: bool
    """Nothing is left to do now."""
    at_the_end: bool
    """It was asked for at the launch: the service writes it by itself, once the sweep ends."""
    question: JsonObject
    """What was asked of the runs."""
    verdict: list[str]
    """What is written to the sweep, and to its best run."""
    total: int
    """Runs there that are looked at."""
    done: int
    """Of those, the ones that are through."""
    writes: int
    """Changes that were sent there since it was begun."""
    annotated: int
    """Runs there that hold something of ours."""
    left: int
    """Runs of which something was left as it is."""
    sweep_is_annotated: bool
    """The sweep's description there holds the verdict."""
    sweep_left: list[str]
    """What of the description was left as it is, and why."""
    runs: list[AnnotatedRunOut]
    """What is written where; of very many, the first 1,000."""
    problem: str | None
    """What the server said when it was last asked in vain; null once it has answered."""
    retry_after_seconds: float | None
    """How long nothing is asked there; null where it can go on at once."""
    begun_at: datetime
    ended_at: datetime | None
    """When it was last through."""

    @classmethod
    def of(cls, found: Progress) -> "AnnotationOut":
        """The body of an annotation."""
        return cls(
            id=found.id,
            sweep_id=found.sweep_id,
            project=found.project,
            base_url=found.base_url,
            state=found.state,
            is_done=found.state in (AnnotationState.IDLE, AnnotationState.WAITING),
            at_the_end=found.is_automatic,
            question=found.question,
            verdict=found.lines,
            total=found.total,
            done=found.done,
            writes=found.writes,
            annotated=found.written,
            left=found.left,
            sweep_is_annotated=found.sweep_is_annotated,
            sweep_left=found.sweep_left,
            runs=[AnnotatedRunOut.of(run) for run in found.runs],
            problem=found.problem,
            retry_after_seconds=found.wait_seconds,
            begun_at=found.begun_at,
            ended_at=found.ended_at,
        )


class PlannedRunOut(Answer):
    """What would be written to a run."""

    wandb_id: str
    summary: dict[str, str]
    tags: list[str]
    notes: list[str]


class AnnotationPlanOut(Answer):
    """What an annotation would write; nothing was written."""

    verdict: list[str]
    total: int
    """Runs there that would be looked at."""
    looked_at: int
    """Of those, the ones that this answer speaks of."""
    runs: list[PlannedRunOut]
    """Those with something to say, at most 100; one that has not ended would be left as it is."""

    @classmethod
    def of(cls, found: Preview) -> "AnnotationPlanOut":
        """The body of a preview."""
        return cls(
            verdict=found.lines,
            total=found.total,
            looked_at=found.looked_at,
            runs=[
                PlannedRunOut(
                    wandb_id=wandb_id, summary=told.keys, tags=told.tags, notes=told.lines
                )
                for wandb_id, told in found.runs
            ],
        )
