"""What pages say of findings: of a run, and of the runs of a sweep or of a project.

Pages take what the rules' last look stored, and say what is still to come: no page evaluates
rules over thousands of runs. A run that has ended, or that no rule has read yet, is read for its
own page where it is small.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

from paribus_service.dependencies import Services, SessionDep
from paribus_service.orchestration.asked_findings import Asked, Asking
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import evidence, finding_counts
from paribus_service.store import findings as finding_store
from paribus_service.store import runs as run_store
from paribus_service.store.evidence import RunRow
from paribus_service.store.findings import Stored
from paribus_service.store.states import RUN_LIVE
from paribus_service.store.tables import Run

FOUND, NOT_FOUND, CANNOT_TELL = "found", "not_found", "cannot_tell"
RUNS_NAMED = 8  # of those of which a rule found the same; REST has them all
RUNS_OF_COMPARISON = 12
LINES_READ_UNASKED = 100_000  # of one run by its page, of all runs beside one another: a second


@dataclass(frozen=True, slots=True)
class ShownFinding:
    """What one rule says, and what the rule is."""

    told: Mapping[str, Any]
    rule: Mapping[str, Any]
    since: datetime | None = None
    runs: Sequence[Run] = ()
    """Of a comparison: the first of its runs."""
    more_runs: int = 0

    @property
    def anchor(self) -> str:
        """Its id in the page."""
        return f"finding-{self.told['rule']}"

    @property
    def label_meaning(self) -> str | None:
        """What the rule's word for it means."""
        meaning: str | None = self.rule["labels"].get(self.told["label"])
        return meaning


@dataclass(frozen=True, slots=True)
class RunFindings:
    """The findings of one run."""

    found: Sequence[ShownFinding]
    not_found: Sequence[ShownFinding]
    cannot_tell: Sequence[ShownFinding]
    pending: bool = False
    """No rule has read it yet: the next look will."""
    looked_at: datetime | None = None
    """When rules last looked, where the run has gone on since."""

    @property
    def everything(self) -> Sequence[ShownFinding]:
        """What was found first."""
        return [*self.found, *self.not_found, *self.cannot_tell]


def of_run(session: SessionDep, run: Run, *, root: str, services: Services) -> RunFindings | None:
    """What the rules say of a run; None for one that has logged nothing."""
    if not run.history_lines:
        return None
    book = services.observer.rules()
    rules = _rules(book)
    mark = finding_store.marks(session, [run.pk]).get(run.pk)
    is_of_today = mark is not None and mark.rules_version == book.version
    is_live, is_long = run.state in RUN_LIVE, run.history_lines > LINES_READ_UNASKED
    if is_long:
        services.observer.ask([run.pk])  # it looks only where something has changed
    if is_of_today and (is_live or is_long):
        stored = finding_store.stored_findings(session, [run.pk]).get(run.pk, [])
        looked_at = finding_counts.looked_at(session, run.pk)
        return _sorted([_stored(one, rules) for one in stored], looked_at=looked_at)
    if is_long:
        return RunFindings((), (), (), pending=True)
    asking = Asking(session, Asked(), root, services.answers, services.observer)
    [entry] = json.loads(asking.of_run(run.pk).body)["runs"]
    told = [
        ShownFinding(one, rules[one["rule"]], _moment(one["since"])) for one in entry["findings"]
    ]
    return _sorted(told)


def _sorted(shown: Sequence[ShownFinding], *, looked_at: datetime | None = None) -> RunFindings:
    def of(status: str) -> list[ShownFinding]:
        return [one for one in shown if one.told["status"] == status]

    return RunFindings(of(FOUND), of(NOT_FOUND), of(CANNOT_TELL), looked_at=looked_at)


def _stored(one: Stored, rules: Mapping[str, Mapping[str, Any]]) -> ShownFinding:
    return ShownFinding(one.document, rules[one.rule], one.since)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _rules(book: Any) -> dict[str, dict[str, Any]]:
    """Rule → what it is. Imported here: numpy comes with the rules, which the book has loaded."""
    written = import_module("paribus_sweeps.analysis.findings.documents").rule_document
    return {rule.name: written(rule, book.thresholds) for rule in book.everything}


@dataclass(frozen=True, slots=True)
class RuleCount:
    """One rule over many runs."""

    rule: Mapping[str, Any]
    counts: Mapping[str, int]
    """Status → runs."""
    labels: Sequence[tuple[str, int]]
    """Of what was found: the rule's words, each with its runs."""
    first: Sequence[tuple[Run, ShownFinding]]
    """The first runs of which it found something."""

    @property
    def found(self) -> int:
        """Runs of which it found something."""
        return self.counts.get(FOUND, 0)

    @property
    def more(self) -> int:
        """Runs that are not named."""
        return self.found - len(self.first)


