"""A small W&B in memory, in the shape of `messages.Upstream`: for tests of what talks to one.

wandb = FakeUpstream()
run = wandb.add_run("r1", config={"lr": 0.1}, rows=[{"loss": 1.0}, {"loss": 0.5}])
wandb.log(run, {"loss": 0.4}); wandb.edit(run, tags=["good"]); wandb.delete(run)
wandb.fail(UpstreamUnreachable(…), on="history")     # the next such question
wandb.fail(UpstreamUnreachable(…), on="enqueue_run", takes_effect=True)    # its reply is lost
sweep = wandb.register_sweep(None, "imdb", {"method": "custom"})
wandb.enqueue_run(sweep.path, {"lr": 0.1}, "s-trial-1")
run = wandb.agent_takes(sweep.path)                   # an idle agent asks for a run
assert wandb.count("history") == 1

Each change moves its clock by a second. Nothing here waits.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from paribus_service.errors import ServiceError, UpstreamBusy, UpstreamNotFound
from paribus_service.orchestration.upstream.annotation_calls import annotate_run, annotate_sweep
from paribus_service.orchestration.upstream.messages import (
    Added,
    Annotated,
    ConsoleTail,
    Content,
    HistoryPage,
    RemoteAgent,
    RemoteRun,
    RemoteSweep,
    RunPage,
    RunPath,
    RunRecords,
    Scheduled,
    ServerFacts,
    SweepPath,
    SystemMetrics,
)

ENTITY, PROJECT = "lab", "imdb"
BEGINNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@dataclass
class Failure:
    """What goes wrong with the next questions of a kind."""

    error: ServiceError
    on: str | None
    times: int
    takes_effect: bool


@dataclass
class FakeRun:
    """A run there, with its history."""

    seen: RemoteRun
    number: int
    """By creation."""
    rows: list[tuple[int, str]] = field(default_factory=list)
    stop_requested: bool = False
    system: list[str] = field(default_factory=list)
    """Lines of system metrics."""
    console: list[str] = field(default_factory=list)
    """What it wrote, line by line."""

    @property
    def path(self) -> RunPath:
        return self.seen.path


@dataclass
class FakeSweep:
    """A sweep there."""

    seen: RemoteSweep
    config: dict[str, Any]
    queue: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """(run id, display name, config) of what was enqueued and no agent has taken."""
    description: str | None = None


class FakeUpstream:
    """Sweeps, runs, histories and agents of one server."""

    def __init__(
        self,
        *,
        base_url: str = "https://wandb.test",
        can_enqueue: bool = True,
        entity: str = ENTITY,
    ) -> None:
        self.facts = ServerFacts(base_url, "0.60.0", entity, "ada", can_enqueue, "0.31.0")
        self.run_table: dict[RunPath, FakeRun] = {}
        self.sweep_table: dict[SweepPath, FakeSweep] = {}
        self.calls: list[str] = []
        """The name of every question, in order."""
        self.history_from: list[int] = []
        """`min_step` of every question for history."""
        self.closed = False
        self.projects: set[tuple[str, str]] = set()
        self.before_each: Callable[[str], None] = lambda _name: None
        """Called with a question's name before it is answered: to change things meanwhile."""
        self.busy_every = 0
        """Every so many questions one is refused for the rate; 0: never."""
        self.shows_waiting = False
        """A run that was enqueued is listed at once, as a Paribus does; else once it is taken."""
        self.console_problem: str | None = None
        """Why it gives out no console lines."""
        self.written: list[str] = []
        """The id of each run or sweep that an annotation changed, in order."""
        self.keeps_descriptions = True
        self._failures: list[Failure] = []
        self._numbers = itertools.count(1)
        self._seconds = 0

    # what a test does there

    def add_run(
        self,
        run_id: str,
        *,
        config: Mapping[str, Any] | None = None,
        summary: Mapping[str, Any] | None = None,
        rows: Sequence[Mapping[str, Any]] = (),
        state: str = "finished",
        entity: str | None = None,
        project: str = PROJECT,
        **more: Any,
    ) -> FakeRun:
        """A run with plain config values; `more` are fields of `RemoteRun`."""
        path = RunPath(entity or self.entity, project, run_id)
        number, now = next(self._numbers), self._tick()
        wrapped = {key: {"value": value} for key, value in (config or {}).items()}
        seen = RemoteRun(
            path=path,
            gql_id=f"run-{number}",
            display_name=more.pop("display_name", f"{run_id}-name"),
            state=state,
            config_text=more.pop("config_text", json.dumps(wrapped)),
            summary_text=more.pop("summary_text", json.dumps(summary or {})),
            created_at=now,
            heartbeat_at=now,
            updated_at=now,
            url=f"{self.facts.base_url}/{path.entity}/{path.project}/runs/{run_id}",
            **more,
        )
        run = self.run_table[path] = FakeRun(seen, number)
        self.projects.add((path.entity, path.project))
        self._append(run, rows)
        return run

    def log(self, run: FakeRun, *rows: Mapping[str, Any], **summary: Any) -> None:
        """More history, as the run's own client sends it."""
        self._append(run, rows)
        changes: dict[str, Any] = {"heartbeat_at": self._tick()}
        if summary:
            changes["summary_text"] = json.dumps(summary)
        self._change(run, **changes)

    def edit(self, run: FakeRun, **changes: Any) -> None:
        """Change fields of a run as W&B's pages and its public API do; its heartbeat stays."""
        self._tick()
        for name in ("config", "summary"):
            if name in changes:
                value = changes.pop(name)
                if name == "config":
                    value = {key: {"value": one} for key, one in value.items()}
                changes[f"{name}_text"] = json.dumps(value)
        self._change(run, **changes)

    def finish(self, run: FakeRun, state: str = "finished", **summary: Any) -> None:
        """The run's client says that it has ended."""
        self.log(run, **summary)
        self._change(run, state=state)

    def rewrite(self, run: FakeRun, *rows: Mapping[str, Any]) -> None:
        """The run was started anew under its id: its history begins again."""
        run.rows = []
        self.log(run, *rows)

    def delete(self, run: FakeRun) -> None:
        """Delete a run."""
        del self.run_table[run.path]

    def fail(
        self,
        error: ServiceError,
        *,
        on: str | None = None,
        times: int = 1,
        takes_effect: bool = False,
    ) -> None:
        """Fail the next `times` questions named `on` (any by default).

        Args:
            error: What is raised.
            on: The name of a method.
            times: How often.
            takes_effect: What was asked for is done, and the reply is lost.
        """
        self._failures.append(Failure(error, on, times, takes_effect))

    def add_agent(
        self,
        at: SweepPath,
        *,
        host: str | None = "host-a",
        state: str | None = "RUNNING",
        **more: Any,
    ) -> RemoteAgent:
        """A worker that asks for runs of a sweep; `more` are fields of `RemoteAgent`."""
        sweep, now = self.sweep_table[at], self._tick()
        known = {"id": f"agent-{next(self._numbers)}", "created_at": now, "heartbeat_at": now}
        agent = RemoteAgent(host=host, state=state, **{**known, **more})
        sweep.seen = replace(sweep.seen, agents=[*sweep.seen.agents, agent])
        return agent

    def edit_agent(self, at: SweepPath, agent: RemoteAgent, **changes: Any) -> None:
        """It is heard from again, otherwise than before."""
        sweep = self.sweep_table[at]
        told = replace(agent, **{"heartbeat_at": self._tick(), **changes})
        agents = [told if one.id == agent.id else one for one in sweep.seen.agents]
        sweep.seen = replace(sweep.seen, agents=agents)

    def forget_agent(self, at: SweepPath, agent: RemoteAgent) -> None:
        """It is not listed any more."""
        sweep = self.sweep_table[at]
        agents = [one for one in sweep.seen.agents if one.id != agent.id]
        sweep.seen = replace(sweep.seen, agents=agents)

    def agent_takes(self, at: SweepPath) -> FakeRun | None:
        """An idle agent asks for a run of the sweep: the oldest enqueued one runs, if there is."""
        sweep = self.sweep_table[at]
        if sweep.seen.state not in ("RUNNING", "PENDING"):
            return None
        if sweep.queue:
            run_id, name, config = sweep.queue.pop(0)
            self._make_sweep_run(sweep, run_id, name, config, state="running")
            return self.run_table[RunPath(at.entity, at.project, run_id)]
        waiting = (
            run for run in self.runs_of(at) if run.seen.state == "pending"
        )  # a controller's runs
        run = next(waiting, None)
        if run is not None:
            self._change(run, state="running", heartbeat_at=self._tick())
        return run

    def runs_of(self, at: SweepPath) -> list[FakeRun]:
        """A sweep's runs, oldest first."""
        return [
            run
            for run in self._in_order(at.entity, at.project)
            if run.seen.sweep_id == at.sweep_id
        ]

    def count(self, name: str) -> int:
        """How often something was asked."""
        return Counter(self.calls)[name]

    @property
    def entity(self) -> str:
        """Whose runs these are by default."""
        return self.facts.default_entity or ENTITY

    # what is asked of it (messages.Upstream)

    def server(self) -> ServerFacts:
        with _Asking(self, "server"):
            return self.facts

    def register_sweep(
        self, entity: str | None, project: str, config: Mapping[str, Any]
    ) -> RemoteSweep:
        with _Asking(self, "register_sweep"):
            number = next(self._numbers)
            path = SweepPath(entity or self.entity, project, f"sweep{number}")
            seen = RemoteSweep(
                path=path,
                gql_id=f"gql-sweep-{number}",
                state="PENDING",
                name=config.get("name"),
                config_text=yaml.safe_dump(dict(config)),
                url=f"{self.facts.base_url}/{path.entity}/{project}/sweeps/{path.sweep_id}",
            )
            self.sweep_table[path] = FakeSweep(seen, dict(config))
            self.projects.add((path.entity, project))
            return seen

    def sweep(self, at: SweepPath) -> RemoteSweep:
        with _Asking(self, "sweep"):
            return self._sweep(at).seen

    def find_sweeps(self, entity: str | None, project: str, marker: str) -> list[RemoteSweep]:
        with _Asking(self, "find_sweeps"):
            return [
                sweep.seen
                for path, sweep in self.sweep_table.items()
                if (path.entity, path.project) == (entity or self.entity, project)
                and marker in sweep.seen.config_text
            ]

    def set_sweep_state(self, at: SweepPath, state: str) -> None:
        with _Asking(self, "set_sweep_state"):
            sweep = self._sweep(at)
            sweep.seen = replace(sweep.seen, state=state)

    def write_controller(self, sweep_gql_id: str, controller: Mapping[str, Any]) -> None:
        with _Asking(self, "write_controller"):
            sweep = next(s for s in self.sweep_table.values() if s.seen.gql_id == sweep_gql_id)
            known = {entry.id for entry in sweep.seen.scheduled}
            made = []
            for entry in controller.get("schedule", []):
                if entry["id"] not in known and entry["data"]["args"] is not None:
                    run_id = f"r{next(self._numbers)}"
                    config = {k: v["value"] for k, v in entry["data"]["args"].items()}
                    self._make_sweep_run(sweep, run_id, None, config, state="pending")
                    made.append(Scheduled(entry["id"], run_id))
            listed = {entry["id"] for entry in controller.get("schedule", [])}
            kept = [entry for entry in sweep.seen.scheduled if entry.id in listed]
            sweep.seen = replace(sweep.seen, controller=dict(controller), scheduled=[*kept, *made])

    def enqueue_run(self, at: SweepPath, config: Mapping[str, Any], display_name: str) -> str:
        with _Asking(self, "enqueue_run"):
            run_id, sweep = f"r{next(self._numbers)}", self._sweep(at)
            if self.shows_waiting:
                self._make_sweep_run(sweep, run_id, display_name, dict(config), state="pending")
            else:
                sweep.queue.append((run_id, display_name, dict(config)))
            return run_id

    def stop_run(self, at: RunPath) -> None:
        with _Asking(self, "stop_run"):
            run = self._run(at)
            run.stop_requested = True
            self._change(run, stopped=True)
            if run.seen.state == "pending":
                self._change(run, state="failed")

    def runs(
        self,
        entity: str,
        project: str,
        *,
        filters: Mapping[str, Any] | None = None,
        after: str | None = None,
        limit: int = 50,
    ) -> RunPage:
        with _Asking(self, "runs"):
            if (entity, project) not in self.projects:
                raise self._not_found("project", f"{entity}/{project}")
            found = [r for r in self._in_order(entity, project) if _matches(r, filters or {})]
            rest = [run for run in found if run.number > int(after or 0)]
            page = rest[:limit]
            more = len(rest) > limit
            return RunPage(
                [run.seen for run in page], str(page[-1].number) if more else None, len(found)
            )

    def find_runs(
        self, entity: str, project: str, display_names: Sequence[str]
    ) -> list[RemoteRun]:
        with _Asking(self, "find_runs"):
            return [
                run.seen
                for run in self._in_order(entity, project)
                if run.seen.display_name in display_names
            ]

    def history(
        self, at: RunPath, *, min_step: int, max_step: int | None, limit: int, samples: int = 0
    ) -> HistoryPage:
        with _Asking(self, "history"):
            self.history_from.append(min_step)
            run = self._run(at)
            rows = [
                row
                for row in sorted(run.rows, key=lambda row: row[0])
                if row[0] >= min_step and (max_step is None or row[0] < max_step)
            ]
            page = rows[:limit]
            end = page[-1][0] + 1 if len(rows) > limit else None
            return HistoryPage(list(page), end, _spread(run, samples) if samples else None)

    def records(self, at: RunPath, *, samples: int, console_lines: int) -> RunRecords:
        with _Asking(self, "records"):
            run = self._run(at)
            tail = list(enumerate(run.console))[-console_lines:] if console_lines else []
            lines = [(number, json.dumps({"content": text})) for number, text in tail]
            console = ConsoleTail(lines, len(run.console), self.console_problem)
            return RunRecords(
                _spread(run, samples) if samples else None, console if console_lines else None
            )

    def annotate_run(self, at: RunPath, wanted: Content, recorded: Added) -> Annotated:
        with _Asking(self, "annotate_run"):
            run = self._run(at)
            told = {"entity": at.entity, "project": at.project, "run_id": at.run_id}
            return annotate_run(
                _Node(self, run), **told, wanted=asdict(wanted), recorded=asdict(recorded)
            )

    def annotate_sweep(self, at: SweepPath, wanted: Content) -> Annotated:
        with _Asking(self, "annotate_sweep"):
            sweep = self._sweep(at)
            told = {"entity": at.entity, "project": at.project, "sweep_id": at.sweep_id}
            return annotate_sweep(_Node(self, sweep), **told, wanted=asdict(wanted))

    def close(self) -> None:
        self.closed = True

    # how

    def _append(self, run: FakeRun, rows: Sequence[Mapping[str, Any]]) -> None:
        step = run.rows[-1][0] + 1 if run.rows else 0
        for row in rows:
            step = row.get("_step", step)
            run.rows.append((step, json.dumps({"_step": step, **row})))
            step += 1
        last = max((at for at, _ in run.rows), default=None)
        run.seen = replace(run.seen, history_lines=len(run.rows), last_step=last)

    def _change(self, run: FakeRun, **changes: Any) -> None:
        run.seen = replace(run.seen, updated_at=self._tick(), **changes)

    def _make_sweep_run(
        self,
        sweep: FakeSweep,
        run_id: str,
        name: str | None,
        config: dict[str, Any],
        *,
        state: str,
    ) -> None:
        path = sweep.seen.path
        self.add_run(
            run_id,
            config=config,
            state=state,
            entity=path.entity,
            project=path.project,
            sweep_id=path.sweep_id,
            display_name=name or f"{run_id}-name",
        )
        count = sweep.seen.run_count + 1
        sweep.seen = replace(sweep.seen, state="RUNNING", run_count=count)

    def _in_order(self, entity: str, project: str) -> list[FakeRun]:
        here = (
            run
            for path, run in self.run_table.items()
            if (path.entity, path.project) == (entity, project)
        )
        return sorted(here, key=lambda run: run.number)

    def _sweep(self, at: SweepPath) -> FakeSweep:
        if (at.entity, at.project) not in self.projects:
            raise self._not_found("project", f"{at.entity}/{at.project}")
        if at not in self.sweep_table:
            raise self._not_found("sweep", f"{at.entity}/{at.project}/{at.sweep_id}")
        return self.sweep_table[at]

    def _run(self, at: RunPath) -> FakeRun:
        if at not in self.run_table:
            raise self._not_found("run", f"{at.entity}/{at.project}/{at.run_id}")
        return self.run_table[at]

    def _not_found(self, kind: str, key: str) -> UpstreamNotFound:
        return UpstreamNotFound(self.facts.base_url, kind, key)

    def _tick(self) -> datetime:
        self._seconds += 1
        return BEGINNING + timedelta(seconds=self._seconds)

    def _failure(self, name: str) -> Failure | None:
        for failure in self._failures:
            if failure.times and failure.on in (None, name):
                failure.times -= 1
                return failure
        return None


