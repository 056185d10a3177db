"""Least squares through one triangle: ranks, sums of squares, one more run."""

import numpy as np
import pytest

from paribus_sweeps.analysis.least_squares import LeastSquares
from paribus_sweeps.design.table import Floats

# two factors in -1/+1; y = 10 + 2 a + 1 b, and the last run is 4 too high
SQUARE = np.array([[1, -1, -1], [1, -1, 1], [1, 1, -1], [1, 1, 1]], float)
VALUES = np.array([7, 9, 11, 17.0])
A, B = np.array([False, True, False]), np.array([False, False, True])
INTERCEPT = np.array([True, False, False])


def fit(matrix: Floats = SQUARE, values: Floats = VALUES) -> LeastSquares:
    return LeastSquares.of(matrix, values)


class TestSumsOfSquares:
    def test_of_a_term_given_others(self) -> None:
        squares, df = fit().explained(A, INTERCEPT | B)

        # mean(+) - mean(-) = 14 - 8 = 6: b = 3, SS = 4 x 9
        assert squares * fit().scale ** 2 == pytest.approx(36)
        assert df == 1

    def test_of_a_term_that_the_model_holds_already(self) -> None:
        twice = np.column_stack([SQUARE, SQUARE[:, 1]])
        last = np.array([False, False, False, True])

        squares, df = fit(twice).explained(last, ~last)

        assert (squares, df) == (0.0, 0)

    def test_sums_of_columns_may_be_given_too(self) -> None:
        """Given a + b, only the direction a - b of a is left: (3 - 2)^2 / 2 x 4 = 2."""
        both = np.array([[0.0], [1.0], [1.0]])

        squares, df = fit().explained(A, INTERCEPT, also=both, df=1)

        assert squares * fit().scale ** 2 == pytest.approx(2)
        assert df == 1

    def test_what_is_left_of_a_sub_model(self) -> None:
        left, rank = fit().residual(INTERCEPT | A)

        # y - fit: b = 2 as it is 4 / 2, SS = 4 x 4, and the 1 x 4 of the interaction
        assert left * fit().scale ** 2 == pytest.approx(16 + 4)
        assert rank == 2

    def test_of_no_columns_at_all(self) -> None:
        nothing = np.zeros(3, bool)

        assert fit().explained(nothing, INTERCEPT) == (0.0, 0)


class TestSolution:
    def test_estimates_are_in_the_unit_of_the_response(self) -> None:
        solution = fit().solve()

        assert [solution.estimate(row) for row in np.eye(3)] == pytest.approx([11, 3, 2])
        assert solution.residual_df == 1
        assert solution.sd == pytest.approx(2)  # the interaction: 4 x 1^2 on one df
        assert solution.variance_factor(np.array([0, 1.0, 0])) == pytest.approx(1 / 4)

    def test_residuals_and_leverages(self) -> None:
        solution = fit().solve()

        assert solution.residuals(SQUARE, VALUES) == pytest.approx([1, -1, -1, 1])
        assert solution.leverages(SQUARE) == pytest.approx([0.75] * 4)

    def test_as_many_parameters_as_runs_leave_no_error(self) -> None:
        full = np.column_stack([SQUARE, SQUARE[:, 1] * SQUARE[:, 2]])

        solution = fit(full).solve()

        assert solution.residual_df == 0
        assert solution.sd is None

    def test_a_rank_that_is_known_is_kept(self) -> None:
        """The third column is the second but for 1e-9: by itself it would count."""
        near = np.column_stack([SQUARE[:, :2], SQUARE[:, 1] + 1e-7 * SQUARE[:, 2]])

        assert fit(near).solve().rank == 3
        assert fit(near).solve(rank=2).rank == 2

    def test_a_constant_response_does_not_vary(self) -> None:
        assert not fit(values=np.full(4, 0.1)).varies
        assert fit().varies

    def test_an_exact_fit_is_seen(self) -> None:
        assert fit(values=np.array([7, 9, 11, 13.0])).solve().is_exact
        assert not fit().solve().is_exact


class TestOneMoreRun:
    def test_is_one_more_row(self) -> None:
        draw = np.random.default_rng(0)
        matrix = np.column_stack([np.ones(9), draw.normal(size=(9, 2))])
        values = draw.normal(size=9)

        made = fit(matrix[:8], values[:8]).plus(matrix[8], values[8]).solve()

        whole = fit(matrix, values).solve()
        for row in np.eye(3):
            assert made.estimate(row) == pytest.approx(whole.estimate(row))
        assert made.sd == pytest.approx(whole.sd)
