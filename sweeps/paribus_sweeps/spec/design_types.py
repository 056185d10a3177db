"""The design types, and the keys that each of them has of its own.

    fractional_factorial   resolution, fraction or generators
    plackett_burman        runs
    d_optimal              runs, model, interactions, keep_baseline
    settings               settings (read in `designs`)

What arithmetic shows to be impossible is refused here; what needs the list of known
fractions is refused when the design is expanded.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from paribus_sweeps.errors import did_you_mean
from paribus_sweeps.factors import Factor
from paribus_sweeps.spec.intake import Intake, at
from paribus_sweeps.spec.reading import Keys, shown

Model = Literal["main_effects", "two_factor_interactions"]

TYPES = (
    "one_factor_at_a_time",
    "full_factorial",
    "fractional_factorial",
    "plackett_burman",
    "d_optimal",
    "settings",
)
TWO_LEVEL_TYPES = ("fractional_factorial", "plackett_burman")
MODELS = ("main_effects", "two_factor_interactions")
# Multiples of 4 up to 96; for 52 and 92 no construction is known here (design/plackett_burman.py).
PLACKETT_BURMAN_RUNS = tuple(n for n in range(8, 97, 4) if n not in (52, 92))
LETTERS = "ABCDEFGHJKLMNOPQRSTUVWXYZ"  # without I, which is the mean in every textbook
MOST_GENERATORS = 16  # their products are all looked at: 65,535 words
MOST_PARAMETERS = 150  # of a d_optimal model
_MOST_SEARCH_WORK = 5_000_000  # of one start: about four seconds, which registering waits for

_WAYS = ("resolution", "fraction", "generators")
_KEYS_OF_TYPE = {
    "fractional_factorial": _WAYS,
    "plackett_burman": ("runs",),
    "d_optimal": ("runs", "model", "interactions", "keep_baseline"),
    "settings": ("settings",),
}
KEYS_OF_TYPES = tuple(dict.fromkeys(key for keys in _KEYS_OF_TYPE.values() for key in keys))
_HOW_TO_WRITE = "write generators: {cadence: batch * ratio}, with names of factors"
_FRACTION = re.compile(r"\s*1\s*/\s*([0-9]{1,9})\s*")


@dataclass(frozen=True, slots=True)
class Generator:
    """A factor that is set as the product of others, each counted -1 at its baseline and else +1.

    Generator("cadence", ("batch", "ratio"))            # cadence = batch * ratio
    Generator("cadence", ("batch", "ratio"), sign=-1)   # the other fraction
    """

    factor: str
    of: tuple[str, ...]
    """Two factors or more that are not generated themselves, in declared order."""
    sign: Literal[1, -1] = 1


def parameter_count(factors: Sequence[Factor], pairs: Iterable[tuple[str, str]]) -> int:
    """How many parameters a model has: the mean, all main effects and some interactions."""
    own = {factor.name: len(factor.levels) - 1 for factor in factors}
    return 1 + sum(own.values()) + sum(own[one] * own[other] for one, other in pairs)


def search_work(runs: int, parameters: int, levels: int) -> int:
    """How long one start of a D-optimal search takes, in numbers touched.

    Args:
        runs: Settings that are searched for.
        parameters: Of the model.
        levels: Of all factors together.
    """
    return runs * parameters * (levels + parameters)


def read_type_keys(
    keys: Keys, design_type: str, factors: tuple[Factor, ...], intake: Intake
) -> dict[str, Any]:
    """Return the fields of a `Design` that only this type has; what is wrong is noted."""
    _refuse_keys_of_others(keys, design_type)
    if design_type in TWO_LEVEL_TYPES:
        _ask_for_two_levels(keys, design_type, factors)
    if design_type == "fractional_factorial":
        return _read_fractional(keys, factors, intake)
    if design_type == "plackett_burman":
        return {"runs": _read_plackett_burman_runs(keys, factors)}
    if design_type == "d_optimal":
        return _read_d_optimal(keys, factors)
    return {}


def _refuse_keys_of_others(keys: Keys, design_type: str) -> None:
    for key in KEYS_OF_TYPES:
        if key not in keys.mapping or key in _KEYS_OF_TYPE.get(design_type, ()):
            continue
        owners = " and ".join(name for name, own in _KEYS_OF_TYPE.items() if key in own)
        if key == "settings":
            message = f"a {design_type} design makes its settings itself"
            keys.refuse("conflict", message, key, hint="type: settings lists them")
        else:
            message = f"a {design_type} design has no key {key}"
            keys.refuse("conflict", message, key, hint=f"it belongs to {owners}")


def _ask_for_two_levels(keys: Keys, design_type: str, factors: Sequence[Factor]) -> None:
    for factor in factors:
        if len(factor.levels) != 2:
            message = (
                f"{design_type} takes two levels of each factor; {factor.name} has "
                f"{len(factor.levels)} ({shown(', '.join(factor.labels))})"
            )
            hint = "name two levels, or take d_optimal, which takes any number"
            keys.refuse("two_levels", message, "factors", factor.name, "levels", hint=hint)


def _read_fractional(keys: Keys, factors: tuple[Factor, ...], intake: Intake) -> dict[str, Any]:
    given = [way for way in _WAYS if keys.mapping.get(way) is not None]
    if len(given) != 1:
        _refuse_ways(keys, given)
        return {}
    if len(factors) < 3:
        message = f"{len(factors)} of the three factors or more that a fraction needs"
        keys.refuse("too_few_factors", message, "factors", hint="type: full_factorial")
        return {}
    if given == ["resolution"]:
        return {"resolution": _read_resolution(keys, len(factors))}
    if given == ["fraction"]:
        return {"fraction": _read_fraction(keys, len(factors))}
    return {"generators": _Generators(keys, factors, intake).read()}


def _refuse_ways(keys: Keys, given: list[str]) -> None:
    if given:
        message = f"{' and '.join(given)} stand together: each of them decides the fraction"
        keys.refuse("conflict", message, given[1], hint=f"keep one of {', '.join(_WAYS)}")
    else:
        message = f"a fractional_factorial design needs one of {', '.join(_WAYS)}"
        hint = "resolution: 4 keeps main effects apart from two-factor interactions"
        keys.refuse("missing", message, "resolution", hint=hint)


def _read_resolution(keys: Keys, count: int) -> int | None:
    resolution = keys.integer("resolution", at_least=3)
    if resolution is None or resolution <= count:
        return resolution
    message = f"{resolution}: no fraction of {count} factors has a resolution above {count}"
    keys.refuse("value", message, "resolution", hint="type: full_factorial leaves nothing out")
    return None


def _read_fraction(keys: Keys, count: int) -> int | None:
    given = keys.mapping["fraction"]
    match = _FRACTION.fullmatch(given) if isinstance(given, str) else None
    denominator = int(match[1]) if match else 0
    if denominator < 2 or denominator.bit_count() != 1:
        message = f'{shown(given)}: "1/2", "1/4", "1/8" … was expected'
        keys.refuse("value", message, "fraction", hint="the denominator is a power of two")
        return None
    smallest = max(p for p in range(1, count) if count < 2 ** (count - p))
    if denominator > 2**smallest:
        message = (
            f"1/{denominator} of the {2**count:,} settings cannot hold {count} factors apart: "
            "some would always change together"
        )
        keys.refuse("value", message, "fraction", hint=f'at most "1/{2**smallest}"')
        return None
    return denominator


Place = int | str
"""Where one generator stands: its place in a list, or its key in a mapping."""


class _Generators:
    """Reads `generators`, written with factor names or with letters in declared order.

    {cadence: batch * ratio}, {D: ABC}, ["cadence = batch * ratio"], ["D = -ABC"]
    """

    def __init__(self, keys: Keys, factors: tuple[Factor, ...], intake: Intake) -> None:
        self.keys = keys
        self.names = tuple(factor.name for factor in factors)
        self.letters = dict(zip(LETTERS, self.names, strict=False))
        self.intake = intake
        self.letters_used = False

    def read(self) -> tuple[Generator, ...]:
        """Return what could be read; what could not is noted."""
        given = self._entries()
        if given is None:
            return ()
        if not given:
            self._refuse("empty", "generators is empty: nothing would be left out")
        if len(given) > MOST_GENERATORS:
            message = f"{len(given)} generators; at most {MOST_GENERATORS} are taken"
            self._refuse("value", message, hint="plackett_burman takes up to 95 factors")
            return ()
        found = [(i, g) for i, entry in given.items() if (g := self._generator(i, entry))]
        self._refuse_overlaps(found)
        if self.letters_used:
            where = at(self.keys.where, "generators")
            self.intake.warn(where, f"letters stand for the factors in order: {self._legend()}")
        return tuple(generator for _, generator in found)

    def _entries(self) -> Mapping[Place, Any] | None:
        """Place → "factor = product", whether a list or a mapping was written."""
        given = self.keys.mapping["generators"]
        if isinstance(given, Mapping):
            return {
                name: f"{name} = {product}" if isinstance(product, str) else product
                for name, product in given.items()
            }
        if isinstance(given, list | tuple):
            return dict(enumerate(given))
        message = f"{shown(given)}: a mapping of factors to products was expected"
        self._refuse("type", message, hint=_HOW_TO_WRITE)
        return None

    def _refuse(self, code: str, message: str, *parts: object, hint: str | None = None) -> None:
        self.keys.refuse(code, message, "generators", *parts, hint=hint)

    def _legend(self) -> str:
        legend = ", ".join(f"{letter} = {name}" for letter, name in self.letters.items())
        return f"{legend}; `wandb sweep` sorts the keys, so better write the names"

    def _generator(self, index: Place, entry: Any) -> Generator | None:
        sides = entry.split("=") if isinstance(entry, str) else []
        if len(sides) != 2:
            message = f"{shown(entry)}: a generator was expected"
            self._refuse("type", message, index, hint=_HOW_TO_WRITE)
            return None
        bare = [side.strip().removeprefix("-") for side in sides]
        negative = sum(side.strip().startswith("-") for side in sides) % 2
        before = len(self.keys.problems)
        left, right = (list(self._factors(index, side)) for side in bare)
        if len(self.keys.problems) > before or not self._is_sound(index, entry, left, right):
            return None
        of = tuple(name for name in self.names if name in right)
        return Generator(left[0], of, -1 if negative else 1)

    def _factors(self, index: Place, side: str) -> Iterator[str]:
        for part in (part.strip() for part in side.split("*")):
            if part in self.names:
                yield part
            elif part and all(letter in self.letters for letter in part):
                self.letters_used = True
                yield from (self.letters[letter] for letter in part)
            else:
                hint = did_you_mean(part, self.names)
                hint = hint or f"factors: {shown(', '.join(self.names))}, with * between them"
                self._refuse("unknown_factor", f"there is no factor {part!r}", index, hint=hint)

    def _is_sound(self, index: Place, entry: str, left: list[str], right: list[str]) -> bool:
        if len(left) != 1:
            message = f"{shown(entry)}: one factor was expected before the ="
            self._refuse("value", message, index)
        elif len(set(right)) < len(right) or left[0] in right:
            self._refuse("value", f"{shown(entry)}: a factor stands twice", index)
        elif len(right) < 2:
            message = f"{left[0]} and {right[0]} would always change together"
            hint = "a generator multiplies two factors or more"
            self._refuse("value", message, index, hint=hint)
        else:
            return True
        return False

    def _refuse_overlaps(self, found: list[tuple[Place, Generator]]) -> None:
        made = [generator.factor for _, generator in found]
        words: dict[tuple[str, ...], str] = {}
        for index, generator in found:
            if made.index(generator.factor) < [i for i, _ in found].index(index):
                self._refuse("value", f"{generator.factor} is generated twice", index)
            for name in generator.of:
                if name in made:
                    hint = "name only factors that are not generated"
                    self._refuse("value", f"{name} is generated itself", index, hint=hint)
            twin = words.setdefault(generator.of, generator.factor)
            if twin != generator.factor:
                message = f"{twin} and {generator.factor} would always change together"
                hint = "two factors cannot have one product"
                self._refuse("value", message, index, hint=hint)


def _read_plackett_burman_runs(keys: Keys, factors: Sequence[Factor]) -> int | None:
    runs = keys.integer("runs", at_least=1)
    needed = len(factors) + 1
    fitting = [offered for offered in PLACKETT_BURMAN_RUNS if offered >= needed]
    if not fitting:
        message = f"plackett_burman takes at most {PLACKETT_BURMAN_RUNS[-1] - 1} factors"
        keys.refuse("too_many_factors", f"{len(factors)} factors: {message}", "factors")
        return None
    runs = runs or fitting[0]
    if runs < needed:
        hint = f"{fitting[0]} at least"
        keys.refuse("too_few_runs", _too_few(runs, needed), "runs", hint=hint)
    elif runs not in PLACKETT_BURMAN_RUNS:
        hint = f"offered: {', '.join(map(str, PLACKETT_BURMAN_RUNS))}"
        keys.refuse("not_offered", f"{runs} runs: no such design is offered", "runs", hint=hint)
    elif runs > 2 ** len(factors):
        _refuse_more_than_all(keys, runs, 2 ** len(factors))
    return runs


def _too_few(runs: int, needed: int) -> str:
    return f"{runs} runs cannot estimate {needed} parameters"


def _refuse_more_than_all(keys: Keys, runs: int, settings: int) -> None:
    message = f"{runs} runs: the factors have only {settings} different settings"
    hint = "type: full_factorial runs each of them; replicates repeat them"
    keys.refuse(
        "too_many_runs", message, "runs" if "runs" in keys.mapping else "factors", hint=hint
    )


def _read_d_optimal(keys: Keys, factors: Sequence[Factor]) -> dict[str, Any]:
    before = len(keys.problems)
    model: Any = keys.choice("model", MODELS) or MODELS[0]
    interactions = tuple(_read_interactions(keys, factors, model))
    kept = _read_keep_baseline(keys, factors)
    runs = keys.integer("runs", at_least=1)
    if len(keys.problems) == before:
        names = [factor.name for factor in factors]
        pairs = interactions if model == "main_effects" else itertools.combinations(names, 2)
        _check_runs(keys, runs, parameter_count(factors, pairs), factors)
    return {"runs": runs, "model": model, "interactions": interactions, "keep_baseline": kept}


def _read_interactions(
    keys: Keys, factors: Sequence[Factor], model: Model
) -> Iterator[tuple[str, str]]:
    given = keys.list_at("interactions")
    if given and model != "main_effects":
        message = f"interactions stands beside model: {model}, which has all of them"
        keys.refuse("conflict", message, "interactions", hint="keep one of the two")
        return
    names = [factor.name for factor in factors]
    seen: set[tuple[str, ...]] = set()
    for index, entry in enumerate(given or []):
        pair = _read_pair(keys, index, entry, names)
        if pair is None:
            continue
        if pair in seen:
            message = f"the interaction {shown(entry)} stands twice"
            keys.refuse("duplicate", message, "interactions", index)
        seen.add(pair)
        yield pair


def _read_pair(keys: Keys, index: int, entry: Any, names: Sequence[str]) -> tuple[str, str] | None:
    parts = [part.strip() for part in entry.split("*")] if isinstance(entry, str) else []
    unknown = [part for part in parts if part not in names]
    if len(parts) != 2 or "" in parts or parts[0] == parts[1]:
        message = f"{shown(entry)}: two factors with * between them were expected"
        hint = f'write "{" * ".join(names[:2])}"'
        keys.refuse("type", message, "interactions", index, hint=hint)
        return None
    if unknown:
        hint = did_you_mean(unknown[0], names) or f"factors: {shown(', '.join(names))}"
        message = f"there is no factor {unknown[0]!r}"
        keys.refuse("unknown_factor", message, "interactions", index, hint=hint)
        return None
    one, other = sorted(parts, key=names.index)
    return one, other


def _read_keep_baseline(keys: Keys, factors: Sequence[Factor]) -> bool:
    given = keys.mapping.get("keep_baseline")
    if given is not None and not isinstance(given, bool):
        message = f"{shown(given)}: true or false was expected"
        keys.refuse("type", message, "keep_baseline")
        return False
    for factor in factors if given else ():
        if factor.baseline is None:
            message = f"keep_baseline needs a baseline for {factor.name}"
            hint = f"one of {', '.join(factor.labels)}"
            keys.refuse("missing", message, "factors", factor.name, hint=hint)
    return bool(given)


def _check_runs(keys: Keys, runs: int | None, needed: int, factors: Sequence[Factor]) -> None:
    settings = math.prod(len(factor.levels) for factor in factors)
    if needed > MOST_PARAMETERS:
        message = f"the model of these factors has {needed:,} parameters"
        hint = f"d_optimal takes up to {MOST_PARAMETERS}: take fewer factors or levels"
        keys.refuse("too_many_parameters", message, "factors", hint=hint)
    elif runs is None:
        message = "a d_optimal design needs runs: how many settings it may take"
        hint = f"{needed} at least: the model of these factors has {needed} parameters"
        keys.refuse("missing", message, "runs", hint=hint)
    elif runs < needed:
        message = f"{_too_few(runs, needed)} of the model"
        keys.refuse("too_few_runs", message, "runs", hint=f"{needed} at least")
    elif runs > settings:
        _refuse_more_than_all(keys, runs, settings)
    else:
        _refuse_long_search(keys, runs, needed, sum(len(factor.levels) for factor in factors))


def _refuse_long_search(keys: Keys, runs: int, needed: int, levels: int) -> None:
    most = _MOST_SEARCH_WORK // search_work(1, needed, levels)
    if runs > most:
        message = f"{runs:,} runs of {needed} parameters would be searched for too long"
        hint = f"at most {most:,} with this model; replicates repeat settings"
        if most < needed:
            hint = "take fewer factors or levels"
        keys.refuse("too_many_runs", message, "runs", hint=hint)
