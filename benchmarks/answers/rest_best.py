"""The median time of `GET …/best` on a sweep of very many runs, over a real socket.

The sweep is registered as users register it; its runs are then written straight into the database,
as if they had finished, before the service starts as a process of its own.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.orchestration import registry
from paribus_service.settings import Settings
from paribus_service.store import migrate
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import make_engine, session_scope

CALLS = 200
BIN = Path(sys.executable).parent
LEVELS = (5, 5, 4, 4, 5)  # with five seeds: 10,000 trials


def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Seconds of the first answer, and the median of `CALLS` further ones, in ms."""
    sweep = fill(folder / "data", runs)
    with service(folder) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=600) as client:
        path = f"/sweeps/{sweep}/best"
        start = time.perf_counter()
        first = client.get(path).raise_for_status()
        spans = [time.perf_counter() - start]
        for _ in range(CALLS):
            start = time.perf_counter()
            client.get(path)
            spans.append(time.perf_counter() - start)
    told = first.json()
    assert told["n"] == runs
    kept = sorted(1000 * span for span in spans[1:])
    return {
        "runs": runs,
        "bytes": len(first.content),
        "first_ms": 1000 * spans[0],
        "p50_ms": statistics.median(kept),
        "p95_ms": kept[int(0.95 * len(kept))],
    }


def fill(data_dir: Path, runs: int) -> str:
    """A database with one sweep, whose first `runs` trials have finished; the sweep's id."""
    data_dir.mkdir()
    settings = Settings(data_dir=data_dir, dev=True)
    engine = make_engine(f"sqlite:///{data_dir / 'paribus.db'}")
    migrate.upgrade(engine)
    with session_scope(engine) as session:
        sweep_id = registry.register(
            session,
            config(),
            entity="paribus",
            created_by="benchmark",
            settings=settings,
            now=Clock().now(),
        ).id
        finish(session, sweep_id, runs)
    engine.dispose()
    return sweep_id


def config() -> dict[str, Any]:
    """Five factors of four or five levels, five seeds."""
    factors = {
        f"f{at}": {"baseline": 0, "levels": list(range(width))} for at, width in enumerate(LEVELS)
    }
    return {
        "project": "benchmark",
        "program": "train.py",
        "metric": {"name": "loss", "goal": "minimize"},
        "design": {
            "type": "full_factorial",
            "factors": factors,
            "replicates": {"seed": [0, 1, 2, 3, 4]},
        },
    }


def finish(session: Session, sweep_id: str, runs: int) -> None:
    """Give the first `runs` trials a finished run with a loss."""
    drawn = random.Random(20_261_126)
    now = Clock().now()
    sweep = sweep_store.get_sweep(session, sweep_id)
    for trial in sweep_store.list_trials(session, sweep_id)[:runs]:
        loss = 0.1 * int(trial.setting["f0"]) + drawn.gauss(0, 0.1)
        summary = {"loss": loss, "train/global_step": 100}
        run = run_store.add_run(
            session,
            sweep.project,
            f"r{trial.number:05d}",
            now=now,
            sweep_id=sweep_id,
            trial_id=trial.id,
            display_name=f"trial {trial.number}",
            state="finished",
            host="host",
            gpu_name="T4",
            started_at=now,
            ended_at=now,
            config_text=json.dumps({key: {"value": value} for key, value in trial.args.items()}),
            summary_text=json.dumps(summary),
        )
        run_store.index_config(session, run)
        run_store.index_summary(session, run.pk, summary)
        trial.state, trial.run_pk, trial.attempts = "finished", run.pk, 1


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """`paribus serve` on the database; its address."""
    ready, log = folder / "ready.json", folder / "service.log"
    command = [
        str(BIN / "paribus"), "serve", "--dev", "--port", "0", "--data-dir", str(folder / "data"),
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
        yield json.loads(ready.read_text())["url"]
    finally:
        process.terminate()
        process.wait(30)
