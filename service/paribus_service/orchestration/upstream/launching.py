"""Register a sweep on a W&B server: there and here, or nowhere.

Promises:
- What cannot be a sweep is refused before the server hears of it.
- A launch is noted before it is sent, under a marker that the sweep's description there carries.
  It becomes a sweep here in one transaction with the note's removal. So a launch that was not
  answered (the network failed, the service was killed) leaves a note, and is taken back: its sweep
  there is found by the marker and cancelled. Nobody was told its id, so no agent works for it.
- A sweep has one id, the server's, on both sides.
- No network call is made inside a transaction.

There are three ways to have the agents of a server run a sweep:
- `own`: W&B's own search says what runs next; plain grid, random and bayes sweeps.
- `enqueue`: we say it, run by run, where the server takes runs from outside.
- `controller`: we say it as the client's local controller does, one run at a time.

Source: wandb 0.31.0, wandb/apis/public/sweeps.py (`enqueue_run` and its feature),
wandb/wandb_controller.py.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import yaml
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.clock import Clock
from paribus_service.errors import (
    InvalidRequest,
    UpstreamError,
    UpstreamFailed,
    UpstreamNotConfigured,
    UpstreamTooOld,
)
from paribus_service.orchestration import names, registry
from paribus_service.orchestration.registry import DEFAULT_PROJECT, Plan
from paribus_service.orchestration.upstream.messages import RemoteSweep, ServerFacts, Upstream
from paribus_service.settings import Settings
from paribus_service.store import events, upstream_sweeps
from paribus_service.store.engine import session_scope
from paribus_service.store.tables import Sweep, UpstreamLaunch, UpstreamSweep
from paribus_sweeps.errors import Problem
from paribus_sweeps.spec import SweepSpec

Way = Literal["own", "enqueue", "controller"]
Tracking = Literal["embedded", "upstream"]

REFUSED_FOR = timedelta(hours=1)
"""How long a launch that the server does not let us take back is left alone, then asked about
again: rights may come back, and a service that is started anew asks at once."""
_RESERVED = ("_wandb", "wandb_version")
_ONLY_HERE = ("entity", "project")  # the registration says both by itself
_OURS_TO_DO = ("run_cap", "early_terminate")
"""Keys that a driven sweep does not have there: retries would count as runs, and both sides would
stop runs early."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A sweep that was just registered there, and is not yet one here."""

    marker: str
    way: Way
    remote: RemoteSweep
    base_url: str


def tracking_of(spec: SweepSpec, settings: Settings, *, entity: str, project: str) -> Tracking:
    """Where a sweep is tracked: as it says, else as its project does, else as the service does."""
    by_project = settings.tracking_by_project
    chosen = by_project.get(f"{entity}/{project}") or by_project.get(project) or settings.tracking
    if spec.tracking == "upstream" or (spec.tracking is None and chosen == "upstream"):
        return "upstream"
    if spec.tracking is None and chosen is None and settings.wandb_base_url is not None:
        return "upstream"
    return "embedded"


def may_be_upstream(config: str, settings: Settings) -> bool:
    """Whether a config could be tracked on a W&B server; cheap, for whoever has none."""
    chosen = {settings.tracking, *settings.tracking_by_project.values()}
    return settings.wandb_base_url is not None or "upstream" in chosen or "upstream" in config


