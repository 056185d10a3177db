"""`messages.Upstream`, by asking a process that holds the official client.

conversation = Conversation.from_settings(settings)     # starts nothing yet
conversation.sweep(SweepPath("team", "bert", "x1y2"))   # starts the process, asks, answers
conversation.close()

Promises:
- One question at a time, from however many threads; each ends within its time, in an answer or
  an `UpstreamError`. A process that hangs or ends is replaced at the next question.
- What changes something there is sent at most once by a call that raised. Whether it took effect
  is not known after an `UpstreamUnreachable`.
- A server that limits rates is left alone for as long as it says; a budget of requests is kept,
  and what asks by the thousand leaves a part of it to the rest.
- This service process never imports wandb, and starts nothing before it is asked something.
"""

import itertools
import json
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

from paribus_service.errors import (
    UpstreamBusy,
    UpstreamError,
    UpstreamFailed,
    UpstreamNotConfigured,
    UpstreamNotFound,
    UpstreamNotInstalled,
    UpstreamRefusedKey,
    UpstreamTooOld,
    UpstreamUnreachable,
)
from paribus_service.orchestration.upstream.child import Child
from paribus_service.orchestration.upstream.messages import (
    Added,
    Annotated,
    Content,
    HistoryPage,
    RemoteRun,
    RemoteSweep,
    RunPage,
    RunPath,
    RunRecords,
    ServerFacts,
    SweepPath,
    Upstream,
)
from paribus_service.orchestration.upstream.pace import Pace
from paribus_service.settings import Settings

MODULE = "paribus_service.orchestration.upstream.process"
_OF_ANOTHER_PYTHON = (
    f"import sys, wandb; sys.path.append(sys.argv[1]); from {MODULE} import main; main()"
)
"""What another Python runs: its own wandb, then our modules, from behind all of its own."""
START_SECONDS = 60.0
"""To import the client, from a cold disk of a busy machine; 1 to 2 s otherwise."""
GRACE_SECONDS = 20.0
"""Beyond a question's own time, after which the process counts as hanging: it asks once more why
it got no answer (5 s), and the newest client's question for a feature has 10 s of its own."""
REST_SECONDS = 30.0
"""After a rate limit that names no time."""

MANY = frozenset(("runs", "history", "records", "annotate_run"))
"""Calls that a mirror, an import or annotations make by the thousand."""
KEPT_SHARE = 0.2
"""Of the budget, left by those to all others: a launch or a stop waits for no import."""

_NO_SERVER = (
    "no W&B server is found there; see that PARIBUS_WANDB_BASE_URL is the server's API, as "
    "https://api.wandb.ai is, with its path if it has one, and with https if it wants that"
)

T = TypeVar("T")
_SERVER = TypeAdapter(ServerFacts)
_SWEEP = TypeAdapter(RemoteSweep)
_SWEEPS = TypeAdapter(list[RemoteSweep])
_RUN_ID = TypeAdapter(str)
_PAGE = TypeAdapter(RunPage)
_RUNS = TypeAdapter(list[RemoteRun])
_HISTORY = TypeAdapter(HistoryPage)
_RECORDS = TypeAdapter(RunRecords)
_ANNOTATED = TypeAdapter(Annotated)
_NOTHING = TypeAdapter(None)


