"""Matched differences: what the pairs of one factor say, and how far that can be trusted.

A pair is two runs that differ in one factor and in nothing else; its difference is b minus a.
Beside the mean stand a t interval of all pairs (wide where contexts differ), one for "exactly
these contexts", one for "contexts like these", whether the contexts agree, and tests that need
no normal law. What cannot be computed is None
and its `note` says why; no field is ever NaN or infinite.

Nothing depends on the order of the pairs, not in the last bit: they are sorted first. Turning
a and b round turns the estimate round and leaves each p as it was.

Source: METHOD 4; Welch, Biometrika 34 (1947).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from paribus_sweeps.analysis.differences import (
    ROUNDING,
    ContextMean,
    Differences,
    Estimate,
    Groups,
    are_equal,
    centred,
    check_level,
    finite_vector,
    mean_of,
    power_of_two,
    t_estimate,
)
from paribus_sweeps.analysis.exact_tests import (
    SignedRank,
    SignFlip,
    hodges_lehmann,
    sign_flip_test,
    signed_rank_test,
)
from paribus_sweeps.analysis.resampling import Bootstrap, bootstrap_interval
from paribus_sweeps.design.table import Floats

POOLED, UNMATCHED = "pooled error", "not seed-matched"  # labels of METHOD 4


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether the effect is the same in each context: the factor x context interaction."""

    f: float | None
    df1: int | None
    df2: int | None
    p: float | None
    means_change_sign: bool
    """Some context means lie above 0 and some below: noise alone does that around 0."""
    note: str | None = None

    @property
    def depends_on_context(self) -> bool:
        """Whether to show the contrasts per context (METHOD 4: p < .10 or the signs change)."""
        return self.means_change_sign or (self.p is not None and self.p < 0.10)


@dataclass(frozen=True, slots=True)
class PairedSummary:
    """All that the matched differences of two levels say (METHOD 4)."""

    n: int
    """Pairs."""
    contexts: int
    """Settings and blocks, seed left out, in which there are pairs."""
    headline: Estimate
    """Mean difference. Its interval is at least as wide as one for exactly these contexts must
    be; for contexts like these it is too narrow where contexts differ and hold several pairs."""
    sd: float | None
    """Of the differences, with n - 1; None below two pairs."""
    fixed: Estimate
    """Mean of the context means, with the interval for exactly these contexts."""
    across: Estimate
    """The same mean, with the interval for contexts like these: each context counts once."""
    sd_within: float | None
    """Of the differences within contexts, pooled; None where no context has two pairs."""
    context_means: tuple[ContextMean, ...]
    heterogeneity: Heterogeneity
    sign_flip: SignFlip
    signed_rank: SignedRank
    hodges_lehmann: float | None
    """Median of all Walsh averages, those of the zeros among them; None above 2,000 pairs."""
    bootstrap: Bootstrap

    @property
    def estimate(self) -> float | None:
        """Mean difference, b minus a; None without a pair."""
        return self.headline.value

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PairingUsefulness:
    """What pairing by seed gained: to be reported, and never to be decided by."""

    n: int
    rho: float | None
    """Correlation of the partners."""
    efficiency: float | None
    """Runs that an unpaired comparison would need, as a multiple; below 1 pairing cost some."""
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Welch:
    """The comparison of levels without common seeds, within contexts."""

    estimate: Estimate
    contexts: int
    """Contexts with runs on both sides."""
    left_out: int
    """Contexts with runs on one side only."""


