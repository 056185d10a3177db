"""A table from a file: the rows of a CSV file or a JSON body, with numbers read as numbers.

    table = read_table("runs.csv", text)
    table.rows[0]                # {"batch": 8, "ratio": "1:1", "gpu": "T4", "loss": "0.31"}
    table.measured_by("loss")    # the same rows; each loss is a number, empty, or refused

A column of a CSV file is read as numbers where every value of it is one, so that 32 and 32.0 are
one level; else every value of it is a text. Empty cells are missing values. JSON says itself what
is a number.
"""

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from paribus_sweeps.analysis.words import counted
from paribus_sweeps.errors import did_you_mean

TEXT_COLUMNS = ("id", "state", "reason")
"""Say what a run is; they stay texts, unless they are given another role."""
_SEPARATORS = (",", ";", "\t")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]{1,300}")
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "infinity": "Infinity"}
"""As other programs write them, and as JSON bodies do."""
_MOST_NAMED = 20


class BadTable(Exception):
    """A file or an option that makes no table; the text says where, and what to do."""


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a file, each a run."""

    name: str
    """What the file is called in sentences."""
    body: Mapping[str, Any]
    """What a JSON body says beside its rows; empty for CSV."""
    rows: Any
    """column → value, of each run; of a JSON body whatever stands under `runs`."""
    lines: Sequence[int] = ()
    """Of a CSV file: the line where each row ends."""

    @property
    def is_csv(self) -> bool:
        """Whether cells are still to be read."""
        return bool(self.lines)

    @property
    def columns(self) -> list[str]:
        """The columns, in the order in which they first stand."""
        return list(dict.fromkeys(name for row in self.records for name in row))

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows that are objects; a JSON body may hold anything."""
        rows = self.rows if isinstance(self.rows, list) else []
        return [row for row in rows if isinstance(row, dict)]

    def require(self, option: str, names: Collection[str]) -> Iterator[str]:
        """A sentence for each name that is no column, with the nearest that is one."""
        columns = self.columns
        for name in names:
            if columns and name not in columns:
                listed = f"columns: {', '.join(columns[:_MOST_NAMED])}"
                hint = did_you_mean(name, columns) or listed
                yield f"{option} {name}: {self.name} has no column {name!r} ({hint})"

    def read_numbers(self, roles: Collection[str], response: str | None) -> "Table":
        """The same table, its cells read: columns of numbers, and the response cell by cell.

        Args:
            roles: Columns with a role; `id`, `state` and `reason` stay texts without one.
            response: The column that runs are measured by.

        Raises:
            BadTable: A cell of the response is neither a number nor empty.
        """
        if not self.is_csv:
            return self
        numeric = {
            name
            for name in self.columns
            if name != response
            and (name in roles or name not in TEXT_COLUMNS)
            and _are_numbers(row[name] for row in self.rows)
        }
        self._refuse_words(response)
        rows = [
            {
                name: _measured(cell) if name == response else _read(cell, name in numeric)
                for name, cell in row.items()
            }
            for row in self.rows
        ]
        return replace(self, rows=rows)

    def _refuse_words(self, response: str | None) -> None:
        wrong = [
            (line, row[response])
            for line, row in zip(self.lines, self.rows, strict=True)
            if response in row and row[response] and _measured(row[response]) is None
        ]
        if wrong:
            line, cell = wrong[0]
            more = f"; so in {counted(len(wrong) - 1, 'more line')}" if len(wrong) > 1 else ""
            raise BadTable(
                f"{self.name} line {line}: {response} is {cell!r}, and a number was expected"
                f"{more} (with a point, as in 0.31; leave the cell empty where there is none)"
            )


def read_table(name: str, text: str, *, is_json: bool) -> Table:
    """The table in a file's text.

    Raises:
        BadTable: It is neither.
    """
    return _from_json(name, text) if is_json else _from_csv(name, text)


def _from_json(name: str, text: str) -> Table:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadTable(f"{name} is not JSON: {error}") from error
    if isinstance(found, list):
        return Table(name, {}, found)
    if not isinstance(found, dict):
        raise BadTable(
            f"{name} holds {type(found).__name__}: an object with factors, response and runs, or "
            "a list of runs, was expected"
        )
    return Table(name, found, found.get("runs"))


def _from_csv(name: str, text: str) -> Table:
    lines = _lines(name, text)
    if not lines:
        raise BadTable(f"{name} is empty: a line of column names was expected, and a line a run")
    (_, first), *others = lines
    header = [cell or f"column {at}" for at, cell in enumerate(first, 1)]
    twice = [column for column, count in Counter(header).items() if count > 1]
    if twice:
        raise BadTable(f"{name} names the column {twice[0]!r} twice (call one of them otherwise)")
    if not others:
        raise BadTable(f"{name} has a line of column names and no run under it")
    for line, cells in others:
        _refuse_another_width(name, line, len(cells), len(header))
    rows = [dict(zip(header, cells, strict=True)) for _, cells in others]
    return Table(name, {}, rows, [line for line, _ in others])


def _lines(name: str, text: str) -> list[tuple[int, list[str]]]:
    """The lines that hold anything, each with the number of its last line in the file."""
    separator = _separator(text)
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    try:
        found = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise BadTable(f"{name} line {reader.line_num} is not CSV: {error}") from error
    return [(line, cells) for line, cells in found if any(cells)]


def _separator(text: str) -> str:
    """What stands most often in the line of column names; a comma where nothing does."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=header.count)


def _refuse_another_width(name: str, line: int, cells: int, columns: int) -> None:
    if cells == columns:
        return
    hint = (
        "quote a cell that holds the separator"
        if cells > columns
        else "an empty cell has its separator too"
    )
    raise BadTable(
        f"{name} line {line} has {cells} cells where {columns} columns are named ({hint})"
    )


# cells


def number_in(cell: str) -> float | int | None:
    """The number that a cell is, or None; a whole number where it is written as one."""
    if _WHOLE.fullmatch(cell):
        return int(cell)
    if not _NUMBER.fullmatch(cell):
        return None
    number = float(cell)
    return number if math.isfinite(number) else None


def _are_numbers(cells: Iterator[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(number_in(cell) is not None for cell in filled)


def _read(cell: str, is_numeric: bool) -> float | int | str | None:
    if not cell:
        return None
    return number_in(cell) if is_numeric else cell


def _measured(cell: str) -> float | int | str | None:
    """A cell of the response: a number, or what JSON has for NaN and the infinities."""
    number = number_in(cell)
    if number is not None:
        return number
    word = _NOT_FINITE.get(cell.lstrip("+-").lower())
    return f"-{word}" if word == "Infinity" and cell.startswith("-") else word
