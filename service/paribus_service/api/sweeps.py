"""Sweeps: register, list, show, and what can be done with one."""

from contextlib import suppress
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from paribus_service.api import links
from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.sweeps import PlanOut, SweepAndAliasesOut, SweepOut
from paribus_service.api.errors_declared import CREATES, LISTS, READS
from paribus_service.api.etags import etag, is_known
from paribus_service.api.idempotency import OnceDep, Reply
from paribus_service.api.paging import (
    DEFAULT_PAGE_SIZE,
    PageSize,
    PageToken,
    decode,
    page_of,
)
from paribus_service.api.parameters import (
    CONFIG_TYPES,
    JSON_TYPE,
    content_type,
    refuse_unknown_parameters,
)
from paribus_service.dependencies import (
    BaseUrl,
    Reader,
    Services,
    ServicesDep,
    SessionDep,
    Submitter,
)
from paribus_service.errors import InvalidRequest, ServiceError, UnsupportedBody
from paribus_service.orchestration import registry
from paribus_service.orchestration.upstream import annotation_requests, launching
from paribus_service.orchestration.upstream.launching import Launch
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.engine import session_scope
from paribus_service.store.states import SweepState
from paribus_sweeps.errors import SweepError

router = APIRouter(tags=["sweeps"], dependencies=[Depends(refuse_unknown_parameters)])

SweepId = Annotated[str, Path(description="W&B's sweep id.")]


async def _config_text(request: Request) -> str:
    """The body as text, if it is of a type that holds a config.

    Raises:
        UnsupportedBody: It is another type.
        InvalidRequest: It is not UTF-8.
    """
    if content_type(request) not in CONFIG_TYPES:
        raise UnsupportedBody(content_type(request) or "none", CONFIG_TYPES)
    body = await request.body()
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"the config is not UTF-8: byte {error.start} cannot be read"
        raise InvalidRequest.one("", problem, code="not_utf8") from error


ConfigText = Annotated[str, Depends(_config_text)]


def _config_schema(kind: str) -> dict[str, str]:
    return {"type": "object" if kind == JSON_TYPE else "string"}


@router.post(
    "/sweeps",
    status_code=201,
    operation_id="register_sweep",
    response_model=SweepAndAliasesOut,
    responses={200: {"model": PlanOut, "description": "With `validate_only=true`."}, **CREATES},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A W&B sweep config as it is, with or without `design`.",
            "content": {kind: {"schema": _config_schema(kind)} for kind in CONFIG_TYPES},
        }
    },
)
def register_sweep(
    config: ConfigText,
    who: Submitter,
    once: OnceDep,
    services: ServicesDep,
    base: BaseUrl,
    validate_only: Annotated[
        bool, Query(description="Answer what registering would make, and write nothing.")
    ] = False,
    entity: Annotated[
        str | None, Query(description="Where the config names none; by default the key's.")
    ] = None,
    project: Annotated[str | None, Query(description="Where the config names none.")] = None,
    annotate: Annotated[
        bool,
        Query(
            description="Of a sweep on a W&B server: write best run per factor, verdict and "
            "findings to its runs there, once it has ended."
        ),
    ] = False,
) -> Response:
    """Register a W&B sweep config, JSON or YAML as it is; agents can ask for runs at once."""
    if validate_only:
        return _preview(config, entity or who.entity, project, services)

    def register() -> Reply:
        sweep = registry.register(
            once.session,
            config,
            entity=entity or who.entity,
            project=project,
            created_by=who.name,
            settings=services.settings,
            now=services.clock.now(),
        )
        found = links.of_sweep(base, sweep)
        headers = {"Location": found["self"], "ETag": etag(sweep.version)}
        return Reply(SweepAndAliasesOut.of(sweep, base), 201, headers)

    if "d_optimal" in config:
        _search_first(config, services)
    launch = None
    if launching.may_be_upstream(config, services.settings) and not once.is_answered():
        launch = services.launcher.launch(
            config, entity=entity, key_entity=who.entity, project=project
        )
    if launch is None:
        if annotate and not once.is_answered():
            raise _nowhere_to_annotate()
        return once.answer(register)
    return _answer_launch(once, launch, config, who.name, services, base, annotate=annotate)


