"""Matched contrasts: what one factor did while everything else stood still.

Two finished runs match when they differ in the studied factor and in nothing else: same
other factors, same declared blocks, same replicate. Averaging the differences of matched
runs estimates the factor's effect without supposing that effects add up.

Source: METHOD 4; Box, Hunter & Hunter, Statistics for Experimenters, 2nd ed., chapters 3, 5.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from paribus_sweeps.analysis import paired
from paribus_sweeps.analysis.effects import contrast_pairs
from paribus_sweeps.analysis.paired import PairedSummary, PairingUsefulness, Welch
from paribus_sweeps.analysis.words import number, signed
from paribus_sweeps.design.table import Codes, Column, Floats, Table, cell_keys
from paribus_sweeps.runs import OPEN

_SURE = 0.05  # above it, one look in ten says so of noise
CLEAR = 0.10  # METHOD 4: of the p that contexts agree
_MOST_LEVELS = 6  # of another column, in a sentence
MOST_SHOWN = 200  # pairs, contexts and lost runs of one contrast that are written out
_MOST_RESAMPLED = 2_000  # pairs; beyond it, random draws take seconds and change no digit shown


@dataclass(frozen=True, slots=True)
class MatchedPair:
    """Two runs that differ in the factor alone."""

    low_run: str
    high_run: str
    low: float
    high: float
    low_name: str
    """What people call the run; its id where nobody gave it a name."""
    high_name: str
    context: int
    """Place in `MatchedContrast.contexts`."""
    replicate: str | None

    @property
    def difference(self) -> float:
        """High minus low, in the response's unit."""
        return self.high - self.low

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "low_run": self.low_run,
            "high_run": self.high_run,
            "low_name": self.low_name,
            "high_name": self.high_name,
            "low": self.low,
            "high": self.high,
            "difference": self.difference,
            "context": self.context,
            "replicate": self.replicate,
        }


@dataclass(frozen=True, slots=True)
class LostPair:
    """A run without a value whose partner has one: a pair that would have been."""

    run: str
    partner: str
    reason: str
    is_open: bool
    """The run may still get its value."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "run": self.run,
            "partner": self.partner,
            "reason": self.reason,
            "is_open": self.is_open,
        }


@dataclass(frozen=True, slots=True)
class Dependence:
    """What a difference goes along with, where it is not the same in every context."""

    column: str
    """The factor or block that explains most between the contexts."""
    by_level: Mapping[str, float]
    """Level → mean difference, in the response's unit."""
    p: float | None
    """That the difference is the same everywhere: of the factor x context interaction."""

    @property
    def is_clear(self) -> bool:
        """Whether noise is an unlikely reason (METHOD 4: p below .10)."""
        return self.p is not None and self.p < CLEAR

    @property
    def sentence(self) -> str:
        """The differences, and how sure it is that they differ."""
        told = [f"{signed(mean)} at {label}" for label, mean in self.by_level.items()]
        shown = ", ".join(told[:_MOST_LEVELS]) + (" …" if len(told) > _MOST_LEVELS else "")
        if self.is_clear:
            sure = "depends" if self.p is not None and self.p < _SURE else "may depend"
            return f"It {sure} on `{self.column}`: {shown} (p = {number(self.p)})."
        return f"It is {shown} of `{self.column}`; noise alone may do that."


