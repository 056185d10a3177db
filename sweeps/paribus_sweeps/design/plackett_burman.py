"""Plackett-Burman designs: N - 1 two-level factors in N settings, all main effects orthogonal.

    columns = hadamard_columns(12)        # 11 columns of 12 signs, as bits
    list(settings(design))                # factor → label
    partial_aliases(design)               # what share of which interaction each main effect holds

An interaction of two factors is no column of such a design but a bit of many: with N = 12
each main effect's estimate contains a third, plus or minus, of every interaction of two other
factors. No share is 1 there, so a list of full aliases would be empty and misleading.

The matrices are made from the published first rows (12, 20, 24, 36), by Sylvester's doubling
(powers of two, and twice an order at hand) and by Paley's two constructions; for 28 the
published design is another one than Paley's.

Source: Plackett & Burman, Biometrika 33, 1946; Paley, J. Math. Phys. 12, 1933; METHOD 2.4.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache

from paribus_sweeps.design.aliases import PartialAlias
from paribus_sweeps.design.fractional import low_and_high
from paribus_sweeps.errors import InvalidSpec, Problem
from paribus_sweeps.spec.designs import Design

_FIRST_ROWS = {
    12: "++-+++---+-",
    20: "++--++++-+-+----++-",
    24: "+++++-+-++--++--+-+----",
    36: "-+-+++---+++++-+++--+----+-+-++--+-",
}
_Matrix = tuple[tuple[int, ...], ...]
_SQUARE: _Matrix = ((1, 1), (1, -1))


@cache
def hadamard_columns(runs: int) -> tuple[int, ...]:
    """Return the `runs` - 1 columns that are balanced; bit r of a column says that run r is +1.

    The last run is -1 everywhere: with baselines at -1 it is the baseline.

    Args:
        runs: One of `PLACKETT_BURMAN_RUNS`.
    """
    matrix = _hadamard(runs)
    rows = [[entry * row[0] for entry in row[1:]] for row in matrix]  # the first column to +1
    signs = [-entry for entry in rows[-1]]
    return tuple(
        sum(1 << place for place, row in enumerate(rows) if row[index] * sign > 0)
        for index, sign in enumerate(signs)
    )


def _hadamard(order: int) -> _Matrix:
    if order in _FIRST_ROWS:
        return _cyclic([1 if sign == "+" else -1 for sign in _FIRST_ROWS[order]])
    if order.bit_count() == 1:
        return _SQUARE if order == 2 else _doubled(_hadamard(order // 2))
    if order % 8 and _is_prime(order // 2 - 1):
        return _paley_symmetric(order // 2 - 1)
    if _is_prime(order - 1):
        return _paley(order - 1)
    return _doubled(_hadamard(order // 2))


def _cyclic(row: Sequence[int]) -> _Matrix:
    """Shift the published row to the right, once a run; the last run is all -1."""
    count = len(row)
    shifted = [tuple(row[(at - shift) % count] for at in range(count)) for shift in range(count)]
    return (*((1, *signs) for signs in shifted), (1, *(-1 for _ in row)))


def _doubled(matrix: _Matrix) -> _Matrix:
    """Sylvester: [H H; H -H], its columns of the second half behind those of the first."""
    upper = tuple((*row, *row) for row in matrix)
    return (*upper, *((*row, *(-entry for entry in row)) for row in matrix))


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % d for d in range(2, int(number**0.5) + 1))


def _quadratic_character(q: int) -> tuple[int, ...]:
    """+1 for squares modulo the prime q, -1 for others, 0 for 0."""
    squares = {number * number % q for number in range(1, q)}
    return tuple(0 if x == 0 else (1 if x in squares else -1) for x in range(q))


def _paley(q: int) -> _Matrix:
    """Paley's first construction, of order q + 1, for a prime q that is 3 modulo 4."""
    character = _quadratic_character(q)
    jacobsthal = [[character[(i - j) % q] - (i == j) for j in range(q)] for i in range(q)]
    return ((1,) * (q + 1), *((1, *row) for row in jacobsthal))


