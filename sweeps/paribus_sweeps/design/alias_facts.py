"""Reasons why effects cannot be told apart, as values.

Source: METHOD 2.1 (kinds, in the order in which they are looked for; designed or caused).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from paribus_sweeps.design.equations import Equation
from paribus_sweeps.design.table import Column, Table

FactKind = Literal[
    "constant", "always_together", "decided_by", "numeric", "interaction", "relation"
]
Origin = Literal["designed", "missing_runs", "blocks"]

_MOST_EQUATIONS = 20  # in `as_dict`


@dataclass(frozen=True, slots=True)
class Example:
    """Two finished runs that agree in everything outside a group and differ inside it."""

    runs: tuple[str, str]
    differ: Mapping[str, tuple[str, str]]
    """Column of the group → what the two runs hold."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"runs": list(self.runs), "differ": {k: list(v) for k, v in self.differ.items()}}


@dataclass(frozen=True, slots=True)
class AliasFact:
    """One reason why effects cannot be told apart."""

    kind: FactKind
    members: tuple[str, ...]
    """The columns concerned; of "decided_by", the deciding one first."""
    blocks: tuple[str, ...]
    """Those of `members` that are no factors."""
    count: int
    """Finished runs in which it holds: all that there are."""
    sentence: str
    holds: Callable[[Table], bool] = field(compare=False, repr=False)
    """Whether it holds in the rows of another table with the same columns, such as the plan."""
    equations: tuple[Equation, ...] = ()
    """Of "relation": what holds in every run; the sentence says the first."""
    example: Example | None = None
    """Of "relation": two runs that show it, where there are two."""
    joint: tuple[str, ...] = ()
    """What can be told of its members together, as noun phrases; not all that can."""
    origin: Origin | None = None
    """Where it comes from; None where no plan says."""
    missing: tuple[str, ...] = ()
    """Ids of runs whose completion would end it, where missing runs caused it."""

    @property
    def factors(self) -> tuple[str, ...]:
        """Those of `members` that are under study."""
        return tuple(name for name in self.members if name not in self.blocks)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "kind": self.kind,
            "members": list(self.members),
            "blocks": list(self.blocks),
            "count": self.count,
            "sentence": self.sentence,
            "equations": [equation.text for equation in self.equations[:_MOST_EQUATIONS]],
            "example": self.example.as_dict() if self.example else None,
            "joint": list(self.joint),
            "origin": self.origin,
            "missing": list(self.missing),
        }


def blocks_among(table: Table, members: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of some columns that are not under study."""
    return tuple(name for name in members if table.column(name).role != "factor")


def factors_first(columns: tuple[Column, ...]) -> list[Column]:
    """Return columns as sentences name them: factors, then blocks."""
    return sorted(columns, key=lambda column: column.role != "factor")
