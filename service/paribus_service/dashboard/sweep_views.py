"""What the pages about sweeps show, as plain values."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from paribus_service.dashboard import finding_views, paging, throughput_views
from paribus_service.dashboard.asked import Asked, offered_keys
from paribus_service.dashboard.decide_views import decided
from paribus_service.dashboard.design_views import DesignMatrix, design_matrix
from paribus_service.dashboard.progress import Progress, progress
from paribus_service.dashboard.sessions import DEV_KEY
from paribus_service.dashboard.wording import DRIVERS
from paribus_service.dependencies import Services, SessionDep
from paribus_service.errors import InvalidRequest, NotFound, nearest
from paribus_service.orchestration import outside, registry, reports, revisions
from paribus_service.orchestration.inquiries import Subject
from paribus_service.orchestration.upstream import annotation_requests
from paribus_service.store import overview, projects
from paribus_service.store import runs as run_store
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import SWEEP_ENDED, AgentState, SweepState
from paribus_service.store.tables import Run, Sweep, Trial
from paribus_sweeps.factors import Factor

MOST_ANSWERED_LIVE = 2_000  # trials; more take seconds, and again with every run that ends
TRIALS_NAMED = 5  # of those that share a reason; the table of trials has them all
AGENTS_SHOWN = 100  # the newest


@dataclass(frozen=True, slots=True)
class Verb:
    """What a person can do with a sweep: a button, and what it will do."""

    name: str
    effect: str
    is_final: bool = False


VERBS = (
    Verb("pause", "hand out nothing more for now; what runs goes on"),
    Verb("resume", "hand out again"),
    Verb("retry", "queue every failed and interrupted trial again"),
    Verb("stop", "hand out nothing more; what runs goes on to its end"),
    Verb(
        "cancel", "hand out nothing more, and stop what runs; there is no way back", is_final=True
    ),
)


@dataclass(frozen=True, slots=True)
class SweepRow:
    """A sweep in a list."""

    sweep: Sweep
    progress: Progress
    best: float | None


def listed_sweeps(session: SessionDep, *, state: str, project: str, before: str) -> dict[str, Any]:
    """What the list of sweeps shows.

    Args:
        session: A reading session.
        state: Only sweeps in this state; "" for all.
        project: `entity/project`, or "" for all.
        before: Where the page begins (`paging.mark`); "" for the newest.

    Raises:
        InvalidRequest: There is no such state, or `before` is no place in a list.
    """
    _check_state(state)
    entity, _, name = project.partition("/")
    found = sweep_store.list_sweeps(
        session,
        entity=entity or None,
        project=name or None,
        states=[state] if state else [],
        before=paging.read_mark(before),
        limit=paging.SWEEPS_A_PAGE + 1,
    )
    sweeps, more = paging.cut(found, paging.SWEEPS_A_PAGE)
    older = paging.mark(sweeps[-1].created_at, sweeps[-1].id) if more else ""
    return {
        "rows": [sweep_row(session, sweep) for sweep in sweeps],
        "state": state,
        "project": project,
        "states": [s.value for s in SweepState],
        "projects": [f"{p.entity}/{p.name}" for p in projects.list_projects(session)],
        "is_filtered": bool(state or project),
        "is_first": not before,
        "older": paging.query(state=state, project=project, before=older) if older else None,
        "newest": paging.query(state=state, project=project),
    }


def get_sweep_at(session: SessionDep, entity: str, project: str, sweep_id: str) -> Sweep:
    """The sweep at `entity/project/sweeps/sweep_id`.

    Raises:
        NotFound: There is none there.
    """
    sweep = sweep_store.find_sweep(session, sweep_id)
    if sweep is None or (sweep.project.entity, sweep.project.name) != (entity, project):
        raise NotFound("sweep", f"{entity}/{project}/{sweep_id}")
    return sweep


def sweep_row(session: SessionDep, sweep: Sweep) -> SweepRow:
    """A sweep as lists show it."""
    best = overview.best_value(session, sweep)
    bar = progress(sweep.trial_counts, sweep.expected_trials)
    return SweepRow(sweep, bar, best.value if best else None)


def _check_state(state: str) -> None:
    known = [s.value for s in SweepState]
    if state and state not in known:
        near = nearest(state, known)
        hint = f"did you mean {near!r}?" if near else f"a state is one of {', '.join(known)}"
        raise InvalidRequest.one("?state", f"a sweep is never {state!r}; {hint}", hint=hint)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial in the sweep's table."""

    trial: Trial
    run: Run | None
    """The attempt that counts or may yet count."""
    value: float | str | None
    """The metric in the run's summary, as number, or as text such as NaN."""
    values: dict[str, Any]
    """What is shown of its setting: level labels, replicate; of a search, the values drawn."""


