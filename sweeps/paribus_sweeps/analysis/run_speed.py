"""How fast one run trained and looked, and where its time went: from its history.

    speed = run_speed(history, Facts(run="run-1", examples_per_step=8))
    speed.training.steps_per_second        # 2.1, looks left out
    speed.evaluation.steps_per_second      # 4.553 batches a second while it looked
    speed.times.looking_share              # .87 of its time went into looking

Runs that were cut off have all of it. Of the summary only what a program alone can know is
taken (`time/…_seconds`): the Trainer's rates there are missing for runs that were cut off, and
wrong after a resume.

Source: METHOD 9.2 ("Price of a cadence") and 9.6.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from paribus_sweeps.analysis.evaluation_speed import (
    EVAL_BATCH,
    EvaluationSpeed,
    are_counts,
    evaluation_speed,
    look_keys,
)
from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.histories import History, as_number
from paribus_sweeps.analysis.roles import ROLES, Roles
from paribus_sweeps.analysis.throughput import MOST
from paribus_sweeps.analysis.training_speed import (
    CLOCK,
    TrainingSpeed,
    training_speed,
)

SPENT = ("training", "evaluation", "checkpoint", "scoring", "startup")
"""What a program may count its time as, each under `time/…_seconds`; ours does."""
_SPENT_KEYS = frozenset(f"time/{what}_seconds" for what in SPENT)
_OF_A_LOOK = re.compile(
    "|".join(
        f"(?:{name})"
        for role in ROLES
        if role.name in ("eval_loss", "eval_seconds")
        for name in role.names
    )
)
_NO_CLOCK = f"no row holds {CLOCK}: without a clock no share of time is known"
_NO_CHECKPOINTS = (
    "the program does not log what checkpoints took (time/checkpoint_seconds): they count as "
    "training"
)


@dataclass(frozen=True, slots=True)
class Times:
    """Where a run's time went, in seconds."""

    total: float | None
    """On the run's own clock, until its last row; all sessions."""
    looking: float | None
    """In all looks, also the long ones."""
    looking_share: float | None
    checkpoints: float | None
    """As the program counted it; None: it did not, and checkpoints count as training."""
    checkpoint_share: float | None
    logged: Mapping[str, float] = field(default_factory=dict)
    """All that the program counted: training, evaluation, checkpoint, scoring, startup."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSpeed:
    """How fast one run was."""

    run: str
    gpu_name: str | None
    state: str
    examples_per_step: float | None
    eval_batch: float | None
    """Examples in a full batch of a look."""
    training: TrainingSpeed
    evaluation: EvaluationSpeed
    times: Times

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON, without the single intervals."""
        parts = {name: _plain(getattr(self, name)) for name in ("training", "evaluation", "times")}
        return {**{name: getattr(self, name) for name in _OWN}, **parts}


_OWN = ("run", "gpu_name", "state", "examples_per_step", "eval_batch")


def _plain(part: TrainingSpeed | EvaluationSpeed | Times) -> dict[str, Any]:
    told = {f.name: getattr(part, f.name) for f in fields(part)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in told.items()
        if not isinstance(value, np.ndarray)
    }


def is_speed_key(key: str, named: Mapping[str, str] | None = None) -> bool:
    """Return whether `run_speed` could read a key, for who reads no others.

    The keys that curves are drawn over (steps, epochs, examples and tokens seen, clocks) are
    not among them: whoever reads a history reads those along with any other.
    """
    told = key.endswith(("/runtime", "_runtime", "_per_second")) or key in _SPENT_KEYS
    return told or bool(_OF_A_LOOK.fullmatch(key)) or key in (named or {}).values()


def run_speed(
    history: History, facts: Facts, *, named: Mapping[str, str] | None = None
) -> RunSpeed:
    """Return how fast a run was, finished or cut off.

    Args:
        history: What it logged; those of `is_speed_key`, and axes, are enough.
        facts: Its id, state, config, summary, GPU (`blocks`) and examples of a step.
        named: Role → key, as somebody said.

    Raises:
        UnknownRole: `named` names no role.
    """
    keys = sorted(key for key in history.columns if key in history)
    roles = Roles.of(keys, named)
    looks = look_keys(keys, roles)
    per_step, eval_batch = map(_count, (facts.examples_per_step, facts.number(EVAL_BATCH)))
    return RunSpeed(
        run=facts.run,
        gpu_name=facts.blocks.get("gpu_name"),
        state=facts.state,
        examples_per_step=per_step,
        eval_batch=eval_batch,
        training=training_speed(history, roles, looks, examples_per_step=per_step),
        evaluation=evaluation_speed(history, looks, eval_batch=eval_batch),
        times=_times(history, facts, looks),
    )


def _count(number: float | None) -> float | None:
    return number if number is not None and 0 < number <= MOST else None


def _times(history: History, facts: Facts, looks: Sequence[str]) -> Times:
    total, logged = _total(history), dict(_logged(history, facts))
    looking = math.fsum(_all_seconds(history, looks)) if looks else None
    checkpoints = logged.get("checkpoint")
    looking_share, of_looks = _share(looking, total, "looks")
    checkpoint_share, of_checkpoints = _share(checkpoints, total, "checkpoints")
    notes = [
        *([_NO_CLOCK] if total is None else []),
        *([_NO_CHECKPOINTS] if checkpoints is None else []),
        *of_looks,
        *of_checkpoints,
    ]
    return Times(
        total, looking, looking_share, checkpoints, checkpoint_share, logged, tuple(notes)
    )


def _all_seconds(history: History, looks: Sequence[str]) -> Iterator[float]:
    for key in looks:
        values = history[key].values
        yield from values[are_counts(values)].tolist()


def _total(history: History) -> float | None:
    """Return the seconds of all sessions.

    A clock that begins anew with a session goes on from what the one before had come to; one
    that was set back by a little counts twice only what it was set back by.
    """
    seconds = history[CLOCK].values
    seconds = seconds[(seconds >= 0) & (seconds <= MOST)]
    if not len(seconds):
        return None
    rises = np.diff(seconds)
    return math.fsum([float(seconds[0]), *rises[rises > 0].tolist()])


def _logged(history: History, facts: Facts) -> Iterator[tuple[str, float]]:
    """Yield what the program counted its time as: in its summary, or last in its history."""
    for what in SPENT:
        key = f"time/{what}_seconds"
        told = [*history[key].values[-1:].tolist(), as_number(facts.summary.get(key))]
        seconds = [number for number in told if number is not None and 0 <= number <= MOST]
        if seconds:
            yield what, max(seconds)  # sums over the run: the later one is the larger


def _share(
    part: float | None, total: float | None, what: str
) -> tuple[float | None, tuple[str, ...]]:
    if part is None or total is None or not total > 0:
        return None, ()
    if part > total:
        note = f"{what} took {part:.4g} s of a run of {total:.4g} s: their clocks disagree"
        return None, (note,)
    return part / total, ()
