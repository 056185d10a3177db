"""A program's schema refuses what would crash on a GPU, and says what was meant."""

from typing import Any

import pytest

from paribus_sweeps.design.grids import expand
from paribus_sweeps.errors import InvalidProgramSchema, InvalidSpec
from paribus_sweeps.programs import ProgramSchema, names, shipped
from paribus_sweeps.programs.schema import value_problems
from paribus_sweeps.spec import SweepSpec

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "learning_rate": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "default": 0.1,
            "unit": "per step",
        },
        "batch_size": {"type": "integer", "minimum": 1, "default": 8, "multipleOf": 4},
        "steps": {"type": ["integer", "null"], "default": None},
        "eval_steps": {"type": "integer", "default": 200},
        "save_steps": {"type": "integer", "default": 200},
        "load_best": {"type": "boolean", "default": True},
        "ratio": {
            "type": "string",
            "format": "ratio",
            "pattern": "^[1-9][0-9]*:[1-9][0-9]*$",
            "default": "1:1",
        },
        "share": {"type": "number", "default": 0.2, "exclusiveMaximum": 1},
        "scheduler": {"type": "string", "enum": ["linear", "cosine", "off"]},
        "model": {"type": "string", "minLength": 1, "maxLength": 5},
        "version": {"const": 1},
        "split_seed": {"type": "integer"},
        "layers": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 1,
            "maxItems": 2,
        },
        "free": {},
        "options": {"type": "object"},
        "optimizer": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"beta": {"type": "number", "maximum": 1, "default": 0.9}},
        },
    },
    "x-paribus": {
        "resumable": True,
        "responses": {"loss": {"goal": "minimize"}},
        "constraints": [
            {
                "kind": "multiple_of",
                "key": "save_steps",
                "of": "eval_steps",
                "when": {"load_best": True},
                "message": "save_steps must be a multiple of eval_steps",
            },
            {"kind": "fits_holdout", "ratio": "ratio", "share": "share", "message": "held out"},
            {"kind": "not_equal", "key": "steps", "value": 0, "message": "0 trains nothing"},
        ],
    },
}
PROGRAM = ProgramSchema.from_json(SCHEMA, name="demo.train")


def refused(key: str, value: Any) -> str:
    problem = PROGRAM.take(key, value).problem
    assert problem is not None
    return str(problem)


