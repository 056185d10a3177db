"""The service beside MLflow and a bare server, measured in one run on one machine.

    python3 -m venv .venv-mlflow && .venv-mlflow/bin/pip install mlflow     # once, 850 MB
    .venv/bin/python benchmarks/service/run.py                              # about six minutes
    .venv/bin/python benchmarks/service/run.py --seconds 1 --rounds 1       # about two
    .venv/bin/python benchmarks/service/run.py --without mlflow

What it measures: start to the first 200 of the readiness route; resident memory before the first
answer; heartbeats a second; points a second, with one step of ten metrics a call and with a
hundred, from one client and from eight. Rounds are interleaved (each peer in turn, then again),
and the medians are compared: only figures of one run stand beside each other.

What is not the same, and belongs beside every ratio:
- All are HTTP servers on loopback with raw keep-alive clients; no client library is measured. The
  clients share the machine's cores with the server.
- Durability: MLflow's SQLite uses a rollback journal with an fsync a commit. `paribus` and
  `reference` use WAL with synchronous=NORMAL (what was answered survives the process, not always a
  power failure); `paribus-full` uses synchronous=FULL, which is MLflow's class.
- `reference` does far less than either: no keys, no protocol, no state.
- Paribus's keys are checked on every call; MLflow has none here.
- Each of MLflow's helper processes counts in its memory, shared pages in each of them.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import load
from load import BATCH, STEP, Measured
from peers import ROOT, Mlflow, Paribus, Peer, Reference

WORKLOADS = {
    "step x1": (STEP, 1),
    "step x8": (STEP, 8),
    "batch x1": (BATCH, 1),
    "batch x8": (BATCH, 8),
}
STARTS = 3


def main() -> int:
    asked = _arguments()
    found: dict[str, Any] = {"machine": machine(), "load_before": os.getloadavg()}
    with tempfile.TemporaryDirectory(prefix="paribus-benchmark-") as folder:
        peers = chosen_peers(Path(folder), asked)
        found["versions"] = versions(peers)
        found["start_seconds"] = starts(peers)
        with running(peers, found):
            found["heartbeats"] = measure_heartbeats(peers, asked)
            found["ingest"] = measure_ingest(peers, asked)
    found["load_after"] = os.getloadavg()
    report(found)
    asked.output.write_text(json.dumps(found, indent=1, default=_plain) + "\n")
    print(f"\nwritten to {asked.output}")
    return 0


def chosen_peers(folder: Path, asked: argparse.Namespace) -> list[Peer]:
    """Those that can be started here, our own first."""
    python = asked.mlflow_python
    peers: list[Peer] = [
        Paribus("paribus", folder / "paribus"),
        Paribus("paribus-full", folder / "paribus-full", synchronous="FULL"),
        Reference("reference", folder / "reference"),
        Mlflow("mlflow", folder / "mlflow", python=str(python)),
    ]
    wanted = [peer for peer in peers if peer.name not in asked.without]
    if not python.exists() and any(peer.name == "mlflow" for peer in wanted):
        sys.exit(
            f"there is no {python}: python3 -m venv .venv-mlflow && "
            ".venv-mlflow/bin/pip install mlflow, or --without mlflow"
        )
    return wanted


def starts(peers: Sequence[Peer]) -> dict[str, list[float]]:
    """Seconds from the process's start to its first 200, each time with an empty directory."""
    found: dict[str, list[float]] = {peer.name: [] for peer in peers}
    for number in range(STARTS):
        for peer in peers:
            home, peer.folder = peer.folder, peer.folder / f"start-{number}"
            try:
                found[peer.name].append(peer.start())
            finally:
                peer.stop()
                peer.folder, peer.port = home, 0
    return found


@contextmanager
def running(peers: Sequence[Peer], found: dict[str, Any]) -> Iterator[None]:
    """All of them up and idle; memory is read before anything is asked of them."""
    try:
        for peer in peers:
            peer.start()
        for peer in peers:
            peer.settle()
        found["idle_memory_mb"] = {peer.name: peer.memory_mb() for peer in peers}
        yield
        found["memory_after_mb"] = {peer.name: peer.memory_mb() for peer in peers}
    finally:
        for peer in peers:
            peer.stop()


