"""The servers that are measured, and how a client talks to each of them.

A peer is started with a fresh directory. `open_run` gives a client's run, `body` what one call
sends, so that nothing but the server's own work and the same few lines of client lie in the time.
"""

import base64
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
METRICS = 10  # a step
BATCH_STEPS = 100  # a batch
_READY_SECONDS = 120.0
_IDLE_CPU_SHARE = 0.08  # of one core, for four seconds: then its imports are over

UPSERT_BUCKET = """
mutation UpsertBucket($entity: String, $project: String, $name: String, $config: JSONString) {
  upsertBucket(input: {entityName: $entity, modelName: $project, name: $name, config: $config}) {
    bucket { id name }
  }
}
"""
CREATE_AGENT = """
mutation CreateAgent($host: String!, $project: String, $entity: String, $sweep: String!) {
  createAgent(input: {host: $host, projectName: $project, entityName: $entity, sweep: $sweep}) {
    agent { id }
  }
}
"""
HEARTBEAT = """
mutation AgentHeartbeat($id: ID!, $metrics: JSONString, $runState: JSONString) {
  agentHeartbeat(input: {id: $id, metrics: $metrics, runState: $runState}) {
    agent { id }
    commands
  }
}
"""


@dataclass(frozen=True)
class Request:
    """One call, ready to be sent again and again with another body."""

    path: str
    headers: dict[str, str]


class Connection:
    """A connection that is kept alive; an answer other than 200 ends the benchmark."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(self, request: Request, body: str) -> bytes:
        self._connection.request("POST", request.path, body, request.headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            raise RuntimeError(f"{request.path} answers {answer.status}: {content[:300]!r}")
        return content

    def post_json(self, path: str, value: Any, **headers: str) -> Any:
        headers = {"Content-Type": "application/json", **headers}
        return json.loads(self.post(Request(path, headers), json.dumps(value)))


def rows(first_step: int, steps: int) -> Iterator[dict[str, float]]:
    """`METRICS` random numbers for each step."""
    for _ in range(first_step, first_step + steps):
        yield {f"m{k}": random.random() for k in range(METRICS)}


@dataclass
class Peer:
    """A server process and what is known of it."""

    name: str
    folder: Path
    port: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    facts: dict[str, str] = field(default_factory=dict)

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    ready_path = "/"

    def start(self) -> float:
        """Start the server; seconds until it first says that it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or _free_port()
        began = time.perf_counter()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                env=os.environ | self.environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=Path(__file__).parent,
            )
        while not self._is_ready():
            if self.process.poll() is not None or time.perf_counter() - began > _READY_SECONDS:
                raise RuntimeError(f"{self.name} did not start: see {self.folder / 'log'}")
            time.sleep(0.01)
        return time.perf_counter() - began

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", self.ready_path)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def settle(self, *, limit_seconds: float = 90.0) -> None:
        """Wait until its processes are idle.

        MLflow's helpers go on importing for about twelve seconds after /health says 200; measured
        before that, it takes a tenth of its points.
        """
        deadline, quiet, before = time.monotonic() + limit_seconds, 0, self.cpu_seconds()
        while quiet < 4 and time.monotonic() < deadline:
            time.sleep(1)
            now = self.cpu_seconds()
            quiet = quiet + 1 if now - before < _IDLE_CPU_SHARE else 0
            before = now

    def pids(self) -> list[int]:
        """The server's process and those that it started (its session)."""
        assert self.process is not None
        return [int(p.name) for p in Path("/proc").iterdir() if _session(p) == self.process.pid]

    def cpu_seconds(self) -> float:
        ticks = 0
        for pid in self.pids():
            fields = _stat(Path(f"/proc/{pid}"))
            ticks += int(fields[11]) + int(fields[12]) if fields else 0
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Resident memory of all its processes, in MB (shared pages count in each)."""
        pages = 0
        for pid in self.pids():
            try:
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            except OSError:
                continue  # it has ended meanwhile
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def stop(self) -> None:
        if self.process is None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(15)

    def open_run(self, connection: Connection) -> str:
        """A fresh run's id."""
        raise NotImplementedError

    def request(self, run: str) -> Request:
        raise NotImplementedError

    def body(self, run: str, first_step: int, steps: int) -> str:
        raise NotImplementedError


