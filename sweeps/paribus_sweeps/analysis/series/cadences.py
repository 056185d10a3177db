"""A run as it would look had it been looked at less often: another run's cadence, in any phase.

    Cadence.parse("8", runs)          # one of 8 points stays
    Cadence.parse("run-b", runs)      # as far apart as run-b's points are

Real points are kept and none is made up: v[phase::m], by default in the last phase, as a run has
it that looks at steps m, 2m, … (METHOD 9.2), or in the one in which the other run's first point
lies: the first, where both looked at step 0 as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from paribus_sweeps.analysis.series.axes import Line
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.errors import InvalidSeries, did_you_mean

NEARLY_WHOLE = 0.01  # of a ratio of cadences: beyond it, the thinned points lie elsewhere


@dataclass(frozen=True, slots=True)
class Cadence:
    """What lines are thinned to."""

    every: int | None = None
    """One of so many points stays."""
    run: str | None = None
    """As this run was looked at."""
    phase: int | None = None

    @classmethod
    def parse(cls, text: str, runs: Mapping[str, str], phase: int | None = None) -> Cadence:
        """Read a run's id or name, or else a number of points.

        Args:
            text: What was asked.
            runs: Name or id → id, of the runs that are drawn.
            phase: Which of the points stays.

        Raises:
            InvalidSeries: It is none of the runs and no whole number; or the phase is not below
                the number.
        """
        if text in runs:
            return cls(run=runs[text], phase=phase)
        every = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if every < 1:
            hint = did_you_mean(text, runs) or "name a run, or how many points become one: 8"
            raise InvalidSeries("thin_to", text, f"it is none of the runs that are drawn; {hint}")
        if phase is not None and phase >= every:
            raise InvalidSeries("phase", phase, f"expected 0 to {every - 1} with thin_to {every}")
        return cls(every=every, phase=phase)

    def thin(self, run: str, line: Line, target: Line | None) -> Line:
        """Return a run's line at this cadence.

        Args:
            run: Whose line.
            line: All its points.
            target: The same key of the run whose cadence is asked for; None where it has none.
        """
        if run == self.run or not len(line):
            return line
        if self.every is not None:
            return _thinned(line, self.every, self.phase)
        spacing, own = _spacing(target), _spacing(line)
        if target is None or spacing is None or own is None:
            return _told(line, f"not thinned: {run} or {self.run} has fewer than two points here")
        ratio = spacing / own
        if not math.isfinite(ratio) or ratio < 1.5:
            return _told(line, f"not thinned: {self.run} was looked at no less often")
        every = round(ratio)
        phase = _phase_of(target, line, every) if self.phase is None else self.phase
        thin = _thinned(line, every, phase)
        if abs(ratio - every) > NEARLY_WHOLE * every:
            note = f"points are {every * own:,.6g} apart, those of {self.run} {spacing:,.6g}"
            return _told(thin, note)
        return thin


def _thinned(line: Line, every: int, phase: int | None) -> Line:
    first = every - 1 if phase is None or phase >= every else phase
    thin = line.at(slice(first, None, every))
    note = (
        f"thinned to one of {every:,} points (phase {first}): {len(thin):,} of "
        f"{counted(len(line), 'point')}"
    )
    if phase is not None and phase >= every:
        note += f"; phase {phase} is not below {every}, so the last was taken"
    return _told(thin, note)


def _phase_of(target: Line, line: Line, every: int) -> int:
    """Return the phase in which another run's first point lies: 0 of one that looked at step 0."""
    with np.errstate(over="ignore"):
        return int(np.abs(line.x - target.x[0]).argmin()) % every


def _spacing(line: Line | None) -> float | None:
    """Median way between two points; None where there is none."""
    x = np.unique(line.x) if line is not None else np.empty(0)
    return float(np.median(np.diff(x / 2))) * 2 if len(x) > 1 else None


def _told(line: Line, note: str) -> Line:
    return replace(line, notes=(*line.notes, note))
