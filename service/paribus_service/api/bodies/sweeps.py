"""Bodies about sweeps, their factors and their trials."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field

from paribus_service.api import links
from paribus_service.api.bodies.aliases import AliasesOut
from paribus_service.api.bodies.base import Answer, Asked, Json, JsonObject
from paribus_service.orchestration import outside, registry
from paribus_service.orchestration.registry import Plan
from paribus_service.orchestration.upstream import launching
from paribus_service.store.states import SweepState, TrialState
from paribus_service.store.tables import Event, Sweep, Trial
from paribus_sweeps.design.confounding import MovedTogether
from paribus_sweeps.factors import Factor

Verb = Literal["pause", "resume", "stop", "cancel", "retry"]


class ReasonIn(Asked):
    """Why, in words; it stands in the log of events."""

    reason: str | None = Field(None, max_length=1000)


class MetricOut(Answer):
    """What runs are ranked by."""

    name: str
    goal: Literal["minimize", "maximize"] | None
    """None where the config does not say; W&B then minimizes."""


class ThereOut(Answer):
    """Where a sweep is that a W&B server holds, and how it goes there."""

    base_url: str
    """The server."""
    path: str
    """entity/project/sweep, as `wandb agent` takes it there."""
    url: str
    """The sweep's page there."""
    way: Literal["own", "enqueue", "controller"]
    """Who says what runs next: W&B's own search; or we do, run by run or by a schedule."""
    state: str
    """W&B's word, as last seen."""
    agents: int
    """Agents that asked for runs there, as last seen."""
    looked_at: datetime | None
    """When the server last answered."""
    problem: str | None
    """Why the sweep does not go on now."""
    problem_since: datetime | None


class SweepOut(Answer):
    """A registered sweep."""

    id: str
    name: str
    description: str | None
    entity: str
    project: str
    state: SweepState
    reason: str | None
    """Why it is in this state."""
    can: list[Verb]
    """What can be done with it in this state."""
    method: str
    metric: MetricOut | None
    program: str | None
    tracking: Literal["embedded", "upstream"]
    """Where its runs report: here, or on a W&B server."""
    upstream: ThereOut | None
    """Of a sweep that a W&B server holds."""
    driven_by: outside.DrivenBy
    """Who says what runs next: this service; a client's controller or scheduler, or one that
    enqueues run by run; or a W&B server's own search."""
    run_cap: int | None
    expected_trials: int | None
    """Size of the design or grid, or the cap; null for a search without end."""
    trial_counts: dict[TrialState, int]
    """Number of trials in each state."""
    config: JsonObject
    """As registered, with `design`, plus the filled-in `command`."""
    warnings: list[str]
    version: int
    """Rises with every change; the ETag."""
    revision: int
    """Rises when trials are added to those that were registered."""
    created_by: str | None
    """Name of the key that registered it."""
    created_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    agent_command: str
    """What to start on a GPU host, with WANDB_BASE_URL and WANDB_API_KEY set."""
    links: dict[str, str]

    @classmethod
    def of(cls, sweep: Sweep, base: str) -> Self:
        """The body for a sweep; `base` is where links begin."""
        return cls(**cls._fields_of(sweep, base))

    @classmethod
    def _fields_of(cls, sweep: Sweep, base: str) -> dict[str, Any]:
        return dict(
            id=sweep.id,
            name=sweep.name,
            description=sweep.description,
            entity=sweep.project.entity,
            project=sweep.project.name,
            state=SweepState(sweep.state),
            reason=sweep.reason,
            can=registry.legal_verbs(sweep),
            method=sweep.method,
            metric=_metric(sweep.metric_name, sweep.metric_goal),
            program=sweep.program,
            tracking="embedded" if sweep.upstream is None else "upstream",
            upstream=_there(sweep),
            driven_by=outside.driven_by(sweep),
            run_cap=sweep.run_cap,
            expected_trials=sweep.expected_trials,
            trial_counts={state: sweep.trial_counts.get(state, 0) for state in TrialState},
            config=sweep.config,
            warnings=sweep.warnings,
            version=sweep.version,
            revision=sweep.revision,
            created_by=sweep.created_by,
            created_at=sweep.created_at,
            updated_at=sweep.updated_at,
            ended_at=sweep.ended_at,
            agent_command=links.agent_command(sweep),
            links=links.of_sweep(base, sweep),
        )


class SweepAndAliasesOut(SweepOut):
    """A registered sweep, with what its plan can tell apart."""

    aliases: AliasesOut | None
    """As told when it was registered; null for a search, whose settings nobody planned."""

    @classmethod
    def _fields_of(cls, sweep: Sweep, base: str) -> dict[str, Any]:
        return super()._fields_of(sweep, base) | {"aliases": AliasesOut.of(sweep.aliases)}


def _there(sweep: Sweep) -> ThereOut | None:
    there = sweep.upstream
    return None if there is None else ThereOut.model_validate(launching.known_of(there))


def _metric(name: str | None, goal: str | None) -> MetricOut | None:
    return None if name is None else MetricOut(name=name, goal=goal)  # type: ignore[arg-type]


