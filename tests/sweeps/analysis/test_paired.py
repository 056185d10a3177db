"""Matched differences: the numbers of METHOD 4 on published data, and what stands for none.

Expected numbers: tests/sweeps/r/paired.R, which is not needed to run these.
"""

import json
import math
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paribus_sweeps.analysis.paired import (
    borrowed_interval,
    paired_summary,
    pairing_usefulness,
    welch,
)
from paribus_sweeps.analysis.resampling import bca_limits, words_from

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "r" / "expected" / "paired.json").read_text("utf-8")
)
CASES = sorted(EXPECTED["cases"])


def summary(differences: Any, contexts: Any = None, **more: Any) -> Any:
    contexts = [0] * len(differences) if contexts is None else contexts
    return paired_summary(differences, contexts, **{"seed": "a seed", **more})


def of_case(name: str, **more: Any) -> tuple[Any, dict[str, Any]]:
    case = EXPECTED["cases"][name]
    return summary(case["differences"], case["contexts"], magnitude=10.0, **more), case


def close(number: float) -> Any:
    return pytest.approx(number, rel=1e-9, abs=1e-12)


class TestHeadline:
    @pytest.mark.parametrize("name", CASES)
    def test_it_is_the_paired_t_test(self, name: str) -> None:
        made, case = of_case(name)

        expected = case["headline"]
        assert made.estimate == close(expected["estimate"])
        assert made.sd == close(expected["sd"])
        for key in ("standard_error", "df", "t", "p", "low", "high"):
            assert getattr(made.headline, key) == close(expected[key])

    @pytest.mark.parametrize("name", CASES)
    def test_the_level_is_the_callers(self, name: str) -> None:
        made, case = of_case(name, level=0.99)

        assert made.headline.low == close(case["headline"]["low99"])
        assert made.headline.high == close(case["headline"]["high99"])
        assert made.headline.level == 0.99

    def test_fisher_found_what_we_find(self) -> None:
        # The Design of Experiments, section 17: t = 2.148 with 14 degrees of freedom
        made, _ = of_case("darwin")

        assert made.headline.t == pytest.approx(2.148, abs=5e-4)
        assert made.headline.note is None

    def test_without_a_pair_there_is_nothing_but_the_reason(self) -> None:
        made = summary([])

        assert (made.n, made.contexts, made.estimate, made.sd) == (0, 0, None, None)
        parts = (made.headline, made.fixed, made.sign_flip, made.signed_rank)
        assert {part.note for part in parts} == {"no matched pair"}
        assert made.heterogeneity.note == "fewer than two contexts"
        assert made.hodges_lehmann is None
        assert made.bootstrap.note == "fewer than 10 pairs"

    def test_one_pair_has_a_difference_and_no_interval(self) -> None:
        made = summary([0.25])

        assert made.estimate == 0.25
        assert (made.headline.low, made.headline.p, made.sd) == (None, None, None)
        assert made.headline.note == "one pair: the seed-to-seed spread is unknown"

    @pytest.mark.parametrize(
        ("n", "note"),
        [
            (2, "df 1: almost uninformative"),
            (3, "relies on normal differences"),
            (5, "relies on normal differences"),
            (6, None),
        ],
    )
    def test_few_pairs_come_with_a_caution(self, n: int, note: str | None) -> None:
        made = summary([0.1, 0.3, 0.2, 0.6, 0.5, 0.4][:n])

        assert made.headline.note == note
        assert made.headline.low is not None

    def test_equal_differences_have_no_t_and_no_p(self) -> None:
        made = summary([0.5] * 12, [0, 1] * 6)

        assert (made.estimate, made.sd) == (0.5, 0.0)
        assert (made.headline.t, made.headline.p, made.headline.low) == (None, None, None)
        assert (made.sign_flip.p, made.signed_rank.p, made.fixed.p) == (None, None, None)
        parts = (made.headline, made.sign_flip, made.signed_rank, made.bootstrap)
        assert {part.note for part in parts} == {"no variation"}
        assert made.fixed.value == 0.5
        assert made.fixed.note == made.heterogeneity.note == "no variation within contexts"

    def test_what_only_rounding_tells_apart_is_equal(self) -> None:
        differences = np.array([0.9, 0.4, 0.6]) - np.array([0.8, 0.3, 0.5])
        assert len(set(differences)) > 1

        assert summary(differences).headline.note == "no variation"

    def test_the_size_of_the_responses_says_what_rounding_can_do(self) -> None:
        differences = np.array([1000.1, 2000.3, 4000.2]) - np.array([1000.0, 2000.2, 4000.1])

        assert summary(differences, magnitude=4000.2).headline.note == "no variation"
        assert summary(differences).headline.note == "relies on normal differences"


