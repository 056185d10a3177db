"""Whether the evaluation set can show the difference in accuracy that is looked at.

On n examples an accuracy p has at least the sd sqrt(p (1 - p) / n), whatever the seed
(METHOD 8: the floor of the test set; `power.floor_sd`). The difference d that is looked at is the
one that somebody declared (threshold `evaluation_set_too_small.difference`, or `smallest_effect`
in the config), else the change over the run: the last accuracy less the lowest.

Two bounds stand beside d, since two looks share their examples and most of the noise cancels:

- Best case: every example whose label changed, changed to the better. An exact McNemar test of
  k changed examples has p = 2^(1-k), which is below .05 from k = 6 on: a d below 6 / n can be
  told by no test on these examples (`below_any_test`).
- Nothing cancels, as with two evaluation sets: 1.96 sqrt(2) sd. A d between the two can be told
  only with the answer to each example (`needs_each_answer`).

How many examples there were is read from the config, or from evaluation's own speed and time:
`eval/samples_per_second` times `eval/runtime` of the same row is their number (transformers,
trainer_utils.py, `speed_metrics`).

Source: METHOD 8; McNemar, Psychometrika 1947; Edwards, Psychometrika 1948 (exact p: binomial of
the changed examples alone); transformers 5.23.0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.recorded_settings import number_setting
from paribus_sweeps.analysis.findings.rule import Rule, Seen, each_time
from paribus_sweeps.analysis.findings.thresholds import Threshold
from paribus_sweeps.analysis.power import floor_sd
from paribus_sweeps.analysis.words import number, signed

ROLE = "eval_accuracy"
SIZES = (
    "data.test.reviews", "eval_examples", "num_eval_examples", "eval_dataset_size", "eval_size",
    "num_eval_samples", "n_eval", "test_size", "val_size",
)  # fmt: skip
Z = 1.959963984540054  # of a two-sided 5 %
CHANGED_LEAST = 6  # 2^(1-6) = .031, 2^(1-5) = .063

DIFFERENCE = Threshold(
    "evaluation_set_too_small.difference",
    0.0,
    "The difference in accuracy that matters, a fraction; 0: none declared, the run's own change "
    "counts.",
    0.0,
    1.0,
)


@dataclass(frozen=True, slots=True)
class Looked:
    """The difference that is looked at."""

    value: float
    words: str
    """What it is: `the declared difference`."""


def examples_of(seen: Seen, key: str) -> tuple[int, str] | None:
    """Return how many examples an accuracy rests on, and what says so; None where nothing does."""
    for name in SIZES:
        told = number_setting(seen.facts.config, name)
        if told is not None and told >= 1 and told == int(told):
            return int(told), name
    prefix = key.removesuffix("accuracy")
    speed, time = f"{prefix}samples_per_second", f"{prefix}runtime"
    with np.errstate(over="ignore", invalid="ignore"):
        counts = seen.history[speed].values * seen.history.along(speed, time)
    counts = counts[np.isfinite(counts)]
    if len(counts) and np.median(counts) >= 1:
        return round(float(np.median(counts))), f"{speed} x {time}"
    return None


def _look(seen: Seen) -> Finding:
    rule, key = "evaluation_set_too_small", seen.key(ROLE)
    if key is None:
        return Finding.unknown(rule, seen.missing(ROLE))
    values = seen.curve(key).values
    if not len(values):
        return Finding.unknown(rule, f"no value of {key} is finite", keys=(key,))
    if values.min() < 0 or values.max() > 1:
        span = f"{number(float(values.min()))} to {number(float(values.max()))}"
        why = f"{key} holds {span}; a fraction from 0 to 1 was expected"
        return Finding.unknown(rule, why, keys=(key,))
    examples = examples_of(seen, key)
    if examples is None:
        why = f"how many examples {key} rests on is not known: the config names none of "
        return Finding.unknown(rule, why + ", ".join(SIZES), keys=(key,))
    looked = _looked(seen, float(values[-1]), float(values.min()))
    if looked is None:
        why = f"{key} has {len(values):,} value, and no difference was declared"
        if len(values) > 1:
            why = f"{key} ends at its lowest value: there is no gain that could be told from noise"
        return Finding.unknown(rule, why, keys=(key,))
    return _judged(rule, key, values, looked, examples)


def _looked(seen: Seen, last: float, lowest: float) -> Looked | None:
    declared = seen.thresholds[DIFFERENCE.name]
    told = number_setting(seen.facts.config, "smallest_effect")
    if declared > 0:
        return Looked(declared, "the declared difference")
    if told is not None and 0 < told <= 1:
        return Looked(told, "the smallest effect of the config")
    return Looked(last - lowest, "the change over the run") if last > lowest else None


def _judged(
    rule: str,
    key: str,
    values: FloatArray,
    looked: Looked,
    examples: tuple[int, str],
) -> Finding:
    n, source = examples
    last, best = float(values[-1]), float(values.max())
    sd = floor_sd(last, n)
    least, whole = CHANGED_LEAST / n, max(Z * math.sqrt(2) * sd, CHANGED_LEAST / n)
    needed = _needed(looked.value, last)
    about = {
        "keys": (key,),
        "numbers": {
            "examples": n,
            "examples_from": source,
            "difference": looked.value,
            "floor_sd": sd,
            "least_with_each_answer": least,
            "least_without": whole,
            "examples_needed": needed,
            "best_over_last": best - last,
        },
    }
    said = (
        f"On {n:,} examples ({source}) an accuracy of {number(last)} has a sd of at least "
        f"{number(sd)}; {looked.words} is {signed(looked.value)}"
    )
    if looked.value >= whole:
        return Finding.absent(rule, f"{said}, at least the {number(whole)} that shows.", **about)
    if looked.value < least:
        label, why = "below_any_test", f"below {number(least)} (6 examples) no test can tell it"
    else:
        label = "needs_each_answer"
        why = f"below {number(whole)} it is told only by comparing the answers example by example"
    return Finding.found(
        rule,
        f"{said}: {why}.",
        label=label,
        next_step=f"Evaluate on {needed:,.0f} examples or more, or keep the answer to each "
        "example and compare runs on them.",
        **about,
    )


def _needed(difference: float, accuracy: float) -> float:
    """Return the examples on which a difference shows though nothing cancels."""
    independent = 2 * (Z / difference) * (Z / difference) * accuracy * (1 - accuracy)
    return float(np.ceil(max(independent, CHANGED_LEAST / difference)))


RULES: tuple[Rule, ...] = (
    Rule(
        "evaluation_set_too_small",
        2,
        "8",
        "The evaluation set cannot show the difference in accuracy that is looked at.",
        each_time(_look),
        (DIFFERENCE,),
        labels={
            "below_any_test": "No test on these examples can tell it.",
            "needs_each_answer": "Only the answers example by example can tell it.",
        },
        roles=(ROLE,),
        keys=SIZES,
        source="McNemar, Psychometrika 1947; METHOD 8.",
    ),
)
