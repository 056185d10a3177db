"""What the estimates of main effects contain beside: the alias matrix.

    for row in alias_matrix(gate).rows:
        row.sentence          # The estimate of `a` also contains -1/3 of `b` x `c`.

Source: METHOD 2 (4); Box & Wilson, JRSS B 13, 1951.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.equations import Number, number_text, size_of
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.linear_space import RANK_TOLERANCE, clean
from paribus_sweeps.design.model_matrix import ModelMatrix, Term, two_factor_interactions
from paribus_sweeps.design.table import Column, Floats, cell_keys

_MOST_SHARES = 4  # interactions named for one estimate; more are counted
_MOST_ENTRIES = 20_000_000  # of the interactions' columns that are looked at: 160 MB
_BATCH = 2_000_000  # of them at once
_NONE = 1e-8  # METHOD 2 (3): smaller coefficients are zero
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class AliasRow:
    """What the estimate of one main-effect coefficient contains beside the effect itself."""

    term: str
    column: str
    """`batch` for two levels (the later minus the earlier); of more, `batch[8]`: the level's
    distance from the mean of all levels."""
    contains: tuple[tuple[str, Number], ...]
    """(`batch x ratio`, coefficient) of two-factor interactions, the largest first."""
    more: int = 0
    """Further ones, with coefficients no larger."""

    @property
    def label(self) -> Literal["full", "partial", "clear"]:
        """`full` where a whole interaction is contained, `clear` where none is (METHOD 2.4)."""
        if not self.contains:
            return "clear"
        return "full" if size_of(self.contains[0][1]) >= 1 - _EQUAL else "partial"

    @property
    def sentence(self) -> str | None:
        """Say it, or None where there is nothing to say."""
        if not self.contains:
            return None
        parts = [_share_text(name, coefficient) for name, coefficient in self.contains]
        more = [f"{self.more} more"] if self.more else []
        return f"The estimate of `{self.column}` also contains {listed([*parts, *more])}."

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "term": self.term,
            "column": self.column,
            "label": self.label,
            "contains": [
                {"column": name, "coefficient": float(c), "text": number_text(_short(c))}
                for name, c in self.contains
            ],
            "more": self.more,
            "sentence": self.sentence,
        }


def _share_text(name: str, coefficient: Number) -> str:
    quoted = " x ".join(f"`{part}`" for part in name.split(" x "))
    if coefficient == 1:
        return quoted
    if coefficient == -1:
        return f"minus {quoted}"
    return f"{number_text(_short(coefficient))} of {quoted}"


def _short(number: Number) -> Number:
    return number if isinstance(number, Fraction) else float(f"{number:.3g}")


@dataclass(frozen=True, slots=True)
class AliasMatrix:
    """The alias matrix of main effects and blocks against all two-factor interactions."""

    rows: tuple[AliasRow, ...]
    """Of every estimable coefficient of a factor."""
    not_looked_at: int
    """Interactions that were too many to be looked at."""


def alias_matrix(
    gate: Gate, *, most_shares: int = _MOST_SHARES, most_entries: int = _MOST_ENTRIES
) -> AliasMatrix:
    """Say what the estimates of main effects contain of two-factor interactions.

    A = (X1'X1)^-1 X1'X2 over the finished runs, repeats averaged: X1 is the gate's model, X2
    the interactions of its factors that it leaves out. Two-level factors count -1 at the
    earlier level and 1 at the later one.

    Args:
        gate: Of main effects.
        most_shares: Interactions named for one estimate; more are counted.
        most_entries: Cells times columns that are looked at.
    """
    factors = [column for column in gate.columns if column.role == "factor"]
    pairs = two_factor_interactions(factors)
    rows = [_Row.of(gate, place) for place in _estimable_places(gate, factors)]
    if not rows:
        return AliasMatrix((), len(pairs))
    looked_at = 0
    for terms, names, shares in _shares(gate, [row.place for row in rows], pairs, most_entries):
        looked_at += terms
        for row, found in zip(rows, shares, strict=True):
            row.note(names, found * row.sign, most_shares)
    return AliasMatrix(tuple(row.made() for row in rows), len(pairs) - looked_at)


def _estimable_places(gate: Gate, factors: Sequence[Column]) -> list[int]:
    """Return the places of the factors' own coefficients that can be estimated."""
    estimable = gate.space.estimable(np.eye(gate.parameters))
    parts = [gate.matrix.columns_of(Term((column.name,))) for column in factors]
    places = itertools.chain(*(range(part.start, part.stop) for part in parts))
    return [place for place in places if estimable[place]]


def _shares(
    gate: Gate, places: Sequence[int], pairs: Sequence[Term], most_entries: int
) -> Iterator[tuple[int, list[str], Floats]]:
    """Yield (interactions, names of their columns, (places, columns) of A), batch by batch."""
    _, first, counts = np.unique(
        cell_keys(gate.columns, rows=len(gate.table)), return_index=True, return_counts=True
    )
    codes = {column.name: column.codes[first] for column in gate.columns}
    weights = np.sqrt(counts.astype(np.float64))[:, None]
    fitted = ModelMatrix.of(gate.terms, gate.codings, codes, rows=len(first))
    solve = _pseudo_inverse(fitted.values * weights)[places]
    for terms in _batches(pairs, gate, len(first), most_entries):
        made = ModelMatrix.of([Term(), *terms], gate.codings, codes, rows=len(first))
        signed = [name for term in terms for name in _signed_names(term, gate)]
        signs = np.array([sign for sign, _ in signed])
        shares = solve @ (made.values[:, 1:] * weights) * signs  # without the intercept
        yield len(terms), [name for _, name in signed], shares


def _pseudo_inverse(matrix: Floats) -> Floats:
    """Return X^+; of estimable coefficients its rows are those of (X'X)^- X'."""
    lengths = np.linalg.norm(matrix, axis=0)
    lengths = np.where(lengths > 0, lengths, 1.0)
    rcond = RANK_TOLERANCE * matrix.shape[1]
    made: Floats = np.asarray(np.linalg.pinv(matrix / lengths, rcond=rcond), np.float64)
    return made / lengths[:, None]


def _batches(
    pairs: Sequence[Term], gate: Gate, cells: int, most_entries: int
) -> Iterator[list[Term]]:
    """Yield interactions in batches of bounded size, as long as there is room."""
    batch: list[Term] = []
    size = total = 0
    for term in pairs:
        entries = cells * int(np.prod([gate.codings[name].df for name in term.members]))
        total += entries
        if total > most_entries:
            break
        if batch and size + entries > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(term)
        size += entries
    if batch:
        yield batch


def _signed_names(term: Term, gate: Gate) -> list[tuple[int, str]]:
    """Return (sign, name) of a term's columns, two-level factors by their name alone.

    The sign is -1 where the gate counts an odd number of two-level factors' first levels as 1
    (METHOD 1).
    """
    codings = [gate.codings[name] for name in term.members]
    flips = sum(coding.df == 1 and coding.half is None for coding in codings)
    parts = [[c.name] if c.df == 1 else list(c.names) for c in codings]
    return [((-1) ** flips, " x ".join(names)) for names in itertools.product(*parts)]


@dataclass(slots=True)
class _Row:
    """What is found for one coefficient, batch by batch."""

    place: int
    term: str
    column: str
    sign: int
    largest: list[tuple[str, float]]
    count: int = 0

    @classmethod
    def of(cls, gate: Gate, place: int) -> _Row:
        """Begin with nothing."""
        term = gate.matrix.term_of(place)
        sign, column = _signed_names(term, gate)[place - gate.matrix.columns_of(term).start]
        return cls(place, term.name, column, sign, [])

    def note(self, names: Sequence[str], shares: Floats, most: int) -> None:
        """Take in the coefficients of some interactions."""
        some = np.flatnonzero(np.abs(shares) > _NONE)
        self.count += len(some)
        order = np.argsort(-np.round(np.abs(shares[some]), 9), kind="stable")[:most]
        found = [*self.largest, *((names[at], float(shares[at])) for at in some[order])]
        self.largest = sorted(found, key=lambda share: -round(abs(share[1]), 9))[:most]

    def made(self) -> AliasRow:
        """Return what was found."""
        contains = tuple((name, clean(share)) for name, share in self.largest)
        return AliasRow(self.term, self.column, contains, self.count - len(contains))
