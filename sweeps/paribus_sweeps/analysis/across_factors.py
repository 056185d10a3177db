"""Comparisons adjusted for one another: within each factor, then over the factors asked about.

    across_factors(drafts, level=0.95, critical=effects.critical)

Within a factor, comparisons from the model are adjusted as their family has it (Tukey, Dunnett)
and those from pairs by Bonferroni. Over the factors, the smallest p of each is put in order and
multiplied by the number of factors that are left (Holm): a factor's interval is as wide as its
place in that order asks, and from the first that is no difference on, all are as wide as its
own, so that none of them excludes 0 (Guilbaud 2008). What is held to 5 % is the chance that any
factor without an effect is called a difference; of a factor that has one, which of its levels
differ is held to 5 % within the factor.

Source: METHOD 5.5; Holm, Scandinavian Journal of Statistics 6 (1979); Guilbaud, Biometrical
Journal 50 (2008).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from paribus_sweeps.analysis import multiplicity
from paribus_sweeps.analysis.comparisons import Comparison, around, quantile

Critical = Callable[[str, str, float], float]
"""Factor, one of its levels, and the level of intervals → standard errors that an interval for
all model contrasts of its family reaches."""


def across_factors(
    drafts: Mapping[str, Sequence[Comparison]], *, level: float, critical: Critical
) -> dict[str, list[Comparison]]:
    """Return the comparisons of each factor with `p_adjusted` and `interval_adjusted`.

    Args:
        drafts: Factor → its comparisons, in the order in which the factors were declared.
        level: Of the intervals of all comparisons together.
        critical: Of the model's contrasts.
    """
    within = {name: _within(found) for name, found in drafts.items()}
    least = {
        name: min(p for p in adjusted if p is not None)
        for name, adjusted in within.items()
        if any(p is not None for p in adjusted)
    }
    order = sorted(least, key=lambda name: (least[name], list(drafts).index(name)))
    made, floor, held = {name: list(found) for name, found in drafts.items()}, 0.0, 0
    for rank, name in enumerate(order):
        times = len(order) - rank
        if not held and least[name] * times >= 1 - level:
            held = times  # Holm's order ends here: nothing that follows is a difference
        own_level = 1 - (1 - level) / (held or times)
        for at, p in enumerate(within[name]):
            if p is not None:
                total = min(1.0, max(floor, p * times))
                made[name][at] = _settled(drafts[name], at, total, own_level, critical)
        floor = max(floor, min(1.0, least[name] * times))
    return made


def _within(found: Sequence[Comparison]) -> list[float | None]:
    """Return each p adjusted for the other comparisons of its factor."""
    from_pairs = [c.p for c in found if c.basis == "pairs" and c.p is not None]
    of_pairs = iter(multiplicity.bonferroni(from_pairs))
    adjusted: list[float | None] = []
    for comparison in found:
        if comparison.p is None:
            adjusted.append(None)
        elif comparison.model is not None and comparison.basis == "model":
            adjusted.append(comparison.model.p_adjusted)
        else:
            adjusted.append(next(of_pairs))
    return adjusted


def _settled(
    family: Sequence[Comparison], at: int, total: float, level: float, critical: Critical
) -> Comparison:
    found = family[at]
    assert found.estimate is not None
    assert found.standard_error is not None
    reach = _reach(family, found, level, critical)
    return replace(
        found,
        p_adjusted=total,
        interval_adjusted=around(found.estimate, found.standard_error, reach),
    )


def _reach(
    family: Sequence[Comparison], found: Comparison, level: float, critical: Critical
) -> float:
    assert found.df is not None
    if found.basis == "model":
        return critical(found.factor, found.high, level)
    size = sum(other.basis == "pairs" and other.p is not None for other in family)
    return quantile(1 - (1 - level) / size, found.df)
