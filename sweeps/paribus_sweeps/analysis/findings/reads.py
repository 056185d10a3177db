"""What a rule asked of a run and was told: where all of it is the same later, so is its finding.

    reads = Reads()
    finding = rule(noted(seen, reads))
    reads.hold_in(later)          # whether the rule would be told the same again

Nothing is declared: each way in which a rule can look at a run notes what it gave. A key's rows
only ever grow, so of a column its length is noted; and what another key was beside its rows
(`along`, `carried`, a curve) never changes while it has the same rows, however much the other one
grows: a rule over evaluations is not asked again because training went on.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeVar

from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.histories import Column, History
from paribus_sweeps.analysis.roles import Roles

T = TypeVar("T")


class Reads:
    """Questions about a run, with what was answered."""

    def __init__(self) -> None:
        self._told: dict[tuple[Callable[..., Any], tuple[Any, ...]], Any] = {}

    def note(self, ask: Callable[..., Any], seen: Seen, *about: Any) -> Any:
        """Ask a run, and remember the answer."""
        answer = self._told[ask, about] = ask(seen, *about)
        return answer

    def hold_in(self, seen: Seen) -> bool:
        """Whether a run answers all of them as it did."""
        return all(ask(seen, *about) == told for (ask, about), told in self._told.items())


def noted(seen: Seen, reads: Reads) -> Seen:
    """Return the run as a rule sees it, whose reads are noted.

    Not noted are its thresholds, what is named, and its facts but for the summary.
    """
    facts = replace(seen.facts, summary=_NotedSummary(seen, reads))
    history = _NotedHistory(seen.history, seen, reads)
    return _NotedSeen(facts, history, seen.thresholds, seen.named, seen.grown, seen, reads)


@dataclass(frozen=True)
class _NotedSeen(Seen):
    whole: Seen | None = None
    reads: Reads | None = None

    def _ask(self, ask: Callable[..., Any], *about: Any) -> Any:
        assert self.whole is not None
        assert self.reads is not None
        return self.reads.note(ask, self.whole, *about)

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return tuple(self._ask(_keys))

    @cached_property
    def roles(self) -> Roles:
        found: Roles = self._ask(_roles)
        return found

    def key(self, role: str) -> str | None:
        found: str | None = self._ask(Seen.key, role)
        return found

    def missing(self, role: str) -> str:
        return str(self._ask(Seen.missing, role))

    def x_key(self, *keys: str) -> str | None:
        found: str | None = self._ask(Seen.x_key, *keys)
        return found

    def goes_on(self, key: str) -> bool:
        return bool(self._ask(Seen.goes_on, key))

    def once(self, what: Hashable, make: Callable[[], T]) -> T:
        assert self.whole is not None
        return self.whole.once(what, make)

    def curve_over(self, key: str, x_key: str | None) -> Curve:
        assert self.whole is not None
        self._ask(_size, key)
        return self.whole.curve_over(key, x_key)


class _NotedHistory(History):
    __slots__ = ("_reads", "_seen", "_whole")
    _whole: History
    _seen: Seen
    _reads: Reads

    def __init__(self, whole: History, seen: Seen, reads: Reads) -> None:
        for name, value in (("_whole", whole), ("_seen", seen), ("_reads", reads)):
            object.__setattr__(self, name, value)

    @property
    def columns(self) -> Mapping[str, Column]:
        self._reads.note(_rows, self._seen)
        return self._whole.columns

    @property
    def rows(self) -> int:
        return int(self._reads.note(_rows, self._seen))

    def __getitem__(self, key: str) -> Column:
        self._reads.note(_size, self._seen, key)
        return self._whole[key]

    def __contains__(self, key: str) -> bool:
        return bool(self._reads.note(_holds, self._seen, key))

    def along(self, key: str, other: str) -> FloatArray:
        self._reads.note(_size, self._seen, key)
        return self._whole.along(key, other)

    def carried(self, key: str, other: str) -> FloatArray:
        self._reads.note(_size, self._seen, key)
        return self._whole.carried(key, other)

    def curve(self, key: str, x_key: str | None = None) -> Curve:
        self._reads.note(_size, self._seen, key)
        return self._whole.curve(key, x_key)


class _NotedSummary(Mapping[str, Any]):
    def __init__(self, seen: Seen, reads: Reads) -> None:
        self._seen, self._reads = seen, reads

    def _all(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._reads.note(_summary, self._seen)
        return found

    def __getitem__(self, key: str) -> Any:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())


def _keys(seen: Seen) -> tuple[str, ...]:
    return seen.keys


def _roles(seen: Seen) -> Roles:
    return seen.roles


def _size(seen: Seen, key: str) -> tuple[int, int]:
    column = seen.history[key]
    return len(column), column.others


def _holds(seen: Seen, key: str) -> bool:
    return key in seen.history


def _rows(seen: Seen) -> int:
    return seen.history.rows


def _summary(seen: Seen) -> Mapping[str, Any]:
    return seen.facts.summary
