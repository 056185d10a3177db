"""How a run's history was written: cut short, resumed, by a clock that jumps, of mixed types.

- truncated: the run ended otherwise than finished, or finished before the planned number of
  steps (less one interval between logs). A run that failed once all steps were done is not.
- resumed: the optimizer step goes down from one row to the next (METHOD 9.6: a new segment), or
  the config says that the run was attempted more than once. Overlaps: rows of a segment whose
  step an earlier segment had reached.
- mixed_types: a key holds numbers in some rows, and something else in others.

`recorded_steps` tells doubled and missing steps, `clocks` what the clocks do.

Source: METHOD 9.1 and 9.6 (segments, overlaps). METHOD has no rules of this kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.recorded_settings import (
    number_setting,
    planned_steps,
    steps_done,
    usual_interval,
)
from paribus_sweeps.analysis.findings.rule import LOG_CALLS, STEPS, Rule, Seen, each_time
from paribus_sweeps.analysis.histories import Column
from paribus_sweeps.analysis.words import counted, number

KEYS_LISTED = 10


def _truncated(seen: Seen) -> Finding:
    rule, facts = "truncated", seen.facts
    if not facts.is_over:
        return Finding.unknown(rule, f"the run is {facts.state}: its end is still to come")
    done, planned = steps_done(seen), planned_steps(seen)
    numbers: dict[str, Any] = {"state": facts.state, "steps": done}
    why = f" ({facts.reason})" if facts.reason else ""
    came = "it logged no optimizer step" if done is None else f"it came to step {done:,.0f}"
    if planned is not None:
        numbers |= {"planned_steps": planned.steps, "is_estimate": planned.is_estimate}
        came += f" of {planned.words}"
    if planned is not None and done is not None:
        numbers["share"] = done / planned.steps
        if done >= planned.steps - usual_interval(seen):
            said = f"All planned steps were done: the run is {facts.state}{why}, and {came}."
            return Finding.absent(rule, said, numbers=numbers)
    elif facts.state == "finished":
        return _without_comparison(rule, came, planned is None, numbers)
    return Finding.found(
        rule,
        f"The run is {facts.state}{why}, and {came}. {_still_shown(seen)}",
        label=_ENDS.get(facts.state, "interrupted"),
        steps=None if done is None else (done, planned.steps if planned is not None else done),
        numbers=numbers,
        next_step="Compare it with others on the steps that all of them have; resume it or queue "
        "its trial again for what stands at the end.",
    )


def _without_comparison(
    rule: str, came: str, is_unplanned: bool, numbers: dict[str, Any]
) -> Finding:
    """Return what is said of a finished run whose steps or plan nothing tells."""
    if is_unplanned:
        said = f"The run finished, and {came}; how far it was to go is not known."
        return Finding.absent(rule, said, numbers=numbers)
    return Finding.unknown(rule, f"the run finished, but {came}", numbers=numbers)


_ENDS = {"finished": "ended_early", "failed": "failed", "stopped": "stopped"}


def _still_shown(seen: Seen) -> str:
    key = seen.key("eval_loss")
    if key is None:
        return "Train curves and rates hold up to there; it was never evaluated."
    curve = seen.curve(key)
    last = f", the last at {number(float(curve.x[-1]))}" if len(curve) else ""
    looks = counted(len(curve), "evaluation")
    return f"Curves and rates hold up to there, with {looks} of {key}{last}; no final score does."


@dataclass(slots=True)
class Segments:
    """Stretches of rows in which the step never goes down; each row is looked at once."""

    key: str
    row: int = -1
    last: float = -math.inf
    highest: float = -math.inf
    """Largest step so far."""
    bound: float = -math.inf
    """Largest step of the segments before this one."""
    overlaps: int = 0
    """Rows whose step an earlier segment had reached."""
    breaks: list[tuple[float, float]] = field(default_factory=list)
    """Where the step went down: from, to."""

    def take_in(self, column: Column) -> None:
        """Take in the rows behind those that are known."""
        fresh = column.after(self.row)
        steps = fresh.values[np.isfinite(fresh.values)]
        cuts = np.flatnonzero(np.diff(steps, prepend=self.last) < 0)
        for part in np.split(steps, cuts):
            self._go_on(part)
        self.row = int(column.rows[-1]) if len(column) else -1

    def _go_on(self, steps: FloatArray) -> None:
        if not len(steps):
            return
        if steps[0] < self.last:
            self.breaks.append((self.last, float(steps[0])))
            self.bound = self.highest
        self.overlaps += int(np.count_nonzero(steps <= self.bound))
        self.last = float(steps[-1])
        self.highest = max(self.highest, self.last)


class ResumedWatch:
    """Remembers the segments of one run."""

    def __init__(self) -> None:
        self._segments = Segments("")

    def tell(self, seen: Seen) -> Finding:
        """Say how often the run went on from an earlier step."""
        rule, key = "resumed", seen.key("global_step") or "_step"
        attempts = number_setting(seen.facts.config, "attempts") or 1
        if key not in seen.history and attempts < 2:
            return Finding.unknown(rule, f"{seen.missing('global_step')}; nor is there _step")
        if key != self._segments.key:
            self._segments = Segments(key)
        found = self._segments
        found.take_in(seen.history[key])
        about = {
            "keys": (key,),
            "x_name": LOG_CALLS if key == "_step" else STEPS,
            "numbers": _of_segments(found, attempts),
        }
        if not found.breaks and attempts < 2:
            return Finding.absent(rule, f"{key} never goes down.", **about)
        return _resumed(rule, found, attempts, about)


def _of_segments(found: Segments, attempts: float) -> dict[str, Any]:
    return {
        "segments": len(found.breaks) + 1,
        "attempts": attempts,
        "overlaps": found.overlaps,
        "breaks": [list(pair) for pair in found.breaks[:KEYS_LISTED]],
    }


def _resumed(rule: str, found: Segments, attempts: float, about: dict[str, Any]) -> Finding:
    if not found.breaks:
        return Finding.found(
            rule,
            f"The run was started {attempts:,.0f} times, and {found.key} never goes down: it went "
            "on where it had stopped.",
            label="without_overlap",
            **about,
        )
    left, back = found.breaks[0]
    times = counted(len(found.breaks), "time")
    return Finding.found(
        rule,
        f"{found.key} goes down {times}, first from {number(left)} to {number(back)}; "
        f"{counted(found.overlaps, 'row')} repeat steps, and the last row of a step counts.",
        label="with_overlap",
        steps=(min(to for _, to in found.breaks), max(of for of, _ in found.breaks)),
        next_step="Rates of the summary are wrong after a resume (METHOD 9.6): take them from "
        "history.",
        **about,
    )


def _mixed(seen: Seen) -> Finding:
    rule, columns = "mixed_types", seen.history.columns
    mixed = {key: columns[key] for key in seen.keys if columns[key].others}
    if not seen.keys:
        return Finding.unknown(rule, "nothing was logged as a number")
    if not mixed:
        return Finding.absent(
            rule, "No key holds numbers in some rows and other values in others."
        )
    shown = sorted(mixed)[:KEYS_LISTED]
    said = "; ".join(
        f"{key}: {counted(len(mixed[key]), 'number')}, {counted(mixed[key].others, 'other')}"
        for key in shown
    )
    more = f"; and {len(mixed) - len(shown):,} more keys" if len(mixed) > len(shown) else ""
    return Finding.found(
        rule,
        f"Numbers in some rows and something else (text, list, null) in others: {said}{more}. "
        "The numbers alone are read.",
        keys=tuple(shown),
        numbers={key: mixed[key].others for key in shown},
        next_step="Log one kind of value under one key.",
    )


_SECTION = "findings.md"

RULES: tuple[Rule, ...] = (
    Rule(
        "truncated",
        1,
        _SECTION,
        "The run ended before its planned end.",
        each_time(_truncated),
        labels={
            "ended_early": "It finished before the planned number of steps.",
            "failed": "Its program failed.",
            "interrupted": "It was interrupted: preempted, or no longer reporting.",
            "stopped": "It was stopped: by early termination, or by a person.",
        },
        roles=("global_step", "epoch", "eval_loss"),
        keys=("planned.steps", "max_steps", "num_train_epochs"),
        source="ours: what the run's state and its planned steps say",
    ),
    Rule(
        "resumed",
        1,
        "9.6",
        "The run went on from an earlier step.",
        ResumedWatch,
        labels={
            "with_overlap": "Steps were trained anew; the last row of a step counts.",
            "without_overlap": "It went on where it had stopped.",
        },
        roles=("global_step",),
        keys=("_step", "attempts"),
    ),
    Rule(
        "mixed_types",
        1,
        _SECTION,
        "A key holds numbers in some rows and something else in others.",
        each_time(_mixed),
        source="ours: a value that is no number has no place in a curve",
    ),
)
