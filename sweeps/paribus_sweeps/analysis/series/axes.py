"""What a key is drawn over: steps, epochs, examples, time, share of the run, or another key.

    placed(seen, "eval/loss", Axis.parse("epoch"))      # a Line, or why there is none
    Axis.parse("train/learning_rate")                   # any logged key; `key:epoch` is one too

A resumed run holds rows twice. Of a step that was trained again the last row that holds the key
counts, whatever x is (METHOD 9.1): rows are never dropped for what other keys they hold. A time
that goes back (a resumed process that counts from 0, a clock that was set) goes on from where it
was, so that no line runs backwards; what was done is said.

Source: METHOD 9.1 and 9.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.rule import LOG_CALLS, STEPS, Seen
from paribus_sweeps.analysis.histories import IntArray
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.errors import InvalidSeries

KEY = "key:"
LOG_STEP = "_step"
ROWS = "rows"

AXES: Mapping[str, str] = {
    "step": "Optimizer steps where every row of every run holds them, else W&B's steps.",
    "epoch": "Passes over the training set.",
    "examples": "Examples trained on so far: as logged, else optimizer steps times the examples "
    "that a step takes.",
    "relative_time": "Seconds since the run began, over all its sessions.",
    "wall_time": "Seconds since 1970, UTC.",
    "share": "Share of the steps that the run itself did, 0 to 1.",
}
"""Word → meaning; any other word is a logged key."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What x is.

    Axis("step")
    Axis("key", "train/learning_rate")
    """

    word: str
    key: str | None = None
    """Of the word `key`: which one."""

    @classmethod
    def parse(cls, text: str) -> Axis:
        """Read a word of `AXES`, or else a key; `key:epoch` is the key that is called epoch.

        Raises:
            InvalidSeries: Nothing is named.
        """
        word = text.strip()
        if word in AXES:
            return cls(word)
        key = word.removeprefix(KEY).strip()
        if not key:
            raise InvalidSeries("x", text, f"expected one of {', '.join(AXES)}, or a logged key")
        return cls("key", key)


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One key of one run over an x, or why there is none."""

    x: FloatArray
    """Shape (n,), finite, never falling; points may share an x, as the steps of an epoch do."""
    values: FloatArray
    """Shape (n,), NaN and infinities included."""
    rows: IntArray
    """Shape (n,): the row that holds each point."""
    x_name: str
    x_key: str | None = None
    """The key that x was read from."""
    replaced: int = 0
    """Rows that a later row of the same step replaced: a resumed run trains steps again."""
    unplaced: int = 0
    """Points that are left out because nothing says where they stand on x."""
    notes: tuple[str, ...] = ()
    why_empty: str | None = None
    """Why there is no point, as a sentence."""

    def __len__(self) -> int:
        return len(self.x)

    def at(self, chosen: Any) -> Line:
        """Return the line at some of its points: an index array, a mask or a slice."""
        return replace(self, x=self.x[chosen], values=self.values[chosen], rows=self.rows[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class _Scale:
    """x of every point of a key, or why there is none."""

    name: str
    x: FloatArray | None = None
    key: str | None = None
    notes: tuple[str, ...] = ()
    missing: str | None = None


def placed(seen: Seen, key: str, axis: Axis) -> Line:
    """Return a key of a run over an axis, each step once, by x.

    Whatever the run lacks is told by `why_empty`, and nothing is raised.
    """
    column = seen.history[key]
    if not len(column):
        return _nothing("", never_logged(seen, key))
    kept, replaced = _last_of_each_step(seen, key)
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the floats has no place
        scale = _SCALES[axis.word](seen, key, axis)
    if scale.x is None:
        return replace(_nothing(scale.name, scale.missing), replaced=replaced)
    x = scale.x[kept]
    has_place = np.isfinite(x)
    kept, x = kept[has_place], x[has_place]
    order = np.argsort(x, kind="stable")
    line = Line(
        x=x[order],
        values=column.values[kept][order],
        rows=column.rows[kept][order],
        x_name=scale.name,
        x_key=scale.key,
        replaced=replaced,
        unplaced=int(len(has_place) - has_place.sum()),
        notes=scale.notes,
    )
    return replace(line, notes=(*line.notes, *_told(line, x)), why_empty=_why_empty(line))


def never_logged(seen: Seen, key: str) -> str:
    """Return the sentence that says that a run has no number of a key."""
    others = seen.history[key].others
    return f"{key} was never logged as a number{f' ({no_numbers(others)})' if others else ''}"


def no_numbers(rows: int) -> str:
    """Return how many rows hold a key that is no number there."""
    return f"{counted(rows, 'row holds', 'rows hold')} a text, a list or media"


def _nothing(x_name: str, why: str | None) -> Line:
    empty = np.empty(0, dtype=float)
    return Line(empty, empty, np.empty(0, dtype=np.int64), x_name, why_empty=why)


def _why_empty(line: Line) -> str | None:
    if len(line):
        return None
    return f"no row of it says where it stands ({line.x_name}: missing there, or not finite)"


def _told(line: Line, x: FloatArray) -> Iterator[str]:
    if line.replaced:
        rows = counted(line.replaced, "row")
        yield f"{rows} of steps that were logged again: the last row of a step counts"
    if line.unplaced and len(line):
        yield f"{counted(line.unplaced, 'point')} without {line.x_name}: left out"
    back = int(np.count_nonzero(x[1:] < x[:-1]))
    if back:
        yield f"{line.x_name} goes back {counted(back, 'time')}: points stand by x"


def _last_of_each_step(seen: Seen, key: str) -> tuple[IntArray, int]:
    """Return the places of the points that count, by step, and how many were replaced.

    Points whose step is not finite stand last, and replace nothing.
    """
    steps = _steps(seen, key)
    steps = np.where(np.isfinite(steps), steps, math.nan)
    order = np.argsort(steps, kind="stable")
    ordered = steps[order]
    kept: IntArray = order[np.append(ordered[1:] != ordered[:-1], True)]
    return kept, len(order) - len(kept)


def _steps(seen: Seen, key: str) -> FloatArray:
    x_key = seen.x_key(key)
    if x_key is None:
        return seen.history[key].rows.astype(float)
    return seen.history.along(key, x_key)


def _step(seen: Seen, key: str, axis: Axis) -> _Scale:
    x_key = seen.x_key(key)
    if x_key is not None:
        return _Scale(seen.x_name(key), seen.history.along(key, x_key), x_key)
    note = f"x is the number of the row: not every row of {key} holds a step"
    return _Scale(ROWS, seen.history[key].rows.astype(float), notes=(note,))


def _epoch(seen: Seen, key: str, axis: Axis) -> _Scale:
    found = seen.key("epoch")
    if found is None:
        return _Scale("epochs", missing=seen.missing("epoch"))
    return _Scale("epochs", seen.history.carried(key, found), found)


def _examples(seen: Seen, key: str, axis: Axis) -> _Scale:
    name = "examples seen"
    counted_key, steps_key = seen.key("examples_seen"), seen.key("global_step")
    if counted_key is not None:
        return _Scale(name, seen.history.carried(key, counted_key), counted_key)
    if steps_key is None:
        return _Scale(name, missing=seen.missing("examples_seen"))
    per_step = seen.facts.examples_per_step
    if per_step is None:
        why = (
            f"how many examples a step takes is not known: the config names no batch size, and "
            f"{seen.missing('examples_seen')}"
        )
        return _Scale(name, missing=why)
    note = f"examples seen are {steps_key} times {per_step:,.10g}, as the config has it"
    return _Scale(name, seen.history.carried(key, steps_key) * per_step, steps_key, (note,))


def _relative_time(seen: Seen, key: str, axis: Axis) -> _Scale:
    name = "seconds since the run began"
    for clock in ("_runtime", "_timestamp"):
        if clock in seen.history:
            scale = _time(seen, key, clock, name)
            start = _first(seen.history[clock].values) if clock == "_timestamp" else 0.0
            return replace(scale, x=None if scale.x is None else scale.x - start)
    return _Scale(name, missing="no row holds a time: neither _runtime nor _timestamp was logged")


def _wall_time(seen: Seen, key: str, axis: Axis) -> _Scale:
    name = "seconds since 1970, UTC"
    if "_timestamp" not in seen.history:
        return _Scale(name, missing="no row holds a wall time: _timestamp was never logged")
    return _time(seen, key, "_timestamp", name)


def _time(seen: Seen, key: str, clock: str, name: str) -> _Scale:
    """Return the clock at each point, going on where it went back."""
    column = seen.history[clock]
    is_read = np.isfinite(column.values)
    times, rows = column.values[is_read], column.rows[is_read]
    moves = np.diff(times)
    lost = np.append(0.0, np.cumsum(np.where(moves < 0, -moves, 0.0)))[: len(times)]
    place = np.searchsorted(rows, seen.history[key].rows, side="right") - 1
    x = np.full(len(place), math.nan)
    x[place >= 0] = (times + lost)[place[place >= 0]]
    return _Scale(name, x, clock, tuple(_of_clock(clock, times, moves)))


def _of_clock(clock: str, times: FloatArray, moves: FloatArray) -> Iterator[str]:
    back = moves[moves < 0]
    if len(back):
        yield (
            f"{clock} goes back {counted(len(back), 'time')}, by {-float(back.sum()):,.6g} s "
            "together (a new session, or a clock that was set): the time goes on from where it was"
        )
    forth = moves[moves > 0]
    if len(forth) > 2 and forth.max() > forth.sum() / 2:
        yield (
            f"{float(forth.max()):,.6g} of {float(forth.sum()):,.6g} s lie between two rows: a "
            "pause, or a clock that was set"
        )


def _first(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite[0]) if len(finite) else 0.0


def _share(seen: Seen, key: str, axis: Axis) -> _Scale:
    scale = _step(seen, key, axis)
    steps = seen.history[scale.key].values if scale.key else np.array([seen.history.rows - 1.0])
    last = float(np.max(steps, initial=-math.inf, where=np.isfinite(steps)))
    name = f"share of the run's {scale.name}"
    if scale.x is None or last <= 0:
        return _Scale(name, missing="the run did no step yet, so it has no share of them")
    notes = scale.notes
    if not seen.facts.is_over:
        notes = (*notes, f"the run is not over: 1 is {last:,.10g} {scale.name}, its last so far")
    return _Scale(name, scale.x / last, scale.key, notes)


def _key(seen: Seen, key: str, axis: Axis) -> _Scale:
    other = axis.key or ""
    if other not in seen.history:
        return _Scale(other, missing=f"x: {never_logged(seen, other)}")
    name = {LOG_STEP: LOG_CALLS, seen.roles["global_step"]: STEPS}.get(other, other)
    return _Scale(name, seen.history.carried(key, other), other)


_SCALES: Mapping[str, Callable[[Seen, str, Axis], _Scale]] = {
    "step": _step,
    "epoch": _epoch,
    "examples": _examples,
    "relative_time": _relative_time,
    "wall_time": _wall_time,
    "share": _share,
    "key": _key,
}
