"""Bodies of answers that show their evidence: what all of them carry, and what each adds.

They are sent as `paribus_sweeps.analysis.answers` makes them; these classes say what the fields
mean, and in which unit.
"""

from datetime import datetime
from typing import Literal

from paribus_service.api.bodies.base import Answer, Json, JsonObject
from paribus_service.api.bodies.sweeps import LevelOut, MovedTogetherOut
from paribus_service.store.states import SweepState

Goal = Literal["minimize", "maximize"]
Status = Literal["isolated", "confounded", "inconclusive", "not_varied", "not_ready"]
Verdict = Literal["yes", "no", "inconclusive"]
Interval = tuple[float, float]


class LeftOutOut(Answer):
    """A run that no number was computed from."""

    id: str
    state: str
    reason: str


class MovedAlongOut(Answer):
    """What runs recorded, nobody set, and differs between the levels of a factor."""

    factor: str
    quantity: str
    by_level: JsonObject
    """Level → mean of the quantity in its own unit, or its values where they are texts."""
    sentence: str


class EvidenceOut(Answer):
    """What every answer carries, so that it can be computed again."""

    kind: str
    sweep_id: str | None = None
    """Of an answer about a sweep."""
    state: SweepState | None = None
    """The sweep's, when it was asked."""
    project: str | None = None
    """`entity/project`, of an answer about a project's runs."""
    sweeps: list[str] | None = None
    """The sweeps that a question about a project named."""
    classes: dict[str, list[str]] | None = None
    """Of a project: class of execution keys → those that vary and are no factors unless asked."""
    response: str
    """What the runs are measured by, in its own unit."""
    goal: Goal | None
    """Which way the response is better; null where nobody said so."""
    data_version: str
    """The same for the same runs, settings, states and values."""
    method_version: str
    """Changes when the same runs could get another answer."""
    question: JsonObject
    """What was asked, with what the sweep added to it."""
    n: int
    """Runs that the numbers come from."""
    runs: list[str] = []
    """Their ids; of very many, the first 1,000."""
    excluded: list[LeftOutOut]
    """Runs that were left out, and why; of very many, the first 1,000."""
    excluded_count: int
    held_fixed: JsonObject
    """Config key → the value that all runs share."""
    moved_along: list[MovedAlongOut]
    notices: list[str]
    """What is to be known of the data before any number."""


class OutlookOut(Answer):
    """What the present runs could have shown, and what would settle the question."""

    unit: str
    """What `n` and `needed` count: pairs or runs."""
    n: int
    power: float
    """Chance, 0 to 1, to find the smallest effect that matters, if there is one."""
    alpha: float
    spread: float | None
    """Standard deviation, in the response's unit."""
    spread_planned: float | None
    """Its upper confidence limit, that plans are made with."""
    detectable: float | None
    """Smallest effect that the present runs would have found with that power."""
    smallest_effect: float | None
    needed: int | None
    more_runs: int | None
    gpu_hours: float | None
    """Of one GPU, from the time that finished runs took."""
    sentence: str


class ComparisonOut(Answer):
    """One level against another: high minus low, in the response's unit."""

    low: str
    high: str
    basis: str | None
    """Where the estimate comes from: matched pairs, or the model."""
    estimate: float | None
    """Null where nothing can be told."""
    standard_error: float | None
    df: float | None
    interval: Interval | None
    interval_adjusted: Interval | None
    """For all contrasts of the factor together."""
    interval_90: Interval | None
    """What a verdict `no` rests on: it has to lie inside the smallest effect that matters."""
    p: float | None
    p_adjusted: float | None
    verdict: Verdict | None
    matched_pairs: int
    pairs_estimate: float | None
    model_estimate: float | None
    disagreement: Json
    """Where pairs and model say different things."""
    original_unit: Json
    """At the baseline, where the model works on another scale."""
    note: str | None


class VerdictOut(Answer):
    """One factor: whether it made a difference, or why the runs cannot say."""

    factor: str
    status: Status
    verdict: Verdict | None
    """Null where the status leaves nothing to judge."""
    sentence: str
    label: Literal["association"] | None
    """Where no design chose the settings, it is no effect."""
    comparisons: list[ComparisonOut]
    confounded_with: list[str]
    family_size: int
    """Factors that were tested together."""
    outlook: OutlookOut | None


class StudiedFactorOut(VerdictOut):
    """A factor with its verdict, and what it is."""

    name: str
    kind: Literal["levels", "continuous"]
    """A continuous factor has values and no levels."""
    keys: list[str]
    """The config keys that it moves; more than one for a bundle."""
    baseline: str | None
    levels: list[LevelOut]


