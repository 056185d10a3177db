"""The case of a sweep: one run for each trial, under the factors that its config declares.

Where a client drives the sweep, those and the keys that vary among what it asked for: nothing
holds it to what the config declares.

Source: METHOD 0 (lurking keys, derived quantities), DESIGN 8.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.orchestration.inquiries import Inquiry, Measured, Subject, refuse_unknown
from paribus_service.orchestration.measurements import (
    GIT_COMMIT,
    Measurements,
    number_or_text,
    text_of,
)
from paribus_service.orchestration.names import page_of_run
from paribus_service.orchestration.programs import spec_of
from paribus_service.orchestration.questions import (
    KNOWN_BLOCKS,
    blocks_of,
    borne_by_none,
    named_twice,
    question_of,
)
from paribus_service.orchestration.reports import factors_of_sweep
from paribus_service.store import early_stops, evidence
from paribus_service.store import runs as run_store
from paribus_service.store.evidence import ConfigKey, RunRow, Scalar, TrialRow
from paribus_service.store.tables import Sweep
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.execution_keys import LURKING_CLASSES, class_of
from paribus_sweeps.analysis.labels import MOST_LEVELS_OF_A_NUMBER
from paribus_sweeps.analysis.observed import Observed, flat, observe
from paribus_sweeps.analysis.questions import Question, Sampler
from paribus_sweeps.design.table import Transform
from paribus_sweeps.factors import Factor, level_label
from paribus_sweeps.runs import Run
from paribus_sweeps.spec import SweepSpec
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS

WAVE, SOFTWARE = "wave", "software"
MOST_LURKING = 50  # keys: each is a column of its own in a second look at what is aliased
MOST_ALONG = 40  # recorded config keys that are read of each run
MOST_LEVELS = 50  # of a factor whose levels are numbers; more are analysed on their values
_LOG_DISTRIBUTIONS = ("log_uniform", "log_normal", "inv_log_uniform")


def case_of_sweep(
    session: Session,
    subject: Subject,
    inquiry: Inquiry,
    found: Measured | None,
    runs: Measurements,
    *,
    root: str,
) -> tuple[Case, Mapping[str, Any]]:
    """The case, and what an answer says of whose it is."""
    [sweep] = subject.sweeps
    trials = evidence.trial_rows(session, sweep.id)
    plan = _Plan.of(session, sweep, trials, ignore=inquiry.ignore)
    beside = _beside(session, subject, plan, runs)
    refuse_unknown(
        inquiry.ignore,
        [*KNOWN_BLOCKS, *(factor.name for factor in plan.factors), *beside.keys],
        pointer="?ignore",
        what="block, factor or config key",
        code="unknown_key",
    )
    blocks = blocks_of(inquiry, plan.blocks)
    case = Case.of(
        [_run(trial, plan, beside, runs, root) for trial in trials],
        plan.factors,
        plan.question(inquiry, found, runs),
        blocks=borne_by_none(blocks, plan.factors),
        lurking=borne_by_none(beside.lurking, plan.factors),
        transforms=plan.transforms(trials),
        numeric=plan.numeric,
        forbid=plan.forbid,
        held={key: value for key, value in plan.held.items() if key not in beside.lurking},
        notices=(
            *runs.notices,
            *plan.notices,
            *_stopped_early(plan.stopped_early, len(trials)),
            *beside.notices,
            *named_twice(blocks, plan.factors),
        ),
    )
    return case, {"sweep_id": sweep.id, "state": sweep.state}


def _run(trial: TrialRow, plan: "_Plan", beside: "_Beside", runs: Measurements, root: str) -> Run:
    """The run that counts for a trial, or the trial itself while it has none."""
    wave = {WAVE: str(trial.revision)} if plan.sweep.revision > 1 else {}
    shared: dict[str, Any] = {
        "setting": plan.setting(trial),
        "state": trial.state,
        "reason": trial.reason,
        "replicate": plan.replicate(trial),
    }
    row = runs.rows.get(trial.run_pk or -1)
    if row is None:
        return Run(id=trial.id, value=None, blocks=wave, **shared)
    value, note = runs.value_of(row)
    return Run(
        id=row.id,
        value=value,
        value_note=note,
        wandb_id=row.wandb_id,
        name=row.name,
        url=page_of_run(root, row.entity, row.project, row.wandb_id),
        started_at=row.started_at,
        finished_at=row.ended_at,
        blocks={**beside.labels(row), **runs.place_of(row), **wave},
        along={**beside.along(row), **runs.along(row)},
        **shared,
    )


def _setting(trial: TrialRow, factors: Sequence[Factor]) -> dict[str, str | None]:
    """The trial's labels; where it has none, those of its values."""
    if trial.setting:
        return dict(trial.setting)
    return {
        factor.name: level_label(run_store.lookup(trial.args, factor.keys[0]))
        for factor in factors
    }


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a sweep declares."""

    sweep: Sweep
    spec: SweepSpec
    factors: tuple[Factor, ...]
    stopped_early: int
    """Trials whose run was stopped by what it had logged (`early_terminate`)."""
    seen: Observed | None = None
    """What a client that drives the sweep asked for, sorted out; None: the service's own."""

    @classmethod
    def of(
        cls, session: Session, sweep: Sweep, trials: Sequence[TrialRow], *, ignore: Sequence[str]
    ) -> "_Plan":
        spec = spec_of(session, sweep)
        may_stop = spec.early_terminate is not None or spec.driver == "controller"
        stopped = early_stops.stopped_trials(session, sweep.id) if may_stop else 0
        declared = factors_of_sweep(sweep)
        if spec.driver is None:
            return cls(sweep, spec, declared, stopped)
        configs = {trial.id: flat(trial.args) for trial in trials}
        asked = [factor.name for factor in declared if factor.name not in ignore]
        seen = observe(configs, asked=asked, ignore=ignore)
        return cls(sweep, spec, seen.factors, stopped, seen)

    def setting(self, trial: TrialRow) -> dict[str, str | None]:
        """The labels of a trial."""
        return dict(self.seen.settings[trial.id]) if self.seen else _setting(trial, self.factors)

    def replicate(self, trial: TrialRow) -> Mapping[str, Any]:
        """What tells a trial from repetitions of its setting."""
        return self.seen.replicates[trial.id] if self.seen else trial.replicate

    @property
    def notices(self) -> tuple[str, ...]:
        return self.seen.notices if self.seen else ()

    @property
    def forbid(self) -> tuple[Mapping[str, frozenset[str]], ...]:
        return self.spec.design.forbid if self.spec.design else ()

    @property
    def blocks(self) -> tuple[str, ...]:
        return self.spec.design.blocks if self.spec.design else DEFAULT_BLOCKS

    @property
    def held(self) -> dict[str, Any]:
        """What is fixed: key → value."""
        return {p.key: p.values[0] for p in self.spec.parameters if p.is_constant}

    @property
    def moved(self) -> frozenset[str]:
        """Config keys that the sweep moves on purpose."""
        replicates: Iterable[str] = self.spec.design.replicates if self.spec.design else ()
        if self.seen:
            replicates = {key for held in self.seen.replicates.values() for key in held}
        return frozenset([*replicates, *(key for factor in self.factors for key in factor.keys)])

    @property
    def recorded(self) -> frozenset[str]:
        """First words of the config keys that the program writes down of itself."""
        extensions = getattr(self.spec.program_schema, "extensions", {})
        told = extensions.get("recorded") if isinstance(extensions, Mapping) else None
        return frozenset(told) if isinstance(told, Mapping) else frozenset()

    @property
    def numeric(self) -> list[str]:
        """Factors of so many numbers that they are analysed on their values."""
        many = [f.name for f in self.factors if len(f.levels) > MOST_LEVELS and len(f.keys) == 1]
        return [*many, *(self.seen.numeric if self.seen else ())]

    def transforms(self, trials: Sequence[TrialRow]) -> dict[str, Transform]:
        """Factors that were drawn on a log scale, where all of their values have a logarithm."""
        drawn = {p.key: p.distribution.removeprefix("q_") for p in self.spec.parameters}
        return {
            factor.name: "log10"
            for factor in self.factors
            if factor.kind == "continuous"
            and drawn.get(factor.name, "").startswith(_LOG_DISTRIBUTIONS)
            and all(_is_positive(self.setting(trial).get(factor.name)) for trial in trials)
        }

    def question(self, inquiry: Inquiry, found: Measured | None, runs: Measurements) -> Question:
        """The question, with what the sweep adds to it."""
        return question_of(
            inquiry,
            found,
            [factor.name for factor in self.factors],
            smallest_effect=inquiry.smallest_effect or self._smallest_effect(found),
            sampler=self._sampler,
            stopped_early=self.stopped_early,
            has_plan=not self.spec.is_search,
            hours_per_run=runs.hours_per_run,
            experiment=self.sweep.id,
            waived=inquiry.ignore,
        )

    @property
    def _sampler(self) -> Sampler | None:
        """What chose the settings; of a client's own script nobody knows it."""
        scheduler = self.spec.config.get("scheduler") or {}
        if self.spec.method == "bayes" or scheduler.get("engine") in ("optuna", "ax"):
            return "bayes"
        return "random" if self.spec.method == "random" else None

    def _smallest_effect(self, found: Measured | None) -> float | None:
        """The design's: in the metric's unit, so it says nothing of another response."""
        is_metric = found is not None and found.response.text == self.sweep.metric_name
        return self.spec.design.smallest_effect if self.spec.design and is_metric else None


