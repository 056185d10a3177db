"""Before and after: what each term and contrast gains by the follow-ups.

Source: METHOD 6.5 (the table), 6.4 (the half-width t s sqrt(c)), 2 (5) (GVIF).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scipy.special import ndtri, stdtrit

from paribus_sweeps.design.estimability import Gate, TermStatus
from paribus_sweeps.design.extended_table import pair_count, relative_variances
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.proposals import ContrastChange, TermChange
from paribus_sweeps.design.prospect import Prospect
from paribus_sweeps.design.table import Floats, Table

_COVERAGE = 0.975  # of a two-sided 95 % interval
_MOST_CONTRASTS = 200


@dataclass(frozen=True, slots=True)
class Spread:
    """The standard deviation of one run around its expectation, as far as it is known."""

    sd: float | None
    """In the response's unit; None where no runs tell it yet."""
    df: float | None
    """Degrees of freedom that `sd` has; None: it is taken as known."""

    def half_width(self, relative_variance: float | None, more_df: int) -> float | None:
        """Half of the expected 95 % interval; None without a spread or an estimate.

        Args:
            relative_variance: c of the contrast.
            more_df: Degrees of freedom beyond those of `sd` that there would be.
        """
        if self.sd is None or relative_variance is None or self.df == 0:
            return None
        df = None if self.df is None else max(self.df + more_df, 1.0)
        quantile = ndtri(_COVERAGE) if df is None else stdtrit(df, _COVERAGE)
        return float(quantile) * self.sd * math.sqrt(relative_variance)

    @property
    def note(self) -> str:
        """On what half-widths stand."""
        if self.sd is None or self.df == 0:
            return "No spread known yet: how wide an interval would be cannot be said."
        known = "taken as known" if self.df is None else f"with {self.df:g} degrees of freedom"
        return f"Half-widths are t s sqrt(c) with s = {self.sd:.6g} ({known})."


def term_changes(prospect: Prospect, after: Gate | None, table: Table) -> tuple[TermChange, ...]:
    """Compare every term of the model.

    Args:
        prospect: What holds before.
        after: With the follow-ups; None where there are no runs at all.
        table: Its runs.
    """
    return tuple(_term(prospect, term, after, table) for term in prospect.plan.terms[1:])


def _term(prospect: Prospect, term: Term, after: Gate | None, table: Table) -> TermChange:
    before, then = (_status(prospect, term, gate) for gate in (prospect.plan.before, after))
    unpaired, is_factor = prospect.plan.unpaired, prospect.plan.is_factor(term)
    held = pair_count(prospect.plan.finished, term.name, unpaired) if is_factor else None
    gained = pair_count(table, term.name, unpaired) - held if held is not None else None
    return TermChange(
        term.name,
        then.df,
        before.df_estimable,
        then.df_estimable,
        before.word,
        then.word,
        _inflation(prospect.plan.before, term),
        _inflation(after, term),
        held,
        gained,
    )


def _status(prospect: Prospect, term: Term, gate: Gate | None) -> TermStatus:
    if gate is not None:
        return gate.status(*term.members)
    return TermStatus(term, len(prospect.plan.functions(term)), 0)


def _inflation(gate: Gate | None, term: Term) -> float | None:
    if gate is None:
        return None
    return next((found.factor for found in gate.inflation if found.term == term), None)


def contrast_changes(
    prospect: Prospect, after: Gate | None, spread: Spread
) -> tuple[ContrastChange, ...]:
    """Compare the contrasts of the asked factors, each with its baseline (or first level)."""
    found: list[ContrastChange] = []
    for term in prospect.plan.asked:
        if prospect.plan.is_factor(term):
            found += _factor_contrasts(prospect, term.name, after, spread)
    return tuple(found[:_MOST_CONTRASTS])


def _factor_contrasts(
    prospect: Prospect, name: str, after: Gate | None, spread: Spread
) -> Iterator[ContrastChange]:
    functions = prospect.plan.contrast_functions(name)
    before, then = (_variances(gate, functions) for gate in (prospect.plan.before, after))
    held, coming = (gate.residual_df if gate else 0 for gate in (prospect.plan.before, after))
    for (low, high), b, a in zip(prospect.plan.contrasts(name), before, then, strict=True):
        widths = spread.half_width(b, 0), spread.half_width(a, coming - held)
        yield ContrastChange(name, low, high, b, a, *widths)


def _variances(gate: Gate | None, functions: Floats) -> Sequence[float | None]:
    return [None] * len(functions) if gate is None else relative_variances(gate, functions)
