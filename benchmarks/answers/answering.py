"""What `run.py` measures of Paribus: one measurement a process, printed as JSON.

python answering.py make table.npz 100000
python answering.py answer table.npz
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from paribus_sweeps.analysis.contrasts import matched_contrasts
from paribus_sweeps.analysis.effects import effects
from paribus_sweeps.analysis.levels import level_summaries
from paribus_sweeps.analysis.models import fit
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.table import Column, Table

Found = TypeVar("Found")

SEED = 20_261_126
LEVELS = (5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 4, 4, 3, 3, 3, 3, 2, 2, 2)
"""75 levels, 56 parameters with the intercept (METHOD 12)."""


def make(path: str, runs: str) -> dict[str, Any]:
    """A random table: balanced in no way, three factors with an effect, and noise."""
    rng = np.random.default_rng(SEED)
    count = int(runs)
    # Half of the rows are those of the other half with one factor moved, so that there are pairs.
    codes = np.column_stack([rng.integers(0, width, count) for width in LEVELS]).astype(np.int64)
    copies = count // 2
    codes[copies : 2 * copies] = codes[:copies]
    changed = rng.integers(0, len(LEVELS), copies)
    rows = np.arange(copies, 2 * copies)
    codes[rows, changed] = (codes[rows, changed] + 1) % np.array(LEVELS)[changed]
    values = 0.1 * codes[:, 0] - 0.05 * codes[:, 5] + 0.2 * codes[:, 17] + rng.normal(size=count)
    np.savez(path, codes=codes, values=values)
    return {"runs": count}


def table_of(path: str) -> Table:
    """The table, as the service holds it once its runs are read."""
    held = np.load(path)
    codes, values = held["codes"], held["values"]
    columns = tuple(
        Column(f"f{at:02d}", tuple(map(str, range(width))), np.ascontiguousarray(codes[:, at]))
        for at, width in enumerate(LEVELS)
    )
    ids = tuple(f"r{at:07d}" for at in range(len(values)))
    empty = tuple("" for _ in ids)
    states = tuple("finished" for _ in ids)
    return Table(ids, columns, None, values, states, empty)


def sizes(path: str) -> dict[str, Any]:
    found = gate(table_of(path))
    return {
        "runs": len(found.table),
        "factors": len(LEVELS),
        "levels": sum(LEVELS),
        "parameters": found.parameters,
        "rank": found.rank,
    }


def answer(path: str) -> dict[str, Any]:
    """Everything that an answer needs, each part timed."""
    table = table_of(path)
    spans: dict[str, float] = {}
    start = time.perf_counter()
    found = timed(spans, "gate", lambda: gate(table))
    told = timed(spans, "type II", lambda: effects(table, interactions="none", base=found))
    pairs = timed(
        spans,
        "all pairs",
        lambda: [
            contrast
            for column in table.factors
            for contrast in matched_contrasts(table, column.name, seed="benchmark", details=False)
        ],
    )
    best = timed(spans, "best", lambda: level_summaries(table, goal="minimize"))
    total = time.perf_counter() - start
    assert len(told.rows) == len(best) == len(LEVELS)
    assert sum(contrast.n for contrast in pairs) > 0
    return {**spans, "total": total, "peak_mb": peak_mb()}


def plus(path: str) -> dict[str, Any]:
    """Type II again after one more run, from the stored reduction."""
    table = table_of(path)
    fitted = fit(table, interactions="none")
    squares, matrix, values = fitted.squares, fitted.matrix, table.values
    row, value = matrix[7], float(values[7]) + 0.5
    spans = []
    for _ in range(9):
        start = time.perf_counter()
        more = squares.plus(row, value)
        again = type_two(fitted, more)
        spans.append(time.perf_counter() - start)
    anew = type(squares).of(np.vstack([matrix, row]), np.append(values, value))
    expected = type_two(fitted, anew)
    return {
        "again": statistics.median(spans),
        "largest_difference": float(np.max(np.abs(again - expected) / np.abs(expected))),
    }


def type_two(fitted: Any, squares: Any) -> np.ndarray:
    """F of every factor, each adjusted for all others."""
    solution = squares.solve()
    error = solution.rss / solution.residual_df
    found = []
    for term in fitted.gate.terms[1:]:
        others = [t for t in fitted.gate.terms if t != term]
        squared, df = squares.explained(fitted.columns_of(term), fitted.columns_of(*others))
        found.append(squared / df / error)
    return np.array(found)


def rest(folder: str, runs: str) -> dict[str, Any]:
    """`GET …/best` of a sweep with many runs, over a real socket."""
    from rest_best import measure  # its imports load the service; nothing else here needs it

    return measure(Path(folder), int(runs))


def timed(spans: dict[str, float], name: str, work: Callable[[], Found]) -> Found:
    """Do it, and note how long it took."""
    start = time.perf_counter()
    found = work()
    spans[name] = time.perf_counter() - start
    return found


def peak_mb() -> float:
    """The highest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    chosen = {f.__name__: f for f in (make, sizes, answer, plus, rest)}[sys.argv[1]]
    print(json.dumps(chosen(*sys.argv[2:])))
