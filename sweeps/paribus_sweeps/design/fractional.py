"""Regular two-level fractions: some factors are set as products of the others.

    fraction = fraction_of(design)               # the smallest with the resolution asked for
    fraction.resolution                          # 4: no main effect is mixed up with a pair
    list(fraction.settings(design.factors))      # factor → label
    fraction.chains()                            # what cannot be told apart

A fraction of k factors in 2^m settings has the m base factors in all combinations, and
each of the others as a product of some of them. Two effects cannot be told apart when their
products over the base factors are the same. All arithmetic is on bits: exact, and no numpy.

Source: Box, Hunter & Hunter, Statistics for Experimenters, 2nd ed., chapter 6; Montgomery,
Design and Analysis of Experiments, 8th ed., chapter 8; Fries & Hunter, Technometrics 22,
1980 (minimum aberration).
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from paribus_sweeps.design.aliases import AliasChain, Word
from paribus_sweeps.errors import NotOffered, Problem
from paribus_sweeps.factors import Factor
from paribus_sweeps.spec.design_types import LETTERS, Generator
from paribus_sweeps.spec.designs import Design

# (factors, base factors) → the generated factors as products of base factors A, B, C …, with
# minimum aberration: the fewest words of length 3, among those the fewest of length 4, and so on.
# Tests search the smaller ones exhaustively and compare all with the published word lengths.
# Source: Montgomery, table 8.14 (Box, Hunter & Hunter, table 6.22) up to 11 factors and for
# 16 settings; else Chen, Sun & Wu, Int. Stat. Review 61, 1993 (32 and 64 settings) and
# Block & Mee, J. Quality Technology 37, 2005 (128 settings).
MINIMUM_ABERRATION: Mapping[tuple[int, int], str] = {
    (3, 2): "AB",
    (4, 3): "ABC",
    (5, 3): "AB AC",
    (6, 3): "AB AC BC",
    (7, 3): "AB AC BC ABC",
    (5, 4): "ABCD",
    (6, 4): "ABC BCD",
    (7, 4): "ABC BCD ACD",
    (8, 4): "BCD ACD ABC ABD",
    (9, 4): "ABC BCD ACD ABD ABCD",
    (10, 4): "ABC BCD ACD ABD ABCD AB",
    (11, 4): "ABC BCD ACD ABD ABCD AB AC",
    (12, 4): "ABC BCD ACD ABD ABCD AB AC AD",
    (13, 4): "ABC BCD ACD ABD ABCD AB AC AD BC",
    (14, 4): "ABC BCD ACD ABD ABCD AB AC AD BC BD",
    (15, 4): "ABC BCD ACD ABD ABCD AB AC AD BC BD CD",
    (6, 5): "ABCDE",
    (7, 5): "ABCD ABDE",
    (8, 5): "ABC ABD BCDE",
    (9, 5): "BCDE ACDE ABDE ABCE",
    (10, 5): "ABCD ABCE ABDE ACDE BCDE",
    (11, 5): "ABC BCD CDE ACD ADE BDE",
    (12, 5): "ABC ABD ACD BCD ABE ACE ADE",
    (13, 5): "ABC ABD ACD BCD ABE ACE BCE ADE",
    (14, 5): "ABC ABD ACD BCD ABE ACE BCE ADE BDE",
    (15, 5): "ABC ABD ACD BCD ABE ACE BCE ADE BDE CDE",
    (7, 6): "ABCDEF",
    (8, 6): "ABCD ABEF",
    (9, 6): "ABCD ACEF CDEF",
    (10, 6): "BCDF ACDF ABDE ABCE",
    (11, 6): "CDE ABCD ABF BDEF ADEF",
    (12, 6): "ABC ABD ACDE ACDF ABEF BCDEF",
    (13, 6): "ABC ABD ACE ADE BCF BDEF CDEF",
    (14, 6): "ABC ABD ABE BCDE ACF ADF AEF CDEF",
    (15, 6): "ABC ABD ABE BCDE ACF ADF AEF CDEF ABCDEF",
    (8, 7): "ABCDEFG",
    (9, 7): "ACDFG BCEFG",
    (10, 7): "ABCG BCDE ACDF",
    (11, 7): "ABCG BCDE ACDF ABCDEFG",
    (12, 7): "ABCDE ABCFG ABDF ACEG ADEFG",
    (13, 7): "ABCDE ABCFG ABDF ACEG CDF BCEG",
    (14, 7): "ABCDE ABCFG ABDF ACEG BCDF ACDEF BEFG",
    (15, 7): "ABCDE ABCFG ABDF ACEG BCDF ACDEF BEFG ABG",
}
_MOST_FACTORS, _MOST_SETTINGS = 15, 128  # of the table


@dataclass(frozen=True, slots=True)
class RegularFraction:
    """A fraction of all settings of two-level factors.

    RegularFraction(("a", "b", "c"), (Generator("c", ("a", "b")),))   # 4 settings of 8
    """

    factors: tuple[str, ...]
    """In declared order."""
    generators: tuple[Generator, ...]
    """Their factors are the generated ones; the others are the base."""

    @property
    def base(self) -> tuple[str, ...]:
        """The factors that stand in all combinations."""
        made = {generator.factor for generator in self.generators}
        return tuple(name for name in self.factors if name not in made)

    @property
    def size(self) -> int:
        """How many settings it has."""
        return 1 << (len(self.factors) - len(self.generators))

    @property
    def defining_relation(self) -> tuple[Word, ...]:
        """Every product of factors that is constant, the shortest first: 2^p - 1 words."""
        place = {name: 1 << index for index, name in enumerate(self.factors)}
        words = {0: 1}
        for generator in self.generators:
            own = place[generator.factor] | sum(place[name] for name in generator.of)
            words |= {mask ^ own: sign * generator.sign for mask, sign in words.items()}
        made = [Word(self._named(mask), sign) for mask, sign in words.items() if mask]
        return tuple(sorted(made, key=self._order))

    def _named(self, mask: int) -> tuple[str, ...]:
        return tuple(name for index, name in enumerate(self.factors) if mask >> index & 1)

    def _order(self, word: Word) -> tuple[int, list[int]]:
        return len(word.factors), [self.factors.index(name) for name in word.factors]

    @property
    def word_length_pattern(self) -> tuple[int, ...]:
        """How many words of the defining relation have length 3, 4, … up to all factors."""
        lengths = Counter(len(word.factors) for word in self.defining_relation)
        return tuple(lengths[length] for length in range(3, len(self.factors) + 1))

    @property
    def resolution(self) -> int:
        """Length of the shortest word: 3 mixes main effects with pairs, 4 pairs with pairs."""
        return len(self.defining_relation[0].factors)

    def settings(self, factors: Sequence[Factor]) -> Iterator[Mapping[str, str]]:
        """Yield factor → label, the base factors in all combinations with the last fastest.

        Args:
            factors: With two levels each; the baseline (else the first level) counts as -1.
        """
        columns = self._columns()
        levels = {factor.name: low_and_high(factor) for factor in factors}
        for row in itertools.product((0, 1), repeat=len(self.base)):
            bits = sum(bit << index for index, bit in enumerate(row))
            yield {name: levels[name][_is_high(bits, *columns[name])] for name in self.factors}

    def _columns(self) -> Mapping[str, tuple[int, int]]:
        """Factor → (bits of the base factors whose product it is, sign)."""
        bits = {name: 1 << index for index, name in enumerate(self.base)}
        columns = {name: (bit, 1) for name, bit in bits.items()}
        for generator in self.generators:
            product = sum(bits[name] for name in generator.of)
            columns[generator.factor] = (product, generator.sign)
        return columns

    def chains(self, longest: int = 2) -> tuple[AliasChain, ...]:
        """Return the groups of effects that cannot be told apart, each once.

        Args:
            longest: Up to how many factors an effect has; 3 lists three-factor interactions.
        """
        groups: dict[int, list[Word]] = {0: [Word(())]}
        columns = self._columns()
        for length in range(1, longest + 1):
            for names in itertools.combinations(self.factors, length):
                column, sign = _product([columns[name] for name in names])
                groups.setdefault(column, []).append(Word(names, sign))
        return tuple(_chain(words) for words in groups.values() if len(words) > 1)


def _product(columns: Sequence[tuple[int, int]]) -> tuple[int, int]:
    mask, sign = 0, 1
    for own, own_sign in columns:
        mask, sign = mask ^ own, sign * own_sign
    return mask, sign


def _chain(words: Sequence[Word]) -> AliasChain:
    first, *others = words
    aliased = tuple(Word(word.factors, word.sign * first.sign) for word in others)
    return AliasChain(Word(first.factors), aliased)


def _is_high(bits: int, mask: int, sign: int) -> bool:
    """Whether a product of base factors is +1; `bits` are 1 where a base factor is."""
    lows = (mask & ~bits).bit_count()
    return (lows % 2 == 0) == (sign > 0)


def low_and_high(factor: Factor) -> tuple[str, str]:
    """Return the labels that count as -1 and as +1: the baseline, else the first, is -1."""
    first, second = factor.labels
    return (second, first) if factor.baseline == second else (first, second)


def fraction_of(design: Design) -> RegularFraction:
    """Return the fraction that a `fractional_factorial` design asks for.

    Raises:
        NotOffered: No fraction in the table has the resolution or the size asked for.
    """
    names = tuple(factor.name for factor in design.factors)
    if design.generators:
        return RegularFraction(names, design.generators)
    if design.fraction is not None:
        return _of_size(names, design.fraction)
    return _of_resolution(names, design.resolution or 3)


def _of_size(names: tuple[str, ...], denominator: int) -> RegularFraction:
    base = len(names) - denominator.bit_length() + 1
    if base == len(names) - 1:
        return _half(names)
    if (len(names), base) not in MINIMUM_ABERRATION:
        what = f'fraction "1/{denominator}" of {len(names)} factors'
        raise _unknown(what, "fraction", names)
    return minimum_aberration(names, base)


def _half(names: tuple[str, ...]) -> RegularFraction:
    """The last factor is the product of all others: the best half, of any number of factors."""
    return RegularFraction(names, (Generator(names[-1], names[:-1]),))


def _of_resolution(names: tuple[str, ...], resolution: int) -> RegularFraction:
    for base in range(2, len(names)):
        if (len(names), base) in MINIMUM_ABERRATION:
            fraction = minimum_aberration(names, base)
            if fraction.resolution >= resolution:
                return fraction
    if resolution > 2 * len(names) // 3:
        # The three words of a quarter hold each factor twice at most: its shortest has no more
        # than two thirds of them, and the half is the smallest that has such a resolution.
        return _half(names)
    raise _unknown(f"resolution {resolution} with {len(names)} factors", "resolution", names)


def minimum_aberration(names: tuple[str, ...], base: int) -> RegularFraction:
    """Return the fraction with 2^`base` settings whose shortest words are fewest.

    Raises:
        KeyError: The table has none of this size.
    """
    words = MINIMUM_ABERRATION[len(names), base].split()
    made = zip(names[base:], words, strict=True)
    return RegularFraction(
        names,
        tuple(
            Generator(name, tuple(names[LETTERS.index(letter)] for letter in word))
            for name, word in made
        ),
    )


def _unknown(what: str, key: str, names: Sequence[str]) -> NotOffered:
    message = (
        f"{what}: the fractions known here have up to {_MOST_FACTORS} factors and "
        f"{_MOST_SETTINGS} settings"
    )
    hint = (
        f'"1/2" of {len(names)} factors has resolution {len(names)}; generators take any '
        "fraction; plackett_burman takes up to 95 factors"
    )
    return NotOffered([Problem(f"/design/{key}", "not_offered", message, hint)])


def settings_count(design: Design) -> int:
    """How many settings a `fractional_factorial` design has; none of them is built.

    Raises:
        NotOffered: As `fraction_of`.
    """
    if design.fraction is not None:
        return (1 << len(design.factors)) // design.fraction
    return fraction_of(design).size
