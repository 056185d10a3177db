"""Permutation tests: what a term's F would be if its runs had been dealt out anew.

    found = permutation_test(fitted, Term(("batch",)), seed=question.seed(table))
    found.p, found.method                # 0.0216, "exact"

The residuals of the model without the term are dealt out again among the runs of a block and
added to what that model fits, and F is computed anew. No law of the error is supposed, only
that it is the same for every run of a block. Where the model without the term holds nothing
but the intercept and the blocks the test is exact; with other factors in it, nearly so.

Source: METHOD 5.4; Freedman & Lane, J. Business & Economic Statistics 1 (1983); Winkler and
others, NeuroImage 92 (2014), for blocks of exchangeable runs.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from paribus_sweeps.analysis.least_squares import LeastSquares
from paribus_sweeps.analysis.models import Fitted
from paribus_sweeps.analysis.resampling import words_from
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Codes, Flags, Floats, cell_keys

RANDOM_DRAWS = 9_999  # METHOD 5.4
MOST_ARRANGEMENTS = 20_000  # METHOD 5.4: up to here each of them is looked at
MOST_RUNS = 3_000  # beyond it the F test leans on no law of the error either
_MOST_WORK = 3e9  # runs x parameters x arrangements: a few seconds
_CHUNK = 1_000_000  # numbers of one kind held at once
_SAME = 1e-9  # relative; METHOD's 1e-12 is less than what the order of a long sum changes in F
_ROUNDING = 4e-15  # of a sum of squares, in units of all that is dealt out

Method = Literal["exact", "random"]


@dataclass(frozen=True, slots=True)
class PermutationTest:
    """One term, tested by permutation."""

    term: Term
    p: float | None
    """Share of arrangements with an F at least as large; None where there is no test."""
    draws: int
    """Arrangements that were looked at."""
    method: Method | None
    """"exact": every arrangement; "random": 9,999 of them, and the one that was observed."""
    f: float | None
    """Of the observed arrangement, with the pooled error."""
    within: tuple[str, ...]
    """Columns whose levels runs are not moved between."""
    note: str | None = None
    """Why there is no p, or what keeps it from being small."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "term": self.term.name, "within": list(self.within)}


def permutation_test(fitted: Fitted, term: Term, *, seed: str) -> PermutationTest:
    """Test a term against every other arrangement of the residuals, or against many.

    Type II, as `effects` has it: the term is adjusted for every term that does not contain it,
    and the error is the residual of the whole model.

    Args:
        fitted: The model that the term is part of.
        term: A main effect or an interaction.
        seed: Text that random arrangements are made from (METHOD 13).

    Raises:
        KeyError: The model has no such term.
    """
    fitted.gate.status(*term.members)
    blocks = [column for column in fitted.table.blocks if column.varies]
    if fitted.seed_block is not None and fitted.table.replicate is not None:
        blocks.append(fitted.table.replicate)
    within = tuple(column.name for column in blocks)
    why_not = _why_no_test(fitted)
    if why_not is None:
        parts = _Parts.of(fitted, term)
        deals = _Deals(
            cell_keys(blocks, rows=len(fitted.table)),
            cell_keys(fitted.gate.columns, rows=len(fitted.table)),
        )
        why_not = _why_no_arrangement(fitted, parts, deals)
    if why_not is not None:
        return PermutationTest(term, None, 0, None, None, within, why_not)
    p, draws, method = _share(parts, deals, seed)
    return PermutationTest(term, p, draws, method, _f(fitted, term), within, _floor(deals))


def _why_no_test(fitted: Fitted) -> str | None:
    if fitted.solution.residual_df < 1:
        return "no residual degree of freedom: there is no error to compare with"
    if not fitted.squares.varies:
        return "every run has the same value: there is no variation"
    if fitted.solution.is_exact:
        return "the model fits every run exactly: there is no error to compare with"
    if len(fitted.table) > MOST_RUNS:
        return f"not offered beyond {MOST_RUNS:,} runs"
    return None


def _why_no_arrangement(fitted: Fitted, parts: _Parts, deals: _Deals) -> str | None:
    if parts.df == 0:
        return "the runs hold nothing that tells of it: no number is given"
    if deals.count == 1:
        return "no run can change places with another inside its block"
    draws = min(deals.count, RANDOM_DRAWS)
    if len(fitted.table) * fitted.solution.rank * draws > _MOST_WORK:
        return "not offered for so large a model with so many runs"
    return None


def _share(parts: _Parts, deals: _Deals, seed: str) -> tuple[float, int, Method]:
    """Return the share of arrangements with an F as large, how many there were, and how chosen."""
    if deals.count <= MOST_ARRANGEMENTS:
        as_large = sum(parts.as_large(order) for order in deals.all())
        return as_large / deals.count, deals.count, "exact"
    as_large = sum(parts.as_large(order) for order in deals.random(seed))
    return (1 + as_large) / (RANDOM_DRAWS + 1), RANDOM_DRAWS, "random"


def _floor(deals: _Deals) -> str | None:
    if deals.count >= 20:
        return None
    return f"{deals.count} arrangements in all: p cannot be below {1 / deals.count:.2g}"


def _given(fitted: Fitted, term: Term) -> Flags:
    """Flag the columns of every term that does not contain this one, (parameters,)."""
    others = [t for t in fitted.gate.terms if t != term and not t.contains(term)]
    return fitted.columns_of(*others)


