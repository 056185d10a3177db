"""What mirroring a W&B project costs, and what it costs again when little has changed.

    .venv/bin/python -m benchmarks.upstream.run                       # 2,000 runs of 200 rows
    .venv/bin/python -m benchmarks.upstream.run --runs 50 --rows 200  # seconds
    .venv/bin/python -m benchmarks.upstream.run --fake --runs 50000 --rows 20
    .venv/bin/python -m benchmarks.upstream.run --fake --runs 50000 --data-dir /tmp/fifty

From the repository root. A second Paribus plays the server, in a process of its own; between them
is the official client, in its own, as in service. Paribus here and there share the machine, so a
real server that is farther away costs its round trips more, and this machine less.

Memory is the highest resident set of the process that mirrors, less what it had before (Linux);
`client` is the highest of the client's process. Nothing is tuned for this: pages,
budget and pace are those of a service, but for its limit of requests a minute, which is lifted.

With `--fake` a server in memory answers at once: what is measured is our own tables, with more
runs than a Paribus in the server's place would be filled with in an hour, and what the first
thousand cost beside the last thousand. `using` then measures a service on them, `beside` what an
import costs others, and `killed` what is there after an import that was killed again and again.
"""

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import httpx

from benchmarks.upstream.in_memory import InMemory
from benchmarks.upstream.slices import PARTS, Slice, highest_mib, status_of
from paribus_service.clock import Clock
from paribus_service.orchestration import recorder
from paribus_service.orchestration.recorder import Chunk, RunUpsert, StreamReport
from paribus_service.orchestration.upstream.conversation import Conversation
from paribus_service.orchestration.upstream.importing import Importer, Wanted
from paribus_service.orchestration.upstream.messages import Upstream
from paribus_service.settings import Settings
from paribus_service.store.database import open_database
from paribus_service.store.engine import session_scope
from paribus_service.store.states import MirrorState

HERE = Path(__file__).parent
ENTITY, PROJECT = "paribus", "bench"
KEYS = 6  # numbers in a row, beside the client's own three
RUNS_A_COMMIT = 50
Count = Callable[[], int]
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Cost:
    """What one import cost."""

    what: str
    seconds: float
    cpu_seconds: float
    """Of this process: without the client's, and with that of a server in memory."""
    requests: int
    requests_a_run: float
    rows_a_second: float
    highest_mib: float
    """Of this process, over what it had before the first import."""
    client_mib: float


def fill(data_dir: Path, runs: int, rows: int) -> None:
    """Finished runs, straight into the database that the server will have."""
    settings, clock = Settings(data_dir=data_dir, dev=True), Clock()
    engine = open_database(settings)
    for start in range(0, runs, RUNS_A_COMMIT):
        with session_scope(engine) as session:
            for number in range(start, min(start + RUNS_A_COMMIT, runs)):
                told, report = _run(number, rows)
                run, _ = recorder.upsert_run(session, told, now=clock.now())
                recorder.record(session, run, report, token=None, now=clock.now())
    engine.dispose()


def _run(number: int, rows: int) -> tuple[RunUpsert, StreamReport]:
    config = {f"key{i}": {"value": number % (i + 2)} for i in range(20)}
    told = RunUpsert(
        entity=ENTITY,
        project=PROJECT,
        wandb_id=f"run{number:05}",
        config_text=json.dumps({**config, "_wandb": {"value": {"t": {}}}}),
        host="gpu-1",
    )
    lines = [_row(step, number) for step in range(rows)]
    return told, StreamReport(
        history=Chunk(0, lines), summary_text=lines[-1], complete=True, exit_code=0
    )


def _row(step: int, number: int) -> str:
    numbers = {f"metric/{i}": number / (step + i + 1) for i in range(KEYS)}
    return json.dumps(
        {"_step": step, "_runtime": 0.5 * step, "_timestamp": 1.79e9 + step} | numbers
    )


def measure(runs: int, rows: int) -> list[Cost]:
    """Import everything, again, and again after one run has logged more."""
    with tempfile.TemporaryDirectory() as folder:
        there, here = Path(folder) / "there", Path(folder) / "here"
        fill(there, runs, rows)
        ready = Path(folder) / "ready"
        server = subprocess.Popen(
            [sys.executable, str(HERE / "server.py"), str(there), str(ready)]
        )
        try:
            url = _wait_for(ready, server)
            return _measure(url, here, runs, rows)
        finally:
            server.terminate()
            server.wait()


