"""What one run logged, as columns of numbers: a column for each key, a place for each row.

    history = History.of_rows([{"_step": 0, "loss": 0.7}, {"_step": 1, "loss": 0.6, "lr": 0.1}])
    history["loss"].values             # [0.7, 0.6]
    history.along("lr", "_step")       # [1.0]: the step of each row that holds lr

Rows are kept as they were written: a resumed run holds steps twice, a Trainer writes train and
eval values of one step as two rows, and nothing here drops or joins any. `Curve` does, per key
(METHOD 9.1). Values that are no numbers (texts, lists, media) are counted and have no place.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.analysis.curves import Curve, FloatArray

IntArray = NDArray[np.int64]

_DENSE = 8  # places of a table for each row that is looked up in it
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def is_dense(rows: IntArray) -> bool:
    """Return whether rows follow on one another without a hole."""
    return not len(rows) or int(rows[-1]) - int(rows[0]) == len(rows) - 1


_MOST_SHARED = 4_000_000  # 32 MB; a line's number may be any that a client sends
_shared = np.arange(0, dtype=np.int64)


def shared_rows(first: int, count: int) -> IntArray:
    """Return rows that follow on one another: a view of one array for all columns, read-only.

    Beyond the first `_MOST_SHARED` rows it is an array of its own.
    """
    if first + count > _MOST_SHARED:
        return np.arange(first, first + count, dtype=np.int64)
    global _shared
    shared = _shared  # another thread may replace it meanwhile, by a shorter one too
    if first + count > len(shared):
        shared = np.arange(min(2 * (first + count), _MOST_SHARED), dtype=np.int64)
        shared.flags.writeable = False
        _shared = shared
    return shared[first : first + count]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The numbers of one key, in the order in which they were written."""

    rows: IntArray
    """Shape (n,), strictly increasing: the number of the row that holds each value."""
    values: FloatArray
    """Shape (n,); NaN and infinities included."""
    others: int = 0
    """Rows in which the key holds something that is no number."""

    def __len__(self) -> int:
        return len(self.rows)

    def after(self, row: int) -> Column:
        """Return what stands behind a row."""
        first = int(np.searchsorted(self.rows, row, side="right"))
        return Column(self.rows[first:], self.values[first:])

    @classmethod
    def of_parts(cls, parts: Sequence[Column]) -> Column:
        """Return parts of one key, at least one of them, behind one another."""
        if len(parts) == 1:
            return parts[0]
        rows = np.concatenate([part.rows for part in parts])
        return cls(
            shared_rows(int(rows[0]), len(rows)) if len(rows) and is_dense(rows) else rows,
            np.concatenate([part.values for part in parts]),
            sum(part.others for part in parts),
        )

    def joined(self, later: Column) -> Column:
        """Return both, `later` behind this one."""
        return Column.of_parts((self, later))


EMPTY = Column(np.empty(0, dtype=np.int64), np.empty(0, dtype=float))


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One run's columns."""

    columns: Mapping[str, Column]
    """By key, nested keys with dots between. May be a mapping that reads a column when asked."""
    rows: int
    """Rows that were written, whatever they hold."""

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> History:
        """Return the history of rows as a program logs them."""
        builder = HistoryBuilder()
        for row in rows:
            builder.add(row)
        return builder.history()

    def __getitem__(self, key: str) -> Column:
        """Return the key's column, an empty one where no row holds it."""
        return self.columns.get(key, EMPTY)

    def __contains__(self, key: str) -> bool:
        return len(self[key]) > 0

    def along(self, key: str, other: str) -> FloatArray:
        """Return, for each value of `key`, what `other` was in its row, NaN where it was not.

        Returns:
            Shape (n,) for the n values of `key`.
        """
        mine, theirs = self[key].rows, self[other]
        if np.array_equal(mine, theirs.rows):  # logged together, as most keys are
            return theirs.values.copy()
        place = places_in(mine, theirs.rows)
        found = np.full(len(mine), math.nan)
        found[place >= 0] = theirs.values[place[place >= 0]]
        return found

    def carried(self, key: str, other: str) -> FloatArray:
        """Return, for each value of `key`, what `other` was in its row or last before it.

        A value that was logged in a row of its own (an epoch, a clock) holds until the next one.

        Returns:
            Shape (n,); NaN where none came before.
        """
        mine, theirs = self[key].rows, self[other]
        place = np.searchsorted(theirs.rows, mine, side="right") - 1
        found = np.full(len(mine), math.nan)
        found[place >= 0] = theirs.values[place[place >= 0]]
        return found

    def curve(self, key: str, x_key: str | None = None) -> Curve:
        """Return the key over `x_key` (the row's number by default), METHOD 9.1 applied."""
        x = self[key].rows.astype(float) if x_key is None else self.along(key, x_key)
        return Curve.of_columns(x, self[key].values)


