"""Fold-overs: repeat a two-level design with signs reversed, and what that sets free.

Reversing every sign frees main effects of two-factor interactions; reversing one factor's
frees that factor and its interactions. Neither is enough in general: 2^(5-2) with its
fold-over reaches rank 13 of the 16 that all two-factor interactions need (METHOD 14, trap 8),
so the ranks are always stated.

Source: METHOD 6.4 (b); Box & Hunter, Technometrics 3 (1961); Li & Lin, Technometrics 45 (2003).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.design.linear_space import LinearSpace
from paribus_sweeps.design.table import Codes, Floats


@dataclass(frozen=True, slots=True)
class Reach:
    """What the rows of a design span of a model, without and with the fold."""

    before: int
    after: int
    needed: int
    """Parameters of the model."""

    def as_dict(self) -> dict[str, int]:
        """Return it as plain JSON."""
        return {"before": self.before, "after": self.after, "needed": self.needed}


@dataclass(frozen=True, slots=True, eq=False)
class FoldOver:
    """A design's mirror image, and what both together can tell."""

    factor: str | None
    """Whose levels are exchanged; None: those of every factor."""
    cells: Codes
    """(runs, factors) codes 0 and 1 of the cells that are new."""
    left_out: int
    """Mirrored cells that may not be run."""
    main_effects: Reach
    interactions: Reach
    """Of the model with all two-factor interactions."""
    frees: tuple[str, ...]
    """Effects of that model that become estimable: `a`, `a x b`."""

    @property
    def sentence(self) -> str:
        """What it costs and what it reaches."""
        what = "every factor" if self.factor is None else f"`{self.factor}`"
        reach, plain = self.interactions, self.main_effects
        freed = f"; it frees {', '.join(f'`{name}`' for name in self.frees)}" if self.frees else ""
        without = f" ({self.left_out} more may not be run)" if self.left_out else ""
        return (
            f"Exchanging the levels of {what} adds {len(self.cells)} runs{without} and reaches "
            f"rank {plain.after} of the {plain.needed} that main effects need, and "
            f"{reach.after} of the {reach.needed} with all two-factor interactions{freed}."
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON, the cells left to the caller, who knows the labels."""
        return {
            "factor": self.factor,
            "runs": len(self.cells),
            "left_out": self.left_out,
            "rank": {
                "main_effects": self.main_effects.as_dict(),
                "two_factor_interactions": self.interactions.as_dict(),
            },
            "frees": list(self.frees),
            "sentence": self.sentence,
        }


def fold_overs(
    cells: Codes, names: Sequence[str], *, may_run: Callable[[Codes], Codes] | None = None
) -> tuple[FoldOver, ...]:
    """Return the full fold-over of a two-level design, then that of each factor.

    Args:
        cells: (runs, factors) codes 0 and 1; repeats count once.
        names: Of the factors.
        may_run: Leaves out the cells that must not be run; default: all may.
    """
    held = np.unique(cells, axis=0)
    folds = [(None, np.arange(len(names))), *((n, np.array([i])) for i, n in enumerate(names))]
    return tuple(_folded(held, names, factor, places, may_run) for factor, places in folds)


def _folded(
    held: Codes,
    names: Sequence[str],
    factor: str | None,
    places: Codes,
    may_run: Callable[[Codes], Codes] | None,
) -> FoldOver:
    mirrored = held.copy()
    mirrored[:, places] = 1 - mirrored[:, places]
    known = set(map(tuple, held.tolist()))
    new = mirrored[[tuple(cell) not in known for cell in mirrored.tolist()]]
    added = may_run(new) if may_run else new
    both = np.vstack([held, added])
    before, after = (LinearSpace.of(two_level_matrix(rows, 2)) for rows in (held, both))
    freed = ~before.estimable(np.eye(len(before.null))) & after.estimable(np.eye(len(after.null)))
    effects = ["", *names, *(" x ".join(pair) for pair in itertools.combinations(names, 2))]
    plain = [LinearSpace.of(two_level_matrix(rows, 1)) for rows in (held, both)]
    return FoldOver(
        factor,
        added,
        len(new) - len(added),
        Reach(plain[0].rank, plain[1].rank, 1 + len(names)),
        Reach(before.rank, after.rank, len(effects)),
        tuple(effect for effect, free in zip(effects, freed, strict=True) if free and effect),
    )


def two_level_matrix(cells: Codes, order: int) -> Floats:
    """Intercept, main effects and interactions up to `order`, in signs: (cells, parameters)."""
    signs = 1.0 - 2.0 * cells
    columns = [
        np.prod(signs[:, list(members)], axis=1)
        for size in range(order + 1)
        for members in itertools.combinations(range(cells.shape[1]), size)
    ]
    return np.column_stack(columns)
