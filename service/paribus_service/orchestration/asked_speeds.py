"""Speeds as a request asks for them, and their answer as the bytes that are sent.

Nothing here loads numpy: that comes with the first answer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from paribus_service.orchestration.answers import AnswerCache, Answered, written
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import attempts, evidence, pulses
from paribus_service.store import curves as curve_store
from paribus_service.store import findings as finding_store
from paribus_service.store.evidence import RunRow, Scope
from paribus_service.store.tables import Run


@dataclass(frozen=True, slots=True)
class Asked:
    """How runs are read and compared.

    Asked()
    Asked(ignore=("versions",), roles=(("global_step", "it"),), level=0.9)
    """

    ignore: tuple[str, ...] = ()
    """Config keys, and classes of keys, that the runs of a pair may differ in."""
    roles: tuple[tuple[str, str], ...] = ()
    """Which logged key is what."""
    level: float = 0.95


@dataclass(frozen=True, slots=True)
class Asking:
    """What answers about speeds: shared by the routes."""

    session: Session
    asked: Asked
    root: str
    """What links to pages begin with."""
    cache: AnswerCache

    def of_run(self, run_pk: int) -> Answered:
        """How fast a run was, whether it counts for its trial or not.

        Raises:
            InvalidRequest: There is no such role.
        """
        [row] = evidence.rows_of(self.session, [run_pk])
        version = version_of(self.session, [row])

        def make() -> Answered:
            found = _answers().of_run(self.session, row, self.asked, root=self.root)
            whose = {"kind": "throughput", "run_id": row.id, "data_version": version}
            return written({**whose, **found})

        return self.cache.answer(("throughput", row.id, self.asked, self.root, version), make)

    def of_subject(self, subject: Subject, page: Sequence[int], token: str | None) -> Answered:
        """How fast a subject's runs were, by kind of GPU, and each of one page of them.

        Args:
            subject: Whose runs; every attempt of a sweep.
            page: Those that are listed, by `pk`.
            token: Of the next page.

        Raises:
            InvalidRequest: There is no such role, or no such key to be ignored.
        """
        scope = subject.scope
        version = version_of_scope(self.session, scope)
        whose: dict[str, Any] = (
            {"project": subject.name}
            if subject.is_project
            else {"sweep_id": subject.name, "state": subject.sweeps[0].state}
        )

        def make() -> Answered:
            found = _answers().of_subject(
                self.session,
                evidence.rows_of(self.session, page),
                _answers().Everyone.of(self.session, scope),
                self.asked,
                root=self.root,
                seed=f"{subject.name} throughput {version}",  # METHOD 13
            )
            told = {"kind": "throughput", **whose, "data_version": version, **found}
            return written({**told, "level": self.asked.level, "next_page_token": token})

        key = ("throughput", tuple(whose.items()), tuple(page), token, self.asked, self.root)
        return self.cache.answer((*key, version), make)


def version_of_scope(session: Session, scope: Scope) -> str:
    """The same of every attempt in a scope."""
    runs = select(Run.pk).where(attempts.in_scope(scope))
    told = f"{pulses.of_attempts(session, scope)} {pulses.of_findings(session, runs)}"
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def version_of(session: Session, rows: Sequence[RunRow]) -> str:
    """A text that differs where a run logged more, changed its state, or was evaluated anew."""
    pks = [row.pk for row in rows]
    places = curve_store.history_places(session, pks)
    marks = finding_store.marks(session, pks)
    told = repr(
        [
            (row.id, row.name, row.state, row.gpu_name, places[row.pk].version, marks.get(row.pk))
            for row in rows
        ]
    )
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _answers() -> Any:
    return import_module("paribus_service.orchestration.speed_answers")