class LevelOut(Answer):
    """A level of a factor."""

    label: str
    values: JsonObject
    """Config key → value."""


class FactorOut(Answer):
    """What a sweep studies."""

    name: str
    kind: Literal["levels", "continuous"]
    """A continuous factor has values and no levels."""
    keys: list[str]
    """The config keys that it moves; more than one for a bundle."""
    baseline: str | None
    levels: list[LevelOut]

    @classmethod
    def of(cls, factor: Factor) -> "FactorOut":
        """The body for a factor."""
        levels = [LevelOut(label=lv.label, values=dict(lv.values)) for lv in factor.levels]
        return cls(
            name=factor.name,
            kind=factor.kind,
            keys=list(factor.keys),
            baseline=factor.baseline,
            levels=levels,
        )


class MovedTogetherOut(Answer):
    """Factors that cannot be told apart, and why."""

    kind: Literal["constant", "always_together", "decided_by"]
    members: list[str]
    """The factors and blocks concerned; of `decided_by`, the deciding one first."""
    blocks: list[str]
    """Those of `members` that are blocks and no factors."""
    count: int
    """Planned trials, or finished runs, in which it holds: all that there are."""
    sentence: str

    @classmethod
    def of(cls, found: MovedTogether) -> "MovedTogetherOut":
        """The body for factors that moved together."""
        return cls.model_validate(found.as_dict())


class PlannedTrialOut(Answer):
    """A trial that registering would make."""

    number: int
    setting: dict[str, str]
    """Factor → label of its level."""
    replicate: JsonObject
    args: JsonObject
    """What the program is given."""


class PlanOut(Answer):
    """What registering this config would make; nothing was written."""

    valid: Literal[True] = True
    name: str | None
    method: str
    program: str | None
    metric: MetricOut | None
    expected_trials: int | None
    """Null for a search without end."""
    trials: list[PlannedTrialOut]
    """All of them; empty for a search, whose trials are drawn when an agent asks."""
    factors: list[FactorOut]
    moved_together: list[MovedTogetherOut]
    aliases: AliasesOut | None
    """What this plan can tell apart if every trial finishes; null for a search."""
    price: Json
    """Optimizer steps, evaluations and examples; `hosts`: hours, and the share that goes into
    looking, on each kind of host where the program ran before; null for a search."""
    warnings: list[str]
    config: JsonObject
    """What would be stored."""

    @classmethod
    def of(cls, plan: Plan) -> "PlanOut":
        """The body for a plan."""
        spec = plan.spec
        return cls(
            name=spec.name,
            method=spec.method,
            program=spec.program,
            metric=_metric(spec.metric.name, spec.metric.goal) if spec.metric else None,
            expected_trials=plan.expected_trials,
            trials=[_planned(trial) for trial in plan.trials],
            factors=[FactorOut.of(factor) for factor in plan.factors],
            moved_together=[MovedTogetherOut.of(found) for found in plan.moved_together],
            aliases=AliasesOut.of(plan.aliases),
            price=plan.price and asdict(plan.price),
            warnings=list(spec.warnings),
            config=dict(spec.config),
        )


def _planned(trial: Any) -> PlannedTrialOut:
    return PlannedTrialOut(
        number=trial.number,
        setting=dict(trial.setting),
        replicate=dict(trial.replicate),
        args=dict(trial.args),
    )


class TrialOut(Answer):
    """A trial: setting × replicate, done exactly once."""

    id: str
    sweep_id: str
    number: int
    revision: int
    """The sweep's revision that added it, or queued it again."""
    setting: dict[str, str | None]
    replicate: JsonObject
    args: JsonObject
    state: TrialState
    reason: str | None
    attempts: int
    """How many runs it had."""
    failures: int
    interruptions: int
    agent_id: str | None
    """Who holds it."""
    run_id: str | None
    """The run that counts, or may yet count."""
    created_at: datetime
    updated_at: datetime
    links: dict[str, str]

    @classmethod
    def of(cls, trial: Trial, *, run_id: str | None, base: str) -> "TrialOut":
        """The body for a trial."""
        return cls(
            id=trial.id,
            sweep_id=trial.sweep_id,
            number=trial.number,
            revision=trial.revision,
            setting=trial.setting,
            replicate=trial.replicate,
            args=trial.args,
            state=TrialState(trial.state),
            reason=trial.reason,
            attempts=trial.attempts,
            failures=trial.failures,
            interruptions=trial.interruptions,
            agent_id=trial.agent_id,
            run_id=run_id,
            created_at=trial.created_at,
            updated_at=trial.updated_at,
            links=links.of_trial(base, trial.id, trial.sweep_id),
        )


class EventOut(Answer):
    """Something that happened."""

    id: int
    at: datetime
    kind: str
    """`sweep.paused`, `trial.leased`, `run.interrupted` …"""
    reason: str | None
    sweep_id: str | None
    trial_id: str | None
    run_id: str | None
    agent_id: str | None
    facts: JsonObject

    @classmethod
    def of(cls, event: Event) -> "EventOut":
        """The body for an event."""
        return cls.model_validate(event, from_attributes=True)
