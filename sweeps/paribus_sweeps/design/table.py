"""Runs as a table of codes: what the gate, pairs, models and follow-ups look at.

A column is a factor, a block, the replicate key or a lurking key; its codes are places in
`labels`. Rows stand in the order of run ids, so that no sum depends on the order in which
runs came (METHOD 13). Everything downstream works on integers; 100,000 runs x 20 factors
are 8 MB.

Source: METHOD 0 (what a run is), 12 (codes), 13 (order, missing keys, equal values).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.factors import Factor, level_label
from paribus_sweeps.runs import LARGEST, Run
from paribus_sweeps.spec.designs import DEFAULT_BLOCKS

Codes = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Role = Literal["factor", "block", "replicate", "lurking"]
Transform = Literal["identity", "log2", "log10"]

_TRANSFORMS: Mapping[Transform, Callable[[Floats], Floats]] = {
    "identity": np.positive,
    "log2": np.log2,
    "log10": np.log10,
}
SMALLEST = 1e-140
"""Of a response's size: a smaller one is 0."""
_LARGEST_KEY = 2**62  # of a mixed-radix cell key; beyond it, keys are folded by `unique`


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One thing that differs between runs.

    Column("batch", ("8", "64"), codes)                       # levels
    Column("lr", ("1e-05", "2e-05"), codes, numbers=(1e-5, 2e-5), is_numeric=True)
    """

    name: str
    labels: tuple[str, ...]
    """Declared levels in declared order, then what runs hold beside them, sorted."""
    codes: Codes
    """(rows,): places in `labels`."""
    role: Role = "factor"
    baseline: str | None = None
    numbers: tuple[float, ...] | None = None
    """What the labels are as numbers; None where one of them is none."""
    is_numeric: bool = False
    """Analysed on its values (a slope), and not level by level."""
    transform: Transform = "identity"
    """What is done to `numbers` before they enter a model."""
    declared: int = 0
    """How many of `labels` were declared; the rest is only in the runs."""

    def take(self, rows: Flags | Codes) -> Column:
        """Return the column with these rows only, labels as they are."""
        return replace(self, codes=self.codes[rows])

    def present(self) -> Codes:
        """Return the codes that occur, in label order."""
        return np.flatnonzero(np.bincount(self.codes, minlength=1))

    @property
    def observed(self) -> tuple[str, ...]:
        """The labels that occur, in their order."""
        return tuple(self.labels[code] for code in self.present())

    @property
    def varies(self) -> bool:
        """Whether at least two labels occur."""
        return len(self.codes) > 0 and bool(np.any(self.codes != self.codes[0]))

    def transformed(self) -> Floats:
        """Return `numbers` on the scale of the model; NaN or infinite where it has no place.

        Raises:
            ValueError: The column has labels that are no numbers.
        """
        if self.numbers is None:
            raise ValueError(f"{self.name}: not every level is a number")
        with np.errstate(divide="ignore", invalid="ignore"):
            return _TRANSFORMS[self.transform](np.asarray(self.numbers, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Runs as rows, by `Run.place`; `Table.from_runs` makes it."""

    ids: tuple[str, ...]
    columns: tuple[Column, ...]
    """Factors in declared order, then blocks, then lurking keys."""
    replicate: Column | None
    """What tells repetitions of a setting apart; None where nothing does."""
    values: Floats
    """(rows,): the response, NaN where there is none."""
    states: tuple[str, ...]
    reasons: tuple[str, ...]
    """Why a row has no usable value, for people; "" for those that have one."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Id → what people call the run, where that is not its id."""
    repeats: int = 0
    """Rows that were averaged into another: further runs of one (setting, replicate)."""

    @classmethod
    def from_runs(
        cls,
        runs: Iterable[Run],
        factors: Sequence[Factor],
        *,
        blocks: Sequence[str] = DEFAULT_BLOCKS,
        lurking: Sequence[str] = (),
        transforms: Mapping[str, Transform] | None = None,
        numeric: Iterable[str] = (),
    ) -> Table:
        """Lay runs out as a table.

        Args:
            runs: One for each trial; those without a usable value stay, with their reason.
            factors: Under study, in the order of every answer.
            blocks: Keys of `Run.blocks` that stand in models and in the key of a pair. One
                that no run has is left out.
            lurking: Keys of `Run.blocks` that are only looked at for aliasing (METHOD 0).
            transforms: Factor → scale on which its values enter a model.
            numeric: Factors that are analysed on their values; continuous ones always are.
        """
        rows = sorted(runs, key=lambda run: run.place)
        chosen = set(numeric)
        columns = [
            _factor_column(factor, rows, factor.name in chosen, (transforms or {}))
            for factor in factors
        ]
        for role, names in (("block", blocks), ("lurking", lurking)):
            columns += [
                _block_column(name, rows, role)  # type: ignore[arg-type]
                for name in names
                if any(name in run.blocks for run in rows)
            ]
        values = _usable(np.array([_number(run.value) for run in rows], float))
        usable = np.isfinite(values) & np.array([run.is_finished for run in rows], bool)
        return cls(
            ids=tuple(run.id for run in rows),
            columns=tuple(columns),
            replicate=_replicate_column(rows),
            values=np.where(usable, values, np.nan),
            states=tuple(run.state for run in rows),
            reasons=tuple(
                "" if ok else _why_not(run) for ok, run in zip(usable, rows, strict=True)
            ),
            names=_names(rows),
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def usable(self) -> Flags:
        """(rows,): finished, with a finite response (METHOD, head)."""
        return np.isfinite(self.values)

    def of_role(self, role: Role) -> tuple[Column, ...]:
        """Return the columns of one role, in order."""
        return tuple(column for column in self.columns if column.role == role)

    @property
    def factors(self) -> tuple[Column, ...]:
        """The columns under study."""
        return self.of_role("factor")

    @property
    def blocks(self) -> tuple[Column, ...]:
        """The columns that differ between runs and are not under study."""
        return self.of_role("block")

    def column(self, name: str) -> Column:
        """Return the column of this name.

        Raises:
            KeyError: There is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def called(self, run_id: str) -> str:
        """What people call a run; its id where nobody gave it a name."""
        return self.names.get(run_id, run_id)

    def take(self, rows: Flags | Codes) -> Table:
        """Return these rows only."""
        places = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return replace(
            self,
            ids=tuple(self.ids[i] for i in places),
            columns=tuple(column.take(places) for column in self.columns),
            replicate=self.replicate.take(places) if self.replicate else None,
            values=self.values[places],
            states=tuple(self.states[i] for i in places),
            reasons=tuple(self.reasons[i] for i in places),
        )

    def without(self, names: Iterable[str]) -> Table:
        """Return the table without some of its columns."""
        left_out = set(names)
        return replace(self, columns=tuple(c for c in self.columns if c.name not in left_out))

    def finished(self) -> Table:
        """Return the usable rows only."""
        usable = self.usable
        return self if bool(usable.all()) else self.take(usable)

    def with_values(self, values: Floats) -> Table:
        """Return the same runs with another response; rows that are not finite are unusable."""
        reasons = tuple(
            reason or _what_is_wrong(float(value))
            for reason, value in zip(self.reasons, values, strict=True)
        )
        return replace(self, values=_usable(values), reasons=reasons)

    def averaged(self) -> Table:
        """Return one row for each (setting, block, replicate): the mean of its usable runs.

        Without a replicate key nothing tells a repetition from a replicate: each row stays.
        """
        table = self.finished()
        if table.replicate is None or len(table) == 0:
            return table
        columns = (*table.factors, *table.blocks, table.replicate)
        keys = cell_keys(columns)
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        if len(first) == len(table):
            return table
        counts = np.bincount(group)
        means: Floats = np.bincount(group, weights=table.values / counts[group]).astype(np.float64)
        order = np.argsort(first)  # rows stay in the order of their first run's id
        kept = table.take(first[order])
        return replace(kept, values=means[order], repeats=len(table) - len(first))


def _names(rows: Sequence[Run]) -> dict[str, str]:
    """What people call runs; names that several have are told apart by W&B's id or ours."""
    called = {run.id: run.name or run.wandb_id or run.id for run in rows}
    counts = Counter(called.values())
    own = {run.id: run.wandb_id or run.id for run in rows}
    return {
        run: name if counts[name] == 1 else f"{name} ({own[run]})"
        for run, name in called.items()
        if (name, counts[name]) != (run, 1)
    }


def cell_keys(columns: Sequence[Column], *, rows: int | None = None) -> Codes:
    """Return one number for each row: equal for equal codes in all of `columns`.

    Args:
        columns: All with the same number of rows.
        rows: That number, needed where `columns` is empty.

    Mixed radix; where the product of the numbers of labels would not fit, the keys so far
    are renumbered (METHOD 12 needs 37 to 47 bits for 20 factors).
    """
    if not columns:
        return np.zeros(rows or 0, np.int64)
    keys, radix = columns[0].codes.astype(np.int64), max(1, len(columns[0].labels))
    for column in columns[1:]:
        width = max(1, len(column.labels))
        if radix * width > _LARGEST_KEY:
            _, keys = np.unique(keys, return_inverse=True)
            radix = len(keys)
        keys = keys * width + column.codes
        radix *= width
    return keys


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _why_not(run: Run) -> str:
    if not run.is_finished:
        return f"{run.state}: {run.reason}" if run.reason else run.state
    if run.value is None:
        return run.value_note or "the response was not logged"
    return _what_is_wrong(float(run.value))


def _what_is_wrong(value: float) -> str:
    if not math.isfinite(value):
        return f"the response is {value}"
    return f"the response is {value:g}: too large to be squared" if abs(value) > LARGEST else ""


def _usable(values: Floats) -> Floats:
    """Return NaN for what is no value, and 0 for what is too small to be squared."""
    sizes = np.abs(values)
    return np.where(sizes <= LARGEST, np.where(sizes < SMALLEST, 0.0, values), np.nan)


def _factor_column(
    factor: Factor, rows: Sequence[Run], numeric: bool, transforms: Mapping[str, Transform]
) -> Column:
    held = [run.setting.get(factor.name) for run in rows]
    found = [UNSET if label is None else label for label in held]
    extra = sorted_labels(set(found) - set(factor.labels))
    labels = (*factor.labels, *extra)
    numbers = _numbers(factor, labels)
    return Column(
        name=factor.name,
        labels=labels,
        codes=_codes(found, labels),
        baseline=factor.baseline,
        numbers=numbers,
        is_numeric=numbers is not None and (numeric or factor.kind == "continuous"),
        transform=transforms.get(factor.name, "identity"),
        declared=len(factor.labels),
    )


def _numbers(factor: Factor, labels: Sequence[str]) -> tuple[float, ...] | None:
    declared = {level.label: list(level.values.values()) for level in factor.levels}
    numbers = []
    for label in labels:
        values = declared.get(label, [label])
        number = _as_number(values[0]) if len(values) == 1 else None
        if number is None:
            return None
        numbers.append(number)
    return tuple(numbers) or None


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def sorted_labels(labels: Iterable[str]) -> list[str]:
    """Sort labels: numbers by value, then texts."""

    def order(label: str) -> tuple[bool, float, str]:
        number = _as_number(label)
        return (number is None, number or 0.0, label)

    return sorted(labels, key=order)


def _block_column(name: str, rows: Sequence[Run], role: Role) -> Column:
    found = [run.blocks.get(name, UNSET) for run in rows]
    labels = tuple(sorted_labels(set(found)))
    return Column(name, labels, _codes(found, labels), role)


def _replicate_column(rows: Sequence[Run]) -> Column | None:
    if not any(run.replicate for run in rows):
        return None
    keys = sorted({key for run in rows for key in run.replicate})
    found = [", ".join(_replicate_part(key, run, keys) for key in keys) for run in rows]
    labels = tuple(sorted_labels(set(found)))
    return Column(", ".join(keys), labels, _codes(found, labels), "replicate")


def _replicate_part(key: str, run: Run, keys: Sequence[str]) -> str:
    label = level_label(run.replicate[key]) if key in run.replicate else UNSET
    return label if len(keys) == 1 else f"{key}={label}"


def _codes(found: Sequence[str], labels: Sequence[str]) -> Codes:
    place = {label: at for at, label in enumerate(labels)}
    return np.fromiter((place[label] for label in found), np.int64, len(found))
