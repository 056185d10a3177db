"""Luck taken back: expected maxima, variance components, shrunken means.

Expected numbers: tests/sweeps/r/shrinkage.R, which is not needed to run these.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from paribus_sweeps.analysis.shrinkage import expected_maximum, shrink, winners_curse

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "r" / "expected" / "shrinkage.json").read_text("utf-8")
)


def ranks(made: Any) -> list[int | None]:
    return [configuration.rank for configuration in made.configurations]


class TestExpectedMaximum:
    def test_it_is_the_integral(self) -> None:
        for k, e in zip(EXPECTED["maxima"]["k"], EXPECTED["maxima"]["e"], strict=True):
            assert expected_maximum(k) == pytest.approx(e, rel=1e-11)

    def test_it_is_what_method_prints(self) -> None:
        printed = {2: 0.564, 3: 0.846, 4: 1.029, 5: 1.163, 8: 1.424, 10: 1.539}

        assert {k: round(expected_maximum(k), 3) for k in printed} == printed

    def test_where_there_is_a_closed_form_it_is_that(self) -> None:
        # E max of two: 1 / sqrt(pi); of three: 3 / (2 sqrt(pi))
        assert expected_maximum(1) == 0.0
        assert expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi), rel=1e-14)
        assert expected_maximum(3) == pytest.approx(1.5 / math.sqrt(math.pi), rel=1e-14)

    def test_of_a_million_it_is_still_right(self) -> None:
        # The law of the largest leans to the right: its mean lies above its median
        median = stats.norm.isf(-math.expm1(math.log(0.5) / 10**6))

        assert median < expected_maximum(10**6) < math.sqrt(2 * math.log(10**6))

    def test_the_best_of_no_run_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            expected_maximum(0)

    def test_the_curse_is_in_the_unit_of_the_response(self) -> None:
        assert winners_curse(4, 0.02) == pytest.approx(1.02938 * 0.02, rel=1e-5)


class TestShrink:
    @pytest.mark.parametrize("name", ["dyestuff", "uneven", "noise"])
    def test_it_is_the_best_linear_predictor(self, name: str) -> None:
        case = EXPECTED[name]

        made = shrink(case["groups"], goal="maximize")

        assert made.within_sd == pytest.approx(case["within_sd"], rel=1e-9)
        assert made.between_sd == pytest.approx(case["between_sd"], rel=1e-9)
        assert made.common_mean == pytest.approx(case["mu"], rel=1e-9)
        assert [c.shrunk for c in made.configurations] == pytest.approx(case["theta"], rel=1e-9)

    def test_lme_agrees_on_balanced_groups(self) -> None:
        case = EXPECTED["dyestuff_lme"]

        made = shrink(EXPECTED["dyestuff"]["groups"], goal="maximize")

        # REML stops where the likelihood is flat
        assert made.between_sd == pytest.approx(case["between_sd"], rel=1e-6)
        assert [c.shrunk for c in made.configurations] == pytest.approx(case["theta"], rel=1e-7)

    def test_the_dyestuff_of_davies(self) -> None:
        # Davies & Goldsmith 1972: components 1764 and 2451
        made = shrink(EXPECTED["dyestuff"]["groups"], goal="maximize")

        assert round(made.between_sd**2) == 1764
        assert round(made.within_sd**2) == 2451
        assert ranks(made) == [4, 3, 2, 5, 1, 6]
        assert made.note is None

    def test_the_goal_turns_the_ranks_round(self) -> None:
        assert ranks(shrink(EXPECTED["dyestuff"]["groups"], goal="minimize")) == [3, 4, 5, 2, 6, 1]

    def test_one_lucky_seed_is_pulled_further_than_many(self) -> None:
        # .95 alone against .94 over four: the first has the better mean, not the better claim
        groups = [[0.95], [0.94, 0.92, 0.96, 0.94], [0.85, 0.81, 0.83]]

        alone, many, _ = shrink(groups, goal="maximize").configurations

        assert alone.mean > many.mean
        assert alone.weight < many.weight < 1
        assert abs(alone.mean - alone.shrunk) > abs(many.mean - many.shrunk)

    def test_what_seeds_explain_is_said(self) -> None:
        made = shrink(EXPECTED["noise"]["groups"], goal="minimize")

        assert made.note == "configurations are indistinguishable from seed noise"
        assert made.between_sd == 0.0
        assert ranks(made) == [1, 1, 1]
        assert {c.weight for c in made.configurations} == {0.0}

    def test_without_noise_nothing_is_shrunk(self) -> None:
        made = shrink([[0.5, 0.5], [0.7, 0.7], [0.9]], goal="minimize")

        assert made.within_sd == 0.0
        assert [(c.shrunk, c.weight) for c in made.configurations] == [
            (pytest.approx(0.5), 1.0),
            (pytest.approx(0.7), 1.0),
            (pytest.approx(0.9), 1.0),
        ]
        assert ranks(made) == [1, 2, 3]

    @pytest.mark.parametrize(
        ("groups", "note"),
        [
            ([], "fewer than two configurations"),
            ([[0.5, 0.6]], "fewer than two configurations"),
            ([[0.5], [0.6]], "no configuration has two seeds: their noise is unknown"),
            ([[0.5, 0.5], [0.5]], "no variation"),
            ([[0.0, 0.0], [0.0]], "no variation"),
        ],
    )
    def test_what_cannot_be_shrunk_is_said(self, groups: list[list[float]], note: str) -> None:
        made = shrink(groups, goal="minimize")

        assert made.note == note
        assert (made.within_sd, made.between_sd, made.common_mean) == (None, None, None)
        assert [(c.n, c.shrunk, c.rank) for c in made.configurations] == [
            (len(group), None, None) for group in groups
        ]
        assert [c.mean for c in made.configurations] == [
            pytest.approx(sum(group) / len(group)) for group in groups
        ]

    def test_a_huge_offset_takes_no_digit(self) -> None:
        groups = [[1.0, 2.5], [4.0, 3.5, 5.0], [9.0]]

        near = shrink(groups, goal="minimize")
        far = shrink([[v + 2.0**40 for v in group] for group in groups], goal="minimize")

        assert far.within_sd == pytest.approx(near.within_sd, rel=1e-12)
        assert far.between_sd == pytest.approx(near.between_sd, rel=1e-12)
        assert far.common_mean - 2.0**40 == pytest.approx(near.common_mean, abs=1e-3)

    def test_sizes_at_the_end_of_the_floats_give_no_infinity(self) -> None:
        made = shrink([[1.7e308, -1.7e308], [1.7e308, -1.7e308], [1.0]], goal="minimize")

        assert made.within_sd is None
        json.dumps(made.as_dict(), allow_nan=False)

    @settings(deadline=None)
    @given(st.permutations(range(5)), st.sampled_from([1.0, 1e-3, 40.0]))
    def test_order_and_unit_change_no_rank(self, order: list[int], unit: float) -> None:
        groups = EXPECTED["uneven"]["groups"]

        made = shrink(groups, goal="minimize")
        moved = shrink([[v * unit for v in reversed(groups[i])] for i in order], goal="minimize")

        assert ranks(moved) == [ranks(made)[i] for i in order]
        assert moved.between_sd == pytest.approx(made.between_sd * unit, rel=1e-9)

    def test_shrinking_beats_the_means_on_average(self) -> None:
        # Efron & Morris: the total squared error is smaller, here over 200 sweeps of 8 settings
        generator = np.random.default_rng(5)
        plain = shrunken = 0.0
        for _ in range(200):
            truth = generator.normal(0.0, 0.5, size=8)
            seeds = truth[:, None] + generator.normal(0.0, 1.0, size=(8, 3))
            made = shrink(seeds.tolist(), goal="maximize").configurations
            plain += float(np.sum((seeds.mean(axis=1) - truth) ** 2))
            shrunken += sum((c.shrunk - t) ** 2 for c, t in zip(made, truth, strict=True))

        assert shrunken < 0.8 * plain

    @pytest.mark.parametrize("groups", [[[], [1.0]], [[math.nan], [1.0, 2.0]]])
    def test_each_configuration_has_finite_responses(self, groups: list[list[float]]) -> None:
        with pytest.raises(ValueError, match="configurations"):
            shrink(groups, goal="minimize")

    def test_another_goal_is_refused(self) -> None:
        with pytest.raises(ValueError, match="'best'"):
            shrink([[1.0, 2.0], [3.0]], goal="best")  # type: ignore[arg-type]
