"""Runs of a project, a sweep or an agent: filtered, ordered, page by page.

`best_run()` is such a page of one, ordered by a summary value: what lacks the value comes last.

Source: PROTOCOL 13 (wandb 0.31.0, wandb/apis/public/runs.py and sweeps.py).
"""

from typing import Any

from paribus_service.store import run_order
from paribus_service.store import runs as run_store
from paribus_service.store.run_filters import compile_filter, parse_filter
from paribus_service.store.run_order import parse_order, runs_in
from paribus_service.store.tables import Agent, Project, Sweep
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.operations.words import RUN_STATES
from paribus_service.wandb_backend.resolvers import Resolvers
from paribus_sweeps.spec import driver_of

resolvers = Resolvers()

_PAGE = 50
_LARGEST_PAGE = 1000


@resolvers("Project", "runs")
def runs_of_project(project: Project, context: Context, **asked: Any) -> dict[str, Any]:
    """A page of the project's runs."""
    return _page(context, runs_in(project_id=project.id), **asked)


@resolvers("Project", "runCount")
def count_of_project(project: Project, context: Context, *, filters: str | None) -> int:
    """How many runs the filter holds for; without one, the counter that is kept."""
    tree = parse_filter(filters)
    return _count(context, runs_in(project_id=project.id), tree) if tree else project.run_count


@resolvers("Sweep", "runs")
def runs_of_sweep(sweep: Sweep, context: Context, **asked: Any) -> dict[str, Any]:
    """A page of the sweep's runs; all of them to a controller, which asks for no page.

    It would suggest again what it does not see (wandb 0.31.0, apis/public/sweeps.py,
    `_sweep_with_runs`).
    """
    scope = runs_in(sweep_id=sweep.id)
    if asked.get("first") is None and driver_of(sweep.config) == "controller":
        asked["first"] = largest = context.services.settings.max_trials
        return _page(context, scope, largest=largest, **asked)
    return _page(context, scope, **asked)


@resolvers("Sweep", "priorRuns")
def prior_runs(sweep: Sweep, context: Context) -> dict[str, Any] | None:
    """Runs that the sweep was told to count as its own."""
    if not sweep.prior_runs_filters:
        return None
    scope = runs_in(project_id=sweep.project_id)
    return _page(context, scope, filters=sweep.prior_runs_filters, first=_LARGEST_PAGE)


@resolvers("Agent", "runs")
def runs_of_agent(agent: Agent, context: Context, **asked: Any) -> dict[str, Any]:
    """A page of the runs that the agent was given."""
    return _page(context, runs_in(agent_id=agent.id), **asked)


def _page(
    context: Context,
    scope: list[Any],
    *,
    filters: str | None = None,
    order: str | None = None,
    first: int | None = None,
    after: str | None = None,
    largest: int = _LARGEST_PAGE,
    **_: object,
) -> dict[str, Any]:
    tree = parse_filter(filters)
    page = run_order.page_of_runs(
        context.session,
        [*scope, compile_filter(tree, state_words=RUN_STATES)],
        parse_order(order),
        after=after,
        limit=min(_PAGE if first is None else max(first, 0), largest),
        state_words=RUN_STATES,
    )
    runs = run_store.runs_by_pk(context.session, [pk for pk, _ in page.rows])
    edges = [{"node": runs[pk], "cursor": cursor} for pk, cursor in page.rows]
    end = edges[-1]["cursor"] if edges else None
    return {
        "edges": edges,
        "pageInfo": {"hasNextPage": page.has_more, "endCursor": end},
        "counted": (scope, tree),
    }


@resolvers("RunConnection", "totalCount")
def total_count(connection: dict[str, Any], context: Context) -> int:
    """Of all pages; counted only when it is asked for."""
    if "counted" not in connection:
        return len(connection["edges"])
    return _count(context, *connection["counted"])


def _count(context: Context, scope: list[Any], tree: dict[str, Any]) -> int:
    condition = compile_filter(tree, state_words=RUN_STATES)
    return run_order.count_runs(context.session, [*scope, condition])
