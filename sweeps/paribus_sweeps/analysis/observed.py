"""What was studied, where no sweep says so: the config keys that vary among the runs.

    found = observe({"r1": {"batch": 8, "seed": 0}, "r2": {"batch": 64, "seed": 0}})
    found.factors                            # batch, with the levels 8 and 64
    observe(configs, asked=["batch", "cadence"], ignore=["weight_decay"])

A key that says where and how a run was executed is no factor unless it is asked for, by its
own name or by the name of its class: then the class is one factor, and its levels are the
combinations that occur. What each class holds stands in `execution_keys`. A key that decides
another is a factor beside it: the gate says that the two cannot be told apart.

Source: METHOD 0 (lurking factors), 1 and 13 (levels); DESIGN 6, "Existing projects count too".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paribus_sweeps.analysis.execution_keys import (
    EXECUTION_KEYS,
    LURKING_CLASSES,
    REPLICATE_KEYS,
    class_of,
)
from paribus_sweeps.analysis.labels import (
    MOST_LEVELS_OF_A_NUMBER,
    both_sentence,
    labelled,
    labels_of,
    number_of,
)
from paribus_sweeps.design.confounding import UNSET
from paribus_sweeps.factors import Factor, Level, level_label

MANY_FACTORS = 50  # beyond it, an answer over all of them is too long to be read

_NOT_A_SETTING = ("_wandb", "wandb_version")
_RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Observed:
    """What varied among runs, sorted out."""

    factors: tuple[Factor, ...]
    """Keys that were asked for in the order of asking, then the other ones by name."""
    settings: Mapping[str, Mapping[str, str]]
    """Run → factor → label; `<unset>` where the run's config lacks the key."""
    replicates: Mapping[str, Mapping[str, Any]]
    """Run → what tells it from repetitions of its setting."""
    lurking: tuple[str, ...]
    """Keys that varied, are no factors and could matter."""
    seen: Mapping[str, Mapping[str, str]]
    """Run → lurking key → label."""
    along: Mapping[str, Mapping[str, float | str]]
    """Run → what it recorded of itself and nobody set."""
    held: Mapping[str, Any]
    """Settings that all runs share: key → value."""
    classes: Mapping[str, tuple[str, ...]]
    """Class → its keys that vary here, whether or not they are factors."""
    notices: tuple[str, ...]

    @property
    def numeric(self) -> tuple[str, ...]:
        """Factors with so many distinct numbers that they are taken as numbers."""
        return tuple(factor.name for factor in self.factors if factor.kind == "continuous")


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested config with dotted keys; lists, and mappings that are empty, stay values."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{path}.")
        else:
            found[path] = value
    return found


def observe(
    configs: Mapping[str, Mapping[str, Any]],
    *,
    asked: Sequence[str] = (),
    ignore: Iterable[str] = (),
) -> Observed:
    """Sort out what varied among runs.

    Args:
        configs: Run → its flat config (`flat`); finished or not: what was planned varies too.
        asked: Keys and classes that are factors whatever else they are.
        ignore: Keys and classes that are left out altogether.
    """
    return _Observing(configs, tuple(asked), frozenset(ignore)).observed()


