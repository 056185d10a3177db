"""What a planned design cannot tell apart, as values: words, chains and partial aliases.

A word is a product of factors, each counted -1 at its baseline and +1 else: ("b", "d") is the
interaction of two factors, ("a",) a main effect, () the mean.

Source: Box, Hunter & Hunter, Statistics for Experimenters, 2nd ed., chapter 6; METHOD 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

_LARGEST_DENOMINATOR = 24  # METHOD 2 (3): coefficients are shown as fractions up to it
_MOST_MEMBERS = 6  # in one sentence; more are counted
_MOST_LISTED = 500  # words, chains and partial aliases in `as_dict`; more are counted


@dataclass(frozen=True, slots=True)
class Word:
    """A product of factors, with its sign.

    Word(("a",))                # the main effect of a
    Word(("b", "d"), sign=-1)   # minus the interaction of b and d
    """

    factors: tuple[str, ...]
    sign: int = 1

    @property
    def text(self) -> str:
        """The word without quotes: "-b x d"; "I" for the mean, as textbooks write it."""
        return ("-" if self.sign < 0 else "") + (" x ".join(self.factors) or "I")

    def __str__(self) -> str:
        sign = "-" if self.sign < 0 else ""
        return sign + (" x ".join(f"`{name}`" for name in self.factors) or "the mean")


@dataclass(frozen=True, slots=True)
class AliasChain:
    """An effect with what the runs cannot tell from it: one column stands for all of them."""

    word: Word
    """The first in hierarchical order: a main effect before an interaction."""
    aliased: tuple[Word, ...]
    """The others; a sign of -1 says that the effect is subtracted."""

    @property
    def sentence(self) -> str:
        """Say it in words."""
        kind = "The interaction " if len(self.word.factors) > 1 else ""
        first = str(self.word)
        return f"{kind}{first[0].upper()}{first[1:]} cannot be told from {_kinds(self.aliased)}."

    @property
    def text(self) -> str:
        """Write it as textbooks do: "a = b x d = -c x e"."""
        return " = ".join(word.text for word in (self.word, *self.aliased))


@dataclass(frozen=True, slots=True)
class PartialAlias:
    """A share of an interaction that an estimated main effect contains.

    PartialAlias("a", ("b", "c"), Fraction(-1, 3))   # E[a] = a - 1/3 of b x c
    """

    effect: str
    of: tuple[str, str]
    coefficient: Fraction | float
    """Of factors with more than two levels: the largest among their columns, in size."""

    @property
    def share(self) -> str:
        """The coefficient as text: "-1/3", "+0.412"."""
        near = Fraction(self.coefficient).limit_denominator(_LARGEST_DENOMINATOR)
        if abs(float(near) - float(self.coefficient)) < 1e-7:
            return f"{'-' if near < 0 else '+'}{abs(near)}"
        return f"{float(self.coefficient):+.3g}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "effect": self.effect,
            "of": list(self.of),
            "coefficient": float(self.coefficient),
            "share": self.share,
        }


@dataclass(frozen=True, slots=True)
class AliasStructure:
    """What a plan cannot tell apart even if every trial finishes."""

    type: str
    """Of the design."""
    settings: int
    """How many different settings it runs."""
    sentences: tuple[str, ...] = ()
    """All of it in words, the weightiest first; long lists are cut, and say how many more."""
    generators: tuple[str, ...] = ()
    """Of a regular fraction: "`d` = `a` x `b`"."""
    resolution: int | None = None
    """Of a regular fraction: length of its shortest word."""
    defining_relation: tuple[Word, ...] = ()
    """Of a regular fraction: every product that is constant over all settings."""
    word_length_pattern: tuple[int, ...] = ()
    """Of a regular fraction: how many words of length 3, 4, … it has."""
    chains: tuple[AliasChain, ...] = ()
    """Main effects and two-factor interactions that cannot be told apart at all."""
    partial: tuple[PartialAlias, ...] = ()
    """Shares of two-factor interactions in the estimated main effects."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON; long lists are cut, their true lengths stand beside them."""
        return {
            "type": self.type,
            "settings": self.settings,
            "sentences": list(self.sentences),
            "generators": list(self.generators),
            "resolution": self.resolution,
            "defining_relation": [_word(w) for w in self.defining_relation[:_MOST_LISTED]],
            "defining_relation_count": len(self.defining_relation),
            "word_length_pattern": list(self.word_length_pattern),
            "chains": [
                {
                    "text": chain.text,
                    "word": _word(chain.word),
                    "aliased": [_word(word) for word in chain.aliased],
                    "sentence": chain.sentence,
                }
                for chain in self.chains[:_MOST_LISTED]
            ],
            "chain_count": len(self.chains),
            "partial": [alias.as_dict() for alias in self.partial[:_MOST_LISTED]],
            "partial_count": len(self.partial),
        }


def _word(word: Word) -> dict[str, Any]:
    return {"text": word.text, "factors": list(word.factors), "sign": word.sign}


def _kinds(words: Sequence[Word]) -> str:
    """`words` as text, by kind: "the main effect …", "the interactions … and …"."""
    by_size: dict[int, list[str]] = {}
    for word in words:
        sign = "minus " if word.sign < 0 else ""
        by_size.setdefault(min(len(word.factors), 2), []).append(sign + str(Word(word.factors)))
    parts = []
    for size, texts in sorted(by_size.items()):
        plural = "s" if len(texts) > 1 else ""
        noun = {0: "", 1: f"the main effect{plural} of ", 2: f"the interaction{plural} "}[size]
        parts.append(noun + listed(texts))
    return " and ".join(parts)


def listed(texts: Sequence[str], most: int = _MOST_MEMBERS) -> str:
    """Join texts with commas and "and"; above `most` the rest is counted."""
    if len(texts) > most:
        return f"{', '.join(texts[:most])} and {len(texts) - most:,} more"
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
