"""One key of a run's history as columns of numbers, for features of curves and for rates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from paribus_service.orchestration import columns
from paribus_service.orchestration.columns import CACHE, ColumnCache
from paribus_service.store.curves import HistoryPlace
from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.histories import EMPTY, Column, History

GLOBAL_STEP = "train/global_step"


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """One key of one run as it was written, a row each, in the order of the lines."""

    own_steps: FloatArray
    """W&B's `_step`; the line's number where a row has none."""
    global_steps: FloatArray | None
    """`train/global_step`; None unless every row holds it."""
    values: FloatArray
    """The key's values, NaN and infinities included; of a rate, seconds since the start."""
    evaluations: FloatArray
    """Of a rate: seconds of the evaluations that a row reports, NaN where it reports none."""

    def __len__(self) -> int:
        return len(self.own_steps)


def read_logged(
    session: Session,
    places: Mapping[int, HistoryPlace],
    key: str,
    *,
    for_rate: bool = False,
    cache: ColumnCache = CACHE,
) -> dict[int, Logged]:
    """What each run has logged of the key, by its `pk`; runs without a number are left out.

    Args:
        session: A reading session.
        places: Whose histories.
        key: As it stands in the history; `a.b` for nested ones.
        for_rate: Times and evaluations of the rows that hold the key, and of those between them
            that report an evaluation.
        cache: Where what was read is kept.
    """
    names = (lambda name: name == key or is_evaluation(name)) if for_rate else (key,)
    histories = columns.histories_at(session, places, names, cache=cache)
    found = {
        pk: _timed(history, key) if for_rate else _logged(history, key)
        for pk, history in histories.items()
    }
    return {pk: logged for pk, logged in found.items() if len(logged)}


def is_evaluation(key: str) -> bool:
    """Whether a key holds seconds that an evaluation took: `eval/runtime`, `eval/NAME_runtime`."""
    return key.startswith("eval") and key.endswith("runtime")


def _logged(history: History, key: str) -> Logged:
    values = history[key].values
    return _at(history, history[key], values, np.full(len(values), math.nan))


def _timed(history: History, key: str) -> Logged:
    """Rows that hold the key or report an evaluation, with their time."""
    seconds = _evaluations(history)
    rows = np.union1d(history[key].rows, seconds.rows)
    asked = Column(rows, rows.astype(float))
    evaluations = _values_at(seconds, asked)
    return _at(history, asked, _values_at(history["_runtime"], asked), evaluations)


def _evaluations(history: History) -> Column:
    """Seconds of all evaluations that a row reports, added up."""
    parts = [history[key] for key in history.columns if is_evaluation(key) and key in history]
    if not parts:
        return EMPTY
    rows, place = np.unique(np.concatenate([part.rows for part in parts]), return_inverse=True)
    seconds = np.bincount(place, np.concatenate([part.values for part in parts]))
    return Column(rows, seconds.astype(float))


def _values_at(column: Column, asked: Column) -> FloatArray:
    return History({"asked": asked, "column": column}, 0).along("asked", "column")


def _at(history: History, asked: Column, values: FloatArray, evaluations: FloatArray) -> Logged:
    own = _values_at(history["_step"], asked)
    own = np.where(np.isnan(own), asked.rows, own)
    shared = _values_at(history[GLOBAL_STEP], asked)
    return Logged(own, None if np.isnan(shared).any() else shared, values, evaluations)
