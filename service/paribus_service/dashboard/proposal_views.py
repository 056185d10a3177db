"""The runs that would tell, as a page offers them: one set in front, the others behind it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RUNS_SHOWN = 20  # of one set; REST has them all
_TITLES: Mapping[str, str] = {
    "pairs": "Instead: matched pairs",
    "finish": "Instead: finish what ended without a value",
    "seeds": "More seeds",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """A set of runs that a button queues."""

    name: str
    """As `POST …/follow-ups` takes it."""
    title: str
    sentence: str
    runs: Sequence[Mapping[str, Any]]
    hours: float | None
    """Of GPU time, all runs together; None where no run has told how long one takes."""
    place: str
    """Part of ids; it stays while runs come in."""

    @property
    def first(self) -> Sequence[Mapping[str, Any]]:
        """The runs that are shown."""
        return self.runs[:RUNS_SHOWN]


@dataclass(frozen=True, slots=True)
class Proposals:
    """What can be queued."""

    first: Proposal | None
    """What settles the most for the fewest runs; None where there is nothing to wish for."""
    others: Sequence[Proposal]


def proposals(told: Mapping[str, Any]) -> Proposals:
    """The sets of runs that a report proposes.

    More seeds stand in front where everything can be told and something is undecided; they are
    not offered before a run has a value, since what they would add to is not known then.
    """
    found = list(_sets(told["follow_ups"]))
    if not told["n"]:
        found = [proposal for proposal in found if proposal.name != "seeds"]
    wanted = "proposed" if told["follow_ups"]["runs"] else _seeds_if_undecided(told)
    first = next((proposal for proposal in found if proposal.name == wanted), None)
    return Proposals(first, [proposal for proposal in found if proposal is not first])


def _seeds_if_undecided(told: Mapping[str, Any]) -> str | None:
    undecided = any(answer["status"] == "inconclusive" for answer in told["factors"])
    return "seeds" if undecided and not told["follow_ups"]["open_trials"] else None


def _sets(told: Mapping[str, Any]) -> Iterator[Proposal]:
    if told["runs"]:
        yield Proposal(
            "proposed", "The smallest set", "", told["runs"], told["hours"], place="proposed"
        )
    others = told["alternatives"]
    for name, title in _TITLES.items():
        if others[name]:
            yield _of(name, title, others[name], place=name)
    for number, fold in enumerate(others["fold_overs"]):
        name = f"fold_over({fold['factor']})" if fold["factor"] else "fold_over"
        of_what = f"levels of {fold['factor']}" if fold["factor"] else "all levels"
        title = f"Instead: fold the design over, {of_what}"
        yield _of(name, title, fold, place=f"fold-over-{number}")


def _of(name: str, title: str, told: Mapping[str, Any], *, place: str) -> Proposal:
    return Proposal(name, title, told["sentence"], told["runs"], told["hours"], place=place)
