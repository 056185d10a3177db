"""A W&B config is understood key by key; what is not offered is refused by name."""

from typing import Any

import pytest

from paribus_sweeps.errors import InvalidSpec, NotOffered
from paribus_sweeps.spec import Metric, Retry, SweepSpec, module_command, no_programs

LR = {"lr": {"values": [1, 2]}}


def read(**more: Any) -> SweepSpec:
    return SweepSpec.from_config({"method": "grid", "parameters": LR, **more})


def refused(**more: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        read(**more)
    return str(caught.value)


class TestWords:
    def test_everything_has_its_place(self) -> None:
        made = read(
            apiVersion="1",
            kind="sweep",
            name="n",
            description="d",
            project="p",
            entity="e",
            program="train.py",
            run_cap=3,
            controller={"type": "cloud"},
        )

        assert (made.name, made.description, made.project, made.entity) == ("n", "d", "p", "e")
        assert (made.program, made.run_cap, made.method) == ("train.py", 3, "grid")

    def test_only_method_and_parameters_are_needed(self) -> None:
        made = read()

        assert (made.name, made.metric, made.command, made.run_cap) == (None, None, None, None)
        assert made.retry == Retry(failed=1, interrupted=3)
        assert made.warnings == ()

    def test_text_in_yaml_is_read_too(self) -> None:
        made = SweepSpec.from_text("method: grid\nparameters: {lr: {value: 1}}")

        assert made.parameters[0].values == (1,)

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"metod": 1}, "a sweep has no key 'metod' (did you mean 'method'?)"),
            ({"zzzz": 1}, "(keys of a sweep: apiVersion"),
            ({"name": 5}, "/name: 5: a text was expected"),
            ({"name": " "}, "a text was expected"),
            ({"kind": "report"}, "'report': sweep was expected"),
            ({"run_cap": 0}, "a whole number of at least 1"),
            ({"run_cap": True}, "true: a whole number"),
            ({"run_cap": 2.5}, "2.5: a whole number"),
            ({"controller": "local"}, "a mapping of keys was expected"),
            ({"controller": {"type": "loca"}}, "did you mean 'local'?"),
            ({"controller": {"typ": "cloud"}}, "did you mean 'type'?"),
            ({"method": "grd"}, "did you mean 'grid'?"),
            ({"method": None}, "a sweep needs a method"),
            ({"method": False}, "false: one of grid"),
            ({"parameters": {}}, "a sweep needs parameters"),
            ({"parameters": None}, "a sweep needs parameters"),
            ({"parameters": [1]}, "/parameters: [1]: a mapping of keys was expected"),
            ({"name": "x" * 100 + "\x00"}, "NUL"),
        ],
    )
    def test_slips_are_named(self, more: dict[str, Any], said: str) -> None:
        assert said in refused(**more)

    def test_long_values_are_shortened_in_sentences(self) -> None:
        assert "..." in refused(run_cap="x" * 100)


class TestNotOffered:
    @pytest.mark.parametrize(
        "more",
        [
            {"method": "bayes"},
            {"metrics": [{"name": "a"}, {"name": "b"}]},
            {"scheduler": {"engine": "wandb", "settings": {}}, "metric": {"name": "loss"}},
            {"job": "a/b:latest"},
            {"image_uri": "x"},
            {"launch": {"queue": "q"}},
        ],
    )
    def test_wishes_are_refused_by_name(self, more: dict[str, Any]) -> None:
        with pytest.raises(NotOffered) as caught:
            read(**more)
        assert all(p.code == "not_offered" for p in caught.value.problems)
        assert "not offered yet" in str(caught.value)

    def test_a_wish_beside_a_slip_is_an_invalid_spec_with_both(self) -> None:
        with pytest.raises(InvalidSpec) as caught:
            read(method="bayes", metod=1)
        assert not isinstance(caught.value, NotOffered)
        assert len(caught.value.problems) == 2


