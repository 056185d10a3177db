"""What a design is told to leave open, before anything runs."""

import json
from typing import Any

import pytest

from paribus_sweeps.design.alias_structure import alias_structure, told_of
from paribus_sweeps.design.aliases import AliasStructure
from paribus_sweeps.design.grids import expand
from paribus_sweeps.spec import SweepSpec

FIVE = ("batch", "ratio", "cadence", "warmup", "decay")


def spec_of(type: str, *names: str, **keys: Any) -> SweepSpec:
    factors = {name: {"levels": [0, 1], "baseline": 0} for name in names or FIVE}
    top = {key: keys.pop(key) for key in ("run_cap",) if key in keys}
    return SweepSpec.from_config({"design": {"type": type, "factors": factors, **keys}, **top})


def structure_of(type: str, *names: str, **keys: Any) -> AliasStructure:
    design = spec_of(type, *names, **keys).design
    assert design is not None
    found = alias_structure(design)
    assert found is not None
    return found


def told(spec: SweepSpec) -> dict[str, Any]:
    found = told_of(spec, expand(spec))
    assert found is not None
    json.dumps(found, allow_nan=False)
    return found


class TestFraction:
    def test_its_generators_resolution_and_chains_are_told(self) -> None:
        # Montgomery, table 8.14, 2^(5-2): D = AB, E = AC.
        found = structure_of("fractional_factorial", resolution=3)

        assert found.sentences[:3] == (
            "8 of all 32 settings run: `warmup` = `batch` x `ratio` and "
            "`decay` = `batch` x `cadence`.",
            "Resolution 3: main effects cannot be told from interactions of two factors, and are "
            "told only as far as those are nothing.",
            "`batch` cannot be told from the interactions `ratio` x `warmup` and "
            "`cadence` x `decay`.",
        )
        assert found.settings == 8
        assert found.generators == (
            "`warmup` = `batch` x `ratio`",
            "`decay` = `batch` x `cadence`",
        )
        assert [word.text for word in found.defining_relation] == [
            "batch x ratio x warmup",
            "batch x cadence x decay",
            "ratio x cadence x warmup x decay",
        ]
        assert found.word_length_pattern == (2, 1, 0)

    @pytest.mark.parametrize(
        ("resolution", "said"),
        [
            (4, "Resolution 4: main effects can be told from interactions of two factors, and"),
            (5, "Resolution 5: main effects and interactions of two factors can be told"),
        ],
    )
    def test_what_each_resolution_means_is_said(self, resolution: int, said: str) -> None:
        names = FIVE if resolution == 5 else (*FIVE, "rate")

        found = structure_of("fractional_factorial", *names, resolution=resolution)

        assert found.sentences[1].startswith(said)

    def test_long_lists_are_cut_with_the_number_left_out(self) -> None:
        # 2^(13-7): its 25 groups are nothing that a person reads.
        names = [f"f{number}" for number in range(13)]
        found = structure_of("fractional_factorial", *names, fraction="1/128")

        assert len(found.chains) > 20
        assert found.sentences[-1] == f"So it is with {len(found.chains) - 20} more."
        assert len(found.sentences) == 2 + 20 + 1


class TestPlackettBurman:
    def test_thirds_are_said_effect_by_effect(self) -> None:
        found = structure_of("plackett_burman", runs=12)

        # Each of 5 effects holds a third of the C(4, 2) = 6 pairs of the others.
        assert len(found.partial) == 30
        assert found.chains == ()
        assert found.resolution is None
        assert found.sentences[0].startswith("The estimate of `batch` also contains ")
        assert found.sentences[0].count("1/3 of `") == 6

    def test_in_a_power_of_two_whole_interactions_are_chains(self) -> None:
        found = structure_of("plackett_burman", *(f"f{i}" for i in range(7)), runs=8)

        assert found.partial == ()
        assert len(found.chains) == 7
        assert "cannot be told from the interactions minus" in found.sentences[0]

    def test_where_nothing_is_mixed_up_that_is_said(self) -> None:
        # Eight runs of three factors are all settings.
        found = structure_of("plackett_burman", "a", "b", "c")

        assert found.sentences == (
            "No main effect's estimate contains any of the interactions of two factors.",
        )


class TestDOptimal:
    def test_shares_of_what_the_model_leaves_out_are_told(self) -> None:
        found = structure_of("d_optimal", runs=8)

        assert found.settings == 8
        assert found.chains == ()
        assert found.partial
        assert found.sentences[0].startswith("The estimate of `")

    def test_a_model_with_all_interactions_leaves_nothing_out(self) -> None:
        found = structure_of("d_optimal", runs=16, model="two_factor_interactions")

        (sentence,) = found.sentences
        assert sentence.startswith("No main effect's estimate contains any of the interactions")
        assert sentence.endswith("that the model leaves out.")


class TestTold:
    @pytest.mark.parametrize("type", ["full_factorial", "one_factor_at_a_time"])
    def test_of_other_types_the_forecast_alone_speaks(self, type: str) -> None:
        found = told(spec_of(type, "a", "b"))

        assert (found["type"], found["sentences"], found["partial"]) == (type, [], [])
        assert found["settings"] == (4 if type == "full_factorial" else 3)
        assert found["forecast"]["main_effects"]["answerable"] == ["a", "b"]

    def test_replicates_add_trials_and_no_settings(self) -> None:
        found = told(spec_of("fractional_factorial", resolution=3, replicates={"seed": [0, 1]}))

        assert found["settings"] == 8
        assert found["forecast"]["trials"] == 16
        # 16 trials less the mean and five main effects
        assert found["forecast"]["main_effects"]["residual_df"] == 10

    def test_a_run_cap_tears_a_fraction_and_its_structure_is_not_claimed(self) -> None:
        found = told(spec_of("fractional_factorial", resolution=3, run_cap=6))

        assert found["sentences"] == [
            "run_cap leaves 6 of the 8 settings of this design: what it could tell apart as a "
            "whole does not hold."
        ]
        assert found["chains"] == []
        assert found["resolution"] is None
        assert found["forecast"]["main_effects"]["not_answerable"] == ["batch", "ratio", "warmup"]

    def test_a_grid_is_told_too(self) -> None:
        spec = SweepSpec.from_config(
            {"method": "grid", "parameters": {"a": {"values": [1, 2]}, "b": {"value": 3}}}
        )

        assert told(spec)["type"] == "grid"

    def test_a_search_plans_nothing(self) -> None:
        spec = SweepSpec.from_config(
            {"method": "random", "parameters": {"a": {"min": 0.0, "max": 1.0}}}
        )

        assert told_of(spec, ()) is None
