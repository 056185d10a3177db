"""Rank and relations of matrices, tall ones in blocks."""

from fractions import Fraction

import numpy as np
import pytest

from paribus_sweeps.design.linear_space import (
    LinearSpace,
    clean,
    kept,
    rank_of,
    relations,
    triangular,
)


class TestTriangular:
    def test_a_tall_matrix_is_reduced_block_by_block(self) -> None:
        """20,000 rows of 10 columns are 1.6 MB: two blocks."""
        matrix = np.random.default_rng(0).normal(size=(20_000, 10))

        made = triangular(matrix)

        assert made.shape == (10, 10)
        assert made.T @ made == pytest.approx(matrix.T @ matrix, rel=1e-9, abs=1e-7)


class TestRank:
    def test_counts_independent_columns(self) -> None:
        matrix = np.array([[1, 2, 3], [0, 1, 1], [2, 0, 2.0]])  # third = first + second

        assert rank_of(matrix) == 2

    def test_of_nothing_is_nothing(self) -> None:
        assert rank_of(np.zeros((0, 3))) == 0
        assert rank_of(np.zeros((3, 2))) == 0
        assert kept(np.array([]), 1) == 0

    def test_does_not_depend_on_the_unit_of_a_column(self) -> None:
        assert rank_of(np.array([[1, 1e-12], [1, 2e-12], [1, 4e-12]])) == 2


class TestLinearSpace:
    def test_a_function_is_estimable_if_it_is_a_sum_of_rows(self) -> None:
        found = LinearSpace.of(np.array([[1, 1, 0], [1, 0, 1.0]]))

        assert (found.rank, found.deficiency) == (2, 1)
        assert found.estimable(np.array([[0, 1, -1], [0, 1, 1], [0, 0, 0.0]])).tolist() == [
            True,
            False,
            True,
        ]
        # b and c are open, b - c is not
        assert found.open_directions(np.array([[0, 1, 0], [0, 0, 1.0]])) == 1
        assert found.open_directions(np.zeros((0, 3))) == 0

    def test_with_full_rank_nothing_is_open(self) -> None:
        assert LinearSpace.of(np.eye(2)).open_directions(np.eye(2)) == 0


class TestRelations:
    def test_a_dependent_column_is_told_by_earlier_ones(self) -> None:
        matrix = np.array([[1, 2, 0, 2.5], [0, 1, 0, 1], [2, 0, 0, 1.0]])

        found = relations(matrix)

        # the third column is zero, the fourth = first / 2 + second
        assert [(one.column, one.parts) for one in found] == [
            (2, ()),
            (3, ((0, Fraction(1, 2)), (1, Fraction(1)))),
        ]
        assert found[1].members == (0, 1, 3)

    def test_a_coefficient_that_is_no_fraction_stays(self) -> None:
        assert clean(1 / 3) == Fraction(1, 3)
        assert clean(0.1234567) == 0.1234567
