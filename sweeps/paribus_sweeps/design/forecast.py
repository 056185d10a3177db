"""Which effects a plan will be able to tell, once every trial has finished: the gate, beforehand.

    coming = forecast(factors, [{"batch": "8", "ratio": "1:1"}, …])
    coming.answerable                     # factors, as far as interactions are nothing
    coming.with_interactions.answerable   # factors and pairs, without supposing that
    coming.sentences

What the gate says of a plan is a promise about settings alone: runs that crash, or that run on
different GPUs, can take it away. So it is asked again of the finished runs.

Source: METHOD 2 (the gate), 5.1 (which models).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.design.aliases import listed
from paribus_sweeps.design.estimability import gate
from paribus_sweeps.design.model_matrix import Term, main_effects, two_factor_interactions
from paribus_sweeps.design.table import Column, Table
from paribus_sweeps.factors import Factor

_MOST_WORK = 3e8  # settings x parameters^2: half a second
_MOST_PARAMETERS = 1_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What one model of a plan can tell."""

    answerable: tuple[str, ...]
    """Factors and pairs ("a x b") whose every contrast can be estimated."""
    not_answerable: tuple[str, ...]
    residual_df: int
    """Trials less what the model takes: with 0 there is no interval."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "answerable": list(self.answerable),
            "not_answerable": list(self.not_answerable),
            "residual_df": self.residual_df,
        }


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan will be able to tell."""

    trials: int
    main_effects: Outlook | None
    """Supposing that interactions are nothing; None where the model is too large to look at."""
    with_interactions: Outlook | None
    """Supposing nothing of interactions of two factors; None as above, or below two factors."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """Say it in words."""
        if self.main_effects is None:
            return ("The plan is too large to look at what it can tell before it runs.",)
        found = [_sentence("If interactions are nothing", self.main_effects)]
        if self.with_interactions is not None:
            opening = "If any two factors may interact"
            found.append(_sentence(opening, self.with_interactions))
        if self.main_effects.residual_df == 0:
            found.append("No trial is left over to tell the noise: intervals need replicates.")
        return tuple(found)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        pairs = self.with_interactions
        return {
            "trials": self.trials,
            "main_effects": self.main_effects and self.main_effects.as_dict(),
            "with_interactions": pairs and pairs.as_dict(),
            "sentences": list(self.sentences),
        }


def _sentence(opening: str, outlook: Outlook) -> str:
    if not outlook.answerable:
        return f"{opening}, no average effect can be told."
    if not outlook.not_answerable:
        return f"{opening}, every average effect can be told: {_named(outlook.answerable)}."
    can, cannot = _named(outlook.answerable), _named(outlook.not_answerable)
    return f"{opening}, the average effects that can be told are {can}; not {cannot}."


def _named(terms: Sequence[str]) -> str:
    return listed([" x ".join(f"`{part}`" for part in term.split(" x ")) for term in terms])


def forecast(factors: Sequence[Factor], settings: Sequence[Mapping[str, str]]) -> Forecast:
    """Ask the gate of a plan, as if every trial had finished.

    Args:
        factors: Under study.
        settings: Of each trial, repeats under other seeds included: factor → label.
    """
    table = _planned(factors, settings)
    alone = main_effects(table.factors)
    still = tuple(column.name for column in table.factors if not column.varies)
    pairs = two_factor_interactions(table.factors)
    return Forecast(
        trials=len(settings),
        main_effects=_outlook(table, alone, still, trials=len(settings)),
        with_interactions=_outlook(table, (*alone, *pairs), still, trials=len(settings))
        if pairs
        else None,
    )


def _planned(factors: Sequence[Factor], settings: Sequence[Mapping[str, str]]) -> Table:
    """One row for each different setting."""
    rows = list({tuple(setting.items()): setting for setting in settings}.values())
    columns = []
    for factor in factors:
        places = {label: place for place, label in enumerate(factor.labels)}
        codes = np.array([places[setting[factor.name]] for setting in rows], np.int64)
        columns.append(Column(factor.name, factor.labels, codes, declared=len(factor.labels)))
    count = len(rows)
    ids = tuple(str(row) for row in range(count))
    blank = ("",) * count
    return Table(ids, tuple(columns), None, np.zeros(count), ("finished",) * count, blank)


def _outlook(
    table: Table, terms: Sequence[Term], still: Sequence[str], *, trials: int
) -> Outlook | None:
    df = {column.name: len(column.observed) - 1 for column in table.factors}
    parameters = sum(int(np.prod([df[name] for name in term.members])) for term in terms)
    if parameters > _MOST_PARAMETERS or len(table) * parameters**2 > _MOST_WORK:
        return None
    found = gate(table, terms=terms)
    told = [status.term.name for status in found.statuses if status.word == "estimable"]
    open_ = [status.term.name for status in found.statuses if status.word != "estimable"]
    return Outlook(tuple(told), (*still, *open_), trials - found.rank)
