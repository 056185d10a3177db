"""Findings as a request asks for them, and their answer as the bytes that are sent.

Nothing here loads numpy: that comes with the first answer.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from sqlalchemy.orm import Session

from paribus_service.orchestration.answers import AnswerCache, Answered, written
from paribus_service.orchestration.inquiries import Subject
from paribus_service.orchestration.observer import Observer
from paribus_service.store import curves as curve_store
from paribus_service.store import evidence, pulses
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow, Scope

Status = Literal["found", "not_found", "cannot_tell"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which findings are asked for, and by which numbers.

    Asked()
    Asked(statuses=("found",), rules=("overfitting",))
    Asked(thresholds=(("overfitting.alpha", 0.01),), roles=(("eval_loss", "dev/nll"),))
    """

    statuses: tuple[Status, ...] = ()
    rules: tuple[str, ...] = ()
    thresholds: tuple[tuple[str, float], ...] = ()
    roles: tuple[tuple[str, str], ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether what the observer stored answers it."""
        return not self.thresholds and not self.roles

    def shows(self, rule: str, status: str) -> bool:
        """Whether a finding is asked for."""
        return (not self.statuses or status in self.statuses) and (
            not self.rules or rule in self.rules
        )


@dataclass(frozen=True, slots=True)
class Asking:
    """What answers about findings: shared by the routes."""

    session: Session
    asked: Asked
    root: str
    """What links to pages begin with."""
    cache: AnswerCache
    observer: Observer

    def of_run(self, run_pk: int) -> Answered:
        """What the rules say of one run, whether it counts for its trial or not.

        Raises:
            InvalidRequest: There is no such rule, threshold or role.
        """
        rows = evidence.rows_of(self.session, [run_pk])
        return self._answered(rows, {"run_id": rows[0].id}, None, None)

    def of_subject(self, subject: Subject, rows: Sequence[RunRow], token: str | None) -> Answered:
        """What the rules say of a subject's runs, and of its runs beside one another.

        Args:
            subject: Whose runs.
            rows: One page of them.
            token: Of the next page.

        Raises:
            InvalidRequest: There is no such rule, threshold or role.
        """
        whose = (
            {"project": subject.name}
            if subject.is_project
            else {"sweep_id": subject.sweeps[0].id, "state": subject.sweeps[0].state}
        )
        return self._answered(rows, whose, subject, token)

    def _answered(
        self,
        rows: Sequence[RunRow],
        whose: dict[str, Any],
        subject: Subject | None,
        token: str | None,
    ) -> Answered:
        book = self._answers().book_for(self.observer.rules(), self.asked)
        version = (
            version_of(self.session, rows, book.version)
            if subject is None
            else version_of_scope(self.session, subject.scope, book.version)
        )
        pending: list[int] = []

        def make() -> Answered:
            found = self._answers().of_runs(self.session, rows, self.asked, book, root=self.root)
            pending.extend(found.pending)
            document = {"kind": "findings", **whose, "data_version": version, **found.document}
            if subject is not None:
                beside = self._answers().beside(
                    self.session, subject, self.asked, book, root=self.root
                )
                document["comparisons"] = beside.comparisons
                document["notices"] += beside.notices
                document["next_page_token"] = token
            return written(document)

        page = tuple(row.pk for row in rows)
        key = ("findings", tuple(whose.items()), page, token, self.asked, self.root, version)
        answered = self.cache.answer(key, make)
        self.observer.ask(pending)
        return answered

    def _answers(self) -> Any:
        return import_module("paribus_service.orchestration.finding_answers")


def of_curves(body: Mapping[str, Any], observer: Observer) -> Answered:
    """What the rules say of runs that came in a request.

    Raises:
        InvalidSpec: With every problem of the body, each with its pointer.
    """
    plain = import_module("paribus_sweeps.analysis.findings.plain_runs")
    book = observer.rules()
    return written(plain.answer_curves(body, rules=book.rules, comparisons=book.comparisons))


def version_of_scope(session: Session, scope: Scope, rules: str) -> str:
    """The same of all runs of a scope."""
    found = pulses.of_findings(session, scope.pks())
    told = f"{rules} {pulses.of_scope(session, scope)} {found}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def version_of(session: Session, rows: Sequence[RunRow], rules: str) -> str:
    """A text that differs where a run logged more, was evaluated anew, or changed its state."""
    pks = sorted({row.pk for row in rows})
    places = curve_store.history_places(session, pks)
    marks = finding_store.marks(session, pks)
    states = {row.pk: row.state for row in rows}
    told = repr(
        [
            (places[pk].run_id, places[pk].version, states[pk], marks.get(pk))
            for pk in pks
            if pk in places
        ]
    )
    return hashlib.sha256(f"{rules}{told}".encode()).hexdigest()[:16]