def shown_sweep(
    session: SessionDep,
    sweep: Sweep,
    asked: Asked,
    *,
    root: str,
    base: str,
    services: Services,
    after: int,
    reads: bool,
) -> dict[str, Any]:
    """What a sweep's page shows.

    Args:
        session: A reading session.
        sweep: The sweep.
        asked: What is asked of its runs.
        root: What links begin with.
        base: Where agents reach the service.
        services: For the development key, and for answers that are kept.
        after: Number of the trial behind which the table begins; -1 for its beginning.
        reads: Whether runs are read for findings and speeds however much they have logged.
    """
    subject = Subject.of_sweep(sweep)
    row = sweep_row(session, sweep)
    why_not_queue = revisions.why_nothing_is_added(sweep)
    trials, more = trial_rows(session, sweep, after=after)
    agents = sweep_store.list_agents(session, sweep_id=sweep.id)
    is_live = sweep.state not in SWEEP_ENDED or bool(row.progress.count("running"))
    if is_live and row.progress.known > MOST_ANSWERED_LIVE and not asked.is_asked:
        found = _not_unasked(row.progress.known)
    else:
        found = decided(session, subject, asked.inquiry, root=root, cache=services.answers)
    return {
        "sweep": sweep,
        "progress": row.progress,
        "best_value": row.best,
        "is_live": is_live,
        "verbs": [verb for verb in VERBS if verb.name in registry.legal_verbs(sweep)],
        "command": agent_command(sweep, base=base, dev=services.settings.dev),
        "driver": DRIVERS.get(outside.driven_by(sweep)),
        "annotated": annotation_requests.in_words(session, sweep) if sweep.upstream else None,
        "factors": reports.factors_of_sweep(sweep),
        "by_reason": by_reason,
        "decided": found,
        "design": _design(session, sweep, found),
        "findings": finding_views.of_subject(
            session, subject, root=root, services=services, compares=reads
        ),
        "speeds": throughput_views.of_subject(
            session, subject, root=root, services=services, reads=reads
        ),
        "asked": asked,
        "keys": offered_keys(session, (row.run.pk for row in trials if row.run)),
        "can_queue": not why_not_queue,
        "why_not_queue": why_not_queue,
        "trials": trials,
        "first_trial": after + 1,
        "next_trials": asked.query(after=str(trials[-1].trial.number)) if more else None,
        "agents": agents[-AGENTS_SHOWN:],
        "agent_count": len(agents),
        "gone_agents": sum(agent.state == AgentState.GONE for agent in agents),
        # What rules found has a section of its own, and would push out all else.
        "events": overview.recent_events(session, sweep_id=sweep.id, without="finding."),
        "config_text": yaml.safe_dump(sweep.config, sort_keys=False, allow_unicode=True),
    }


def _not_unasked(trials: int) -> dict[str, Any]:
    """Why a page that refreshes itself does not work out an answer over so many runs."""
    return {
        "why_not": [
            f"this sweep runs, and an answer over its {trials:,} trials takes seconds: it would "
            "be worked out anew with every run that ends"
        ],
        "hints": ["name a response below to ask now; once the sweep has ended the answer is here"],
    }


def _design(session: SessionDep, sweep: Sweep, found: Mapping[str, Any]) -> DesignMatrix | None:
    """The design as it was laid out, and what its runs cannot tell apart."""
    levels = {
        factor.name: _baseline_first(factor)
        for factor in reports.factors_of_sweep(sweep)
        if factor.levels
    }
    facts = found["told"]["confounding"]["facts"] if "told" in found else []
    return design_matrix(session, sweep, levels=levels, facts=facts)


def _baseline_first(factor: Factor) -> list[str]:
    labels = [level.label for level in factor.levels]
    return sorted(labels, key=lambda label: label != factor.baseline)


@dataclass(frozen=True, slots=True)
class NotRanked:
    """Trials that have no place in a ranking for one and the same reason."""

    reason: str
    first: Sequence[Mapping[str, Any]]
    """Some of them, as `reports.best` tells them."""
    others: int
    """How many more."""


def by_reason(rows: Sequence[Mapping[str, Any]]) -> list[NotRanked]:
    """What was not ranked, reason by reason, the most frequent one first."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["reason"], []).append(row)
    ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
    return [
        NotRanked(reason, found[:TRIALS_NAMED], max(0, len(found) - TRIALS_NAMED))
        for reason, found in ordered
    ]


def trial_rows(
    session: SessionDep, sweep: Sweep, *, after: int
) -> tuple[Sequence[TrialRow], bool]:
    """A page of the table of trials, and whether there are more."""
    found = sweep_store.list_trials(
        session, sweep.id, after_number=after, limit=paging.TRIALS_A_PAGE + 1
    )
    trials, more = paging.cut(found, paging.TRIALS_A_PAGE)
    runs = run_store.run_outlines(session, {t.run_pk for t in trials if t.run_pk is not None})
    values = run_store.summary_scalars(session, runs.keys(), sweep.metric_name or "")
    rows = []
    for trial in trials:
        run = None if trial.run_pk is None else runs.get(trial.run_pk)
        number, text = values.get(trial.run_pk or -1, (None, None))
        shown = {**trial.setting, **trial.replicate} or dict(trial.args)
        rows.append(TrialRow(trial, run, number if number is not None else text, shown))
    return rows, more


def agent_command(sweep: Sweep, *, base: str, dev: bool) -> str:
    """The three lines that make a GPU host work on the sweep."""
    path = f"{sweep.project.entity}/{sweep.project.name}/{sweep.id}"
    key = DEV_KEY if dev else "…your key…"
    there = sweep.upstream
    if there is not None:
        base, key = there.base_url, "…your key of that server…"
        path = f"{there.entity}/{there.project}/{there.remote_id}"
    return "\n".join(
        [
            f"export WANDB_BASE_URL={shlex.quote(base)}",
            f"export WANDB_API_KEY={key}",
            f"wandb agent {shlex.quote(path)}",
        ]
    )
