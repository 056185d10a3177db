"""`early_terminate` is taken, filled in and refused as W&B's engine does (wandb/sweeps 0.3.0)."""

from typing import Any

import pytest

from paribus_sweeps.errors import InvalidSpec, NotOffered
from paribus_sweeps.spec import EarlyTerminate, SweepSpec
from paribus_sweeps.spec.early_terminate import early_terminate_of

METRIC = {"name": "loss", "goal": "minimize"}
DESIGN = {"type": "full_factorial", "factors": {"lr": {"levels": [1, 2]}}}


def read(metric: Any = METRIC, **early_terminate: Any) -> SweepSpec:
    config: dict[str, Any] = {
        "method": "grid",
        "parameters": {"lr": {"values": [1, 2]}},
        "early_terminate": {"type": "hyperband", **early_terminate},
    }
    return SweepSpec.from_config(config if metric is None else {**config, "metric": metric})


def refused(**given: Any) -> str:
    with pytest.raises(InvalidSpec) as caught:
        read(**given)
    assert not isinstance(caught.value, NotOffered)
    return str(caught.value)


class TestTaken:
    def test_what_is_left_out_is_filled_in_as_wandbs_engine_does(self) -> None:
        made = read(min_iter=3).early_terminate

        assert made == EarlyTerminate(min_iter=3, max_iter=None, s=None, eta=3.0, strict=True)

    def test_everything_is_kept(self) -> None:
        made = read(max_iter=27, s=2, eta=2.5, strict=False).early_terminate

        assert made == EarlyTerminate(max_iter=27, s=2, eta=2.5, strict=False)

    def test_a_whole_number_with_a_point_is_one_as_in_wandbs_schema(self) -> None:
        made = read(min_iter=4.0, eta=2).early_terminate

        assert made == EarlyTerminate(min_iter=4, eta=2.0)

    def test_the_config_that_clients_read_stays_as_it_was_given(self) -> None:
        assert read(min_iter=3).config["early_terminate"] == {"type": "hyperband", "min_iter": 3}

    @pytest.mark.parametrize(
        "given",
        [
            {"min_iter": 3},
            {"max_iter": 27, "s": 2, "eta": 2.5, "strict": False},
            {"min_iter": 4.0},
        ],
    )
    def test_a_stored_config_says_the_same(self, given: dict[str, Any]) -> None:
        made = read(**given)

        assert early_terminate_of(made.config) == made.early_terminate

    @pytest.mark.parametrize("more", [{}, {"early_terminate": None}])
    def test_without_it_nothing_is_stopped(self, more: dict[str, Any]) -> None:
        config = {"method": "grid", "parameters": {"lr": {"values": [1]}}, **more}

        assert SweepSpec.from_config(config).early_terminate is None


