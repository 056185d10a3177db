"""Which cells could be run: levels crossed with places to run, less what must not or cannot.

A cell is a row of codes: a level of each factor, then a label of each block. Blocks are taken
in the combinations that finished runs have (a host has one kind of GPU), the one with most
finished runs first; what runs on a block that no finished run has would only add a block.

A cell *crashed* where every attempt at it came to its own end without a usable value (failed,
or finished without a finite response): the same config would end the same way again.
Interrupted, stopped and cancelled runs are accidents, and their cells are candidates.

Source: METHOD 0 (a cell), 6 (candidates).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.table import Codes, Column, Flags, Table

OPEN_STATES = frozenset({"queued", "leased", "pending", "running"})
OWN_END = frozenset({"failed", "finished"})
"""States of a run that ended by itself; without a usable value, it would do so again."""

Setting = Mapping[str, str]
Forbidden = Callable[[Setting], bool] | Collection[Mapping[str, str | Collection[str]]]
"""A predicate of a setting, or combinations: factor → label or labels, all of which hold."""


@dataclass(frozen=True, slots=True, eq=False)
class Bans:
    """Which settings must not be run.

    Bans.of([{"batch": "64", "ratio": ["2:1", "4:1"]}])    # combinations
    Bans.of(lambda setting: setting["batch"] == "64")      # a predicate
    """

    entries: tuple[Mapping[str, frozenset[str]], ...] = ()
    predicate: Callable[[Setting], bool] | None = None

    @classmethod
    def of(cls, forbidden: Forbidden) -> Bans:
        """Read what was given as forbidden."""
        if callable(forbidden):
            return cls(predicate=forbidden)
        return cls(
            tuple(
                {
                    name: frozenset([held] if isinstance(held, str) else held)
                    for name, held in entry.items()
                }
                for entry in forbidden
            )
        )

    def flags(self, factors: Sequence[Column], cells: Codes) -> Flags:
        """(cells,): which of them are forbidden."""
        found = np.zeros(len(cells), bool)
        for entry in self.entries:
            held = np.ones(len(cells), bool)
            for at, factor in enumerate(factors):
                if factor.name in entry:
                    known = np.array([label in entry[factor.name] for label in factor.labels])
                    held &= known[cells[:, at]]
            found |= held
        return found if self.predicate is None else self._asked(factors, cells)

    def _asked(self, factors: Sequence[Column], cells: Codes) -> Flags:
        """Ask the predicate, once for each setting."""
        assert self.predicate is not None
        known: dict[tuple[int, ...], bool] = {}
        settings = list(map(tuple, cells[:, : len(factors)].tolist()))
        for codes in settings:
            if codes not in known:
                known[codes] = bool(self.predicate(_labelled(factors, codes)))
        return np.array([known[codes] for codes in settings], bool)

    def responsible(self, setting: Setting) -> list[int]:
        """Return the places of the entries that forbid a setting."""
        return [
            place
            for place, entry in enumerate(self.entries)
            if all(setting[name] in labels for name, labels in entry.items())
        ]


def _labelled(factors: Sequence[Column], codes: Sequence[int]) -> dict[str, str]:
    return {f.name: f.labels[code] for f, code in zip(factors, codes, strict=False)}


@dataclass(frozen=True, slots=True, eq=False)
class Crashes:
    """Cells whose every attempt came to its own end without a usable value."""

    factors: int = 0
    """How many codes of a cell are levels."""
    cells: frozenset[tuple[int, ...]] = frozenset()
    """Codes of factors and blocks."""
    settings: frozenset[tuple[int, ...]] = frozenset()
    """Codes of factors, where it is not known on which block an attempt crashed."""

    @classmethod
    def of(cls, table: Table, blocks: Sequence[Column]) -> Crashes:
        """Look through the runs of a table, each at its factors and these blocks."""
        ended = np.isin(np.array(table.states, str), sorted(OWN_END)) & ~table.usable
        unknown = np.zeros(len(table), bool)
        for block in blocks:
            unknown |= np.array([block.labels[code] == UNSET for code in block.codes], bool)
        whole = codes_of((*table.factors, *blocks), len(table))
        alone = whole[:, : len(table.factors)]
        somewhere = frozenset(map(tuple, alone[unknown & ended].tolist()))
        return cls(
            alone.shape[1], _all(whole[~unknown], ended[~unknown]), _all(alone, ended) & somewhere
        )

    def flags(self, cells: Codes) -> Flags:
        """(cells,): which of them are among these; codes of factors and blocks."""
        if not self.cells and not self.settings:
            return np.zeros(len(cells), bool)
        return np.array([self._holds(cell) for cell in map(tuple, cells.tolist())], bool)

    def _holds(self, cell: tuple[int, ...]) -> bool:
        return cell in self.cells or cell[: self.factors] in self.settings


def _all(rows: Codes, flags: Flags) -> frozenset[tuple[int, ...]]:
    held = set(map(tuple, rows[flags].tolist()))
    return frozenset(held - set(map(tuple, rows[~flags].tolist())))


def codes_of(columns: Sequence[Column], rows: int) -> Codes:
    """Return (rows, columns) codes."""
    if not columns:
        return np.zeros((rows, 0), np.int64)
    return np.column_stack([column.codes for column in columns])


@dataclass(frozen=True, slots=True, eq=False)
class CellGrid:
    """Every combination of some levels with some places to run."""

    factors: tuple[Column, ...]
    blocks: tuple[Column, ...]
    levels: tuple[Codes, ...]
    """Of each factor, the codes that may be run."""
    places: Codes
    """(places, blocks): combinations of block labels, the preferred one first."""
    wave: int | None
    """Code of the new runs' wave, the last column of a cell; None where no wave is kept."""
    bans: Bans = field(default_factory=Bans)
    crashes: Crashes = field(default_factory=Crashes)

    @property
    def size(self) -> int:
        """How many cells there are, forbidden ones and all."""
        return math.prod(len(codes) for codes in self.levels) * len(self.places)

    @property
    def width(self) -> int:
        """How many codes of a cell are levels and places."""
        return len(self.factors) + len(self.blocks)

    def cells(self) -> Codes:
        """All cells, in order of factors and levels, places last: (size, columns)."""
        axes = [*self.levels, np.arange(len(self.places))]
        return self._joined(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes)))

    def _joined(self, drawn: Codes) -> Codes:
        """Put the block codes in the stead of the place's number, and the wave behind them."""
        return self.at_places(drawn[:, :-1], self.places[drawn[:, -1]])

    def at_places(self, settings: Codes, places: Codes) -> Codes:
        """Return cells: settings (cells, factors) at places (cells, blocks), of the new wave."""
        wave = np.full((len(settings), 0 if self.wave is None else 1), self.wave or 0)
        return np.hstack([settings, places, wave])

    def sample(self, count: int) -> Codes:
        """Cells drawn evenly, always the same ones; forbidden ones may be among them."""
        drawn = np.random.Generator(np.random.PCG64(0))
        axes = [*self.levels, np.arange(len(self.places))]
        return self._joined(
            np.column_stack([codes[drawn.integers(len(codes), size=count)] for codes in axes])
        )

    def changed_once(self, cells: Codes) -> Codes:
        """Every cell that differs from one of `cells` in one factor, or in the place."""
        changed = [cells]
        for at, codes in enumerate(self.levels):
            for code in codes:
                moved = cells.copy()
                moved[:, at] = code
                changed.append(moved)
        settings = cells[:, : len(self.levels)]
        changed += [self.at_places(settings, np.tile(p, (len(cells), 1))) for p in self.places]
        return np.unique(np.vstack(changed), axis=0)

    def crossed(self, cells: Codes, factors: Sequence[int]) -> Codes:
        """Return each of `cells` with every combination of the levels of some factors."""
        axes = [self.levels[at] for at in factors]
        levels = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))
        made = np.repeat(cells, len(levels), axis=0)
        made[:, list(factors)] = np.tile(levels, (len(cells), 1))
        return made

    def why_not(self, cells: Codes) -> list[str]:
        """Return for each cell "forbidden", "crashed", or "" where it may be run."""
        crashed = np.where(self.crashes.flags(cells[:, : self.width]), "crashed", "")
        found: list[str] = np.where(
            self.bans.flags(self.factors, cells), "forbidden", crashed
        ).tolist()
        return found

    def allowed(self, cells: Codes) -> Codes:
        """Return the cells that may be run."""
        crashed = self.crashes.flags(cells[:, : self.width])
        return np.asarray(cells[~crashed & ~self.bans.flags(self.factors, cells)])

    def setting(self, cell: Sequence[int]) -> dict[str, str]:
        """Return factor → label of a cell."""
        return _labelled(self.factors, cell)

    def place(self, cell: Sequence[int]) -> dict[str, str]:
        """Return block → label of a cell, blocks without a label left out."""
        codes = cell[len(self.factors) : self.width]
        held = {b.name: b.labels[code] for b, code in zip(self.blocks, codes, strict=True)}
        return {name: label for name, label in held.items() if label != UNSET}


