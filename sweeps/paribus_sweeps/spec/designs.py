"""The `design` key: which factors move, in which pattern, and how often it is repeated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from paribus_sweeps.errors import Problem, did_you_mean
from paribus_sweeps.factors import Factor, Level, level_label
from paribus_sweeps.spec.design_types import (
    KEYS_OF_TYPES,
    TYPES,
    Generator,
    Model,
    read_type_keys,
)
from paribus_sweeps.spec.intake import Intake, at
from paribus_sweeps.spec.reading import Keys, shown

BLOCKS = ("gpu_name", "host", "software", "wave")
DEFAULT_BLOCKS = ("gpu_name",)
# The closed list of curve features a response may name (METHOD 9); computing them is analysis.
FEATURES = (
    "last",
    "min",
    "max",
    "roughness",
    "max_drawup",
    "noise_sd",
    "log_sd",
    "rise_after_minimum",
    "rate",
)
KEYS = (
    "type",
    "factors",
    "forbid",
    "replicates",
    "blocks",
    "responses",
    "smallest_effect",
    *KEYS_OF_TYPES,
)
_FACTOR_KEYS = ("baseline", "levels")
_FEATURE_OF_KEY = re.compile(r"\s*([A-Za-z_]\w*)\(([^()]+)\)\s*")


@dataclass(frozen=True, slots=True)
class Design:
    """A design as it was declared, before it is expanded into trials."""

    type: str
    factors: tuple[Factor, ...]
    settings: tuple[Mapping[str, str], ...] = ()
    """Of type "settings": factor → label, complete."""
    forbid: tuple[Mapping[str, frozenset[str]], ...] = ()
    """A setting is left out when, for one entry, each named factor is at one of the labels."""
    replicates: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Key → its values; several keys are crossed."""
    blocks: tuple[str, ...] = DEFAULT_BLOCKS
    responses: tuple[str, ...] = ()
    smallest_effect: float | None = None
    """In the response's own unit: below it, a difference does not matter (METHOD 8.1)."""
    resolution: int | None = None
    """Of type "fractional_factorial", which has one of the three: what it must at least have."""
    fraction: int | None = None
    """Of type "fractional_factorial": 4 for a quarter of all settings."""
    generators: tuple[Generator, ...] = ()
    """Of type "fractional_factorial"."""
    runs: int | None = None
    """Of types "plackett_burman" and "d_optimal": how many settings."""
    model: Model = "main_effects"
    """Of type "d_optimal": what its runs must be able to estimate."""
    interactions: tuple[tuple[str, str], ...] = ()
    """Of type "d_optimal": those that must be estimable beside the main effects."""
    keep_baseline: bool = False
    """Of type "d_optimal": the setting of all baselines is one of its runs."""

    def interactions_of_model(self) -> tuple[tuple[str, str], ...]:
        """Pairs of factors, in declared order, that the model of a "d_optimal" design has."""
        if self.model == "main_effects":
            return self.interactions
        return tuple(combinations((factor.name for factor in self.factors), 2))


def read_design(
    mapping: Mapping[str, Any], where: str, intake: Intake, fixed: Mapping[str, str]
) -> Design | None:
    """Return the design, or None where problems were noted.

    Args:
        mapping: What stands at `design`.
        where: Pointer to it.
        intake: Takes the values in.
        fixed: Keys that `parameters` holds fixed → where they stand.
    """
    before = len(intake.problems)
    keys = Keys(mapping, where, intake.problems)
    keys.refuse_others(KEYS, "key of a design")
    design_type = _read_type(keys)
    owners = dict(fixed)
    factors = tuple(_read_factors(keys, intake, owners))
    replicates = _read_replicates(keys, intake, owners)
    if len(intake.problems) > before or design_type is None:
        return None
    if design_type == "one_factor_at_a_time":
        _ask_for_baselines(keys, factors)
    design = Design(
        type=design_type,
        factors=factors,
        settings=_read_settings(keys, factors, design_type),
        forbid=_read_forbid(keys, factors),
        replicates=replicates,
        blocks=_read_blocks(keys),
        responses=tuple(_read_responses(keys)),
        smallest_effect=_read_smallest_effect(keys),
        **read_type_keys(keys, design_type, factors, intake),
    )
    return design if len(intake.problems) == before else None


