"""What is asked of a W&B server, and what it answers: plain values, typed.

`Upstream` is what the rest of the service sees; `conversation.Conversation` offers it by asking
a process that holds the official client. Both sides of that pipe import this module, the other
side in the client's own environment: standard library only.

Words are W&B's here (entity, sweep states in capitals), since these values are its answers. Texts
that hold a user's values (configs, summaries, history rows) stay the texts that came: bare NaN,
integers beyond 2^53 and the order of keys survive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

SweepState = Literal["RUNNING", "PAUSED", "FINISHED", "CANCELED"]
"""What a sweep can be told to be; a server also answers PENDING."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Which server this is, whose key is used, and what it can do."""

    base_url: str
    version: str | None
    """Release of the server, None where it does not say."""
    default_entity: str | None
    username: str | None
    can_enqueue: bool
    """It takes runs for a sweep from outside: `enqueue_run` works."""
    client_version: str = ""
    """Release of the wandb client that speaks with it."""


@dataclass(frozen=True, slots=True)
class SweepPath:
    """Where a sweep is: what its address on the server ends with."""

    entity: str
    project: str
    sweep_id: str


@dataclass(frozen=True, slots=True)
class RunPath:
    """Where a run is: what its address on the server ends with."""

    entity: str
    project: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The server's answer to one entry of a controller's schedule."""

    id: str
    """The entry's own id, as we wrote it."""
    run_id: str
    """The run that the server made of it."""


@dataclass(frozen=True, slots=True)
class RemoteAgent:
    """A worker that asks the server for runs of a sweep."""

    id: str
    host: str | None = None
    state: str | None = None
    heartbeat_at: datetime | None = None
    name: str | None = None
    """What W&B's pages call it; the id is the one that mutations take."""
    created_at: datetime | None = None
    total_runs: int | None = None
    """Runs that it was given; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class RemoteSweep:
    """A sweep as the server has it now."""

    path: SweepPath
    gql_id: str
    """The id that mutations take, as opposed to the one in the path."""
    state: str
    """In capitals, whatever the server's release writes."""
    name: str | None
    config_text: str
    """YAML, as it came."""
    controller: dict[str, Any] | None = None
    """What a local controller wrote last; None where nothing was written."""
    scheduled: list[Scheduled] = field(default_factory=list)
    run_count: int = 0
    url: str = ""
    agents: list[RemoteAgent] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """What the server found odd in the config; only a registration brings some."""


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """A run as the server has it now, without its history."""

    path: RunPath
    gql_id: str
    display_name: str | None
    state: str
    """W&B's word: pending, running, finished, failed, crashed, killed, preempting, preempted."""
    config_text: str = "{}"
    """JSON as it came: each key's value wrapped in {"value": …}, `_wandb` included."""
    summary_text: str = "{}"
    """JSON as it came; bare NaN and infinities occur."""
    sweep_id: str | None = None
    tags: list[str] = field(default_factory=list)
    notes: str | None = None
    group: str | None = None
    job_type: str | None = None
    created_at: datetime | None = None
    heartbeat_at: datetime | None = None
    updated_at: datetime | None = None
    host: str | None = None
    user: str | None = None
    commit: str | None = None
    program: str | None = None
    history_lines: int | None = None
    """How many lines its history has; None where the server does not say."""
    last_step: int | None = None
    """`_step` of the last line; None without history, or where the server does not say."""
    gpu: str | None = None
    url: str = ""
    stopped: bool | None = None
    """A person, or the server, asked it to stop; None where the server does not say. Servers show
    a stopped run as failed, crashed or killed, and only a failed one is worth another try."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some runs of a project, oldest first, and where the next page begins."""

    runs: list[RemoteRun]
    next_cursor: str | None
    """None on the last page."""
    total: int | None
    """Runs that match, over all pages; None where the server does not say."""


@dataclass(frozen=True, slots=True)
class SystemMetrics:
    """Lines that the client measured beside a run: use of GPU, memory, disk, network."""

    lines: list[str]
    """JSON texts as they came, oldest first, spread over the run where there are more."""
    there: int
    """Lines that the server has; where more than came, these were thinned."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some rows of a run's history, in the order of its steps."""

    rows: list[tuple[int | None, str]]
    """(`_step`, the whole row as JSON text); None where a row has no step."""
    next_min_step: int | None
    """Ask on from here; None when these rows were the last ones."""
    system: SystemMetrics | None = None
    """Where they were asked for along with the rows."""


