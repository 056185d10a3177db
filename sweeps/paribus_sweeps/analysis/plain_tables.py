"""A plain table as JSON: the way in for data that is in no sweep.

    {"factors": {"batch": {"levels": [8, 64], "baseline": 8}, "ratio": {}},
     "replicate": "seed", "blocks": ["gpu"],
     "response": {"name": "loss", "goal": "minimize"},
     "runs": [{"batch": 8, "ratio": "1:1", "seed": 0, "gpu": "T4", "loss": 0.31}, …],
     "question": {"factors": ["batch"], "smallest_effect": 0.01}}

A row is a run; `id`, `state` and `reason` are optional columns, unless they are given another
role. Everything that is wrong with a body is found at once, each with its JSON pointer; what
is only surprising is told in the answer's notices. docs/reference/answers.md has examples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.crashed_runs import CRASHED
from paribus_sweeps.analysis.plain_columns import (
    FACTOR_KEYS,
    Labelling,
    ReadFactor,
    Rows,
    read_factor,
    tell_column,
)
from paribus_sweeps.analysis.plain_questions import ReadResponse, read_question
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.errors import InvalidSpec, Problem, did_you_mean, pointer
from paribus_sweeps.runs import FINISHED, LARGEST, OPEN, Run
from paribus_sweeps.spec.reading import Keys, shown

TABLE_KEYS = (
    "factors",
    "blocks",
    "lurking",
    "replicate",
    "response",
    "runs",
    "question",
    "forbid",
)
ROW_KEYS = ("id", "state", "reason")
STOPPED = ("stopped", "cancelled", "killed", "preempting", "preempted")
"""States of a run that somebody or something ended."""
STATES = (FINISHED, *sorted(CRASHED), *STOPPED, *sorted(OPEN))
"""What `state` may be: our own words and W&B's."""

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_MOST_PROBLEMS = 100  # of rows; a column of 200,000 wrong cells is one mistake
_MOST_NAMED = 20


def read_table(body: Mapping[str, Any]) -> Case:
    """Return the case that a body states.

    Raises:
        InvalidSpec: With every problem that was found.
    """
    if not isinstance(body, Mapping):
        message = f"{shown(body)}: a table is an object with factors, response and runs"
        raise InvalidSpec([Problem("", "type", message)])
    reading = _Reading(body)
    if reading.problems:
        raise InvalidSpec(reading.problems)
    return reading.case()


