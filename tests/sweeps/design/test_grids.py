"""Expansion: the exact trials, counted before they are built."""

import itertools
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paribus_sweeps.design.grids import count, drawn_trial, draws, expand
from paribus_sweeps.errors import EndlessSearch, InvalidSpec, TooManyTrials
from paribus_sweeps.spec import SweepSpec

BATCH = {"baseline": 8, "levels": [8, 64]}
RATIO = {"baseline": "1:1", "levels": ["1:1", "4:1", "9:1"]}
CADENCE = {
    "baseline": "coarse",
    "levels": {"coarse": {"eval_steps": 200}, "fine": {"eval_steps": 20}},
}


def designed(type: str = "full_factorial", **more: Any) -> SweepSpec:
    config = {key: more.pop(key) for key in ("parameters", "run_cap") if key in more}
    design = {"type": type, "factors": {"batch": BATCH, "ratio": RATIO}, **more}
    return SweepSpec.from_config({"design": design, **config})


def grid(**parameters: Any) -> SweepSpec:
    return SweepSpec.from_config({"method": "grid", "parameters": parameters})


def labels(spec: SweepSpec) -> list[tuple[str, ...]]:
    return [tuple(trial.setting.values()) for trial in expand(spec)]


class TestFullFactorial:
    def test_every_combination_stands_once_the_last_factor_fastest(self) -> None:
        assert labels(designed()) == list(itertools.product(["8", "64"], ["1:1", "4:1", "9:1"]))

    def test_trials_carry_all_that_the_agent_needs(self) -> None:
        spec = designed(replicates={"seed": [5]}, parameters={"lr": {"value": 0.1}})

        trial = expand(spec)[4]

        assert trial.number == 4
        assert trial.setting == {"batch": "64", "ratio": "4:1"}
        assert trial.replicate == {"seed": 5}
        assert trial.args == {"lr": 0.1, "batch": 64, "ratio": "4:1", "seed": 5}

    def test_replicate_by_replicate_so_that_half_a_sweep_is_balanced(self) -> None:
        trials = expand(designed(replicates={"seed": [0, 1]}))

        assert [t.replicate["seed"] for t in trials] == [0] * 6 + [1] * 6
        assert [t.setting for t in trials[:6]] == [t.setting for t in trials[6:]]

    def test_several_replicate_keys_are_crossed(self) -> None:
        trials = expand(designed(replicates={"seed": [0, 1], "fold": ["a", "b"]}))

        assert len(trials) == 24
        assert trials[6].replicate == {"seed": 0, "fold": "b"}

    def test_a_bundle_moves_its_keys_together(self) -> None:
        trials = expand(designed(factors={"cadence": CADENCE, "batch": BATCH}))

        assert [t.args for t in trials[:3]] == [
            {"eval_steps": 200, "batch": 8},
            {"eval_steps": 200, "batch": 64},
            {"eval_steps": 20, "batch": 8},
        ]


class TestOneFactorAtATime:
    def test_the_baseline_and_each_single_change(self) -> None:
        assert labels(designed("one_factor_at_a_time")) == [
            ("8", "1:1"),
            ("64", "1:1"),
            ("8", "4:1"),
            ("8", "9:1"),
        ]

    def test_the_baseline_need_not_be_the_first_level(self) -> None:
        factors = {"batch": {"baseline": 64, "levels": [8, 64]}}

        assert labels(designed("one_factor_at_a_time", factors=factors)) == [("64",), ("8",)]


class TestSettings:
    def test_settings_are_run_as_listed(self) -> None:
        spec = designed("settings", settings=[{"ratio": "9:1"}, {"batch": 64}])

        assert labels(spec) == [("8", "9:1"), ("64", "1:1")]


class TestForbid:
    def test_a_forbidden_combination_is_left_out(self) -> None:
        spec = designed(forbid=[{"batch": 64, "ratio": ["4:1", "9:1"]}])

        assert labels(spec) == [("8", "1:1"), ("8", "4:1"), ("8", "9:1"), ("64", "1:1")]
        assert [t.number for t in expand(spec)] == [0, 1, 2, 3]

    def test_one_that_leaves_nothing_is_refused(self) -> None:
        with pytest.raises(InvalidSpec, match="/design/forbid: forbid leaves no setting to run"):
            expand(designed(forbid=[{"batch": [8, 64]}]))


