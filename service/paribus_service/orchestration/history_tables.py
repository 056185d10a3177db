"""A run's history as a table of numbers: as it was logged or joined on an x; CSV, JSON, Parquet.

Only `api.histories` imports this, and only once a table is asked for: numpy comes with it, and
pyarrow with the first Parquet.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.columns import read_histories
from paribus_service.orchestration.history_rows import STEP, Part
from paribus_service.orchestration.run_facts import facts_of
from paribus_service.orchestration.table_files import (
    ROWS_AT_ONCE,
    arrow,
    csv_lines,
    parquet_file,
)
from paribus_service.store import findings as finding_store
from paribus_service.store.tables import Run
from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import History, IntArray
from paribus_sweeps.analysis.roles import checked
from paribus_sweeps.analysis.series.axes import Axis, Line, placed
from paribus_sweeps.errors import InvalidSeries, UnknownKey, UnknownRole

MOST_VALUES = 20_000_000  # of a table: 180 MB while it is written
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
_LARGEST_WHOLE = 2.0**53  # beyond it, floats are no longer every whole number


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of numbers, some of which have holes."""

    names: tuple[str, ...]
    values: tuple[FloatArray, ...]
    """NaN and infinities as they were logged."""
    held: tuple[NDArray[np.bool_], ...]
    """Whether a row has a value."""
    left_out: tuple[str, ...] = ()
    """Keys that hold texts, lists or media, and no number."""

    def __len__(self) -> int:
        return len(self.values[0])

    def rows(self, first: int, end: int) -> list[tuple[Any, ...]]:
        """Some of the rows: NaN and infinities as words, None where a row has no value."""
        part = slice(first, end)
        columns = [
            _listed(values[part], held[part], is_whole=is_whole)
            for values, held, is_whole in zip(self.values, self.held, self._whole, strict=True)
        ]
        return list(zip(*columns, strict=True))

    def objects(self, first: int, end: int) -> list[dict[str, Any]]:
        """Some of the rows, each as what it holds."""
        return [
            {name: x for name, x in zip(self.names, row, strict=True) if x is not None}
            for row in self.rows(first, end)
        ]

    @cached_property
    def _whole(self) -> list[bool]:
        """Whether a column holds whole numbers alone: steps are no fractions."""
        return [
            bool(np.all(np.abs(v[h]) < _LARGEST_WHOLE) and np.all(v[h] == np.floor(v[h])))
            for v, h in zip(self.values, self.held, strict=True)
        ]


def _listed(values: FloatArray, held: NDArray[np.bool_], *, is_whole: bool) -> list[Any]:
    shown = np.where(held, values, 0).astype(np.int64) if is_whole else values
    listed: list[Any] = shown.tolist()
    for place in np.flatnonzero(~held | ~np.isfinite(values)).tolist():
        listed[place] = _word(values[place]) if held[place] else None
    return listed


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def table_of(session: Session, run: Run, part: Part) -> Table:
    """The numbers of a run's history.

    As it was logged: a row for each that holds one of the keys, `_step` beside. Joined on an x: a
    row for each x, steps that were logged again once. Of several points of a key at one x, the
    last ones of all keys stand in one row.

    Raises:
        InvalidRequest: A key or x is unknown or cannot be read, or the table is too large.
    """
    history = _history(session, run, part)
    try:
        table = _logged(history, part) if part.x is None else _joined(session, run, history, part)
    except UnknownKey as error:
        pointer = "?keys" if error.key in part.keys else "?x"
        raise InvalidRequest.one(pointer, str(error), code="unknown_key") from error
    except InvalidSeries as error:
        raise InvalidRequest.one(f"?{error.field}", str(error), code="invalid_series") from error
    except UnknownRole as error:
        raise InvalidRequest.one("?role", str(error), code="unknown_role") from error
    return Table(table.names, table.values, table.held, _left_out(run, table.names, part))


def csv_of(table: Table) -> Iterator[bytes]:
    """As CSV: a line of names, an empty place where a row has no value."""
    yield csv_lines([table.names])
    for first in range(0, len(table), ROWS_AT_ONCE):
        yield csv_lines(table.rows(first, first + ROWS_AT_ONCE))


def json_lines_of(table: Table) -> Iterator[bytes]:
    """As JSON lines: NaN and the infinities as strings, nothing where a row has no value."""
    for first in range(0, len(table), ROWS_AT_ONCE):
        rows = table.objects(first, first + ROWS_AT_ONCE)
        yield b"".join(orjson.dumps(row) + b"\n" for row in rows)


def parquet_of(table: Table) -> bytes:
    """As Parquet: columns of doubles, null where a row has no value.

    Raises:
        InvalidRequest: pyarrow is not installed.
    """
    pyarrow = arrow()
    columns = [
        pyarrow.array(values, mask=~held, from_pandas=False)
        for values, held in zip(table.values, table.held, strict=True)
    ]
    return parquet_file(columns, table.names)


