"""Parameters as W&B's engine understands them, and what it would choke on."""

from typing import Any

import pytest

from paribus_sweeps.errors import InvalidSpec, Problem
from paribus_sweeps.spec import Parameter, SweepSpec
from paribus_sweeps.spec.parameters import DISTRIBUTIONS


def spec(method: str = "random", **parameters: Any) -> SweepSpec:
    return SweepSpec.from_config({"method": method, "parameters": parameters})


def one(**fields: Any) -> Parameter:
    return spec(p=fields).parameters[0]


def problem(method: str = "random", **fields: Any) -> Problem:
    with pytest.raises(InvalidSpec) as caught:
        spec(method, p=fields)
    (found,) = caught.value.problems
    return found


class TestWhatIsMeant:
    """As wandb/sweeps 0.3.0 picks a schema where no distribution is named."""

    def test_there_are_18_distributions(self) -> None:
        assert len(DISTRIBUTIONS) == 18

    @pytest.mark.parametrize(
        ("fields", "distribution"),
        [
            ({"value": 1}, "constant"),
            ({"value": None}, "constant"),
            ({"values": [1, 2]}, "categorical"),
            ({"values": [1, 2], "probabilities": [0.5, 0.5]}, "categorical_w_probabilities"),
            ({"min": 1, "max": 3}, "int_uniform"),
            ({"min": 1.0, "max": 3}, "uniform"),
            ({"min": 0.1, "max": 0.3}, "uniform"),
            ({"min": 1, "max": 3, "distribution": "uniform"}, "uniform"),
        ],
    )
    def test_fields_say_which_distribution(
        self, fields: dict[str, Any], distribution: str
    ) -> None:
        assert one(**fields).distribution == distribution

    def test_defaults_are_wandbs(self) -> None:
        # schema.json: mu 0, sigma 1, q 1.0, a 1, b 1
        assert one(distribution="q_normal").numbers == {"mu": 0.0, "sigma": 1.0, "q": 1.0}
        assert one(distribution="q_beta").numbers == {"a": 1, "b": 1, "q": 1.0}

    def test_a_step_keeps_whether_it_is_whole(self) -> None:
        whole = one(distribution="q_uniform", min=0, max=1, q=1).numbers["q"]
        fraction = one(distribution="q_uniform", min=0, max=1).numbers["q"]

        assert (type(whole), type(fraction)) == (int, float)

    def test_nested_parameters_have_paths(self) -> None:
        nested = {"parameters": {"lr": {"value": 1}, "deep": {"parameters": {"x": {"value": 2}}}}}

        parameters = spec(optimizer=nested, batch={"value": 8}).parameters

        assert [p.path for p in parameters] == [
            ("optimizer", "lr"),
            ("optimizer", "deep", "x"),
            ("batch",),
        ]
        assert parameters[1].key == "optimizer.deep.x"


