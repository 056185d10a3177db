"""Bad runs are stopped before their end, where their sweep asks for it (`early_terminate`).

W&B decides on its servers and says no more than that a run was stopped; here each decision is an
event with its reason and its numbers: `run.stopped_early`, and `run.passed_band` when a run is
let through at a band that it has just reached.

Promises:
- Decided as W&B's engine does, over every run of the sweep (`paribus_sweeps.analysis.hyperband`).
- A run is asked to stop once. That it was asked wins over a retry (DESIGN 5, rule 5), so its
  trial ends `stopped`; a run that ends well before it hears of it is finished.
- What was read of a history is not read again, and nothing is decided before all is read.
- Histories are read outside the writing session, which only asks runs that still run.

Source: PROTOCOL 8 (how a run hears of it); wandb 0.31.0, wandb/wandb_controller.py (`step`: a look
at all runs every few seconds, `stop_runs`: which of them the server is to stop).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from paribus_service.orchestration import trials
from paribus_service.orchestration.columns import histories_at
from paribus_service.store import curves as curve_store
from paribus_service.store import early_stops, events
from paribus_service.store import runs as run_store
from paribus_service.store.curves import HistoryPlace
from paribus_service.store.early_stops import FollowedRun, FollowedSweep
from paribus_service.store.engine import session_scope
from paribus_service.store.states import RunState
from paribus_service.store.tables import Run
from paribus_sweeps.analysis.hyperband import Decision, Progress, judge
from paribus_sweeps.spec import EarlyTerminate
from paribus_sweeps.spec.early_terminate import early_terminate_of

RUNS_AT_ONCE = 50  # whose histories are in memory together
LINES_A_LOOK = 50_000  # read in about two seconds: the watchdog has other runs to look after


@dataclass(slots=True)
class _Follow:
    """What is known of one run."""

    place: HistoryPlace
    progress: Progress
    noted: int = 0
    """The last band at which a decision was written down."""


@dataclass(slots=True)
class _Sweep:
    """What is known of one sweep."""

    rule: EarlyTerminate
    noted: Mapping[str, int]
    runs: dict[int, _Follow] = field(default_factory=dict)
    seen: object = None
    """What a look judged and had nothing to write down of; the same is not judged again."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """A decision to write down."""

    sweep: FollowedSweep
    run_pk: int
    session: int
    """Of the history that it was taken from."""
    decision: Decision


class EarlyStopping:
    """Follows the sweeps that stop runs early; `look` is what it does every few seconds.

    EarlyStopping(engine)
    EarlyStopping(engine, lines_a_look=100)   # small enough for a test
    """

    def __init__(self, engine: Engine, *, lines_a_look: int = LINES_A_LOOK) -> None:
        self._engine = engine
        self._lines_a_look = lines_a_look
        self._sweeps: dict[str, _Sweep] = {}

    def look(self, *, now: datetime) -> None:
        """Judge the running runs that have reached a band, and ask bad ones to stop."""
        with session_scope(self._engine, reads_only=True) as session:
            followed = early_stops.followed_sweeps(session)
            decided = [one for sweep in followed for one in self._decide(session, sweep)]
        ids = {sweep.id for sweep in followed}
        self._sweeps = {key: kept for key, kept in self._sweeps.items() if key in ids}
        if decided:
            with session_scope(self._engine) as session:
                for one in decided:
                    _write_down(session, one, now=now)
            self._remember(decided)

    def _decide(self, session: Session, sweep: FollowedSweep) -> list[_Decided]:
        known = self._sweeps.get(sweep.id)
        if known is None:
            rule = early_terminate_of(sweep.config)
            known = _Sweep(rule, early_stops.noted_bands(session, sweep.id))
            self._sweeps[sweep.id] = known
        runs = early_stops.runs_of(session, sweep.id)
        places = curve_store.history_places(session, [run.pk for run in runs])
        seen = [(run.pk, run.may_stop, places[run.pk].version) for run in runs]
        if seen == known.seen:
            return []
        if not self._read(session, sweep, known, runs, places):
            return []
        decided = _judged(sweep, known, runs)
        if not decided:  # else it is settled by the next look, once these are written down
            known.seen = seen
        return decided

    def _read(
        self,
        session: Session,
        sweep: FollowedSweep,
        known: _Sweep,
        runs: Iterable[FollowedRun],
        places: Mapping[int, HistoryPlace],
    ) -> bool:
        """Take in what was logged since the last look; False: some is left for the next one."""
        known.runs = {run.pk: _follow(known, sweep, run, places[run.pk]) for run in runs}
        grown = [pk for pk, follow in known.runs.items() if follow.place.lines < places[pk].lines]
        lines = 0
        for start in range(0, len(grown), RUNS_AT_ONCE):
            if lines >= self._lines_a_look:
                return False
            chunk = {pk: places[pk] for pk in grown[start : start + RUNS_AT_ONCE]}
            for pk, history in histories_at(session, chunk, [sweep.metric]).items():
                follow = known.runs[pk]
                lines += places[pk].lines - follow.place.lines
                column = history[sweep.metric].after(follow.place.lines - 1)
                follow.progress.take(column.values)
                follow.place = places[pk]
        return True

    def _remember(self, decided: Iterable[_Decided]) -> None:
        """The bands that are written down now, after the commit and not before."""
        for one in decided:
            self._sweeps[one.sweep.id].runs[one.run_pk].noted = one.decision.band


def _follow(known: _Sweep, sweep: FollowedSweep, run: FollowedRun, place: HistoryPlace) -> _Follow:
    """What is known of a run; nothing yet where it is new, or where its lines are other ones."""
    before = known.runs.get(run.pk)
    if before is not None and _goes_on(before.place, place):
        return before
    noted = known.noted.get(run.id, 0) if before is None else 0
    nothing = HistoryPlace(place.run_pk, place.run_id, place.session, 0, place.rewrites)
    return _Follow(nothing, Progress(known.rule.bands, sweep.goal), noted)


def _goes_on(before: HistoryPlace, now: HistoryPlace) -> bool:
    same = (before.session, before.rewrites) == (now.session, now.rewrites)
    return same and before.lines <= now.lines


def _judged(sweep: FollowedSweep, known: _Sweep, runs: Iterable[FollowedRun]) -> list[_Decided]:
    """The decisions to write down: every stop, and a pass at a band that is new to the run."""
    progress = {pk: follow.progress for pk, follow in known.runs.items()}
    running = {run.pk for run in runs if run.may_stop}
    return [
        _Decided(sweep, pk, known.runs[pk].place.session, decision)
        for pk, decision in judge(progress, known.rule, running=running).items()
        if decision.stop or decision.band > known.runs[pk].noted
    ]


def _write_down(session: Session, one: _Decided, *, now: datetime) -> None:
    """The event; and the stop, where the run is still the one that was judged."""
    run = run_store.get_run_by_pk(session, one.run_pk)
    if not _still_runs(run, one.session):
        return
    decision, metric = one.decision, one.sweep.metric
    reason = decision.sentence(metric)
    events.note(
        session,
        early_stops.STOPPED if decision.stop else early_stops.PASSED,
        now=now,
        reason=reason,
        sweep_id=run.sweep_id,
        trial_id=run.trial_id,
        run_id=run.id,
        agent_id=run.agent_id,
        metric=metric,
        **_facts(decision),
    )
    if decision.stop:
        trials.request_stop(session, run, now=now, reason=reason)


def _still_runs(run: Run, run_session: int) -> bool:
    asked = run.stop_requested_at is not None or run.deleted_at is not None
    return run.state == RunState.RUNNING and run.session == run_session and not asked


def _facts(decision: Decision) -> dict[str, float | int | bool | str]:
    return {
        "band": decision.band,
        "value": decision.value,
        "threshold": decision.threshold,
        "rank": decision.rank,
        "compared": decision.compared,
        "logged": decision.logged,
        "strict": decision.strict,
        "goal": decision.goal,
    }
