"""Keys of the design types: what each takes, and how every mistake in them is answered."""

from pathlib import Path
from typing import Any

import pytest

from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import (
    KEYS_OF_TYPES,
    MODELS,
    TYPES,
    Generator,
    parameter_count,
)
from paribus_sweeps.spec.designs import BLOCKS, KEYS

NAMES = ("batch", "ratio", "cadence", "warmup")


def two_levels(*names: str, **more: Any) -> dict[str, Any]:
    return {name: {"levels": [0, 1], **more} for name in names}


def spec(type: str, factors: dict[str, Any] | None = None, **keys: Any) -> SweepSpec:
    given = two_levels(*NAMES) if factors is None else factors
    return SweepSpec.from_config({"design": {"type": type, "factors": given, **keys}})


def read(type: str, factors: dict[str, Any] | None = None, **keys: Any) -> Design:
    design = spec(type, factors, **keys).design
    assert design is not None
    return design


def refused(type: str, factors: dict[str, Any] | None = None, **keys: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        spec(type, factors, **keys)
    return str(caught.value)


def fraction(**keys: Any) -> Design:
    return read("fractional_factorial", **keys)


def no_fraction(factors: dict[str, Any] | None = None, **keys: Any) -> str:
    return refused("fractional_factorial", factors, **keys)


class TestWhoseKeysTheyAre:
    def test_a_key_of_another_type_is_refused_with_its_owners(self) -> None:
        said = refused("full_factorial", runs=8)

        assert "/design/runs: a full_factorial design has no key runs" in said
        assert "it belongs to plackett_burman and d_optimal" in said

    def test_settings_are_refused_where_the_type_makes_them(self) -> None:
        said = refused("plackett_burman", settings=[{}])

        assert "/design/settings: a plackett_burman design makes its settings itself" in said
        assert "type: settings lists them" in said

    @pytest.mark.parametrize("type", ["fractional_factorial", "plackett_burman"])
    def test_two_level_types_refuse_other_numbers_of_levels(self, type: str) -> None:
        factors = two_levels("a", "b") | {"lr": {"levels": [1, 2, 3]}}

        said = refused(type, factors, **({"fraction": "1/2"} if "fraction" in type else {}))

        assert "/design/factors/lr/levels" in said
        assert "takes two levels of each factor; lr has 3 ('1, 2, 3')" in said
        assert "d_optimal, which takes any number" in said


class TestOneWayToSayTheFraction:
    def test_each_of_the_three_is_taken(self) -> None:
        assert fraction(resolution=3).resolution == 3
        assert fraction(fraction="1/2").fraction == 2
        assert fraction(generators={"warmup": "batch * ratio * cadence"}).generators != ()

    def test_without_any_it_is_refused(self) -> None:
        said = no_fraction()

        assert "/design/resolution: a fractional_factorial design needs one of" in said

    def test_two_of_them_are_refused(self) -> None:
        said = no_fraction(resolution=3, fraction="1/2")

        assert "resolution and fraction stand together" in said
        assert "keep one of resolution, fraction, generators" in said

    def test_below_three_factors_there_is_nothing_to_leave_out(self) -> None:
        said = no_fraction(two_levels("a", "b"), resolution=3)

        assert "/design/factors: 2 of the three factors or more that a fraction needs" in said
        assert "type: full_factorial" in said


class TestResolution:
    @pytest.mark.parametrize("given", [2, 3.0, "IV", True, "3"])
    def test_what_is_no_whole_number_of_three_or_more_is_refused(self, given: Any) -> None:
        assert "a whole number of at least 3 was expected" in no_fraction(resolution=given)

    def test_no_fraction_has_more_than_its_factors(self) -> None:
        said = no_fraction(resolution=5)

        assert "5: no fraction of 4 factors has a resolution above 4" in said


class TestFraction:
    def test_spaces_do_not_matter(self) -> None:
        assert fraction(fraction=" 1 / 2 ").fraction == 2

    # YAML 1.1 takes 1:2 for 62, its base-60 trap; 0.5 and "0.5" are no fractions of a design.
    @pytest.mark.parametrize("given", ["1/3", "2/4", "1/1", "1/0", 0.5, "0.5", 62, "half", []])
    def test_what_is_no_power_of_two_is_refused(self, given: Any) -> None:
        said = no_fraction(fraction=given)

        assert '"1/2", "1/4", "1/8" … was expected' in said
        assert "/design/fraction" in said

    def test_one_that_would_merge_factors_is_refused_with_the_smallest_that_does_not(self) -> None:
        # 4 factors need 5 settings at least: 8 of 16.
        said = no_fraction(fraction="1/4")

        assert "1/4 of the 16 settings cannot hold 4 factors apart" in said
        assert 'at most "1/2"' in said


class TestGenerators:
    EXPECTED = (Generator("warmup", ("batch", "ratio", "cadence")),)

    @pytest.mark.parametrize(
        "given",
        [
            {"warmup": "batch * ratio * cadence"},
            {"warmup": "cadence*batch*ratio"},
            ["warmup = batch * ratio * cadence"],
            {"D": "ABC"},
            {"D": "A*B*C"},
            ["D=ABC"],
            ["-D = -A*B*C"],
        ],
    )
    def test_names_and_letters_mean_the_same(self, given: Any) -> None:
        assert fraction(generators=given).generators == self.EXPECTED

    @pytest.mark.parametrize("given", [{"D": "-ABC"}, ["-D = ABC"], ["D = - A*B*C"]])
    def test_a_minus_takes_the_other_half(self, given: Any) -> None:
        (made,) = fraction(generators=given).generators

        assert made.sign == -1
        assert made.of == ("batch", "ratio", "cadence")

    def test_letters_are_warned_of_since_clients_sort_keys(self) -> None:
        made = spec("fractional_factorial", generators={"D": "ABC"})

        (warning,) = made.warnings
        assert warning.startswith("/design/generators: letters stand for the factors in order")
        assert "D = warmup" in warning
        assert spec("fractional_factorial", generators=["warmup = batch*ratio"]).warnings == ()

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (3, "/design/generators: 3: a mapping of factors to products was expected"),
            ("D=ABC", "a mapping of factors to products was expected (write generators: {"),
            ({}, "generators is empty: nothing would be left out"),
            ([], "generators is empty"),
            ({"warmup": 3}, "/design/generators/warmup: 3: a generator was expected"),
            ([{"D": "ABC"}], "/design/generators/0: {'D': 'ABC'}: a generator was expected"),
            (["D"], "'D': a generator was expected"),
            (["D=A=B"], "a generator was expected"),
            ({"warmup": "batch * rati"}, "there is no factor 'rati' (did you mean 'ratio'?)"),
            ({"warmup": "batch * "}, "there is no factor '' (factors: 'batch, ratio"),
            ({"warmpu": "batch*ratio"}, "there is no factor 'warmpu' (did you mean 'warmup'?)"),
            (["C*D=AB"], "one factor was expected before the ="),
            ({"D": "AAB"}, "a factor stands twice"),
            ({"D": "DA"}, "a factor stands twice"),
            ({"D": "A"}, "warmup and batch would always change together"),
            (["D=AB", "D=AC"], "/design/generators/1: warmup is generated twice"),
            ({"C": "AB", "D": "BC"}, "/design/generators/D: cadence is generated itself"),
            (["C=AB", "D=AB"], "cadence and warmup would always change together"),
            (["D=AB"] * 17, "17 generators; at most 16 are taken"),
        ],
    )
    def test_a_generator_that_cannot_be_is_refused(self, given: Any, said: str) -> None:
        assert said in no_fraction(generators=given)

    def test_a_name_that_is_also_a_letter_means_itself(self) -> None:
        # "A" is the name of the second factor here, and not the letter of the first.
        factors = two_levels("x", "A", "y")

        (made,) = read("fractional_factorial", factors, generators={"y": "x*A"}).generators

        assert made == Generator("y", ("x", "A"))


