"""Do the cells differ in spread? The Brown-Forsythe test, and what follows for the error.

Source: METHOD 5.4; Brown & Forsythe, JASA 69 (1974). The ratio rule (largest over smallest
cell sd above 3) is asked of cells with five runs or more only: with three runs each, four
equal cells break it every third time by chance (docs/decisions/0012).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from paribus_sweeps.analysis.models import Fitted
from paribus_sweeps.design.table import Floats, Table, cell_keys

LEAST_RUNS = 3  # of a cell, to say anything of its spread
LEAST_RUNS_FOR_RATIO = 5
RATIO = 3.0
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Spread:
    """How the spread over replicates compares between cells."""

    cells: int
    """Cells with enough runs."""
    p: float | None
    """Of the Brown-Forsythe test; None where it cannot be made."""
    ratio: float | None
    """Largest over smallest cell sd; None where a cell does not vary or none is large enough."""
    why: str | None
    """Why the error is to be robust; None where it need not be."""

    @property
    def differs(self) -> bool:
        """Whether a pooled error would mislead."""
        return self.why is not None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "cells": self.cells,
            "brown_forsythe_p": self.p,
            "sd_ratio": self.ratio,
            "differs": self.differs,
            "note": self.why,
        }


def spread_of(table: Table, fitted: Fitted) -> Spread:
    """Compare the spread of the cells (settings with their blocks).

    Args:
        table: Usable rows, repeats averaged.
        fitted: The model; where the seed is a block in it, what the seed did to all is taken
            out of the values first, since it is no spread within a cell.
    """
    keys = cell_keys([*table.blocks, *table.factors], rows=len(table))
    _, cell = np.unique(keys, return_inverse=True)
    counts = np.bincount(cell)
    if not len(table) or np.mean(counts >= LEAST_RUNS) <= 0.5:
        return Spread(int(np.sum(counts >= LEAST_RUNS)), None, None, None)
    values = _without_seed(table, fitted)
    groups = [values[cell == at] for at in np.flatnonzero(counts >= LEAST_RUNS)]
    if len(groups) < 2:
        return Spread(len(groups), None, None, None)
    return _compared(groups)


def _without_seed(table: Table, fitted: Fitted) -> Floats:
    seed = table.replicate
    if fitted.seed_block is None or seed is None:
        return table.values
    centre = float(np.mean(table.values))
    sums = np.bincount(seed.codes, weights=table.values - centre)
    means = sums / np.maximum(1, np.bincount(seed.codes))
    return np.asarray(table.values - means[seed.codes])


def _compared(groups: list[Floats]) -> Spread:
    sds = np.array(
        [np.std(group, ddof=1) for group in groups if len(group) >= LEAST_RUNS_FOR_RATIO]
    )
    ratio = float(sds.max() / sds.min()) if len(sds) > 1 and sds.min() > 0 else None
    p = _brown_forsythe(groups)
    why = None
    if p is not None and p < ALPHA:
        why = f"the cells differ in spread (Brown-Forsythe p = {p:.3g})."
    elif ratio is not None and ratio > RATIO:
        why = f"the largest cell sd is {ratio:.3g} times the smallest."
    return Spread(len(groups), p, ratio, why)


def _brown_forsythe(groups: list[Floats]) -> float | None:
    """One-way analysis of the distances from the cell's median; None where they do not vary."""
    distances = [np.abs(group - np.median(group)) for group in groups]
    within = sum(float(np.sum((d - d.mean()) ** 2)) for d in distances)
    joined = np.concatenate(distances)
    between = float(np.sum((joined - joined.mean()) ** 2)) - within
    df = (len(groups) - 1, len(joined) - len(groups))
    if within <= 1e-24 * (between + within) or between + within == 0:
        return None
    return float(stats.f.sf(max(0.0, between) / df[0] / (within / df[1]), *df))
