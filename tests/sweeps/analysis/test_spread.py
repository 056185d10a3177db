"""Whether the cells differ in spread."""

import itertools

import pytest

from paribus_sweeps.analysis.models import fit
from paribus_sweeps.analysis.spread import Spread, spread_of
from paribus_sweeps.design.table import Table
from tests.sweeps.small_tables import factor, run, table


def of(*cells: list[float], seeds: bool = False) -> Spread:
    """The spread of one cell for each list of values."""
    rows = [(at, seed, value) for at, cell in enumerate(cells) for seed, value in enumerate(cell)]
    runs = [
        run(place, value, batch=at, seed=seed if seeds else None)
        for place, (at, seed, value) in enumerate(rows)
    ]
    found: Table = table(runs, [factor("batch", range(len(cells)))])
    return spread_of(found, fit(found))


class TestSpread:
    def test_is_not_told_of_cells_with_too_few_runs(self) -> None:
        assert of([1, 2, 3.0], [1.0], [2.0]) == Spread(1, None, None, None)
        assert of([1, 2, 3, 4.0]) == Spread(1, None, None, None)

    def test_of_equal_cells_does_not_differ(self) -> None:
        found = of([1, 2, 3, 4, 5.0], [11, 12, 13, 14, 15.0])

        assert found.p == pytest.approx(1.0)
        assert found.ratio == pytest.approx(1.0)
        assert not found.differs
        assert found.as_dict()["note"] is None

    def test_that_differs_is_told_with_its_p(self) -> None:
        """Distances from the median: 0, 1, 1, 2, 2 against ten times as much."""
        found = of([1, 2, 3, 4, 5.0], [10, 20, 30, 40, 50.0])

        assert found.differs
        assert "Brown-Forsythe p = 0.0" in str(found.why)

    def test_a_large_ratio_is_enough(self) -> None:
        """One run far out: the test sees little, the sd more than three times as much."""
        found = of([1, 2, 3, 4, 5.0], [3, 3, 3, 3, 14.0])

        assert found.p is not None
        assert found.p > 0.05
        assert "the largest cell sd is 3.11 times the smallest" in str(found.why)

    def test_a_cell_that_does_not_vary_has_no_ratio(self) -> None:
        assert of([1, 1, 1, 1, 1.0], [1, 2, 3, 4, 5.0]).ratio is None

    def test_distances_that_do_not_vary_have_no_p(self) -> None:
        assert of([1, 1, 1.0], [2, 2, 2.0]).p is None

    def test_what_a_seed_does_to_all_is_no_spread(self) -> None:
        """Both cells move with the seed alone: nothing is left."""
        moved = [0, 10, -7, 3.0]

        found = of(moved, [value + 1 for value in moved], seeds=True)

        assert found.p is None

    def test_of_no_runs(self) -> None:
        empty = table([], [factor("batch", (1, 2))])

        assert list(itertools.chain(fit(empty).table.ids)) == []
        assert spread_of(empty, fit(empty)) == Spread(0, None, None, None)
