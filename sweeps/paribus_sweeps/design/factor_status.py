"""Whether the finished runs can tell what one factor did, in words.

Source: METHOD 2 (2), 2.1.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from paribus_sweeps.design.alias_facts import Origin
from paribus_sweeps.design.confounding import listed, named
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.linear_space import ESTIMABLE_TOLERANCE, LinearSpace
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Column

FactorStatusWord = Literal["not_varied", "confounded", "estimable", "not_looked_at"]

_MOST_LEVELS = 8  # in a sentence; more are counted
_MOST_PAIRS = 60  # estimable contrasts that are listed for one factor


@dataclass(frozen=True, slots=True)
class FactorStatus:
    """Whether the finished runs can tell what one factor did."""

    factor: str
    status: FactorStatusWord
    sentence: str
    levels: tuple[str, ...]
    """Asked about: those of the plan, or of the finished runs where there is no plan."""
    missing_levels: tuple[str, ...] = ()
    """Those of them without a finished run."""
    df: int = 0
    """Independent differences between the levels asked about."""
    df_estimable: int = 0
    """Those that can be estimated."""
    partners: tuple[str, ...] = ()
    """Terms that the factor cannot be told apart from."""
    origins: tuple[Origin, ...] = ()
    """Where that comes from; "blocks": from which runs ran where."""
    comparable: tuple[tuple[str, ...], ...] = ()
    """Levels that can be compared with one another, in groups of at least two."""
    lurking: tuple[str, ...] = ()
    """Lurking keys that take (part of) it away once they count as blocks."""

    @property
    def contrasts(self) -> tuple[tuple[str, str], ...]:
        """The contrasts of two levels that can be estimated; the first sixty."""
        pairs = (itertools.combinations(group, 2) for group in self.comparable)
        return tuple(itertools.islice(itertools.chain(*pairs), _MOST_PAIRS))

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "status": self.status,
            "sentence": self.sentence,
            "levels": list(self.levels),
            "missing_levels": list(self.missing_levels),
            "df": self.df,
            "df_estimable": self.df_estimable,
            "partners": list(self.partners),
            "origins": list(self.origins),
            "comparable": [list(group) for group in self.comparable],
            "contrasts": [list(pair) for pair in self.contrasts],
            "lurking": list(self.lurking),
        }


def comparable(found: Gate, column: Column, space: LinearSpace) -> tuple[tuple[str, ...], ...]:
    """Return the finished levels in groups whose differences can be estimated.

    Of a factor that is analysed on its values there are none: its slope is one effect.
    """
    if column.is_numeric:
        return ()
    left = [int(code) for code in column.present()]
    rows = found.codings[column.name].rows
    part = found.matrix.columns_of(Term((column.name,)))
    groups = []
    while left:
        apart = rows[left] - rows[left[0]]
        lengths = np.linalg.norm(apart, axis=1)
        open_parts = np.abs(apart @ space.null[part]).max(axis=1, initial=0.0)
        together = open_parts <= ESTIMABLE_TOLERANCE * lengths
        groups.append([code for code, same in zip(left, together, strict=True) if same])
        left = [code for code, same in zip(left, together, strict=True) if not same]
    return tuple(tuple(column.labels[c] for c in group) for group in groups if len(group) > 1)


def status_sentence(made: FactorStatus, runs: int, blocks: Sequence[str]) -> str:
    """Say what can be told of a factor, what cannot, and where that comes from."""
    if made.status == "estimable":
        keys = (
            f", if {named(made.lurking, made.lurking)} made no difference" if made.lurking else ""
        )
        over = f"the {runs} finished runs" if runs > 1 else "the one finished run"
        return f"What `{made.factor}` did can be told from {over}{keys}."
    return " ".join([*_what_is_open(made, blocks), *(_ORIGINS[o] for o in made.origins)])


_ORIGINS: Mapping[Origin, str] = {
    "designed": "The plan itself would not tell it.",
    "missing_runs": "It comes from runs that are missing: the plan would tell.",
    "blocks": "It comes from which runs ran where.",
}


def _what_is_open(made: FactorStatus, blocks: Sequence[str]) -> Iterator[str]:
    """Yield what can be compared of a factor's levels, and what cannot."""
    partners = named(made.partners, blocks) if made.partners else None
    for group in made.comparable:
        yield f"{listed(group, most=_MOST_LEVELS)} of `{made.factor}` can be compared."
    if partners:
        what = (
            "The other differences between its levels"
            if made.comparable
            else f"What `{made.factor}` did"
        )
        yield f"{what} cannot be told from what {partners} did."
    if made.missing_levels:
        yield (
            f"No finished run has `{made.factor}` at "
            f"{listed(made.missing_levels, most=_MOST_LEVELS)}."
        )
