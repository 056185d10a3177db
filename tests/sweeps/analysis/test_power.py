"""Power and numbers of runs: as R's power.t.test and power.anova.test have them.

Expected numbers: tests/sweeps/r/power.R, which is not needed to run these.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from paribus_sweeps.analysis.power import (
    RATIOS,
    detectable_difference,
    detectable_effect,
    detectable_noncentrality,
    detectable_two_level_effect,
    floor_sd,
    pairs_needed,
    pairs_without_pilot,
    power_of_contrast,
    power_of_levels,
    power_of_pairs,
    power_of_two_levels,
    upper_sd,
)

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "r" / "expected" / "power.json").read_text("utf-8")
)
Case = dict[str, Any]


class TestPowerOfPairs:
    @pytest.mark.parametrize("case", EXPECTED["pairs"])
    def test_it_is_that_of_the_strict_paired_t_test(self, case: Case) -> None:
        power = power_of_pairs(case["n"], case["effect"], case["sd"], case["alpha"])

        assert power == pytest.approx(case["power"], rel=1e-8)

    def test_without_an_effect_it_is_the_level(self) -> None:
        assert power_of_pairs(4, 0.0, 1.0, 0.05) == pytest.approx(0.05, rel=1e-12)

    def test_the_sign_of_the_effect_plays_no_part(self) -> None:
        assert power_of_pairs(4, -0.7, 1.0) == power_of_pairs(4, 0.7, 1.0)

    def test_one_pair_tests_nothing(self) -> None:
        with pytest.raises(ValueError, match="at least 2 pairs"):
            power_of_pairs(1, 1.0, 1.0)

    @pytest.mark.parametrize("sd", [0.0, -1.0, math.nan, math.inf])
    def test_an_sd_lies_above_0(self, sd: float) -> None:
        with pytest.raises(ValueError, match="sd "):
            power_of_pairs(3, 1.0, sd)


class TestPairsNeeded:
    @pytest.mark.parametrize("case", EXPECTED["needed"])
    def test_it_is_the_first_n_that_is_enough(self, case: Case) -> None:
        assert pairs_needed(case["ratio"], 1.0, case["alpha"], case["power"]) == case["n"]

    @settings(max_examples=30, deadline=None)
    @given(st.floats(0.3, 5), st.floats(0.001, 0.2), st.floats(0.3, 0.99))
    def test_one_pair_fewer_is_not_enough(self, ratio: float, alpha: float, power: float) -> None:
        n = pairs_needed(ratio, 1.0, alpha, power)

        assert n is not None
        assert power_of_pairs(n, ratio, 1.0, alpha) >= power
        assert n == 2 or power_of_pairs(n - 1, ratio, 1.0, alpha) < power

    def test_the_unit_plays_no_part(self) -> None:
        assert pairs_needed(0.02, 0.013) == pairs_needed(2.0, 1.3)

    def test_more_than_the_most_is_none(self) -> None:
        assert pairs_needed(0.5, 1.0, most=33) is None
        assert pairs_needed(0.5, 1.0, most=34) == 34
        assert pairs_needed(0.0, 1.0, most=500) is None

    @pytest.mark.parametrize(("power", "alpha"), [(0.05, 0.05), (1.0, 0.05), (0.8, 0.0)])
    def test_the_wanted_power_lies_above_the_level(self, power: float, alpha: float) -> None:
        with pytest.raises(ValueError, match="0 < alpha < power < 1"):
            pairs_needed(1.0, 1.0, alpha, power)


class TestPowerOfContrast:
    @pytest.mark.parametrize("case", EXPECTED["contrasts"])
    def test_it_is_the_tail_of_the_noncentral_f(self, case: Case) -> None:
        power = power_of_contrast(case["noncentrality"], case["df1"], case["df2"], case["alpha"])

        # R sums its series to 1e-9
        assert power == pytest.approx(case["power"], rel=0, abs=1e-8)

    @pytest.mark.parametrize("noncentrality", [0.3, 30.0, 3e3, 3e4, 3e6, 1e8])
    def test_no_noncentrality_is_too_large(self, noncentrality: float) -> None:
        # With df 2 and 2 the mean over chi2_2 has a closed form: x = 1 / (1 + F), and
        # P(F' >= F) = 1 - (1 - x) exp(-lambda x / 2)  [Johnson, Kotz & Balakrishnan 30]
        alpha = 1e-4
        x = alpha  # P(F_2,2 >= F) = 1 / (1 + F)

        power = power_of_contrast(noncentrality, 2, 2, alpha)

        exact = 1 - (1 - x) * math.exp(-noncentrality * x / 2)
        assert power == pytest.approx(exact, rel=1e-9)

    def test_a_large_one_with_one_degree_of_freedom_is_a_matter_of_the_spread(self) -> None:
        # delta >> 1: power = P(s < delta / t), s^2 ~ chi2_1, up to terms of 1 / delta^2
        alpha, noncentrality = 1e-7, 1e14

        power = power_of_contrast(noncentrality, 1, 1, alpha)

        t = -special.stdtrit(1, alpha / 2)
        assert power == pytest.approx(1 - 2 * stats.norm.sf(math.sqrt(noncentrality) / t))

    @pytest.mark.parametrize(
        ("noncentrality", "df1", "df2", "alpha", "what"),
        [
            (-1, 1, 9, 0.05, "noncentrality"),
            (math.inf, 1, 9, 0.05, "noncentrality"),
            (math.nan, 1, 9, 0.05, "noncentrality"),
            (1, 0, 9, 0.05, "df"),
            (1, 1, 0, 0.05, "df"),
            (1, 1, 9, 0.0, "alpha"),
            (1, 1, 9, 1.0, "alpha"),
        ],
    )
    def test_what_is_no_test_is_refused(
        self, noncentrality: float, df1: float, df2: float, alpha: float, what: str
    ) -> None:
        with pytest.raises(ValueError, match=what):
            power_of_contrast(noncentrality, df1, df2, alpha)


class TestPowerOfExperiments:
    @pytest.mark.parametrize("case", EXPECTED["two_levels"])
    def test_all_runs_tell_of_a_two_level_factor(self, case: Case) -> None:
        power = power_of_two_levels(
            case["runs"], case["parameters"], case["effect"], case["sd"], alpha=case["alpha"]
        )

        assert power == pytest.approx(case["power"], rel=1e-8)

    @pytest.mark.parametrize("case", EXPECTED["levels"])
    def test_several_levels_in_the_least_favourable_case(self, case: Case) -> None:
        power = power_of_levels(
            case["per_level"],
            case["levels"],
            case["difference"],
            case["sd"],
            df=case["df"],
            alpha=case["alpha"],
        )

        assert power == pytest.approx(case["power"], rel=0, abs=1e-8)

    def test_two_levels_are_the_two_sample_t_test(self) -> None:
        one = power_of_levels(6, 2, 1.0, 0.8, df=10)

        assert one == pytest.approx(power_of_two_levels(12, 2, 1.0, 0.8), rel=1e-12)

    def test_a_simulation_agrees(self) -> None:
        # 20,000 experiments of 4 pairs: sd of the share sqrt(.5 x .5 / 20000) = .0035
        d = np.random.default_rng(3).normal(1.5, 1.0, size=(20_000, 4))
        t = d.mean(axis=1) / (d.std(axis=1, ddof=1) / 2)

        share = np.mean(np.abs(t) > stats.t.isf(0.025, 3))

        assert power_of_pairs(4, 1.5, 1.0) == pytest.approx(share, abs=4 * 0.0035)


class TestDetectable:
    @pytest.mark.parametrize("case", EXPECTED["detectable"])
    def test_it_is_the_effect_with_that_power(self, case: Case) -> None:
        effect = detectable_effect(case["n"], 1.0, case["alpha"], case["power"])

        assert effect == pytest.approx(case["effect"], rel=1e-10)

    def test_each_is_the_root_of_its_power(self) -> None:
        pairs = detectable_effect(5, 0.013, 0.05, 0.8)
        two = detectable_two_level_effect(16, 6, 0.013, alpha=0.01, power=0.9)
        several = detectable_difference(4, 3, 0.013, df=9, alpha=0.05, power=0.8)

        assert power_of_pairs(5, pairs, 0.013) == pytest.approx(0.8, rel=1e-10)
        assert power_of_two_levels(16, 6, two, 0.013, alpha=0.01) == pytest.approx(0.9, rel=1e-10)
        assert power_of_levels(4, 3, several, 0.013, df=9) == pytest.approx(0.8, rel=1e-10)

    def test_two_pairs_at_a_strict_level_still_have_one(self) -> None:
        effect = detectable_effect(2, 1.0, 1e-6, 0.8)

        assert power_of_pairs(2, effect, 1.0, 1e-6) == pytest.approx(0.8, rel=1e-10)

    def test_the_wanted_power_lies_above_the_level(self) -> None:
        with pytest.raises(ValueError, match="0 < alpha < power < 1"):
            detectable_noncentrality(1, 9, 0.8, 0.8)

    def test_one_pair_detects_nothing(self) -> None:
        with pytest.raises(ValueError, match="at least 2 pairs"):
            detectable_effect(1, 1.0)


class TestPlanning:
    def test_without_a_pilot_there_is_a_table_and_no_number(self) -> None:
        table = pairs_without_pilot()

        assert [row.ratio for row in table] == list(RATIOS) == [0.5, 0.8, 1.0, 1.5, 2.0, 3.0]
        assert [row.pairs for row in table] == [34, 15, 10, 6, 5, 4]
        assert table[0].as_dict() == {"ratio": 0.5, "pairs": 34}

    @pytest.mark.parametrize("case", EXPECTED["upper_sd"])
    def test_a_pilot_is_taken_at_its_upper_limit(self, case: Case) -> None:
        assert upper_sd(case["s"], case["df"], case["risk"]) == pytest.approx(case["sd"], rel=1e-9)

    def test_many_degrees_of_freedom_leave_the_sd(self) -> None:
        assert upper_sd(1.0, 1e6) == pytest.approx(1.0, abs=1e-3)
        assert upper_sd(1.0, 3) > upper_sd(1.0, 30) > 1

    @pytest.mark.parametrize(("s", "df", "risk"), [(-1, 3, 0.2), (1, 0, 0.2), (1, 3, 1.0)])
    def test_what_is_no_pilot_is_refused(self, s: float, df: float, risk: float) -> None:
        with pytest.raises(ValueError, match="s "):
            upper_sd(s, df, risk)

    def test_an_accuracy_on_few_examples_has_a_floor(self) -> None:
        # sqrt(.9 x .1 / 400) = .015
        assert floor_sd(0.9, 400) == pytest.approx(0.015)
        assert floor_sd(1.0, 400) == 0.0

    @pytest.mark.parametrize(("p", "m"), [(1.1, 10), (-0.1, 10), (0.5, 0)])
    def test_what_is_no_accuracy_is_refused(self, p: float, m: int) -> None:
        with pytest.raises(ValueError, match="a fraction"):
            floor_sd(p, m)
