"""Which effects stand out where nothing is replicated: Lenth's pseudo standard error.

A saturated design leaves no degree of freedom for the noise. If few of its effects are real,
the others are noise, and their median says how large noise is. It needs that few (effect
sparsity): where most factors matter, everything looks inactive.

Source: METHOD 5.6; Lenth, Technometrics 31 (1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

import numpy as np
from scipy import special

LEAST_CONTRASTS = 3
SPARSITY = "needs effect sparsity"

_ROUNDING = 8 * float(np.finfo(np.float64).eps)

Activity = Literal["active", "possibly active", "inactive"]


@dataclass(frozen=True, slots=True)
class LenthEffect:
    """One effect, in the response's own unit, and whether it stands out."""

    value: float
    label: Activity | None
    """"active" beyond the simultaneous margin; "possibly active" beyond the plain one only."""


@dataclass(frozen=True, slots=True)
class Lenth:
    """The effects of an unreplicated design against their own noise; all in its unit."""

    effects: tuple[LenthEffect, ...]
    """In the order in which they were given."""
    level: float
    s0: float | None = None
    """First guess of an effect's standard error, from all effects."""
    pse: float | None = None
    """Pseudo standard error: from those that the first guess leaves."""
    df: float | None = None
    """A third of the number of effects."""
    margin: float | None = None
    """ME: what one effect, looked at alone, must exceed."""
    simultaneous_margin: float | None = None
    """SME: what any of them must exceed if all are looked at."""
    note: str = SPARSITY
    """What it rests on, or why nothing can be said."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def lenth(effects: Sequence[float], *, level: float = 0.95) -> Lenth:
    """Label the effects of a saturated, unreplicated design.

    Args:
        effects: All estimable contrasts on one scale, each with the same variance, in the
            response's own unit: those of a two-level design without the mean.
        level: Confidence of both margins, between 0 and 1.

    Raises:
        ValueError: An effect that is not finite, a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level}: between 0 and 1 was expected")
    sizes = [abs(value) for value in effects]
    if not np.isfinite(sizes).all():
        raise ValueError("effects: each must be a finite number")
    if len(sizes) < LEAST_CONTRASTS:
        return _unlabelled(effects, level, f"fewer than {LEAST_CONTRASTS} contrasts")
    if median(sizes) <= _ROUNDING * max(sizes):
        return _unlabelled(effects, level, "half of the effects are 0: there is no noise to see")
    return _labelled(effects, level)


def _labelled(effects: Sequence[float], level: float) -> Lenth:
    sizes = [abs(value) for value in effects]
    s0 = 1.5 * median(sizes)
    pse = 1.5 * median(size for size in sizes if size < 2.5 * s0)
    df = len(sizes) / 3
    one = 0.5 + level / 2
    all_of_them = (1 + level ** (1 / len(sizes))) / 2
    margin, simultaneous = (-float(special.stdtrit(df, 1 - q)) * pse for q in (one, all_of_them))
    return Lenth(
        effects=tuple(LenthEffect(v, _label(abs(v), margin, simultaneous)) for v in effects),
        level=level,
        s0=s0,
        pse=pse,
        df=df,
        margin=margin,
        simultaneous_margin=simultaneous,
    )


def _label(size: float, margin: float, simultaneous: float) -> Activity:
    if size > simultaneous:
        return "active"
    return "possibly active" if size > margin else "inactive"


def _unlabelled(effects: Sequence[float], level: float, note: str) -> Lenth:
    return Lenth(tuple(LenthEffect(value, None) for value in effects), level, note=note)
