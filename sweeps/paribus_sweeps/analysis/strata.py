"""Whole-plot factors: what changed only between hosts, sessions or other units that hold runs.

    strata(table)[0].sentence, strata(table)[0].p

Runs of one unit share what is particular to it. A factor that is constant within units is
compared between units, and many runs in a unit tell no more of it than their mean does: its
error is what units of one level differ by, with the df of units. Tested against the spread
between runs, it looks significant far too often.

Where each unit holds the same sub-cells equally often, the exact test of its stratum is the
ordinary model on the means of units, and nothing else is needed. Elsewhere: REML, not offered.

Source: METHOD 5.3 and 14 (7); Yates, J. Royal Statist. Soc. Suppl. 2 (1935); Montgomery,
Design and Analysis of Experiments, 8th ed., section 14.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import stats

from paribus_sweeps.analysis.models import Fitted, fit
from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Column, Table, cell_keys

NOT_OFFERED = "unbalanced strata need REML, which is not offered yet"

Kind = Literal["whole_plot", "no_error"]


@dataclass(frozen=True, slots=True)
class Stratum:
    """A factor that is constant within every unit of some column."""

    factor: str
    block: str
    """The column whose levels are the units."""
    kind: Kind
    """"no_error": nothing repeats a unit, so that nothing says what units differ by."""
    within: tuple[str, ...]
    """Columns that hold whole units, taken out first."""
    f: float | None
    """MS of the factor over MS of units within it; None where there is no exact test."""
    df1: int | None
    df2: int | None
    """Of the units: not of the runs."""
    p: float | None
    sentence: str
    note: str | None = None
    """Why there is no test, or what it supposes."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "within": list(self.within)}


def strata(table: Table, *, factors: Sequence[str] | None = None) -> tuple[Stratum, ...]:
    """Find the factors that changed between units only, and test them against the units.

    Blocks, lurking keys and the replicate key are looked at; of columns that lie inside one
    another, the coarsest that the factor is constant in is the unit. A column that every run
    has a level of its own in holds no units.

    Args:
        table: Unusable rows are left out; repeats stay, since they may come from other units.
        factors: Those asked about; all by default.
    """
    rows = table.finished()
    look = _Look(rows)
    found = []
    for factor in rows.factors:
        if factor.varies and (factors is None or factor.name in factors):
            found += [look.stratum(factor, unit) for unit in look.units_of(factor)]
    return tuple(stratum for stratum in found if stratum is not None)


def _decides(column: Column, other: Column) -> bool:
    """Whether each level of `column` occurs with one level of `other` only."""
    last = np.zeros(len(column.labels), np.int64)
    last[column.codes] = other.codes
    return bool(np.all(last[column.codes] == other.codes))


def _is_coarser(column: Column, other: Column) -> bool:
    return _decides(other, column) and not _decides(column, other)


class _Look:
    """The finished runs, and the columns that may be units."""

    def __init__(self, rows: Table) -> None:
        self.rows = rows
        known = [
            *rows.blocks,
            *rows.of_role("lurking"),
            *([rows.replicate] if rows.replicate else []),
        ]
        self.columns = [c for c in known if c.varies and len(c.present()) < len(rows)]

    def units_of(self, factor: Column) -> list[Column]:
        """Return the coarsest columns that decide the factor; of equal ones, the first."""
        deciding = [column for column in self.columns if _decides(column, factor)]
        kept: list[Column] = []
        for column in deciding:
            is_same = any(_decides(column, k) and _decides(k, column) for k in kept)
            if not is_same and not any(_is_coarser(other, column) for other in deciding):
                kept.append(column)
        return kept

    def stratum(self, factor: Column, unit: Column) -> Stratum | None:
        """Test a factor against the units that decide it."""
        whole = [f for f in self.rows.factors if f.varies and _decides(unit, f)]
        outer = [c for c in self.columns if _is_coarser(c, unit)]
        settings = len(np.unique(cell_keys(whole)))
        if settings == len(unit.present()):
            # A lurking key that several factors decide together is arithmetic more often than a
            # unit (total steps follow from batch and ratio); the confounding report has it.
            is_unit = len(whole) == 1 or unit.role != "lurking"
            return _no_error(factor, unit, whole) if is_unit else None
        names = tuple(column.name for column in outer)
        if not self._is_balanced(unit, whole, outer):
            return _refused(factor, unit, names)
        return _tested(factor, unit, names, fit(self._means(unit, whole, outer)))

    def _is_balanced(self, unit: Column, whole: Sequence[Column], outer: Sequence[Column]) -> bool:
        """Whether each unit holds the same sub-cells, each as often: strata are orthogonal."""
        blocks = [b for b in self.rows.blocks if b not in outer and not _decides(b, unit)]
        inside = [*(f for f in self.rows.factors if f not in whole), *blocks]
        cells = len(np.unique(cell_keys(inside, rows=len(self.rows))))
        _, counts = np.unique(cell_keys([unit, *inside]), return_counts=True)
        return len(counts) == cells * len(unit.present()) and len(np.unique(counts)) == 1

    def _means(self, unit: Column, whole: Sequence[Column], outer: Sequence[Column]) -> Table:
        """Return one row for each unit: the mean of its runs."""
        _, first, place = np.unique(unit.codes, return_index=True, return_inverse=True)
        counts = np.bincount(place)
        means = np.bincount(place, weights=self.rows.values / counts[place])
        columns = (*whole, *(replace(column, role="block") for column in outer))
        made = replace(self.rows, columns=columns, replicate=None, repeats=0).take(first)
        return replace(made, values=np.asarray(means, np.float64))


