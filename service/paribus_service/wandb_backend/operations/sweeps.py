"""Sweeps and their agents: registering, steering, and what an agent is to do next.

Source: PROTOCOL 9 and 10 (wandb 0.31.0, wandb/apis/public/sweeps.py, wandb/wandb_agent.py).
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from paribus_service.errors import InvalidRequest, NotFound, NotOfferedHere
from paribus_service.orchestration import outside, registry, scheduler
from paribus_service.orchestration.scheduler import Command
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import SweepState
from paribus_service.store.tables import Agent, Sweep
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, key_of
from paribus_service.wandb_backend.operations.pages import page_of
from paribus_service.wandb_backend.operations.viewer import User
from paribus_service.wandb_backend.operations.words import sweep_state
from paribus_service.wandb_backend.resolvers import Resolvers
from paribus_sweeps.spec import driver_of

resolvers = Resolvers()

_STEER: dict[str, tuple[SweepState, Callable[..., None]]] = {
    "RUNNING": (SweepState.RUNNING, registry.resume),
    "PAUSED": (SweepState.PAUSED, registry.pause),
    "FINISHED": (SweepState.STOPPED, registry.stop),
    "CANCELED": (SweepState.CANCELLED, registry.cancel),
}
_NOTHING = (None, "", "null", "{}")


@resolvers("Mutation", "upsertSweep")
def upsert_sweep(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Register a sweep, or with an id change one: its config, its state, its description.

    The client's controller writes its schedule by this too, and the config with each.
    """
    _refuse_launch(input)
    given = input.get("id")
    sweep = _register(context, input) if not given else _change(context, given, input)
    if input.get("prior_runs_filters"):
        sweep.prior_runs_filters = input["prior_runs_filters"]
    controller = input.get("controller")
    warnings = list(sweep.warnings) if input.get("config") and not (given and controller) else []
    if controller not in (None, "", "null"):
        warnings += outside.take_controller(
            context.session,
            sweep,
            controller,
            settings=context.services.settings,
            now=context.now,
        )
    return {"sweep": sweep, "configValidationWarnings": warnings, "inserted": not given}


def _refuse_launch(given: Mapping[str, Any]) -> None:
    for key in ("scheduler", "launch_scheduler"):
        if given.get(key) not in _NOTHING:
            hint = "run `wandb agent` on the hosts"
            raise NotOfferedHere(f"`{key}`, which W&B Launch writes,", hint=hint)


def _register(context: Context, given: Mapping[str, Any]) -> Sweep:
    config = given.get("config")
    if not config:
        raise InvalidRequest.one("/config", "a new sweep needs a config")
    sweep = registry.register(
        context.session,
        config,
        entity=context.entity(given.get("entity_name")),
        project=given.get("project_name") or None,
        caller_decides=bool(given.get("entity_name")),
        created_by=context.who.name,
        settings=context.services.settings,
        now=context.now,
    )
    registry.update_description(
        sweep,
        name=given.get("display_name"),
        description=given.get("description"),
        now=context.now,
    )
    return sweep


def _change(context: Context, sweep_id: str, given: Mapping[str, Any]) -> Sweep:
    sweep = sweep_store.get_sweep(context.session, key_of("Sweep", sweep_id))
    if given.get("config"):
        registry.replace_config(
            context.session,
            sweep,
            given["config"],
            settings=context.services.settings,
            now=context.now,
        )
    if given.get("display_name") or given.get("description") is not None:
        registry.update_description(
            sweep,
            name=given.get("display_name"),
            description=given.get("description"),
            now=context.now,
        )
    if given.get("state"):
        _steer(context, sweep, given["state"].upper())
    return sweep


def _steer(context: Context, sweep: Sweep, word: str) -> None:
    """Bring a sweep into a state; one that is there already stays, so asking twice is fine."""
    if word not in _STEER:
        known = ", ".join(_STEER)
        raise InvalidRequest.one("/state", f"{word!r} cannot be asked for; there are {known}")
    target, verb = _STEER[word]
    if sweep.state == target or word == sweep_state(sweep):
        return
    if word == "RUNNING" and sweep.state == SweepState.REGISTERED:
        return  # it runs as soon as an agent asks
    reason = f"{context.who.name} asked for it through W&B's API"
    verb(context.session, sweep, now=context.now, reason=reason)


@resolvers("Mutation", "enqueueSweepRun")
def enqueue_sweep_run(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, str]:
    """Put a run into a sweep's queue; its id is W&B's, the name of a run that is there at once.

    Source: wandb/wandb on GitHub, core/internal/sweeps/scheduler/api.go (`EnqueueRun`).
    """
    try:
        config = json.loads(input["config"])
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.one("/config", f"it holds no JSON: {error}") from error
    run = outside.enqueue(
        context.session,
        sweep_store.get_sweep(context.session, key_of("Sweep", input["id"])),
        config,
        display_name=input.get("display_name") or None,
        asked_by=context.who.name,
        settings=context.services.settings,
        now=context.now,
    )
    return {"id": run.wandb_id, "runQueueItemId": run.trial_id or ""}


