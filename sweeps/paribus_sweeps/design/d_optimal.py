"""D-optimal designs: the given number of settings that tell a model's parameters best.

    settings(design)            # factor → label of each: the best set that was found
    partial_aliases(design)     # shares of left-out interactions in the main effects

Among the sets of N different allowed settings, the one with the largest log det X'X, X being
the matrix of the model; how levels are coded makes no difference. Fedorov's exchange searches
from a greedy start and from 19 random ones or more, whose seed is made of the content. Where
that would take long (grids of thousands of settings, models of a hundred parameters), coordinate
exchange does, which lists no candidates. The same design gives the same settings.

This module needs numpy, and is loaded only when such a design is asked for.

Source: METHOD 6.2, 6.3 and 13; Fedorov, Theory of Optimal Experiments, 1972; Cook & Nachtsheim,
Technometrics 22, 1980; Meyer & Nachtsheim, Technometrics 37, 1995.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np
from numpy.random import PCG64, Generator

from paribus_sweeps.design.aliases import PartialAlias, listed
from paribus_sweeps.design.model_grid import Cells, Floats, Grid, Places, labels_of
from paribus_sweeps.errors import InvalidSpec, Problem
from paribus_sweeps.spec.design_types import search_work
from paribus_sweeps.spec.designs import Design

# Up to here candidates are listed: beyond, a search by coordinates is faster and as good.
MOST_CANDIDATES = 3_000
_MOST_WORK = 8_000_000  # candidates x runs x parameters: 20 starts take about 4 s
# METHOD 6.2: 20 starts reached the exhaustive optimum in 70 of 70 small cases. Where a start
# takes milliseconds there are more: with 20, 11 factors in 16 runs miss the orthogonal design.
_FEWEST_STARTS, _MOST_STARTS = 20, 200
_WORK_OF_STARTS = 60_000_000  # candidates x runs x parameters x starts: about 2 s
_MOST_BY_COORDINATES = 20
_WORK_BY_COORDINATES = 2_000_000  # `search_work` x starts: about 2 s; one start at least
_MOST_LISTED = 5_000_000  # entries of a matrix of all settings: 40 MB
_RIDGE = 1e-6  # METHOD 6.2, times the mean diagonal of X'X: it restores rank first, then D
_GAIN = 1 + 1e-9  # METHOD 6.2: a smaller gain is rounding
_DIGITS = 9  # METHOD 6.3: objectives that agree so far are tied
_TRIES = 100  # rounds of drawing a random start from a large grid with forbidden settings
_TIED = 1e-8  # relative; the inverse of a nearly singular M has some 1e-10 of rounding
_ZERO = 1e-8  # METHOD 2 (3): smaller coefficients are rounding


def settings(design: Design) -> Iterator[Mapping[str, str]]:
    """Yield factor → label of each setting of a `d_optimal` design, in the grid's order.

    Raises:
        InvalidSpec: `forbid` leaves too few settings, or none that tell some effect.
    """
    names = [factor.name for factor in design.factors]
    labels = [labels_of(factor) for factor in design.factors]
    for cell in cells_of(design):
        chosen = [own[place] for own, place in zip(labels, cell, strict=True)]
        yield dict(zip(names, chosen, strict=True))


def cells_of(design: Design) -> tuple[tuple[int, ...], ...]:
    """Return the settings of a `d_optimal` design as places of levels.

    Raises:
        InvalidSpec: As `settings`.
    """
    names = tuple(factor.name for factor in design.factors)
    return _search(Grid.of(design), design.runs or 0, int(design.keep_baseline), names)


@lru_cache(maxsize=16)  # a plan is listed, and asked for its aliases: one search is enough
def _search(
    grid: Grid, runs: int, kept: int, names: tuple[str, ...]
) -> tuple[tuple[int, ...], ...]:
    """Find the settings; the first `kept` (0 or 1) of each start are the baseline and stay."""
    if kept and not grid.allowed(np.zeros((1, len(grid.sizes)), np.int64))[0]:
        message = "the setting of all baselines is forbidden, and keep_baseline asks for it"
        hint = "take it out of forbid, or leave keep_baseline out"
        raise InvalidSpec([Problem("/design/keep_baseline", "forbidden", message, hint)])
    if grid.forbidden and grid.size * grid.parameters <= _MOST_LISTED:
        _refuse_impossible(grid, runs, names)
    work = grid.size * runs * grid.parameters
    few = grid.size <= MOST_CANDIDATES and work <= _MOST_WORK
    found = _by_candidates(grid, runs, kept) if few else _by_coordinates(grid, runs, kept)
    best = min(found, key=lambda cells: _order(grid, cells))
    if _log_det(grid.rows(best)) == -math.inf:
        message = f"{runs} settings that tell all parameters of the model were not found"
        hint = "forbid less, or give more runs"
        raise InvalidSpec([Problem("/design/runs", "not_found", message, hint)])
    return tuple(sorted(tuple(map(int, cell)) for cell in best))


def _order(grid: Grid, cells: Cells) -> tuple[float, int, list[list[int]]]:
    """Ties: fewer changes from the baseline, then the order of factors and levels (METHOD 6.3)."""
    objective = round(_log_det(grid.rows(cells)), _DIGITS)
    return -objective, int(np.count_nonzero(cells)), sorted(cells.tolist())


def _log_det(rows: Floats) -> float:
    if np.linalg.matrix_rank(rows) < rows.shape[1]:
        return -math.inf
    return float(np.linalg.slogdet(rows.T @ rows)[1])


def _generator(grid: Grid, runs: int) -> Generator:
    """PCG64, seeded from the content (METHOD 13)."""
    forbidden = [[(f, sorted(places)) for f, places in entry] for entry in grid.forbidden]
    content = repr((grid.sizes, forbidden, grid.interactions, runs))
    return Generator(PCG64(int.from_bytes(hashlib.sha256(content.encode()).digest())))


def _refuse_impossible(grid: Grid, runs: int, names: tuple[str, ...]) -> None:
    """Refuse what no set of allowed settings could do (METHOD 6.1), with the effects' names."""
    cells = grid.cells()
    if len(cells) < runs:
        message = f"{runs} runs, and forbid leaves {len(cells)} settings"
        hint = "give fewer runs or forbid less; replicates repeat settings"
        raise InvalidSpec([Problem("/design/runs", "too_many_runs", message, hint)])
    rows = grid.rows(cells)
    whole = np.linalg.matrix_rank(rows)
    if whole == rows.shape[1]:
        return
    lost = [
        " x ".join(f"`{names[place]}`" for place in term)
        for term, columns in grid.terms().items()
        if whole - np.linalg.matrix_rank(np.delete(rows, columns, axis=1)) < len(columns)
    ]
    message = f"the settings that forbid leaves cannot tell {listed(lost)}"
    hint = "forbid less, or leave a factor or a level out"
    raise InvalidSpec([Problem("/design/forbid", "not_estimable", message, hint)])