class TestTake:
    @pytest.mark.parametrize(
        ("key", "given", "taken"),
        [
            ("learning_rate", 0.5, 0.5),
            ("learning_rate", 1, 1),
            ("batch_size", 8.0, 8),
            ("steps", None, None),
            ("steps", 3.0, 3),
            ("free", object, object),
            ("unlisted", "x", "x"),
            ("version", 1, 1),
            ("layers", [1, 2], [1, 2]),
            ("layers", (1,), (1,)),
            ("options", {"a": 1}, {"a": 1}),
            ("optimizer.beta", 0.5, 0.5),
        ],
    )
    def test_what_fits_is_taken(self, key: str, given: Any, taken: Any) -> None:
        result = PROGRAM.take(key, given)

        assert (result.value, result.problem, result.warning) == (taken, None, None)
        assert type(result.value) is type(taken)

    @pytest.mark.parametrize(
        ("key", "given", "taken"),
        [
            ("learning_rate", "2e-5", 2e-5),
            ("learning_rate", " .5 ", 0.5),
            ("batch_size", "8", 8),
            ("batch_size", "8.0", 8),
            ("batch_size", "1.2e1", 12),
        ],
    )
    def test_a_text_that_spells_a_number_is_taken_with_a_warning(
        self, key: str, given: str, taken: float
    ) -> None:
        result = PROGRAM.take(key, given)

        assert (result.value, result.problem) == (taken, None)
        assert "taken as the number" in str(result.warning)

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("learning_rate", "fast", "'fast': number was expected (per step) (take the quotes"),
            ("learning_rate", "nan", "number was expected"),
            ("learning_rate", "1e999", "number was expected"),
            ("learning_rate", True, "true: number was expected"),
            ("learning_rate", False, "YAML reads yes, no, on and off as booleans"),
            ("learning_rate", None, "null: number was expected"),
            ("learning_rate", 0, "above 0 was expected"),
            ("learning_rate", 2, "at most 1 was expected (per step)"),
            ("share", 1, "below 1 was expected"),
            ("batch_size", 0, "at least 1 was expected"),
            ("batch_size", 6, "a multiple of 4 was expected"),
            ("batch_size", 8.5, "8.5: integer was expected"),
            ("steps", "many", "integer or null was expected"),
            ("ratio", 61, "61: string was expected (was this 1:1? quote it)"),
            ("ratio", 241, "(was this 4:1? quote it)"),
            ("ratio", 7, "(quote it)"),
            ("ratio", "4/1", "a ratio such as 4:1 was expected"),
            ("scheduler", "cosin", "did you mean 'cosine'?"),
            ("scheduler", False, "false: string was expected (was this off or no? quote it)"),
            ("scheduler", True, "(was this on or yes? quote it)"),
            ("model", "", "too short"),
            ("model", "bert-base", "too long"),
            ("model", 1.5, "(quote it)"),
            ("model", [1], "string was expected"),
            ("version", 2, "only 1 is taken"),
            ("version", True, "only 1 is taken"),
            ("layers", [], "at least 1 needed"),
            ("layers", [1, 2, 3], "at most 2 taken"),
            ("layers", [1, 0], "/1: 0: at least 1"),
            ("layers", "1", "array was expected"),
            ("options", 3, "object was expected"),
            ("model", list(range(99)), "..."),
        ],
    )
    def test_what_does_not_fit_is_refused(self, key: str, value: Any, said: str) -> None:
        assert said in refused(key, value)

    def test_a_wrong_type_is_the_only_problem_named(self) -> None:
        found = list(value_problems("x", {"type": "integer", "minimum": 3, "enum": [4]}))

        assert [p.code for p in found] == ["type"]

    def test_a_ratio_is_recognised_by_its_pattern_too(self) -> None:
        plain = ProgramSchema.from_json(
            {"type": "object", "properties": {"r": {"type": "string", "pattern": "^[0-9]+:1$"}}}
        )

        assert "was this 4:1?" in str(plain.take("r", 241).problem)
        assert "a text like ^[0-9]+:1$ was expected" in str(plain.take("r", "x").problem)


class TestKeys:
    def test_a_misspelt_key_names_the_nearest(self) -> None:
        problem = PROGRAM.unknown("learnig_rate")

        assert problem is not None
        assert str(problem) == (
            "demo.train has no parameter 'learnig_rate' (did you mean 'learning_rate'?)"
        )

    def test_a_key_near_nothing_lists_what_there_is(self) -> None:
        assert "it takes learning_rate, batch_size" in str(PROGRAM.unknown("zzz"))

    def test_nested_keys_are_dotted(self) -> None:
        assert PROGRAM.unknown("optimizer.beta") is None
        assert "optimizer.beta" in str(PROGRAM.unknown("optimizer.beat"))

    def test_an_open_schema_lets_unknown_keys_pass(self) -> None:
        program = ProgramSchema.from_json({"type": "object"})

        assert program.unknown("anything") is None
        assert program.check({"anything": 1}) == ()

    def test_defaults_and_facts(self) -> None:
        assert PROGRAM.default("batch_size") == 8
        assert PROGRAM.default("nothing") is None
        assert PROGRAM.resumable
        assert PROGRAM.responses == {"loss": {"goal": "minimize"}}

    def test_another_programs_schema_promises_nothing(self) -> None:
        program = ProgramSchema.from_json({"type": "object"})

        assert not program.resumable
        assert program.responses == {}
        assert (
            ProgramSchema.from_json({"type": "object", "x-paribus": {"responses": 3}}).responses
            == {}
        )


