"""Sweeps that a client drives: which configs mean that, and what is refused of them."""

from typing import Any

import pytest

from paribus_sweeps.design.grids import count, draws, expand
from paribus_sweeps.design.search_space import factors_of
from paribus_sweeps.errors import EndlessSearch, InvalidSpec, NotOffered
from paribus_sweeps.spec import SweepSpec, client_stops_runs, driver_of

PARAMETERS = {"lr": {"min": 0.0, "max": 1.0}, "opt": {"values": ["sgd", "adam"]}}
LOCAL = {"controller": {"type": "local"}}
OPTUNA = {"scheduler": {"engine": "optuna"}, "metric": {"name": "loss"}}


def driven(**more: Any) -> SweepSpec:
    return SweepSpec.from_config({"method": "random", "parameters": PARAMETERS, **more})


def refused(**more: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        driven(**more)
    return str(caught.value)


class TestDriver:
    @pytest.mark.parametrize(
        ("more", "driver"),
        [
            ({}, None),
            ({"controller": {"type": "cloud"}}, None),
            ({"method": "custom"}, "client"),
            ({"method": "custom", "controller": {"type": "cloud"}}, "client"),
            (LOCAL, "controller"),
            ({"method": "custom", **LOCAL}, "controller"),
            ({"method": "bayes", **LOCAL}, "controller"),
            (OPTUNA, "scheduler"),
            ({"method": None, **OPTUNA}, "scheduler"),
        ],
    )
    def test_what_a_config_says_of_who_searches(
        self, more: dict[str, Any], driver: str | None
    ) -> None:
        spec = driven(**more)

        assert spec.driver == driver
        assert driver_of(spec.config) == driver  # what is stored says the same

    def test_a_design_is_the_services_own_though_its_method_is_custom(self) -> None:
        design = {"type": "full_factorial", "factors": {"lr": {"levels": [1, 2]}}}

        spec = SweepSpec.from_config({"method": "custom", "design": design})

        assert (spec.driver, spec.is_search) == (None, False)

    def test_a_search_may_have_any_method(self) -> None:
        assert driven(method="bayes", **LOCAL).method == "bayes"
        assert driven(method=None, **OPTUNA).method == "custom"

    @pytest.mark.parametrize("more", [{"method": "custom"}, OPTUNA])
    def test_where_runs_are_enqueued_no_parameters_need_be_declared(
        self, more: dict[str, Any]
    ) -> None:
        spec = SweepSpec.from_config({"method": "random", **more})

        assert spec.parameters == factors_of(spec) == ()


class TestTrialsOfADrivenSweep:
    def test_nobody_knows_them_beforehand_and_the_cap_is_all_that_is_known(self) -> None:
        grid = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}, **LOCAL}
        spec = SweepSpec.from_config({**grid, "run_cap": 7})

        assert spec.is_search
        assert count(spec) == 7
        assert count(SweepSpec.from_config(grid)) is None
        with pytest.raises(EndlessSearch, match="driven by a client"):
            draws(spec, 0)
        with pytest.raises(EndlessSearch):
            expand(spec)

    def test_factors_are_what_is_declared_and_not_constant(self) -> None:
        factors = factors_of(driven(parameters={**PARAMETERS, "n": {"value": 3}}, **LOCAL))

        assert [(factor.name, factor.kind) for factor in factors] == [
            ("lr", "continuous"),
            ("opt", "levels"),
        ]

    def test_a_grids_ranges_may_be_long_since_nobody_here_counts_them_out(self) -> None:
        spec = driven(method="grid", parameters={"n": {"min": 1, "max": 10**6}}, **LOCAL)

        assert [factor.kind for factor in factors_of(spec)] == ["continuous"]


class TestSlips:
    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({**LOCAL, **OPTUNA}, "two clients would drive one sweep"),
            ({"design": {"type": "oops"}, **LOCAL}, "controller beside a design"),
            ({"design": {"type": "oops"}, **OPTUNA}, "scheduler beside a design"),
            ({**OPTUNA, "metric": None}, "/metric: wandb sweep-scheduler needs the metric"),
            ({"scheduler": {}}, "/scheduler/engine: a scheduler needs an engine"),
            ({"scheduler": {"engine": "optunna"}}, "did you mean 'optuna'?"),
            ({"scheduler": {"engine": 3}}, "3: one of wandb, optuna, ax was expected"),
            ({"scheduler": {"engine": "ax", "optimiser": "f"}}, "did you mean 'optimizer'?"),
            ({"scheduler": {"engine": "ax", "zz": 1}}, "known: engine, optimizer"),
            ({"scheduler": "optuna"}, "a mapping of keys was expected"),
            ({"method": None, **LOCAL}, "a sweep needs a method"),
            ({"parameters": {}, **LOCAL}, "searches over parameters, and there are none"),
            (
                {"method": "grid", "parameters": {"x": {"min": 0.0, "max": 1.0}}, **LOCAL},
                "a grid cannot take",
            ),
        ],
    )
    def test_they_are_named(self, more: dict[str, Any], said: str) -> None:
        assert said in refused(**more)

    def test_launchs_schedulers_are_not_offered(self) -> None:
        with pytest.raises(NotOffered, match="settings is not offered yet: W&B Launch"):
            driven(**OPTUNA | {"scheduler": {"engine": "wandb", "settings": {"method": "grid"}}})


class TestEarlyTermination:
    def test_whose_decision_it_is(self) -> None:
        assert [client_stops_runs(more) for more in (LOCAL, OPTUNA, {"method": "custom"}, {})] == [
            True,
            True,
            False,
            False,
        ]

    def test_a_clients_own_rule_is_taken_where_the_client_decides(self) -> None:
        custom = {"early_terminate": {"type": "custom"}, "metric": {"name": "loss"}}

        assert driven(**LOCAL, **custom).early_terminate is None
        assert "one of hyperband was expected" in refused(method="custom", **custom)

    def test_hyperband_is_read_as_ever(self) -> None:
        rule = {"type": "hyperband", "min_iter": 3}

        spec = driven(**LOCAL, early_terminate=rule, metric={"name": "loss"})

        assert spec.early_terminate is not None
        assert spec.early_terminate.min_iter == 3
