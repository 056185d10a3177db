"""A report beside what was worked out anew: every number of it, and where the two differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TOLERANCE = 1e-9  # relative
BY_SEARCH = 1e-6  # relative, for what is found numerically: quantiles, tails, powers
_ABSENT = object()
_FOUND_NUMERICALLY = re.compile(
    r"(p_adjusted|interval_adjusted\[\d\]|detectable|brown_forsythe_p|\.q|responses\[\d+\]\.p)$"
)
_PROBABILITY = re.compile(r"(^|[._])[pq]$|[._]p_|alpha$")
NOISE = 1e-14  # of the largest response: what cancellation leaves of a number that is 0
SMALLEST_TAIL = 1e-10  # a probability below is beyond what quadrature tells


@dataclass
class Section:
    """One top-level key of the report."""

    numbers: int = 0
    recomputed: int = 0
    largest: float = 0.0
    """Relative difference, of what was recomputed and agrees or not."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Pattern of a path → numbers that were not recomputed."""
    texts: int = 0
    """Ids, levels, statuses and verdicts that were compared too."""


@dataclass
class Comparison:
    """All of a report beside all that was recomputed."""

    size: float
    """Of the largest response."""
    sections: dict[str, Section] = field(default_factory=dict)
    disagreements: list[str] = field(default_factory=list)

    def compare(self, report: Mapping[str, Any], anew: Mapping[str, Any]) -> None:
        """Walk the report; what was recomputed has the same place in `anew`."""
        for key in [*report, *(key for key in anew if key not in report)]:
            self.sections[key] = Section()
            self._walk(key, report.get(key), anew.get(key, _ABSENT), self.sections[key])

    def _walk(self, path: str, told: Any, anew: Any, section: Section) -> None:
        if anew is not _ABSENT and _shape(told) != _shape(anew):
            self._differ(path, _short(told), _short(anew))
            anew = _ABSENT
        if isinstance(told, Mapping):
            for key in [*told, *(k for k in _keys(anew) if k not in told)]:
                below = anew.get(key, _ABSENT) if isinstance(anew, Mapping) else _ABSENT
                self._walk(f"{path}.{key}", told.get(key), below, section)
        elif isinstance(told, list):
            for at, item in enumerate(told):
                below = anew[at] if isinstance(anew, list) else _ABSENT
                self._walk(f"{path}[{at}]", item, below, section)
        else:
            self._leaf(path, told, anew, section)

    def _leaf(self, path: str, told: Any, anew: Any, section: Section) -> None:
        if not _is_number(told):
            if anew is not _ABSENT:
                section.texts += told is not None
                if told != anew:
                    self._differ(path, told, anew)
            return
        section.numbers += 1
        if anew is _ABSENT:
            section.skipped[re.sub(r"\[\d+\]", "[*]", path)] += 1
            return
        section.recomputed += 1
        if abs(float(told) - float(anew)) <= self._least(path):
            return
        apart = abs(told - anew) / max(abs(told), abs(anew))
        section.largest = max(section.largest, apart)
        if not apart <= (BY_SEARCH if _FOUND_NUMERICALLY.search(path) else TOLERANCE):
            self._differ(path, told, anew)

    def _least(self, path: str) -> float:
        """A difference that says nothing: what rounding leaves of 0, or a quadrature's error."""
        if _FOUND_NUMERICALLY.search(path):
            return SMALLEST_TAIL
        return 0.0 if _PROBABILITY.search(path) else NOISE * self.size

    def _differ(self, path: str, told: Any, anew: Any) -> None:
        self.disagreements.append(f"{path}: the report says {told!r}, anew it is {anew!r}")

    def lines(self) -> Iterator[str]:
        """What was found, for people."""
        yield f"{'section':<14}{'numbers':>8}{'recomputed':>12}{'texts':>7}  largest difference"
        for name, found in self.sections.items():
            if found.numbers or found.texts:
                counts = f"{found.numbers:>8}{found.recomputed:>12}{found.texts:>7}"
                yield f"{name:<14}{counts}  {found.largest:.1e}"
        skipped = [row for found in self.sections.values() for row in found.skipped.items()]
        left = sum(count for _, count in skipped)
        yield f"\n{left} numbers were not recomputed:" if left else "\nNothing was left out."
        yield from (f"  {count:>5}  {pattern}" for pattern, count in skipped)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shape(value: Any) -> tuple[str, int]:
    """What has to agree before members can be compared."""
    if isinstance(value, Mapping):
        return "object", 0
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "list", len(value)
    return "number" if _is_number(value) else "text", 0


def _keys(value: Any) -> Sequence[str]:
    return list(value) if isinstance(value, Mapping) else []


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) < 80 else f"{shown[:77]}…"