class TestGrid:
    def test_a_grid_is_expanded_in_declared_order(self) -> None:
        spec = grid(b={"values": ["x", "y"]}, a={"min": 1, "max": 2}, c={"value": 0})

        assert [t.args for t in expand(spec)] == [
            {"c": 0, "b": "x", "a": 1},
            {"c": 0, "b": "x", "a": 2},
            {"c": 0, "b": "y", "a": 1},
            {"c": 0, "b": "y", "a": 2},
        ]
        assert expand(spec)[0].replicate == {}

    def test_without_anything_to_vary_there_is_one_trial(self) -> None:
        (trial,) = expand(grid(a={"value": 1}))

        assert (trial.setting, trial.args) == ({}, {"a": 1})

    def test_nested_parameters_come_nested(self) -> None:
        nested = {"parameters": {"lr": {"values": [1, 2]}, "name": {"value": "adam"}}}

        trials = expand(grid(optimizer=nested, batch={"value": 8}))

        assert trials[1].args == {"optimizer": {"name": "adam", "lr": 2}, "batch": 8}
        assert trials[1].setting == {"optimizer.lr": "2"}


class TestDottedKeys:
    def test_a_dotted_factor_is_one_flat_key_as_under_wandb(self) -> None:
        spec = designed(factors={"model.lr": {"levels": [1]}})

        assert expand(spec)[0].args == {"model.lr": 1}

    def test_it_joins_nested_parameters_of_its_first_word(self) -> None:
        nested = {"optimizer": {"parameters": {"name": {"value": "adam"}}}}
        spec = designed(factors={"optimizer.lr": {"levels": [1]}}, parameters=nested)

        assert expand(spec)[0].args == {"optimizer": {"name": "adam", "lr": 1}}


class TestLimits:
    def test_a_million_trials_are_refused_with_the_number_and_not_built(self) -> None:
        thousand = {"min": 1, "max": 1000}
        started = time.process_time()

        with pytest.raises(TooManyTrials) as caught:
            expand(grid(a=thousand, b=thousand))

        assert caught.value.count == 1_000_000
        assert "1,000,000 trials; the limit is 10,000" in str(caught.value)
        assert time.process_time() - started < 1

    def test_a_range_without_end_is_counted_by_arithmetic(self) -> None:
        with pytest.raises(TooManyTrials) as caught:
            expand(grid(a={"min": 0, "max": 2**62}))

        assert caught.value.count == 2**62 + 1

    def test_seeds_count(self) -> None:
        spec = designed(replicates={"seed": list(range(10))})

        with pytest.raises(TooManyTrials, match="60 trials; the limit is 59"):
            expand(spec, limit=59)
        assert len(expand(spec, limit=60)) == 60

    def test_the_limit_may_come_with_the_spec(self) -> None:
        config = {"method": "grid", "parameters": {"a": {"values": [1, 2, 3]}}}

        with pytest.raises(TooManyTrials):
            expand(SweepSpec.from_config(config, max_trials=2))

    def test_a_million_settings_are_not_looked_through_for_forbidden_ones(self) -> None:
        factors = {name: {"levels": list(range(20))} for name in "abcdef"}

        with pytest.raises(TooManyTrials) as caught:
            count(designed(factors=factors, forbid=[{"a": 1}]))

        assert caught.value.count == 20**6

    def test_a_run_cap_cuts_the_list(self) -> None:
        spec = designed(replicates={"seed": [0, 1]}, run_cap=7)

        assert count(spec) == len(expand(spec)) == 7
        assert [t.replicate["seed"] for t in expand(spec)] == [0] * 6 + [1]

    def test_a_run_cap_makes_a_large_grid_small(self) -> None:
        spec = SweepSpec.from_config(
            {
                "method": "grid",
                "run_cap": 3,
                "parameters": {name: {"min": 1, "max": 1000} for name in "abc"},
            }
        )

        assert [t.args["c"] for t in expand(spec)] == [1, 2, 3]

    def test_a_run_cap_does_not_make_a_range_without_end_small(self) -> None:
        config = {"method": "grid", "run_cap": 3, "parameters": {"a": {"min": 0, "max": 2**62}}}

        with pytest.raises(InvalidSpec, match="/parameters/a: .* more than 10,000 values"):
            expand(SweepSpec.from_config(config))

    def test_a_number_that_no_line_could_show_is_refused_in_short(self) -> None:
        factors = {f"f{i}": {"levels": list(range(10))} for i in range(5000)}

        with pytest.raises(TooManyTrials, match=r"has about 10\^5000 trials"):
            expand(
                SweepSpec.from_config({"design": {"type": "full_factorial", "factors": factors}})
            )

    def test_a_step_that_is_nothing_beside_its_range_is_counted(self) -> None:
        steps = {"distribution": "q_uniform", "min": 0, "max": 1e10, "q": 1e-300}

        with pytest.raises(TooManyTrials) as caught:
            expand(grid(a=steps))

        assert caught.value.count > 10**309

    def test_many_trials_of_many_values_are_refused_and_not_built(self) -> None:
        factors = {f"f{i}": {"baseline": 0, "levels": [0, 1, 2, 3]} for i in range(3000)}
        design = {"type": "one_factor_at_a_time", "factors": factors}
        started = time.process_time()

        with pytest.raises(InvalidSpec, match=r"/design: .* MB of values .* the limit is 100 MB"):
            expand(SweepSpec.from_config({"design": design}))

        assert time.process_time() - started < 2

    def test_one_large_value_counts_once_for_each_trial(self) -> None:
        large = {"value": "x" * 900_000}

        with pytest.raises(InvalidSpec, match=r"900 MB of values \(1,000 trials"):
            expand(grid(text=large, a={"min": 1, "max": 1000}))

        assert len(expand(grid(text=large, a={"min": 1, "max": 10}))) == 10