def paired_summary(
    differences: ArrayLike,
    contexts: ArrayLike,
    *,
    seed: str,
    level: float = 0.95,
    magnitude: float = 0.0,
    resample: bool = True,
) -> PairedSummary:
    """Summarise matched differences: intervals, exact tests, agreement of the contexts.

    Args:
        differences: Shape (n,), b minus a, finite, in the response's own unit.
        contexts: Shape (n,), whole numbers: pairs with the same number share their context.
        seed: Text that the random draws are made from; the same text, the same numbers.
        level: Confidence of the intervals, between 0 and 1.
        magnitude: Largest absolute response that went into the differences. Differences
            that only its rounding tells apart count as equal; 0 if not known.
        resample: False leaves out what draws at random, which takes long beyond some
            thousand pairs.

    Raises:
        ValueError: Shapes that differ, a difference that is not finite, a level outside (0, 1).
    """
    check_level(level)
    pairs = Differences.of(differences, contexts, magnitude)
    groups = Groups.of(pairs)
    means = groups.context_means(pairs)
    return PairedSummary(
        n=pairs.n,
        contexts=len(groups.codes),
        headline=_headline(pairs, level),
        sd=pairs.spread(pairs.sd) if pairs.n > 1 else None,
        fixed=_fixed(pairs, groups, level),
        across=_across(means, magnitude, level),
        sd_within=pairs.spread(groups.sd) if groups.df else None,
        context_means=means,
        heterogeneity=_heterogeneity(pairs, groups),
        sign_flip=sign_flip_test(pairs, level, seed if resample else None),
        signed_rank=signed_rank_test(pairs, level),
        hodges_lehmann=hodges_lehmann(pairs),
        bootstrap=bootstrap_interval(pairs, level, seed if resample else None),
    )


def borrowed_interval(
    estimate: float, s_pooled: float, df: float, n: int, *, level: float = 0.95
) -> Estimate:
    """Give a mean of differences the error that other contexts showed.

    Args:
        estimate: Mean of `n` differences.
        s_pooled: Spread of ONE difference, pooled over the contexts that have replicates;
            sqrt(2) times the spread of a run where only that is known.
        df: Degrees of freedom of `s_pooled`.
        n: Differences in `estimate`, at least 1.
        level: Confidence, between 0 and 1.

    Raises:
        ValueError: n below 1, df not above 0, a negative or non-finite spread.
    """
    check_level(level)
    if n < 1 or not df > 0 or not 0 <= s_pooled < math.inf:
        raise ValueError(f"n {n}, df {df}, s_pooled {s_pooled}: at least 1, above 0, at least 0")
    if s_pooled == 0:
        return Estimate(estimate, level, label=POOLED, note="no variation")
    return t_estimate(estimate, s_pooled / math.sqrt(n), df, level, label=POOLED)


def pairing_usefulness(y_a: ArrayLike, y_b: ArrayLike) -> PairingUsefulness:
    """Say how strongly partners go together, and what pairing them is worth.

    Args:
        y_a: Shape (n,), responses at level a, in the order of `y_b`.
        y_b: Shape (n,), responses of their partners at level b.

    Raises:
        ValueError: Shapes that differ, a response that is not finite.
    """
    a, b = finite_vector(y_a, "y_a"), finite_vector(y_b, "y_b")
    if a.shape != b.shape:
        raise ValueError(f"{a.size} responses at a and {b.size} at b: one partner each")
    if a.size < 3:
        return PairingUsefulness(a.size, None, None, "fewer than 3 pairs: any two go together")
    a, b = a / power_of_two(a), b / power_of_two(b)
    if are_equal(a) or are_equal(b):
        return PairingUsefulness(a.size, None, None, "no variation at one of the levels")
    first, second = (side / math.hypot(*side) for side in map(centred, (a, b)))
    rho = max(-1.0, min(1.0, math.fsum(first * second)))
    if 1 - rho <= ROUNDING:
        return PairingUsefulness(a.size, rho, None, "partners move as one: no noise is left")
    return PairingUsefulness(a.size, rho, 1 / (1 - rho))


def welch(
    y_a_by_context: Sequence[ArrayLike],
    y_b_by_context: Sequence[ArrayLike],
    *,
    level: float = 0.95,
) -> Welch:
    """Compare levels whose runs share no seeds: unpaired within each context.

    The estimate is the mean over contexts of mean(b) - mean(a), with the error of Welch and
    the degrees of freedom of Satterthwaite. A context with runs on one side only is left out.

    Args:
        y_a_by_context: One array of responses for each context, possibly empty.
        y_b_by_context: The same contexts in the same order.
        level: Confidence, between 0 and 1.

    Raises:
        ValueError: Different numbers of contexts, a response that is not finite.
    """
    check_level(level)
    sides = [
        (finite_vector(a, "y_a"), finite_vector(b, "y_b"))
        for a, b in zip(y_a_by_context, y_b_by_context, strict=True)
    ]
    both = [pair for pair in sides if pair[0].size and pair[1].size]
    nothing = Estimate(None, level, label=UNMATCHED, note="no context has both levels")
    estimate = _welch_estimate(both, level) if both else nothing
    return Welch(estimate, contexts=len(both), left_out=len(sides) - len(both))


