"""A program's parameters as JSON Schema 2020-12, checked value by value.

The part of JSON Schema that describes flat or nested settings is taken: type,
enum, const, bounds, multipleOf, lengths, pattern, items, properties. A keyword
that would need more (anyOf, $ref …) is refused when the schema is published, so
that a schema never looks checked and is not. Beyond the standard, `x-paribus`
carries what only Paribus asks: whether runs can resume, what they measure, and
rules between keys (`constraints`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paribus_sweeps.errors import InvalidProgramSchema, Problem, did_you_mean, pointer
from paribus_sweeps.programs.constraints import Constraint, read_constraints
from paribus_sweeps.programs.slips import put_right, slip_hint, type_names
from paribus_sweeps.spec import Taken

_TYPES = ("string", "number", "integer", "boolean", "array", "object", "null")
_CHECKED = frozenset(
    [
        "type",
        "enum",
        "const",
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "pattern",
        "items",
        "minItems",
        "maxItems",
        "properties",
        "required",
        "additionalProperties",
        "format",
    ]
)
_NOTES = frozenset(
    [
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "default",
        "examples",
        "deprecated",
        "readOnly",
        "writeOnly",
        "unit",
    ]
)
_BOUNDS: tuple[tuple[str, str, Callable[[float, float], bool]], ...] = (
    ("minimum", "at least", operator.ge),
    ("exclusiveMinimum", "above", operator.gt),
    ("maximum", "at most", operator.le),
    ("exclusiveMaximum", "below", operator.lt),
)


@dataclass(frozen=True, slots=True)
class ProgramSchema:
    """What a program takes, by name.

    schema.take("learning_rate", "2e-5")   # the number, with a warning
    schema.check({"save_steps": 30, …})    # rules between keys, missing keys
    """

    name: str
    schema: Mapping[str, Any]
    """The JSON Schema as it was published."""
    properties: Mapping[str, Mapping[str, Any]]
    """Dotted key → its subschema, nested objects unfolded."""
    constraints: tuple[Constraint, ...] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    """What stands at "x-paribus"; empty for programs that are not ours."""

    @classmethod
    def from_json(cls, schema: Mapping[str, Any], *, name: str = "") -> ProgramSchema:
        """Read a published schema.

        Raises:
            InvalidProgramSchema: Not of type object, a keyword that is not taken, a bound
                that is no number, a pattern that does not compile, a rule of an unknown kind.
        """
        if not isinstance(schema, Mapping):
            raise InvalidProgramSchema("", "a schema is a JSON object")
        if schema.get("type") != "object":
            raise InvalidProgramSchema(
                "/type", "the schema of a program's parameters is an object"
            )
        _check_schema(schema, "")
        properties = dict(_unfold(schema, ""))
        extensions = schema.get("x-paribus", {})
        if not isinstance(extensions, Mapping):
            raise InvalidProgramSchema("/x-paribus", "this is a JSON object")
        constraints = read_constraints(extensions.get("constraints", ()), properties)
        return cls(name, schema, properties, constraints, extensions)

    @property
    def resumable(self) -> bool:
        """Whether a run of it can go on from a checkpoint under the same run id."""
        return self.extensions.get("resumable") is True

    @property
    def responses(self) -> Mapping[str, Any]:
        """Key → goal, unit and description of what its runs measure, where it says so."""
        responses = self.extensions.get("responses", {})
        return responses if isinstance(responses, Mapping) else {}

    def default(self, key: str) -> Any:
        """Say what the program takes where `key` is not set; None where the schema is silent."""
        return self.properties.get(key, {}).get("default")

    def unknown(self, key: str) -> Problem | None:
        """Return the problem with a key that the program does not take, None where it does."""
        if key in self.properties or not self._is_closed(key):
            return None
        hint = did_you_mean(key, self.properties)
        hint = hint or f"it takes {', '.join(self.properties)}"
        message = f"{self.name or 'the program'} has no parameter {key!r}"
        return Problem("", "unknown_parameter", message, hint)

    def _is_closed(self, key: str) -> bool:
        """Whether the object that would hold `key` takes no other keys than it lists."""
        outer: Mapping[str, Any] = self.schema
        for name in key.split(".")[:-1]:
            outer = outer.get("properties", {}).get(name) or self.schema
        return outer.get("additionalProperties") is False

    def take(self, key: str, value: Any) -> Taken:
        """`value` for `key`: checked, or put right where only its spelling was off.

        A text that spells a number is the number where the schema says number, and the
        number 8.0 is 8 where it says integer. Keys it does not list pass as they are.
        """
        subschema = self.properties.get(key)
        if subschema is None:
            return Taken(value)
        right, warning = put_right(value, subschema)
        problem = next(value_problems(right, subschema), None)
        return Taken(right, problem, None if problem else warning)

    def draws_problem(self, key: str, low: float, high: float, whole: bool) -> Problem | None:
        """Say what is wrong with drawing `key` between `low` and `high`, if anything is.

        Args:
            key: Of the parameter.
            low: Smallest value drawn.
            high: Largest value drawn.
            whole: Whether only whole numbers are drawn.
        """
        subschema = self.properties.get(key, {})
        types = type_names(subschema)
        if types and not {"number", "integer"} & set(types):
            return Problem("", "type", f"{key} takes {' or '.join(types)}, and numbers are drawn")
        if types and "number" not in types and not whole:
            hint = "use int_uniform, or a q_ distribution with a whole q"
            return Problem("", "type", f"{key} takes whole numbers, and fractions are drawn", hint)
        return next((p for end in (low, high) for p in _bound_problems(end, subschema)), None)

    def normalise(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """One trial's arguments, flat or nested, with every known value put right."""
        flat = {key: self.take(key, value).value for key, value in flattened(args).items()}
        return unflattened(flat, args)

    def complete(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Dotted key → value, the program's defaults filled in where `args` is silent."""
        defaults = {k: s["default"] for k, s in self.properties.items() if "default" in s}
        return {**defaults, **flattened(args)}

    def check(self, args: Mapping[str, Any]) -> tuple[Problem, ...]:
        """Everything that is wrong with one trial's arguments; pointers name the key."""
        flat = flattened(args)
        problems = []
        for key, value in flat.items():
            problem = self.unknown(key) or self.take(key, value).problem
            if problem:
                problems.append(problem.under(pointer(key)))
        for key in self.schema.get("required", ()):
            if key not in args:
                problems.append(
                    Problem(pointer(key), "missing", f"the program needs a value for {key}")
                )
        if not problems:
            complete = self.complete(args)
            problems = [p for rule in self.constraints for p in rule.problems(complete)]
        return tuple(problems)

    def varying_problems(
        self, keys: frozenset[str], responses: tuple[str, ...]
    ) -> tuple[Problem, ...]:
        """Say what cannot be asked while `keys` vary: a hold-out without a common split."""
        if "split_seed" not in keys or "split_seed" not in self.properties:
            return ()
        message = "split_seed varies, so the runs share no common hold-out"
        return tuple(
            Problem(pointer("design", "responses", index), "no_common_holdout", message)
            for index, response in enumerate(responses)
            if "holdout" in response
        )


def flattened(args: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested arguments as dotted keys; an empty mapping stays a value."""
    flat: dict[str, Any] = {}
    for key, value in args.items():
        if isinstance(value, Mapping) and value:
            flat.update(flattened(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def unflattened(
    flat: Mapping[str, Any], like: Mapping[str, Any], prefix: str = ""
) -> dict[str, Any]:
    """Dotted keys put back into the nesting of `like`."""
    return {
        key: unflattened(flat, value, f"{prefix}{key}.")
        if isinstance(value, Mapping) and value
        else flat[prefix + key]
        for key, value in like.items()
    }


def value_problems(value: Any, subschema: Mapping[str, Any]) -> Iterator[Problem]:
    """Say what is wrong with `value` under `subschema`; pointers are relative to the value."""
    types = type_names(subschema)
    if types and not any(_is_type(value, name) for name in types):
        expected = f"{' or '.join(types)} was expected{_unit(subschema)}"
        yield Problem("", "type", f"{_shown(value)}: {expected}", slip_hint(value, subschema))
        return
    if "enum" in subschema and not _is_among(value, subschema["enum"]):
        yield _enum_problem(value, subschema)
    if "const" in subschema and not _is_among(value, [subschema["const"]]):
        yield Problem("", "value", f"{_shown(value)}: only {_shown(subschema['const'])} is taken")
    yield from _bound_problems(value, subschema)
    yield from _text_problems(value, subschema)
    yield from _list_problems(value, subschema)


def _enum_problem(value: Any, subschema: Mapping[str, Any]) -> Problem:
    words = [str(item) for item in subschema["enum"]]
    hint = did_you_mean(value, words) if isinstance(value, str) else None
    return Problem("", "value", f"{_shown(value)}: one of {', '.join(words)} was expected", hint)


def _bound_problems(value: Any, subschema: Mapping[str, Any]) -> Iterator[Problem]:
    if not _is_type(value, "number"):
        return
    for keyword, words, holds in _BOUNDS:
        if keyword in subschema and not holds(value, subschema[keyword]):
            expected = f"{words} {subschema[keyword]} was expected{_unit(subschema)}"
            yield Problem("", "range", f"{_shown(value)}: {expected}")
    step = subschema.get("multipleOf")
    if step and abs(value / step - round(value / step)) > 1e-9:
        yield Problem("", "range", f"{_shown(value)}: a multiple of {step} was expected")


def _text_problems(value: Any, subschema: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(value, str):
        return
    if len(value) < subschema.get("minLength", 0):
        yield Problem("", "length", f"{_shown(value)}: this text is too short")
    if len(value) > subschema.get("maxLength", len(value)):
        yield Problem("", "length", f"{_shown(value)}: this text is too long")
    pattern = subschema.get("pattern")
    if pattern and not re.search(pattern, value):
        wanted = subschema.get("format")
        form = f"a {wanted} such as 4:1" if wanted == "ratio" else f"a text like {pattern}"
        hint = slip_hint(value, subschema)
        yield Problem("", "pattern", f"{_shown(value)}: {form} was expected", hint)


def _list_problems(value: Any, subschema: Mapping[str, Any]) -> Iterator[Problem]:
    if not isinstance(value, list | tuple):
        return
    if len(value) < subschema.get("minItems", 0):
        yield Problem("", "length", f"{len(value)} items: at least {subschema['minItems']} needed")
    if len(value) > subschema.get("maxItems", len(value)):
        yield Problem("", "length", f"{len(value)} items: at most {subschema['maxItems']} taken")
    for index, item in enumerate(value):
        for problem in value_problems(item, subschema.get("items", {})):
            yield problem.under(pointer(index))


def _is_type(value: Any, name: str) -> bool:
    if name == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    if name == "integer":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    if name == "null":
        return value is None
    python: dict[str, Any] = {"string": str, "boolean": bool, "array": list, "object": Mapping}
    return isinstance(value, python[name]) or (name == "array" and isinstance(value, tuple))


def _is_among(value: Any, allowed: list[Any]) -> bool:
    """Equality as JSON has it: true is not 1."""
    return any(isinstance(value, bool) == isinstance(a, bool) and value == a for a in allowed)


def _unit(subschema: Mapping[str, Any]) -> str:
    unit = subschema.get("unit")
    return f" ({unit})" if unit else ""


def _shown(value: Any) -> str:
    words = {True: "true", False: "false"}
    text = words[value] if isinstance(value, bool) else "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unfold(schema: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Dotted keys of all leaves; objects without properties are leaves."""
    for key, subschema in schema.get("properties", {}).items():
        if subschema.get("properties"):
            yield from _unfold(subschema, f"{prefix}{key}.")
        else:
            yield prefix + key, subschema


def _check_schema(schema: Any, where: str) -> None:
    if not isinstance(schema, Mapping):
        raise InvalidProgramSchema(where, "a JSON object was expected")
    for keyword, given in schema.items():
        if keyword not in _CHECKED | _NOTES and not keyword.startswith("x-"):
            raise InvalidProgramSchema(where + pointer(keyword), f"{keyword} is not offered yet")
        _check_keyword(keyword, given, where + pointer(keyword))
    for key, subschema in schema.get("properties", {}).items():
        _check_schema(subschema, where + pointer("properties", key))
    if "items" in schema:
        _check_schema(schema["items"], where + "/items")


def _check_keyword(keyword: str, given: Any, where: str) -> None:
    expected = {
        "type": lambda v: _is_type_list([v] if isinstance(v, str) else v),
        "enum": lambda v: isinstance(v, list) and v,
        "properties": lambda v: isinstance(v, Mapping),
        "required": lambda v: isinstance(v, list) and all(isinstance(i, str) for i in v),
        "additionalProperties": lambda v: isinstance(v, bool),
        "pattern": _compiles,
        "multipleOf": lambda v: _is_type(v, "number") and v > 0,
        **{k: lambda v: _is_type(v, "number") for k, _, _ in _BOUNDS},
        **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _is_length),
    }
    if keyword in expected and not expected[keyword](given):
        raise InvalidProgramSchema(where, f"{_shown(given)} is not taken here")


def _is_type_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(name in _TYPES for name in value)


def _is_length(value: Any) -> bool:
    return _is_type(value, "integer") and value >= 0


def _compiles(pattern: Any) -> bool:
    try:
        re.compile(pattern)
    except (re.error, TypeError):
        return False
    return True