class TestRefusals:
    @pytest.mark.parametrize(
        ("fields", "pointer", "said"),
        [
            ({}, "", "nothing given"),
            ({"min": 1}, "", "min given"),
            ({"min": 1, "max": 3, "q": 1}, "", "add distribution: q_uniform"),
            ({"mu": 1}, "", "add distribution: normal"),
            ({"b": 1, "a": 2}, "", "add distribution: beta"),
            ({"vlaues": [1]}, "/vlaues", "did you mean 'values'?"),
            ({"distribution": "unifrom"}, "/distribution", "did you mean 'uniform'?"),
            ({"distribution": None}, "/distribution", "null names no distribution"),
            ({"distribution": 3}, "/distribution", "one of constant"),
            ({"distribution": "uniform", "min": 0}, "", "uniform needs max"),
            ({"value": 1, "values": [1]}, "/value", "categorical takes no 'value'"),
            ({"distribution": "normal", "mux": 0}, "/mux", "did you mean 'mu'?"),
            ({"values": []}, "/values", "values is empty"),
            ({"values": None}, "/values", "values is empty"),
            ({"values": 3}, "/values", "a list was expected"),
            ({"min": 3, "max": 3}, "/min", "min 3 is not less than max 3"),
            ({"min": 3.0, "max": 1.0}, "/min", "not less"),
            ({"min": "a", "max": 3}, "/min", "a number was expected"),
            ({"min": True, "max": 3}, "/min", "true: a number was expected"),
            ({"distribution": "int_uniform", "min": 1.0, "max": 3}, "/min", "whole numbers"),
            ({"distribution": "int_uniform", "min": 1, "max": 3.5}, "/max", "whole numbers"),
            ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "/min", "above 0"),
            ({"distribution": "inv_log_uniform_values", "min": -1, "max": 1}, "/min", "above 0"),
            ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "/q", "above 0"),
            ({"distribution": "normal", "sigma": 0}, "/sigma", "above 0"),
            ({"distribution": "beta", "a": 0}, "/a", "above 0"),
            ({"distribution": "log_uniform", "min": 1, "max": 1000}, "", "base-e exponents"),
            ({"distribution": "log_normal", "mu": 600, "sigma": 100}, "", "no float can hold"),
            (
                {"values": [1, 2], "probabilities": [0.5]},
                "/probabilities",
                "1 probabilities for 2",
            ),
            ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "/probabilities", "sum to 1.1"),
            ({"values": [1, 2], "probabilities": [1.5, -0.5]}, "/probabilities", "at least 0"),
            ({"values": [1], "probabilities": ["x"]}, "/probabilities/0", "a number"),
            ({"parameters": {}}, "/parameters", "nested parameters are empty"),
        ],
    )
    def test_a_slip_is_named_with_its_place(
        self, fields: dict[str, Any], pointer: str, said: str
    ) -> None:
        found = problem(**fields)

        assert found.pointer == f"/parameters/p{pointer}"
        assert said in str(found)

    @pytest.mark.parametrize(
        ("name", "entry", "said"),
        [
            ("lr", 0.1, "write lr: {value: 0.1}"),
            ("lr", [1, 2], "write lr: {values: [1, 2]}"),
            ("1lr", {"value": 1}, "parameter names start with a letter"),
            ("n", {"parameters": {"x": {"value": 1}}, "value": 2}, "no key of nested parameters"),
            ("n", {"parameters": 3}, "a mapping of keys was expected"),
        ],
    )
    def test_a_parameter_is_a_mapping_with_a_name(self, name: str, entry: Any, said: str) -> None:
        with pytest.raises(InvalidSpec, match=r".") as caught:
            spec(**{name: entry})
        assert said in str(caught.value)

    def test_every_problem_is_reported_and_not_only_the_first(self) -> None:
        with pytest.raises(InvalidSpec) as caught:
            spec(a={"min": 2, "max": 1}, b=3, c={"values": []})
        assert [p.pointer for p in caught.value.problems] == [
            "/parameters/a/min",
            "/parameters/b",
            "/parameters/c/values",
        ]

    def test_a_dotted_name_and_a_nested_one_may_not_collide(self) -> None:
        with pytest.raises(InvalidSpec, match=r"a\.b stands twice"):
            spec(**{"a.b": {"value": 1}, "a": {"parameters": {"b": {"value": 2}}}})


class TestWarnings:
    def test_a_number_as_text_is_taken_where_the_format_wants_one(self) -> None:
        # unquoted 1e-5 in YAML 1.1
        made = spec(lr={"distribution": "log_uniform_values", "min": "1e-5", "max": "1e-3"})

        assert made.parameters[0].numbers == {"min": 1e-5, "max": 1e-3}
        assert "/parameters/lr/min: '1e-5' is text in YAML 1.1" in made.warnings[0]

    def test_a_number_as_text_stays_text_where_nobody_says_number(self) -> None:
        made = spec(lr={"value": "2e-5"})

        assert made.parameters[0].values == ("2e-5",)
        assert "write 2.0e-5" in made.warnings[0]

    def test_base_e_exponents_are_pointed_out(self) -> None:
        made = spec(lr={"distribution": "log_uniform", "min": -10, "max": -5})

        assert "log_uniform_values takes the limits themselves" in made.warnings[0]


class TestGrids:
    @pytest.mark.parametrize(
        "fields",
        [
            {"value": 1},
            {"values": [1, 2]},
            {"min": 1, "max": 3},
            {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.5},
        ],
    )
    def test_what_can_be_counted_is_taken(self, fields: dict[str, Any]) -> None:
        assert spec("grid", p=fields).method == "grid"

    def test_a_continuous_range_is_refused(self) -> None:
        found = problem("grid", min=0.1, max=0.2)

        assert "a grid cannot take a uniform parameter" in found.message

    def test_probabilities_are_refused(self) -> None:
        found = problem("grid", values=[1, 2], probabilities=[0.5, 0.5])

        assert found.code == "not_a_grid"

    def test_a_value_twice_is_refused(self) -> None:
        found = problem("grid", values=[32, 64, 32.0])

        assert (found.pointer, found.message) == (
            "/parameters/p/values/2",
            "the level 32 stands twice",
        )

    def test_a_nested_value_twice_names_its_place(self) -> None:
        with pytest.raises(InvalidSpec) as caught:
            spec("grid", n={"parameters": {"x": {"values": [1, 1]}}})
        assert caught.value.problems[0].pointer == "/parameters/n/parameters/x/values/1"