def _read_type(keys: Keys) -> str | None:
    if keys.mapping.get("type") is None:
        keys.refuse("missing", f"a design needs a type: {', '.join(TYPES)}", "type")
    return keys.choice("type", TYPES)


def _read_factors(keys: Keys, intake: Intake, owners: dict[str, str]) -> Iterator[Factor]:
    factors = keys.mapping_at("factors")
    if not factors:
        if "factors" not in keys.mapping or not keys.mapping["factors"]:
            keys.refuse("empty", "the design has no factors: nothing would change", "factors")
        return
    where = at(keys.where, "factors")
    for name, entry in factors.items():
        if not isinstance(entry, Mapping):
            hint = f"write {name}: {{baseline: …, levels: […]}}"
            message = f"{shown(entry)}: a mapping with levels was expected"
            intake.problems.append(Problem(at(where, name), "type", message, hint))
            continue
        inner = Keys(entry, at(where, name), intake.problems)
        inner.refuse_others(_FACTOR_KEYS, "key of a factor")
        levels = _read_levels(name, inner, intake)
        if levels is not None and _owns_keys(name, levels, inner, owners):
            yield Factor(name, _keys_of(levels), levels, _read_baseline(inner, levels, intake))


def _keys_of(levels: tuple[Level, ...]) -> tuple[str, ...]:
    return tuple(levels[0].values)


def _read_levels(name: str, keys: Keys, intake: Intake) -> tuple[Level, ...] | None:
    given = keys.mapping.get("levels")
    if not given and not isinstance(given, str | int | float | bool):
        keys.refuse("empty", f"factor {name} has no levels", "levels")
        return None
    before = len(intake.problems)
    if isinstance(given, Mapping):
        levels = _bundle_levels(name, given, keys, intake)
    elif isinstance(given, list | tuple):
        levels = _plain_levels(name, given, keys, intake)
    else:
        hint = "write levels: [a, b], or a mapping of names for a bundle"
        keys.refuse("type", f"{shown(given)}: a list of levels was expected", "levels", hint=hint)
        return None
    if len(intake.problems) > before:
        return None
    if len(levels) == 1:
        intake.warn(at(keys.where, "levels"), f"factor {name} has one level: it will not vary")
    return levels


def _plain_levels(
    name: str, given: list[Any] | tuple[Any, ...], keys: Keys, intake: Intake
) -> tuple[Level, ...]:
    if not intake.key(name, keys.where):
        return ()
    where = at(keys.where, "levels")
    values = [intake.value(name, value, at(where, index)) for index, value in enumerate(given)]
    return tuple(Level(label, {name: value}) for label, value in labelled(values, where, intake))


def labelled(values: list[Any], where: str, intake: Intake) -> list[tuple[str, Any]]:
    """Return the values with their labels, each once; a value that stands twice is a problem.

    The text "32" beside the number 32 is another level, and its label is quoted (METHOD 13).
    """
    found: dict[str, Any] = {}
    for index, value in enumerate(values):
        label = level_label(value)
        if label in found and isinstance(value, str) != isinstance(found[label], str):
            intake.warn(at(where, index), f"the text and the number {label} are two levels")
            label = f'"{label}"' if isinstance(value, str) else f"number {label}"
        if label in found:
            message = f"the level {label} stands twice"
            intake.problems.append(Problem(at(where, index), "duplicate_level", message))
        found.setdefault(label, value)
    return list(found.items())


def _bundle_levels(
    name: str, given: Mapping[str, Any], keys: Keys, intake: Intake
) -> tuple[Level, ...]:
    where = at(keys.where, "levels")
    levels = []
    for label, values in given.items():
        if not isinstance(values, Mapping) or not values:
            message = f"{shown(values)}: a level of a bundle is a mapping of keys to values"
            intake.problems.append(Problem(at(where, label), "type", message))
            continue
        taken = {
            key: intake.value(key, value, at(where, label, key))
            for key, value in values.items()
            if intake.key(key, at(where, label, key))
        }
        levels.append(Level(label, taken))
    _check_bundle(name, levels, where, intake)
    return tuple(levels)