def _paley_symmetric(q: int) -> _Matrix:
    """Paley's second construction, of order 2 (q + 1), for a prime q that is 1 modulo 4."""
    character = _quadratic_character(q)
    border = [[0] + [1] * q]
    core = border + [[1] + [character[(i - j) % q] for j in range(q)] for i in range(q)]
    return tuple(
        tuple(_paley_block(core[i][j], a, b) for j in range(q + 1) for b in (0, 1))
        for i in range(q + 1)
        for a in (0, 1)
    )


def _paley_block(entry: int, row: int, column: int) -> int:
    """Entries ±1 become ±[1 1; 1 -1], zeros [1 -1; -1 -1]."""
    block = ((1, 1), (1, -1)) if entry else ((1, -1), (-1, -1))
    return block[row][column] * (entry or 1)


def columns_of(design: Design) -> tuple[int, ...]:
    """Return one column for each factor of a `plackett_burman` design.

    The first columns, in order; where settings would repeat in them, columns are taken that
    keep the most settings apart.

    Raises:
        InvalidSpec: The settings would repeat whatever columns are taken. A trial is done once,
            so that what repeats would be left out, and the rest is no longer orthogonal.
    """
    runs = design.runs or 0
    count = len(design.factors)
    columns = hadamard_columns(runs)
    chosen = columns[:count]
    if _different(chosen, runs) < runs:
        chosen = _spread_out(columns, count, runs)
    different = _different(chosen, runs)
    if different < runs:
        message = (
            f"{runs} runs of {count} factors would repeat settings: {different} are different"
        )
        hint = "take fewer runs, or fractional_factorial or full_factorial; replicates repeat all"
        raise InvalidSpec([Problem("/design/runs", "repeated_settings", message, hint)])
    return chosen


def _different(columns: Sequence[int], runs: int) -> int:
    return len({tuple(column >> run & 1 for column in columns) for run in range(runs)})


def _spread_out(columns: Sequence[int], count: int, runs: int) -> tuple[int, ...]:
    chosen: tuple[int, ...] = ()
    for _ in range(count):
        left = [column for column in columns if column not in chosen]
        chosen += (max(left, key=lambda column: _different((*chosen, column), runs)),)
    return chosen


def settings(design: Design) -> Iterator[Mapping[str, str]]:
    """Yield factor → label of each run; the last run has all baselines.

    Raises:
        InvalidSpec: As `columns_of`.
    """
    columns = columns_of(design)
    levels = [low_and_high(factor) for factor in design.factors]
    names = [factor.name for factor in design.factors]
    for run in range(design.runs or 0):
        bits = [column >> run & 1 for column in columns]
        labels = [level[bit] for level, bit in zip(levels, bits, strict=True)]
        yield dict(zip(names, labels, strict=True))


def partial_aliases(design: Design) -> Iterator[PartialAlias]:
    """Yield what each main effect's estimate holds of interactions of two other factors.

    A = (X1'X1)^-1 X1'X2, and X1'X1 = N I here: an entry is the mean over the runs of the product
    of three columns. Those that are 0 are left out; an interaction that contains the factor
    itself has 0, since main effects are orthogonal.

    Raises:
        InvalidSpec: As `columns_of`.
    """
    runs = design.runs or 0
    columns = {f.name: c for f, c in zip(design.factors, columns_of(design), strict=True)}
    for effect, own in columns.items():
        others = [name for name in columns if name != effect]
        for one, other in itertools.combinations(others, 2):
            # +1 where an odd number of the three bits is set: products of signs as exclusive or
            highs = (own ^ columns[one] ^ columns[other]).bit_count()
            if 2 * highs != runs:
                share = Fraction(2 * highs - runs, runs)
                yield PartialAlias(effect, (one, other), share)
