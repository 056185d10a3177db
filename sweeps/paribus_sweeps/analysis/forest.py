"""A small regression forest: bagged trees, judged on the runs that each tree has not seen.

    forest = Forest.grown(ranks, values, bags)
    told = Unseen.of(forest, ranks, values, bags)
    told.r2, told.loss([0], words)

Only the order of a feature's values matters to a tree, so features come as ranks. All trees of
a forest are grown together, one level of depth after the other.

Source: METHOD 10; Breiman, Machine Learning 24 (1996) and 45 (2001): bagging, out-of-bag error,
and the loss that shuffling a feature brings. As in scikit-learn, every split may use every
feature.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.design.table import Codes, Flags, Floats

LEAST_IN_LEAF = 3  # distinct runs; METHOD 10
_NO_GAIN = 1e-9  # of the response's variance; less is rounding
_DIGITS = 9  # cuts that explain the same are ties, and the first feature has it


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees as one list of nodes; the first nodes are the roots."""

    feature: Codes
    """(nodes,): what a node asks about; -1 at a leaf."""
    threshold: Codes
    """(nodes,): ranks up to it go left."""
    left: Codes
    """(nodes,): the left child; the right one follows it."""
    value: Floats
    """(nodes,): mean of the runs of a node."""

    @classmethod
    def grown(cls, ranks: Codes, values: Floats, bags: Codes) -> Forest:
        """Grow one tree for each bag.

        Args:
            ranks: (features, runs).
            values: (runs,), with mean 0 and variance 1.
            bags: (trees, runs): how often each run is in each tree's bag.
        """
        nodes = _Nodes(ranks, values, bags)
        while nodes.grow():
            pass
        return nodes.forest()

    def predicted(
        self, ranks: Codes, trees: Codes, runs: Codes, *, shuffled: Flags | None = None
    ) -> Floats:
        """Return what tree `trees[i]` says of run `runs[..., i]`.

        Args:
            ranks: (features, runs).
            trees: (entries,).
            runs: (1, entries), or (2, entries): the second row has the runs that the
                features in `shuffled` are read from.
            shuffled: (features,); none by default.
        """
        row = np.zeros(len(ranks), np.int64) if shuffled is None else shuffled.astype(np.int64)
        at = trees.copy()
        going = np.flatnonzero(self.feature[at] >= 0)
        while len(going):
            node = at[going]
            feature = self.feature[node]
            turn = ranks[feature, runs[row[feature], going]] > self.threshold[node]
            at[going] = self.left[node] + turn
            going = going[self.feature[at[going]] >= 0]
        return self.value[at]


class _Nodes:
    """Trees as they grow: every entry is one run in the bag of one tree."""

    def __init__(self, ranks: Codes, values: Floats, bags: Codes) -> None:
        tree, self.run = np.nonzero(bags)
        self.weight = bags[tree, self.run].astype(np.float64)
        self.ranks = ranks
        self.weighted = self.weight * values[self.run]
        self.order = np.stack([np.lexsort((rank[self.run], tree)) for rank in ranks])
        self.sizes = np.bincount(tree, minlength=len(bags))
        self.first = 0
        self.made: list[tuple[Codes, Codes, Codes, Floats]] = []

    def grow(self) -> bool:
        """Split the newest nodes where that explains something; say whether any was split."""
        starts = np.cumsum(self.sizes) - self.sizes
        sums, weights = (
            np.add.reduceat(part[self.order[0]], starts) for part in (self.weighted, self.weight)
        )
        gains = self._gains(starts, sums, weights)
        best = np.maximum.reduceat(gains, starts, axis=1)
        feature = np.argmax(best, axis=0)
        gain = best[feature, np.arange(len(feature))]
        is_split = gain > 0
        node = np.repeat(np.arange(len(self.sizes)), self.sizes)
        hits = np.flatnonzero(gains[feature[node], np.arange(len(node))] == gain[node])
        place = hits[np.unique(node[hits], return_index=True)[1]]
        cut = self.ranks[feature, self.run[self.order[feature, place]]]
        count = int(is_split.sum())
        left = self.first + len(self.sizes) + 2 * (np.cumsum(is_split) - 1)
        self.made.append((np.where(is_split, feature, -1), cut, left, sums / weights))
        if count:
            self._descend(node, feature, cut, is_split)
        return bool(count)

    def _gains(self, starts: Codes, sums: Floats, weights: Floats) -> Floats:
        """Return what a cut behind each entry explains, (features, entries); -1: no cut there."""
        sizes, size = self.sizes, np.repeat(self.sizes, self.sizes)
        total, weight = np.repeat(sums, sizes), np.repeat(weights, sizes)
        left_sum, left_weight = (
            _running(part[self.order], starts, sizes) for part in (self.weighted, self.weight)
        )
        behind = np.arange(len(size)) - np.repeat(starts, sizes) + 1
        inside = (behind >= LEAST_IN_LEAF) & (size - behind >= LEAST_IN_LEAF)
        sorted_ranks = np.take_along_axis(self.ranks, self.run[self.order], axis=1)
        differs = np.zeros(sorted_ranks.shape, bool)
        differs[:, :-1] = sorted_ranks[:, :-1] != sorted_ranks[:, 1:]
        allowed = inside & differs
        right_weight = np.where(allowed, weight - left_weight, 1.0)
        gains = left_sum**2 / left_weight + (total - left_sum) ** 2 / right_weight
        gains -= total**2 / weight
        is_cut = allowed & (gains > _NO_GAIN)
        return np.asarray(np.where(is_cut, np.round(gains, _DIGITS), -1.0))

    def _descend(self, node: Codes, feature: Codes, cut: Codes, is_split: Flags) -> None:
        """Let the entries of split nodes fall to their children, in the order that they have."""
        rank = np.cumsum(is_split) - 1
        child = np.empty(len(self.run), np.int64)
        entries = self.order[0]
        turn = self.ranks[feature[node], self.run[entries]] > cut[node]
        child[entries] = np.where(is_split[node], 2 * rank[node] + turn, -1)
        falls = self.order[child[self.order] >= 0].reshape(len(self.order), -1)
        self.first += len(self.sizes)
        self.sizes = np.bincount(child[falls[0]])
        by_child = np.argsort(child[falls], axis=1, kind="stable")
        self.order = np.take_along_axis(falls, by_child, axis=1)

    def forest(self) -> Forest:
        """Return all levels as one."""
        return Forest(*(np.concatenate(parts) for parts in zip(*self.made, strict=True)))


