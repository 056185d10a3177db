"""Keys that are not under study and take a factor along once they count as blocks.

    follows, skipped = lurking_keys(rows, base, alone, asked)

Source: METHOD 0 ("this is where real mistakes are found").
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from paribus_sweeps.design.absorbed import absorbed, estimable_df
from paribus_sweeps.design.estimability import Gate
from paribus_sweeps.design.pairwise import CodeLook, telling
from paribus_sweeps.design.table import Column, Table

_MOST_WORK = 1e10  # rows x parameters^2 of all keys together


@dataclass(frozen=True, slots=True)
class Follows:
    """A key that is not under study and takes (part of) a factor's estimability away."""

    key: str
    role: Literal["lurking", "block"]
    factor: str
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "key": self.key,
            "role": self.role,
            "factor": self.factor,
            "sentence": self.sentence,
        }


@dataclass(frozen=True, slots=True)
class SkippedKey:
    """A lurking key that was not taken as a block."""

    key: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"key": self.key, "reason": self.reason}


def lurking_keys(
    rows: Table, base: Gate, alone: Gate, asked: Sequence[str]
) -> tuple[tuple[Follows, ...], tuple[SkippedKey, ...]]:
    """Take each key that varies as a block, and see which factors it takes along.

    Args:
        rows: Usable runs, repeats averaged, with all columns.
        base: The gate of blocks and factors.
        alone: The gate of factors alone, which a block is compared with.
        asked: Names of the factors asked about.
    """
    keys = [c for c in base.table.columns if c.role != "factor" and c.varies]
    if not keys:
        return (), ()
    asking = _Asking(rows, CodeLook(rows, rows.columns), base, alone, asked)
    found: list[Follows] = []
    skipped: list[SkippedKey] = []
    work = 0.0
    for key in sorted(keys, key=lambda column: column.role != "block"):
        work += (len(rows) + 20.0 * base.parameters) * base.parameters**2
        why = _why_skipped(key, rows, work > _MOST_WORK)
        if why:
            skipped.append(SkippedKey(key.name, why))
        else:
            found += asking.followed_by(key)
    return tuple(found), tuple(skipped)


def _why_skipped(key: Column, rows: Table, is_too_much: bool) -> str | None:
    if key.role == "lurking" and len(key.present()) == len(rows):
        return "it has another value in every finished run"
    return "not looked at: too many keys for a model of this size" if is_too_much else None


@dataclass(frozen=True, slots=True)
class _Asking:
    rows: Table
    look: CodeLook
    base: Gate
    alone: Gate
    asked: Sequence[str]

    def followed_by(self, key: Column) -> Iterator[Follows]:
        """Yield the factors that a key takes (part of) the estimability of."""
        role: Literal["lurking", "block"] = "block" if key.role == "block" else "lurking"
        before = self.alone if role == "block" else self.base
        df = estimable_df(before, before.space)
        after = estimable_df(before, absorbed(before, [key])) if any(df.values()) else df
        for name in self.asked:
            sentence = self._pair_sentence(name, key)
            if sentence is None and after.get(name, 0) < df.get(name, 0):
                sentence = f"`{name}` is aliased with {key.name} once it is taken as a block."
            if sentence:
                yield Follows(key.name, role, name, sentence)

    def _pair_sentence(self, name: str, key: Column) -> str | None:
        if not (self.look.decides(key.name, name) or self.look.decides(name, key.name)):
            return None
        told = telling(self.rows, [self.rows.column(name), key])
        facts = itertools.chain(told.bijections(), told.functions())
        return next((fact.sentence for fact in facts), None)
