"""What rules find in curves: of a run, of a sweep, of a project's runs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from paribus_service.api.asking import ANSWERS, listed, pairs_in, sent
from paribus_service.api.bodies.findings import (
    CurvesOut,
    FindingsOut,
    FindingStatus,
    SubjectFindingsOut,
)
from paribus_service.api.errors_declared import problems
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import (
    JSON_TYPE,
    refuse_other_bodies,
    refuse_unknown_parameters,
)
from paribus_service.api.questions import RunsOfProject
from paribus_service.api.runs import RunId
from paribus_service.api.sweeps import SweepId
from paribus_service.api.tables import object_in, read_body
from paribus_service.dependencies import BaseUrl, Reader, ServicesDep, SessionDep
from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import asked_findings
from paribus_service.orchestration.asked_findings import Asked, Asking
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import evidence
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store

router = APIRouter(tags=["curves"], dependencies=[Depends(refuse_unknown_parameters)])


def _asked(
    status: Annotated[
        list[FindingStatus] | None, Query(description="Only these statuses; all by default.")
    ] = None,
    rule: Annotated[
        list[str] | None, Query(description="Only these rules; all by default.")
    ] = None,
    threshold: Annotated[
        list[str] | None,
        Query(description="Another threshold for this answer: `NAME:NUMBER`."),
    ] = None,
    role: Annotated[
        list[str] | None,
        Query(description="Which logged key is what, for this answer: `eval_loss:dev/nll`."),
    ] = None,
) -> Asked:
    return Asked(
        statuses=tuple(dict.fromkeys(status or ())),
        rules=listed(rule),
        thresholds=tuple(
            (name, _number(name, text)) for name, text in pairs_in("threshold", threshold)
        ),
        roles=tuple(pairs_in("role", role)),
    )


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest.one(
            "?threshold", f"{name} is {text!r}: a number was expected"
        ) from error


IfNoneMatch = Annotated[str | None, Header(description="An ETag seen before.")]


def _asking(
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    asked: Annotated[Asked, Depends(_asked)],
) -> Asking:
    return Asking(session, asked, base, services.answers, services.observer)


AskingDep = Annotated[Asking, Depends(_asking)]


@router.get(
    "/runs/{run_id}/findings",
    operation_id="show_run_findings",
    response_model=FindingsOut,
    responses=ANSWERS,
)
def show_run_findings(
    run_id: RunId,
    _who: Reader,
    session: SessionDep,
    asking: AskingDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """What the rules say of a run: found, not found, or why they cannot tell."""
    run = run_store.get_run(session, run_id)
    return sent(asking.of_run(run.pk), if_none_match)


@router.get(
    "/sweeps/{sweep_id}/findings",
    operation_id="show_findings",
    response_model=SubjectFindingsOut,
    responses=ANSWERS,
)
def show_findings(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    asking: AskingDep,
    if_none_match: IfNoneMatch = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Response:
    """What the rules say of the runs that count in a sweep, and of them beside one another."""
    subject = Subject.of_sweep(sweep_store.get_sweep(session, sweep_id))
    return _page(subject, session, asking, if_none_match, page_size, page_token)


@router.get(
    "/projects/{entity}/{project}/findings",
    operation_id="show_project_findings",
    response_model=SubjectFindingsOut,
    responses=ANSWERS,
)
def show_project_findings(
    _who: Reader,
    subject: RunsOfProject,
    session: SessionDep,
    asking: AskingDep,
    if_none_match: IfNoneMatch = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Response:
    """What the rules say of a project's runs, and of them beside one another."""
    return _page(subject, session, asking, if_none_match, page_size, page_token)


def _page(
    subject: Subject,
    session: SessionDep,
    asking: Asking,
    if_none_match: str | None,
    page_size: int,
    page_token: str | None,
) -> Response:
    after = decode(page_token, int)
    rows = evidence.run_rows(
        session, subject.scope, after_pk=after[0] if after else 0, limit=page_size + 1
    )
    found, token = page_of(rows, page_size, lambda row: (row.pk,))
    return sent(asking.of_subject(subject, found, token), if_none_match)


@router.post(
    "/answers/curves",
    operation_id="answer_curves",
    response_model=CurvesOut,
    responses=problems(400, 401, 403, 413, 415, 422, 503),
    dependencies=[Depends(refuse_other_bodies)],
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "`runs`, each with its `history` (rows, or columns), config, setting "
            "and state; see the reference of findings.",
            "content": {JSON_TYPE: {"schema": {"type": "object"}}},
        }
    },
)
def answer_curves(
    _who: Reader, services: ServicesDep, body: Annotated[bytes, Depends(read_body)]
) -> Response:
    """What the rules say of runs that come in the request; nothing is stored."""
    with services.answers.working():
        found = asked_findings.of_curves(object_in(body), services.observer)
    return sent(found, None)