def levels_of(column: Column) -> Codes:
    """Return the codes that a follow-up may set: declared levels, else those that runs hold.

    Of a numeric column without declared levels only the ends: they tell a slope best.
    """
    if column.declared:
        return np.arange(column.declared)
    known = [code for code in column.present() if column.labels[code] != UNSET]
    codes = np.array(known or list(column.present()), np.int64)
    if not column.is_numeric or len(codes) < 2:
        return codes
    values = column.transformed()[codes]
    return np.array([codes[np.argmin(values)], codes[np.argmax(values)]])


def places_of(table: Table, blocks: Sequence[Column], held: Mapping[str, str]) -> Codes:
    """Return the combinations of block labels to run on: (places, blocks), most runs first.

    Args:
        table: Its finished runs say which; all runs do where none of those is left.
        blocks: The columns that a place is made of.
        held: Block → label that is wanted.
    """
    if not blocks:
        return np.zeros((1, 0), np.int64)
    rows = codes_of(blocks, len(table))
    wanted = np.ones(len(table), bool)
    for at, block in enumerate(blocks):
        if block.name in held:
            wanted &= np.array([block.labels[code] == held[block.name] for code in rows[:, at]])
    usable = table.usable
    chosen = rows[usable & wanted] if np.any(usable & wanted) else rows[wanted]
    combinations, counts = np.unique(chosen, axis=0, return_counts=True)
    named = np.array([not _has_unset(blocks, row) for row in combinations.tolist()], bool)
    if np.any(named):
        combinations, counts = combinations[named], counts[named]
    return combinations[np.lexsort([*combinations.T[::-1], -counts])]


def _has_unset(blocks: Sequence[Column], row: Sequence[int]) -> bool:
    return any(block.labels[code] == UNSET for block, code in zip(blocks, row, strict=True))