class TestFixedContexts:
    @pytest.mark.parametrize("name", CASES)
    def test_it_is_the_mean_of_the_context_means_with_the_error_within(self, name: str) -> None:
        made, case = of_case(name)

        expected = case["fixed"]
        assert made.fixed.value == close(expected["estimate"])
        assert made.sd_within == close(expected["sd_within"])
        assert [mean.mean for mean in made.context_means] == close(expected["means"])
        for key in ("standard_error", "df", "t", "p", "low", "high"):
            assert getattr(made.fixed, key) == close(expected[key])

    def test_of_one_context_it_is_the_headline(self) -> None:
        made = summary([0.1, 0.4, 0.3, 0.9])

        assert made.fixed.low == close(made.headline.low)
        assert made.fixed.p == close(made.headline.p)

    def test_it_takes_two_degrees_of_freedom(self) -> None:
        one = summary([0.1, 0.2, 0.4], [0, 0, 1])
        none = summary([0.1, 0.2, 0.4], [0, 1, 2])

        assert one.fixed.note == "df 1 within contexts: 2 are needed"
        assert one.fixed.value == close((0.15 + 0.4) / 2)
        assert (one.fixed.low, one.fixed.p) == (None, None)
        assert one.sd_within == close(0.1 / math.sqrt(2))
        assert none.fixed.note == "df 0 within contexts: 2 are needed"
        assert none.sd_within is None

    def test_it_is_narrow_where_only_the_contexts_differ(self) -> None:
        differences = [1.0, 1.1, 0.9, 5.0, 5.1, 4.9, 9.0, 9.1, 8.9]

        made = summary(differences, [0, 0, 0, 1, 1, 1, 2, 2, 2])

        assert made.headline.low < 3 < 4.8 < made.fixed.low


class TestAcrossContexts:
    def test_each_context_counts_once(self) -> None:
        found = summary([1.0, 3, 2, 6, 7, 8], [0, 0, 1, 2, 2, 2]).across
        expected = stats.ttest_1samp([2.0, 2, 7], 0)
        low, high = expected.confidence_interval()

        # The means of the contexts are 2, 2 and 7.
        assert found.value == close(11 / 3)
        assert (found.df, found.p) == (2, close(expected.pvalue))
        assert (found.low, found.high) == (close(low), close(high))

    def test_with_one_pair_in_each_it_is_the_headline(self) -> None:
        found = summary([1.0, 3, 2, 6], [0, 1, 2, 3])

        assert found.across == found.headline

    def test_one_context_says_nothing_of_others(self) -> None:
        found = summary([1.0, 3, 2]).across

        assert (found.value, found.low, found.df) == (2, None, None)
        assert found.note == "one context: what differs between contexts is unknown"

    def test_there_is_none_without_a_pair(self) -> None:
        assert summary([]).across.note == "no matched pair"


