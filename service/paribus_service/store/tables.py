"""The tables, with the meaning of each column.

JSON that a client sent (config, summary) stands as the text that came, so that floats, integers,
NaN and key order survive exactly; what is looked up stands beside it in typed index tables
(`config_values`, `summary_values`). Times are UTC. Counters (`trial_counts`, `run_count`) are
kept as rows change and never counted again by scanning.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from paribus_service.store.json_text import read_json
from paribus_service.store.types import JsonText, UtcDateTime


class Base(DeclarativeBase):
    """Every table; constraints have names, so that a migration can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        str: Text,
        dict[str, Any]: JsonText,
        list[Any]: JsonText,
        list[str]: JsonText,
    }


class Secret(Base):
    """What the service keeps for itself: the key that signs upload addresses and cookies."""

    __tablename__ = "secrets"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)


class Key(Base):
    """An API key: its hash, never itself."""

    __tablename__ = "keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    prefix: Mapped[str]
    """The first characters, so that a person recognises it."""
    hash: Mapped[str] = mapped_column(unique=True)
    """SHA-256 in hex; the key itself has 160 random bits, so no salt is needed."""
    entity: Mapped[str]
    """Default entity of whoever brings this key."""
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class IdempotencyRecord(Base):
    """The stored answer to a request that came with an Idempotency-Key."""

    __tablename__ = "idempotency_records"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    """Whose request; `dev` where no key was asked for."""
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[str]
    """SHA-256 of method, path, query and body."""
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


class Project(Base):
    """An entity's project: where runs and sweeps live."""

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("entity", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    entity: Mapped[str]
    name: Mapped[str]
    description: Mapped[str | None]
    created_at: Mapped[datetime]
    run_count: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    """Rises with whatever an answer over its runs could rest on: a run's state, config, summary
    or name. What a running run reports of its curves is none of that."""


class ProgramSchemaRecord(Base):
    """A parameter schema that somebody published for a training program."""

    __tablename__ = "program_schemas"

    name: Mapped[str] = mapped_column(primary_key=True)
    schema: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class Sweep(Base):
    """A registered sweep."""

    __tablename__ = "sweeps"

    id: Mapped[str] = mapped_column(primary_key=True)
    """W&B's sweep id; unique in the service."""
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str]
    """What pages show; W&B's display name."""
    description: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    """Why it is in this state, in words."""
    method: Mapped[str]
    config: Mapped[dict[str, Any]]
    """As registered, with `design`, plus the filled-in `command`."""
    client_config: Mapped[str]
    """YAML text that wandb clients are given (`Sweep.config`)."""
    metric_name: Mapped[str | None]
    metric_goal: Mapped[str | None]
    """`minimize` or `maximize`."""
    metric_target: Mapped[float | None] = mapped_column(Float(53))
    """Once a finished run has reached it, nothing more is handed out."""
    program: Mapped[str | None]
    factors: Mapped[list[Any]]
    """Factors with levels, in declared order: see `registry.stored_factor`."""
    run_cap: Mapped[int | None]
    expected_trials: Mapped[int | None]
    """Size of the design or grid, or the cap; None for a search without end."""
    trial_counts: Mapped[dict[str, Any]]
    """Number of trials in each state."""
    search_seed: Mapped[int] = mapped_column(BigInteger)
    """Seed of a random search; each trial's values follow from it and the trial's number."""
    retry_failed: Mapped[int]
    """How often a failed trial is queued again."""
    retry_interrupted: Mapped[int]
    resumable: Mapped[bool]
    """The program continues from its checkpoints when it is given its run id again."""
    controller: Mapped[str | None]
    """What the client's controller wrote last, as it came: its schedule and whom to stop."""
    scheduler: Mapped[str | None]
    """Unused: what W&B's clients read there follows from the trials."""
    prior_runs_filters: Mapped[str | None]
    warnings: Mapped[list[str]]
    version: Mapped[int] = mapped_column(default=1)
    """Rises with every change: the ETag."""
    revision: Mapped[int] = mapped_column(default=1)
    """Rises when trials are added to those that were registered."""
    aliases: Mapped[dict[str, Any] | None] = mapped_column(deferred=True)
    """What the plan can tell apart, as told when it was registered; None for a search."""
    created_by: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    project: Mapped[Project] = relationship(lazy="joined", innerjoin=True)
    upstream: Mapped["UpstreamSweep | None"] = relationship(lazy="joined")
    """Where it is tracked, if that is a W&B server; None: here."""


