"""From rows to answers: what `paribus_sweeps.analysis` says about a sweep's runs."""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, nearest
from paribus_service.orchestration.programs import find_schema
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import RunState
from paribus_service.store.tables import Run, Sweep, Trial
from paribus_sweeps.analysis.best_runs import Goal, best_per_factor
from paribus_sweeps.design.confounding import (
    MovedTogether,
    moved_together,
    moved_together_by_design,
)
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.design.matching import matched_pairs
from paribus_sweeps.factors import Factor, Level, level_label
from paribus_sweeps.runs import Run as AnalysedRun
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS

RunUrl = Callable[[Run], str]
EFFECTS_NOT_OFFERED = (
    "Whether a difference between levels is more than the noise between seeds is not offered yet: "
    "a best run is a fact, a best level would be a claim."
)
GOALS: tuple[Goal, ...] = ("minimize", "maximize")


def best(
    session: Session,
    sweep: Sweep,
    *,
    response: str | None = None,
    goal: str | None = None,
    factor_names: Sequence[str] = (),
    bins: int | None = None,
    run_url: RunUrl,
) -> dict[str, Any]:
    """Best run per factor: for each level of each, which run, and what could not be ranked.

    Args:
        session: A reading session.
        sweep: The sweep.
        response: Summary key that runs are ranked by; the sweep's metric by default.
        goal: `minimize` or `maximize`; the metric's own by default.
        factor_names: Only these factors; all by default.
        bins: Quantile bins for continuous factors; none by default.
        run_url: Where a run's page is.

    Raises:
        InvalidRequest: No response or goal is known, or a name is not.
    """
    factors = _chosen(factors_of_sweep(sweep), factor_names)
    response = _response(sweep, response)
    goal = _goal(session, sweep, response, goal)
    runs = analysed_runs(session, sweep, factors_of_sweep(sweep), response, run_url=run_url)
    together = moved_together(factors_of_sweep(sweep), runs, blocks=_blocks(sweep))
    answer = best_per_factor(
        runs, factors, response=response, goal=goal, together=together, bins=bins
    )
    pairs = matched_pairs(factors_of_sweep(sweep), runs, blocks=_blocks(sweep))
    return {
        "sweep_id": sweep.id,
        "state": sweep.state,
        "data_version": _data_version(response, runs),
        **answer.as_dict(),
        "matched_pairs": [found.as_dict() for found in pairs],
        "moved_together": [fact.as_dict() for fact in together],
        "not_offered": EFFECTS_NOT_OFFERED,
    }


def factors_of_sweep(sweep: Sweep) -> tuple[Factor, ...]:
    """The factors as they were stored when the sweep was registered."""
    return tuple(
        Factor(
            name=stored["name"],
            keys=tuple(stored["keys"]),
            levels=tuple(Level(lv["label"], lv["values"]) for lv in stored["levels"]),
            baseline=stored["baseline"],
            kind=stored["kind"],
        )
        for stored in sweep.factors
    )


def planned_together(session: Session, sweep: Sweep) -> tuple[MovedTogether, ...]:
    """Which factors the sweep's settings cannot tell apart, even if every trial finishes."""
    rows = sweep_store.list_trials(session, sweep.id)
    planned = [PlannedTrial(t.number, t.setting, t.replicate, t.args) for t in rows]
    return moved_together_by_design(factors_of_sweep(sweep), planned)


def _blocks(sweep: Sweep) -> Sequence[str]:
    """The blocks that the design declares: what differs between runs and is not under study."""
    design = sweep.config.get("design") or {}
    declared: Sequence[str] = design.get("blocks", DEFAULT_BLOCKS)
    return declared


def _chosen(factors: tuple[Factor, ...], names: Sequence[str]) -> tuple[Factor, ...]:
    known = {factor.name: factor for factor in factors}
    for name in names:
        if name not in known:
            near = nearest(name, known)
            raise InvalidRequest.one(
                "?factors",
                f"this sweep has no factor {name!r}",
                hint=f"did you mean {near!r}?" if near else f"it has {', '.join(known) or 'none'}",
            )
    return tuple(known[name] for name in names) if names else factors


def _response(sweep: Sweep, response: str | None) -> str:
    chosen = response or sweep.metric_name
    if chosen is None:
        raise InvalidRequest.one(
            "?response", "this sweep names no metric: say which summary key to rank by"
        )
    return chosen


