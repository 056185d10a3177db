"""A real service on a real socket, real wandb clients, and faults between them.

live = LiveService(tmp_path)            # create_app, uvicorn in a thread, SQLite in tmp_path
live.client("import wandb; …")          # a Python process with the newest client
live.wandb("sweep", "sweep.yaml")       # the command line
live.faults.answer("file_stream", 500)  # the next such request gets a 500 and never arrives
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paribus_service.app import create_app
from paribus_service.dependencies import Services
from paribus_service.settings import Settings
from paribus_service.store import runs as run_store
from paribus_service.store.engine import session_scope
from paribus_service.store.history import Stream, read_lines
from paribus_service.store.tables import Run

KEY = "local-" + "0123456789" * 4
ENTITY = "paribus"
CLIENT_SECONDS = 90  # a client that takes longer hangs; it needs 2 to 10


@dataclass
class Rule:
    """What happens to the next `times` requests whose path or body holds `text`."""

    text: str
    times: int
    status: int | None
    """Answered instead of the service; None lets the request through and loses the reply."""
    repeated: bool = False
    """Let it through twice, as a network that duplicates does."""


@dataclass
class Faults:
    """ASGI middleware that fails, loses or repeats chosen requests, and remembers all of them."""

    app: ASGIApp
    rules: list[Rule] = field(default_factory=list)
    seen: list[tuple[str, str, bytes, int]] = field(default_factory=list)
    """(method, path, body, status) of every request."""

    def answer(self, text: str, status: int, *, times: int = 1) -> None:
        self.rules.append(Rule(text, times, status))

    def lose_reply(self, text: str, *, times: int = 1) -> None:
        self.rules.append(Rule(text, times, None))

    def repeat(self, text: str, *, times: int = 1) -> None:
        self.rules.append(Rule(text, times, None, repeated=True))

    def bodies(self, text: str) -> list[bytes]:
        return [body for _, path, body, _ in self.seen if text in path or text.encode() in body]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        rule = self._matching(scope["path"], body)
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        if rule is None or rule.repeated:
            if rule is not None:
                await self.app(scope, _playing(body, receive), _swallow)
            await self.app(scope, _playing(body, receive), noting)
        elif rule.status is None:
            await self.app(scope, _playing(body, receive), _swallow)
            await _answer(noting, 502)
        else:
            await _answer(noting, rule.status)
        self.seen.append((scope["method"], scope["path"], body, status))

    def _matching(self, path: str, body: bytes) -> Rule | None:
        for rule in self.rules:
            if rule.times and (rule.text in path or rule.text.encode() in body):
                rule.times -= 1
                return rule
        return None


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def _playing(body: bytes, rest: Receive) -> Receive:
    """The body that was read already; behind it whatever the real client does."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await rest()

    return receive


async def _swallow(_message: Message) -> None:
    return None


async def _answer(send: Send, status: int) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"error": "injected by the test"}'})


class LiveService:
    """A service on a free port; it can be stopped and started again over the same data."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        chosen = {
            "dev": True,
            "watchdog_interval_seconds": 0.2,
            "quiet_seconds": 1.0,
            "agent_timeout_seconds": 20.0,
            "run_timeout_seconds": 30.0,
            "stop_escalation_seconds": 0.0,
            **settings,
        }
        self.settings = Settings(data_dir=directory / "data", **chosen)
        self._port = 0
        self._processes: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self.app = create_app(self.settings)
        self.faults = Faults(self.app)
        config = uvicorn.Config(self.faults, log_level="warning", lifespan="on", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, daemon=True
        )
        self._thread.start()
        wait_for(lambda: self._server.started)

    def close(self) -> None:
        """End what a test left running, then the service."""
        for process in self._processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.stop()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def services(self) -> Services:
        services: Services = self.app.state.services
        return services

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with session_scope(self.services.engine, reads_only=True) as session:
            yield session

    @property
    def env(self) -> dict[str, str]:
        """Environment of a wandb client that knows this service and nothing else."""
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
        return kept | {
            "HOME": str(home),
            "NETRC": str(home / "netrc"),
            "WANDB_CONFIG_DIR": str(home / "config"),
            "WANDB_CACHE_DIR": str(home / "cache"),
            "WANDB_DATA_DIR": str(home / "data"),
            "WANDB_DIR": str(self.directory),
            "WANDB_BASE_URL": self.url,
            "WANDB_API_KEY": KEY,
            "WANDB_SILENT": "true",
            "WANDB_CONSOLE": "off",
            "WANDB_ERROR_REPORTING": "false",
            "WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL": "0.2",
            "WANDB_X_DISABLE_META": "true",
            "WANDB_X_DISABLE_STATS": "true",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }

    def client(
        self,
        script: str,
        *,
        python: str = sys.executable,
        env: Mapping[str, str] = {},
        ok: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """A Python process that runs `script`; refused unless it ends well, where `ok`."""
        return self._process([python, "-c", script], env, ok)

    def start_client(
        self, script: str, *, python: str = sys.executable, env: Mapping[str, str] = {}
    ) -> subprocess.Popen[bytes]:
        """A Python process that runs beside the test."""
        return self.start_process([python, "-c", script], env)

    def start_process(
        self, command: list[str], env: Mapping[str, str] = {}
    ) -> subprocess.Popen[bytes]:
        """Any process with a client's environment; what still runs at the end is killed."""
        process = subprocess.Popen(
            command,
            env=self.env | dict(env),
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def wandb(
        self, *arguments: str, env: Mapping[str, str] = {}, ok: bool = True, python: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """The wandb command line."""
        told = {"WANDB_SILENT": "false", **env}
        return self._process([python or sys.executable, "-m", "wandb", *arguments], told, ok)

    def _process(
        self, command: list[str], env: Mapping[str, str], ok: bool
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=self.env | dict(env),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=CLIENT_SECONDS,
            check=False,
        )
        if ok and done.returncode:
            raise AssertionError(f"exit {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL answer."""
        answer = self.post({"query": query, "variables": variables})
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def post(self, body: Any, path: str = "/graphql", **more: Any) -> httpx.Response:
        """Any POST, with the key of a wandb client."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(self.url + path, content=content, auth=("api", KEY), timeout=30, **more)

    def stream(self, run: str, body: Any, *, project: str = "p", **more: Any) -> httpx.Response:
        """A file_stream request."""
        return self.post(body, f"/files/{ENTITY}/{project}/{run}/file_stream", **more)

    def run(self, project: str, name: str) -> Run:
        """What the database has of a run."""
        with self.reading() as session:
            return run_store.get_run_at(session, ENTITY, project, name)

    def lines(self, run: Run, stream: Stream = Stream.HISTORY) -> list[str]:
        with self.reading() as session:
            return [text for _, text in read_lines(session, run, stream)]

    def history(self, run: Run) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.lines(run)]


def wait_for(claim: Callable[[], Any], *, seconds: float = 30.0) -> Any:
    """Poll until `claim()` holds; its value."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = claim()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come true in time")
