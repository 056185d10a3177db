"""The tables of what is mirrored from a W&B server.

They stand beside `tables`, where what is sent to one has its own (`UpstreamSweep` …): a mirrored
run is a row of `runs` like any other, and what only its mirror needs is here. No key and no other
secret is ever in them.
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from paribus_service.store.tables import Base


class UpstreamProject(Base):
    """Runs of one project there that are mirrored into one here, and how far that has come.

    All of a project's, those that a filter chooses, or those of one sweep.
    """

    __tablename__ = "upstream_projects"
    __table_args__ = (
        UniqueConstraint("project_id", "base_url", "entity", "project", "filters_text"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"))
    """Ours: where the runs go."""
    base_url: Mapped[str]
    """The server there."""
    entity: Mapped[str]
    """There, as `project`."""
    project: Mapped[str]
    filters_text: Mapped[str]
    """Which of its runs, as W&B's filter in JSON; empty for all."""
    state: Mapped[str]
    """`listing` (reading which runs there are), `checking` (are those that were not listed gone?),
    `reading` (histories), `idle`."""
    cursor: Mapped[str | None]
    """Where the list goes on; None at its beginning."""
    listing_all: Mapped[bool] = mapped_column(default=True)
    """This listing is of all runs, so that one that is not in it may be gone."""
    passes: Mapped[int] = mapped_column(default=0)
    """Listings of all runs that were begun."""
    total: Mapped[int | None]
    """Runs there, as the last listing of all was told."""
    listed: Mapped[int] = mapped_column(default=0)
    """Runs of the present listing that were taken in."""
    begun_at: Mapped[datetime]
    """When the present listing began."""
    heard_at: Mapped[datetime | None]
    """The newest heartbeat in any listing, by the clock there: what was heard since is news."""
    listed_at: Mapped[datetime | None]
    """When the last finished listing began."""
    listed_all_at: Mapped[datetime | None]
    """When the last finished listing of all began."""
    tries: Mapped[int] = mapped_column(default=0)
    """Failed questions in a row."""
    wait_until: Mapped[datetime | None]
    """Ask nothing before: the server said so, or failed."""
    problem: Mapped[str | None]
    """What the last failed question was told; None once one was answered."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class UpstreamRun(Base):
    """A run that is a mirror of one there."""

    __tablename__ = "upstream_runs"
    __table_args__ = (
        Index("ix_upstream_runs_source_id_pending", "source_id", "pending", "run_pk"),
        Index("ix_upstream_runs_source_id_seen_pass", "source_id", "seen_pass"),
        Index(
            "ix_upstream_runs_source_id_records_pending", "source_id", "records_pending", "run_pk"
        ),
    )

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    source_id: Mapped[int] = mapped_column(ForeignKey("upstream_projects.id"))
    """What listed it last: sources with other filters may share runs."""
    gql_id: Mapped[str]
    """Its id in that server's own words: another one under the same name is another run."""
    sweep_id: Mapped[str | None]
    """Of its sweep there."""
    url: Mapped[str]
    """Its page there."""
    history_lines: Mapped[int | None]
    """Lines of its history there, as last listed; None where the server does not say."""
    next_step: Mapped[int] = mapped_column(BigInteger, default=0)
    """The history is read until here, this step not included."""
    pending: Mapped[bool] = mapped_column(default=False)
    """There is history to read."""
    reread_lines: Mapped[int | None]
    """The history was read again from its beginning when it had so many lines: once is enough."""
    seen_pass: Mapped[int] = mapped_column(default=0)
    """The listing of all runs that last had it."""
    gone_at: Mapped[datetime | None]
    """When it was seen to be deleted there."""
    mirrored_at: Mapped[datetime]
    """When something of it was last taken in."""
    records_pending: Mapped[bool] = mapped_column(default=False)
    """There is something beside its history to read: console output, or system metrics."""
    system_lines: Mapped[int | None]
    """Lines of system metrics there, when they were read; None before. Where more than are here,
    the server thinned them."""
    system_heard_at: Mapped[datetime | None]
    """The run's last sign of life when they were read."""
    system_final: Mapped[bool] = mapped_column(default=False)
    """They were read after it had ended."""
    console_lines: Mapped[int | None]
    """Lines of console output there, when the last of them were read; None where they were not."""
    console_problem: Mapped[str | None]
    """Why that server gave out none of them."""


