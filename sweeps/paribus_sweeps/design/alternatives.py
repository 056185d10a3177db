"""Beside the smallest set: runs that give pairs, runs to finish, and fold-overs.

The smallest set with the best objective is often the all-changed run, which makes no pair;
each alternative says what it gives, and whether it is enough.

Source: METHOD 6.4 (a) and (b), 14 (trap 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paribus_sweeps.design.cell_grid import OWN_END, codes_of
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.foldover import FoldOver, fold_overs
from paribus_sweeps.design.pairing import pair_cells
from paribus_sweeps.design.preference import place_numbers
from paribus_sweeps.design.proposals import (
    Alternative,
    counted,
    df_left,
    named_runs,
    quoted,
)
from paribus_sweeps.design.prospect import Prospect, Replicates
from paribus_sweeps.design.table import Codes, Flags

_MOST_FOLDED = 256  # cells of a design whose fold-over is offered
_MOST_FACTORS = 16  # of such a design


def pair_restoring(prospect: Prospect, factors: Sequence[str]) -> Alternative | None:
    """Return the runs that give the open factors matched pairs; None where none can."""
    made = pair_cells(prospect, factors)
    cells = made.cells
    if not len(cells):
        return None
    purposes = [f"matched pairs for {quoted(names)}" for names in made.factors]
    found = alternative(prospect, cells, made.replicates, purposes)
    gains = ", ".join(f"`{name}` {count}" for name, count in found.pairs.items() if count)
    what = "differs from a finished run" if len(cells) == 1 else "differ from finished runs"
    runs = _described(prospect, found)
    return saying(
        found,
        f"{counted(len(cells), 'run')} that {what} in one factor alone: {runs}. "
        f"Matched pairs gained: {gains}.",
    )


def finishing(prospect: Prospect) -> Alternative | None:
    """Return the fewest ended runs whose completion is enough, None where no such runs are.

    Accidents (interrupted, stopped) are looked at first, then those that crashed too.
    """
    states = np.array(prospect.plan.everything.states, str)
    accident = prospect.ended & ~np.isin(states, sorted(OWN_END))
    for rows in (accident, prospect.ended):
        cells = _cells_to_finish(prospect, rows)
        if len(cells):
            return _finished(prospect, cells)
    return None


def _cells_to_finish(prospect: Prospect, rows: Flags) -> Codes:
    """Return the smallest set of these runs' cells that is enough, or none."""
    plan = prospect.plan
    table = plan.everything
    settings = np.unique(codes_of(table.factors, len(table))[rows], axis=0)
    if not len(settings):
        return plan.distinct[0][:0]
    held = [np.isin(settings[:, at], plan.extra[f.name]) for at, f in enumerate(table.factors)]
    settings = settings[np.all(held, axis=0)] if held else settings
    places = np.tile(plan.grid.places, (len(settings), 1))
    cells = plan.grid.at_places(np.repeat(settings, len(plan.grid.places), axis=0), places)
    numbers = place_numbers(plan, cells)
    found = plan.smallest(cells, lambda sets: numbers[sets].sum(axis=1)[:, None])
    chosen = cells[list(found.chosen)]
    return chosen if found.never <= prospect.never else chosen[:0]


def _finished(prospect: Prospect, cells: Codes) -> Alternative:
    purpose = ["what was planned and ended without a usable value"] * len(cells)
    found = alternative(prospect, cells, _own_replicates(prospect, cells), purpose)
    ids = [run for proposed in found.runs for run in proposed.again]
    elsewhere = _elsewhere(prospect, found)
    names = [prospect.plan.everything.called(run) for run in ids]
    what = f"Finishing {quoted(names)} would be enough: {named_runs(found.runs)}."
    return saying(found, f"{what}{elsewhere}")


