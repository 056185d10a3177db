"""Puts the made-up runs into each side's own database, past its server: that would take hours.

What is stored is what logging would have stored, row for row; how fast it got there is no result.

- Paribus: lines into `stream_lines`, then folded into columns by the observer's own functions.
- MLflow 3.17: rows into `metrics`, `latest_metrics` and `runs`, in a schema that its server made.
- Trackio 0.43: rows into `metrics`, in a schema that its `init_db` made.
"""

import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine

from benchmarks.curves.made_up import BEGAN, name_of, rows_of
from paribus_service.orchestration import columns
from paribus_service.store import curves as curve_store
from paribus_service.store import migrate, projects
from paribus_service.store import runs as run_store
from paribus_service.store.engine import make_engine, session_scope
from paribus_service.store.history import Stream

ENTITY = PROJECT = "curves"
CONFIG = {
    "max_steps": 10_000, "learning_rate": 2e-5, "lr_scheduler_type": "constant",
    "max_grad_norm": 1.0, "per_device_train_batch_size": 8, "num_labels": 2,
}  # fmt: skip


@dataclass(frozen=True)
class Size:
    runs: int
    steps: int


# Paribus


def open_paribus(data_dir: Path) -> Engine:
    """The database of a service, made if it is not there."""
    data_dir.mkdir(parents=True, exist_ok=True)
    engine = make_engine(f"sqlite:///{data_dir / 'paribus.db'}")
    migrate.upgrade(engine)
    return engine


def fill_paribus(data_dir: Path, size: Size) -> dict[str, Any]:
    """Lines of all runs, then columns; what either takes on the disk."""
    engine = open_paribus(data_dir)
    path = data_dir / "paribus.db"
    pks = _add_runs(engine, size)
    began, empty = time.perf_counter(), stored_bytes(path)
    lines = values = 0
    with sqlite3.connect(path) as connection:
        for run, pk in enumerate(pks):
            counts: dict[str, list[Any]] = {}
            new = list(_lines(run, size.steps, counts))
            add_lines(connection, pk, 0, new)
            told = json.dumps(counts)
            connection.execute("UPDATE runs SET history_keys = ? WHERE pk = ?", (told, pk))
            connection.commit()
            lines += len(new)
            values += sum(count for _, count in counts.values())
    with_lines, filled = stored_bytes(path), time.perf_counter()
    for pk in pks:
        _fold_all(engine, pk)
    folded = time.perf_counter()
    engine.dispose()
    return {
        "runs": size.runs,
        "lines": lines,
        "values": values,
        "fill_seconds": filled - began,
        "fold_seconds": folded - filled,
        "line_bytes": with_lines - empty,
        "column_bytes": stored_bytes(path) - with_lines,
    }


def _add_runs(engine: Engine, size: Size) -> list[int]:
    """Finished runs of one project that were last heard from long ago."""
    now = datetime(2026, 9, 1, tzinfo=UTC)
    with session_scope(engine) as session:
        project = projects.ensure_project(session, ENTITY, PROJECT, now=now)
        config = json.dumps({key: {"value": value} for key, value in CONFIG.items()})
        return [
            run_store.add_run(
                session,
                project,
                name_of(run),
                now=now,
                state="finished",
                display_name=name_of(run),
                config_text=config,
                started_at=now,
                ended_at=now + timedelta(hours=3),
            ).pk
            for run in range(size.runs)
        ]


def _lines(run: int, steps: int, counts: dict[str, list[Any]]) -> Iterator[str]:
    for at, row in enumerate(rows_of(run, steps)):
        line = {**row, "_step": at, "_runtime": 0.4 * at, "_timestamp": BEGAN + 0.4 * at}
        for key in line:
            counts.setdefault(key, ["number", 0])[1] += 1
        yield orjson.dumps(line).decode()


