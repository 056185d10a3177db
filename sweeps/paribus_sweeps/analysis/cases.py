"""A case: runs, what was studied, and the question; what every answer is drawn from.

case = Case.of(runs, factors, Question("holdout/loss", goal="minimize"))
judge(case.table, case.question)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from paribus_sweeps.analysis.questions import Question
from paribus_sweeps.design.table import Table, Transform
from paribus_sweeps.errors import UnknownFactor
from paribus_sweeps.factors import Factor
from paribus_sweeps.runs import Run
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Everything that an answer needs; `Case.of` makes it."""

    runs: tuple[Run, ...]
    """By W&B's id, then by ours (`Run.place`)."""
    factors: tuple[Factor, ...]
    table: Table
    question: Question
    forbid: tuple[Mapping[str, frozenset[str]], ...] = ()
    """Settings that must not run: one is left out when, for one entry, each named factor is at
    one of the labels."""
    held: Mapping[str, Any] = field(default_factory=dict)
    """What was held fixed in every run: key → value."""
    notices: tuple[str, ...] = ()
    """What is to be known of the data before any answer."""

    @classmethod
    def of(
        cls,
        runs: Iterable[Run],
        factors: Sequence[Factor],
        question: Question,
        *,
        blocks: Sequence[str] = DEFAULT_BLOCKS,
        lurking: Sequence[str] = (),
        transforms: Mapping[str, Transform] | None = None,
        numeric: Iterable[str] = (),
        **more: Any,
    ) -> Case:
        """Lay out runs for a question; the arguments are those of `Table.from_runs`.

        Raises:
            UnknownFactor: The question names a factor that is not there.
        """
        known = [factor.name for factor in factors]
        for name in question.factors:
            if name not in known:
                raise UnknownFactor(name, known)
        rows = tuple(sorted(runs, key=lambda run: run.place))
        table = Table.from_runs(
            rows, factors, blocks=blocks, lurking=lurking, transforms=transforms, numeric=numeric
        )
        return cls(rows, tuple(factors), table, question, **more)

    @property
    def asked(self) -> tuple[Factor, ...]:
        """The factors that the question is about, those that it ignores left out."""
        names, ignored = self.question.factors, self.question.waived
        return tuple(
            factor
            for factor in self.factors
            if factor.name not in ignored and (not names or factor.name in names)
        )
