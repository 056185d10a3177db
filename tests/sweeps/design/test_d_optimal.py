"""D-optimal designs: the exhaustive optimum in small cases, deterministic, and never singular."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from paribus_sweeps.design import d_optimal
from paribus_sweeps.design.d_optimal import cells_of, partial_aliases, settings
from paribus_sweeps.design.grids import count, expand
from paribus_sweeps.design.model_grid import Floats, Grid, labels_of
from paribus_sweeps.errors import InvalidSpec
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import parameter_count

SMALL = [  # levels of the factors, runs, and what else the design says
    ([2, 2, 2], 4, {}),
    ([2, 2, 2], 5, {}),
    ([2, 2, 2], 6, {}),
    ([2, 2, 2], 7, {"model": "two_factor_interactions"}),
    ([3, 3], 5, {}),
    ([3, 3], 6, {}),
    ([3, 2, 2], 5, {}),
    ([3, 2, 2], 6, {"interactions": ["a*b"], "_runs": 7}),
    ([4, 3], 6, {}),
    ([4, 3], 8, {}),
    ([3, 2, 2], 6, {"keep_baseline": True}),
    ([2, 2, 2], 5, {"keep_baseline": True}),
    ([3, 2, 2], 6, {"forbid": [{"a": 2, "b": 1}]}),
    ([2, 2, 2, 2], 5, {}),
    ([2, 2, 2, 2], 6, {"keep_baseline": True, "forbid": [{"a": 1, "d": 1}]}),
]


def spec_of(sizes: list[int], runs: int, **keys: Any) -> SweepSpec:
    factors = {
        "abcdefghijklmnopqrst"[at]: {"levels": list(range(size)), "baseline": 0}
        for at, size in enumerate(sizes)
    }
    design = {"type": "d_optimal", "factors": factors, "runs": keys.pop("_runs", runs), **keys}
    return SweepSpec.from_config({"design": design})


def design_of(sizes: list[int], runs: int, **keys: Any) -> Design:
    design = spec_of(sizes, runs, **keys).design
    assert design is not None
    return design


def sum_coded(design: Design) -> tuple[list[tuple[int, ...]], Floats]:
    """Allowed settings, and their model matrix in another coding than the search has."""
    names = [factor.name for factor in design.factors]
    cells = [
        cell
        for cell in itertools.product(*(range(len(f.levels)) for f in design.factors))
        if not any(
            all(str(cell[names.index(name)]) in labels for name, labels in entry.items())
            for entry in design.forbid
        )
    ]
    blocks = {}
    for at, factor in enumerate(design.factors):
        coded = np.vstack([np.eye(len(factor.levels) - 1), -np.ones(len(factor.levels) - 1)])
        blocks[factor.name] = coded[[cell[at] for cell in cells]]
    columns = [np.ones((len(cells), 1)), *blocks.values()]
    for one, other in design.interactions_of_model():
        product = blocks[one][:, :, None] * blocks[other][:, None, :]
        columns.append(product.reshape(len(cells), -1))
    return cells, np.hstack(columns)


def log_det(rows: Floats) -> float:
    sign, value = np.linalg.slogdet(rows.T @ rows)
    return float(value) if sign > 0 and np.linalg.matrix_rank(rows) == rows.shape[1] else -math.inf


class TestOptimum:
    @pytest.mark.parametrize(("sizes", "runs", "keys"), SMALL)
    def test_no_set_of_settings_has_a_larger_determinant(
        self, sizes: list[int], runs: int, keys: dict[str, Any]
    ) -> None:
        design = design_of(sizes, runs, **keys)
        cells, rows = sum_coded(design)
        chosen = [cells.index(cell) for cell in cells_of(design)]
        kept = [(0,) * len(sizes)] if design.keep_baseline else []

        every = itertools.combinations(range(len(cells)), design.runs or 0)
        best = max(
            log_det(rows[list(some)])
            for some in every
            if all(cells.index(cell) in some for cell in kept)
        )

        assert log_det(rows[chosen]) == pytest.approx(best, abs=1e-9)
        assert set(kept) <= set(cells_of(design))

    def test_eleven_factors_in_twelve_runs_reach_hadamards_bound(self) -> None:
        # det X'X of entries of size 1 is at most 12^12, which Plackett & Burman's design has.
        design = design_of([2] * 11, 12)
        rows = Grid.of(design).rows(np.array(cells_of(design)))

        assert log_det(rows) == pytest.approx(12 * math.log(12), rel=1e-9)

    def test_the_same_design_gives_the_same_settings(self) -> None:
        design = design_of([3, 3, 2, 2], 9)
        first = cells_of(design)
        d_optimal._search.cache_clear()

        assert cells_of(design) == first

    def test_settings_come_once_in_the_order_of_the_grid(self) -> None:
        found = cells_of(design_of([3, 3, 2, 2], 9))

        assert list(found) == sorted(set(found))
        assert len(found) == 9

    def test_labels_stand_with_the_baseline_first(self) -> None:
        factors = {"a": {"levels": [8, 16, 64], "baseline": 16}, "b": {"levels": ["x", "y"]}}
        config = {"type": "d_optimal", "factors": factors, "runs": 6}
        design = SweepSpec.from_config({"design": config}).design
        assert design is not None

        assert labels_of(design.factors[0]) == ("16", "8", "64")
        # 6 runs of 6 settings: all of them, the last factor fastest
        assert [tuple(setting.values()) for setting in settings(design)] == [
            ("16", "x"),
            ("16", "y"),
            ("8", "x"),
            ("8", "y"),
            ("64", "x"),
            ("64", "y"),
        ]


class TestLargeGrids:
    """Where candidates are too many to be listed, one factor of one setting moves at a time."""

    @pytest.fixture(autouse=True)
    def unlisted(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """Take every grid for a large one, so that small ones show what happens."""
        monkeypatch.setattr(d_optimal, "MOST_CANDIDATES", 0)
        monkeypatch.setattr(d_optimal, "_MOST_LISTED", 0)
        d_optimal._search.cache_clear()
        yield
        d_optimal._search.cache_clear()

    @pytest.mark.parametrize(("sizes", "runs", "keys"), SMALL)
    def test_small_cases_reach_the_same_determinant(
        self, sizes: list[int], runs: int, keys: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        design = design_of(sizes, runs, **keys)
        by_coordinates = cells_of(design)
        monkeypatch.setattr(d_optimal, "MOST_CANDIDATES", 3_000)
        d_optimal._search.cache_clear()

        cells, rows = sum_coded(design)
        values = [
            log_det(rows[[cells.index(cell) for cell in found]])
            for found in (by_coordinates, cells_of(design))
        ]

        assert values[0] == pytest.approx(values[1], abs=1e-9)

    def test_the_baseline_stays_and_no_setting_stands_twice(self) -> None:
        found = cells_of(design_of([2] * 12, 16, keep_baseline=True))

        assert found[0] == (0,) * 12
        assert len(set(found)) == 16

    def test_forbidden_settings_are_never_drawn(self) -> None:
        spec = spec_of([4, 4, 4], 12, forbid=[{"a": [0, 1, 2], "b": [0, 1]}, {"b": 3, "c": 3}])
        found = [trial.setting for trial in expand(spec)]

        assert len(found) == 12
        assert not any(s["a"] in "012" and s["b"] in "01" for s in found)
        assert not any(s["b"] == s["c"] == "3" for s in found)

    def test_what_is_nearly_all_forbidden_is_refused(self) -> None:
        # Of 2^40 settings 2^8 are left: of random ones, one in 4,000,000,000.
        names = [f"f{number}" for number in range(40)]
        factors = {name: {"levels": [0, 1], "baseline": 0} for name in names}
        forbid = [{name: 1} for name in names[:32]]
        design = {"type": "d_optimal", "factors": factors, "runs": 50, "forbid": forbid}

        with pytest.raises(InvalidSpec) as caught:
            expand(SweepSpec.from_config({"design": design}))

        assert "/design/forbid: 50 settings that forbid leaves were not found" in str(caught.value)

    def test_a_model_that_forbid_makes_impossible_is_refused_unlisted(self) -> None:
        spec = spec_of([2] * 5, 8, forbid=[{"a": 1}])  # `a` never moves

        with pytest.raises(InvalidSpec, match="/design/runs: 8 settings that tell all parameters"):
            expand(spec)


def test_a_grid_of_thousands_of_settings_comes_near_the_bound() -> None:
    # 2^12 = 4,096 settings. det X'X is at most 20^13: 20 for each of 13 columns.
    design = design_of([2] * 12, 20)
    grid, cells = Grid.of(design), np.array(cells_of(design))

    per_column = math.exp(log_det(grid.rows(cells)) / grid.parameters) / 20

    assert grid.size > d_optimal.MOST_CANDIDATES
    assert 0.9 < per_column <= 1


class TestForbid:
    def test_what_is_forbidden_is_planned_around(self) -> None:
        spec = spec_of([2, 2, 2], 5, forbid=[{"a": 1, "b": 1}], replicates={"seed": [0, 1]})
        trials = expand(spec)

        assert count(spec) == len(trials) == 10
        assert not any(t.setting["a"] == t.setting["b"] == "1" for t in trials)

    def test_fewer_settings_than_runs_are_refused_with_both_numbers(self) -> None:
        with pytest.raises(InvalidSpec) as caught:
            expand(spec_of([2, 2, 2], 7, forbid=[{"a": 1, "b": 1}]))

        assert "/design/runs: 7 runs, and forbid leaves 6 settings" in str(caught.value)

    def test_an_effect_that_no_setting_shows_is_named(self) -> None:
        with pytest.raises(InvalidSpec) as caught:
            expand(spec_of([2, 2, 2], 5, interactions=["a*b"], forbid=[{"a": 1, "b": 1}]))

        # Without a = b = 1 the interaction is the sum of the two effects, less the mean.
        assert "/design/forbid: the settings that forbid leaves cannot tell" in str(caught.value)
        assert "`a` x `b`" in str(caught.value)

    def test_a_forbidden_baseline_cannot_be_kept(self) -> None:
        with pytest.raises(InvalidSpec) as caught:
            expand(spec_of([2, 2, 2], 4, keep_baseline=True, forbid=[{"a": 0, "b": 0}]))

        assert "/design/keep_baseline: the setting of all baselines is forbidden" in str(
            caught.value
        )


class TestGrid:
    def test_the_number_of_parameters_is_that_of_the_spec(self) -> None:
        design = design_of([3, 2, 4], 15, interactions=["a*c", "a*b"])
        grid = Grid.of(design)

        # 1 + 2 + 1 + 3, a x c 2 * 3, a x b 2 * 1
        assert grid.parameters == parameter_count(design.factors, design.interactions) == 15
        assert grid.rows(grid.cells()).shape == (24, 15)
        assert {term: len(columns) for term, columns in grid.terms().items()} == {
            (0,): 2,
            (1,): 1,
            (2,): 3,
            (0, 2): 6,
            (0, 1): 2,
        }

    def test_its_model_spans_what_any_coding_spans(self) -> None:
        design = design_of([3, 2, 3], 12, interactions=["a*c"])
        _, other = sum_coded(design)
        grid = Grid.of(design)
        own = grid.rows(grid.cells())

        assert np.linalg.matrix_rank(own) == own.shape[1] == other.shape[1]
        assert np.linalg.matrix_rank(np.hstack([own, other])) == own.shape[1]


class TestPartialAliases:
    def test_they_are_what_least_squares_gives_for_two_levels(self) -> None:
        design = design_of([2, 2, 2, 2], 6, interactions=["a*b"])
        names = [factor.name for factor in design.factors]
        signs = 2 * np.array(cells_of(design)) - 1.0
        fitted = np.column_stack([np.ones(6), signs, signs[:, 0] * signs[:, 1]])

        found = {(p.effect, p.of): p.coefficient for p in partial_aliases(design)}

        for one, other in itertools.combinations(range(4), 2):
            if (one, other) != (0, 1):
                told = np.linalg.solve(
                    fitted.T @ fitted, fitted.T @ (signs[:, one] * signs[:, other])
                )
                for effect in range(4):
                    key = (names[effect], (names[one], names[other]))
                    share = found.pop(key, 0.0)
                    assert float(share) == pytest.approx(told[1 + effect], abs=1e-8)
        assert found == {}

    def test_a_model_with_all_interactions_leaves_none_out(self) -> None:
        design = design_of([2, 2, 2], 8, model="two_factor_interactions")

        assert list(partial_aliases(design)) == []

    def test_of_several_levels_the_largest_share_is_told_once(self) -> None:
        found = [(p.effect, p.of) for p in partial_aliases(design_of([3, 3, 2], 7))]

        assert len(found) == len(set(found)) > 0
