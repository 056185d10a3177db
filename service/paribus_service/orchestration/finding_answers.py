"""Findings as they are answered: of a run, of a sweep, of a project's runs.

What the observer has stored is taken where it is of today; of the others, some are evaluated for
the request, and the rest at the observer's next looks: the answer says which is which.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.asked_findings import Asked
from paribus_service.orchestration.cases import settings_of
from paribus_service.orchestration.columns import histories_at
from paribus_service.orchestration.findings import evaluate, version_of
from paribus_service.orchestration.inquiries import Subject, refuse_unknown
from paribus_service.orchestration.names import page_of_run
from paribus_service.orchestration.rule_book import RuleBook, compare
from paribus_service.orchestration.run_facts import facts_of
from paribus_service.store import curves as curve_store
from paribus_service.store import evidence
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow
from paribus_sweeps.analysis.findings.documents import counts_of, rule_document
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import Facts, Seen
from paribus_sweeps.errors import InvalidThreshold, UnknownRole, UnknownThreshold
from paribus_sweeps.runs import Run

MOST_EVALUATED = 50  # runs of one request: about a second
MOST_COMPARED = 200  # runs beside one another, in one request


@dataclass(frozen=True, slots=True)
class Found:
    """The findings of some runs."""

    document: dict[str, Any]
    pending: tuple[int, ...]
    """Runs whose rules have yet to look, by `pk`."""


def book_for(book: RuleBook, asked: Asked) -> RuleBook:
    """The rules with what the question sets.

    Raises:
        InvalidRequest: There is no such rule, threshold or role, or a threshold is out of bounds.
    """
    refuse_unknown(
        asked.rules,
        [rule.name for rule in book.everything],
        pointer="?rule",
        what="rule",
        code="unknown_rule",
    )
    try:
        return book if asked.is_plain else book.changed(dict(asked.thresholds), dict(asked.roles))
    except (UnknownThreshold, InvalidThreshold) as error:
        raise InvalidRequest.one("?threshold", str(error), code="invalid_threshold") from error
    except UnknownRole as error:
        raise InvalidRequest.one("?role", str(error), code="unknown_role") from error


def of_runs(
    session: Session, rows: Sequence[RunRow], asked: Asked, book: RuleBook, *, root: str
) -> Found:
    """What the rules say of each of these runs.

    Args:
        session: A reading session.
        rows: The runs.
        asked: Which findings.
        book: The rules, with what the question sets.
        root: What links to pages begin with.
    """
    known = _stored(session, rows, asked, book)
    open_pks = [row.pk for row in rows if row.pk not in known]
    fresh = evaluate(session, open_pks[:MOST_EVALUATED], book)
    since = {pk: [f.as_dict() | {"since": None} for f in e.findings] for pk, e in fresh.items()}
    told = {**known, **since}
    entries = [_entry(row, told.get(row.pk), asked, root) for row in rows]
    pending = tuple(open_pks[MOST_EVALUATED:])

    def named(rule: str) -> bool:
        return not asked.rules or rule in asked.rules

    document = {
        "rules_version": book.version,
        "rules": [
            rule_document(rule, book.thresholds) for rule in book.everything if named(rule.name)
        ],
        "counts": {
            name: counts
            for name, counts in counts_of(told.values(), book.rules).items()
            if named(name)
        },
        "runs": entries,
        "notices": list(_of_pending(len(pending), len(rows))),
    }
    return Found(document, pending)


def _stored(
    session: Session, rows: Sequence[RunRow], asked: Asked, book: RuleBook
) -> dict[int, list[dict[str, Any]]]:
    """What the observer has stored of runs that have not changed since."""
    if not asked.is_plain:
        return {}
    pks = [row.pk for row in rows]
    marks = finding_store.marks(session, pks)
    texts = finding_store.run_texts(session, marks)
    places = curve_store.history_places(session, texts)
    current = [
        pk
        for pk, run in texts.items()
        if (marks[pk].data_version, marks[pk].rules_version)
        == (version_of(run, places[pk]), book.version)
    ]
    found = finding_store.stored_findings(session, current)
    return {
        pk: [f.document | {"since": f.since.isoformat()} for f in found.get(pk, [])]
        for pk in current
    }


def _entry(
    row: RunRow, findings: Sequence[Mapping[str, Any]] | None, asked: Asked, root: str
) -> dict[str, Any]:
    shown = [f for f in findings or () if asked.shows(f["rule"], f["status"])]
    return {
        "id": row.id,
        "wandb_id": row.wandb_id,
        "name": row.name,
        "state": row.state,
        "url": page_of_run(root, row.entity, row.project, row.wandb_id),
        "is_pending": findings is None,
        "findings": shown,
    }


def _of_pending(pending: int, runs: int) -> Iterator[str]:
    if pending:
        yield (
            f"The rules have yet to look at {pending:,} of {runs:,} runs: ask again in a moment."
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """What runs show beside one another."""

    comparisons: list[dict[str, Any]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def beside(
    session: Session, subject: Subject, asked: Asked, book: RuleBook, *, root: str
) -> Compared:
    """What the rules of comparisons say of a subject's runs.

    Args:
        session: A reading session.
        subject: Whose runs.
        asked: Which findings.
        book: The rules, with what the question sets.
        root: What links to pages begin with.
    """
    seen, notices = seen_of(session, subject, book, root=root)
    found: list[Finding] = []
    for rule in book.comparisons if seen else ():
        if not asked.rules or rule.name in asked.rules:
            found += compare(rule, seen)
    shown = [f.as_dict() for f in found if asked.shows(f.rule, f.status)]
    return Compared(shown, notices)


def seen_of(
    session: Session, subject: Subject, book: RuleBook, *, root: str
) -> tuple[list[Seen], list[str]]:
    """A subject's runs in order, as rules that compare see them, and what is to be known."""
    rows = evidence.run_rows(session, subject.scope, limit=MOST_COMPARED + 1)
    if len(rows) > MOST_COMPARED:
        count = evidence.count_runs(session, subject.scope)
        return [], [
            f"{count:,} runs are more than the {MOST_COMPARED} that are compared in one "
            "request: ask about a sweep, or name sweeps."
        ]
    case = settings_of(session, subject, root=root)
    told = {run.id: run for run in case.runs}
    texts = finding_store.run_texts(session, [row.pk for row in rows])
    places = curve_store.history_places(session, texts)
    histories = histories_at(session, places, book.reads)
    facts = facts_of(session, texts)
    seen = [
        Seen(_placed(facts[pk], told.get(run.id)), histories[pk], book.thresholds, book.named)
        for pk, run in texts.items()
    ]
    return sorted(seen, key=lambda one: one.facts.order), []


def _placed(facts: Facts, run: Run | None) -> Facts:
    """The facts with setting, replicate and blocks as questions over factors have them."""
    if run is None:
        return facts
    return replace(
        facts,
        setting={name: str(label) for name, label in run.setting.items()},
        replicate=run.replicate,
        blocks={**facts.blocks, **run.blocks},
    )
