"""Steps that a run's history holds twice, and holes in what comes regularly.

- doubled_steps: within one segment a key holds several values at one step. One equal repeat is
  what `Trainer.evaluate()` after training writes (TRAINING 3), and is let pass.
- missing_steps: a key comes at a regular cadence (its most frequent interval makes up most of
  them) and an interval is above 1.5 of it. A shorter last interval is the look at the last step.

Both read keys whose rows hold an optimizer step: a W&B step counts calls of log, and eval rows
between train rows would look like holes.

Source: METHOD 9.1; TRAINING 3; transformers 5.23.0, trainer_callback.py (`DefaultFlowCallback`:
the last step is looked at too). METHOD has no such rules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import STEPS, Rule, Seen, each_time
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.words import counted, number

LOGGED = ("step_loss", "train_loss", "grad_norm", "eval_loss", "eval_accuracy")
LEAST_GAPS = 5  # intervals from which a cadence is read

DOUBLED_MOST = Threshold(
    "doubled_steps.harmless",
    1.0,
    "Ours: one equal repeat is what an evaluation after training writes (TRAINING 3).",
)
REGULAR_SHARE = Threshold(
    "missing_steps.regular_share",
    0.8,
    "Ours, a rule of thumb: share of the intervals that are equal in a regular cadence.",
    0.5,
    1.0,
)
HOLE = Threshold(
    "missing_steps.hole", 1.5, "Ours: intervals above it, in cadences, lack at least a point.", 1.0
)


def _logged(seen: Seen) -> tuple[str, ...]:
    """Return the keys of values that stand beside an optimizer step in each of their rows."""
    keys = dict.fromkeys(key for role in LOGGED if (key := seen.key(role)) is not None)
    return tuple(key for key in keys if seen.x_name(key) == STEPS)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Steps at which one segment of a run holds several values of a key."""

    key: str
    steps: FloatArray
    equal: int
    """Values that repeat the one before them."""
    different: int


def _repeats(seen: Seen, key: str) -> Repeats:
    if not seen.curve(key).overlaps:
        return Repeats(key, np.empty(0), 0, 0)
    step_key, column = seen.x_key(key), seen.history[key]
    assert step_key is not None
    counter = seen.history[step_key]
    down = counter.rows[1:][np.diff(counter.values) < 0]
    segment = np.searchsorted(down, column.rows, side="right")
    x = seen.history.along(key, step_key)
    order = np.lexsort((column.rows, x, segment))
    again = (np.diff(segment[order]) == 0) & (np.diff(x[order]) == 0)
    now, before = column.values[order][1:][again], column.values[order][:-1][again]
    same = int(np.count_nonzero((now == before) | (np.isnan(now) & np.isnan(before))))
    return Repeats(key, x[order][1:][again], same, len(now) - same)


def _doubled(seen: Seen) -> Finding:
    rule, keys = "doubled_steps", _logged(seen)
    if not keys:
        return Finding.unknown(rule, _no_steps(seen))
    with np.errstate(invalid="ignore"):
        found = [_repeats(seen, key) for key in keys]
    harmless = seen.thresholds[DOUBLED_MOST.name]
    bad = [each for each in found if each.different or each.equal > harmless]
    let_pass = sum(each.equal for each in found) if not bad else 0
    about = {"keys": keys, "numbers": {each.key: len(each.steps) for each in found}}
    if not bad:
        words = f" ({counted(let_pass, 'equal repeat')} let pass)" if let_pass else ""
        return Finding.absent(rule, f"No step holds a key twice{words}.", **about)
    said = "; ".join(
        f"{each.key} holds {counted(len(each.steps), 'further value')} at steps that it has "
        f"already, {each.different:,} of them different (first at step {number(each.steps[0])})"
        for each in bad
    )
    return Finding.found(
        rule,
        f"{said}. The last one of a step counts.",
        label="different_values" if any(each.different for each in bad) else "equal_values",
        steps=(
            min(float(each.steps.min()) for each in bad),
            max(float(each.steps.max()) for each in bad),
        ),
        next_step="A last evaluation of the best checkpoint belongs into the summary; where every "
        "step is double, two processes write to one run: let the first process alone log.",
        **about,
    )