def _by_candidates(grid: Grid, runs: int, kept: int) -> Iterator[Cells]:
    cells = grid.cells()
    rows = grid.rows(cells)
    ridge = _ridge(rows, runs)
    generator = _generator(grid, runs)
    yield cells[_exchanged(rows, _greedy(rows, runs, kept, ridge), kept, ridge)]
    work = grid.size * runs * grid.parameters
    starts = min(_MOST_STARTS, max(_FEWEST_STARTS, _WORK_OF_STARTS // work))
    for _ in range(starts - 1):
        others = kept + generator.choice(len(cells) - kept, runs - kept, replace=False)
        drawn = np.concatenate([np.arange(kept), others])  # the baseline is the first cell
        yield cells[_exchanged(rows, drawn, kept, ridge)]


def _ridge(rows: Floats, runs: int) -> float:
    return _RIDGE * runs * float(np.mean(rows**2))


def _greedy(rows: Floats, runs: int, kept: int, ridge: float) -> Places:
    """Add the row with the largest z' M^-1 z, one after the other."""
    chosen = list(range(kept))
    spread = rows @ _inverse(rows[chosen], ridge)
    while len(chosen) < runs:
        own = np.einsum("ij,ij->i", spread, rows)
        own[chosen] = -1  # a setting stands once
        added = _first_largest(own)
        chosen.append(added)
        spread = rows @ _inverse(rows[chosen], ridge)
    return np.array(chosen)


def _first_largest(values: Floats) -> int:
    """The first of the largest, where rounding (of another machine's library) decides nothing."""
    largest = float(values.max())
    return int(np.argmax(values >= largest - _TIED * abs(largest)))


def _inverse(rows: Floats, ridge: float) -> Floats:
    return np.asarray(np.linalg.inv(rows.T @ rows + ridge * np.eye(rows.shape[1])), np.float64)


def _polished(improve: Callable[[float], Floats], ridge: float) -> None:
    """Improve with the ridge, and then what it kept from the exact optimum."""
    rows = improve(ridge)
    if np.linalg.matrix_rank(rows) == rows.shape[1]:
        improve(0.0)


def _exchanged(rows: Floats, chosen: Places, kept: int, ridge: float) -> Places:
    """Swap a row for a candidate while that raises det M (Fedorov); the first `kept` stay."""
    chosen = chosen.copy()

    def improve(ridge: float) -> Floats:
        while True:
            gains = _gains(rows, rows[chosen], ridge)
            gains[chosen] = 0  # a setting stands once
            gains[:, :kept] = 0
            new, old = divmod(_first_largest(gains.ravel()), len(chosen))
            if gains[new, old] <= _GAIN:
                return rows[chosen]
            chosen[old] = new

    _polished(improve, ridge)
    return chosen


def _gains(candidates: Floats, held: Floats, ridge: float) -> Floats:
    """(candidates, held): by what each swap multiplies det M."""
    inverse = _inverse(held, ridge)
    spread = candidates @ inverse
    own = np.einsum("ij,ij->i", spread, candidates)
    of_held = np.einsum("ij,ij->i", held @ inverse, held)
    gains: Floats = (1 + own)[:, None] * (1 - of_held)[None, :] + np.square(spread @ held.T)
    return gains


def _by_coordinates(grid: Grid, runs: int, kept: int) -> Iterator[Cells]:
    """Change one factor of one setting at a time while that raises det M (Meyer & Nachtsheim)."""
    generator = _generator(grid, runs)
    most = max(1, _WORK_BY_COORDINATES // search_work(runs, grid.parameters, sum(grid.sizes)))
    for _ in range(min(_MOST_BY_COORDINATES, most)):
        yield _polished_cells(grid, _drawn_cells(grid, runs, kept, generator), kept)


def _drawn_cells(grid: Grid, runs: int, kept: int, generator: Generator) -> Cells:
    """Draw different allowed settings from a grid that may be too large to be listed."""
    found = np.zeros((kept, len(grid.sizes)), np.int64)
    for _ in range(_TRIES):
        drawn = generator.integers(0, grid.sizes, size=(runs, len(grid.sizes)))
        both = np.vstack([found, drawn[grid.allowed(drawn)]])
        found = both[np.sort(np.unique(both, axis=0, return_index=True)[1])][:runs]
        if len(found) == runs:
            return found
    message = f"{runs} settings that forbid leaves were not found among {grid.size:,}"
    hint = "forbid less, or give fewer runs"
    raise InvalidSpec([Problem("/design/forbid", "not_found", message, hint)])


def _polished_cells(grid: Grid, cells: Cells, kept: int) -> Cells:
    def improve(ridge: float) -> Floats:
        while _one_round(grid, cells, kept, ridge):
            pass
        return grid.rows(cells)

    _polished(improve, _ridge(grid.rows(cells), len(cells)))
    return cells


def _one_round(grid: Grid, cells: Cells, kept: int, ridge: float) -> bool:
    """Improve each setting in turn; `cells` is changed. Whether it got better."""
    better = False
    inverse = _inverse(grid.rows(cells), ridge)
    for run in range(kept, len(cells)):
        options = grid.neighbours(cells[run])
        gains = _option_gains(grid, cells, options, run, inverse)
        best = _first_largest(gains)
        if gains[best] > _GAIN:
            old, new = grid.rows(np.vstack([cells[run], options[best]]))
            inverse = _updated(_updated(inverse, new, 1), old, -1)
            cells[run] = options[best]
            better = True
    return better


def _updated(inverse: Floats, row: Floats, sign: int) -> Floats:
    """The inverse of M + sign z z' (Sherman & Morrison)."""
    spread = inverse @ row
    return inverse - np.outer(spread, spread) * (sign / (1 + sign * (row @ spread)))


def _option_gains(grid: Grid, cells: Cells, options: Cells, run: int, inverse: Floats) -> Floats:
    held = grid.rows(cells[run : run + 1])
    rows = grid.rows(options)
    spread = rows @ inverse
    own = np.einsum("ij,ij->i", spread, rows)
    gains: Floats = (1 + own) * (1 - held[0] @ inverse @ held[0]) + (spread @ held[0]) ** 2
    taken = np.isin(grid.keys(options), grid.keys(cells))
    gains[taken | ~grid.allowed(options)] = 0  # a setting stands once
    return gains


def partial_aliases(design: Design) -> Iterator[PartialAlias]:
    """Yield what each estimated main effect holds of interactions that the model leaves out.

    A = (X1'X1)^-1 X1'X2 (METHOD 2.4), X1 the model, X2 all other interactions of two factors.
    Of a factor with more than two levels, the largest coefficient of its columns.

    Raises:
        InvalidSpec: As `settings`.
    """
    grid, cells = Grid.of(design), np.array(cells_of(design))
    left_out = ~grid.in_model
    if not left_out.any():
        return
    found = np.linalg.lstsq(grid.rows(cells), grid.products(cells, left_out), rcond=None)[0]
    shares = found[1 : 1 + len(grid.owners)]
    pairs, group = np.unique(grid.pair_owners[left_out], axis=0, return_inverse=True)
    names = [factor.name for factor in design.factors]
    for effect, name in enumerate(names):
        largest = _largest_of_groups(shares[grid.owners == effect], group.ravel(), len(pairs))
        for place in np.flatnonzero(np.abs(largest) > _ZERO):
            one, other = pairs[place]
            yield PartialAlias(name, (names[one], names[other]), float(largest[place]))


def _largest_of_groups(shares: Floats, group: Places, count: int) -> Floats:
    """(groups,): the entry of largest size among the rows of each group's columns."""
    rows = len(shares)
    values, groups = shares.ravel(), np.tile(group, rows)
    found = np.zeros(count)
    order = np.argsort(np.abs(values), kind="stable")
    found[groups[order]] = values[order]  # of a place that is written often, the last one stays
    return found
