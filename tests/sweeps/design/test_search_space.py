"""Draws follow W&B's distributions; expectations are scipy's quantiles, not ours."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from paribus_sweeps.design.search_space import (
    draw,
    drawn_setting,
    factors_of,
    grid_values,
    latent_point,
    level_count,
    quantile,
)
from paribus_sweeps.spec import Parameter, SweepSpec

POINTS = (2**-53, 0.01, 0.25, 0.5, 0.731, 0.99, 1 - 2**-53)
inside = st.integers(1, 2**53 - 1).map(lambda n: n / 2**53)


def spec(method: str = "random", **parameters: Any) -> SweepSpec:
    return SweepSpec.from_config({"method": method, "parameters": parameters})


def parameter(**fields: Any) -> Parameter:
    return spec(p=fields).parameters[0]


def stepped(value: float, q: float) -> float:
    """As in W&B's engine: numpy's rounding, half to even."""
    return float(np.round(value / q) * q)


class TestQuantiles:
    """All 18, against scipy's inverse CDFs as `sweeps/params.py` 0.3.0 uses them."""

    @pytest.mark.parametrize("u", POINTS)
    def test_constant(self, u: float) -> None:
        assert quantile(parameter(value="x"), u) == "x"

    @pytest.mark.parametrize("u", POINTS)
    def test_categorical(self, u: float) -> None:
        index = int(stats.randint.ppf(u, 0, 3))

        assert quantile(parameter(values=["a", "b", "c"]), u) == "abc"[index]

    @pytest.mark.parametrize(
        ("u", "value"),
        [(0.1, "a"), (0.19, "a"), (0.2, "b"), (0.69, "b"), (0.7, "c"), (0.999, "c")],
    )
    def test_categorical_with_probabilities(self, u: float, value: str) -> None:
        p = parameter(values=["a", "b", "c", "d"], probabilities=[0.2, 0.5, 0.3, 0])

        assert quantile(p, u) == value

    def test_probabilities_that_round_below_1_never_draw_the_impossible(self) -> None:
        p = parameter(values=["a", "b", "c"], probabilities=[0.5, 0.499999, 0])

        assert quantile(p, 1 - 2**-53) == "b"

    @pytest.mark.parametrize("u", POINTS)
    def test_int_uniform(self, u: float) -> None:
        drawn = quantile(parameter(min=3, max=7), u)

        assert drawn == stats.randint.ppf(u, 3, 8)
        assert isinstance(drawn, int)

    @pytest.mark.parametrize("u", POINTS)
    def test_uniform(self, u: float) -> None:
        expected = stats.uniform.ppf(u, -1.5, 4.0)

        assert quantile(parameter(min=-1.5, max=2.5), u) == pytest.approx(expected)

    @pytest.mark.parametrize("q", [1, 0.25])
    @pytest.mark.parametrize("u", POINTS)
    def test_q_uniform(self, u: float, q: float) -> None:
        p = parameter(distribution="q_uniform", min=1, max=9.5, q=q)
        drawn = quantile(p, u)

        assert drawn == stepped(stats.uniform.ppf(u, 1, 8.5), q)
        assert type(drawn) is type(q)

    @pytest.mark.parametrize("u", POINTS)
    def test_log_uniform(self, u: float) -> None:
        expected = math.exp(stats.uniform.ppf(u, -9, 4))

        p = parameter(distribution="log_uniform", min=-9, max=-5)
        assert quantile(p, u) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("u", POINTS)
    def test_log_uniform_values(self, u: float) -> None:
        expected = stats.loguniform.ppf(u, 1e-5, 1e-2)

        p = parameter(distribution="log_uniform_values", min=1e-5, max=1e-2)
        assert quantile(p, u) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("u", POINTS)
    def test_q_log_uniform(self, u: float) -> None:
        expected = stepped(math.exp(stats.uniform.ppf(u, 1, 5)), 2.0)

        p = parameter(distribution="q_log_uniform", min=1, max=6, q=2.0)
        assert quantile(p, u) == expected

    @pytest.mark.parametrize("u", POINTS)
    def test_q_log_uniform_values(self, u: float) -> None:
        p = parameter(distribution="q_log_uniform_values", min=8, max=512, q=8)

        assert quantile(p, u) == stepped(stats.loguniform.ppf(u, 8, 512), 8)

    @pytest.mark.parametrize("u", POINTS)
    def test_inv_log_uniform(self, u: float) -> None:
        # min and max are exponents of 1/x
        expected = math.exp(-stats.uniform.ppf(1 - u, 2, 3))

        p = parameter(distribution="inv_log_uniform", min=2, max=5)
        assert quantile(p, u) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("u", POINTS)
    def test_inv_log_uniform_values(self, u: float) -> None:
        # 1/x is log-uniform between 1/max and 1/min, and u counts from small x
        expected = 1 / stats.loguniform.ppf(1 - u, 1 / 1e-2, 1 / 1e-5)

        p = parameter(distribution="inv_log_uniform_values", min=1e-5, max=1e-2)
        assert quantile(p, u) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("u", POINTS)
    def test_normal(self, u: float) -> None:
        expected = stats.norm.ppf(u, loc=2, scale=0.5)

        p = parameter(distribution="normal", mu=2, sigma=0.5)
        assert quantile(p, u) == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("u", POINTS)
    def test_q_normal(self, u: float) -> None:
        p = parameter(distribution="q_normal", mu=2, sigma=5, q=0.5)

        assert quantile(p, u) == stepped(stats.norm.ppf(u, loc=2, scale=5), 0.5)

    @pytest.mark.parametrize("u", POINTS)
    def test_log_normal(self, u: float) -> None:
        expected = stats.lognorm.ppf(u, s=0.5, scale=math.exp(2))

        p = parameter(distribution="log_normal", mu=2, sigma=0.5)
        assert quantile(p, u) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("u", POINTS)
    def test_q_log_normal(self, u: float) -> None:
        p = parameter(distribution="q_log_normal", mu=2, sigma=0.5, q=1)

        assert quantile(p, u) == stepped(stats.lognorm.ppf(u, s=0.5, scale=math.exp(2)), 1)

    @pytest.mark.parametrize("u", POINTS)
    def test_beta(self, u: float) -> None:
        p = parameter(distribution="beta", a=2, b=5)

        assert quantile(p, u) == pytest.approx(stats.beta.ppf(u, a=2, b=5), rel=1e-9)

    @pytest.mark.parametrize("u", POINTS)
    def test_q_beta(self, u: float) -> None:
        p = parameter(distribution="q_beta", a=2, b=5, q=0.1)

        assert quantile(p, u) == pytest.approx(stepped(stats.beta.ppf(u, a=2, b=5), 0.1))

    def test_a_step_beyond_64_bits_is_a_float(self) -> None:
        drawn = quantile(parameter(distribution="q_log_normal", mu=100, sigma=1, q=1), 0.5)

        assert drawn == pytest.approx(math.exp(100))
        assert isinstance(drawn, float)


