"""Bodies of answers to questions, and of what the service ships."""

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from paribus_service.api.bodies.base import Answer, Asked, JsonObject
from paribus_service.api.bodies.sweeps import MovedTogetherOut
from paribus_service.orchestration.keys import Scope
from paribus_service.store.states import SweepState
from paribus_service.store.tables import Key
from paribus_sweeps.library import LibraryEntry


class RankedRunOut(Answer):
    """A finished run with its value."""

    id: str
    wandb_id: str
    name: str
    url: str
    """Its page."""
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
    """All tied runs, earlier finish first."""
    value: float | None
    n: int
    mean: float | None
    sd: float | None
    """Over seeds, within configurations; null where none has two runs."""
    expected_best: float | None
    """The best that as few runs as the smallest level has would show on average."""
    configurations: list[ConfigurationOut]
    not_ranked: list[NotRankedOut]


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


class MatchedPairsOut(Answer):
    """How many pairs of finished runs differ in one factor alone."""

    factor: str
    pairs: int
    contexts: int
    """Distinct settings of everything else, replicates not counted apart."""
    sentence: str


class BestOut(Answer):
    """Best run per factor: facts; which level is best is a claim that is not made here."""

    sweep_id: str
    state: SweepState
    data_version: str
    """The same for the same runs, states and values."""
    response: str
    goal: Literal["minimize", "maximize"]
    resolution: float
    """Runs that differ by no more are tied."""
    n: int
    """Runs that are ranked."""
    best: list[RankedRunOut]
    factors: list[FactorBestOut]
    not_ranked: list[NotRankedOut]
    matched_pairs: list[MatchedPairsOut]
    """How many pairs of finished runs differ in one factor alone; factors with levels only."""
    moved_together: list[MovedTogetherOut]
    """Every fact that keeps two of the sweep's factors from being told apart."""
    not_offered: str
    """What is not answered yet, in a sentence."""


class LibraryItemOut(Answer):
    """A shipped sweep."""

    name: str
    question: str
    cost: str
    links: dict[str, str]


class LibraryEntryOut(LibraryItemOut):
    """A shipped sweep, with its file."""

    text: str
    """The YAML as it is, comments included: what `POST /sweeps` takes."""
    config: JsonObject

    @classmethod
    def of(cls, entry: LibraryEntry, links: dict[str, str]) -> "LibraryEntryOut":
        """The body for an entry."""
        return cls(
            name=entry.name,
            question=entry.question,
            cost=entry.cost,
            links=links,
            text=entry.text,
            config=dict(entry.config),
        )


class ProgramSchemaOut(Answer):
    """The parameters of a training program."""

    program: str
    shipped: bool
    """It comes with the service and cannot be replaced."""
    parameters: JsonObject = Field(alias="schema", serialization_alias="schema")
    """JSON Schema 2020-12."""


class KeyIn(Asked):
    """A key to make."""

    name: str = Field(min_length=1, max_length=200)
    """What it is for."""
    scopes: list[Scope] = Field(default=["read", "submit", "agent"], min_length=1)
    entity: str | None = Field(None, max_length=128)
    """Where its sweeps and runs go when they name no entity."""
    expires_at: AwareDatetime | None = None
    """With a time zone; null for never."""


class KeyOut(Answer):
    """A key, by what may be shown of it."""

    id: str
    name: str
    prefix: str
    entity: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: Key) -> "KeyOut":
        """The body for a key."""
        return cls.model_validate(key, from_attributes=True)


class NewKeyOut(KeyOut):
    """A key that was just made."""

    key: str | None
    """The key itself: shown once; null when the request was a repetition."""
