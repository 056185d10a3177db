"""Spikes of one key, counted once, as values come.

A spike is a value above `ratio` times the median of the `window` finite values before it, of
which there must be `least` or more. A step that was logged twice counts once, by its last
value (METHOD 9.1).

Source: METHOD 9.4. The median of 50 values before each: scipy.ndimage.rank_filter, whose work
for a value does not depend on how many came before.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import ndimage

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.norm_spread import InOrder, Spread
from paribus_sweeps.analysis.findings.own_spread import OwnSpread, own_spread
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.histories import History, IntArray
from paribus_sweeps.analysis.words import number

STEPS_LISTED = 20  # of the spikes; all are counted

SPIKE_RATIO = Threshold(
    "gradients.spike_ratio",
    10.0,
    "METHOD 9.4, a rule of thumb: a spike is above it x median.",
    1.0,
)
SPIKE_WINDOW = Threshold(
    "gradients.spike_window", 50.0, "METHOD 9.4: finite values before, whose median counts.", 1.0
)
SPIKE_LEAST = Threshold(
    "gradients.spike_least", 10.0, "METHOD 9.4: values before, without which none is judged.", 1.0
)
SPREAD_ALPHA = Threshold(
    "gradients.spread_alpha",
    0.01,
    "Ours, a rule of thumb: below it, spikes are more than a run's own spread makes.",
    0.0,
    1.0,
)
SPIKE_THRESHOLDS = (SPIKE_RATIO, SPIKE_WINDOW, SPIKE_LEAST)


class Spikes:
    """Counts the spikes of one key as values come; what was counted is not looked at again.

    A row that repeats or precedes a step (a resumed run) changes values that were counted:
    then all are counted anew.
    """

    def __init__(self) -> None:
        self._follows: tuple[Any, ...] = ()
        self._start()

    def _start(self) -> None:
        self._row = -1
        self._x = -math.inf
        self._before: FloatArray = np.empty(0)
        self.count = 0
        self.judged = 0
        """Values that had enough before them."""
        self.steps: list[float] = []
        """Where the first spikes are."""
        self._last = -math.inf
        self.worst: tuple[float, float, float] | None = None
        """The largest spike: step, value, median before it."""
        self.spread = Spread()
        self._ratios = InOrder()
        self._own: OwnSpread | None = None

    @property
    def bound(self) -> str:
        """Return what a spike exceeds, in words."""
        return f"{number(self.ratio)} times the median of the {self.window:,} values before it"

    @property
    def verb(self) -> str:
        """Return what spikes do in a sentence that counts them."""
        return "exceeds" if self.count == 1 else "exceed"

    @property
    def range(self) -> tuple[float, float] | None:
        """Return where the first and the last spike are."""
        return (self.steps[0], self._last) if self.steps else None

    @property
    def largest(self) -> str:
        """Return the largest spike in words."""
        assert self.worst is not None
        step, value, median = self.worst
        return f"{number(value)} at {number(step)}, where that median is {number(median)}"

    def numbers(self) -> dict[str, Any]:
        """Return what was counted, by name."""
        return {
            "spikes": self.count,
            "judged": self.judged,
            "ratio": self.ratio,
            "window": self.window,
            "spike_steps": list(self.steps),
            "largest_spike": None if self.worst is None else self.worst[1],
            **self.explained(),
        }

    def explained(self) -> dict[str, float | None]:
        """Return what the run's own spread makes of spikes, by name."""
        own = self._own
        return {
            "expected_from_spread": None if own is None else own.expected,
            "spread_log_sd": None if own is None else own.log_sd,
            "spread_p_count": None if own is None else own.p_count,
            "spread_p_largest": None if own is None else own.p_largest,
        }

    @property
    def beside(self) -> str:
        """Return what the run's own spread would give, in words."""
        if self._own is None:
            return "and how the norms are spread cannot be told"
        return (
            f"where a lognormal with their own spread (sd of ln {number(self._own.log_sd)} about "
            f"these medians) gives {number(self._own.expected)}"
        )

    @property
    def are_too_many(self) -> bool:
        """Whether there are more spikes than the run's own spread makes."""
        return self._own is None or self._own.p_count < self.alpha / 2

    @property
    def is_beyond(self) -> bool:
        """Whether there are more, or a larger one."""
        return self._own is None or self.are_too_many or self._own.p_largest < self.alpha / 2

    def follow(self, seen: Seen, key: str) -> None:
        """Take in what the run has logged since the last time."""
        self.alpha = seen.thresholds[SPREAD_ALPHA.name]
        self.ratio, window, least = (seen.thresholds[known.name] for known in SPIKE_THRESHOLDS)
        self.window, self.least = int(window), int(min(least, window))
        x_key = seen.x_key(key)
        follows = (key, x_key, self.ratio, window, least)
        if follows != self._follows:
            self._follows = follows
            self._start()
        self._take_in(seen, key, x_key)
        self._own = own_spread(self._ratios, self.count, self.ratio)

    def _take_in(self, seen: Seen, key: str, x_key: str | None) -> None:
        column = seen.history[key]
        fresh = column.after(self._row)
        x = _x_of(fresh.rows, seen.history, x_key)
        placed = np.isfinite(x)
        x, values = x[placed], fresh.values[placed]
        if len(x) and not (x[0] > self._x and bool((np.diff(x) > 0).all())):
            self._count_anew(seen, key)
        elif len(x):
            finite = np.isfinite(values)
            self._judge(x[finite], values[finite])
            self._x = float(x[-1])
        self._row = int(column.rows[-1]) if len(column) else -1

    def _count_anew(self, seen: Seen, key: str) -> None:
        furthest = self._x
        self._start()
        curve, every = seen.curve(key), seen.history[key]
        self._judge(curve.x, curve.values)
        x = _x_of(every.rows, seen.history, seen.x_key(key))
        self._x = max(furthest, float(x[np.isfinite(x)].max()))

    def _judge(self, x: FloatArray, values: FloatArray) -> None:
        medians = medians_before(self._before, values, self.window, self.least)
        self.judged += int(np.isfinite(medians).sum())
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            places = np.flatnonzero(values > self.ratio * medians)
            ratios = values / medians
        for place in places.tolist():
            self._add(float(x[place]), float(values[place]), float(medians[place]))
        self._ratios.add(ratios[~np.isnan(ratios)])  # NaN: too few before it, or 0 of 0
        self.spread.add(values)
        self._before = np.concatenate((self._before, values))[-self.window :]

    def _add(self, x: float, value: float, median: float) -> None:
        self.count += 1
        self._last = x
        if len(self.steps) < STEPS_LISTED:
            self.steps.append(x)
        if self.worst is None or value > self.worst[1]:
            self.worst = (x, value, median)


