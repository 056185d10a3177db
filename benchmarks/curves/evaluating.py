"""Findings a second over stored runs, and what one more row costs; prints JSON.

A process of its own, so that its memory is that of this work and of nothing else.
"""

import json
import resource
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Engine, select

from benchmarks.curves.filling import add_lines, open_paribus
from benchmarks.curves.made_up import BEGAN, rows_of
from paribus_service.clock import Clock
from paribus_service.orchestration import findings
from paribus_service.orchestration.columns import histories_at
from paribus_service.orchestration.findings import Watched, facts_of
from paribus_service.orchestration.observer import RUNS_AT_ONCE
from paribus_service.orchestration.rule_book import RuleBook
from paribus_service.settings import Settings
from paribus_service.store import curves as curve_store
from paribus_service.store import findings as finding_store
from paribus_service.store.engine import session_scope
from paribus_service.store.tables import Run
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.findings.watching import watches_of

ALONE = 20  # runs whose rules are timed one by one


def main(data_dir: Path) -> dict[str, Any]:
    engine = open_paribus(data_dir)
    book = RuleBook.of(Settings(data_dir=data_dir, dev=True))
    with session_scope(engine, reads_only=True) as session:
        pks = list(session.scalars(select(Run.pk).order_by(Run.pk)))
    watched: dict[int, Watched] = {}
    whole, statuses = _evaluate(engine, pks, book, watched)
    peak = _peak_mb()
    _one_more_row(data_dir, engine, pks)
    more, _ = _evaluate(engine, pks, book, watched)
    return {
        "runs": len(pks),
        "rules": len(book.rules),
        "statuses": dict(statuses),
        "from_start": whole,
        "one_more_row": more,
        "peak_mb": peak,
        "rules_alone": _rules_alone(data_dir, engine, pks[:ALONE], book),
    }


def _evaluate(
    engine: Engine, pks: Sequence[int], book: RuleBook, watched: dict[int, Watched]
) -> tuple[dict[str, float], Counter[str]]:
    """Evaluate and store in the observer's portions; what rules remember goes into `watched`."""
    took = {"seconds": 0.0, "cpu": 0.0, "store": 0.0}
    statuses: Counter[str] = Counter()
    for first in range(0, len(pks), RUNS_AT_ONCE):
        some = pks[first : first + RUNS_AT_ONCE]
        began, worked = time.perf_counter(), time.process_time()
        with session_scope(engine, reads_only=True) as session:
            found = findings.evaluate(session, some, book, watched=watched)
        evaluated = time.perf_counter()
        took["cpu"] += time.process_time() - worked
        with session_scope(engine) as session:
            for one in found.values():
                findings.store(session, one, book, now=Clock().now())
                statuses.update(finding.status for finding in one.findings)
        watched |= {pk: one.watched for pk, one in found.items()}
        took["seconds"] += evaluated - began
        took["store"] += time.perf_counter() - evaluated
    return took, statuses


def _one_more_row(data_dir: Path, engine: Engine, pks: Sequence[int]) -> None:
    with session_scope(engine, reads_only=True) as session:
        places = curve_store.history_places(session, pks)
    with sqlite3.connect(data_dir / "paribus.db", timeout=60) as connection:
        for run, pk in enumerate(pks):
            add_lines(connection, pk, places[pk].lines, _next_line(run, places[pk].lines))


def _next_line(run: int, at: int) -> Iterator[str]:
    [row] = rows_of(run, 1, first=at + 1)
    line = {**row, "_step": at, "_runtime": 0.4 * at, "_timestamp": BEGAN + 0.4 * at}
    yield orjson.dumps(line).decode()


def _rules_alone(
    data_dir: Path, engine: Engine, pks: Sequence[int], book: RuleBook
) -> dict[str, dict[str, float]]:
    """CPU ms for each run and rule, over columns in memory: from the start, then one more row."""
    before = _seen(engine, pks, book)
    _one_more_row(data_dir, engine, pks)
    after = _seen(engine, pks, book)
    told = {rule.name: {"from_start_ms": 0.0, "one_more_row_ms": 0.0} for rule in book.rules}
    for pk in pks:
        for rule in book.rules:
            [(_, watch)] = watches_of([rule])
            for seen, name in ((before[pk], "from_start_ms"), (after[pk], "one_more_row_ms")):
                began = time.process_time()
                watch.tell(seen)
                told[rule.name][name] += 1000 * (time.process_time() - began) / len(pks)
    return told


def _seen(engine: Engine, pks: Sequence[int], book: RuleBook) -> dict[int, Seen]:
    with session_scope(engine, reads_only=True) as session:
        facts = facts_of(session, finding_store.run_texts(session, list(pks)))
        histories = histories_at(session, curve_store.history_places(session, pks))
    return {pk: Seen(facts[pk], histories[pk], book.thresholds, book.named) for pk in pks}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


if __name__ == "__main__":
    json.dump(main(Path(sys.argv[1])), sys.stdout)
