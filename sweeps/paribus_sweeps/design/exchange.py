"""Exchange: good sets of candidates where there are too many to try them all.

Two problems, one idea: start from a set that answers, swap one member at a time for the
better, and do so from several starts. `largest_volume` picks as many rows as they have
columns (D-optimal for a whole model: the swap's gain is a single entry of a matrix);
`exchanged` works for any objective.

Source: METHOD 6.2. Fedorov, Theory of Optimal Experiments (1972); Cook & Nachtsheim,
Technometrics 22 (1980). With as many rows as open directions the gain of METHOD 6.2,
(1 + d_i)(1 - d_s) + d_is^2, is the square of that entry (Goreinov et al., "How to find a good
submatrix", 2010).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy import linalg

from paribus_sweeps.design.table import Codes, Floats

STARTS = 20  # METHOD 6.2: reached the optimum in 70 of 70 small cases, one start in 67
_NO_GAIN = 1e-9  # METHOD 6.2: a smaller gain is rounding
_SEED = 6_2  # of the starts beside the greedy one; any fixed number
MOST_WORK = 3 * 10**8  # numbers touched by all starts of one search: about half a second

Score = Callable[[Codes], Floats]
"""(sets, k) places of candidates → the objective of each set, -inf where it does not answer."""


def starts(work: int) -> int:
    """How many starts there are time for, when one touches `work` numbers: 1 to 20."""
    return max(1, min(STARTS, MOST_WORK // max(1, work)))


def weightings(rows: int, count: int) -> Iterator[Floats]:
    """Weights of `rows` candidates for each start: equal ones first, then drawn ones."""
    drawn = np.random.Generator(np.random.PCG64(_SEED))
    for number in range(count):
        yield drawn.random(rows) if number else np.ones(rows)


def basis(rows: Floats, weights: Floats) -> Codes:
    """Places of independent rows, as many as there are columns, each the longest that is left.

    With equal weights that is METHOD 6.2's greedy start: argmax z' M^-1 z with a small eps. It is
    what a QR decomposition with column pivoting does.

    Args:
        rows: (candidates, d), of rank d.
        weights: (candidates,) of the squared lengths.
    """
    weighted = (rows * np.sqrt(weights)[:, None]).T
    pivots = linalg.qr(weighted, mode="r", pivoting=True, check_finite=False)[1]
    return np.asarray(pivots[: rows.shape[1]], np.int64)


def largest_volume(rows: Floats) -> Codes:
    """Distinct sets of places, sorted, that span the largest volume found: (sets, d).

    Args:
        rows: (candidates, d), of rank d.
    """
    candidates, size = rows.shape
    found = []
    for weights in weightings(candidates, starts(6 * candidates * size * size)):
        chosen = np.sort(swapped(rows, basis(rows, weights)))
        found.append((np.linalg.slogdet(rows[chosen])[1], chosen))
    best = max(volume for volume, _ in found)
    equal = [chosen for volume, chosen in found if volume >= best - _NO_GAIN]
    return np.unique(np.array(equal), axis=0)


def swapped(rows: Floats, chosen: Codes) -> Codes:
    """Swap members of a basis until no swap makes its volume larger."""
    chosen = chosen.copy()
    while True:
        gains = np.linalg.solve(rows[chosen].T, rows.T).T  # fresh: updates drift
        swaps = 0
        while True:
            place, member = np.unravel_index(int(np.argmax(np.abs(gains))), gains.shape)
            gain = gains[place, member]
            if gain * gain <= 1 + _NO_GAIN:
                break
            step = gains[place].copy()
            step[member] -= 1
            gains -= np.outer(gains[:, member] / gain, step)
            chosen[member] = place
            swaps += 1
        if not swaps:
            return chosen


def exchanged(score: Score, start: Codes, options: Codes) -> tuple[float, Codes]:
    """Swap members of a set for any of `options` until no swap is better: value and set.

    Args:
        score: The objective, to be made large.
        start: (k,) a set that answers.
        options: Places that may enter.
    """
    chosen, value = start.copy(), float(score(start[None, :])[0])
    quiet, member = 0, 0
    while quiet < len(chosen):
        tried = np.repeat(chosen[None, :], len(options), axis=0)
        tried[:, member] = options
        tried = tried[~np.isin(options, chosen)]
        values = score(tried) if len(tried) else np.full(1, -np.inf)
        best = int(np.argmax(values))
        quiet += 1
        if values[best] > value + _NO_GAIN * max(1.0, abs(value)):
            chosen, value, quiet = tried[best], float(values[best]), 0
        member = (member + 1) % len(chosen)
    return value, np.sort(chosen)
