"""What the first runs of an import cost, and what the last ones cost: the same, if it is flat."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

SLICE = 1_000  # runs

PARTS = ("first", "between", "last")


@dataclass(frozen=True)
class Slice:
    """Some runs of an import, one after the other."""

    what: str
    """`listed`: taken in from a list; `read`: their histories; `console`: of those that failed."""
    part: str
    runs: int
    cpu_seconds_a_run: float
    """Of this process, without what making the runs up cost."""
    highest_mib: float


@dataclass
class Slices:
    """Cuts an import into slices while it runs; a server in memory tells it of each question."""

    runs: int
    found: list[Slice] = field(default_factory=list)
    made_up_seconds: float = 0.0
    """Processor time that the server in memory took for itself."""
    _open: tuple[str, int, float] | None = None
    """What is counted, since which boundary, and the processor's time then."""

    def note(self, what: str, number: int) -> None:
        """A question is asked for this run, or for it and the next ones."""
        bounds = self._bounds()
        if what != (self._open or ("",))[0]:
            self.close()
            self._begin(what, 0)
        elif self._open is not None and number >= bounds[self._open[1] + 1]:
            at = self._open[1]
            self._end()
            self._begin(what, at + 1)

    def close(self) -> None:
        """The import is through."""
        if self._open is not None:
            self._end()
        self._open = None

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is done here is no part of the import: runs are made up."""
        began = time.process_time()
        try:
            yield
        finally:
            self.made_up_seconds += time.process_time() - began

    def _bounds(self) -> tuple[int, int, int, int]:
        size = min(SLICE, self.runs // 3)
        return 0, size, self.runs - size, self.runs

    def _begin(self, what: str, at: int) -> None:
        Path("/proc/self/clear_refs").write_text("5")
        self._open = what, at, self._cpu()

    def _end(self) -> None:
        assert self._open is not None
        what, at, since = self._open
        bounds = self._bounds()
        runs = bounds[at + 1] - bounds[at]
        self.found.append(
            Slice(what, PARTS[at], runs, (self._cpu() - since) / runs, highest_mib())
        )

    def _cpu(self) -> float:
        return time.process_time() - self.made_up_seconds


def highest_mib() -> float:
    """The highest resident set of this process since it was last cleared."""
    return status_of(Path("/proc/self/status"))["VmHWM"] / 1024


def status_of(path: Path) -> dict[str, int]:
    """The numbers in a process's status."""
    fields = (line.split() for line in path.read_text().splitlines())
    return {words[0][:-1]: int(words[1]) for words in fields if words[1:] and words[1].isdigit()}
