"""What answers say, written to the runs of a W&B server, by turns; and taken back.

A long one is no single request: `POST …/annotations` and `DELETE …/annotations` begin it, each
`POST /annotations/{id}:continue` does as much as fits into its `seconds`. Nothing is ever written
without one of these, or `annotate=true` at a sweep's launch. Sending a request twice does no harm.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from paribus_service.api.bodies.annotations import (
    AnnotationIn,
    AnnotationOut,
    AnnotationPlanOut,
)
from paribus_service.api.errors_declared import READS, WRITES
from paribus_service.api.imports import Seconds
from paribus_service.api.parameters import refuse_other_bodies, refuse_unknown_parameters
from paribus_service.api.questions import Entity, ProjectName
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import BaseUrl, Reader, Services, ServicesDep, Submitter
from paribus_service.errors import UpstreamNotConfigured
from paribus_service.orchestration.inquiries import Inquiry
from paribus_service.orchestration.upstream import annotation_requests
from paribus_service.orchestration.upstream.annotating import Annotator
from paribus_service.orchestration.upstream.annotation_requests import Wanted

router = APIRouter(
    tags=["annotations"],
    dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_other_bodies)],
)

AnnotationId = Annotated[int, Path(ge=1, description="The number that the annotation was given.")]
ValidateOnly = Annotated[
    bool, Query(description="Answer what would be written, and write nothing.")
]


@router.post(
    "/sweeps/{sweep_id}/annotations",
    operation_id="annotate_sweep",
    response_model=AnnotationOut | AnnotationPlanOut,
    responses=WRITES,
)
def annotate_sweep(
    sweep_id: SweepId,
    _who: Submitter,
    services: ServicesDep,
    base: BaseUrl,
    body: AnnotationIn | None = None,
    validate_only: ValidateOnly = False,
    seconds: Seconds = 5.0,
) -> Response:
    """Write best run per factor, verdict and findings to a sweep's runs on its W&B server.

    Summary keys, tags and a block in the notes of runs that have ended; the verdict stands in the
    sweep's description too. What was there stays; DELETE takes back what was written.
    """
    wanted = Wanted(sweep_id=sweep_id, inquiry=(body or AnnotationIn()).inquiry())
    return _annotate(services, wanted, base, validate_only, seconds)


@router.post(
    "/projects/{entity}/{project}/annotations",
    operation_id="annotate_project",
    response_model=AnnotationOut | AnnotationPlanOut,
    responses=WRITES,
)
def annotate_project(
    entity: Entity,
    project: ProjectName,
    _who: Submitter,
    services: ServicesDep,
    base: BaseUrl,
    body: AnnotationIn | None = None,
    validate_only: ValidateOnly = False,
    seconds: Seconds = 5.0,
) -> Response:
    """The same for the imported runs of a project, those that no sweep of ours made."""
    wanted = _project(entity, project, (body or AnnotationIn()).inquiry())
    return _annotate(services, wanted, base, validate_only, seconds)


@router.post(
    "/annotations/{annotation_id}:continue",
    operation_id="continue_annotation",
    responses=WRITES,
)
def continue_annotation(
    annotation_id: AnnotationId, _who: Submitter, services: ServicesDep, seconds: Seconds = 5.0
) -> AnnotationOut:
    """Write, or take back, more of what is under way; one that is through stays as it is."""
    found = annotation_requests.show(services.engine, annotation_id, now=services.clock.now())
    return AnnotationOut.of(_annotator(services).go_on(found.id, seconds=seconds))


@router.get(
    "/sweeps/{sweep_id}/annotations", operation_id="show_sweep_annotations", responses=READS
)
def show_sweep_annotations(
    sweep_id: SweepId, _who: Reader, services: ServicesDep
) -> AnnotationOut:
    """What is written where; the server there is not asked."""
    return _show(services, Wanted(sweep_id=sweep_id))


@router.get(
    "/projects/{entity}/{project}/annotations",
    operation_id="show_project_annotations",
    responses=READS,
)
def show_project_annotations(
    entity: Entity, project: ProjectName, _who: Reader, services: ServicesDep
) -> AnnotationOut:
    """What is written where; the server there is not asked."""
    return _show(services, _project(entity, project))


@router.delete(
    "/sweeps/{sweep_id}/annotations", operation_id="remove_sweep_annotations", responses=WRITES
)
def remove_sweep_annotations(
    sweep_id: SweepId,
    _who: Submitter,
    services: ServicesDep,
    base: BaseUrl,
    seconds: Seconds = 5.0,
) -> AnnotationOut:
    """Take back what was written: notes, tags and summaries are then as they were."""
    return _remove(services, Wanted(sweep_id=sweep_id), base, seconds)


@router.delete(
    "/projects/{entity}/{project}/annotations",
    operation_id="remove_project_annotations",
    responses=WRITES,
)
def remove_project_annotations(
    entity: Entity,
    project: ProjectName,
    _who: Submitter,
    services: ServicesDep,
    base: BaseUrl,
    seconds: Seconds = 5.0,
) -> AnnotationOut:
    """Take back what was written: notes, tags and summaries are then as they were."""
    return _remove(services, _project(entity, project), base, seconds)


def _project(entity: str, project: str, inquiry: Inquiry | None = None) -> Wanted:
    return Wanted(entity=entity, project=project, inquiry=inquiry or Inquiry())


def _annotate(
    services: Services, wanted: Wanted, base: str, validate_only: bool, seconds: float
) -> Response:
    annotator = _annotator(services, wanted)
    if validate_only:
        planned = AnnotationPlanOut.of(annotator.preview(wanted, root=base))
        return Response(planned.model_dump_json(), media_type="application/json")
    found = annotator.open(wanted, root=base)
    told = AnnotationOut.of(annotator.go_on(found.id, seconds=seconds))
    return Response(told.model_dump_json(), media_type="application/json")


def _remove(services: Services, wanted: Wanted, base: str, seconds: float) -> AnnotationOut:
    annotator = _annotator(services, wanted)
    found = annotator.remove(wanted, root=base)
    return AnnotationOut.of(annotator.go_on(found.id, seconds=seconds))


def _show(services: Services, wanted: Wanted) -> AnnotationOut:
    found = annotation_requests.show_of(services.engine, wanted, now=services.clock.now())
    return AnnotationOut.of(found)


def _annotator(services: Services, wanted: Wanted | None = None) -> Annotator:
    if services.upstream is None:
        if wanted is not None:
            annotation_requests.check(services.engine, wanted)
        raise UpstreamNotConfigured(["PARIBUS_WANDB_BASE_URL", "PARIBUS_WANDB_API_KEY"])
    return Annotator(services.engine, services.upstream, services.clock, services.observer.rules)
