"""Reads what runs log while they log it: folds lines into columns, and lets rules look at them.

Promises:
- It stands beside the hot path and never in it: a report is answered before it is looked at.
- It takes no more than a fifth of one core: the longer a look took, the later the next one.
- A run that cannot be read costs a line in the log and no other run.
- Nothing is imported before the first run has logged something: an idle service stays small.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from sqlalchemy import Engine

from paribus_service.clock import Clock
from paribus_service.errors import ServiceError
from paribus_service.settings import Settings
from paribus_service.store import curves as curve_store
from paribus_service.store import findings as finding_store
from paribus_service.store.curves import HistoryPlace
from paribus_service.store.engine import session_scope
from paribus_service.store.states import RUN_LIVE

log = logging.getLogger(__name__)

FOLD_AT = 2_000  # new lines of a run under way: parsing them costs a reader 20 ms
FOLD_ENDED_AT = 200  # of an ended one: fewer are read as fast as their columns
RUNS_AT_ONCE = 20  # evaluated between two writes, so that none waits long
LINES_AT_ONCE = 500_000  # of these runs together, unless one alone has more: 80 MB for ten keys
MOST_PARSED = 50_000  # lines of a run that stand in no column yet: half a second
MOST_WATCHED = 500  # runs of which rules remember what they counted; more are read anew
ASKED_A_LOOK = 200  # two seconds: an import asks for 50,000, and runs under way shall not wait
RUNS_COMPARED_AT_ONCE = 500  # with what is stored of them: their configs are held meanwhile
REST_FACTOR = 4  # times as long as it worked
BEFORE_START = timedelta(hours=24)  # runs heard since then may have ended unseen
OVERLAP = timedelta(minutes=1)  # between looks: a clock that was set back loses no run


@dataclass(slots=True)
class _Memory:
    """What one observer knows of the runs it has seen."""

    watched: dict[int, Any] = field(default_factory=dict)
    """Run → what rules remember of it."""
    asked: dict[int, None] = field(default_factory=dict)
    """Runs that somebody asked about before they were evaluated, those of the latest last."""


class Observer:
    """A thread that looks every few seconds; `look` is what it does each time."""

    def __init__(self, engine: Engine, settings: Settings, clock: Clock) -> None:
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._since = clock.now() - BEFORE_START
        self._memory = _Memory()
        self._asked_lock = threading.Lock()
        self._after_pk: int | None = 0
        self._book: Any = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def start(self) -> None:
        """Begin to look, unless the settings say never."""
        if self._settings.observer_interval_seconds > 0:
            self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def ask(self, run_pks: Iterable[int]) -> None:
        """Evaluate these at the next looks, whenever they were last heard from."""
        with self._asked_lock:
            self._memory.asked.update(dict.fromkeys(run_pks))

    def _run(self) -> None:
        wait = self._settings.observer_interval_seconds
        while not self._stopping.wait(wait):
            begun = time.monotonic()
            self._try("look at the runs", self.look)
            worked = time.monotonic() - begun
            wait = max(self._settings.observer_interval_seconds, REST_FACTOR * worked)

    def look(self) -> None:
        """Evaluate what has changed since the last look, and fold what has grown long.

        Of runs that somebody asked about some have their turn, the latest first; the others
        follow at the next looks.
        """
        now = self._clock.now()
        for some in _parts(self._changed()):
            if self._stopping.is_set():
                return
            self._try("fold histories", self._fold, some)
            self._try("evaluate findings", self._evaluate, some, now)
        self._since = now - OVERLAP
        self._try("fold older histories", self._fold_older)

    def _try(self, what: str, work: Callable[..., None], *arguments: Any) -> None:
        try:
            work(*arguments)
        except ServiceError as error:
            log.warning("the observer could not %s this time: %s", what, error)
        except Exception:
            log.exception("the observer stumbled when it was to %s; it looks again", what)

    def _changed(self) -> Iterator[HistoryPlace]:
        """Runs whose findings are not of today, by `pk`."""
        with session_scope(self._engine, reads_only=True) as session:
            heard = finding_store.heard_since(session, self._since)
            self._forget(finding_store.live_among(session, self._memory.watched))
        pks = sorted({*heard, *self._next_asked()})
        for start in range(0, len(pks), RUNS_COMPARED_AT_ONCE):
            yield from self._changed_among(pks[start : start + RUNS_COMPARED_AT_ONCE])

    def _next_asked(self) -> set[int]:
        with self._asked_lock:
            asked = self._memory.asked
            return {asked.popitem()[0] for _ in range(min(len(asked), ASKED_A_LOOK))}

    def _changed_among(self, pks: Sequence[int]) -> list[HistoryPlace]:
        with session_scope(self._engine, reads_only=True) as session:
            places = curve_store.history_places(session, pks)
            logged = [pk for pk in pks if pk in places and places[pk].lines]
            if not logged:
                return []
            texts = finding_store.run_texts(session, logged)
            marks = finding_store.marks(session, logged)
        version_of, rules = _findings().version_of, self.rules().version
        changed = []
        for pk, run in texts.items():
            mark, version = marks.get(pk), version_of(run, places[pk])
            if mark is None or (mark.data_version, mark.rules_version) != (version, rules):
                changed.append(places[pk])
        return changed

    def rules(self) -> Any:
        """The rules in force, loaded when they are first needed (`rule_book.RuleBook`).

        Raises:
            StartRefused: The settings name a rule, a threshold or a role that is not there.
        """
        if self._book is None:
            self._book = import_module("paribus_service.orchestration.rule_book").RuleBook.of(
                self._settings
            )
        return self._book

    def _forget(self, live: set[int]) -> None:
        """Keep what is remembered of live runs alone."""
        watched = self._memory.watched
        self._memory.watched = {pk: watched[pk] for pk in watched if pk in live}

    def _watch(self, more: dict[int, Any]) -> None:
        """Remember these, and no more than there is room for: 60 KB each."""
        watched = self._memory.watched | more
        kept = list(watched)[-MOST_WATCHED:]
        self._memory.watched = {pk: watched[pk] for pk in kept}

    def _evaluate(self, some: Sequence[HistoryPlace], now: datetime) -> None:
        """Those of which little is to be parsed; the others follow once they are folded."""
        findings, book = _findings(), self.rules()
        with session_scope(self._engine, reads_only=True) as session:
            places = curve_store.history_places(session, [place.run_pk for place in some])
        run_pks = [pk for pk, place in places.items() if place.lines - place.folded <= MOST_PARSED]
        self.ask(places.keys() - set(run_pks))  # at the next look, whenever they were heard from
        with session_scope(self._engine, reads_only=True) as session:
            found = findings.evaluate(session, run_pks, book, watched=self._memory.watched)
        with session_scope(self._engine) as session:
            for evaluated in found.values():
                findings.store(session, evaluated, book, now=now)
        self._watch({pk: one.watched for pk, one in found.items() if one.run.state in RUN_LIVE})

    def _fold(self, some: Sequence[HistoryPlace]) -> None:
        with session_scope(self._engine, reads_only=True) as session:
            texts = finding_store.run_texts(session, [place.run_pk for place in some])
        for place in some:
            pk = place.run_pk
            is_live = pk in texts and texts[pk].state in RUN_LIVE
            least = FOLD_AT if is_live else FOLD_ENDED_AT
            if place.lines - place.folded >= least:
                self._fold_one(place)

    def _fold_one(self, place: HistoryPlace) -> None:
        columns = import_module("paribus_service.orchestration.columns")
        with session_scope(self._engine, reads_only=True) as session:
            history, until = columns.unfolded(session, place)
        with session_scope(self._engine) as session:
            columns.fold(session, place, history, until=until)

    def _fold_older(self) -> None:
        """A few of the runs that were there before this service began, until none is left."""
        if self._after_pk is None:
            return
        with session_scope(self._engine, reads_only=True) as session:
            places = curve_store.unfolded_places(
                session, after_pk=self._after_pk, least_lines=FOLD_AT, limit=RUNS_AT_ONCE
            )
        for place in places:
            self._fold_one(place)
        self._after_pk = places[-1].run_pk if places else None


def _parts(places: Iterable[HistoryPlace]) -> Iterator[list[HistoryPlace]]:
    """Runs that are looked at together: few, and with few lines."""
    part: list[HistoryPlace] = []
    for place in places:
        lines = sum(other.lines for other in part) + place.lines
        if part and (len(part) == RUNS_AT_ONCE or lines > LINES_AT_ONCE):
            yield part
            part = []
        part.append(place)
    if part:
        yield part


def _findings() -> Any:
    """What evaluates, imported when a run has logged something: numpy and scipy come with it."""
    return import_module("paribus_service.orchestration.findings")