class TestRandom:
    SEARCH = {"method": "random", "parameters": {"lr": {"min": 0.0, "max": 1.0}}}

    def test_without_a_cap_it_has_no_end(self) -> None:
        spec = SweepSpec.from_config(self.SEARCH)

        assert count(spec) is None
        with pytest.raises(EndlessSearch, match="run_cap"):
            expand(spec)

    def test_with_a_cap_its_trials_are_known(self) -> None:
        spec = SweepSpec.from_config({**self.SEARCH, "run_cap": 4})

        assert count(spec) == 4
        assert draws(spec, "s") == tuple(drawn_trial(spec, index, "s") for index in range(4))
        assert expand(spec) == draws(spec, 0)

    def test_a_cap_above_the_limit_is_refused(self) -> None:
        spec = SweepSpec.from_config({**self.SEARCH, "run_cap": 20_000})

        with pytest.raises(TooManyTrials, match="/run_cap: this sweep has 20,000 trials"):
            draws(spec, 0)

    def test_a_drawn_trial_carries_its_setting(self) -> None:
        trial = drawn_trial(SweepSpec.from_config(self.SEARCH), 2, 0)

        assert trial.number == 2
        assert float(trial.setting["lr"]) == pytest.approx(trial.args["lr"], rel=1e-11)


levels = st.integers(1, 4)


@st.composite
def designs(draw: st.DrawFn) -> SweepSpec:
    """Any design of up to three factors, with or without forbidden combinations."""
    sizes = draw(st.lists(levels, min_size=1, max_size=3))
    factors = {
        f"f{i}": {"baseline": 0, "levels": list(range(size))} for i, size in enumerate(sizes)
    }
    names = st.sampled_from(sorted(factors))
    forbid = draw(st.lists(st.dictionaries(names, st.just(0), min_size=1), max_size=2))
    return designed(
        draw(st.sampled_from(["full_factorial", "one_factor_at_a_time"])),
        factors=factors,
        forbid=forbid,
        replicates={"seed": list(range(draw(st.integers(1, 3))))},
    )


class TestProperties:
    @given(designs())
    def test_the_count_is_the_length_of_the_list(self, spec: SweepSpec) -> None:
        number = count(spec)

        if number == 0:
            with pytest.raises(InvalidSpec):
                expand(spec)
        else:
            assert len(expand(spec)) == number

    @given(designs())
    def test_no_trial_stands_twice_and_seeds_are_the_same_everywhere(
        self, spec: SweepSpec
    ) -> None:
        if not count(spec):
            return
        trials = expand(spec)
        seeds: dict[tuple[str, ...], list[int]] = {}
        for trial in trials:
            seeds.setdefault(tuple(trial.setting.values()), []).append(trial.replicate["seed"])

        assert len({str(t.args) for t in trials}) == len(trials)
        assert len({tuple(s) for s in seeds.values()}) == 1

    @given(st.dictionaries(st.sampled_from("abcd"), st.integers(1, 5), min_size=1))
    def test_a_grid_has_the_product_of_its_levels(self, sizes: dict[str, int]) -> None:
        spec = grid(**{name: {"values": list(range(size))} for name, size in sizes.items()})

        trials = expand(spec)

        assert len(trials) == count(spec)
        assert {tuple(t.args[name] for name in sizes) for t in trials} == set(
            itertools.product(*(range(size) for size in sizes.values()))
        )