@resolvers("Mutation", "createAgent")
def create_agent(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Agent]:
    """Take in a new agent."""
    agent = scheduler.create_agent(
        context.session,
        key_of("Sweep", input["sweep"]),
        host=input["host"],
        key_id=context.who.key_id,
        now=context.now,
    )
    return {"agent": agent}


@resolvers("Mutation", "agentHeartbeat")
def agent_heartbeat(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Note what an agent says of its runs, and tell it what to do: one order at most."""
    agent_id = key_of("Agent", input["id"])
    command = scheduler.heartbeat(
        context.session,
        agent_id,
        _listed(input.get("run_state")),
        now=context.now,
        settings=context.services.settings,
    )
    agent = sweep_store.get_agent(context.session, agent_id)
    return {"agent": agent, "commands": json.dumps([_order(command)] if command else [])}


def _listed(text: str | None) -> dict[str, bool]:
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise InvalidRequest.one("/runState", f"it holds no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequest.one("/runState", "it holds no object of run names")
    return {str(name): bool(alive) for name, alive in value.items()}


def _order(command: Command) -> dict[str, Any]:
    if command.kind == "exit":
        return {"type": "exit"}
    if command.kind == "stop":
        return {"type": "stop", "run_id": command.run_id}
    return {
        "type": command.kind,
        "run_id": command.run_id,
        "program": command.program,
        "args": {key: {"value": value} for key, value in command.args.items()},
    }


@resolvers("Sweep", "bestLoss")
def best_loss(sweep: Sweep, context: Context) -> float | None:
    """The best value of the sweep's metric so far; None without a metric or a value."""
    if sweep.metric_name is None:
        return None
    return run_store.best_summary_number(
        context.session,
        sweep.id,
        sweep.metric_name,
        largest=sweep.metric_goal == "maximize",
    )


@resolvers("Sweep", "runCount")
def run_count(sweep: Sweep, context: Context) -> int:
    """How many runs it made, deleted ones not counted."""
    return run_store.count_runs(context.session, sweep_id=sweep.id)


@resolvers("Sweep", "heartbeatAt")
def heartbeat_at(sweep: Sweep, context: Context) -> Any:
    """When an agent last asked; None before the first."""
    return sweep_store.last_heartbeat(context.session, sweep.id)


@resolvers("Sweep", "scheduler")
def scheduled(sweep: Sweep, context: Context) -> str | None:
    """Which run each entry of the controller's schedule became; None where there is none."""
    return outside.scheduled(context.session, sweep)


@resolvers("Sweep", "controllerRunName")
def controller_run_name(sweep: Sweep, context: Context) -> str | None:
    """The run that `wandb sweep-scheduler` logs to; it begins it by itself, in no sweep."""
    return f"scheduler-{sweep.id}" if driver_of(sweep.config) == "scheduler" else None


@resolvers("Sweep", "agent")
def agent(sweep: Sweep, context: Context, *, agent_name: str) -> Agent | None:
    """An agent of the sweep, by name or global id."""
    try:
        found = sweep_store.get_agent(context.session, key_of("Agent", agent_name))
    except NotFound:
        return None
    return found if found.sweep_id == sweep.id else None


@resolvers("Sweep", "agents")
def agents(
    sweep: Sweep, context: Context, *, first: int | None, after: str | None
) -> dict[str, Any]:
    """The sweep's agents, oldest first."""
    found = sweep_store.list_agents(context.session, sweep_id=sweep.id)
    return page_of(found, first=first, after=after, key=lambda agent: agent.id)


resolvers.fields(
    "Sweep",
    {
        "id": lambda sweep: global_id("Sweep", sweep.id),
        "name": lambda sweep: sweep.id,
        "displayName": lambda sweep: sweep.name,
        "state": sweep_state,
        "config": lambda sweep: sweep.client_config,
        "runCountExpected": lambda sweep: sweep.expected_trials,
        "earlyStopJobRunning": lambda sweep: False,
        "user": lambda sweep: User(sweep.created_by or sweep.project.entity, sweep.project.entity),
    },
)
resolvers.fields(
    "Agent",
    {
        "id": lambda agent: global_id("Agent", agent.id),
        "name": lambda agent: agent.id,
        "state": lambda agent: agent.state.upper(),
        "totalRuns": lambda agent: agent.runs_started,
    },
)
