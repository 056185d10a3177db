"""Mongo-style filters over runs, as W&B's clients write them, compiled to SQL.

    {"config.lr": 0.1, "summary_metrics.loss": {"$lt": 0.5}}
    {"$or": [{"tags": "baseline"}, {"state": {"$in": ["finished", "failed"]}}]}

Promises:
- A value of another type is no match and never an error; so is a path that no run has.
- `$ne`, `$nin`, `$not` and `$nor` are complements: a run that lacks the key matches them.
- `config.lr` and `config.lr.value` are the same thing, and so are a key that contains dots and
  the nested keys that it spells: both stand as `a.b` in the index tables.
- A list or null in a config or summary is not indexed: `$exists` says that it is missing.

Source: PROTOCOL 13 (wandb 0.31.0, wandb/apis/public/runs.py; wandb/_filters/operators.py).
"""

import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, or_, select, true
from sqlalchemy.orm import aliased

from paribus_service.errors import InvalidRequest
from paribus_service.store.tables import ConfigValue, Run, SummaryValue

StateWords = Mapping[tuple[str, bool], str]
"""(state, announced its own interruption) → the word that the asking side uses for it."""

Condition = ColumnElement[bool]
_MAX_DEPTH = 40  # deeper ones are no filters; SQLite's own limit is 1000 for the whole expression
_MAX_PATTERN = 1000  # characters of a `$regex`
INDEXED_CHARACTERS = 4096  # what the index tables hold of a text (`store.runs.as_scalar`)
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_WITH_EQUAL: dict[str, Callable[[Any, Any], Any]] = {"$eq": operator.eq, **_COMPARISONS}
_OPERATORS = frozenset(
    {*_COMPARISONS, "$eq", "$ne", "$in", "$nin", "$exists", "$regex", "$contains", "$not", "$all"}
)
_TEXT_COLUMNS: dict[str, Any] = {
    "name": Run.wandb_id,
    "display_name": Run.display_name,
    "displayName": Run.display_name,
    "sweep": Run.sweep_id,
    "sweepName": Run.sweep_id,
    "group": Run.group,
    "jobType": Run.job_type,
    "job_type": Run.job_type,
    "username": Run.username,
    "user": Run.username,
    "description": Run.description,
    "notes": Run.notes,
    "host": Run.host,
    "program": Run.program,
    "commit": Run.commit,
    "agent": Run.agent_id,
}
_TIME_COLUMNS: dict[str, Any] = {
    "created_at": Run.created_at,
    "createdAt": Run.created_at,
    "heartbeat_at": Run.heartbeat_at,
    "heartbeatAt": Run.heartbeat_at,
    "updated_at": Run.updated_at,
    "updatedAt": Run.updated_at,
}
_VALUE_TABLES: dict[str, type[ConfigValue] | type[SummaryValue]] = {
    "config": ConfigValue,
    "summary_metrics": SummaryValue,
    "summaryMetrics": SummaryValue,
    "summary": SummaryValue,
}


def parse_filter(text: str | None) -> dict[str, Any]:
    """The filter in a JSON text; absent, empty and `null` filter nothing.

    Raises:
        InvalidRequest: It is not a JSON object.
    """
    if not text:
        return {}
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise InvalidRequest.one("/filters", f"the filter is not JSON: {error}") from error
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise InvalidRequest.one("/filters", 'a filter is a JSON object, such as {"tags": "a"}')
    return tree


def compile_filter(tree: Mapping[str, Any], *, state_words: StateWords | None = None) -> Condition:
    """The filter as a condition on `Run`.

    Args:
        tree: The parsed filter; an empty one is always true.
        state_words: What `state` is compared in; our own states by default.

    Raises:
        InvalidRequest: An operator that does not exist, or one that got no list or no pattern.
    """
    return _Compiler(state_words).tree(tree, depth=0)