def add_lines(connection: sqlite3.Connection, pk: int, first: int, lines: Iterable[str]) -> None:
    """Write lines as the recorder does, behind those that are there."""
    stream = int(Stream.HISTORY)
    rows = [(pk, 0, stream, at, at, text) for at, text in enumerate(lines, first)]
    connection.executemany(
        "INSERT INTO stream_lines (run_pk, session, stream, line, step, text) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )
    end = first + len(rows)
    connection.execute(
        "UPDATE runs SET history_lines = ?, last_step = ? WHERE pk = ?", (end, end - 1, pk)
    )


def _fold_all(engine: Engine, pk: int) -> None:
    """What the observer does with a run that has ended, until nothing is left to do."""
    while True:
        with session_scope(engine, reads_only=True) as session:
            place = curve_store.history_places(session, [pk])[pk]
            if place.folded == place.lines:
                return
            history, until = columns.unfolded(session, place)
        with session_scope(engine) as session:
            columns.fold(session, place, history, until=until)


def stored_bytes(path: Path) -> int:
    """Pages in use, with what the write-ahead log holds."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    connection.close()
    return int((pages - free) * size)


# MLflow


def fill_mlflow(path: Path, experiment: str, size: Size) -> dict[str, Any]:
    """Runs of an experiment, in the database that the server made; run ids in order."""
    began, empty = time.perf_counter(), stored_bytes(path)
    ids, values = [f"{run:032x}" for run in range(size.runs)], 0
    with sqlite3.connect(path, timeout=60) as connection:
        for run, run_id in enumerate(ids):
            _insert(connection, "runs", _mlflow_run(run, run_id, experiment))
            last: dict[str, tuple[Any, ...]] = {}
            points = list(_mlflow_points(run, run_id, size.steps))
            for point in points:
                last[point[0]] = point
            for table, rows in (("metrics", points), ("latest_metrics", list(last.values()))):
                connection.executemany(
                    f"INSERT INTO {table} (key, value, timestamp, step, is_nan, run_uuid) "
                    "VALUES (?, ?, ?, ?, 0, ?)",
                    rows,
                )
            connection.commit()
            values += len(points)
        connection.execute("ANALYZE")  # without it SQLite's planner takes a scan (ENGINES 8)
    return {
        "runs": size.runs,
        "ids": ids,
        "values": values,
        "fill_seconds": time.perf_counter() - began,
        "bytes": stored_bytes(path) - empty,
    }


def _mlflow_points(run: int, run_id: str, steps: int) -> Iterator[tuple[Any, ...]]:
    for at, row in enumerate(rows_of(run, steps)):
        stamp = int(1000 * (BEGAN + 0.4 * at))
        step = int(row["train/global_step"])
        yield from ((key, value, stamp, step, run_id) for key, value in row.items())


def _mlflow_run(run: int, run_id: str, experiment: str) -> dict[str, Any]:
    return {
        "run_uuid": run_id, "name": name_of(run), "source_type": "LOCAL", "source_name": "",
        "entry_point_name": "", "user_id": "x", "status": "FINISHED", "source_version": "",
        "start_time": int(1000 * BEGAN), "end_time": int(1000 * BEGAN) + 1, "artifact_uri": "/x",
        "lifecycle_stage": "active", "experiment_id": int(experiment),
    }  # fmt: skip


def _insert(connection: sqlite3.Connection, table: str, told: dict[str, Any]) -> None:
    names, places = ", ".join(told), ", ".join("?" * len(told))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", list(told.values()))


# Trackio


def trackio_environment(folder: Path) -> dict[str, str]:
    """Where Trackio keeps its files, and that it asks no server."""
    return {
        "TRACKIO_DIR": str(folder),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
    }


def fill_trackio(folder: Path, python: Path, size: Size) -> dict[str, Any]:
    """Runs of a project, as `trackio.sqlite_storage.SQLiteStorage.bulk_log` writes them."""
    folder.mkdir(parents=True, exist_ok=True)
    make = (
        "from trackio.sqlite_storage import SQLiteStorage as S; "
        f"print(S.init_db({PROJECT!r}), flush=True)"
    )
    told = {**os.environ, **trackio_environment(folder)}
    made = subprocess.check_output([str(python), "-c", make], env=told, text=True, cwd=folder)
    path = Path(made.strip().splitlines()[-1])
    began, empty, values = time.perf_counter(), stored_bytes(path), 0
    with sqlite3.connect(path, timeout=60) as connection:
        for run in range(size.runs):
            rows = list(rows_of(run, size.steps))
            values += sum(len(row) for row in rows)
            connection.executemany(
                "INSERT INTO metrics (timestamp, run_id, run_name, step, metrics) "
                "VALUES (?, ?, ?, ?, ?)",
                _trackio_rows(name_of(run), rows),
            )
            connection.commit()
    return {
        "runs": size.runs,
        "values": values,
        "fill_seconds": time.perf_counter() - began,
        "bytes": stored_bytes(path) - empty,
    }


def _trackio_rows(name: str, rows: Iterable[dict[str, float]]) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        step = int(row["train/global_step"])
        stamp = datetime.fromtimestamp(BEGAN + 0.4 * step, UTC).isoformat()
        yield stamp, name, name, step, orjson.dumps(row)
