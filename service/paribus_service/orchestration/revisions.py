"""A sweep gets more trials: the follow-ups of a question, queued as a new revision.

Promises:
- What is queued is what the present runs call for: the answer is looked up, or worked out anew,
  in the transaction that writes. So the same wish twice at once adds its trials once: the second
  finds them queued.
- Finished trials keep what they gave. One that ended without a result is queued again, under a
  new run; every other wish is a new trial.
- Trials carry the revision that queued them, and answers take it for a wave of its own.

Source: METHOD 6; REST.md, "Editing".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count, islice, repeat
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import IllegalTransition, InvalidRequest, NothingToAdd, nearest
from paribus_service.ids import new_trial_id
from paribus_service.orchestration import answers, registry, search, trials
from paribus_service.orchestration.answers import AnswerCache
from paribus_service.orchestration.inquiries import Inquiry, Subject
from paribus_service.orchestration.programs import spec_of
from paribus_service.settings import Settings
from paribus_service.store import events
from paribus_service.store import sweeps as sweep_store
from paribus_service.store.states import TRIAL_OPEN, TrialState
from paribus_service.store.tables import Sweep, Trial
from paribus_sweeps.design.grids import Trial as PlannedTrial
from paribus_sweeps.design.grids import added_trials
from paribus_sweeps.factors import level_label
from paribus_sweeps.spec import SweepSpec, driver_of

PROPOSED = "proposed"
ALTERNATIVES = ("pairs", "finish", "seeds", "within_budget")
MOST_SEEDS = 100
_AGAIN = frozenset({TrialState.FAILED, TrialState.INTERRUPTED, TrialState.STOPPED})
BLOCKS_ARE_ADVICE = (
    "Where a run is to run is advice: trials go to whichever agent asks, and rather to one whose "
    "GPU their partners ran on. Start agents there, and pause the others, to be sure."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """Which of an answer's runs are to be queued.

    Wish()                                   # the smallest set
    Wish("pairs")                            # an alternative, by its name
    Wish(seeds=3)                            # the smallest set, each setting under three seeds
    """

    chosen: str = PROPOSED
    seeds: int | None = None
    """Replicates of each setting; None: as the answer has them."""
    data_version: str | None = None
    """Of the answer that was seen; None: whatever it is now."""


@dataclass(frozen=True, slots=True)
class WantedRun:
    """A run of the chosen set."""

    setting: Mapping[str, str]
    replicate: Mapping[str, Any]
    blocks: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Revision:
    """What a wish comes to, before anything is written."""

    number: int
    chosen: str
    sentence: str
    data_version: str
    new: tuple[PlannedTrial, ...]
    again: tuple[Trial, ...]
    """Trials that ended without a result, to be queued again."""
    waiting: tuple[str, ...]
    """Ids of trials that are queued or running already."""
    blocks: Mapping[str, Mapping[str, str]]
    """Trial → where the answer has it run."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What is to be known of it."""
        return (BLOCKS_ARE_ADVICE,) if any(self.blocks.values()) else ()


def plan(
    session: Session,
    sweep: Sweep,
    inquiry: Inquiry,
    wish: Wish,
    *,
    root: str,
    cache: AnswerCache,
    settings: Settings,
) -> Revision:
    """What queueing an answer's follow-ups would add; writes nothing.

    Args:
        session: The session that `write` will be called with; reading, to look only.
        sweep: The sweep.
        inquiry: What is asked.
        wish: Which of the proposed runs.
        root: What links to pages begin with.
        cache: Where answers are kept.
        settings: For the limits.

    Raises:
        IllegalTransition: The sweep was stopped or cancelled.
        InvalidRequest: The sweep draws its own settings; a set that there is not; more trials
            than the cap or the limit; or something in the question is not there.
        DataChanged: The runs are others than those of the answer that was seen.
        NothingToAdd: The set is empty, or all of it waits already.
        InvalidSpec: The program's schema refuses a trial.
    """
    _refuse_state_or_search(sweep)
    subject = Subject.of_sweep(sweep)
    answered = answers.answer(session, subject, "follow-ups", inquiry, root=root, cache=cache)
    answered.check(wish.data_version)
    told = json.loads(answered.body)["follow_ups"]
    runs, sentence = _chosen(told, wish.chosen)
    if not runs:
        raise NothingToAdd(sweep.id, sentence)
    if wish.seeds is not None:  # the answer's sentence counts those that it has
        sentence += f" Replicates of each setting, as asked for: {wish.seeds}."
    spec = spec_of(session, sweep)
    present = sweep_store.list_trials(session, sweep.id)
    wanted = list(_wanted(runs, wish.seeds, _Replicates.of(spec, present)))
    found = _sorted_out(wanted, present)
    _refuse_too_many(sweep, len(present), len(found.new), settings)
    if not found.new and not found.again:
        raise NothingToAdd(sweep.id, f"all {len(found.waiting)} trials of this set wait already")
    return Revision(
        number=sweep.revision + 1,
        chosen=wish.chosen,
        sentence=sentence,
        data_version=answered.data_version,
        new=_trials_of(spec, found.new, first=_next_number(present)),
        again=tuple(trial for trial, _ in found.again),
        waiting=tuple(found.waiting),
        blocks=found.places(sweep.id, _next_number(present)),
    )


