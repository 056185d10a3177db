"""Trees split where that explains most, and are judged on runs that they have not seen."""

from typing import Any

import numpy as np
import pytest

from paribus_sweeps.analysis.forest import LEAST_IN_LEAF, Forest, Unseen

ONCE = np.ones((1, 6), np.int64)
STEP = np.array([-1.0, -1, -1, 1, 1, 1])


def ranks(*features: Any) -> Any:
    return np.array(features, np.int64)


def predictions(forest: Forest, of: Any, *, tree: int = 0) -> list[float]:
    runs = np.arange(of.shape[1])
    return list(forest.predicted(of, np.full(len(runs), tree), runs[None, :]))


def noisy(seed: int, *, runs: int = 60, features: int = 3) -> tuple[Any, Any, Any]:
    """Ranks, values that follow the first feature, and the bags of seven trees."""
    words = np.random.default_rng(seed)
    x = np.array([words.permutation(runs) for _ in range(features)])
    y = x[0] / runs + words.normal(0, 0.2, runs)
    bags = np.array([np.bincount(words.integers(0, runs, runs), minlength=runs) for _ in range(7)])
    return x, (y - y.mean()) / y.std(), bags


def plain_tree(of: Any, values: Any, bag: Any, runs: Any) -> Any:
    """The same tree by the book: (feature, rank, left, right), or the mean of a leaf."""
    best: tuple[float, int, int] | None = None
    weight, mean = bag[runs], np.average(values[runs], weights=bag[runs])
    for feature, rank in enumerate(of):
        for cut in np.unique(rank[runs])[:-1]:
            low = rank[runs] <= cut
            if min(low.sum(), (~low).sum()) < LEAST_IN_LEAF:
                continue
            gain = sum(
                weight[side].sum()
                * (np.average(values[runs][side], weights=weight[side]) - mean) ** 2
                for side in (low, ~low)
            )
            if best is None or round(gain, 9) > best[0]:
                best = (round(gain, 9), feature, int(cut))
    if best is None:
        return mean
    low = of[best[1]][runs] <= best[2]
    halves = [plain_tree(of, values, bag, runs[side]) for side in (low, ~low)]
    return (best[1], best[2], *halves)


def told(tree: Any, of: Any, run: int) -> float:
    while isinstance(tree, tuple):
        tree = tree[2] if of[tree[0], run] <= tree[1] else tree[3]
    return float(tree)


class TestTree:
    def test_a_step_is_cut_where_it_is(self) -> None:
        x = ranks(range(6))

        assert predictions(Forest.grown(x, STEP, ONCE), x) == [-1, -1, -1, 1, 1, 1]

    def test_a_leaf_holds_three_runs_at_least(self) -> None:
        x = ranks(range(5))
        forest = Forest.grown(x, STEP[:5], np.ones((1, 5), np.int64))

        # Two leaves of three would need six runs; the mean of five is -1/5.
        assert predictions(forest, x) == pytest.approx([-0.2] * 5)

    def test_runs_that_are_equal_in_a_feature_stay_together(self) -> None:
        x = ranks([0, 0, 1, 1, 1, 1])

        assert len(set(predictions(Forest.grown(x, STEP, ONCE), x))) == 1

    def test_a_response_without_a_difference_is_not_cut(self) -> None:
        assert len(Forest.grown(ranks(range(6)), np.zeros(6), ONCE).value) == 1

    def test_a_run_counts_as_often_as_it_is_in_the_bag(self) -> None:
        x = ranks([0, 0, 0, 0, 0, 0])
        forest = Forest.grown(x, STEP, np.array([[3, 0, 0, 0, 0, 1]]))

        # (3 x -1 + 1) / 4
        assert forest.value.tolist() == [-0.5]

    @pytest.mark.parametrize("seed", range(4))
    def test_every_tree_is_that_of_the_book(self, seed: int) -> None:
        x, y, bags = noisy(seed)
        forest = Forest.grown(x, y, bags)

        for tree, bag in enumerate(bags):
            plain = plain_tree(x, y, bag, np.flatnonzero(bag))
            expected = [told(plain, x, run) for run in range(len(y))]
            assert predictions(forest, x, tree=tree) == pytest.approx(expected)


class TestUnseen:
    def test_r2_is_that_of_the_mean_over_trees_that_have_not_seen_a_run(self) -> None:
        x, y, bags = noisy(1)
        forest = Forest.grown(x, y, bags)
        by_tree = np.array([predictions(forest, x, tree=tree) for tree in range(7)])
        unseen = bags == 0
        told_by = [
            by_tree[unseen[:, run], run].mean() for run in range(60) if unseen[:, run].any()
        ]
        left = y[unseen.any(axis=0)] - told_by

        own = y[unseen.any(axis=0)]
        expected = 1 - np.sum(left**2) / np.sum((own - own.mean()) ** 2)
        assert Unseen.of(forest, x, y, bags).r2 == pytest.approx(expected)

    def test_a_run_that_takes_no_part_is_not_asked_about(self) -> None:
        x, y, bags = noisy(1)
        counts = np.ones(60, np.int64)
        counts[5] = 0

        asked = Unseen.of(Forest.grown(x, y, bags), x, y, bags, counts=counts)
        assert 5 not in asked.runs
        assert 6 in asked.runs

    def test_shuffling_what_no_tree_asks_about_costs_nothing(self) -> None:
        x, y, bags = noisy(2)
        x[2] = 0  # one value: there is nothing to cut
        unseen = Unseen.of(Forest.grown(x, y, bags), x, y, bags)

        assert unseen.loss([2], np.random.PCG64(0)) == 0
        assert unseen.loss([0], np.random.PCG64(0)) > 0.5

    def test_the_loss_is_the_growth_of_the_squared_error_over_the_variance(self) -> None:
        x, y = ranks(range(12)), np.repeat([-1.0, 1], 6)
        bags = np.array([[0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]])
        unseen = Unseen.of(Forest.grown(x, y, bags), x, y, bags)
        shuffled = unseen.runs[np.argsort(np.random.PCG64(3).random_raw(6))]
        wrong = int(np.sum((unseen.runs < 6) != (shuffled < 6)))

        # The tree cuts between runs 5 and 6, and is right of the six that it has not seen. Each
        # that gets a rank of the other side is then off by 2; the variance is 1.
        assert unseen.r2 == 1
        assert wrong > 0
        assert unseen.loss([0], np.random.PCG64(3)) == pytest.approx(2**2 * wrong / 6)

    def test_features_are_shuffled_together(self) -> None:
        x, y, bags = noisy(4, features=1)
        twins = np.vstack([x, x])
        forest = Forest.grown(twins, y, bags)
        unseen = Unseen.of(forest, twins, y, bags)

        # The trees ask the first twin alone: with the second it costs as much as without.
        both, first, second = (
            unseen.loss(some, np.random.PCG64(5)) for some in ([0, 1], [0], [1])
        )
        assert both == first > 0.5
        assert second == 0