def _running(parts: Floats, starts: Codes, sizes: Codes) -> Floats:
    """Return sums from the start of each node, (features, entries)."""
    sums = np.cumsum(parts, axis=1)
    before = np.where(starts > 0, sums[:, starts - 1], 0.0)
    return np.asarray(sums - np.repeat(before, sizes, axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Unseen:
    """Every tree asked about the runs that are not in its bag."""

    forest: Forest
    ranks: Codes
    values: Floats
    trees: Codes
    """(entries,), sorted."""
    runs: Codes
    """(entries,)."""
    weights: Floats
    """(entries,): how often the run counts."""
    predicted: Floats
    """(entries,)."""

    @classmethod
    def of(
        cls,
        forest: Forest,
        ranks: Codes,
        values: Floats,
        bags: Codes,
        *,
        counts: Codes | None = None,
    ) -> Unseen:
        """Ask each tree of a forest.

        Args:
            forest: Grown from these bags.
            ranks: (features, runs).
            values: (runs,), those that it was grown from.
            bags: (trees, runs).
            counts: (runs,): how often each run counts, 0 for one that takes no part; once each
                by default.
        """
        counts = np.ones(len(values), np.int64) if counts is None else counts
        trees, runs = np.nonzero((bags == 0) & (counts > 0))
        predicted = forest.predicted(ranks, trees, runs[None, :])
        weights = counts[runs].astype(np.float64)
        return cls(forest, ranks, values, trees, runs, weights, predicted)

    @property
    def r2(self) -> float:
        """Share of the variance that the forest predicts for runs that it has not seen.

        A run's prediction is the mean over the trees that have not seen it. Below 0, the mean
        of all runs would have predicted better.
        """
        times = np.bincount(self.runs, minlength=len(self.values))
        seen = times > 0
        sums = np.bincount(self.runs, weights=self.predicted, minlength=len(self.values))
        weights = np.zeros(len(self.values))
        weights[self.runs] = self.weights
        left = self.values[seen] - sums[seen] / times[seen]
        return 1 - float(weights[seen] @ left**2) / self._variation(weights)

    def _variation(self, weights: Floats) -> float:
        mean = float(weights @ self.values / weights.sum())
        return float(weights @ (self.values - mean) ** 2)

    def loss(self, features: Iterable[int], words: np.random.PCG64) -> float:
        """Return how much worse predictions become when some features are shuffled together.

        Among the unseen runs of each tree; in units of the response's variance.
        """
        keys = words.random_raw(len(self.runs))
        source = self.runs[np.lexsort((keys, self.trees))]
        shuffled = np.zeros(len(self.ranks), bool)
        shuffled[list(features)] = True
        both = np.stack([self.runs, source])
        worse = self.forest.predicted(self.ranks, self.trees, both, shuffled=shuffled)
        own = self.values[self.runs]
        more = float(self.weights @ ((own - worse) ** 2 - (own - self.predicted) ** 2))
        times = np.zeros(len(self.values))
        np.add.at(times, self.runs, self.weights)
        return more / self._variation(times)
