"""The two identities that objectives are computed by, against the matrices they stand for."""

import itertools

import numpy as np
import pytest

from paribus_sweeps.design.openings import Openings, complement
from paribus_sweeps.design.table import Floats

SIGNS = np.array(list(itertools.product((1.0, -1.0), repeat=3)))
GRID = np.column_stack([np.ones(8), SIGNS])
STORY = GRID[[0, 6, 5]]
WHOLE = np.eye(4)


def opened(
    finished: Floats, candidates: Floats, targets: Floats | None, counts: Floats | None = None
) -> Openings:
    weights = np.ones(len(finished)) if counts is None else counts
    return Openings.of(finished, candidates, targets, weights)


class TestScore:
    def test_a_whole_model_has_the_determinant_of_all_runs(self) -> None:
        counts = np.array([1.0, 3.0, 2.0])
        found = opened(STORY, GRID, None, counts)

        values = found.score(np.arange(8)[:, None])

        for row, value in zip(GRID, values, strict=True):
            both = (STORY.T * counts) @ STORY + np.outer(row, row)
            sign, wanted = np.linalg.slogdet(both)
            independent = sign > 0 and wanted > -20
            assert value == (pytest.approx(wanted) if independent else -np.inf)

    def test_part_of_a_model_has_the_covariance_of_its_functions(self) -> None:
        # batch and ratio of three runs: one direction is open, the other is told already
        targets = WHOLE[[1, 2]]
        found = opened(STORY, GRID, targets)

        values = found.score(np.arange(8)[:, None])

        for row, value in zip(GRID, values, strict=True):
            both = np.vstack([STORY, row])
            if np.linalg.matrix_rank(both) == 4:
                covariance = targets @ np.linalg.inv(both.T @ both) @ targets.T
                assert value == pytest.approx(-np.linalg.slogdet(covariance)[1])
            else:
                assert value == -np.inf

    def test_dependent_runs_do_not_answer(self) -> None:
        found = opened(GRID[:0], GRID, None)

        assert found.score(np.array([[0, 0, 1, 2], [0, 1, 2, 3]])).tolist() == [-np.inf] * 2
        assert opened(STORY, GRID, WHOLE[[1]]).score(np.array([[1, 1]])).tolist() == [-np.inf]


class TestOpenings:
    def test_only_what_candidates_can_close_counts(self) -> None:
        # the third sign never changes: neither it nor the intercept beside it can be told
        found = opened(GRID[[0]], GRID[[2, 4]], None)

        # 4 parameters, 1 finished run; the two candidates close two of the three directions
        assert (found.open, found.closable) == (3, 2)
        assert found.pure.tolist() == [True, True]

    def test_a_function_that_is_no_function_is_left_out(self) -> None:
        nothing = np.zeros((1, 4))

        assert opened(STORY, GRID, np.vstack([WHOLE[[1]], nothing])).closable == 1

    def test_a_repeat_of_a_finished_run_is_of_no_use(self) -> None:
        found = opened(STORY, GRID, WHOLE[[1]])

        assert np.flatnonzero(~found.useful).tolist() == [0, 5, 6]


class TestComplement:
    def test_it_is_orthogonal_and_fills_the_space(self) -> None:
        held = np.linalg.qr(np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 0.0]]))[0]

        rest = complement(held)

        assert rest.shape == (3, 1)
        assert np.abs(held.T @ rest).max() < 1e-12

    def test_of_nothing_it_is_everything(self) -> None:
        assert np.array_equal(complement(np.zeros((2, 0))), np.eye(2))