class TestBands:
    def test_min_iter_goes_up_by_eta(self) -> None:
        # 3, 3 x 3, 9 x 3 …
        assert EarlyTerminate(min_iter=3).bands[:4] == (3, 9, 27, 81)

    def test_max_iter_goes_down_by_eta_and_s_says_how_often(self) -> None:
        # 27 / 3, 9 / 3
        assert EarlyTerminate(max_iter=27, s=2).bands == (3, 9)

    def test_bands_below_one_value_are_none(self) -> None:
        # 5 / 2 = 2.5 → 2; 1.25 → 1; 0.625 is below 1
        assert EarlyTerminate(max_iter=5, s=9, eta=2).bands == (1, 2)

    def test_there_are_a_hundred_from_min_iter_on_as_many_as_a_run_can_reach(self) -> None:
        # 1.1^99 = 12,527.8; the first ones are equal: 1, 1.1, 1.21 … are all 1
        slow, fast = EarlyTerminate(min_iter=1, eta=1.1).bands, EarlyTerminate(1, eta=1e9).bands

        assert (slow[:3], slow[-1]) == ((1, 2, 3), 12_527)
        assert fast == (1, 1_000_000_000)

    def test_without_min_iter_and_max_iter_there_is_none(self) -> None:
        assert EarlyTerminate().bands == EarlyTerminate(max_iter=9).bands == ()


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({}, "/early_terminate/min_iter: hyperband needs min_iter, or max_iter with s"),
            ({"max_iter": 27}, "/early_terminate/s: max_iter needs s"),
            ({"max_iter": 27, "min_iter": 3}, "/early_terminate/s: max_iter needs s"),
            ({"max_iter": 2, "s": 3}, "/early_terminate/max_iter: 2 divided by eta 3 is below 1"),
            ({"max_iter": 27, "s": 0}, "/early_terminate/s: 0: a whole number of at least 1"),
            ({"max_iter": 27, "s": 2.5}, "/early_terminate/s: 2.5: a whole number"),
            ({"max_iter": -5, "s": 2}, "/early_terminate/max_iter: -5: a whole number"),
            ({"min_iter": 0}, "/early_terminate/min_iter: 0: a whole number of at least 1"),
            ({"min_iter": 0.0}, "/early_terminate/min_iter: 0.0: a whole number"),
            ({"min_iter": 2.5}, "/early_terminate/min_iter: 2.5: a whole number"),
            ({"min_iter": "3"}, "/early_terminate/min_iter: '3': a whole number"),
            ({"min_iter": True}, "/early_terminate/min_iter: true: a whole number"),
            ({"min_iter": 3, "eta": 1}, "/early_terminate/eta: 1: a number above 1"),
            ({"min_iter": 3, "eta": "3"}, "/early_terminate/eta: '3': a number above 1"),
            ({"min_iter": 3, "strict": "yes"}, "/early_terminate/strict: 'yes': true or false"),
            ({"min_iter": 3, "type": "hyperban"}, "did you mean 'hyperband'?"),
            ({"min_iter": 3, "type": None}, "/early_terminate/type: early_terminate needs a type"),
            ({"min_itr": 3}, "/early_terminate/min_itr: there is no key of early_terminate"),
            ({"min_itr": 3}, "did you mean 'min_iter'?"),
            ({"min_iter": 3, "metric": None}, "/metric: early_terminate compares runs by"),
            ({"min_iter": 3, "metric": "loss"}, "/metric: 'loss': a mapping of keys"),
        ],
    )
    def test_each_slip_is_named_with_what_was_expected(
        self, given: dict[str, Any], said: str
    ) -> None:
        assert said in refused(**given)

    def test_what_is_no_mapping_is_refused(self) -> None:
        config = {"method": "grid", "metric": METRIC, "parameters": {"lr": {"values": [1]}}}

        with pytest.raises(InvalidSpec, match="a mapping of keys was expected"):
            SweepSpec.from_config({**config, "early_terminate": "hyperband"})

    def test_every_slip_is_named_at_once(self) -> None:
        said = refused(min_iter=0, eta=1, strict=1)

        assert said.count("/early_terminate/") == 3


class TestWarnings:
    def test_a_config_that_says_everything_is_taken_without_a_word(self) -> None:
        assert read(min_iter=3, strict=True).warnings == ()

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ({"min_iter": 3}, "/early_terminate/strict: left out, so true"),
            ({"max_iter": 27, "s": 2, "min_iter": 3, "strict": True}, "/early_terminate/min_iter"),
            ({"min_iter": 3, "s": 2, "strict": True}, "/early_terminate/s: it counts bands"),
            (
                {"min_iter": 3, "strict": True, "metric": {"name": "accuracy"}},
                "/metric/goal: left out, so minimize",
            ),
        ],
    )
    def test_what_is_filled_in_or_not_used_is_said(self, given: dict[str, Any], said: str) -> None:
        [warning] = read(**given).warnings

        assert warning.startswith(said)

    def test_beside_a_design_it_says_that_runs_are_missing_not_at_random(self) -> None:
        made = SweepSpec.from_config(
            {
                "metric": METRIC,
                "design": DESIGN,
                "early_terminate": {"type": "hyperband", "min_iter": 3, "strict": True},
            }
        )

        [warning] = made.warnings
        assert warning.startswith("/early_terminate: ")
        assert "missing not at random" in warning
