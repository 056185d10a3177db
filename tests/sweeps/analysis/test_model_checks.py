"""What stands beside a model's tests: Lenth, powers, permutations."""

import math

import numpy as np
import pytest

from paribus_sweeps.analysis.effects import Effects, effects
from paribus_sweeps.analysis.model_checks import (
    lenth_of,
    permutations,
    power_transforms,
    transform_sentence,
)
from tests.sweeps.tables import NOISE, SATURATED, case_of, grid

# 2^(3-1) and 2^(7-4), C = AB and so on; the effects are put in
SIGNS = [(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)]


def eighth(moves: dict[str, float]) -> Effects:
    """Seven factors in eight runs, no error left: D = AB, E = AC, F = BC, G = ABC."""
    rows = []
    for (a, b, c), wobble in zip(SIGNS, NOISE, strict=False):
        at = dict(zip("ABCDEFG", (a, b, c, a * b, a * c, b * c, a * b * c), strict=True))
        loss = 1 + wobble + sum(moves.get(name, 0) * sign / 2 for name, sign in at.items())
        rows.append({**{k: "low" if v < 0 else "up" for k, v in at.items()}, "loss": loss})
    case = case_of(rows, list("ABCDEFG"))
    return effects(case.table)


class TestLenth:
    def test_an_effect_is_second_level_minus_first(self) -> None:
        found = lenth_of(eighth({"B": 0.5}))

        assert found is not None
        told = {
            term.name: e.value for term, e in zip(found.terms, found.lenth.effects, strict=True)
        }
        values = 1 + np.array(NOISE[:8]) + np.array([0.25 * b for _, b, _ in SIGNS])
        signs = np.array([b for _, b, _ in SIGNS])
        assert told["B"] == pytest.approx(values[signs > 0].mean() - values[signs < 0].mean())

    def test_what_stands_out_is_active(self) -> None:
        found = lenth_of(eighth({"B": 0.5}))

        assert found is not None
        assert found.active == ("B",)
        assert found.as_dict()["effects"][1] == {
            "term": "B",
            "effect": pytest.approx(0.5, abs=0.03),
            "label": "active",
        }

    def test_noise_alone_is_not(self) -> None:
        found = lenth_of(eighth({}))

        assert found is not None
        assert found.active == ()

    def test_a_design_with_an_error_needs_none(self) -> None:
        assert lenth_of(effects(case_of(grid()).table)) is None

    def test_factors_that_are_correlated_have_no_common_variance(self) -> None:
        rows = [
            {"batch": 8, "ratio": "1:1", "loss": 0.3},
            {"batch": 64, "ratio": "1:1", "loss": 0.4},
            {"batch": 8, "ratio": "4:1", "loss": 0.35},
        ]

        assert lenth_of(effects(case_of(rows).table)) is None

    def test_three_levels_are_not_two(self) -> None:
        rows = [{"batch": b, "loss": 0.3 + b / 100} for b in (8, 16, 64)]

        assert lenth_of(effects(case_of(rows, ["batch"]).table)) is None

    def test_an_interaction_is_half_the_difference_of_differences(self) -> None:
        found = lenth_of(effects(case_of(SATURATED).table, interactions="all"))

        assert found is not None
        told = {
            term.name: e.value for term, e in zip(found.terms, found.lenth.effects, strict=True)
        }
        # batch: (2 + 9 - 1 - 4) / 2; ratio: (4 + 9 - 1 - 2) / 2; both: ((9 - 4) - (2 - 1)) / 2
        assert told == pytest.approx({"batch": 3.0, "ratio": 5.0, "batch x ratio": 2.0})


class TestPowers:
    def test_noise_that_grows_with_the_mean_asks_for_a_logarithm(self) -> None:
        rows = grid(noise=0)
        for row, wobble in zip(rows, NOISE, strict=True):
            row["loss"] = math.exp((6 if row["batch"] == 64 else 0) + 20 * wobble)

        found = power_transforms(effects(case_of(rows).table, interactions="none"))

        assert found == (0.0,)
        assert "logarithm (power 0) would make it even" in str(transform_sentence(found))

    def test_even_noise_asks_for_nothing(self) -> None:
        found = power_transforms(effects(case_of(grid(batch=0.1)).table))

        assert found is not None
        assert 1.0 in found
        assert transform_sentence(found) is None

    def test_no_common_power(self) -> None:
        assert "look at ranks" in str(transform_sentence(()))

    def test_values_below_zero_have_none(self) -> None:
        found = power_transforms(effects(case_of(grid(start=-1)).table))

        assert found is None
        assert transform_sentence(found) is None


class TestPermutations:
    def test_each_tested_term_has_its_own(self) -> None:
        found = permutations(
            effects(case_of(grid(batch=0.1)).table, interactions="none"), seed="s"
        )

        assert [test.term.name for test in found] == ["batch", "ratio"]
        p = {test.term.name: test.p for test in found}
        assert p["batch"] is not None
        assert p["ratio"] is not None
        assert p["batch"] < 0.01 < p["ratio"]

    def test_a_model_without_an_error_has_none(self) -> None:
        assert permutations(eighth({"B": 0.5}), seed="s") == ()
