"""Answers over very many runs, beside statsmodels' OLS on the same table, in one run.

    python3 -m venv .venv-statsmodels && .venv-statsmodels/bin/pip install statsmodels   # once
    .venv/bin/python benchmarks/answers/run.py                 # about four minutes
    .venv/bin/python benchmarks/answers/run.py --rounds 1 --largest 100000 --without rest

What it measures, on a random table of 20 factors (75 levels, 56 parameters), seed fixed:
- answer: gate + Type II of every factor + all matched pairs of every factor + best run of every
  level, from the codes of 100,000 runs; each part for itself, too.
- peer: `statsmodels.api.OLS(y, X).fit()` on the same coded matrix, in a process of its own. It
  gives coefficients and one t test each; no gate, no Type II, no pairs, no best.
- one more run: the Type II table again, from the stored reduction and the added row.
- memory: the highest resident size of a process that does one of them, and nothing else.
- growth: the answer for 1,000 to 1,000,000 runs.
- REST: the median time of `GET …/best` on a sweep of 10,000 runs, first and kept.

Rounds are interleaved, and medians are compared: only figures of one run stand beside each other.
Both sides have one thread (OPENBLAS_NUM_THREADS=1): on a shared machine more threads measure the
neighbours. `--threads` changes it for both.
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
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
RUNS, GROWTH = 100_000, (1_000, 10_000, 100_000, 1_000_000)


def main() -> int:
    asked = _arguments()
    found: dict[str, Any] = {"machine": machine(), "load_before": os.getloadavg()}
    ours, theirs = Side("ours", sys.executable, asked), Side("peer", asked.peer_python, asked)
    with tempfile.TemporaryDirectory(prefix="paribus-benchmark-") as folder:
        table = Path(folder) / "table.npz"
        ours.run("make", table, RUNS)
        found["sizes"] = ours.run("sizes", table)
        rounds = [
            (ours.run("answer", table), theirs.run("ols", table)) for _ in range(asked.rounds)
        ]
        found["answer"] = [one for one, _ in rounds]
        found["peer"] = [other for _, other in rounds]
        found["one_more_run"] = ours.run("plus", table)
        found["growth"] = {}
        for runs in GROWTH:
            if runs <= asked.largest:
                ours.run("make", table, runs)
                found["growth"][runs] = ours.run("answer", table)
        if "rest" not in asked.without:
            found["rest"] = ours.run("rest", Path(folder), 10_000)
    found["load_after"] = os.getloadavg()
    report(found)
    asked.output.write_text(json.dumps(found, indent=1) + "\n")
    print(f"\nwritten to {asked.output}")
    return 0


class Side:
    """One of the two, each measurement in a process of its own."""

    def __init__(self, name: str, python: Path | str, asked: argparse.Namespace) -> None:
        self.python, self.threads = str(python), str(asked.threads)
        if not Path(self.python).exists():
            sys.exit(f"{python}: no such Python; the first lines of {__file__} say how to make it")
        self.script = str(HERE / ("answering.py" if name == "ours" else "statsmodels_peer.py"))

    def run(self, what: str, *arguments: object) -> Any:
        """Measure one thing; what the process prints is JSON."""
        command = [self.python, self.script, what, *map(str, arguments)]
        threads = {name: self.threads for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
        done = subprocess.run(
            command, env={**os.environ, **threads}, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        return json.loads(done.stdout)


def report(found: dict[str, Any]) -> None:
    whole = statistics.median(one["total"] for one in found["answer"])
    fit = statistics.median(one["fit"] for one in found["peer"])
    print(f"{found['sizes']}\n")
    for part in found["answer"][0]:
        if part not in ("total", "peak_mb"):
            print(f"  {part:<10} {statistics.median(o[part] for o in found['answer']):8.3f} s")
    print(f"  {'total':<10} {whole:8.3f} s   {found['answer'][0]['peak_mb']:.0f} MB at most")
    print(f"  {'OLS alone':<10} {fit:8.3f} s   {found['peer'][0]['peak_mb']:.0f} MB at most")
    print(f"  ratio      {whole / fit:8.3f}     aim: 0.25 or less\n")
    more = found["one_more_run"]
    print(
        f"one more run: {more['again']:.4f} s, {more['again'] / whole:.3f} of the whole (aim: 0.1)"
    )
    print(f"  the same numbers as from the start, to {more['largest_difference']:.1e} relative\n")
    for runs, one in found["growth"].items():
        print(f"  {runs:>9,} runs {one['total']:8.3f} s {one['peak_mb']:7.0f} MB")
    if "rest" in found:
        rest = found["rest"]
        print(f"\nREST, {rest['runs']:,} runs: best for the first time {rest['first_ms']:.0f} ms,")
        print(f"  then p50 {rest['p50_ms']:.1f} ms, p95 {rest['p95_ms']:.1f} ms (aim: p50 20 ms)")


def machine() -> dict[str, Any]:
    """Where this ran."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--largest", type=int, default=GROWTH[-1], help="runs of the last growth step"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--without", nargs="*", default=[], choices=["rest"])
    parser.add_argument("--output", type=Path, default=ROOT / "benchmark-answers.json")
    parser.add_argument("--peer-python", type=Path, default=ROOT / ".venv-statsmodels/bin/python")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