def medians_before(before: FloatArray, values: FloatArray, window: int, least: int) -> FloatArray:
    """Return, for each value, the median of the `window` values before it.

    Args:
        before: The last `window` values that came before, or all if there were fewer.
        values: Those that ask, finite as all here.
        window: At least 1.
        least: With fewer before it, a value gets NaN.
    """
    joined = np.concatenate((before, values))
    places = np.arange(len(before), len(joined))
    found = np.full(len(values), math.nan)
    short = places[(places >= least) & (places < window)]
    for place in short.tolist():
        found[place - len(before)] = median_of(joined[:place])
    whole = places[places >= max(window, least)]
    if len(whole):
        middle = whole - window + window // 2  # where ndimage centres the window before it
        low, high = (
            ndimage.rank_filter(joined, rank, size=window)[middle]
            for rank in ((window - 1) // 2, window // 2)
        )
        found[whole - len(before)] = _between(low, high)
    return found


def median_of(values: FloatArray) -> float:
    """Return the median of at least one finite value; numpy's own may pass every float."""
    ordered, n = np.sort(values), len(values)
    return float(_between(ordered[(n - 1) // 2], ordered[n // 2]))


def _between(low: Any, high: Any) -> Any:
    """Return the middle of two values; their sum may be beyond every float."""
    return low / 2 + high / 2


def _x_of(rows: IntArray, history: History, x_key: str | None) -> FloatArray:
    """Return the steps of some rows, each of which holds `x_key`; without one, the rows."""
    if x_key is None:
        return rows.astype(float)
    held = history[x_key]
    steps: FloatArray = held.values[np.searchsorted(held.rows, rows)]
    return steps