def _history(session: Session, run: Run, part: Part) -> History:
    named = [key for _, key in part.roles]
    keys = {*part.keys, *named, *filter(None, [_x_key(part)])} if part.keys else None
    return read_histories(session, [run.pk], keys)[run.pk]


def _x_key(part: Part) -> str | None:
    return part.x.removeprefix("key:").strip() if part.x else None


def _logged(history: History, part: Part) -> Table:
    """A row for each row that holds one of the keys."""
    keys = _keys(history, part)
    chosen = [history[key].rows for key in keys if key in history]
    rows = np.unique(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)
    rows = rows[_steps_in(history, rows, part)]
    names = (STEP, *(key for key in keys if key != STEP))
    _refuse_large(len(rows), len(names))
    columns = [_at(history, key, rows) for key in names]
    return Table(names, tuple(v for v, _ in columns), tuple(h for _, h in columns))


def _keys(history: History, part: Part) -> list[str]:
    """The keys that are asked for, each with a number in it.

    Raises:
        UnknownKey: One has none.
    """
    known = sorted(key for key in history.columns if key in history)
    for key in part.keys:
        if key not in history and known:
            raise UnknownKey(key, known)
    return list(part.keys) or known


def _at(history: History, key: str, rows: IntArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """A key's values in these rows, and which of them hold one."""
    column = history[key]
    values, held = np.full(len(rows), math.nan), np.zeros(len(rows), dtype=bool)
    if len(column):
        place = np.minimum(np.searchsorted(column.rows, rows), len(column) - 1)
        held = column.rows[place] == rows
        values[held] = column.values[place[held]]
    return values, held


def _steps_in(history: History, rows: IntArray, part: Part) -> NDArray[np.bool_]:
    """Which of the rows have a step in the part that is asked for."""
    inside = np.ones(len(rows), dtype=bool)
    if part.min_step is None and part.max_step is None:
        return inside
    steps, held = _at(history, STEP, rows)
    if part.min_step is not None:
        inside &= held & (steps >= part.min_step)
    if part.max_step is not None:
        inside &= held & (steps < part.max_step)
    return inside


def _joined(session: Session, run: Run, history: History, part: Part) -> Table:
    """A row for each x, and for each further point that a key has there."""
    axis = Axis.parse(part.x or "")
    facts = facts_of(session, finding_store.run_texts(session, [run.pk]))[run.pk]
    seen = Seen(facts, history, Thresholds.of(()), checked(dict(part.roles)))
    if axis.key is not None and axis.key not in history and seen.keys:
        raise UnknownKey(axis.key, seen.keys)
    keys = [key for key in _keys(history, part) if key != axis.key]
    lines = [_cut(placed(seen, key, axis), history, part) for key in keys]
    whys = [line.why_empty for line in lines if line.why_empty]
    if whys and len(whys) == len(lines):
        raise InvalidRequest.one("?x", whys[0], code="no_x")
    return _merged(part.x or "", keys, lines)


def _cut(line: Line, history: History, part: Part) -> Line:
    return line.at(_steps_in(history, line.rows, part))


def _merged(x_name: str, keys: Sequence[str], lines: Sequence[Line]) -> Table:
    """Lines side by side: of points at one x the last ones of all keys share a row."""
    every_x = np.unique(np.concatenate([np.empty(0), *(line.x for line in lines)]))
    most = np.zeros(len(every_x), dtype=np.int64)
    for line in lines:
        first, end = (np.searchsorted(line.x, every_x, side=side) for side in _SIDES)
        most = np.maximum(most, end - first)
    ends = np.cumsum(most)
    count = int(most.sum())
    _refuse_large(count, len(keys) + 1)
    values, held = [np.repeat(every_x, most)], [np.ones(count, dtype=bool)]
    for line in lines:
        behind = np.searchsorted(line.x, line.x, side="right") - 1 - np.arange(len(line))
        row_of = ends[np.searchsorted(every_x, line.x)] - 1 - behind
        column, has = np.full(count, math.nan), np.zeros(count, dtype=bool)
        column[row_of], has[row_of] = line.values, True
        values.append(column)
        held.append(has)
    return Table((x_name, *keys), tuple(values), tuple(held))


def _refuse_large(rows: int, columns: int) -> None:
    if rows * columns > MOST_VALUES:
        raise InvalidRequest.one(
            "?keys",
            f"{rows:,} rows of {columns:,} columns are more than the {MOST_VALUES:,} values that "
            "one table holds",
            code="too_large",
            hint="name fewer keys, or a part with min_step and max_step; JSON lines as they were "
            "logged have no limit",
        )


def _left_out(run: Run, names: Sequence[str], part: Part) -> tuple[str, ...]:
    """What the run has logged besides, and no column holds."""
    if part.keys:
        return ()
    heads = {name.partition(".")[0] for name in names} | set(names)
    return tuple(sorted(key for key in run.history_keys if key not in heads))
