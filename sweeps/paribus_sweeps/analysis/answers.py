"""Every kind of answer, each as plain JSON with what a reader needs to compute it again.

    answer("effects", case)["terms"]
    answer("report", case)              # all of them as one value

Each carries the response, the question, data version and method version, the runs used and
those left out with the reason, what was held fixed, and what moved along (DESIGN 8).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from paribus_sweeps.analysis.along import moved_along
from paribus_sweeps.analysis.best import best_answer
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.effects import Effects
from paribus_sweeps.analysis.importance import importance
from paribus_sweeps.analysis.many_responses import ResponseRow, across_responses
from paribus_sweeps.analysis.model_checks import (
    lenth_of,
    permutations,
    power_transforms,
    transform_sentence,
)
from paribus_sweeps.analysis.questions import METHOD_VERSION, Question, data_version
from paribus_sweeps.analysis.verdicts import FactorAnswer, Judged, judge
from paribus_sweeps.design.confounding_report import ConfoundingReport, confounding_report
from paribus_sweeps.design.follow_ups import follow_ups
from paribus_sweeps.design.proposals import FollowUps
from paribus_sweeps.errors import TooLarge, UnknownKind

_WITH_PAIRS = ("contrasts", "report")  # kinds that show pairs, and what is drawn at random
MOST_SEEDS = 100  # of a setting, in a set of runs that is proposed
MOST_LISTED = 1_000  # runs by id in one answer; beyond it they are counted


def answer(kind: str, case: Case, *, also: Sequence[Case] = ()) -> dict[str, Any]:
    """Return one kind of answer.

    Args:
        kind: One of `KINDS`.
        case: The runs and the question.
        also: For a report: the same runs under further responses.

    Raises:
        UnknownKind: There is no such kind.
        CannotTransform: The response does not lie where the question's transform is defined.
        TooLarge: The model has too many columns.
    """
    if kind not in KINDS:
        raise UnknownKind(kind, tuple(KINDS))
    asked = Asked(case, tuple(also), details=kind in _WITH_PAIRS)
    return {"kind": kind, **asked.envelope(), **KINDS[kind](asked)}


class Asked:
    """One case, and what its kinds of answer share."""

    def __init__(self, case: Case, also: tuple[Case, ...] = (), *, details: bool = True) -> None:
        self.case = case
        self.details = details
        self.also = also

    @property
    def question(self) -> Question:
        """What is asked."""
        return self.case.question

    @cached_property
    def judged(self) -> Judged:
        """The verdicts, with pairs and model behind them."""
        return judge(self.case.table, self.question, details=self.details)

    @cached_property
    def responses(self) -> tuple[ResponseRow, ...]:
        """The verdicts of all responses, side by side."""
        others = {
            c.question.response: judge(c.table, c.question, details=False) for c in self.also
        }
        return across_responses({self.question.response: self.judged, **others})

    @property
    def confounding(self) -> ConfoundingReport:
        """What the runs cannot tell apart; of the verdicts only where they were asked for."""
        if "judged" in self.__dict__:
            return self.judged.confounding
        return confounding_report(
            self.case.table.without(self.question.waived),
            factors=self.question.factors or None,
            has_plan=self.question.has_plan,
        )

    @cached_property
    def follow_ups(self) -> FollowUps:
        """The fewest runs that make the question answerable."""
        found = self.judged.effects
        asked = self.question.interactions
        pairs = [] if isinstance(asked, str) else [(a, b) for a, b in asked]
        return follow_ups(
            self.case.table.without(self.question.waived),
            factors=self.question.factors or None,
            interactions=pairs,
            forbidden=self.case.forbid,
            allow_crashed=self.question.allow_crashed,
            sd=found.sd if found else None,
            df=found.fitted.solution.residual_df if found and found.sd else None,
            hours_per_run=self.question.hours_per_run,
            seeds=self._seeds(),
        )

    def _seeds(self) -> int | None:
        """Replicates of every setting that would settle what is inconclusive (METHOD 8)."""
        outlooks = [found.outlook for found in self.judged.answers if found.outlook]
        wanted = [o.replicates for o in outlooks if o.more_runs and o.replicates]
        return min(max(wanted), MOST_SEEDS) if wanted else None

    def envelope(self) -> dict[str, Any]:
        """What every answer carries."""
        table = self.case.table
        used = [i for i, ok in zip(table.ids, table.usable, strict=True) if ok]
        left_out = [
            {"id": table.ids[row], "state": table.states[row], "reason": table.reasons[row]}
            for row in range(len(table))
            if table.reasons[row]
        ]
        return {
            "response": self.question.response,
            "goal": self.question.goal,
            "data_version": data_version(table),
            "method_version": METHOD_VERSION,
            "question": _question_dict(self.question),
            "n": len(used),
            "runs": used[:MOST_LISTED],
            "excluded": left_out[:MOST_LISTED],
            "excluded_count": len(left_out),
            "held_fixed": dict(self.case.held),
            "moved_along": [
                fact.as_dict() for fact in moved_along(self.case.asked, self.case.runs)
            ],
            "notices": list(self.case.notices),
        }


def _question_dict(question: Question) -> dict[str, Any]:
    named = asdict(question)
    for key in ("response", "goal", "experiment"):
        named.pop(key)
    named["factors"] = list(question.factors)
    named["waived"] = list(question.waived)
    if not isinstance(question.interactions, str):
        named["interactions"] = [list(pair) for pair in question.interactions]
    return named


def factors_answer(asked: Asked) -> dict[str, Any]:
    """Status, verdict and sentence of each factor."""
    return {"factors": [found.as_dict() for found in asked.judged.answers]}


def confounding_answer(asked: Asked) -> dict[str, Any]:
    """What the runs cannot tell apart, and why."""
    return {"confounding": asked.confounding.as_dict()}


def contrasts_answer(asked: Asked) -> dict[str, Any]:
    """Matched pairs of each factor, with everything that they say."""
    return {
        **factors_answer(asked),
        "contrasts": [found.as_dict() for found in asked.judged.contrasts],
    }


def effects_answer(asked: Asked) -> dict[str, Any]:
    """The model: tests, contrasts, spread, and what stands beside them."""
    found = asked.judged.effects
    why = None if found else "no two finished runs differ in a factor: there is nothing to fit"
    return {
        **factors_answer(asked),
        "transform": asked.judged.scale.name,
        "effects": found.as_dict() if found else None,
        **(_checks(asked, found) if found else _NO_CHECKS),
        "crashes": asked.judged.crashes.as_dict(),
        "strata": [stratum.as_dict() for stratum in asked.judged.strata],
        "note": why,
    }


_NO_CHECKS = {"lenth": None, "box_cox": None, "permutation": None}


def _checks(asked: Asked, found: Effects) -> dict[str, Any]:
    question = asked.question
    saturated = lenth_of(found, level=question.level)
    powers = power_transforms(found) if asked.judged.scale.name == "identity" else None
    tests = None
    if question.error == "permutation":
        seed = question.seed(asked.case.table)
        tests = [test.as_dict() for test in permutations(found, seed=seed)]
    return {
        "lenth": saturated.as_dict() if saturated else None,
        "box_cox": {"powers": powers, "sentence": transform_sentence(powers)},
        "permutation": tests,
    }


def follow_ups_answer(asked: Asked) -> dict[str, Any]:
    """The fewest runs that make the question answerable."""
    return {"follow_ups": asked.follow_ups.as_dict()}


def power_answer(asked: Asked) -> dict[str, Any]:
    """What the present runs could have shown, and how many more would settle it."""
    return {
        "power": [
            {
                "factor": found.factor,
                "status": found.status,
                "outlook": found.outlook.as_dict() if found.outlook else None,
                "sentence": found.outlook.explained if found.outlook else found.sentence,
            }
            for found in asked.judged.answers
        ]
    }


def best_kind(asked: Asked) -> dict[str, Any]:
    """Best run per factor, and what it is worth; of any number of levels, since it is a fact."""
    try:
        answers = asked.judged.answers
    except TooLarge as error:
        why = f"No verdict: {error}."
        answers = tuple(FactorAnswer.unjudged(f.name, why) for f in asked.case.asked)
    return best_answer(asked.case, answers, bins=asked.question.bins)


def importance_answer(asked: Asked) -> dict[str, Any]:
    """How much each factor goes along with the response, where a sampler chose the values."""
    return {"importance": importance(asked.case.table, asked.question).as_dict()}


def report_answer(asked: Asked) -> dict[str, Any]:
    """All of it as one value."""
    associates, has_goal = asked.question.is_of_association, asked.question.goal is not None
    return {
        **contrasts_answer(asked),
        **effects_answer(asked),
        **confounding_answer(asked),
        **follow_ups_answer(asked),
        **power_answer(asked),
        **(importance_answer(asked) if associates else {"importance": None}),
        "best": best_kind(asked) if has_goal else None,
        "responses": [row.as_dict() for row in asked.responses],
        "notes": list(asked.judged.notes),
    }


KINDS: Mapping[str, Callable[[Asked], dict[str, Any]]] = {
    "best": best_kind,
    "factors": factors_answer,
    "confounding": confounding_answer,
    "contrasts": contrasts_answer,
    "effects": effects_answer,
    "follow-ups": follow_ups_answer,
    "power": power_answer,
    "importance": importance_answer,
    "report": report_answer,
}
"""Kind → what it adds to the envelope."""
