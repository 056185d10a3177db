"""A report of a real sweep, every number of it worked out anew by a script that knows no Paribus.

`scripts/recompute_report.py` runs as a process of its own and sees what any W&B client sees.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.end_to_end.harness import Bench

ROOT = Path(__file__).resolve().parents[2]
NOISY = Path(__file__).parent / "noisy_program.py"
SCRIPT = ROOT / "scripts" / "recompute_report.py"


def completed_sweep(bench: Bench) -> str:
    """2 x 2 levels x 3 seeds, run to the end by two plain `wandb agent`s; its id."""
    config = {
        "project": "lab",
        "program": str(NOISY),
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"epochs": {"value": 1}},
        "design": {
            "type": "full_factorial",
            "factors": {
                "lr": {"levels": [0.1, 0.2]},
                "batch": {"baseline": 8, "levels": [8, 64]},
            },
            "replicates": {"seed": [0, 1, 2]},
            "smallest_effect": 0.05,
        },
    }
    sweep: str = bench.post("/sweeps", config)["id"]
    for agent in [bench.agent(sweep), bench.agent(sweep)]:
        agent.wait()
    assert bench.sweep_state(sweep) == "finished"
    return sweep


def recomputed(bench: Bench, sweep: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), f"paribus/lab/{sweep}", *options],
        env=bench.client_environment(),
        cwd=bench.home,
        capture_output=True,
        text=True,
        check=False,
    )


ALTERED: dict[str, tuple[str | int, ...]] = {
    "moved_along[0].by_level.64": ("moved_along", 0, "by_level", "64"),
    "contrasts[0].fixed.standard_error": ("contrasts", 0, "fixed", "standard_error"),
    "effects.terms[1].omega_squared": ("effects", "terms", 1, "omega_squared"),
}
"""How the script names a place in the report → the keys that lead to it."""


def altered(bench: Bench, report: dict[str, Any]) -> str:
    """The report in a file, with three numbers a millionth larger than they are."""
    copy = json.loads(json.dumps(report))
    for *path, last in ALTERED.values():
        below: Any = copy
        for key in path:
            below = below[key]
        below[last] *= 1 + 1e-6
    file = bench.home / "altered.json"
    file.write_text(json.dumps(copy))
    return str(file)


class TestARecomputedReport:
    def test_it_agrees_in_every_number_and_names_the_three_that_were_altered(
        self, bench: Bench
    ) -> None:
        """Slow (45 s): twelve runs of the real client; one sweep serves both claims."""
        sweep = completed_sweep(bench)
        report = bench.get(f"/sweeps/{sweep}/report")

        honest = recomputed(bench, sweep)
        wrong = recomputed(bench, sweep, "--report", altered(bench, report))

        assert honest.returncode == 0, honest.stdout + honest.stderr
        assert "all that was recomputed agrees" in honest.stdout
        assert wrong.returncode == 1, wrong.stdout + wrong.stderr
        told = [line for line in wrong.stdout.splitlines() if line.startswith("DIFFERS")]
        assert {line.split()[1].rstrip(":") for line in told} == ALTERED.keys()
        # What is drawn at random, or not worked out, is named, and is little; proposed runs are
        # a search, and stand in a section of their own.
        everything, anew = counts(honest.stdout)
        assert "contrasts[*].bootstrap.level" in honest.stdout
        assert everything > 400
        assert anew > 0.9 * everything


def counts(told: str) -> tuple[int, int]:
    """Numbers in the report, and those that were recomputed, over all sections but one."""
    lines = told.split("\n\n")[0].splitlines()[1:]
    rows = [line.split() for line in lines if not line.startswith("follow_ups")]
    return sum(int(row[1]) for row in rows), sum(int(row[2]) for row in rows)
