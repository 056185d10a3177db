"""The experiment behind a sweep, as a W&B client sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import wandb

from .experiment import (
    UNSET,
    CannotRecompute,
    Experiment,
    Factor,
    Run,
    counting,
    label_of,
    value_at,
)

PLACES = {"gpu_name": ("gpu_name", "gpu"), "host": ("host",)}
"""Block → the keys of a run's config and metadata that name it, the first that is there."""


def read(path: str, ids: Mapping[str, str], declared: Mapping[str, Any]) -> Experiment:
    """The experiment behind a sweep: what was declared, and its runs from `wandb.Api()` alone.

    Args:
        path: ENTITY/PROJECT/SWEEP.
        ids: W&B's id of a run → the id that the report has for it.
        declared: The config as it was registered; W&B's own has no key for a design, and
            shows what each factor varies as parameters.

    Raises:
        CannotRecompute: No design, a kind of block that a client cannot see, a trial without run.
    """
    sweep = wandb.Api(timeout=60).sweep(path)
    design, metric = declared.get("design"), sweep.config.get("metric")
    if not design or not metric:
        raise CannotRecompute(f"{path} has no design or no metric: nothing says what was asked")
    factors = [_factor(name, told) for name, told in design["factors"].items()]
    replicates = list(design.get("replicates") or {})
    blocks = list(design.get("blocks", ["gpu_name"]))
    unknown = [name for name in blocks if name not in PLACES]
    if unknown:
        raise CannotRecompute(f"block {unknown[0]!r}: what a client sees does not name it")
    runs = [
        _run(run, ids[run.id], factors, replicates, blocks, metric["name"]) for run in sweep.runs
    ]
    return Experiment(
        factors,
        replicates,
        blocks,
        counting(runs),
        response=metric["name"],
        goal=metric.get("goal", "minimize"),
        smallest_effect=design.get("smallest_effect"),
        held={
            key: told["value"]
            for key, told in (declared.get("parameters") or {}).items()
            if "value" in told
        },
    )


def _factor(name: str, told: Mapping[str, Any]) -> Factor:
    levels, baseline = told["levels"], told.get("baseline")
    if isinstance(levels, Mapping):
        return Factor(name, levels, baseline)
    named = {label_of(value): {name: value} for value in levels}
    return Factor(name, named, None if baseline is None else label_of(baseline))


def _run(
    run: Any,
    own_id: str,
    factors: Sequence[Factor],
    replicates: Sequence[str],
    blocks: Sequence[str],
    response: str,
) -> Run:
    config, beside = dict(run.config), dict(run.metadata or {})
    places = {name: _place({**beside, **config}, name) for name in PLACES}
    value = run.summary.get(response)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Run(
        id=own_id,
        setting={factor.name: factor.level_of(config) for factor in factors},
        replicate={key: value_at(config, key) for key in replicates},
        blocks={name: places[name] for name in blocks},
        state=run.state,
        value=float(value) if is_number else None,
        created_at=str(run.created_at),
        wandb_id=run.id,
        recorded={**beside, **config, **dict(run.summary), **places},
    )


def _place(told: Mapping[str, Any], block: str) -> str:
    found = (told[key] for key in PLACES[block] if told.get(key))
    return str(next(found, "cpu" if block == "gpu_name" else UNSET))
