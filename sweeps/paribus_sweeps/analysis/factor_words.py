"""What a factor's answer says in words: verdict, number, evidence, and what to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from paribus_sweeps.analysis.comparisons import Comparison, VerdictWord
from paribus_sweeps.analysis.outlook import Outlook
from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.analysis.transforms import Scale
from paribus_sweeps.analysis.words import counted, number, signed
from paribus_sweeps.design.table import Column

VERDICTS = {
    "yes": "yes, it made a difference",
    "no": "no, it made no difference that matters",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True, slots=True)
class FactorWords:
    """The words for one question."""

    question: Question
    scale: Scale

    def sentence(
        self,
        factor: Column,
        found: Sequence[Comparison],
        verdict: VerdictWord,
        outlook: Outlook,
        *,
        why_not: str | None = None,
        cautions: Sequence[str] = (),
    ) -> str:
        """Return the answer of one factor in a few sentences.

        Args:
            factor: The factor; of one that is analysed on its values, a straight line is told.
            found: Its comparisons.
            verdict: What they come to.
            outlook: What more runs would show.
            why_not: Why a difference that pairs or model show is not believed.
            cautions: What to know beside it, in sentences.
        """
        lead = min(found, key=_unclear)
        words = [f"`{factor.name}`: {VERDICTS[verdict]}.", self._measured(lead, factor)]
        if verdict == "yes" and self.question.goal is not None:
            words.append(_better(lead, factor, self.question.goal))
        if verdict == "no":
            smallest = number(self.question.smallest_effect)
            words.append(f"Any difference is smaller than the {smallest} that matters.")
        if verdict == "inconclusive":
            words.append(lead.disagreement or why_not or _what_next(lead, outlook))
        if self.question.sampler:
            words.append("An association: the sampler chose the values, and no design did.")
        if self.question.stopped_early:
            words.append(_missing(self.question.stopped_early))
        return " ".join([*words, *cautions])

    def _measured(self, lead: Comparison, factor: Column) -> str:
        """Say what the leading comparison measured."""
        if lead.exactly_equal:
            return f"{lead.high} against {lead.low}: {lead.note}."
        if lead.estimate is None:
            return f"{lead.high} against {lead.low}: {lead.note}."
        what = f"{lead.high} against {lead.low} changed {self.question.response} by "
        size = signed(lead.estimate) + (
            f" ({self.scale.name})" if self.scale.name != "identity" else ""
        )
        if factor.is_numeric:
            ends = [number(float(label)) for label in (lead.low, lead.high)]
            what = f"From {ends[0]} to {ends[1]}, {self.question.response} changed by "
            line = "" if factor.transform == "identity" else f" over {factor.transform}"
            size = f"{size} along a straight line{line}"
        if _is_constant(lead) and lead.pairs is not None:
            pairs = counted(lead.pairs.n, "matched pair")
            return f"{what}{size} in each of {pairs}: without any spread there is no interval."
        if lead.interval_adjusted is None:
            return f"{what}{size}; there is no interval: {lead.note}."
        low, high = lead.interval_adjusted
        percent = f"{100 * self.question.level:g} %"
        return (
            f"{what}{size} ({percent} interval {number(low)} to {number(high)}, {_basis(lead)})."
        )


def _missing(stopped: int) -> str:
    runs = f"{counted(stopped, 'run')} {'was' if stopped == 1 else 'were'}"
    return f"An association: {runs} stopped early by what was logged: missing not at random."


def _unclear(found: Comparison) -> tuple[bool, bool, float]:
    """Sort the clearest comparison first, and what has no number last."""
    return found.estimate is None, found.p_adjusted is None, found.p_adjusted or 0.0


def _is_constant(lead: Comparison) -> bool:
    """Whether several pairs differ by the same, and by something."""
    found = lead.pairs
    return lead.basis is None and found is not None and found.n > 1 and found.summary.sd == 0


def _what_next(lead: Comparison, outlook: Outlook) -> str:
    if lead.estimate is None:
        return "A model with fewer interactions, or more runs, would tell."
    if lead.exactly_equal:
        return "Name the difference that matters (smallest_effect), and the answer is no."
    if _is_constant(lead):
        return "One more seed would show whether it stays so."
    return outlook.sentence


def _basis(lead: Comparison) -> str:
    if lead.basis == "pairs" and lead.pairs is not None:
        contexts = counted(lead.pairs.summary.contexts, "setting")
        return f"{counted(lead.pairs.n, 'matched pair')} in {contexts}"
    return f"from the model, {lead.df:g} residual df"


def _better(lead: Comparison, factor: Column, goal: str) -> str:
    assert lead.estimate is not None
    is_high = (lead.estimate > 0) == (goal == "maximize")
    better = f"{lead.high if is_high else lead.low} is"
    if factor.is_numeric:
        better = f"{'large' if is_high else 'small'} values are"
    return f"{'Higher' if goal == 'maximize' else 'Lower'} is better, so {better}."
