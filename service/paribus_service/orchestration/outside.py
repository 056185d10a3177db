"""Sweeps that a client drives: it says what runs next, and the service hands that out.

Two ways, which W&B's clients have:
- the controller's schedule (`wandb.controller()`): each new entry becomes a trial;
- runs that are enqueued one by one (`Sweep.enqueue_run`, `wandb sweep-scheduler`).

Promises:
- An entry of a schedule becomes one trial, however often it is written: its id is kept.
- A run that is enqueued twice under one display name with one config is one run. Neither way has
  an idempotency key, so one without a name is another run each time.
- The run of such a trial is there at once, and waits; the next idle agent gets that very run.
- More than `run_cap` trials there never are; "no more runs" finishes the sweep with its last one.
- What a failed or interrupted run means is the driver's to say: nothing is queued again unless
  the config has `retry`, but for a run that announced its own preemption.

Source: PROTOCOL 9; wandb 0.31.0, wandb/wandb_controller.py, wandb/apis/public/sweeps.py; wandb
0.21.4, wandb/wandb_controller.py (the same protocol).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration import search, trials
from paribus_service.orchestration.attempts import NAMED, new_attempt
from paribus_service.orchestration.programs import spec_of
from paribus_service.orchestration.reports import factors_of_sweep
from paribus_service.settings import Settings
from paribus_service.store import early_stops, events
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import RUN_LIVE, SWEEP_ENDED
from paribus_service.store.tables import Run, Sweep
from paribus_sweeps.analysis.execution_keys import REPLICATE_KEYS
from paribus_sweeps.analysis.observed import flat
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.errors import Problem, pointer
from paribus_sweeps.factors import level_label
from paribus_sweeps.spec import driver_of

_SCHEDULED = "schedule/"
"""Begins the key of a trial that came by the controller's schedule."""
_RESERVED = ("_wandb", "wandb_version")


DrivenBy = Literal["service", "controller", "scheduler", "client", "wandb_server"]


def driven_by(sweep: Sweep) -> DrivenBy:
    """Who says what the sweep runs next: this service, a client, or a W&B server by itself."""
    driver = driver_of(sweep.config)
    if driver is None and sweep.upstream is not None and sweep.upstream.way == "own":
        return "wandb_server"
    return driver or "service"


def may_get_more(sweep: Sweep) -> bool:
    """Whether whoever drives the sweep may still add trials; False where the service does."""
    if driver_of(sweep.config) is None or sweep.state in SWEEP_ENDED:
        return False
    return sweep.expected_trials is None or _made(sweep) < sweep.expected_trials


def _made(sweep: Sweep) -> int:
    return sum(sweep.trial_counts.values())


# ---- runs that are enqueued


def enqueue(
    session: Session,
    sweep: Sweep,
    config: Mapping[str, Any],
    *,
    display_name: str | None,
    asked_by: str,
    settings: Settings,
    now: datetime,
) -> Run:
    """Put a run into the queue of a sweep; the next idle agent is given it.

    Args:
        session: A writing session.
        sweep: Driven by a client.
        config: key → value, or as W&B wraps it: key → {"value": value}.
        display_name: A second run of this name and config is the first one again.
        asked_by: Name of the key.
        settings: For the limits.
        now: The moment.

    Raises:
        InvalidRequest: The sweep makes its own trials, has ended or is full, or the config cannot
            be a trial's.
    """
    if driver_of(sweep.config) is None:
        raise _makes_its_own(sweep)
    args = _unwrapped(config, "/config")
    key = f"{NAMED}{display_name}" if display_name else None
    known = _same_run(session, sweep, key, args)
    if known is not None:
        return known
    _refuse_if_full(sweep, settings)
    return _add(
        session, sweep, args, "/config", key=key, reason=f"enqueued by {asked_by}", now=now
    )


def _same_run(session: Session, sweep: Sweep, key: str | None, args: dict[str, Any]) -> Run | None:
    """The run that counts for a trial of this name and config."""
    for trial in sweep_store.trials_named(session, sweep.id, key) if key else ():
        run = trials.counting_run(session, trial)
        if trial.args == args and run is not None:
            return run
    return None


