"""The answer to "which of my conclusions are confounded?": everything the gate has to say.

    report = confounding_report(table)             # a sweep: its rows are the plan
    report = confounding_report(table, has_plan=False)   # runs that no sweep made
    report.factors[0].status, report.facts[0].sentence, report.as_dict()

The gate is asked of the finished runs, of the plan (was it designed?), without the blocks (does
a factor follow the GPU?), and once with each lurking key as a further block (METHOD 0). No
number of an effect is anywhere in it.

Source: METHOD 0, 2 and 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from paribus_sweeps.design.absorbed import absorbed, estimable_df
from paribus_sweeps.design.alias_facts import AliasFact, Origin
from paribus_sweeps.design.alias_matrix import AliasMatrix, alias_matrix
from paribus_sweeps.design.aliasing import alias_facts
from paribus_sweeps.design.confounding import listed
from paribus_sweeps.design.data_notes import counted, data_notes
from paribus_sweeps.design.estimability import Gate, Inflation, TermStatus, gate
from paribus_sweeps.design.factor_status import FactorStatus, comparable, status_sentence
from paribus_sweeps.design.lurking_keys import Follows, SkippedKey, lurking_keys
from paribus_sweeps.design.model_matrix import main_effects
from paribus_sweeps.design.origins import Origins, planned_df
from paribus_sweeps.design.restoring import MissingRun, Restoring, restoring
from paribus_sweeps.design.table import Column, Table

MOST_PARAMETERS = 600  # of a model that is looked at whole; wider columns are left out
_MOST_WORK = 1e10  # rows x parameters^2 of one model
_MOST_FACTS = 200  # in an answer; more are counted
_MOST_WIDE = 3  # columns left out that are named; more are counted


@dataclass(frozen=True, slots=True, eq=False)
class ConfoundingReport:
    """The whole answer; `confounding_report` makes it."""

    runs: int
    """Finished, with a finite response."""
    cells: int
    parameters: int
    rank: int
    residual_df: int
    terms: tuple[TermStatus, ...]
    factors: tuple[FactorStatus, ...]
    facts: tuple[AliasFact, ...]
    caused_by: tuple[MissingRun, ...]
    """Runs that are missing from the plan and would have told effects apart."""
    restoring: Restoring | None
    """The same, with a sentence; also where there is no plan."""
    lurking: tuple[Follows, ...]
    """Blocks first, then lurking keys."""
    skipped_lurking: tuple[SkippedKey, ...]
    alias_matrix: AliasMatrix
    gvif: tuple[Inflation, ...]
    notes: tuple[str, ...]

    def factor(self, name: str) -> FactorStatus:
        """Return what is said of one factor.

        Raises:
            KeyError: It was not asked about.
        """
        for found in self.factors:
            if found.factor == name:
                return found
        raise KeyError(name)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "runs": self.runs,
            "cells": self.cells,
            "parameters": self.parameters,
            "rank": self.rank,
            "residual_df": self.residual_df,
            "terms": [status.as_dict() for status in self.terms],
            "factors": [factor.as_dict() for factor in self.factors],
            "facts": [fact.as_dict() for fact in self.facts],
            "caused_by": [run.as_dict() for run in self.caused_by],
            "restoring": self.restoring.as_dict() if self.restoring else None,
            "lurking": [found.as_dict() for found in self.lurking],
            "skipped_lurking": [skipped.as_dict() for skipped in self.skipped_lurking],
            "alias_matrix": [row.as_dict() for row in self.alias_matrix.rows],
            "gvif": [
                {"term": i.term.name, "gvif": i.gvif, "factor": i.factor, "warning": i.warning}
                for i in self.gvif
            ],
            "notes": list(self.notes),
        }


def confounding_report(
    table: Table, *, factors: Sequence[str] | None = None, has_plan: bool = True
) -> ConfoundingReport:
    """Say what the finished runs can tell, what they cannot, and where that comes from.

    Args:
        table: Every run, usable or not.
        factors: Names of the factors asked about; default: all. The model has all in any case.
        has_plan: Whether the rows are the plan. Without one, "designed" and "caused by missing
            runs" are not said.

    Raises:
        KeyError: The table has no such factor.
    """
    return _Asking(table, has_plan, _asked(table, factors)).report()


def _asked(table: Table, names: Sequence[str] | None) -> tuple[str, ...]:
    known = [column.name for column in table.factors]
    for name in names or ():
        if name not in known:
            raise KeyError(name)
    return tuple(name for name in known if not names or name in names)


class _Asking:
    """One question, asked of one table."""

    def __init__(self, table: Table, has_plan: bool, asked: tuple[str, ...]) -> None:
        self.table = table
        self.has_plan = has_plan
        self.asked = asked
        self.rows = table.averaged()
        self.wide = _too_wide(self.rows, table if has_plan else None)
        narrow = table.without([column.name for column in self.wide])
        self.base = gate(narrow)
        self.lone = gate(narrow, terms=main_effects(self.base.table.factors))
        self.space = absorbed(self.base, self.wide) if self.wide else self.base.space
        self.partners = _partners(self.base)
        self._together: dict[str, frozenset[str]] = {}
        self.df = estimable_df(self.base, self.space)
        self.df_without_wide = estimable_df(self.base, self.base.space) if self.wide else self.df
        self.df_alone = estimable_df(self.lone, self.lone.space)
        self.df_planned = planned_df(narrow) if has_plan else {}

    def report(self) -> ConfoundingReport:
        """Put everything together."""
        follows, skipped = lurking_keys(self.rows, self.base, self.lone, self.asked)
        found, note = self._restoring()
        facts = self._facts()
        self._together = _together(facts)
        factors = tuple(self._factor(name, follows) for name in self.asked)
        is_caused = any("missing_runs" in factor.origins for factor in factors)
        aliases = alias_matrix(self.base)
        origin = Origins(self.table, found.runs if found else ()).told
        told = [(origin if self.has_plan else _of_blocks)(fact) for fact in facts[:_MOST_FACTS]]
        return ConfoundingReport(
            runs=self.runs,
            cells=len(self.base.matrix.values),
            parameters=self.base.parameters,
            rank=self.base.rank,
            residual_df=self.base.residual_df,
            terms=self.base.statuses,
            factors=factors,
            facts=tuple(told),
            caused_by=found.runs if found and is_caused else (),
            restoring=found,
            lurking=follows,
            skipped_lurking=skipped,
            alias_matrix=replace(
                aliases, rows=tuple(r for r in aliases.rows if r.term in self.asked)
            ),
            gvif=self.base.inflation,
            notes=(
                *data_notes(self.rows),
                *([note] if note else []),
                *self._limits(aliases, more=len(facts) - len(told)),
            ),
        )

    @property
    def runs(self) -> int:
        """How many runs finished with a usable response."""
        return len(self.rows) + self.rows.repeats

    def _facts(self) -> list[AliasFact]:
        found = alias_facts(self.rows, self.base)
        return [fact for fact in found if set(fact.members) & set(self.asked)]

    def _restoring(self) -> tuple[Restoring | None, str | None]:
        missing = self.table.take(~self.table.usable)
        if not len(self.rows) or not len(missing):
            return None, None
        levels = self.table if self.has_plan else self.rows
        factors = [column.name for column in self.base.table.factors]
        asked = {name: levels.column(name).present() for name in factors}
        return restoring(self.base, missing, asked, [n for n in self.asked if n in asked])

    def _limits(self, aliases: AliasMatrix, *, more: int) -> list[str]:
        base, notes = self.base, []
        if self.wide:
            names = [f"`{c.name}` ({len(c.present()):,} values)" for c in self.wide]
            notes.append(
                f"left out of the model, which would be too large: "
                f"{listed(names, most=_MOST_WIDE)}; only what moved with them, value by value, "
                "was taken into account"
            )
        cells = len(base.matrix.values)
        if base.parameters > cells > 1:
            notes.append(
                f"{cells:,} distinct settings for {base.parameters} parameters: at most "
                f"{counted(cells - 1, 'difference')} can be told"
            )
        if more:
            notes.append(f"{counted(more, 'more fact')}, not listed")
        if aliases.not_looked_at and aliases.rows:
            notes.append(
                f"{counted(aliases.not_looked_at, 'interaction')} not looked at for what "
                "estimates contain beside"
            )
        return notes

    # factors

    def _factor(self, name: str, follows: Sequence[Follows]) -> FactorStatus:
        column = self.rows.column(name)
        levels = (self.table.column(name) if self.has_plan else column).observed
        finished = column.observed
        held = frozenset(finished)  # of a number that was drawn anew, as many as there are runs
        made = FactorStatus(
            name,
            "confounded",
            "",
            levels,
            missing_levels=tuple(label for label in levels if label not in held),
            df=max(0, min(1, len(levels) - 1) if column.is_numeric else len(levels) - 1),
            lurking=tuple(f.key for f in follows if f.factor == name and f.role == "lurking"),
        )
        if not len(self.rows):
            why = f"No run has finished yet: nothing can be told of `{name}`."
            origins: tuple[Origin, ...] = ("missing_runs",) if self.has_plan else ()
            return replace(made, sentence=why, origins=origins)
        if len(levels) < 2:
            why = f"`{name}` never varied (always {levels[0]})."
            return replace(made, status="not_varied", sentence=why)
        if any(wide.name == name for wide in self.wide):
            why = f"`{name}` has {len(finished):,} levels, and the model would be too large."
            return replace(made, status="not_looked_at", sentence=why)
        return self._told(made, column)

    def _told(self, made: FactorStatus, column: Column) -> FactorStatus:
        df = self.df.get(made.factor, 0)
        made = replace(
            made,
            status="estimable" if df == made.df else "confounded",
            df_estimable=df,
            comparable=comparable(self.base, column, self.space) if df else (),
            partners=self._partners(made.factor, df),
            origins=self._origins(made),
        )
        blocks = [column.name for column in self.rows.blocks]
        return replace(made, sentence=status_sentence(made, self.runs, blocks))

    def _partners(self, name: str, df: int) -> tuple[str, ...]:
        found = self.partners.get(name, frozenset()) | self._together.get(name, frozenset())
        is_taken = df < self.df_without_wide.get(name, 0)
        wide = [column.name for column in self.wide] if is_taken else []
        return (*(t.name for t in self.base.terms if t.members and t.name in found), *wide)

    def _origins(self, made: FactorStatus) -> tuple[Origin, ...]:
        """Say why not everything asked about can be told: the plan, lost runs, or blocks."""
        alone = self.df_alone.get(made.factor, 0)
        found: list[Origin] = []
        if self.has_plan:
            of_plan = self.df_planned.get(made.factor, 0)
            if of_plan < made.df:
                found.append("designed")
            if alone < of_plan:
                found.append("missing_runs")
        if self.df.get(made.factor, 0) < alone and not self.wide:
            found.append("blocks")
        return tuple(found)


def _together(facts: Sequence[AliasFact]) -> dict[str, frozenset[str]]:
    """Return what each column stands in one fact with: of three that moved as one, both others.

    Relations tell each from the first alone.
    """
    made: dict[str, set[str]] = {}
    for fact in facts:
        for name in fact.members:
            made.setdefault(name, set()).update(set(fact.members) - {name})
    return {name: frozenset(others) for name, others in made.items()}


def _partners(found: Gate) -> dict[str, frozenset[str]]:
    """Return what `Gate.confounded_with` says, for all terms at once."""
    sized = zip(found.terms, found.matrix.slices, strict=True)
    term_of = [term for term, part in sized for _ in range(part.start, part.stop)]
    made: dict[str, set[str]] = {}
    for relation in found.relations:
        terms = {term_of[place] for place in relation.members}
        names = {term.name for term in terms if term.members}  # any but the intercept
        for name in names:
            made.setdefault(name, set()).update(names - {name})
    return {name: frozenset(partners) for name, partners in made.items()}


def _of_blocks(fact: AliasFact) -> AliasFact:
    return replace(fact, origin="blocks") if fact.blocks else fact


def _too_wide(rows: Table, planned: Table | None) -> tuple[Column, ...]:
    """Return the columns that leave a model of bearable size when they are left out."""
    df = {}
    for column in (*rows.blocks, *rows.factors):
        levels = len(column.present())
        if planned is not None and column.role == "factor":
            levels = max(levels, len(planned.column(column.name).present()))
        df[column.name] = min(1, levels - 1) if column.is_numeric else levels - 1
    most = min(MOST_PARAMETERS, int((_MOST_WORK / max(1, len(rows))) ** 0.5))
    wide: list[str] = []
    while 1 + sum(df.values()) > most:
        wide.append(max(df, key=lambda name: df[name]))
        del df[wide[-1]]
    return tuple(column for column in rows.columns if column.name in wide)
