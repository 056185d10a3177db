"""Lost runs of a table: who crashed at which level, and what the answer is with them counted in.

    report = crash_report(table, goal="minimize")
    report.factors[0].sentence
    report.sensitivity[0].p_on_ranks     # beside the p of surviving runs

A run crashed that ended without a usable value by itself: failed, crashed, interrupted, or
finished with a response that is NaN or infinite. What is still open, what a person stopped and
what finished without ever logging the response says nothing of a level: it is listed.

Source: METHOD 5.8; Fisher's test is in `crashes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.analysis.crashes import Crashes, crashes_by_level, ranks_with_crashed_worst
from paribus_sweeps.analysis.effects import Effects, effects
from paribus_sweeps.analysis.multiplicity import holm
from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.table import Codes, Column, Flags, Table
from paribus_sweeps.runs import FINISHED, OPEN

CRASHED = frozenset({"failed", "crashed", "interrupted"})
"""States of a run that ended without coming to its end."""
BINS = 4
"""Groups of about equally many runs that a factor with many numbers is cut into."""
ALPHA = 0.05
MEANS_OF_SURVIVORS = "Means of surviving runs are conditional on survival."

_NOT_FINITE = frozenset(f"the response is {value}" for value in ("nan", "inf", "-inf"))
_MOST_LEVELS = 12  # of a factor with numbers, before it is cut into groups

Why = Literal["open", "stopped", "no_value"]


@dataclass(frozen=True, slots=True)
class NotCounted:
    """A run without a value that says nothing of crashing."""

    run: str
    state: str
    reason: str
    why: Why
    """"stopped": by a person or a rule; "no_value": it finished and never logged the response."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FactorCrashes:
    """Crashes by level of one factor."""

    factor: str
    crashes: Crashes
    p_adjusted: float | None
    """Holm, over the factors of the report."""
    not_at_random: bool
    """p below .05, or more than half of a level crashed (METHOD 5.8)."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            **self.crashes.as_dict(),
            "p_adjusted": self.p_adjusted,
            "not_at_random": self.not_at_random,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """One factor, tested on surviving runs and again with every crashed run tied for the worst."""

    factor: str
    f: float | None
    p: float | None
    """Of surviving runs, on their values."""
    f_on_ranks: float | None
    p_on_ranks: float | None
    """Of all runs that ended, on ranks."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CrashReport:
    """What was lost, whether a level lost it, and whether it matters."""

    crashed: int
    ended: int
    """Runs that have a value, and those that crashed."""
    factors: tuple[FactorCrashes, ...]
    sensitivity: tuple[Sensitivity, ...]
    not_counted: tuple[NotCounted, ...]
    sentence: str
    notes: tuple[str, ...]
    """How ranks were looked at, or why they were not."""

    @property
    def not_at_random(self) -> bool:
        """Whether some factor's means need the warning."""
        return any(found.not_at_random for found in self.factors)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "crashed": self.crashed,
            "ended": self.ended,
            "not_at_random": self.not_at_random,
            "sentence": self.sentence,
            "factors": [found.as_dict() for found in self.factors],
            "sensitivity": [found.as_dict() for found in self.sensitivity],
            "not_counted": [run.as_dict() for run in self.not_counted],
            "notes": list(self.notes),
        }


def crash_report(
    table: Table,
    *,
    factors: Sequence[str] | None = None,
    goal: Goal | None = None,
    seed: str = "",
) -> CrashReport:
    """Count crashed runs by level, test each factor, and look whether an answer turns round.

    Args:
        table: Every run that was made or planned.
        factors: Those asked about; all by default.
        goal: Which way is better: ranks with crashed runs worst need it.
        seed: Text that random tables are made from, where there are too many to count.

    Raises:
        TooLarge: The model on ranks has too many columns.
    """
    lost = crashed_rows(table)
    ended = lost | table.usable
    asked = [c for c in table.factors if factors is None or c.name in factors]
    tested = _adjusted([_factor_crashes(column, lost, ended, seed) for column in asked])
    sensitivity, notes = _sensitivity(table, lost, ended, asked, goal)
    return CrashReport(
        crashed=int(lost.sum()),
        ended=int(ended.sum()),
        factors=tuple(tested),
        sensitivity=sensitivity,
        not_counted=tuple(_not_counted(table, ended)),
        sentence=_sentence(int(lost.sum()), int(ended.sum()), tested),
        notes=notes,
    )


def crashed_rows(table: Table) -> Flags:
    """Flag the runs that ended without a usable value, (rows,)."""
    ended = zip(table.states, table.reasons, strict=True)
    without = [
        state in CRASHED or (state == FINISHED and reason in _NOT_FINITE)
        for state, reason in ended
    ]
    return np.array(without, bool) & ~table.usable


def _not_counted(table: Table, ended: Flags) -> list[NotCounted]:
    found = []
    for row in np.flatnonzero(~ended):
        state = table.states[row]
        why: Why = "open" if state in OPEN else "no_value" if state == FINISHED else "stopped"
        found.append(NotCounted(table.ids[row], state, table.reasons[row], why))
    return found


# by level