class Launcher:
    """Registers sweeps on the server, and takes back what was left behind."""

    def __init__(
        self, engine: Engine, settings: Settings, clock: Clock, upstream: Upstream | None
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._upstream = upstream
        self._under_way: set[str] = set()
        """Markers of this process's own launches; any other note was left behind."""
        self._refused: dict[str, datetime] = {}
        """Marker of a launch that may not be taken back → when the server is asked again."""

    def launch(
        self, config: str, *, entity: str | None, key_entity: str, project: str | None
    ) -> Launch | None:
        """Register a sweep there, if that is where it is tracked; None where it is tracked here.

        Args:
            config: The sweep config, as text.
            entity: Whose project, where the config does not say; None: the server's default.
            key_entity: The caller's own entity here, for settings by project.
            project: Where the config names none.

        Raises:
            InvalidSpec: The config cannot be a sweep.
            InvalidRequest: A name or a key that cannot be used there.
            UpstreamError: There is no server, it cannot be asked, or it refused; nothing is left.
        """
        with session_scope(self._engine, reads_only=True) as session:
            spec = registry.read_spec(session, config, settings=self._settings)
            project_name = spec.project or project or DEFAULT_PROJECT
            home = spec.entity or entity or key_entity
            if tracking_of(spec, self._settings, entity=home, project=project_name) == "embedded":
                return None
            if self._upstream is None:
                raise UpstreamNotConfigured(["PARIBUS_WANDB_BASE_URL", "PARIBUS_WANDB_API_KEY"])
            plan = registry.plan(session, config, settings=self._settings)
        _refuse_reserved_keys(plan)
        names.check("project", project_name)
        there = spec.entity or entity or self._settings.wandb_entity
        return self._register(self._upstream, plan, entity=there, project=project_name)

    def _register(
        self, upstream: Upstream, plan: Plan, *, entity: str | None, project: str
    ) -> Launch:
        facts = upstream.server()
        way = way_for(plan, facts)
        marker = f"paribus-launch-{secrets.token_hex(8)}"
        self._under_way.add(marker)
        note = UpstreamLaunch(
            marker=marker,
            base_url=facts.base_url,
            entity=entity,
            project=project,
            name=plan.spec.name,
            created_at=self._clock.now(),
        )
        with session_scope(self._engine) as session:
            session.add(note)
        try:
            config = config_there(plan, way, marker=marker)
            remote = upstream.register_sweep(entity, project, config)
        except BaseException as error:
            self.give_up(marker)
            if way == "controller" and isinstance(error, UpstreamFailed):
                raise _offers_neither(facts, error) from error
            raise
        return Launch(marker, way, remote, facts.base_url)

    def confirm(
        self,
        session: Session,
        launch: Launch,
        config: str,
        *,
        created_by: str | None,
        now: datetime,
    ) -> Sweep:
        """Make it a sweep here, in the caller's transaction.

        Raises:
            AlreadyExists: A sweep of this service has the server's id.
        """
        at = launch.remote.path
        sweep = registry.register(
            session,
            config,
            entity=at.entity,
            project=at.project,
            caller_decides=True,
            sweep_id=at.sweep_id,
            is_there=True,
            created_by=created_by,
            settings=self._settings,
            now=now,
        )
        sweep.upstream = _row(sweep, launch, now=now)
        sweep.resumable = False  # no server is asked to hand a run out under its own id again
        if launch.way == "own":  # what runs there once more is not ours to say
            sweep.retry_failed = sweep.retry_interrupted = 0
        sweep.warnings = [*sweep.warnings, *(f"W&B: {text}" for text in launch.remote.warnings)]
        note = session.get(UpstreamLaunch, launch.marker)
        if note is not None:
            session.delete(note)
        why = f"registered on {launch.base_url}"
        events.note(session, "sweep.registered_there", now=now, sweep_id=sweep.id, reason=why)
        session.flush()
        return sweep

    def give_up(self, marker: str) -> None:
        """A launch failed: what was made of it is taken back when the driver looks next."""
        self._under_way.discard(marker)

    def take_back(self) -> Iterator[str]:
        """Cancel what was registered there and never became a sweep here.

        What the server refuses for good keeps its note, costs no other its turn, and is said once.

        Returns:
            A sentence for each that was found there, or was refused, as it is dealt with.

        Raises:
            UpstreamError: The server cannot be asked now; the notes stay.
        """
        for note in self._left_behind():
            try:
                told = self._take_back(note)
            except UpstreamError as error:
                if error.may_pass:
                    raise
                yield from self._refuse(note, error)
                continue
            with session_scope(self._engine) as session:
                stored = session.get(UpstreamLaunch, note.marker)
                if stored is not None:
                    session.delete(stored)
            yield from told

    def _left_behind(self) -> list[UpstreamLaunch]:
        now = self._clock.now()
        with session_scope(self._engine, reads_only=True) as session:
            return [
                note
                for note in upstream_sweeps.launches(session)
                if note.marker not in self._under_way
                and self._refused.get(note.marker, now) <= now
            ]

    def _refuse(self, note: UpstreamLaunch, error: UpstreamError) -> list[str]:
        is_news = note.marker not in self._refused
        self._refused[note.marker] = self._clock.now() + REFUSED_FOR
        return [f"{_cut_off(note)} cannot be taken back: {error}"] if is_news else []

    def _take_back(self, note: UpstreamLaunch) -> list[str]:
        if self._upstream is None or note.base_url != self._upstream.server().base_url:
            return [f"{_cut_off(note)} is left: this service is set up for another server"]
        told = []
        for found in self._upstream.find_sweeps(note.entity, note.project, note.marker):
            self._upstream.set_sweep_state(found.path, "CANCELED")
            told.append(
                f"sweep {found.url} was registered by a launch that was cut off: cancelled"
            )
        return told


def _cut_off(note: UpstreamLaunch) -> str:
    return (
        f"a launch of {note.name or 'a sweep'} on {note.base_url} that was cut off at "
        f"{note.created_at:%Y-%m-%d %H:%M} UTC (look there for a sweep whose description holds "
        f"{note.marker})"
    )


def way_for(plan: Plan, facts: ServerFacts) -> Way:
    """How a sweep's runs reach the agents of a server."""
    if plan.spec.design is None:
        return "own"
    return "enqueue" if facts.can_enqueue else "controller"


def config_there(plan: Plan, way: Way, *, marker: str) -> dict[str, Any]:
    """The config that the server is given: W&B's keys only, a design as `method: custom`."""
    config: dict[str, Any] = yaml.safe_load(registry.client_config(plan))
    left_out = _ONLY_HERE if way == "own" else (*_ONLY_HERE, *_OURS_TO_DO)
    config = {key: value for key, value in config.items() if key not in left_out}
    if way == "controller":
        config["controller"] = {"type": "local"}
    told = plan.spec.description
    config["description"] = f"{told}\n\n{marker}" if told else marker
    return config


def _refuse_reserved_keys(plan: Plan) -> None:
    """Keys that W&B keeps for itself in a run's config.

    Raises:
        InvalidRequest: A parameter, a factor or a replicate has one.
    """
    taken = {p.key for p in plan.spec.parameters} | {k for f in plan.factors for k in f.keys}
    if plan.spec.design is not None:
        taken |= plan.spec.design.replicates.keys()
    problems = [
        Problem(
            f"/parameters/{key}",
            "reserved_key",
            f"{key} is W&B's own part of a run's config, and no setting of a sweep",
            "give the parameter another name",
        )
        for key in _RESERVED
        if key in taken
    ]
    if problems:
        raise InvalidRequest(problems)


def _offers_neither(facts: ServerFacts, error: UpstreamError) -> UpstreamTooOld:
    return UpstreamTooOld(
        facts.base_url,
        "a sweep with a design",
        "it takes no runs from outside (feature SWEEPS_LOCAL_SCHEDULER) and refused a sweep with "
        f"a local controller ({error}). Plain grid and random sweeps work there; or track this "
        "one here, with `tracking: embedded`",
    )


def _row(sweep: Sweep, launch: Launch, *, now: datetime) -> UpstreamSweep:
    remote = launch.remote
    return UpstreamSweep(
        sweep_id=sweep.id,
        base_url=launch.base_url,
        entity=remote.path.entity,
        project=remote.path.project,
        remote_id=remote.path.sweep_id,
        gql_id=remote.gql_id,
        url=remote.url,
        way=launch.way,
        state_there=remote.state,
        state_here=sweep.state,
        agents=0,
        looked_at=now,
        created_at=now,
        updated_at=now,
    )


def known_of(row: UpstreamSweep) -> Mapping[str, Any]:
    """What REST and pages say of where a sweep is."""
    return {
        "base_url": row.base_url,
        "path": f"{row.entity}/{row.project}/{row.remote_id}",
        "url": row.url,
        "way": row.way,
        "state": row.state_there,
        "agents": row.agents,
        "looked_at": row.looked_at,
        "problem": row.problem,
        "problem_since": row.problem_since,
    }
