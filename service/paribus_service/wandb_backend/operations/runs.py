"""Runs: their start, what is told of them, their state, resume and end.

Source: PROTOCOL 5, 7 and 8 (wandb 0.31.0, core/api/graphql/upsertbucket.graphql,
runresumestatus.graphql, wandb/apis/public/runs.py).
"""

import json
from collections.abc import Sequence
from typing import Any

from paribus_service.errors import InvalidRequest, NotFound
from paribus_service.orchestration import recorder, trials
from paribus_service.orchestration.recorder import RunUpsert
from paribus_service.orchestration.registry import DEFAULT_PROJECT
from paribus_service.store import artifacts, events, history
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.history import Stream
from paribus_service.store.states import RUN_LIVE, RunState
from paribus_service.store.tables import Agent, Run, Sweep
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.global_ids import global_id, key_of
from paribus_service.wandb_backend.operations.places import run_at, run_by_id
from paribus_service.wandb_backend.operations.viewer import Entity, User
from paribus_service.wandb_backend.operations.words import readable_name, run_state
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_SILENCE_SECONDS = 36.0  # a client reports every 30 at least; one that waits asks for some 40


@resolvers("Mutation", "upsertBucket")
def upsert_bucket(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Create or update a run; null leaves a thing as it is, so asking twice is asking once."""
    told = _told(context, input)
    run, inserted = recorder.upsert_run(context.session, told, now=context.now)
    if inserted and told.display_name is None:
        run.display_name = readable_name(run)
    return {"bucket": run, "inserted": inserted}


def _told(context: Context, given: dict[str, Any]) -> RunUpsert:
    return RunUpsert(
        run_id=key_of("Run", given["id"]) if given.get("id") else None,
        entity=context.entity(given.get("entity_name")),
        project=given.get("model_name") or given.get("project") or DEFAULT_PROJECT,
        wandb_id=given.get("name") or None,
        sweep_id=key_of("Sweep", given["sweep"]) if given.get("sweep") else None,
        config_text=_object_text(given, "config"),
        summary_text=_object_text(given, "summary_metrics"),
        display_name=given.get("display_name") or None,
        notes=given.get("notes"),
        description=given.get("description"),
        tags=given.get("tags"),
        group=given.get("group_name"),
        job_type=given.get("job_type"),
        host=given.get("host") or None,
        program=given.get("job_program"),
        commit=given.get("commit"),
        repo=given.get("job_repo"),
        state=given.get("state"),
        username=None if given.get("id") else context.who.name,
        process_token=context.process_token,
    )


def _object_text(given: dict[str, Any], key: str) -> str | None:
    """The text of a JSON object, as it came; bare NaN is fine in it."""
    text: str | None = given.get(key)
    if text is None:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.one(f"/{key}", f"it holds no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidRequest.one(f"/{key}", f"it holds a {type(value).__name__}, not an object")
    return text


@resolvers("Mutation", "deleteRun")
def delete_run(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, Any]:
    """Hide a run for good; a second request finds it done."""
    run = run_by_id(context, input["id"])
    if run.deleted_at is None:
        if input.get("delete_artifacts"):
            context.unused_blobs += artifacts.delete_outputs_of(
                context.session, run, now=context.now
            )
        recorder.delete_run(context.session, run, now=context.now)
    return {"clientMutationId": input.get("client_mutation_id")}


@resolvers("Mutation", "stopRun")
def stop_run(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, bool]:
    """Ask a run to stop; one that has ended already needs nothing (wandb 0.31.0, Run.stop)."""
    run = run_by_id(context, input["id"])
    if run.state in RUN_LIVE:
        reason = f"{context.who.name} asked for it through W&B's API"
        trials.request_stop(context.session, run, now=context.now, reason=reason)
    return {"success": True}


@resolvers("Mutation", "updateRunState")
def update_run_state(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, bool]:
    """Set a run that no sweep made back to pending, or end it as failed."""
    run = run_by_id(context, input["id"])
    if run.deleted_at is not None:
        raise NotFound("run", input["id"], hint="it was deleted")
    reason = f"set by {context.who.name} through W&B's API"
    recorder.set_state(context.session, run, input["state"], now=context.now, reason=reason)
    return {"success": True}


@resolvers("Mutation", "notifyScriptableRunAlert")
def notify(_root: None, context: Context, *, input: dict[str, Any]) -> dict[str, bool]:
    """Keep an alert as an event of its run."""
    run = run_at(context, input, input["run_name"])
    events.note(
        context.session,
        "run.alert",
        now=context.now,
        reason=input["title"],
        run_id=run.id,
        trial_id=run.trial_id,
        sweep_id=run.sweep_id,
        text=input["text"],
        severity=input.get("severity") or "INFO",
    )
    return {"success": True}


@resolvers("Run", "wandbConfig")
def wandb_config(run: Run, context: Context, *, keys: Sequence[str] | None) -> dict[str, Any]:
    """W&B's own part of the config; key `t` says that the client really started the run.

    Only who is about to resume a run asks for `t` by name (wandb 0.21 to 0.31, RunResumeStatus).
    """
    if keys is not None and "t" in keys:
        trials.refuse_second_process(
            run, context.process_token, now=context.now, silence_seconds=_SILENCE_SECONDS
        )
    ours = dict(recorder.clients_own(run.config))
    return ours if keys is None else {key: ours[key] for key in keys if key in ours}


@resolvers("Run", "summaryMetrics")
def summary_metrics(run: Run, context: Context, *, keys: Sequence[str] | None) -> Any:
    """The summary as it came, or some of it."""
    if keys is None:
        return run.summary_text
    return {key: value for key, value in run.summary.items() if key in keys}


@resolvers("Run", "historyTail")
def history_tail(run: Run, context: Context) -> list[str]:
    """The last history line, in a list: where a resumed run goes on."""
    return _tail(run, context, Stream.HISTORY)


@resolvers("Run", "eventsTail")
def events_tail(run: Run, context: Context) -> list[str]:
    """The last line of system metrics, in a list."""
    return _tail(run, context, Stream.EVENTS)


def _tail(run: Run, context: Context, stream: Stream) -> list[str]:
    return [text for _, text in history.last_lines(context.session, run, stream, 1)]


@resolvers("Run", "sweep")
def sweep(run: Run, context: Context) -> Sweep | None:
    """The sweep that made it, or None."""
    return sweep_store.find_sweep(context.session, run.sweep_id) if run.sweep_id else None


@resolvers("Run", "agent")
def agent(run: Run, context: Context) -> Agent | None:
    """The agent that it was handed to, or None."""
    return sweep_store.get_agent(context.session, run.agent_id) if run.agent_id else None


@resolvers("Run", "computeSeconds")
def compute_seconds(run: Run, context: Context) -> int:
    """Whole seconds from its start to its end, or to its last sign of life."""
    if run.started_at is None:
        return 0
    return max(0, int(((run.ended_at or run.heartbeat_at) - run.started_at).total_seconds()))


def _stop_requested(run: Run) -> bool:
    return run.stop_requested_at is not None


def _user(run: Run) -> User:
    name = run.username or run.project.entity
    return User(name, run.project.entity)


resolvers.fields(
    "Run",
    {
        "id": lambda run: global_id("Run", run.id),
        "name": lambda run: run.wandb_id,
        "internalId": lambda run: global_id("RunInternalId", run.pk),
        "user": _user,
        "entity": lambda run: Entity(run.project.entity),
        "state": run_state,
        "readOnly": lambda run: False,
        "sweepName": lambda run: run.sweep_id,
        "config": lambda run: run.config_text,
        "systemMetrics": lambda run: run.system_metrics_text or "{}",
        "historyLineCount": lambda run: run.history_lines,
        "eventsLineCount": lambda run: run.events_lines,
        "logLineCount": lambda run: run.output_lines,
        "exitcode": lambda run: run.exit_code,
        "shouldStop": _stop_requested,
        "stopped": _stop_requested,
        "failed": lambda run: run.state == RunState.FAILED,
        "running": lambda run: run.state == RunState.RUNNING,
    },
)
