"""Lines drawn smoother than they are: for looking at, never for computing with.

    Smoothing.parse("ema:0.6").of(x, y)       # as TensorBoard draws it
    Smoothing.parse("twema:0.6").of(x, y)     # weighted by distance on x, after W&B
    Smoothing.parse("gaussian:3").of(x, y)    # standard deviation of 3 points
    Smoothing.parse("mean:5").of(x, y)        # mean of 5 points, 2 on either side

Values that are not finite stay where they are and leave the others alone.

Source: METHOD 9.5. `ema`: TensorBoard, webapp/widgets/line_chart_v2/data_transformer.ts
(classicSmoothing). `twema`: docs.wandb.ai, "Smooth line plots"; the constant that W&B calls
VIEWPORT_SCALE is not published, so the lines of W&B's own pages may lie elsewhere. The sides of
`gaussian` and `mean` are ours: at the ends, where fewer points are, the mean is of those.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import lfilter

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.errors import InvalidSeries, did_you_mean

VIEWPORT_SCALE = 1000.0  # METHOD 9.5: W&B's own is not published
LARGEST_WEIGHT = 0.999  # docs.wandb.ai: beyond it, nothing of a line is left
WIDEST = 100.0  # points of standard deviation: 800 points enter each
LONGEST_MEAN = 10_001
_LARGEST_EXPONENT = 500.0  # e^500 is 1e217: a sum of weights up to it stays finite


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to smooth."""

    name: str
    meaning: str
    parameter: str
    """What its number is, and its bounds."""
    is_allowed: Callable[[float], bool]
    smooth: Callable[[FloatArray, FloatArray, float], FloatArray]


@dataclass(frozen=True, slots=True)
class Smoothing:
    """How a line is smoothed.

    Smoothing("ema", 0.6)
    """

    kind: str
    parameter: float

    @classmethod
    def parse(cls, text: str) -> Smoothing | None:
        """Read `KIND:NUMBER`; None for `none` and for nothing.

        Raises:
            InvalidSeries: There is no such kind, or its number is out of its bounds.
        """
        kind, _, number = (part.strip() for part in text.partition(":"))
        if kind in ("", "none") and not number:
            return None
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) or f"there are {', '.join(KINDS)}"
            raise InvalidSeries("smoothing", text, f"there is no smoothing {kind!r}; {hint}")
        parameter = _number(number)
        if parameter is None or not KINDS[kind].is_allowed(parameter):
            expected = f"expected {kind}: and {KINDS[kind].parameter}"
            raise InvalidSeries("smoothing", text, expected)
        return cls(kind, parameter)

    @property
    def text(self) -> str:
        """How it is written."""
        return f"{self.kind}:{self.parameter:.10g}"

    def of(self, x: FloatArray, values: FloatArray) -> FloatArray:
        """Return the smoothed values, one for each.

        Args:
            x: Shape (n,), finite, never falling.
            values: Shape (n,), NaN and infinities included.
        """
        smoothed = values.copy()
        is_finite = np.isfinite(values)
        finite = values[is_finite]
        if len(finite) and not (finite == finite[0]).all():
            smooth = KINDS[self.kind].smooth
            smoothed[is_finite] = smooth(x[is_finite], finite, self.parameter)
        return smoothed


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _ema(x: FloatArray, values: FloatArray, weight: float) -> FloatArray:
    """Return s = a s + (1 - a) y, divided by 1 - a^n."""
    sums = lfilter([1 - weight], [1, -weight], values)
    debiased: FloatArray = sums / (1 - weight ** np.arange(1, len(values) + 1))
    return debiased


