"""What people do with a sweep by pressing a button: forms, confirmed by a token of the page."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from paribus_service.dashboard import addresses, sweep_views
from paribus_service.dashboard.asked import Asked
from paribus_service.dashboard.project_route import ProjectRoute
from paribus_service.dashboard.rendering import PageDep
from paribus_service.dependencies import ClockDep, SessionDep, Submitter
from paribus_service.errors import NotFound
from paribus_service.orchestration import registry, revisions
from paribus_service.orchestration.revisions import Revision, Wish
from paribus_service.store.engine import session_scope
from paribus_service.store.tables import Sweep

router = APIRouter(route_class=ProjectRoute, include_in_schema=False)
_DO = {
    "pause": registry.pause,
    "resume": registry.resume,
    "stop": registry.stop,
    "cancel": registry.cancel,
    "retry": registry.retry,
}


@router.post("/{entity}/{project}/sweeps/{sweep_id}/follow-ups")
def queue_follow_ups(
    page: PageDep,
    who: Submitter,
    entity: str,
    project: str,
    sweep_id: str,
    form_token: Annotated[str, Form()] = "",
    chosen: Annotated[str, Form(alias="set")] = revisions.PROPOSED,
    data_version: Annotated[str | None, Form()] = None,
    response: Annotated[str, Form()] = "",
    goal: Annotated[str, Form()] = "",
    factors: Annotated[str, Form()] = "",
) -> Response:
    """Queue the runs that would tell, in the same sweep; back to its page.

    Raises:
        ConfirmationFailed: The form is not from one of our pages.
        NotFound: No such sweep.
        DataChanged: Runs have ended since the page was made.
        NothingToAdd: All of the runs wait already.
        InvalidRequest: There is no such set, or it cannot be added to this sweep.
        IllegalTransition: The sweep was stopped or cancelled.
    """
    page.confirm(form_token)
    wish = Wish(chosen, data_version=data_version)
    inquiry = Asked(response, goal, factors).inquiry

    def plan(session: SessionDep) -> tuple[Sweep, Revision]:
        sweep = sweep_views.get_sweep_at(session, entity, project, sweep_id)
        found = revisions.plan(
            session,
            sweep,
            inquiry,
            wish,
            root=page.root,
            cache=page.services.answers,
            settings=page.services.settings,
        )
        return sweep, found

    # Worked out before the write lock is taken, and found in the cache under it.
    with session_scope(page.services.engine, reads_only=True) as session:
        plan(session)
    with session_scope(page.services.engine) as session:
        sweep, found = plan(session)
        now = page.services.clock.now()
        revisions.write(session, sweep, found, now=now, by=who.name)
        address = addresses.of_sweep(page.root, sweep)
    return page.redirect(f"{address}#trials")


@router.post("/{entity}/{project}/sweeps/{sweep_id}/{verb}")
def act_on_sweep(
    page: PageDep,
    who: Submitter,
    session: SessionDep,
    clock: ClockDep,
    entity: str,
    project: str,
    sweep_id: str,
    verb: str,
    form_token: Annotated[str, Form()] = "",
) -> Response:
    """Pause, resume, stop, cancel a sweep, or retry its failed trials; back to its page.

    Raises:
        ConfirmationFailed: The form is not from one of our pages.
        NotFound: No such sweep, or no such verb.
        IllegalTransition: The verb does not fit the sweep's state.
    """
    page.confirm(form_token)
    sweep = sweep_views.get_sweep_at(session, entity, project, sweep_id)
    if verb not in _DO:
        raise NotFound("verb", verb, hint=f"a sweep can {', '.join(_DO)}")
    _DO[verb](session, sweep, now=clock.now(), reason=f"{who.name} pressed {verb}")
    return page.redirect(addresses.of_sweep(page.root, sweep))
