"""How long a run that reports here waits while a project is imported beside it.

    .venv/bin/python -m benchmarks.upstream.beside                    # 4,000 runs, two minutes
    .venv/bin/python -m benchmarks.upstream.beside --runs 50000

A service in a process of its own imports from a server in memory, in one of its threads, as
`POST /imports` does; its observer looks for findings in what comes. Meanwhile a client posts a
row of an embedded run every 50 ms, as W&B's client does (`file_stream`), and waits for each
answer: the row is committed then. The same is measured before the import began.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import httpx
import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select

from benchmarks.upstream.in_memory import InMemory
from benchmarks.upstream.slices import status_of
from paribus_service.app import create_app
from paribus_service.clock import Clock
from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import RunUpsert
from paribus_service.orchestration.upstream.importing import Importer, Wanted
from paribus_service.orchestration.upstream.messages import Upstream
from paribus_service.settings import Settings
from paribus_service.store import mirrors
from paribus_service.store.database import open_database
from paribus_service.store.engine import session_scope
from paribus_service.store.states import MirrorState
from paribus_service.store.tables import FindingMark

LIVE = ("paribus", "live", "run-that-reports")
PAUSE_SECONDS = 0.05
QUIET_POSTS = 200
TURN_SECONDS = 5.0  # of an import: what `POST /imports/{id}:continue` takes


@dataclass(frozen=True)
class Waits:
    """How long posts waited for their answer, in seconds."""

    what: str
    posts: int
    p50: float
    p95: float
    longest: float

    @classmethod
    def of(cls, what: str, spans: list[float]) -> "Waits":
        """Of these spans, of which there is one at least."""
        kept = sorted(spans)
        return cls(what, len(kept), kept[len(kept) // 2], kept[int(0.95 * len(kept))], kept[-1])


def measure(runs: int, rows: int) -> tuple[list[Waits], dict[str, float]]:
    """Post without an import beside, then while runs are listed and while they are read."""
    with tempfile.TemporaryDirectory() as folder, service(Path(folder), runs, rows) as (url, pid):
        client = httpx.Client(base_url=url, timeout=60, auth=("api", "local-" + "0" * 40))
        posting = Posting(client)
        quiet = [posting.post() for _ in range(QUIET_POSTS)]
        found: dict[str, list[float]] = {}
        client.post("/bench/begin")
        while (state := client.get("/bench/state").json())["state"] != MirrorState.IDLE:
            found.setdefault(state["state"], []).extend(posting.post() for _ in range(20))
        memory = status_of(Path(f"/proc/{pid}/status"))
        facts = {**state, "highest_mib": memory["VmHWM"] / 1024}
        waits = [Waits.of(f"while {what}", spans) for what, spans in found.items()]
        return [Waits.of("before", quiet), *waits], facts


class Posting:
    """One run that reports a row at a time."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._line = 0
        self._path = "/files/{}/{}/{}/file_stream".format(*LIVE)

    def post(self) -> float:
        """One row, after a pause; how long its answer took."""
        time.sleep(PAUSE_SECONDS)
        row = json.dumps({"_step": self._line, "loss": 1 / (self._line + 1)})
        lines = {"offset": self._line, "content": [row]}
        began = time.perf_counter()
        answer = self._client.post(self._path, json={"files": {"wandb-history.jsonl": lines}})
        answer.raise_for_status()
        self._line += 1
        return time.perf_counter() - began


@contextmanager
def service(folder: Path, runs: int, rows: int) -> Iterator[tuple[str, int]]:
    """A service that can import; its address and its process."""
    ready = folder / "ready"
    command = [
        sys.executable, "-m", "benchmarks.upstream.beside", "--serve", str(folder / "data"),
        "--ready", str(ready), "--runs", str(runs), "--rows", str(rows),
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        deadline = time.monotonic() + 60
        while not ready.exists() or not ready.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the service did not start")
            time.sleep(0.05)
        yield ready.read_text(), process.pid
    finally:
        process.terminate()
        process.wait(120)


def serve(data_dir: Path, ready: Path, runs: int, rows: int) -> None:
    """Serve until killed, and import once somebody says so."""
    settings = Settings(data_dir=data_dir, dev=True)
    engine = open_database(settings)
    with session_scope(engine) as session:
        told = RunUpsert(entity=LIVE[0], project=LIVE[1], wandb_id=LIVE[2], config_text="{}")
        recorder.upsert_run(session, told, now=Clock().now())
    engine.dispose()
    app = create_app(settings)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    _add_import(app, InMemory(runs, rows=rows))
    app.router.routes.insert(0, app.router.routes.pop())  # before what takes any path
    app.router.routes.insert(0, app.router.routes.pop())
    ready.write_text(f"http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(app, log_level="warning", lifespan="on", ws="none")
    uvicorn.Server(config).run(sockets=[listener])


def _add_import(app: FastAPI, there: InMemory) -> None:
    def go_on() -> None:
        services = app.state.services
        importer = Importer(
            services.engine, cast(Upstream, there), services.clock, on_change=services.observer.ask
        )
        found = importer.open(Wanted("paribus", "bench"))
        while found.state != MirrorState.IDLE:
            found = importer.go_on(found.id, seconds=TURN_SECONDS)

    @app.post("/bench/begin")
    def begin() -> None:
        threading.Thread(target=go_on, daemon=True).start()

    @app.get("/bench/state")
    def state() -> dict[str, str | int]:
        with session_scope(app.state.services.engine, reads_only=True) as session:
            sources = mirrors.list_sources(session)
            looked = session.scalar(select(func.count()).select_from(FindingMark))
            now = sources[0].state if sources else MirrorState.LISTING
            return {"state": now, "looked_at": looked or 0}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ready", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve is not None:
        serve(chosen.serve, chosen.ready, chosen.runs, chosen.rows)
        return
    waits, facts = measure(chosen.runs, chosen.rows)
    print(f"{'':20}{'posts':>8}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for one in waits:
        print(
            f"{one.what:20}{one.posts:8}{1000 * one.p50:9.1f}{1000 * one.p95:9.1f}"
            f"{1000 * one.longest:9.1f}"
        )
    print(
        f"{facts['looked_at']} of {chosen.runs} runs looked at by rules when the import was "
        f"through; {facts['highest_mib']:.0f} MiB at most"
    )


if __name__ == "__main__":
    main()
