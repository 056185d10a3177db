"""Quantiles, means and variances of values that come in pieces."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.findings.norm_spread import BLOCK, InOrder, Moments, Spread

VALUES = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


class TestInOrder:
    @settings(deadline=None)
    @given(st.lists(VALUES, min_size=1, max_size=5), st.floats(0, 1))
    def test_quantiles_are_numpys_whatever_the_pieces(self, parts, share):
        ordered = InOrder()

        for part in parts:
            ordered.add(np.array(part))

        expected = np.quantile(np.concatenate(parts), share)
        assert ordered.quantile(share) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert ordered.values.tolist() == sorted(sum(parts, []))


class TestMoments:
    def test_the_variance_is_numpys(self):
        values = 1e6 + np.random.default_rng(0).normal(size=3 * BLOCK + 17)
        moments = Moments()

        moments.add(values)

        assert moments.variance() == pytest.approx(np.var(values, ddof=1), rel=1e-9)

    @settings(deadline=None)
    @given(st.lists(st.integers(0, 2_500), max_size=4))
    def test_pieces_change_no_bit(self, sizes):
        values = np.random.default_rng(1).lognormal(size=sum(sizes) + 2)
        whole, pieces = Moments(), Moments()
        whole.add(values)

        for part in np.split(values, np.cumsum(sizes)):
            pieces.add(part)

        assert pieces.variance() == whole.variance()


class TestSpread:
    def test_pieces_change_no_bit(self):
        values = np.random.default_rng(2).lognormal(size=2_345)
        whole, pieces = Spread(), Spread()
        whole.add(values)

        for part in np.array_split(values, 50):
            pieces.add(part)

        assert pieces.numbers(3) == whole.numbers(3)
