"""Adjusted p-values: as R has them, to the digits that R has.

Expected numbers: tests/sweeps/r/multiplicity.R, which is not needed to run these.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paribus_sweeps.analysis.multiplicity import (
    benjamini_hochberg,
    bonferroni,
    dunnett,
    dunnett_critical,
    holm,
    tukey_critical,
    tukey_kramer,
)

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "r" / "expected" / "multiplicity.json").read_text("utf-8")
)
ADJUSTMENTS = [bonferroni, holm, benjamini_hochberg]
PROBABILITIES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def df_of(case: dict[str, Any]) -> float:
    return math.inf if case["df"] is None else case["df"]


def one_control(*sizes: int, control: int) -> np.ndarray:
    """Correlation of the comparisons of groups of these sizes with one of `control` runs."""
    loadings = np.sqrt([n / (n + control) for n in sizes])
    return np.outer(loadings, loadings) + np.diag(1 - loadings**2)


class TestAdjustments:
    P = EXPECTED["adjusted"]["p"]

    @pytest.mark.parametrize(
        ("adjust", "key"), [(bonferroni, "bonferroni"), (holm, "holm"), (benjamini_hochberg, "bh")]
    )
    def test_they_are_those_of_p_adjust_in_the_order_given(self, adjust: Any, key: str) -> None:
        assert adjust(self.P) == pytest.approx(EXPECTED["adjusted"][key], rel=1e-14)

    @pytest.mark.parametrize("adjust", ADJUSTMENTS)
    def test_of_no_question_nothing_is_left(self, adjust: Any) -> None:
        assert adjust([]) == ()

    @pytest.mark.parametrize("adjust", ADJUSTMENTS)
    def test_of_one_question_nothing_changes(self, adjust: Any) -> None:
        assert adjust([0.03]) == (0.03,)

    @pytest.mark.parametrize("adjust", ADJUSTMENTS)
    @pytest.mark.parametrize("missing", [None, math.nan])
    def test_a_missing_p_is_refused(self, adjust: Any, missing: Any) -> None:
        with pytest.raises(ValueError, match="a value is missing"):
            adjust([0.1, missing])

    @pytest.mark.parametrize("adjust", ADJUSTMENTS)
    @pytest.mark.parametrize("p", [-0.1, 1.1, math.inf])
    def test_what_is_no_probability_is_refused(self, adjust: Any, p: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjust([0.1, p])

    @settings(max_examples=50, deadline=None)
    @given(PROBABILITIES, st.randoms())
    def test_the_order_moves_the_answers_and_changes_none(self, p: Any, random: Any) -> None:
        order = list(range(len(p)))
        random.shuffle(order)

        for adjust in ADJUSTMENTS:
            straight = adjust(p)
            assert adjust([p[i] for i in order]) == tuple(straight[i] for i in order)

    @settings(max_examples=50, deadline=None)
    @given(PROBABILITIES)
    def test_the_stricter_one_gives_the_larger_p(self, p: Any) -> None:
        rows = zip(p, benjamini_hochberg(p), holm(p), bonferroni(p), strict=True)

        for raw, q, step, most in rows:
            assert raw * (1 - 1e-12) <= q <= step * (1 + 1e-12) <= most * (1 + 1e-12) <= 1.1


class TestTukeyKramer:
    @pytest.mark.parametrize("name", sorted(EXPECTED["tukey"]))
    def test_it_is_ptukey(self, name: str) -> None:
        case = EXPECTED["tukey"][name]

        p = tukey_kramer(case["t"], case["levels"], case["df"])

        # R's ptukey and scipy's quadrature agree to 1e-10; in the far tail both have few digits
        assert p == pytest.approx(case["p"], rel=1e-7, abs=1e-9)
        assert p == pytest.approx(case["honest"], rel=1e-7, abs=1e-9)

    @pytest.mark.parametrize("name", sorted(EXPECTED["tukey"]))
    def test_the_critical_value_is_that_of_qtukey(self, name: str) -> None:
        case = EXPECTED["tukey"][name]

        # qtukey stops at 1e-4 in q
        value = tukey_critical(case["levels"], case["df"])
        assert value == pytest.approx(case["critical"], abs=1e-4)
        assert tukey_kramer([value], case["levels"], case["df"])[0] == pytest.approx(0.05)

    def test_two_levels_are_one_t_test(self) -> None:
        assert tukey_kramer([-2.1], 2, 9)[0] == pytest.approx(2 * stats.t.sf(2.1, 9), rel=1e-8)

    def test_the_error_may_be_known(self) -> None:
        assert tukey_kramer([2.0], 2, math.inf)[0] == pytest.approx(2 * stats.norm.sf(2), rel=1e-8)

    def test_no_difference_is_no_evidence(self) -> None:
        assert tukey_kramer([0.0, 1e6], 3, 9) == (1.0, pytest.approx(0, abs=1e-10))

    @pytest.mark.parametrize(("levels", "df"), [(1, 9), (3, 0), (3, math.nan)])
    def test_a_family_that_cannot_be_is_refused(self, levels: int, df: float) -> None:
        with pytest.raises(ValueError, match="at least 2, and at least 1"):
            tukey_kramer([1.0], levels, df)

    @pytest.mark.parametrize("level", [0, 1, 95])
    def test_a_level_lies_between_0_and_1(self, level: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            tukey_critical(3, 9, level)


class TestDunnett:
    @pytest.mark.parametrize("name", sorted(EXPECTED["dunnett"]))
    def test_with_one_control_it_is_exact(self, name: str) -> None:
        case = EXPECTED["dunnett"][name]

        made = dunnett(case["t"], case["correlation"], df_of(case))

        assert made.method == "quadrature"
        assert made.p == pytest.approx(case["p"], rel=1e-7, abs=made.error)

    @pytest.mark.parametrize("name", sorted(EXPECTED["dunnett"]))
    def test_pmvt_agrees_within_a_few_of_its_errors(self, name: str) -> None:
        case = EXPECTED["dunnett"][name]

        p = dunnett(case["t"], case["correlation"], df_of(case)).p

        for own, other, error in zip(p, case["pmvt"], case["pmvt_error"], strict=True):
            assert own == pytest.approx(other, rel=0, abs=1e-9 + 4 * error)

    @pytest.mark.parametrize("name", ["plantgrowth", "recovery", "uneven"])
    def test_multcomp_agrees_as_far_as_its_integral_goes(self, name: str) -> None:
        case = EXPECTED["dunnett"][name]

        p = dunnett(case["t"], case["correlation"], df_of(case)).p

        assert p == pytest.approx(case["multcomp"], rel=0, abs=1e-5)

    def test_the_plants_of_dobson(self) -> None:
        # glht(aov(weight ~ group, PlantGrowth), mcp(group = "Dunnett")): .323 and .153
        case = EXPECTED["dunnett"]["plantgrowth"]

        p = dunnett(case["t"], case["correlation"], 27).p

        assert [round(value, 3) for value in p] == [0.323, 0.153]

    @pytest.mark.parametrize("name", ["finite", "infinite"])
    def test_other_correlations_are_estimated_within_the_stated_error(self, name: str) -> None:
        case = EXPECTED["general"][name]

        made = dunnett(case["t"], case["correlation"], df_of(case))

        assert made.method == "quasi-Monte Carlo"
        assert 0 < made.error < 1e-3
        for own, other, error in zip(made.p, case["pmvt"], case["pmvt_error"], strict=True):
            assert own == pytest.approx(other, rel=0, abs=made.error + error)

    def test_both_ways_agree_on_one_family(self) -> None:
        # four loadings cannot follow when one of six correlations moves, by however little
        exact = one_control(3, 5, 40, 6, control=4)
        bent = exact.copy()
        bent[0, 2] = bent[2, 0] = exact[0, 2] + 1e-8

        one, other = (dunnett([1.0, 2.2, 3.0, 0.5], c, 11) for c in (exact, bent))

        assert (one.method, other.method) == ("quadrature", "quasi-Monte Carlo")
        assert other.p == pytest.approx(one.p, rel=0, abs=other.error)

    def test_all_pairs_of_levels_are_tukeys_family(self) -> None:
        # a singular correlation; scipy 1.17's multivariate_t gives .27 for the first one
        pairs = [[1, 0.5, -0.5], [0.5, 1, 0.5], [-0.5, 0.5, 1]]

        made = dunnett([2.0, 2.5, 6.0], pairs, 10)

        for own, exact in zip(made.p, tukey_kramer([2.0, 2.5, 6.0], 3, 10), strict=True):
            assert own == pytest.approx(exact, rel=0, abs=made.error)

    def test_one_comparison_is_one_t_test(self) -> None:
        assert dunnett([-2.1], [[1.0]], 9).p[0] == pytest.approx(2 * stats.t.sf(2.1, 9))

    def test_independent_ones_multiply(self) -> None:
        one = 2 * stats.norm.sf(2.1)

        p = dunnett([2.1, 0.3, 1.0], np.eye(3), math.inf).p

        assert p[0] == pytest.approx(1 - (1 - one) ** 3)

    def test_a_comparison_and_its_mirror_are_one(self) -> None:
        made = dunnett([2.1, -2.1], [[1, -1], [-1, 1]], 9)

        assert made.p == pytest.approx([2 * stats.t.sf(2.1, 9)] * 2)

    def test_signs_of_the_comparisons_play_no_part(self) -> None:
        flip = np.diag([1.0, -1.0, 1.0])
        straight = one_control(3, 5, 8, control=4)

        one = dunnett([1.0, 2.2, 3.0], straight, 11)
        other = dunnett([1.0, -2.2, 3.0], flip @ straight @ flip, 11)

        assert other.p == pytest.approx(one.p, rel=1e-12)
        assert other.method == "quadrature"

    def test_a_pair_that_goes_together_beside_one_that_does_not(self) -> None:
        # P(none exceeds) = P(neither of two) x P(not the third), if the error is known
        together = np.array([[1, 0.6, 0], [0.6, 1, 0], [0, 0, 1]])

        p = dunnett([2.0, 2.0, 2.0], together, math.inf).p[0]

        pair = dunnett([2.0, 2.0], together[:2, :2], math.inf).p[0]
        assert p == pytest.approx(1 - (1 - pair) * (1 - 2 * stats.norm.sf(2)))

    def test_pairs_that_go_together_two_by_two_share_no_factor(self) -> None:
        blocks = np.kron(np.eye(2), [[1, 0.6], [0.6, 1]])

        made = dunnett([2.0, 2.0, 2.0, 2.0], blocks, math.inf)

        pair = dunnett([2.0, 2.0], blocks[:2, :2], math.inf).p[0]
        assert made.method == "quasi-Monte Carlo"
        assert made.p[0] == pytest.approx(1 - (1 - pair) ** 2, rel=0, abs=made.error)

    def test_a_control_of_one_run_among_thousands_is_followed(self) -> None:
        # the others are known: both comparisons are one, all but
        case = one_control(9000, 9000, control=1)

        made = dunnett([2.0, 2.0], case, math.inf)

        assert made.method == "quadrature"
        one = 2 * stats.norm.sf(2)
        assert one < made.p[0] < one * 1.02

    def test_a_loading_beyond_what_nodes_can_follow_is_estimated(self) -> None:
        case = one_control(10**7, 10**7, 10**7, control=1)

        made = dunnett([2.0, 2.0, 2.0], case, math.inf)

        assert made.method == "quasi-Monte Carlo"
        assert made.p[0] == pytest.approx(2 * stats.norm.sf(2), rel=0.01)

    def test_a_factor_larger_than_one_is_no_factor(self) -> None:
        # l1 = sqrt(.7 * .7 / .4) > 1: the matrix is a correlation, and has no such form
        heywood = [[1, 0.7, 0.7], [0.7, 1, 0.4], [0.7, 0.4, 1]]

        assert dunnett([2.0, 2.0, 2.0], heywood, 9).method == "quasi-Monte Carlo"

    @pytest.mark.parametrize(
        ("correlation", "what"),
        [
            ([1.0], "square"),
            ([[1.0, 0.5]], "square"),
            (np.zeros((0, 0)), "square"),
            ([[1.0, 0.5], [0.4, 1.0]], "symmetric"),
            ([[2.0, 0.5], [0.5, 1.0]], "diagonal"),
            ([[1.0, math.nan], [math.nan, 1.0]], "symmetric"),
            ([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]], "go together"),
        ],
    )
    def test_what_is_no_correlation_is_refused(self, correlation: Any, what: str) -> None:
        with pytest.raises(ValueError, match=what):
            dunnett([1.0, 2.0, 3.0][: len(correlation)], correlation, 9)

    def test_each_statistic_has_its_row(self) -> None:
        with pytest.raises(ValueError, match="2 statistics and 3 correlated"):
            dunnett([1.0, 2.0], np.eye(3), 9)

    @pytest.mark.parametrize("df", [0, 0.5, math.nan])
    def test_an_error_needs_a_degree_of_freedom(self, df: float) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            dunnett([1.0, 2.0], np.eye(2), df)


class TestDunnettCritical:
    @pytest.mark.parametrize("case", EXPECTED["critical"])
    def test_it_is_where_five_percent_lie_beyond(self, case: dict[str, Any]) -> None:
        # Dunnett, Biometrics 20 (1964), table II: 2.32 for 2 and 30, 2.81 for 4 and 12
        made = dunnett_critical(one_control(*[5] * case["k"], control=5), case["df"])

        assert made.value == pytest.approx(case["value"], rel=1e-8)
        assert made.method == "quadrature"

    def test_of_an_estimated_tail_it_comes_with_its_error(self) -> None:
        pairs = [[1, 0.5, -0.5], [0.5, 1, 0.5], [-0.5, 0.5, 1]]

        made = dunnett_critical(pairs, 10, 0.9)

        assert made.method == "quasi-Monte Carlo"
        assert made.value == pytest.approx(tukey_critical(3, 10, 0.9), rel=1e-4)
        assert 0 < made.error < 1e-4

    def test_one_degree_of_freedom_takes_a_large_value(self) -> None:
        made = dunnett_critical([[1.0]], 1, 0.999)

        assert made.value == pytest.approx(stats.t.isf(0.0005, 1), rel=1e-6)

    @pytest.mark.parametrize("level", [0, 1])
    def test_a_level_lies_between_0_and_1(self, level: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            dunnett_critical([[1.0]], 9, level)
