"""Histories as columns of numbers, read once and kept: what charts, features and rules look at.

Promises:
- What is read is what the lines hold, float for float; columns are made from lines and can be
  dropped. A line that comes again, or late, costs the run's columns and no value.
- A run that logs more costs its new lines: what was read of the others is kept, in columns in the
  database (`fold`) and, for what was asked of lately, in memory.
- Reading never writes: folding is the observer's.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from sqlalchemy.orm import Session

from paribus_service.orchestration.packing import packed, unpacked
from paribus_service.orchestration.recorder import parse_object
from paribus_service.store import curves as curve_store
from paribus_service.store.curves import HistoryPlace
from paribus_sweeps.analysis.histories import (
    EMPTY,
    Column,
    History,
    HistoryBuilder,
    is_dense,
)
from paribus_sweeps.analysis.roles import ROLES

CLOCKS = frozenset({"_runtime", "_timestamp"})
_NAMES = {role.name: frozenset(role.names) for role in ROLES}
STEPS = _NAMES["global_step"] | {"_step"}
"""Keys that are read along with any other: every curve stands over steps."""
AXES = STEPS | CLOCKS | _NAMES["epoch"] | _NAMES["examples_seen"] | _NAMES["tokens_seen"]
"""Whatever curves are drawn over."""

CACHED_NUMBERS = 10_000_000  # 80 MB of floats: some 200 runs of 10,000 steps, as drawn
LINES_A_FOLD = 50_000  # parsed in half a second, so that no reader waits long for the writer
_COST_OF_A_COLUMN = 64  # in numbers: what key, arrays and dictionary take beside the values


@dataclass(slots=True)
class _Held:
    """What is kept of one run."""

    session: int
    rewrites: int
    folded: int
    names: frozenset[str]
    """Keys that the folded lines hold."""
    columns: dict[str, Column] = field(default_factory=dict)
    """Of the folded lines, those that were asked for."""
    lines: int = 0
    """Lines until which `tail` was read."""
    tail: dict[str, Column] = field(default_factory=dict)
    """All keys of the lines behind the folded ones."""

    def is_of(self, place: HistoryPlace) -> bool:
        return (self.session, self.rewrites, self.folded) == (
            place.session,
            place.rewrites,
            place.folded,
        ) and self.lines <= place.lines

    @property
    def cost(self) -> int:
        columns = (*self.columns.values(), *self.tail.values())
        return sum(_cost(column) for column in columns)


def _cost(column: Column) -> int:
    """In numbers; line numbers that follow on one another are shared by all columns."""
    words = 1 if is_dense(column.rows) else 2
    return words * len(column) + _COST_OF_A_COLUMN


class ColumnCache:
    """What was read of histories; the least recently used is given up first.

    ColumnCache()              # as much as CACHED_NUMBERS
    ColumnCache(most=10_000)   # small enough for a test
    """

    def __init__(self, most: int = CACHED_NUMBERS) -> None:
        self._most = most
        self._sum = 0
        self._entries: OrderedDict[str, tuple[_Held, int]] = OrderedDict()
        self._lock = Lock()  # requests are answered in threads

    def find(self, place: HistoryPlace) -> _Held | None:
        """A copy of what is kept of the place's lines, or None."""
        with self._lock:
            held, _ = self._entries.get(place.run_id, (None, 0))
            if held is None or not held.is_of(place):
                return None
            self._entries.move_to_end(place.run_id)
            return _Held(
                held.session, held.rewrites, held.folded, held.names,
                dict(held.columns), held.lines, dict(held.tail),
            )  # fmt: skip

    def keep(self, run_id: str, held: _Held) -> None:
        """Keep it, and give up older ones for it; what is larger than all is not kept."""
        cost = held.cost
        with self._lock:
            self._sum -= self._entries.pop(run_id, (None, 0))[1]
            if cost > self._most:
                return
            self._entries[run_id] = held, cost
            self._sum += cost
            while self._sum > self._most:
                _, (_, given_up) = self._entries.popitem(last=False)
                self._sum -= given_up


CACHE = ColumnCache()


def read_histories(
    session: Session,
    run_pks: Collection[int],
    keys: Iterable[str] | Callable[[str], bool] | None = None,
    *,
    axes: Collection[str] = AXES,
    cache: ColumnCache = CACHE,
) -> dict[int, History]:
    """What each run has logged, by its `pk`.

    Args:
        session: A reading session.
        run_pks: Runs.
        keys: Those that are needed, nested ones with dots between, or what says so of a key; all
            by default.
        axes: Read along with them.
        cache: Where what was read is kept.
    """
    places = curve_store.history_places(session, run_pks)
    return histories_at(session, places, keys, axes=axes, cache=cache)


