"""Clocks of a run that go back, jump or move apart.

`_timestamp` (seconds since 1970) and `_runtime` (seconds since the run began) stand in each row
that the W&B client sends. Three things are told, the first that holds names the finding:

- back: one of them goes down by more than a second from one row to the next.
- apart: from one row to the next they differ by over a minute more or less than before, in a
  run that was attempted once: somebody set the clock, or the host slept.
- forward: a step took over ten minutes more than five times what steps of this run usually
  take, evaluations left out. Rows within half a second of one another are one moment.

Source: METHOD 9.6 (five times the median of seconds per step; evaluations subtracted; rows
sent in batches: `throughput`). The seconds are rules of thumb of ours.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.recorded_settings import number_setting
from paribus_sweeps.analysis.findings.rule import Rule, Seen, each_time
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.histories import IntArray
from paribus_sweeps.analysis.throughput import BATCH_SECONDS, LONGEST_TO_MEDIAN
from paribus_sweeps.analysis.words import counted, number

RUNTIME, TIMESTAMP = "_runtime", "_timestamp"
LEAST_INTERVALS = 5  # whose median one long interval does not move

BACK_SECONDS = Threshold(
    "clock_jumped.back_seconds", 1.0, "Ours: a clock that is kept by NTP is slewed by less."
)
APART_SECONDS = Threshold(
    "clock_jumped.apart_seconds",
    60.0,
    "Ours: no drift of two clocks between two rows is so large.",
)
FORWARD_SECONDS = Threshold(
    "clock_jumped.forward_seconds",
    600.0,
    "Ours: longer than a checkpoint or a look at 25,000 reviews takes on one GPU.",
)


def _clock_jumped(seen: Seen) -> Finding:
    """Say where the clocks of a run jump."""
    rule = "clock_jumped"
    held = tuple(key for key in (RUNTIME, TIMESTAMP) if len(seen.history[key]) > 1)
    if not held:
        why = f"no two rows hold {RUNTIME} or {TIMESTAMP}"
        return Finding.unknown(rule, why)
    for find in (_back, _apart, _forward):
        found = find(seen, held)
        if found is not None:
            return found.with_(keys=held)
    return Finding.absent(rule, f"{' and '.join(held)} move on evenly.", keys=held)


def _back(seen: Seen, held: tuple[str, ...]) -> Finding | None:
    least = seen.thresholds[BACK_SECONDS.name]
    for key in held:
        rows, times = _finite(seen, key)
        moves = np.diff(times)
        places = np.flatnonzero(moves < -least)
        if len(places):
            most = float(-moves[places].min())
            said = f"{key} goes back {counted(len(places), 'time')}, {_by_up_to(most)}"
            return _found(seen, "back", said, rows[places + 1], jumps=len(places), seconds=most)
    return None


def _apart(seen: Seen, held: tuple[str, ...]) -> Finding | None:
    attempts = number_setting(seen.facts.config, "attempts") or 1
    if len(held) < 2 or attempts > 1:
        return None
    rows = seen.history[RUNTIME].rows
    with np.errstate(invalid="ignore"):
        offsets = seen.history.along(RUNTIME, TIMESTAMP) - seen.history[RUNTIME].values
    rows, offsets = rows[np.isfinite(offsets)], offsets[np.isfinite(offsets)]
    moves = np.abs(np.diff(offsets))
    places = np.flatnonzero(moves > seen.thresholds[APART_SECONDS.name])
    if not len(places):
        return None
    most = float(moves[places].max())
    said = (
        f"{TIMESTAMP} and {RUNTIME} move apart {counted(len(places), 'time')}, {_by_up_to(most)}"
    )
    return _found(seen, "apart", said, rows[places + 1], jumps=len(places), seconds=most)


def _forward(seen: Seen, held: tuple[str, ...]) -> Finding | None:
    step_key = seen.key("global_step")
    if step_key is None:
        return None
    rows, times = _finite(seen, held[0])
    longest = seen.thresholds[FORWARD_SECONDS.name]
    if not (np.diff(times) > longest).any():  # a look that is taken off makes none longer
        return None
    begins = np.flatnonzero(np.diff(times, prepend=-np.inf) > BATCH_SECONDS)
    ends = np.append(begins[1:], len(times)) - 1
    steps = seen.history.carried(held[0], step_key)[np.isfinite(seen.history[held[0]].values)]
    taken = np.diff(steps[ends])
    seconds = times[begins][1:] - times[ends][:-1] - _evaluating(seen, rows[begins])[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        each = seconds / taken
    counts = (taken > 0) & (seconds > 0)  # NaN steps are above nothing
    if int(counts.sum()) < LEAST_INTERVALS:
        return None
    usual = LONGEST_TO_MEDIAN * float(np.median(each[counts]))
    excess = seconds - usual * np.where(counts, taken, 0.0)
    places = np.flatnonzero(counts & (excess > longest))
    if not len(places):
        return None
    most = float(seconds[places].max())
    said = (
        f"{held[0]} jumps ahead {counted(len(places), 'time')}, {_by_up_to(most)} between two "
        "steps, far above what steps of this run usually take"
    )
    where = rows[begins][places + 1]
    return _found(seen, "forward", said, where, jumps=len(places), seconds=most)


def _by_up_to(seconds: float) -> str:
    if math.isfinite(seconds):
        return f"by up to {number(seconds)} s"
    return "by more seconds than a float can hold"


def _evaluating(seen: Seen, first_rows: IntArray) -> FloatArray:
    """Return the seconds of evaluations that the rows of each moment report."""
    key, spent = seen.key("eval_seconds"), np.zeros(len(first_rows))
    if key is not None:
        looked = seen.history[key]
        place = np.searchsorted(first_rows, looked.rows, side="right") - 1
        known = np.isfinite(looked.values) & (place >= 0)
        np.add.at(spent, place[known], np.maximum(looked.values[known], 0.0))
    return spent


def _finite(seen: Seen, key: str) -> tuple[IntArray, FloatArray]:
    column = seen.history[key]
    finite = np.isfinite(column.values)
    if finite.all():
        return column.rows, column.values
    return column.rows[finite], column.values[finite]


def _found(seen: Seen, label: str, said: str, rows: IntArray, **numbers: Any) -> Finding:
    first, last = float(rows[0]), float(rows[-1])
    return Finding.found(
        "clock_jumped",
        f"{said}, first at row {first:,.0f}.",
        label=label,
        steps=(first, last),
        x_name="rows",
        numbers=numbers,
        next_step="Read nothing off relative or wall time across these rows; rates leave such "
        "intervals out (METHOD 9.6).",
    )


RULES: tuple[Rule, ...] = (
    Rule(
        "clock_jumped",
        1,
        "findings.md",
        "A clock goes back, jumps ahead, or the two move apart.",
        each_time(_clock_jumped),
        (BACK_SECONDS, APART_SECONDS, FORWARD_SECONDS),
        labels={
            "back": "A clock goes back.",
            "apart": "_timestamp and _runtime move apart.",
            "forward": "A step took far longer than steps of this run do.",
        },
        roles=("global_step", "eval_seconds"),
        keys=("_runtime", "_timestamp", "attempts"),
        source="ours, of METHOD 9.6 (five times the median of seconds per step)",
        is_heuristic=True,
    ),
)