class TestArguments:
    def test_normalise_puts_right_what_is_nested_too(self) -> None:
        args = {"learning_rate": "2e-5", "optimizer": {"beta": "0.5"}, "options": {}}

        assert PROGRAM.normalise(args) == {
            "learning_rate": 2e-5,
            "optimizer": {"beta": 0.5},
            "options": {},
        }

    def test_check_names_the_key(self) -> None:
        found = PROGRAM.check({"learning_rate": 5, "zzz": 1})

        assert [p.pointer for p in found] == ["/learning_rate", "/zzz"]

    def test_required_keys_are_asked_for(self) -> None:
        program = ProgramSchema.from_json({"type": "object", "required": ["x"]})

        assert program.check({})[0].message == "the program needs a value for x"
        assert program.check({"x": 1}) == ()


class TestConstraints:
    def test_a_multiple_is_asked_for_only_when_it_matters(self) -> None:
        (found,) = PROGRAM.check({"save_steps": 50, "eval_steps": 20})

        assert found.message == (
            "save_steps must be a multiple of eval_steps: save_steps 50, eval_steps 20"
        )
        assert found.hint == "take 40"
        assert PROGRAM.check({"save_steps": 50, "eval_steps": 20, "load_best": False}) == ()

    def test_the_smallest_multiple_is_the_other_key_itself(self) -> None:
        assert PROGRAM.check({"save_steps": 5, "eval_steps": 20})[0].hint == "take 20"

    def test_a_multiple_of_nothing_is_no_multiple(self) -> None:
        assert PROGRAM.check({"eval_steps": 0})[0].hint is None

    def test_defaults_take_part(self) -> None:
        assert PROGRAM.check({"eval_steps": 150})[0].pointer == "/save_steps"

    def test_no_setting_may_train_on_the_hold_out(self) -> None:
        # 9:1 trains on 0.9 and leaves 0.1, less than the 0.2 that are held out
        (found,) = PROGRAM.check({"ratio": "9:1"})

        assert found.hint == "the ratio leaves 0.1 of the pool; hold out that much or less"
        assert PROGRAM.check({"ratio": "4:1"}) == ()
        assert PROGRAM.check({"ratio": "2:1", "share": 0.33}) == ()

    def test_a_single_value_may_be_out_of_the_question(self) -> None:
        (found,) = PROGRAM.check({"steps": 0})

        assert found.message == "0 trains nothing: steps 0"
        assert found.hint is None

    @pytest.mark.parametrize(
        ("kind", "given"),
        [
            ({"kind": "multiple_of", "key": "a", "of": "b"}, {"a": "%s", "b": 3}),
            ({"kind": "multiple_of", "key": "a", "of": "b"}, {"a": 3}),
            ({"kind": "fits_holdout", "ratio": "a", "share": "b"}, {"a": "0:0", "b": 0.2}),
            ({"kind": "fits_holdout", "ratio": "a", "share": "b"}, {"a": "4:1", "b": "x"}),
            ({"kind": "not_equal", "key": "a"}, {"b": 1}),
        ],
    )
    def test_a_rule_is_not_asked_of_what_it_cannot_compare(
        self, kind: dict[str, Any], given: dict[str, Any]
    ) -> None:
        schema = {
            "type": "object",
            "properties": {"a": {}, "b": {}},
            "x-paribus": {"constraints": [kind]},
        }

        assert ProgramSchema.from_json(schema).check(given) == ()

    @pytest.mark.parametrize(
        ("rules", "said"),
        [
            (3, "a list of rules was expected"),
            ([3], "is not one of multiple_of"),
            ([{"kind": "odd"}], "rule 'odd' is not one of"),
            ([{"kind": "not_equal", "key": "zzz"}], "'zzz', which is no parameter"),
            ([{"kind": "not_equal", "key": "steps", "when": {"q": 1}}], "'q', which is no"),
            ([{"kind": "not_equal", "key": "steps", "when": 3}], "/when: a mapping of keys"),
        ],
    )
    def test_a_rule_that_cannot_be_is_refused(self, rules: Any, said: str) -> None:
        schema = {**SCHEMA, "x-paribus": {"constraints": rules}}

        with pytest.raises(InvalidProgramSchema, match=said):
            ProgramSchema.from_json(schema)


