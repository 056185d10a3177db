"""Importance: what goes along with the response where a sampler, and no design, chose settings.

    found = importance(table, question)
    found.factors[0].sentence, found.reasons

All of it is association. Settings drawn at random: least squares, each factor's share of the
variance. Settings chosen by earlier results or by people: a forest, and how much worse it
predicts unseen runs once a factor is shuffled. Nothing is shown where the model explains no more
than noise would, for a factor that the runs cannot tell apart, and for a designed sweep: there
the effects say what the design isolates.

Impurity importance is not offered: it favours factors with many values (Strobl and others, BMC
Bioinformatics 8, 2007).

Source: METHOD 10, 13; Breiman, Machine Learning 45 (2001).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from paribus_sweeps.analysis.forest import Forest, Unseen
from paribus_sweeps.analysis.moving_groups import MovingGroup, moving_groups, ranks_of
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.resampling import words_from
from paribus_sweeps.analysis.shares import Shares, Slope, shares_of, why_not_shares
from paribus_sweeps.analysis.transforms import transformed
from paribus_sweeps.analysis.verdicts import scale_of
from paribus_sweeps.analysis.words import counted, number
from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.estimability import Gate, gate
from paribus_sweeps.design.table import Codes, Column, Floats, Table

TREES = 100  # METHOD 10
REFITS = 20  # METHOD 10
LEAST_RUNS = 20  # noise alone reached LEAST_R2 in 1 of 400 simulations; with 12 runs in 1 of 80
MOST_RUNS = 1_000  # of a forest: 21 forests take about ten seconds
LEAST_R2 = 0.3  # METHOD 10
ALPHA = 0.05
NOT_OFFERED = ("fANOVA", "PED-ANOVA")

DESIGNED = (
    "A design chose these settings, and what it isolates is an effect, not an association: "
    "see the answer `effects`."
)
_CHOSEN = {
    "random": "The sampler chose the settings: randomised by the sampler, balanced by no design.",
    "bayes": (
        "The sampler chose later settings by earlier results: runs gather near good values, and "
        "an average over them is selected."
    ),
    "design": "A design chose the settings, and early stopping which of them came to their end.",
    "people": (
        "Neither a design nor a sampler chose the settings: what was changed together, or over "
        "the weeks, shares the credit."
    ),
}

Method = Literal["least_squares", "forest"]
Words = np.random.PCG64


@dataclass(frozen=True, slots=True)
class FactorImportance:
    """What goes along with one factor, or why that is not said."""

    factor: str
    importance: float | None
    """Least squares: share of the variance (omega squared). Forest: by how much shuffling the
    factor makes predictions worse, in units of the response's variance."""
    interval: tuple[float, float] | None
    """Smallest and largest over the refits."""
    rank: int | None
    """1 for the largest."""
    same_rank: int | None
    """In how many refits it had that rank."""
    group: tuple[str, ...]
    """What it moved with, itself included, and shares its importance with; else empty."""
    slope: Slope | None
    """Least squares, of a factor with numbers."""
    sentence: str

    def as_dict(self, refits: int) -> dict[str, Any]:
        """Return it as plain JSON."""
        stability = {"same_rank": self.same_rank, "refits": refits}
        return {
            "factor": self.factor,
            "importance": self.importance,
            "interval": None if self.interval is None else list(self.interval),
            "rank": self.rank,
            "rank_stability": None if self.same_rank is None else stability,
            "group": list(self.group),
            "slope": self.slope.as_dict() if self.slope else None,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class Importance:
    """What goes along with the response; never what caused it."""

    method: Method | None
    """None where nothing was fitted; `note` says why."""
    factors: tuple[FactorImportance, ...]
    reasons: tuple[str, ...]
    """Why it is an association, to be printed beside every number."""
    note: str
    oob_r2: float | None = None
    """Share of the variance that the forest predicts for runs that it has not seen."""
    refits: int = REFITS
    label: Literal["association"] | None = "association"
    """None for a designed sweep, which gets none."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "label": self.label,
            "method": self.method,
            "oob_r2": self.oob_r2,
            "factors": [found.as_dict(self.refits) for found in self.factors],
            "reasons": list(self.reasons),
            "note": self.note,
            "not_offered": list(NOT_OFFERED),
        }


def importance(
    table: Table, question: Question, *, trees: int = TREES, refits: int = REFITS
) -> Importance:
    """Say which factors the response goes along with.

    Args:
        table: Every run that was made.
        question: Its `sampler` says what chose the settings.
        trees: Of a forest.
        refits: To other samples of the same runs.

    Raises:
        CannotTransform: The response does not lie where the question's transform is defined.
        TooLarge: The model has too many columns.
    """
    if question.has_plan and not question.is_of_association:
        return Importance(None, (), (), DESIGNED, refits=refits, label=None)
    scale, notes = scale_of(table, question)
    rows = transformed(table.without(question.waived), scale)
    return _Look(rows, question, trees, refits, notes).told


class _Look:
    """One question, asked of the finished runs of one table."""

    def __init__(
        self, table: Table, question: Question, trees: int, refits: int, notes: Sequence[str]
    ) -> None:
        self.question = question
        self.notes = notes
        self.trees, self.refits = trees, refits
        self.gate: Gate = gate(table)
        self.rows = self.gate.table
        self.runs = len(table)
        self.lost = Counter(s for s, ok in zip(table.states, table.usable, strict=True) if not ok)
        self.columns = [c for c in (*self.rows.factors, *self.rows.blocks) if c.varies]
        names = question.factors
        self.asked = [f for f in self.rows.factors if not names or f.name in names]

    @property
    def told(self) -> Importance:
        """The answer."""
        why_not = self._why_nothing()
        if why_not is not None:
            return self._silent(None, why_not)
        if self.question.sampler != "random" or self.question.stopped_early:
            return self._forest([])
        why_no_shares = why_not_shares(self.gate)
        if why_no_shares is None:
            return self._least_squares()
        return self._forest([f"{why_no_shares}, so it is left to a forest."])

    def _why_nothing(self) -> str | None:
        if not any(column.varies for column in self.rows.factors):
            return "No two finished runs differ in a factor."
        if np.ptp(self.rows.values) == 0:
            return "Every finished run has the same value: there is no variation."
        return None

    def _silent(
        self,
        method: Method | None,
        why: str,
        *,
        oob_r2: float | None = None,
        reasons: Sequence[str] = (),
    ) -> Importance:
        """Return an answer without a number for any factor."""
        nothing = [self._refused(f) or _without(f.name, "no importance shown") for f in self.asked]
        reasons = (*self._reasons(), *reasons)
        return Importance(method, tuple(nothing), reasons, why, oob_r2, self.refits)

    def _reasons(self) -> list[str]:
        unsampled = "design" if self.question.has_plan else "people"
        reasons = [_CHOSEN[self.question.sampler or unsampled]]
        if self.question.stopped_early:
            runs = counted(self.question.stopped_early, "run")
            reasons.append(f"{runs} stopped early by what was logged: missing not at random.")
        if self.lost:
            states = ", ".join(f"{count} {state}" for state, count in sorted(self.lost.items()))
            reasons.append(
                f"{self.lost.total()} of {counted(self.runs, 'run')} have no value and take no "
                f"part ({states}): a run that was stopped early is no finished run."
            )
        return [*reasons, *self.notes]

    def _refused(self, factor: Column) -> FactorImportance | None:
        """Say why a factor can have no importance, whatever the model; None if it can."""
        if not factor.varies:
            value = factor.observed[0] if len(factor.codes) else "nothing"
            return _without(factor.name, f"never varied (always {value})")
        if self.gate.status(factor.name).word == "estimable":
            return None
        partners = [f"`{name}`" for name in self.gate.confounded_with(factor.name)]
        why = f"cannot be told apart from {listed(partners)}: no importance is given"
        return _without(factor.name, why)

    # least squares

    def _least_squares(self) -> Importance:
        words = words_from(f"{self.question.seed(self.rows)}|importance")
        found = shares_of(self.rows, self.gate, self.question)
        if found.p >= ALPHA:
            why = (
                "No importance shown: all factors together explain no more than noise would "
                f"({found.test})."
            )
            return self._silent("least_squares", why)
        draws = [_drawn(words, 1, len(self.rows))[0] for _ in range(self.refits)]
        refitted = np.array([found.refitted(draw) for draw in draws])
        scores = _Scores.of(found.names, found.shares, refitted)
        factors = [self._refused(f) or self._share(f, found, scores) for f in self.asked]
        note = (
            f"The model explains {100 * found.r2_adjusted:.0f} % of the variance ({found.test}). "
            "It knows straight lines and levels only: what rises and falls again, or depends on "
            f"another factor, it misses. {self._confirm(factors)}"
        )
        return Importance(
            "least_squares", tuple(factors), tuple(self._reasons()), note, None, self.refits
        )

    def _share(self, factor: Column, found: Shares, scores: _Scores) -> FactorImportance:
        name, place = factor.name, scores.names.index(factor.name)
        share, (low, high) = scores.values[place], scores.interval(place)
        slope = found.slopes.get(name)
        p = found.p_adjusted[name]
        size = (
            f"{100 * share:.0f} % of the variance ({100 * low:.0f} to {100 * high:.0f} % over "
            f"{self.refits} refits)"
        )
        sentence = f"`{name}`: no association shown (p = {p:.3g} over all factors): {size}."
        if p < ALPHA:
            sentence = (
                f"`{name}`: {size}, {self._stability(scores, place)}; randomised by the sampler, "
                f"p = {p:.3g} over all factors."
            )
        if slope is not None:
            sentence += f" {slope.sentence(name, self.question.response)}"
        return FactorImportance(
            name, share, (low, high), scores.rank(place), scores.same_rank(place), (), slope,
            sentence,
        )  # fmt: skip

    def _stability(self, scores: _Scores, place: int) -> str:
        return (
            f"rank {scores.rank(place)} in {scores.same_rank(place)} of "
            f"{counted(self.refits, 'refit')}"
        )

    # the forest

    def _forest(self, reasons: Sequence[str]) -> Importance:
        runs = len(self.rows)
        if runs < LEAST_RUNS:
            why = (
                f"{counted(runs, 'finished run')}: a forest takes {LEAST_RUNS}, since with fewer "
                "noise alone often looks as if it were explained."
            )
            return self._silent(None, why, reasons=reasons)
        if runs > MOST_RUNS:
            why = f"{runs:,} finished runs: a forest is not offered beyond {MOST_RUNS:,}."
            return self._silent(None, why, reasons=reasons)
        return self._grown(reasons)

    def _grown(self, reasons: Sequence[str]) -> Importance:
        words = words_from(f"{self.question.seed(self.rows)}|importance")
        groups = self._groups()
        forests = _Forests(self.rows, self.columns, self.trees, words)
        everyone = np.arange(len(self.rows))
        unseen = forests.grown(everyone)
        r2 = unseen.r2
        if r2 < LEAST_R2:
            why = (
                f"No importance shown: the forest predicts {r2:.2f} of the variance of runs that "
                f"it has not seen (out-of-bag R^2), and {LEAST_R2} was expected."
            )
            return self._silent("forest", why, oob_r2=r2, reasons=reasons)
        losses = forests.losses(unseen, groups)
        again = [
            forests.losses(forests.grown(_drawn(words, 1, len(self.rows))[0]), groups)
            for _ in range(self.refits)
        ]
        scores = _Scores.of([g.members[0] for g in groups], losses, np.array(again))
        factors = [self._refused(f) or self._loss(f, groups, scores) for f in self.asked]
        shown = {group for group in (found.group for found in factors) if group}
        together = [_together(group) for group in groups if group.members in shown]
        note = (
            f"The forest predicts {r2:.2f} of the variance of runs that it has not seen "
            f"(out-of-bag R^2). {self._confirm(factors)}"
        )
        reasons = (*self._reasons(), *reasons, *together)
        return Importance("forest", tuple(factors), reasons, note, r2, self.refits)

    def _groups(self) -> list[MovingGroup]:
        """Groups with a factor in them, factors before blocks; blocks alone have no rank."""
        factors = {factor.name for factor in self.rows.factors}
        return [g for g in moving_groups(self.columns) if not factors.isdisjoint(g.members)]

    def _loss(
        self, factor: Column, groups: Sequence[MovingGroup], scores: _Scores
    ) -> FactorImportance:
        place = next(at for at, g in enumerate(groups) if factor.name in g.members)
        members = groups[place].members
        loss, (low, high) = scores.values[place], scores.interval(place)
        others = [f"`{name}`" for name in members if name != factor.name]
        what = f"it together with {listed(others)}" if others else "it"
        cost = (
            f"shuffling {what} makes predictions worse by {number(loss)} of the variance "
            f"({number(low)} to {number(high)} over {self.refits} refits)"
        )
        if low > 0:
            sentence = f"`{factor.name}`: {cost}, {self._stability(scores, place)}."
        else:
            sentence = f"`{factor.name}` is not shown to matter: {cost}."
        return FactorImportance(
            factor.name, loss, (low, high), scores.rank(place), scores.same_rank(place),
            members if others else (), None, sentence,
        )  # fmt: skip

    def _confirm(self, factors: Sequence[FactorImportance]) -> str:
        ranked = sorted(
            (f for f in factors if f.rank is not None and f.interval and f.interval[0] > 0),
            key=lambda found: found.rank or 0,
        )
        if not ranked:
            return "No single factor stands out."
        top = listed([f"`{found.factor}`" for found in ranked[:4]])
        return f"To learn whether they caused it, run a two-level factorial of {top}."


def _without(factor: str, why: str) -> FactorImportance:
    return FactorImportance(factor, None, None, None, None, (), None, f"`{factor}`: {why}.")


def _together(group: MovingGroup) -> str:
    names = listed([f"`{name}`" for name in group.members])
    return (
        f"{names} moved together (association {group.association:.2f}): they share their credit, "
        "and have one importance."
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """One number for each factor or group, from all runs and from each refit."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    again: Floats
    """(refits, names)."""

    @classmethod
    def of(cls, names: Sequence[str], values: Sequence[float], again: Floats) -> _Scores:
        return cls(tuple(names), tuple(values), again)

    def interval(self, place: int) -> tuple[float, float]:
        column = self.again[:, place]
        return float(column.min()), float(column.max())

    def rank(self, place: int) -> int:
        return 1 + sum(value > self.values[place] for value in self.values)

    def same_rank(self, place: int) -> int:
        ranks = 1 + np.sum(self.again > self.again[:, [place]], axis=1)
        return int(np.sum(ranks == self.rank(place)))


def _drawn(words: Words, rows: int, runs: int) -> Codes:
    """Draw runs with replacement, (rows, runs): by raw words, which no release changes."""
    uniform = (words.random_raw((rows, runs)) >> np.uint64(11)) * 2.0**-53
    return (uniform * runs).astype(np.int64)


class _Forests:
    """Forests grown from one set of runs and from samples of it."""

    def __init__(self, rows: Table, columns: Sequence[Column], trees: int, words: Words) -> None:
        self.names = [column.name for column in columns]
        self.ranks = np.array([ranks_of(column) for column in columns])
        self.values = (rows.values - rows.values.mean()) / rows.values.std()
        self.trees, self.words = trees, words

    def grown(self, sample: Codes) -> Unseen:
        """Grow a forest from a sample of the runs, (runs,), and ask it about those in it."""
        runs = len(sample)
        drawn = sample[_drawn(self.words, self.trees, runs)]
        bags = np.array([np.bincount(bag, minlength=runs) for bag in drawn])
        counts = np.bincount(sample, minlength=runs)
        forest = Forest.grown(self.ranks, self.values, bags)
        return Unseen.of(forest, self.ranks, self.values, bags, counts=counts)

    def losses(self, unseen: Unseen, groups: Sequence[MovingGroup]) -> list[float]:
        """Return what shuffling each group costs."""
        places = [[self.names.index(name) for name in group.members] for group in groups]
        return [unseen.loss(features, self.words) for features in places]
