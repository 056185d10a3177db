"""Two levels compared: matched pairs and model side by side, and which of them is the headline.

Matched pairs need no model, so they speak first, where there are three or more; two leave one
degree of freedom, which says next to nothing, and then the model speaks. The two are never
blended; where they differ by more than twice the larger error, neither is believed.

Source: METHOD 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from scipy import stats

from paribus_sweeps.analysis.contrasts import MatchedContrast
from paribus_sweeps.analysis.effect_rows import ModelContrast, listed
from paribus_sweeps.analysis.words import signed

VerdictWord = Literal["yes", "no", "inconclusive"]
Basis = Literal["pairs", "model"]

LEAST_PAIRS = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two levels of a factor: what pairs say, what the model says, and which is the headline."""

    factor: str
    low: str
    high: str
    pairs: MatchedContrast | None
    model: ModelContrast | None
    basis: Basis | None = None
    """Which of the two gives the headline; None where there is no interval."""
    estimate: float | None = None
    """high - low, in the response's unit (on the model's scale where one was asked for)."""
    standard_error: float | None = None
    df: float | None = None
    interval: tuple[float, float] | None = None
    """95 %, of this comparison alone."""
    interval_adjusted: tuple[float, float] | None = None
    """95 %, for all comparisons of this factor together, at the level that its place among the
    factors asked about needs (`across_factors`)."""
    interval_90: tuple[float, float] | None = None
    p: float | None = None
    p_adjusted: float | None = None
    """Within the factor and over the factors that were asked about."""
    verdict: VerdictWord = "inconclusive"
    exactly_equal: bool = False
    """At least three matched pairs, each with the same value at both levels to the last digit:
    there is no spread, and nothing to put an interval around."""
    disagreement: str | None = None
    note: str | None = None
    original: dict[str, Any] | None = None
    """In the response's own unit at the baseline, where the model works on another scale."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON; `pairs` and `model` are parts of their own answers."""
        return {
            "low": self.low,
            "high": self.high,
            "basis": self.basis,
            "estimate": self.estimate,
            "standard_error": self.standard_error,
            "df": self.df,
            "interval": listed(self.interval),
            "interval_adjusted": listed(self.interval_adjusted),
            "interval_90": listed(self.interval_90),
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "verdict": self.verdict,
            "exactly_equal": self.exactly_equal,
            "matched_pairs": self.pairs.n if self.pairs else 0,
            "pairs_estimate": self.pairs.summary.estimate if self.pairs else None,
            "model_estimate": self.model.estimate if self.model else None,
            "disagreement": self.disagreement,
            "original_unit": self.original,
            "note": self.note,
        }


def compare(
    levels: tuple[str, str, str],
    pairs: MatchedContrast | None,
    model: ModelContrast | None,
    *,
    is_estimable: bool,
    level: float,
) -> Comparison:
    """Put pairs and model side by side, and choose the headline.

    Args:
        levels: Factor, low and high.
        pairs: The matched contrast of these levels; None for a factor without levels.
        model: The model's contrast of these levels; None without a model.
        is_estimable: What the gate says; where it says no, there is no number.
        level: Of the interval.
    """
    found = Comparison(*levels, pairs, model)
    if not is_estimable:
        return replace(found, note="cannot be told from these runs: no number is given")
    if pairs is not None and _are_equal(pairs):
        note = f"all {pairs.n} matched pairs are equal to the last digit"
        return replace(found, basis="pairs", estimate=0.0, exactly_equal=True, note=note)
    found = replace(found, disagreement=_disagreement(pairs, model))
    basis = _basis(pairs, model)
    if basis == "pairs" and pairs is not None:
        headline = pairs.summary.headline
        numbers = (headline.value, headline.standard_error, headline.df)
        return _with_numbers(found, basis, numbers, headline.note, level)
    if basis == "model" and model is not None:
        numbers = (model.estimate, model.standard_error, model.df)
        return _with_numbers(found, basis, numbers, model.note, level)
    return _without_interval(found)


def _are_equal(pairs: MatchedContrast) -> bool:
    summary = pairs.summary
    return pairs.n >= LEAST_PAIRS and summary.estimate == 0 and summary.sd == 0


def _basis(pairs: MatchedContrast | None, model: ModelContrast | None) -> Basis | None:
    of_pairs = pairs is not None and pairs.summary.headline.standard_error is not None
    of_model = model is not None and model.standard_error is not None
    if of_pairs and pairs is not None and (pairs.n >= LEAST_PAIRS or not of_model):
        return "pairs"
    return "model" if of_model else None


def _with_numbers(
    found: Comparison,
    basis: Basis,
    numbers: tuple[float | None, float | None, float | None],
    note: str | None,
    level: float,
) -> Comparison:
    estimate, error, df = numbers
    assert estimate is not None
    assert error is not None
    assert df is not None
    return replace(
        found,
        basis=basis,
        estimate=estimate,
        standard_error=error,
        df=df,
        p=2 * float(stats.t.sf(abs(estimate / error), df)),
        interval=around(estimate, error, quantile(level, df)),
        interval_90=around(estimate, error, quantile(0.90, df)),
        note=note,
    )


def _without_interval(found: Comparison) -> Comparison:
    """Keep an estimate without an interval: one pair, or no residual df."""
    pairs, model = found.pairs, found.model
    if pairs is not None and pairs.n:
        headline = pairs.summary.headline
        return replace(found, estimate=headline.value, note=headline.note)
    if model is not None:
        return replace(found, estimate=model.estimate, note=model.note)
    return replace(found, note="no comparison could be made")


def _disagreement(pairs: MatchedContrast | None, model: ModelContrast | None) -> str | None:
    """Say where pairs and model differ by more than twice the larger error (METHOD 3)."""
    if pairs is None or model is None or model.estimate is None:
        return None
    headline = pairs.summary.headline
    errors = [e for e in (headline.standard_error, model.standard_error) if e is not None]
    if headline.value is None or not errors:
        return None
    if abs(headline.value - model.estimate) <= 2 * max(errors):
        return None
    return (
        f"Matched pairs say {signed(headline.value)} and the model {signed(model.estimate)}: the "
        "effect depends on context, or the runs without a partner differ."
    )


def quantile(level: float, df: float) -> float:
    """Return how many standard errors a two-sided t interval of this level reaches."""
    return float(stats.t.ppf((1 + level) / 2, df))


def around(estimate: float, error: float, critical: float) -> tuple[float, float]:
    """Return the estimate -+ `critical` standard errors."""
    return estimate - critical * error, estimate + critical * error
