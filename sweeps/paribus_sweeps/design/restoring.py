"""The fewest missing runs whose completion would tell effects apart.

    found, note = restoring(base, missing, asked, ["batch", "ratio"])
    found.sentence            # Finishing r4 (interrupted) would let `batch` and `ratio` be told.

Source: METHOD 2.1 (last lines), 6.1 (how few runs restore what is missing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from paribus_sweeps.design.confounding import UNSET, listed, named
from paribus_sweeps.design.estimability import Gate, cell_matrix
from paribus_sweeps.design.linear_space import ESTIMABLE_TOLERANCE, LinearSpace
from paribus_sweeps.design.model_matrix import ModelMatrix, Term, codings_of
from paribus_sweeps.design.spanning import cleaned, greedy_span, needed, rank, spanned, spans
from paribus_sweeps.design.table import Codes, Column, Floats, Table, cell_keys
from paribus_sweeps.runs import OPEN

_MOST_ENTRIES = 2e6  # candidates x parameters
_MOST_CANDIDATES = 2_000  # missing settings among which the fewest are looked for
_MOST_BLOCK_CELLS = 8  # kinds of GPU on which a missing run might finish
_MOST_RUNS = 50  # that are named
_MOST_TRIES = 20  # factors that are tried alone


@dataclass(frozen=True, slots=True)
class MissingRun:
    """A run without a usable value whose completion would tell effects apart."""

    id: str
    state: str
    reason: str
    setting: Mapping[str, str]
    """Factor → label."""
    where: tuple[Mapping[str, str], ...] = ()
    """Blocks on which it would have to run: one of these; empty where that does not matter."""
    name: str = ""
    """What people call it."""

    @property
    def text(self) -> str:
        """The run in a sentence: `r4 (interrupted) on gpu_name A100`."""
        places = [" and ".join(f"{k} {v}" for k, v in place.items()) for place in self.where]
        return f"{self.name or self.id} ({self.reason})" + (
            f" on {' or '.join(places)}" if places else ""
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "id": self.id,
            "name": self.name or self.id,
            "state": self.state,
            "reason": self.reason,
            "setting": dict(self.setting),
            "where": [dict(place) for place in self.where],
        }


@dataclass(frozen=True, slots=True)
class Restoring:
    """Few runs without a value, of those there are, that would tell apart what now cannot be."""

    runs: tuple[MissingRun, ...]
    restores: tuple[str, ...]
    """Factors that all asked levels of could be compared then, and cannot now."""
    improves: tuple[str, ...]
    """Factors that more levels of could be compared then, and not all."""
    is_smallest: bool
    """Whether fewer are known not to be enough; else none of them can be left out."""
    residual_df: int
    """Of the model with them: 0 leaves no interval."""

    @property
    def sentence(self) -> str:
        """Say which runs, what for, and what would still be missing."""
        runs = listed([run.text for run in self.runs])
        what = [f"{named(self.restores)} be told"] if self.restores else []
        if self.improves:
            what.append(f"more levels of {named(self.improves)} be compared")
        rest = "" if self.residual_df > 0 else ", with no degree of freedom left for an interval"
        return f"Finishing {runs} would let {listed(what)}{rest}."

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "runs": [run.as_dict() for run in self.runs],
            "restores": list(self.restores),
            "improves": list(self.improves),
            "is_smallest": self.is_smallest,
            "residual_df": self.residual_df,
            "sentence": self.sentence,
        }


def restoring(
    base: Gate, missing: Table, asked: Mapping[str, Codes], names: Sequence[str]
) -> tuple[Restoring | None, str | None]:
    """Return few missing runs that would tell what the finished ones leave open, and a note.

    None where no missing run helps, and where too many would be needed to be named.

    Args:
        base: The gate of the finished runs: main effects and blocks.
        missing: Runs without a usable value.
        asked: Factor of the gate's table → codes of the levels that are to be compared.
        names: Factors that are asked about.
    """
    search = _Search.of(base, _in_order_of_hope(missing), asked)
    targets = search.targets(names)
    if not targets:
        return None, search.cut_note
    least = rank(np.vstack(list(targets.values())))
    if least > _MOST_RUNS:
        return None, (
            f"at least {least} of the {len(missing):,} missing runs would be needed to tell what "
            "they could: they are not listed"
        )
    return search.restoring(targets), search.cut_note


def _in_order_of_hope(missing: Table) -> Table:
    """Return runs without a value, those that may still finish by themselves first."""
    order = [row for row, state in enumerate(missing.states) if state in OPEN]
    order += [row for row, state in enumerate(missing.states) if state not in OPEN]
    return missing.take(np.array(order, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Missing runs as rows of the model: each setting on each combination of blocks there is.

    What a row z adds is z N, its part in the null space N of the finished runs: a set S tells a
    function L iff L N lies in the span of its rows z N (METHOD 6.1).
    """

    base: Gate
    missing: Table
    rows: tuple[Codes, ...]
    """Rows of `missing` for each setting: a run can finish in one place only."""
    places: tuple[Mapping[str, str], ...]
    """Labels of the blocks' combinations, the most frequent first; at least one."""
    own: ModelMatrix
    space: LinearSpace
    """Of the finished runs."""
    values: Floats
    """(settings x places, parameters): the candidates, setting by setting."""
    is_cut: bool

    @classmethod
    def of(cls, base: Gate, missing: Table, asked: Mapping[str, Codes]) -> _Search:
        """Lay the missing runs out as candidates.

        Args:
            base: The gate of the finished runs.
            missing: The runs without a value, in order of preference.
            asked: Factor → codes of the levels that are to be compared.
        """
        rows = base.table
        factors = [c for c in rows.factors if len(asked[c.name]) > 1]
        columns = [*(c for c in rows.blocks if c.varies), *factors]
        terms = [Term(), *(Term((column.name,)) for column in columns)]
        codings = codings_of(columns, extra={c.name: asked[c.name] for c in factors})
        own = cell_matrix(terms, codings, columns, rows=len(rows))
        first = _block_cells(rows)
        settings = _rows_by_setting(missing, rows.factors, asked)
        most = max(1, min(_MOST_CANDIDATES, int(_MOST_ENTRIES / (own.parameters * len(first)))))
        chosen = settings[:most]
        heads = np.array([found[0] for found in chosen], np.int64)
        codes = {c.name: np.tile(c.codes[first], len(chosen)) for c in rows.blocks}
        codes |= {
            c.name: np.repeat(missing.column(c.name).codes[heads], len(first)) for c in factors
        }
        made = ModelMatrix.of(terms, codings, codes, rows=len(chosen) * len(first))
        return cls(
            base=base,
            missing=missing,
            rows=tuple(chosen),
            places=tuple(_place(rows.blocks, at) for at in first),
            own=own,
            space=LinearSpace.of(own.values),
            values=made.values,
            is_cut=len(chosen) < len(settings),
        )

    @property
    def cut_note(self) -> str | None:
        """What to say where not all settings were looked at."""
        if not self.is_cut:
            return None
        return (
            f"the missing runs are {len(self.missing):,}: only the first settings were looked at "
            "for those that would tell effects apart"
        )

    def targets(self, names: Sequence[str]) -> dict[str, Floats]:
        """Return for each factor that could be told better what is open of it, if anything."""
        everything = LinearSpace.of(np.vstack([self.own.values, self.values]))
        known = [name for name in names if Term((name,)) in self.own.terms]
        found = {name: self._wanted(name, everything) for name in known}
        return {name: functions for name, functions in found.items() if np.any(functions)}

    def restoring(self, wanted: Mapping[str, Floats]) -> Restoring | None:
        """Return few runs that tell the targets, or those of them that can be told together."""
        lengths = np.linalg.norm(self.values, axis=1, keepdims=True)
        gains = cleaned((self.values / lengths) @ self.space.null)
        taken, told = self._taken(wanted, gains)
        if not told:
            return None
        targets = np.vstack(list(told.values()))
        chosen = needed(taken, targets, gains)
        after = LinearSpace.of(np.vstack([self.own.values, self.values[chosen]]))
        whole = [name for name in told if not self._is_open(name, after)]
        return Restoring(
            runs=tuple(self._run(at, chosen, targets, gains) for at in chosen),
            restores=tuple(whole),
            improves=tuple(name for name in told if name not in whole),
            is_smallest=len(chosen) == rank(targets),
            residual_df=len(self.base.table) + len(chosen) - after.rank,
        )

    def _taken(
        self, wanted: Mapping[str, Floats], gains: Floats
    ) -> tuple[list[int], dict[str, Floats]]:
        """Return candidates, and what they tell of each factor, where they tell anything.

        Where not all can be had, a run being in one place only, what is wanted of one factor is
        tried too, and what tells most is taken.
        """
        room = [len(found) for found in self.rows]
        tries = [list(wanted.values()), *([one] for one in [*wanted.values()][:_MOST_TRIES])]
        best: tuple[list[int], dict[str, Floats]] = ([], {})
        most = -1
        for functions in tries:
            taken = greedy_span(np.vstack(functions), gains, room, len(self.places))
            found = {name: spanned(taken, wished, gains) for name, wished in wanted.items()}
            told = sum(rank(functions) for functions in found.values())
            if told > most:
                most, best = told, (taken, {n: f for n, f in found.items() if np.any(f)})
            if told == sum(rank(functions) for functions in wanted.values()):
                break
        return best

    def _is_open(self, name: str, space: LinearSpace) -> bool:
        part = self.own.columns_of(Term((name,)))
        return space.open_directions(np.eye(self.own.parameters)[part]) > 0

    def _wanted(self, name: str, everything: LinearSpace) -> Floats:
        """Return what is open now of the contrasts that all runs together would tell."""
        part = self.own.columns_of(Term((name,)))
        left, singular, _ = np.linalg.svd(everything.null[part], full_matrices=True)
        told = left[:, int(np.sum(singular > ESTIMABLE_TOLERANCE)) :].T
        return cleaned(told @ self.space.null[part])

    def _run(self, at: int, chosen: Sequence[int], targets: Floats, gains: Floats) -> MissingRun:
        setting, place = divmod(at, len(self.places))
        others = [other for other in chosen if other != at]
        before = [
            other for other in chosen[: chosen.index(at)] if other // len(self.places) == setting
        ]
        row = int(self.rows[setting][len(before)])
        start = setting * len(self.places)
        fitting = [
            where
            for other, where in enumerate(self.places)
            if other == place or spans([*others, start + other], targets, gains)
        ]
        is_free = len(fitting) == len(self.places) > 1 or not any(fitting)
        missing = self.missing
        return MissingRun(
            id=missing.ids[row],
            state=missing.states[row],
            reason=missing.reasons[row] or missing.states[row],
            setting={c.name: c.labels[c.codes[row]] for c in missing.factors},
            where=() if is_free else tuple(fitting),
            name=missing.called(missing.ids[row]),
        )


