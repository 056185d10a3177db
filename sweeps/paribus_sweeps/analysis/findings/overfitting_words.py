"""What the rule overfitting says of a run, in words."""

from __future__ import annotations

from paribus_sweeps.analysis.findings.after_best import AfterBest
from paribus_sweeps.analysis.findings.rule import Seen, place
from paribus_sweeps.analysis.findings.trends import LEAST_POINTS
from paribus_sweeps.analysis.words import counted, number


def worsening(after: AfterBest) -> str:
    """Return "eval/loss is lowest at step 240 (0.518) and rises by 0.1 until the end (p = …)"."""
    times = f"{number(after.rise / after.noise)} noise sds, " if after.noise else ""
    worse = "falls" if after.pair.is_turned else "rises"
    return (
        f"{after.pair.eval_key} is {where(after)} and {worse} by {number(after.rise)} until "
        f"the end ({times}{p_of(after)}, {counted(after.behind, 'evaluation')} after "
        "the best)"
    )


def train_alone(after: AfterBest) -> str:
    """Return "train/loss falls after step 240 (p = …), while no rise of eval/loss …"."""
    since = f"after {best_place(after)}" if after.is_behind else window(after)
    return f"{after.pair.train_key} falls {since} ({p_of_train(after)}), while {no_trend(after)}"


def gaps(after: AfterBest) -> str:
    """Return the gap at the best evaluation, and at the end."""
    best, end = after.gap(after.best), after.gap(-1)
    return f"evaluation less training is {number(best)} at the best and {number(end)} at the end"


def before_the_last(after: AfterBest) -> str:
    """Return "its last evaluation", "2 evaluations before the last"."""
    if after.behind == 0:
        return "its last evaluation"
    return f"{counted(after.behind, 'evaluation')} before the last"


def no_trend(after: AfterBest) -> str:
    """Return "no rise of eval/loss can be shown after step 240 (p = …)"."""
    key = after.pair.eval_key
    if not after.is_behind:
        noun = "rise" if after.pair.is_turned else "fall"
        return f"no {noun} of {key} can be shown {window(after)} ({p_of(after)})"
    noun = "fall" if after.pair.is_turned else "rise"
    return (
        f"no {noun} of {key} beyond its noise can be shown after {best_place(after)} "
        f"({p_of(after)}; by {number(after.rise)}, noise sd {number(after.noise)})"
    )


def train_missing(after: AfterBest, seen: Seen) -> str:
    """Return why no training stands beside the evaluations."""
    if after.pair.train_key is None:
        return seen.missing("train_loss")
    return (
        f"{after.pair.train_key} was logged in too few of the {after.evaluation.points} intervals "
        f"between evaluations (at least {LEAST_POINTS} are needed)"
    )


def best_place(after: AfterBest) -> str:
    """Return "step 240"."""
    return place(float(after.pair.curve.x[after.best]), after.pair.x_name)


def where(after: AfterBest) -> str:
    """Return "lowest at step 240 (0.518)"."""
    pair = after.pair
    how, value = "highest" if pair.is_turned else "lowest", pair.curve.values[after.best]
    return f"{how} at {best_place(after)} ({number(pair.shown(float(value)))})"


def window(after: AfterBest) -> str:
    """Return "over its last 4 evaluations"."""
    return f"over its last {counted(after.evaluation.points, 'evaluation')}"


def p_of(after: AfterBest) -> str:
    """Return "p = 0.04167", of the evaluation."""
    return f"p = {number(after.evaluation.p)}"


def p_of_train(after: AfterBest) -> str:
    """Return "p = 0.04167", of training."""
    return f"p = {number(after.train.p if after.train else None)}"


def upper(sentence: str) -> str:
    """Return a sentence with a capital."""
    return sentence[0].upper() + sentence[1:]
