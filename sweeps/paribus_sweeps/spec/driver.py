"""Who says what a sweep runs next: the service, or a client that drives it from outside.

    driver_of({"method": "grid", …})                                   # None: the service
    driver_of({"method": "bayes", "controller": {"type": "local"}, …}) # "controller"
    driver_of({"scheduler": {"engine": "optuna"}, …})                  # "scheduler"
    driver_of({"method": "custom", …})                                 # "client": it enqueues runs

Source: wandb 0.31.0, wandb/wandb_controller.py (`wandb.controller()`), wandb/cli/cli.py
(`wandb sweep-scheduler`, which does not start without a metric) and
wandb/sdk/sweeps/scheduler (what it reads of `scheduler`),
wandb/apis/public/sweeps.py (`Sweep.enqueue_run`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from paribus_sweeps.errors import did_you_mean
from paribus_sweeps.spec.reading import Keys

Driver = Literal["controller", "scheduler", "client"]

_ENGINES = ("wandb", "optuna", "ax")
_SCHEDULER_KEYS = ("engine", "optimizer", "search_space", "source")
_LAUNCH_KEYS = ("job", "settings", "resource", "resource_args", "docker_image", "num_workers")


def driver_of(config: Mapping[str, Any]) -> Driver | None:
    """Return who drives a sweep, of a config that was checked; None: the service itself."""
    controller = config.get("controller")
    if isinstance(controller, Mapping) and controller.get("type") == "local":
        return "controller"
    if config.get("scheduler") is not None:
        return "scheduler"
    is_custom = config.get("method") == "custom" and config.get("design") is None
    return "client" if is_custom else None


def client_stops_runs(config: Mapping[str, Any]) -> bool:
    """Whether `early_terminate` is the client's to decide, and not the service's."""
    return driver_of(config) in ("controller", "scheduler")


def read_driver(keys: Keys) -> Driver | None:
    """Return who drives the sweep; problems with what says so are noted."""
    _check_controller(keys)
    _check_scheduler(keys)
    driver = driver_of(keys.mapping)
    if driver == "controller" and keys.mapping.get("scheduler") is not None:
        message = "scheduler beside controller type local: two clients would drive one sweep"
        keys.refuse("conflict", message, "scheduler", hint="leave one of them out")
    if driver == "scheduler" and keys.mapping.get("metric") is None:
        message = "wandb sweep-scheduler needs the metric that it searches by, and there is none"
        keys.refuse("missing", message, "metric", hint="name one, with its goal")
    if driver in ("controller", "scheduler") and keys.mapping.get("design") is not None:
        message = f"{driver} beside a design, which says what runs"
        keys.refuse("conflict", message, driver, hint="leave one of them out")
    return driver


def _check_controller(keys: Keys) -> None:
    controller = keys.mapping_at("controller")
    if controller is not None:
        inner = Keys(controller, "/controller", keys.problems)
        inner.refuse_others(("type",))
        inner.choice("type", ("local", "cloud"))


def _check_scheduler(keys: Keys) -> None:
    scheduler = keys.mapping_at("scheduler")
    if scheduler is None:
        return
    inner = Keys(scheduler, "/scheduler", keys.problems)
    for key in scheduler:
        if key in _LAUNCH_KEYS:
            message = f"{key} is not offered yet: W&B Launch; run `wandb agent` on the hosts"
            inner.refuse("not_offered", message, key)
        elif key not in _SCHEDULER_KEYS:
            hint = did_you_mean(key, _SCHEDULER_KEYS) or f"known: {', '.join(_SCHEDULER_KEYS)}"
            inner.refuse("unknown_key", f"a scheduler has no key {key!r}", key, hint=hint)
    if inner.choice("engine", _ENGINES) is None and scheduler.get("engine") is None:
        message = f"a scheduler needs an engine: {', '.join(_ENGINES)}"
        inner.refuse("missing", message, "engine")