class TestPublishing:
    @pytest.mark.parametrize(
        ("schema", "said"),
        [
            ([1], "a schema is a JSON object"),
            ({"type": "array"}, "the schema of a program's parameters is an object"),
            ({"type": "object", "anyOf": []}, "/anyOf: anyOf is not offered yet"),
            ({"type": "object", "properties": {"a": {"$ref": "#"}}}, "/properties/a/\\$ref"),
            ({"type": "object", "properties": {"a": 3}}, "a JSON object was expected"),
            ({"type": "object", "properties": {"a": {"type": "float"}}}, "'float' is not taken"),
            ({"type": "object", "properties": {"a": {"type": []}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"type": [{}]}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"enum": []}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"pattern": "("}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"pattern": 3}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"minimum": "x"}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"minimum": True}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"maxLength": -1}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"multipleOf": 0}}}, "is not taken"),
            ({"type": "object", "properties": {"a": {"items": {"oneOf": []}}}}, "oneOf is not"),
            ({"type": "object", "required": [3]}, "is not taken"),
            ({"type": "object", "additionalProperties": {}}, "is not taken"),
            ({"type": "object", "properties": []}, "is not taken"),
            ({"type": "object", "x-paribus": 3}, "this is a JSON object"),
        ],
    )
    def test_a_schema_that_cannot_be_used_is_refused(self, schema: Any, said: str) -> None:
        with pytest.raises(InvalidProgramSchema, match=said):
            ProgramSchema.from_json(schema)


def spec(**config: Any) -> SweepSpec:
    return SweepSpec.from_config(
        {"program": "demo.train", **config}, programs=lambda name: PROGRAM
    )


