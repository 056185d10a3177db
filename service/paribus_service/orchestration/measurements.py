"""The runs of a question with their response: one number for each that finished, or why not.

Only what answers questions imports this, and only once something is asked: numpy comes with it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, nearest
from paribus_service.orchestration import responses
from paribus_service.orchestration.inquiries import Measured, Subject
from paribus_service.orchestration.responses import Value
from paribus_service.store import evidence
from paribus_service.store import runs as run_store
from paribus_service.store.evidence import RunRow, Scalar
from paribus_service.store.states import RunState
from paribus_sweeps.factors import level_label

GIT_COMMIT = "git_commit"
ALONG_SUMMARY = (
    "train/global_step",
    "train/epoch",
    "train/examples_seen",
    "train/tokens_seen",
    "_step",
)
"""What runs say of themselves in their summary and nobody set: it can move along with a factor."""
ALONG_PREFIXES = ("data/", "split/")
"""And all keys below these: counts and fingerprints of what a run read."""
NO_RESPONSE = "No response was named: every run that finished counts, whatever it gave."


@dataclass(frozen=True)
class Measurements:
    """Runs, and what the finished ones gave."""

    rows: Mapping[int, RunRow]
    """By the run's `pk`."""
    values: Mapping[int, Value]
    """(number, None), or (None, why there is none), of the finished runs."""
    summaries: Mapping[int, Mapping[str, Scalar]]
    """`ALONG_SUMMARY` of the finished runs."""
    hosts: Mapping[str, str]
    """Agent → host, for runs that did not say it themselves."""
    notices: tuple[str, ...]

    @cached_property
    def finished(self) -> list[RunRow]:
        """The runs that came to their end by themselves."""
        return [row for row in self.rows.values() if row.state == RunState.FINISHED]

    @property
    def hours_per_run(self) -> float | None:
        """Mean time from start to end of the finished runs; None where none says both."""
        spans = [
            (row.ended_at - row.started_at).total_seconds() / 3600
            for row in self.finished
            if row.started_at and row.ended_at
        ]
        mean = math.fsum(spans) / len(spans) if spans else 0.0
        return mean if mean > 0 else None

    def value_of(self, row: RunRow) -> Value:
        """The response of a run."""
        return self.values.get(row.pk, (None, None))

    def place_of(self, row: RunRow) -> Mapping[str, str]:
        """Where and from which code a run came, as far as it is known."""
        return self._places[row.pk]

    @cached_property
    def _places(self) -> dict[int, dict[str, str]]:
        return {pk: self._place(row) for pk, row in self.rows.items()}

    def _place(self, row: RunRow) -> dict[str, str]:
        host = row.host or self.hosts.get(row.agent_id or "")
        found = {"gpu_name": row.gpu_name, "host": host, GIT_COMMIT: row.commit}
        return {name: value for name, value in found.items() if value}

    def along(self, row: RunRow) -> dict[str, float | str]:
        """What a run's summary says of itself, and where it ran."""
        held = self.summaries.get(row.pk, {})
        told = {key: number_or_text(scalar) for key, scalar in held.items()}
        return {**told, **self.place_of(row)}

    def differs(self, name: str) -> bool:
        """The finished runs do not agree in where they ran."""
        return len({self.place_of(row).get(name) for row in self.finished}) > 1


def measure(session: Session, subject: Subject, found: Measured | None) -> Measurements:
    """The subject's runs with their response.

    Args:
        session: A reading session.
        subject: Whose runs.
        found: What they are measured by; None: every run that finished counts.

    Raises:
        InvalidRequest: Runs have finished, and none of them could ever have the response.
    """
    rows = {row.pk: row for row in evidence.run_rows(session, subject.scope)}
    finished = [pk for pk, row in rows.items() if row.state == RunState.FINISHED]
    values: Mapping[int, Value] = dict.fromkeys(finished, (0.0, None))
    notices: tuple[str, ...] = (NO_RESPONSE,)
    if found is not None:
        told = responses.values_of(session, finished, found.response, goal=found.key_goal)
        _require(session, finished, found, told.values)
        values, notices = told.values, told.cautions
    return Measurements(
        rows=rows,
        values=values,
        summaries=evidence.summary_of(session, subject.scope, ALONG_SUMMARY, ALONG_PREFIXES),
        hosts=run_store.hosts_of_agents(
            session, {row.agent_id for row in rows.values() if row.agent_id}
        ),
        notices=notices,
    )


def _require(
    session: Session, finished: Sequence[int], found: Measured, values: Mapping[int, Value]
) -> None:
    """Refuse a response that no run could have: a misspelt key, mostly.

    One that was logged, and never as a finite number, is none: each run says why it is left out.
    """
    if not finished or any(number is not None for number, _ in values.values()):
        return
    key = found.response.key
    known = responses.known_keys(session, finished)
    if key in known:
        return
    near = nearest(key, known)
    where = "history" if found.response.feature else "summary"
    raise InvalidRequest.one(
        "?response",
        f"none of the {len(finished)} finished runs has {key!r} in its {where}",
        code="unknown_response",
        hint=f"did you mean {near!r}?" if near else f"they have {', '.join(known[:20])}",
    )


def text_of(scalar: Scalar) -> str:
    """The label of a scalar: equal values have equal labels."""
    number, text = scalar
    return text if text is not None else level_label(number)


def number_or_text(scalar: Scalar) -> float | str:
    """A scalar as a value."""
    number, text = scalar
    return number if number is not None else str(text)
