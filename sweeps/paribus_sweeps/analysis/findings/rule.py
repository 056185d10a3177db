"""What a rule is, and what it is given to read.

A rule that reads one run is a `Rule`. Each run has a watch of its own, made by the rule, which
is asked again whenever the run has logged more of what the rule read (`watching`). A rule that
needs nothing but a short curve, or what all rules find together (`Seen.curve`, `Seen.counted`),
is a plain function (`each_time`); one that would look at all rows again keeps what it has counted.

A rule that reads several runs beside one another is a `ComparisonRule`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, cast

from paribus_sweeps.analysis.curves import Curve
from paribus_sweeps.analysis.findings.finding import Finding
from paribus_sweeps.analysis.findings.grown import Grown
from paribus_sweeps.analysis.findings.thresholds import Threshold, Thresholds
from paribus_sweeps.analysis.histories import History, as_number
from paribus_sweeps.analysis.roles import Roles

STEPS = "steps"
LOG_CALLS = "W&B steps"
ROWS = "rows"
T = TypeVar("T")
OPEN_STATES = frozenset({"pending", "running"})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run beside its history."""

    run: str
    """Our own id, or a table's name for it."""
    name: str = ""
    """What people call it; the id where nothing is given."""
    state: str = "finished"
    reason: str | None = None
    """Why it is in that state."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Dotted key → value, as the run was started with."""
    summary: Mapping[str, Any] = field(default_factory=dict)
    """Dotted key → value."""
    setting: Mapping[str, str] = field(default_factory=dict)
    """Factor → label of its level."""
    replicate: Mapping[str, Any] = field(default_factory=dict)
    """{"seed": 0}."""
    blocks: Mapping[str, str] = field(default_factory=dict)
    """{"gpu_name": "Tesla T4"}."""
    examples_per_step: float | None = None
    """Batch size times accumulation times devices; None: not known."""
    rank: str = ""
    """What it comes before others by; the id where nothing is given, which may be chance."""

    @property
    def order(self) -> tuple[str, str]:
        """What runs are sorted by: sums in another order differ in their last digit."""
        return self.rank, self.run

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        return self.state not in OPEN_STATES

    def number(self, key: str) -> float | None:
        """Return a finite number of the config, or None."""
        value = as_number(self.config.get(key))
        return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Seen:
    """One run as a rule sees it."""

    facts: Facts
    history: History
    thresholds: Thresholds
    named: Mapping[str, str] = field(default_factory=dict)
    """Role → key, as somebody said."""
    grown: Grown = field(default_factory=Grown, compare=False, repr=False)
    """What is known of its curves from earlier looks."""

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Every key that was logged as a number, by name."""
        return tuple(sorted(key for key in self.history.columns if key in self.history))

    @cached_property
    def roles(self) -> Roles:
        """Which key is which."""
        return Roles.of(self.keys, self.named)

    def key(self, role: str) -> str | None:
        """Return the key that has a role and was logged, or None."""
        key = self.roles[role]
        return key if key is not None and key in self.history else None

    def missing(self, role: str) -> str:
        """Return the sentence that says that no logged key has a role."""
        named = self.roles[role]
        if named is not None:
            return f"{named} (named as {role}) was never logged as a number"
        return self.roles.missing(role, self.keys)

    def x_key(self, *keys: str) -> str | None:
        """Return the key that holds optimizer steps in every row of `keys`, else W&B's step.

        None where neither does: then x is the number of the row, counted from 0.
        """
        if keys not in self._x_keys:
            axes = (axis for axis in (self.roles["global_step"], "_step") if axis)
            self._x_keys[keys] = next((axis for axis in axes if self._stands_on(axis, keys)), None)
        return self._x_keys[keys]

    def _stands_on(self, axis: str, keys: Iterable[str]) -> bool:
        return all(self.grown.is_inside(self.history, key, axis) for key in keys)

    @cached_property
    def _x_keys(self) -> dict[tuple[str, ...], str | None]:
        return {}

    def x_name(self, *keys: str) -> str:
        """Return what x is for keys: optimizer steps, W&B's steps (calls of log), or rows."""
        x_key = self.x_key(*keys)
        if x_key is None:
            return ROWS
        return LOG_CALLS if x_key == "_step" else STEPS

    def curve(self, key: str) -> Curve:
        """Return a key's curve over steps, METHOD 9.1 applied."""
        return self.curve_over(key, self.x_key(key))

    def curve_over(self, key: str, x_key: str | None) -> Curve:
        """Return a key's curve over another one; the same one however often it is asked for."""
        if (key, x_key) not in self._curves:
            self._curves[key, x_key] = self.grown.curve(self.history, key, x_key)
        return self._curves[key, x_key]

    def goes_on(self, key: str) -> bool:
        """Whether a key's curve is all its rows as they came, each at a later step, all finite.

        A later one of which that holds has it as its beginning.
        """
        return self.grown.goes_on(self.history, key, self.x_key(key))

    @cached_property
    def _curves(self) -> dict[tuple[str, str | None], Curve]:
        return {}

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        """Return what rules make of this look alike, made once: `what` names all it rests on."""
        if what not in self._made:
            self._made[what] = make()
        return cast(T, self._made[what])

    @cached_property
    def _made(self) -> dict[Hashable, Any]:
        return {}

    def counted(self, of: Callable[[], T]) -> T:
        """Return what the rules of a run count together, as it goes on: `counted(Spikes)`."""
        return self.grown.counted(of)


def place(x: float, x_name: str) -> str:
    """Return "step 1,240", "W&B step 3", "row 7"."""
    return f"{x_name.removesuffix('s')} {x:,.10g}"


class Watch(Protocol):
    """What a rule remembers of one run."""

    def tell(self, seen: Seen) -> Finding:
        """Say what the run shows by now; asked again as its history grows."""
        ...


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about one run."""

    name: str
    version: int
    """Rises when the same rows could give another finding."""
    section: str
    """Where it is defined: a section of METHOD, or "findings.md" with its source."""
    meaning: str
    watch: Callable[[], Watch]
    """Makes what remembers one run."""
    thresholds: tuple[Threshold, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """Label → meaning, where it has several."""
    roles: tuple[str, ...] = ()
    """What it reads: roles of keys."""
    keys: tuple[str, ...] = ()
    """Keys it reads beside roles."""
    source: str = ""
    """Where a definition that METHOD lacks comes from."""
    is_heuristic: bool = False
    """A rule of thumb, and no test."""


@dataclass(frozen=True, slots=True)
class _EachTime:
    look: Callable[[Seen], Finding]

    def tell(self, seen: Seen) -> Finding:
        return self.look(seen)


def each_time(look: Callable[[Seen], Finding]) -> Callable[[], Watch]:
    """Return what makes a watch of a plain function: for short curves, read anew each time."""
    return lambda: _EachTime(look)


@dataclass(frozen=True, slots=True)
class ComparisonRule:
    """A rule about several runs beside one another."""

    name: str
    version: int
    section: str
    meaning: str
    compare: Callable[[Sequence[Seen]], Iterable[Finding]]
    """Takes runs in the order of their ids, gives findings in a fixed order."""
    thresholds: tuple[Threshold, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    source: str = ""
    is_heuristic: bool = False