BOUNDED = [
    ({"min": 3, "max": 7}, 3, 7),
    ({"min": 0.1, "max": 0.7}, 0.1, 0.7),
    ({"distribution": "log_uniform", "min": -3, "max": -1}, math.exp(-3), math.exp(-1)),
    ({"distribution": "log_uniform_values", "min": 1e-5, "max": 0.3}, 1e-5, 0.3),
    ({"distribution": "inv_log_uniform", "min": 1, "max": 3}, math.exp(-3), math.exp(-1)),
    ({"distribution": "inv_log_uniform_values", "min": 1e-5, "max": 0.3}, 1e-5, 0.3),
    ({"distribution": "beta"}, 0, 1),
    # rounding to a step may leave the range by half a step, as in W&B's engine
    ({"distribution": "q_uniform", "min": 1, "max": 8, "q": 3}, -0.5, 9.5),
    ({"distribution": "q_log_uniform", "min": 0, "max": 3, "q": 1}, 0.5, math.exp(3) + 0.5),
    ({"distribution": "q_log_uniform_values", "min": 1, "max": 9, "q": 2}, 0, 10),
    ({"distribution": "q_beta", "q": 0.3}, 0, 1.15),
]


class TestRange:
    @pytest.mark.parametrize(("fields", "low", "high"), BOUNDED)
    @given(u=inside)
    def test_every_draw_lies_in_its_declared_range(
        self, fields: dict[str, Any], low: float, high: float, u: float
    ) -> None:
        assert low <= quantile(parameter(**fields), u) <= high

    @pytest.mark.parametrize(("fields", "low", "high"), BOUNDED)
    @given(points=st.lists(inside, min_size=2, max_size=2))
    def test_quantiles_never_fall(
        self, fields: dict[str, Any], low: float, high: float, points: list[float]
    ) -> None:
        p = parameter(**fields)

        assert quantile(p, min(points)) <= quantile(p, max(points))


class TestLatentPoint:
    @given(st.integers(0, 10**9), st.integers() | st.text())
    def test_it_lies_inside_the_open_cube(self, index: int, seed: int | str) -> None:
        assert all(0 < u < 1 for u in latent_point(3, index, seed))

    def test_it_depends_on_index_and_seed_alone(self) -> None:
        assert latent_point(4, 7, "abc") == latent_point(4, 7, "abc")
        assert len({latent_point(2, i, s) for i in range(9) for s in ("a", "b", 1)}) == 27

    def test_it_is_uniform(self) -> None:
        # Kolmogorov-Smirnov; the points are fixed by the seed, so this cannot fail by chance
        points = [latent_point(1, index, "sweep")[0] for index in range(2000)]

        assert stats.kstest(points, "uniform").pvalue > 0.01

    def test_these_are_the_points_of_this_release(self) -> None:
        # PCG64 seeded with SHA-256("0/0"): a sweep that was begun must go on as it began
        assert latent_point(2, 0, 0) == (0.3256938788853432, 0.5480665817957551)


