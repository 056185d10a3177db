"""Runs that no sweep made: what varied is sorted into factors, seeds and what lurks."""

import json
import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paribus_sweeps.analysis.observed import MANY_FACTORS, Observed, flat, observe
from paribus_sweeps.factors import Level


def runs(**columns: list[Any]) -> dict[str, dict[str, Any]]:
    """Configs of runs `a`, `b`, …; `...` where a run lacks the key. Dots are written `__`."""
    length = len(next(iter(columns.values())))
    return {
        chr(ord("a") + at): {
            key.replace("__", "."): cells[at]
            for key, cells in columns.items()
            if cells[at] is not ...
        }
        for at in range(length)
    }


def names(found: Observed) -> list[str]:
    return [factor.name for factor in found.factors]


class TestFactors:
    def test_the_keys_that_vary_are_factors_by_name(self) -> None:
        found = observe(runs(lr=[1, 2], batch=[8, 64], epochs=[3, 3]))

        assert names(found) == ["batch", "lr"]
        assert found.factors[0].levels == (Level("8", {"batch": 8}), Level("64", {"batch": 64}))
        assert found.settings == {
            "a": {"batch": "8", "lr": "1"},
            "b": {"batch": "64", "lr": "2"},
        }
        assert found.held == {"epochs": 3}

    def test_asked_keys_come_first_and_in_their_order(self) -> None:
        configs = runs(lr=[1, 2], batch=[8, 64], epochs=[3, 3])

        assert names(observe(configs, asked=["lr", "epochs", "lr"])) == ["lr", "epochs", "batch"]

    def test_ignored_keys_and_classes_are_left_out(self) -> None:
        configs = runs(lr=[1, 2], batch=[8, 64], eval_steps=[20, 200], epochs=[3, 3])

        found = observe(configs, asked=["lr"], ignore=["lr", "epochs", "cadence"])

        assert names(found) == ["batch"]
        assert (found.lurking, found.held, found.classes) == ((), {}, {})

    def test_a_key_that_no_run_has_is_no_factor(self) -> None:
        assert names(observe(runs(lr=[1, 2]), asked=["batch", "ports"])) == ["lr"]

    def test_numbers_are_in_order_of_value_and_texts_behind_them(self) -> None:
        found = observe(runs(batch=["x", 64, 8, True]))

        assert found.factors[0].labels == ("8", "64", "true", "x")

    def test_many_numbers_are_taken_as_numbers(self) -> None:
        found = observe(runs(lr=[1, 2, 3, 4, 5, 6], batch=[1, 2, 3, 4, 5, 5]))

        assert found.numeric == ("lr",)
        assert [factor.levels for factor in found.factors if factor.name == "lr"] == [()]
        assert found.settings["f"] == {"lr": "6", "batch": "5"}

    def test_equal_values_do_not_vary(self) -> None:
        assert names(observe(runs(a=[32, 32.0], b=[2e-5, 0.00002], c=[[1], [1.0]]))) == []

    def test_a_text_and_a_number_are_two_levels_and_a_notice_says_so(self) -> None:
        found = observe(runs(batch=[32, "32", 32.0]))

        assert [found.settings[run]["batch"] for run in "abc"] == ["number 32", "32", "number 32"]
        assert found.factors[0].labels == ("number 32", "32")
        assert found.notices == (
            "`batch` is the number 32 in some runs and the text 32 in others: they are two "
            "levels, `number 32` and `32`.",
        )

    @pytest.mark.parametrize(
        ("cells", "told"),
        [([1, 2, ...], "1 run has"), ([1, ..., ...], "2 runs have")],
    )
    def test_a_missing_key_is_a_level_of_its_own_and_a_notice_says_so(
        self, cells: list[Any], told: str
    ) -> None:
        found = observe(runs(clip=cells, lr=[1, 2, 3]))

        assert found.settings["c"]["clip"] == "<unset>"
        assert found.notices == (f"{told} no `clip`: that is a level of its own, `<unset>`.",)

    def test_lists_and_objects_are_levels(self) -> None:
        found = observe(runs(layers=[[1, 2], [1, 3]], extra=[{}, {"b": 1}]))

        assert set(found.factors[1].labels) == {"[1,2]", "[1,3]"}
        assert found.factors[0].labels == ('{"b":1}', "{}")

    def test_a_text_of_its_own_in_every_run_is_a_name(self) -> None:
        configs = runs(what=list("abcdef"), lr=[1, 2, 1, 2, 1, 2])

        found = observe(configs)

        assert names(found) == ["lr"]
        assert found.notices == (
            "`what` is another text in every run: taken for a name, and left out.",
        )
        assert names(observe(configs, asked=["what"])) == ["what", "lr"]

    def test_few_runs_can_each_have_a_text_of_their_own(self) -> None:
        assert names(observe(runs(optimizer=["adam", "sgd", "lion"]))) == ["optimizer"]

    def test_numbers_that_no_float_holds_are_names(self) -> None:
        found = observe(runs(n=[10**400 + at for at in range(6)]))

        assert found.factors[0].kind == "levels"
        assert len(found.factors[0].levels) == 6

    def test_very_many_keys_are_told(self) -> None:
        configs = runs(**{f"k{at:03}": [1, 2] for at in range(MANY_FACTORS + 1)})

        assert "51 keys vary among these runs" in observe(configs).notices[0]
        assert observe(configs, asked=["k000"]).notices == ()


