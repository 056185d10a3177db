"""How fast runs were, as pages show it: of a run, and by GPU over the runs of a sweep."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_service.dependencies import Services, SessionDep
from paribus_service.orchestration.asked_speeds import Asked, Asking
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import attempts
from paribus_service.store import runs as run_store
from paribus_service.store.tables import Run

LINES_READ_UNASKED = 200_000  # of all attempts: two seconds, the first time
PAIRS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class ShownPair:
    """Runs that are equal in everything but the GPU."""

    runs: Sequence[Run]
    against: Sequence[Run]
    ratio: float


@dataclass(frozen=True, slots=True)
class ShownRatio:
    """Two kinds of GPU."""

    told: Mapping[str, Any]
    pairs: Sequence[ShownPair]

    @property
    def more_pairs(self) -> int:
        """Pairs that are not named."""
        return len(self.told["pairs"]) - len(self.pairs)


@dataclass(frozen=True, slots=True)
class ShownSpeeds:
    """Training, or evaluation."""

    title: str
    told: Mapping[str, Any]
    ratios: Sequence[ShownRatio]


@dataclass(frozen=True, slots=True)
class SubjectSpeeds:
    """The speeds of a sweep's runs, every attempt counted."""

    runs: int
    """That have logged anything."""
    lines: int
    """That they have logged."""
    n: int = 0
    """Runs with a rate."""
    parts: Sequence[ShownSpeeds] = ()
    notices: Sequence[str] = ()
    is_read: bool = True
    """False where they are read only when asked."""


def of_run(session: SessionDep, run: Run, *, root: str, services: Services) -> Any:
    """How fast a run was; None for one that has logged nothing."""
    if not run.history_lines:
        return None
    return json.loads(_asking(session, root, services).of_run(run.pk).body)["run"]


def of_subject(
    session: SessionDep, subject: Subject, *, root: str, services: Services, reads: bool
) -> SubjectSpeeds | None:
    """How fast a subject's runs were, by kind of GPU; None where none has logged anything.

    Args:
        session: A reading session.
        subject: Whose runs.
        root: What links begin with.
        services: For answers that are kept, and the names of keys.
        reads: Whether they are read however many rows they have.
    """
    count, lines = attempts.count_attempts(session, subject.scope)
    if not count:
        return None
    if lines > LINES_READ_UNASKED and not reads:
        return SubjectSpeeds(count, lines, is_read=False)
    told = json.loads(_asking(session, root, services).of_subject(subject, [], None).body)
    runs = run_store.runs_by_id(session, _ids(told))
    parts = [
        ShownSpeeds(title, told[part], [_ratio(one, runs) for one in told[part]["ratios"]])
        for title, part in (("Training", "training"), ("Evaluation", "evaluation"))
    ]
    return SubjectSpeeds(count, lines, told["n"], parts, told["notices"])


def _asking(session: SessionDep, root: str, services: Services) -> Asking:
    roles = tuple(services.settings.finding_roles.items())
    return Asking(session, Asked(roles=roles), root, services.answers)


def _shown(ratio: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    pairs: Sequence[Mapping[str, Any]] = ratio["pairs"]
    return pairs[:PAIRS_SHOWN]


def _ids(told: Mapping[str, Any]) -> set[str]:
    ratios = [*told["training"]["ratios"], *told["evaluation"]["ratios"]]
    pairs = [pair for ratio in ratios for pair in _shown(ratio)]
    return {run for pair in pairs for run in (*pair["runs"], *pair["against"])}


def _ratio(told: Mapping[str, Any], runs: Mapping[str, Run]) -> ShownRatio:
    pairs = [
        ShownPair(
            [runs[run] for run in pair["runs"] if run in runs],
            [runs[run] for run in pair["against"] if run in runs],
            pair["ratio"],
        )
        for pair in _shown(told)
    ]
    return ShownRatio(told, pairs)