class _Compiler:
    def __init__(self, state_words: StateWords | None) -> None:
        self._state = state_column(state_words)

    def tree(self, tree: Any, *, depth: int) -> Condition:
        if not isinstance(tree, Mapping):
            raise _invalid(f"expected an object with conditions, found {json.dumps(tree)}")
        if depth > _MAX_DEPTH:
            raise _invalid(f"more than {_MAX_DEPTH} levels deep")
        parts = [self._member(key, value, depth=depth) for key, value in tree.items()]
        return and_(true(), *parts)

    def _member(self, key: str, value: Any, *, depth: int) -> Condition:
        if key == "$not":
            return complement(self.tree(value, depth=depth + 1))
        if key in ("$and", "$or", "$nor"):
            parts = [self.tree(part, depth=depth + 1) for part in _listed(key, value)]
            if key == "$and":
                return and_(true(), *parts)
            either = or_(false(), *parts)
            return either if key == "$or" else complement(either)
        if key.startswith("$"):
            raise _invalid(f"{key} cannot stand here; there are $and, $or, $nor and $not")
        return self._at(key, value, depth=depth)

    def _at(self, path: str, wanted: Any, *, depth: int) -> Condition:
        if not isinstance(wanted, Mapping):
            return self._leaf(path, "$eq", wanted, depth=depth)
        if depth > _MAX_DEPTH:
            raise _invalid(f"more than {_MAX_DEPTH} levels deep")
        wanted = _with_options(wanted)
        if not any(key.startswith("$") for key in wanted):
            parts = [self._at(f"{path}.{k}", v, depth=depth + 1) for k, v in wanted.items()]
        else:
            parts = [self._leaf(path, op, v, depth=depth + 1) for op, v in wanted.items()]
        return and_(true(), *parts)

    def _leaf(self, path: str, op: str, wanted: Any, *, depth: int) -> Condition:
        if op not in _OPERATORS:
            raise _invalid(f"{op} is no operator; there are {', '.join(sorted(_OPERATORS))}")
        if op == "$not":
            return complement(self._at(path, wanted, depth=depth + 1))
        if op in ("$ne", "$nin"):
            positive = "$eq" if op == "$ne" else "$in"
            return complement(self._leaf(path, positive, wanted, depth=depth))
        if op in ("$in", "$all"):
            parts = [self._leaf(path, "$eq", each, depth=depth) for each in _listed(op, wanted)]
            return or_(false(), *parts) if op == "$in" else and_(true(), *parts)
        if op == "$exists":
            found = self._positive(path, "$exists", True)
            return found if wanted else complement(found)
        if op == "$eq" and wanted is None:
            return complement(self._positive(path, "$exists", True))
        return self._positive(path, op, wanted)

    def _positive(self, path: str, op: str, wanted: Any) -> Condition:
        if op == "$regex":
            wanted = _pattern(wanted)
        elif op == "$contains" and isinstance(wanted, str):
            op, wanted = ("$eq", wanted) if path == "tags" else ("$regex", re.escape(wanted))
        root, _, rest = path.partition(".")
        if root in _VALUE_TABLES and rest:
            return _value(_VALUE_TABLES[root], value_keys(rest), op, wanted)
        if path in _TIME_COLUMNS:
            return _time(_TIME_COLUMNS[path], op, wanted)
        if root == "tags":
            return _tags(rest, op, wanted)
        if path.startswith("keys_info.keys."):
            return _history_key(path.removeprefix("keys_info.keys."), op)
        if path in ("sweep", "sweepName") and op == "$eq" and isinstance(wanted, str):
            return _of_sweep(wanted)
        column = self._state if path == "state" else _TEXT_COLUMNS.get(path)
        return false() if column is None else _text(column, op, wanted)


def state_column(words: StateWords | None) -> ColumnElement[Any]:
    """A run's state in the asking side's words."""
    if words is None:
        return Run.state.expression
    whens = [
        (and_(Run.state == state, Run.preempting.is_(announced)), word)
        for (state, announced), word in words.items()
    ]
    return case(*whens, else_=Run.state)


def plain_column(path: str) -> Any | None:
    """The column behind a path, or None where the path is not a column."""
    return _TIME_COLUMNS.get(path, _TEXT_COLUMNS.get(path))


def value_table(path: str) -> tuple[type[ConfigValue] | type[SummaryValue], list[str]] | None:
    """The index table and the keys behind a path into config or summary, else None."""
    root, _, rest = path.partition(".")
    return (_VALUE_TABLES[root], value_keys(rest)) if root in _VALUE_TABLES and rest else None


def value_keys(rest: str) -> list[str]:
    """The index keys that a path may mean, the literal one first: `lr.value` is `lr` too."""
    parts = rest.split(".")
    plain = ".".join(part for i, part in enumerate(parts) if part != "value" or i == 0)
    return [rest] if plain == rest else [rest, plain]


def complement(condition: Condition) -> Condition:
    """Every run that the condition does not hold for; SQL's unknown counts as not."""
    return not_(func.coalesce(condition, false()))


def _of_sweep(sweep_id: str) -> Condition:
    """Looked up by the sweep's own index: beside a project's, SQLite would take the project's."""
    run = aliased(Run)
    return Run.pk.in_(select(run.pk).where(run.sweep_id == sweep_id))


def _with_options(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{"$regex": …, "$options": "i"}` as one pattern."""
    if "$options" not in wanted or "$regex" not in wanted:
        return wanted
    flags = "".join(flag for flag in str(wanted["$options"]) if flag in "ims")
    rest = {key: value for key, value in wanted.items() if key != "$options"}
    return {**rest, "$regex": f"(?{flags}){rest['$regex']}" if flags else rest["$regex"]}


def _value(
    table: type[ConfigValue] | type[SummaryValue], keys: list[str], op: str, wanted: Any
) -> Condition:
    row = aliased(table)
    at_key = row.key == keys[0] if len(keys) == 1 else row.key.in_(keys)
    if op == "$exists":
        nested = [
            and_(row.key >= f"{key}.", row.key < f"{key}/") for key in keys
        ]  # "/" follows "."
        return _has_row(row, or_(at_key, *nested))
    return _has_row(row, at_key, _scalar(row, op, wanted))


def _has_row(row: Any, *holds: Condition) -> Condition:
    return exists(select(1).where(row.run_pk == Run.pk, *holds).correlate(Run))


def _scalar(row: Any, op: str, wanted: Any) -> Condition:
    """The condition on one row of an index table."""
    if op == "$eq":
        number, text = _as_stored(wanted)
        if number is None and text is None:
            return false()
        same_text = row.text.is_(None) if text is None else row.text == text
        return and_(row.number.is_(None) if number is None else row.number == number, same_text)
    if isinstance(wanted, str):
        return and_(row.number.is_(None), _text(row.text, op, wanted[:INDEXED_CHARACTERS]))
    if op not in _COMPARISONS or isinstance(wanted, bool) or not isinstance(wanted, int | float):
        return false()
    return _number_beyond(row, op, wanted)


def _number_beyond(row: Any, op: str, wanted: float) -> Condition:
    """Infinities stand as text, and are larger or smaller than every number."""
    limit = _as_float(wanted)
    if math.isnan(limit):
        return false()
    compare = _COMPARISONS[op]
    infinite = [name for name in ("Infinity", "-Infinity") if compare(float(name), limit)]
    return or_(
        and_(row.text.is_(None), compare(row.number, limit)),
        and_(row.number.is_(None), row.text.in_(infinite)),
    )


def _as_stored(wanted: Any) -> tuple[float | None, str | None]:
    if isinstance(wanted, bool):
        return float(wanted), "true" if wanted else "false"
    if isinstance(wanted, str):
        return None, wanted[:INDEXED_CHARACTERS]
    if not isinstance(wanted, int | float):
        return None, None
    number = _as_float(wanted)
    if isinstance(wanted, int) and math.isinf(number):
        return None, json.dumps(wanted)[:INDEXED_CHARACTERS]
    return (number, None) if math.isfinite(number) else (None, json.dumps(number))


def _as_float(wanted: float) -> float:
    try:
        return float(wanted)
    except OverflowError:
        return math.inf if wanted > 0 else -math.inf


def _text(column: Any, op: str, wanted: Any) -> Condition:
    if op == "$exists":
        condition: Condition = column.is_not(None)
    elif not isinstance(wanted, str):
        condition = false()
    elif op == "$regex":
        condition = column.regexp_match(wanted)
    else:
        condition = _WITH_EQUAL[op](column, wanted)
    return condition


def _time(column: Any, op: str, wanted: Any) -> Condition:
    if op == "$exists":
        condition: Condition = column.is_not(None)
        return condition
    moment = _moment(wanted)
    if moment is None or op not in _WITH_EQUAL:
        return false()
    found: Condition = _WITH_EQUAL[op](column, moment)
    return found


def _moment(wanted: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(wanted)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _tags(rest: str, op: str, wanted: Any) -> Condition:
    """`tags` holds when one of the run's tags does; `tags.x` says that it has the tag x."""
    if op == "$exists" and not rest:
        return Run.tags != []
    if op == "$eq" and isinstance(wanted, list) and not rest:
        return Run.tags == wanted
    tag: Any = func.json_each(Run.tags).table_valued("value", name="tag")
    if rest:
        holds = tag.c.value == rest if wanted in (True, rest) else false()
    else:
        holds = _text(tag.c.value, op, wanted)
    return exists(select(1).select_from(tag).where(holds).correlate(Run))


def _history_key(key: str, op: str) -> Condition:
    logged: Any = func.json_each(Run.history_keys).table_valued("key", name="logged")
    found = exists(select(1).select_from(logged).where(logged.c.key == key).correlate(Run))
    return found if op == "$exists" else false()


def _pattern(wanted: Any) -> str | None:
    if not isinstance(wanted, str):
        return None
    if len(wanted) > _MAX_PATTERN:
        raise _invalid(f"a $regex of more than {_MAX_PATTERN} characters")
    try:
        re.compile(wanted)
    except re.error as error:
        raise _invalid(f"$regex {wanted!r} is not a pattern: {error}") from error
    return wanted


def _listed(op: str, wanted: Any) -> list[Any]:
    if not isinstance(wanted, list):
        raise _invalid(f"{op} takes a list, found {json.dumps(wanted)}")
    return wanted


def _invalid(what: str) -> InvalidRequest:
    return InvalidRequest.one("/filters", f"in the filter: {what}")