class FactorsOut(EvidenceOut):
    """Which factor made the difference."""

    factors: list[StudiedFactorOut]
    moved_together: list[MovedTogetherOut] = []
    """Of a sweep: what its plan can never tell apart, even if every trial finishes."""


class ConfoundingReportOut(Answer):
    """What the finished runs can tell, what they cannot, and where that comes from."""

    runs: int
    cells: int
    """Distinct combinations of factors and blocks."""
    parameters: int
    """Columns of the model."""
    rank: int
    """Of them, those that the runs can tell."""
    residual_df: int
    """Runs minus rank: 0 leaves no interval."""
    terms: list[JsonObject]
    """Each term of the model: df, and how many of them can be estimated."""
    factors: list[JsonObject]
    """Each factor: status, sentence, levels, what it cannot be told apart from and since when."""
    facts: list[JsonObject]
    """What always changed together, in sentences."""
    caused_by: list[JsonObject]
    """Runs that are missing from the plan and would have told effects apart."""
    restoring: JsonObject | None
    """Few of them that would be enough."""
    lurking: list[JsonObject]
    """Blocks and keys that nobody studied and that take (part of) a factor away."""
    alias_matrix: list[JsonObject]
    """What an estimate also holds: b of a term from effects that the model leaves out."""
    gvif: list[JsonObject]
    """How much each term's error is inflated; `factor` multiplies the standard error."""
    notes: list[str]


class ConfoundingOut(EvidenceOut):
    """What the runs cannot tell apart."""

    confounding: ConfoundingReportOut


class ContrastsOut(EvidenceOut):
    """Matched pairs of each factor."""

    factors: list[VerdictOut]
    contrasts: list[JsonObject]
    """Each two levels: the pairs with both runs, their differences in the response's unit, both
    intervals, exact tests, agreement of the contexts, and which pairs were lost, and why."""


class EffectsOut(EvidenceOut):
    """What the model says."""

    factors: list[VerdictOut]
    transform: str
    """Scale on which the model works."""
    effects: JsonObject | None
    """Terms with Type II tests, contrasts with their family, spread, GVIF; null without two runs
    that differ."""
    note: str | None
    """Why there is no model."""


class PowerOfFactorOut(Answer):
    """What the runs could have shown of one factor."""

    factor: str
    status: Status
    outlook: OutlookOut | None
    sentence: str


class PowerOut(EvidenceOut):
    """What the present runs could have shown, and how many more would settle it."""

    power: list[PowerOfFactorOut]


class ProposedRunOut(Answer):
    """A run to make."""

    setting: dict[str, str]
    """Factor → label of its level."""
    blocks: dict[str, str]
    """Block → where it is to run; empty where no run says where it ran."""
    replicate: JsonObject | None
    """Replicate key → value, `{"seed": 0}`; empty where there is no such key; null for one that
    was not used yet and cannot be guessed."""
    again: list[str]
    """Runs of the same setting and replicate that ended without a usable value."""
    purpose: str
    """What it is there for."""


class ProposalOut(Answer):
    """The fewest runs that make the question answerable."""

    asked: list[str]
    """Terms of the model."""
    sentence: str
    k: int
    """How many runs."""
    runs: list[ProposedRunOut]
    why_no_fewer: str
    open_directions: int
    """Independent differences that the runs cannot tell now."""
    is_smallest: bool
    """Whether fewer are proven not to be enough."""
    is_best: bool
    equally_good: JsonObject
    """How many sets of this size are as good, and some of them."""
    before_after: JsonObject
    """Each term and contrast before and after: status, df, inflation, half-width of its interval
    in the response's unit."""
    impossible: list[JsonObject]
    """What no run can tell, and why."""
    open_trials: JsonObject | None
    alternatives: JsonObject
    """Other sets by name: `pairs`, `finish`, `fold_overs`, `seeds`."""
    hours: float | None
    """Of one GPU, for all runs."""
    cost: str
    notes: list[str]


class FollowUpsOut(EvidenceOut):
    """What to run next."""

    follow_ups: ProposalOut


class ImportanceOut(EvidenceOut):
    """How much of the variation goes along with each factor."""

    importance: JsonObject | None
    """Each factor's share of the variance, 0 to 1, on runs that were not fitted; what it rests
    on, and why it is no effect."""


class RankedRunOut(Answer):
    """A finished run with its value."""

    id: str
    wandb_id: str
    name: str
    url: str | None
    """Its page; null for a row of a plain table."""
    value: float
    setting: dict[str, str | None]
    replicate: JsonObject
    finished_at: datetime | None


