"""How fast runs were, from what they have logged; worked out once for the same lines, and kept.

Only what answers about speeds imports this: numpy comes with it.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from sqlalchemy.orm import Session

from paribus_service.orchestration.columns import histories_at
from paribus_service.orchestration.run_facts import facts_of
from paribus_service.store import curves as curve_store
from paribus_service.store import findings as finding_store
from paribus_service.store.curves import HistoryPlace
from paribus_service.store.findings import RunText
from paribus_sweeps.analysis.findings.rule import Facts
from paribus_sweeps.analysis.run_speed import RunSpeed, is_speed_key, run_speed

KEPT_RUNS = 4_000  # at up to 10 KB each
_RUNS_AT_ONCE = 50  # whose columns are held together

Roles = tuple[tuple[str, str], ...]
"""(role, key), as somebody said."""


@dataclass(frozen=True, slots=True)
class Known:
    """One run's speed, with what is known of the run beside its history."""

    facts: Facts
    speed: RunSpeed


class SpeedCache:
    """What was worked out; the least recently asked is given up first.

    SpeedCache()
    SpeedCache(most=2)   # small enough for a test
    """

    def __init__(self, most: int = KEPT_RUNS) -> None:
        self._most = most
        self._entries: OrderedDict[tuple[str, Roles], tuple[str, Known]] = OrderedDict()
        self._lock = Lock()  # requests are answered in threads

    def find(self, run_id: str, named: Roles, version: str) -> Known | None:
        """What is kept of a run as it is now, or None."""
        with self._lock:
            held, known = self._entries.get((run_id, named), (None, None))
            if held != version:
                return None
            self._entries.move_to_end((run_id, named))
            return known

    def keep(self, run_id: str, named: Roles, version: str, known: Known) -> None:
        """Keep it, and give up others for it."""
        with self._lock:
            self._entries[run_id, named] = version, known
            self._entries.move_to_end((run_id, named))
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)


CACHE = SpeedCache()


def speeds_of(
    session: Session, run_pks: Collection[int], named: Roles = (), *, cache: SpeedCache = CACHE
) -> dict[int, Known]:
    """How fast each run was, by `pk`; runs that were deleted are left out.

    Args:
        session: A reading session.
        run_pks: Runs, over or not.
        named: Which logged key is what.
        cache: Where what was worked out is kept.

    Raises:
        UnknownRole: `named` names no role.
    """
    found: dict[int, Known] = {}
    for chunk in _chunks(sorted(run_pks)):
        texts = finding_store.run_texts(session, chunk)
        places = curve_store.history_places(session, texts)
        versions = {pk: _version(run, places[pk]) for pk, run in texts.items()}
        held = {pk: cache.find(run.id, named, versions[pk]) for pk, run in texts.items()}
        found |= {pk: known for pk, known in held.items() if known is not None}
        fresh = {pk: run for pk, run in texts.items() if pk not in found}
        for pk, known in _worked_out(session, fresh, places, dict(named)):
            cache.keep(known.facts.run, named, versions[pk], known)
            found[pk] = known
    return found


def _worked_out(
    session: Session,
    texts: Mapping[int, RunText],
    places: Mapping[int, HistoryPlace],
    named: Mapping[str, str],
) -> Iterator[tuple[int, Known]]:
    facts = facts_of(session, texts)
    histories = histories_at(
        session, {pk: places[pk] for pk in texts}, lambda key: is_speed_key(key, named)
    )
    for pk, history in histories.items():
        yield pk, Known(facts[pk], run_speed(history, facts[pk], named=named))


def _version(run: RunText, place: HistoryPlace) -> str:
    """Another text where the run has logged more, or is known by other facts."""
    told = hash((run.state, run.gpu_name, run.name, run.config_text, run.summary_text))
    return f"{place.version}.{told}"


def _chunks(run_pks: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(run_pks), _RUNS_AT_ONCE):
        yield run_pks[start : start + _RUNS_AT_ONCE]
