"""A sweep's life: registered → running ⇄ paused → finished | stopped | cancelled."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from typing import Any

import yaml
from sqlalchemy.orm import Session

from paribus_service.errors import (
    AlreadyExists,
    IllegalTransition,
    InvalidRequest,
    NotAllowed,
    NotOfferedHere,
)
from paribus_service.ids import new_id
from paribus_service.orchestration import names, search, trials
from paribus_service.orchestration.programs import find_schema, schemas
from paribus_service.settings import Settings
from paribus_service.store import events, mirrors, projects
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import (
    SWEEP_ENDED,
    RunState,
    SweepState,
    TrialState,
)
from paribus_service.store.tables import Sweep, Trial
from paribus_sweeps.analysis.execution_keys import REPLICATE_KEYS
from paribus_sweeps.design.confounding import MovedTogether, moved_together_by_design
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.design.grids import count, expand
from paribus_sweeps.design.host_price import MeasuredRun
from paribus_sweeps.design.price import Price, price
from paribus_sweeps.design.search_space import factors_of
from paribus_sweeps.factors import Factor
from paribus_sweeps.programs import ProgramSchema
from paribus_sweeps.spec import Retry, SweepSpec, driver_of

DEFAULT_PROJECT = "uncategorized"  # W&B's own name for runs and sweeps that name none


@dataclass(frozen=True, slots=True)
class Plan:
    """What a config would do, before anything is written."""

    spec: SweepSpec
    factors: tuple[Factor, ...]
    trials: tuple[PlannedTrial, ...]
    """Every trial of a design or grid; empty for a search, whose trials are drawn one by one."""
    expected_trials: int | None
    price: Price | None
    """None for a search, whose trials are not known beforehand."""
    moved_together: tuple[MovedTogether, ...]
    """Factors that this plan can never tell apart."""
    aliases: dict[str, Any] | None
    """What it will be able to tell, and what not (`alias_structure.told_of`)."""
    schema: ProgramSchema | None


def read_spec(
    session: Session, config: Mapping[str, Any] | str, *, settings: Settings
) -> SweepSpec:
    """The spec in a config, checked against its program's schema.

    Raises:
        InvalidSpec: With every problem that was found (`paribus_sweeps.errors`).
    """
    known = schemas(session)
    if isinstance(config, str):
        return SweepSpec.from_text(config, programs=known, max_trials=settings.max_trials)
    return SweepSpec.from_config(config, programs=known, max_trials=settings.max_trials)


def plan(
    session: Session,
    config: Mapping[str, Any] | str,
    *,
    settings: Settings,
    hours_by_host: bool = False,
) -> Plan:
    """What registering this config would make; writes nothing.

    Args:
        session: A reading session, or a writing one.
        config: As `register` takes it.
        settings: For the limits.
        hours_by_host: Price it on each kind of host where the program ran before: histories are
            read for it, so not under a write lock.

    Raises:
        InvalidSpec: The config cannot be a sweep, or is larger than the limit.
    """
    spec = read_spec(session, config, settings=settings)
    schema = find_schema(session, spec.program) if spec.program else None
    planned = () if spec.is_search else expand(spec, limit=settings.max_trials)
    factors = _factors_of(spec)  # once the trials are known to be few enough
    measured = _measured(session, spec, schema) if planned and hours_by_host else ()
    return Plan(
        spec=spec,
        factors=factors,
        trials=planned,
        expected_trials=count(spec, limit=settings.max_trials),
        price=price(spec, planned, schema, measured=measured) if planned else None,
        moved_together=moved_together_by_design(factors, planned),
        aliases=_aliases(spec, planned),
        schema=schema,
    )


def _factors_of(spec: SweepSpec) -> tuple[Factor, ...]:
    """What the sweep studies; where a client drives it, a seed only tells repetitions apart."""
    factors = factors_of(spec)
    if spec.driver is None:
        return factors
    return tuple(factor for factor in factors if factor.name not in REPLICATE_KEYS)


def _measured(
    session: Session, spec: SweepSpec, schema: ProgramSchema | None
) -> Sequence[MeasuredRun]:
    """Earlier runs of the program with their rates; numpy comes with the first plan."""
    if schema is None or spec.program is None:
        return ()
    found: Sequence[MeasuredRun] = import_module(
        "paribus_service.orchestration.measured_rates"
    ).measured_runs(session, spec.program, schema)
    return found


def _aliases(spec: SweepSpec, planned: tuple[PlannedTrial, ...]) -> dict[str, Any] | None:
    """What the plan will be able to tell; numpy comes with the first one, and not before."""
    told: dict[str, Any] | None = import_module("paribus_sweeps.design.alias_structure").told_of(
        spec, planned
    )
    return told


def register(
    session: Session,
    config: Mapping[str, Any] | str,
    *,
    entity: str,
    project: str | None = None,
    caller_decides: bool = False,
    sweep_id: str | None = None,
    is_there: bool = False,
    created_by: str | None,
    settings: Settings,
    now: datetime,
) -> Sweep:
    """Register a sweep; agents can ask for runs at once.

    Args:
        session: A writing session.
        config: A W&B sweep config, with or without `design`: mapping, YAML or JSON text.
        entity: Where the config names none.
        project: Where the config names none (the client's own setting).
        caller_decides: `entity` and `project` win over the config's, as they do for W&B's client.
        sweep_id: Chosen by the caller, else made.
        is_there: It was registered on a W&B server too (`orchestration.upstream.launching`).
        created_by: Name of the key.
        settings: For the limits and defaults.
        now: The moment.

    Raises:
        InvalidSpec: The config cannot be a sweep.
        InvalidRequest: A name that cannot stand in an address.
        AlreadyExists: `sweep_id` is taken.
        NotOfferedHere: The config asks for a W&B server, and it was not registered there.
    """
    made = plan(session, config, settings=settings)
    spec = made.spec
    if spec.tracking == "upstream" and not is_there:
        raise NotOfferedHere(
            "`tracking: upstream` from a wandb client, which registers where it points to,",
            hint="use `paribus launch`, or POST /api/v1/sweeps",
        )
    entity, project_name = home_of(spec, entity, project, caller_decides=caller_decides)
    sweep_id = sweep_id or new_id()
    if sweep_store.find_sweep(session, sweep_id) is not None:
        raise AlreadyExists("sweep", sweep_id)
    home = projects.ensure_project(session, entity, project_name, now=now)
    sweep = Sweep(
        id=sweep_id,
        project_id=home.id,
        name=spec.name or sweep_id,  # W&B shows the id of one without a name
        description=spec.description,
        state=SweepState.REGISTERED,
        trial_counts={},
        search_seed=random.SystemRandom().getrandbits(53),
        created_by=created_by,
        version=1,
        created_at=now,
        updated_at=now,
        **_from_config(made, settings),
    )
    session.add(sweep)
    session.flush()
    events.note(session, "sweep.registered", now=now, sweep_id=sweep.id, reason=created_by)
    search.add_trials(session, sweep, made.trials, now=now)
    session.flush()
    return sweep


def home_of(
    spec: SweepSpec, entity: str, project: str | None, *, caller_decides: bool = False
) -> tuple[str, str]:
    """Entity and project of a sweep; the arguments are those of `register`.

    Raises:
        InvalidRequest: A name that cannot stand in an address.
    """
    if caller_decides:
        entity, project = entity or spec.entity or "", project or spec.project
    else:
        entity, project = spec.entity or entity, spec.project or project
    return names.check("entity", entity), names.check("project", project or DEFAULT_PROJECT)


def _from_config(made: Plan, settings: Settings) -> dict[str, Any]:
    """The columns of a sweep that follow from its config."""
    spec, retry = made.spec, _retry(made.spec, settings)
    return {
        "method": spec.method,
        "config": dict(spec.config),
        "client_config": client_config(made),
        "metric_name": spec.metric.name if spec.metric else None,
        "metric_goal": spec.metric.goal if spec.metric else None,
        "metric_target": spec.metric.target if spec.metric else None,
        "program": spec.program,
        "factors": [stored_factor(factor) for factor in made.factors],
        "run_cap": spec.run_cap,
        "expected_trials": made.expected_trials,
        "aliases": made.aliases,
        "retry_failed": retry.failed,
        "retry_interrupted": retry.interrupted,
        "resumable": made.schema is not None and made.schema.resumable,
        "warnings": list(spec.warnings),
    }


def _retry(spec: SweepSpec, settings: Settings) -> Retry:
    if "retry" in spec.config:
        return spec.retry
    if spec.driver is not None:
        return Retry(failed=0, interrupted=0)  # who says what runs also says what runs again
    return Retry(failed=settings.retry_failed, interrupted=settings.retry_interrupted)


def stored_factor(factor: Factor) -> dict[str, Any]:
    """A factor as the sweep's row keeps it; `reports.factors_of_sweep` reads it."""
    return {
        "name": factor.name,
        "kind": factor.kind,
        "keys": list(factor.keys),
        "baseline": factor.baseline,
        "levels": [
            {"label": level.label, "values": dict(level.values)} for level in factor.levels
        ],
    }


def client_config(made: Plan) -> str:
    """The YAML that wandb clients read: W&B's keys only, designs as `method: custom`."""
    ours = {"design", "retry", "tracking"}
    config = {key: value for key, value in made.spec.config.items() if key not in ours}
    config["method"] = made.spec.method
    parameters = dict(config.get("parameters") or {})
    for factor in made.factors:
        for key in factor.keys:
            if key not in parameters and "." not in key:
                parameters[key] = {
                    "values": _distinct(level.values[key] for level in factor.levels)
                }
    config["parameters"] = parameters
    return yaml.safe_dump(config, sort_keys=False, allow_unicode=True)


def _distinct(values: Any) -> list[Any]:
    seen: list[Any] = []
    for value in values:
        if value not in seen:
            seen.append(value)
    return seen


def pause(session: Session, sweep: Sweep, *, now: datetime, reason: str) -> None:
    """Hand out nothing more; what runs goes on.

    Raises:
        IllegalTransition: The sweep has ended or is paused.
    """
    _require(sweep, "pause")
    _move(session, sweep, SweepState.PAUSED, now=now, reason=reason)


def resume(session: Session, sweep: Sweep, *, now: datetime, reason: str) -> None:
    """Hand out again; trials that a stop kept from starting wait once more.

    Raises:
        IllegalTransition: The sweep is running, finished or cancelled.
    """
    _require(sweep, "resume")
    if sweep.state == SweepState.STOPPED:
        trials.move_trials(
            session,
            sweep,
            sweep_store.held_back_trials(session, sweep),
            TrialState.QUEUED,
            before=TrialState.STOPPED,
            now=now,
            reason="the sweep was resumed",
        )
    _move(session, sweep, SweepState.RUNNING, now=now, reason=reason)
    sweep.ended_at = None
    trials.finish_if_done(session, sweep, now=now)


def stop(session: Session, sweep: Sweep, *, now: datetime, reason: str) -> None:
    """Hand out nothing more, for good; what runs goes on to its end.

    Raises:
        IllegalTransition: The sweep has ended.
    """
    _require(sweep, "stop")
    _end(session, sweep, SweepState.STOPPED, TrialState.STOPPED, now=now, reason=reason)


def cancel(session: Session, sweep: Sweep, *, now: datetime, reason: str) -> None:
    """Hand out nothing more, and stop what runs.

    Raises:
        IllegalTransition: The sweep was cancelled before, or has finished with nothing live.
    """
    _require(sweep, "cancel")
    _end(session, sweep, SweepState.CANCELLED, TrialState.CANCELLED, now=now, reason=reason)
    for run in run_store.list_runs(session, sweep_id=sweep.id, states=[RunState.RUNNING]):
        trials.request_stop(session, run, now=now, reason=f"the sweep was cancelled: {reason}")


def retry(session: Session, sweep: Sweep, *, now: datetime, reason: str) -> list[Trial]:
    """Queue every failed and interrupted trial again, each under a new run id.

    Returns:
        The trials that wait again, in the order of the design.

    Raises:
        IllegalTransition: The sweep was cancelled or is stopped (resume it first: a stop holds
            other trials back, which would stay behind), or no trial has failed.
    """
    _refuse_theirs(sweep)
    states = [TrialState.FAILED, TrialState.INTERRUPTED]
    failed = list(sweep_store.list_trials(session, sweep.id, states=states))
    if sweep.state in NOTHING_ADDED or not failed:
        raise IllegalTransition(
            "sweep", sweep.id, state=_state_in_words(sweep), verb="retry", legal=legal_verbs(sweep)
        )
    for trial in failed:
        trials.retry_trial(session, trial, now=now, reason=reason)
    run_again(session, sweep, now=now, reason=reason)
    return failed


def retry_one(session: Session, trial: Trial, *, now: datetime, reason: str) -> None:
    """Queue one ended trial again, under a new run id; what it gave before no longer counts.

    Raises:
        IllegalTransition: The trial is open, or its sweep was cancelled or is stopped.
    """
    sweep = sweep_store.get_sweep(session, trial.sweep_id)
    _refuse_theirs(sweep)
    retriable = (TrialState.FAILED, TrialState.INTERRUPTED, TrialState.STOPPED)
    if trial.state not in retriable or sweep.state in NOTHING_ADDED:
        raise IllegalTransition("trial", trial.id, state=trial.state, verb="retry", legal=())
    trials.retry_trial(session, trial, now=now, reason=reason)
    run_again(session, sweep, now=now, reason=reason)


def run_again(session: Session, sweep: Sweep, *, now: datetime, reason: str) -> None:
    """A sweep that had finished has trials to hand out once more; any other state stays."""
    if sweep.state in SWEEP_ENDED:
        _move(session, sweep, SweepState.RUNNING, now=now, reason=reason)
        sweep.ended_at = None


NOTHING_ADDED = (SweepState.CANCELLED, SweepState.STOPPED)
"""States in which no trial is queued; a stopped sweep takes them once it is resumed."""
_VERBS: dict[str, tuple[SweepState, ...]] = {
    "pause": (SweepState.REGISTERED, SweepState.RUNNING),
    "resume": (SweepState.PAUSED, SweepState.STOPPED),
    "stop": (SweepState.REGISTERED, SweepState.RUNNING, SweepState.PAUSED),
    "cancel": (
        SweepState.REGISTERED,
        SweepState.RUNNING,
        SweepState.PAUSED,
        SweepState.STOPPED,
    ),
}


def legal_verbs(sweep: Sweep) -> list[str]:
    """What can be done with a sweep in its state."""
    verbs = [verb for verb, states in _VERBS.items() if sweep.state in states]
    counts = sweep.trial_counts
    failed = counts.get(TrialState.FAILED, 0) + counts.get(TrialState.INTERRUPTED, 0)
    if failed and sweep.state not in NOTHING_ADDED and not is_theirs(sweep):
        verbs.append("retry")
    return verbs


def is_theirs(sweep: Sweep) -> bool:
    """Whether a W&B server's own search says what runs."""
    return sweep.upstream is not None and sweep.upstream.way == "own"


def _refuse_theirs(sweep: Sweep) -> None:
    if is_theirs(sweep):
        raise NotOfferedHere(
            "a retry in a sweep whose runs W&B's own search chooses",
            hint="register the settings as a design, which Paribus hands out",
        )


def _require(sweep: Sweep, verb: str) -> None:
    if sweep.state not in _VERBS[verb]:
        raise IllegalTransition(
            "sweep", sweep.id, state=sweep.state, verb=verb, legal=legal_verbs(sweep)
        )


def _state_in_words(sweep: Sweep) -> str:
    if sweep.state in NOTHING_ADDED:
        return sweep.state
    return f"{sweep.state}, without a failed or interrupted trial"


def _move(
    session: Session, sweep: Sweep, state: SweepState, *, now: datetime, reason: str
) -> None:
    sweep.state, sweep.reason = state, reason
    trials.touch_sweep(sweep, now=now)
    events.note(session, f"sweep.{state}", now=now, sweep_id=sweep.id, reason=reason)


def _end(
    session: Session,
    sweep: Sweep,
    state: SweepState,
    trial_state: TrialState,
    *,
    now: datetime,
    reason: str,
) -> None:
    _move(session, sweep, state, now=now, reason=reason)
    sweep.ended_at = now
    trials.move_waiting(session, sweep, trial_state, now=now, reason=f"the sweep was {state}")
    for run in run_store.list_runs(session, sweep_id=sweep.id, states=[RunState.CREATED]):
        why = f"the sweep was {state} before it started: {reason}"
        trials.request_stop(session, run, now=now, reason=why)
        if run.state == RunState.CREATED:  # one that only waited has ended by that
            trials.end_run(session, run, RunState.STOPPED, now=now, reason=why)


def stop_run(session: Session, run_id: str, *, now: datetime, reason: str) -> None:
    """Ask one live run to stop.

    Raises:
        NotFound: No such run.
        IllegalTransition: It has ended.
        NotAllowed: It was imported: nothing is written where it runs.
    """
    run = run_store.get_run(session, run_id)
    mirror = mirrors.find_mirror(session, run.pk) if run.sweep_id is None else None
    if mirror is not None:
        raise NotAllowed(f"run {run.path} is a mirror of {mirror.url}: stop it there")
    if run.state not in (RunState.CREATED, RunState.RUNNING):
        raise IllegalTransition("run", run_id, state=run.state, verb="stop", legal=())
    trials.request_stop(session, run, now=now, reason=reason)


def update_description(
    sweep: Sweep, *, name: str | None = None, description: str | None = None, now: datetime
) -> None:
    """Change what pages show of a sweep."""
    sweep.name = name or sweep.name
    sweep.description = description if description is not None else sweep.description
    trials.touch_sweep(sweep, now=now)


def replace_config(
    session: Session,
    sweep: Sweep,
    config: Mapping[str, Any] | str,
    *,
    settings: Settings,
    now: datetime,
) -> None:
    """`wandb sweep --update`: another config for a sweep that has not started.

    A client that drives a sweep sends the config with all that it writes: the same one again
    changes nothing.

    Raises:
        InvalidSpec: The config cannot be a sweep.
        InvalidRequest: A trial was handed out already, or the sweep has ended.
        NotOfferedHere: It is tracked on a W&B server.
    """
    if sweep.upstream is not None:
        raise NotOfferedHere(
            f"another config for sweep {sweep.id}, which is tracked on {sweep.upstream.base_url},",
            hint="register a new sweep with this config",
        )
    if driver_of(sweep.config) is not None and _is_the_same(session, sweep, config, settings):
        return
    if sweep.state in SWEEP_ENDED:
        raise InvalidRequest.one(
            "/config",
            f"sweep {sweep.id} is {sweep.state}, and takes no other config",
            hint="register a new sweep with this config",
        )
    if sweep_store.has_attempts(session, sweep.id):
        raise InvalidRequest.one(
            "/config",
            f"sweep {sweep.id} has started, and its trials keep their settings: changing a "
            "started sweep is not offered yet",
            code="not_offered",
            hint="register a new sweep with this config",
        )
    made = plan(session, config, settings=settings)
    sweep_store.delete_trials(session, sweep.id)
    sweep.trial_counts = {}
    sweep.name = made.spec.name or sweep.name
    sweep.description = made.spec.description or sweep.description
    for column, value in _from_config(made, settings).items():
        setattr(sweep, column, value)
    search.add_trials(session, sweep, made.trials, now=now)
    trials.touch_sweep(sweep, now=now)
    events.note(session, "sweep.updated", now=now, sweep_id=sweep.id)


def _is_the_same(
    session: Session, sweep: Sweep, config: Mapping[str, Any] | str, settings: Settings
) -> bool:
    """Whether a config says what clients were given: they write out what it left open."""
    given = read_spec(session, config, settings=settings)
    known = read_spec(session, sweep.client_config, settings=settings)
    beside = [
        {key: value for key, value in spec.config.items() if key != "parameters"}
        for spec in (given, known)
    ]
    return beside[0] == beside[1] and given.parameters == known.parameters
