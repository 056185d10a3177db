"""Bodies about queueing the follow-ups of a question."""

from pydantic import Field

from paribus_service.api import links
from paribus_service.api.bodies.base import Answer, Asked, JsonObject
from paribus_service.ids import new_trial_id
from paribus_service.orchestration.inquiries import (
    Compare,
    ErrorModel,
    Inquiry,
    TransformWord,
)
from paribus_service.orchestration.revisions import MOST_SEEDS, PROPOSED, Revision, Wish
from paribus_service.store.states import SweepState
from paribus_service.store.tables import Sweep, Trial
from paribus_sweeps.analysis.best_runs import Goal
from paribus_sweeps.design.grids import Trial as PlannedTrial


class FollowUpsIn(Asked):
    """Which runs to queue, and the question that they answer: as `GET …/follow-ups` takes it."""

    set: str = Field(default=PROPOSED, max_length=300)
    """`proposed`, the smallest set; or an alternative of the answer: `pairs`, `finish`, `seeds`,
    `fold_over`, `fold_over(FACTOR)`."""
    seeds: int | None = Field(default=None, ge=1, le=MOST_SEEDS)
    """Replicates of each setting of the set; null for those that the answer has."""
    data_version: str | None = Field(default=None, max_length=100)
    """Of the answer that was seen: 409 `data_changed` where the runs have changed since."""
    response: str | None = Field(default=None, max_length=1000)
    goal: Goal | None = None
    factors: list[str] = []
    ignore: list[str] = []
    blocks: list[str] | None = None
    interactions: str | list[str] = "auto"
    """`auto`, `none`, `all`, or pairs of factors: `["a*b"]`."""
    transform: TransformWord = "identity"
    denominator: int | None = Field(default=None, ge=1)
    smallest_effect: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    error: ErrorModel = "auto"
    compare: Compare | None = None
    level: float = Field(default=0.95, ge=0.5, lt=1, allow_inf_nan=False)
    resolution: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    allow_crashed: bool = False

    def inquiry(self) -> Inquiry:
        """The question."""
        told = self.interactions
        return Inquiry(
            response=self.response,
            goal=self.goal,
            factors=tuple(self.factors),
            ignore=tuple(self.ignore),
            blocks=None if self.blocks is None else tuple(self.blocks),
            interactions=told if isinstance(told, str) else ",".join(told) or "none",
            transform=self.transform,
            denominator=self.denominator,
            smallest_effect=self.smallest_effect,
            error=self.error,
            compare=self.compare,
            level=self.level,
            resolution=self.resolution,
            allow_crashed=self.allow_crashed,
        )

    def wish(self) -> Wish:
        """Which of the answer's runs are wanted."""
        return Wish(self.set, self.seeds, self.data_version)


class QueuedTrialOut(Answer):
    """A trial that a revision queues."""

    id: str
    number: int
    is_new: bool
    """False for a trial that ended without a result and is queued again, under a new run."""
    setting: dict[str, str]
    replicate: JsonObject
    args: JsonObject
    """What the program is given."""
    blocks: dict[str, str]
    """Where the answer has it run; advice, see `notices`."""


class RevisionOut(Answer):
    """What queueing follow-ups did, or would do."""

    sweep_id: str
    revision: int
    """The sweep's revision with these trials."""
    is_written: bool
    """False with `validate_only`."""
    state: SweepState
    """The sweep's: one that had finished is running again."""
    set: str
    sentence: str
    """What the answer says of the set."""
    data_version: str
    """Of the answer that was followed."""
    trials: list[QueuedTrialOut]
    waiting: list[str]
    """Trials of the set that were queued or running already."""
    expected_trials: int | None
    """Of the whole sweep."""
    notices: list[str]
    links: dict[str, str]

    @classmethod
    def of(cls, sweep: Sweep, revision: Revision, base: str, *, is_written: bool) -> "RevisionOut":
        """The body for a revision; of one that is not written, the sweep is as it was."""
        more = 0 if is_written else len(revision.new)
        return cls(
            sweep_id=sweep.id,
            revision=revision.number,
            is_written=is_written,
            state=SweepState(sweep.state),
            set=revision.chosen,
            sentence=revision.sentence,
            data_version=revision.data_version,
            trials=_trials(sweep, revision),
            waiting=list(revision.waiting),
            expected_trials=None
            if sweep.expected_trials is None
            else sweep.expected_trials + more,
            notices=list(revision.notices),
            links=links.of_sweep(base, sweep),
        )


def _trials(sweep: Sweep, revision: Revision) -> list[QueuedTrialOut]:
    new = [_trial(sweep, revision, trial, is_new=True) for trial in revision.new]
    return new + [_trial(sweep, revision, trial, is_new=False) for trial in revision.again]


def _trial(
    sweep: Sweep, revision: Revision, trial: PlannedTrial | Trial, *, is_new: bool
) -> QueuedTrialOut:
    trial_id = new_trial_id(sweep.id, trial.number)
    return QueuedTrialOut(
        id=trial_id,
        number=trial.number,
        is_new=is_new,
        setting={name: str(label) for name, label in trial.setting.items()},
        replicate=dict(trial.replicate),
        args=dict(trial.args),
        blocks=dict(revision.blocks.get(trial_id, {})),
    )