def _wait_for(ready: Path, server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        url = ready.read_text() if ready.exists() else ""
        try:
            if url and httpx.get(f"{url}/readyz").is_success:
                return url
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("the server did not get ready")


def _measure(url: str, here: Path, runs: int, rows: int) -> list[Cost]:
    settings = Settings(
        data_dir=here,
        dev=True,
        wandb_base_url=url,
        wandb_api_key="local-" + "0" * 40,
        wandb_requests_per_minute=10_000_000,
    )
    engine, clock = open_database(settings), Clock()
    upstream = Conversation.from_settings(settings)
    importer = Importer(engine, upstream, clock)
    upstream.server()  # the client has started
    count = partial(_requests, url)
    more = StreamReport(history=Chunk(rows, [_row(rows, 0)]))
    try:
        return _thrice(importer, count, lambda: _log_there(url, more), runs, rows)
    finally:
        upstream.close()
        engine.dispose()


def measure_fake(runs: int, rows: int, data_dir: Path | None) -> tuple[list[Cost], list[Slice]]:
    """The same over a server in memory, and what the first runs cost beside the last ones.

    Args:
        runs: How many.
        rows: Of history, of a finished run; others have fewer.
        data_dir: Where the runs are kept, for a service to be started on them; None: nowhere.
    """
    there = InMemory(runs, rows=rows)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(Settings(data_dir=data_dir or Path(folder), dev=True))
        # What an import asks: the rest of the conversation is no part of it.
        importer = Importer(engine, cast(Upstream, there), Clock())
        try:
            costs = _thrice(
                importer,
                lambda: there.requests,
                lambda: there.log(0, _row(rows, 0)),
                runs,
                rows,
                after_first=there.slices.close,
            )
            return costs, there.slices.found[: 3 * len(PARTS)]
        finally:
            engine.dispose()


def _thrice(
    importer: Importer,
    count: Count,
    log_one: Callable[[], None],
    runs: int,
    rows: int,
    *,
    after_first: Callable[[], None] = lambda: None,
) -> list[Cost]:
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far was of filling
    before = highest_mib()
    found = [_one("first", importer, count, runs, runs * rows, before)]
    after_first()
    found.append(_one("again, nothing new", importer, count, runs, 0, before))
    log_one()
    found.append(_one("again, one new row", importer, count, runs, 1, before))
    return found


def _one(what: str, importer: Importer, count: Count, runs: int, rows: int, before: float) -> Cost:
    asked, began, busy = count(), time.perf_counter(), time.process_time()
    found = importer.open(Wanted(ENTITY, PROJECT))
    while found.state != MirrorState.IDLE:
        found = importer.go_on(found.id, seconds=5)
        if found.problem:
            raise SystemExit(found.problem)
    seconds, requests = time.perf_counter() - began, count() - asked
    assert (found.counts.runs, found.counts.pending) == (runs, 0), found
    return Cost(
        what=what,
        seconds=seconds,
        cpu_seconds=time.process_time() - busy,
        requests=requests,
        requests_a_run=requests / runs,
        rows_a_second=rows / seconds,
        highest_mib=highest_mib() - before,
        client_mib=_client_mib(),
    )


def _log_there(url: str, report: StreamReport) -> None:
    assert report.history is not None
    lines = {"offset": report.history.offset, "content": list(report.history.lines)}
    path = f"/files/{ENTITY}/{PROJECT}/run00000/file_stream"
    body = {"files": {"wandb-history.jsonl": lines}}
    httpx.post(url + path, json=body, auth=("api", "local-" + "0" * 40)).raise_for_status()


def _requests(url: str) -> int:
    return int(httpx.get(f"{url}/bench/requests").text)


def _client_mib() -> float:
    """The highest of the processes that this one has started, but the server."""
    found = 0.0
    for path in Path("/proc").glob("[0-9]*/status"):
        try:
            facts, command = status_of(path), (path.parent / "cmdline").read_text()
        except OSError:
            continue
        if facts["PPid"] == os.getpid() and "server.py" not in command:
            found = max(found, facts["VmHWM"] / 1024)
    return found


def main() -> None:
    """Measure, print a table, and write the figures where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=2_000)
    parser.add_argument("--rows", type=int, help="200, with --fake 20")
    parser.add_argument("--fake", action="store_true", help="a server in memory, and no client")
    parser.add_argument("--data-dir", type=Path, help="of --fake: keep what was imported there")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    chosen = parser.parse_args()
    chosen.rows = chosen.rows or (20 if chosen.fake else 200)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    slices: list[Slice] = []
    if chosen.fake:
        costs, slices = measure_fake(chosen.runs, chosen.rows, chosen.data_dir)
    else:
        costs = measure(chosen.runs, chosen.rows)
    where = "a server in memory" if chosen.fake else "a second Paribus"
    print(f"{chosen.runs} runs of {chosen.rows} rows on {where}, {os.cpu_count()} cores")
    heads = ("s", "cpu s", "requests", "a run", "rows/s", "MiB", "client")
    widths = (9, 9, 10, 8, 10, 7, 8)
    print(" " * 20 + "".join(f"{h:>{w}}" for h, w in zip(heads, widths, strict=True)))
    for cost in costs:
        print(
            f"{cost.what:20}{cost.seconds:9.2f}{cost.cpu_seconds:9.2f}{cost.requests:10}{cost.requests_a_run:8.3f}"
            f"{cost.rows_a_second:10.0f}{cost.highest_mib:7.0f}{cost.client_mib:8.0f}"
        )
    for one in slices:
        print(
            f"{one.what:8}{one.part:12}{one.runs:9} runs{1000 * one.cpu_seconds_a_run:9.2f} ms of "
            f"processor a run{one.highest_mib:9.0f} MiB at most"
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(_facts(chosen, costs, slices), indent=2) + "\n")


def _facts(chosen: Any, costs: list[Cost], slices: list[Slice]) -> dict[str, Any]:
    machine = {"python": platform.python_version(), "cores": os.cpu_count()}
    return {
        "runs": chosen.runs,
        "rows": chosen.rows,
        "fake": chosen.fake,
        **machine,
        "costs": [asdict(cost) for cost in costs],
        "slices": [asdict(one) for one in slices],
    }


if __name__ == "__main__":
    main()