def _nowhere_to_annotate() -> InvalidRequest:
    problem = (
        "the sweep is tracked here, and its pages here show all of it: there is no W&B server to "
        "annotate it on"
    )
    hint = "leave `annotate` out, or track the sweep there (tracking: upstream)"
    return InvalidRequest.one("?annotate", problem, code="tracked_here", hint=hint)


def _answer_launch(
    once: OnceDep,
    launch: Launch,
    config: str,
    name: str,
    services: Services,
    base: str,
    *,
    annotate: bool,
) -> Response:
    """Make a sweep here of what was registered there; if that fails, it is taken back there."""
    made = []

    def confirm() -> Reply:
        now = services.clock.now()
        sweep = services.launcher.confirm(once.session, launch, config, created_by=name, now=now)
        if annotate:
            annotation_requests.ask_at_the_end(once.session, sweep.id, root=base, now=now)
        made.append(sweep)
        headers = {"Location": links.of_sweep(base, sweep)["self"], "ETag": etag(sweep.version)}
        return Reply(SweepAndAliasesOut.of(sweep, base), 201, headers)

    try:
        return once.answer(confirm)
    finally:
        if not made:  # refused, or another request with this key was first
            services.launcher.give_up(launch.marker)


def _search_first(config: str, services: Services) -> None:
    """Look for a D-optimal plan before the write lock is taken: it takes seconds, and is kept.

    What is wrong with the config is said under the lock, unless it was done before under its key.
    """
    with (
        session_scope(services.engine, reads_only=True) as session,
        suppress(ServiceError, SweepError),
    ):
        registry.plan(session, config, settings=services.settings)


def _preview(config: str, entity: str, project: str | None, services: ServicesDep) -> Response:
    """What registering would make; a reading session, so nothing waits for it."""
    with session_scope(services.engine, reads_only=True) as session:
        plan = registry.plan(session, config, settings=services.settings, hours_by_host=True)
    registry.home_of(plan.spec, entity, project)
    return Response(PlanOut.of(plan).model_dump_json(), media_type="application/json")


@router.get("/sweeps", operation_id="list_sweeps", responses=LISTS)
def list_sweeps(
    _who: Reader,
    session: SessionDep,
    base: BaseUrl,
    state: Annotated[list[SweepState] | None, Query(description="Only these states.")] = None,
    project: str | None = None,
    entity: str | None = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = None,
) -> Page[SweepOut]:
    """Sweeps, newest first."""
    found = sweep_store.list_sweeps(
        session,
        entity=entity,
        project=project,
        states=state or (),
        before=decode(page_token, datetime, str),
        limit=page_size + 1,
    )
    rows, token = page_of(found, page_size, lambda sweep: (sweep.created_at, sweep.id))
    return Page(items=[SweepOut.of(sweep, base) for sweep in rows], next_page_token=token)


@router.get(
    "/sweeps/{sweep_id:plain}",
    operation_id="show_sweep",
    response_model=SweepAndAliasesOut,
    responses={304: {"description": "Not changed since the ETag in If-None-Match."}, **READS},
)
def show_sweep(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    base: BaseUrl,
    if_none_match: Annotated[str | None, Header(description="An ETag seen before.")] = None,
) -> Response:
    """A sweep, with its state, progress and links."""
    sweep = sweep_store.get_sweep(session, sweep_id)
    headers = {"ETag": etag(sweep.version), "Cache-Control": "no-cache"}
    if is_known(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    body = SweepAndAliasesOut.of(sweep, base).model_dump_json()
    return Response(body, headers=headers, media_type="application/json")
