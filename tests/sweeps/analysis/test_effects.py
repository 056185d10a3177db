"""Tests and contrasts of a model: withheld, in part, in classes, and with robust errors."""

import itertools

import numpy as np
import pytest
from scipy import stats

from paribus_sweeps.analysis.effects import Effects, contrast_pairs, effects
from paribus_sweeps.design.table import Column, Table
from tests.sweeps.small_tables import factor, run, table

ARMS, SIDES = ("a", "b", "c"), ("l", "r")


def of(*cells: str, each: int = 3, spread: float = 1.0) -> Table:
    """Some runs at cells such as "al": arm a, side l."""
    draw = np.random.default_rng(0)
    runs = [
        run(at, draw.normal() * spread + "abc".index(cell[0]), arm=cell[0], side=cell[1])
        for at, cell in enumerate(cell for cell in cells for _ in range(each))
    ]
    return table(runs, [factor("arm", ARMS), factor("side", SIDES)])


def whole(found: Table) -> Effects:
    return effects(found, interactions="all", error="pooled")


class TestRows:
    def test_what_the_whole_model_cannot_tell_is_withheld(self) -> None:
        """Without cr, side is told by the cells of a and b only: not in equal parts of all."""
        found = whole(of("al", "ar", "bl", "br", "cl"))

        row = found.row("side")
        assert row is not None
        assert (row.df, row.sum_of_squares, row.f, row.p) == (0, None, None, None)
        assert row.note == "cannot be told apart from `arm`, `arm x side`: no number is given"

    def test_of_what_is_told_in_part_the_part_is_tested(self) -> None:
        """A and b ran on both sides, c on one: in equal parts of the sides only a - b is told.

        Adjusted for the side, by hand: half the sum of squares of the four cells' contrast.
        """
        runs = of("al", "ar", "bl", "br", "cl")
        found = whole(runs)

        row = found.row("arm")
        assert row is not None
        assert (row.df, row.note) == (
            1,
            "only the 1 of its 2 degrees of freedom that the runs can tell are tested",
        )
        # a and b in six runs each: SS = 6 x 6 / 12 x (mean b - mean a)^2
        means = runs.values.reshape(5, 3).mean(axis=1)
        difference = (means[2] + means[3] - means[0] - means[1]) / 2
        assert row.sum_of_squares == pytest.approx(3 * difference**2)
        [contrast] = [c for c in found.contrasts_of("arm") if c.is_estimable]
        assert row.p == pytest.approx(contrast.p)

    def test_robust_tests_are_of_the_same_part(self) -> None:
        runs = of("al", "ar", "bl", "br", "cl")

        found = effects(runs, interactions="all", error="hc3")

        row = found.row("arm")
        assert found.error == "hc3"
        assert row is not None
        [contrast] = [c for c in found.contrasts_of("arm") if c.is_estimable]
        assert row.f == pytest.approx(contrast.t**2 if contrast.t else None)

    def test_an_interaction_that_no_run_tells_says_so(self) -> None:
        """X and z were never both away from the middle: their product is 0 everywhere."""
        runs = [
            run(at, float(at * at % 5), x=x, z=z)
            for at, (x, z) in enumerate([(-1, 0), (0, -1), (1, 0), (0, 1), (0, 0)])
        ]
        factors = [factor("x", (-1, 0, 1)), factor("z", (-1, 0, 1))]

        found = whole(table(runs, factors, numeric=["x", "z"]))

        row = found.row("x", "z")
        assert row is not None
        assert row.note == "the runs hold nothing that tells of it"

    def test_main_effects_are_one_family_and_interactions_another(self) -> None:
        found = whole(of("al", "ar", "bl", "br", "cl", "cr"))

        arm, side, both = found.rows
        assert arm.p is not None
        assert side.p is not None
        smaller, larger = sorted([arm, side], key=lambda row: row.p or 0)
        assert smaller.p_adjusted == pytest.approx(min(1.0, 2 * (smaller.p or 0)))
        assert larger.p_adjusted == pytest.approx(max(larger.p or 0, smaller.p_adjusted or 0))
        assert both.p_adjusted == both.p
        assert found.row("side", "arm") is None


