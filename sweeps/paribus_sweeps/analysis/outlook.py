"""What the present runs could have shown, and how many more would settle the question.

First the smallest difference that the present runs show four times out of five; then the
number of runs for the difference that matters, if one was named. The spread that planning
takes is the upper 80 % limit of what was seen, since a spread from few runs is optimistic.
Power for the effect that happened to be observed is not offered.

Source: METHOD 8; Browne, Statistics in Medicine 14 (1995); for "no": Schuirmann,
J. Pharmacokinet. Biopharm. 15 (1987), with the shifted t in place of Owen's Q (right to a run
or two).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from paribus_sweeps.analysis import power
from paribus_sweeps.analysis.comparisons import Comparison
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.design.table import Column, Table, cell_keys

POWER = 0.8
_LARGEST_EFFECT = 1e6  # in units of the spread: seen at once with any number of runs
MOST_RUNS = 100_000  # beyond it, "more runs" is no advice


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is needed for an answer."""

    unit: Literal["pairs", "runs"]
    n: int
    """Pairs, or runs of the model."""
    alpha: float
    """Level of one comparison, adjusted for all that were asked about together."""
    spread: float | None
    """sd of one difference (pairs), or of a run about the model; None where it is unknown."""
    spread_planned: float | None
    """Its upper 80 % limit, which the numbers below are for."""
    detectable: float | None
    """The smallest difference that `n` shows four times out of five."""
    smallest_effect: float | None
    needed: int | None
    """Pairs or runs for the smallest effect, to say yes or no."""
    replicates: int | None
    """Of every setting that is compared: `needed` is a whole number of them."""
    more_runs: int | None
    """Runs beyond the present ones; 0 where there are enough. Where no spread is known, those
    that would show it."""
    gpu_hours: float | None
    without_pilot: tuple[tuple[float, int | None], ...]
    """Difference in units of the spread, and the pairs that it takes: where no spread is
    known, or no smallest effect was named."""
    sentence: str
    why_unknown: str | None = None
    """Why no spread is known, where it is not."""

    @property
    def explained(self) -> str:
        """The sentence, with the reason before it where there is one."""
        why = self.why_unknown
        return f"{why[:1].upper()}{why[1:]}. {self.sentence}" if why else self.sentence

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "unit": self.unit,
            "n": self.n,
            "power": POWER,
            "alpha": self.alpha,
            "spread": self.spread,
            "spread_planned": self.spread_planned,
            "detectable": self.detectable,
            "smallest_effect": self.smallest_effect,
            "needed": self.needed,
            "replicates": self.replicates,
            "more_runs": self.more_runs,
            "gpu_hours": self.gpu_hours,
            "without_pilot": [
                {"effect_in_sd": ratio, "pairs": pairs} for ratio, pairs in self.without_pilot
            ],
            "sentence": self.explained,
        }


def outlook_of(
    table: Table, factor: Column, found: Sequence[Comparison], question: Question
) -> Outlook:
    """Say what the comparisons of one factor could have shown, and what would settle them.

    Args:
        table: The runs.
        factor: Whose comparisons these are.
        found: At least one; the one with the largest standard error decides.
        question: Names the smallest effect and the hours of a run.
    """
    factors = len(question.factors or table.factors)
    alpha = (1 - question.level) / max(1, len(found) * factors)
    told = [c for c in found if c.standard_error is not None]
    if not told:
        return _unknown(table, found, alpha, question)
    widest = max(told, key=lambda c: c.standard_error or 0.0)
    plan = _of_pairs(widest) if widest.basis == "pairs" else _of_model(widest)
    return _outlook(plan, alpha, question, widest)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How precision grows with runs."""

    unit: Literal["pairs", "runs"]
    n: int
    spread: float
    df: float
    step: int
    """How many pairs or runs one more replicate of the present layout brings."""
    runs_per_unit: int
    variance_factor: float
    """Of the estimate at the present n, in units of spread squared."""
    lost_df: int
    """n minus the error's df."""

    def noncentrality(self, effect: float, spread: float, n: int) -> float:
        size = min(abs(effect) / spread, _LARGEST_EFFECT)
        return size**2 / (self.variance_factor * self.n / n)

    def df_at(self, n: int) -> float:
        return max(1.0, n - self.lost_df)


def _of_pairs(found: Comparison) -> _Plan:
    assert found.pairs is not None
    summary = found.pairs.summary
    assert summary.sd is not None
    n = summary.n
    return _Plan("pairs", n, summary.sd, n - 1, summary.contexts, 2, 1 / n, 1)