class TestPlackettBurmanRuns:
    def test_the_smallest_that_holds_all_factors_is_the_default(self) -> None:
        assert read("plackett_burman").runs == 8
        assert read("plackett_burman", two_levels(*"abcdefghijk")).runs == 12
        assert read("plackett_burman", two_levels(*"abcdefghijkl")).runs == 16

    @pytest.mark.parametrize(
        ("runs", "said"),
        [
            (0, "a whole number of at least 1 was expected"),
            ("12", "a whole number of at least 1 was expected"),
            (4, "/design/runs: 4 runs cannot estimate 5 parameters (8 at least)"),
            (14, "/design/runs: 14 runs: no such design is offered (offered: 8, 12, 16"),
            (52, "52 runs: no such design is offered"),
            (20, "20 runs: the factors have only 16 different settings"),
        ],
    )
    def test_a_number_that_cannot_be_is_refused(self, runs: Any, said: str) -> None:
        assert said in refused("plackett_burman", runs=runs)

    def test_too_few_factors_for_the_smallest_design(self) -> None:
        # 2 factors have 4 settings, and the smallest design has 8.
        said = refused("plackett_burman", two_levels("a", "b"))

        assert "/design/factors: 8 runs: the factors have only 4 different settings" in said
        assert "type: full_factorial runs each of them" in said

    def test_more_factors_than_the_largest_takes(self) -> None:
        said = refused("plackett_burman", two_levels(*(f"f{i}" for i in range(96))))

        assert "/design/factors: 96 factors: plackett_burman takes at most 95 factors" in said


