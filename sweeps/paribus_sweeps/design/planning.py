"""The question behind follow-ups, laid out: model, targets, candidates, and the search.

The model holds every level that finished runs, open trials or candidates have: levels that
never ran are columns too, and what they would tell is open. Open trials are counted as if they
had finished, since they will end by themselves.

Source: METHOD 6 (input, 6.1 to 6.3), 1 (order of terms).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from paribus_sweeps.design.augmentation import Augmentation, Preference, smallest_set
from paribus_sweeps.design.cell_grid import (
    Bans,
    CellGrid,
    Crashes,
    Forbidden,
    Setting,
    codes_of,
    levels_of,
    places_of,
)
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.design.estimability import MOST_PARAMETERS, Gate, gate
from paribus_sweeps.design.extended_table import as_if_finished, open_rows, with_wave
from paribus_sweeps.design.model_matrix import Codings, ModelMatrix, Term, codings_of
from paribus_sweeps.design.table import Codes, Column, Floats, Table, cell_keys
from paribus_sweeps.errors import TooLarge, UnknownName

MOST_CELLS = 200_000  # METHOD 6.2: more are not listed, and searched by coordinate exchange
MOST_NUMBERS = 20_000_000  # of the candidates' model matrix: 160 MB
_SAMPLED = 4_000  # cells from which a coordinate exchange starts
_NEAR = 50  # finished cells whose neighbours it starts from too
_NEAREST = 5  # of those, and the baseline: with all levels of an asked interaction
_MOST_CROSSED = 400  # combinations of such levels


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked; the arguments of `follow_ups`."""

    factors: Sequence[str] | None = None
    interactions: Sequence[tuple[str, str]] = ()
    candidates: Iterable[Setting] | None = None
    forbidden: Forbidden = ()
    allow_crashed: bool = False
    blocks: Mapping[str, str] | None = None
    new_wave: bool = False


