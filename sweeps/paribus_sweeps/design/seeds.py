"""Seeds: the proposed runs under several replicates, or further replicates of finished cells.

The smallest set makes a question answerable and often leaves no degree of freedom; replicates
give an interval. Where everything can be told already, they are all that is left to buy, and
the expected half-widths say what they buy.

Source: METHOD 6.4 (c), 8 (how many).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from paribus_sweeps.design.alternatives import alternative, saying
from paribus_sweeps.design.cell_grid import codes_of
from paribus_sweeps.design.changes import Spread, contrast_changes
from paribus_sweeps.design.proposals import Alternative, ContrastChange, counted
from paribus_sweeps.design.prospect import Prospect, Replicates
from paribus_sweeps.design.replicates import NEW, unused
from paribus_sweeps.design.table import Codes

_MOST_RUNS = 1_000  # beyond it, more replicates are no follow-up but a new sweep
_SHOWN = 3  # half-widths in the sentence


def seeded(
    prospect: Prospect, chosen: Codes, wanted: int | None, spread: Spread
) -> Alternative | None:
    """Return replicates: of the proposed cells, or of the finished ones where none is proposed.

    Args:
        prospect: What has finished.
        chosen: The proposed cells.
        wanted: How many replicates each is to have (METHOD 8 says); None: of proposed cells as
            many as finished runs have, and at least two; of finished cells one more than most.
        spread: Of one run, for the half-widths.
    """
    if len(chosen):
        cells, labels = _of_proposed(prospect, chosen, wanted)
        purpose = "a replicate of a proposed run"
        what = "the proposed run" if len(chosen) == 1 else f"each of {len(chosen)} proposed runs"
        each = len(labels) // len(chosen)
        sentence = f"{counted(each, 'replicate')} of {what}: {counted(len(cells), 'run')}."
    else:
        cells, labels = _of_finished(prospect, wanted)
        purpose = "one more replicate of what has finished"
        sentence = f"Up to {_most(prospect, wanted)} replicates of every finished setting: "
        sentence += f"{counted(len(cells), 'run')}."
    if not 0 < len(cells) <= _MOST_RUNS:
        return None
    return _bought(
        prospect,
        alternative(prospect, cells, labels, [purpose] * len(cells)),
        cells,
        labels,
        sentence,
        spread,
    )


def _bought(
    prospect: Prospect,
    found: Alternative,
    cells: Codes,
    labels: Replicates,
    sentence: str,
    spread: Spread,
) -> Alternative:
    """Return it with the contrasts before and after."""
    changes = contrast_changes(prospect, prospect.plan.gate(prospect.table(cells, labels)), spread)
    details = {"contrasts": [change.as_dict() for change in changes]}
    return replace(saying(found, sentence + _widths(changes)), details=details)


def _widths(changes: Sequence[ContrastChange]) -> str:
    known = [change for change in changes if change.half_width is not None]
    said = [_width(change) for change in known[:_SHOWN]]
    return f" Expected half-widths: {'; '.join(said)}." if said else ""


def _width(change: ContrastChange) -> str:
    now = change.half_width_before
    instead = "" if now is None else f" instead of {now:.3g}"
    return f"`{change.factor}` {change.high} against {change.low} {change.half_width:.3g}{instead}"


def _of_proposed(
    prospect: Prospect, chosen: Codes, wanted: int | None
) -> tuple[Codes, Replicates]:
    labels = _observed(prospect)
    count = wanted or max(2, len(labels))
    under = _enough_labels(prospect, labels, count)
    return np.repeat(chosen, count, axis=0), under * len(chosen)


def _observed(prospect: Prospect) -> list[str]:
    column = prospect.plan.counted.replicate
    return [] if column is None else list(column.observed)


def _enough_labels(prospect: Prospect, labels: list[str], count: int) -> list[str]:
    """Return `count` replicates: those that the sweep has, then new ones."""
    column = prospect.plan.everything.replicate
    more = max(0, count - len(labels))
    if column is None:
        return [f"{NEW}{number + 1}" for number in range(count)]
    return [*labels, *unused(column, more)][:count]


def _of_finished(prospect: Prospect, wanted: int | None) -> tuple[Codes, Replicates]:
    """Return the cells that lack replicates, and which ones they lack."""
    plan = prospect.plan
    labels = _enough_labels(prospect, _observed(prospect), _most(prospect, wanted))
    known, counts = plan.distinct
    places: list[int] = []
    missing: list[str | None] = []
    for place, held in enumerate(_held(prospect, known)):
        lacking = [label for label in labels if label not in held]
        wanting = lacking[: max(0, len(labels) - int(counts[place]))]
        places += [place] * len(wanting)
        missing += wanting
    width, factors = plan.grid.width, len(plan.grid.factors)
    again = known[places]
    return plan.grid.at_places(again[:, :factors], again[:, factors:width]), missing


def _most(prospect: Prospect, wanted: int | None) -> int:
    return wanted or int(prospect.plan.distinct[1].max(initial=0)) + 1


def _held(prospect: Prospect, known: Codes) -> list[set[str]]:
    """Return the replicates that the runs of each cell have."""
    plan, table = prospect.plan, prospect.plan.counted
    if table.replicate is None:
        return [set() for _ in known]
    found: dict[tuple[int, ...], set[str]] = {cell: set() for cell in map(tuple, known.tolist())}
    cells = codes_of([table.column(name) for name in plan.names], len(table))
    for cell, code in zip(map(tuple, cells.tolist()), table.replicate.codes, strict=True):
        found[cell].add(table.replicate.labels[code])
    return list(found.values())
