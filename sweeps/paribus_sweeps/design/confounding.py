"""What moved together: the cases that a table of two columns shows.

Three facts, in the order in which a reader needs them (METHOD 2.1): a factor that
never varied; factors (or a factor and a block) that always changed together; a
factor that another one decides. They are facts about settings and need no model.
What only three or more columns show together (sums, interactions, ratios) is found by
`design.aliasing`: that there is no fact here is no promise.

This module loads no numpy: `import paribus_sweeps` has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, groupby
from typing import Any, Literal, Protocol

from paribus_sweeps.design.grids import Trial
from paribus_sweeps.factors import Factor
from paribus_sweeps.runs import Run
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS

UNSET = "<unset>"
_MOST_SHOWN = 6  # combinations in a sentence; more are counted
_MOST_NAMED = 12  # columns in a sentence; more are counted

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
    rows = [_row(factors, run, blocks) for run in sorted(finished, key=lambda run: run.place)]
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
    look = _RowLook([dict.fromkeys(blocks, UNSET) | dict(row) for row in rows])
    told = Telling(
        look,
        factors=[factor.name for factor in factors],
        levelled=[*(f.name for f in factors if f.kind == "levels"), *blocks],
        blocks=blocks,
        noun=noun,
    )
    return (*told.constants(), *told.bijections(), *told.functions())


class Look(Protocol):
    """What `Telling` asks of a table."""

    @property
    def count(self) -> int:
        """How many runs (or trials) there are."""

    def values(self, column: str) -> Sequence[str]:
        """Return the labels that occur in a column, in the order of rows."""

    def decides(self, column: str, other: str) -> bool:
        """Whether each value of `column` occurs with one value of `other` only."""

    def combinations(self, columns: Sequence[str], most: int) -> tuple[Sequence[str], int]:
        """Return the first combinations that occur, as `8 with 1:1`, and how many there are."""


class _RowLook:
    """A look at rows of labels."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._rows = rows

    @property
    def count(self) -> int:
        return len(self._rows)

    def values(self, column: str) -> list[str]:
        return list(dict.fromkeys(row[column] for row in self._rows))

    def decides(self, column: str, other: str) -> bool:
        seen: dict[str, str] = {}
        return all(seen.setdefault(r[column], r[other]) == r[other] for r in self._rows)

    def combinations(self, columns: Sequence[str], most: int) -> tuple[list[str], int]:
        found = list(dict.fromkeys(" with ".join(r[c] for c in columns) for r in self._rows))
        return found[:most], len(found)


class Telling:
    """One look at a table of settings: which columns vary, and which go together."""

    def __init__(
        self,
        look: Look,
        *,
        factors: Sequence[str],
        levelled: Sequence[str],
        blocks: Sequence[str],
        sloped: Sequence[str] = (),
        noun: str = "finished run",
    ) -> None:
        """Look at the columns.

        Args:
            look: At a table with at least one row.
            factors: Names of what is under study.
            levelled: Names of the factors and blocks whose levels are compared, in order.
            blocks: Names of those that are not under study.
            sloped: Factors that a model takes on their values: others decide them, and they
                decide nothing.
            noun: What a row is.
        """
        self.look = look
        self.blocks = tuple(blocks)
        self.factors = tuple(factors)
        self.over = f"in all {look.count} {noun}s" if look.count > 1 else f"in the one {noun}"
        self.varying = [c for c in levelled if len(look.values(c)) > 1]
        self.sloped = [c for c in sloped if len(look.values(c)) > 1]
        pairs = [pair for pair in combinations(self.varying, 2) if self._is_bijection(*pair)]
        self.groups = _groups(self.varying, pairs)

    def _is_bijection(self, column: str, other: str) -> bool:
        return self.look.decides(column, other) and self.look.decides(other, column)

    def constants(self) -> Iterator[MovedTogether]:
        """Yield the factors that never varied."""
        for factor in self.factors:
            values = self.look.values(factor)
            if len(values) == 1:
                sentence = f"`{factor}` never varied (always {values[0]}) {self.over}."
                yield self._fact("constant", (factor,), sentence)

    def bijections(self) -> Iterator[MovedTogether]:
        """Yield the groups of columns that always changed together."""
        for group in self.groups:
            factors = [name for name in group if name not in self.blocks]
            if len(group) > 1 and factors:
                yield self._fact("always_together", group, self._together(group, factors))

    def _together(self, group: Sequence[str], factors: Sequence[str]) -> str:
        how = f"({self._combinations(group)}) {self.over}"
        if len(factors) == 1:
            blocks = listed([name for name in group if name in self.blocks])
            return (
                f"`{factors[0]}` is confounded with {blocks}: they always changed together {how}. "
                f"What `{factors[0]}` did cannot be told from what {blocks} did."
            )
        return (
            f"{named(group, most=None)} always changed together {how}. Their separate effects "
            "cannot be told apart; only the joint change can be estimated."
        )

    def functions(self, *, most_each: int | None = None) -> Iterator[MovedTogether]:
        """Yield what one group decides of another, each group by its first member.

        Args:
            most_each: A column that decides more than these gets one fact for all of them.
        """
        decided = [pair for pair in self.decided_pairs() if not set(pair) <= set(self.blocks)]
        for column, pairs in groupby(decided, key=lambda pair: pair[0]):
            others = [other for _, other in pairs]
            if most_each is not None and len(others) > most_each:
                yield self._fact(
                    "decided_by", (column, *others), self._all_decided(column, others)
                )
            else:
                for other in others:
                    yield self._fact("decided_by", (column, other), self._decided(column, other))

    def decided_pairs(self) -> Iterator[tuple[str, str]]:
        """Yield (column, column that it decides), the first of each group standing for it."""
        first = [group[0] for group in self.groups]
        for column in first:
            for other in (*first, *self.sloped):
                if column != other and self.look.decides(column, other):
                    yield column, other

    def _decided(self, column: str, other: str) -> str:
        return (
            f"`{column}` decides `{other}` ({self._combinations((column, other))}) "
            f"{self.over}. What `{other}` did cannot be told from what `{column}` did."
        )

    def _all_decided(self, column: str, others: Sequence[str]) -> str:
        return (
            f"`{column}` decides {named(others, most=_MOST_SHOWN)} {self.over}: each of its "
            f"{len(self.look.values(column))} values occurs with one value of theirs. What they "
            f"did cannot be told from what `{column}` did."
        )

    def _combinations(self, columns: Sequence[str]) -> str:
        found, count = self.look.combinations(columns, _MOST_SHOWN)
        shown = ", ".join(found)
        return f"{shown} and {count - len(found)} more" if count > len(found) else shown

    def _fact(self, kind: Kind, members: Sequence[str], sentence: str) -> MovedTogether:
        blocks = tuple(name for name in members if name in self.blocks)
        return MovedTogether(kind, tuple(members), blocks, self.look.count, sentence)


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


def listed(names: Sequence[str], *, most: int | None = None) -> str:
    """Write names as `a, b and c`; those beyond `most` are counted."""
    if most is not None and len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def named(
    names: Sequence[str], blocks: Sequence[str] = (), *, most: int | None = _MOST_NAMED
) -> str:
    """Write columns as they stand in sentences: factors quoted, blocks as they are."""
    return listed([name if name in blocks else f"`{name}`" for name in names], most=most)