def _check_bundle(name: str, levels: list[Level], where: str, intake: Intake) -> None:
    """Every level sets the same keys, and no two set the same values."""
    seen: dict[str, str] = {}
    for level in levels:
        first = levels[0]
        if set(level.values) != set(first.values):
            odd = ", ".join(sorted(set(level.values) ^ set(first.values)))
            message = f"levels {first.label} and {level.label} of bundle {name} differ in keys"
            intake.problems.append(
                Problem(at(where, level.label), "bundle_keys", f"{message}: {odd}")
            )
        twin = seen.setdefault(level_label(dict(level.values)), level.label)
        if twin != level.label:
            message = f"levels {twin} and {level.label} of bundle {name} set the same values"
            intake.problems.append(Problem(at(where, level.label), "duplicate_level", message))


def _owns_keys(name: str, levels: tuple[Level, ...], keys: Keys, owners: dict[str, str]) -> bool:
    """Whether the factor's keys stand nowhere else; they are noted as its own."""
    clean = True
    for key in _keys_of(levels):
        if key in owners:
            message = f"{key} is set by factor {name} and stands at {owners[key]} too"
            keys.refuse("key_elsewhere", message, hint="a key moves in one place only")
            clean = False
        owners.setdefault(key, keys.where)
    return clean


def _read_baseline(keys: Keys, levels: tuple[Level, ...], intake: Intake) -> str | None:
    if "baseline" not in keys.mapping:
        return None
    given = keys.mapping["baseline"]
    label = _label_among(levels, given, intake)
    if label is None:
        known = ", ".join(level.label for level in levels)
        hint = did_you_mean(str(given), [level.label for level in levels])
        message = f"baseline {shown(given)} is none of the levels: {known}"
        keys.refuse("unknown_level", message, "baseline", hint=hint)
    return label


def _label_among(levels: tuple[Level, ...], given: Any, intake: Intake | None) -> str | None:
    """Return the label of the level that `given` means, spelt as a level or as its label."""
    first = levels[0]
    if intake and len(first.values) == 1 and intake.program:
        given = intake.program.take(next(iter(first.values)), given).value
    matches = [
        level
        for level in levels
        if level_label(given) == level.label
        or (len(level.values) == 1 and _equal(given, next(iter(level.values.values()))))
    ]
    exact = [level for level in matches if _equal(given, next(iter(level.values.values())))]
    chosen = exact or matches
    return chosen[0].label if chosen else None


def _equal(one: Any, other: Any) -> bool:
    return isinstance(one, str) == isinstance(other, str) and level_label(one) == level_label(
        other
    )


def _read_replicates(
    keys: Keys, intake: Intake, owners: dict[str, str]
) -> dict[str, tuple[Any, ...]]:
    given = keys.mapping_at("replicates") or {}
    where = at(keys.where, "replicates")
    inner = Keys(given, where, intake.problems)
    replicates: dict[str, tuple[Any, ...]] = {}
    for key in given:
        listed = inner.list_at(key)
        if listed == [] or given[key] is None:
            inner.refuse("empty", f"replicates over {key} have no values", key)
        elif listed and intake.key(key, at(where, key)):
            values = [
                intake.value(key, value, at(where, key, i)) for i, value in enumerate(listed)
            ]
            replicates[key] = tuple(v for _, v in labelled(values, at(where, key), intake))
        if key in owners:
            message = f"{key} is a replicate key and stands at {owners[key]} too"
            inner.refuse("key_elsewhere", message, key)
        owners.setdefault(key, where)
    return replicates


def _ask_for_baselines(keys: Keys, factors: tuple[Factor, ...]) -> None:
    for factor in factors:
        if factor.baseline is None:
            message = f"one_factor_at_a_time needs a baseline for {factor.name}"
            hint = f"one of {', '.join(factor.labels)}"
            keys.refuse("missing", message, "factors", factor.name, hint=hint)


def _read_settings(
    keys: Keys, factors: tuple[Factor, ...], design_type: str
) -> tuple[Mapping[str, str], ...]:
    if design_type != "settings":
        return ()
    given = keys.list_at("settings")
    if not given:
        keys.refuse("empty", "a design of type settings lists its settings", "settings")
        return ()
    return tuple(_distinct_settings(keys, given, factors))


def _distinct_settings(
    keys: Keys, given: list[Any], factors: tuple[Factor, ...]
) -> Iterator[Mapping[str, str]]:
    seen: set[tuple[str, ...]] = set()
    for index, entry in enumerate(given):
        setting = _complete_setting(keys, index, entry, factors)
        if setting is None:
            continue
        labels = tuple(setting.values())
        if labels in seen:
            keys.refuse("duplicate_setting", "this setting stands twice", "settings", index)
        seen.add(labels)
        yield setting


