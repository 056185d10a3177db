"""What using a project of very many runs costs: its pages, lists, answers, curves and exports.

    .venv/bin/python -m benchmarks.upstream.run --fake --runs 50000 --rows 20 --data-dir /tmp/fifty
    .venv/bin/python -m benchmarks.upstream.using /tmp/fifty
    .venv/bin/python -m benchmarks.upstream.using /tmp/fifty --only findings,curves

A service is started on what `run --fake` has imported. Each request is sent twice: cold and warm
(and a third time with the ETag of the answer). Beside it another client asks for /healthz every
20 ms: the longest that it waited is how long the service kept somebody else waiting. Memory is
the service's resident set after the request, and the highest during it (Linux).
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from benchmarks.upstream.slices import status_of

ENTITY, PROJECT = "paribus", "bench"
BIN = Path(sys.executable).parent
PULSE_SECONDS = 0.02
PAGE, API = f"/{ENTITY}/{PROJECT}", "/api/v1"
OWN = f"{API}/projects/{ENTITY}/{PROJECT}"
OF = f"project={ENTITY}/{PROJECT}"
LOSS = "response=eval/loss&goal=minimize"

REQUESTS: tuple[tuple[str, str], ...] = (
    ("overview page", "/"),
    ("project page", PAGE),
    ("runs, first page", f"{API}/runs?entity={ENTITY}&project={PROJECT}&page_size=100"),
    ("runs, failed", f"{API}/runs?entity={ENTITY}&project={PROJECT}&state=failed&page_size=100"),
    ("factors", f"{OWN}/factors"),
    ("confounding", f"{OWN}/confounding"),
    ("follow-ups", f"{OWN}/follow-ups"),
    ("best", f"{OWN}/best?{LOSS}"),
    ("contrasts", f"{OWN}/contrasts?{LOSS}"),
    ("contrasts of one factor", f"{OWN}/contrasts?{LOSS}&factors=per_device_train_batch_size"),
    ("effects", f"{OWN}/effects?{LOSS}"),
    ("importance", f"{OWN}/importance?{LOSS}"),
    ("factors by loss (decide)", f"{OWN}/factors?{LOSS}"),
    ("report", f"{OWN}/report?{LOSS}"),
    ("best, of a curve", f"{OWN}/best?response=roughness(eval/loss)&goal=minimize"),
    ("project page, asked", f"{PAGE}?ask=1"),
    ("project page, by loss", f"{PAGE}?{LOSS}"),
    ("findings", f"{OWN}/findings"),
    ("throughput", f"{OWN}/throughput"),
    ("curves", f"{OWN}/curves?keys=eval/loss"),
    ("curves of two", f"{OWN}/curves?keys=eval/loss&runs=run000007,run040007"),
    ("curves, csv", f"{OWN}/curves?keys=eval/loss&format=csv"),
    ("curves, jsonl", f"{OWN}/curves?keys=eval/loss&format=jsonl"),
    ("curves, parquet", f"{OWN}/curves?keys=eval/loss&format=parquet"),
    ("curves page", f"{PAGE}/curves"),
    ("figure effects", f"{API}/figures/effects?{OF}&{LOSS}"),
    ("figure design-matrix", f"{API}/figures/design-matrix?{OF}"),
    ("figure parallel", f"{API}/figures/parallel-coordinates?{OF}&{LOSS}"),
    ("figure importance", f"{API}/figures/importance?{OF}&{LOSS}"),
    ("figure overlay", f"{API}/figures/overlay?{OF}&keys=eval/loss"),
    ("figure grad-norm-spread", f"{API}/figures/grad-norm-spread?{OF}"),
    ("figure throughput", f"{API}/figures/throughput?{OF}"),
)


@dataclass(frozen=True)
class Used:
    """What one request cost."""

    what: str
    status: int
    bytes: int
    cold_seconds: float
    cpu_seconds: float
    """Of the service, for the cold one and for what stood beside it: /healthz, the observer."""
    warm_seconds: float
    etag_seconds: float | None
    """Of the same once more, with its ETag; None where it has none."""
    others_waited_seconds: float
    """The longest that /healthz took meanwhile."""
    resident_mib: float
    highest_mib: float
    said: str
    """The problem, where it was refused."""


@contextmanager
def service(data_dir: Path, folder: Path) -> Iterator[tuple[str, int]]:
    """`paribus serve` on the data; its address and its process."""
    ready, log = folder / "ready.json", folder / "service.log"
    ready.unlink(missing_ok=True)
    command = [
        str(BIN / "paribus"), "serve", "--dev", "--port", "0", "--data-dir", str(data_dir),
        "--ready-file", str(ready),
    ]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=dict(os.environ), stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + 120
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the service did not start:\n{log.read_text()}")
            time.sleep(0.05)
        yield json.loads(ready.read_text())["url"], process.pid
    finally:
        process.terminate()
        process.wait(60)


class Pulse:
    """Asks for /healthz all the time; how long it waited at most."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=600)
        self._stopping = threading.Event()
        self._longest = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def longest(self) -> float:
        """The longest since this was asked last."""
        found, self._longest = self._longest, 0.0
        return found

    def _run(self) -> None:
        while not self._stopping.wait(PULSE_SECONDS):
            began = time.perf_counter()
            self._client.get("/healthz")
            self._longest = max(self._longest, time.perf_counter() - began)


