"""What an annotation says: taken from answers and findings as they are, nothing worked out anew.

Only who annotates imports this: numpy and scipy come with it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import answers, finding_answers
from paribus_service.orchestration.asked_findings import Asked
from paribus_service.orchestration.inquiries import Inquiry, Kind, Subject
from paribus_service.orchestration.names import page_of_run
from paribus_service.orchestration.rule_book import RuleBook
from paribus_service.orchestration.upstream.annotation_text import (
    KEY_PREFIX,
    LONGEST_TAG,
    NOTHING,
    TAG_PREFIX,
)
from paribus_service.orchestration.upstream.messages import Content
from paribus_service.store import curves as curve_store
from paribus_service.store import evidence

BEST_OF_ALL = ""
"""Stands among the levels of which a run is the best one."""
MOST_LINES = 40  # of a verdict: factors that are told one by one
_FOUND = Asked(statuses=("found",))
_BETTER = {"minimize": "lower is better", "maximize": "higher is better"}
_OPEN = ("confounded", "inconclusive", "not_ready")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What answers say of some runs."""

    best: dict[str, list[str]]
    """Our run id → the levels of which it is the best run."""
    lines: list[str]
    """In sentences."""


def verdict_of(
    session: Session, subject: Subject, inquiry: Inquiry, book: RuleBook, *, root: str
) -> Verdict:
    """Best run per factor, and which factor made the difference, as the answers have them.

    Raises:
        InvalidRequest: Something in the question is not there.
    """
    said = inquiry.response is not None

    def ask(kind: Kind) -> dict[str, Any] | None:
        try:
            return answers.worked_out(session, subject, kind, inquiry, root=root)
        except InvalidRequest:
            if said:
                raise
            return None  # nobody named a response, and these runs have none

    best, factors = ask("best"), ask("factors")
    lines = list(_lines_of(best, factors, ask))
    beside = finding_answers.beside(session, subject, _FOUND, book, root=root)
    lines += [f"{found['rule']}: {found['sentence']}" for found in beside.comparisons]
    return Verdict(_best_runs(best), list(dict.fromkeys(lines)))


def _best_runs(best: Mapping[str, Any] | None) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for run in best["best"] if best else ():
        found.setdefault(run["id"], []).append(BEST_OF_ALL)
    for factor in best["factors"] if best else ():
        for level in factor["levels"]:
            for run in level["best"]:
                found.setdefault(run["id"], []).append(f"{factor['factor']}={level['level']}")
        if factor["kind"] == "continuous":
            for run in factor["best"]:
                found.setdefault(run["id"], []).append(f"{factor['factor']}={run['at']}")
    return found


def _lines_of(
    best: Mapping[str, Any] | None, factors: Mapping[str, Any] | None, ask: Any
) -> Iterator[str]:
    if best is None:
        yield "No response was named, so no run is called the best."
    elif best["best"]:
        value = best["best"][0]["value"]
        how = _BETTER.get(best["goal"] or "", "")
        yield f"Measured by {best['response']} ({how}): the best run has {value:g}."
    if factors is None:
        return
    told = factors["factors"]
    yield from (factor["sentence"] for factor in told[:MOST_LINES])
    yield from (found["sentence"] for found in factors.get("moved_together", ())[:MOST_LINES])
    if any(factor["status"] in _OPEN for factor in told):
        more = ask("follow-ups")
        if more is not None and more["follow_ups"]["k"]:
            yield more["follow_ups"]["sentence"]


def contents_of(
    session: Session,
    run_pks: Sequence[int],
    verdict: Verdict,
    book: RuleBook,
    *,
    root: str,
) -> dict[int, Content]:
    """What each of these runs is to be annotated with; of one that logged nothing, no finding."""
    rows = evidence.rows_of(session, run_pks)
    places = curve_store.history_places(session, run_pks)
    found = finding_answers.of_runs(session, rows, _FOUND, book, root=root).document["runs"]
    return {
        row.pk: _content(
            verdict.best.get(row.id, []),
            verdict.lines,
            [(one["rule"], one["sentence"]) for one in entry["findings"] if places[row.pk].lines],
            page_of_run(root, row.entity, row.project, row.wandb_id),
        )
        for row, entry in zip(rows, found, strict=True)
    }


def _content(
    best: Sequence[str], verdict: Sequence[str], found: Sequence[tuple[str, str]], page: str
) -> Content:
    if not best and not found:
        return NOTHING
    findings = list(dict.fromkeys(rule for rule, _ in found))
    levels = ", ".join(level for level in best if level != BEST_OF_ALL)
    is_best = BEST_OF_ALL in best
    keys = {"best_for": levels, "findings": ", ".join(findings)}
    tags = [f"{TAG_PREFIX}{name}" for name in [*(["best"] if is_best else []), *findings]]
    return Content(
        {KEY_PREFIX + key: text for key, text in keys.items() if text},
        [tag for tag in tags if len(tag) <= LONGEST_TAG],
        [
            *(["The best run of all."] if is_best else []),
            *([f"The best run for {levels}."] if levels else []),
            *(f"{rule}: {sentence}" for rule, sentence in found),
            *(verdict if is_best else ()),
            f"More: {page}",
        ],
    )
