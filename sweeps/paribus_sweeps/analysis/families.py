"""Contrasts of one factor that are judged together: which adjustment, and how far it reaches.

Levels that the runs cannot compare with one another are not in one family: where a model has
holes, the levels fall into classes, and each class is adjusted for itself. (emmeans takes all
observed levels instead, which makes every adjusted p larger than it need be.)

Source: METHOD 5.5 (Tukey and Kramer for all pairs, Dunnett against the baseline; Bonferroni in
its place for very many levels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

from scipy import stats

from paribus_sweeps.analysis import multiplicity
from paribus_sweeps.design.table import Floats

FamilyName = Literal["one", "tukey", "dunnett", "bonferroni"]

MOST_DUNNETT = 50  # contrasts; beyond it the integral takes minutes, and Bonferroni is near it


def family_name(asked: FamilyName, contrasts: int) -> FamilyName:
    """Return which adjustment a family of this size takes."""
    if contrasts == 1:
        return "one"
    return "bonferroni" if asked == "dunnett" and contrasts > MOST_DUNNETT else asked


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """How the contrasts of one factor are adjusted for one another."""

    name: FamilyName
    levels: tuple[str, ...]
    """The levels that the contrasts are made of: all can be compared with each other."""
    size: int
    """Contrasts."""
    df: int
    """Of the error."""
    correlation: Floats
    """(size, size), of the contrasts' estimates."""
    _known: dict[float, float] = field(default_factory=dict)

    def adjusted(self, t: Sequence[float], p: Sequence[float]) -> tuple[float, ...]:
        """Return adjusted p-values.

        Args:
            t: One statistic for each contrast.
            p: Their two-sided p-values.
        """
        if self.name == "tukey":
            return multiplicity.tukey_kramer(t, len(self.levels), self.df)
        if self.name == "dunnett":
            return multiplicity.dunnett(t, self.correlation, self.df).p
        if self.name == "bonferroni":
            return multiplicity.bonferroni(p)
        return tuple(p)

    def critical(self, level: float) -> float:
        """Return how many standard errors an interval for the whole family reaches."""
        if level not in self._known:
            self._known[level] = self._critical(level)
        return self._known[level]

    def _critical(self, level: float) -> float:
        if self.name == "tukey":
            return _tukey_critical(len(self.levels), self.df, level)
        if self.name == "dunnett":
            return multiplicity.dunnett_critical(self.correlation, self.df, level=level).value
        times = self.size if self.name == "bonferroni" else 1
        return float(stats.t.ppf(1 - (1 - level) / times / 2, self.df))


@lru_cache(maxsize=256)  # a tenth of a second each, and factors tend to have as many levels
def _tukey_critical(levels: int, df: int, level: float) -> float:
    return multiplicity.tukey_critical(levels, df, level=level)
