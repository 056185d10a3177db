"""Which model is fitted unasked, and what is said of it."""

import itertools
import random
from typing import Any

import pytest

from paribus_sweeps.analysis.models import NoSuchInteraction, fit
from paribus_sweeps.design.table import Table
from tests.sweeps.small_tables import factor, run, table

FACTORS = [factor("batch", (8, 64)), factor("ratio", ("1:1", "4:1"))]


def square(*, seeds: int = 2, without: Any = None) -> Table:
    """A 2 x 2 in some seeds."""
    cells = list(itertools.product((8, 64), ("1:1", "4:1"), range(seeds)))
    runs = [
        run(at, float(at * at % 7), batch=batch, ratio=ratio, seed=seed)
        for at, (batch, ratio, seed) in enumerate(cells)
        if (batch, ratio) != without
    ]
    return table(runs, FACTORS)


def names(found: Any) -> list[str]:
    return [term.name for term in found.gate.terms]


class TestInteractions:
    def test_are_fitted_where_four_residual_df_remain(self) -> None:
        # 12 runs - intercept - 2 seeds - 2 factors - 1
        found = fit(square(seeds=3))

        assert names(found) == ["intercept", "seed", "batch", "ratio", "batch x ratio"]
        assert found.solution.residual_df == 6
        assert [term.name for term in found.interactions] == ["batch x ratio"]

    def test_are_assumed_zero_where_fewer_would(self) -> None:
        found = fit(square(seeds=2))

        assert "batch x ratio" not in names(found)
        assert found.notes == (
            "4 residual df are too few to fit interactions: interactions are assumed zero.",
        )

    def test_with_an_empty_cell_are_named(self) -> None:
        found = fit(square(seeds=6, without=(64, "4:1")))

        assert "batch x ratio" not in names(found)
        assert "Assumed zero, since some of its cells are empty: batch x ratio." in found.notes

    def test_of_one_factor_there_are_none(self) -> None:
        found = fit(square(seeds=3).without(["ratio"]))

        assert names(found)[-1] == "batch"

    def test_too_many_wait_to_be_asked_for(self) -> None:
        # 21 factors: 210 pairs, one column each
        factors = [factor(f"f{at}", (0, 1)) for at in range(21)]
        draw = random.Random(0)
        runs = [
            run(at, draw.random(), **{f.name: draw.randint(0, 1) for f in factors})
            for at in range(256)
        ]

        found = fit(table(runs, factors))

        assert "Too many interactions to fit unasked" in found.notes[0]

    def test_may_be_left_out_asked_for_or_named(self) -> None:
        runs = square(seeds=2)

        assert "batch x ratio" not in names(fit(runs, interactions="none"))
        assert "batch x ratio" in names(fit(runs, interactions="all"))
        assert "batch x ratio" in names(fit(runs, interactions=[("ratio", "batch")]))

    def test_with_what_does_not_vary_are_refused(self) -> None:
        with pytest.raises(NoSuchInteraction, match="lr does not vary") as raised:
            fit(square(), interactions=[("batch", "lr")])

        assert (raised.value.pair, raised.value.name) == (("batch", "lr"), "lr")


class TestSeeds:
    def test_are_a_block_where_each_ran_everywhere(self) -> None:
        assert fit(square()).seed_block == "seed"

    def test_that_differ_between_settings_are_noise(self) -> None:
        runs = [run(at, float(at * at % 5), batch=(8, 64)[at % 2], seed=at) for at in range(8)]

        found = fit(table(runs, FACTORS[:1]))

        assert found.seed_block is None
        assert "`seed` is not the same at every setting: it counts as noise" in found.notes[0]

    def test_more_than_ten_are_no_block(self) -> None:
        found = fit(square(seeds=11))

        assert found.seed_block is None
        assert found.notes[0] == "More than 10 values of `seed`: not taken as a block."

    def test_that_ran_twice_are_averaged_and_counted(self) -> None:
        again = [run(at, 1.0, batch=8, ratio="1:1", seed=0) for at in (90, 91)]
        cells = itertools.product((8, 64), ("1:1", "4:1"))
        runs = [run(at, 1.0 * at, batch=b, ratio=r, seed=0) for at, (b, r) in enumerate(cells)]

        one, two = (fit(table([*runs, *again[:count]], FACTORS)) for count in (1, 2))

        assert one.notes[-1].startswith("1 further run of a setting and seed")
        assert two.notes[-1].startswith("2 further runs of a setting and seed")
        assert two.table.values[0] == pytest.approx(2 / 3)  # of 0, 1 and 1
