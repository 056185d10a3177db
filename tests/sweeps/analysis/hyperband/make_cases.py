"""Write cases.json: what W&B's own engine decides on histories drawn from a fixed seed.

Run once, in an environment of its own (the package needs numpy below 2), never by a test:

    python3.11 -m venv /tmp/wbvenv
    /tmp/wbvenv/bin/pip install sweeps==0.3.0
    /tmp/wbvenv/bin/python -W ignore tests/sweeps/analysis/hyperband/make_cases.py
"""

import json
import random
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sweeps import RunState, SweepRun, stop_runs

SEED = 20261126
RULES = (
    {"min_iter": 1},
    {"min_iter": 3},
    {"min_iter": 2, "eta": 2},
    {"min_iter": 4, "eta": 1.5},
    {"min_iter": 1, "eta": 1.1},
    {"max_iter": 27, "s": 2},
    {"max_iter": 16, "s": 3, "eta": 2},
    {"max_iter": 10, "s": 9, "eta": 2.5},
)
STATES = ("running", "running", "running", "finished", "failed", "killed", "crashed")
LINE = re.compile(
    r"Run: (\S+) Step: (\d+) {1,2}(?:\(Band: (\d+) Metric: (\S+) Threshold: (\S+)\))?"
)


def draw_value(draw: random.Random, level: float, at: int) -> Any:
    """One decimal, so that there are ties; now and then what is no number to the engine."""
    odd = draw.random()
    if odd < 0.05:
        return draw.choice(["NaN", "Infinity", "-Infinity", None, "text", True])
    return round(level + 2 / (1 + at) + draw.gauss(0, 0.3), 1)


def draw_run(draw: random.Random, number: int) -> dict[str, Any]:
    level = draw.uniform(0, 2)
    rows = [
        {"other": at} if draw.random() < 0.1 else {"metric": draw_value(draw, level, at)}
        for at in range(draw.randrange(0, 31))
    ]
    return {"name": f"r{number}", "state": draw.choice(STATES), "rows": rows}


def decided(run: SweepRun) -> dict[str, Any] | None:
    """The numbers of the engine's own line about a run."""
    found = [LINE.match(line) for line in run.early_terminate_info["lines"]]
    [line] = [match for match in found if match and match[1] == run.name]
    if line[3] is None:
        return None
    return {"band": int(line[3]), "value": float(line[4]), "threshold": float(line[5])}


def as_the_engine_reads(value: Any) -> Any:
    words = ("NaN", "Infinity", "-Infinity")
    return float(value.replace("Infinity", "inf")) if value in words else value


def ask(rule: dict[str, Any], goal: str, drawn: list[dict[str, Any]]) -> dict[str, Any]:
    runs = [
        SweepRun(
            name=run["name"],
            state=RunState(run["state"]),
            history=[{k: as_the_engine_reads(v) for k, v in row.items()} for row in run["rows"]],
        )
        for run in drawn
    ]
    config = {
        "method": "random",
        "metric": {"name": "metric", "goal": goal},
        "early_terminate": {"type": "hyperband", **rule},
        "parameters": {"a": {"min": 0.0, "max": 1.0}},
    }
    stopped = [run.name for run in stop_runs(config, runs, validate=True)]
    bands = next((r.early_terminate_info["bands"] for r in runs if r.state == "running"), [])
    return {
        "rule": rule,
        "goal": goal,
        "runs": drawn,
        "bands": sorted({band for band in bands if band <= 1000}),
        "decided": {r.name: decided(r) for r in runs if r.state == "running"},
        "stopped": sorted(stopped),
    }


def main() -> None:
    draw = random.Random(SEED)
    cases = [
        ask({**rule, **strict}, goal, [draw_run(draw, n) for n in range(draw.randrange(1, 13))])
        for rule in RULES
        for strict in ({}, {"strict": False}, {"strict": True})
        for goal in ("minimize", "maximize")
    ]
    told = {"made_by": f"sweeps {version('sweeps')}", "seed": SEED, "cases": cases}
    text = json.dumps(told, allow_nan=False, separators=(",", ":"))
    Path(__file__).with_name("cases.json").write_text(text.replace('{"rule"', '\n{"rule"') + "\n")


if __name__ == "__main__":
    main()
