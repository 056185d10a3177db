"""Answers to questions: worked out once for the same runs, and kept as the bytes that are sent.

Promises:
- An answer is kept under everything that it follows from: the kind, whose runs, the question in
  its own words, and a version that rises with every change that an answer could rest on
  (`trials.touch_run`). So nothing has to be told to forget.
- The same question asked several times at once is worked out once.
- numpy and scipy come with the first answer, and not before.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from threading import BoundedSemaphore, Lock
from typing import Any

from sqlalchemy.orm import Session

from paribus_service.errors import DataChanged
from paribus_service.orchestration.inquiries import Form, Inquiry, Kind, Subject, measured
from paribus_service.store import evidence
from paribus_service.store.json_text import write_json

MEDIA_TYPES: Mapping[Form, str] = {
    "json": "application/json",
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
}
COST_OF_AN_ENTRY = 1_000  # bytes of key, lock and bookkeeping beside the body


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it is sent."""

    body: bytes
    """JSON; of a report in words, its text."""
    data_version: str
    """The same for the same runs, settings, states and values."""
    media_type: str = MEDIA_TYPES["json"]

    @property
    def etag(self) -> str:
        """The strong ETag: the data's version, and what the answer makes of it."""
        return f'"{self.data_version}-{hashlib.sha256(self.body).hexdigest()[:12]}"'

    def check(self, data_version: str | None) -> None:
        """Refuse to answer about other data than the caller has seen.

        Raises:
            DataChanged: `data_version` is given and is another one.
        """
        if data_version not in (None, self.data_version):
            raise DataChanged(str(data_version), self.data_version)


class AnswerCache:
    """What was answered; the least recently asked is given up first.

    AnswerCache(most_bytes=64 * 2**20)
    AnswerCache(most_bytes=0)            # keeps nothing
    """

    def __init__(self, most_bytes: int, *, at_once: int = 2) -> None:
        """Keep up to `most_bytes`, and work out `at_once` answers at a time.

        More at once would each be slower, and what runs report would wait for them.
        """
        self._slots = BoundedSemaphore(at_once)
        self._most = most_bytes
        self._held = 0
        self._entries: OrderedDict[Hashable, Answered] = OrderedDict()
        self._under_way: dict[Hashable, Lock] = {}
        self._lock = Lock()  # requests are answered in threads

    def answer(self, key: Hashable, make: Callable[[], Answered]) -> Answered:
        """What is kept under the key, else what `make` gives, which is then kept."""
        found = self._find(key)
        if found is not None:
            return found
        with self._lock:
            only_one = self._under_way.setdefault(key, Lock())
        try:
            with only_one:  # whoever asks meanwhile waits, and finds it kept
                return self._find(key) or self._made(key, make)
        finally:
            with self._lock:
                self._under_way.pop(key, None)

    @contextmanager
    def working(self) -> Iterator[None]:
        """Wait for a place among the few answers that are worked out at a time."""
        with self._slots:
            yield

    def _made(self, key: Hashable, make: Callable[[], Answered]) -> Answered:
        with self.working():
            return self._keep(key, make())

    def _find(self, key: Hashable) -> Answered | None:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def _keep(self, key: Hashable, answered: Answered) -> Answered:
        if _cost(answered) > self._most:  # it would push out all others, and not stay itself
            return answered
        with self._lock:
            self._held += _cost(answered) - _cost(self._entries.pop(key, None))
            self._entries[key] = answered
            while self._held > self._most:
                _, given_up = self._entries.popitem(last=False)
                self._held -= _cost(given_up)
        return answered


def _cost(answered: Answered | None) -> int:
    return 0 if answered is None else len(answered.body) + COST_OF_AN_ENTRY


def answer(
    session: Session,
    subject: Subject,
    kind: Kind,
    inquiry: Inquiry,
    *,
    root: str,
    cache: AnswerCache,
    form: Form = "json",
) -> Answered:
    """The answer to a question about a sweep or a project.

    Args:
        session: A reading session.
        subject: Whose runs.
        kind: Which answer.
        inquiry: What is asked.
        root: What links to pages begin with.
        cache: Where answers are kept.
        form: How it is written; anything but JSON for a report alone.

    Raises:
        InvalidRequest: Something in the question is not there, or cannot be asked of these runs.
    """
    # What the metric and the program say of a response may change without any run changing.
    found = measured(session, subject, inquiry, kind)
    version = evidence.versions(session, subject.scope)
    key = (kind, form, subject.name, subject.scope, inquiry, found, root, version)

    def make() -> Answered:
        return written(worked_out(session, subject, kind, inquiry, root=root), form)

    return cache.answer(key, make)


def worked_out(
    session: Session, subject: Subject, kind: Kind, inquiry: Inquiry, *, root: str
) -> dict[str, Any]:
    """The answer as plain values, worked out anew; the arguments are those of `answer`."""
    found: dict[str, Any] = _analysis().of_runs(session, subject, kind, inquiry, root=root)
    return found


def of_table(kind: Kind, body: Mapping[str, Any], form: Form = "json") -> Answered:
    """The answer about a plain table, whose every problem is found at once.

    Raises:
        InvalidSpec: With every problem of the body, each with its pointer.
        InvalidRequest: The question cannot be asked of this table.
    """
    return written(_analysis().of_table(kind, body), form)


def written(found: Mapping[str, Any], form: Form = "json") -> Answered:
    """An answer as the bytes that are sent: NaN and the infinities, if any, as strings."""
    body = write_json(found) if form == "json" else _analysis().in_words(found, form).encode()
    return Answered(body, str(found["data_version"]), MEDIA_TYPES[form])


def _analysis() -> Any:
    """What works answers out, imported when the first one is asked for.

    numpy and scipy take 65 MB and half a second that a service which only hands out trials need
    not spend (DESIGN 10).
    """
    return import_module("paribus_service.orchestration.analysis")