def _complete_setting(
    keys: Keys, index: int, entry: Any, factors: tuple[Factor, ...]
) -> dict[str, str] | None:
    if not isinstance(entry, Mapping):
        message = f"{shown(entry)}: a setting maps factors to levels"
        keys.refuse("type", message, "settings", index)
        return None
    chosen = _read_assignment(keys, ("settings", index), entry, factors, several=False)
    setting = {}
    for factor in factors:
        if factor.name in chosen:
            setting[factor.name] = next(iter(chosen[factor.name]))
        elif factor.baseline is not None and factor.name not in entry:
            setting[factor.name] = factor.baseline
        elif factor.name not in entry:
            message = f"the setting names no level of {factor.name}, which has no baseline"
            keys.refuse("missing", message, "settings", index)
    return setting if len(setting) == len(factors) else None


def _read_forbid(
    keys: Keys, factors: tuple[Factor, ...]
) -> tuple[Mapping[str, frozenset[str]], ...]:
    forbidden = []
    for index, entry in enumerate(keys.list_at("forbid") or []):
        if not isinstance(entry, Mapping) or not entry:
            message = f"{shown(entry)}: a forbidden combination maps factors to levels"
            keys.refuse("type", message, "forbid", index)
            continue
        forbidden.append(_read_assignment(keys, ("forbid", index), entry, factors, several=True))
    return tuple(forbidden)


def _read_assignment(
    keys: Keys,
    place: tuple[object, ...],
    entry: Mapping[str, Any],
    factors: tuple[Factor, ...],
    *,
    several: bool,
) -> dict[str, frozenset[str]]:
    """Factor → labels that `entry` names; unknown factors and levels are refused."""
    by_name = {factor.name: factor for factor in factors}
    chosen: dict[str, frozenset[str]] = {}
    for name, given in entry.items():
        factor = by_name.get(name)
        if factor is None:
            hint = did_you_mean(name, by_name) or f"factors: {', '.join(by_name)}"
            keys.refuse("unknown_factor", f"there is no factor {name!r}", *place, name, hint=hint)
            continue
        wanted = given if several and isinstance(given, list | tuple) else [given]
        labels = [_known_label(keys, (*place, name), factor, value) for value in wanted]
        if labels and None not in labels:
            chosen[name] = frozenset(label for label in labels if label)
    return chosen


def _known_label(keys: Keys, place: tuple[object, ...], factor: Factor, given: Any) -> str | None:
    label = _label_among(factor.levels, given, None)
    if label is None:
        message = f"factor {factor.name} has no level {shown(given)}"
        hint = did_you_mean(str(given), factor.labels) or f"levels: {', '.join(factor.labels)}"
        keys.refuse("unknown_level", message, *place, hint=hint)
    return label


def _read_blocks(keys: Keys) -> tuple[str, ...]:
    given = keys.list_at("blocks")
    if given is None:
        return DEFAULT_BLOCKS
    for index, block in enumerate(given):
        if block not in BLOCKS:
            hint = did_you_mean(str(block), BLOCKS) or f"known: {', '.join(BLOCKS)}"
            keys.refuse("unknown_block", f"{shown(block)} is no block", "blocks", index, hint=hint)
    return tuple(dict.fromkeys(str(block) for block in given))


def _read_responses(keys: Keys) -> Iterator[str]:
    for index, response in enumerate(keys.list_at("responses") or []):
        if not isinstance(response, str) or not response.strip():
            message = f"{shown(response)}: a response is a summary key or feature(key)"
            keys.refuse("type", message, "responses", index)
            continue
        feature = _FEATURE_OF_KEY.fullmatch(response)
        if feature and feature[1] not in FEATURES:
            hint = did_you_mean(feature[1], FEATURES) or f"known: {', '.join(FEATURES)}"
            message = f"there is no curve feature {feature[1]!r}"
            keys.refuse("unknown_feature", message, "responses", index, hint=hint)
        yield response.strip()


def _read_smallest_effect(keys: Keys) -> float | None:
    number = keys.number("smallest_effect")
    if number is not None and number <= 0:
        message = f"{number}: the smallest effect that matters is above 0"
        keys.refuse("range", message, "smallest_effect")
    return None if number is None else float(number)