class TestDraw:
    SPEC = spec(
        optimizer={"parameters": {"lr": {"min": 0.0, "max": 1.0}, "name": {"value": "adam"}}},
        batch={"values": [8, 64]},
        seed={"value": 3},
    )

    def test_nested_parameters_come_nested_and_constants_as_they_are(self) -> None:
        args = draw(self.SPEC, 0, "s")

        assert list(args) == ["optimizer", "batch", "seed"]
        assert args["optimizer"]["name"] == "adam"
        assert 0 <= args["optimizer"]["lr"] <= 1
        assert args["seed"] == 3

    def test_the_same_draw_is_the_same(self) -> None:
        assert draw(self.SPEC, 5, "s") == draw(self.SPEC, 5, "s")
        assert draw(self.SPEC, 5, "s") != draw(self.SPEC, 6, "s")
        assert draw(self.SPEC, 5, "s") != draw(self.SPEC, 5, "t")

    def test_the_order_of_the_keys_does_not_matter(self) -> None:
        # `wandb sweep` sorts them
        one = spec(b={"min": 0.0, "max": 1.0}, a={"min": 0.0, "max": 1.0})
        other = spec(a={"min": 0.0, "max": 1.0}, b={"min": 0.0, "max": 1.0})

        assert draw(one, 3, 0) == draw(other, 3, 0)

    def test_values_occur_as_often_as_they_should(self) -> None:
        chosen = spec(p={"values": ["a", "b"], "probabilities": [0.9, 0.1]})

        counts = Counter(draw(chosen, index, 0)["p"] for index in range(1000))

        # binomial: 900 +- 4 * sqrt(1000 * .9 * .1) = 900 +- 38
        assert 862 <= counts["a"] <= 938

    def test_a_setting_names_every_factor(self) -> None:
        setting = drawn_setting(self.SPEC, draw(self.SPEC, 0, "s"))

        assert set(setting) == {"optimizer.lr", "batch"}
        assert setting["batch"] in ("8", "64")


class TestFactorsOf:
    def test_a_grids_factors_have_two_levels_or_more(self) -> None:
        made = spec("grid", a={"values": [1, 2]}, b={"value": 1}, c={"values": [9]})

        (factor,) = factors_of(made)

        assert (factor.name, factor.labels, factor.kind) == ("a", ("1", "2"), "levels")

    def test_a_range_of_one_step_is_no_factor(self) -> None:
        made = spec("grid", a={"distribution": "q_uniform", "min": 0, "max": 1, "q": 5})

        assert factors_of(made) == ()

    def test_a_random_searchs_ranges_are_continuous(self) -> None:
        made = spec(lr={"min": 0.0, "max": 1.0}, batch={"values": [8, 64, 8]}, c={"value": 1})

        lr, batch = factors_of(made)

        assert (lr.kind, lr.levels) == ("continuous", ())
        assert (batch.kind, batch.labels) == ("levels", ("8", "64"))

    def test_a_designs_factors_are_its_own(self) -> None:
        factors = {"batch": {"levels": [8, 64]}}
        made = SweepSpec.from_config({"design": {"type": "full_factorial", "factors": factors}})

        assert factors_of(made)[0].name == "batch"

    @pytest.mark.parametrize(
        ("fields", "values"),
        [
            ({"values": ["a", "b"]}, ("a", "b")),
            ({"min": 1, "max": 3}, (1, 2, 3)),
            # numpy.arange(0, 1, .25): the max is not among them
            ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, (0, 0.25, 0.5, 0.75)),
            ({"distribution": "q_uniform", "min": 0, "max": 5, "q": 2}, (0, 2, 4)),
        ],
    )
    def test_a_grid_takes_the_values_that_wandbs_takes(
        self, fields: dict[str, Any], values: tuple[Any, ...]
    ) -> None:
        p = parameter(**fields)

        assert grid_values(p) == values
        assert level_count(p) == len(values)

    @given(st.floats(-10, 10), st.floats(0.1, 10), st.floats(0.05, 3))
    def test_steps_are_counted_as_numpy_counts_them(
        self, low: float, width: float, q: float
    ) -> None:
        p = parameter(distribution="q_uniform", min=low, max=low + width, q=q)

        assert level_count(p) == len(np.arange(low, low + width, q))
        assert np.allclose(grid_values(p), np.arange(low, low + width, q))

    def test_a_continuous_range_has_no_end(self) -> None:
        assert level_count(parameter(min=0.0, max=1.0)) is None