class Conversation(Upstream):
    """Talks with one W&B server, with one key."""

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        entity: str | None = None,
        seconds: float = 30.0,
        requests_per_minute: int = 300,
        command: Sequence[str] = (sys.executable, "-m", MODULE),
        environment: Mapping[str, str] = {},
        start_seconds: float = START_SECONDS,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """Remember whom to ask; nothing is started.

        Args:
            base_url: Of the server, without a slash at its end.
            api_key: A key of that server.
            entity: Where sweeps are registered that name none; None for the key's own.
            seconds: For one question.
            requests_per_minute: Most that are sent in any minute.
            command: What serves; another Python that has another client, or a test's stand-in.
            environment: Laid over what the process gets.
            start_seconds: How long the process may take to start.
            grace_seconds: Beyond `seconds`, after which it counts as hanging.
        """
        self._base_url = base_url
        self._key = api_key
        self._entity = entity
        self._seconds = seconds
        self._command = tuple(command)
        self._environment = dict(environment)
        self._start_seconds = start_seconds
        self._grace_seconds = grace_seconds
        self._pace = Pace(requests_per_minute)
        self._kept = int(requests_per_minute * KEPT_SHARE)
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._child: Child | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Conversation":
        """The server that the settings name.

        Raises:
            UpstreamNotConfigured: They name none, or no key of it.
        """
        url, key = settings.wandb_base_url, settings.effective_wandb_key
        if url is None or key is None:
            named = {"PARIBUS_WANDB_BASE_URL": url, "PARIBUS_WANDB_API_KEY": key}
            raise UpstreamNotConfigured([name for name, value in named.items() if value is None])
        return cls(
            base_url=url,
            api_key=key.get_secret_value(),
            entity=settings.wandb_entity,
            seconds=settings.wandb_timeout_seconds,
            requests_per_minute=settings.wandb_requests_per_minute,
            command=command_of(settings.wandb_python),
        )

    # ---- what messages.Upstream promises

    def server(self) -> ServerFacts:
        """The server, whose key is used, and what it can do."""
        return self._ask(_SERVER, "server", "say who it is", ("server", self._base_url))

    def register_sweep(
        self, entity: str | None, project: str, config: Mapping[str, Any]
    ) -> RemoteSweep:
        """Make a new sweep; each call makes another one."""
        at = entity or self._entity
        where = f"{at}/{project}" if at else project
        return self._ask(
            _SWEEP,
            "register_sweep",
            f"register a sweep in {where}",
            ("entity or project", where),
            entity=at,
            project=project,
            config_text=sweep_yaml(config),
        )

    def sweep(self, at: SweepPath) -> RemoteSweep:
        """The sweep as it is now."""
        return self._ask(
            _SWEEP, "sweep", f"show sweep {_path(at)}", ("sweep", _path(at)), **_at(at)
        )

    def find_sweeps(self, entity: str | None, project: str, marker: str) -> list[RemoteSweep]:
        """The project's sweeps whose config holds `marker`; none without such a project."""
        at = entity or self._entity
        where = f"{at}/{project}" if at else project
        return self._ask(
            _SWEEPS,
            "find_sweeps",
            f"find a sweep of {where} by its marker",
            ("entity or project", where),
            entity=at,
            project=project,
            marker=marker,
        )

    def set_sweep_state(self, at: SweepPath, state: str) -> None:
        """Make it RUNNING, PAUSED, FINISHED or CANCELED."""
        asked = f"make sweep {_path(at)} {state}"
        self._ask(_NOTHING, "set_sweep_state", asked, ("sweep", _path(at)), state=state, **_at(at))

    def write_controller(self, sweep_gql_id: str, controller: Mapping[str, Any]) -> None:
        """Replace what the local controller says (`schedule`, `earlystop`)."""
        self._ask(
            _NOTHING,
            "write_controller",
            f"take the schedule of sweep {sweep_gql_id}",
            ("sweep", sweep_gql_id),
            gql_id=sweep_gql_id,
            controller=dict(controller),
        )

    def enqueue_run(self, at: SweepPath, config: Mapping[str, Any], display_name: str) -> str:
        """Hand one run to the next idle agent; its id. Plain values, unwrapped."""
        return self._ask(
            _RUN_ID,
            "enqueue_run",
            f"enqueue run {display_name!r} for sweep {_path(at)}",
            ("sweep", _path(at)),
            config=dict(config),
            display_name=display_name,
            **_at(at),
        )

    def stop_run(self, at: RunPath) -> None:
        """Ask a run to stop."""
        self._ask(_NOTHING, "stop_run", f"stop run {_path(at)}", ("run", _path(at)), **_at(at))

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
        where = f"{entity}/{project}"
        return self._ask(
            _PAGE,
            "runs",
            f"list the runs of {where}",
            ("project", where),
            entity=entity,
            project=project,
            filters=None if filters is None else dict(filters),
            after=after,
            limit=limit,
        )

    def find_runs(
        self, entity: str, project: str, display_names: Sequence[str]
    ) -> list[RemoteRun]:
        """The runs with one of these display names; a name may have several, or none."""
        where = f"{entity}/{project}"
        return self._ask(
            _RUNS,
            "find_runs",
            f"find {len(display_names)} runs of {where} by name",
            ("project", where),
            entity=entity,
            project=project,
            display_names=list(display_names),
        )

    def history(
        self, at: RunPath, *, min_step: int, max_step: int | None, limit: int, samples: int = 0
    ) -> HistoryPage:
        """Every row with `min_step` <= `_step` < `max_step`, up to about `limit` of them."""
        return self._ask(
            _HISTORY,
            "history",
            f"send the history of run {_path(at)}",
            ("run", _path(at)),
            min_step=min_step,
            max_step=max_step,
            limit=limit,
            samples=samples,
            **_at(at),
        )

    def records(self, at: RunPath, *, samples: int, console_lines: int) -> RunRecords:
        """So many lines of system metrics, and so many last lines of console output."""
        return self._ask(
            _RECORDS,
            "records",
            f"send the console output and system metrics of run {_path(at)}",
            ("run", _path(at)),
            samples=samples,
            console_lines=console_lines,
            **_at(at),
        )

    def annotate_run(self, at: RunPath, wanted: Content, recorded: Added) -> Annotated:
        """Read a run, and write what differs from `wanted`; `recorded` is what we added before."""
        return self._ask(
            _ANNOTATED,
            "annotate_run",
            f"annotate run {_path(at)}",
            ("run", _path(at)),
            wanted=asdict(wanted),
            recorded=asdict(recorded),
            **_at(at),
        )

    def annotate_sweep(self, at: SweepPath, wanted: Content) -> Annotated:
        """The same with the lines of `wanted` and a sweep's description."""
        return self._ask(
            _ANNOTATED,
            "annotate_sweep",
            f"annotate sweep {_path(at)}",
            ("sweep", _path(at)),
            wanted=asdict(wanted),
            **_at(at),
        )

    def close(self) -> None:
        """End the conversation and what serves it, at once and for good, from any thread."""
        self._closed.set()
        child = self._child
        if child is not None:
            child.kill()  # whoever waits for its answer hears so, and lets the lock go
        with self._lock:
            self._drop()

    # ---- asking

    def _ask(
        self,
        answer: "TypeAdapter[T]",
        call: str,
        asked: str,
        about: tuple[str, str],
        **arguments: Any,
    ) -> T:
        reply = self._reply(call, arguments, asked, about)
        try:
            return answer.validate_python(reply.get("value"))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise UpstreamFailed(
                self._base_url, asked, f"its answer cannot be read: {where}: {first['msg']}"
            ) from error

    def _reply(
        self, call: str, arguments: Mapping[str, Any], asked: str, about: tuple[str, str]
    ) -> dict[str, Any]:
        """What the process says, once there is room in the budget; others ask meanwhile."""
        while True:
            with self._lock:
                wait = self._wait_seconds(call, asked)
                if not wait:
                    reply = self._exchange(call, arguments, asked)
                    self._pace.sent(int(reply.get("requests", 1)))
                    if "error" in reply:
                        raise self._error(reply["error"], asked, about)
                    return reply
            self._closed.wait(wait)

    def _wait_seconds(self, call: str, asked: str) -> float:
        if self._closed.is_set():
            raise self._unreachable(asked, "this service is stopping")
        if self._pace.rest_seconds:
            raise UpstreamBusy(self._base_url, asked, self._pace.rest_seconds)
        return self._pace.wait_leaving(self._kept if call in MANY else 0)

    def _exchange(self, call: str, arguments: Mapping[str, Any], asked: str) -> dict[str, Any]:
        child = self._ready_child(asked)
        question = {
            "id": next(self._numbers),
            "call": call,
            "arguments": arguments,
            "seconds": self._seconds,
        }
        reply = child.ask(question, self._seconds + self._grace_seconds)
        if reply is None:
            raise self._ended(asked, self._drop(), child.was_late)
        if reply.get("last") or child.was_late:
            self._drop()
        return reply

    def _ready_child(self, asked: str) -> Child:
        if self._child is not None:
            return self._child
        try:
            child = Child(self._command, self._environment, base_url=self._base_url, key=self._key)
        except OSError as error:
            raise UpstreamNotInstalled(self._command[0]) from error
        self._child = child
        if self._closed.is_set():  # `close` may have looked a moment too early
            child.kill()
        if not child.start(self._start_seconds):
            raise self._ended(asked, self._drop(), child.was_late)
        return child

    def _drop(self) -> str:
        child, self._child = self._child, None
        return child.end() if child is not None else ""

    # ---- what went wrong

    def _ended(self, asked: str, words: str, was_late: bool) -> UpstreamError:
        if self._closed.is_set():
            return self._unreachable(asked, "this service is stopping")
        if "No module named 'wandb'" in words:
            return UpstreamNotInstalled(self._command[0])
        if was_late:
            return self._unreachable(asked, "the client gave no answer in time and was ended")
        last = words.splitlines()[-1] if words else "it left no word"
        return self._unreachable(asked, f"the client's process ended ({last})")

    def _unreachable(self, asked: str, reason: str) -> UpstreamUnreachable:
        return UpstreamUnreachable(self._base_url, asked, reason)

    def _error(self, told: Mapping[str, Any], asked: str, about: tuple[str, str]) -> UpstreamError:
        url, said = self._base_url, str(told.get("said"))
        match told.get("kind"):
            case "refused_key":
                return UpstreamRefusedKey(url, asked, said)
            case "not_found" if about[0] == "server":
                return UpstreamFailed(url, asked, _NO_SERVER)
            case "not_found":
                kind, key = about
                return UpstreamNotFound(url, told.get("what") or kind, told.get("key") or key)
            case "too_old":
                return UpstreamTooOld(url, told.get("feature") or f"to {asked}", said)
            case "busy":
                seconds = float(told.get("retry_after") or REST_SECONDS)
                self._pace.rest(seconds)
                return UpstreamBusy(url, asked, seconds)
            case "unreachable":
                return self._unreachable(asked, said)
        return UpstreamFailed(url, asked, said)


