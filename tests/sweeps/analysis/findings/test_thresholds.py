"""Numbers that rules compare with: defaults, what somebody set, and what is refused."""

import math

import pytest

from paribus_sweeps.analysis.findings.rules import COMPARISONS, RULES, declared
from paribus_sweeps.analysis.findings.thresholds import Threshold, Thresholds
from paribus_sweeps.errors import InvalidThreshold, UnknownThreshold

SPIKE = Threshold("gradients.spike_ratio", 10.0, "METHOD 9.4", low=1.0)
SHARE = Threshold("gradients.share", 0.01, "METHOD 9.4", high=1.0)


class TestThresholds:
    def test_all_that_nobody_set_are_as_they_are(self):
        thresholds = Thresholds.of([SPIKE, SHARE], {"gradients.spike_ratio": 20})

        assert thresholds["gradients.spike_ratio"] == 20.0
        assert thresholds["gradients.share"] == 0.01

    def test_nothing_set_is_the_defaults(self):
        assert Thresholds.of([SPIKE]).values == {"gradients.spike_ratio": 10.0}

    def test_one_that_there_is_not_is_refused_with_the_nearest(self):
        with pytest.raises(UnknownThreshold, match="did you mean 'gradients.spike_ratio'"):
            Thresholds.of([SPIKE], {"gradients.spike_ratios": 20})

    @pytest.mark.parametrize("value", [0.99, math.nan, math.inf])
    def test_what_is_out_of_bounds_or_not_finite_is_refused(self, value):
        with pytest.raises(InvalidThreshold, match="expected a number from 1 to inf"):
            Thresholds.of([SPIKE], {"gradients.spike_ratio": value})

    @pytest.mark.parametrize("value", [0, 1])
    def test_bounds_themselves_are_allowed(self, value):
        assert Thresholds.of([SHARE], {"gradients.share": value})["gradients.share"] == value


class TestDeclared:
    def test_every_default_is_within_its_bounds_and_has_a_reason(self):
        for threshold in declared([*RULES, *COMPARISONS]):
            Thresholds.of([threshold], {threshold.name: threshold.default})
            assert len(threshold.reason) > 10, threshold.name

    def test_rules_that_share_a_name_share_the_threshold(self):
        by_name: dict[str, set[Threshold]] = {}
        for rule in (*RULES, *COMPARISONS):
            for threshold in rule.thresholds:
                by_name.setdefault(threshold.name, set()).add(threshold)

        assert [name for name, found in by_name.items() if len(found) > 1] == []
