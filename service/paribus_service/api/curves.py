"""Curves of a sweep's or a project's runs over one x: lines, bands, smoothed and thinned."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response

from paribus_service.api.asking import ANSWERS, listed, pairs_in, sent
from paribus_service.api.bodies.curves import OverlayOut
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.questions import RunsOfProject
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import BaseUrl, Reader, ServicesDep, SessionDep
from paribus_service.orchestration import asked_curves
from paribus_service.orchestration.asked_curves import Drawing
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import sweeps as sweep_store

router = APIRouter(tags=["curves"], dependencies=[Depends(refuse_unknown_parameters)])


def _drawing(
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
        roles=tuple(pairs_in("role", role)),
    )


DrawingDep = Annotated[Drawing, Depends(_drawing)]
IfNoneMatch = Annotated[str | None, Header(description="An ETag seen before.")]


@router.get(
    "/sweeps/{sweep_id}/curves",
    operation_id="show_curves",
    response_model=OverlayOut,
    responses=ANSWERS,
)
def show_curves(
    sweep_id: SweepId,
    _who: Reader,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    drawing: DrawingDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Curves of the runs that count in a sweep, over one x, as raw points and smoothed."""
    subject = Subject.of_sweep(sweep_store.get_sweep(session, sweep_id))
    found = asked_curves.answer(session, subject, drawing, root=base, cache=services.answers)
    return sent(found, if_none_match)


@router.get(
    "/projects/{entity}/{project}/curves",
    operation_id="show_project_curves",
    response_model=OverlayOut,
    responses=ANSWERS,
)
def show_project_curves(
    _who: Reader,
    subject: RunsOfProject,
    session: SessionDep,
    services: ServicesDep,
    base: BaseUrl,
    drawing: DrawingDep,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Curves of a project's runs over one x, as raw points and smoothed."""
    found = asked_curves.answer(session, subject, drawing, root=base, cache=services.answers)
    return sent(found, if_none_match)
