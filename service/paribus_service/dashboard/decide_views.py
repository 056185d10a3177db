"""What a page says of factors: verdicts and their evidence.

All of it is one answer, worked out once for the same runs and kept; nothing is computed here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from paribus_service.dashboard.proposal_views import proposals
from paribus_service.dependencies import SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import answers
from paribus_service.orchestration.answers import AnswerCache
from paribus_service.orchestration.inquiries import Inquiry, Kind, Subject
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run
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
class Scale:
    """A range that intervals which stand together are drawn on; 0 is in it."""

    low: float
    high: float

    @classmethod
    def of(cls, comparisons: Sequence[Mapping[str, Any]]) -> "Scale":
        """The range that all of these, and 0, fit into."""
        intervals = [c["interval_adjusted"] for c in comparisons if c["interval_adjusted"]]
        ends = [0.0, *(end for interval in intervals for end in interval)]
        room = 0.05 * (max(ends) - min(ends)) or 1.0
        return cls(min(ends) - room, max(ends) + room)

    def interval(self, told: Mapping[str, Any]) -> "Interval | None":
        """Where a comparison lies on it; None for one that has no interval."""
        if not told["interval_adjusted"]:
            return None
        low, high = told["interval_adjusted"]
        places = [self._place(value) for value in (low, high, told["estimate"], 0.0)]
        return Interval(*places)

    def _place(self, value: float) -> float:
        return round(100 * (value - self.low) / (self.high - self.low), 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """Where an interval lies in a strip of 100 units."""

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
    open_pairs: int
    """Pairs that wait for a run."""
    lost_pairs: int
    """Pairs of which a run ended without a value."""
    place: int
    """Among the factor's comparisons as they were declared: it stays while runs come in."""


@dataclass(frozen=True, slots=True)
class Card:
    """One factor."""

    answer: Mapping[str, Any]
    meaning: str
    short: str
    """What was found, in a few words."""
    same_as: int | None
    """Number of the first card that has the same sentence, where that is another one."""
    best: Mapping[str, Any] | None
    """Best run per level; None where nobody said which way is better."""
    comparisons: Sequence[ShownComparison]
    more_comparisons: int
    clearest: Interval | None
    """The clearest comparison, on a scale that all factors share."""
    also_contains: Sequence[str]
    """What an estimate of it takes in besides, in sentences."""
    along: Sequence[str]
    """What moved along, in sentences."""


def told_or_why_not(
    session: SessionDep,
    subject: Subject,
    kind: Kind,
    inquiry: Inquiry,
    *,
    root: str,
    cache: AnswerCache,
) -> dict[str, Any]:
    """An answer under `told`, or what keeps it away, under `why_not` and `hints`."""
    try:
        found = answers.answer(session, subject, kind, inquiry, root=root, cache=cache)
    except InvalidRequest as error:
        hints = [problem.hint for problem in error.problems if problem.hint]
        return {"why_not": [problem.message for problem in error.problems], "hints": hints}
    except SweepError as error:  # too large a model, a response that has no logarithm
        return {"why_not": [str(error)], "hints": []}
    return {"told": json.loads(found.body)}


def decided(
    session: SessionDep, subject: Subject, inquiry: Inquiry, *, root: str, cache: AnswerCache
) -> dict[str, Any]:
    """What runs tell of their factors, or `why_not`: what keeps an answer away.

    Args:
        session: A reading session.
        subject: Whose runs.
        inquiry: What is asked.
        root: What links begin with.
        cache: Where answers are kept.
    """
    found = told_or_why_not(session, subject, "report", inquiry, root=root, cache=cache)
    if "told" not in found:
        return found
    told = found["told"]
    cards = _cards(session, told)
    return {
        "told": told,
        "cards": cards,
        "statuses": statuses_of(told["factors"]),
        "level": round(100 * told["question"]["level"], 6),
        "proposals": proposals(told),
    }


