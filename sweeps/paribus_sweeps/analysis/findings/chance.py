"""A loss that guessing would have.

A classifier that gives each of k classes the same probability has a cross-entropy of ln k.
McFadden's R² = 1 − loss / ln k is the share of that which a model has explained. A loss is at
chance when R² over its last third is within ± .02 of 0 and R² over no third of it was ever above
.02, each third by its median: a loss that had learned and came back (overfitting) is another
thing. Where an accuracy is logged, it must not be above 1 / k by more than .05 or 1 / k either: a
model may rank well and say its probabilities badly.

The number of classes is the threshold `loss_at_chance.classes`, or what the config says
(`num_labels`, `num_classes`, `n_classes`, `n_labels`; else the counts that our own program records
of its reviews, else `id2label`). transformers gives every config two labels where nobody said
anything, so an `id2label` of two counts only where an accuracy is logged. Without any of these,
but with an accuracy, k is the whole number nearest to e^loss, of two or more, and the accuracy
must be that near to 1 / k from below as well.

Classes are taken to be equally frequent: of unequal ones, guessing has a smaller loss than ln k,
and this rule stays silent.

Source: McFadden, in Zarembka (ed.), Frontiers in Econometrics, 1974, chapter 4; that a fresh
classifier has loss ln k: Karpathy, A Recipe for Training Neural Networks, 2019. Bounds and
windows are ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Rule, Seen, each_time, place
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.words import counted, number

NAME = "loss_at_chance"
CLASSES = Threshold(
    "loss_at_chance.classes",
    0,
    "Number of classes; 0 takes what the config says, and 1 says that there are none.",
)
R2 = Threshold(
    "loss_at_chance.r2",
    0.02,
    "Ours, a rule of thumb: McFadden's R² up to which a loss explains nothing. Fresh classifiers "
    "of two classes stood at .687 to .696 (R² .009 to −.004), and one that had learned a little "
    "at .625 (R² .1): TRAINING 4.",
    high=1.0,
)
ACCURACY = Threshold(
    "loss_at_chance.accuracy",
    0.05,
    "Ours, a rule of thumb: accuracy above 1/k from which a model is taken to tell classes apart. "
    "Two standard errors of an accuracy of .5 over 400 examples. Never more than 1/k itself.",
    high=1.0,
)
LEAST_POINTS = Threshold(
    "loss_at_chance.least_points",
    6,
    "Ours, a rule of thumb: points of the loss below which nothing is said, two for each third.",
    low=3,
)
LEAST_STEPS = Threshold(
    "loss_at_chance.least_steps",
    100,
    "Ours, a rule of thumb: steps that a run under way is given to leave chance. Runs that learn "
    "did most of it by step 35 to 140 (TRAINING 4). A run that is over is judged whatever its "
    "length.",
)
_MOST_LOSS = 20.0  # e^20 is half a milliard classes; beyond it e^loss is no count of anything
_ROLES = ("eval_loss", "train_loss")
_COUNTS = ("num_labels", "num_classes", "n_classes", "n_labels")
_LISTS = ("data.pool.labels.", "id2label.")
_NAME_CLASSES = (
    "Log num_labels in the config, or set the threshold loss_at_chance.classes (1 where the loss "
    "is no cross-entropy over classes)."
)
_TRY = (
    "Nothing was learned by this loss. Check that labels and inputs belong together, that the "
    "parameters are trained at all, and the learning rate: too small, or so large that the model "
    "gives the same answer to everything. A run on ten examples that reaches a loss near 0 rules "
    "out most causes in the program."
)


@dataclass(frozen=True, slots=True)
class _Classes:
    """How many classes there are, and who says so."""

    k: int
    said_by: str
    is_inferred: bool = False

    @property
    def chance(self) -> float:
        return math.log(self.k)


@dataclass(frozen=True, slots=True)
class _Look:
    """One run's loss beside that of guessing."""

    key: str
    x_name: str
    curve: Curve
    medians: tuple[float, ...]
    """Of the loss, for each third."""
    classes: _Classes
    accuracy: float | None

    @property
    def r2(self) -> tuple[float, ...]:
        return tuple(1 - median / self.classes.chance for median in self.medians)


def loss_at_chance(seen: Seen) -> Finding:
    """Say whether a run's loss has stayed where guessing would have it."""
    keys = [key for role in _ROLES if (key := seen.key(role)) is not None]
    least = int(seen.thresholds[LEAST_POINTS.name])
    key = next((key for key in keys if len(seen.curve(key)) >= least), None)
    if key is None:
        return Finding.unknown(NAME, _too_few(seen, keys, least), keys=tuple(keys))
    curve = seen.curve(key)
    if not seen.facts.is_over and curve.x[-1] < seen.thresholds[LEAST_STEPS.name]:
        return Finding.unknown(NAME, _early(seen, key, curve), keys=(key,))
    medians = _medians(curve)
    if not np.isfinite(medians).all():
        return Finding.unknown(NAME, f"{key}: the values are too large to compute with")
    accuracy = _accuracy(seen)
    classes = _classes(seen, medians[-1], accuracy)
    if isinstance(classes, str):
        return Finding.unknown(NAME, classes, keys=(key,), next_step=_NAME_CLASSES)
    return _told(
        _Look(key, seen.x_name(key), curve, medians, classes, accuracy),
        tolerance=seen.thresholds[R2.name],
        margin=seen.thresholds[ACCURACY.name],
    )