def write(session: Session, sweep: Sweep, revision: Revision, *, now: datetime, by: str) -> None:
    """Queue the trials of a revision; a sweep that had finished runs again.

    Args:
        session: The writing session that `plan` was called with.
        sweep: The sweep.
        revision: What `plan` gave.
        now: The moment.
        by: Who asked for it.
    """
    reason = f"revision {revision.number}: follow-ups ({revision.chosen}), by {by}"
    sweep.revision = revision.number
    search.add_trials(session, sweep, revision.new, now=now, reason=reason)
    for trial in revision.again:
        trial.revision = revision.number
        trials.retry_trial(session, trial, now=now, reason=reason)
    if sweep.expected_trials is not None:
        sweep.expected_trials += len(revision.new)
    trials.touch_sweep(sweep, now=now)
    events.note(
        session,
        "sweep.revised",
        now=now,
        reason=reason,
        sweep_id=sweep.id,
        revision=revision.number,
        set=revision.chosen,
        added=len(revision.new),
        queued_again=len(revision.again),
    )
    registry.run_again(session, sweep, now=now, reason=reason)
    session.flush()


def why_nothing_is_added(sweep: Sweep) -> str | None:
    """Why no trial can be added to a sweep, for people; None where one can."""
    if _is_search(sweep):
        return "A search draws its own settings: register these runs as a sweep of their own."
    if sweep.state in registry.NOTHING_ADDED:
        return f"This sweep was {sweep.state}: register these runs as a sweep of their own."
    return None


def _is_search(sweep: Sweep) -> bool:
    drawn = sweep.method == "random" or driver_of(sweep.config) is not None
    return drawn or registry.is_theirs(sweep)


def _refuse_state_or_search(sweep: Sweep) -> None:
    if _is_search(sweep):
        raise InvalidRequest.one(
            "",
            f"sweep {sweep.id} is a {sweep.method} search, which draws its own settings: no run "
            "can be added to it by name",
            code="no_design",
            hint="register the proposed runs as a sweep of their own, with design: type: settings",
        )
    if sweep.state in registry.NOTHING_ADDED:
        raise IllegalTransition(
            "sweep",
            sweep.id,
            state=sweep.state,
            verb="take follow-ups",
            legal=registry.legal_verbs(sweep),
        )


def _chosen(told: Mapping[str, Any], name: str) -> tuple[Sequence[Mapping[str, Any]], str]:
    """The runs of a set, and what is said of it.

    Raises:
        InvalidRequest: The answer has no such set.
    """
    sets = dict(_sets(told))
    if name in ALTERNATIVES and name not in sets:
        return (), f"the present runs call for no set {name!r}: {told['sentence']}"
    if name not in sets:
        near = nearest(name, sets)
        raise InvalidRequest.one(
            "/set",
            f"the answer has no set {name!r}; it has {', '.join(sets)}",
            code="unknown_set",
            hint=f"did you mean {near!r}?" if near else None,
        )
    found = sets[name]
    return found["runs"], found["sentence"]


