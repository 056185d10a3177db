"""Bodies of throughput: how fast runs were, by kind of GPU, and what looking cost them."""

from typing import Literal

from paribus_service.api.bodies.base import Answer


class TrainingSpeedOut(Answer):
    """How fast a run trained, looks left out; from its history, also where it was cut off."""

    steps_per_second: float | None
    median_steps_per_second: float | None
    """Over the intervals: the companion that no outlier moves."""
    examples_per_second: float | None
    tokens_per_second: float | None
    logged_steps_per_second: float | None
    """Median of what the program logged itself."""
    step_name: str
    """What a step is: `steps` (optimizer steps), or `W&B steps` (calls of log)."""
    last_step: float | None
    intervals: int
    """Those that count."""
    seconds: float
    first_dropped: int
    """First intervals, one for each session."""
    long_dropped: int
    """Suspensions: above five times the median of seconds per step."""
    impossible_dropped: int
    """Shorter than the looks inside: clocks disagree."""
    notes: list[str]


class EvaluationSpeedOut(Answer):
    """How fast a run looked at its evaluation set."""

    steps_per_second: float | None
    """Batches."""
    examples_per_second: float | None
    tokens_per_second: float | None
    seconds_per_look: float | None
    looks: int
    """Those that count."""
    seconds: float | None
    long_dropped: int
    """Above five times the median."""
    notes: list[str]


class TimesOut(Answer):
    """Where a run's time went, in seconds."""

    total: float | None
    looking: float | None
    looking_share: float | None
    checkpoints: float | None
    """As the program counted it; null: it did not, and checkpoints count as training."""
    checkpoint_share: float | None
    logged: dict[str, float]
    """All that the program counted its time as."""
    notes: list[str]


class LookingPriceOut(Answer):
    """What one cadence costs over a whole run."""

    steps: int
    eval_steps: int
    evaluations: int
    seconds_per_look: float | None
    training_hours: float | None
    hours: float | None
    share: float | None
    sentence: str


class SavingOut(Answer):
    """What looking less often would have saved."""

    price: LookingPriceOut
    evaluations: int
    """Fewer."""
    hours: float | None
    """Fewer."""
    sentence: str


class RunLooksOut(Answer):
    """What looking has cost a run."""

    evaluations: int
    seconds: float | None
    share: float | None
    """Of the run's time."""
    eval_steps: int | None
    coarser: SavingOut | None
    """At the coarsest cadence that would still have shown what the run shows, where the rules
    found one that is coarser than its own."""
    sentence: str


class RunThroughputOut(Answer):
    """How fast one run was."""

    id: str
    wandb_id: str
    name: str
    state: str
    url: str
    gpu_name: str | None
    examples_per_step: float | None
    eval_batch: float | None
    training: TrainingSpeedOut
    evaluation: EvaluationSpeedOut
    times: TimesOut
    looks: RunLooksOut


class ThroughputOut(Answer):
    """How fast a run was."""

    kind: Literal["throughput"]
    run_id: str
    data_version: str
    run: RunThroughputOut


class GpuSpeedOut(Answer):
    """The runs of one kind of GPU."""

    gpu_name: str
    n: int
    """Runs with a rate."""
    mean: float | None
    """Of their rates, whatever their settings were."""
    least: float | None
    most: float | None
    without: int
    """Runs without a rate."""


class GpuPairOut(Answer):
    """Runs that are equal in everything but the GPU."""

    runs: list[str]
    """Our own ids; more than one for repeats of one setting."""
    against: list[str]
    ratio: float


class TheseTwoRunsOut(Answer):
    """A bootstrap over the intervals of the only two runs: of them, and of no kind of GPU."""

    low: float
    high: float
    level: float
    blocks: list[int]
    note: str


class GpuRatioOut(Answer):
    """How many times as fast `device` was as `against`."""

    device: str
    against: str
    n: int
    """Pairs."""
    ratio: float | None
    """Geometric mean over the pairs."""
    low: float | None
    high: float | None
    """Of the t interval; null below two pairs."""
    level: float
    these_two_runs: TheseTwoRunsOut | None
    pairs: list[GpuPairOut]
    note: str | None
    """Why there is no interval, or no ratio."""
    sentence: str
    matched: str
    """What the runs of a pair share."""


class GpuSpeedsOut(Answer):
    """Training or evaluation, by kind of GPU."""

    unit: str
    gpus: list[GpuSpeedOut]
    ratios: list[GpuRatioOut]
    cautions: list[str]


class SubjectThroughputOut(Answer):
    """How fast the runs of a sweep or of a project were; every attempt counts."""

    kind: Literal["throughput"]
    sweep_id: str | None = None
    state: str | None = None
    """Of the sweep."""
    project: str | None = None
    data_version: str
    n: int
    """Runs with a rate."""
    training: GpuSpeedsOut
    evaluation: GpuSpeedsOut
    runs: list[RunThroughputOut]
    """One page."""
    notices: list[str]
    level: float
    next_page_token: str | None = None
    """Send it as `page_token` for the next page; null on the last."""