class TestExecutionKeys:
    CONFIGS = runs(
        lr=[1, 2, 1, 2],
        eval_steps=[20, 20, 200, 200],
        logging_steps=[20, 20, 50, 50],
        output_dir=list("wxyz"),
        torch_version=["2.6", "2.6", "2.7", "2.7"],
    )

    def test_they_are_no_factors_and_some_of_them_lurk(self) -> None:
        found = observe(self.CONFIGS)

        assert names(found) == ["lr"]
        assert found.lurking == ("eval_steps", "logging_steps", "torch_version")
        assert found.seen["c"] == {
            "eval_steps": "200",
            "logging_steps": "50",
            "torch_version": "2.7",
        }
        assert found.classes == {
            "cadence": ("eval_steps", "logging_steps"),
            "versions": ("torch_version",),
            "paths": ("output_dir",),
        }

    def test_a_class_that_is_asked_for_is_one_factor(self) -> None:
        found = observe(self.CONFIGS, asked=["cadence"])

        assert names(found) == ["cadence", "lr"]
        assert found.factors[0].keys == ("eval_steps", "logging_steps")
        assert found.factors[0].labels == (
            "eval_steps=20 logging_steps=20",
            "eval_steps=200 logging_steps=50",
        )
        assert found.settings["c"]["cadence"] == "eval_steps=200 logging_steps=50"
        assert found.lurking == ("torch_version",)

    def test_a_key_that_is_asked_for_leaves_its_class(self) -> None:
        found = observe(self.CONFIGS, asked=["eval_steps", "cadence"])

        assert [factor.keys for factor in found.factors] == [
            ("eval_steps",),
            ("logging_steps",),
            ("lr",),
        ]

    def test_a_class_that_never_varied_is_still_answered_for(self) -> None:
        found = observe(runs(lr=[1, 2], eval_steps=[20, 20]), asked=["cadence"])

        assert found.factors[0].labels == ("eval_steps=20",)

    def test_a_bundle_says_which_of_its_keys_a_run_lacks(self) -> None:
        configs = runs(eval_steps=[20, ...], save_steps=[20, 200])

        [cadence] = observe(configs, asked=["cadence"]).factors

        assert cadence.labels == (
            "eval_steps=20 save_steps=20",
            "eval_steps=<unset> save_steps=200",
        )
        assert cadence.levels[1].values == {"save_steps": 200}

    def test_what_is_another_one_in_every_run_tells_nothing_apart(self) -> None:
        assert observe(runs(hostname=["x", "y"], lr=[1, 2])).lurking == ()

    def test_what_wandb_writes_is_no_setting(self) -> None:
        configs = runs(_wandb=[{"a": 1}, {"a": 2}], wandb_version=[1, 2], lr=[1, 2])

        assert names(observe(configs)) == ["lr"]


class TestBesideFactors:
    def test_seeds_tell_repetitions_apart(self) -> None:
        found = observe(runs(seed=[0, 1, ...], lr=[1, 1, 2]))

        assert names(found) == ["lr"]
        assert found.replicates == {"a": {"seed": 0}, "b": {"seed": 1}, "c": {}}

    def test_a_seed_that_is_asked_about_is_a_factor(self) -> None:
        found = observe(runs(seed=[0, 1], lr=[1, 2]), asked=["seed"])

        assert names(found) == ["seed", "lr"]
        assert found.replicates == {"a": {}, "b": {}}

    def test_a_seed_that_chooses_data_is_a_setting(self) -> None:
        assert names(observe(runs(split_seed=[0, 1]))) == ["split_seed"]

    def test_what_runs_recorded_of_themselves_moves_along(self) -> None:
        found = observe(
            runs(planned__steps=[100, 200], attempts=[1, None], weights__name=["x", "y"])
        )

        assert names(found) == []
        assert found.along == {
            "a": {"planned.steps": 100.0, "attempts": 1.0, "weights.name": "x"},
            "b": {"planned.steps": 200.0, "weights.name": "y"},
        }

    def test_what_was_held_can_be_written_as_json(self) -> None:
        found = observe(runs(lr=[1, 2], clip=[math.inf] * 2, decay=[math.nan] * 2, tags=[[1]] * 2))

        assert json.loads(json.dumps(found.held, allow_nan=False)) == {
            "clip": "inf",
            "decay": "nan",
        }

    def test_no_runs_are_no_factors(self) -> None:
        found = observe({})

        assert (found.factors, found.settings, found.held) == ((), {}, {})

    def test_one_run_varies_in_nothing(self) -> None:
        assert names(observe(runs(lr=[1], batch=[8]))) == []


class TestOrder:
    @given(st.permutations(range(6)))
    @settings(max_examples=20, deadline=None)
    def test_the_order_of_runs_and_keys_does_not_matter(self, order: list[int]) -> None:
        configs = runs(
            batch=[8, "8", 64, 8, 64, ...],
            lr=[1, 2, 3, 4, 5, 6],
            eval_steps=[20, 20, 200, 20, 200, 200],
            epochs=[3] * 6,
        )
        ids = list(configs)
        shuffled = {ids[at]: dict(reversed(configs[ids[at]].items())) for at in order}

        assert observe(shuffled) == observe(configs)

    def test_relabelling_runs_relabels_the_answer_alone(self) -> None:
        configs = runs(batch=[8, 64, 8], lr=[1, 2, 2])
        other = {f"run {name}": config for name, config in configs.items()}

        assert observe(other).factors == observe(configs).factors


class TestFlat:
    def test_nested_configs_get_dotted_keys(self) -> None:
        assert flat({"a": {"b": {"c": 1}, "d": [1]}, "e": {}}) == {"a.b.c": 1, "a.d": [1], "e": {}}


def test_a_hundred_keys_of_a_thousand_runs_are_sorted_out() -> None:
    draw = random.Random(0)
    configs = {
        f"r{run:04}": {f"k{key:03}": draw.randrange(3) for key in range(100)}
        for run in range(1000)
    }

    assert len(observe(configs).factors) == 100