@dataclass(frozen=True, slots=True)
class SubjectFindings:
    """The findings of a sweep's or a project's runs."""

    runs: int
    """That have logged anything."""
    looked: int
    """Of them: those that rules have read."""
    rules: Sequence[RuleCount]
    beside: RunFindings | None
    """What runs show beside one another; None where that was not worked out."""
    notices: Sequence[str] = ()
    looked_at: datetime | None = None
    """When a rule last looked at one of them."""

    @property
    def pending(self) -> int:
        """Runs that no rule of today has read."""
        return self.runs - self.looked

    @property
    def found(self) -> Sequence[RuleCount]:
        """Rules that found something."""
        return [one for one in self.rules if one.found]

    @property
    def silent(self) -> Sequence[RuleCount]:
        """Rules that found nothing."""
        return [one for one in self.rules if not one.found]


def of_subject(
    session: SessionDep, subject: Subject, *, root: str, services: Services, compares: bool
) -> SubjectFindings | None:
    """What the rules say of a sweep's or a project's runs; None where none has logged anything.

    Args:
        session: A reading session.
        subject: Whose runs.
        root: What links begin with.
        services: For the rules, and for answers that are kept.
        compares: Whether runs are read to be compared however many rows they have.
    """
    logged = evidence.logged_runs(session, subject.scope)
    if not logged:
        return None
    book = services.observer.rules()
    read = finding_counts.read_by(session, subject.scope, book.version) & logged.keys()
    services.observer.ask(logged.keys() - read)
    lines = sum(logged.values())
    beside, notices = None, list[str]()
    if compares or lines <= LINES_READ_UNASKED:
        asking = Asking(session, Asked(), root, services.answers, services.observer)
        beside, notices = _beside(session, subject, asking, _rules(book))
    return SubjectFindings(
        runs=len(logged),
        looked=len(read),
        rules=_counts(session, read, book),
        beside=beside,
        notices=notices,
        looked_at=finding_counts.last_look(session, subject.scope),
    )


def _counts(session: SessionDep, read: set[int], book: Any) -> list[RuleCount]:
    told = finding_counts.counted(session, read)
    named = finding_counts.first_found(session, read, most=RUNS_NAMED)
    shown = {pk for pks in named.values() for pk in pks}
    stored = finding_store.stored_findings(session, shown)
    runs = run_store.run_outlines(session, shown)
    rules = _rules(book)
    return [
        _count(rules[rule.name], told, named.get(rule.name, []), stored, runs)
        for rule in book.rules
    ]


def _count(
    rule: Mapping[str, Any],
    told: Mapping[finding_counts.Count, int],
    named: Sequence[int],
    stored: Mapping[int, Sequence[Stored]],
    runs: Mapping[int, Run],
) -> RuleCount:
    own = {key[1:]: n for key, n in told.items() if key[0] == rule["name"]}
    counts: dict[str, int] = {}
    for (status, _), n in own.items():
        counts[status] = counts.get(status, 0) + n
    labels = [(label, n) for (status, label), n in own.items() if status == FOUND and label]
    first = [
        (runs[pk], ShownFinding(one.document, rule, one.since))
        for pk in named
        for one in stored[pk]
        if one.rule == rule["name"]
    ]
    return RuleCount(rule, counts, sorted(labels, key=lambda one: (-one[1], one[0])), first)


def _beside(
    session: SessionDep, subject: Subject, asking: Asking, rules: Mapping[str, Mapping[str, Any]]
) -> tuple[RunFindings, list[str]]:
    none: list[RunRow] = []  # runs by themselves are taken from what is stored
    told = json.loads(asking.of_subject(subject, none, None).body)
    compared: list[Mapping[str, Any]] = told["comparisons"]
    named = {run for one in compared for run in one["runs"][:RUNS_OF_COMPARISON]}
    runs = run_store.runs_by_id(session, named)
    shown = [
        ShownFinding(
            one,
            rules[one["rule"]],
            runs=[runs[run] for run in one["runs"][:RUNS_OF_COMPARISON] if run in runs],
            more_runs=max(0, len(one["runs"]) - RUNS_OF_COMPARISON),
        )
        for one in compared
    ]
    return _sorted(shown), list(told["notices"])