class TestHeterogeneity:
    @pytest.mark.parametrize("name", CASES)
    def test_it_is_the_f_test_of_the_contexts(self, name: str) -> None:
        made, case = of_case(name)

        found, expected = made.heterogeneity, case["fixed"]
        assert (found.df1, found.df2) == (expected["df1"], expected["df2"])
        assert found.f == close(expected["f"])
        assert found.p == close(expected["p_heterogeneity"])

    def test_contexts_that_disagree_are_told(self) -> None:
        apart = summary([1.0, 1.1, 3.0, 3.1], [0, 0, 1, 1]).heterogeneity
        alike = summary([1.0, 3.1, 3.0, 1.2], [0, 0, 1, 1]).heterogeneity

        assert apart.depends_on_context
        assert not apart.means_change_sign
        assert not alike.depends_on_context

    def test_a_change_of_sign_is_enough(self) -> None:
        found = summary([-1.0, 2.0], [0, 1]).heterogeneity

        assert (found.f, found.p, found.df2) == (None, None, 0)
        assert found.note == "no context has two pairs"
        assert found.means_change_sign
        assert found.depends_on_context

    def test_a_mean_of_zero_is_of_either_sign(self) -> None:
        assert not summary([0.0, 0.0, 1.0], [0, 0, 1]).heterogeneity.means_change_sign


class TestSignFlip:
    @pytest.mark.parametrize("name", [c for c in CASES if EXPECTED["cases"][c]["sign_flip"]])
    def test_it_counts_all_flips(self, name: str) -> None:
        made, case = of_case(name)

        assert made.sign_flip.p == case["sign_flip"]
        assert made.sign_flip.method == "exact"

    def test_fisher_counted_the_same_flips(self) -> None:
        # The Design of Experiments, section 21: 1,726 of 32,768 sums are as far out
        assert of_case("darwin")[0].sign_flip.p == 1726 / 32768

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.integers(-30, 30), min_size=2, max_size=9).filter(lambda d: len({*d}) > 1))
    def test_sums_that_tie_are_counted_in_any_unit(self, tenths: list[int]) -> None:
        flips = list(product((-1, 1), repeat=len(tenths)))
        far = [abs(sum(s * d for s, d in zip(signs, tenths, strict=True))) for signs in flips]
        share = Fraction(sum(sum_ >= abs(sum(tenths)) for sum_ in far), len(flips))

        for unit in (1.0, 0.1, 1e-9, 3e7):
            assert summary([d * unit for d in tenths]).sign_flip.p == float(share)

    def test_below_six_pairs_no_p_can_be_small(self) -> None:
        made = summary([0.4, 0.1, 0.3, 0.2, 0.6])

        assert made.sign_flip.p == made.sign_flip.smallest_p == 0.0625
        assert made.sign_flip.note == (
            "5 differences other than 0: no exact p can be below 0.0625"
        )
        assert made.signed_rank.note == made.sign_flip.note
        assert summary([0.4, 0.1, 0.3, 0.2, 0.6, 0.5]).sign_flip.note is None

    def test_a_difference_of_zero_makes_no_p_smaller(self) -> None:
        made = summary([0.4, 0.1, 0.3, 0.2, 0.6, 0.0])

        assert made.sign_flip.p == made.sign_flip.smallest_p == 0.0625

    def test_one_pair_can_show_nothing(self) -> None:
        for difference in (0.3, 0.0):
            made = summary([difference]).sign_flip
            assert (made.p, made.smallest_p) == (1.0, 1.0)
        note = "1 difference other than 0: no exact p can be below 1"
        assert summary([0.3]).sign_flip.note == note

    def test_many_pairs_are_flipped_at_random(self) -> None:
        # six zeros more change no sum: the exact p is known
        differences = [*EXPECTED["cases"]["darwin"]["differences"], *[0] * 6]

        made = summary(differences).sign_flip

        assert made.method == "random flips"
        exact = 1726 / 32768
        assert made.p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 9999))
        assert made.p != exact
        assert made.smallest_p == 1e-4

    def test_the_text_decides_the_flips(self) -> None:
        differences = EXPECTED["cases"]["many"]["differences"][20:]

        def p(seed: str) -> float | None:
            return summary(differences, seed=seed).sign_flip.p

        assert p("one") == p("one")
        assert p("one") != p("two")

    def test_the_random_words_never_change(self) -> None:
        # numpy 2.4.6; answers that were given are computed again with the same ones
        assert words_from("paribus").random_raw(2).tolist() == [
            4779631002110644109,
            6242621705417752877,
        ]

    def test_draws_are_left_out_on_request(self) -> None:
        made, _ = of_case("many", resample=False)

        assert made.sign_flip.p is None
        assert made.sign_flip.smallest_p is not None
        assert made.sign_flip.note == made.bootstrap.note == "random draws were not asked for"
        assert of_case("darwin", resample=False)[0].sign_flip.method == "exact"

    def test_thousands_of_pairs_are_flipped_in_pieces(self) -> None:
        differences = np.linspace(-1.0, 1.02, 1001)

        made = summary(differences, resample=True)

        # the flipped sum is all but normal
        z = made.estimate * 1001 / math.hypot(*differences)
        assert made.sign_flip.p == pytest.approx(2 * stats.norm.sf(z), abs=0.02)