def _block_cells(rows: Table) -> Codes:
    """Return a row for each combination of blocks that occurs, the most frequent first."""
    keys = cell_keys(rows.blocks, rows=len(rows))
    _, first, counts = np.unique(keys, return_index=True, return_counts=True)
    return np.asarray(first[np.lexsort((first, -counts))][:_MOST_BLOCK_CELLS], np.int64)


def _place(blocks: Sequence[Column], row: int) -> Mapping[str, str]:
    held = {column.name: column.labels[column.codes[row]] for column in blocks}
    return {name: label for name, label in held.items() if label != UNSET}


def _rows_by_setting(
    missing: Table, factors: Sequence[Column], asked: Mapping[str, Codes]
) -> list[Codes]:
    """Return the rows of each setting of which all levels are asked about."""
    columns = [missing.column(column.name) for column in factors]
    fitting = np.ones(len(missing), bool)
    for column in columns:
        fitting &= np.isin(column.codes, asked[column.name])
    rows = np.flatnonzero(fitting)
    keys = cell_keys(columns, rows=len(missing))[rows]
    order = np.argsort(keys, kind="stable")
    groups = np.split(rows[order], np.flatnonzero(np.diff(keys[order])) + 1)
    return sorted((found for found in groups if len(found)), key=lambda found: int(found[0]))
