"""Bodies about what a plan can tell apart, told before anything runs."""

from typing import Any, Self

from paribus_service.api.bodies.base import Answer


class WordOut(Answer):
    """A product of factors, each counted -1 at its baseline (else its first level) and +1 else."""

    text: str
    """`-b x d`; `I` for the mean."""
    factors: list[str]
    sign: int
    """1 or -1."""


class AliasChainOut(Answer):
    """Effects that cannot be told apart: one column stands for all of them."""

    text: str
    """`a = b x d = -c x e`."""
    word: WordOut
    aliased: list[WordOut]
    """The others; a sign of -1 says that the effect is subtracted."""
    sentence: str


class PartialAliasOut(Answer):
    """A share of an interaction that the estimate of a main effect contains."""

    effect: str
    """The factor whose main effect it is."""
    of: list[str]
    """The two factors of the interaction."""
    coefficient: float
    """Of factors with more than two levels, the largest among their columns, in size."""
    share: str
    """The coefficient as text: `-1/3`, `+0.412`."""


class OutlookOut(Answer):
    """What one model of the plan can tell."""

    answerable: list[str]
    """Factors and pairs (`a x b`) whose every contrast can be estimated."""
    not_answerable: list[str]
    residual_df: int
    """Trials less what the model takes: with 0 there is no interval."""


class ForecastOut(Answer):
    """What the plan will be able to tell if every trial finishes; asked again of finished runs."""

    trials: int
    main_effects: OutlookOut | None
    """Supposing that interactions are nothing; null where the model is too large to look at."""
    with_interactions: OutlookOut | None
    """With all interactions of two factors; null as above, or with fewer than two factors."""
    sentences: list[str]


class AliasesOut(Answer):
    """What a plan can tell apart, and what not, even if every trial finishes."""

    type: str
    """Of the design; `grid` for a grid."""
    settings: int
    """How many different settings the plan has."""
    sentences: list[str]
    """All of it in words; long lists are cut, and say how many more."""
    generators: list[str]
    """Of a fraction: which factor is set as the product of which."""
    resolution: int | None
    """Of a fraction: length of its shortest word; null for other types."""
    defining_relation: list[WordOut]
    """Of a fraction: products that are the same in all settings; the first 500."""
    defining_relation_count: int
    word_length_pattern: list[int]
    """Of a fraction: how many words of length 3, 4, … it has."""
    chains: list[AliasChainOut]
    """Effects that cannot be told apart at all; the first 500."""
    chain_count: int
    partial: list[PartialAliasOut]
    """Shares of interactions in main effects; the first 500."""
    partial_count: int
    forecast: ForecastOut

    @classmethod
    def of(cls, found: dict[str, Any] | None) -> Self | None:
        """The body for what was told of a plan; None for a search."""
        return None if found is None else cls.model_validate(found)
