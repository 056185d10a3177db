"""Designs: factors, bundles, baselines, settings, forbidden combinations, replicates."""

from typing import Any

import pytest

from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import TYPES

BATCH = {"baseline": 8, "levels": [8, 64]}
RATIO = {"baseline": "1:1", "levels": ["1:1", "4:1"]}
THREE = {name: {"levels": [0, 1]} for name in ("x", "y", "z")}
CADENCE = {
    "baseline": "coarse",
    "levels": {
        "coarse": {"eval_steps": 200, "save_steps": 200},
        "fine": {"eval_steps": 20, "save_steps": 20},
    },
}


def config(type: str = "full_factorial", **design: Any) -> dict[str, Any]:
    parameters = design.pop("parameters", {})
    return {
        "design": {"type": type, "factors": {"batch": BATCH, "ratio": RATIO}, **design},
        "parameters": parameters,
    }


def read(type: str = "full_factorial", **design: Any) -> Design:
    made = SweepSpec.from_config(config(type, **design)).design
    assert made is not None
    return made


def refused(type: str = "full_factorial", **design: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        read(type, **design)
    return str(caught.value)


def factors(**entries: Any) -> str:
    return refused(factors=entries)


class TestFactors:
    def test_levels_keep_declared_order_and_labels(self) -> None:
        batch, ratio = read().factors

        assert (batch.name, batch.labels, batch.baseline) == ("batch", ("8", "64"), "8")
        assert ratio.level("4:1").values == {"ratio": "4:1"}

    def test_a_bundle_moves_several_keys_as_one(self) -> None:
        (cadence,) = read(factors={"cadence": CADENCE}).factors

        assert cadence.keys == ("eval_steps", "save_steps")
        assert cadence.level("fine").values == {"eval_steps": 20, "save_steps": 20}
        assert cadence.baseline == "coarse"

    def test_a_baseline_is_found_by_value(self) -> None:
        (factor,) = read(factors={"x": {"baseline": 8.0, "levels": [8, 64]}}).factors

        assert factor.baseline == "8"

    def test_text_and_number_of_one_spelling_are_two_levels(self) -> None:
        made = SweepSpec.from_config(config(factors={"x": {"levels": [32, "32"]}}))

        assert made.design is not None
        assert made.design.factors[0].labels == ("32", '"32"')
        assert "the text and the number 32 are two levels" in made.warnings[0]

    def test_in_the_other_order_the_number_is_marked(self) -> None:
        (factor,) = read(factors={"x": {"levels": ["32", 32], "baseline": 32}}).factors

        assert factor.labels == ("32", "number 32")
        assert factor.baseline == "number 32"

    def test_one_level_is_taken_with_a_warning(self) -> None:
        made = SweepSpec.from_config(config(factors={"x": {"levels": [1]}}))

        assert "it will not vary" in made.warnings[0]

    @pytest.mark.parametrize(
        ("entry", "said"),
        [
            (3, "3: a mapping with levels was expected (write x: {baseline"),
            ({}, "factor x has no levels"),
            ({"levels": []}, "factor x has no levels"),
            ({"levels": {}}, "factor x has no levels"),
            ({"levels": 0}, "0: a list of levels was expected"),
            ({"levels": "8, 64"}, "a list of levels was expected"),
            ({"levles": [1]}, "did you mean 'levels'?"),
            ({"levels": [8, 64, 64.0]}, "/levels/2: the level 64 stands twice"),
            ({"levels": [8, 64], "baseline": 46}, "baseline 46 is none of the levels: 8, 64"),
            ({"levels": ["adam", "sgd"], "baseline": "adm"}, "did you mean 'adam'?"),
            ({"levels": {"a": 3, "b": {"k": 1}}}, "a level of a bundle is a mapping"),
            ({"levels": {"a": {}, "b": {"k": 1}}}, "a level of a bundle is a mapping"),
            (
                {"levels": {"a": {"k": 1}, "b": {"k": 2, "l": 3}}},
                "levels a and b of bundle x differ in keys: l",
            ),
            (
                {"levels": {"a": {"k": 1}, "b": {"k": 1.0}}},
                "levels a and b of bundle x set the same values",
            ),
        ],
    )
    def test_a_factor_that_cannot_be_is_refused(self, entry: Any, said: str) -> None:
        assert said in factors(x=entry)

    def test_an_empty_design_is_refused(self) -> None:
        assert "the design has no factors" in refused(factors={})
        assert "a mapping of keys was expected" in refused(factors=[1])
        with pytest.raises(InvalidSpec, match="no factors"):
            SweepSpec.from_config({"design": {"type": "full_factorial"}})


class TestOneKeyOnePlace:
    def test_in_a_bundle_and_a_factor(self) -> None:
        said = factors(eval_steps={"levels": [1, 2]}, cadence=CADENCE)

        assert "eval_steps is set by factor cadence and stands at /design/factors/eval_st" in said

    def test_in_a_bundle_and_the_parameters(self) -> None:
        said = refused(factors={"cadence": CADENCE}, parameters={"eval_steps": {"value": 5}})

        assert "stands at /parameters too" in said

    def test_in_replicates_and_the_parameters(self) -> None:
        said = refused(replicates={"seed": [1]}, parameters={"seed": {"value": 5}})

        assert "seed is a replicate key and stands at /parameters too" in said


class TestTypes:
    @pytest.mark.parametrize("name", TYPES)
    def test_every_type_that_is_named_is_read(self, name: str) -> None:
        own = {"settings": {"settings": [{}]}, "d_optimal": {"runs": 3}}
        own["fractional_factorial"] = {"fraction": "1/2", "factors": THREE}
        own["plackett_burman"] = {"factors": THREE}

        assert read(name, **own.get(name, {})).type == name

    def test_an_unknown_type_names_the_nearest(self) -> None:
        assert "did you mean 'full_factorial'?" in refused("full_factorail")

    def test_a_type_is_needed(self) -> None:
        with pytest.raises(InvalidSpec, match="a design needs a type"):
            SweepSpec.from_config({"design": {"factors": {"batch": BATCH}}})

    def test_one_factor_at_a_time_needs_baselines(self) -> None:
        said = refused("one_factor_at_a_time", factors={"x": {"levels": [1, 2]}})

        assert "needs a baseline for x (one of 1, 2)" in said

    def test_an_unknown_key_is_refused(self) -> None:
        assert "did you mean 'replicates'?" in refused(replicas={"seed": [0]})


class TestSettings:
    def test_what_is_not_named_stands_at_its_baseline(self) -> None:
        design = read("settings", settings=[{}, {"batch": 64}, {"batch": 64, "ratio": "4:1"}])

        assert design.settings == (
            {"batch": "8", "ratio": "1:1"},
            {"batch": "64", "ratio": "1:1"},
            {"batch": "64", "ratio": "4:1"},
        )

    @pytest.mark.parametrize(
        ("settings", "said"),
        [
            (None, "lists its settings"),
            ([], "lists its settings"),
            ([3], "a setting maps factors to levels"),
            ([{"batch": 8}, {"ratio": "1:1"}], "/settings/1: this setting stands twice"),
            ([{"bacht": 8}], "there is no factor 'bacht' (did you mean 'batch'?)"),
            ([{"zzz": 8}], "(factors: batch, ratio)"),
            ([{"batch": 9}], "factor batch has no level 9 (levels: 8, 64)"),
            ([{"batch": [8, 64]}], "factor batch has no level [8, 64]"),
        ],
    )
    def test_a_setting_that_cannot_be_is_refused(self, settings: Any, said: str) -> None:
        assert said in refused("settings", settings=settings)

    def test_without_a_baseline_every_factor_is_named(self) -> None:
        said = refused("settings", factors={"x": {"levels": [1, 2]}}, settings=[{}])

        assert "names no level of x, which has no baseline" in said

    def test_other_designs_make_their_own(self) -> None:
        assert "makes its settings itself" in refused(settings=[{}])


class TestForbid:
    def test_an_entry_names_a_level_or_several(self) -> None:
        design = read(forbid=[{"batch": 64, "ratio": ["1:1", "4:1"]}])

        assert design.forbid == ({"batch": {"64"}, "ratio": {"1:1", "4:1"}},)

    @pytest.mark.parametrize(
        ("forbid", "said"),
        [
            (3, "a list was expected"),
            ([3], "a forbidden combination maps factors to levels"),
            ([{}], "a forbidden combination maps factors to levels"),
            ([{"lr": 1}], "there is no factor 'lr'"),
            ([{"batch": [8, 63]}], "factor batch has no level 63"),
            ([{"ratio": "4:2"}], "did you mean '4:1'?"),
        ],
    )
    def test_an_entry_that_cannot_be_is_refused(self, forbid: Any, said: str) -> None:
        assert said in refused(forbid=forbid)


class TestTheRest:
    def test_replicates_are_lists_of_distinct_values(self) -> None:
        assert read(replicates={"seed": [0, 1]}).replicates == {"seed": (0, 1)}
        assert "the level 1 stands twice" in refused(replicates={"seed": [1, 1]})
        assert "replicates over seed have no values" in refused(replicates={"seed": []})
        assert "replicates over seed have no values" in refused(replicates={"seed": None})
        assert "a list was expected" in refused(replicates={"seed": 3})

    def test_blocks_default_to_the_kind_of_gpu(self) -> None:
        assert read().blocks == ("gpu_name",)
        assert read(blocks=["host", "gpu_name", "host"]).blocks == ("host", "gpu_name")
        assert "did you mean 'gpu_name'?" in refused(blocks=["gpu_nam"])
        assert "(known: gpu_name, host" in refused(blocks=[7])

    def test_responses_are_keys_or_features(self) -> None:
        assert read(responses=["holdout/loss", " roughness(eval/loss) "]).responses == (
            "holdout/loss",
            "roughness(eval/loss)",
        )
        assert "did you mean 'roughness'?" in refused(responses=["rougness(eval/loss)"])
        assert "(known: last" in refused(responses=["zzz(eval/loss)"])
        assert "a response is a summary key or feature(key)" in refused(responses=[3])

    def test_the_smallest_effect_is_a_size(self) -> None:
        assert read(smallest_effect=1).smallest_effect == 1.0
        assert "above 0" in refused(smallest_effect=0)
        assert "a number was expected" in refused(smallest_effect="x")
