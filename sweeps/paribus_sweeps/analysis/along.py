"""What moved along with a factor, and what was held fixed: the small print of every effect.

Batch size changed at fixed epochs changes the number of optimizer steps by arithmetic: the
effect is that of "batch size at fixed epochs". Nobody set those steps, and no model can take
them out; an answer has to say so.

Source: METHOD 0 (derived quantities are not factors), DESIGN 8.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.words import number
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.factors import Factor
from paribus_sweeps.runs import Run

_MOST_SHOWN = 6  # texts of one level; more are counted
_SHARE = 0.05  # of the mean: smaller movement between levels is timing noise, not arithmetic


@dataclass(frozen=True, slots=True)
class MovedAlong:
    """Something that runs recorded and that differs between the levels of a factor."""

    factor: str
    quantity: str
    by_level: Mapping[str, float | str]
    """Level → mean of the quantity, or its values where they are texts."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "factor": self.factor,
            "quantity": self.quantity,
            "by_level": dict(self.by_level),
            "sentence": self.sentence,
        }


def moved_along(factors: Sequence[Factor], runs: Sequence[Run]) -> tuple[MovedAlong, ...]:
    """Say which recorded quantities differ between the levels of each factor.

    Args:
        factors: Those asked about; continuous ones have no levels and are left out.
        runs: Only those that finished with a value are looked at.
    """
    used = [run for run in runs if _is_usable(run)]
    quantities = sorted({name for run in used for name in run.along})
    found = []
    for factor in factors:
        groups: dict[str, list[Run]] = {}
        for run in used:
            groups.setdefault(run.setting.get(factor.name) or UNSET, []).append(run)
        if factor.kind == "levels" and len(groups) > 1:
            order = [*factor.labels, *sorted(set(groups) - set(factor.labels))]
            levels = {label: groups[label] for label in order if label in groups}
            found += [_moved(factor.name, name, levels) for name in quantities]
    return tuple(fact for fact in found if fact is not None)


def _is_usable(run: Run) -> bool:
    return run.is_finished and run.value is not None and math.isfinite(run.value)


def _moved(factor: str, quantity: str, groups: Mapping[str, Sequence[Run]]) -> MovedAlong | None:
    held = {
        label: [run.along[quantity] for run in runs if quantity in run.along]
        for label, runs in groups.items()
    }
    if not all(held.values()):
        return None
    numbers = {
        label: [float(v) for v in values if isinstance(v, int | float) and math.isfinite(v)]
        for label, values in held.items()
    }
    if all(len(numbers[label]) == len(held[label]) for label in held):
        return _numbers_moved(factor, quantity, numbers)
    return _texts_moved(factor, quantity, {k: [str(v) for v in vs] for k, vs in held.items()})


def _numbers_moved(
    factor: str, quantity: str, held: Mapping[str, Sequence[float]]
) -> MovedAlong | None:
    means = {
        label: math.fsum(value / len(values) for value in values) for label, values in held.items()
    }
    spread = max(means.values()) - min(means.values())
    if spread <= _SHARE * max(abs(mean) for mean in means.values()):
        return None
    told = ", ".join(f"{number(mean)} at {label}" for label, mean in means.items())
    return MovedAlong(factor, quantity, means, _sentence(factor, quantity, told))


def _texts_moved(
    factor: str, quantity: str, held: Mapping[str, Sequence[str]]
) -> MovedAlong | None:
    distinct = {label: sorted(set(found)) for label, found in held.items()}
    if len({tuple(found) for found in distinct.values()}) == 1:
        return None
    values = {label: _listed(found) for label, found in distinct.items()}
    told = "; ".join(f"{value} at {label}" for label, value in values.items())
    return MovedAlong(factor, quantity, values, _sentence(factor, quantity, told))


def _listed(values: Sequence[str]) -> str:
    more = len(values) - _MOST_SHOWN
    return ", ".join(values[:_MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _sentence(factor: str, quantity: str, told: str) -> str:
    return f"`{quantity}` moved along with `{factor}`: {told}. It is part of the effect."
