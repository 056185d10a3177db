"""Curves of 100 runs, beside MLflow's and Trackio's own way; findings a second; bytes a value.

    make bench-curves                                           # 200 runs x 2,000 steps, minutes
    .venv/bin/python -m benchmarks.curves.run --runs 50 --steps 1000 --rounds 1   # small
    .venv/bin/python -m benchmarks.curves.run --full            # 1,000 runs x 10,000 steps
    .venv/bin/python -m benchmarks.curves.run --without mlflow trackio

From the repository root. Peers live in environments of their own, made once:
`python3 -m venv .venv-mlflow && .venv-mlflow/bin/pip install mlflow` (850 MB), and the same for
trackio (190 MB).

What it measures, on made-up runs of ten keys a step and an evaluation every hundred:
- overlay: one key of 100 runs in 1,000 points each, over HTTP on a connection that is kept:
  first byte of the body, and whole. `cold` is the first request of a fresh process (ours loads
  numpy and scipy then; MLflow has loaded everything before it is idle); `other key` the first for
  a key that was not read yet; `warm` the median of the first one again; `redrawn` asks for another
  number of points, which no answer that is kept can serve.
- every point: the same key of the same runs, as many points as were logged.
- findings: all rules over all runs, in the observer's portions, in a process of its own; then one
  more row each. The ratio of the two, of CPU time, is what incremental evaluation leaves.
- bytes: what lines and columns take on the disk, for each logged value.
- memory: resident size of each server after its fetches; the highest of the evaluating process.

What is not the same, and belongs beside every ratio:
- Databases are filled past the servers: 100 million points through MLflow's API, at its 10,000 a
  second (ENGINES 8), take three hours. The peers hold `--peer-runs` runs only, which helps them:
  theirs is the smaller database. MLflow's was ANALYZEd.
- Points: ours are lowest, highest and last of stretches, MLflow's and Trackio's every so-manieth.
  Trackio sends all keys of each row; its pages have no other way.
- Ours checks a key on each request; the peers have none here. One worker each.
- Files are in the system's cache: a cold process, and no cold disk. Peers are idle when asked.
- The observer of ours is off while curves are fetched.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.curves.filling import Size, fill_mlflow, fill_paribus, fill_trackio
from benchmarks.curves.made_up import OTHER
from benchmarks.curves.servers import Fetched, MlflowCurves, OurCurves, TrackioCurves
from benchmarks.service.peers import ROOT, Connection

OVERLAID, POINTS = 100, 1_000
AGAIN = 5  # warm requests, of which the median counts
FULL = Size(1_000, 10_000)
Server = OurCurves | MlflowCurves | TrackioCurves
KINDS = ("cold", "other key", "warm", "redrawn", "every point")


@dataclass
class Side:
    """One server and what was measured of it."""

    server: Server
    stored: dict[str, Any]
    fetches: dict[str, list[Fetched]] = field(default_factory=lambda: {k: [] for k in KINDS})
    memory_mb: list[float] = field(default_factory=list)


def main() -> int:
    asked = _arguments()
    found: dict[str, Any] = {"machine": machine(), "load_before": os.getloadavg()}
    found["size"] = {"runs": asked.runs, "steps": asked.steps, "peer_runs": asked.peer_runs}
    with tempfile.TemporaryDirectory(prefix="paribus-curves-", dir=asked.folder) as folder:
        sides = filled(Path(folder), asked)
        found["stored"] = {side.server.name: side.stored for side in sides}
        for _ in range(asked.rounds):
            for side in sides:
                measure(side, min(OVERLAID, asked.peer_runs), asked.steps)
        found["curves"] = {side.server.name: summary(side) for side in sides}
        found["findings"] = evaluated(Path(folder) / "paribus" / "data")
    found["load_after"] = os.getloadavg()
    report(found)
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\nwritten to {asked.out}")
    return 0


def filled(folder: Path, asked: argparse.Namespace) -> list[Side]:
    """Each side with its runs in its database, our own first."""
    peers = Size(asked.peer_runs, asked.steps)
    ours = OurCurves("paribus", folder / "paribus")
    sides = [Side(ours, fill_paribus(ours.folder / "data", Size(asked.runs, asked.steps)))]
    if "mlflow" not in asked.without:
        mlflow = MlflowCurves("mlflow", folder / "mlflow", python=_python("mlflow"))
        _with_schema(mlflow)
        stored = fill_mlflow(mlflow.folder / "mlflow.db", mlflow.experiment, peers)
        mlflow.ids = stored.pop("ids")
        sides.append(Side(mlflow, stored))
    if "trackio" not in asked.without:
        python = _python("trackio")
        data = folder / "trackio" / "data"
        trackio = TrackioCurves("trackio", folder / "trackio", python=python, data=data)
        sides.append(Side(trackio, fill_trackio(data, Path(python), peers)))
    return sides


def _python(peer: str) -> str:
    python = ROOT / f".venv-{peer}" / "bin" / "python"
    if not python.exists():
        sys.exit(
            f"there is no {python}: python3 -m venv .venv-{peer} && "
            f".venv-{peer}/bin/pip install {peer}, or --without {peer}"
        )
    return str(python)


def _with_schema(mlflow: MlflowCurves) -> None:
    """Let MLflow's server make its database and one experiment."""
    mlflow.start()
    try:
        made = mlflow._call(Connection(mlflow.port), "experiments/create", name="bench")
        mlflow.experiment = made["experiment_id"]
    finally:
        mlflow.stop()