class TestDOptimal:
    def test_a_model_of_main_effects_is_the_default(self) -> None:
        design = read("d_optimal", runs=8)

        assert (design.model, design.interactions, design.keep_baseline) == (
            "main_effects",
            (),
            False,
        )
        assert design.interactions_of_model() == ()

    def test_interactions_are_named_in_either_order(self) -> None:
        design = read("d_optimal", runs=8, interactions=["ratio*batch", " batch * warmup "])

        assert design.interactions == (("batch", "ratio"), ("batch", "warmup"))
        assert design.interactions_of_model() == design.interactions

    def test_all_interactions_have_one_word(self) -> None:
        design = read("d_optimal", runs=11, model="two_factor_interactions")

        assert len(design.interactions_of_model()) == 6

    def test_the_baseline_can_be_kept(self) -> None:
        design = read("d_optimal", two_levels(*NAMES, baseline=1), runs=8, keep_baseline=True)

        assert design.keep_baseline

    @pytest.mark.parametrize(
        ("keys", "said"),
        [
            ({}, "/design/runs: a d_optimal design needs runs: how many settings it may take"),
            ({}, "5 at least: the model of these factors has 5 parameters"),
            ({"runs": None}, "needs runs"),
            ({"runs": 2.5}, "2.5: a whole number of at least 1 was expected"),
            ({"runs": 4}, "/design/runs: 4 runs cannot estimate 5 parameters of the model"),
            ({"runs": 17}, "17 runs: the factors have only 16 different settings"),
            ({"runs": 8, "model": "quadratic"}, "'quadratic': one of main_effects, two_factor_"),
            (
                {"runs": 6, "interactions": ["batch*ratio", "batch*cadence"]},
                "6 runs cannot estimate 7 parameters of the model (7 at least)",
            ),
            (
                {"runs": 12, "interactions": ["A*B"], "model": "two_factor_interactions"},
                "/design/interactions: interactions stands beside model: two_factor_interactions",
            ),
            ({"runs": 8, "interactions": "batch*ratio"}, "a list was expected"),
            ({"runs": 8, "interactions": ["batch"]}, "two factors with * between them"),
            ({"runs": 8, "interactions": ["batch * "]}, "two factors with * between them"),
            ({"runs": 8, "interactions": ["batch*batch"]}, "two factors with * between them"),
            ({"runs": 8, "interactions": [3]}, '(write "batch * ratio")'),
            (
                {"runs": 8, "interactions": ["batch*rato"]},
                "/design/interactions/0: there is no factor 'rato' (did you mean 'ratio'?)",
            ),
            ({"runs": 8, "interactions": ["batch*§"]}, "factors: 'batch, ratio, cadence, warm"),
            (
                {"runs": 8, "interactions": ["batch*ratio", "ratio * batch"]},
                "/design/interactions/1: the interaction 'ratio * batch' stands twice",
            ),
            ({"runs": 8, "keep_baseline": "yes"}, "'yes': true or false was expected"),
            ({"runs": 8, "keep_baseline": True}, "keep_baseline needs a baseline for batch"),
        ],
    )
    def test_what_cannot_be_is_refused(self, keys: dict[str, Any], said: str) -> None:
        assert said in refused("d_optimal", **keys)

    def test_a_model_of_very_many_parameters_is_refused(self) -> None:
        # 1 + 18 + 18 * 17 / 2 = 172 parameters.
        factors = two_levels(*(f"f{i}" for i in range(18)))

        said = refused("d_optimal", factors, runs=200, model="two_factor_interactions")

        assert "the model of these factors has 172 parameters" in said
        assert "d_optimal takes up to 150" in said

    def test_a_search_that_would_take_minutes_is_refused_with_the_most_runs(self) -> None:
        # 31 parameters of 30 factors with 60 levels: 5,000,000 / (31 * (60 + 31)) = 1,772.
        factors = two_levels(*(f"f{i}" for i in range(30)))

        said = refused("d_optimal", factors, runs=1773)

        assert "/design/runs: 1,773 runs of 31 parameters would be searched for too long" in said
        assert "at most 1,772 with this model" in said
        assert read("d_optimal", factors, runs=1772).runs == 1772

    def test_a_model_that_no_number_of_runs_would_suit_asks_for_fewer_factors(self) -> None:
        # 141 parameters: 5,000,000 / (141 * (141 + 280)) = 84 runs at most, and 141 at least.
        said = refused("d_optimal", two_levels(*(f"f{i}" for i in range(140))), runs=141)

        assert "searched for too long (take fewer factors or levels)" in said


class TestReference:
    def test_every_type_and_every_key_is_in_it(self) -> None:
        page = Path(__file__).parents[3] / "docs" / "reference" / "design-keys.md"
        written = page.read_text(encoding="utf-8")

        for word in (*TYPES, *KEYS_OF_TYPES, *MODELS, *BLOCKS, *KEYS):
            assert f"`{word}`" in written, word


class TestParameterCount:
    def test_levels_less_one_and_their_products(self) -> None:
        factors = {"a": {"levels": [1, 2, 3]}, "b": {"levels": [1, 2]}, "c": {"levels": [1, 2]}}
        design = read("full_factorial", factors)

        # mean 1, a 2, b 1, c 1, a x b 2 * 1
        assert parameter_count(design.factors, ()) == 5
        assert parameter_count(design.factors, [("a", "b")]) == 7