def _no_error(factor: Column, unit: Column, whole: Sequence[Column]) -> Stratum:
    names = [f"`{column.name}`" for column in whole]
    held = f"level of {names[0]}" if len(whole) == 1 else f"combination of {listed(names)}"
    sentence = (
        f"Each {held} has one `{unit.name}` only: there is no error that `{factor.name}` could "
        f"be compared with, however many runs there are in each."
    )
    note = f"needs a second `{unit.name}` at a {held}"
    return Stratum(
        factor.name, unit.name, "no_error", (), None, None, None, None, sentence, note
    )  # fmt: skip


def _refused(factor: Column, unit: Column, outer: tuple[str, ...]) -> Stratum:
    sentence = f"{_changed(factor, unit)}; {NOT_OFFERED}."
    return Stratum(
        factor.name, unit.name, "whole_plot", outer, None, None, None, None, sentence, NOT_OFFERED
    )  # fmt: skip


def _changed(factor: Column, unit: Column) -> str:
    return (
        f"`{factor.name}` changed only between levels of `{unit.name}` "
        f"({len(unit.present())} of them), never within one"
    )


def _tested(factor: Column, unit: Column, outer: tuple[str, ...], fitted: Fitted) -> Stratum:
    term = Term((factor.name,))
    others = [t for t in fitted.gate.terms if t != term and not t.contains(term)]
    explained, df1 = fitted.squares.explained(fitted.columns_of(term), fitted.columns_of(*others))
    df2 = fitted.solution.residual_df
    made = Stratum(
        factor.name, unit.name, "whole_plot", outer, None, df1, max(0, df2), None, ""
    )  # fmt: skip
    why_not = _why_no_test(fitted, df1, factor, unit)
    if why_not is not None:
        return replace(made, sentence=f"{_changed(factor, unit)}; {why_not}.", note=why_not)
    f = explained / df1 / (fitted.solution.rss / df2)
    p = float(stats.f.sf(f, df1, df2))
    sentence = (
        f"{_changed(factor, unit)}: compared with what these differ by, and not with what runs "
        f"differ by, F({df1}, {df2}) = {number(f)}, p = {p:.3g}."
    )
    return replace(made, f=f, p=p, sentence=sentence, note=" ".join(fitted.notes) or None)


def _why_no_test(fitted: Fitted, df1: int, factor: Column, unit: Column) -> str | None:
    if df1 == 0:
        partners = fitted.gate.confounded_with(factor.name)
        return f"it cannot be told apart from {listed([f'`{name}`' for name in partners])}"
    if fitted.solution.residual_df < 1:
        left = counted(len(fitted.table), f"level of `{unit.name}`", f"levels of `{unit.name}`")
        return f"{left} leave no degree of freedom for an error"
    if not fitted.squares.varies or fitted.solution.is_exact:
        return f"the levels of `{unit.name}` do not differ: there is no error to compare with"
    return None
