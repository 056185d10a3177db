"""Least squares that knows its rank: sums of squares by model comparison, estimates, errors.

    fit = LeastSquares.of(matrix, values)
    fit.explained(added, given)          # SS(T | S) and its df, METHOD 5.1
    fit.estimate(L), fit.variance_factor(L)

The matrix and the response are reduced together to one small triangle; every sub-model is
then a projection inside it, so that neither a Gram matrix nor a difference of two residual
sums is formed. A run that comes later is one more row of the triangle (`plus`).

Source: METHOD 5.1 and 12; Golub & Van Loan, Matrix Computations, 4th ed., 5.3 and 6.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from paribus_sweeps.design.linear_space import RANK_TOLERANCE, kept, scaled, triangular
from paribus_sweeps.design.table import Flags, Floats


@dataclass(frozen=True, slots=True, eq=False)
class LeastSquares:
    """A model matrix and a response, reduced to a triangle."""

    rows: int
    triangle: Floats
    """(at most parameters + 1, parameters + 1): R of [X | y], y centred and scaled."""
    centre: float
    scale: float
    """The response is `centre + scale * y`."""

    @classmethod
    def of(cls, matrix: Floats, values: Floats) -> LeastSquares:
        """Reduce a model matrix, (rows, parameters), and its response, (rows,), all finite.

        The response is centred and scaled first: what is added to it or multiplied with it
        then leaves tests as they are, to the last digits.
        """
        largest = float(np.max(np.abs(values), initial=0.0)) or 1.0
        centre = float(np.mean(values / largest)) * largest
        left = values - centre
        scale = float(np.max(np.abs(left), initial=0.0)) or 1.0
        return cls(len(values), triangular(matrix, left / scale), centre, scale)

    def plus(self, row: Floats, value: float) -> LeastSquares:
        """Return the reduction with one more run: (parameters,) and its response."""
        added = np.append(row, (value - self.centre) / self.scale)
        return replace(
            self, rows=self.rows + 1, triangle=triangular(np.vstack([self.triangle, added]))
        )

    @property
    def matrix(self) -> Floats:
        """(m, parameters): the reduced model matrix."""
        return self.triangle[:, :-1]

    @property
    def response(self) -> Floats:
        """(m,): the reduced response, on its own scale."""
        return self.triangle[:, -1]

    @property
    def varies(self) -> bool:
        """Whether the response has any variation beyond rounding."""
        spread = float(np.linalg.norm(self.response - self._level()))
        return spread * self.scale > 1e-12 * max(abs(self.centre), self.scale)

    def _level(self) -> Floats:
        """The reduced response's projection on the intercept, which is the first column."""
        first = self.matrix[:, :1]
        length = float(np.linalg.norm(first))
        return (first @ (first.T @ self.response)) / (length**2 or 1.0)

    @property
    def total(self) -> float:
        """Sum of squares about the mean, in units of `scale` squared."""
        return float(np.sum((self.response - self._level()) ** 2))

    def basis(self, columns: Flags) -> Floats:
        """Return an orthonormal basis of some columns' span, (m, rank)."""
        unit, _ = scaled(self.matrix[:, columns])
        return _orthonormal(unit, self.matrix.shape[1])

    def residual(self, columns: Flags) -> tuple[float, int]:
        """Return the residual sum of squares (of `scale` squared) of a sub-model, and its rank."""
        basis = self.basis(columns)
        left = _without(basis, self.response[:, None])
        return float(np.sum(left**2)), basis.shape[1]

    def explained(
        self,
        added: Flags,
        given: Flags,
        *,
        also: Floats | None = None,
        df: int | None = None,
        is_full_rank: bool = False,
    ) -> tuple[float, int]:
        """Return SS(added | given) in units of `scale` squared, and its df.

        Args:
            added: (parameters,): columns of the term.
            given: (parameters,): columns of the model that it is added to.
            also: (parameters, k): sums of columns that the model holds as well.
            df: How many directions the term adds, where the gate has said so already.
            is_full_rank: Whether the gate has said that no column depends on others.
        """
        held = self.matrix[:, given]
        if also is not None:
            held = np.hstack([held, self.matrix @ also])
        rank = held.shape[1] if is_full_rank else None
        basis = _orthonormal(scaled(held)[0], self.matrix.shape[1], rank=rank)
        unit, _ = scaled(self.matrix[:, added])
        extra = _orthonormal(_without(basis, unit), self.matrix.shape[1], absolute=True, rank=df)
        left = _without(basis, self.response[:, None])
        return float(np.sum((extra.T @ left) ** 2)), extra.shape[1]

    def solve(self, *, rank: int | None = None) -> Solution:
        """Fit all columns; only estimable functions of the coefficients have a meaning.

        Args:
            rank: Of the matrix, where the gate has said so already: what it takes for a
                dependency is one here too, however near it lies to the tolerance.
        """
        unit, lengths = scaled(self.matrix)
        left, singular, vectors = np.linalg.svd(unit, full_matrices=False)
        if rank is None:
            rank = kept(singular, unit.shape[1])
        half = vectors[:rank].T / singular[:rank] / lengths[:, None]
        projected = left[:, :rank].T @ self.response
        rss = float(np.sum((self.response - left[:, :rank] @ projected) ** 2))
        return Solution(self, half @ projected, half, rank, rss)


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """A fitted model."""

    of: LeastSquares
    coefficients: Floats
    """(parameters,), in units of `scale`."""
    half: Floats
    """(parameters, rank): H with (X'X)^- = H H'."""
    rank: int
    rss: float
    """Residual sum of squares, in units of `scale` squared."""

    @property
    def residual_df(self) -> int:
        """Rows minus rank."""
        return self.of.rows - self.rank

    @property
    def is_exact(self) -> bool:
        """Whether the model leaves nothing but rounding: no error can be told from it."""
        return self.rss <= 1e-24 * max(self.of.total, 1e-300) * self.of.rows

    @property
    def sd(self) -> float | None:
        """Residual standard deviation in the response's unit; None without residual df."""
        if self.residual_df <= 0:
            return None
        return math.sqrt(self.rss / self.residual_df) * self.of.scale

    def estimate(self, function: Floats) -> float:
        """Return L b in the response's unit; the intercept is the first coefficient."""
        return float(function @ self.coefficients * self.of.scale + function[0] * self.of.centre)

    def variance_factor(self, function: Floats) -> float:
        """Return L (X'X)^- L': the variance of the estimate, in units of the error variance."""
        return float(np.sum((function @ self.half) ** 2))

    def leverages(self, matrix: Floats) -> Floats:
        """Return h of each run, (rows,), from the full model matrix."""
        return np.asarray(np.sum((matrix @ self.half) ** 2, axis=1))

    def residuals(self, matrix: Floats, values: Floats) -> Floats:
        """Return y - X b in the response's unit, (rows,)."""
        fitted = matrix @ self.coefficients
        return values - self.of.centre - fitted * self.of.scale

    def residual_root(self, matrix: Floats, values: Floats) -> Floats:
        """Return R of the runs' own residuals, (rank, rank): what `robust` takes.

        R'R is the middle of the HC3 sandwich, each run weighed with (e / (1 - h))^2.
        """
        weights = self.residuals(matrix, values) / (1 - self.leverages(matrix))
        return triangular((matrix @ self.half) * weights[:, None])

    def robust(self, functions: Floats, root: Floats) -> Floats:
        """Return the HC3 covariance of L b, (m, m), in the response's unit squared.

        Args:
            functions: (m, parameters).
            root: What `residual_root` gave.

        Source: MacKinnon & White, J. Econometrics 29 (1985); METHOD 5.4. Not to be asked for
        where a leverage is 1.
        """
        loads = root @ (self.half.T @ functions.T)
        return np.asarray(loads.T @ loads)


def _orthonormal(
    unit: Floats, parameters: int, *, absolute: bool = False, rank: int | None = None
) -> Floats:
    """Return a basis of columns of at most unit length; `absolute`: small ones are noise."""
    if 0 in unit.shape:
        return np.zeros((unit.shape[0], 0))
    if rank == unit.shape[1]:  # a tenth of the time of singular values
        return np.asarray(np.linalg.qr(unit)[0])
    left, singular, _ = np.linalg.svd(unit, full_matrices=False)
    if rank is not None:
        return np.asarray(left[:, :rank])
    reference = 1.0 if absolute else singular[0]
    return np.asarray(left[:, singular > RANK_TOLERANCE * parameters * reference])


def _without(basis: Floats, columns: Floats) -> Floats:
    """Project the span of `basis` out of columns, twice, for orthogonality to the last digit."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns
