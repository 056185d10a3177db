"""A run's history, as its client reads it back: whole, sampled, by key, page by page.

Lines leave as the text that came; only where a client asks for single keys are they parsed, and
then every number is the one that was logged (NaN and infinities become strings in `JSON`).

Two bounds differ by one: `history(maxStep)` excludes it, `sampledHistory` includes it.

Source: PROTOCOL 13 (wandb 0.31.0, core/internal/runhistoryreader, wandb/apis/public/runs.py).
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from paribus_service.errors import InvalidRequest
from paribus_service.orchestration.recorder import parse_object
from paribus_service.store import history as lines
from paribus_service.store.history import Stream
from paribus_service.store.tables import Run
from paribus_service.wandb_backend.context import Context
from paribus_service.wandb_backend.resolvers import Resolvers

resolvers = Resolvers()

_SAMPLES = 500  # what the client asks for by default
T = TypeVar("T")
_ABSENT = object()
_PLAIN = re.compile(r"[A-Za-z0-9_/. -]+")  # keys that stand in the client's JSON as they are


@resolvers("Run", "history")
def history(
    run: Run, context: Context, *, samples: int | None, min_step: int | None, max_step: int | None
) -> list[str]:
    """Lines with min_step ≤ step < max_step, at most `samples`; without bounds, spread evenly."""
    count = _SAMPLES if samples is None else max(samples, 0)
    if min_step is None and max_step is None:
        spread = _spread_lines(context, run, Stream.HISTORY, run.history_lines, count)
        return spread or _spread(list(lines.iterate_history(context.session, run)), count)
    rows = lines.history_steps(
        context.session, run, min_step=min_step, max_step=max_step, limit=count
    )
    return [text for _, _, text in rows]


@resolvers("Run", "events")
def events(run: Run, context: Context, *, samples: int | None) -> list[str]:
    """Lines of system metrics, spread evenly."""
    count = _SAMPLES if samples is None else max(samples, 0)
    spread = _spread_lines(context, run, Stream.EVENTS, run.events_lines, count)
    if spread is not None:
        return spread
    return _spread(
        [text for _, text in lines.read_lines(context.session, run, Stream.EVENTS)], count
    )


@resolvers("Run", "sampledHistory")
def sampled_history(run: Run, context: Context, *, specs: list[str]) -> list[list[dict[str, Any]]]:
    """For each spec the rows that hold all of its keys, and of them these keys alone."""
    return [_sampled(context, run, _read_spec(text)) for text in specs]


def _read_spec(text: str) -> dict[str, Any]:
    try:
        spec = json.loads(text)
    except ValueError as error:
        raise InvalidRequest.one(
            "/specs", f"a spec of sampledHistory is not JSON: {error}"
        ) from error
    if not isinstance(spec, dict) or not _is_spec(spec):
        raise InvalidRequest.one(
            "/specs",
            "a spec of sampledHistory is an object with a list `keys` of texts and the whole "
            "numbers `samples`, `minStep` and `maxStep`",
        )
    return spec


def _is_spec(spec: dict[str, Any]) -> bool:
    keys = spec.get("keys", [])
    numbers = (spec.get(name, 0) for name in ("samples", "minStep", "maxStep"))
    texts = isinstance(keys, list) and all(isinstance(key, str) for key in keys)
    return texts and all(type(number) is int for number in numbers)


def _sampled(context: Context, run: Run, spec: dict[str, Any]) -> list[dict[str, Any]]:
    low, high, count = spec.get("minStep"), spec.get("maxStep"), spec.get("samples", _SAMPLES)
    keys = list(dict.fromkeys(spec.get("keys", [])))
    if low is None and high is None and _is_in_every_line(run, keys):
        texts = _spread_lines(context, run, Stream.HISTORY, run.history_lines, count)
        if texts is not None:
            return list(_rows_with(keys, texts))
    found = lines.history_steps(
        context.session, run, min_step=low, max_step=None if high is None else high + 1
    )
    return _spread(list(_rows_with(keys, (text for _, _, text in found))), count)


def _is_in_every_line(run: Run, keys: Sequence[str]) -> bool:
    return all(run.history_keys.get(key, ("", 0))[1] == run.history_lines for key in keys)


def _spread_lines(
    context: Context, run: Run, stream: Stream, total: int, count: int
) -> list[str] | None:
    """At most `count` lines, evenly spread, read alone; None where some of them never came."""
    numbers = _spread(range(total), count)
    texts = lines.lines_at(context.session, run, stream, numbers)
    return texts if len(texts) == len(numbers) else None


def _rows_with(keys: Sequence[str], texts: Iterable[str]) -> Iterable[dict[str, Any]]:
    needles = [f'{key.rpartition(".")[2]}"' for key in keys if _PLAIN.fullmatch(key)]
    for text in texts:
        if not all(needle in text for needle in needles):
            continue  # most lines lack a rare key: they need no parsing
        row = parse_object(text)
        chosen = {key: value_at(row, key) for key in keys} if keys else row
        if chosen and _ABSENT not in chosen.values():
            yield chosen


def value_at(row: dict[str, Any], key: str) -> Any:
    """The value under a key, or under the nested keys that its dots spell; else `_ABSENT`."""
    if key in row:
        return row[key]
    value: Any = row
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return _ABSENT
        value = value[part]
    return value


def _spread(rows: Sequence[T], count: int) -> list[T]:
    """At most `count` rows, evenly spread; the first and the last stay."""
    if len(rows) <= count:
        return list(rows)
    if count <= 1:
        return list(rows[-1:]) if count else []
    return [rows[i * (len(rows) - 1) // (count - 1)] for i in range(count)]


@resolvers("Run", "parquetHistory")
def parquet_history(run: Run, context: Context, *, live_keys: list[str]) -> dict[str, Any]:
    """No parquet files: all rows are live. The client needs to see where they begin and end."""
    first = lines.history_steps(context.session, run, limit=1)
    last = lines.last_lines(context.session, run, Stream.HISTORY, 1)
    texts = dict.fromkeys([*(text for _, _, text in first), *(text for _, text in last)])
    return {"parquetUrls": [], "liveData": list(_rows_with(live_keys, texts))}


@resolvers("Run", "historyKeys")
def history_keys(run: Run, context: Context) -> dict[str, Any] | None:
    """Which keys were logged, how often, and the last step: it tells scan_history when to stop."""
    if run.last_step is None:
        return None
    keys = {
        key: {"typeCounts": [{"type": kind, "count": count}], "monotonic": False}
        for key, (kind, count, *_) in run.history_keys.items()
    }
    return {"sets": [], "keys": keys, "lastStep": run.last_step}
