"""The space that a spec spans: its factors, and draws from it.

A draw is made from a point of the unit cube, one coordinate a parameter, and the
inverse of each distribution's CDF, so that any sampler of the cube can be put
before all of W&B's distributions. Coordinates are dealt out in alphabetical
order of the keys: `wandb sweep` sorts them, and a sweep must not depend on it.

Source: wandb/sweeps 0.3.0, sweeps/params.py (`HyperParameter.ppf`) and
sweeps/grid_search.py (which values a grid takes from a range).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from statistics import NormalDist
from typing import Any

from paribus_sweeps.errors import InvalidSpec, Problem
from paribus_sweeps.factors import Factor, Level, level_label
from paribus_sweeps.spec import Parameter, SweepSpec

_STANDARD_NORMAL = NormalDist()
_LATENT_BITS = 53  # as many as a float below 1 can tell apart
_LARGEST_INTEGER = 2**63 - 1


def factors_of(spec: SweepSpec) -> tuple[Factor, ...]:
    """Say what the sweep studies, in declared order.

    A design's own factors; of a grid, the parameters with two values or more; of a
    search, everything that is not constant ("continuous" unless listed).

    Raises:
        InvalidSpec: A grid's range has more values than a sweep may have trials.
    """
    if spec.design:
        return spec.design.factors
    varying = [p for p in spec.parameters if not p.is_constant and level_count(p) != 1]
    if spec.method == "grid" and spec.driver is None:
        _refuse_long_ranges(varying, spec.max_trials)
        return tuple(map(_grid_factor, varying))
    return tuple(map(_search_factor, varying))


def _refuse_long_ranges(parameters: Sequence[Parameter], limit: int) -> None:
    """Before they are built: a `run_cap` makes few trials of them, and not few levels."""
    hint = "list the values, take method: random, or q_uniform with a larger q"
    problems = [
        Problem(
            parameter.pointer,
            "too_many_levels",
            f"this range has more than {limit:,} values; for one factor of a grid the limit is "
            f"{limit:,}",
            hint,
        )
        for parameter in parameters
        if (level_count(parameter) or 0) > limit
    ]
    if problems:
        raise InvalidSpec(problems)


def level_count(parameter: Parameter) -> int | None:
    """How many values a grid takes from `parameter`, counted and not built; None: no end."""
    if parameter.values:
        return len(parameter.values)
    numbers = parameter.numbers
    if parameter.distribution == "int_uniform":
        return int(numbers["max"]) - int(numbers["min"]) + 1
    if parameter.distribution == "q_uniform":
        return _steps(numbers["min"], numbers["max"], numbers["q"])
    return None


def _steps(low: float, high: float, q: float) -> int:
    count = (high - low) / q
    if math.isfinite(count):
        return math.ceil(count)
    return math.ceil((Fraction(high) - Fraction(low)) / Fraction(q))


def grid_values(parameter: Parameter) -> tuple[Any, ...]:
    """Return the values that a grid takes: those listed, or the steps of a range.

    As in W&B's engine, int_uniform includes its max and q_uniform does not.
    """
    if parameter.values:
        return parameter.values
    count = level_count(parameter) or 0
    low, step = parameter.numbers["min"], parameter.numbers.get("q", 1)
    return tuple(low + index * step for index in range(count))


def _grid_factor(parameter: Parameter) -> Factor:
    levels = tuple(_level(parameter.key, value) for value in grid_values(parameter))
    return Factor(parameter.key, (parameter.key,), levels)


def _search_factor(parameter: Parameter) -> Factor:
    if not parameter.values:
        return Factor(parameter.key, (parameter.key,), (), kind="continuous")
    levels = {level_label(v): _level(parameter.key, v) for v in parameter.values}
    return Factor(parameter.key, (parameter.key,), tuple(levels.values()))


def _level(key: str, value: Any) -> Level:
    return Level(level_label(value), {key: value})


def draw(spec: SweepSpec, index: int, seed: int | str) -> dict[str, Any]:
    """Return the arguments of draw number `index` of a random search, as the agent gets them.

    The same (spec, index, seed) gives the same arguments on any machine, in any
    order of asking. Nested parameters come as nested dicts.

    Args:
        spec: Its `parameters` are drawn from.
        index: 0 for the first draw.
        seed: Of the sweep: a number, or a text such as its id.
    """
    searched = sorted((p for p in spec.parameters if not p.is_constant), key=lambda p: p.key)
    point = latent_point(len(searched), index, seed)
    drawn = {p.key: quantile(p, u) for p, u in zip(searched, point, strict=True)}
    args: dict[str, Any] = {}
    for parameter in spec.parameters:
        value = drawn[parameter.key] if parameter.key in drawn else parameter.values[0]
        place(args, parameter.path, value)
    return args


def drawn_setting(spec: SweepSpec, args: Mapping[str, Any]) -> dict[str, str]:
    """Factor → label of what `args` holds for it."""
    paths = {p.key: p.path for p in spec.parameters}
    return {f.name: level_label(_at(args, paths[f.name])) for f in factors_of(spec)}


def latent_point(dimensions: int, index: int, seed: int | str) -> tuple[float, ...]:
    """Point `index` of a seeded sequence in the open unit cube.

    Neither 0 nor 1 occurs: there a normal distribution has no finite quantile.
    """
    # Here and not above: numpy takes 25 MB, and a service without random sweeps needs none.
    from numpy.random import PCG64, Generator

    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    generator = Generator(PCG64(int.from_bytes(digest)))
    whole = generator.integers(1, 2**_LATENT_BITS, size=dimensions)
    return tuple(int(number) / 2**_LATENT_BITS for number in whole)


def quantile(parameter: Parameter, u: float) -> Any:
    """Return the value below which the share `u` (0 < u < 1) of the draws lies.

    W&B's engine draws the same: its quantiles with u uniform.
    """
    if parameter.values:
        return _listed(parameter, u)
    numbers = parameter.numbers
    stem = parameter.distribution.removeprefix("q_")
    value = _QUANTILES[stem](numbers, u)
    if "q" in numbers:
        return _to_step(value, numbers["q"])
    return value


def _listed(parameter: Parameter, u: float) -> Any:
    if not parameter.probabilities:
        return parameter.values[math.ceil(u * len(parameter.values)) - 1]
    reached = 0.0
    for value, probability in zip(parameter.values, parameter.probabilities, strict=True):
        reached += probability
        if u < reached:
            return value
    return next(  # rounding left u above the sum: the last value that can occur
        value
        for value, probability in zip(
            reversed(parameter.values), reversed(parameter.probabilities), strict=True
        )
        if probability
    )


def _to_step(value: float, q: float) -> float | int:
    """Return the nearest multiple of `q`, half to even as in numpy; an int where `q` is one."""
    steps = round(value / q)
    if isinstance(q, int) and abs(steps * q) <= _LARGEST_INTEGER:
        return steps * q
    return float(steps) * q


_Numbers = Mapping[str, float | int]


def _int_uniform(numbers: _Numbers, u: float) -> int:
    low, high = int(numbers["min"]), int(numbers["max"])
    return low + math.ceil(u * (high - low + 1)) - 1


def _uniform(numbers: _Numbers, u: float) -> float:
    low, high = numbers["min"], numbers["max"]
    return _between(low + u * (high - low), low, high)


def _log_uniform(numbers: _Numbers, u: float) -> float:
    return math.exp(_uniform(numbers, u))


def _log_uniform_values(numbers: _Numbers, u: float) -> float:
    low, high = numbers["min"], numbers["max"]
    value = math.exp(math.log(low) + u * (math.log(high) - math.log(low)))
    return _between(value, low, high)


def _inv_log_uniform(numbers: _Numbers, u: float) -> float:
    """1/x is log-uniform: min and max are exponents of 1/x, and u counts from small x."""
    return math.exp(-_uniform(numbers, 1 - u))


def _between(value: float, low: float, high: float) -> float:
    """`value`, where rounding has not carried it past a limit by a last digit."""
    return float(min(max(value, low), high))


def _normal(numbers: _Numbers, u: float) -> float:
    return numbers["mu"] + numbers["sigma"] * _STANDARD_NORMAL.inv_cdf(u)


def _log_normal(numbers: _Numbers, u: float) -> float:
    return math.exp(_normal(numbers, u))


def _beta(numbers: _Numbers, u: float) -> float:
    # Here and not above: scipy takes 65 MB, and beta parameters are rare.
    from scipy.special import betaincinv

    return float(betaincinv(numbers["a"], numbers["b"], u))


_QUANTILES: Mapping[str, Callable[[_Numbers, float], float]] = {
    "int_uniform": _int_uniform,
    "uniform": _uniform,
    "log_uniform": _log_uniform,
    "log_uniform_values": _log_uniform_values,
    "inv_log_uniform": _inv_log_uniform,
    # 1/x log-uniform between 1/max and 1/min: so is x between min and max
    "inv_log_uniform_values": _log_uniform_values,
    "normal": _normal,
    "log_normal": _log_normal,
    "beta": _beta,
}


def place(args: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set `value` at `path` of nested `args`, making the dicts on the way."""
    *outer, last = path
    for name in outer:
        args = args.setdefault(name, {})
    args[last] = value


def _at(args: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = args
    for name in path:
        value = value[name]
    return value