@dataclass
class Paribus(Peer):
    """Our own: file_stream as a wandb client sends it, and its key."""

    key: str = ""
    synchronous: str = "NORMAL"
    ready_path = "/readyz"

    def command(self) -> list[str]:
        return [
            sys.executable, "-c", "from paribus_service.cli import main; main()", "serve",
            "--port", str(self.port), "--data-dir", str(self.folder / "data"),
            "--ready-file", str(self.folder / "ready.json"),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {
            "PARIBUS_SQLITE_SYNCHRONOUS": self.synchronous,
            "PYTHONPATH": f"{ROOT / 'service'}{os.pathsep}{ROOT / 'sweeps'}",
        }

    def start(self) -> float:
        """As every peer; then the first key is read."""
        seconds = super().start()
        deadline = time.monotonic() + 10
        while not (self.folder / "ready.json").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        self.key = json.loads((self.folder / "ready.json").read_text())["api_key"] or self.key
        return seconds

    @property
    def headers(self) -> dict[str, str]:
        basic = base64.b64encode(f"api:{self.key}".encode()).decode()
        return {"Content-Type": "application/json", "Authorization": f"Basic {basic}"}

    def graphql(self, connection: Connection, query: str, **variables: Any) -> Any:
        told = {"query": query, "variables": variables}
        answer = connection.post_json("/graphql", told, **self.headers)
        if "errors" in answer:
            raise RuntimeError(str(answer["errors"]))
        return answer["data"]

    def open_run(self, connection: Connection) -> str:
        run = random.randbytes(4).hex()
        told = {"entity": "bench", "project": "bench", "name": run}
        self.graphql(connection, UPSERT_BUCKET, **told, config='{"_wandb": {"value": {}}}')
        return run

    def request(self, run: str) -> Request:
        return Request(f"/files/bench/bench/{run}/file_stream", self.headers)

    def body(self, run: str, first_step: int, steps: int) -> str:
        lines = [
            json.dumps({**row, "_step": step, "_timestamp": 1.8e9 + step, "_runtime": step})
            for step, row in enumerate(rows(first_step, steps), first_step)
        ]
        return json.dumps(
            {"files": {"wandb-history.jsonl": {"offset": first_step, "content": lines}}}
        )

    def open_agent(self, connection: Connection, sweep: str) -> tuple[str, str]:
        """An agent and the run that it was given."""
        told = self.graphql(
            connection, CREATE_AGENT,
            host=f"host-{random.randrange(10**6)}", project="bench", entity="bench", sweep=sweep,
        )  # fmt: skip
        agent = told["createAgent"]["agent"]["id"]
        beat = self.graphql(connection, HEARTBEAT, id=agent, metrics="{}", runState="{}")
        [command] = json.loads(beat["agentHeartbeat"]["commands"])
        return agent, command["run_id"]

    def open_sweep(self, trials: int) -> str:
        config = {
            "name": "heartbeats", "entity": "bench", "project": "bench", "program": "none.py",
            "method": "grid", "parameters": {"x": {"values": list(range(trials))}},
        }  # fmt: skip
        found = Connection(self.port).post_json("/api/v1/sweeps", config, **self.headers)
        return str(found["id"])


@dataclass
class Mlflow(Peer):
    """MLflow's tracking server on SQLite, one worker, raw REST."""

    python: str = ""
    experiment: str = ""
    ready_path = "/health"

    def command(self) -> list[str]:
        return [
            self.python, "-m", "mlflow", "server", "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder / 'mlflow.db'}",
            "--default-artifact-root", str(self.folder / "artifacts"),
            "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}

    def _call(self, connection: Connection, path: str, **told: Any) -> Any:
        return connection.post_json(f"/api/2.0/mlflow/{path}", told)

    def settle(self, *, limit_seconds: float = 90.0) -> None:
        """As every peer; then one experiment is made for all rounds."""
        super().settle(limit_seconds=limit_seconds)
        if not self.experiment:
            made = self._call(Connection(self.port), "experiments/create", name="bench")
            self.experiment = made["experiment_id"]

    def open_run(self, connection: Connection) -> str:
        told = {"experiment_id": self.experiment, "start_time": int(time.time() * 1000)}
        run = self._call(connection, "runs/create", **told)
        return str(run["run"]["info"]["run_id"])

    def request(self, run: str) -> Request:
        return Request("/api/2.0/mlflow/runs/log-batch", {"Content-Type": "application/json"})

    def body(self, run: str, first_step: int, steps: int) -> str:
        now = int(time.time() * 1000)
        metrics = [
            {"key": key, "value": value, "timestamp": now, "step": step}
            for step, row in enumerate(rows(first_step, steps), first_step)
            for key, value in row.items()
        ]
        return json.dumps({"run_id": run, "metrics": metrics})


@dataclass
class Reference(Peer):
    """The least that a FastAPI service with one SQLite file can do: `reference_server.py`."""

    ready_path = "/ready"

    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "uvicorn", "reference_server:app", "--log-level", "warning",
            "--no-access-log", "--host", "127.0.0.1", "--port", str(self.port),
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        return {"REFERENCE_DATABASE": str(self.folder / "reference.db")}

    def open_run(self, connection: Connection) -> str:
        return random.randbytes(4).hex()

    def request(self, run: str) -> Request:
        return Request(f"/runs/{run}/rows", {"Content-Type": "application/json"})

    def body(self, run: str, first_step: int, steps: int) -> str:
        listed = [
            {"_step": step, **row} for step, row in enumerate(rows(first_step, steps), first_step)
        ]
        return json.dumps({"rows": listed})


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _stat(process: Path) -> list[str] | None:
    """Fields of /proc/PID/stat from the state on; None for what is no process."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _session(process: Path) -> int | None:
    fields = _stat(process) if process.name.isdigit() else None
    return int(fields[3]) if fields else None