@dataclass(frozen=True, slots=True)
class MatchedContrast:
    """One level of a factor against another, from matched pairs alone."""

    factor: str
    low: str
    high: str
    summary: PairedSummary
    pairs: tuple[MatchedPair, ...]
    """By context and replicate; at most `MOST_SHOWN`."""
    contexts: tuple[Mapping[str, str], ...]
    """What was held fixed in each context: column → label; at most `MOST_SHOWN`."""
    lost: tuple[LostPair, ...]
    """At most `MOST_SHOWN`."""
    lost_count: int
    open_count: int
    """Those of the lost that may still come."""
    depends_on: Dependence | None
    """Where contexts differ: p below .10, or means of both signs."""
    usefulness: PairingUsefulness
    unpaired: Welch | None
    """Where there are no common seeds: unpaired within contexts, not seed-matched."""
    notes: tuple[str, ...]

    @property
    def n(self) -> int:
        """Pairs."""
        return self.summary.n

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "low": self.low,
            "high": self.high,
            **self.summary.as_dict(),
            "pairs": [pair.as_dict() for pair in self.pairs],
            "context_labels": [dict(context) for context in self.contexts],
            "lost": [lost.as_dict() for lost in self.lost],
            "lost_count": self.lost_count,
            "open_count": self.open_count,
            "depends_on": self._dependence(),
            "pairing": {
                "n": self.usefulness.n,
                "rho": self.usefulness.rho,
                "efficiency": self.usefulness.efficiency,
                "note": self.usefulness.note,
            },
            "unpaired": _unpaired_dict(self.unpaired),
            "notes": list(self.notes),
        }

    def _dependence(self) -> dict[str, Any] | None:
        found = self.depends_on
        if found is None:
            return None
        return {
            "column": found.column,
            "by_level": dict(found.by_level),
            "p": found.p,
            "is_clear": found.is_clear,
            "sentence": found.sentence,
        }


def _unpaired_dict(found: Welch | None) -> dict[str, Any] | None:
    if found is None:
        return None
    estimate = found.estimate
    return {
        "label": "not seed-matched",
        "estimate": estimate.value,
        "standard_error": estimate.standard_error,
        "df": estimate.df,
        "p": estimate.p,
        "interval": None if estimate.low is None else [estimate.low, estimate.high],
        "contexts": found.contexts,
        "left_out": found.left_out,
        "note": estimate.note,
    }


def matched_contrasts(
    table: Table,
    factor: str,
    *,
    seed: str,
    against_baseline: bool | None = None,
    level: float = 0.95,
    details: bool = True,
) -> tuple[MatchedContrast, ...]:
    """Compare the levels of a factor over runs that agree in everything else.

    Runs are paired seed by seed, never mean by mean: what a seed does to both partners
    cancels. A repeat of one (setting, seed) is averaged first.

    Args:
        table: Runs with the response; columns that are not to be matched are left out of it.
        factor: Name of a factor of the table; one that is analysed on its values has no pairs.
        seed: Text that random draws are made from (METHOD 13).
        against_baseline: Which levels are compared: see `effects.contrast_pairs`.
        level: Of the intervals.
        details: False leaves out what draws at random (bootstrap, random sign flips) and the
            lists of pairs and contexts: no verdict rests on them, and they take most of the time.

    Raises:
        KeyError: The table has no such factor.
    """
    column = table.column(factor)
    if column.is_numeric:
        return ()
    rows = table.averaged()
    compared, _ = contrast_pairs(rows.column(factor), against_baseline)
    matching = _Matching(table, rows, factor, details=details)
    return tuple(matching.contrast(low, high, seed=seed, level=level) for low, high in compared)


