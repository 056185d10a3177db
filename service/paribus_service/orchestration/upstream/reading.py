"""What is read next of mirrored runs: histories, then what stands beside them.

reading = next_reading(session, source_id, entity, project, rows=2_000)    # None: nothing
came = reading.ask(upstream)
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from paribus_service.orchestration.upstream import records
from paribus_service.orchestration.upstream.messages import (
    HistoryPage,
    RunPath,
    RunRecords,
    Upstream,
)
from paribus_service.store import mirrors
from paribus_service.store.tables import Run
from paribus_service.store.upstream_tables import UpstreamRun


@dataclass(frozen=True, slots=True)
class Reading:
    """A run of which more is to be read, as plain values."""

    pk: int
    path: RunPath
    session: int
    next_step: int
    rows: int
    """Of its history, at most; 0 where that is read to its end, and what is beside it is not."""
    samples: int
    """Lines of system metrics."""
    console_lines: int = 0

    @property
    def is_of_records(self) -> bool:
        """What it has beside its history is to be read."""
        return not self.rows

    def ask(self, upstream: Upstream) -> HistoryPage | RunRecords:
        """Put the question; none where nothing is wanted since the run is under way again."""
        if self.rows:
            return upstream.history(
                self.path,
                min_step=self.next_step,
                max_step=None,
                limit=self.rows,
                samples=self.samples,
            )
        if not (self.samples or self.console_lines):
            return RunRecords(None, None)
        return upstream.records(self.path, samples=self.samples, console_lines=self.console_lines)

    def is_stale(self, run: Run, mirror: UpstreamRun) -> bool:
        """Somebody else has taken this in meanwhile, or more of it has come."""
        is_pending = mirror.records_pending if self.is_of_records else mirror.pending
        place = (run.session, mirror.next_step)
        return not is_pending or place != (self.session, self.next_step)


def next_reading(
    session: Session, source_id: int, entity: str, project: str, *, rows: int
) -> Reading | None:
    """The oldest run with more history; else with more beside it, which enters no answer."""
    found = mirrors.next_pending(session, source_id)
    if found is not None:
        run, mirror = found
        is_last = (mirror.history_lines or 0) - run.history_lines <= rows
        samples, lines = (records.samples_wanted(run, mirror) if is_last else 0), 0
    else:
        found, rows = mirrors.next_with_records(session, source_id), 0
        if found is None:
            return None
        run, mirror = found
        samples, lines = records.wanted(run, mirror)
    path = RunPath(entity, project, run.wandb_id)
    return Reading(run.pk, path, run.session, mirror.next_step, rows, samples, lines)
