"""What works answers out; `answers` imports it when the first one is asked for.

What analysis finds wrong with a question is said here in a request's own words: which
parameter, and what to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, nearest
from paribus_service.orchestration import reports
from paribus_service.orchestration.cases import case_of
from paribus_service.orchestration.inquiries import Form, Inquiry, Kind, Subject
from paribus_service.orchestration.questions import FINISHED_COUNTS
from paribus_service.orchestration.registry import stored_factor
from paribus_sweeps.analysis import answers
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.plain_tables import read_table
from paribus_sweeps.analysis.report import document_of
from paribus_sweeps.analysis.statuses import FactorStatuses
from paribus_sweeps.design.confounding_report import confounding_report
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.table import Column
from paribus_sweeps.errors import (
    CannotTransform,
    GoalUnknown,
    NoSuchInteraction,
    NotOnScale,
    SweepError,
    TooLarge,
    UnknownFactor,
    UnknownName,
)

_PLACES: Mapping[type[SweepError], tuple[str, str, str]] = {
    UnknownFactor: ("unknown_factor", "?factors", "/question/factors"),
    UnknownName: ("unknown_name", "?factors", "/question"),
    CannotTransform: ("cannot_transform", "?transform", "/question/transform"),
    TooLarge: ("too_large", "?ignore", "/question/ignore"),
    NoSuchInteraction: ("no_such_interaction", "?interactions", "/question/interactions"),
    NotOnScale: ("not_on_scale", "?factors", "/factors"),
    GoalUnknown: ("goal_unknown", "?goal", "/response/goal"),
}
"""Error → its code, the query parameter, and the place in a plain table's body."""
BEST_IS_A_FACT = (
    "A best run is a fact, and a best level would be a claim: one is named only where the factor "
    "is isolated and its verdict is yes."
)


def of_runs(
    session: Session, subject: Subject, kind: Kind, inquiry: Inquiry, *, root: str
) -> dict[str, Any]:
    """The answer about the runs of a sweep or of a project.

    Raises:
        InvalidRequest: Something in the question is not there, or cannot be asked of these runs.
    """
    case, whose = case_of(session, subject, inquiry, kind, root=root)
    also: list[Case] = []
    if kind == "report" and inquiry.response is None:
        also, notices = _other_responses(session, subject, inquiry, case, root=root)
        case = replace(case, notices=(*case.notices, *notices))
    with _in_our_words(in_query=True):
        found = {**whose, **_answered(kind, case, also)}
    if kind == "best":
        found["not_offered"] = BEST_IS_A_FACT
    if kind == "factors" and not subject.is_project:
        together = reports.planned_together(session, subject.sweeps[0])
        found["moved_together"] = [fact.as_dict() for fact in together]
    return found


def of_table(kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer about a plain table.

    Raises:
        InvalidSpec: With every problem of the body.
        InvalidRequest: The question cannot be asked of this table.
    """
    case = read_table(body)
    with _in_our_words(in_query=False):
        return _answered(kind, case)


def in_words(report: Mapping[str, Any], form: Form) -> str:
    """A report as a document that a person would forward."""
    document = document_of(report)
    return document.html() if form == "html" else document.markdown()


def _other_responses(
    session: Session, subject: Subject, inquiry: Inquiry, case: Case, *, root: str
) -> tuple[list[Case], list[str]]:
    """The further responses that a sweep's design declares, and why some are left out."""
    cases, notices = [], []
    for text in (r for sweep in subject.sweeps for r in reports.responses_of_sweep(sweep)):
        if text == case.question.response:
            continue
        other = replace(
            inquiry,
            response=text,
            goal=None,
            transform="identity",
            denominator=None,
            smallest_effect=None,
        )
        try:
            cases.append(case_of(session, subject, other, "report", root=root)[0])
        except InvalidRequest as error:
            notices.append(f"`{text}` is left out: {error}.")
    return cases, notices


def _answered(kind: Kind, case: Case, also: Sequence[Case] = ()) -> dict[str, Any]:
    if kind != "factors":
        return answers.answer(kind, case, also=also)
    measured = case.question.response != FINISHED_COUNTS
    found = answers.answer(kind, case) if measured else _told_apart(case)
    declared = {factor.name: factor for factor in case.factors}
    for entry in found["factors"]:
        entry |= stored_factor(declared[entry["factor"]])
    return found


def _told_apart(case: Case) -> dict[str, Any]:
    """The statuses alone, where nothing was measured: no verdict on any factor."""
    found = answers.answer("confounding", case)
    del found["confounding"]
    table, has_plan = case.table.without(case.question.waived), case.question.has_plan
    report = confounding_report(table, has_plan=has_plan)
    statuses = FactorStatuses(table, gate(table), report, has_plan=has_plan)
    asked = [table.column(factor.name) for factor in case.asked]
    factors = [_without_a_verdict(column, statuses) for column in asked]
    return {**found, "kind": "factors", "factors": factors}


def _without_a_verdict(column: Column, statuses: FactorStatuses) -> dict[str, Any]:
    able = f"`{column.name}` can be told apart: name a response to ask what it did."
    status, sentence = statuses.of(column) or ("inconclusive", able)
    confounded = statuses.partners(column) if status == "confounded" else ()
    return {
        "factor": column.name,
        "status": status,
        "verdict": None,
        "sentence": sentence,
        "label": None,
        "comparisons": [],
        "confounded_with": list(confounded),
        "family_size": 0,
        "outlook": None,
    }


@contextmanager
def _in_our_words(*, in_query: bool) -> Iterator[None]:
    try:
        yield
    except tuple(_PLACES) as error:
        code, query, place = _PLACES[type(error)]
        near = nearest(error.name, error.known) if isinstance(error, UnknownFactor) else None
        hint = f"did you mean {near!r}?" if near else None
        raise InvalidRequest.one(
            query if in_query else place, str(error), code=code, hint=hint
        ) from error