def _own_replicates(prospect: Prospect, cells: Codes) -> Replicates:
    """Return the replicate of each cell's first ended run, or the usual one if it has that."""
    table = prospect.plan.everything
    if table.replicate is None:
        return prospect.usual(cells)
    settings = codes_of(table.factors, len(table))
    found = []
    for cell in cells:
        same = np.all(settings == cell[: settings.shape[1]], axis=1) & prospect.ended
        labels = [table.replicate.labels[code] for code in table.replicate.codes[same]]
        found.append(prospect.replicate if prospect.replicate in labels else min(labels))
    return found


def _elsewhere(prospect: Prospect, found: Alternative) -> str:
    """Say where runs ran before, where that is not where they are to run now."""
    table = prospect.plan.everything
    said = []
    for run in found.runs:
        for name, label in run.blocks.items():
            column = table.column(name)
            before = {column.labels[column.codes[table.ids.index(i)]] for i in run.again}
            others = sorted(before - {label, UNSET})
            if others:
                names = [table.called(i) for i in run.again]
                said.append(f" {quoted(names)} ran on {', '.join(others)} before.")
    return "".join(dict.fromkeys(said))


def folds(prospect: Prospect) -> tuple[Alternative, ...]:
    """Return the fold-overs of the finished cells, where every factor has two levels."""
    plan = prospect.plan
    factors = [at for at, f in enumerate(plan.grid.factors) if len(plan.extra[f.name]) > 1]
    held = plan.distinct[0][:, : len(plan.grid.factors)]
    two = all(len(plan.extra[plan.names[at]]) == 2 for at in factors)
    if not two or not 2 <= len(factors) <= _MOST_FACTORS or not 2 <= len(held) <= _MOST_FOLDED:
        return ()
    levels = np.array([plan.extra[plan.names[at]] for at in factors])
    signs = (held[:, factors] == levels[:, 1]).astype(np.int64)

    def cells_of(codes: Codes) -> Codes:
        settings = np.tile(held[:1], (len(codes), 1))
        settings[:, factors] = levels[np.arange(len(factors)), codes]
        return plan.grid.at_places(settings, np.tile(plan.grid.places[0], (len(codes), 1)))

    def may_run(codes: Codes) -> Codes:
        return codes[[not reason for reason in plan.grid.why_not(cells_of(codes))]]

    names = [plan.names[at] for at in factors]
    found = fold_overs(signs, names, may_run=may_run)
    return tuple(_fold(prospect, fold, cells_of(fold.cells)) for fold in found if len(fold.cells))


def _fold(prospect: Prospect, fold: FoldOver, cells: Codes) -> Alternative:
    of = "every factor" if fold.factor is None else f"`{fold.factor}`"
    purpose = [f"fold-over of {of}"] * len(cells)
    found = alternative(prospect, cells, prospect.usual(cells), purpose)
    return replace(saying(found, fold.sentence), details=fold.as_dict())


def alternative(
    prospect: Prospect, cells: Codes, replicates: Replicates, purposes: Sequence[str]
) -> Alternative:
    """Work out what runs would give."""
    table = prospect.table(cells, replicates)
    gate = prospect.plan.gate(table)
    return Alternative(
        runs=prospect.proposed(cells, replicates, purposes),
        is_enough=prospect.is_enough(gate),
        residual_df=gate.residual_df,
        pairs=prospect.gained(table),
        hours=prospect.hours(len(cells)),
        sentence="",
    )


def saying(found: Alternative, sentence: str) -> Alternative:
    """Return it with its sentence, and what holds of all of them behind it."""
    enough = "" if found.is_enough else " That alone is not enough."
    return replace(found, sentence=f"{sentence}{enough} {df_left(found.residual_df)}")


def _described(prospect: Prospect, found: Alternative) -> str:
    ids = sorted({run for proposed in found.runs for run in proposed.again})
    again = [prospect.plan.everything.called(run) for run in ids]
    return named_runs(found.runs) + (f" (again: {quoted(again)})" if again else "")
