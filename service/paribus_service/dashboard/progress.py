"""How far a sweep is: done, running, failed of all."""

from collections.abc import Mapping
from dataclasses import dataclass

from paribus_service.store.states import TrialState

_PARTS: tuple[tuple[str, tuple[TrialState, ...]], ...] = (
    ("done", (TrialState.FINISHED,)),
    ("running", (TrialState.LEASED, TrialState.RUNNING)),
    ("failed", (TrialState.FAILED, TrialState.INTERRUPTED)),
    ("stopped", (TrialState.STOPPED, TrialState.CANCELLED)),
    ("waiting", (TrialState.QUEUED,)),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the bar."""

    name: str
    count: int
    start: float
    """Percent of the bar, from its left end."""
    width: float
    """Percent of the bar."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Trials by what became of them."""

    parts: tuple[Part, ...]
    """Without those that are empty."""
    total: int | None
    """Size of the design; None for a search without end."""
    known: int
    """Trials that exist."""

    @property
    def done(self) -> int:
        """Trials that finished."""
        return self.count("done")

    def count(self, name: str) -> int:
        """Trials in one part of the bar."""
        return sum(part.count for part in self.parts if part.name == name)

    @property
    def words(self) -> str:
        """The bar in words: "5 of 12 trials done, 2 running, 1 failed, 4 waiting"."""
        of_all = f"{self.done:,} of {self.total:,}" if self.total else f"{self.done:,}"
        total = self.total if self.total else self.done
        first = f"{of_all} {'trial' if total == 1 else 'trials'} done"
        rest = [f"{part.count:,} {part.name}" for part in self.parts if part.name != "done"]
        return ", ".join([first, *rest])


def progress(counts: Mapping[str, int], expected: int | None) -> Progress:
    """The bar of a sweep.

    Args:
        counts: Number of trials in each state.
        expected: Number of trials there will be, where it is known.
    """
    numbers = {name: sum(counts.get(state, 0) for state in states) for name, states in _PARTS}
    known = sum(numbers.values())
    whole = max(known, expected or 0, 1)
    parts, start = [], 0.0
    for name, count in numbers.items():
        width = 100 * count / whole
        if count:
            parts.append(Part(name, count, round(start, 3), round(width, 3)))
        start += width
    total = None if expected is None else max(expected, known)
    return Progress(tuple(parts), total, known)
