"""Columns of a model: sum-to-zero for levels, one scaled column for numbers."""

import numpy as np
import pytest

from paribus_sweeps.design.model_matrix import (
    Coding,
    ModelMatrix,
    Term,
    codings_of,
    main_effects,
    two_factor_interactions,
)
from paribus_sweeps.design.table import Column
from paribus_sweeps.errors import NotOnScale

ARM = Column("arm", ("a", "b", "c", "unseen"), np.array([0, 1, 2, 0]))
RATE = Column(
    "lr", ("1", "2", "8", "0"), np.array([0, 1, 2, 2]), numbers=(1.0, 2.0, 8.0, 0.0),
    is_numeric=True, transform="log2",
)  # fmt: skip


class TestCoding:
    def test_of_levels_sums_to_zero_over_those_that_occur(self) -> None:
        found = Coding.of(ARM, ARM.present())

        assert found.rows[:3].tolist() == [[1, 0], [0, 1], [-1, -1]]
        assert np.isnan(found.rows[3]).all()
        assert found.names == ("arm[a]", "arm[b]")

    def test_of_numbers_lies_between_minus_one_and_one(self) -> None:
        found = Coding.of(RATE, RATE.present())

        # log2: 0, 1, 3: middle 1.5, half 1.5
        assert found.rows[:3, 0] == pytest.approx([-1, -1 / 3, 1])
        assert found.half == 1.5

    def test_of_a_single_number_has_no_column(self) -> None:
        assert Coding.of(RATE, np.array([1])).df == 0
        assert Coding.of(RATE, np.array([], int)).df == 0

    def test_of_a_number_without_a_logarithm_is_refused(self) -> None:
        with pytest.raises(NotOnScale, match="factor lr: 0 has no log2") as raised:
            Coding.of(RATE, np.array([0, 3]))

        assert (raised.value.factor, raised.value.label) == ("lr", "0")

    def test_candidates_take_part_where_they_are_named(self) -> None:
        found = codings_of([ARM], extra={"arm": np.array([3])})

        assert found["arm"].df == 3


class TestModelMatrix:
    def test_an_interaction_is_a_product(self) -> None:
        terms = (*main_effects([ARM, RATE]), Term(("arm", "lr")))
        codes = {"arm": ARM.codes, "lr": RATE.codes}

        found = ModelMatrix.of(terms, codings_of([ARM, RATE]), codes, rows=4)

        assert found.names[-2:] == ("arm[a] x lr", "arm[b] x lr")
        assert found.values[:, 4:] == pytest.approx(found.values[:, 1:3] * found.values[:, 3:4])
        assert found.term_of(5) == Term(("arm", "lr"))
        assert found.columns_of(Term(("lr",))) == slice(3, 4)

    def test_what_does_not_vary_is_no_term(self) -> None:
        still = Column("still", ("x",), np.zeros(4, int))

        assert main_effects([ARM, still]) == (Term(), Term(("arm",)))
        assert two_factor_interactions([ARM, still, RATE]) == (Term(("arm", "lr")),)

    def test_an_interaction_contains_its_margins(self) -> None:
        both = Term(("arm", "lr"))

        assert both.contains(Term(("arm",)))
        assert both.contains(Term())
        assert not both.contains(both)