class TestSignedRank:
    @pytest.mark.parametrize("name", CASES)
    def test_it_is_exact_with_zeros_and_ties(self, name: str) -> None:
        made, case = of_case(name)

        expected = case["signed_rank"]
        assert (made.signed_rank.n, made.signed_rank.method) == (expected["n"], "exact")
        assert made.signed_rank.positive_rank_sum == expected["positive_rank_sum"]
        assert made.signed_rank.p == close(expected["p"])

    def test_scipys_exact_method_is_wrong_with_ties(self) -> None:
        # METHOD 14, trap 5: coin has .0278 for these, scipy .0266
        made, case = of_case("tied")
        nonzero = [d for d in case["differences"] if d]

        theirs = stats.wilcoxon(nonzero, method="exact").pvalue

        assert theirs != pytest.approx(case["signed_rank"]["p"], rel=0.01)
        assert made.signed_rank.p == close(case["signed_rank"]["p"])

    def test_hundreds_are_left_to_the_normal_law(self) -> None:
        expected = EXPECTED["hundreds"]

        made = summary(expected["differences"], resample=False).signed_rank

        assert made.n > 300
        assert made.method == "normal approximation"
        assert made.p == close(expected["p"])

    def test_up_to_three_hundred_it_is_counted(self) -> None:
        differences = [d for d in EXPECTED["hundreds"]["differences"] if d][:300]

        made = summary(differences, resample=False).signed_rank

        near = stats.wilcoxon(differences, correction=False, method="approx").pvalue
        assert made.method == "exact"
        assert made.p == pytest.approx(near, rel=0.01)

    def test_ties_are_found_behind_rounding(self) -> None:
        differences = np.array([0.9, 0.4, 0.6, 0.2]) - np.array([0.8, 0.3, 0.5, 0.9])

        # mid-ranks 2, 2, 2 and 4, the last of them negative
        assert summary(differences).signed_rank.positive_rank_sum == 6.0

    def test_one_difference_of_zero_has_no_rank(self) -> None:
        made = summary([0.0]).signed_rank

        assert (made.n, made.p, made.note) == (0, None, "every difference is 0")


class TestHodgesLehmann:
    @pytest.mark.parametrize("name", CASES)
    def test_it_is_the_median_of_the_walsh_averages(self, name: str) -> None:
        made, case = of_case(name)

        assert made.hodges_lehmann == close(case["hodges_lehmann"])

    def test_millions_of_averages_are_not_made(self) -> None:
        made = summary(np.arange(2001.0), resample=False)

        assert made.hodges_lehmann is None