class TestContrasts:
    def test_each_class_of_levels_is_a_family(self) -> None:
        """C ran on the other side only: a and b are adjusted for themselves, as R's p_in_class."""
        found = effects(of("al", "bl", "cr"), error="pooled")

        one, *others = found.contrasts_of("arm")
        assert (one.low, one.high, one.family_size) == ("a", "b", 1)
        assert one.p_adjusted == one.p
        assert [other.estimate for other in others] == [None, None]
        assert found.critical("arm", 0.95) == pytest.approx(stats.t.ppf(0.975, 6))

    def test_two_classes_are_two_families(self) -> None:
        """a, b, c on one GPU and d, e on another: three pairs and one."""
        draw = np.random.default_rng(0)
        runs = [
            run(at, draw.normal(), arm=arm, blocks={"gpu_name": "A" if arm in "abc" else "B"})
            for at, arm in enumerate("abcdeabcde")
        ]

        found = effects(table(runs, [factor("arm", "abcde")]), against_baseline=False)

        sizes = {c.low + c.high: c.family_size for c in found.contrasts if c.is_estimable}
        assert sizes == {"ab": 3, "ac": 3, "bc": 3, "de": 1}
        small, large = (found.critical("arm", 0.95, of=label) for label in "da")
        assert small == pytest.approx(stats.t.ppf(0.975, 5))
        assert large == pytest.approx(stats.studentized_range.ppf(0.95, 3, 5) / 2**0.5, rel=1e-5)
        assert found.critical("arm", 0.95) == large

    def test_without_an_error_there_is_no_family(self) -> None:
        found = effects(of("al", "bl", each=1))

        assert found.contrasts_of("arm")[0].note == (
            "no residual degree of freedom: there is no error to compare with"
        )
        with pytest.raises(ValueError, match="empty"):
            found.critical("arm", 0.95)


class TestPairs:
    def column(self, *labels: str, baseline: str | None = None) -> Column:
        return Column("x", labels, np.arange(len(labels)), baseline=baseline)

    def test_all_pairs_without_a_baseline(self) -> None:
        pairs, family = contrast_pairs(self.column("a", "b", "c"))

        assert (pairs, family) == ([("a", "b"), ("a", "c"), ("b", "c")], "tukey")

    def test_against_the_baseline_where_one_was_declared(self) -> None:
        pairs, family = contrast_pairs(self.column("a", "b", "c", baseline="b"))

        assert (pairs, family) == ([("b", "a"), ("b", "c")], "dunnett")

    def test_two_levels_are_one_pair_from_the_baseline(self) -> None:
        assert contrast_pairs(self.column("a", "b", baseline="b")) == ([("b", "a")], "one")
        assert contrast_pairs(self.column("a", "b")) == ([("a", "b")], "one")
        assert contrast_pairs(self.column("a")) == ([], "one")

    def test_many_levels_are_compared_with_the_first(self) -> None:
        pairs, family = contrast_pairs(self.column(*map(str, range(13))))

        assert len(pairs) == 12
        assert family == "dunnett"

    def test_numbers_are_compared_from_the_smallest_to_the_largest(self) -> None:
        column = Column(
            "lr", ("2", "8", "1"), np.arange(3), numbers=(2.0, 8.0, 1.0), is_numeric=True
        )

        assert contrast_pairs(column) == ([("1", "8")], "one")


class TestErrors:
    def test_are_robust_where_the_spreads_differ(self) -> None:
        quiet, loud = [1, 2, 3, 4, 5.0], [10, 20, 30, 40, 50.0]
        runs = [run(at, value, batch=at // 5) for at, value in enumerate(quiet + loud)]

        found = effects(table(runs, [factor("batch", (0, 1))]))

        assert found.error == "hc3"
        assert "Brown-Forsythe p" in found.notes[-1]
        # HC3 of two cells of 5: e^2 / (1 - 1/5)^2 summed, over 25 each
        variance = sum(10 * u**2 for u in (1, 10)) / 0.8**2 / 25
        assert found.contrasts[0].standard_error == pytest.approx(variance**0.5)

    def test_lean_on_one_run_where_its_leverage_is_high(self) -> None:
        xs = [*itertools.repeat(0, 6), *itertools.repeat(1, 6), 40]
        runs = [run(at, 0.1 * (at * at % 7), x=x) for at, x in enumerate(xs)]

        found = effects(table(runs, [factor("x", (0, 1, 40))], numeric=["x"]), error="hc3")

        assert "The highest leverage is 0.99" in found.notes[-1]

    def test_are_pooled_where_nothing_is_left_to_tell_them(self) -> None:
        assert effects(of("al", "bl", each=1), error="hc3").error == "pooled"
