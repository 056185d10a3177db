"""One key of a run's history as columns of numbers, read once and kept.

Only lines that hold the key are taken from the database, none of them is kept as text, and
what was read is kept as numbers until others need the room: a second question about the same
curve reads no line again.
"""

import math
import re
from array import array
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from paribus_service.orchestration.recorder import parse_object
from paribus_service.store import curves as curve_store
from paribus_service.store import runs as run_store
from paribus_service.store.curves import HistoryPlace
from paribus_sweeps.analysis.curves import FloatArray

GLOBAL_STEP = "train/global_step"
CACHED_NUMBERS = 4_000_000  # 32 MB of floats: about a fifth of what an idle service takes
_COST_OF_AN_ENTRY = 128  # in numbers: what key, array and dictionary take beside the floats
_KEYS_COUNTED = 10_000  # the recorder counts no more of them for one run
_WRITTEN_AS_IT_IS = re.compile(r"[\w./ :-]{1,200}", re.ASCII)  # JSON encoders escape none of these


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """One key of one run as it was written, a row each, in the order of the lines."""

    table: FloatArray
    """Shape (rows, 4): `_step` or else the line's number; `train/global_step` or NaN; the
    value, or of a rate `_runtime`; seconds of the evaluation that a row reports, or NaN."""

    def __len__(self) -> int:
        return len(self.table)

    @property
    def own_steps(self) -> FloatArray:
        """W&B's `_step`; the line's number where a row has none."""
        return self.table[:, 0]

    @property
    def global_steps(self) -> FloatArray | None:
        """`train/global_step`; None unless every row holds it."""
        return None if np.isnan(self.table[:, 1]).any() else self.table[:, 1]

    @property
    def values(self) -> FloatArray:
        """The key's values, NaN and infinities included; of a rate, seconds since the start."""
        return self.table[:, 2]

    @property
    def evaluations(self) -> FloatArray:
        """Of a rate: seconds of the evaluations that a row reports, NaN where it reports none."""
        return self.table[:, 3]


CacheKey = tuple[str, int, int, str, bool]
"""Run id, session, lines, key, whether for a rate."""


class CurveCache:
    """What was read of histories; the least recently used is given up first.

    CurveCache()              # as much as CACHED_NUMBERS
    CurveCache(most=10_000)   # small enough for a test

    A run that has logged more since has another number of lines, so it is read anew, and nothing
    needs to be told to forget.
    """

    def __init__(self, most: int = CACHED_NUMBERS) -> None:
        self._most = most
        self._held = 0
        self._entries: OrderedDict[CacheKey, Logged] = OrderedDict()
        self._lock = Lock()  # requests are answered in threads

    def find(self, key: CacheKey) -> Logged | None:
        """What is kept under a key, or None."""
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def keep(self, key: CacheKey, logged: Logged) -> None:
        """Keep it, and give up older ones for it; what is larger than all is not kept."""
        with self._lock:
            self._held += _cost(logged) - _cost(self._entries.pop(key, None))
            self._entries[key] = logged
            while self._held > self._most:
                _, given_up = self._entries.popitem(last=False)
                self._held -= _cost(given_up)


def _cost(logged: Logged | None) -> int:
    return 0 if logged is None else logged.table.size + _COST_OF_AN_ENTRY


CACHE = CurveCache()


def read_logged(
    session: Session,
    places: Mapping[int, HistoryPlace],
    key: str,
    *,
    for_rate: bool = False,
    cache: CurveCache = CACHE,
) -> dict[int, Logged]:
    """What each run has logged of the key, by its `pk`; runs without a number are left out.

    Args:
        session: A reading session.
        places: Whose histories.
        key: As it stands in the history; `a.b` for nested ones.
        for_rate: Read times and evaluations of the rows that hold the key, and of those between
            them that report an evaluation.
        cache: Where what was read is kept.
    """
    found = {pk: cache.find(_cache_key(place, key, for_rate)) for pk, place in places.items()}
    unread = [pk for pk, logged in found.items() if logged is None]
    counts = curve_store.history_keys(session, unread)
    for pk in unread:
        times = _times_logged(counts[pk], key)
        if times is not None:
            logged = _read(session, places[pk], key, times, for_rate=for_rate)
            cache.keep(_cache_key(places[pk], key, for_rate), logged)
            found[pk] = logged
    return {pk: logged for pk, logged in found.items() if logged}


def _cache_key(place: HistoryPlace, key: str, for_rate: bool) -> CacheKey:
    return place.run_id, place.session, place.lines, key, for_rate


def _times_logged(counts: Mapping[str, Any], key: str) -> int | None:
    """How many lines hold the key, or the mapping that a dotted key leads into; None: no line."""
    for name in (key, key.partition(".")[0]):
        if name in counts:
            times: int = counts[name][1]
            return times
    return 0 if len(counts) >= _KEYS_COUNTED else None


def _read(
    session: Session, place: HistoryPlace, key: str, times: int, *, for_rate: bool
) -> Logged:
    """Read the lines that hold the key.

    The database picks them by the text of the key, which an unusual encoder may have escaped:
    where it finds fewer than were counted as they came, every line is read.
    """
    parts = _parts(key, for_rate)
    logged, lines = _read_lines(session, place, key, parts, for_rate=for_rate)
    if parts and lines < times:
        logged, _ = _read_lines(session, place, key, (), for_rate=for_rate)
    return logged


def _parts(key: str, for_rate: bool) -> tuple[str, ...]:
    head = key.partition(".")[0]
    if not _WRITTEN_AS_IT_IS.fullmatch(head):
        return ()
    return (f'"{head}', '"eval') if for_rate else (f'"{head}',)


def _read_lines(
    session: Session, place: HistoryPlace, key: str, parts: tuple[str, ...], *, for_rate: bool
) -> tuple[Logged, int]:
    """What the lines hold, and how many of them there were."""
    numbers, lines = array("d"), 0
    for line, text in curve_store.lines_holding(session, place, parts):
        lines += 1
        row = parse_object(text)
        found = _time_of(row, key) if for_rate else _value_of(row, key)
        if found is not None:
            own, shared = as_number(row.get("_step")), as_number(row.get(GLOBAL_STEP))
            numbers.extend((line if own is None else own, _or_nan(shared), *found))
    return Logged(np.array(numbers, dtype=float).reshape(-1, 4)), lines


def _value_of(row: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    value = as_number(run_store.lookup(row, key))
    return None if value is None else (value, math.nan)


def _time_of(row: Mapping[str, Any], key: str) -> tuple[float, float] | None:
    seconds = _evaluation(row)
    if seconds is None and run_store.lookup(row, key) is None:
        return None
    return _or_nan(as_number(row.get("_runtime"))), _or_nan(seconds)


def _evaluation(row: Mapping[str, Any]) -> float | None:
    """Seconds that the evaluations of a row took: `eval/runtime`, `eval/NAME_runtime`."""
    seconds = [
        as_number(value)
        for key, value in row.items()
        if key.startswith("eval") and key.endswith("runtime")
    ]
    known = [number for number in seconds if number is not None]
    return math.fsum(known) if known else None


def _or_nan(number: float | None) -> float:
    return math.nan if number is None else number


def as_number(value: Any) -> float | None:
    """A number; W&B writes NaN and infinities as text where JSON has no word for them."""
    if isinstance(value, str):
        return float(value) if value in ("NaN", "Infinity", "-Infinity") else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