class UpstreamSweep(Base):
    """Where a sweep is tracked that a W&B server holds, and what was last seen of it there.

    The rest of what is known of such servers stands in `upstream_tables`.
    """

    __tablename__ = "upstream_sweeps"
    __table_args__ = (UniqueConstraint("entity", "project", "remote_id"),)

    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id"), primary_key=True)
    """The server's own id: a sweep has the same one here and there."""
    base_url: Mapped[str]
    """The server."""
    entity: Mapped[str]
    """There, as `project`."""
    project: Mapped[str]
    remote_id: Mapped[str]
    """W&B's sweep id there."""
    gql_id: Mapped[str]
    """The id that mutations take."""
    url: Mapped[str]
    """The sweep's page there."""
    way: Mapped[str]
    """How its trials reach the agents: `enqueue`, `controller`, or `own` (W&B's own search)."""
    state_there: Mapped[str]
    """W&B's word, as last seen or last ordered."""
    state_here: Mapped[str]
    """The sweep's state here that goes with it: what differs since then is news of one side."""
    agents: Mapped[int] = mapped_column(default=0)
    """Agents that ask for runs there, as last seen."""
    looked_at: Mapped[datetime | None]
    """When the server last answered about it."""
    problem: Mapped[str | None]
    """Why it does not go on now, in words; None while it does."""
    problem_since: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Trial(Base):
    """Setting × replicate: the unit of work, done exactly once."""

    __tablename__ = "trials"
    __table_args__ = (
        UniqueConstraint("sweep_id", "number"),
        Index("ix_trials_sweep_id_state_number", "sweep_id", "state", "number"),
        Index("ix_trials_sweep_id_driver_key", "sweep_id", "driver_key"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id"))
    number: Mapped[int]
    """From 0, in the order of the design."""
    setting: Mapped[dict[str, Any]]
    """One level label for each factor."""
    replicate: Mapped[dict[str, Any]]
    args: Mapped[dict[str, Any]]
    """What the program is given: key → value, nested as the sweep nests them."""
    state: Mapped[str]
    reason: Mapped[str | None]
    run_pk: Mapped[int | None] = mapped_column(Integer)
    """The attempt that counts or may yet count; older attempts never do."""
    agent_id: Mapped[str | None]
    """Who holds the lease."""
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    interruptions: Mapped[int] = mapped_column(default=0)
    resume_next: Mapped[bool] = mapped_column(default=False)
    """The next claim continues `run_pk` under its own run id: its end is certain."""
    avoid_hosts: Mapped[list[str]]
    revision: Mapped[int] = mapped_column(default=1)
    """The sweep's revision that added it."""
    driver_key: Mapped[str | None]
    """How a client that drives the sweep named it (`orchestration.outside`); None: the service
    made it, or it was given no name."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Run(Base):
    """A W&B run: one attempt at a trial, or a run that no sweep made."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("project_id", "wandb_id"),
        Index("ix_runs_state_heartbeat_at", "state", "heartbeat_at"),
        Index("ix_runs_project_id_created_at", "project_id", "created_at"),
    )

    pk: Mapped[int] = mapped_column(primary_key=True)
    """Short key for the bulk tables."""
    id: Mapped[str] = mapped_column(unique=True)
    """Our own id, unique in the service."""
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    wandb_id: Mapped[str]
    """W&B's run id; unique in its project."""
    sweep_id: Mapped[str | None] = mapped_column(ForeignKey("sweeps.id"), index=True)
    trial_id: Mapped[str | None] = mapped_column(ForeignKey("trials.id"), index=True)
    attempt: Mapped[int] = mapped_column(default=1)
    """1 for a trial's first run."""
    agent_id: Mapped[str | None] = mapped_column(index=True)
    display_name: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    exit_code: Mapped[int | None]
    config_text: Mapped[str]
    """W&B's config JSON as it came: `{"lr": {"value": 0.1}, "_wandb": …}`."""
    summary_text: Mapped[str]
    tags: Mapped[list[str]]
    notes: Mapped[str | None]
    group: Mapped[str | None] = mapped_column("run_group")
    job_type: Mapped[str | None]
    description: Mapped[str | None]
    host: Mapped[str | None]
    program: Mapped[str | None]
    commit: Mapped[str | None] = mapped_column("git_commit")
    repo: Mapped[str | None]
    gpu_name: Mapped[str | None]
    """From the client's environment report; None before it came, "cpu" where there is none."""
    username: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    """When the client first said that it runs."""
    heartbeat_at: Mapped[datetime]
    """The last sign of life of the run itself."""
    ended_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    handed_out: Mapped[int] = mapped_column(default=0)
    """How often an agent was told to start it, without a start since."""
    listed_at: Mapped[datetime | None]
    """When its agent last listed it as a live process."""
    dropped_at: Mapped[datetime | None]
    """When its agent, alive, stopped listing it."""
    stop_requested_at: Mapped[datetime | None]
    stop_reason: Mapped[str | None]
    preempting: Mapped[bool] = mapped_column(default=False)
    process_token: Mapped[str | None]
    """Of the process that may write (DESIGN 5, rule 3); None where the program sends none."""
    superseded_tokens: Mapped[list[str]]
    session: Mapped[int] = mapped_column(default=0)
    """Rises when a client starts the run anew without resuming; lines of older ones stay."""
    history_lines: Mapped[int] = mapped_column(default=0)
    events_lines: Mapped[int] = mapped_column(default=0)
    output_lines: Mapped[int] = mapped_column(default=0)
    last_step: Mapped[int | None]
    """The largest `_step` in the history."""
    history_keys: Mapped[dict[str, Any]]
    """Key → [type, count]: kept as rows come, for `historyKeys`."""
    history_rewrites: Mapped[int] = mapped_column(default=0)
    """Rises when lines come whose numbers were passed already: a repeated request, a late one."""
    folded_lines: Mapped[int] = mapped_column(default=0)
    """History lines that stand in `history_columns` too, from the first on."""
    system_metrics_text: Mapped[str | None]
    """The last line of system metrics."""
    deleted_at: Mapped[datetime | None]

    project: Mapped[Project] = relationship(lazy="joined", innerjoin=True)

    @property
    def config(self) -> dict[str, Any]:
        """W&B's config, parsed; NaN and infinities as floats."""
        value: dict[str, Any] = read_json(self.config_text)
        return value

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, parsed; NaN and infinities as floats."""
        value: dict[str, Any] = read_json(self.summary_text)
        return value

    @property
    def path(self) -> str:
        """`entity/project/wandb_id`."""
        return f"{self.project.entity}/{self.project.name}/{self.wandb_id}"


class ConfigValue(Base):
    """A scalar of a run's config, for look-ups: `a.b` for nested keys."""

    __tablename__ = "config_values"
    __table_args__ = (
        Index("ix_config_values_key_number", "key", "number"),
        {"sqlite_with_rowid": False},
    )

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[float | None] = mapped_column(Float(53))
    """Numbers and booleans (1, 0); None for text, NaN and infinities."""
    text: Mapped[str | None]
    """Strings, "true"/"false", "NaN", "Infinity", "-Infinity"."""


class SummaryValue(Base):
    """A scalar of a run's summary, for look-ups."""

    __tablename__ = "summary_values"
    __table_args__ = (
        Index("ix_summary_values_key_number", "key", "number"),
        {"sqlite_with_rowid": False},
    )

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    key: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[float | None] = mapped_column(Float(53))
    text: Mapped[str | None]


class StreamLine(Base):
    """Line i of one of a run's streams, as it came: written by offset, so twice is once."""

    __tablename__ = "stream_lines"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    session: Mapped[int] = mapped_column(primary_key=True)
    stream: Mapped[int] = mapped_column(primary_key=True)
    """0 history, 1 system metrics, 2 console output."""
    line: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int | None]
    """`_step` of a history line."""
    text: Mapped[str]