def _time_weighted(
    x: FloatArray, values: FloatArray, parameter: float, *, scale: float = VIEWPORT_SCALE
) -> FloatArray:
    """Return num / den: num = num w^dx + y, den = den w^dx + 1, dx the way since the last."""
    weight = min(math.sqrt(parameter), LARGEST_WEIGHT)
    span = float(x[-1]) - float(x[0])
    if span == 0 or weight == 0 or not math.isfinite(span):
        return values
    decay = (x - x[0]) / span * (-math.log(weight) * scale)
    size = float(np.abs(values).max())
    weighted: FloatArray = _decayed_sums(values / size, decay)
    return weighted / _decayed_sums(np.ones(len(values)), decay) * size


def _decayed_sums(values: FloatArray, decay: FloatArray) -> FloatArray:
    """Sum of the values up to each place, each times e^-(decay since it).

    Between two places at which the decay since the first exceeds every float, sums are taken of
    values times e^decay, and divided by it.
    """
    sums = np.empty(len(values))
    carried, before, start = 0.0, float(decay[0]), 0
    while start < len(values):
        end = int(np.searchsorted(decay, decay[start] + _LARGEST_EXPONENT, side="right"))
        grown = np.exp(decay[start:end] - decay[start])
        first = carried * math.exp(before - float(decay[start]))
        sums[start:end] = (first + np.cumsum(values[start:end] * grown)) / grown
        carried, before, start = float(sums[end - 1]), float(decay[end - 1]), end
    return sums


def _gaussian(x: FloatArray, values: FloatArray, sd: float) -> FloatArray:
    """Mean weighted by a normal curve over the number of points between, cut at 4 sd."""
    blur = partial(gaussian_filter1d, sigma=sd, mode="constant", cval=0.0)
    size = float(np.abs(values).max())
    blurred: FloatArray = blur(values / size) / blur(np.ones(len(values))) * size
    return blurred


def _running_mean(x: FloatArray, values: FloatArray, points: float) -> FloatArray:
    window = int(points)
    size = float(np.abs(values).max())
    sums = _window_sums(values / size, window)
    mean: FloatArray = sums / _window_sums(np.ones(len(values)), window) * size
    return mean


def _window_sums(values: FloatArray, window: int) -> FloatArray:
    """Sum of the `window` values around each, where there are so many.

    Each is a sum of the end of one block and the beginning of the next, so that nothing is ever
    taken off a sum again: a spike leaves no trace behind the window.
    """
    half, count = window // 2, len(values)
    blocks = -(-(count + window - 1) // window)
    padded: NDArray[np.float64] = np.zeros(blocks * window)
    padded[half : half + count] = values
    blocked = padded.reshape(blocks, window)
    beginnings = np.cumsum(blocked, axis=1)
    ends = np.cumsum(blocked[:, ::-1], axis=1)[:, ::-1]
    ends[:, 0] = 0  # a window that is a block is its beginning, which is taken below
    first = np.arange(count)
    sums: FloatArray = ends.ravel()[first] + beginnings.ravel()[first + window - 1]
    return sums


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "ema",
            "Exponential moving average without bias, as TensorBoard draws it.",
            "a weight of the past from 0 up to, and not, 1: ema:0.6",
            lambda a: 0 <= a < 1,
            _ema,
        ),
        Kind(
            "twema",
            "Exponential moving average weighted by the way between points, after W&B; its "
            "constant is not public, so that pixels may differ.",
            "a number from 0 to 1: twema:0.6",
            lambda a: 0 <= a <= 1,
            _time_weighted,
        ),
        Kind(
            "gaussian",
            "Mean weighted by a normal curve, over the points before and after.",
            f"a standard deviation in points, above 0 and up to {WIDEST:g}: gaussian:3",
            lambda sd: 0 < sd <= WIDEST,
            _gaussian,
        ),
        Kind(
            "mean",
            "Mean of as many points before as after.",
            f"an odd number of points from 1 to {LONGEST_MEAN:,}: mean:5",
            lambda n: 1 <= n <= LONGEST_MEAN and n % 2 == 1,
            _running_mean,
        ),
    )
}
"""Name → way to smooth."""