@dataclass(frozen=True, slots=True)
class Holes:
    """Where a key that comes regularly did not come."""

    key: str
    cadence: float
    first: tuple[float, float]
    """The first hole: last point before it, first point behind it."""
    last: float
    points: int
    """Points that are missing."""


def _holes(seen: Seen, key: str) -> Holes | str | None:
    """Return a key's holes, None where it has none, or why no cadence can be read."""
    x = _steps(seen, key)
    gaps = np.diff(x)
    if len(gaps) < LEAST_GAPS:
        return f"{key} has {counted(len(x), 'point')}"
    if gaps.min() == gaps.max():
        return None
    sizes, counts = np.unique(gaps, return_counts=True)
    cadence = float(sizes[int(np.argmax(counts))])
    if counts.max() < seen.thresholds[REGULAR_SHARE.name] * len(gaps):
        return f"{key} comes at no regular cadence"
    places = np.flatnonzero(gaps > seen.thresholds[HOLE.name] * cadence)
    if not len(places):
        return None
    points = int(np.maximum(np.round(gaps[places] / cadence) - 1, 1).sum())
    at = int(places[0])
    behind = float(x[places[-1] + 1])
    return Holes(key, cadence, (float(x[at]), float(x[at + 1])), behind, points)


def _steps(seen: Seen, key: str) -> FloatArray:
    """Return the steps that hold a key: a value that is NaN was logged, and is no hole."""
    curve = seen.curve(key)
    if not curve.non_finite:
        return curve.x
    x = seen.history.along(key, seen.x_key(key) or "")
    return Curve.of_columns(x, np.zeros(len(x))).x


def _missing(seen: Seen) -> Finding:
    rule, keys = "missing_steps", _logged(seen)
    if not keys:
        return Finding.unknown(rule, _no_steps(seen))
    told = [_holes(seen, key) for key in keys]
    holes = [each for each in told if isinstance(each, Holes)]
    unread = [each for each in told if isinstance(each, str)]
    about = {"keys": keys, "numbers": {each.key: each.points for each in holes}}
    if not holes and len(unread) == len(told):
        return Finding.unknown(rule, "; ".join(unread), **about)
    if not holes:
        beside = f" Not judged: {'; '.join(unread)}." if unread else ""
        return Finding.absent(rule, f"What comes regularly has no hole.{beside}", **about)
    said = "; ".join(
        f"{each.key} comes every {_words(each.cadence)} and lacks "
        f"{counted(each.points, 'point')}, first between {number(each.first[0])} and "
        f"{number(each.first[1])}"
        for each in holes
    )
    return Finding.found(
        rule,
        f"{said}.",
        steps=(min(each.first[0] for each in holes), max(each.last for each in holes)),
        next_step="Look whether rows were lost on the way (an offline folder that was synced in "
        "part, a client that was killed), and sync again.",
        **about,
    )


def _words(cadence: float) -> str:
    return "step" if cadence == 1 else f"{number(cadence)} steps"


def _no_steps(seen: Seen) -> str:
    return f"no loss, accuracy or gradient norm stands beside an optimizer step: {_why(seen)}"


def _why(seen: Seen) -> str:
    key = seen.key("global_step")
    return seen.missing("global_step") if key is None else f"their rows hold no {key}"


_ROLES = ("global_step", *LOGGED)

RULES: tuple[Rule, ...] = (
    Rule(
        "doubled_steps",
        1,
        "findings.md",
        "A step holds several values of one key, without a resume.",
        each_time(_doubled),
        (DOUBLED_MOST,),
        labels={
            "different_values": "Some of them differ.",
            "equal_values": "All are equal.",
        },
        roles=_ROLES,
        source="transformers 5.23.0, trainer.py (evaluate after training).",
    ),
    Rule(
        "missing_steps",
        1,
        "findings.md",
        "Holes in what comes at a regular cadence.",
        each_time(_missing),
        (REGULAR_SHARE, HOLE),
        roles=_ROLES,
        source="ours, of METHOD 9.1; transformers 5.23.0, trainer_callback.py (the last step is "
        "looked at too)",
        is_heuristic=True,
    ),
)