def _makes_its_own(sweep: Sweep) -> InvalidRequest:
    kind = "design" if "design" in sweep.config else f"{sweep.method} search"
    return InvalidRequest.one(
        "/id",
        f"sweep {sweep.id} is a {kind} whose trials the service makes: no run can be enqueued",
        code="not_driven_by_a_client",
        hint="register a sweep with method: custom for runs of your own, or queue follow-ups "
        "of a design with `paribus follow-ups`",
    )


def _refuse_if_full(sweep: Sweep, settings: Settings) -> None:
    reason = _full(sweep, settings)
    if reason is not None:
        hint = "resume the sweep first" if sweep.state == "stopped" else None
        raise InvalidRequest.one("/id", f"no run can be added: {reason}", code="full", hint=hint)


def _full(sweep: Sweep, settings: Settings) -> str | None:
    """Why a sweep takes no more trials; None where it does."""
    if sweep.upstream is not None:
        return f"sweep {sweep.id} is tracked on {sweep.upstream.base_url}, which takes its runs"
    if sweep.state in SWEEP_ENDED:
        return f"sweep {sweep.id} is {sweep.state}"
    if sweep.run_cap is not None and _made(sweep) >= sweep.run_cap:
        return f"sweep {sweep.id} has as many trials as its run_cap of {sweep.run_cap}"
    if _made(sweep) >= settings.max_trials:
        return f"sweep {sweep.id} has {settings.max_trials} trials, the limit of this service"
    return None


# ---- the controller's schedule


def take_controller(
    session: Session, sweep: Sweep, text: str, *, settings: Settings, now: datetime
) -> list[str]:
    """Do what the client's controller wrote: make runs of new entries, stop runs early.

    Returns:
        What was understood and not done, in sentences; the client prints them.

    Raises:
        InvalidRequest: It is not what a controller writes, or not this sweep's.
    """
    told = _read_controller(text)
    if not told and driver_of(sweep.config) != "controller":
        return []
    if driver_of(sweep.config) != "controller":
        raise InvalidRequest.one(
            "/controller",
            f"sweep {sweep.id} has no controller of the client's",
            code="not_driven_by_a_client",
            hint="register it with `controller: {type: local}`",
        )
    sweep.controller = text
    trials.touch_sweep(sweep, now=now)
    return [
        *_schedule(session, sweep, _list(told, "schedule"), settings=settings, now=now),
        *_stop_early(session, sweep, _list(told, "earlystop"), now=now),
    ]


def _read_controller(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest.one("/controller", f"it holds no JSON: {error}") from error
    if not isinstance(told, dict):
        raise InvalidRequest.one("/controller", "it holds no object with a schedule")
    for key in told:
        if key not in ("schedule", "earlystop"):
            message = f"a controller writes schedule and earlystop, and not {key!r}"
            raise InvalidRequest.one(pointer("controller", key), message, code="not_offered")
    return told


def _list(told: Mapping[str, Any], key: str) -> list[Any]:
    found = [] if told.get(key) is None else told[key]
    if not isinstance(found, list):
        raise InvalidRequest.one(f"/controller/{key}", "a list was expected")
    return found


def _schedule(
    session: Session, sweep: Sweep, entries: list[Any], *, settings: Settings, now: datetime
) -> Iterator[str]:
    for place, entry in enumerate(entries):
        where = f"/controller/schedule/{place}"
        entry_id, args = _entry(entry, where)
        key = f"{_SCHEDULED}{entry_id}"
        if args is None:
            _no_more(session, sweep, now=now)
        elif not sweep_store.trials_named(session, sweep.id, key):
            full = _full(sweep, settings)
            if full is None:
                reason = "scheduled by the client's controller"
                _add(session, sweep, args, where, key=key, reason=reason, now=now)
            else:
                yield f"schedule: no run was made of the entry {entry_id}, since {full}"


def _entry(entry: Any, where: str) -> tuple[str, dict[str, Any] | None]:
    """(id, arguments) of an entry; no arguments say that there are no more runs."""
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str) or not entry["id"]:
        raise InvalidRequest.one(f"{where}/id", "an entry of the schedule needs an id, a text")
    data = entry.get("data")
    if not isinstance(data, dict) or "args" not in data:
        message = 'an entry needs its arguments: {"args": {…}}, or {"args": null} for no more runs'
        raise InvalidRequest.one(f"{where}/data", message)
    if data["args"] is None:
        return entry["id"], None
    return entry["id"], _unwrapped(data["args"], f"{where}/data/args")


