"""The verdict on each factor: it made a difference, it made none, or the runs cannot say.

    judged = judge(table, question)
    judged.answers[0].status, judged.answers[0].verdict, judged.answers[0].sentence

The gate is asked first. Then matched pairs speak, where there are at least three; else the
model; the two stand side by side and are never blended. Where they disagree, the verdict is
inconclusive.

Source: METHOD 3, 4, 5.5, 8 and 8.1. Each factor's contrasts are one family, and the factors
that are asked about are one (Holm): "yes" needs the adjusted interval to exclude 0; "no" needs
the 90 % interval of every contrast to lie inside the smallest effect that matters
(Schuirmann, J. Pharmacokinet. Biopharm. 15, 1987).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from paribus_sweeps.analysis.across_factors import across_factors
from paribus_sweeps.analysis.comparisons import Comparison, VerdictWord, compare
from paribus_sweeps.analysis.contrasts import MatchedContrast, matched_contrasts
from paribus_sweeps.analysis.crashed_runs import CrashReport, crash_report
from paribus_sweeps.analysis.effects import Effects, contrast_pairs, effects
from paribus_sweeps.analysis.factor_words import FactorWords
from paribus_sweeps.analysis.outlook import Outlook, outlook_of
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.statuses import FactorStatuses, StatusWord
from paribus_sweeps.analysis.strata import Stratum, strata
from paribus_sweeps.analysis.transforms import Scale, at_ceiling, transformed
from paribus_sweeps.analysis.words import number
from paribus_sweeps.design.confounding_report import ConfoundingReport, confounding_report
from paribus_sweeps.design.estimability import Gate, gate
from paribus_sweeps.design.table import Column, Table

MOST_DEPENDENCES = 2  # of one factor, in its sentence
Label = Literal["association"] | None


@dataclass(frozen=True, slots=True)
class FactorAnswer:
    """One factor: its status, the verdict in a sentence, and the evidence."""

    factor: str
    status: StatusWord
    verdict: VerdictWord | None
    """None where the status leaves nothing to judge."""
    sentence: str
    comparisons: tuple[Comparison, ...]
    confounded_with: tuple[str, ...]
    outlook: Outlook | None
    """What the present runs could have shown, and how many more would settle it."""
    label: Label
    family_size: int
    """Factors that were tested together."""

    @classmethod
    def unjudged(cls, factor: str, why: str, *, label: Label = None) -> FactorAnswer:
        """Return the answer of a factor that no model could be made for."""
        return cls(factor, "inconclusive", None, why, (), (), None, label, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "status": self.status,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "label": self.label,
            "comparisons": [comparison.as_dict() for comparison in self.comparisons],
            "confounded_with": list(self.confounded_with),
            "family_size": self.family_size,
            "outlook": self.outlook.as_dict() if self.outlook else None,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """All factors that were asked about, with what the answers were drawn from."""

    answers: tuple[FactorAnswer, ...]
    contrasts: tuple[MatchedContrast, ...]
    effects: Effects | None
    """None where no run has finished, or all agree in every factor."""
    confounding: ConfoundingReport
    gate: Gate
    scale: Scale
    crashes: CrashReport
    strata: tuple[Stratum, ...]
    """Factors that changed between units only: split plots."""
    notes: tuple[str, ...]
    """What was decided for the whole table before any p-value was looked at."""


def judge(table: Table, question: Question, *, details: bool = True) -> Judged:
    """Ask the gate, then pairs and model, and say what they come to for each factor.

    Args:
        table: Every run that was planned or made, with its response where it has one.
        question: What is asked.
        details: Whether matched contrasts have their lists, and what is drawn at random; no
            verdict rests on them.

    Raises:
        CannotTransform: The response does not lie where the transform is defined.
        TooLarge: The model has too many columns.
        NoSuchInteraction: The question names an interaction of a factor that does not vary.
    """
    scale, notes = scale_of(table, question)
    table = transformed(table.without(question.waived), scale)
    return _Judging(table, question, scale, details=details).judged(notes)


def scale_of(table: Table, question: Question) -> tuple[Scale, tuple[str, ...]]:
    """Return the scale that the model works on, and why, where it is not the one asked for.

    A share of m examples that is at its bound in more than a fifth of the runs is compared on
    ranks (METHOD 11).
    """
    asked = Scale(question.transform, question.denominator)
    share = question.denominator
    if share is None or asked.name == "rank":
        return asked, ()
    values = table.values[table.usable]
    if not at_ceiling(values, bounds=(0.0, 1.0), resolution=max(1 / share, question.resolution)):
        return asked, ()
    return Scale("rank"), (
        "More than a fifth of the runs are within one example of the bound: they are compared "
        "on ranks, and differences are differences of mean ranks.",
    )


class _Judging:
    """One question, asked of one table."""

    def __init__(self, table: Table, question: Question, scale: Scale, *, details: bool) -> None:
        self.table = table
        self.question = question
        self.scale = scale
        self.gate = gate(table)
        self.confounding = confounding_report(
            table, factors=question.factors or None, has_plan=question.has_plan
        )
        self.statuses = FactorStatuses(
            table, self.gate, self.confounding, has_plan=question.has_plan
        )
        self.asked = [
            f for f in table.factors if not question.factors or f.name in question.factors
        ]
        names = [factor.name for factor in self.asked]
        self.effects = self._effects()
        self.contrasts = self._contrasts(details=details)
        self.strata = strata(table, factors=names)
        self.crashes = crash_report(
            table, factors=names, goal=question.goal, seed=question.seed(table)
        )
        self.words = FactorWords(question, scale)

    def _effects(self) -> Effects | None:
        if len(self.gate.terms) < 2:
            return None
        question = self.question
        return effects(
            self.table,
            asked=question.factors or None,
            interactions=question.interactions,
            error="auto" if question.error == "permutation" else question.error,
            against_baseline=question.against_baseline,
            level=question.level,
            base=self.gate,
        )

    def _contrasts(self, *, details: bool) -> tuple[MatchedContrast, ...]:
        found: list[MatchedContrast] = []
        seed = self.question.seed(self.table)
        for factor in self.asked:
            found += matched_contrasts(
                self.table,
                factor.name,
                seed=seed,
                against_baseline=self.question.against_baseline,
                level=self.question.level,
                details=details,
            )
        return tuple(found)

    def judged(self, notes: tuple[str, ...]) -> Judged:
        """Return the answers, each adjusted for the others."""
        drafts = {factor.name: self._comparisons(factor) for factor in self.asked}
        made = across_factors(drafts, level=self.question.level, critical=self._critical)
        size = sum(any(c.p is not None for c in found) for found in made.values())
        answers = tuple(self._answer(factor, made[factor.name], size) for factor in self.asked)
        return Judged(
            answers=answers,
            contrasts=self.contrasts,
            effects=self.effects,
            confounding=self.confounding,
            gate=self.gate,
            scale=self.scale,
            crashes=self.crashes,
            strata=self.strata,
            notes=notes,
        )

    def _critical(self, factor: str, label: str, level: float) -> float:
        assert self.effects is not None  # no comparison is from the model otherwise
        return self.effects.critical(factor, level, of=label)

    # comparisons

    def _comparisons(self, factor: Column) -> list[Comparison]:
        column = self.gate.table.column(factor.name)
        compared, _ = contrast_pairs(column, self.question.against_baseline)
        pairs = _by_levels(self.contrasts, factor.name)
        modelled = _by_levels(self.effects.contrasts if self.effects else (), factor.name)
        return [
            compare(
                (factor.name, *levels),
                pairs.get(levels),
                modelled.get(levels),
                is_estimable=self.gate.is_estimable(factor.name, *levels),
                level=self.question.level,
            )
            for levels in compared
        ]

    # verdicts

    def _judged(self, found: Comparison, smallest: float | None) -> Comparison:
        return replace(
            found, original=self._original(found), verdict=self._verdict(found, smallest)
        )

    def _verdict(self, found: Comparison, smallest: float | None) -> VerdictWord:
        if found.disagreement:
            return "inconclusive"
        if found.p_adjusted is not None and found.p_adjusted < 1 - self.question.level:
            return "yes"
        if smallest is None:
            return "inconclusive"
        low, high = (0.0, 0.0) if found.exactly_equal else found.interval_90 or (-np.inf, np.inf)
        return "no" if -smallest < low and high < smallest else "inconclusive"

    def _smallest(self, found: Sequence[Comparison]) -> float | None:
        """Return the smallest effect that matters on the scale of the model."""
        smallest = self.question.smallest_effect
        if smallest is None or self.scale.name == "identity":
            return smallest
        steps = [self.scale.smallest(smallest, self._mean_at(c.factor, c.low)) for c in found]
        return min((step for step in steps if step is not None), default=None)

    def _mean_at(self, factor: str, level: str) -> float:
        rows = self.gate.table
        column = rows.column(factor)
        return float(rows.values[column.codes == column.labels.index(level)].mean())

    def _original(self, found: Comparison) -> dict[str, Any] | None:
        """Translate an effect back into the response's unit, at the mean of the low level."""
        if self.scale.name == "identity" or not self.scale.has_way_back:
            return None
        if found.estimate is None or found.interval is None:
            return None
        base = self._mean_at(found.factor, found.low)
        here = self.scale.back(base)
        moved = [self.scale.back(base + d) - here for d in (found.estimate, *found.interval)]
        return {
            "at": here,
            "estimate": moved[0],
            "interval": moved[1:],
            "note": f"from {number(here)}, the {self.scale.name} mean at {found.low}",
        }

    # answers

    def _answer(self, factor: Column, found: list[Comparison], size: int) -> FactorAnswer:
        told = self.statuses.of(factor)
        answer = FactorAnswer(
            factor=factor.name,
            status="inconclusive",
            verdict=None,
            sentence="",
            comparisons=tuple(found),
            confounded_with=(),
            outlook=None,
            label="association" if self.question.is_of_association else None,
            family_size=size,
        )
        if told is None:
            return self._decided(factor, found, answer)
        status, why = told
        smallest = self._smallest([c for c in found if c.estimate is not None])
        answer = replace(answer, comparisons=tuple(self._judged(c, smallest) for c in found))
        partners = self.statuses.partners(factor) if status == "confounded" else ()
        return replace(answer, status=status, sentence=why, confounded_with=partners)

    def _decided(
        self, factor: Column, found: list[Comparison], answer: FactorAnswer
    ) -> FactorAnswer:
        smallest = self._smallest(found)
        found = [self._judged(comparison, smallest) for comparison in found]
        why_not = self._why_not_believed(factor, answer.family_size)
        if why_not:
            found = [replace(c, verdict="inconclusive", note=why_not) for c in found]
        verdict = _of_factor(found)
        question = replace(self.question, smallest_effect=smallest)
        outlook = outlook_of(self.table, factor, found, question)
        sentence = self.words.sentence(
            factor,
            found,
            verdict,
            outlook,
            why_not=why_not,
            cautions=[*self._cautions(factor)],
        )
        return replace(
            answer,
            status="inconclusive" if verdict == "inconclusive" else "isolated",
            verdict=verdict,
            sentence=sentence,
            comparisons=tuple(found),
            outlook=outlook,
        )

    def _why_not_believed(self, factor: Column, size: int) -> str | None:
        """Say why the runs' own noise is no error for a factor that units were assigned to.

        A factor that changed between units only is compared with what units differ by (METHOD
        5.3): its "yes" needs that test too, adjusted for all factors, and "no" is not said.
        """
        for stratum in self.strata:
            if stratum.factor == factor.name and stratum.kind == "whole_plot":
                p = None if stratum.p is None else min(1.0, stratum.p * max(1, size))
                if p is None or p >= 1 - self.question.level:
                    return stratum.sentence
        return None

    def _cautions(self, factor: Column) -> list[str]:
        """Return what to know beside a verdict."""
        lost = self.statuses.lost(factor)
        found = [f"No run at {', '.join(lost[:8])} has a value."] if lost else []
        found += [
            c.depends_on.sentence
            for c in self.contrasts
            if c.factor == factor.name and c.depends_on and c.depends_on.is_clear
        ][:MOST_DEPENDENCES]
        found += [
            c.sentence for c in self.crashes.factors if c.factor == factor.name and c.not_at_random
        ]
        units = {s.block for s in self.strata if s.factor == factor.name and s.kind != "no_error"}
        shadows = [
            name
            for status in self.confounding.factors
            if status.factor == factor.name
            for name in status.lurking
            if name not in units
        ]
        if shadows:
            named = ", ".join(f"`{name}`" for name in shadows[:8])
            found.append(f"It cannot be told apart from {named}, which nobody set on purpose.")
        return found


def _by_levels(found: Sequence[Any], factor: str) -> dict[tuple[str, str], Any]:
    return {(c.low, c.high): c for c in found if c.factor == factor}


def _of_factor(found: Sequence[Comparison]) -> VerdictWord:
    """Return the factor's verdict: yes if one comparison says so, no if all do."""
    verdicts = [comparison.verdict for comparison in found]
    if "yes" in verdicts:
        return "yes"
    return "no" if verdicts and all(v == "no" for v in verdicts) else "inconclusive"
