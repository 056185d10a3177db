"""What the present runs could have shown, and how many more would settle it.

Source: METHOD 8: power by the noncentral t, planning with the upper 80 % limit of the spread.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

POWER = 0.8
RATIOS = (0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
NODES = np.polynomial.legendre.leggauss(200)
FEW = 40  # degrees of freedom; below, the integral over Z is the smoother one
MOST = 100_000  # pairs or runs; beyond it, more of them is no advice
Floats = NDArray[np.float64]
Told = dict[str, Any]


def power_at(delta: Floats | float, df: Floats | float, alpha: float) -> Floats:
    """Chance that |T| exceeds its critical value, for T = (Z + delta) / S, S^2 = chi2_df / df.

    scipy's own noncentral t has no value for some large `delta`, so this integrates.
    """
    shift, free = np.atleast_1d(np.asarray(delta, float)), np.atleast_1d(np.asarray(df, float))
    shift, free = np.broadcast_arrays(shift, free)
    t = stats.t.isf(alpha / 2, free)
    few = free < FEW
    found = np.zeros(shift.shape)
    for chosen, above in ((few, _over_z), (~few, _over_s)):
        if chosen.any():
            part = shift[chosen], t[chosen], free[chosen]
            found[chosen] = above(*part) + above(-part[0], *part[1:])
    return found


def _over_z(delta: Floats, t: Floats, df: Floats) -> Floats:
    """P(T > t) as a mean over Z: what is left is smooth where there are few df."""
    low = np.clip(-delta, -9.0, 9.0)
    half = (9.0 - low)[:, None] / 2
    z = half * (NODES[0] + 1) + low[:, None]
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    below = stats.chi2.cdf(df[:, None] * ((z + delta[:, None]) / t[:, None]) ** 2, df[:, None])
    return np.asarray(half[:, 0] * ((density * below) @ NODES[1]))


def _over_s(delta: Floats, t: Floats, df: Floats) -> Floats:
    """P(T > t) as a mean over S, which many df keep close to 1."""
    low, high = (
        np.sqrt(edge(1e-16, df) / df)[:, None] for edge in (stats.chi2.ppf, stats.chi2.isf)
    )
    half, free = (high - low) / 2, df[:, None]
    s = half * (NODES[0] + 1) + low
    density = stats.chi2.pdf(free * s**2, free) * 2 * free * s
    above = stats.norm.cdf(delta[:, None] - t[:, None] * s)
    return np.asarray(half[:, 0] * ((density * above) @ NODES[1]))


def upper_spread(s: float, df: float) -> float:
    """S sqrt(df / chi2_{.20, df})."""
    return s * math.sqrt(df / float(stats.chi2.ppf(0.2, df)))


def outlook(
    *,
    unit: str,
    n: int,
    spread: float,
    df: float,
    step: int,
    variance_factor: float,
    alpha: float,
    smallest: float | None,
    hours_per_run: float | None,
) -> Told:
    """The report's outlook of one factor.

    Args:
        unit: "pairs" or "runs".
        n: How many there are.
        spread: Of a difference, or of a run about the model.
        df: Of the spread.
        step: Pairs or runs that one more replicate brings.
        variance_factor: Of the estimate at n, in units of spread squared.
        alpha: Of one comparison.
        smallest: The difference that matters.
        hours_per_run: Measured.
    """
    planned = upper_spread(spread, df)
    delta = _detected(df, alpha)
    needed = more = None
    if smallest is not None:
        needed = _needed(smallest / planned, n, n - df, step, variance_factor, alpha)
        more = None if needed is None else max(0, needed - n) * (2 if unit == "pairs" else 1)
    hours = None if more is None or hours_per_run is None else more * hours_per_run
    return {
        "unit": unit,
        "n": n,
        "power": POWER,
        "alpha": alpha,
        "spread": spread,
        "spread_planned": planned,
        "detectable": planned * delta * math.sqrt(variance_factor),
        "smallest_effect": smallest,
        "needed": needed,
        "replicates": None if needed is None else needed // step,
        "more_runs": more,
        "gpu_hours": hours,
        "without_pilot": [] if smallest is not None else without_pilot(alpha),
    }


def _detected(df: float, alpha: float) -> float:
    """How many standard errors a difference must be to be seen four times out of five."""
    high = 1.0
    while power_at(high, df, alpha)[0] < POWER:
        high *= 2

    def short(delta: float) -> float:
        return float(power_at(delta, df, alpha)[0]) - POWER

    return float(optimize.brentq(short, 1e-3, high, xtol=1e-12, rtol=1e-13))


def without_pilot(alpha: float) -> list[Told]:
    """Pairs for a difference of so many spreads."""
    return [{"effect_in_sd": ratio, "pairs": _pairs(ratio, alpha)} for ratio in RATIOS]


def _pairs(ratio: float, alpha: float) -> int | None:
    for start in range(2, MOST, 256):
        n = np.arange(start, start + 256, dtype=float)
        enough = power_at(ratio * np.sqrt(n), n - 1, alpha) >= POWER
        if enough.any():
            return int(n[int(np.argmax(enough))])
    return None


def _needed(
    effect: float, n: int, lost_df: float, step: int, variance_factor: float, alpha: float
) -> int | None:
    """The fewest, in whole replicates, that show such a difference and rule it out, each at .8."""
    for start in range(1, MOST // step + 1, 256):
        replicates: NDArray[np.float64] = np.arange(start, start + 256, dtype=float)
        total = replicates * step
        df = np.maximum(1.0, total - lost_df)
        delta = np.minimum(effect / np.sqrt(variance_factor * n / total), 1e3)
        rules_out = 2 * stats.t.cdf(delta - stats.t.ppf(0.95, df), df) - 1
        enough = (total > lost_df) & (power_at(delta, df, alpha) >= POWER) & (rules_out >= POWER)
        if enough.any():
            return int(total[int(np.argmax(enough))])
    return None
