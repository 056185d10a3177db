"""A yardstick: rows of JSON into one SQLite file (WAL, synchronous=NORMAL), and nothing else.

No keys, no protocol, no counters, no runs' life: what is lost against it is the price of those.
"""

import os
import sqlite3
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

database = sqlite3.connect(os.environ["REFERENCE_DATABASE"], isolation_level=None)
for statement in (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "CREATE TABLE IF NOT EXISTS lines(run TEXT, step INTEGER, row BLOB, PRIMARY KEY(run, step))"
    " WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS latest(run TEXT, key TEXT, value REAL, PRIMARY KEY(run, key))"
    " WITHOUT ROWID",
):
    database.execute(statement)
app = FastAPI()


@app.get("/ready")
async def ready() -> Response:
    return Response(b"{}", media_type="application/json")


@app.post("/runs/{run}/rows")
async def take_in(run: str, request: Request) -> Response:
    rows: list[dict[str, Any]] = orjson.loads(await request.body())["rows"]
    database.execute("BEGIN IMMEDIATE")
    try:
        database.executemany(
            "INSERT OR REPLACE INTO lines VALUES(?, ?, ?)",
            [(run, row["_step"], orjson.dumps(row)) for row in rows],
        )
        database.executemany(
            "INSERT OR REPLACE INTO latest VALUES(?, ?, ?)",
            [(run, key, value) for key, value in rows[-1].items()],
        )
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    return Response(b"{}", media_type="application/json")
