"""What can be asked of a sweep and of a project's runs, and what happened to a sweep."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from paribus_service.api.asking import ANSWERS, AskingDep, FormDep, listed
from paribus_service.api.bodies.base import Answer
from paribus_service.api.bodies.evidence import (
    BestOut,
    ConfoundingOut,
    ContrastsOut,
    EffectsOut,
    FactorsOut,
    FollowUpsOut,
    ImportanceOut,
    PowerOut,
    ReportOut,
)
from paribus_service.api.errors_declared import Responses
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.api.sweeps import SweepId
from paribus_service.dependencies import Reader, SessionDep
from paribus_service.errors import NotFound
from paribus_service.orchestration.inquiries import Kind, Subject, sweeps_of
from paribus_service.store import projects
from paribus_service.store import sweeps as sweep_store

router = APIRouter(tags=["questions"], dependencies=[Depends(refuse_unknown_parameters)])

QUESTIONS: dict[Kind, tuple[type[Answer], str]] = {
    "factors": (
        FactorsOut,
        "Which factor made the difference: status, verdict and sentence of each, and its levels.\n"
        "Where no response is named and there is no metric, it says which factors could be told "
        "apart, and gives no verdict.",
    ),
    "confounding": (
        ConfoundingOut,
        "What the finished runs cannot tell apart, and whether the design, missing runs or GPUs "
        "are the cause.\nWithout a response every finished run counts.",
    ),
    "contrasts": (
        ContrastsOut,
        "Matched pairs: what one factor did while all else, seed included, stood still.",
    ),
    "effects": (
        EffectsOut,
        "The model: a test of each term, contrasts of levels, spread, and what crashes do to it.",
    ),
    "power": (
        PowerOut,
        "What the present runs could have shown, and how many more would settle it.",
    ),
    "best": (
        BestOut,
        "Best run per factor: of each level the best run, n, mean, spread; and what is not "
        "ranked.\nA best level is named only where the factor is isolated and its verdict is yes.",
    ),
    "follow-ups": (
        FollowUpsOut,
        "The fewest runs that make the question answerable, which ones, and why no fewer.\n"
        "Nothing is queued by asking.",
    ),
    "importance": (
        ImportanceOut,
        "How much of the variation goes along with each factor: an association, and no effect.",
    ),
    "report": (
        ReportOut,
        "Every answer as one value, or as a document that a person would forward.\nAs `format` "
        "says, else as `Accept` does: JSON, Markdown or HTML.",
    ),
}
"""Kind → what it answers with, and what it is about."""
IN_WORDS: Responses = {
    200: {
        "content": {
            kind: {"schema": {"type": "string"}} for kind in ("text/markdown", "text/html")
        }
    }
}

Entity = Annotated[str, Path(description="The project's entity.")]
ProjectName = Annotated[str, Path(description="The project's name.")]


def _of_sweep(kind: Kind) -> Callable[..., Response]:
    def show(sweep_id: SweepId, _who: Reader, asking: AskingDep) -> Response:
        sweep = sweep_store.get_sweep(asking.session, sweep_id)
        return asking.answer(Subject.of_sweep(sweep), kind)

    def show_report(sweep_id: SweepId, _who: Reader, asking: AskingDep, form: FormDep) -> Response:
        sweep = sweep_store.get_sweep(asking.session, sweep_id)
        return asking.answer(Subject.of_sweep(sweep), kind, form=form)

    return show_report if kind == "report" else show


def _runs_of_project(
    entity: Entity,
    project: ProjectName,
    session: SessionDep,
    with_sweeps: Annotated[
        bool, Query(description="Also the runs that count in the project's sweeps.")
    ] = False,
    sweeps: Annotated[
        list[str] | None,
        Query(description="The runs that count in these sweeps of the project, and no others."),
    ] = None,
) -> Subject:
    """The runs of a project that a request is about; those that no sweep made by default.

    Raises:
        NotFound: There is no such project, or no such sweep in it.
    """
    found = projects.find_project(session, entity, project)
    if found is None:
        raise NotFound("project", f"{entity}/{project}")
    named = sweeps_of(session, found, listed(sweeps))
    return Subject.of_project(found, with_sweeps=with_sweeps, sweeps=named)


RunsOfProject = Annotated[Subject, Depends(_runs_of_project)]


def _of_project(kind: Kind) -> Callable[..., Response]:
    def show(_who: Reader, subject: RunsOfProject, asking: AskingDep) -> Response:
        return asking.answer(subject, kind)

    def show_report(
        _who: Reader, subject: RunsOfProject, asking: AskingDep, form: FormDep
    ) -> Response:
        return asking.answer(subject, kind, form=form)

    return show_report if kind == "report" else show


def _offer(path: str, name: str, kind: Kind, show: Callable[..., Response]) -> None:
    model, meaning = QUESTIONS[kind]
    router.add_api_route(
        path,
        show,
        name=name,
        operation_id=name,
        description=meaning,
        response_model=model,
        responses={**(IN_WORDS if kind == "report" else {}), **ANSWERS},
    )


for _kind in QUESTIONS:
    _word = _kind.replace("-", "_")
    _offer(f"/sweeps/{{sweep_id}}/{_kind}", f"show_{_word}", _kind, _of_sweep(_kind))
for _kind in QUESTIONS:
    _word = _kind.replace("-", "_")
    _offer(
        f"/projects/{{entity}}/{{project}}/{_kind}",
        f"show_project_{_word}",
        _kind,
        _of_project(_kind),
    )
