"""Overfitting, or less than that: what evaluation and training do after the best evaluation.

| label | evaluation after its best | training meanwhile | status |
|---|---|---|---|
| overfitting | worsens | falls | found |
| diverging | worsens | no fall can be shown | found |
| gap_widening_eval_flat | no worsening can be shown | falls | found where the gap grew |
| flat | no worsening can be shown | no fall can be shown | not_found |
| still_improving | its best is near the end, and it still improves | | not_found |

Worsens: Kendall's one-sided test has p < .05, and the rise exceeds two noise sds. The best
evaluation itself is in no test, since it was selected. Training is averaged between evaluations.
With fewer than four evaluations after the best one, the last half is looked at instead.

METHOD's label gap_widening_eval_flat asks for a fall of training alone, and an evaluation that
falls as well, too unevenly for a test, gets it too. That a gap widens is said only where
evaluation less training is larger at the end than at the best evaluation: the label is then
`found`. Where it is not, and where the best evaluation is the last one, the label is
`not_found`; where one of the two gaps is not known, the rule cannot tell.

Of several keys that hold the training loss, that one counts which leaves the fewest intervals
between evaluations empty. Where no evaluation loss is logged, an evaluation accuracy is turned
round (METHOD 9.2), so that a rise is always a change for the worse; a generalisation loss and a
gap then have no meaning, and none is given.

Source: METHOD 9.3; generalisation loss: Prechelt, Early Stopping - But When?, 1998.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from paribus_sweeps.analysis.findings.after_best import AfterBest, Pair, after_best, paired
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.overfitting_words import (
    before_the_last,
    best_place,
    gaps,
    no_trend,
    p_of,
    p_of_train,
    train_alone,
    train_missing,
    upper,
    where,
    window,
    worsening,
)
from paribus_sweeps.analysis.findings.rule import Rule, Seen
from paribus_sweeps.analysis.findings.thresholds import Threshold, Thresholds
from paribus_sweeps.analysis.histories import History
from paribus_sweeps.analysis.words import counted

NAME = "overfitting"
ALPHA = Threshold(
    "overfitting.alpha",
    0.05,
    "Level of each Kendall test (METHOD 9.3). It screens: points of one curve depend on one "
    "another, so that more than this share of curves without a trend passes.",
    low=0.0,
    high=1.0,
)
NOISE_SDS = Threshold(
    "overfitting.noise_sds",
    2.0,
    "Noise sds that a rise after the best evaluation must exceed (METHOD 9.3).",
)
LEAST_EVALUATIONS = Threshold(
    "overfitting.least_evaluations",
    6,
    "Evaluations below which nothing is said (METHOD 9.3).",
    low=6,  # METHOD's own; rise_after_minimum needs as many
)
SCREENING = (
    "The p-values are for screening: points of one curve depend on one another, which makes "
    "them too small."
)


@dataclass(slots=True)
class Overfitting:
    """What one run's curves say, worked out anew only once something that counts has come.

    Training that comes after the last evaluation counts only at the next one: with it the
    watch of a long run looks at nothing but the new rows.
    """

    _finding: Finding | None = None
    _mark: tuple[object, ...] = ()
    _rows: int = 0
    """Rows that the finding rests on."""

    def tell(self, seen: Seen) -> Finding:
        """Say what evaluation and training do by now."""
        mark = _mark(seen)
        if self._finding is None or mark != self._mark or not self._is_later(seen):
            self._finding, self._mark = overfitting(seen), mark
        self._rows = seen.history.rows
        return self._finding

    def _is_later(self, seen: Seen) -> bool:
        """Whether all training since the last look stands behind the last evaluation."""
        eval_key = _eval_key(seen)
        if eval_key is None:
            return True
        return all(
            _stands_behind(seen, train_key, eval_key, self._rows - 1)
            for train_key in _train_keys(seen)
        )


def _mark(seen: Seen) -> tuple[object, ...]:
    """Return what the finding changes with, but for training."""
    key = _eval_key(seen)
    n = len(seen.history[key]) if key is not None else 0
    axes = [seen.x_key(key, train_key) for train_key in _train_keys(seen)] if key else []
    known = (dict(seen.roles.keys), dict(seen.thresholds.values))
    return n, axes, seen.facts.is_over, known


def _stands_behind(seen: Seen, train_key: str, eval_key: str, row: int) -> bool:
    """Whether all training behind a row stands behind the last evaluation."""
    x_key = seen.x_key(eval_key, train_key)
    if x_key is None:
        return True  # rows only come behind
    columns = {key: seen.history[key].after(row) for key in (train_key, x_key)}
    new = History(columns, seen.history.rows).along(train_key, x_key)
    places = seen.curve_over(eval_key, x_key).x
    return len(places) == 0 or bool((new > places[-1]).all())


def overfitting(seen: Seen) -> Finding:
    """Say what a run's evaluation and training do after the best evaluation."""
    pair = pair_of(seen)
    if isinstance(pair, Finding):
        return pair
    least = int(seen.thresholds[LEAST_EVALUATIONS.name])
    if len(pair.curve) < least:
        return _too_few(pair, least)
    after = after_best(pair)
    if isinstance(after, str):
        return Finding.unknown(NAME, after, keys=pair.keys)
    found = _TOLD[_label(after, seen.thresholds)](after, seen)
    return found if seen.facts.is_over else found.with_(sentence=f"So far: {found.sentence}")


