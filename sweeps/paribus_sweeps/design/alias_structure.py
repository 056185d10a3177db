"""What a design cannot tell apart even if every trial finishes: told before anything runs.

    found = alias_structure(design)      # of a fraction, a Plackett-Burman or a D-optimal design
    found.sentences, found.as_dict()
    told_of(spec, trials)                # plain JSON, with the forecast over the planned trials

A fraction tells words and chains ("d = a x b"), the two others tell which share of which
interaction the estimate of a main effect contains. The other types leave nothing out by their
nature: of them the forecast alone speaks (`design.forecast`).

Source: METHOD 2.4; Box, Hunter & Hunter, Statistics for Experimenters, 2nd ed., chapters 6 and 7.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from paribus_sweeps.design import d_optimal, fractional, plackett_burman
from paribus_sweeps.design.aliases import (
    AliasChain,
    AliasStructure,
    PartialAlias,
    Word,
    listed,
)
from paribus_sweeps.design.forecast import forecast
from paribus_sweeps.design.grids import Trial
from paribus_sweeps.design.search_space import factors_of
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import Generator

_MOST_SENTENCES = 20  # about chains, and about main effects; more are counted
_RESOLUTIONS = {
    3: "main effects cannot be told from interactions of two factors, and are told only as far "
    "as those are nothing",
    4: "main effects can be told from interactions of two factors, and those not from one another",
}
_CLEAN = "No main effect's estimate contains any of the interactions {}."
_FROM_FIVE = (
    "main effects and interactions of two factors can be told, as far as interactions of "
    "three factors and more are nothing"
)


def alias_structure(design: Design) -> AliasStructure | None:
    """Return what a design cannot tell apart; None where its type leaves nothing out.

    Raises:
        InvalidSpec: The design cannot be expanded.
    """
    if design.type == "fractional_factorial":
        return _of_fraction(fractional.fraction_of(design))
    if design.type == "plackett_burman":
        return _of_plackett_burman(design)
    if design.type == "d_optimal":
        return _of_d_optimal(design)
    return None


def _of_fraction(fraction: fractional.RegularFraction) -> AliasStructure:
    chains = fraction.chains()
    made = [_generator(generator) for generator in fraction.generators]
    whole = 1 << len(fraction.factors)
    opening = f"{fraction.size:,} of all {whole:,} settings run: {listed(made)}."
    meaning = _RESOLUTIONS.get(fraction.resolution, _FROM_FIVE)
    return AliasStructure(
        type="fractional_factorial",
        settings=fraction.size,
        sentences=(
            opening,
            f"Resolution {fraction.resolution}: {meaning}.",
            *_cut([chain.sentence for chain in chains]),
        ),
        generators=tuple(made),
        resolution=fraction.resolution,
        defining_relation=fraction.defining_relation,
        word_length_pattern=fraction.word_length_pattern,
        chains=chains,
    )


def _generator(generator: Generator) -> str:
    return f"{Word((generator.factor,))} = {Word(generator.of, generator.sign)}"


def _of_plackett_burman(design: Design) -> AliasStructure:
    """Its main effects are orthogonal: a share of 1 is a column that stands for both."""
    shares = tuple(plackett_burman.partial_aliases(design))
    full = [alias for alias in shares if abs(alias.coefficient) == 1]
    partial = tuple(alias for alias in shares if abs(alias.coefficient) != 1)
    chains = tuple(_chains(full))
    sentences = [
        *_cut([chain.sentence for chain in chains]),
        *_cut(list(_contained(partial))),
    ]
    return AliasStructure(
        type=design.type,
        settings=len(list(plackett_burman.settings(design))),
        sentences=tuple(sentences or [_CLEAN.format("of two factors")]),
        chains=chains,
        partial=partial,
    )


def _of_d_optimal(design: Design) -> AliasStructure:
    """Its columns need not be orthogonal: a share of 1 is no proof that two are the same."""
    partial = tuple(d_optimal.partial_aliases(design))
    sentences = _cut(list(_contained(partial)))
    return AliasStructure(
        type=design.type,
        settings=len(d_optimal.cells_of(design)),
        sentences=tuple(sentences or [_CLEAN.format("that the model leaves out")]),
        partial=partial,
    )


def _chains(full: Sequence[PartialAlias]) -> Iterator[AliasChain]:
    for effect, aliases in itertools.groupby(full, key=lambda alias: alias.effect):
        aliased = tuple(Word(alias.of, 1 if alias.coefficient > 0 else -1) for alias in aliases)
        yield AliasChain(Word((effect,)), aliased)


def _contained(partial: Sequence[PartialAlias]) -> Iterator[str]:
    """Say what each estimate contains, METHOD 2.4: the largest shares first."""
    for effect, aliases in itertools.groupby(partial, key=lambda alias: alias.effect):
        ordered = sorted(aliases, key=lambda alias: -abs(float(alias.coefficient)))
        shares = [f"{alias.share} of {Word(alias.of)}" for alias in ordered]
        yield f"The estimate of `{effect}` also contains {listed(shares)}."


def _cut(sentences: Sequence[str]) -> Sequence[str]:
    more = len(sentences) - _MOST_SENTENCES
    if more <= 0:
        return sentences
    return [*sentences[:_MOST_SENTENCES], f"So it is with {more:,} more."]


def told_of(spec: SweepSpec, trials: Sequence[Trial]) -> dict[str, Any] | None:
    """Return what a plan will be able to tell, as plain JSON; None for a search.

    Args:
        spec: A design or a grid, expanded before.
        trials: All that it plans.
    """
    if not trials:
        return None
    settings = len(_distinct(trials))
    structure = alias_structure(spec.design) if spec.design else None
    if structure and settings < structure.settings:
        structure = _torn(structure, settings)
    structure = structure or AliasStructure(_type_of(spec), settings)
    coming = forecast(factors_of(spec), [dict(trial.setting) for trial in trials])
    return structure.as_dict() | {"forecast": coming.as_dict()}


def _distinct(trials: Sequence[Trial]) -> set[frozenset[tuple[str, str]]]:
    return {frozenset(trial.setting.items()) for trial in trials}


def _torn(structure: AliasStructure, settings: int) -> AliasStructure:
    sentence = (
        f"run_cap leaves {settings:,} of the {structure.settings:,} settings of this design: "
        "what it could tell apart as a whole does not hold."
    )
    return AliasStructure(structure.type, settings, (sentence,))


def _type_of(spec: SweepSpec) -> str:
    return spec.design.type if spec.design else spec.method