def _goal(session: Session, sweep: Sweep, response: str, goal: str | None) -> Goal:
    if goal is None and response == sweep.metric_name:
        goal = sweep.metric_goal
    if goal is None:
        goal = _published_goal(session, sweep, response)
    for known in GOALS:
        if goal == known:
            return known
    raise InvalidRequest.one("?goal", f"{goal!r}: expected {' or '.join(GOALS)}")


def _published_goal(session: Session, sweep: Sweep, response: str) -> str:
    schema = find_schema(session, sweep.program) if sweep.program else None
    told = (schema.responses.get(response) or {}) if schema is not None else {}
    if "goal" not in told:
        raise InvalidRequest.one(
            "?goal", f"which way is {response!r} better? say goal=minimize or goal=maximize"
        )
    return str(told["goal"])


def analysed_runs(
    session: Session,
    sweep: Sweep,
    factors: Sequence[Factor],
    response: str,
    *,
    run_url: RunUrl,
) -> list[AnalysedRun]:
    """One entry for each trial: its counting run, or the trial itself while it has none.

    Raises:
        InvalidRequest: Runs have finished, and none of them has the response.
    """
    trials = sweep_store.list_trials(session, sweep.id)
    runs = run_store.run_outlines(session, {t.run_pk for t in trials if t.run_pk is not None})
    values = run_store.summary_scalars(session, runs.keys(), response)
    _require_response(session, runs, values, response)
    hosts = run_store.hosts_of_agents(session, {r.agent_id for r in runs.values() if r.agent_id})
    return [
        _analysed(trial, runs.get(trial.run_pk or -1), factors, values, hosts, response, run_url)
        for trial in trials
    ]


def _require_response(
    session: Session, runs: dict[int, Run], values: dict[int, Any], response: str
) -> None:
    finished = [pk for pk, run in runs.items() if run.state == RunState.FINISHED]
    if not finished or values:
        return
    known = run_store.summary_keys(session, finished)
    near = nearest(response, known)
    raise InvalidRequest.one(
        "?response",
        f"none of the {len(finished)} finished runs has {response!r} in its summary",
        code="unknown_response",
        hint=f"did you mean {near!r}?" if near else f"they have {', '.join(known[:20])}",
    )


def _analysed(
    trial: Trial,
    run: Run | None,
    factors: Sequence[Factor],
    values: dict[int, tuple[float | None, str | None]],
    hosts: dict[str, str],
    response: str,
    run_url: RunUrl,
) -> AnalysedRun:
    setting = _setting(trial, factors)
    if run is None:
        return AnalysedRun(
            id=trial.id,
            setting=setting,
            value=None,
            state=trial.state,
            reason=trial.reason,
            replicate=trial.replicate,
        )
    value, note = _value(values.get(run.pk), response)
    blocks = {"gpu_name": run.gpu_name, "host": run.host or hosts.get(run.agent_id or "")}
    return AnalysedRun(
        id=run.id,
        setting=setting,
        value=value,
        value_note=note,
        state=trial.state,
        reason=trial.reason,
        wandb_id=run.wandb_id,
        name=run.display_name or run.wandb_id,
        url=run_url(run),
        replicate=trial.replicate,
        started_at=run.started_at,
        finished_at=run.ended_at,
        blocks={name: block for name, block in blocks.items() if block},
    )


def _setting(trial: Trial, factors: Sequence[Factor]) -> dict[str, str | None]:
    """The trial's labels; of a search, whose trials have none, those of its values."""
    if trial.setting:
        return dict(trial.setting)
    return {
        factor.name: level_label(run_store.lookup(trial.args, factor.keys[0]))
        for factor in factors
    }


def _value(
    scalar: tuple[float | None, str | None] | None, response: str
) -> tuple[float | None, str | None]:
    if scalar is None:
        return None, f"{response} is not in its summary"
    number, text = scalar
    return (number, None) if number is not None else (None, f"{response} is {text}")


def _data_version(response: str, runs: Sequence[AnalysedRun]) -> str:
    """The same for the same runs, states and values, whatever their order."""
    rows = sorted((run.id, run.state, repr(run.value)) for run in runs)
    return hashlib.sha256(json.dumps([response, rows]).encode()).hexdigest()[:16]
