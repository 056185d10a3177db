"""Several responses of the same runs, side by side: false discovery rates over all of them.

    rows = across_responses({"holdout/loss": judged, "roughness(eval/loss)": other})
    rows[0].q                            # Benjamini-Hochberg, over responses and factors

Each verdict is about its own response and stays what it is; q says which share of the
differences that are at least as clear would be false ones.

Source: METHOD 5.5 (d); Benjamini & Hochberg, J. R. Statist. Soc. B 57 (1995).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from paribus_sweeps.analysis import multiplicity
from paribus_sweeps.analysis.verdicts import FactorAnswer, Judged


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """One factor's answer for one response."""

    response: str
    factor: str
    status: str
    verdict: str | None
    sentence: str
    p: float | None
    """Of the factor's clearest comparison, times the number of its comparisons (Bonferroni)."""
    q: float | None
    """Over all responses and factors."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def across_responses(found: Mapping[str, Judged]) -> tuple[ResponseRow, ...]:
    """Return a row for each response and factor, in the given order.

    Args:
        found: Response → what the runs come to.
    """
    told = [(name, answer) for name, judged in found.items() for answer in judged.answers]
    least = [_least(answer) for _, answer in told]
    rates = iter(multiplicity.benjamini_hochberg([p for p in least if p is not None]))
    return tuple(
        ResponseRow(
            response=name,
            factor=answer.factor,
            status=answer.status,
            verdict=answer.verdict,
            sentence=answer.sentence,
            p=p,
            q=None if p is None else next(rates),
        )
        for (name, answer), p in zip(told, least, strict=True)
    )


def _least(answer: FactorAnswer) -> float | None:
    """Return the smallest p of a factor, times its comparisons (Bonferroni)."""
    found = [c.p for c in answer.comparisons if c.p is not None]
    return min(1.0, min(found) * len(found)) if found else None