def _factor_crashes(column: Column, lost: Flags, ended: Flags, seed: str) -> FactorCrashes:
    labels, codes = _groups(column, ended)
    crashed = np.bincount(codes[lost], minlength=len(labels))
    totals = np.bincount(codes[ended], minlength=len(labels))
    counts = {
        label: (int(crashed[at]), int(totals[at])) for at, label in enumerate(labels) if totals[at]
    }
    found = crashes_by_level(counts, seed=f"{seed}|crashes|{column.name}")
    return FactorCrashes(column.name, found, found.p, False, "")


def _groups(column: Column, ended: Flags) -> tuple[Sequence[str], Codes]:
    """Return labels and codes: the levels, or quantile groups of very many numbers."""
    if column.numbers is None or len(np.unique(column.codes[ended])) <= _MOST_LEVELS:
        return column.labels, column.codes
    order = np.argsort(column.numbers, kind="stable")
    counts = np.bincount(column.codes[ended], minlength=len(order))[order]
    group = np.empty(len(order), np.int64)
    group[order] = (np.cumsum(counts) - counts) * BINS // counts.sum()  # equal numbers together
    held = np.flatnonzero(np.bincount(column.codes[ended], minlength=len(order)))
    return [_range(column, held[group[held] == at]) for at in range(BINS)], group[column.codes]


def _range(column: Column, labels: Codes) -> str:
    numbers = [(column.numbers or ())[label] for label in labels]
    return f"{min(numbers):g} to {max(numbers):g}" if numbers else "–"


def _adjusted(tested: Sequence[FactorCrashes]) -> list[FactorCrashes]:
    """Adjust for one another (Holm), and say what follows."""
    adjusted = iter(holm([found.crashes.p for found in tested if found.crashes.p is not None]))
    made = []
    for found in tested:
        p = next(adjusted) if found.crashes.p is not None else None
        selected = found.crashes.not_at_random(p)
        sentence = _level_sentence(found.factor, found.crashes, p, selected)
        made.append(replace(found, p_adjusted=p, not_at_random=selected, sentence=sentence))
    return made


def _level_sentence(factor: str, found: Crashes, p: float | None, selected: bool) -> str:
    test = f"no test: {found.note}" if p is None else f"Fisher p = {p:.3g} over all factors"
    counts = f"`{factor}`: crashed at {found.counts} ({test})"
    if not selected:
        return f"{counts}."
    over_half = ", ".join(found.over_half)
    why = f"; more than half at {over_half}" if over_half else ""
    return f"{counts}{why}: missing not at random. {MEANS_OF_SURVIVORS}"


def _sentence(crashed: int, ended: int, tested: Sequence[FactorCrashes]) -> str:
    if not ended:
        return "No run has ended."
    if not crashed:
        return f"None of {counted(ended, 'run')} crashed."
    names = [f"`{found.factor}`" for found in tested if found.not_at_random]
    start = f"{crashed:,} of {counted(ended, 'run')} crashed"
    if not names:
        return f"{start}; no factor shows that it made them crash."
    return f"{start}, not at random over the levels of {listed(names)}. {MEANS_OF_SURVIVORS}"


# with the crashed runs counted in


def _sensitivity(
    table: Table, lost: Flags, ended: Flags, asked: Sequence[Column], goal: Goal | None
) -> tuple[tuple[Sensitivity, ...], tuple[str, ...]]:
    if not lost.any():
        return (), ()
    if goal is None:
        return (), ("Which way is better was not said: crashed runs cannot be ranked as worst.",)
    ranks = np.full(len(table), np.nan)
    ranks[ended] = ranks_with_crashed_worst(table.values[ended], lost[ended], goal)
    names = [column.name for column in asked if column.take(ended).varies]
    if not names:
        return (), ("No factor varies among the runs that ended.",)
    survivors = _effects_of(table, names)
    ranked = _effects_of(table.with_values(ranks), names, like=survivors)
    found = [_compared(name, survivors, ranked) for name in names]
    notes = "Ranks: 1 is the best run, all crashed runs are tied for the worst."
    return tuple(found), (notes,)


def _effects_of(
    table: Table, names: Sequence[str], *, like: Effects | None = None
) -> Effects | None:
    """Fit the usual model, or the one that `like` was; None where no factor varies."""
    if not any(table.finished().column(name).varies for name in names):
        return None
    if like is None:
        return effects(table, asked=names)
    pairs = [(t.members[0], t.members[1]) for t in like.fitted.interactions]
    return effects(table, asked=names, interactions=pairs or "none", error=like.error)


def _compared(factor: str, survivors: Effects | None, ranked: Effects | None) -> Sensitivity:
    f, p, said = _test_of(factor, survivors)
    f_on_ranks, p_on_ranks, said_of_ranks = _test_of(factor, ranked)
    sentence = (
        f"`{factor}`: {said} on surviving runs; {said_of_ranks} on ranks with crashed worst."
    )
    if p is not None and p_on_ranks is not None and (p < ALPHA) != (p_on_ranks < ALPHA):
        sentence += " The answer turns on what the crashed runs are taken for."
    return Sensitivity(factor, f, p, f_on_ranks, p_on_ranks, sentence)


def _test_of(factor: str, found: Effects | None) -> tuple[float | None, float | None, str]:
    row = found.row(factor) if found else None
    if row is None:
        return None, None, "only one level is left"
    if row.f is None or row.p is None:
        return None, None, f"no test ({row.note})"
    df = found.fitted.solution.residual_df if found else 0
    return row.f, row.p, f"F({row.df}, {df}) = {number(row.f)}, p = {row.p:.3g}"
