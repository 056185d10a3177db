"""The pages of curves, of a sweep and of a project, and their chart as plain Plotly JSON."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response

from paribus_service.dashboard import addresses, project_views, sweep_views
from paribus_service.dashboard.curve_form import CurveForm, CurveFormDep
from paribus_service.dashboard.curve_views import Scene, figure, group_by, shown_curves
from paribus_service.dashboard.project_route import ProjectRoute
from paribus_service.dashboard.rendering import CHART_HEADERS, HEADERS, Page, PageDep
from paribus_service.dashboard.static_files import plotly_version
from paribus_service.dependencies import SessionDep
from paribus_service.orchestration import reports
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import evidence
from paribus_service.store.json_text import write_json
from paribus_service.store.states import RUN_LIVE, SWEEP_ENDED
from paribus_service.store.tables import Project, Sweep
from paribus_sweeps.figures.look import NARROWEST, WIDEST, Look, Theme

router = APIRouter(route_class=ProjectRoute, include_in_schema=False)
KEYS_OFFERED = 100  # config keys that a project's runs can be grouped by
ThemeName = Annotated[Theme, Query()]
Width = Annotated[int, Query(ge=NARROWEST, le=WIDEST)]


@router.get("/{entity}/{project}/sweeps/{sweep_id}/curves")
def show_sweep_curves(
    page: PageDep,
    session: SessionDep,
    form: CurveFormDep,
    entity: str,
    project: str,
    sweep_id: str,
) -> Response:
    """Curves of the runs that count in a sweep, over one another."""
    sweep = sweep_views.get_sweep_at(session, entity, project, sweep_id)
    scene = _scene(page, session, Subject.of_sweep(sweep), form)
    values = shown_curves(scene, factors=_factors(sweep), replicates=_replicates(sweep))
    address = addresses.of_sweep(page.root, sweep)
    return _rendered(
        page,
        values,
        whose=sweep.project,
        sweep=sweep,
        back=address,
        api=f"{page.root}/api/v1/sweeps/{sweep.id}/curves",
        is_live=sweep.state not in SWEEP_ENDED,
    )


@router.get("/{entity}/{project}/curves")
def show_project_curves(
    page: PageDep, session: SessionDep, form: CurveFormDep, entity: str, project: str
) -> Response:
    """Curves of the runs that no sweep made, over one another."""
    found = project_views.get_project(session, entity, project)
    scene = _scene(page, session, Subject.of_project(found), form)
    values = shown_curves(scene, factors=_config_keys(session, scene.subject), replicates=())
    address = addresses.of_project(page.root, found.entity, found.name)
    api = addresses.of_project(f"{page.root}/api/v1/projects", found.entity, found.name)
    is_live = any(row.state in RUN_LIVE for row in values["chosen"].rows)
    return _rendered(
        page, values, whose=found, sweep=None, back=address, api=f"{api}/curves", is_live=is_live
    )


@router.get("/{entity}/{project}/sweeps/{sweep_id}/curves/figure")
def send_sweep_figure(
    page: PageDep,
    session: SessionDep,
    form: CurveFormDep,
    entity: str,
    project: str,
    sweep_id: str,
    theme: ThemeName = "light",
    width: Width = 800,
) -> Response:
    """The chart of a sweep's curves, as `Plotly.react` takes it."""
    sweep = sweep_views.get_sweep_at(session, entity, project, sweep_id)
    scene = _scene(page, session, Subject.of_sweep(sweep), form)
    by = group_by(form, _factors(sweep), _replicates(sweep))
    return _drawn(page, figure(scene, Look(theme, width), by=by))


@router.get("/{entity}/{project}/curves/figure")
def send_project_figure(
    page: PageDep,
    session: SessionDep,
    form: CurveFormDep,
    entity: str,
    project: str,
    theme: ThemeName = "light",
    width: Width = 800,
) -> Response:
    """The chart of a project's curves, as `Plotly.react` takes it."""
    found = project_views.get_project(session, entity, project)
    scene = _scene(page, session, Subject.of_project(found), form)
    by = group_by(form, _config_keys(session, scene.subject), ())
    return _drawn(page, figure(scene, Look(theme, width), by=by))


def _scene(page: Page, session: SessionDep, subject: Subject, form: CurveForm) -> Scene:
    return Scene(session, subject, form, page.root, page.services)


def _factors(sweep: Sweep) -> list[str]:
    return [factor.name for factor in reports.factors_of_sweep(sweep)]


def _replicates(sweep: Sweep) -> list[str]:
    design = sweep.config.get("design")
    return list(design.get("replicates") or ()) if isinstance(design, dict) else []


def _config_keys(session: SessionDep, subject: Subject) -> list[str]:
    """Config keys that differ between a project's runs."""
    found = evidence.config_keys(session, subject.scope)
    return [one.key for one in found if one.varies][:KEYS_OFFERED]


def _rendered(
    page: Page,
    values: dict[str, Any],
    *,
    whose: Project,
    sweep: Sweep | None,
    back: str,
    api: str,
    is_live: bool,
) -> Response:
    return page.render(
        "curves.html",
        status=422 if values["problems"] else 200,
        headers=CHART_HEADERS,
        project=whose,
        sweep=sweep,
        back=back,
        api=api,
        is_live=is_live,
        plotly_version=plotly_version(),
        **values,
    )


def _drawn(page: Page, found: dict[str, Any]) -> Response:
    body = write_json(found)
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {**HEADERS, "ETag": etag}
    if page.request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)
