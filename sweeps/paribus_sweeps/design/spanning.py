"""Few rows whose span holds what is wanted.

Source: METHOD 6.1 (each run lowers what is open by one at most, and only if its row lies among
the directions that are open).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from paribus_sweeps.design.linear_space import ESTIMABLE_TOLERANCE
from paribus_sweeps.design.table import Floats


def greedy_span(targets: Floats, gains: Floats, room: Sequence[int], places: int) -> list[int]:
    """Return rows of `gains` whose span holds as much of `targets` as can be had step by step.

    Each step takes the first row that closes a direction of the targets by itself, or else the
    one that lies most among them.

    Args:
        targets: What is open, (functions, directions).
        gains: What each candidate adds, setting by setting, (candidates, directions).
        room: How many candidates of each setting may be taken.
        places: Candidates of one setting.
    """
    chosen: list[int] = []
    open_targets, left = targets, gains.copy()
    while np.any(open_targets):
        basis = _basis(open_targets)
        lengths = np.linalg.norm(left, axis=1)
        inside = np.linalg.norm(left @ basis.T, axis=1)
        share = np.round(inside / np.where(lengths > 0, lengths, 1.0), 9)
        at = int(np.argmax(share))
        if share[at] == 0:
            break
        unit = left[at] / lengths[at]
        chosen.append(at)
        left = cleaned(left - np.outer(left @ unit, unit))
        open_targets = cleaned(open_targets - np.outer(open_targets @ unit, unit))
        setting = at // places
        if sum(other // places == setting for other in chosen) == room[setting]:
            left[setting * places : (setting + 1) * places] = 0.0
    return chosen


def needed(chosen: Sequence[int], targets: Floats, gains: Floats) -> list[int]:
    """Return the chosen rows without those that the targets do not need, last ones first."""
    kept = list(chosen)
    for at in tuple(reversed(kept)):
        rest = [other for other in kept if other != at]
        if spans(rest, targets, gains):
            kept = rest
    return kept


def spans(chosen: Sequence[int], targets: Floats, gains: Floats) -> bool:
    """Whether the chosen rows tell all targets."""
    basis = _basis(gains[list(chosen)])
    return not np.any(cleaned(targets - (targets @ basis.T) @ basis))


def spanned(chosen: Sequence[int], targets: Floats, gains: Floats) -> Floats:
    """Return the functions among the targets, and their sums, that the chosen rows tell."""
    basis = _basis(gains[list(chosen)])
    left, singular, _ = np.linalg.svd(targets - (targets @ basis.T) @ basis)
    return cleaned(left[:, int(np.sum(singular > ESTIMABLE_TOLERANCE)) :].T @ targets)


def _basis(rows: Floats) -> Floats:
    """Return an orthonormal basis of the span of rows, (rank, columns)."""
    _, singular, vectors = np.linalg.svd(rows, full_matrices=False)
    return np.asarray(vectors[: int(np.sum(singular > ESTIMABLE_TOLERANCE))], np.float64)


def rank(rows: Floats) -> int:
    """Return how many of some rows are independent."""
    return len(_basis(rows))


def cleaned(rows: Floats) -> Floats:
    """Return rows, those that are nothing but rounding set to zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.where(lengths > ESTIMABLE_TOLERANCE, rows, 0.0)