class TestMetric:
    def test_defaults_are_wandbs(self) -> None:
        assert read(metric={"name": "loss"}).metric == Metric("loss", "minimize", None, "worst")

    def test_everything_is_kept(self) -> None:
        given = {
            "name": "acc",
            "goal": "maximize",
            "target": 1,
            "impute": "best",
            "impute_while_running": "latest",
        }

        assert read(metric=given).metric == Metric("acc", "maximize", 1.0, "best", "latest")

    def test_unquoted_false_is_the_word_false(self) -> None:
        made = read(metric={"name": "x", "impute_while_running": False}).metric

        assert made is not None
        assert made.impute_while_running == "false"

    @pytest.mark.parametrize(
        ("metric", "said"),
        [
            ({}, "a metric needs a name"),
            ({"name": 3}, "3: a text was expected"),
            ({"name": "a", "goal": "minimise"}, "did you mean 'minimize'?"),
            ({"name": "a", "target": "low"}, "a number was expected"),
            ({"name": "a", "imput": "best"}, "did you mean 'impute'?"),
            ("loss", "a mapping of keys was expected"),
        ],
    )
    def test_slips_are_named(self, metric: Any, said: str) -> None:
        assert said in refused(metric=metric)


class TestRetry:
    def test_one_of_the_two_may_be_given(self) -> None:
        assert read(retry={"failed": 0}).retry == Retry(failed=0, interrupted=3)
        assert read(retry={"interrupted": 9}).retry == Retry(failed=1, interrupted=9)

    def test_slips_are_named(self) -> None:
        assert "at least 0" in refused(retry={"failed": -1})
        assert "did you mean 'failed'?" in refused(retry={"faild": 1})
        assert "a mapping of keys" in refused(retry=3)


class TestCommand:
    def test_a_module_is_run_with_m(self) -> None:
        made = read(program="paribus_agent.train")

        assert made.command == (
            "${env}",
            "${interpreter}",
            "-m",
            "paribus_agent.train",
            "${args}",
        )
        assert made.config["command"] == list(made.command)

    @pytest.mark.parametrize("program", ["train.py", "dir/train", "run.sh", "a b", "Train.PY"])
    def test_a_file_is_left_to_wandb(self, program: str) -> None:
        assert module_command(program) is None
        assert "command" not in read(program=program).config

    def test_the_files_own_command_stands(self) -> None:
        made = read(
            program="a.module", command=["python", "${program}", 3, "${args_json}", "${envvar:X}"]
        )

        assert made.command == ("python", "${program}", "3", "${args_json}", "${envvar:X}")

    @pytest.mark.parametrize(
        ("command", "said"),
        [
            ([], "command is empty"),
            ("python", "a list was expected"),
            ([["a"]], "/command/0: ['a']: a text was expected"),
            (["${arg}"], "did you mean 'args'?"),
            (["${zzzzz}"], "known: env"),
            (["${program}"], "and there is no program"),
        ],
    )
    def test_slips_are_named(self, command: Any, said: str) -> None:
        assert said in refused(command=command)


class TestDesignBesideSearch:
    DESIGN = {"type": "full_factorial", "factors": {"lr": {"levels": [1, 2]}}}

    def test_a_design_is_served_as_custom(self) -> None:
        made = SweepSpec.from_config({"design": self.DESIGN})

        assert made.method == "custom"
        assert made.config["method"] == "custom"
        assert made.parameters == ()

    def test_custom_may_be_said(self) -> None:
        assert SweepSpec.from_config({"design": self.DESIGN, "method": "custom"}).design

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"method": "grid"}, "method grid beside a design"),
            ({"parameters": {"a": {"values": [1, 2]}}}, "/parameters/a: a varies beside a design"),
            (
                {"parameters": {"n": {"parameters": {"x": {"min": 1, "max": 2}}}}},
                "/parameters/n/parameters/x: n.x varies",
            ),
            ({"design": [1]}, "a mapping of keys was expected"),
        ],
    )
    def test_what_contradicts_it_is_refused(self, more: dict[str, Any], said: str) -> None:
        with pytest.raises(InvalidSpec) as caught:
            SweepSpec.from_config({"design": self.DESIGN, **more})
        assert said in str(caught.value)

    def test_a_list_of_one_is_fixed(self) -> None:
        config = {"design": self.DESIGN, "parameters": {"a": {"values": [7]}}}

        assert SweepSpec.from_config(config).parameters[0].is_constant


def test_by_default_no_program_is_known() -> None:
    assert no_programs("paribus_agent.train") is None


def test_the_stored_config_makes_the_same_spec() -> None:
    made = read(program="a.module", metric={"name": "x"})

    assert SweepSpec.from_config(made.config) == made
