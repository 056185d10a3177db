"""How fast runs were: a run, the runs of a sweep, those of a project."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from paribus_service.api.asking import ANSWERS, listed, pairs_in, sent
from paribus_service.api.bodies.throughput import SubjectThroughputOut, ThroughputOut
from paribus_service.api.paging import DEFAULT_PAGE_SIZE, PageSize, PageToken, decode, page_of
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.questions import RunsOfProject
from paribus_service.api.runs import RunId
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import BaseUrl, Reader, ServicesDep, SessionDep
from paribus_service.orchestration.asked_speeds import Asked, Asking
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import attempts
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store

router = APIRouter(tags=["curves"], dependencies=[Depends(refuse_unknown_parameters)])

RoleNames = Annotated[
    list[str] | None,
    Query(description="Which logged key is what, for this answer: `global_step:it`."),
]


def _roles(services: ServicesDep, role: RoleNames = None) -> tuple[tuple[str, str], ...]:
    """The service's names of keys, and those of the question.

    Raises:
        InvalidRequest: One of them has no colon.
    """
    return (*services.settings.finding_roles.items(), *pairs_in("role", role))


RolesDep = Annotated[tuple[tuple[str, str], ...], Depends(_roles)]


def _asked(
    roles: RolesDep,
    ignore: Annotated[
        list[str] | None,
        Query(
            description="Config keys, and classes of them (`versions`, `cadence`), that the runs "
            "of a pair may differ in."
        ),
    ] = None,
    level: Annotated[
        float, Query(ge=0.5, lt=1, allow_inf_nan=False, description="Confidence of intervals.")
    ] = 0.95,
) -> Asked:
    return Asked(ignore=listed(ignore), roles=roles, level=level)


AskedDep = Annotated[Asked, Depends(_asked)]
IfNoneMatch = Annotated[str | None, Header(description="An ETag seen before.")]


@router.get(
    "/runs/{run_id}/throughput",
    operation_id="show_run_throughput",
    response_model=ThroughputOut,
    responses=ANSWERS,
)
def show_run_throughput(
    run_id: RunId,
    _who: Reader,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    roles: RolesDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """How fast a run trained and looked, what was left out to say so, and where its time went."""
    run = run_store.get_run(session, run_id)
    asking = Asking(session, Asked(roles=roles), base, services.answers)
    return sent(asking.of_run(run.pk), if_none_match)


@router.get(
    "/sweeps/{sweep_id}/throughput",
    operation_id="show_throughput",
    response_model=SubjectThroughputOut,
    responses=ANSWERS,
)
def show_throughput(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    asked: AskedDep,
    if_none_match: IfNoneMatch = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Response:
    """Speeds by kind of GPU over every attempt in a sweep, and the ratios over matched pairs."""
    subject = Subject.of_sweep(sweep_store.get_sweep(session, sweep_id))
    asking = Asking(session, asked, base, services.answers)
    return _page(asking, subject, if_none_match, page_size, page_token)


@router.get(
    "/projects/{entity}/{project}/throughput",
    operation_id="show_project_throughput",
    response_model=SubjectThroughputOut,
    responses=ANSWERS,
)
def show_project_throughput(
    _who: Reader,
    subject: RunsOfProject,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    asked: AskedDep,
    if_none_match: IfNoneMatch = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Response:
    """Speeds by kind of GPU over a project's runs, and the ratios over matched pairs."""
    asking = Asking(session, asked, base, services.answers)
    return _page(asking, subject, if_none_match, page_size, page_token)


def _page(
    asking: Asking,
    subject: Subject,
    if_none_match: str | None,
    page_size: int,
    page_token: str | None,
) -> Response:
    after = decode(page_token, int)
    first = after[0] if after else 0
    pks = attempts.attempts_after(asking.session, subject.scope, first, limit=page_size + 1)
    page, token = page_of(pks, page_size, lambda pk: (pk,))
    return sent(asking.of_subject(subject, page, token), if_none_match)