def problems(**config: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        expand(spec(**config))
    return str(caught.value)


class TestInASpec:
    def test_values_are_put_right_before_they_become_levels(self) -> None:
        made = spec(method="grid", parameters={"batch_size": {"values": ["8", 64.0]}})

        assert [t.args for t in expand(made)] == [{"batch_size": 8}, {"batch_size": 64}]
        assert "taken as the number 8" in made.warnings[0]

    def test_two_spellings_of_a_number_are_one_level(self) -> None:
        said = problems(method="grid", parameters={"batch_size": {"values": ["8", 8]}})

        assert "the level 8 stands twice" in said

    def test_misspelt_keys_are_named_wherever_they_stand(self) -> None:
        design = {
            "type": "full_factorial",
            "factors": {
                "bacth_size": {"levels": [8]},
                "bundle": {"levels": {"a": {"sav_steps": 1}}},
            },
            "replicates": {"split_sed": [0]},
        }

        said = problems(parameters={"learnig_rate": {"value": 1}}, design=design)

        assert "/parameters/learnig_rate: " in said
        assert "/design/factors/bacth_size: " in said
        assert "/design/factors/bundle/levels/a/sav_steps: " in said
        assert "/design/replicates/split_sed: " in said

    def test_an_unquoted_ratio_is_recognised(self) -> None:
        factors = {"ratio": {"baseline": 61, "levels": [61, 241]}}

        said = problems(design={"type": "one_factor_at_a_time", "factors": factors})

        assert "/design/factors/ratio/levels/0: 61: " in said
        assert "was this 4:1? quote it" in said

    def test_a_baseline_is_put_right_as_its_levels_are(self) -> None:
        factors = {"batch_size": {"baseline": "8", "levels": ["8", 64]}}

        made = spec(design={"type": "one_factor_at_a_time", "factors": factors})

        assert made.design is not None
        assert made.design.factors[0].baseline == "8"

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"min": 0.1, "max": 5.0}, "at most 1"),
            ({"distribution": "log_uniform_values", "min": 0.1, "max": 2}, "at most 1"),
            ({"distribution": "log_uniform", "min": -1, "max": 1}, "2.718"),
            ({"distribution": "inv_log_uniform", "min": -1, "max": 1}, "2.718"),
        ],
    )
    def test_limits_of_draws_are_checked(self, fields: dict[str, Any], said: str) -> None:
        config = {"method": "random", "parameters": {"learning_rate": fields}}

        assert said in problems(**config)

    def test_fractions_are_not_drawn_for_whole_numbers(self) -> None:
        parameters = {"batch_size": {"min": 8.0, "max": 64.0}}

        said = problems(method="random", parameters=parameters)

        assert "batch_size takes whole numbers" in said

    def test_whole_draws_for_whole_numbers_are_fine(self) -> None:
        parameters = {
            "batch_size": {"min": 8, "max": 64},
            "steps": {"distribution": "q_uniform", "min": 0, "max": 9, "q": 3},
            "share": {"distribution": "normal"},
            "free": {"min": 1.0, "max": 2.0},
        }

        assert spec(method="random", parameters=parameters).warnings == ()

    def test_numbers_are_not_drawn_for_words(self) -> None:
        said = problems(method="random", parameters={"model": {"min": 1, "max": 2}})

        assert "model takes string, and numbers are drawn" in said

    def test_an_impossible_training_is_refused_at_its_factor(self) -> None:
        factors = {
            "cadence": {
                "levels": {
                    "a": {"eval_steps": 20, "save_steps": 40},
                    "b": {"eval_steps": 20, "save_steps": 30},
                }
            }
        }

        said = problems(design={"type": "full_factorial", "factors": factors})

        assert said.startswith("/design/factors/cadence: save_steps must be a multiple")
        assert "(at cadence=b)" in said

    def test_an_impossible_replicate_is_refused_at_its_key(self) -> None:
        factors = {"batch_size": {"levels": [8, 16]}}
        design = {"type": "full_factorial", "factors": factors, "replicates": {"steps": [0]}}

        assert problems(design=design).startswith("/design/replicates/steps: 0 trains nothing")

    def test_an_impossible_constant_is_refused_at_its_parameter(self) -> None:
        said = problems(method="grid", parameters={"steps": {"value": 0}})

        assert said == "/parameters/steps: 0 trains nothing: steps 0 (at every trial)"

    def test_an_impossible_constant_beside_a_design_is_found_too(self) -> None:
        design = {"type": "full_factorial", "factors": {"batch_size": {"levels": [8, 16]}}}

        said = problems(design=design, parameters={"steps": {"value": 0}})

        assert said.startswith("/parameters/steps: 0 trains nothing")

    def test_a_default_that_does_not_fit_is_laid_to_the_parameters(self) -> None:
        said = problems(method="grid", parameters={"eval_steps": {"value": 150}})

        assert said.startswith("/parameters: save_steps must be a multiple")

    def test_many_impossible_trials_are_twenty_sentences(self) -> None:
        eval_steps = {"values": list(range(3, 60))}

        said = problems(method="grid", parameters={"eval_steps": eval_steps})

        assert len(said.splitlines()) == 20

    def test_without_a_common_split_there_is_no_common_hold_out(self) -> None:
        design = {
            "type": "full_factorial",
            "factors": {"batch_size": {"levels": [8, 16]}},
            "replicates": {"split_seed": [0, 1]},
            "responses": ["eval/loss", "last(holdout/loss)"],
        }

        assert problems(design=design) == (
            "/design/responses/1: split_seed varies, so the runs share no common hold-out"
        )
        assert spec(design={**design, "replicates": {"split_seed": [0]}}).design

    def test_the_program_is_kept_with_the_spec(self) -> None:
        made = spec(method="grid", parameters={"batch_size": {"value": 8}})

        assert made.program_schema is PROGRAM


class TestShipped:
    def test_our_own_program_is_shipped(self) -> None:
        program = shipped("paribus_agent.train")

        assert program is not None
        assert program.resumable
        assert "paribus_agent.train" in names()
        assert program.check({}) == ()

    def test_others_are_not(self) -> None:
        assert shipped("train.py") is None
