"""What a chart asks for, checked before any run is read.

SeriesRequest(("train/loss", "eval/loss"))                        # over steps, as logged
SeriesRequest(("eval/loss",), x="examples", smoothing="ema:0.6")
SeriesRequest(("eval/loss",), thin_to="run-b", phase=9)            # at another run's cadence
SeriesRequest(("eval/loss",), group_by=("all_but:seed",))          # bands over seeds
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from paribus_sweeps.analysis.series.axes import Axis
from paribus_sweeps.analysis.series.downsampling import FEWEST
from paribus_sweeps.analysis.series.smoothing import Smoothing
from paribus_sweeps.errors import InvalidSeries

POINTS = 1_000  # more than a chart is pixels wide
MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class SeriesRequest:
    """Which lines, and how they are drawn."""

    keys: tuple[str, ...]
    x: str = "step"
    """A word of `AXES`, or a logged key."""
    smoothing: str = "none"
    """`ema:0.6`; see `smoothing`. The raw line always stands beside."""
    points: int = POINTS
    """How many points of a line are given at most."""
    thin_to: str | None = None
    """A run whose cadence the others are thinned to, or a number: one of so many points stays."""
    phase: int | None = None
    """Which of so many points stays, from 0; the last by default (METHOD 9.2)."""
    common: bool = False
    """Only the stretch of x that all runs have."""
    low: float | None = None
    """Where the part of x begins that is looked at, itself included."""
    high: float | None = None
    group_by: tuple[str, ...] = ()
    """What runs agree in to be one band; see `bands.grouped`."""
    label_by: tuple[str, ...] = ()
    """What each line is labelled with; what tells the runs apart by default."""

    def axis(self) -> Axis:
        """Return what x is."""
        return Axis.parse(self.x)

    def smoother(self) -> Smoothing | None:
        """Return how lines are smoothed, None for not at all."""
        return Smoothing.parse(self.smoothing)

    def check(self) -> None:
        """Refuse what no runs could answer.

        Raises:
            InvalidSeries: A part of it cannot be read, or is out of its bounds.
        """
        self.axis()
        self.smoother()
        if not self.keys:
            raise InvalidSeries("keys", "", "name at least one logged key: keys=train/loss")
        if not FEWEST <= self.points <= MOST_POINTS:
            expected = f"expected a whole number from {FEWEST} to {MOST_POINTS:,}"
            raise InvalidSeries("points", self.points, expected)
        self._check_phase()
        self._check_range()

    def _check_phase(self) -> None:
        if self.phase is not None and self.thin_to is None:
            raise InvalidSeries("phase", self.phase, "it says which points stay: give thin_to too")
        if self.phase is not None and self.phase < 0:
            raise InvalidSeries("phase", self.phase, "expected 0 or more")

    def _check_range(self) -> None:
        for name, bound in (("from", self.low), ("to", self.high)):
            if bound is not None and not math.isfinite(bound):
                raise InvalidSeries(name, bound, "expected a finite number")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidSeries("from", self.low, f"it lies beyond to, {self.high:,.10g}")
