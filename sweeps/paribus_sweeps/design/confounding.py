"""What moved together: the cases that a table of two columns shows.

Three facts, in the order in which a reader needs them (METHOD 2.1): a factor that
never varied; factors (or a factor and a block) that always changed together; a
factor that another one decides. They are facts about settings and need no model.
What only three or more columns show together (sums, interactions, ratios) is the
estimability gate's, and is not said here: no sentence is no promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from typing import Any, Literal

from paribus_sweeps.design.grids import Trial
from paribus_sweeps.factors import Factor
from paribus_sweeps.runs import Run
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS

UNSET = "<unset>"
_MOST_SHOWN = 6  # combinations in a sentence; more are counted

Kind = Literal["constant", "always_together", "decided_by"]
_Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MovedTogether:
    """One fact that keeps effects from being told apart."""

    kind: Kind
    members: tuple[str, ...]
    """The factors and blocks concerned; of "decided_by", the deciding one first."""
    blocks: tuple[str, ...]
    """Those of `members` that are blocks and no factors."""
    count: int
    """Finished runs (or planned trials) in which it held: all that there were."""
    sentence: str

    @property
    def factors(self) -> tuple[str, ...]:
        """Those of `members` that are under study."""
        return tuple(name for name in self.members if name not in self.blocks)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**asdict(self), "members": list(self.members), "blocks": list(self.blocks)}


def moved_together(
    factors: Sequence[Factor], runs: Iterable[Run], *, blocks: Sequence[str] = DEFAULT_BLOCKS
) -> tuple[MovedTogether, ...]:
    """Say what the finished runs cannot tell apart, as far as two columns show it.

    Args:
        factors: Under study; a continuous one is looked at for "never varied" only,
            since a drawn value hardly occurs twice.
        runs: Only those that finished with a response are counted (METHOD 0).
        blocks: Keys of `Run.blocks` that are looked at beside the factors.
    """
    finished = [run for run in runs if run.is_finished and run.value is not None]
    rows = [_row(factors, run, blocks) for run in sorted(finished, key=lambda run: run.id)]
    return _facts(factors, [b for b in blocks if any(b in r for r in rows)], rows, "finished run")


def moved_together_by_design(
    factors: Sequence[Factor], trials: Iterable[Trial]
) -> tuple[MovedTogether, ...]:
    """Say what the planned trials will not tell apart even if all of them finish."""
    rows = [dict(trial.setting) for trial in trials]
    return _facts(factors, [], rows, "planned trial")


def _row(factors: Sequence[Factor], run: Run, blocks: Sequence[str]) -> _Row:
    row = {f.name: run.setting.get(f.name) or UNSET for f in factors}
    return row | {block: run.blocks[block] for block in blocks if block in run.blocks}


def _facts(
    factors: Sequence[Factor], blocks: Sequence[str], rows: Sequence[_Row], noun: str
) -> tuple[MovedTogether, ...]:
    if not rows:
        return ()
    told = _Telling(factors, blocks, rows, noun)
    return (*told.constants(), *told.bijections(), *told.functions())


class _Telling:
    """One look at a table of settings: which columns vary, and which go together."""

    def __init__(
        self, factors: Sequence[Factor], blocks: Sequence[str], rows: Sequence[_Row], noun: str
    ) -> None:
        self.rows = [dict.fromkeys(blocks, UNSET) | dict(row) for row in rows]
        self.blocks = tuple(blocks)
        self.factors = tuple(factors)
        self.over = f"in all {len(rows)} {noun}s" if len(rows) > 1 else f"in the one {noun}"
        levelled = [f.name for f in factors if f.kind == "levels"]
        self.varying = [c for c in (*levelled, *blocks) if len(self._values(c)) > 1]
        self.groups = _groups(self.varying, [p for p in self._pairs() if self._is_bijection(*p)])

    def _values(self, column: str) -> list[str]:
        return list(dict.fromkeys(row[column] for row in self.rows))

    def _pairs(self) -> Iterator[tuple[str, str]]:
        return combinations(self.varying, 2)

    def _decides(self, column: str, other: str) -> bool:
        """Whether each value of `column` occurs with one value of `other` only."""
        seen: dict[str, str] = {}
        return all(seen.setdefault(r[column], r[other]) == r[other] for r in self.rows)

    def _is_bijection(self, column: str, other: str) -> bool:
        return self._decides(column, other) and self._decides(other, column)

    def constants(self) -> Iterator[MovedTogether]:
        for factor in self.factors:
            values = self._values(factor.name)
            if len(values) == 1:
                sentence = f"`{factor.name}` never varied (always {values[0]}) {self.over}."
                yield self._fact("constant", (factor.name,), sentence)

    def bijections(self) -> Iterator[MovedTogether]:
        for group in self.groups:
            factors = [name for name in group if name not in self.blocks]
            if len(group) > 1 and factors:
                yield self._fact("always_together", group, self._together(group, factors))

    def _together(self, group: Sequence[str], factors: Sequence[str]) -> str:
        how = f"({self._combinations(group)}) {self.over}"
        if len(factors) == 1:
            blocks = _listed([name for name in group if name in self.blocks])
            return (
                f"`{factors[0]}` is confounded with {blocks}: they always changed together {how}. "
                f"What `{factors[0]}` did cannot be told from what {blocks} did."
            )
        named = _listed([f"`{name}`" for name in group])
        return (
            f"{named} always changed together {how}. Their separate effects cannot be told "
            "apart; only the joint change can be estimated."
        )

    def functions(self) -> Iterator[MovedTogether]:
        """Yield what one group decides of another, each group by its first member."""
        first = [group[0] for group in self.groups]
        for column, other in permutations(first, 2):
            both_blocks = column in self.blocks and other in self.blocks
            if not both_blocks and self._decides(column, other):
                sentence = (
                    f"`{column}` decides `{other}` ({self._combinations((column, other))}) "
                    f"{self.over}. What `{other}` did cannot be told from what `{column}` did."
                )
                yield self._fact("decided_by", (column, other), sentence)

    def _combinations(self, columns: Sequence[str]) -> str:
        found = list(dict.fromkeys(" with ".join(r[c] for c in columns) for r in self.rows))
        shown = ", ".join(found[:_MOST_SHOWN])
        more = len(found) - _MOST_SHOWN
        return f"{shown} and {more} more" if more > 0 else shown

    def _fact(self, kind: Kind, members: Sequence[str], sentence: str) -> MovedTogether:
        blocks = tuple(name for name in members if name in self.blocks)
        return MovedTogether(kind, tuple(members), blocks, len(self.rows), sentence)


def _groups(
    columns: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ...], ...]:
    """Return the columns, those that go together in one group, in their own order."""
    group_of = {column: [column] for column in columns}
    for one, other in pairs:
        if group_of[one] is not group_of[other]:
            merged = group_of[one] + group_of[other]
            for member in merged:
                group_of[member] = merged
    distinct = {id(group): group for group in group_of.values()}
    return tuple(tuple(c for c in columns if c in group) for group in distinct.values())


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