@dataclass(frozen=True, slots=True)
class ConsoleTail:
    """The end of what a run wrote to its console."""

    lines: list[tuple[int, str]]
    """(number from 0, JSON text with `ts`, `level`, `label` and `content`), in order."""
    there: int
    """Lines that the server counts."""
    problem: str | None = None
    """Why that server gives out no lines."""


@dataclass(frozen=True, slots=True)
class RunRecords:
    """What a run reported beside its history; None for what was not asked for."""

    system: SystemMetrics | None
    console: ConsoleTail | None


@dataclass(frozen=True, slots=True)
class Content:
    """What a run there is to be annotated with; all empty: with nothing."""

    keys: dict[str, str]
    """Of its summary."""
    tags: list[str]
    lines: list[str]
    """Sentences for its notes."""


@dataclass(frozen=True, slots=True)
class Added:
    """What of a run there was written by an annotation."""

    keys: dict[str, str]
    """Key of the summary → a digest of its value."""
    tags: list[str]


@dataclass(frozen=True, slots=True)
class Annotated:
    """What came of an annotation of a run, or of a sweep."""

    added: Added
    """What is ours there now."""
    left: list[str] = field(default_factory=list)
    """What was left as it is, and why, in sentences."""
    was_written: bool = False
    is_live: bool = False
    """It has not ended, and nothing was written: its client would write over it."""
    has_block: bool = False
    """A block of ours stands in its notes, or in a sweep's description."""


class Upstream(Protocol):
    """A W&B server that can be asked. One question at a time; others wait.

    Every call may raise an `UpstreamError` (see `errors`), and says nothing of whether a call that
    failed half way took effect: look it up before you send it again.
    """

    def server(self) -> ServerFacts:
        """The server, whose key is used, and what it can do."""
        ...

    def register_sweep(
        self, entity: str | None, project: str, config: Mapping[str, Any]
    ) -> RemoteSweep:
        """Make a new sweep; each call makes another one."""
        ...

    def sweep(self, at: SweepPath) -> RemoteSweep:
        """The sweep as it is now."""
        ...

    def find_sweeps(self, entity: str | None, project: str, marker: str) -> list[RemoteSweep]:
        """The project's sweeps whose config holds `marker`; none without such a project.

        The description is part of the config: what was registered and not answered is found by it.
        """
        ...

    def set_sweep_state(self, at: SweepPath, state: str) -> None:
        """Make it RUNNING, PAUSED, FINISHED or CANCELED."""
        ...

    def write_controller(self, sweep_gql_id: str, controller: Mapping[str, Any]) -> None:
        """Replace what the local controller says (`schedule`, `earlystop`)."""
        ...

    def enqueue_run(self, at: SweepPath, config: Mapping[str, Any], display_name: str) -> str:
        """Hand one run to the next idle agent; its id. Plain values, unwrapped."""
        ...

    def stop_run(self, at: RunPath) -> None:
        """Ask a run to stop."""
        ...

    def runs(
        self,
        entity: str,
        project: str,
        *,
        filters: Mapping[str, Any] | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> RunPage:
        """A page of runs, by creation; `after` is the `next_cursor` of the page before."""
        ...

    def find_runs(
        self, entity: str, project: str, display_names: Sequence[str]
    ) -> list[RemoteRun]:
        """The runs with one of these display names; a name may have several, or none."""
        ...

    def history(
        self, at: RunPath, *, min_step: int, max_step: int | None, limit: int, samples: int = 0
    ) -> HistoryPage:
        """Every row with `min_step` <= `_step` < `max_step`, up to about `limit` of them.

        With `samples`, so many lines of system metrics come along, for no further request.
        """
        ...

    def records(self, at: RunPath, *, samples: int, console_lines: int) -> RunRecords:
        """So many lines of system metrics, and so many last lines of console output."""
        ...

    def annotate_run(self, at: RunPath, wanted: Content, recorded: Added) -> Annotated:
        """Read a run, and write what differs from `wanted`; `recorded` is what we added before."""
        ...

    def annotate_sweep(self, at: SweepPath, wanted: Content) -> Annotated:
        """The same with the lines of `wanted` and a sweep's description."""
        ...

    def close(self) -> None:
        """End the conversation and what serves it, at once and for good, from any thread."""
        ...