class UpstreamSkip(Base):
    """A run there that is not mirrored, or not whole, and why."""

    __tablename__ = "upstream_skips"

    source_id: Mapped[int] = mapped_column(
        ForeignKey("upstream_projects.id", ondelete="CASCADE"), primary_key=True
    )
    wandb_id: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    seen_pass: Mapped[int]


class Annotation(Base):
    """What answers say, written to a sweep's or a project's runs there, and how far that came."""

    __tablename__ = "annotations"
    __table_args__ = (UniqueConstraint("sweep_id"), UniqueConstraint("project_id"))

    id: Mapped[int] = mapped_column(primary_key=True)
    sweep_id: Mapped[str | None] = mapped_column(ForeignKey("sweeps.id"))
    """Of a sweep that is registered there; else it is of `project_id`."""
    project_id: Mapped[int | None] = mapped_column(ForeignKey("projects.id"))
    """Ours: the runs in it that no sweep made and that were imported."""
    base_url: Mapped[str]
    """The server there."""
    state: Mapped[str]
    """`waiting` (for the sweep's end), `writing`, `removing`, `idle`."""
    is_automatic: Mapped[bool] = mapped_column(default=False)
    """Asked for at the launch: the driver writes it, and goes on with it."""
    question_text: Mapped[str]
    """What is asked of the runs, as JSON: response, goal, factors, ignore."""
    root: Mapped[str]
    """What links to our pages begin with."""
    best_text: Mapped[str]
    """Our run id → for which levels it is the best run, as JSON; "" stands for the best of all."""
    lines_text: Mapped[str]
    """The verdict in sentences, as a list in JSON."""
    passes: Mapped[int] = mapped_column(default=0)
    """How often it was begun: who wrote for an earlier one stops."""
    cursor: Mapped[int | None]
    """Runs up to this key are done; None before the sweep itself is."""
    total: Mapped[int] = mapped_column(default=0)
    """Runs to look at."""
    done: Mapped[int] = mapped_column(default=0)
    """Of those, the ones that are done."""
    writes: Mapped[int] = mapped_column(default=0)
    """Changes that were sent there since it was begun."""
    sweep_block: Mapped[bool] = mapped_column(default=False)
    """The sweep's description there holds a block of ours."""
    sweep_left_text: Mapped[str] = mapped_column(default="[]")
    """What of the description was left as it is, in sentences, as a list in JSON."""
    tries: Mapped[int] = mapped_column(default=0)
    """Failed questions in a row."""
    wait_until: Mapped[datetime | None]
    """Ask nothing before: the server said so, or failed."""
    problem: Mapped[str | None]
    """What the last failed question was told; None once one was answered."""
    begun_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was last through."""
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class AnnotatedRun(Base):
    """What an annotation added to a run there, and what it left as it was."""

    __tablename__ = "annotated_runs"

    run_pk: Mapped[int] = mapped_column(
        ForeignKey("runs.pk", ondelete="CASCADE"), primary_key=True
    )
    annotation_id: Mapped[int] = mapped_column(ForeignKey("annotations.id"), index=True)
    keys_text: Mapped[str]
    """Key of its summary → a digest of the value that was written, as JSON."""
    tags_text: Mapped[str]
    """As a list in JSON."""
    has_block: Mapped[bool] = mapped_column(default=False)
    """A block of ours stands in its notes."""
    left_text: Mapped[str]
    """What was left as it is, in sentences, as a list in JSON."""
    written_at: Mapped[datetime]
