"""W&B's `parameters`: constants, lists, 18 distributions, nested as deep as needed.

Source: wandb/sweeps 0.3.0, sweeps/config/schema.json (fields, defaults, which
distribution is meant where none is named) and sweeps/params.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from paribus_sweeps.errors import did_you_mean, pointer
from paribus_sweeps.spec.intake import Intake, at
from paribus_sweeps.spec.reading import Keys, is_integer, shown

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_RANGE = ("min", "max")
_LARGEST_EXPONENT = 700.0  # e^709.8 is the largest float
_FARTHEST_SIGMA = 8.3  # the smallest latent number, 2^-53, lies 8.21 sigma out


@dataclass(frozen=True, slots=True)
class Fields:
    """What a distribution takes: required fields, and optional ones with W&B's defaults."""

    required: tuple[str, ...]
    defaults: Mapping[str, float] = field(default_factory=dict)


_NORMAL = {"mu": 0.0, "sigma": 1.0}
_BETA = {"a": 1, "b": 1}
_STEP = {"q": 1.0}

DISTRIBUTIONS: Mapping[str, Fields] = {
    "constant": Fields(("value",)),
    "categorical": Fields(("values",)),
    "categorical_w_probabilities": Fields(("values", "probabilities")),
    "int_uniform": Fields(_RANGE),
    "uniform": Fields(_RANGE),
    "q_uniform": Fields(_RANGE, _STEP),
    "log_uniform": Fields(_RANGE),
    "log_uniform_values": Fields(_RANGE),
    "q_log_uniform": Fields(_RANGE, _STEP),
    "q_log_uniform_values": Fields(_RANGE, _STEP),
    "inv_log_uniform": Fields(_RANGE),
    "inv_log_uniform_values": Fields(_RANGE),
    "normal": Fields((), _NORMAL),
    "q_normal": Fields((), _NORMAL | _STEP),
    "log_normal": Fields((), _NORMAL),
    "q_log_normal": Fields((), _NORMAL | _STEP),
    "beta": Fields((), _BETA),
    "q_beta": Fields((), _BETA | _STEP),
}
_ALL_FIELDS = ("distribution", "value", "values", "probabilities", "parameters", *_RANGE) + tuple(
    _NORMAL | _BETA | _STEP
)
LISTED = frozenset({"constant", "categorical", "categorical_w_probabilities"})
IN_GRIDS = frozenset({"constant", "categorical", "int_uniform", "q_uniform"})
_BY_EXPONENT = {
    "log_uniform": "log_uniform_values",
    "q_log_uniform": "q_log_uniform_values",
    "inv_log_uniform": "inv_log_uniform_values",
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One leaf of `parameters`, complete: every field has its value.

    Parameter(("lr",), "constant", values=(2e-5,))
    Parameter(("optimizer", "lr"), "log_uniform_values", numbers={"min": 1e-5, "max": 1e-3})
    """

    path: tuple[str, ...]
    distribution: str
    values: tuple[Any, ...] = ()
    probabilities: tuple[float, ...] = ()
    numbers: Mapping[str, float | int] = field(default_factory=dict)
    """min, max, q, mu, sigma, a, b: those that the distribution has. An int stays one."""

    @property
    def key(self) -> str:
        """The path, dotted."""
        return ".".join(self.path)

    @property
    def pointer(self) -> str:
        """Where in the config it stands."""
        inner = [part for name in self.path for part in ("parameters", name)]
        return pointer(*inner)

    @property
    def is_constant(self) -> bool:
        """Whether it can take one value only."""
        return self.distribution in LISTED and len(self.values) == 1


def read_parameters(
    tree: Mapping[str, Any], where: str, intake: Intake, path: tuple[str, ...] = ()
) -> Iterator[Parameter]:
    """Return the leaves of `parameters`, in declared order; problems go to `intake`."""
    keys = Keys(tree, where, intake.problems)
    for name, entry in tree.items():
        if not _NAME.fullmatch(name):
            expected = "parameter names start with a letter or _ and hold letters, digits, _ . -"
            keys.refuse("name", f"{shown(name)}: {expected}", name)
        elif not isinstance(entry, Mapping):
            hint = _in_braces(name, entry)
            keys.refuse("type", f"{shown(entry)}: a mapping was expected", name, hint=hint)
        elif "parameters" in entry:
            yield from _read_nested(entry, at(where, name), intake, (*path, name))
        elif parameter := _read_leaf(entry, at(where, name), intake, (*path, name)):
            yield parameter


def _in_braces(name: str, entry: Any) -> str:
    word = "values" if isinstance(entry, list) else "value"
    return f"write {name}: {{{word}: {shown(entry)}}}"


def _read_nested(
    entry: Mapping[str, Any], where: str, intake: Intake, path: tuple[str, ...]
) -> Iterator[Parameter]:
    keys = Keys(entry, where, intake.problems)
    keys.refuse_others(("parameters",), "key of nested parameters")
    inner = keys.mapping_at("parameters")
    if not inner:
        keys.refuse("empty", "nested parameters are empty", "parameters")
        return
    yield from read_parameters(inner, at(where, "parameters"), intake, path)


def _read_leaf(
    entry: Mapping[str, Any], where: str, intake: Intake, path: tuple[str, ...]
) -> Parameter | None:
    keys = Keys(entry, where, intake.problems)
    distribution = _distribution(keys)
    if distribution is None or not intake.key(".".join(path), where):
        return None
    before = len(intake.problems)
    fields = DISTRIBUTIONS[distribution]
    _refuse_fields(keys, distribution, fields)
    if len(intake.problems) > before:
        return None
    parameter = _filled(keys, distribution, fields, intake, path)
    return parameter if len(intake.problems) == before else None


def _distribution(keys: Keys) -> str | None:
    """Return the distribution that is named, or else the one that the fields mean under W&B."""
    entry = keys.mapping
    if "distribution" in entry:
        named = keys.choice("distribution", DISTRIBUTIONS)
        if named is None and entry["distribution"] is None:
            keys.refuse("value", "null names no distribution", "distribution")
        return named
    if "values" in entry:
        return "categorical_w_probabilities" if "probabilities" in entry else "categorical"
    if "value" in entry:
        return "constant"
    if "min" in entry and "max" in entry and "q" not in entry:
        both_whole = is_integer(entry["min"]) and is_integer(entry["max"])
        return "int_uniform" if both_whole else "uniform"
    _refuse_without_distribution(keys)
    return None


def _refuse_without_distribution(keys: Keys) -> None:
    entry = keys.mapping
    strange = [key for key in entry if key not in _ALL_FIELDS]
    if strange:
        keys.refuse_others(_ALL_FIELDS, "field")
        return
    given = ", ".join(entry) or "nothing"
    hint = {
        "q": "distribution: q_uniform",
        "mu": "distribution: normal",
        "a": "distribution: beta",
    }
    named = next((hint[key] for key in hint if key in entry), None)
    expected = "a value, values, min and max, or a distribution was expected"
    keys.refuse("missing", f"{given} given: {expected}", hint=f"add {named}" if named else None)


def _refuse_fields(keys: Keys, distribution: str, fields: Fields) -> None:
    allowed = ("distribution", *fields.required, *fields.defaults)
    for name in fields.required:
        if name not in keys.mapping:
            keys.refuse("missing", f"{distribution} needs {name}")
    for name in keys.mapping:
        if name not in allowed:
            hint = did_you_mean(name, allowed) or f"it takes {', '.join(allowed[1:])}"
            keys.refuse("unknown_key", f"{distribution} takes no {name!r}", name, hint=hint)


def _filled(
    keys: Keys, distribution: str, fields: Fields, intake: Intake, path: tuple[str, ...]
) -> Parameter | None:
    if distribution == "constant":
        value = intake.value(".".join(path), keys.mapping["value"], at(keys.where, "value"))
        return Parameter(path, distribution, values=(value,))
    if distribution in LISTED:
        return _listed(keys, distribution, intake, path)
    numbers = _numbers(keys, distribution, fields, intake)
    if numbers is None:
        return None
    parameter = Parameter(path, distribution, numbers=numbers)
    _check_draws(parameter, keys, intake)
    return parameter


def _listed(
    keys: Keys, distribution: str, intake: Intake, path: tuple[str, ...]
) -> Parameter | None:
    listed = keys.list_at("values")
    if not listed:
        if listed is not None or keys.mapping["values"] is None:
            keys.refuse("empty", "values is empty: there is nothing to choose from", "values")
        return None
    key, where = ".".join(path), at(keys.where, "values")
    values = tuple(intake.value(key, item, at(where, i)) for i, item in enumerate(listed))
    if distribution == "categorical":
        return Parameter(path, distribution, values)
    probabilities = _probabilities(keys, len(values), intake)
    return Parameter(path, distribution, values, probabilities)


def _probabilities(keys: Keys, length: int, intake: Intake) -> tuple[float, ...]:
    listed = keys.list_at("probabilities") or []
    where = at(keys.where, "probabilities")
    given = [intake.number(item, at(where, i)) for i, item in enumerate(listed)]
    if len(given) != length:
        keys.refuse("length", f"{len(given)} probabilities for {length} values", "probabilities")
    elif None not in given and min(given) < 0:
        keys.refuse("range", f"{min(given)}: a probability is at least 0", "probabilities")
    elif None not in given and abs(sum(given) - 1) > 1e-5:  # numpy.isclose in W&B's own check
        keys.refuse(
            "sum", f"the probabilities sum to {sum(given):g} and not to 1", "probabilities"
        )
    return tuple(given)


def _numbers(
    keys: Keys, distribution: str, fields: Fields, intake: Intake
) -> dict[str, float | int] | None:
    names = (*(name for name in fields.required), *fields.defaults)
    given = {
        name: intake.number(keys.mapping[name], at(keys.where, name))
        if name in keys.mapping
        else fields.defaults[name]
        for name in names
    }
    if None in given.values():
        return None
    for refusal in (_refuse_range, _refuse_shape, _refuse_overflow):
        if not refusal(keys, distribution, given):
            return None
    if distribution in _BY_EXPONENT:
        advice = f"{_BY_EXPONENT[distribution]} takes the limits themselves"
        intake.warn(keys.where, f"{distribution} takes min and max as base-e exponents; {advice}")
    return given


def _refuse_range(keys: Keys, distribution: str, given: Mapping[str, float]) -> bool:
    if "min" not in given:
        return True
    low, high = given["min"], given["max"]
    if distribution == "int_uniform":
        for name in _RANGE:
            if not is_integer(given[name]):
                message = f"{shown(given[name])}: int_uniform takes whole numbers"
                keys.refuse("type", message, name)
                return False
    if low >= high:
        keys.refuse("range", f"min {low} is not less than max {high}", "min")
        return False
    if distribution.endswith("_values") and low <= 0:
        keys.refuse("range", f"min {low}: {distribution} needs a min above 0", "min")
        return False
    return True


def _refuse_shape(keys: Keys, distribution: str, given: Mapping[str, float]) -> bool:
    """Spread, step and shape are above 0: at 0 W&B's engine draws NaN."""
    for name in ("q", "sigma", "a", "b"):
        if name in given and given[name] <= 0:
            keys.refuse("range", f"{name} {given[name]}: {distribution} needs it above 0", name)
            return False
    return True


def _refuse_overflow(keys: Keys, distribution: str, given: Mapping[str, float]) -> bool:
    largest = 0.0
    if distribution in _BY_EXPONENT:
        largest = max(abs(given["min"]), abs(given["max"]))
    elif distribution.endswith("log_normal"):
        largest = abs(given["mu"]) + _FARTHEST_SIGMA * given["sigma"]
    if largest <= _LARGEST_EXPONENT:
        return True
    hint = "these are base-e exponents" if distribution in _BY_EXPONENT else None
    keys.refuse("range", f"{distribution} would draw values no float can hold", hint=hint)
    return False


def _check_draws(parameter: Parameter, keys: Keys, intake: Intake) -> None:
    """Ask the program whether it takes all that could be drawn between min and max."""
    if intake.program is None or not parameter.distribution.endswith(("uniform", "_values")):
        return
    low, high = limits(parameter)
    whole = parameter.distribution == "int_uniform" or is_integer(parameter.numbers.get("q"))
    problem = intake.program.draws_problem(parameter.key, low, high, whole)
    if problem:
        intake.problems.append(problem.under(keys.where))


def limits(parameter: Parameter) -> tuple[float, float]:
    """Between what a bounded distribution draws, before it is rounded to a step q."""
    low, high = parameter.numbers["min"], parameter.numbers["max"]
    if parameter.distribution == "inv_log_uniform":
        return math.exp(-high), math.exp(-low)
    if parameter.distribution in _BY_EXPONENT:
        return math.exp(low), math.exp(high)
    return low, high
