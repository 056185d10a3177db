"""Curves as a request asks for them, and their answer as the bytes that are sent.

Nothing here loads numpy: that comes with the first answer.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from sqlalchemy.orm import Session

from paribus_service.errors import InvalidRequest, nearest
from paribus_service.orchestration.answers import AnswerCache, Answered
from paribus_service.orchestration.inquiries import Subject
from paribus_service.store import curves as curve_store
from paribus_service.store import evidence, pulses
from paribus_service.store.evidence import RunRow

MOST_LINES = 500  # in one answer: of 10,000 steps each they take half a gigabyte to draw
RUNS_SEARCHED = 2_000  # the newest, for what a misspelt name was probably meant to be


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is drawn, in the request's own words; see `paribus_sweeps.analysis.series`.

    Drawing(("eval/loss",))
    Drawing(("eval/loss",), x="examples", runs=("brave-fox", "run-7f3a"), smoothing="ema:0.6")
    """

    keys: tuple[str, ...]
    runs: tuple[str, ...] = ()
    """Our own ids, W&B's, or names; all by default."""
    x: str = "step"
    smoothing: str = "none"
    points: int = 1_000
    thin_to: str | None = None
    phase: int | None = None
    common: bool = False
    low: float | None = None
    high: float | None = None
    group_by: tuple[str, ...] = ()
    label_by: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    """Role → key, as the request says."""


def answer(
    session: Session, subject: Subject, drawing: Drawing, *, root: str, cache: AnswerCache
) -> Answered:
    """The curves of a sweep's or a project's runs.

    Args:
        session: A reading session.
        subject: Whose runs.
        drawing: What is drawn.
        root: What links to pages begin with.
        cache: Where answers are kept.

    Raises:
        InvalidRequest: A part of the request cannot be read, or names what no run has.
    """
    named = _named_runs(session, subject, drawing.runs) if drawing.runs else None
    version = version_of(session, subject, named)
    key = ("curves", subject.name, subject.scope, drawing, root, version)

    def make() -> Answered:
        rows, count = named, len(named or ())
        if rows is None:
            rows = evidence.run_rows(session, subject.scope, limit=MOST_LINES)
            count = evidence.count_runs(session, subject.scope)
        drawn = import_module("paribus_service.orchestration.drawn_curves")
        body: bytes = drawn.draw(
            session, subject, rows, drawing, count=count, root=root, version=version
        )
        return Answered(body, version)

    return cache.answer(key, make)


def version_of(session: Session, subject: Subject, rows: Sequence[RunRow] | None) -> str:
    """A text that differs where one of the runs logged more, or was described anew.

    Args:
        session: A reading session.
        subject: Whose runs.
        rows: Those that are named; None for all of the subject's.
    """
    if rows is None:
        told = pulses.of_scope(session, subject.scope)
    else:
        places = curve_store.history_places(session, [row.pk for row in rows])
        lines = [(row.id, row.state, places[row.pk].version) for row in rows if row.pk in places]
        told = repr((evidence.versions(session, subject.scope), lines))
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _named_runs(session: Session, subject: Subject, names: Sequence[str]) -> list[RunRow]:
    """The runs that are named, in that order.

    Raises:
        InvalidRequest: There is no such run here, or several are called so.
    """
    rows = evidence.rows_named(session, subject.scope, names)
    found: dict[str, RunRow] = {}
    for name in names:
        row = _named(session, subject, rows, name)
        found[row.id] = row
    return list(found.values())


def _named(session: Session, subject: Subject, rows: Sequence[RunRow], name: str) -> RunRow:
    by_id = [row for row in rows if name in (row.id, row.wandb_id)]
    held = by_id or [row for row in rows if row.name == name]
    if len(held) == 1:
        return held[0]
    if held:
        ids = ", ".join(row.id for row in held[:5])
        hint = f"name one by its id: {ids}"
        raise InvalidRequest.one(
            "?runs", f"{len(held)} runs are called {name!r}", code="unknown_run", hint=hint
        )
    newest = evidence.newest_rows(session, subject.scope, limit=RUNS_SEARCHED)
    near = nearest(name, [word for row in newest for word in (row.name, row.wandb_id, row.id)])
    count = evidence.count_runs(session, subject.scope)
    hint = f"did you mean {near!r}?" if near else f"{count:,} runs count here"
    raise InvalidRequest.one(
        "?runs", f"there is no run {name!r} here", code="unknown_run", hint=hint
    )