def statuses_of(factors: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    """Status → what it means, of those that occur."""
    found = {answer["status"] for answer in factors}
    return {status: meaning for status, meaning in MEANINGS.items() if status in found}


def in_short(answer: Mapping[str, Any], best: Mapping[str, Any] | None = None) -> str:
    """What was found of a factor, in a few words."""
    if answer["status"] == "isolated":
        level = best["best_level"] if best else None
        return f"{answer['verdict']}; {level} is better" if level else str(answer["verdict"])
    if answer["status"] == "confounded":
        others = answer["confounded_with"]
        return f"cannot be told from {_and(others)}" if others else "cannot be told"
    return {
        "inconclusive": "not decided by these runs",
        "not_varied": "one level only",
        "not_ready": "runs are missing",
    }[answer["status"]]


def _and(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _cards(session: SessionDep, told: Mapping[str, Any]) -> list[Card]:
    best = {f["factor"]: f for f in told["best"]["factors"]} if told["best"] else {}
    pairs = {(c["factor"], c["low"], c["high"]): c for c in told["contrasts"]}
    runs = run_store.runs_by_id(session, set(_ids(pairs.values())))
    ordered = [_clearest_first(answer) for answer in told["factors"]]
    shared = Scale.of([comparisons[0] for comparisons in ordered if comparisons])
    sentences = [answer["sentence"] for answer in told["factors"]]
    cards = [
        _card(answer, comparisons, best.get(answer["factor"]), shared, pairs, runs, told)
        for answer, comparisons in zip(told["factors"], ordered, strict=True)
    ]
    firsts = [sentences.index(sentence) for sentence in sentences]
    return [
        replace(card, same_as=None if first == number else first + 1)
        for number, (card, first) in enumerate(zip(cards, firsts, strict=True))
    ]


def _ids(contrasts: Any) -> Iterator[str]:
    for contrast in contrasts:
        for pair in contrast["pairs"][:PAIRS_SHOWN]:
            yield from (pair["low_run"], pair["high_run"])


def _clearest_first(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    told = [c for c in answer["comparisons"] if c["estimate"] is not None]
    return sorted(told, key=lambda c: (c["p_adjusted"] is None, c["p_adjusted"] or 0.0))


def _card(
    answer: Mapping[str, Any],
    comparisons: Sequence[Mapping[str, Any]],
    best: Mapping[str, Any] | None,
    shared: Scale,
    pairs: Mapping[tuple[str, str, str], Mapping[str, Any]],
    runs: Mapping[str, Run],
    told: Mapping[str, Any],
) -> Card:
    name = answer["factor"]
    shown = comparisons[:COMPARISONS_SHOWN]
    scale = Scale.of(shown)
    is_designed = answer["status"] == "isolated" and not answer["label"]
    alias_matrix = told["confounding"]["alias_matrix"] if is_designed else ()
    return Card(
        answer=answer,
        meaning=MEANINGS[answer["status"]],
        short=in_short(answer, best),
        same_as=None,
        best=best,
        comparisons=[
            _comparison(
                c,
                pairs.get((name, c["low"], c["high"])),
                runs,
                interval=scale.interval(c),
                place=answer["comparisons"].index(c),
            )
            for c in shown
        ],
        more_comparisons=len(comparisons) - len(shown),
        clearest=shared.interval(comparisons[0]) if comparisons else None,
        also_contains=[
            row["sentence"] for row in alias_matrix if row["term"] == name and row["sentence"]
        ],
        along=[fact["sentence"] for fact in told["moved_along"] if fact["factor"] == name],
    )


def _comparison(
    told: Mapping[str, Any],
    contrast: Mapping[str, Any] | None,
    runs: Mapping[str, Run],
    *,
    interval: Interval | None,
    place: int,
) -> ShownComparison:
    pairs = contrast["pairs"][:PAIRS_SHOWN] if contrast else []
    return ShownComparison(
        told=told,
        interval=interval,
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
        open_pairs=contrast["open_count"] if contrast else 0,
        lost_pairs=contrast["lost_count"] - contrast["open_count"] if contrast else 0,
        place=place,
    )
