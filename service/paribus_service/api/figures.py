"""Figures as plain Plotly JSON: which there are, and each for a sweep, a project or runs."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from paribus_service.api.asking import ANSWERS, AskingDep, listed, sent
from paribus_service.api.bodies.base import Page
from paribus_service.api.bodies.figures import FigureKindOut, FigureOut
from paribus_service.api.errors_declared import LISTS
from paribus_service.api.links import API
from paribus_service.api.parameters import refuse_unknown_parameters
from paribus_service.dependencies import BaseUrl, Reader, SessionDep
from paribus_service.errors import InvalidRequest, NotFound, nearest
from paribus_service.orchestration import figures
from paribus_service.orchestration.asked_curves import RUNS_SEARCHED
from paribus_service.orchestration.figures import (
    FIGURES,
    MOST_READ,
    FigureRequest,
    Scene,
    chosen,
    kind_of,
)
from paribus_service.orchestration.inquiries import Subject, sweeps_of
from paribus_service.store import attempts, evidence, projects
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.evidence import RunRow
from paribus_sweeps.errors import Problem
from paribus_sweeps.figures.look import NARROWEST, WIDEST, Look, Theme

router = APIRouter(tags=["figures"], dependencies=[Depends(refuse_unknown_parameters)])

WHOSE = ("sweep", "project", "run", "with_sweeps", "sweeps")
SHARED = ("theme", "width", "data_version")
MOST_POINTS = 20_000  # of a line: of twelve such lines a figure has 25 MB


@router.get("/figures", operation_id="list_figures", responses=LISTS)
def list_figures(_who: Reader, base: BaseUrl) -> Page[FigureKindOut]:
    """The figures, each with its meaning and with what it takes."""
    items = [
        FigureKindOut(
            name=name,
            meaning=kind.meaning,
            of=list(kind.of),
            takes=list(kind.takes),
            links={"self": f"{base}{API}/figures/{name}"},
        )
        for name, kind in FIGURES.items()
    ]
    return Page(items=items)


def _look(
    theme: Annotated[Theme, Query(description="Colours for a light or a dark ground.")] = "light",
    width: Annotated[
        int,
        Query(
            ge=NARROWEST,
            le=WIDEST,
            description="How wide it will be, in CSS pixels: text is wrapped for it.",
        ),
    ] = 800,
) -> Look:
    return Look(theme, width)


def _request(
    name: Annotated[str, Path(description="As `GET /figures` lists it.")],
    look: Annotated[Look, Depends(_look)],
    asking: AskingDep,
    keys: Annotated[
        list[str] | None,
        Query(
            description="Of curves: the logged key, of overlay also several; the one that is "
            "known as a loss by default."
        ),
    ] = None,
    x: Annotated[
        str,
        Query(
            description="Of curves: `step`, `epoch`, `examples`, `relative_time`, `wall_time`, "
            "`share`, or a logged key."
        ),
    ] = "step",
    smoothing: Annotated[
        str, Query(description="Of curves, for the eye alone: `none`, `ema:0.6`, ….")
    ] = "none",
    points: Annotated[
        int | None,
        Query(
            ge=4,
            le=MOST_POINTS,
            description="Of overlay: how many points of a line are drawn at most; 1,000.",
        ),
    ] = None,
    thin_to: Annotated[
        str | None,
        Query(
            description="Of overlay: a run whose cadence the others are thinned to, or a number: "
            "one of so many points stays."
        ),
    ] = None,
    phase: Annotated[
        int | None,
        Query(ge=0, description="With `thin_to`: which of so many points stays; the last."),
    ] = None,
    common: Annotated[
        bool, Query(description="Of overlay: only the stretch of x that all runs have.")
    ] = False,
    low: Annotated[
        float | None,
        Query(
            alias="from",
            allow_inf_nan=False,
            description="Of overlay: the part of x that is looked at.",
        ),
    ] = None,
    high: Annotated[
        float | None, Query(alias="to", allow_inf_nan=False, description="Itself included.")
    ] = None,
    every: Annotated[
        int | None,
        Query(ge=2, le=10_000, description="Of cadence-phases: one of so many looks stays."),
    ] = None,
    group_by: Annotated[
        list[str] | None,
        Query(description="Of overlay: what runs agree in to be one band; `all_but:seed`."),
    ] = None,
    run: Annotated[
        list[str] | None,
        Query(
            description="Of curves: these runs alone, by our own ids; within a sweep or a project "
            "by W&B's ids or names too."
        ),
    ] = None,
) -> FigureRequest:
    """The figure in the request's own words.

    Raises:
        NotFound: There is no such figure.
    """
    kind_of(name)
    return FigureRequest(
        name=name,
        look=look,
        inquiry=asking.inquiry,
        keys=listed(keys),
        x=x,
        smoothing=smoothing,
        points=points,
        thin_to=thin_to,
        phase=phase,
        common=common,
        low=low,
        high=high,
        every=every,
        group_by=listed(group_by),
        runs=listed(run),
    )


Asked = Annotated[FigureRequest, Depends(_request)]


def _subject(
    session: SessionDep,
    sweep: Annotated[str | None, Query(description="Whose: a sweep's id.")] = None,
    project: Annotated[str | None, Query(description="Whose: ENTITY/PROJECT.")] = None,
    with_sweeps: Annotated[
        bool, Query(description="Of a project: also the runs that count in its sweeps.")
    ] = False,
    sweeps: Annotated[
        list[str] | None,
        Query(description="Of a project: the runs that count in these sweeps, and no others."),
    ] = None,
) -> Subject | None:
    """Whose runs; None where neither a sweep nor a project is named.

    Raises:
        NotFound: There is no such sweep or project.
        InvalidRequest: Both are named, or a project is not ENTITY/PROJECT.
    """
    if sweep is not None and project is not None:
        raise InvalidRequest.one(
            "?project", "a sweep and a project are named: say one of the two", code="two_subjects"
        )
    if sweep is not None:
        return Subject.of_sweep(sweep_store.get_sweep(session, sweep))
    if project is None:
        return None
    entity, slash, name = project.partition("/")
    if not slash or not entity or not name:
        raise InvalidRequest.one("?project", f"{project!r}: ENTITY/PROJECT was expected")
    found = projects.find_project(session, entity, name)
    if found is None:
        raise NotFound("project", project)
    return Subject.of_project(
        found, with_sweeps=with_sweeps, sweeps=sweeps_of(session, found, listed(sweeps))
    )


@router.get(
    "/figures/{name}", operation_id="show_figure", response_model=FigureOut, responses=ANSWERS
)
def show_figure(
    _who: Reader,  # first: who may not read learns nothing of what there is
    request: Request,
    asked: Asked,
    subject: Annotated[Subject | None, Depends(_subject)],
    asking: AskingDep,
) -> Response:
    """A figure as plain Plotly JSON, drawn from the same answers as REST gives.

    Say whose it is with `sweep`, `project` or `run`.
    What cannot be drawn yet is a figure that says why.
    """
    _refuse_what_it_does_not_take(request, asked.name)
    _refuse_another_subject(asked, subject)
    rows, count = _rows(asking.session, asked, subject)
    scene = Scene(
        session=asking.session,
        subject=subject,
        rows=rows,
        count=count,
        request=asked,
        root=asking.base,
        observer=asking.services.observer,
    )
    found = figures.draw(scene, asking.services.answers)
    found.check(asking.data_version)
    return sent(found, asking.if_none_match)


def _refuse_what_it_does_not_take(request: Request, name: str) -> None:
    """Refuse a parameter that another figure has and this one has not.

    Raises:
        InvalidRequest: With every one of them.
    """
    takes = [*WHOSE, *SHARED, *kind_of(name).takes]
    other = [given for given in dict.fromkeys(request.query_params) if given not in takes]
    if other:
        raise InvalidRequest([_not_taken(given, name, takes) for given in other])


def _not_taken(given: str, name: str, takes: Sequence[str]) -> Problem:
    near = nearest(given, takes)
    hint = f"did you mean {near!r}?" if near else f"it takes {', '.join(takes)}"
    return Problem(f"?{given}", "not_taken", f"{name} does not take {given}", hint)


def _refuse_another_subject(asked: FigureRequest, subject: Subject | None) -> None:
    of = kind_of(asked.name).of
    if subject is None and not asked.runs:
        said = " or ".join(_HOW[one] for one in of)
        raise InvalidRequest.one(f"?{of[0]}", f"whose? say {said}", code="no_subject")
    if subject is None and "run" not in of:
        said = " or ".join(_HOW[one] for one in of)
        raise InvalidRequest.one("?run", f"{asked.name} is not of runs: say {said}")
    if subject is not None and subject.is_project and of == ("sweep",):
        raise InvalidRequest.one("?project", f"{asked.name} is of a sweep: say {_HOW['sweep']}")
    if asked.runs and "run" not in of:
        raise InvalidRequest.one("?run", f"{asked.name} is of all runs that count: leave run out")


_HOW = {"sweep": "sweep=ID", "project": "project=ENTITY/PROJECT", "run": "run=ID"}


def _rows(
    session: SessionDep, asked: FigureRequest, subject: Subject | None
) -> tuple[tuple[RunRow, ...], int]:
    """The runs that a figure of curves is of, and how many there are; none for one of answers."""
    kind = kind_of(asked.name)
    if "run" not in kind.of:
        return (), 0
    if subject is None:
        pks = [run_store.get_run(session, run_id).pk for run_id in asked.runs]
        found = chosen(evidence.rows_of(session, pks), asked.runs)
    elif asked.runs:
        newest = evidence.newest_rows(session, subject.scope, limit=RUNS_SEARCHED)
        found = chosen(
            [*_named(session, asked, subject), *newest],  # the newest may be meant
            asked.runs,
        )
    else:
        return _newest(session, subject, every_attempt=kind.of_every_attempt)
    return found, len(found)


def _named(session: SessionDep, asked: FigureRequest, subject: Subject) -> list[RunRow]:
    """The runs that are named; of a figure of every attempt, those too that do not count."""
    if not kind_of(asked.name).of_every_attempt:
        return evidence.rows_named(session, subject.scope, asked.runs)
    return evidence.rows_of(session, attempts.attempts_named(session, subject.scope, asked.runs))


def _newest(
    session: SessionDep, subject: Subject, *, every_attempt: bool
) -> tuple[tuple[RunRow, ...], int]:
    scope = subject.scope
    if every_attempt:
        pks = attempts.newest_first(session, scope, most=MOST_READ)
        count = attempts.count_attempts(session, scope)[0]
        return tuple(evidence.rows_of(session, sorted(pks))), count
    rows = evidence.newest_rows(session, scope, limit=MOST_READ)
    return tuple(rows[::-1]), evidence.count_runs(session, scope)