@dataclass(eq=False)
class Plan:
    """A question over a table of runs; `Plan.of` makes it."""

    everything: Table
    """All runs; with a column for the wave of new runs, where one was asked for."""
    finished: Table
    """The usable runs, repeats averaged."""
    counted: Table
    """The same and the open trials."""
    grid: CellGrid
    listed: Codes | None
    """Cells that were named as the candidates."""
    wave: Column | None
    unpaired: str | None
    """The wave, where it is in no key of a pair: it was no block before."""
    terms: tuple[Term, ...]
    asked: tuple[Term, ...]
    is_whole: bool
    extra: Mapping[str, Codes]
    """Column → codes that take part in the coding."""
    codings: Codings

    @classmethod
    def of(cls, table: Table, request: Request) -> Plan:
        """Lay a question out.

        Raises:
            UnknownName: A factor, an interaction's member, a candidate's level or a block
                that the table does not have.
            TooLarge: The model would have too many columns.
        """
        asked = _asked_terms(table, request)
        _check_forbidden(table, request.forbidden)
        pairs = _pairs(table, request, asked)
        everything, wave = with_wave(table) if request.new_wave else (table, None)
        blocks = [b for b in everything.blocks if wave is None or b.name != wave.name]
        places = _places(everything, blocks, request.blocks or {})
        opened = open_rows(everything)
        counted = as_if_finished(everything, opened, blocks, places[0])
        levels = _levels(everything, counted, None if request.factors is None else asked, pairs)
        grid = CellGrid(
            everything.factors,
            tuple(blocks),
            levels,
            places,
            None if wave is None else len(wave.labels) - 1,
            Bans.of(request.forbidden),
            Crashes() if request.allow_crashed else Crashes.of(everything, blocks),
        )
        listed = None if request.candidates is None else _listed(grid, request.candidates)
        extra = _extra(grid, listed, wave, counted)
        terms = _terms(everything, extra, pairs)
        whole = tuple(t for t in terms if t.members and set(t.members) <= _names(table.factors))
        _refuse_size(everything, terms, extra)
        return cls(
            everything,
            everything.averaged(),
            counted,
            grid,
            listed,
            wave,
            None if wave is None or wave.name in _names(table.columns) else wave.name,
            terms,
            whole if request.factors is None else tuple(t for t in asked if t in terms),
            request.factors is None,
            extra,
            codings_of([c for c in counted.columns if c.name in extra], extra=extra),
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the columns of a cell are."""
        columns = [*self.grid.factors, *self.grid.blocks, *([self.wave] if self.wave else [])]
        return tuple(column.name for column in columns)

    @cached_property
    def shape(self) -> ModelMatrix:
        """The model's columns, over one row that means nothing."""
        first = {name: codes[:1] for name, codes in self.extra.items()}
        return ModelMatrix.of(self.terms, self.codings, first, rows=1)

    def rows(self, cells: Codes) -> Floats:
        """Return the model matrix of cells: (cells, parameters)."""
        if not len(cells):
            return np.zeros((0, self.shape.parameters))
        codes = {name: cells[:, at] for at, name in enumerate(self.names)}
        return ModelMatrix.of(self.terms, self.codings, codes, rows=len(cells)).values

    def functions(self, term: Term) -> Floats:
        """Return one function for each column of a term: together, all of its contrasts."""
        part = self.shape.columns_of(term)
        return np.asarray(np.eye(self.shape.parameters)[part])

    def contrasts(self, name: str) -> list[tuple[str, str]]:
        """Return (reference, level) of a factor: each other level, or of a number its ends."""
        column, codes = self.everything.column(name), self.extra[name].tolist()
        if column.is_numeric:
            values = column.transformed()
            ends = sorted(codes, key=lambda code: float(values[code]))
            return [(column.labels[ends[0]], column.labels[ends[-1]])]
        labels = [column.labels[code] for code in codes]
        reference = column.baseline if column.baseline in labels else labels[0]
        return [(str(reference), label) for label in labels if label != reference]

    def contrast_functions(self, name: str) -> Floats:
        """Return L of each of `contrasts`, all other factors averaged with equal weight."""
        labels, coded = self.everything.column(name).labels, self.codings[name].rows
        pairs = [(labels.index(low), labels.index(high)) for low, high in self.contrasts(name)]
        made = np.zeros((len(pairs), self.shape.parameters))
        part = self.shape.columns_of(Term((name,)))
        made[:, part] = [coded[high] - coded[low] for low, high in pairs]
        return made

    def is_factor(self, term: Term) -> bool:
        """Whether the term is the main effect of a factor."""
        return term.name in _names(self.grid.factors)

    @cached_property
    def targets(self) -> Floats | None:
        """What must become estimable; None for the whole model."""
        if self.is_whole:
            return None
        return self._functions(self.asked)

    def _functions(self, terms: Iterable[Term]) -> Floats:
        none = np.zeros((0, self.shape.parameters))
        return np.vstack([none, *(self.functions(term) for term in terms)])

    def gate(self, table: Table) -> Gate:
        """Ask what a table with at least one run can tell of the model."""
        return gate(table, terms=self.terms, extra=self.extra)

    @cached_property
    def before(self) -> Gate | None:
        """What the finished runs tell; None where there is none."""
        return self.gate(self.finished) if len(self.finished) else None

    @cached_property
    def coming(self) -> Gate | None:
        """What they tell together with the open trials."""
        if not np.any(open_rows(self.everything)):
            return self.before
        return self.gate(self.counted)

    def left(self, gate: Gate | None) -> int:
        """How many directions of the question are open."""
        if gate is None:
            return self.shape.parameters if self.targets is None else len(self.targets)
        if self.targets is None:
            return gate.space.deficiency
        return gate.space.open_directions(self.targets)

    def open_factors(self) -> list[str]:
        """Names of asked factors of which the runs that count do not tell everything."""
        names = [term.name for term in self.asked if self.is_factor(term)]
        coming = self.coming
        return [n for n in names if coming is None or coming.status(n).word != "estimable"]

    @cached_property
    def distinct(self) -> tuple[Codes, Floats]:
        """The distinct cells of the counted runs, and how many runs each has."""
        cells = codes_of([self.counted.column(name) for name in self.names], len(self.counted))
        columns = [self.counted.column(name) for name in self.names]
        keys = cell_keys(columns, rows=len(self.counted))
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        return cells[first], counts.astype(np.float64)

    @property
    def is_listed(self) -> bool:
        """Whether all candidates are listed; else there are too many."""
        most = min(MOST_CELLS, MOST_NUMBERS // self.shape.parameters)
        return self.listed is not None or self.grid.size <= most

    def candidates(self) -> Codes:
        """Cells that may be run; where there are too many, those that a search starts from."""
        if self.listed is not None:
            return self.grid.allowed(self.listed)
        return self.grid.allowed(self.grid.cells() if self.is_listed else self._begun())

    def _begun(self) -> Codes:
        """Cells drawn evenly, and those beside finished ones and beside the baseline."""
        count = min(_SAMPLED, MOST_NUMBERS // self.shape.parameters)
        settings = self.distinct[0][:, : len(self.grid.factors)]
        held = [np.isin(settings[:, at], codes) for at, codes in enumerate(self.grid.levels)]
        known = np.vstack([self._baseline(), settings[np.all(held, axis=0)][:_NEAR]])
        here = self.grid.at_places(known, np.tile(self.grid.places[0], (len(known), 1)))
        pairs = [self._crossed(term, here[:_NEAREST]) for term in self.asked]
        drawn = [self.grid.sample(count), self.grid.changed_once(here), *pairs]
        return np.unique(np.vstack(drawn), axis=0)

    def _crossed(self, term: Term, cells: Codes) -> Codes:
        """Return cells with all levels of an interaction: what tells it without anything else."""
        factors = [self.names.index(name) for name in term.members]
        if math.prod(len(self.grid.levels[at]) for at in factors) > _MOST_CROSSED:
            return cells
        return self.grid.crossed(cells, factors)

    def _baseline(self) -> Codes:
        """(1, factors): each factor's baseline where it may be run, else its first level."""
        found = []
        for factor, codes in zip(self.grid.factors, self.grid.levels, strict=True):
            own = [code for code in codes if factor.labels[code] == factor.baseline]
            found.append([*own, codes[0]][0])
        return np.array([found], np.int64)

    def smallest(
        self,
        cells: Codes,
        prefer: Preference | None = None,
        terms: Sequence[Term] | None = None,
    ) -> Augmentation:
        """Find the smallest set among these cells, for all that is asked or for some terms."""
        known, counts = self.distinct
        return smallest_set(
            self.rows(known),
            self.rows(cells),
            self.targets if terms is None else self._functions(terms),
            counts=counts,
            prefer=prefer,
        )


def _refuse_size(table: Table, terms: Sequence[Term], extra: Mapping[str, Codes]) -> None:
    """Refuse a model that would have too many columns, before any is made."""
    df = {
        name: 1 if table.column(name).is_numeric else len(codes) - 1
        for name, codes in extra.items()
    }
    parameters = sum(math.prod(df[name] for name in term.members) for term in terms)
    if parameters > MOST_PARAMETERS:
        widest = max(df, key=lambda name: df[name])
        raise TooLarge(parameters, widest, df[widest] + 1, most=MOST_PARAMETERS)


def _names(columns: Iterable[Column]) -> set[str]:
    return {column.name for column in columns}


def _asked_terms(table: Table, request: Request) -> tuple[Term, ...]:
    return tuple(
        dict.fromkeys(_term(table, "factors", name.split(" x ")) for name in request.factors or ())
    )


def _term(table: Table, where: str, members: Sequence[str]) -> Term:
    """Return the term of these factors, in declared order."""
    names = [factor.name for factor in table.factors]
    for name in members:
        if name not in names:
            raise UnknownName(where, name, names)
    return Term(tuple(sorted(set(members), key=names.index)))


def _check_forbidden(table: Table, forbidden: Forbidden) -> None:
    labels = {factor.name: factor.labels for factor in table.factors}
    for entry in Bans.of(forbidden).entries:
        for name, held in entry.items():
            if name not in labels:
                raise UnknownName("forbidden", name, list(labels))
            for label in sorted(held - set(labels[name])):
                raise UnknownName(f"forbidden.{name}", label, labels[name])


def _pairs(table: Table, request: Request, asked: Sequence[Term]) -> tuple[Term, ...]:
    """Interactions of the model: those it was told to have, and those that are asked."""
    told = [_term(table, "interactions", pair) for pair in request.interactions]
    names = [factor.name for factor in table.factors]
    found = {term for term in (*told, *asked) if len(term.members) > 1}
    return tuple(sorted(found, key=lambda term: [names.index(name) for name in term.members]))


def _places(table: Table, blocks: Sequence[Column], held: Mapping[str, str]) -> Codes:
    known = {block.name: block for block in blocks}
    for name, label in held.items():
        if name not in known:
            raise UnknownName("blocks", name, list(known))
        if label not in known[name].labels:
            raise UnknownName(f"blocks.{name}", label, known[name].labels)
    return places_of(table, blocks, held)


def _levels(
    table: Table, counted: Table, asked: Sequence[Term] | None, pairs: Sequence[Term]
) -> tuple[Codes, ...]:
    """Levels of each factor that may be run.

    With an interaction an effect is an average over the other factor's levels: one that is not
    asked keeps the levels it had, else the question would grow by levels that nobody asked of.
    """
    inside = set(itertools.chain(*(pair.members for pair in pairs)))
    named = set(itertools.chain(*(term.members for term in asked or ())))
    found = []
    for column in table.factors:
        held = np.intersect1d(levels_of(column), counted.column(column.name).present())
        is_kept = asked is not None and column.name in inside - named and len(held) > 0
        found.append(held if is_kept else levels_of(column))
    return tuple(found)


def _listed(grid: CellGrid, candidates: Iterable[Setting]) -> Codes:
    """Named settings at every place, each once."""
    settings = np.array([_codes(grid, setting) for setting in candidates], np.int64)
    settings = np.unique(settings.reshape(-1, len(grid.factors)), axis=0)
    places = np.tile(grid.places, (len(settings), 1))
    return grid.at_places(np.repeat(settings, len(grid.places), axis=0), places)


def _codes(grid: CellGrid, setting: Setting) -> list[int]:
    found = []
    for name in setting:
        if name not in _names(grid.factors):
            raise UnknownName("candidates", name, [factor.name for factor in grid.factors])
    for factor in grid.factors:
        label = setting.get(factor.name, UNSET)
        if label not in factor.labels:
            raise UnknownName(f"candidates.{factor.name}", label, factor.labels)
        found.append(factor.labels.index(label))
    return found


def _extra(
    grid: CellGrid, listed: Codes | None, wave: Column | None, counted: Table
) -> dict[str, Codes]:
    """Codes of each column that runs or candidates have."""
    held = dict(zip([f.name for f in grid.factors], grid.levels, strict=True))
    held |= {block.name: grid.places[:, at] for at, block in enumerate(grid.blocks)}
    if wave is not None:
        held[wave.name] = np.array([len(wave.labels) - 1])
    if listed is not None:
        for at, factor in enumerate(grid.factors):
            held[factor.name] = np.union1d(held[factor.name], listed[:, at])
    return {n: np.union1d(codes, counted.column(n).present()) for n, codes in held.items()}


def _terms(table: Table, extra: Mapping[str, Codes], pairs: Sequence[Term]) -> tuple[Term, ...]:
    """Intercept, blocks, factors, interactions; of what has one label only, none."""
    names = [
        column.name for column in (*table.blocks, *table.factors) if len(extra[column.name]) > 1
    ]
    main = tuple(Term((name,)) for name in names)
    return (Term(), *main, *(pair for pair in pairs if set(pair.members) <= set(names)))
