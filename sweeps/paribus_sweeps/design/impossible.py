"""Terms that no candidate makes estimable, and the left-out cells that would.

Source: METHOD 6.1 ("name the term and the forbidden cells responsible").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from paribus_sweeps.design.linear_space import LinearSpace
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.openings import Openings
from paribus_sweeps.design.planning import MOST_CELLS, Plan
from paribus_sweeps.design.proposals import Impossible, ProposedRun, named_runs
from paribus_sweeps.design.table import Codes, Floats

_SHOWN = 6
_WORDS = {
    "forbidden": "is forbidden",
    "crashed": "ended without a value in every attempt",
    "not a candidate": "is not among the candidates",
}


@dataclass(frozen=True, slots=True, eq=False)
class _LeftOut:
    """Cells that are no candidates, and why."""

    cells: Codes
    reasons: list[str]


def impossible_terms(plan: Plan, cells: Codes) -> tuple[Impossible, ...]:
    """Return each asked term (of a whole model, each term) that stays open whatever is run.

    Args:
        plan: The question.
        cells: The candidates.
    """
    rows = np.vstack([plan.rows(plan.distinct[0]), plan.rows(cells)])
    space = LinearSpace.of(rows)
    if not space.deficiency:
        return ()
    left_out = _left_out(plan, cells)
    terms = plan.terms[1:] if plan.is_whole else plan.asked
    counts = [(term, space.open_directions(plan.functions(term))) for term in terms]
    return tuple(_impossible(plan, t, df, rows, space, left_out) for t, df in counts if df)


def _left_out(plan: Plan, cells: Codes) -> _LeftOut:
    """Return the cells of the grid that are no candidates; none where the grid is not listed."""
    if plan.grid.size > MOST_CELLS:
        return _LeftOut(cells[:0], [])
    grid = plan.grid.cells()
    known = set(map(tuple, cells.tolist()))
    missing = grid[[cell not in known for cell in map(tuple, grid.tolist())]]
    return _LeftOut(missing, plan.grid.why_not(missing))


def _impossible(
    plan: Plan, term: Term, df: int, rows: Floats, space: LinearSpace, left_out: _LeftOut
) -> Impossible:
    """Name the left-out cells that tell of the term: each by itself, or all together."""
    helpful = _helpful(plan, term, rows, left_out.cells)
    cells = tuple(
        ProposedRun(plan.grid.setting(cell), plan.grid.place(cell))
        for cell in left_out.cells[helpful[:_SHOWN]].tolist()
    )
    reasons = dict.fromkeys(left_out.reasons[place] or "not a candidate" for place in helpful)
    found = Impossible(
        term=term.name,
        df=df,
        contrasts=_contrasts(plan, term, space),
        cells=cells,
        cell_count=len(helpful),
        reasons=tuple(sorted(reasons)),
        forbidden_by=_responsible(plan, left_out.cells[helpful]),
        is_proven=plan.is_listed and plan.grid.size <= MOST_CELLS,
        sentence="",
    )
    return replace(found, sentence=_sentence(found))


def _responsible(plan: Plan, cells: Codes) -> tuple[Mapping[str, tuple[str, ...]], ...]:
    """Return the entries that forbid some of these cells, labels in declared order."""
    bans = plan.grid.bans
    named = {place for c in cells.tolist() for place in bans.responsible(plan.grid.setting(c))}
    order = {factor.name: factor.labels.index for factor in plan.grid.factors}
    return tuple(
        {name: tuple(sorted(held, key=order[name])) for name, held in bans.entries[at].items()}
        for at in sorted(named)
    )


def _helpful(plan: Plan, term: Term, rows: Floats, cells: Codes) -> Codes:
    """Places of the left-out cells that would close a direction of the term."""
    none = np.zeros(0, np.int64)
    if not len(cells):
        return none
    openings = Openings.of(rows, plan.rows(cells), plan.functions(term), np.ones(len(rows)))
    if not openings.closable:
        return none
    alone = np.flatnonzero(openings.pure)
    return alone if len(alone) else np.flatnonzero(openings.useful)


def _contrasts(plan: Plan, term: Term, space: LinearSpace) -> tuple[tuple[str, str], ...]:
    """Levels of a factor that can never be told from its reference."""
    if not plan.is_factor(term):
        return ()
    told = space.estimable(plan.contrast_functions(term.name))
    return tuple(pair for pair, ok in zip(plan.contrasts(term.name), told, strict=True) if not ok)


def _sentence(found: Impossible) -> str:
    levels = ", ".join(f"{high} against {low}" for low, high in found.contrasts)
    what = f"`{found.term}`" + (f" ({levels})" if levels else "")
    if not found.is_proven:
        return f"No run that was looked at tells {what}; there were too many to look at all."
    if not found.cells:
        return f"{what} can never be told: no run of the declared levels would tell it."
    why = " or ".join(_WORDS[reason] for reason in found.reasons)
    more = found.cell_count - len(found.cells)
    shown = named_runs(found.cells, most=_SHOWN) + (f"; and {more} more" if more else "")
    entries = "; ".join(_entry(entry) for entry in found.forbidden_by)
    by = f" Forbidden by: {entries}." if entries else ""
    if "crashed" in found.reasons:  # they may be tried again
        return (
            f"{what} cannot be told: every run that would tell it {why}: {shown}.{by} With "
            "allow_crashed, those that ended without a value are proposed again."
        )
    return f"{what} can never be told: every run that would tell it {why}: {shown}.{by}"


def _entry(entry: Mapping[str, tuple[str, ...]]) -> str:
    return ", ".join(f"{name}={' or '.join(labels)}" for name, labels in entry.items())
