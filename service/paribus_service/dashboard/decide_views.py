"""What a sweep's page says of its factors: verdicts, their evidence, and the runs that would tell.

All of it is one report, worked out once for the same runs and kept; nothing is computed here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import answers
from paribus_service.orchestration.answers import AnswerCache
from paribus_service.orchestration.inquiries import Inquiry, Subject
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run, Sweep
from paribus_sweeps.errors import SweepError

PAIRS_SHOWN = 12  # of one comparison; REST has them all
COMPARISONS_SHOWN = 30  # of one factor, the clearest first

MEANINGS: Mapping[str, str] = {
    "isolated": "The runs can tell what it did, and the answer is yes or no.",
    "confounded": "It cannot be told apart from something else: no number is given.",
    "inconclusive": "The runs could tell what it did, and do not decide it.",
    "not_varied": "One level only: there is nothing to compare.",
    "not_ready": "Runs are missing that would tell.",
}
"""Status → what it means, in the words of the glossary."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where an interval lies in a strip of 100 units that all of a factor's intervals share."""

    low: float
    high: float
    at: float
    """Of the estimate."""
    zero: float


@dataclass(frozen=True, slots=True)
class ShownPair:
    """Two runs that differ in the factor alone."""

    low: Run | None
    high: Run | None
    low_value: float
    high_value: float
    difference: float


@dataclass(frozen=True, slots=True)
class ShownComparison:
    """Two levels compared."""

    told: Mapping[str, Any]
    interval: Interval | None
    pairs: Sequence[ShownPair]
    more_pairs: int
    lost_pairs: int


@dataclass(frozen=True, slots=True)
class Card:
    """One factor."""

    answer: Mapping[str, Any]
    meaning: str
    best: Mapping[str, Any] | None
    """Best run per level; None where nobody said which way is better."""
    comparisons: Sequence[ShownComparison]
    more_comparisons: int
    along: Sequence[str]
    """What moved along, in sentences."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A set of runs that a button queues."""

    name: str
    """As `POST …/follow-ups` takes it."""
    title: str
    sentence: str
    runs: Sequence[Mapping[str, Any]]


def decided(session: SessionDep, sweep: Sweep, *, root: str, cache: AnswerCache) -> dict[str, Any]:
    """What a sweep's runs tell of its factors, or `why_not`: what keeps an answer away.

    Args:
        session: A reading session.
        sweep: The sweep.
        root: What links begin with.
        cache: Where answers are kept.
    """
    subject = Subject.of_sweep(sweep)
    try:
        found = answers.answer(session, subject, "report", Inquiry(), root=root, cache=cache)
    except InvalidRequest as error:
        hints = [problem.hint for problem in error.problems if problem.hint]
        return {"why_not": [problem.message for problem in error.problems], "hints": hints}
    except SweepError as error:  # too large a model, a response that has no logarithm
        return {"why_not": [str(error)], "hints": []}
    told = json.loads(found.body)
    return {
        "told": told,
        "cards": _cards(session, told),
        "proposals": list(_proposals(told["follow_ups"])),
        "facts": told["confounding"]["facts"],
    }


def _cards(session: SessionDep, told: Mapping[str, Any]) -> list[Card]:
    best = {f["factor"]: f for f in told["best"]["factors"]} if told["best"] else {}
    pairs = {(c["factor"], c["low"], c["high"]): c for c in told["contrasts"]}
    runs = run_store.runs_by_id(session, set(_ids(pairs.values())))
    return [
        _card(answer, best.get(answer["factor"]), pairs, runs, told["moved_along"])
        for answer in told["factors"]
    ]


def _ids(contrasts: Any) -> Iterator[str]:
    for contrast in contrasts:
        for pair in contrast["pairs"][:PAIRS_SHOWN]:
            yield from (pair["low_run"], pair["high_run"])


def _card(
    answer: Mapping[str, Any],
    best: Mapping[str, Any] | None,
    pairs: Mapping[tuple[str, str, str], Mapping[str, Any]],
    runs: Mapping[str, Run],
    along: Sequence[Mapping[str, Any]],
) -> Card:
    name = answer["factor"]
    told = [c for c in answer["comparisons"] if c["estimate"] is not None]
    told.sort(key=lambda c: (c["p_adjusted"] is None, c["p_adjusted"] or 0.0))
    shown = told[:COMPARISONS_SHOWN]
    strip = _strip([c["interval_adjusted"] for c in shown if c["interval_adjusted"]])
    return Card(
        answer=answer,
        meaning=MEANINGS[answer["status"]],
        best=best,
        comparisons=[
            _comparison(c, pairs.get((name, c["low"], c["high"])), runs, strip) for c in shown
        ],
        more_comparisons=len(told) - len(shown),
        along=[fact["sentence"] for fact in along if fact["factor"] == name],
    )


def _comparison(
    told: Mapping[str, Any],
    contrast: Mapping[str, Any] | None,
    runs: Mapping[str, Run],
    strip: tuple[float, float],
) -> ShownComparison:
    pairs = contrast["pairs"][:PAIRS_SHOWN] if contrast else []
    return ShownComparison(
        told=told,
        interval=_interval(told, strip),
        pairs=[
            ShownPair(
                low=runs.get(pair["low_run"]),
                high=runs.get(pair["high_run"]),
                low_value=pair["low"],
                high_value=pair["high"],
                difference=pair["difference"],
            )
            for pair in pairs
        ],
        more_pairs=told["matched_pairs"] - len(pairs),
        lost_pairs=contrast["lost_count"] if contrast else 0,
    )


def _strip(intervals: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The range that all intervals of a factor and 0 fit into."""
    ends = [0.0, *(end for interval in intervals for end in interval)]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or 1.0
    return low - room, high + room


def _interval(told: Mapping[str, Any], strip: tuple[float, float]) -> Interval | None:
    if not told["interval_adjusted"]:
        return None
    low, high = strip

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    ends = told["interval_adjusted"]
    return Interval(place(ends[0]), place(ends[1]), place(told["estimate"]), place(0.0))


def _proposals(told: Mapping[str, Any]) -> Iterator[Proposal]:
    """The sets of runs that may be queued, the smallest one first."""
    if told["runs"]:
        yield Proposal("proposed", "The smallest set", told["sentence"], told["runs"])
    others = told["alternatives"]
    titles = {
        "pairs": "Instead, with matched pairs",
        "finish": "Instead, finish what ended without a value",
        "seeds": "More seeds",
    }
    for name, title in titles.items():
        if others[name]:
            yield Proposal(name, title, others[name]["sentence"], others[name]["runs"])
    for fold in others["fold_overs"]:
        name = f"fold_over({fold['factor']})" if fold["factor"] else "fold_over"
        yield Proposal(name, "Instead, fold the design over", fold["sentence"], fold["runs"])