def _is_positive(label: Any) -> bool:
    try:
        return float(label) > 0
    except (TypeError, ValueError):
        return False


@dataclass(frozen=True, slots=True)
class _Beside:
    """What differs between the runs of a sweep although nobody set it."""

    lurking: tuple[str, ...]
    """Blocks and config keys that could have made a difference by themselves."""
    recorded: frozenset[str]
    """Config keys that the runs recorded of themselves."""
    held: Mapping[int, Mapping[str, Scalar]]
    """Both, of the finished runs."""
    keys: tuple[str, ...]
    """Every config key that there is."""
    notices: tuple[str, ...]

    def labels(self, row: RunRow) -> dict[str, str]:
        """The lurking keys of a run, as labels."""
        held = self.held.get(row.pk, {})
        found = {key: text_of(held[key]) for key in self.lurking if key in held}
        versions = [key for key in sorted(held) if _is_software(key)]
        if versions:
            parts = (f"{key.partition('.')[2]}={text_of(held[key])}" for key in versions)
            found[SOFTWARE] = " ".join(parts)
        return found

    def along(self, row: RunRow) -> dict[str, float | str]:
        """What a run's config says of itself."""
        held = self.held.get(row.pk, {})
        return {key: number_or_text(held[key]) for key in self.recorded if key in held}


