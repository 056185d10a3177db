"""What each run of a smallest set is there for: what stays open without it.

Let the columns of N span what finished runs leave open, and W = Z N be the proposed runs there.
Without run i, the direction N W^+ e_i stays open; a term needs the run where it is not
orthogonal to that direction.

Source: METHOD 6.1 (each run closes one direction), 2 (2).
"""

from __future__ import annotations

import numpy as np

from paribus_sweeps.design.linear_space import ESTIMABLE_TOLERANCE, LinearSpace
from paribus_sweeps.design.openings import reachable
from paribus_sweeps.design.planning import Plan
from paribus_sweeps.design.proposals import named_terms
from paribus_sweeps.design.table import Codes

_MOST_RUNS = 200  # of a larger set, no run is looked at by itself


def purposes(plan: Plan, chosen: Codes) -> list[str]:
    """Return for each proposed run which asked terms stay open without it.

    Args:
        plan: The question.
        chosen: (runs, columns) cells of the smallest set.
    """
    whole = named_terms([term.name for term in plan.asked])
    together = f"one of {len(chosen)} runs that together tell {whole}"
    if not 0 < len(chosen) <= _MOST_RUNS:
        return [together] * len(chosen)
    known, rows = plan.rows(plan.distinct[0]), plan.rows(chosen)
    null = LinearSpace.of(known).null
    left = LinearSpace.of(np.vstack([known, rows])).null
    parts = rows @ null
    inverse = np.linalg.pinv(parts)
    own = np.einsum("ij,ji->i", parts, inverse)  # 1 where no other runs make up for this one
    opened = null @ np.where(own > 1 - ESTIMABLE_TOLERANCE, inverse, 0.0)
    opened /= np.maximum(np.sqrt(np.einsum("ij,ij->j", opened, opened)), 1e-300)
    needing: list[list[str]] = [[] for _ in chosen]
    for term in plan.asked:
        told = reachable(plan.functions(term), left)
        beside = np.abs(told @ opened).max(axis=0, initial=0.0)
        for at in np.flatnonzero(beside > ESTIMABLE_TOLERANCE):
            needing[at].append(term.name)
    return [f"needed to tell {named_terms(names)}" if names else together for names in needing]
