"""One key's curve over one run, and the points at which several runs can be compared.

A curve is built from rows as they were written: by step, the last row that holds the
key wins, values that are not finite are counted and left out. Runs that were looked at
differently often are thinned to real points and never interpolated: a value between two
points has less noise than either, and noise is what is asked about.

Source: METHOD 9.1 and 9.2.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One key over one run.

    Curve.of([(10, 0.9), (20, 0.7)])   # (step, value), in the order of the file
    """

    x: FloatArray
    """Shape (n,), strictly increasing: steps or examples seen."""
    values: FloatArray
    """Shape (n,), finite."""
    overlaps: int = 0
    """Rows that a later row of the same step replaced: a resumed run repeats steps."""
    non_finite: int = 0
    """Steps whose value is NaN or infinite; they are not in `x`."""
    ends_non_finite: bool = False
    """Whether the value at the largest step is one of those."""
    unplaced: int = 0
    """Rows whose step is not finite; they are nowhere."""

    @classmethod
    def of(cls, rows: Iterable[tuple[float, float]]) -> Curve:
        """Return the curve of (step, value) rows in the order in which they were written."""
        pairs = list(rows)
        steps, values = ([pair[i] for pair in pairs] for i in (0, 1))
        return cls.of_columns(steps, values)

    @classmethod
    def of_columns(
        cls, steps: Sequence[float] | FloatArray, values: Sequence[float] | FloatArray
    ) -> Curve:
        """Return the curve of two columns of equal length, in the order of the file."""
        x, v = np.asarray(steps, dtype=float), np.asarray(values, dtype=float)
        placed = np.isfinite(x)
        x, v = x[placed], v[placed]
        kept = _last_of_each(x)
        finite = kept[np.isfinite(v[kept])]
        return cls(
            x=x[finite],
            values=v[finite],
            overlaps=len(x) - len(kept),
            non_finite=len(kept) - len(finite),
            ends_non_finite=bool(len(kept)) and not np.isfinite(v[kept[-1]]),
            unplaced=int(len(placed) - placed.sum()),
        )

    def __len__(self) -> int:
        return len(self.x)

    def at(self, chosen: Any) -> Curve:
        """Return the curve at some of its points: an index array, a mask or a slice."""
        return replace(self, x=self.x[chosen], values=self.values[chosen])

    def stretched(self, factor: float) -> Curve:
        """Return the curve over x times `factor`: examples seen, from steps."""
        return replace(self, x=self.x * factor)


def _last_of_each(x: FloatArray) -> NDArray[np.intp]:
    """Indices of the last row of each step, by step."""
    order = np.argsort(x, kind="stable")
    ordered = x[order]  # compared and not subtracted: a difference may exceed every float
    is_last: NDArray[np.bool_] = np.append(ordered[1:] != ordered[:-1], True)[: len(x)]
    kept: NDArray[np.intp] = order[is_last]
    return kept


def thinned(curve: Curve, every: int, *, phase: int | None = None) -> Curve:
    """Return every so-manieth point.

    Args:
        curve: Looked at evenly.
        every: 1 leaves it as it is.
        phase: Index of the first point that stays, 0 to `every` - 1; the last by default,
            as a run that looks at steps m, 2m, … would have it (METHOD 9.2).

    Raises:
        ValueError: `every` or `phase` is out of range.
    """
    first = every - 1 if phase is None else phase
    if every < 1 or not 0 <= first < every:
        raise ValueError(f"every {every}, phase {first}: expected 0 <= phase < every")
    return curve.at(slice(first, None, every))


@dataclass(frozen=True, slots=True, eq=False)
class CommonGrid:
    """Stretches of x in each of which every curve has at least one point."""

    low: float
    """Where the last curve begins."""
    high: float
    """Where the first curve ends; below `low` where they share nothing."""
    edges: FloatArray
    """Right end of each stretch, itself included; a stretch begins behind the one before."""

    def __len__(self) -> int:
        return len(self.edges)

    def inside(self, curve: Curve) -> int:
        """Return how many points the curve has on the common range."""
        return int(np.count_nonzero((curve.x >= self.low) & (curve.x <= self.high)))

    def on(self, curve: Curve) -> Curve:
        """Return the curve's last point of each stretch."""
        return curve.at(np.searchsorted(curve.x, self.edges, side="right") - 1)


def common_grid(curves: Collection[Curve]) -> CommonGrid:
    """Return the coarsest cadence that all curves share, on the x range that all cover.

    A stretch is closed as soon as every curve has a point in it, so there are as many as
    can be. The last point of a stretch stands for it: of a run looked at every 20 steps
    beside one looked at every 200, that is phase m-1 of METHOD 9.2, the points at steps
    200, 400, … that the coarse run has itself. Curves with equal x keep all their points
    on the common range.

    Args:
        curves: At least one, each with at least one point; their order does not matter.
    """
    axes = list({curve.x.tobytes(): curve.x for curve in curves}.values())
    low, high = max(x[0] for x in axes), min(x[-1] for x in axes)
    inside = [x[(x >= low) & (x <= high)] for x in axes]
    return CommonGrid(float(low), float(high), _edges(inside))


def _edges(axes: Sequence[FloatArray]) -> FloatArray:
    """Right ends of the stretches, each closed as soon as every axis has a point in it.

    All axes stand behind one another in one rising array of whole numbers (a block for each,
    in it the rank of x), so one search moves all of them past an edge.
    """
    if len(axes) == 1:
        return axes[0]
    sizes = np.array([len(x) for x in axes])
    distinct, rank = np.unique(np.concatenate(axes), return_inverse=True)
    blocks = np.arange(len(axes)) * len(distinct)
    places = np.repeat(blocks, sizes) + rank
    ends = np.cumsum(sizes)
    ahead = ends - sizes
    edges: list[np.intp] = []
    while (ahead < ends).all():
        edges.append(rank[ahead].max())
        ahead = np.searchsorted(places, blocks + edges[-1], side="right")
    found: FloatArray = distinct[np.array(edges, dtype=np.intp)]
    return found