class _Reading:
    """One body, being read."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.keys = Keys(body, "", self.problems)
        self.keys.refuse_others(TABLE_KEYS, "key of a table")
        self.rows = Rows.read(self.keys)
        self.response = ReadResponse.read(self.keys, self.rows)
        self.factors = self._factors()
        self.blocks, self.lurking, self.replicate = (
            self._names(kind) for kind in ("blocks", "lurking", "replicate")
        )
        self.roles = self._roles()
        self.question = read_question(
            self.keys,
            self.response,
            factors=[read.factor.name for read in self.factors],
            others=[*self.blocks, *self.lurking],
        )
        self.forbid = tuple(self._forbid())
        self._read_rows()

    def case(self) -> Case:
        """Return what was read."""
        columns = {name: self._labels(name) for name in (*self.blocks, *self.lurking)}
        seeds = {name: self._replicates(name) for name in self.replicate}
        self._tell_response()
        self._tell_unused()
        scales = {read.factor.name: read.scale for read in self.factors}
        return Case.of(
            self._runs(columns, seeds),
            [read.factor for read in self.factors],
            self.question,
            blocks=self.blocks,
            lurking=self.lurking,
            transforms={name: scale for name, scale in scales.items() if scale is not None},
            numeric=[name for name, scale in scales.items() if scale is not None],
            forbid=self.forbid,
            notices=tuple(self.notices),
        )

    # roles of columns

    def _factors(self) -> list[ReadFactor]:
        given = self.keys.mapping.get("factors")
        entries: list[tuple[object, object, Any]] = []
        if isinstance(given, Mapping):
            entries = [(name, name, entry) for name, entry in given.items()]
        if isinstance(given, list | tuple):
            entries = [(at, name, {}) for at, name in enumerate(given)]
        if not entries:
            message = "a table names its factors: a list of columns, or an object of them"
            self.keys.refuse("type" if given else "missing", message, "factors")
        return [self._factor(str(name), entry, place) for place, name, entry in entries]

    def _factor(self, name: str, entry: Any, place: object) -> ReadFactor:
        if not isinstance(entry, Mapping):
            message = f"{shown(entry)}: an object was expected"
            self.keys.refuse("type", message, "factors", place, hint="{} takes what the runs hold")
            entry = {}
        inner = Keys(entry, pointer("factors", place), self.problems)
        inner.refuse_others(FACTOR_KEYS, "key of a factor")
        if self.rows.lacks(name) and not entry.get("levels"):
            hint = self.rows.hint(name)
            inner.refuse("unknown_column", f"no run has a column {name!r}", hint=hint)
            entry = {}
        return read_factor(name, inner, self.rows, self.notices)

    def _names(self, kind: str) -> tuple[str, ...]:
        given = self.keys.mapping.get(kind)
        names = [given] if isinstance(given, str) else self.keys.list_at(kind) or []
        for at, name in enumerate(names):
            if not isinstance(name, str) or self.rows.lacks(name):
                place = (kind,) if isinstance(given, str) else (kind, at)
                message, hint = f"no run has a column {name!r}", self.rows.hint(str(name))
                self.keys.refuse("unknown_column", message, *place, hint=hint)
        return tuple(dict.fromkeys(str(name) for name in names))

    def _roles(self) -> dict[str, str]:
        """Return column → its role, and refuse a second one."""
        roles: dict[str, str] = {}
        listed = {
            "factors": [read.factor.name for read in self.factors],
            "blocks": self.blocks,
            "lurking": self.lurking,
            "replicate": self.replicate,
            "response": [self.response.name] if self.response.name else [],
        }
        for kind, columns in listed.items():
            for column in columns:
                if column in roles:
                    message = f"{column} is named under {roles[column]} and under {kind}"
                    self.keys.refuse("column_twice", message, kind, hint="a column has one role")
                roles.setdefault(column, kind)
        return roles

    def _forbid(self) -> Iterator[Mapping[str, frozenset[str]]]:
        by_name = {read.factor.name: read for read in self.factors}
        for at, entry in enumerate(self.keys.list_at("forbid") or []):
            if not isinstance(entry, Mapping) or not entry or not set(entry) <= set(by_name):
                message = f"{shown(entry)}: factors with levels that must not meet were expected"
                hint = f"factors: {', '.join(by_name)}"
                self.keys.refuse("value", message, "forbid", at, hint=hint)
                continue
            yield {
                name: self._forbidden(by_name[name], given, at) for name, given in entry.items()
            }

    def _forbidden(self, read: ReadFactor, given: Any, at: int) -> frozenset[str]:
        values = given if isinstance(given, list) else [given]
        labels = frozenset(read.labelling.of(value) for value in values)
        unknown = sorted(labels - {*read.factor.labels, *read.labels})
        if unknown:
            known = [*read.factor.labels] or sorted(set(read.labels))
            hint = did_you_mean(unknown[0], known) or f"levels: {', '.join(known[:_MOST_NAMED])}"
            message = f"{read.factor.name} has no level {unknown[0]}"
            self.keys.refuse("unknown_level", message, "forbid", at, read.factor.name, hint=hint)
        return labels

    # rows

    def _read_rows(self) -> None:
        found: list[Problem] = []
        self.values = [self._value(at, row, found) for at, row in enumerate(self.rows.rows)]
        self.states = [self._state(at, row, found) for at, row in enumerate(self.rows.rows)]
        self.ids = self._ids(found)
        self.problems += found[:_MOST_PROBLEMS]
        if len(found) > _MOST_PROBLEMS:
            message = f"{len(found) - _MOST_PROBLEMS:,} more of the same kinds"
            self.problems.append(Problem("/runs", "and_more", message))

    def _value(self, at: int, row: Mapping[str, Any], found: list[Problem]) -> float | None:
        given = row.get(self.response.name)
        if given is None or given == "":
            return None
        if isinstance(given, str) and given in _NOT_FINITE:
            return _NOT_FINITE[given]
        if isinstance(given, int | float) and not isinstance(given, bool):
            return _as_float(given)
        where = pointer("runs", at, self.response.name)
        message = f"{shown(given)}: the response is a number, or null where there is none"
        hint = 'without quotes; "NaN", "Infinity" and "-Infinity" stand for what JSON lacks'
        found.append(Problem(where, "type", message, hint))
        return None

    def _state(self, at: int, row: Mapping[str, Any], found: list[Problem]) -> str:
        given = row.get("state") if self._is_own("state") else None
        if given is None or given == "":
            return FINISHED
        if isinstance(given, str) and given in STATES:
            return given
        message = f"{shown(given)}: one of {', '.join(STATES)} was expected"
        hint = did_you_mean(str(given).lower(), STATES)
        found.append(Problem(pointer("runs", at, "state"), "value", message, hint))
        return FINISHED

    def _ids(self, found: list[Problem]) -> list[str]:
        """Return the id of each row; one that has none is called by its place."""
        width = len(str(len(self.rows)))
        ids: dict[str, int] = {}
        for at, row in enumerate(self.rows.rows):
            given = row.get("id") if self._is_own("id") else None
            name = f"row {at + 1:0{width}}" if given is None or given == "" else str(given)
            if name in ids:
                message = f"the id {name!r} stands in row {ids[name] + 1} too"
                found.append(Problem(pointer("runs", at, "id"), "duplicate", message))
                name = f"{name} again, in row {at + 1}"
            ids[name] = at
        return list(ids)

    def _is_own(self, key: str) -> bool:
        """Whether a column says what the run is, and has no other role."""
        return key not in self.roles

    def _labels(self, name: str) -> list[str]:
        cells = self.rows.cells(name)
        labelling = Labelling(cells.distinct, reads_numbers=False)
        tell_column(name, cells, labelling, self.notices)
        return cells.labels(labelling)

    def _replicates(self, name: str) -> list[Any]:
        """Return the values of a replicate column; where texts look like numbers, its labels."""
        cells = self.rows.cells(name)
        labelling = Labelling(cells.distinct, reads_numbers=False)
        tell_column(name, cells, labelling, self.notices)
        if not labelling.both:
            return [None if cell == "" else cell for cell in cells.cells]
        return [None if label == UNSET else label for label in cells.labels(labelling)]

    def _runs(
        self, columns: Mapping[str, Sequence[str]], seeds: Mapping[str, Sequence[Any]]
    ) -> Iterator[Run]:
        settings = _records(
            {read.factor.name: read.labels for read in self.factors}, len(self.rows)
        )
        replicates, blocks = (_records(named, len(self.rows)) for named in (seeds, columns))
        for at, value in enumerate(self.values):
            reason = self.rows.rows[at].get("reason") if self._is_own("reason") else None
            yield Run(
                id=self.ids[at],
                setting=settings[at],
                value=value,
                value_note=f"{self.response.name} is empty" if value is None else None,
                state=self.states[at],
                reason=None if reason is None or reason == "" else str(reason),
                name=self.ids[at],
                replicate={k: held for k, held in replicates[at].items() if held is not None},
                blocks={k: held for k, held in blocks[at].items() if held != UNSET},
            )

    # what is to be known

    def _tell_response(self) -> None:
        ended = [v for v, s in zip(self.values, self.states, strict=True) if s == FINISHED]
        empty = sum(value is None for value in ended)
        wild = sum(value is not None and not abs(value) <= LARGEST for value in ended)
        for count, what in ((empty, "is empty"), (wild, "is NaN, infinite or too large")):
            if count:
                self.notices.append(
                    f"`{self.response.name}` {what} in {count:,} of "
                    f"{counted(len(ended), 'finished run')}: left out, and listed as excluded."
                )

    def _tell_unused(self) -> None:
        unused = [n for n in self.rows.names if n not in self.roles and n not in ROW_KEYS]
        if unused:
            shown_names = ", ".join(f"`{name}`" for name in unused[:_MOST_NAMED])
            more = len(unused) - _MOST_NAMED
            self.notices.append(
                f"Columns without a role, not looked at: {shown_names}"
                + (f" and {more} more." if more > 0 else ".")
            )


def _records(columns: Mapping[str, Sequence[Any]], rows: int) -> list[dict[str, Any]]:
    """Return column → cell for each row."""
    if not columns:
        return [{}] * rows
    names = tuple(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # an integer beyond every float
        return math.inf if number > 0 else -math.inf