def measure(side: Side, runs: int, steps: int) -> None:
    """A fresh process: the first overlay, the same again, another one, every point."""
    server = side.server
    server.start()
    try:
        server.settle()
        told = side.fetches
        told["cold"].append(server.sampled(runs, POINTS))
        told["other key"].append(server.sampled(runs, POINTS, OTHER))
        told["warm"] += [server.sampled(runs, POINTS) for _ in range(AGAIN)]
        told["redrawn"] += [server.sampled(runs, POINTS - 1 - at) for at in range(AGAIN)]
        told["every point"].append(server.every(runs, steps))
        side.memory_mb.append(server.memory_mb())
    finally:
        server.stop()
    print(f"{server.name}: measured, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)


def summary(side: Side) -> dict[str, Any]:
    """Medians over the rounds."""
    return {
        **{kind: _median(told) for kind, told in side.fetches.items()},
        "memory_mb": statistics.median(side.memory_mb),
    }


def _median(told: Sequence[Fetched]) -> dict[str, Any]:
    first = asdict(told[0])
    timed = {name: statistics.median(getattr(one, name) for one in told) for name in _TIMED}
    return {**first, **timed, "n": len(told)}


_TIMED = ("first_byte_ms", "whole_ms")


def evaluated(data_dir: Path) -> dict[str, Any]:
    """Findings over all runs, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.curves.evaluating", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return dict(json.loads(done.stdout))


def report(found: dict[str, Any]) -> None:
    size, stored = found["size"], found["stored"]["paribus"]
    print(
        f"\n{found['machine']}; load {found['load_before'][0]:.1f} to {found['load_after'][0]:.1f}"
    )
    print(f"{size['runs']:,} runs x {size['steps']:,} steps, peers {size['peer_runs']:,} runs")
    print(f"folded {stored['lines'] / stored['fold_seconds']:,.0f} lines/s\n")
    for kind in KINDS:
        print(f"{kind}: {'':<20} calls  first byte ms   whole ms        MB     points")
        for name, told in found["curves"].items():
            print(_line(name, told[kind], found["curves"]["paribus"][kind]))
    print("\nresident MB after: ", end="")
    print(", ".join(f"{name} {told['memory_mb']:.0f}" for name, told in found["curves"].items()))
    _report_bytes(found["stored"])
    _report_findings(found["findings"])


def _line(name: str, told: dict[str, Any], ours: dict[str, Any]) -> str:
    times = told["whole_ms"] / ours["whole_ms"]
    beside = "" if told is ours else f"  {times:.1f} times our whole"
    return (
        f"  {name:<24} {told['calls']:>7,} {told['first_byte_ms']:>14,.0f} "
        f"{told['whole_ms']:>10,.0f} {told['bytes'] / 1e6:>9.2f} {told['points']:>10,}{beside}"
    )


def _report_bytes(stored: dict[str, Any]) -> None:
    ours = stored["paribus"]
    lines, columns = (ours[name] / ours["values"] for name in ("line_bytes", "column_bytes"))
    print(f"\nbytes a value: lines {lines:.1f}, columns {columns:.1f} beside them", end="")
    for name, told in stored.items():
        if name != "paribus":
            print(f"; {name} {told['bytes'] / told['values']:.1f}", end="")
    print()


def _report_findings(told: dict[str, Any]) -> None:
    whole, more = told["from_start"], told["one_more_row"]
    count, seconds = told["runs"] * told["rules"], whole["seconds"]
    print(
        f"findings: {told['rules']} rules over {told['runs']:,} runs {seconds:.2f} s "
        f"= {count / seconds:,.0f} findings/s, {told['runs'] / seconds:,.1f} runs/s "
        f"(storing them {whole['store']:.2f} s more), {told['peak_mb']:.0f} MB at most"
    )
    print(
        f"  CPU a run: from the start {1000 * whole['cpu'] / told['runs']:.1f} ms, one more row "
        f"{1000 * more['cpu'] / told['runs']:.1f} ms: {more['cpu'] / whole['cpu']:.3f} of it"
    )
    alone = told["rules_alone"]
    print("  rules alone, CPU ms a run   from the start   one more row   ratio")
    for name, one in sorted(alone.items(), key=lambda item: -item[1]["from_start_ms"]):
        start, row = one["from_start_ms"], one["one_more_row_ms"]
        print(f"    {name:<26} {start:>10.2f} {row:>14.2f} {row / start if start else 0:>10.2f}")


def machine() -> dict[str, Any]:
    """Where this ran."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--full", action="store_true", help="1,000 runs x 10,000 steps")
    parser.add_argument("--peer-runs", type=int, default=OVERLAID, help="runs that peers hold")
    parser.add_argument("--rounds", type=int, default=2, help="fresh processes of each server")
    parser.add_argument("--without", nargs="*", default=[], choices=["mlflow", "trackio"])
    parser.add_argument("--folder", type=Path, help="where databases are put, for the time")
    parser.add_argument("--out", type=Path, default=Path("benchmark-curves.json"))
    asked = parser.parse_args()
    if asked.full:
        asked.runs, asked.steps = FULL.runs, FULL.steps
    asked.peer_runs = min(asked.peer_runs, asked.runs)
    if min(asked.runs, asked.steps, asked.rounds) < 1:
        parser.error("--runs, --steps and --rounds: at least 1")
    return asked


if __name__ == "__main__":
    sys.exit(main())