def _f(fitted: Fitted, term: Term) -> float:
    explained, df = fitted.squares.explained(fitted.columns_of(term), _given(fitted, term))
    return explained / df / (fitted.solution.rss / fitted.solution.residual_df)


@dataclass(frozen=True, eq=False)
class _Parts:
    """What F is made of, so that an arrangement costs two products."""

    left: Floats
    """(runs,): residuals of the model without the term, of length 1."""
    own: Floats
    """(runs, df): orthonormal, what the term adds."""
    whole: Floats
    """(runs, rank): orthonormal, the whole model."""

    @classmethod
    def of(cls, fitted: Fitted, term: Term) -> _Parts:
        given = _given(fitted, term)
        before = _basis(fitted, given)
        added = _basis(fitted, given | fitted.columns_of(term))
        # `before` lies inside `added`: what is left of `added` has singular values 0 and 1 only.
        directions, singular, _ = np.linalg.svd(_without(before, added), full_matrices=False)
        squares = fitted.squares
        reduced = (fitted.table.values - squares.centre) / squares.scale
        left = _without(before, reduced[:, None])[:, 0]
        return cls(
            left / (float(np.linalg.norm(left)) or 1.0),
            directions[:, singular > 0.5],
            _basis(fitted, np.ones(fitted.gate.parameters, bool)),
        )

    @property
    def df(self) -> int:
        return int(self.own.shape[1])

    def squares(self, order: Codes) -> tuple[Floats, Floats]:
        """Return the sums of squares of the term and of the error, (arrangements,)."""
        moved = self.left[order]
        inside = np.sum((moved @ self.own) ** 2, axis=1)
        outside = 1 - np.sum((moved @ self.whole) ** 2, axis=1)
        return inside, np.maximum(outside, 0.0)

    @cached_property
    def observed(self) -> tuple[float, float]:
        explained, unexplained = self.squares(np.arange(len(self.left))[None, :])
        return float(explained[0]), float(unexplained[0])

    def as_large(self, order: Codes) -> int:
        """Count the arrangements whose F is no smaller, without a division by an error of 0."""
        explained, unexplained = self.observed
        inside, outside = self.squares(order)
        at_least = explained * outside * (1 - _SAME) - _ROUNDING * (inside + explained)
        return int(np.sum(inside * unexplained >= at_least))


def _basis(fitted: Fitted, columns: Flags) -> Floats:
    """Return an orthonormal basis of some columns over the runs, (runs, rank)."""
    matrix = fitted.matrix[:, columns]
    solution = LeastSquares.of(matrix, fitted.table.values).solve()
    return np.asarray(np.linalg.qr(matrix @ solution.half)[0])


def _without(basis: Floats, columns: Floats) -> Floats:
    """Project the span of `basis` out of columns, twice, for orthogonality to the last digit."""
    for _ in range(2):
        columns = columns - basis @ (basis.T @ columns)
    return columns


class _Deals:
    """The ways to deal residuals out again: within blocks; equal runs of a block are one place."""

    def __init__(self, blocks: Codes, cells: Codes) -> None:
        """Look at the runs.

        Args:
            blocks: (runs,): equal numbers where runs may change places.
            cells: (runs,): equal numbers where runs are equal in all that the model holds.
        """
        order = np.lexsort((cells, blocks))
        starts = np.flatnonzero(np.diff(blocks[order])) + 1
        self.runs = len(blocks)
        self.blocks = np.split(order, starts)
        self.sizes = [_counts(cells[rows]) for rows in self.blocks]

    @cached_property
    def count(self) -> int:
        """How many arrangements there are that F can tell apart."""
        return math.prod(
            math.factorial(sum(sizes)) // math.prod(map(math.factorial, sizes))
            for sizes in self.sizes
        )

    def all(self) -> Iterator[Codes]:
        """Yield every arrangement, in pieces: for each run, whose residual it gets."""
        ways = [
            np.array(list(_deal(tuple(rows.tolist()), sizes)))
            for rows, sizes in zip(self.blocks, self.sizes, strict=True)
        ]
        for numbers in _pieces(self.count, self.runs):
            order = np.empty((len(numbers), self.runs), np.int64)
            for rows, way in zip(self.blocks, ways, strict=True):
                order[:, rows] = way[numbers % len(way)]
                numbers = numbers // len(way)
            yield order

    def random(self, seed: str) -> Iterator[Codes]:
        """Yield random arrangements, in pieces."""
        words = words_from(seed)
        for numbers in _pieces(RANDOM_DRAWS, self.runs):
            raw = words.random_raw((len(numbers), self.runs))
            order = np.empty((len(numbers), self.runs), np.int64)
            for rows in self.blocks:
                order[:, rows] = rows[np.argsort(raw[:, rows], axis=1)]
            yield order


def _counts(cells: Codes) -> list[int]:
    """How many runs each cell has, in order of cells."""
    return [int(count) for count in np.unique(cells, return_counts=True)[1]]


def _deal(items: tuple[int, ...], sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Yield the ways to deal items to cells of these sizes, each as one row of all cells."""
    if len(sizes) == 1:
        yield items
        return
    for chosen in itertools.combinations(items, sizes[0]):
        taken = set(chosen)
        rest = tuple(item for item in items if item not in taken)
        for others in _deal(rest, sizes[1:]):
            yield chosen + others


def _pieces(count: int, runs: int) -> Iterator[Codes]:
    """Cut the numbers of arrangements into pieces that fit into memory."""
    size = max(1, _CHUNK // max(1, runs))
    for start in range(0, count, size):
        yield np.arange(start, min(count, start + size))