class RankedRunOfFactorOut(RankedRunOut):
    """A finished run with its value, and what the factor was in it."""

    at: str | None
    """Label of the factor's value."""


class NotRankedOut(Answer):
    """A run that has no place in the ranking, and why."""

    id: str
    wandb_id: str | None
    name: str | None
    url: str | None
    state: str
    reason: str


class ConfigurationOut(Answer):
    """One setting of all factors, averaged over its seeds."""

    setting: dict[str, str | None]
    n: int
    mean: float
    sd: float | None


class LevelBestOut(Answer):
    """A level, its best run, and what stands behind it."""

    level: str
    declared: bool
    """False for a level that runs hold and the sweep does not declare."""
    note: str | None
    best: list[RankedRunOut]
    """The tied runs, earlier finish first; at most 1,000, and fewer where levels are many."""
    best_count: int
    """All of them."""
    value: float | None
    n: int
    mean: float | None
    sd: float | None
    """Over seeds, within configurations; null where none has two runs."""
    expected_best: float | None
    """The best that as few runs as the smallest level has would show on average."""
    configurations: list[ConfigurationOut]
    """At most 1,000, and fewer where factors and levels are many."""
    configuration_count: int
    """All of them."""
    not_ranked: list[NotRankedOut]
    """At most 1,000, and fewer where levels are many."""
    not_ranked_count: int
    """All of them."""


class LuckOut(Answer):
    """By how much chance alone lifts the best of n equal runs above their mean."""

    expected_gain: dict[str, float]
    """Level → in the response's unit."""
    note: str


class FactorBestOut(Answer):
    """A factor, its levels in declared order, each with its best run."""

    factor: str
    keys: list[str]
    kind: Literal["levels", "continuous"]
    baseline: str | None
    levels: list[LevelBestOut]
    best: list[RankedRunOfFactorOut]
    """Of a continuous factor: the best runs that hold it, with their value of it."""
    together: list[MovedTogetherOut]
    """What always moved with it: its levels cannot be weighed against each other."""
    status: Status
    verdict: Verdict | None
    sentence: str
    best_level: str | None
    """Named only where the factor is isolated, its verdict is yes, and one level beats all."""
    luck: LuckOut | None


class ShrunkConfigurationOut(Answer):
    """One setting that ran, its mean pulled towards the common one."""

    setting: dict[str, str | None]
    n: int
    mean: float
    shrunk: float | None
    """What to expect of it, in the response's unit: luck is taken out."""
    weight: float | None
    """How far the mean is believed, 0 to 1."""
    rank: float | None
    """1 is best."""
    runs: list[str]


class ConfigurationsOut(Answer):
    """The settings that ran, best first, without what luck added."""

    within_sd: float | None
    """Between seeds of one setting."""
    between_sd: float | None
    """Between settings, seeds taken out."""
    common_mean: float | None
    note: str | None
    count: int
    rows: list[ShrunkConfigurationOut]
    """Of very many, the first 1,000."""


class MatchedPairsOut(Answer):
    """How many pairs of finished runs differ in one factor alone."""

    factor: str
    pairs: int
    contexts: int
    """Distinct settings of everything else, replicates not counted apart."""
    sentence: str


class BestOut(EvidenceOut):
    """Best run per factor; a best level only where the runs show one."""

    resolution: float
    """Runs that differ by no more are tied."""
    best: list[RankedRunOut]
    """The best of all; at most 1,000 that are tied."""
    best_count: int
    factors: list[FactorBestOut]
    not_ranked: list[NotRankedOut]
    """At most 1,000."""
    not_ranked_count: int
    matched_pairs: list[MatchedPairsOut]
    """How many pairs of finished runs differ in one factor alone; factors with levels only."""
    moved_together: list[MovedTogetherOut]
    """Every fact that keeps two of the factors from being told apart."""
    configurations: ConfigurationsOut
    not_offered: str | None = None
    """What a best run does not say, in a sentence."""


class ReportOut(EvidenceOut):
    """Every answer as one value; each part is as its own kind answers it."""

    factors: list[VerdictOut]
    confounding: ConfoundingReportOut
    contrasts: list[JsonObject]
    effects: JsonObject | None
    follow_ups: ProposalOut
    power: list[PowerOfFactorOut]
    best: JsonObject | None
    """Null where nobody said which way the response is better."""
    importance: JsonObject | None


AnyAnswer = (
    BestOut
    | FactorsOut
    | ConfoundingOut
    | ContrastsOut
    | EffectsOut
    | FollowUpsOut
    | PowerOut
    | ImportanceOut
    | ReportOut
)
