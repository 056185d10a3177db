"""An import that is killed again and again (kill -9), and what it has in the end.

    .venv/bin/python -m benchmarks.upstream.killed                # 3,000 runs, killed ten times
    .venv/bin/python -m benchmarks.upstream.killed --runs 50000 --kills 20

The import runs in a process of its own, from a server in memory that makes the same runs up each
time. It is killed after ever other times, in the middle of lists and of histories, and gone on
with by another process. In the end every run is there once, with its config, its summary, its
state and each line of its history once, compared with what the server has.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

from sqlalchemy import Engine, select

from benchmarks.upstream.in_memory import InMemory, id_of
from benchmarks.upstream.made_up import run_number
from paribus_service.clock import Clock
from paribus_service.orchestration.upstream.importing import Importer, Wanted
from paribus_service.orchestration.upstream.messages import Upstream
from paribus_service.orchestration.upstream.taking_in import STATES
from paribus_service.settings import Settings
from paribus_service.store import curves as curve_store
from paribus_service.store.database import open_database
from paribus_service.store.engine import session_scope
from paribus_service.store.states import MirrorState
from paribus_service.store.tables import Run

STARTING_SECONDS = 2.0  # of a process, before it imports anything


def take_in(data_dir: Path, runs: int, rows: int) -> None:
    """Begin the import, or go on with it, to its end."""
    engine = open_database(Settings(data_dir=data_dir, dev=True))
    importer = Importer(engine, cast(Upstream, InMemory(runs, rows=rows)), Clock())
    found = importer.open(Wanted("paribus", "bench"))
    while found.state != MirrorState.IDLE:
        found = importer.go_on(found.id, seconds=5)
    engine.dispose()


def kill_and_go_on(data_dir: Path, runs: int, rows: int, *, kills: int, seconds: float) -> int:
    """How often it was killed before it had reached its end."""
    drawn, killed = random.Random(6), 0
    command = [
        sys.executable, "-m", "benchmarks.upstream.killed", "--take-in", str(data_dir),
        "--runs", str(runs), "--rows", str(rows),
    ]  # fmt: skip
    while True:
        process = subprocess.Popen(command)
        try:
            patience = STARTING_SECONDS + drawn.uniform(0, seconds) if killed < kills else None
            if process.wait(patience) == 0:
                return killed
            raise SystemExit("the import failed")
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1


def differences(engine: Engine, runs: int, rows: int) -> list[str]:
    """What is not as the server has it, in words; none where all is."""
    with session_scope(engine, reads_only=True) as session:
        keys = {wandb_id: pk for pk, wandb_id in session.execute(select(Run.pk, Run.wandb_id))}
        found = []
        if len(keys) != runs:
            found.append(f"{len(keys)} runs, and {runs} were expected")
        for number in range(runs):
            made, pk = run_number(number, rows=rows), keys.get(id_of(number))
            if pk is None:
                found.append(f"{id_of(number)} is missing")
                continue
            run = session.get_one(Run, pk)
            place = curve_store.history_places(session, [pk])[pk]
            lines = [text for _, text in curve_store.lines_from(session, place, 0)]
            config = {key: {"value": value} for key, value in made.config.items()}
            same = {
                "state": run.state == STATES[made.state],
                "config": run.config_text == json.dumps(config),
                "summary": run.summary_text == made.summary_text,
                "history": lines == list(made.rows),
                "lines": run.history_lines == len(made.rows),
            }
            found += [
                f"{id_of(number)}: another {what}" for what, is_so in same.items() if not is_so
            ]
            session.expunge_all()
    return found


def main() -> None:
    """Kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=3_000)
    parser.add_argument("--rows", type=int, default=20)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=4.0, help="between two kills, at most")
    parser.add_argument("--take-in", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.take_in is not None:
        take_in(chosen.take_in, chosen.runs, chosen.rows)
        return
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        killed = kill_and_go_on(
            Path(folder), chosen.runs, chosen.rows, kills=chosen.kills, seconds=chosen.seconds
        )
        seconds = time.perf_counter() - began
        engine = open_database(Settings(data_dir=Path(folder), dev=True))
        found = differences(engine, chosen.runs, chosen.rows)
        engine.dispose()
    print(
        f"{chosen.runs} runs, killed {killed} times in {seconds:.0f} s: {len(found)} differences"
    )
    for said in found[:20]:
        print(f"  {said}")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
