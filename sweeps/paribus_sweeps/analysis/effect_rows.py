"""One term tested, two levels compared: what a model says of a factor, as values.

Source: METHOD 5.5 and 5.7; DESIGN 8 for the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.families import FamilyName
from paribus_sweeps.design.model_matrix import Term


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One term of the model, tested."""

    term: Term
    df: int
    """Numerator df: of a partly estimable term, those that can be told; 0 where nothing can."""
    sum_of_squares: float | None
    """Type II, in the response's unit squared; None where nothing of the term can be told."""
    f: float | None
    p: float | None
    p_adjusted: float | None
    """Holm over the main effects asked about; Benjamini-Hochberg over the interactions."""
    omega_squared: float | None
    """Share of variance, at least 0 (METHOD 5.7)."""
    note: str | None = None
    """Why a number is missing, or what to know of it."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "term": self.term.name,
            "df": self.df,
            "sum_of_squares": self.sum_of_squares,
            "f": self.f,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "omega_squared": self.omega_squared,
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class ModelContrast:
    """One level against another in the model, everything else averaged with equal weight."""

    factor: str
    low: str
    high: str
    estimate: float | None
    """high - low, in the response's unit (on the model's scale where it was transformed)."""
    standard_error: float | None
    df: int
    t: float | None
    p: float | None
    p_adjusted: float | None
    """Over the contrasts of this factor whose levels can be compared with one another."""
    interval: tuple[float, float] | None
    """95 %, of this contrast alone."""
    interval_adjusted: tuple[float, float] | None
    """95 % for all of these contrasts together."""
    family: FamilyName
    family_size: int
    """Contrasts that were adjusted together: those among levels of one class."""
    in_sd: float | None
    """The estimate in residual standard deviations."""
    variance_factor: float | None = None
    """L (X'X)^- L'."""
    runs: int = 0
    """Runs that the model was fitted to."""
    cells: int = 0
    """Distinct settings among them."""
    note: str | None = None

    @property
    def is_estimable(self) -> bool:
        """Whether there is an estimate."""
        return self.estimate is not None

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "low": self.low,
            "high": self.high,
            "estimate": self.estimate,
            "standard_error": self.standard_error,
            "df": self.df,
            "t": self.t,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "interval": listed(self.interval),
            "interval_adjusted": listed(self.interval_adjusted),
            "family": self.family,
            "family_size": self.family_size,
            "in_sd": self.in_sd,
            "note": self.note,
        }


def around(contrast: ModelContrast, critical: float) -> tuple[float, float]:
    """Return the estimate -+ `critical` standard errors; the contrast has both."""
    assert contrast.estimate is not None
    assert contrast.standard_error is not None
    half = critical * contrast.standard_error
    return contrast.estimate - half, contrast.estimate + half


def listed(interval: tuple[float, float] | None) -> list[float] | None:
    """Return an interval as JSON has it."""
    return list(interval) if interval else None
