"""Fractions: the published tables, exhaustive searches and R's aliases."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from paribus_sweeps.design.aliases import Word
from paribus_sweeps.design.fractional import (
    MINIMUM_ABERRATION,
    RegularFraction,
    fraction_of,
    low_and_high,
    minimum_aberration,
    settings_count,
)
from paribus_sweeps.design.grids import count, expand
from paribus_sweeps.errors import InvalidSpec, NotOffered
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import LETTERS, Generator
from tests.sweeps.textbook import cases

# Word length pattern (A3, A4, A5, A6 …) of the published minimum aberration designs.
# Source: Montgomery, Design and Analysis of Experiments, 8th ed., appendix X (2^(5-2) to
# 2^(11-7), defining relations counted); Chen, Sun & Wu 1993, tables 1 to 3.
PUBLISHED = {
    (3, 2): (1,),
    (5, 3): (2, 1),
    (6, 3): (4, 3),
    (7, 3): (7, 7, 0, 0, 1),
    (6, 4): (0, 3),
    (7, 4): (0, 7),
    (8, 4): (0, 14, 0, 0, 0, 1),
    (9, 4): (4, 14, 8, 0, 4, 1),
    (10, 4): (8, 18, 16, 8, 8, 5),
    (11, 4): (12, 26, 28, 24, 20, 13, 4),
    (12, 4): (16, 39, 48, 48, 48, 39, 16, 0, 0, 1),
    (15, 4): (35, 105, 168, 280, 435, 435, 280, 168, 105, 35, 0, 0, 1),
    (7, 5): (0, 1, 2),
    (8, 5): (0, 3, 4),
    (9, 5): (0, 6, 8, 0, 0, 1),
    (10, 5): (0, 10, 16, 0, 0, 5),
    (11, 5): (0, 25, 0, 27, 0, 10, 0, 1),
    (12, 5): (0, 38, 0, 52, 0, 33, 0, 4),
    (8, 6): (0, 0, 2, 1),
    (9, 6): (0, 1, 4, 2),
    (10, 6): (0, 2, 8, 4, 0, 1),
    (11, 6): (0, 4, 14, 8, 0, 3, 2),
    (9, 7): (0, 0, 0, 3),
    (10, 7): (0, 0, 3, 3, 1),
    (11, 7): (0, 0, 6, 6, 2, 1),
}
RESOLUTIONS = {  # Montgomery, table 8.14
    **{(3, 2): 3, (4, 3): 4, (5, 4): 5, (5, 3): 3, (6, 5): 6, (6, 4): 4, (6, 3): 3, (7, 6): 7},
    **{(7, 5): 4, (7, 4): 4, (7, 3): 3, (8, 7): 8, (8, 6): 5, (8, 5): 4, (8, 4): 4, (9, 7): 6},
    **{(9, 6): 4, (9, 5): 4, (9, 4): 3, (10, 7): 5, (10, 6): 4, (10, 5): 4, (10, 4): 3},
    **{(11, 7): 5, (11, 6): 4, (11, 5): 4, (11, 4): 3, (15, 4): 3},
}


def trimmed(pattern: Iterable[int]) -> tuple[int, ...]:
    found = list(pattern)
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def table_fraction(factors: int, base: int) -> RegularFraction:
    return minimum_aberration(tuple(LETTERS[:factors]), base)


def two_level(name: str, baseline: str | None = None) -> Factor:
    levels = tuple(Level(label, {name: label}) for label in ("-", "+"))
    return Factor(name, (name,), levels, baseline)


def spec_of(count: int, **keys: Any) -> SweepSpec:
    factors = {LETTERS[i]: {"levels": [0, 1]} for i in range(count)}
    return SweepSpec.from_config(
        {"design": {"type": "fractional_factorial", "factors": factors, **keys}}
    )


def design_of(count: int, **keys: Any) -> Design:
    design = spec_of(count, **keys).design
    assert design is not None
    return design


class TestTable:
    @pytest.mark.parametrize("size", PUBLISHED)
    def test_word_lengths_are_the_published_ones(self, size: tuple[int, int]) -> None:
        assert trimmed(table_fraction(*size).word_length_pattern) == PUBLISHED[size]

    @pytest.mark.parametrize("size", RESOLUTIONS)
    def test_resolutions_are_those_of_montgomery(self, size: tuple[int, int]) -> None:
        assert table_fraction(*size).resolution == RESOLUTIONS[size]

    @pytest.mark.parametrize("size", MINIMUM_ABERRATION)
    def test_every_entry_holds_its_factors_apart(self, size: tuple[int, int]) -> None:
        factors, base = size
        fraction = table_fraction(factors, base)

        assert fraction.size == 2**base
        assert len(fraction.base) == base
        assert fraction.resolution >= 3

    @pytest.mark.parametrize("base", [2, 3, 4])
    def test_no_other_choice_of_generators_has_less_aberration(self, base: int) -> None:
        """Every choice of 4, 8 or 16 settings, and of 32 below, is looked at."""
        for factors in range(base + 1, 2**base):
            best = min(patterns(factors, base))

            assert table_fraction(factors, base).word_length_pattern == best

    @pytest.mark.parametrize("factors", [6, 7, 8, 9])
    def test_nor_has_one_of_thirty_two_settings(self, factors: int) -> None:
        best = min(patterns(factors, 5))

        assert table_fraction(factors, 5).word_length_pattern == best


def patterns(factors: int, base: int) -> Iterator[tuple[int, ...]]:
    """Word length patterns of all choices of products for the factors beyond the base."""
    products = [mask for mask in range(1, 2**base) if mask.bit_count() > 1]
    for chosen in itertools.combinations(products, factors - base):
        lengths = Counter[int]()
        held = [(0, 0)]  # product over the base factors, generated factors in it: as bits
        for index, mask in enumerate(chosen):
            held += [(product ^ mask, made | 1 << index) for product, made in held]
        for product, made in held[1:]:
            lengths[product.bit_count() + made.bit_count()] += 1
        yield tuple(lengths[length] for length in range(3, factors + 1))


class TestFractionOf:
    @pytest.mark.parametrize(
        ("factors", "resolution", "settings"),
        # Montgomery, table 8.14: the smallest fraction of each resolution.
        [(5, 3, 8), (5, 5, 16), (6, 4, 16), (7, 3, 8), (7, 4, 16), (8, 4, 16), (11, 5, 128)],
    )
    def test_the_smallest_with_the_resolution_is_taken(
        self, factors: int, resolution: int, settings: int
    ) -> None:
        spec = spec_of(factors, resolution=resolution)

        assert count(spec) == len(expand(spec)) == settings
        assert fraction_of(design_of(factors, resolution=resolution)).resolution >= resolution

    def test_a_half_multiplies_all_others_whatever_the_number(self) -> None:
        design = design_of(13, fraction="1/2")

        assert fraction_of(design).resolution == 13
        assert settings_count(design) == 4096

    def test_a_half_is_taken_where_only_it_has_the_resolution(self) -> None:
        # A quarter of 9 factors has no more than 2 * 9 / 3 = 6.
        assert fraction_of(design_of(9, resolution=7)).size == 256

    def test_generators_are_taken_as_they_are_written(self) -> None:
        design = design_of(5, generators={"E": "-A*B", "D": "A*C"})
        fraction = fraction_of(design)

        assert set(fraction.defining_relation) == {
            Word(("A", "B", "E"), -1),
            Word(("A", "C", "D"), 1),
            Word(("B", "C", "D", "E"), -1),
        }
        assert settings_count(design) == fraction.size == 8

    def test_a_fraction_of_known_size_is_of_least_aberration(self) -> None:
        fraction = fraction_of(design_of(6, fraction="1/4"))

        assert trimmed(fraction.word_length_pattern) == (0, 3)

    def test_an_unknown_size_is_not_offered_and_says_what_is(self) -> None:
        with pytest.raises(NotOffered) as caught:
            expand(spec_of(16, fraction="1/8"))

        assert '/design/fraction: fraction "1/8" of 16 factors' in str(caught.value)
        assert "up to 15 factors and 128 settings" in str(caught.value)

    def test_an_unknown_resolution_is_not_offered(self) -> None:
        with pytest.raises(NotOffered, match="/design/resolution: resolution 4 with 20 factors"):
            expand(spec_of(20, resolution=4))


class TestSettings:
    def test_base_factors_stand_in_all_combinations_and_others_are_products(self) -> None:
        fraction = RegularFraction(("a", "b", "c"), (Generator("c", ("a", "b")),))

        found = [
            tuple(setting.values())
            for setting in fraction.settings([two_level(n) for n in ("a", "b", "c")])
        ]

        # c = a * b: (-)(-) = +, (-)(+) = -, (+)(-) = -, (+)(+) = +
        assert found == [("-", "-", "+"), ("-", "+", "-"), ("+", "-", "-"), ("+", "+", "+")]

    def test_a_minus_gives_the_other_half(self) -> None:
        factors = [two_level(n) for n in ("a", "b", "c")]
        halves = [
            {
                tuple(s.values())
                for s in RegularFraction(("a", "b", "c"), (made,)).settings(factors)
            }
            for made in (Generator("c", ("a", "b")), Generator("c", ("a", "b"), -1))
        ]

        assert halves[0] | halves[1] == set(itertools.product("-+", repeat=3))
        assert halves[0] & halves[1] == set()

    def test_the_baseline_counts_as_minus(self) -> None:
        assert low_and_high(two_level("a", "+")) == ("+", "-")
        assert low_and_high(two_level("a", "-")) == ("-", "+")
        assert low_and_high(two_level("a")) == ("-", "+")

    @pytest.mark.parametrize("size", [(5, 3), (8, 4), (11, 5)])
    def test_each_level_of_each_two_factors_meets_equally_often(
        self, size: tuple[int, int]
    ) -> None:
        names = LETTERS[: size[0]]
        rows = list(table_fraction(*size).settings([two_level(name) for name in names]))

        for one, other in itertools.combinations(names, 2):
            met = Counter((row[one], row[other]) for row in rows)
            assert set(met.values()) == {len(rows) // 4}

    def test_a_fraction_stands_in_a_sweep_replicate_by_replicate(self) -> None:
        trials = expand(spec_of(5, resolution=3, replicates={"seed": [0, 1]}))

        assert len(trials) == 16
        assert [t.setting for t in trials[:8]] == [t.setting for t in trials[8:]]

    def test_forbidding_one_of_its_settings_is_refused(self) -> None:
        spec = spec_of(3, fraction="1/2", forbid=[{"A": 1, "B": 1}])

        with pytest.raises(InvalidSpec) as caught:
            expand(spec)

        assert "/design/forbid: forbid leaves out a setting of this" in str(caught.value)
        assert "A=1, B=1, C=1" in str(caught.value)
        assert "d_optimal plans around forbid" in str(caught.value)

    def test_forbidding_what_it_does_not_run_changes_nothing(self) -> None:
        spec = spec_of(3, fraction="1/2", forbid=[{"A": 1, "B": 1, "C": 0}])

        assert count(spec) == len(expand(spec)) == 4


class TestChains:
    def test_the_five_factors_in_eight_settings_of_montgomery(self) -> None:
        # Montgomery, table 8.14: D = AB, E = AC. A = BD = CE, B = AD, C = AE, D = AB, E = AC,
        # BC = DE, BE = CD.
        chains = {chain.text for chain in table_fraction(5, 3).chains()}

        assert chains == {
            "A = B x D = C x E",
            "B = A x D",
            "C = A x E",
            "D = A x B",
            "E = A x C",
            "B x C = D x E",
            "B x E = C x D",
        }

    def test_signs_are_relative_to_the_first(self) -> None:
        fraction = RegularFraction(("a", "b", "c"), (Generator("c", ("a", "b"), -1),))

        assert [chain.text for chain in fraction.chains()] == [
            "a = -b x c",
            "b = -a x c",
            "c = -a x b",
        ]

    def test_interactions_of_three_are_listed_on_demand(self) -> None:
        fraction = table_fraction(4, 3)

        assert {chain.text for chain in fraction.chains(3)} == {
            "A = B x C x D",
            "B = A x C x D",
            "C = A x B x D",
            "D = A x B x C",
            "A x B = C x D",
            "A x C = B x D",
            "A x D = B x C",
        }
        assert RegularFraction(("a", "b", "c"), (Generator("c", ("a", "b")),)).chains(3)[
            0
        ].text == ("I = a x b x c")

    def test_resolution_five_has_none(self) -> None:
        assert table_fraction(5, 4).chains() == ()

    @pytest.mark.parametrize("case", [case for _, case in cases("aliases", "fractions")])
    def test_what_r_calls_aliased_stands_in_one_chain(self, case: dict[str, Any]) -> None:
        longest = max(len(members) for members in case["model"]["terms"])
        chain_of = chains_by_member(GENERATED[case["data"]], longest)
        modelled = {(), *(tuple(members) for members in case["model"]["terms"])}

        for told in case["expected"]:
            ((other, coefficient),) = told["equals"].items()
            one, two = members_of(told["column"]), members_of(other)
            # R counts the first level +1: a product of k factors has the sign (-1)^k of ours.
            flip = (-1) ** (len(one) + len(two))
            assert chain_of[one][0] == chain_of[two][0]
            assert chain_of[one][1] * chain_of[two][1] == coefficient * flip
        # R keeps one column of each chain, and calls all others of the model aliased.
        sizes = Counter(chain_of[members][0] for members in modelled & chain_of.keys())
        assert len(case["expected"]) == sum(size - 1 for size in sizes.values())


GENERATED = {
    "filtration_half": RegularFraction(
        ("temperature", "pressure", "concentration", "stirring"),
        (Generator("stirring", ("temperature", "pressure", "concentration")),),
    ),
    "reactor_half": RegularFraction(
        ("feed", "catalyst", "agitation", "temperature", "concentration"),
        (Generator("concentration", ("feed", "catalyst", "agitation", "temperature")),),
    ),
    "reactor_quarter": RegularFraction(
        ("feed", "catalyst", "agitation", "temperature", "concentration"),
        (
            Generator("temperature", ("feed", "catalyst")),
            Generator("concentration", ("feed", "agitation")),
        ),
    ),
    "bicycle": RegularFraction(
        ("seat", "dynamo", "handlebars", "gear", "raincoat", "breakfast", "tyres"),
        (
            Generator("gear", ("seat", "dynamo")),
            Generator("raincoat", ("seat", "handlebars")),
            Generator("breakfast", ("dynamo", "handlebars")),
            Generator("tyres", ("seat", "dynamo", "handlebars")),
        ),
    ),
}


def members_of(column: str) -> tuple[str, ...]:
    if column == "intercept":
        return ()
    return tuple(part.removesuffix("[-1]") for part in column.split(" x "))


def chains_by_member(
    fraction: RegularFraction, longest: int
) -> dict[tuple[str, ...], tuple[int, int]]:
    """Members of a word → (number of its chain, sign within it)."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for number, chain in enumerate(fraction.chains(longest)):
        for word in (chain.word, *chain.aliased):
            found[word.factors] = (number, word.sign)
    return found
