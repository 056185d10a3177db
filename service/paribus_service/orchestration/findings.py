"""What rules find in runs: evaluated as history arrives, stored, and told as events.

Promises:
- A run that logs more is not read from its beginning: its columns are kept, and each rule keeps
  what it has counted.
- What is stored says from which lines and by which rules it was made; whoever reads it can see
  whether it is of today.
- A finding that comes or goes is an event with its sentence as the reason.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from paribus_service.orchestration.columns import histories_at
from paribus_service.orchestration.rule_book import RuleBook, ask
from paribus_service.orchestration.run_facts import facts_of
from paribus_service.store import curves as curve_store
from paribus_service.store import events
from paribus_service.store import findings as finding_store
from paribus_service.store.curves import HistoryPlace
from paribus_service.store.findings import Mark, RunText, Stored
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Rule, Seen, Watch
from paribus_sweeps.analysis.histories import History

FOUND = "found"
LONG_RUN = 1_000_000  # lines: a hundred keys of as many would take 1.6 GB
CREATED, WITHDRAWN = "finding.created", "finding.withdrawn"


@dataclass(slots=True)
class Watched:
    """What the rules remember of one run, and of which lines."""

    session: int
    rewrites: int
    watches: list[tuple[Rule, Watch]]

    def is_of(self, place: HistoryPlace) -> bool:
        """Whether the lines that were counted are still the run's."""
        return (self.session, self.rewrites) == (place.session, place.rewrites)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the rules say of one run by now."""

    run: RunText
    place: HistoryPlace
    findings: tuple[Finding, ...]
    watched: Watched

    @property
    def data_version(self) -> str:
        """Of what they were made from."""
        return version_of(self.run, self.place)


def version_of(run: RunText, place: HistoryPlace) -> str:
    """Another text where the run has logged more, changed its state or its config."""
    told = hashlib.sha256(run.config_text.encode()).hexdigest()[:8]
    return f"{place.version}.{run.state}.{told}"


def evaluate(
    session: Session,
    run_pks: Iterable[int],
    book: RuleBook,
    *,
    watched: Mapping[int, Watched] | None = None,
) -> dict[int, Evaluated]:
    """What the rules say of each run by now; runs that were deleted are left out.

    Args:
        session: A reading session.
        run_pks: Which runs.
        book: The rules.
        watched: What they remember of runs; without it they read a run from its beginning.
    """
    texts = finding_store.run_texts(session, list(run_pks))
    places = curve_store.history_places(session, texts)
    histories = _histories(session, places, book)
    facts = facts_of(session, texts)
    found = {}
    for pk, run in texts.items():
        memory = _memory(places[pk], book, (watched or {}).get(pk))
        seen = Seen(facts[pk], histories[pk], book.thresholds, book.named)
        said = tuple(ask(rule, watch, seen) for rule, watch in memory.watches)
        found[pk] = Evaluated(run, places[pk], said, memory)
    return found


def _histories(
    session: Session, places: Mapping[int, HistoryPlace], book: RuleBook
) -> dict[int, History]:
    """All keys of each run; of a very long one those that rules read by name or role."""
    long = {pk: place for pk, place in places.items() if place.lines > LONG_RUN}
    short = {pk: place for pk, place in places.items() if pk not in long}
    return histories_at(session, short) | histories_at(session, long, book.reads)


def _memory(place: HistoryPlace, book: RuleBook, known: Watched | None) -> Watched:
    if known is not None and known.is_of(place):
        return known
    return Watched(place.session, place.rewrites, book.watches())


def store(session: Session, found: Evaluated, book: RuleBook, *, now: datetime) -> None:
    """Store what the rules say of a run, with an event for each finding that came or went.

    Args:
        session: A writing session.
        found: What they say.
        book: Which rules.
        now: The moment.
    """
    pk = found.run.pk
    before = {row.rule: row for row in finding_store.stored_findings(session, [pk]).get(pk, [])}
    mark = Mark(found.data_version, book.version)
    versions = {rule.name: rule.version for rule in book.rules}
    rows = [_row(f, before.get(f.rule), versions[f.rule], now) for f in found.findings]
    for row in rows:
        _note(session, found.run, row, before.get(row.rule), mark, now=now)
    finding_store.replace_findings(session, pk, rows, mark, now=now)


def _row(finding: Finding, before: Stored | None, version: int, now: datetime) -> Stored:
    same = before is not None and (before.status, before.label) == (
        finding.status,
        finding.label,
    )
    return Stored(
        rule=finding.rule,
        rule_version=version,
        status=finding.status,
        label=finding.label,
        document=finding.as_dict(),
        since=before.since if before is not None and same else now,
    )


def _note(
    session: Session,
    run: RunText,
    row: Stored,
    before: Stored | None,
    mark: Mark,
    *,
    now: datetime,
) -> None:
    had = before is not None and before.status == FOUND
    has = row.status == FOUND
    changed = before is not None and before.label != row.label
    if not has and not had or has and had and not changed:
        return
    events.note(
        session,
        CREATED if has else WITHDRAWN,
        now=now,
        reason=str(row.document["sentence"]),
        sweep_id=run.sweep_id,
        trial_id=run.trial_id,
        run_id=run.id,
        rule=row.rule,
        rule_version=row.rule_version,
        label=row.label,
        steps=row.document["steps"],
        data_version=mark.data_version,
    )