def pair_of(seen: Seen) -> Pair | Finding:
    """Return the evaluation and the training that are looked at, or why there is none."""
    key = _eval_key(seen)
    if key is None:
        return Finding.unknown(NAME, seen.missing("eval_loss"))
    return paired(seen, key, _train_keys(seen), is_turned=key != seen.key("eval_loss"))


def _eval_key(seen: Seen) -> str | None:
    """Return the key of the evaluation loss, or of an accuracy where nobody named a loss."""
    key = seen.key("eval_loss")
    return key if key is not None or "eval_loss" in seen.named else seen.key("eval_accuracy")


def _train_keys(seen: Seen) -> list[str]:
    roles = ("train_loss",) if "train_loss" in seen.named else ("train_loss", "step_loss")
    return [key for role in roles if (key := seen.key(role)) is not None]


def _too_few(pair: Pair, least: int) -> Finding:
    n, left_out = len(pair.curve), pair.curve.non_finite
    more = f" and {left_out:,} not finite" if left_out else ""
    return Finding.unknown(
        NAME,
        f"too few evaluations: {counted(n, 'value')} of {pair.eval_key}{more}, and at least "
        f"{least} are needed",
        keys=pair.keys,
        x_name=pair.x_name,
        numbers={"n": n, "non_finite": left_out},
        next_step="Evaluate more often, or train longer.",
    )


def _label(after: AfterBest, thresholds: Thresholds) -> str:
    """Return the row of METHOD 9.3's table; one of two where training cannot be told."""
    is_clear = after.evaluation.p < thresholds[ALPHA.name]
    if not after.is_behind and is_clear:
        return "still_improving"
    worsens = after.is_behind and is_clear and after.rise > _least_rise(after, thresholds)
    if after.train is None:
        return "worse_train_unknown" if worsens else "train_unknown"
    falls = after.train.p < thresholds[ALPHA.name]
    if worsens:
        return "overfitting" if falls else "diverging"
    return "gap_widening_eval_flat" if falls else "flat"


def _least_rise(after: AfterBest, thresholds: Thresholds) -> float:
    return thresholds[NOISE_SDS.name] * after.noise


def _overfitting(after: AfterBest, seen: Seen) -> Finding:
    key = after.pair.eval_key
    return _found(
        after,
        "overfitting",
        f"{worsening(after)}, while {after.pair.train_key} falls on ({p_of_train(after)}).",
        f"Keep the checkpoint from {best_place(after)}, or train less or with more "
        f"regularisation. {SCREENING} To claim that a factor causes it, ask with "
        f"rise_after_minimum({key}) as response over runs that differ in the factor.",
    )


def _diverging(after: AfterBest, seen: Seen) -> Finding:
    key = after.pair.eval_key
    return _found(
        after,
        "diverging",
        f"{worsening(after)}, and no fall of {after.pair.train_key} can be shown "
        f"({p_of_train(after)}).",
        "Try a smaller learning rate or a longer warm-up: both curves have stopped improving. "
        f"{SCREENING} To claim that a factor causes it, ask with rise_after_minimum({key}) as "
        "response over runs that differ in the factor.",
    )