def _beside(session: Session, subject: Subject, plan: _Plan, runs: Measurements) -> _Beside:
    """Find what differs unasked: one aggregate says which keys, and those alone are read."""
    keys = evidence.config_keys(session, subject.scope)
    count = len(runs.finished)
    unasked = [k.key for k in keys if _differs(k, count) and k.key not in plan.moved]
    recorded = [key for key in unasked if _is_recorded(key, plan.recorded)][:MOST_ALONG]
    suspects = [key for key in unasked if _lurks(key, plan.recorded)]
    suspects.sort(key=lambda key: class_of(key) is not None)  # settings before what ran them
    read, unread = suspects[: 2 * MOST_LURKING], suspects[2 * MOST_LURKING :]
    held = evidence.config_of(session, subject.scope, [*read, *recorded])
    lurking = [key for key in read if _tells_apart(key, held, count)] + unread
    software = [SOFTWARE] if any(_is_software(key) for key in lurking) else []
    plain = [key for key in lurking if not _is_software(key)]
    own = [name for name in ("host", GIT_COMMIT) if runs.differs(name)]
    return _Beside(
        lurking=(*own, WAVE, *software, *plain[:MOST_LURKING]),
        recorded=frozenset(recorded),
        held=held,
        keys=tuple(key.key for key in keys),
        notices=(*_not_held(plan, plain), *too_many(plain)),
    )


def _stopped_early(stopped: int, trials: int) -> Iterator[str]:
    """Say what early stopping took out of the plan (METHOD 10)."""
    if stopped:
        yield (
            f"{stopped} of {trials} trials were stopped early by what their runs had logged: they "
            "have no result, and are missing not at random. What is told is an association, of "
            "the runs that were let through."
        )


def _differs(key: ConfigKey, runs: int) -> bool:
    return key.varies or 0 < key.runs < runs


def _lurks(key: str, recorded: frozenset[str]) -> bool:
    """Whether a config key that differs can have made a difference by itself."""
    if key in ("gpu_name", "host"):  # the run's own columns say it
        return False
    kind = class_of(key)
    return kind in LURKING_CLASSES if kind else not _is_recorded(key, recorded)


def _is_recorded(key: str, recorded: frozenset[str]) -> bool:
    kind = class_of(key)
    return kind == "recorded" or (kind is None and key.partition(".")[0] in recorded)


def _is_software(key: str) -> bool:
    return key.startswith(f"{SOFTWARE}.")


def _tells_apart(key: str, held: Mapping[int, Mapping[str, Scalar]], runs: int) -> bool:
    """A key that is another one in each of many runs is their name, and tells nothing apart."""
    if runs <= MOST_LEVELS_OF_A_NUMBER:
        return True
    return len({scalars[key] for scalars in held.values() if key in scalars}) < runs


def _not_held(plan: _Plan, lurking: Sequence[str]) -> Iterator[str]:
    for key in lurking:
        if key in plan.held:
            yield f"`{key}` was to be held at {level_label(plan.held[key])}, and the runs differ."


def too_many(lurking: Sequence[str]) -> Iterator[str]:
    """Say which keys are not looked at, where there are very many."""
    left_out = lurking[MOST_LURKING:]
    if left_out:
        shown = ", ".join(f"`{key}`" for key in left_out[:3])
        yield (
            f"{len(lurking)} config keys differ between the runs and are not under study: "
            f"{MOST_LURKING} of them are looked at, and {len(left_out)} are not ({shown} …)."
        )