class _Matching:
    """The finished runs of a table by everything but one factor."""

    def __init__(self, table: Table, rows: Table, factor: str, *, details: bool) -> None:
        self.table = table
        self.rows = rows
        self.details = details
        self.column = rows.column(factor)
        self.others = [c for c in (*rows.factors, *rows.blocks) if c.name != factor]
        self.context = _numbered(self.others, len(rows))
        self.group = self.context
        """(rows,): the same, replicates told apart."""
        if rows.replicate is not None:
            self.group = _numbered([*self.others, rows.replicate], len(rows))
        self.groups = int(self.group.max(initial=-1)) + 1
        self._places: dict[str, Codes] = {}
        own = table.column(factor)
        self.with_lost = frozenset(own.labels[code] for code in set(own.codes[~table.usable]))

    @cached_property
    def told(self) -> list[Column]:
        """Those of the others that vary."""
        return [column for column in self.others if column.varies]

    @cached_property
    def _first_of_context(self) -> Codes:
        """(contexts,): a row of each."""
        found = np.zeros(int(self.context.max(initial=-1)) + 1, np.int64)
        found[self.context[::-1]] = np.arange(len(self.context))[::-1]
        return found

    def places(self, label: str) -> Codes:
        """Return for each group its row at this level, (groups,), -1 where there is none."""
        if label not in self._places:
            at = np.flatnonzero(self.column.codes == self.column.labels.index(label))
            found = np.full(self.groups, -1)
            found[self.group[at]] = at
            self._places[label] = found
        return self._places[label]

    def is_ambiguous(self, label: str) -> bool:
        """Whether a group has several runs at this level: nothing tells which to pair."""
        count = np.count_nonzero(self.column.codes == self.column.labels.index(label))
        return bool(np.count_nonzero(self.places(label) >= 0) < count)

    def contrast(self, low: str, high: str, *, seed: str, level: float) -> MatchedContrast:
        """Compare two levels."""
        ambiguous = self.is_ambiguous(low) or self.is_ambiguous(high)
        lows, highs = (self.places(label) for label in (low, high))
        both = np.flatnonzero((lows >= 0) & (highs >= 0)) if not ambiguous else np.zeros(0, int)
        at = lows[both], highs[both]
        y_low, y_high = (self.rows.values[rows] for rows in at)
        contexts = self.context[at[0]] if len(both) else np.zeros(0, np.int64)
        summary = paired.paired_summary(
            y_high - y_low,
            np.unique(contexts, return_inverse=True)[1],  # places in `contexts` of the answer
            seed=f"{seed}|{self.column.name}|{low}|{high}",
            level=level,
            magnitude=float(np.max(np.abs([y_low, y_high]), initial=0.0)),
            resample=self.details and len(both) <= _MOST_RESAMPLED,
        )
        lost = self._lost(low, high)
        unpaired = self._unpaired(low, high, level) if not len(both) else None
        return MatchedContrast(
            factor=self.column.name,
            low=low,
            high=high,
            summary=summary,
            pairs=self._shown_pairs(at, contexts) if self.details else (),
            contexts=self._described(contexts) if self.details else (),
            lost=tuple(lost[:MOST_SHOWN]),
            lost_count=len(lost),
            open_count=sum(pair.is_open for pair in lost),
            depends_on=self._depends_on(summary, at[0], y_high - y_low),
            usefulness=paired.pairing_usefulness(y_low, y_high),
            unpaired=unpaired,
            notes=tuple(self._notes(at, lost, ambiguous=ambiguous)),
        )

    def _shown_pairs(self, at: tuple[Codes, Codes], contexts: Codes) -> tuple[MatchedPair, ...]:
        place = {int(context): i for i, context in enumerate(np.unique(contexts))}
        order = np.lexsort((self.group[at[0]], contexts))[:MOST_SHOWN]
        seeds = self.rows.replicate
        return tuple(
            MatchedPair(
                low_run=self.rows.ids[low],
                high_run=self.rows.ids[high],
                low=float(self.rows.values[low]),
                high=float(self.rows.values[high]),
                low_name=self.rows.called(self.rows.ids[low]),
                high_name=self.rows.called(self.rows.ids[high]),
                context=place[int(self.context[low])],
                replicate=seeds.labels[seeds.codes[low]] if seeds else None,
            )
            for low, high in zip(at[0][order], at[1][order], strict=True)
        )

    def _described(self, contexts: Codes) -> tuple[Mapping[str, str], ...]:
        rows = self._first_of_context[np.unique(contexts)[:MOST_SHOWN]]
        return tuple({c.name: c.labels[c.codes[row]] for c in self.told} for row in rows)

    def _depends_on(
        self, summary: PairedSummary, low_rows: Codes, differences: Floats
    ) -> Dependence | None:
        """Find the column whose levels explain most between the contexts (METHOD 4)."""
        if not summary.heterogeneity.depends_on_context:
            return None
        shares = [_between(column.codes[low_rows], differences) for column in self.told]
        column = self.told[int(np.argmax(shares))]
        codes = column.codes[low_rows]
        by_level = {
            column.labels[code]: float(differences[codes == code].mean())
            for code in np.unique(codes)
        }
        return Dependence(column.name, by_level, summary.heterogeneity.p)

    def _lost(self, low: str, high: str) -> list[LostPair]:
        """Runs without a value, and the partners that wait for them."""
        table = self.table
        codes = {label: self.column.labels.index(label) for label in (low, high)}
        own = table.column(self.column.name).codes
        if self.with_lost.isdisjoint((low, high)):
            return []
        seeds = [table.replicate] if table.replicate else []
        columns = [table.column(c.name) for c in self.others]
        keys = cell_keys([*columns, *seeds], rows=len(table))
        usable = table.usable
        found = []
        for label, other in ((low, high), (high, low)):
            partners = np.flatnonzero(usable & (own == codes[other]))
            first = dict(zip(keys[partners][::-1], partners[::-1], strict=True))
            has_value = set(keys[usable & (own == codes[label])])
            for row in np.flatnonzero(~usable & (own == codes[label])):
                if keys[row] in first and keys[row] not in has_value:
                    found.append(_lost_pair(table, int(row), int(first[keys[row]])))
        return sorted(found, key=lambda pair: pair.run)

    def _unpaired(self, low: str, high: str, level: float) -> Welch | None:
        """Unpaired within contexts, where levels share contexts and no seeds."""
        codes = [self.column.labels.index(label) for label in (low, high)]
        here = [np.flatnonzero(self.column.codes == code) for code in codes]
        width = int(self.context.max(initial=0)) + 1
        held = [np.bincount(self.context[at], minlength=width) > 0 for at in here]
        shared = np.flatnonzero(held[0] & held[1])
        if not len(shared):
            return None
        inside = [at[np.isin(self.context[at], shared)] for at in here]
        sides = [(self.context[at], self.rows.values[at]) for at in inside]
        lows, highs = (
            [values[contexts == context] for context in shared] for contexts, values in sides
        )
        return paired.welch(lows, highs, level=level)

    def _notes(
        self, at: tuple[Codes, Codes], lost: Sequence[LostPair], *, ambiguous: bool
    ) -> list[str]:
        notes = []
        if ambiguous:
            notes.append(
                "Several runs of one setting and no replicate key: nothing tells which to pair."
            )
        ended = Counter(pair.reason for pair in lost if not pair.is_open)
        if ended:
            why = ", ".join(f"{count} {reason}" for reason, count in sorted(ended.items())[:5])
            notes.append(
                f"{ended.total()} of {ended.total() + len(at[0])} pairs lost to runs without a "
                f"value ({why})."
            )
        for column in self.rows.of_role("lurking"):
            differing = int(np.sum(column.codes[at[0]] != column.codes[at[1]]))
            if differing:
                notes.append(
                    f"In {differing} of {len(at[0])} pairs the partners differ in `{column.name}`."
                )
        return notes


def _numbered(columns: Sequence[Column], rows: int) -> Codes:
    """(rows,): equal numbers, from 0, for rows that agree in all of the columns."""
    found: Codes = np.unique(cell_keys(columns, rows=rows), return_inverse=True)[1]
    return found


def _lost_pair(table: Table, row: int, partner: int) -> LostPair:
    is_open = table.states[row] in OPEN
    return LostPair(table.ids[row], table.ids[partner], table.reasons[row], is_open)


def _between(groups: Codes, values: Floats) -> float:
    """Return the sum of squares of group means about the whole mean."""
    counts = np.bincount(groups)
    sums = np.bincount(groups, weights=values - values.mean())
    held = counts > 0
    return float(np.sum(sums[held] ** 2 / counts[held]))