def places_in(rows: IntArray, held: IntArray) -> IntArray:
    """Return where each row stands among others, -1 where it does not; both rise strictly.

    Where rows are dense they are looked up in a table, which is a tenth of the work of searching.
    """
    if not len(rows) or not len(held):
        return np.full(len(rows), -1, dtype=np.int64)
    first, end = min(rows[0], held[0]), max(rows[-1], held[-1]) + 1
    if end - first <= _DENSE * (len(rows) + len(held)):
        table = np.full(end - first, -1, dtype=np.int64)
        table[held - first] = np.arange(len(held))
        found: IntArray = table[rows - first]
        return found
    place = np.minimum(np.searchsorted(held, rows), len(held) - 1)
    return np.where(held[place] == rows, place, -1)


@dataclass(slots=True)
class _Growing:
    rows: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    others: int = 0


class HistoryBuilder:
    """Rows taken in one after the other.

    HistoryBuilder()                          # every key
    HistoryBuilder(keys=["loss", "_step"])    # these alone
    HistoryBuilder(first=5_000)               # what stands behind 5,000 rows that are known
    """

    def __init__(self, keys: Iterable[str] | None = None, *, first: int = 0) -> None:
        self._wanted = None if keys is None else frozenset(keys)
        self._columns: dict[str, _Growing] = {}
        self._next = first

    def add(self, row: Mapping[str, Any], *, number: int | None = None) -> None:
        """Take in a row; its number is one more than the last one's where none is given."""
        at = self._next if number is None else number
        for key, value in scalars_of(row):
            if self._wanted is None or key in self._wanted:
                self._take(key, at, value)
        self._next = at + 1

    def _take(self, key: str, at: int, value: Any) -> None:
        column = self._columns.get(key)
        if column is None:
            column = self._columns[key] = _Growing()
        number = as_number(value)
        if number is None:
            column.others += 1
        elif column.rows and column.rows[-1] == at:  # {"a.b": 1, "a": {"b": 2}}
            column.values[-1] = number
        else:
            column.rows.append(at)
            column.values.append(number)

    def history(self) -> History:
        """Return what was taken in."""
        return History(
            {
                key: Column(
                    np.array(found.rows, dtype=np.int64),
                    np.array(found.values, dtype=float),
                    found.others,
                )
                for key, found in self._columns.items()
            },
            self._next,
        )


def scalars_of(row: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (key, value) of a row, nested keys with dots between; media and tables are values.

    Source: wandb 0.31.0 marks media, tables and histograms by `_type`.
    """
    for name, value in row.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and "_type" not in value:
            yield from scalars_of(value, f"{key}.")
        else:
            yield key, value


def as_number(value: Any) -> float | None:
    """Return a number, or None; W&B writes NaN and infinities as text, since JSON cannot."""
    if isinstance(value, float):
        return value
    if isinstance(value, str):
        return _WORDS.get(value)
    is_known = isinstance(value, Real) and not isinstance(value, bool)  # numpy's count as well
    if not is_known:
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