def command_of(python: Path | None) -> tuple[str, ...]:
    """What starts the client's process: under our own Python, or another that has a wandb."""
    if python is None:
        return (sys.executable, "-m", MODULE)
    ours = Path(__file__).resolve().parents[3]  # what holds `paribus_service`
    return (str(python), "-W", "ignore", "-c", _OF_ANOTHER_PYTHON, str(ours))


def _path(at: SweepPath | RunPath) -> str:
    return "/".join(astuple(at))


def _at(at: SweepPath | RunPath) -> dict[str, str]:
    names = ("entity", "project", "sweep_id" if isinstance(at, SweepPath) else "run_id")
    return dict(zip(names, astuple(at), strict=True))


class _TextKeepingDumper(yaml.SafeDumper):
    """Quotes texts such as "008", which other readers of YAML take for numbers."""

    def represent_scalar(self, tag: str, value: Any, style: str | None = None) -> yaml.ScalarNode:
        is_text = tag == "tag:yaml.org,2002:str"
        begins_like_octal = is_text and value.startswith("0") and len(value) > 1
        return super().represent_scalar(tag, value, "'" if begins_like_octal else style)


def sweep_yaml(config: Mapping[str, Any]) -> str:
    """A sweep's config as the client writes it: YAML 1.1, keys sorted, plain values.

    Source: wandb 0.31.0, apis/public/sweeps.py, `_upsert_sweep`.
    """
    plain = json.loads(json.dumps(config))
    return yaml.dump(plain, Dumper=_TextKeepingDumper)
