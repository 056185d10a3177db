"""Equal epochs give unequal optimizer steps: which runs, how many times, by which factor.

Source: DESIGN 1; TRAINING 4 (equal epochs give batch 8 eight times the steps of batch 64).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.partners import factors_of, level_of, name_of
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Seen
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.words import counted, number

EPOCHS_SHARE = Threshold(
    "unequal_steps.epochs",
    0.05,
    "Share by which the epochs of runs may differ and still count as equal. Heuristic: a last "
    "epoch that is cut short by a batch or two is no other training.",
    high=1.0,
)
STEP_RATIO = Threshold(
    "unequal_steps.ratio",
    1.5,
    "Optimizer steps of the longest run to the shortest, at equal epochs. Heuristic.",
    low=1.0,
)
_ROLES = ("epoch", "global_step")
_MOST_NAMED = 50  # runs whose numbers are listed one by one


@dataclass(frozen=True, slots=True)
class _Length:
    seen: Seen
    epochs: float
    steps: float


def _unequal_steps(runs: Sequence[Seen]) -> Iterator[Finding]:
    lengths = [found for seen in runs if (found := _length(seen)) is not None]
    if len(lengths) < 2:
        yield from _unknown(runs)
        return
    limit = lengths[0].seen.thresholds
    for alike in _by_epochs(lengths, limit[EPOCHS_SHARE.name]):
        yield _of_alike(alike, limit[STEP_RATIO.name])


def _unknown(runs: Sequence[Seen]) -> Iterator[Finding]:
    over = [seen for seen in runs if seen.facts.is_over]
    if len(over) < 2:
        return
    lacking = (seen.missing(r) for seen in over for r in _ROLES if seen.key(r) is None)
    yield Finding.unknown(
        "unequal_steps",
        f"Of {len(over):,} runs that are over, fewer than two say how many epochs and optimizer "
        f"steps they made: {next(lacking, 'none goes beyond 0')}.",
        runs=tuple(seen.facts.run for seen in over),
    )


def _length(seen: Seen) -> _Length | None:
    """How long a run is: its last epoch and its last optimizer step, of runs that are over."""
    epoch, step = seen.key("epoch"), seen.key("global_step")
    if epoch is None or step is None or not seen.facts.is_over:
        return None
    epochs, steps = (_largest(seen.history[key].values) for key in (epoch, step))
    return _Length(seen, epochs, steps) if epochs and steps else None


def _largest(values: FloatArray) -> float | None:
    finite = values[np.isfinite(values)]
    return float(finite.max()) if len(finite) and finite.max() > 0 else None


def _by_epochs(lengths: Sequence[_Length], share: float) -> Iterator[list[_Length]]:
    """Yield the runs of about equal epochs, where there are two or more."""
    ordered = sorted(lengths, key=lambda one: (one.epochs, one.seen.facts.order))
    group: list[_Length] = []
    for one in ordered:
        if group and one.epochs > group[0].epochs * (1 + share):
            if len(group) > 1:
                yield group
            group = []
        group.append(one)
    if len(group) > 1:
        yield group


def _of_alike(alike: Sequence[_Length], limit: float) -> Finding:
    least = min(alike, key=lambda one: (one.steps, one.seen.facts.order))
    most = max(alike, key=lambda one: (one.steps, one.seen.facts.order))
    ratio = most.steps / least.steps
    ordered = sorted(alike, key=lambda one: one.seen.facts.order)
    told: dict[str, Any] = {
        "runs": tuple(one.seen.facts.run for one in ordered),
        "factor": _explaining(alike),
        "numbers": {
            "epochs": [min(one.epochs for one in alike), max(one.epochs for one in alike)],
            "ratio": ratio,
            "steps": {one.seen.facts.run: one.steps for one in ordered[:_MOST_NAMED]},
        },
    }
    who = f"{counted(len(alike), 'run')} of {number(least.epochs)} epochs"
    if ratio < limit:
        sentence = f"{who} made {least.steps:,.6g} to {most.steps:,.6g} optimizer steps."
        return Finding.absent("unequal_steps", sentence, **told)
    factor = told["factor"]
    by = f" `{factor}` goes along with it." if factor else ""
    return Finding.found(
        "unequal_steps",
        f"Equal epochs are unequal steps: of {who}, {_beside(most, least, ratio)}.{by} What "
        "differs between them may come from the number of steps.",
        next_step="Compare over examples seen or epochs, and add an arm with equal steps.",
        **told,
    )


def _beside(most: _Length, least: _Length, ratio: float) -> str:
    made, other = (
        f"{name_of(most.seen)} made {most.steps:,.6g} optimizer steps",
        name_of(least.seen),
    )
    if math.isfinite(ratio):
        return f"{made}, {ratio:.3g} times as many as the {least.steps:,.6g} of {other}"
    return f"{made} and {other} {least.steps:,.6g}, a ratio that no float can hold"


def _explaining(alike: Sequence[_Length]) -> str | None:
    """The one factor at each of whose levels all runs made equally many steps, or None."""
    runs = [one.seen for one in alike]
    found = []
    for factor in factors_of(runs):
        steps: defaultdict[str, set[float]] = defaultdict(set)
        for one in alike:
            steps[level_of(one.seen, factor)].add(one.steps)
        if all(len(known) == 1 for known in steps.values()):
            found.append(factor)
    return found[0] if len(found) == 1 else None


UNEQUAL_STEPS = ComparisonRule(
    name="unequal_steps",
    version=1,
    section="findings.md",
    meaning="Whether runs of equally many epochs made unequally many optimizer steps, as they do "
    "with other batch sizes or training sets.",
    compare=_unequal_steps,
    thresholds=(EPOCHS_SHARE, STEP_RATIO),
    roles=("epoch", "global_step"),
    source="DESIGN 1; TRAINING 4: equal epochs give batch 8 eight times the steps of batch 64.",
    is_heuristic=True,
)

COMPARISONS = (UNEQUAL_STEPS,)
