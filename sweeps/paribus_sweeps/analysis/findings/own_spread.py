"""How many spikes a run's own spread would give, were its norms lognormal.

Ordinary gradient norms have heavy tails. Of norms whose logarithm has an sd of .8, one in 470 is
above ten times the median, with nothing wrong. METHOD 9.4's rule of thumb counts such values, and
this says how many of them the run's spread explains:

- r = ln(norm / median of the norms before it), of each value that is judged: what a spike is told
  by, so that a level that rises or falls adds nothing. Its centre c is the median of r, its sd
  s = (q3 - q1) / 1.349, the sd of a normal distribution with these quartiles: a few spikes, or
  many, hardly move it.
- expected = judged x P(Z > (ln 10 - c) / s), Z standard normal.
- A run is *beyond* its spread where there are too many spikes (P(Poisson(expected) >= spikes) is
  below half of .01), or the largest is too large (P(any of the judged is as large) is).

Norms may be heavier in the tail than a lognormal with their quartiles. That is beyond it then, and
no more is claimed.

Source: quartiles of the normal distribution (1.349 apart); Poisson tail as for rare exceedances:
Leadbetter, Lindgren & Rootzen, Extremes and Related Properties of Random Sequences, 1983, 2.1.
The level is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import special

from paribus_sweeps.analysis.findings.norm_spread import InOrder

NORMAL_QUARTILES = 1.3489795003921634  # between q1 and q3 of a standard normal distribution


@dataclass(frozen=True, slots=True)
class OwnSpread:
    """What a lognormal with a run's own spread would give, beside what there is."""

    log_sd: float
    """s above: sd of ln(norm / median before it), from its quartiles."""
    expected: float
    """Spikes."""
    p_count: float
    """How often there would be as many spikes, or more."""
    p_largest: float
    """How often the largest value would be as large, or larger."""


def own_spread(ratios: InOrder, spikes: int, bound: float) -> OwnSpread | None:
    """Return what the spread of norms explains; None where it cannot be told.

    Args:
        ratios: Each judged norm over the median before it.
        spikes: How many of them are above `bound`.
        bound: From which a norm is a spike, in medians.
    """
    judged = len(ratios.values)
    q1, centre, q3 = (_log(ratios.quantile(q)) for q in (0.25, 0.5, 0.75)) if judged else (0,) * 3
    sd = (q3 - q1) / NORMAL_QUARTILES
    if not judged or not math.isfinite(sd):
        return None
    expected = judged * _beyond(math.log(bound), centre, sd)
    as_large = judged * _beyond(_log(float(ratios.values[-1])), centre, sd)
    count = float(special.pdtrc(spikes - 1, expected)) if spikes else 1.0
    return OwnSpread(sd, expected, count, -math.expm1(-as_large))


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf


def _beyond(log_ratio: float, centre: float, sd: float) -> float:
    """Return how often a value is above this one; of values that are all equal, never."""
    if sd == 0:
        return 0.0
    return float(special.ndtr((centre - log_ratio) / sd))
