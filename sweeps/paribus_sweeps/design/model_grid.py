"""The settings that may run, and the columns of a model over them, for D-optimal designs.

    grid = Grid.of(design)
    grid.rows(grid.cells())        # (settings, parameters): the model matrix of all candidates

How levels are coded makes no difference to which design is D-optimal; here the baseline is -1 in
all columns of its factor, so that two levels are -1 and +1.

Source: METHOD 6.1 (candidates: the declared grid without what is forbidden).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.factors import Factor
from paribus_sweeps.spec.designs import Design

Cells = NDArray[np.int64]
"""(settings, factors): places of levels, the baseline (else the first level) at 0."""
Places = NDArray[np.int64]
Floats = NDArray[np.float64]
_SEED = 6_2  # of numbers that tell settings apart; any fixed one
Pair = tuple[int, int]
"""Places of two factors, the earlier one first."""


@dataclass(frozen=True)
class Grid:
    """The settings that may run, and the model that they are to tell."""

    sizes: tuple[int, ...]
    """How many levels each factor has."""
    forbidden: tuple[tuple[tuple[int, frozenset[int]], ...], ...] = ()
    """A setting is out when, for one entry, each named factor is at one of the places."""
    interactions: tuple[Pair, ...] = ()
    """Those of the model, beside the mean and all main effects."""

    @classmethod
    def of(cls, design: Design) -> Grid:
        """Return the grid of a `d_optimal` design."""
        places = {factor.name: index for index, factor in enumerate(design.factors)}
        labels = {factor.name: labels_of(factor) for factor in design.factors}
        forbidden = tuple(
            tuple(
                (places[name], frozenset(labels[name].index(label) for label in given))
                for name, given in entry.items()
            )
            for entry in design.forbid
        )
        pairs = ((places[one], places[other]) for one, other in design.interactions_of_model())
        sizes = tuple(len(factor.levels) for factor in design.factors)
        return cls(sizes, forbidden, tuple(pairs))

    @property
    def parameters(self) -> int:
        """How many columns the model has."""
        own = [size - 1 for size in self.sizes]
        return 1 + sum(own) + sum(own[one] * own[other] for one, other in self.interactions)

    @property
    def size(self) -> int:
        """How many settings there are, forbidden ones counted."""
        return math.prod(self.sizes)

    @cached_property
    def _offsets(self) -> Cells:
        return np.cumsum([0, *self.sizes[:-1]])

    @cached_property
    def owners(self) -> Places:
        """Of each column of main effects: the place of its factor."""
        return np.repeat(np.arange(len(self.sizes)), [size - 1 for size in self.sizes])

    @cached_property
    def _coded(self) -> Floats:
        """(levels of all factors, columns): place 0 is -1 in all of its factor's columns."""
        coded = np.zeros((sum(self.sizes), len(self.owners)))
        for factor, (start, size) in enumerate(zip(self._offsets, self.sizes, strict=True)):
            own = np.flatnonzero(self.owners == factor)
            coded[start, own] = -1
            coded[start + 1 + np.arange(size - 1), own] = 1
        return coded

    @cached_property
    def _pairs(self) -> tuple[Places, Places]:
        """Which two columns of main effects each column of any interaction multiplies."""
        first, second = np.triu_indices(len(self.owners), 1)
        apart = self.owners[first] != self.owners[second]
        return first[apart], second[apart]

    @cached_property
    def in_model(self) -> NDArray[np.bool_]:
        """Say of each column of all interactions whether the model has it."""
        held = [(int(a), int(b)) in self.interactions for a, b in self.pair_owners]
        return np.array(held, bool)

    @cached_property
    def pair_owners(self) -> Places:
        """(columns of all interactions, 2): the places of the two factors."""
        return np.stack([self.owners[columns] for columns in self._pairs], axis=1)

    def allowed(self, cells: Cells) -> NDArray[np.bool_]:
        """Say of each setting whether it may run."""
        kept = np.ones(len(cells), bool)
        for entry in self.forbidden:
            hit = np.ones(len(cells), bool)
            for factor, places in entry:
                hit &= np.isin(cells[:, factor], list(places))
            kept &= ~hit
        return kept

    def cells(self) -> Cells:
        """Every setting that may run, the last factor fastest."""
        every = np.stack(np.unravel_index(np.arange(self.size), self.sizes), axis=1)
        return every[self.allowed(every)]

    def keys(self, cells: Cells) -> Places:
        """One number for each setting: equal for equal ones.

        Two others agree with a chance of 1 in 2^63, and an exchange then misses one swap.
        """
        return cells @ self._weights

    @cached_property
    def _weights(self) -> Places:
        drawn = np.random.Generator(np.random.PCG64(_SEED))
        return drawn.integers(-(2**62), 2**62, size=len(self.sizes))

    def neighbours(self, cell: Cells) -> Cells:
        """Every setting that differs from `cell` in one factor at most, some of them often."""
        made = np.repeat(cell[None, :], sum(self.sizes), axis=0)
        levels = np.concatenate([np.arange(size) for size in self.sizes])
        made[np.arange(len(made)), np.repeat(np.arange(len(self.sizes)), self.sizes)] = levels
        return made

    def main_effects(self, cells: Cells) -> Floats:
        """(settings, 1 + columns): the mean and the main effects."""
        own = self._coded[(cells + self._offsets)[:, self.owners], np.arange(len(self.owners))]
        return np.hstack([np.ones((len(cells), 1)), own])

    def products(self, cells: Cells, which: NDArray[np.bool_]) -> Floats:
        """(settings, columns): some of all interactions of two factors.

        Args:
            cells: Settings.
            which: `in_model`, or what it leaves out.
        """
        own = self.main_effects(cells)[:, 1:]
        first, second = (columns[which] for columns in self._pairs)
        return own[:, first] * own[:, second]

    def rows(self, cells: Cells) -> Floats:
        """The matrix of the model."""
        if not self.interactions:
            return self.main_effects(cells)
        return np.hstack([self.main_effects(cells), self.products(cells, self.in_model)])

    def terms(self) -> Mapping[tuple[int, ...], list[int]]:
        """Places of the factors of each term → its columns in `rows`."""
        found: dict[tuple[int, ...], list[int]] = {}
        single = [(int(owner),) for owner in self.owners]
        paired = [(int(a), int(b)) for a, b in self.pair_owners[self.in_model]]
        owners: list[tuple[int, ...]] = [*single, *paired]
        for column, term in enumerate(owners, start=1):
            found.setdefault(term, []).append(column)
        return found


def labels_of(factor: Factor) -> tuple[str, ...]:
    """The labels of a factor, the baseline first and the others in declared order."""
    first = factor.baseline or factor.labels[0]
    return (first, *(label for label in factor.labels if label != first))