def _of_model(found: Comparison) -> _Plan:
    model = found.model
    assert model is not None
    assert model.standard_error is not None
    assert model.variance_factor is not None
    spread = model.standard_error / math.sqrt(model.variance_factor)
    rank = model.runs - model.df
    return _Plan("runs", model.runs, spread, model.df, model.cells, 1, model.variance_factor, rank)


def _outlook(plan: _Plan, alpha: float, question: Question, found: Comparison) -> Outlook:
    planned = power.upper_sd(plan.spread, plan.df)
    least = power.detectable_noncentrality(1, plan.df_at(plan.n), alpha=alpha, power=POWER)
    detectable = planned * math.sqrt(least * plan.variance_factor)
    smallest = question.smallest_effect
    needed = None if smallest is None else _needed(plan, smallest, planned, alpha)
    more = None if needed is None else max(0, needed - plan.n) * plan.runs_per_unit
    hours = (
        None if more is None or question.hours_per_run is None else more * question.hours_per_run
    )
    table = _table(alpha) if smallest is None else ()
    sentence = _sentence(plan, detectable, smallest, needed, more, hours, question)
    return Outlook(
        unit=plan.unit, n=plan.n, alpha=alpha, spread=plan.spread, spread_planned=planned,
        detectable=detectable, smallest_effect=smallest, needed=needed,
        replicates=None if needed is None else needed // plan.step, more_runs=more,
        gpu_hours=hours, without_pilot=table, sentence=sentence,
    )  # fmt: skip


def _needed(plan: _Plan, effect: float, spread: float, alpha: float) -> int | None:
    """Return the fewest pairs or runs, in whole replicates, that settle the question.

    Enough to show a difference of this size with power .8, and to rule it out with power .8
    where there is none. Both grow with n, so that the search may double and halve.
    """

    def enough(replicates: int) -> bool:
        n = replicates * plan.step
        if n <= plan.lost_df:
            return False
        df = plan.df_at(n)
        noncentrality = plan.noncentrality(effect, spread, n)
        shown = power.power_of_contrast(noncentrality, 1, df, alpha=alpha) >= POWER
        return shown and _rules_out(math.sqrt(noncentrality), df) >= POWER

    most = MOST_RUNS // plan.step
    high = 1
    while not enough(high):
        high *= 2
        if high > most:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high * plan.step


def _rules_out(shift: float, df: float) -> float:
    """Return the chance that the 90 % interval lies inside +-effect, where the effect is 0."""
    return max(0.0, 2 * float(stats.t.cdf(shift - float(stats.t.ppf(0.95, df)), df)) - 1)


def _table(alpha: float) -> tuple[tuple[float, int | None], ...]:
    return tuple((row.ratio, row.pairs) for row in power.pairs_without_pilot(alpha=alpha))


def _unknown(
    table: Table, found: Sequence[Comparison], alpha: float, question: Question
) -> Outlook:
    """No spread is known: a table instead of a number."""
    pairs = max((c.pairs.n for c in found if c.pairs is not None), default=0)
    notes = [c.note for c in found if c.note]
    settings = len(np.unique(cell_keys(table.factors, rows=len(table))))
    hours = None if question.hours_per_run is None else settings * question.hours_per_run
    cost = "" if hours is None else f", about {number(hours)} GPU-hours"
    sentence = (
        "The noise between seeds is not known from these runs: one more seed at every setting "
        f"({counted(settings, 'run')}{cost}) would show it."
    )
    return Outlook(
        unit="pairs", n=pairs, alpha=alpha, spread=None, spread_planned=None, detectable=None,
        smallest_effect=question.smallest_effect, needed=None, replicates=None, more_runs=settings,
        gpu_hours=hours, without_pilot=_table(alpha), sentence=sentence,
        why_unknown=notes[0].rstrip(".") if notes else None,
    )  # fmt: skip


def _sentence(
    plan: _Plan,
    detectable: float,
    smallest: float | None,
    needed: int | None,
    more: int | None,
    hours: float | None,
    question: Question,
) -> str:
    noun = "matched pair" if plan.unit == "pairs" else "run"
    first = (
        f"With this spread, {counted(plan.n, noun)} show a difference of {number(detectable)} "
        "four times out of five"
    )
    if smallest is None:
        return (
            f"{first}; name the difference that matters (smallest_effect) to learn how many more."
        )
    if needed is None or more is None:
        return f"{first}; to settle {number(smallest)} would take more than {MOST_RUNS:,} runs."
    if more == 0:
        return (
            f"{first}; as many as these settle {number(smallest)} four times out of five, and "
            "here they did not: the answer lies near that size, or chance was against it."
        )
    cost = (
        f"about {number(hours)} GPU-hours" if hours is not None else "hours per run not measured"
    )
    return (
        f"{first}; {counted(more, 'more run')} ({cost}) would settle a difference of "
        f"{number(smallest)}."
    )