class TestBootstrap:
    def test_the_limits_are_those_of_the_formula(self) -> None:
        given_ = EXPECTED["bca"]

        low, high = bca_limits(given_["differences"], given_["resampled"], level=given_["level"])

        assert (low, high) == (close(given_["low"]), close(given_["high"]))

    def test_other_draws_come_near_to_it(self) -> None:
        given_ = EXPECTED["boot"]

        made = summary(given_["differences"]).bootstrap

        # sd of such a quantile: sqrt(.025 x .975 / 9999) / (.058 / 9.4) = .25; four of them
        assert made.low == pytest.approx(given_["low"], abs=1.0)
        assert made.high == pytest.approx(given_["high"], abs=1.0)
        assert made.note is None

    def test_below_ten_pairs_there_is_none(self) -> None:
        assert summary(range(9)).bootstrap.note == "fewer than 10 pairs"
        assert summary(range(10)).bootstrap.low is not None

    def test_a_level_needs_draws_beyond_it(self) -> None:
        made = summary(range(12), level=0.9999).bootstrap

        assert made.note == "9,999 resamples do not reach a level of 0.9999"
        assert (made.low, made.high) == (None, None)

    def test_limits_stay_among_the_draws_however_lopsided(self) -> None:
        values = [0.0] * 11 + [1.0]

        low, high = bca_limits(values, [1.0] * 100, level=0.95)

        assert (low, high) == (1.0, 1.0)


