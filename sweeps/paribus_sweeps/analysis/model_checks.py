"""What stands beside a model's tests: effects without an error, scale, and permutations.

    lenth_of(found)                      # None unless the design is saturated
    power_transforms(found)              # (1.0, 0.5): no transform, or the square root
    permutations(found, seed="…")

Source: METHOD 5.4, 5.6 and 11.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.effects import Effects
from paribus_sweeps.analysis.lenth import Lenth, lenth
from paribus_sweeps.analysis.permutation import PermutationTest, permutation_test
from paribus_sweeps.analysis.transforms import LAMBDAS, box_cox_hint
from paribus_sweeps.analysis.words import number
from paribus_sweeps.design.model_matrix import Term

_ORTHOGONAL = 1e-9  # of columns of +-1, per run
_NAMES = dict(
    zip(LAMBDAS, ("none", "square root", "logarithm", "1 / square root", "1 / y"), strict=True)
)


@dataclass(frozen=True, slots=True)
class Saturated:
    """The effects of a design that leaves no error: each against the noise of all (Lenth)."""

    terms: tuple[Term, ...]
    lenth: Lenth

    @property
    def active(self) -> tuple[str, ...]:
        """Terms beyond the simultaneous margin."""
        told = zip(self.terms, self.lenth.effects, strict=True)
        return tuple(term.name for term, effect in told if effect.label == "active")

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        told = zip(self.terms, self.lenth.effects, strict=True)
        return {
            **self.lenth.as_dict(),
            "effects": [
                {"term": term.name, "effect": effect.value, "label": effect.label}
                for term, effect in told
            ],
        }


def lenth_of(found: Effects, *, level: float = 0.95) -> Saturated | None:
    """Label the effects of a saturated design of two-level factors, columns orthogonal.

    Returns None for any other: with residual df there is an error, and without orthogonal
    columns the effects have no common variance.

    An effect is mean(second level) - mean(first level), in the response's unit; of an
    interaction, the difference of these differences, halved (METHOD 1).
    """
    solution = found.fitted.solution
    matrix = found.fitted.matrix
    if solution.residual_df > 0 or solution.rank < matrix.shape[1] or matrix.shape[1] < 2:
        return None
    products = matrix.T @ matrix - len(matrix) * np.eye(matrix.shape[1])
    if not np.all(np.abs(matrix) == 1) or np.max(np.abs(products)) > _ORTHOGONAL * len(matrix):
        return None
    terms = [term for term in found.fitted.gate.terms if term.members]
    values = [_effect(found, term) for term in terms]
    return Saturated(tuple(terms), lenth(values, level=level))


def _effect(found: Effects, term: Term) -> float:
    """Twice the coefficient; sum coding gives the first level +1, so that odd terms turn round."""
    columns = found.fitted.gate.matrix.columns_of(term)
    solution = found.fitted.solution
    coefficient = float(solution.coefficients[columns][0]) * solution.of.scale
    return -2 * coefficient if len(term.members) % 2 else 2 * coefficient


def power_transforms(found: Effects) -> tuple[float, ...] | None:
    """Return the named powers that the response could be transformed by; None: cannot be told.

    Args:
        found: The model, on the response's own scale.
    """
    return box_cox_hint(found.fitted.matrix, found.fitted.table.values)


def transform_sentence(powers: Sequence[float] | None) -> str | None:
    """Say what the powers come to; None where the response may stay as it is."""
    if powers is None or 1.0 in powers:
        return None
    if not powers:
        return "No common power of the response makes its spread even: look at ranks."
    named = " or ".join(f"{_NAMES[power]} (power {number(power)})" for power in powers)
    return f"The spread grows with the response: {named} would make it even (Box-Cox)."


def permutations(found: Effects, *, seed: str) -> tuple[PermutationTest, ...]:
    """Test every term that has a row by permutation (Freedman-Lane), with Holm beside it."""
    return tuple(
        permutation_test(found.fitted, row.term, seed=f"{seed}|{row.term.name}")
        for row in found.rows
        if row.p is not None and math.isfinite(row.p)
    )