def _sets(told: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every set that an answer has, by name."""
    yield PROPOSED, told
    others = told["alternatives"]
    for name in ("pairs", "finish", "seeds", "within_budget"):
        if others.get(name):
            yield name, others[name]
    for fold in others["fold_overs"]:
        yield f"fold_over({fold['factor']})" if fold["factor"] else "fold_over", fold


@dataclass(frozen=True, slots=True)
class _Replicates:
    """What tells repetitions of a setting apart, by the labels that answers use."""

    declared: Mapping[str, Sequence[Any]]
    """Key → values; empty where a sweep has no replicates."""
    held: Mapping[str, Mapping[str, Any]]
    """Label → replicate, of every trial."""

    @classmethod
    def of(cls, spec: SweepSpec, present: Sequence[Trial]) -> "_Replicates":
        declared = spec.design.replicates if spec.design else {}
        return cls(declared, {_label(trial.replicate): trial.replicate for trial in present})

    def own(self, replicate: Mapping[str, Any]) -> Mapping[str, Any]:
        """The sweep's own values where it has the replicate: an answer reads them from labels."""
        return self.held.get(_label(replicate), replicate)

    def unused(self, beside: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        """New replicates, one after the other: the next whole numbers of one key.

        Args:
            beside: Replicates that are used too, though no trial has them yet.

        Raises:
            InvalidRequest: No key has whole numbers.
        """
        if not self.declared:
            yield from repeat({})
        usual = {key: values[0] for key, values in self.declared.items()}
        for key in self.declared:
            numbers = [replicate.get(key) for replicate in (*self.held.values(), *beside)]
            whole = [n for n in numbers if isinstance(n, int) and not isinstance(n, bool)]
            if len(whole) == len(numbers):
                yield from ({**usual, key: number} for number in count(max(whole) + 1))
        shown = ", ".join(self.declared)
        raise InvalidRequest.one(
            "/seeds",
            f"no new value can be made up for {shown}: it is no whole number in every trial",
            hint="register a sweep with the further values under replicates",
        )


def _label(replicate: Mapping[str, Any]) -> str:
    """As `paribus_sweeps.design.table` labels it."""
    if len(replicate) == 1:
        return level_label(next(iter(replicate.values())))
    return ", ".join(f"{key}={level_label(replicate[key])}" for key in sorted(replicate))


def _wanted(
    runs: Sequence[Mapping[str, Any]], seeds: int | None, replicates: _Replicates
) -> Iterator[WantedRun]:
    """The runs of a set under replicates that programs can be given."""
    by_place: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        by_place.setdefault(json.dumps([run["setting"], run["blocks"]]), []).append(run)
    for same in by_place.values():
        told = [run["replicate"] for run in same]
        for replicate in _under(told, seeds, replicates):
            yield WantedRun(same[0]["setting"], replicate, same[0]["blocks"])


def _under(
    told: Sequence[Mapping[str, Any] | None], seeds: int | None, replicates: _Replicates
) -> Iterator[Mapping[str, Any]]:
    """The replicates that one setting is to run under; None: one that was not used yet."""
    known = [replicates.own(replicate) for replicate in told if replicate is not None]
    if seeds is not None:
        others = [held for held in replicates.held.values() if held not in known]
        known = [*known, *(others if replicates.declared else [])][:seeds]
    yield from known
    more = (seeds or len(told)) - len(known)
    yield from islice(replicates.unused(known), more)


@dataclass(slots=True)
class _SortedOut:
    """What becomes of each wanted run."""

    new: list[WantedRun]
    again: list[tuple[Trial, WantedRun]]
    waiting: list[str]

    def places(self, sweep_id: str, first: int) -> dict[str, Mapping[str, str]]:
        """Trial → where it is to run."""
        new = {new_trial_id(sweep_id, first + at): w.blocks for at, w in enumerate(self.new)}
        return new | {trial.id: run.blocks for trial, run in self.again}


def _sorted_out(wanted: Sequence[WantedRun], present: Sequence[Trial]) -> _SortedOut:
    """Which runs need a new trial; one that waits, or ended without a result, serves once."""
    waiting, ended = _by_cell(present, TRIAL_OPEN), _by_cell(present, _AGAIN)
    found = _SortedOut([], [], [])
    for run in wanted:
        cell = _cell(run.setting, run.replicate)
        if waiting.get(cell):
            found.waiting.append(waiting[cell].pop(0).id)
        elif ended.get(cell):
            found.again.append((ended[cell].pop(0), run))
        else:
            found.new.append(run)
    return found


def _trials_of(
    spec: SweepSpec, wanted: Sequence[WantedRun], *, first: int
) -> tuple[PlannedTrial, ...]:
    """New trials with what the program is given.

    Raises:
        InvalidRequest: A run needs a level that the sweep does not declare.
        InvalidSpec: The program's schema refuses a trial.
    """
    try:
        return added_trials(spec, [(run.setting, run.replicate) for run in wanted], first=first)
    except KeyError as error:
        raise InvalidRequest.one(
            "/set",
            f"the set has a run at level {error.args[0]!r}, which the sweep does not declare",
            code="unknown_level",
        ) from error


def _by_cell(present: Sequence[Trial], states: frozenset[TrialState]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for trial in present:
        if trial.state in states:
            found.setdefault(_cell(trial.setting, trial.replicate), []).append(trial)
    return found


def _cell(setting: Mapping[str, Any], replicate: Mapping[str, Any]) -> str:
    return json.dumps([dict(setting), _label(replicate)], sort_keys=True)


def _next_number(present: Sequence[Trial]) -> int:
    return max((trial.number for trial in present), default=-1) + 1


def _refuse_too_many(sweep: Sweep, present: int, more: int, settings: Settings) -> None:
    if sweep.run_cap is not None and present + more > sweep.run_cap:
        raise InvalidRequest.one(
            "/set",
            f"run_cap is {sweep.run_cap}, and sweep {sweep.id} has {present} trials: {more} more "
            f"would make {present + more}",
            code="run_cap",
            hint="register the runs as a sweep of their own, or choose a smaller set",
        )
    if present + more > settings.max_trials:
        raise InvalidRequest.one(
            "/set",
            f"sweep {sweep.id} has {present} trials, and {more} more would make "
            f"{present + more}; the limit is {settings.max_trials:,}",
            code="too_many_trials",
        )