class TestNumerics:
    def test_a_huge_offset_leaves_the_spread(self) -> None:
        small = np.array([0.5, 1.25, -0.75, 2.0, 0.0, 1.5])

        far = summary(small + 2.0**40, [0, 0, 1, 1, 2, 2])

        near = summary(small, [0, 0, 1, 1, 2, 2])
        assert far.estimate == 2.0**40 + near.estimate
        assert far.sd == close(near.sd)
        assert far.sd_within == close(near.sd_within)
        assert far.heterogeneity.f == close(near.heterogeneity.f)

    @pytest.mark.parametrize("unit", [2.0**-1000, 2.0**1000])
    def test_no_size_is_too_small_or_too_large(self, unit: float) -> None:
        made = summary(np.array([0.5, 1.25, -0.75, 2.0]) * unit)

        near = summary([0.5, 1.25, -0.75, 2.0])
        assert made.headline.p == near.headline.p
        assert made.sd == near.sd * unit

    def test_what_lies_beyond_the_largest_float_is_left_out(self) -> None:
        made = summary([1.7e308, -1.7e308, 1.6e308, 1.7e308, -1.0e308, 1.7e308])

        assert math.isfinite(made.estimate)
        assert made.sd is None or math.isfinite(made.sd)
        assert (made.headline.low, made.headline.standard_error) == (None, None)
        assert made.headline.note == "the interval reaches beyond the largest float"
        assert made.headline.p is not None

    def test_two_opposites_at_the_end_of_the_floats_have_no_spread_to_write(self) -> None:
        assert summary([1.7e308, -1.7e308]).sd is None

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_only_finite_differences_are_taken(self, bad: float) -> None:
        with pytest.raises(ValueError, match="finite"):
            summary([1.0, bad])

    def test_each_difference_has_a_context(self) -> None:
        with pytest.raises(ValueError, match="2 differences and 3 contexts"):
            summary([1.0, 2.0], [0, 0, 1])

    @pytest.mark.parametrize("level", [0.0, 1.0, 95])
    def test_a_level_lies_between_0_and_1(self, level: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            summary([1.0, 2.0], level=level)

    def test_the_answer_is_plain_json_without_nan(self) -> None:
        for name in CASES:
            json.dumps(of_case(name)[0].as_dict(), allow_nan=False)
        for differences in ([], [1.0], [1.0, 1.0], [1e308, -1e308, 1e308]):
            json.dumps(summary(differences).as_dict(), allow_nan=False)


HUNDREDTHS = st.lists(
    st.tuples(st.integers(-300, 300), st.integers(0, 3)), min_size=1, max_size=14
)


def p_values(made: Any) -> list[float | None]:
    parts = (made.headline, made.fixed, made.heterogeneity, made.sign_flip, made.signed_rank)
    return [part.p for part in parts]


class TestProperties:
    @settings(max_examples=40, deadline=None)
    @given(HUNDREDTHS, st.randoms())
    def test_the_order_of_the_pairs_changes_no_bit(self, pairs: Any, random: Any) -> None:
        shuffled = list(pairs)
        random.shuffle(shuffled)

        first, second = (
            summary([d / 100 for d, _ in p], [c for _, c in p]) for p in (pairs, shuffled)
        )

        assert first.as_dict() == second.as_dict()

    @settings(max_examples=40, deadline=None)
    @given(HUNDREDTHS.filter(lambda pairs: sum(d for d, _ in pairs)))
    def test_turning_a_and_b_round_turns_the_estimate_and_no_p(self, pairs: Any) -> None:
        contexts = [c for _, c in pairs]

        made = summary([d / 100 for d, _ in pairs], contexts)
        turned = summary([-d / 100 for d, _ in pairs], contexts)

        assert turned.estimate == -made.estimate
        assert p_values(turned) == p_values(made)
        for interval in ("headline", "fixed", "bootstrap"):
            one, other = getattr(made, interval), getattr(turned, interval)
            if one.low is not None:
                assert (other.low, other.high) == (-one.high, -one.low)

    @settings(max_examples=40, deadline=None)
    @given(HUNDREDTHS, st.sampled_from([3.7, 1e-6, 1e9, -0.013]))
    def test_a_change_of_unit_changes_the_estimate_and_no_p(self, pairs: Any, unit: float) -> None:
        contexts = [c for _, c in pairs]

        made = summary([d / 100 for d, _ in pairs], contexts)
        changed = summary([d / 100 * unit for d, _ in pairs], contexts)

        assert changed.estimate == pytest.approx(made.estimate * unit, rel=1e-12, abs=0)
        for one, other in zip(p_values(made), p_values(changed), strict=True):
            assert other == (None if one is None else pytest.approx(one, rel=1e-9))

    def test_a_changed_difference_changes_the_answer(self) -> None:
        assert p_values(summary([0.1, 0.2, 0.4])) != p_values(summary([0.1, 0.2, 0.5]))

    @settings(max_examples=40, deadline=None)
    @given(HUNDREDTHS)
    def test_the_names_of_the_contexts_play_no_part(self, pairs: Any) -> None:
        names = {0: 40, 1: -3, 2: 10**12, 3: 7}

        made = summary([d / 100 for d, _ in pairs], [c for _, c in pairs])
        renamed = summary([d / 100 for d, _ in pairs], [names[c] for _, c in pairs])

        assert (renamed.fixed, renamed.heterogeneity) == (made.fixed, made.heterogeneity)


class TestBorrowedInterval:
    def test_the_error_of_other_contexts_is_labelled(self) -> None:
        given_ = EXPECTED["borrowed"]

        made = borrowed_interval(given_["estimate"], given_["s_pooled"], given_["df"], given_["n"])

        assert (made.low, made.high) == (close(given_["low"]), close(given_["high"]))
        assert made.p == close(given_["p"])
        assert made.label == "pooled error"

    def test_no_spread_elsewhere_lends_nothing(self) -> None:
        made = borrowed_interval(0.3, 0.0, 7, 2)

        assert (made.value, made.low, made.label) == (0.3, None, "pooled error")
        assert made.note == "no variation"

    @pytest.mark.parametrize(
        ("s", "df", "n"), [(0.1, 7, 0), (0.1, 0, 1), (-1, 7, 1), (math.nan, 7, 1)]
    )
    def test_what_cannot_be_lent_is_refused(self, s: float, df: float, n: int) -> None:
        with pytest.raises(ValueError, match="n "):
            borrowed_interval(0.3, s, df, n)


class TestPairingUsefulness:
    def test_it_is_the_correlation_of_the_partners(self) -> None:
        given_ = EXPECTED["usefulness"]

        made = pairing_usefulness(given_["y_a"], given_["y_b"])

        assert made.rho == close(given_["rho"])
        assert made.efficiency == close(given_["efficiency"])

    def test_partners_that_go_against_each_other_cost_some(self) -> None:
        made = pairing_usefulness([1.0, 2.0, 3.0], [3.0, 2.5, 1.0])

        assert made.rho < 0
        assert 0.5 <= made.efficiency < 1

    def test_an_offset_and_a_unit_change_nothing(self) -> None:
        near = pairing_usefulness([1.0, 2.0, 4.0], [3.0, 2.5, 6.0])
        far = pairing_usefulness([2.0**40 + 1, 2.0**40 + 2, 2.0**40 + 4], [3e300, 2.5e300, 6e300])

        assert far.rho == close(near.rho)

    def test_two_pairs_always_go_together(self) -> None:
        made = pairing_usefulness([1.0, 2.0], [3.0, 5.0])

        assert (made.rho, made.note) == (None, "fewer than 3 pairs: any two go together")

    @pytest.mark.parametrize("sides", [([1.0] * 3, [1.0, 2.0, 4.0]), ([1.0, 2.0, 4.0], [1.0] * 3)])
    def test_a_constant_side_goes_with_nothing(self, sides: Any) -> None:
        assert pairing_usefulness(*sides).note == "no variation at one of the levels"

    def test_partners_that_move_as_one_leave_no_noise(self) -> None:
        made = pairing_usefulness([1.0, 2.0, 4.0], [11.0, 12.0, 14.0])

        assert made.rho == pytest.approx(1.0)
        assert (made.efficiency, made.note) == (None, "partners move as one: no noise is left")

    def test_each_run_has_one_partner(self) -> None:
        with pytest.raises(ValueError, match="2 responses at a and 3 at b"):
            pairing_usefulness([1.0, 2.0], [1.0, 2.0, 3.0])


class TestWelch:
    @pytest.mark.parametrize("name", ["one", "several"])
    def test_it_is_welchs_test_within_contexts(self, name: str) -> None:
        given_ = EXPECTED["welch"][name]

        made = welch(given_["a"], given_["b"])

        assert made.estimate.value == close(given_["estimate"])
        for key in ("standard_error", "df", "t", "p", "low", "high"):
            assert getattr(made.estimate, key) == close(given_[key])
        assert made.estimate.label == "not seed-matched"
        assert (made.contexts, made.left_out) == (len(given_["a"]), 0)

    def test_a_context_with_one_side_is_left_out_and_counted(self) -> None:
        given_ = EXPECTED["welch"]["one"]

        made = welch([*given_["a"], []], [*given_["b"], [3.0]])

        assert made.estimate.p == close(given_["p"])
        assert (made.contexts, made.left_out) == (1, 1)

    def test_without_a_common_context_there_is_no_estimate(self) -> None:
        made = welch([[1.0], []], [[], [2.0]])

        assert (made.contexts, made.left_out, made.estimate.value) == (0, 2, None)
        assert made.estimate.note == "no context has both levels"

    def test_a_group_of_one_run_shows_no_spread(self) -> None:
        made = welch([[1.0, 2.0]], [[4.0]]).estimate

        assert (made.value, made.low) == (2.5, None)
        assert made.note == "a group of one run shows no spread"

    def test_constant_groups_have_no_interval(self) -> None:
        made = welch([[1.0, 1.0]], [[4.0, 4.0]]).estimate

        assert (made.value, made.p, made.note) == (3.0, None, "no variation")

    def test_an_offset_takes_no_digit(self) -> None:
        given_ = EXPECTED["welch"]["one"]
        tenths = [[round(10 * v) for v in side] for side in (given_["a"][0], given_["b"][0])]

        far = welch(*([[v + 2.0**40 for v in side]] for side in tenths)).estimate

        assert far.p == close(given_["p"])
        assert far.value == close(10 * given_["estimate"])