def _headline(pairs: Differences, level: float) -> Estimate:
    if pairs.n == 0:
        return Estimate(None, level, note="no matched pair")
    value = pairs.mean * pairs.unit
    if pairs.n == 1:
        return Estimate(value, level, note="one pair: the seed-to-seed spread is unknown")
    if pairs.are_equal:
        return Estimate(value, level, df=pairs.n - 1, note="no variation")
    standard_error = pairs.sd / math.sqrt(pairs.n)
    note = {2: "df 1: almost uninformative"}.get(pairs.n)
    if 3 <= pairs.n <= 5:
        note = "relies on normal differences"
    return t_estimate(pairs.mean, standard_error, pairs.n - 1, level, note=note, unit=pairs.unit)


def _fixed(pairs: Differences, groups: Groups, level: float) -> Estimate:
    """Return the interval for exactly these contexts, which only the seeds make uncertain."""
    if pairs.n == 0:
        return Estimate(None, level, note="no matched pair")
    contexts = groups.codes.size
    mean = pairs.middle + math.fsum(groups.means) / contexts
    if groups.df < 2:
        note = f"df {groups.df} within contexts: 2 are needed"
        return Estimate(mean * pairs.unit, level, df=groups.df, note=note)
    if groups.are_equal:
        note = "no variation within contexts"
        return Estimate(mean * pairs.unit, level, df=groups.df, note=note)
    standard_error = groups.sd * math.sqrt(math.fsum(1 / groups.sizes)) / contexts
    return t_estimate(mean, standard_error, groups.df, level, unit=pairs.unit)


def _across(contexts: Sequence[ContextMean], magnitude: float, level: float) -> Estimate:
    """Take each context for one draw of many: pairs of one context share what is its own.

    METHOD 4 has the headline for this; with 3 pairs in each of 4 contexts whose effects differ
    by 2 sd that covers 75 % instead of 95 % (benchmarks/coverage).
    """
    means = Differences.of([c.mean for c in contexts], [c.context for c in contexts], magnitude)
    found = _headline(means, level)
    if means.n != 1:
        return found
    return replace(found, note="one context: what differs between contexts is unknown")


def _heterogeneity(pairs: Differences, groups: Groups) -> Heterogeneity:
    means = groups.means + pairs.middle
    both = bool(np.any(means > pairs.tolerance) and np.any(means < -pairs.tolerance))
    if groups.codes.size < 2:
        return Heterogeneity(None, None, None, None, both, "fewer than two contexts")
    df1, df2 = int(groups.codes.size) - 1, groups.df
    if groups.are_equal:
        note = "no variation within contexts" if df2 else "no context has two pairs"
        return Heterogeneity(None, df1, df2, None, both, note)
    grand = math.fsum(pairs.x - pairs.middle) / pairs.n
    between = math.fsum(groups.sizes * (groups.means - grand) ** 2)
    f = between / df1 / groups.sd**2
    p = float(special.betainc(df2 / 2, df1 / 2, df2 / (df2 + df1 * f)))
    return Heterogeneity(f, df1, df2, p, both)


def _welch_estimate(both: Sequence[tuple[Floats, Floats]], level: float) -> Estimate:
    everything = np.sort(np.concatenate([side for pair in both for side in pair]))
    unit = power_of_two(everything)
    middle = everything[everything.size // 2] / unit
    near = [(a / unit - middle, b / unit - middle) for a, b in both]
    value = math.fsum(mean_of(b) - mean_of(a) for a, b in near) / len(near)
    groups = [side for pair in near for side in pair]
    note = None
    if any(group.size < 2 for group in groups):
        note = "a group of one run shows no spread"
    elif all(are_equal(group) for group in groups):
        note = "no variation"
    if note:
        return Estimate(value * unit, level, label=UNMATCHED, note=note)
    parts = [math.fsum(centred(g) ** 2) / (g.size - 1) / g.size for g in groups]
    total = math.fsum(parts)
    shares = [(part / total) ** 2 / (g.size - 1) for part, g in zip(parts, groups, strict=True)]
    standard_error, df = math.sqrt(total) / len(near), 1 / math.fsum(shares)
    return t_estimate(value, standard_error, df, level, unit=unit, label=UNMATCHED)
