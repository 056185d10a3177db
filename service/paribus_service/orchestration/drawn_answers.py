"""Figures of answers: an answer is worked out as for REST, and drawn by `paribus_sweeps.figures`.

Only `figures` imports this, and only once a figure is asked for: numpy and scipy come with it.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from paribus_service.orchestration import analysis
from paribus_service.orchestration.cases import case_of
from paribus_service.orchestration.figures import Scene, refused
from paribus_service.orchestration.inquiries import Kind
from paribus_service.store import evidence
from paribus_service.store.states import RUN_ENDED
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.figures import (
    Figure,
    design_matrix,
    effects,
    importance,
    interaction,
    parallel_coordinates,
    progress,
)


def draw(scene: Scene) -> Figure:
    """The figure that a scene asks for."""
    return _DRAWN[scene.request.name](scene)


def _effects(scene: Scene) -> Figure:
    return effects(_answer(scene, "effects"), scene.request.look)


def _importance(scene: Scene) -> Figure:
    return importance(_answer(scene, "importance"), scene.request.look)


def _interaction(scene: Scene) -> Figure:
    case = _case(scene, "effects")
    first, second = _two_factors(scene, case)
    return interaction(
        case.runs,
        first,
        second,
        response=case.question.response,
        levels=_levels(case),
        tested=_answer(scene, "effects")["effects"],
        look=scene.request.look,
    )


def _two_factors(scene: Scene, case: Case) -> tuple[str, str]:
    names = [factor.name for factor in case.asked]
    if len(names) != 2:
        shown = ", ".join(factor.name for factor in case.factors[:10]) or "none"
        raise refused(
            "?factors",
            f"an interaction is of two factors, and {len(names)} are asked about: say factors=A,B "
            f"(there are {shown})",
            code="two_factors_needed",
        )
    first, second = scene.request.inquiry.factors or names
    return first, second


def _design_matrix(scene: Scene) -> Figure:
    facts = _answer(scene, "confounding")["confounding"]["facts"]
    case = _case(scene, "confounding")
    return design_matrix(case.runs, _levels(case), facts=facts, look=scene.request.look)


def _parallel(scene: Scene) -> Figure:
    case = _case(scene, "effects")
    response = case.question.response
    return parallel_coordinates(
        case.runs, _levels(case), response=response, look=scene.request.look
    )


def _progress(scene: Scene) -> Figure:
    [sweep] = scene.whose.sweeps
    counts = Counter(str(trial.state) for trial in evidence.trial_rows(scene.session, sweep.id))
    ended = [
        (row.ended_at.strftime("%Y-%m-%dT%H:%M:%S"), str(row.state))
        for row in evidence.run_rows(scene.session, scene.whose.scope)
        if row.ended_at is not None and row.state in RUN_ENDED
    ]
    return progress(counts, ended=ended, look=scene.request.look)


def _levels(case: Case) -> dict[str, list[str]]:
    """The levels of the factors that are asked about."""
    asked = [factor.name for factor in case.asked]
    return {name: list(case.table.column(name).labels) for name in asked}


def _answer(scene: Scene, kind: Kind) -> dict[str, Any]:
    request = scene.request
    return analysis.of_runs(scene.session, scene.whose, kind, request.inquiry, root=scene.root)


def _case(scene: Scene, kind: Kind) -> Case:
    inquiry = scene.request.inquiry
    case, _ = case_of(scene.session, scene.whose, inquiry, kind, root=scene.root)
    return case


_DRAWN: Mapping[str, Callable[[Scene], Figure]] = {
    "effects": _effects,
    "importance": _importance,
    "interaction": _interaction,
    "design-matrix": _design_matrix,
    "parallel-coordinates": _parallel,
    "progress": _progress,
}