def _no_more(session: Session, sweep: Sweep, *, now: datetime) -> None:
    """What was made is all there will be: the sweep finishes with its last trial."""
    if sweep.state in SWEEP_ENDED or sweep.expected_trials == _made(sweep):
        return
    sweep.expected_trials = _made(sweep)
    reason = f"the client's controller has no more runs: there are {_made(sweep)}"
    events.note(session, "sweep.complete", now=now, sweep_id=sweep.id, reason=reason)
    trials.finish_if_done(session, sweep, now=now)


def _stop_early(
    session: Session, sweep: Sweep, names: list[Any], *, now: datetime
) -> Iterator[str]:
    for name in names:
        run = run_store.find_run(session, sweep.project_id, str(name))
        if run is None or run.sweep_id != sweep.id:
            yield f"earlystop: sweep {sweep.id} has no run {name!r}"
        elif run.state in RUN_LIVE and run.stop_requested_at is None:
            reason = "the client's controller stops it early"
            events.note(
                session,
                early_stops.STOPPED,
                now=now,
                reason=reason,
                sweep_id=sweep.id,
                trial_id=run.trial_id,
                run_id=run.id,
                agent_id=run.agent_id,
            )
            trials.request_stop(session, run, now=now, reason=reason)


def scheduled(session: Session, sweep: Sweep) -> str | None:
    """What the controller reads: which run each entry became, as JSON; None without one."""
    if driver_of(sweep.config) != "controller":
        return None
    runs = [
        {"id": key.removeprefix(_SCHEDULED), "runid": run_id}
        for key, run_id in sweep_store.runs_named(session, sweep.id, _SCHEDULED)
    ]
    return json.dumps({"scheduled": runs})


# ---- both


def _unwrapped(config: Any, where: str) -> dict[str, Any]:
    """A run's arguments, out of W&B's wrapping where every value has it."""
    if not isinstance(config, Mapping):
        raise InvalidRequest.one(where, "an object was expected: key → value")
    for key in config:
        if key in _RESERVED:
            message = f"{key} is W&B's own part of a config, and no setting of a run"
            raise InvalidRequest.one(where + pointer(key), message, code="reserved_key")
    wrapped = [key for key, value in config.items() if _is_wrapped(value)]
    if len(wrapped) == len(config):
        return {key: value["value"] for key, value in config.items()}
    return dict(config)


def _is_wrapped(value: Any) -> bool:
    return isinstance(value, Mapping) and "value" in value and set(value) <= {"value", "desc"}


def _add(
    session: Session,
    sweep: Sweep,
    args: dict[str, Any],
    where: str,
    *,
    key: str | None,
    reason: str,
    now: datetime,
) -> Run:
    """A trial of these arguments, queued, with its run."""
    _check(session, sweep, args, where)
    planned = laid_out(sweep, args, sweep_store.next_trial_number(session, sweep.id))
    trial = search.add_trial(session, sweep, planned, now=now, reason=reason)
    trial.driver_key = key
    run = new_attempt(session, sweep, trial, now=now)
    trial.run_pk = run.pk
    if sweep.expected_trials is not None and _made(sweep) > sweep.expected_trials:
        sweep.expected_trials = sweep.run_cap  # it was said that there are no more, and there are
    trials.touch_sweep(sweep, now=now)
    session.flush()
    return run


def _check(session: Session, sweep: Sweep, args: Mapping[str, Any], where: str) -> None:
    """Let the program's schema look at the arguments, where there is one."""
    program = spec_of(session, sweep).program_schema
    problems: Sequence[Problem] = program.check(args) if program is not None else ()
    if problems:
        raise InvalidRequest(
            [Problem(where + p.pointer, p.code, p.message, p.hint) for p in problems]
        )


def laid_out(sweep: Sweep, args: dict[str, Any], number: int) -> PlannedTrial:
    """The trial, laid out by the factors that the config declares."""
    held = flat(args)
    factors = [factor.name for factor in factors_of_sweep(sweep)]
    setting = {name: level_label(held[name]) if name in held else UNSET for name in factors}
    replicate = {key: args[key] for key in REPLICATE_KEYS if key in args and key not in setting}
    return PlannedTrial(number, setting, replicate, args)