class _Node:
    """A run or a sweep in the shape of GraphQL, for the calls that annotate."""

    def __init__(self, server: FakeUpstream, thing: FakeRun | FakeSweep) -> None:
        self._server, self._thing = server, thing

    def ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        if isinstance(self._thing, FakeRun):
            return {"project": {"run": self._run(self._thing.seen)}}
        sweep = self._thing
        node = {"description": sweep.description, "config": sweep.seen.config_text}
        return {"project": {"sweep": {"id": sweep.seen.gql_id, **node}}}

    def tell(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        thing, server = self._thing, self._server
        server.written.append(variables["id"])
        if isinstance(thing, FakeSweep):
            if server.keeps_descriptions:
                thing.description = variables["description"]
            return {"upsertSweep": {"sweep": {"name": thing.seen.path.sweep_id}}}
        names = {"tags": "tags", "notes": "notes", "summaryMetrics": "summary_text"}
        changes = {names[key]: value for key, value in variables.items() if key in names}
        server.edit(thing, **changes)
        return {"upsertBucket": {"bucket": self._run(thing.seen)}}

    def _run(self, seen: RemoteRun) -> dict[str, Any]:
        told = {"id": seen.gql_id, "state": seen.state, "summaryMetrics": seen.summary_text}
        return {**told, "tags": list(seen.tags), "notes": seen.notes}


class _Asking:
    """Notes a question, and fails it where a test wants that: before it, or after its effect."""

    def __init__(self, server: FakeUpstream, name: str) -> None:
        self._server, self._name = server, name
        self._failure: Failure | None = None

    def __enter__(self) -> None:
        server = self._server
        server.calls.append(self._name)
        server.before_each(self._name)
        if server.busy_every and len(server.calls) % server.busy_every == 0:
            raise UpstreamBusy(server.facts.base_url, self._name, 1.0)
        self._failure = server._failure(self._name)
        if self._failure is not None and not self._failure.takes_effect:
            raise self._failure.error

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None and self._failure is not None:
            raise self._failure.error


def _spread(run: FakeRun, samples: int) -> SystemMetrics:
    every = max(-(-len(run.system) // samples), 1)
    return SystemMetrics(run.system[::every], len(run.system))


def _matches(run: FakeRun, filters: Mapping[str, Any]) -> bool:
    """W&B's filters, as far as tests use them."""
    for key, wanted in filters.items():
        if key == "$and":
            held = all(_matches(run, one) for one in wanted)
        elif key == "$or":
            held = any(_matches(run, one) for one in wanted)
        else:
            held = _holds(_value(run, key), wanted)
        if not held:
            return False
    return True


def _value(run: FakeRun, key: str) -> Any:
    seen = run.seen
    if key.startswith("config."):
        entry = json.loads(seen.config_text).get(key.removeprefix("config."), {})
        return entry.get("value")
    if key.startswith("summary_metrics."):
        return json.loads(seen.summary_text).get(key.removeprefix("summary_metrics."))
    known = {
        "name": seen.path.run_id,
        "display_name": seen.display_name,
        "displayName": seen.display_name,
        "state": seen.state,
        "sweep": seen.sweep_id,
        "tags": seen.tags,
        "group": seen.group,
        "created_at": seen.created_at,
        "createdAt": seen.created_at,
        "heartbeat_at": seen.heartbeat_at,
        "heartbeatAt": seen.heartbeat_at,
    }
    return known[key]


def _holds(value: Any, wanted: Any) -> bool:
    if not isinstance(wanted, Mapping):
        return wanted in value if isinstance(value, list) else bool(value == wanted)
    if isinstance(value, datetime):
        wanted = {op: datetime.fromisoformat(str(moment)) for op, moment in wanted.items()}
    tests: dict[str, Callable[[Any, Any], bool]] = {
        "$eq": lambda a, b: a == b,
        "$ne": lambda a, b: a != b,
        "$in": lambda a, b: a in b if not isinstance(a, list) else bool(set(a) & set(b)),
        "$nin": lambda a, b: a not in b,
        "$gt": lambda a, b: a is not None and a > b,
        "$gte": lambda a, b: a is not None and a >= b,
        "$lt": lambda a, b: a is not None and a < b,
        "$lte": lambda a, b: a is not None and a <= b,
        "$regex": lambda a, b: re.search(b, str(a)) is not None,
    }
    return all(tests[op](value, other) for op, other in wanted.items())
