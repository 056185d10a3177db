"""NaN and infinity among what a run logged: in which keys, how often, since when.

Every logged number counts, not losses alone: the norm of a gradient is infinite some steps
before the loss is NaN, and a score may be undefined while training is sound. The label says
where they stand, the most serious first: a loss or a gradient norm before anything else.

The definition is ours; METHOD 9.1 asks only that values that are not finite are counted.
That single infinite gradient norms belong to fp16 training, whose loss scaling raises its scale
until it overflows and then skips the step: Micikevicius et al., Mixed Precision Training, ICLR
2018, section 3.2; torch 2.x, `torch.amp.GradScaler`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import LOG_CALLS, ROWS, STEPS, Rule, Seen, place
from paribus_sweeps.analysis.histories import Column
from paribus_sweeps.analysis.words import counted

NAME = "non_finite"
LOSSES = ("train_loss", "step_loss", "eval_loss")
GRADIENTS = ("grad_norm",)
_SHOWN = 5  # keys in the sentence; all of them are in the numbers
_NEXT = {
    "loss": "Look at the steps before the first one: a learning rate that is too high, a batch "
    "with a bad example, or a precision (fp16) that overflows. What was trained after it is "
    "worth nothing unless the value came back.",
    "gradient": "Under fp16 with loss scaling a few infinite gradient norms are usual, and their "
    "steps are skipped. NaN, or more than a few, points to a learning rate that is too high.",
    "other": "Losses and gradient norms are finite. A score that is NaN is often undefined (a "
    "division by zero), and then says nothing of training.",
}


@dataclass(slots=True)
class _Count:
    """What one key held so far that is not finite."""

    nan: int = 0
    infinite: int = 0
    first_row: int = -1
    last_row: int = -1

    def add(self, column: Column) -> None:
        bad = ~np.isfinite(column.values)
        if not bad.any():
            return
        rows = column.rows[bad]
        self.nan += int(np.isnan(column.values).sum())
        self.infinite += int(np.isinf(column.values).sum())
        self.first_row = int(rows[0]) if self.first_row < 0 else self.first_row
        self.last_row = int(rows[-1])

    @property
    def total(self) -> int:
        return self.nan + self.infinite


@dataclass(slots=True)
class NonFinite:
    """Counts of one run: each row is looked at once, however often it is asked."""

    _counts: dict[str, _Count] = field(default_factory=dict)
    _until: dict[str, int] = field(default_factory=dict)
    """Key → last row that was looked at."""

    def tell(self, seen: Seen) -> Finding:
        """Say what is not finite by now."""
        for key in seen.keys:
            self._take(key, seen.history[key])
        if not self._until:
            return Finding.unknown(NAME, "this run has logged no number yet")
        if not self._counts:
            keys = counted(len(self._until), "key")
            return Finding.absent(NAME, f"every number of {keys} is finite")
        return _found(seen, self._counts)

    def _take(self, key: str, column: Column) -> None:
        count = self._counts.get(key, _Count())
        count.add(column.after(self._until.get(key, -1)))
        self._until[key] = int(column.rows[-1])
        if count.total:
            self._counts[key] = count


def _found(seen: Seen, counts: dict[str, _Count]) -> Finding:
    """Say it of the most serious keys that hold any; all others stand in the numbers."""
    label = min((_kind(seen, key) for key in counts), key=list(_NEXT).index)
    named = sorted(
        (key for key in counts if _kind(seen, key) == label),
        key=lambda key: (counts[key].first_row, key),
    )
    rows = (counts[named[0]].first_row, max(counts[key].last_row for key in named))
    x_name, steps = _placed(seen, rows)
    return Finding.found(
        NAME,
        f"{_shown(named, counts)}; the first at {place(steps[0], x_name)}",
        label=label,
        keys=tuple(named),
        steps=steps,
        x_name=x_name,
        numbers={
            "non_finite": sum(counts[key].total for key in counts),
            "by_key": {key: _as_dict(counts[key]) for key in sorted(counts)},
        },
        next_step=_NEXT[label],
    )


def _kind(seen: Seen, key: str) -> str:
    if any(seen.roles[role] == key for role in LOSSES) or "loss" in key.lower():
        return "loss"
    return "gradient" if any(seen.roles[role] == key for role in GRADIENTS) else "other"


def _placed(seen: Seen, rows: tuple[int, int]) -> tuple[str, tuple[float, float]]:
    """Return the first and the last row's place: in steps where both hold one."""
    names = ((seen.roles["global_step"], STEPS), ("_step", LOG_CALLS))
    for x_key, x_name in names:
        found = [_at(seen.history[x_key], row) for row in rows] if x_key else [None]
        if None not in found:
            return x_name, (float(found[0] or 0), float(found[-1] or 0))
    return ROWS, (float(rows[0]), float(rows[1]))


def _at(column: Column, row: int) -> float | None:
    index = int(np.searchsorted(column.rows, row))
    is_held = index < len(column) and column.rows[index] == row
    return float(column.values[index]) if is_held and np.isfinite(column.values[index]) else None


def _shown(keys: list[str], counts: dict[str, _Count]) -> str:
    parts = [f"{counts[key].total:,} of {key} ({_what(counts[key])})" for key in keys[:_SHOWN]]
    more = f" and {counted(len(keys) - _SHOWN, 'more key')}" if len(keys) > _SHOWN else ""
    is_one = len(keys) == 1 and counts[keys[0]].total == 1
    return f"not finite {'is' if is_one else 'are'} {', '.join(parts)}{more}"


def _what(count: _Count) -> str:
    words = {"NaN": count.nan, "infinite": count.infinite}
    return ", ".join(f"{n:,} {word}" for word, n in words.items() if n)


def _as_dict(count: _Count) -> dict[str, Any]:
    return {
        "nan": count.nan,
        "infinite": count.infinite,
        "first_row": count.first_row,
        "last_row": count.last_row,
    }


RULES: tuple[Rule, ...] = (
    Rule(
        name=NAME,
        version=1,
        section="findings.md",
        meaning="Which logged numbers are NaN or infinite, how many, and since when.",
        watch=NonFinite,
        labels={
            "loss": "A loss is NaN or infinite.",
            "gradient": "A gradient norm is, and no loss.",
            "other": "Another logged number is, and neither a loss nor a gradient norm.",
        },
        roles=(*LOSSES, *GRADIENTS),
        source="METHOD 9.1 (counted, never dropped in silence); Micikevicius et al., Mixed "
        "Precision Training, ICLR 2018, section 3.2 (infinite gradients of fp16)",
    ),
)
