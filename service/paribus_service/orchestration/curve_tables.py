"""Curves as one long table: a row for each point of each line, and of each band; CSV to Parquet.

It is made from the answer that JSON has, so that all forms say the same:

    run, wandb_id, name, (labels), key, x, y, smoothed, n, mean, min, max, sd, low, high

Lines come first, then bands; `n` and what follows it stand in rows of bands alone, and are there
where runs are grouped; `smoothed` is there where it was asked for. A label that is called as one
of these columns stands under `label.NAME`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from typing import Any

import orjson

from paribus_service.orchestration.table_files import (
    ROWS_AT_ONCE,
    arrow,
    csv_lines,
    parquet_file,
)

RUN = ("run", "wandb_id", "name")
POINT = ("key", "x", "y", "smoothed")
BAND = ("n", "mean", "min", "max", "sd", "low", "high")
_TEXTS = ("run", "wandb_id", "name", "key")
_LARGEST_WHOLE = 2.0**53  # beyond it, floats are no longer every whole number
Values = Sequence[float | None]
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one line or band."""

    same: Mapping[str, str | int]
    """Column → what stands in every row."""
    values: Mapping[str, Values]
    """Column → a number for each row, or None."""

    def __len__(self) -> int:
        return len(self.values["x"])


@dataclass(frozen=True, eq=False)
class LongTable:
    """Blocks under the same columns."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    """The columns among `names` that hold what runs are labelled with."""
    blocks: tuple[Block, ...]
    notes: list[str]
    """What is to be known of the rows, in sentences."""
    about: Mapping[str, Any]
    """What x counts, how lines were smoothed, and the version of the data."""

    @classmethod
    def read(cls, body: bytes) -> "LongTable":
        """The table of a curves answer, which is given as it is sent."""
        told = orjson.loads(body)
        keys = _label_keys(told)
        columns = _label_columns(keys)
        names = [*RUN, *columns.values(), *POINT, *BAND]
        if told["smoothing"] is None:
            names.remove("smoothed")
        if not told["bands"]:
            names = [name for name in names if name not in BAND]
        blocks = chain(_lines(told, columns), _bands(told, columns))
        about = {name: told[name] for name in ("x", "x_name", "smoothing", "data_version")}
        labels = tuple(columns.values())
        return cls(tuple(names), labels, tuple(blocks), list(_notes(told)), about)

    def rows(self) -> Iterator[list[tuple[Any, ...]]]:
        """The rows, some thousand at a time; None where a row has no value."""
        for block in self.blocks:
            for first in range(0, len(block), ROWS_AT_ONCE):
                part = slice(first, first + ROWS_AT_ONCE)
                columns = [self._part(block, name, part) for name in self.names]
                yield list(zip(*columns, strict=True))

    def _part(self, block: Block, name: str, part: slice) -> Sequence[Any]:
        values = block.values.get(name)
        if values is None:
            return [block.same.get(name)] * len(block.values["x"][part])
        return _as_whole(values[part]) if name in self._whole else values[part]

    @cached_property
    def _whole(self) -> frozenset[str]:
        """Columns that hold whole numbers alone: steps are no fractions."""
        held = [name for name in self.names if any(name in b.values for b in self.blocks)]
        return frozenset(name for name in held if all(map(_is_whole, self.column(name))))

    def column(self, name: str) -> Iterator[Any]:
        """One column from top to bottom."""
        for block in self.blocks:
            yield from block.values.get(name) or repeat(block.same.get(name), len(block))

    def is_text(self, name: str) -> bool:
        """Whether a column holds names and not numbers."""
        return name in _TEXTS or name in self.labels


def csv_of(table: LongTable) -> Iterator[bytes]:
    """As CSV: a line of names, an empty place where a row has no value."""
    yield csv_lines([table.names])
    yield from map(csv_lines, table.rows())


def json_lines_of(table: LongTable) -> Iterator[bytes]:
    """As JSON lines: nothing where a row has no value."""
    for rows in table.rows():
        found = (
            {n: x for n, x in zip(table.names, r, strict=True) if x is not None} for r in rows
        )
        yield b"".join(orjson.dumps(row) + b"\n" for row in found)


def parquet_of(table: LongTable) -> bytes:
    """As Parquet: texts, doubles and whole `n`; null where a row has no value.

    The notes stand in the file too, as JSON under `paribus`.

    Raises:
        InvalidRequest: pyarrow is not installed.
    """
    pyarrow = arrow()
    kinds = {"n": pyarrow.int64()}
    columns = [
        pyarrow.array(
            list(table.column(name)),
            pyarrow.string() if table.is_text(name) else kinds.get(name, pyarrow.float64()),
        )
        for name in table.names
    ]
    about = orjson.dumps({**table.about, "notes": table.notes}).decode()
    return parquet_file(columns, table.names, {"paribus": about})


def _label_keys(told: Document) -> list[str]:
    """What runs are told apart by, then what groups agree in besides."""
    labelled = (one["labels"] for one in told["series"])
    return list(dict.fromkeys(chain(*labelled, *(band["values"] for band in told["bands"]))))


def _label_columns(keys: Sequence[str]) -> dict[str, str]:
    """Key → its column."""
    taken = {*RUN, *POINT, *BAND}
    found: dict[str, str] = {}
    for key in keys:
        name = key
        while name in taken:
            name = f"label.{name}"
        taken.add(name)
        found[key] = name
    return found


def _lines(told: Document, columns: Mapping[str, str]) -> Iterator[Block]:
    ids = {run["id"]: run["wandb_id"] for run in told["runs"]}
    groups = {(run, band["key"]): band["values"] for band in told["bands"] for run in band["runs"]}
    for one in told["series"]:
        values = {name: one[name] for name in ("x", "y", "smoothed") if one[name] is not None}
        labels = {**groups.get((one["run"], one["key"]), {}), **one["labels"]}
        same = {
            "run": one["run"],
            "wandb_id": ids[one["run"]],
            "name": one["name"],
            "key": one["key"],
            **{columns[key]: label for key, label in labels.items()},
        }
        yield Block(same, values)


def _bands(told: Document, columns: Mapping[str, str]) -> Iterator[Block]:
    for band in told["bands"]:
        if band["missing"] is not None:
            continue
        interval = band["interval"] or {}
        values = {
            **{name: band[name] for name in ("x", "mean", "min", "max", "sd", "smoothed")},
            **{name: interval.get(name) for name in ("low", "high")},
        }
        labels = {columns[key]: label for key, label in band["values"].items()}
        same = {"key": band["key"], "n": band["n"], **labels}
        yield Block(same, {name: found for name, found in values.items() if found is not None})


def _notes(told: Document) -> Iterator[str]:
    if told["x_name"] is not None:
        yield f"x is {told['x_name']}"
    yield from told["notes"]
    for one in told["series"]:
        yield from _of_one(f"{one['name']}, {one['key']}", one)
    for band in told["bands"]:
        yield from _of_one(f"{band['label']}, {band['key']}", band)


def _of_one(name: str, one: Document) -> Iterator[str]:
    told = [one["missing"]] if one["missing"] is not None else one["notes"]
    yield from (f"{name}: {note}" for note in told)


def _is_whole(value: float | None) -> bool:
    return value is None or (abs(value) < _LARGEST_WHOLE and value == int(value))


def _as_whole(values: Values) -> list[int | None]:
    return [None if value is None else int(value) for value in values]
