"""What a run's own spread makes of its spikes."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from paribus_sweeps.analysis.findings.norm_spread import InOrder
from paribus_sweeps.analysis.findings.own_spread import own_spread


def ratios(*values: float) -> InOrder:
    found = InOrder()
    found.add(np.array(values))
    return found


def normal_scores(n: int, sd: float) -> list[float]:
    """Values at the n normal quantiles (i - .5) / n: a lognormal without chance."""
    return [math.exp(sd * NormalDist().inv_cdf((i - 0.5) / n)) for i in range(1, n + 1)]


class TestOwnSpread:
    def test_the_count_is_that_of_a_lognormal_with_the_same_quartiles(self):
        found = own_spread(ratios(*normal_scores(1_000, 0.8)), 2, 10.0)

        # ln 10 / .8 = 2.8782; P(Z > 2.8782) = .0020 (scipy.stats.norm.sf); of 1,000: 2.0.
        assert found is not None
        assert found.log_sd == pytest.approx(0.8, rel=0.01)
        assert found.expected == pytest.approx(2.0, rel=0.05)

    def test_the_tails_are_poissons(self):
        found = own_spread(ratios(*normal_scores(1_000, 0.8)), 6, 10.0)

        # P(Poisson(2) >= 6) = .01656 (scipy.stats); the largest is at the quantile .9995:
        # 1 - exp(-1000 (1 - .9995)) = .3935.
        assert found is not None
        assert found.p_count == pytest.approx(0.01656, rel=0.2)
        assert found.p_largest == pytest.approx(0.3935, rel=0.05)

    def test_without_spikes_no_count_is_too_large(self):
        found = own_spread(ratios(*normal_scores(100, 0.3)), 0, 10.0)

        assert found is not None
        assert found.p_count == 1.0

    def test_a_level_beside_the_medians_is_no_spread(self):
        # All ratios times e: the centre moves by 1, so that ln 10 is 1.3026 / .5 sd away;
        # P(Z > 2.6052) = .004591 (scipy.stats.norm.sf).
        found = own_spread(ratios(*(math.e * v for v in normal_scores(1_000, 0.5))), 0, 10.0)

        assert found is not None
        assert found.expected == pytest.approx(4.591, rel=0.05)

    def test_equal_norms_make_none(self):
        found = own_spread(ratios(1.0, 1.0, 1.0, 1.0, 50.0), 1, 10.0)

        assert found is not None
        assert (found.expected, found.p_count, found.p_largest) == (0.0, 0.0, 0.0)

    @pytest.mark.parametrize(
        "values",
        [
            (),
            (0.0, 0.0, 0.0, 20.0),
            (1.0, math.inf, math.inf, math.inf),
            (1.0, 2.0, 3.0, math.inf),
        ],
    )
    def test_what_has_no_quartiles_cannot_be_told(self, values):
        assert own_spread(ratios(*values), 1, 10.0) is None
