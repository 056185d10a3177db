"""Which model stands behind an estimate: blocks, seeds, main effects, interactions.

    fitted = fit(table)                       # what METHOD 5.1 takes by default
    fitted = fit(table, interactions="none")
    fitted = fit(table, interactions=[("batch", "ratio")])

Source: METHOD 5.1 (order of terms; all estimable interactions if 4 residual df remain), 5.3
(seed as an additive block).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from paribus_sweeps.analysis.least_squares import LeastSquares, Solution
from paribus_sweeps.design.estimability import Gate, gate
from paribus_sweeps.design.model_matrix import Term, main_effects, two_factor_interactions
from paribus_sweeps.design.table import Column, Flags, Floats, Table, cell_keys
from paribus_sweeps.errors import NoSuchInteraction

Interactions = Literal["auto", "none", "all"] | Sequence[tuple[str, str]]

LEAST_RESIDUAL_DF = 4  # METHOD 5.1: fewer leave no error to speak of
_MOST_SEEDS = 10  # METHOD 5.3: more blocks than this would want a random intercept
_MOST_PARAMETERS = 200  # of a model that nobody asked for by name


@dataclass(eq=False)
class Fitted:
    """A model, fitted to the finished runs."""

    gate: Gate
    notes: tuple[str, ...]
    """How the model came about, for people."""
    seed_block: str | None
    """Name of the replicate key, where it stands in the model as a block."""

    @property
    def table(self) -> Table:
        """The runs, repeats averaged."""
        return self.gate.table

    @cached_property
    def matrix(self) -> Floats:
        """(runs, parameters)."""
        return self.gate.full_matrix()

    @cached_property
    def squares(self) -> LeastSquares:
        """Matrix and response, reduced."""
        return LeastSquares.of(self.matrix, self.table.values)

    @cached_property
    def solution(self) -> Solution:
        """All terms fitted at once."""
        return self.squares.solve(rank=self.gate.rank)

    @cached_property
    def settings(self) -> int:
        """How many distinct settings, on blocks, have run: seeds are not told apart."""
        columns = [*self.table.blocks, *self.table.factors]
        return len(np.unique(cell_keys(columns, rows=len(self.table))))

    @property
    def interactions(self) -> tuple[Term, ...]:
        """The interactions of the model."""
        return tuple(term for term in self.gate.terms if len(term.members) > 1)

    def columns_of(self, *terms: Term) -> Flags:
        """Flag the columns of some terms, (parameters,)."""
        flags = np.zeros(self.gate.parameters, bool)
        for term in terms:
            flags[self.gate.matrix.columns_of(term)] = True
        return flags


def fit(table: Table, *, interactions: Interactions = "auto", base: Gate | None = None) -> Fitted:
    """Fit the model that the runs allow.

    Args:
        table: Unusable rows are left out, repeats of one (setting, replicate) averaged.
        interactions: "auto" takes all estimable ones if 4 residual df remain; "none"; "all";
            or pairs of factors.
        base: The gate of blocks and main effects, where it was asked already.

    Raises:
        TooLarge: The model has too many columns.
        NoSuchInteraction: A pair names a factor that does not vary.
    """
    found = gate(table) if base is None else base
    rows = found.table
    seeds, notes = _seeds(rows, found)
    terms = main_effects([*rows.blocks, *seeds, *rows.factors])
    if seeds:
        found = gate(rows, terms=terms)
    extra, more = _interactions(rows, found, terms, interactions)
    if extra:
        found = gate(rows, terms=(*terms, *extra))
    seed_block = seeds[0].name if seeds else None
    return Fitted(found, (*notes, *more, *_repeats(rows)), seed_block)


def _repeats(rows: Table) -> list[str]:
    if not rows.repeats:
        return []
    return [
        f"{rows.repeats} further run{'s' if rows.repeats > 1 else ''} of a setting and seed that "
        "had run already: averaged with the first."
    ]


def _seeds(rows: Table, found: Gate) -> tuple[list[Column], list[str]]:
    """The seed as an additive block, where it takes nothing away from what can be told."""
    seed = rows.replicate
    if seed is None or not seed.varies:
        return [], []
    if len(seed.present()) > _MOST_SEEDS:
        return [], [f"More than {_MOST_SEEDS} values of `{seed.name}`: not taken as a block."]
    within = gate(rows, terms=main_effects([*rows.blocks, seed, *rows.factors]))
    before = {status.term: status.df_estimable for status in found.statuses}
    after = {status.term: status.df_estimable for status in within.statuses}
    if any(after[term] < df for term, df in before.items()) or within.residual_df < 1:
        why = (
            f"`{seed.name}` is not the same at every setting: it counts as noise, not as a block."
        )
        return [], [why]
    return [seed], []


def _interactions(
    rows: Table, found: Gate, terms: Sequence[Term], asked: Interactions
) -> tuple[tuple[Term, ...], list[str]]:
    if asked == "none":
        return (), ["Interactions were not asked for: they are assumed zero."]
    if asked == "all":
        return two_factor_interactions(rows.factors), []
    if asked == "auto":
        return _automatic(rows, found, terms)
    names = [factor.name for factor in rows.factors if factor.varies]
    for pair in asked:
        for name in pair:
            if name not in names:
                raise NoSuchInteraction(pair, name)
    return tuple(Term(tuple(sorted(pair, key=names.index))) for pair in asked), []


def _automatic(
    rows: Table, found: Gate, terms: Sequence[Term]
) -> tuple[tuple[Term, ...], list[str]]:
    whole = {s.term.members[0] for s in found.statuses if s.word == "estimable"}
    asked = [t for t in two_factor_interactions(rows.factors) if whole >= set(t.members)]
    df = {s.term.members[0]: s.df for s in found.statuses}
    wanted = sum(df[t.members[0]] * df[t.members[1]] for t in asked)
    if not asked:
        return (), []
    assumed = "interactions are assumed zero"
    if found.residual_df - wanted < LEAST_RESIDUAL_DF:
        left = max(0, found.residual_df)
        return (), [f"{left} residual df are too few to fit interactions: {assumed}."]
    if found.parameters + wanted > _MOST_PARAMETERS:
        return (), [f"Too many interactions to fit unasked: {assumed}; ask for some by name."]
    return _estimable(rows, found, terms, asked)


def _estimable(
    rows: Table, found: Gate, terms: Sequence[Term], asked: Sequence[Term]
) -> tuple[tuple[Term, ...], list[str]]:
    """Those interactions that the runs can tell in full, margins left estimable."""
    wide = gate(rows, terms=(*terms, *asked))
    kept = tuple(t for t in asked if wide.status(*t.members).word == "estimable")
    dropped = [t.name for t in asked if t not in kept]
    if not dropped:
        return kept, []
    notes = [f"Assumed zero, since some of its cells are empty: {', '.join(dropped)}."]
    return kept, notes
