"""Pairs and model side by side, and which of them speaks."""

import itertools
from typing import Any

import pytest

from paribus_sweeps.analysis.comparisons import Comparison, compare
from paribus_sweeps.analysis.contrasts import matched_contrasts
from paribus_sweeps.analysis.effects import effects
from tests.sweeps.small_tables import factor, run, table

LEVELS = ("batch", "8", "64")


def of(rows: Any, *, is_estimable: bool = True, with_model: bool = True) -> Comparison:
    """The comparison of batch 8 and 64 in rows of (batch, seed, loss)."""
    runs = [run(at, loss, batch=batch, seed=seed) for at, (batch, seed, loss) in enumerate(rows)]
    found = table(runs, [factor("batch", (8, 64))])
    pairs = next(iter(matched_contrasts(found, "batch", seed="tests")), None)
    model = next(iter(effects(found, error="pooled").contrasts)) if with_model else None
    return compare(LEVELS, pairs, model, is_estimable=is_estimable, level=0.95)


def seeds(count: int) -> list[tuple[int, int, float]]:
    return [
        (batch, seed, 0.1 * (batch == 64) + 0.01 * (seed * (5 if batch == 8 else 7) % 11))
        for batch, seed in itertools.product((8, 64), range(count))
    ]


class TestHeadline:
    def test_three_pairs_speak(self) -> None:
        assert of(seeds(3)).basis == "pairs"

    def test_of_two_the_model_does(self) -> None:
        """Two pairs and one run more: the model has two df, the pairs one."""
        found = of([*seeds(2), (8, 9, 0.02)])

        assert found.basis == "model"

    def test_two_pairs_speak_where_there_is_no_model(self) -> None:
        assert of(seeds(2), with_model=False).basis == "pairs"

    def test_one_pair_has_an_estimate_and_no_interval(self) -> None:
        found = of(seeds(1))

        assert (found.basis, found.interval) == (None, None)
        assert found.estimate == pytest.approx(0.1)
        assert "one pair" in str(found.note)

    def test_no_pair_and_no_error_leave_the_estimate_of_the_model(self) -> None:
        found = of([(8, 0, 0.1), (64, 1, 0.3)])

        assert found.estimate == pytest.approx(0.2)
        assert "no residual degree of freedom" in str(found.note)

    def test_nothing_at_all(self) -> None:
        found = compare(LEVELS, None, None, is_estimable=True, level=0.95)

        assert (found.estimate, found.note) == (None, "no comparison could be made")

    def test_where_the_gate_says_no_there_is_no_number(self) -> None:
        found = of(seeds(3), is_estimable=False)

        assert found.as_dict()["estimate"] is None
        assert found.p is None
        assert "no number is given" in str(found.note)


class TestDisagreement:
    def test_beyond_twice_the_larger_error_is_told(self) -> None:
        """Pairs say +0.08; twenty runs without a partner, all at 8, are far above."""
        apart = [(8, 10 + at, 2.0 + 0.01 * (at % 3)) for at in range(20)]

        found = of([*seeds(3), *apart])

        assert str(found.disagreement).startswith("Matched pairs say +0.08333 and the model −1.")
        assert of(seeds(3)).disagreement is None
