"""Before and after: what terms and contrasts gain."""

import numpy as np
import pytest

from paribus_sweeps.design.changes import Spread, contrast_changes, term_changes
from paribus_sweeps.design.proposals import TermChange
from tests.sweeps.design.follow_up_cases import (
    BATCH,
    RATIO,
    factor,
    prospect_of,
    table,
    three_runs,
)

TWO = (BATCH, RATIO)


class TestSpread:
    def test_a_known_spread_takes_the_normal_quantile(self) -> None:
        assert Spread(2.0, None).half_width(0.25, 7) == pytest.approx(1.959964)
        assert Spread(2.0, None).note == "Half-widths are t s sqrt(c) with s = 2 (taken as known)."

    def test_an_estimated_one_the_t_quantile_with_what_is_gained(self) -> None:
        # t(.975, 4) = 2.776445
        assert Spread(1.0, 3).half_width(1.0, 1) == pytest.approx(2.776445)
        assert "with 3 degrees of freedom" in Spread(1.0, 3).note

    def test_less_than_one_degree_of_freedom_is_taken_as_one(self) -> None:
        # t(.975, 1) = 12.7062: more parameters than further runs
        assert Spread(1.0, 1).half_width(1.0, -2) == pytest.approx(12.7062, rel=1e-5)

    def test_without_spread_or_estimate_there_is_none(self) -> None:
        assert Spread(None, 3).half_width(1.0, 0) is None
        assert Spread(1.0, 0).half_width(1.0, 5) is None
        assert Spread(1.0, 3).half_width(None, 0) is None
        assert Spread(None, 3).note.startswith("No spread known yet")
        assert Spread(1.0, 0).note.startswith("No spread known yet")


class TestTermChanges:
    def test_status_inflation_and_pairs(self) -> None:
        prospect = prospect_of(three_runs())
        later = prospect.table(np.array([[1, 0, 0]]), [None])

        batch = term_changes(prospect, prospect.plan.gate(later), later)[0]

        assert (batch.term, batch.before, batch.after) == ("batch", "not_estimable", "estimable")
        assert (batch.gvif_before, batch.pairs_before, batch.pairs_gained) == (None, 0, 1)
        # batch's column is (1, -1, -1, -1) with sums against (1, -1, 1, 1) and (1, 1, -1, 1):
        # all three alike; VIF = 1.5
        assert batch.gvif_after == pytest.approx(1.5**0.5)

    def test_interactions_and_blocks_have_no_pairs(self) -> None:
        asked = table("8 1:1", "64 4:1", factors=TWO)
        prospect = prospect_of(asked, interactions=[("batch", "ratio")])

        pair = term_changes(prospect, None, asked)[-1]

        assert isinstance(pair, TermChange)
        assert (pair.term, pair.pairs_before, pair.pairs_gained) == ("batch x ratio", None, None)
        assert (pair.df, pair.df_after, pair.gvif_after) == (1, 0, None)


class TestContrastChanges:
    def test_relative_variance_before_and_after(self) -> None:
        prospect = prospect_of(table("8 1:1", "64 1:1", factors=TWO), factors=["batch", "ratio"])
        later = prospect.table(np.array([[0, 1], [1, 1]]), [None, None])

        batch, ratio = contrast_changes(prospect, prospect.plan.gate(later), Spread(1.0, None))

        # one against one: 1 + 1; two against two: 1/2 + 1/2
        assert (batch.before, batch.after) == (pytest.approx(2), pytest.approx(1))
        assert (ratio.before, ratio.after) == (None, pytest.approx(1))
        assert ratio.half_width_before is None
        assert ratio.half_width == pytest.approx(1.959964)
        assert ratio.as_dict()["half_width"]["before"] is None

    def test_interactions_have_none_and_many_are_cut(self) -> None:
        wide = (factor("a", *map(str, range(300))),)
        prospect = prospect_of(table("0", "1", factors=wide))

        assert len(contrast_changes(prospect, prospect.plan.before, Spread(None, None))) == 200
        pairs = prospect_of(table("8 1:1", factors=TWO), factors=["batch x ratio"])
        assert contrast_changes(pairs, None, Spread(None, None)) == ()
