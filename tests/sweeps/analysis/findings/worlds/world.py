"""Made-up runs of which it is known what they do: what a world is, and how its runs are written.

A world is a way to draw runs, the rule that is asked about them, and what is true of them. What
is true is decided by the formula that draws (a mean that rises, a value that was planted), never
by what was drawn, and never by what the rule says of it.

Random numbers come from the name of the world; no seed was ever chosen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.rule import ComparisonRule, Facts, Rule, Seen
from paribus_sweeps.analysis.findings.rules import declared
from paribus_sweeps.analysis.findings.thresholds import Thresholds
from paribus_sweeps.analysis.histories import Column, History

Floats = NDArray[np.float64]
Truth = Literal["found", "not_found", "cannot_tell"]
Random = np.random.Generator
STEP = "train/global_step"


@dataclass(frozen=True)
class MadeUp:
    """One drawn run."""

    history: History
    facts: Facts = field(default_factory=lambda: Facts("r1"))


@dataclass(frozen=True)
class World:
    """A way to draw runs, and what is true of them."""

    rule: str
    name: str
    truth: Truth
    draw: Callable[[Random], MadeUp | Sequence[MadeUp]]
    label: str | None = None
    """The rule's word for what is true; of a comparison, the question of several it answers."""
    is_sure: bool = True
    """Whether the rule must say what is true in every draw; else its share is told."""
    note: str = ""
    """What the rule's own text says of such runs, where it is not sure."""
    of_several: bool = False
    """Whether the rule compares runs."""

    def random(self) -> Random:
        """Return random numbers that the world's name decides, from their beginning."""
        told = f"{self.rule}|{self.label}|{self.name}".encode()
        return np.random.default_rng(int.from_bytes(sha256(told).digest()[:8], "big"))

    def asked(self, rule: Rule | ComparisonRule, random: Random) -> Finding:
        """Return what the rule says of one draw."""
        drawn = self.draw(random)
        runs = [drawn] if isinstance(drawn, MadeUp) else list(drawn)
        limits = Thresholds.of(declared([rule]))
        seen = [Seen(run.facts, run.history, limits) for run in runs]
        if isinstance(rule, Rule):
            return rule.watch().tell(seen[0])
        return _of_several(list(rule.compare(seen)), self.label)

    def is_right(self, found: Finding) -> bool:
        """Whether a finding says what is true, by the rule's own word where it has several."""
        named = self.of_several or self.label is None or found.label == self.label
        return found.status == self.truth and named


def _of_several(findings: Sequence[Finding], label: str | None) -> Finding:
    """Return the most telling finding of those that answer a question."""
    asked = [found for found in findings if found.label in (label, None)] or list(findings)
    order = ("found", "not_found", "cannot_tell")
    return min(asked, key=lambda found: order.index(found.status))


@dataclass(frozen=True)
class Block:
    """Keys that a program logs together: a value of each at each step."""

    steps: Floats
    values: Mapping[str, Floats]


def written(*blocks: Block, in_order: bool = False, **more: Floats) -> History:
    """Return the history of blocks as a program writes them: a row for each step of each.

    Args:
        blocks: Of one step, the block that is named first is written first.
        in_order: Whether the blocks stand behind one another as they are; by step otherwise.
        more: Columns that every row holds, in the order of the rows: `_runtime`, say.
    """
    steps = np.concatenate([block.steps for block in blocks])
    order = np.arange(len(steps)) if in_order else np.argsort(steps, kind="stable")
    place = np.empty(len(steps), dtype=np.int64)
    place[order] = np.arange(len(steps))
    columns = {STEP: whole(steps[order]), "_step": whole(np.arange(len(steps), dtype=float))}
    columns |= {name: whole(values) for name, values in more.items()}
    first = 0
    for block in blocks:
        rows = place[first : first + len(block.steps)]
        first += len(block.steps)
        kept = np.argsort(rows)
        for key, values in block.values.items():
            part = Column(rows[kept], np.asarray(values, dtype=float)[kept])
            columns[key] = _merged(columns.get(key), part)
    return History(columns, len(steps))


def whole(values: Floats) -> Column:
    """Return a column that every row holds."""
    return Column(np.arange(len(values), dtype=np.int64), np.asarray(values, dtype=float))


def _merged(one: Column | None, other: Column) -> Column:
    if one is None:
        return other
    rows = np.concatenate([one.rows, other.rows])
    order = np.argsort(rows)
    return Column(rows[order], np.concatenate([one.values, other.values])[order])


def run(history: History, *, name: str = "r1", **facts: Any) -> MadeUp:
    """Return a run of a history and what is known beside it."""
    return MadeUp(history, Facts(name, **facts))


def every(cadence: float, n: int) -> Floats:
    """Return the first n steps of a cadence."""
    return cadence * np.arange(1.0, n + 1)


def noise(random: Random, n: int, sd: float, carried: float = 0.0) -> Floats:
    """Return n values of normal noise with this sd.

    Args:
        random: Random numbers.
        n: How many.
        sd: Of each value.
        carried: Correlation with the value before: an AR(1) series.
    """
    fresh = random.normal(size=n)
    found = np.empty(n)
    last = fresh[0]
    for at in range(n):
        last = fresh[0] if at == 0 else carried * last + np.sqrt(1 - carried**2) * fresh[at]
        found[at] = last
    return sd * found
