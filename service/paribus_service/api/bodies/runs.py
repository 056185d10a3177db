"""Bodies about runs and what they reported."""

from datetime import datetime

from paribus_service.api import links
from paribus_service.api.bodies.base import Answer, JsonObject
from paribus_service.api.bodies.sweeps import TrialOut
from paribus_service.store.states import RunState
from paribus_service.store.tables import File, Run


class RunOut(Answer):
    """A W&B run: one attempt at a trial, or a run that no sweep made."""

    id: str
    """Our own id, unique in the service."""
    wandb_id: str
    """W&B's id, unique in its project."""
    path: str
    """`entity/project/wandb_id`."""
    entity: str
    project: str
    name: str | None
    state: RunState
    reason: str | None
    exit_code: int | None
    sweep_id: str | None
    trial_id: str | None
    attempt: int
    """1 for a trial's first run."""
    agent_id: str | None
    host: str | None
    gpu_name: str | None
    """From the client's own report; `cpu` where there is no GPU, null before it came."""
    tags: list[str]
    group: str | None
    job_type: str | None
    created_at: datetime
    started_at: datetime | None
    heartbeat_at: datetime
    """The last sign of life of the run itself."""
    ended_at: datetime | None
    stop_requested_at: datetime | None
    last_step: int | None
    """The largest `_step` in the history."""
    history_lines: int
    links: dict[str, str]

    @classmethod
    def of(cls, run: Run, base: str) -> "RunOut":
        """The body for a run; `base` is where links begin."""
        return cls.model_validate(_described(run, base))


def _described(run: Run, base: str) -> dict[str, object]:
    own = (
        "id wandb_id path state reason exit_code sweep_id trial_id attempt agent_id host gpu_name "
        "tags group job_type created_at started_at heartbeat_at ended_at stop_requested_at "
        "last_step history_lines"
    )
    return {
        **{name: getattr(run, name) for name in own.split()},
        "entity": run.project.entity,
        "project": run.project.name,
        "name": run.display_name,
        "links": links.of_run(base, run),
    }


class AttemptOut(Answer):
    """One of the runs of a trial."""

    run_id: str
    attempt: int
    state: RunState
    reason: str | None


class RunDetailOut(RunOut):
    """A run with what it was told and what it found."""

    notes: str | None
    program: str | None
    commit: str | None
    repo: str | None
    username: str | None
    config: JsonObject
    """Key → value; W&B's own part (`_wandb`) is left out."""
    summary: JsonObject
    history_keys: list[str]
    """Keys that the history has."""
    attempts: list[AttemptOut]
    """All runs of its trial, first to last; empty for a run without one."""

    @classmethod
    def with_attempts(
        cls, run: Run, attempts: list[Run], base: str, *, there: str | None
    ) -> "RunDetailOut":
        """The body for a run among the runs of its trial; `there` is what it is a mirror of."""
        upstream = {} if there is None else {"upstream": there}
        more = {name: getattr(run, name) for name in ("notes", "program", "commit", "repo")}
        return cls.model_validate(
            {
                **_described(run, base),
                **more,
                "links": links.of_run(base, run) | upstream,
                "username": run.username,
                "config": unwrapped(run),
                "summary": run.summary,
                "history_keys": sorted(run.history_keys),
                "attempts": [_attempt(a) for a in sorted(attempts, key=lambda a: a.pk)],
            }
        )


def unwrapped(run: Run) -> dict[str, object]:
    """The run's config as its program knows it: without W&B's wrapping and W&B's own part."""
    return {
        key: entry["value"] if isinstance(entry, dict) and "value" in entry else entry
        for key, entry in run.config.items()
        if key != "_wandb"
    }


def _attempt(run: Run) -> AttemptOut:
    return AttemptOut(
        run_id=run.id, attempt=run.attempt, state=RunState(run.state), reason=run.reason
    )


class TrialDetailOut(TrialOut):
    """A trial with its runs."""

    runs: list[RunOut]
    """Every attempt, first to last; the one that counts is `run_id`."""


class LineOut(Answer):
    """A line of a run's console output."""

    line: int
    """From 0."""
    text: str


class FileOut(Answer):
    """A file of a run."""

    name: str
    """Path inside the run."""
    size_bytes: int | None
    md5: str | None
    """Base64."""
    updated_at: datetime
    url: str
    """Where its bytes are."""

    @classmethod
    def of(cls, file: File, url: str) -> "FileOut":
        """The body for a file."""
        return cls(
            name=file.name,
            size_bytes=file.size_bytes,
            md5=file.md5,
            updated_at=file.updated_at,
            url=url,
        )