def measure(data_dir: Path, folder: Path, only: list[str]) -> Iterator[Used]:
    """Send every request, cold, warm, and with its ETag."""
    with service(data_dir, folder) as (url, pid), Pulse(url) as pulse:
        client = httpx.Client(base_url=url, timeout=1_200)
        for what, path in REQUESTS:
            if not only or any(word in what for word in only):
                yield _used(client, pid, pulse, what, path)


def _used(client: httpx.Client, pid: int, pulse: Pulse, what: str, path: str) -> Used:
    status = Path(f"/proc/{pid}/status")
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    pulse.longest()
    busy = _cpu_seconds(pid)
    cold, first = _timed(client, path)
    busy = _cpu_seconds(pid) - busy
    waited = pulse.longest()
    warm, _ = _timed(client, path)
    etag = first.headers.get("etag")
    again = None if etag is None else _timed(client, path, {"If-None-Match": etag})[0]
    memory = status_of(status)
    return Used(
        what=what,
        status=first.status_code,
        bytes=len(first.content),
        cold_seconds=cold,
        cpu_seconds=busy,
        warm_seconds=warm,
        etag_seconds=again,
        others_waited_seconds=waited,
        resident_mib=memory["VmRSS"] / 1024,
        highest_mib=memory["VmHWM"] / 1024,
        said="" if first.is_success else _problem(first),
    )


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process so far: fields 14 and 15 of its `stat` (proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _timed(
    client: httpx.Client, path: str, headers: dict[str, str] | None = None
) -> tuple[float, httpx.Response]:
    began = time.perf_counter()
    answer = client.get(path, headers=headers)
    return time.perf_counter() - began, answer


def _problem(answer: httpx.Response) -> str:
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200]
    problems = told.get("errors") or told.get("problems") or [told]
    return "; ".join(str(one.get("message") or one.get("detail") or one) for one in problems)[:300]


def _line(used: Used) -> str:
    etag = "" if used.etag_seconds is None else f"{used.etag_seconds:.3f}"
    return (
        f"{used.what:26}{used.status:5}{used.bytes / 1000:9.0f}{used.cold_seconds:9.2f}"
        f"{used.cpu_seconds:9.2f}{used.warm_seconds:9.3f}{etag:>9}"
        f"{used.others_waited_seconds:9.3f}{used.resident_mib:9.0f}{used.highest_mib:9.0f}"
        f"  {used.said}"
    )


def main() -> None:
    """Measure, print a table, and write the figures where they are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("data_dir", type=Path, help="where `run --fake --data-dir` has imported")
    parser.add_argument("--only", default="", help="requests whose name holds one of these words")
    parser.add_argument("--json", type=Path, help="also write the figures there")
    chosen = parser.parse_args()
    heads = ("kB", "cold s", "cpu s", "warm s", "ETag s", "others s", "MiB", "highest")
    print(" " * 31 + "".join(f"{head:>9}" for head in heads))
    found = []
    only = [word for word in chosen.only.split(",") if word]
    for used in measure(chosen.data_dir, chosen.data_dir, only):
        found.append(asdict(used))
        print(_line(used), flush=True)
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
