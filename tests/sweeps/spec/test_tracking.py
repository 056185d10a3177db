"""Where a sweep's runs report: said by the sweep itself, or left to the service."""

from typing import Any

import pytest

from paribus_sweeps.design.grids import count
from paribus_sweeps.design.search_space import factors_of
from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec import SweepSpec

PARAMETERS = {"lr": {"min": 0.0, "max": 1.0}, "batch": {"values": [8, 64]}}


def spec(**more: Any) -> SweepSpec:
    return SweepSpec.from_config({"method": "random", "parameters": PARAMETERS, **more})


class TestTracking:
    def test_a_sweep_that_says_nothing_leaves_it_open(self) -> None:
        assert spec().tracking is None

    @pytest.mark.parametrize("place", ["embedded", "upstream"])
    def test_it_can_be_said(self, place: str) -> None:
        assert spec(tracking=place).tracking == place

    def test_another_word_is_refused_with_the_nearest(self) -> None:
        with pytest.raises(InvalidSpec, match="upstream"):
            spec(tracking="upstrem")


class TestBayes:
    def test_it_is_taken_where_a_wandb_server_searches(self) -> None:
        found = spec(method="bayes", tracking="upstream", run_cap=5)

        assert found.is_search
        assert [factor.name for factor in factors_of(found)] == ["lr", "batch"]
        assert count(found) == 5

    def test_it_is_refused_where_this_service_would(self) -> None:
        with pytest.raises(InvalidSpec, match="tracking: upstream"):
            spec(method="bayes", tracking="embedded")