def measure_heartbeats(peers: Sequence[Peer], asked: argparse.Namespace) -> dict[str, Any]:
    ours = [peer for peer in peers if isinstance(peer, Paribus)]
    return {
        f"x{clients}": _rounds(
            ours,
            asked.rounds,
            lambda peer, n=clients: load.heartbeats(peer, clients=n, seconds=asked.seconds),
        )
        for clients in (1, 8)
    }


def measure_ingest(peers: Sequence[Peer], asked: argparse.Namespace) -> dict[str, Any]:
    found = {}
    for name, (steps, clients) in WORKLOADS.items():
        found[name] = _rounds(
            peers,
            asked.rounds,
            lambda peer, s=steps, n=clients: load.ingest(
                peer, steps=s, clients=n, seconds=asked.seconds
            ),
        )
        print(f"{name}: done, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    return found


def _rounds(
    peers: Sequence[Any], rounds: int, measure: Callable[[Any], Measured]
) -> dict[str, list[Measured]]:
    """Each peer in turn, then again: what the machine does meanwhile hits all of them."""
    found: dict[str, list[Measured]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found[peer.name].append(measure(peer))
    return found


def report(found: dict[str, Any]) -> None:
    """Medians, and our own against each peer."""
    print(f"\n{found['machine']}\nversions: {found['versions']}")
    before, after = found["load_before"][0], found["load_after"][0]
    print(f"load average: before {before:.1f}, after {after:.1f}")
    print("\n| | " + " | ".join(found["start_seconds"]) + " |")
    print("|---" * (len(found["start_seconds"]) + 1) + "|")
    _line(
        "start to ready, s",
        {k: statistics.median(v) for k, v in found["start_seconds"].items()},
        2,
    )
    _line("idle memory, MB", found["idle_memory_mb"], 0)
    for name, measured in found["heartbeats"].items():
        calls = {k: _median(v, "calls_per_second") for k, v in measured.items()}
        _line(f"heartbeats/s {name}", calls | dict.fromkeys(_others(found, calls)), 0)
    for name, measured in found["ingest"].items():
        points = {k: _median(v, "points_per_second") for k, v in measured.items()}
        _line(f"points/s {name}", points, 0)
        _line("  p50 / p99 ms", {k: _waits(v) for k, v in measured.items()}, 0)
        for peer in points:
            if peer.startswith(("reference", "mlflow")) and "paribus" in points:
                ours = {k: v / points[peer] for k, v in points.items() if k.startswith("paribus")}
                shown = ", ".join(f"{k} {v:.1f}" for k, v in ours.items())
                found.setdefault("ratios", {})[f"{name} over {peer}"] = ours
                print(f"|   times {peer}: {shown} |")


def _others(found: dict[str, Any], calls: dict[str, Any]) -> list[str]:
    return [name for name in found["start_seconds"] if name not in calls]


def _median(measured: Sequence[Measured], name: str) -> float:
    return statistics.median(getattr(one, name) for one in measured)


def _waits(measured: Sequence[Measured]) -> str:
    return f"{_median(measured, 'p50_ms'):.2f} / {_median(measured, 'p99_ms'):.1f}"


def _line(name: str, values: dict[str, Any], digits: int) -> None:
    shown = [
        v if isinstance(v, str) else "–" if v is None else f"{v:,.{digits}f}"
        for v in values.values()
    ]
    print(f"| {name} | " + " | ".join(shown) + " |")


def _plain(value: Any) -> Any:
    return asdict(value) if isinstance(value, Measured) else str(value)


def versions(peers: Sequence[Peer]) -> dict[str, str]:
    names = ("paribus", "fastapi", "uvicorn", "sqlalchemy", "orjson")
    found = {"python": platform.python_version(), **{name: version(name) for name in names}}
    for peer in peers:
        if isinstance(peer, Mlflow):
            asked = [
                peer.python,
                "-c",
                "from importlib.metadata import *; print(version('mlflow'))",
            ]
            found["mlflow"] = subprocess.check_output(asked, text=True).strip()
    return found


def machine() -> str:
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "unknown processor",
    )
    return f"{os.cpu_count()} cores, {model}, {platform.system()} {platform.release()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3.0, help="of a round")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    parser.add_argument("--without", action="append", default=[], help="leave this peer out")
    parser.add_argument(
        "--mlflow-python", type=Path, default=ROOT / ".venv-mlflow" / "bin" / "python"
    )
    parser.add_argument("--output", type=Path, default=Path("benchmark-service.json"))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