class HistoryColumn(Base):
    """The numbers of one key over a stretch of history lines: what charts and rules read.

    Made from `stream_lines`, which stay what was logged; it can be dropped and made again.
    """

    __tablename__ = "history_columns"

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    session: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    """Nested keys with dots between."""
    first_line: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int]
    """Numbers in it."""
    others: Mapped[int]
    """Lines of the stretch in which the key holds something that is no number."""
    lines: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Line numbers less `first_line`, packed; None where they are 0, 1, 2 …"""
    numbers: Mapped[bytes] = mapped_column(LargeBinary)
    """64-bit floats, packed: `paribus_service.orchestration.packing`."""


class FindingMark(Base):
    """How far a run's findings have come: what they were made from, and by which rules."""

    __tablename__ = "finding_marks"

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    data_version: Mapped[str]
    """Of the run's history, config and state."""
    rules_version: Mapped[str]
    """Of the rules and their thresholds."""
    evaluated_at: Mapped[datetime]


class FindingRow(Base):
    """What one rule says of one run by now."""

    __tablename__ = "findings"
    __table_args__ = (UniqueConstraint("run_pk", "rule"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_pk: Mapped[int] = mapped_column(ForeignKey("runs.pk", ondelete="CASCADE"))
    rule: Mapped[str]
    rule_version: Mapped[int]
    status: Mapped[str]
    """`found`, `not_found` or `cannot_tell`."""
    label: Mapped[str | None]
    document: Mapped[dict[str, Any]]
    """The finding as it is answered."""
    data_version: Mapped[str]
    """Of the run when it was last found to be so."""
    since: Mapped[datetime]
    """When it took this status and label."""


class Agent(Base):
    """A `wandb agent` process: one of ours, or one that asks the W&B server of its sweep.

    Of the latter `state`, `host`, `runs_started` and the times are what that server says.
    """

    __tablename__ = "agents"

    id: Mapped[str] = mapped_column(primary_key=True)
    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id"), index=True)
    host: Mapped[str] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str | None]
    run_state: Mapped[dict[str, Any]]
    """Its last listing: run id → alive."""
    gpu_name: Mapped[str | None]
    """Known from its first run on."""
    runs_started: Mapped[int] = mapped_column(default=0)
    failures_in_a_row: Mapped[int] = mapped_column(default=0)
    key_id: Mapped[str | None]
    created_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Event(Base):
    """Who did what when, and why: every change of state, every decision of the scheduler."""

    __tablename__ = "events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str]
    """`sweep.paused`, `trial.leased`, `run.interrupted`, `agent.stopping` …"""
    sweep_id: Mapped[str | None] = mapped_column(index=True)
    trial_id: Mapped[str | None] = mapped_column(index=True)
    run_id: Mapped[str | None] = mapped_column(index=True)
    agent_id: Mapped[str | None] = mapped_column(index=True)
    reason: Mapped[str | None]
    facts: Mapped[dict[str, Any]]


class File(Base):
    """A file of a run, or announced for one."""

    __tablename__ = "files"
    __table_args__ = (UniqueConstraint("run_pk", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_pk: Mapped[int] = mapped_column(ForeignKey("runs.pk", ondelete="CASCADE"))
    name: Mapped[str]
    """Path inside the run, with slashes."""
    blob: Mapped[str | None]
    """Where the bytes are in the file store; None while they have not come."""
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)
    md5: Mapped[str | None]
    """Base64, as W&B writes it."""
    mimetype: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ArtifactCollection(Base):
    """A named line of versions (a sequence), or links to such versions (a portfolio)."""

    __tablename__ = "artifact_collections"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    type_name: Mapped[str]
    name: Mapped[str]
    is_portfolio: Mapped[bool] = mapped_column(Boolean, default=False)
    description: Mapped[str | None]
    tags: Mapped[list[str]]
    client_id: Mapped[str | None] = mapped_column(index=True)
    next_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    project: Mapped[Project] = relationship(lazy="joined", innerjoin=True)


class Artifact(Base):
    """One version of an artifact, or one in the making."""

    __tablename__ = "artifacts"
    __table_args__ = (Index("ix_artifacts_collection_id_digest", "collection_id", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("artifact_collections.id"))
    state: Mapped[str]
    """PENDING, COMMITTED or DELETED: W&B's words, W&B's life."""
    version_index: Mapped[int | None]
    digest: Mapped[str]
    digest_algorithm: Mapped[str]
    description: Mapped[str | None]
    metadata_text: Mapped[str | None]
    tags: Mapped[list[str]]
    requested_aliases: Mapped[list[str]]
    client_id: Mapped[str | None] = mapped_column(index=True)
    created_by_run_pk: Mapped[int | None] = mapped_column(index=True)
    history_step: Mapped[int | None]
    ttl_seconds: Mapped[int | None] = mapped_column(BigInteger)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    file_count: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    collection: Mapped[ArtifactCollection] = relationship(lazy="joined", innerjoin=True)


class ArtifactMembership(Base):
    """A version's place in a collection: its own sequence, or a portfolio it is linked to."""

    __tablename__ = "artifact_memberships"
    __table_args__ = (UniqueConstraint("collection_id", "version_index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    collection_id: Mapped[int] = mapped_column(ForeignKey("artifact_collections.id"))
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id"), index=True)
    version_index: Mapped[int]
    created_at: Mapped[datetime]


class ArtifactAlias(Base):
    """A name that points to one version of a collection."""

    __tablename__ = "artifact_aliases"

    collection_id: Mapped[int] = mapped_column(
        ForeignKey("artifact_collections.id"), primary_key=True
    )
    alias: Mapped[str] = mapped_column(primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id"), index=True)


class ArtifactManifest(Base):
    """A manifest: the JSON that lists an artifact's entries."""

    __tablename__ = "artifact_manifests"

    id: Mapped[int] = mapped_column(primary_key=True)
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id"), index=True)
    name: Mapped[str]
    kind: Mapped[str]
    """FULL, INCREMENTAL or PATCH."""
    digest: Mapped[str]
    base_artifact_id: Mapped[int | None]
    blob: Mapped[str | None]
    created_at: Mapped[datetime]


class ArtifactFile(Base):
    """An entry's bytes: content-addressed inside its entity, so that equal bytes are kept once."""

    __tablename__ = "artifact_files"

    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    md5: Mapped[str] = mapped_column(index=True)
    """Base64."""
    blob: Mapped[str]
    size_bytes: Mapped[int | None] = mapped_column(BigInteger)


class ArtifactOutput(Base):
    """A run that logged what was a version already: the same content under the same name.

    The run that made the version is `Artifact.created_by_run_pk`, and has no row here.
    """

    __tablename__ = "artifact_outputs"

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id"), primary_key=True)


class ArtifactUse(Base):
    """A run that used a version."""

    __tablename__ = "artifact_uses"

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    artifact_id: Mapped[int] = mapped_column(ForeignKey("artifacts.id"), primary_key=True)


class UpstreamTrial(Base):
    """An attempt at a trial that a W&B server is handed: stored first, sent, then confirmed."""

    __tablename__ = "upstream_trials"
    __table_args__ = (
        Index("ix_upstream_trials_display_name", "display_name"),
        Index("ix_upstream_trials_remote_run_id", "remote_run_id"),
    )

    trial_id: Mapped[str] = mapped_column(
        ForeignKey("trials.id", ondelete="CASCADE"), primary_key=True
    )
    attempt: Mapped[int] = mapped_column(primary_key=True)
    """1 for a trial's first run; a retry is a new one."""
    sweep_id: Mapped[str] = mapped_column(ForeignKey("sweeps.id"), index=True)
    display_name: Mapped[str]
    """Carries the trial's id: what was sent and not confirmed is looked up by it."""
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    """When it was last sent, or was about to be; None: certainly not yet."""
    confirmed_at: Mapped[datetime | None]
    remote_run_id: Mapped[str | None]
    """W&B's run id there, once it is known."""
    withdrawn_at: Mapped[datetime | None]
    """When it was given up before the server had it."""
    stop_sent_at: Mapped[datetime | None]
    """When the server was told to stop the run."""


class UpstreamLaunch(Base):
    """A sweep that is being registered on a W&B server: here while nobody was told of it.

    One that is left behind is taken back: its sweep there, found by the marker, is cancelled.
    """

    __tablename__ = "upstream_launches"

    marker: Mapped[str] = mapped_column(primary_key=True)
    """What the sweep's description there ends with."""
    base_url: Mapped[str]
    entity: Mapped[str | None]
    project: Mapped[str]
    name: Mapped[str | None]
    created_at: Mapped[datetime]
