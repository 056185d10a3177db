"""Fewer points than were logged, and every spike still there.

    kept = points_kept(x, y, y, most=1000)     # places of at most 1,000 points

The x range is cut into equal stretches, and each keeps its lowest, its highest and its last
point; the first point of all stays too. So a stretch is drawn as far up and down as it went, which
neither every so-manieth point nor a mean would show.

Source: M4 (Jugel, Jerzak, Hackenbroich and Markl, VLDB 2014), whose first point of each stretch
is left to the last one of the stretch before.
"""

from __future__ import annotations

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.histories import IntArray

FEWEST = 4  # the first point, and three of one stretch
OF_A_STRETCH = 3


def points_kept(x: FloatArray, low: FloatArray, high: FloatArray, *, most: int) -> IntArray:
    """Return the places of the points that stay, in order.

    Args:
        x: Shape (n,), finite, never falling.
        low: Shape (n,), finite: what the lowest is sought in.
        high: Shape (n,): what the highest is sought in; of a line, the same as `low`.
        most: How many may stay; `FEWEST` or more.
    """
    if len(x) <= most:
        return np.arange(len(x))
    starts = _starts(x, (most - 1) // OF_A_STRETCH)
    ends = [*starts[1:], len(x)]
    kept = [0]
    for start, end in zip(starts, ends, strict=True):
        lowest, highest = low[start:end].argmin(), high[start:end].argmax()
        kept += (start + int(lowest), start + int(highest), end - 1)
    return np.unique(np.array(kept, dtype=np.int64))


def _starts(x: FloatArray, stretches: int) -> list[int]:
    """Place of the first point of each stretch that has any."""
    share = np.arange(1, stretches) / stretches
    edges = x[0] * (1 - share) + x[-1] * share  # no difference, which may exceed every float
    inner = np.searchsorted(x, edges, side="left")
    starts = np.unique(np.append(0, inner))
    return [int(start) for start in starts if start < len(x)]


def inside(x: FloatArray, low: float | None, high: float | None) -> slice:
    """Return the points from `low` to `high`, themselves included; None has no end."""
    first = 0 if low is None else int(np.searchsorted(x, low, side="left"))
    last = len(x) if high is None else int(np.searchsorted(x, high, side="right"))
    return slice(first, max(first, last))
