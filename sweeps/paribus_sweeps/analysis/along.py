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
    quantities = _quantities(used)
    found = []
    for factor in factors if used else ():
        labels = [run.setting.get(factor.name) or UNSET for run in used]
        held = set(labels)
        if factor.kind == "levels" and len(held) > 1:
            order = [*factor.labels, *sorted(held - set(factor.labels))]
            levels = [label for label in order if label in held]
            found += [_moved(factor.name, one, labels, levels) for one in quantities]
    return tuple(fact for fact in found if fact is not None)


@dataclass(frozen=True, slots=True)
class _Quantity:
    """Something that runs recorded, of each of them."""

    name: str
    values: Sequence[float | str | None]
    """None where a run has not recorded it."""
    is_number: bool
    """Every value is a finite number."""


def _quantities(used: Sequence[Run]) -> list[_Quantity]:
    found = []
    for name in sorted({name for run in used for name in run.along}):
        values = [run.along.get(name) for run in used]
        is_number = all(
            value is None or (isinstance(value, int | float) and math.isfinite(value))
            for value in values
        )
        found.append(_Quantity(name, values, is_number))
    return found


def _is_usable(run: Run) -> bool:
    return run.is_finished and run.value is not None and math.isfinite(run.value)


def _moved(
    factor: str, quantity: _Quantity, labels: Sequence[str], levels: Sequence[str]
) -> MovedAlong | None:
    held: dict[str, list[Any]] = {label: [] for label in levels}
    for label, value in zip(labels, quantity.values, strict=True):
        if value is not None:
            held[label].append(value)
    if not all(held.values()):
        return None
    if quantity.is_number:
        return _numbers_moved(factor, quantity.name, held)
    return _texts_moved(factor, quantity.name, held)


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
    factor: str, quantity: str, held: Mapping[str, Sequence[float | str]]
) -> MovedAlong | None:
    distinct = {label: sorted({str(one) for one in found}) for label, found in held.items()}
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
