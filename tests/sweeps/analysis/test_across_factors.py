"""Adjusting comparisons within each factor and over the factors that were asked about."""

from dataclasses import replace

import pytest

from paribus_sweeps.analysis.across_factors import across_factors
from paribus_sweeps.analysis.comparisons import Comparison, quantile
from paribus_sweeps.analysis.effects import ModelContrast


def from_pairs(p: float, *, factor: str = "a", high: str = "2") -> Comparison:
    return Comparison(
        factor, "1", high, None, None, basis="pairs", estimate=1.0, standard_error=0.5, df=5, p=p
    )


def from_model(p: float, *, p_adjusted: float, factor: str = "a", high: str = "2") -> Comparison:
    model = ModelContrast(
        factor, "1", high, 1.0, 0.5, 8, 2.0, p, p_adjusted, None, None, "dunnett", 2, None
    )
    return Comparison(
        factor, "1", high, None, model, basis="model", estimate=1.0, standard_error=0.5, df=8, p=p
    )


def no_critical(factor: str, label: str, level: float) -> float:
    raise AssertionError(f"nobody asked for {factor} at {label}, {level}")


class TestOneFactor:
    def test_a_single_comparison_keeps_its_p(self) -> None:
        found = across_factors({"a": [from_pairs(0.03)]}, level=0.95, critical=no_critical)

        assert found["a"][0].p_adjusted == 0.03

    def test_its_interval_is_the_plain_t_interval(self) -> None:
        found = across_factors({"a": [from_pairs(0.03)]}, level=0.95, critical=no_critical)

        reach = 0.5 * quantile(0.95, 5)
        assert found["a"][0].interval_adjusted == pytest.approx((1 - reach, 1 + reach))

    def test_comparisons_from_pairs_share_the_level(self) -> None:
        drafts = {"a": [from_pairs(0.03), from_pairs(0.4, high="3")]}

        found = across_factors(drafts, level=0.95, critical=no_critical)

        reach = 0.5 * quantile(0.975, 5)  # two of them: Bonferroni
        assert [c.p_adjusted for c in found["a"]] == [0.06, 0.8]
        assert found["a"][0].interval_adjusted == pytest.approx((1 - reach, 1 + reach))

    def test_comparisons_from_the_model_keep_their_family(self) -> None:
        drafts = {"a": [from_model(0.01, p_adjusted=0.02)]}

        found = across_factors(drafts, level=0.95, critical=lambda *_: 3.0)

        assert found["a"][0].p_adjusted == 0.02
        assert found["a"][0].interval_adjusted == (-0.5, 2.5)

    def test_a_comparison_without_an_error_stays_as_it_is(self) -> None:
        bare = Comparison("a", "1", "2", None, None)

        found = across_factors({"a": [bare]}, level=0.95, critical=no_critical)

        assert found == {"a": [bare]}


class TestOverFactors:
    def test_holm_multiplies_the_smallest_by_the_number_of_factors(self) -> None:
        drafts = {
            "a": [from_pairs(0.04)],
            "b": [from_pairs(0.001, factor="b")],
            "c": [from_pairs(0.03, factor="c")],
        }

        found = across_factors(drafts, level=0.95, critical=no_critical)

        told = {name: comparisons[0].p_adjusted for name, comparisons in found.items()}
        # 0.001 * 3; 0.03 * 2; 0.04 * 1, raised to what stands before it
        assert told == pytest.approx({"b": 0.003, "c": 0.06, "a": 0.06})

    def test_the_interval_of_the_first_factor_is_the_widest(self) -> None:
        drafts = {"a": [from_pairs(0.04)], "b": [from_pairs(0.001, factor="b")]}

        found = across_factors(drafts, level=0.95, critical=no_critical)

        reach = 0.5 * quantile(0.975, 5)
        assert found["b"][0].interval_adjusted == pytest.approx((1 - reach, 1 + reach))
        reach = 0.5 * quantile(0.95, 5)
        assert found["a"][0].interval_adjusted == pytest.approx((1 - reach, 1 + reach))

    def test_after_the_first_that_is_no_difference_no_interval_excludes_0(self) -> None:
        """T of 1 / 0.37 and of 1 / 0.3717 on 5 df: p = 0.04265 and 0.04328.

        The smaller counts twice, 0.0853, so the second is none either, whatever its own p.
        """
        first = replace(from_pairs(0.04265), standard_error=0.37)
        second = replace(from_pairs(0.04328, factor="b"), standard_error=0.3717)

        found = across_factors({"a": [first], "b": [second]}, level=0.95, critical=no_critical)

        for told in (found["a"][0], found["b"][0]):
            assert told.p_adjusted == pytest.approx(0.0853)
            assert told.interval_adjusted is not None
            assert told.interval_adjusted[0] < 0

    def test_a_factor_without_a_test_takes_no_place(self) -> None:
        drafts = {
            "a": [from_pairs(0.03)],
            "b": [Comparison("b", "1", "2", None, None)],
        }

        found = across_factors(drafts, level=0.95, critical=no_critical)

        assert found["a"][0].p_adjusted == 0.03

    def test_of_equal_p_the_first_declared_comes_first(self) -> None:
        drafts = {"b": [from_pairs(0.03, factor="b")], "a": [from_pairs(0.03)]}

        found = across_factors(drafts, level=0.95, critical=no_critical)

        assert found["b"][0].p_adjusted == found["a"][0].p_adjusted == 0.06

    def test_the_model_is_asked_for_the_class_of_the_level(self) -> None:
        asked: list[tuple[str, str, float]] = []

        def critical(factor: str, label: str, level: float) -> float:
            asked.append((factor, label, level))
            return 2.0

        across_factors(
            {"a": [from_model(0.01, p_adjusted=0.02)], "b": [from_pairs(0.5, factor="b")]},
            level=0.9,
            critical=critical,
        )

        assert asked == [("a", "2", pytest.approx(0.95))]