class _Observing:
    """One project's configs, sorted out."""

    def __init__(
        self,
        configs: Mapping[str, Mapping[str, Any]],
        asked: tuple[str, ...],
        ignore: frozenset[str],
    ) -> None:
        self.configs = configs
        self.asked = tuple(dict.fromkeys(asked))
        self.columns = _columns(configs)
        self.class_by_key = {key: class_of(key) for key in self.columns}
        self.ignored = {key for key in self.columns if {key, self.class_by_key[key]} & ignore}
        self.varying = [
            key
            for key in sorted(self.columns)
            if key not in self.ignored and _varies(self.columns[key], len(configs))
        ]
        self.notices: list[str] = []
        self._labelled: dict[str, dict[str, str]] = {}

    def observed(self) -> Observed:
        plain = [key for key in self.varying if self._is_setting(key)]
        chosen = [*self.asked, *(key for key in plain if key not in self._covered())]
        factors = [self._factor(name) for name in chosen if self._keys(name)]
        taken = {key for factor in factors for key in factor.keys}
        replicates = [key for key in REPLICATE_KEYS if key in self.columns and key not in taken]
        lurking = [key for key in self.varying if key not in taken and self._lurks(key)]
        self._say_many(factors)
        return Observed(
            factors=tuple(factors),
            settings=self._settings(factors),
            replicates=self._held_by_run(replicates),
            lurking=tuple(lurking),
            seen={
                run: {key: level_label(value) for key, value in held.items()}
                for run, held in self._held_by_run(lurking).items()
            },
            along=self._along(),
            held=self._constants(),
            classes=self._classes(),
            notices=tuple(self.notices),
        )

    # which key is what

    def _is_setting(self, key: str) -> bool:
        if key in REPLICATE_KEYS or self.class_by_key[key] is not None:
            return False
        return not self._is_a_name(key)

    def _is_a_name(self, key: str) -> bool:
        """Whether every run holds a text of its own: a name by another name."""
        values = self.columns[key].values()
        texts = {value for value in values if isinstance(value, str)}
        own = len(texts) == len(self.configs) > MOST_LEVELS_OF_A_NUMBER
        if own and key not in self.asked:
            self._say(f"`{key}` is another text in every run: taken for a name, and left out.")
        return own

    def _lurks(self, key: str) -> bool:
        distinct = len(set(labels_of(self.columns[key].values())))
        return self.class_by_key[key] in LURKING_CLASSES and distinct < len(self.configs)

    def _covered(self) -> set[str]:
        return {key for name in self.asked for key in self._keys(name)}

    def _keys(self, name: str) -> tuple[str, ...]:
        """Return the keys of a factor: its own, or those of its class that vary."""
        if name in self.columns:
            return () if name in self.ignored else (name,)
        own = [key for key in sorted(self.columns) if self.class_by_key[key] == name]
        own = [key for key in own if key not in self.ignored and key not in self.asked]
        return tuple(key for key in own if key in self.varying) or tuple(own)

    def _classes(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in EXECUTION_KEYS:
            keys = tuple(key for key in self.varying if self.class_by_key[key] == name)
            found |= {name: keys} if keys else {}
        return found

    # levels

    def _factor(self, name: str) -> Factor:
        keys = self._keys(name)
        if keys != (name,):
            return self._bundle(name, keys)
        values, labels = self.columns[name], self._labels(name)
        self._say_missing(name, len(values))
        if _is_numeric(values.values()):
            return Factor(name, keys, (), kind="continuous")
        levels = {label: Level(label, {name: values[run]}) for run, label in labels.items()}
        return Factor(name, keys, tuple(levels[label] for label in _in_order(levels)))

    def _labels(self, key: str) -> dict[str, str]:
        """Return run → label; the text "32" and the number 32 are two levels (METHOD 13)."""
        if key not in self._labelled:
            values = self.columns[key]
            labels, both = labelled(list(values.values()))
            for text, other in both.items():
                self._say(both_sentence(key, text, other))
            self._labelled[key] = dict(zip(values, labels, strict=True))
        return self._labelled[key]

    def _bundle(self, name: str, keys: tuple[str, ...]) -> Factor:
        found: dict[str, Level] = {}
        for config in self.configs.values():
            label = _combination(keys, config)
            held = {key: config[key] for key in keys if key in config}
            found.setdefault(label, Level(label, held))
        return Factor(name, keys, tuple(found[label] for label in sorted(found)))

    def _settings(self, factors: Sequence[Factor]) -> dict[str, dict[str, str]]:
        settings: dict[str, dict[str, str]] = {run: {} for run in self.configs}
        for factor in factors:
            is_bundle = factor.keys != (factor.name,)
            labels = {} if is_bundle else self._labels(factor.name)
            for run, config in self.configs.items():
                own = _combination(factor.keys, config) if is_bundle else labels.get(run, UNSET)
                settings[run][factor.name] = own
        return settings

    # what stands beside the factors

    def _held_by_run(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {
            run: {key: config[key] for key in keys if key in config}
            for run, config in self.configs.items()
        }

    def _along(self) -> dict[str, dict[str, float | str]]:
        keys = [key for key in self.varying if self.class_by_key[key] == _RECORDED]
        return {
            run: {key: _plain(value) for key, value in held.items() if value is not None}
            for run, held in self._held_by_run(keys).items()
        }

    def _constants(self) -> dict[str, Any]:
        return {
            key: _json(next(iter(values.values())))
            for key, values in sorted(self.columns.items())
            if self.class_by_key[key] is None
            and key not in self.ignored
            and not _varies(values, len(self.configs))
        }

    # what is to be known of it

    def _say_missing(self, key: str, holding: int) -> None:
        missing = len(self.configs) - holding
        if missing:
            runs = "run has" if missing == 1 else "runs have"
            self._say(f"{missing} {runs} no `{key}`: that is a level of its own, `{UNSET}`.")

    def _say_many(self, factors: Sequence[Factor]) -> None:
        if len(factors) > MANY_FACTORS and not self.asked:
            self._say(
                f"{len(factors)} keys vary among these runs, and each is a factor: name those "
                "you ask about with `factors`, and leave others out with `ignore`."
            )

    def _say(self, sentence: str) -> None:
        self.notices.append(sentence)


def _columns(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return key → run → value, of the runs that hold it."""
    columns: dict[str, dict[str, Any]] = {}
    for run in sorted(configs):
        for key, value in configs[run].items():
            if key in columns:
                columns[key][run] = value
            elif key.partition(".")[0] not in _NOT_A_SETTING:
                columns[key] = {run: value}
    return columns


def _varies(values: Mapping[str, Any], runs: int) -> bool:
    if 0 < len(values) < runs:
        return True
    held = iter(values.values())
    first = next(held)
    kind = type(first)
    # most values are the first one again, and labels take time
    return any(
        not (value == first and type(value) is kind) and not _same(value, first) for value in held
    )


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, str) or isinstance(other, str):
        return bool(value == other)
    return level_label(value) == level_label(other)


def _is_numeric(values: Iterable[Any]) -> bool:
    numbers = [number_of(value) for value in values]
    if None in numbers:
        return False
    return len(set(labels_of(numbers))) > MOST_LEVELS_OF_A_NUMBER


def _in_order(levels: Mapping[str, Level]) -> list[str]:
    """Sort labels: numbers by value, then all else by label."""

    def order(label: str) -> tuple[bool, float, str]:
        [value] = levels[label].values.values()
        number = number_of(value)
        return (number is None, number or 0.0, label)

    return sorted(levels, key=order)


def _combination(keys: Sequence[str], config: Mapping[str, Any]) -> str:
    held = (level_label(config[key]) if key in config else UNSET for key in keys)
    return " ".join(f"{key}={label}" for key, label in zip(keys, held, strict=True))


def _plain(value: Any) -> float | str:
    number = number_of(value)
    return level_label(value) if number is None else number


def _json(value: Any) -> Any:
    """Return a value that JSON can hold: NaN and the infinities by their label."""
    if isinstance(value, float) and not math.isfinite(value):
        return level_label(value)
    return value
