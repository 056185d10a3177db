"""Curves of a sweep's or a project's runs over one x: lines, bands, smoothed and thinned.

As JSON, or as one long table: CSV, JSON lines, Parquet.
"""

from collections.abc import Iterator
from importlib import import_module
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import StreamingResponse

from paribus_service.api.asking import ANSWERS, listed, named_roles, sent
from paribus_service.api.bodies.curves import OverlayOut
from paribus_service.api.etags import is_known
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.questions import RunsOfProject
from paribus_service.api.sweeps import SweepId
from paribus_service.api.table_forms import (
    IN_OTHER_FORMS,
    MEDIA_TYPES,
    TableForm,
    TableFormDep,
    attachment,
    notes_in_header,
)
from paribus_service.dependencies import BaseUrl, Reader, ServicesDep, SessionDep
from paribus_service.orchestration import asked_curves
from paribus_service.orchestration.answers import Answered
from paribus_service.orchestration.asked_curves import Drawing
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import sweeps as sweep_store

router = APIRouter(tags=["curves"], dependencies=[Depends(refuse_unknown_parameters)])


def _drawing(
    services: ServicesDep,
    keys: Annotated[
        list[str], Query(description="Logged keys, several times or with commas between.")
    ],
    runs: Annotated[
        list[str] | None,
        Query(description="Only these runs: our own ids, W&B's, or names; all by default."),
    ] = None,
    x: Annotated[
        str,
        Query(
            description="`step` (optimizer steps where every line has them, else W&B's), `epoch`, "
            "`examples`, `relative_time`, `wall_time`, `share` (of the run), or a logged key; "
            "`key:epoch` is the key that is called epoch."
        ),
    ] = "step",
    smoothing: Annotated[
        str,
        Query(
            description="`none`; `ema:0.6` as TensorBoard; `twema:0.6` weighted by the way on x, "
            "after W&B (its constant is not public); `gaussian:3` and `mean:5` in points. The raw "
            "line stands beside."
        ),
    ] = "none",
    points: Annotated[
        int,
        Query(
            ge=4,
            le=100_000,
            description="How many points of a line are given at most: the first, and the lowest, "
            "highest and last of each stretch of x.",
        ),
    ] = 1_000,
    thin_to: Annotated[
        str | None,
        Query(
            description="A run whose cadence the others are thinned to, or a number: one of so "
            "many points stays."
        ),
    ] = None,
    phase: Annotated[
        int | None,
        Query(ge=0, description="With `thin_to`: which of so many points stays; the last."),
    ] = None,
    common: Annotated[
        bool, Query(description="Only the stretch of x that all runs have, for each key.")
    ] = False,
    low: Annotated[
        float | None,
        Query(alias="from", allow_inf_nan=False, description="The part of x that is looked at."),
    ] = None,
    high: Annotated[
        float | None, Query(alias="to", allow_inf_nan=False, description="Itself included.")
    ] = None,
    group_by: Annotated[
        list[str] | None,
        Query(
            description="Runs that agree in these are a band: factors, replicate keys, blocks, "
            "config keys; `all_but:seed` is everything that was set but the seed."
        ),
    ] = None,
    label_by: Annotated[
        list[str] | None,
        Query(description="What lines are labelled with; what tells the runs apart by default."),
    ] = None,
    role: Annotated[
        list[str] | None,
        Query(description="Which logged key is what: `epoch:my/epoch`, `examples_seen:n`."),
    ] = None,
) -> Drawing:
    return Drawing(
        keys=listed(keys),
        runs=listed(runs),
        x=x,
        smoothing=smoothing,
        points=points,
        thin_to=thin_to,
        phase=phase,
        common=common,
        low=low,
        high=high,
        group_by=listed(group_by),
        label_by=listed(label_by),
        roles=named_roles(services.settings, role),
    )


DrawingDep = Annotated[Drawing, Depends(_drawing)]
_IN_ALL_FORMS = {**ANSWERS, **IN_OTHER_FORMS}
IfNoneMatch = Annotated[str | None, Header(description="An ETag seen before.")]


@router.get(
    "/sweeps/{sweep_id}/curves",
    operation_id="show_curves",
    response_model=OverlayOut,
    responses=_IN_ALL_FORMS,
)
def show_curves(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    drawing: DrawingDep,
    form: TableFormDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Curves of the runs that count in a sweep, over one x, as raw points and smoothed.

    In other forms than JSON they are one long table, a row for each point of a line, then of a
    band. `X-Paribus-Notes` says what is to be known of it: sentences, percent-encoded, with
    commas between.
    """
    subject = Subject.of_sweep(sweep_store.get_sweep(session, sweep_id))
    found = asked_curves.answer(session, subject, drawing, root=base, cache=services.answers)
    name = f"curves-{sweep_id}"
    return _in_form(found, form, if_none_match, name=name, services=services)


@router.get(
    "/projects/{entity}/{project}/curves",
    operation_id="show_project_curves",
    response_model=OverlayOut,
    responses=_IN_ALL_FORMS,
)
def show_project_curves(
    _who: Reader,
    subject: RunsOfProject,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    drawing: DrawingDep,
    form: TableFormDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Curves of a project's runs over one x, as raw points and smoothed.

    In other forms than JSON they are one long table, as those of a sweep are.
    """
    found = asked_curves.answer(session, subject, drawing, root=base, cache=services.answers)
    name = f"curves-{subject.name}"
    return _in_form(found, form, if_none_match, name=name, services=services)


def _in_form(
    found: Answered,
    form: TableForm,
    if_none_match: str | None,
    *,
    name: str,
    services: ServicesDep,
) -> Response:
    """The answer as it is, or as a table that is written while it is sent."""
    if form == "json":
        return sent(found, if_none_match)
    headers = {
        "ETag": f'{found.etag[:-1]}-{form}"',
        "Cache-Control": "no-cache",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    if is_known(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    tables = _tables()
    with services.answers.working():
        table = tables.LongTable.read(found.body)
    headers |= {**attachment(name, form), "X-Paribus-Notes": notes_in_header(table.notes)}
    if form == "parquet":
        return Response(tables.parquet_of(table), media_type=MEDIA_TYPES[form], headers=headers)
    lines: Iterator[bytes] = tables.csv_of(table) if form == "csv" else tables.json_lines_of(table)
    return StreamingResponse(lines, media_type=MEDIA_TYPES[form], headers=headers)


def _tables() -> Any:
    """What makes tables, imported when the first one is asked for."""
    return import_module("paribus_service.orchestration.curve_tables")
