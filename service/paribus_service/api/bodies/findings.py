"""Bodies of findings: what rules say of runs, with the rules' own words and numbers."""

from typing import Literal

from paribus_service.api.bodies.base import Answer, JsonObject

FindingStatus = Literal["found", "not_found", "cannot_tell"]


class FindingOut(Answer):
    """What one rule says of one run, or of several beside one another."""

    rule: str
    status: FindingStatus
    label: str | None
    """The rule's word for it, where it has several."""
    sentence: str
    """What was seen, with its numbers; of `cannot_tell`, why."""
    keys: list[str]
    """What was read."""
    steps: list[float | None] | None
    """From where to where, in `x_name`."""
    x_name: str
    numbers: JsonObject
    """What the sentence rests on."""
    next_step: str | None
    runs: list[str]
    """Of a comparison: our own ids, in the order of the sentence."""
    factor: str | None
    """Of a comparison: the factor whose levels were compared."""
    since: str | None = None
    """When the run took this status and label; null where it was evaluated for this answer."""


class ThresholdOut(Answer):
    """A number that a rule compares with."""

    name: str
    value: float
    default: float
    reason: str


class RuleOut(Answer):
    """A rule."""

    name: str
    about: Literal["run", "comparison"]
    version: int
    section: str
    """Of METHOD, or of the reference of findings."""
    meaning: str
    labels: dict[str, str]
    reads: list[str]
    """Roles of keys, and keys."""
    source: str
    is_heuristic: bool
    """A rule of thumb, and no test."""
    thresholds: list[ThresholdOut]


class RunFindingsOut(Answer):
    """A run with its findings."""

    id: str
    wandb_id: str
    name: str
    state: str
    url: str
    is_pending: bool
    """No rule has looked at it yet: ask again in a moment."""
    findings: list[FindingOut]


class FindingsOut(Answer):
    """Findings of a run."""

    kind: Literal["findings"]
    run_id: str | None = None
    sweep_id: str | None = None
    project: str | None = None
    state: str | None = None
    data_version: str
    """The same for the same lines, states and rules."""
    rules_version: str
    rules: list[RuleOut]
    """Those that were asked."""
    counts: dict[str, dict[FindingStatus, int]]
    """Rule → status → runs of this page, whichever statuses were asked for."""
    runs: list[RunFindingsOut]
    notices: list[str]


class SubjectFindingsOut(FindingsOut):
    """Findings of a sweep's or a project's runs, and of these runs beside one another."""

    comparisons: list[FindingOut]
    next_page_token: str | None


class PlainRunFindingsOut(Answer):
    """A run that came in the request, with its findings."""

    id: str
    name: str
    state: str
    findings: list[FindingOut]


class CurvesOut(Answer):
    """Findings of runs that came in the request."""

    kind: Literal["curves"]
    data_version: str
    """The same for the same body."""
    rules_version: str
    rules: list[RuleOut]
    counts: dict[str, dict[FindingStatus, int]]
    runs: list[PlainRunFindingsOut]
    comparisons: list[FindingOut]