def _too_few(seen: Seen, keys: Sequence[str], least: int) -> str:
    if not keys:
        return seen.missing("eval_loss")
    shown = " and ".join(f"{counted(len(seen.curve(key)), 'value')} of {key}" for key in keys)
    return f"too few values: {shown}, and at least {least} of one are needed"


def _early(seen: Seen, key: str, curve: Curve) -> str:
    until = place(float(curve.x[-1]), seen.x_name(key))
    return (
        f"the run has only begun: {key} is known up to {until}, and a loss may be at chance until "
        f"about {number(seen.thresholds[LEAST_STEPS.name])}"
    )


def _medians(curve: Curve) -> tuple[float, ...]:
    """Return the median of each third of three points or more."""
    with np.errstate(over="ignore"):
        return tuple(float(np.median(part)) for part in np.array_split(curve.values, 3))


def _accuracy(seen: Seen) -> float | None:
    """Return the median of the last third of the accuracies, or None."""
    key = seen.key("eval_accuracy")
    curve = seen.curve(key) if key is not None else None
    last = _medians(curve)[-1] if curve is not None and len(curve) >= 3 else math.nan
    return last if math.isfinite(last) else None


def _classes(seen: Seen, loss: float, accuracy: float | None) -> _Classes | str:
    """Return how many classes there are, or why that is not known."""
    told = int(seen.thresholds[CLASSES.name])
    found = {f"the threshold {CLASSES.name}": told} if told else _in_config(seen, accuracy)
    counts = set(found.values())
    if not counts:
        return _from_loss(loss, accuracy)
    if len(counts) > 1:
        shown = ", ".join(f"{key} = {k}" for key, k in found.items())
        return f"the config gives several numbers of classes: {shown}"
    k, said_by = counts.pop(), ", ".join(found)
    return _Classes(k, said_by) if k > 1 else f"{said_by} is {k}: that is no choice among classes"


def _in_config(seen: Seen, accuracy: float | None) -> dict[str, int]:
    config = seen.facts.config
    named = [key for key in sorted(config) if key.rpartition(".")[2] in _COUNTS]
    found = {key: int(k) for key in named if (k := seen.facts.number(key)) is not None}
    lists = {prefix: sum(key.startswith(prefix) for key in config) for prefix in _LISTS}
    if lists["id2label."] == 2 and accuracy is None:
        del lists["id2label."]
    listed = ((prefix.removesuffix("."), k) for prefix, k in lists.items() if k)
    return found or dict(list(listed)[:1])


def _from_loss(loss: float, accuracy: float | None) -> _Classes | str:
    if accuracy is None:
        return (
            "the number of classes is not known: neither num_labels in the config, nor an accuracy"
        )
    if not 0 < loss < _MOST_LOSS:
        return f"the number of classes is not known, and a loss of {number(loss)} suggests none"
    k = max(2, round(math.exp(loss)))
    return _Classes(k, "the loss itself (e^loss)", is_inferred=True)


def _told(look: _Look, *, tolerance: float, margin: float) -> Finding:
    at_chance = abs(look.r2[-1]) <= tolerance and max(look.r2) <= tolerance
    guesses = _guesses(look, margin)
    is_found = at_chance and guesses
    return (Finding.found if is_found else Finding.absent)(
        NAME,
        f"{look.key} was {number(look.medians[-1])} over its last third (median), and guessing "
        f"among {look.classes.k} equally frequent classes gives ln {look.classes.k} = "
        f"{number(look.classes.chance)}: {_why(look, at_chance, guesses, tolerance)}",
        keys=(look.key,),
        steps=(float(look.curve.x[0]), float(look.curve.x[-1])),
        x_name=look.x_name,
        numbers={
            "classes": look.classes.k,
            "classes_said_by": look.classes.said_by,
            "chance": look.classes.chance,
            "medians_of_thirds": look.medians,
            "r2_of_thirds": look.r2,
            "accuracy": look.accuracy,
            "n": len(look.curve),
        },
        next_step=_TRY if is_found else None,
    )


def _guesses(look: _Look, margin: float) -> bool:
    """Whether the accuracy is that of guessing; so is one that is not known."""
    if look.accuracy is None:
        return True
    share = 1 / look.classes.k
    near, above = min(margin, share), look.accuracy - share
    return abs(above) <= near if look.classes.is_inferred else above <= near


def _why(look: _Look, at_chance: bool, guesses: bool, tolerance: float) -> str:
    last, best = number(look.r2[-1]), number(max(look.r2))
    if at_chance and not guesses:
        return f"but the accuracy, {number(look.accuracy)}, is not that of guessing"
    if at_chance:
        return f"McFadden's R² is {last}, and was above {number(tolerance)} in no third of the run"
    if look.r2[-1] < -tolerance:
        return f"McFadden's R² is {last}: worse than guessing, or no mean cross-entropy"
    return f"McFadden's R² is {last}, at best {best}"


RULES: tuple[Rule, ...] = (
    Rule(
        name=NAME,
        version=1,
        section="findings.md",
        meaning="Whether a classifier's loss has stayed where guessing would have it, ln k.",
        watch=each_time(loss_at_chance),
        thresholds=(CLASSES, R2, ACCURACY, LEAST_POINTS, LEAST_STEPS),
        roles=(*_ROLES, "eval_accuracy"),
        source="McFadden, in Zarembka (ed.), Frontiers in Econometrics, 1974 (R²); Karpathy, "
        "A Recipe for Training Neural Networks, 2019 (loss ln k at the start); bounds are ours",
        is_heuristic=True,
    ),
)