def histories_at(
    session: Session,
    places: Mapping[int, HistoryPlace],
    keys: Iterable[str] | Callable[[str], bool] | None = None,
    *,
    axes: Collection[str] = AXES,
    cache: ColumnCache = CACHE,
) -> dict[int, History]:
    """What each run has logged until its place, by its `pk`; arguments as of `read_histories`."""
    wanted = _wanted(keys, frozenset(axes))
    held = _held(session, places, cache)
    _load(session, places, held, wanted)
    for pk, place in places.items():
        _read_tail(session, place, held[pk])
        cache.keep(place.run_id, held[pk])
    return {pk: _history(held[pk], wanted, place.lines) for pk, place in places.items()}


def _wanted(
    keys: Iterable[str] | Callable[[str], bool] | None, axes: frozenset[str]
) -> Callable[[str], bool]:
    if keys is None:
        return lambda _key: True
    if callable(keys):
        chosen = keys
        return lambda key: key in axes or chosen(key)
    names = frozenset(keys) | axes
    return names.__contains__


def _held(
    session: Session, places: Mapping[int, HistoryPlace], cache: ColumnCache
) -> dict[int, _Held]:
    found = {pk: cache.find(place) for pk, place in places.items()}
    fresh = [places[pk] for pk, held in found.items() if held is None]
    names = curve_store.column_keys(session, fresh)
    return {
        pk: held
        or _Held(place.session, place.rewrites, place.folded, names[pk], lines=place.folded)
        for (pk, held), place in zip(found.items(), places.values(), strict=True)
    }


def _load(
    session: Session,
    places: Mapping[int, HistoryPlace],
    held: Mapping[int, _Held],
    wanted: Callable[[str], bool],
) -> None:
    """Read the columns of folded lines that are wanted and not held yet, of all runs at once."""
    missing = {
        pk: {name for name in one.names if wanted(name) and name not in one.columns}
        for pk, one in held.items()
    }
    asked = {pk: places[pk] for pk, names in missing.items() if names}
    parts: dict[tuple[int, str], list[Column]] = {}
    for pk, stored in curve_store.read_columns(session, asked, set().union(*missing.values())):
        if stored.key in missing[pk]:
            parts.setdefault((pk, stored.key), []).append(unpacked(stored))
    for (pk, key), columns in parts.items():
        held[pk].columns[key] = Column.of_parts(columns)


def _read_tail(session: Session, place: HistoryPlace, held: _Held) -> None:
    """Take in the lines that came since."""
    if held.lines >= place.lines:
        return
    builder = HistoryBuilder(first=held.lines)
    for line, text in curve_store.lines_from(session, place, held.lines):
        builder.add(parse_object(text), number=line)
    for key, column in builder.history().columns.items():
        before = held.tail.get(key)
        held.tail[key] = column if before is None else before.joined(column)
    held.lines = place.lines


def _history(held: _Held, wanted: Callable[[str], bool], lines: int) -> History:
    names = {name for name in (*held.names, *held.tail) if wanted(name)}
    columns = {}
    for name in sorted(names):
        before, behind = held.columns.get(name, EMPTY), held.tail.get(name)
        columns[name] = before if behind is None else before.joined(behind)
    return History(columns, lines)


def fold(session: Session, place: HistoryPlace, history: History, *, until: int) -> bool:
    """Store what the lines from `place.folded` to `until` hold as columns.

    Args:
        session: A writing session.
        place: As it was when the lines were read.
        history: Of these lines alone.
        until: One more than the last of them.

    Returns:
        Whether it was done: not where the lines changed meanwhile.
    """
    return curve_store.fold(session, place, packed(history, first=place.folded), until=until)


def unfolded(session: Session, place: HistoryPlace) -> tuple[History, int]:
    """What the next lines that stand in no column hold, and where they end."""
    builder = HistoryBuilder(first=place.folded)
    until = place.lines
    for count, (line, text) in enumerate(
        curve_store.lines_from(session, place, place.folded, limit=LINES_A_FOLD), 1
    ):
        builder.add(parse_object(text), number=line)
        if count == LINES_A_FOLD:
            until = line + 1
    return builder.history(), until
