"""Columns that moved together are one group; others stand alone."""

from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.moving_groups import moving_groups, ranks_of
from paribus_sweeps.design.table import Column


def numbers(name: str, values: Any) -> Column:
    labels, codes = np.unique(np.asarray(values, float), return_inverse=True)
    return Column(name, tuple(str(label) for label in labels), codes, numbers=tuple(labels))


def levels(name: str, values: Any) -> Column:
    labels, codes = np.unique(values, return_inverse=True)
    return Column(name, tuple(str(label) for label in labels), codes)


def members(*columns: Column) -> list[tuple[str, ...]]:
    return [group.members for group in moving_groups(columns)]


WORDS = np.random.default_rng(0)
X = WORDS.random(50)


class TestGroups:
    def test_numbers_that_rise_together_are_one_group(self) -> None:
        (group,) = moving_groups([numbers("lr", X), numbers("batch", np.exp(9 * X))])

        # Ranks are equal, whatever the scale.
        assert group.members == ("lr", "batch")
        assert group.association == pytest.approx(1)

    def test_numbers_that_have_nothing_to_do_with_each_other_stand_alone(self) -> None:
        groups = moving_groups([numbers("lr", X), numbers("wd", WORDS.random(50))])

        assert [group.members for group in groups] == [("lr",), ("wd",)]
        assert [group.association for group in groups] == [0, 0]

    def test_the_border_is_a_rank_correlation_of_four_fifths(self) -> None:
        # Spearman: 1 - 6 sum d^2 / (n (n^2 - 1)). One swap of neighbours, n = 4: .8, not above.
        assert members(numbers("a", [1, 2, 3, 4]), numbers("b", [1, 2, 4, 3])) == [("a",), ("b",)]
        # n = 5: 1 - 12 / 120 = .9.
        assert members(numbers("a", range(5)), numbers("b", [0, 1, 2, 4, 3])) == [("a", "b")]

    def test_levels_and_numbers_by_the_correlation_ratio(self) -> None:
        optimizer = levels("optimizer", ["adam"] * 3 + ["lion"] * 3)

        # Ranks 1 to 6 in two halves: between 13.5 of 17.5, and sqrt(13.5 / 17.5) = .878.
        (group,) = moving_groups([optimizer, numbers("lr", range(6))])
        assert group.association == pytest.approx((13.5 / 17.5) ** 0.5)

    def test_levels_by_cramers_v(self) -> None:
        a = levels("a", list("xxxxxyyyyy"))
        b = levels("b", list("uuuuuvvvvu"))

        # chi squared of (5 0; 1 4): 10 (5 x 4)^2 / (5 x 5 x 6 x 4) = 6.667; V = sqrt(.6667).
        (group,) = moving_groups([a, b])
        assert group.association == pytest.approx((2 / 3) ** 0.5)

    def test_links_are_followed(self) -> None:
        a, b, c = [0, 1, 2, 3, 4, 5, 6], [1, 2, 0, 3, 4, 5, 6], [1, 2, 0, 4, 5, 3, 6]
        columns = [numbers("a", a), numbers("c", c), numbers("b", b)]

        # Spearman: a and b, b and c 1 - 6 x 6 / 336 = .893, a and c
        # 1 - 6 x 12 / 336 = .786, which alone would not do.
        assert members(*columns) == [("a", "c", "b")]
        assert members(*columns[:2]) == [("a",), ("c",)]
        assert moving_groups(columns)[0].association == pytest.approx(1 - 36 / 336)


class TestRanks:
    def test_numbers_are_ranked_by_value_and_not_by_label(self) -> None:
        column = Column("batch", ("8", "64", "16"), np.array([0, 1, 2, 1]), numbers=(8, 64, 16))

        assert ranks_of(column).tolist() == [0, 2, 1, 2]

    def test_levels_stand_in_their_own_order(self) -> None:
        column = Column("warmup", ("none", "long"), np.array([1, 0]))

        assert ranks_of(column).tolist() == [1, 0]