def _gap(after: AfterBest, seen: Seen) -> Finding:
    label, grew = "gap_widening_eval_flat", after.gap_grew
    if after.behind == 0:
        return _absent(
            after,
            label,
            f"{train_alone(after)}: the best evaluation is the last one, so that no gap can have "
            "widened since.",
            "The last checkpoint is the best one by this curve; whether more training would help "
            f"is not shown. {SCREENING}",
        )
    if grew is None:
        return _gap_unknown(after)
    said = _found if grew else _absent
    verdict = "widens, which is less than overfitting" if grew else "does not widen"
    return said(
        after,
        label,
        f"{train_alone(after)}: the gap {verdict} ({gaps(after)}).",
        "More training is not shown to help or to harm: compare the last checkpoint with the one "
        f"from {best_place(after)} on data that neither was chosen by. {SCREENING}",
    )


def _gap_unknown(after: AfterBest) -> Finding:
    pair, cannot = after.pair, f"{train_alone(after)}; whether the gap widens cannot be told: "
    if pair.is_turned:
        why = f"a gap is one between two losses, and {pair.eval_key} is none."
        more = "Log the loss of the evaluation as well."
        return _unknown(after, f"{cannot}{why}").with_(next_step=more)
    return _unknown(
        after,
        f"{cannot}{pair.train_key} was not logged before the best evaluation, or before the last, "
        "since the evaluation before it.",
    )


def _flat(after: AfterBest, seen: Seen) -> Finding:
    return _absent(
        after,
        "flat",
        f"{upper(no_trend(after))}, and no fall of {after.pair.train_key} either "
        f"({p_of_train(after)}).",
        "Neither curve moves: more of the same training is not shown to change anything.",
    )


def _still_improving(after: AfterBest, seen: Seen) -> Finding:
    verb = "rises" if after.pair.is_turned else "falls"
    return _absent(
        after,
        "still_improving",
        f"{after.pair.eval_key} still {verb} {window(after)} ({p_of(after)}); it is "
        f"{where(after)}, {before_the_last(after)}.",
        f"Train longer if the budget allows: the best may still come. {SCREENING}",
    )


def _worse_train_unknown(after: AfterBest, seen: Seen) -> Finding:
    return _unknown(
        after,
        f"{worsening(after)}; whether that is overfitting or divergence depends on the training "
        f"loss, and {train_missing(after, seen)}",
    )


def _train_unknown(after: AfterBest, seen: Seen) -> Finding:
    return _unknown(
        after,
        f"{upper(no_trend(after))}; whether the gap widens depends on the training loss, and "
        f"{train_missing(after, seen)}",
    )


_TOLD: Mapping[str, Callable[[AfterBest, Seen], Finding]] = {
    "overfitting": _overfitting,
    "diverging": _diverging,
    "gap_widening_eval_flat": _gap,
    "flat": _flat,
    "still_improving": _still_improving,
    "worse_train_unknown": _worse_train_unknown,
    "train_unknown": _train_unknown,
}


def _found(after: AfterBest, label: str, sentence: str, next_step: str) -> Finding:
    return _evidence(after).with_(
        status="found", label=label, sentence=sentence, next_step=next_step
    )


def _absent(after: AfterBest, label: str, sentence: str, next_step: str) -> Finding:
    return _found(after, label, sentence, next_step).with_(status="not_found")


def _unknown(after: AfterBest, why: str) -> Finding:
    more = "Log the training loss at least once an evaluation."
    return _evidence(after).with_(sentence=why, next_step=more)


def _evidence(after: AfterBest) -> Finding:
    """Return a finding of everything but words."""
    return Finding(
        NAME,
        "cannot_tell",
        "",
        keys=after.pair.keys,
        steps=after.steps,
        x_name=after.pair.x_name,
        numbers=after.numbers(),
    )


RULES: tuple[Rule, ...] = (
    Rule(
        name=NAME,
        version=2,
        section="9.3",
        meaning="What evaluation and training do after the best evaluation: overfitting, "
        "divergence, or only a gap that widens.",
        watch=Overfitting,
        thresholds=(ALPHA, NOISE_SDS, LEAST_EVALUATIONS),
        labels={
            "overfitting": "The evaluation worsens after its best while the training loss falls.",
            "diverging": "The evaluation worsens after its best, and no fall of the training loss "
            "can be shown: the learning rate may be too high.",
            "gap_widening_eval_flat": "The training loss falls, and neither a rise nor a fall of "
            "the evaluation can be shown; found where the gap between both grew since the best.",
            "flat": "Neither a trend of the evaluation nor a fall of the training loss can be "
            "shown.",
            "still_improving": "The evaluation still improves at the end.",
        },
        roles=("eval_loss", "eval_accuracy", "train_loss", "step_loss"),
        source="Prechelt, Early Stopping - But When?, 1998 (generalisation loss)",
    ),
)
