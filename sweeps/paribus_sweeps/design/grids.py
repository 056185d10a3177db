"""Expansion: the full list of trials that a design or a grid stands for.

Promises: `count` is exact and builds nothing; a sweep above the limit is refused
with its number; trials come replicate by replicate (all settings with the first
seed, then all with the next), so that a sweep cut short is balanced.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.design import fractional, plackett_burman
from paribus_sweeps.design.search_space import (
    draw,
    drawn_setting,
    factors_of,
    level_count,
    place,
)
from paribus_sweeps.errors import EndlessSearch, InvalidSpec, Problem, TooManyTrials, pointer
from paribus_sweeps.factors import Factor
from paribus_sweeps.spec import Design, SweepSpec
from paribus_sweeps.spec.design_types import TWO_LEVEL_TYPES

_WHOLE = (*TWO_LEVEL_TYPES, "d_optimal")  # nothing may be taken out of these
_MOST_PROBLEMS = 20
_MOST_BYTES = 100_000_000  # of all trials' values, as JSON


@dataclass(frozen=True, slots=True)
class Trial:
    """The unit of work: one setting under one replicate, done exactly once."""

    number: int
    """Its place in the sweep, from 0."""
    setting: Mapping[str, str]
    """Factor → label of its level (of its value, where the factor is continuous)."""
    replicate: Mapping[str, Any]
    """What tells repetitions of the setting apart: {"seed": 0}."""
    args: Mapping[str, Any]
    """What the agent hands to the program: key → value, nested parameters as nested dicts."""


def count(spec: SweepSpec, *, limit: int | None = None) -> int | None:
    """How many trials `spec` has, without building them; None for a search without an end.

    Args:
        spec: A design, a grid, or a search (its `run_cap`).
        limit: Up to which settings are looked through for forbidden ones; default
            `spec.max_trials`.

    Raises:
        TooManyTrials: The design forbids combinations and has so many that they are
            not looked through; its number is then the one before `forbid`.
    """
    if spec.is_search:
        return spec.run_cap
    replicates = _replicate_count(spec)
    total = _setting_count(spec, limit or spec.max_trials, replicates) * replicates
    return min(total, spec.run_cap or total)


def expand(spec: SweepSpec, *, limit: int | None = None) -> tuple[Trial, ...]:
    """Every trial of `spec`, in the order in which they are handed out.

    A random search with a `run_cap` is drawn with seed 0 unless `draws` is asked.

    Raises:
        TooManyTrials: More than `limit` (default `spec.max_trials`).
        InvalidSpec: `forbid` leaves nothing or tears a fraction, the program's schema refuses a
            trial, or all trials together would hold more than is reasonable.
        NotOffered: No known fraction is as small or has the resolution that was asked for.
        EndlessSearch: A random search without `run_cap`, or one that a client makes.
    """
    if spec.is_search:
        return draws(spec, 0, limit=limit)
    most = limit or spec.max_trials
    total = count(spec, limit=most)
    assert total is not None  # only a random search has no end
    if total > most:
        raise TooManyTrials(total, most, pointer="/design" if spec.design else "/parameters")
    if total == 0:
        message = "forbid leaves no setting to run"
        raise InvalidSpec([Problem("/design/forbid", "empty", message)])
    _refuse_bulk(spec, total)
    trials = tuple(itertools.islice(_trials(spec), spec.run_cap))
    _check(spec, trials)
    return trials


def _refuse_bulk(spec: SweepSpec, total: int) -> None:
    """Each trial is stored with all of its values: many trials times much each is too much."""
    factors = factors_of(spec)
    held = sum(_bytes(p.values[0]) + len(p.key) for p in spec.parameters if p.is_constant)
    for factor in factors:
        held += max(_bytes(dict(level.values)) + len(level.label) for level in factor.levels)
    if total * held <= _MOST_BYTES:
        return
    message = (
        f"the trials would hold {total * held / 1e6:,.0f} MB of values ({total:,} trials of up to "
        f"{held:,} bytes); the limit is {_MOST_BYTES / 1e6:.0f} MB"
    )
    hint = "put what is large into a file that the program reads, or make fewer trials"
    where = pointer("design") if spec.design else pointer("parameters")
    raise InvalidSpec([Problem(where, "too_large", message, hint)])


def _bytes(value: Any) -> int:
    return len(json.dumps(value))


def draws(spec: SweepSpec, seed: int | str, *, limit: int | None = None) -> tuple[Trial, ...]:
    """Return the `run_cap` trials that a random search will draw with this seed.

    Raises:
        TooManyTrials: `run_cap` is above `limit` (default `spec.max_trials`).
        EndlessSearch: There is no `run_cap`, or a client makes the search.
    """
    if spec.run_cap is None or spec.driver is not None:
        raise EndlessSearch(spec.method)
    most = limit or spec.max_trials
    if spec.run_cap > most:
        raise TooManyTrials(spec.run_cap, most, pointer="/run_cap")
    return tuple(drawn_trial(spec, index, seed) for index in range(spec.run_cap))


def drawn_trial(spec: SweepSpec, index: int, seed: int | str) -> Trial:
    """Trial `index` (from 0) of a random search."""
    args = draw(spec, index, seed)
    return Trial(index, drawn_setting(spec, args), {}, args)


def added_trials(
    spec: SweepSpec,
    wanted: Iterable[tuple[Mapping[str, str], Mapping[str, Any]]],
    *,
    first: int,
) -> tuple[Trial, ...]:
    """Return trials beside those that `spec` has: any of its levels, under any replicate.

    Args:
        spec: A design or a grid.
        wanted: (factor → label, replicate) of each.
        first: Number of the first of them.

    Raises:
        KeyError: A factor has no such level.
        InvalidSpec: The program's schema refuses a trial.
    """
    factors = factors_of(spec)
    trials = tuple(
        Trial(number, dict(setting), dict(replicate), _args(spec, factors, setting, replicate))
        for number, (setting, replicate) in enumerate(wanted, first)
    )
    _check(spec, trials)
    return trials


def _setting_count(spec: SweepSpec, limit: int, replicates: int) -> int:
    if spec.design is None:
        return math.prod(level_count(parameter) or 1 for parameter in spec.parameters)
    before = _declared_count(spec.design)
    if not spec.design.forbid or spec.design.type in _WHOLE:
        return before
    if before * replicates > 100 * limit:  # looking through them would take longer than seconds
        raise TooManyTrials(before * replicates, limit, pointer="/design")
    return sum(1 for _ in _settings(spec.design))


def _declared_count(design: Design) -> int:
    """How many settings a design has before `forbid`."""
    if design.type == "settings":
        return len(design.settings)
    if design.type == "one_factor_at_a_time":
        return 1 + sum(len(factor.levels) - 1 for factor in design.factors)
    if design.type == "fractional_factorial":
        return fractional.settings_count(design)
    if design.type in ("plackett_burman", "d_optimal"):
        assert design.runs is not None  # it is read, or chosen for the writer
        return design.runs
    return math.prod(len(factor.levels) for factor in design.factors)


def _replicate_count(spec: SweepSpec) -> int:
    replicates = spec.design.replicates if spec.design else {}
    return math.prod(len(values) for values in replicates.values())


def _trials(spec: SweepSpec) -> Iterator[Trial]:
    factors = factors_of(spec)
    settings = _settings(spec.design) if spec.design else _product(factors)
    chosen = list(itertools.islice(settings, spec.run_cap))
    numbers = itertools.count()
    for replicate in _replicates(spec.design):
        for setting in chosen:
            args = _args(spec, factors, setting, replicate)
            yield Trial(next(numbers), setting, replicate, args)


def _settings(design: Design) -> Iterator[Mapping[str, str]]:
    for setting in _all_settings(design):
        if not any(_is_forbidden(setting, entry) for entry in design.forbid):
            yield setting
        elif design.type in _WHOLE:
            _refuse_torn(design, setting)


def _refuse_torn(design: Design, setting: Mapping[str, str]) -> None:
    """Say that `forbid` takes a setting out of a design that is balanced only as a whole."""
    shown = ", ".join(f"{name}={label}" for name, label in setting.items())
    message = f"forbid leaves out a setting of this {design.type} design: {shown}"
    hint = "without it the effects are no longer balanced; d_optimal plans around forbid"
    raise InvalidSpec([Problem("/design/forbid", "conflict", message, hint)])


def _all_settings(design: Design) -> Iterator[Mapping[str, str]]:
    if design.type == "settings":
        return iter(design.settings)
    if design.type == "one_factor_at_a_time":
        return _one_at_a_time(design.factors)
    if design.type == "fractional_factorial":
        return fractional.fraction_of(design).settings(design.factors)
    if design.type == "plackett_burman":
        return plackett_burman.settings(design)
    if design.type == "d_optimal":
        return _d_optimal(design)
    return _product(design.factors)


def _d_optimal(design: Design) -> Iterator[Mapping[str, str]]:
    from paribus_sweeps.design import d_optimal

    return d_optimal.settings(design)


def _is_forbidden(setting: Mapping[str, str], entry: Mapping[str, frozenset[str]]) -> bool:
    return all(setting[factor] in labels for factor, labels in entry.items())


def _product(factors: tuple[Factor, ...]) -> Iterator[Mapping[str, str]]:
    names = [factor.name for factor in factors]
    for labels in itertools.product(*(factor.labels for factor in factors)):
        yield dict(zip(names, labels, strict=True))


def _one_at_a_time(factors: tuple[Factor, ...]) -> Iterator[Mapping[str, str]]:
    """Return the baseline, then each other level of each factor with all else at the baseline."""
    baseline = {factor.name: factor.baseline or "" for factor in factors}
    yield baseline
    for factor in factors:
        for label in factor.labels:
            if label != factor.baseline:
                yield {**baseline, factor.name: label}


def _replicates(design: Design | None) -> Iterator[Mapping[str, Any]]:
    replicates = design.replicates if design else {}
    for values in itertools.product(*replicates.values()):
        yield dict(zip(replicates, values, strict=True))


def _args(
    spec: SweepSpec,
    factors: tuple[Factor, ...],
    setting: Mapping[str, str],
    replicate: Mapping[str, Any],
) -> dict[str, Any]:
    args: dict[str, Any] = {}
    for parameter in spec.parameters:
        if parameter.is_constant:
            place(args, parameter.path, parameter.values[0])
    for factor in factors:
        for key, value in factor.level(setting[factor.name]).values.items():
            place(args, _path(spec, key), value)
    for key, value in replicate.items():
        place(args, _path(spec, key), value)
    return args


def _path(spec: SweepSpec, key: str) -> tuple[str, ...]:
    """Where a design's or a grid's key stands in a trial's arguments.

    A dotted key is one flat key, as in W&B's `parameters`, unless its first word
    is a nested parameter of this config.
    """
    for parameter in spec.parameters:
        if parameter.key == key:
            return parameter.path
    first = key.split(".")[0]
    if any(len(p.path) > 1 and p.path[0] == first for p in spec.parameters):
        return tuple(key.split("."))
    return (key,)


def _check(spec: SweepSpec, trials: tuple[Trial, ...]) -> None:
    """Let the program's schema look at every trial; each problem is reported once."""
    if spec.program_schema is None:
        return
    found: dict[str, Problem] = {}
    for trial in trials:
        for problem in spec.program_schema.check(trial.args):
            message = f"{problem.message} (at {_described(trial)})"
            place_of = _pointer(spec, problem.pointer)
            shown = Problem(place_of, problem.code, message, problem.hint)
            found.setdefault(str(problem), shown)
        if len(found) >= _MOST_PROBLEMS:
            break
    if found:
        raise InvalidSpec(found.values())


def _pointer(spec: SweepSpec, of_key: str) -> str:
    """Where in the config a key of a trial's arguments was set."""
    key = of_key.removeprefix("/").replace("~1", "/").replace("~0", "~")
    if spec.design:
        for factor in spec.design.factors:
            if key in factor.keys:
                return pointer("design", "factors", factor.name)
        if key in spec.design.replicates:
            return pointer("design", "replicates", key)
    places = (p.pointer for p in spec.parameters if p.key == key)
    return next(places, pointer("parameters"))


def _described(trial: Trial) -> str:
    parts = [f"{factor}={label}" for factor, label in trial.setting.items()]
    return ", ".join(parts) or "every trial"
