"""Reading one mapping of a config: take the keys that belong, note everything else.

    keys = Keys(config, "", problems)
    name = keys.text("name")
    cap = keys.integer("run_cap", at_least=1)
    keys.refuse_others(KNOWN)

Nothing raises here: problems are collected, so that one answer names them all.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from paribus_sweeps.errors import Problem, did_you_mean, pointer


def is_number(value: Any) -> bool:
    """Whether `value` is an int or a float; booleans are not numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: Any) -> bool:
    """Whether `value` is a whole number that was written as one; True is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def shown(value: Any) -> str:
    """`value` as a person wrote it, short enough for a sentence."""
    text = {True: "true", False: "false", None: "null"}.get(value) if _is_word(value) else None
    text = text or repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


class Keys:
    """One mapping of the config, its place, and where problems go."""

    def __init__(self, mapping: Mapping[str, Any], where: str, problems: list[Problem]) -> None:
        self.mapping = mapping
        self.where = where
        self.problems = problems

    def refuse(self, code: str, message: str, *parts: object, hint: str | None = None) -> None:
        """Note a problem with this mapping, or with what stands at `parts` in it."""
        self.problems.append(Problem(self.where + pointer(*parts), code, message, hint))

    def text(self, key: str) -> str | None:
        """Return the text at `key`, None where it is absent, null or refused."""
        value = self.mapping.get(key)
        if value is None or (isinstance(value, str) and value.strip()):
            return value
        self.refuse("type", f"{shown(value)}: a text was expected", key, hint="quote it")
        return None

    def number(self, key: str) -> float | int | None:
        """Return the number at `key`, None where it is absent or refused."""
        if key not in self.mapping or is_number(self.mapping[key]):
            return self.mapping.get(key)
        self.refuse("type", f"{shown(self.mapping[key])}: a number was expected", key)
        return None

    def integer(self, key: str, *, at_least: int) -> int | None:
        """Return the whole number at `key`, None where it is absent, null or refused."""
        value = self.mapping.get(key)
        if value is None:
            return None
        if is_integer(value) and value >= at_least:
            return int(value)
        expected = f"a whole number of at least {at_least} was expected"
        self.refuse("value", f"{shown(value)}: {expected}", key)
        return None

    def choice(self, key: str, among: Collection[str]) -> str | None:
        """Return the word at `key`, one of `among`; None where it is absent or refused."""
        value = self.mapping.get(key)
        if value is None or (isinstance(value, str) and value in among):
            return value
        expected = f"one of {', '.join(among)} was expected"
        hint = did_you_mean(value, among) if isinstance(value, str) else "quote it"
        self.refuse("value", f"{shown(value)}: {expected}", key, hint=hint)
        return None

    def mapping_at(self, key: str) -> Mapping[str, Any] | None:
        """Return the mapping at `key`, None where it is absent, null or refused."""
        value = self.mapping.get(key)
        if value is None or isinstance(value, Mapping):
            return value
        self.refuse("type", f"{shown(value)}: a mapping of keys was expected", key)
        return None

    def list_at(self, key: str) -> list[Any] | None:
        """Return the list at `key`, None where it is absent, null or refused."""
        value = self.mapping.get(key)
        if value is None or isinstance(value, list | tuple):
            return None if value is None else list(value)
        self.refuse("type", f"{shown(value)}: a list was expected", key)
        return None

    def refuse_others(self, known: Collection[str], what: str = "key") -> None:
        """Note every key that is not among `known`, with the nearest that is."""
        for key in self.mapping:
            if key not in known:
                hint = did_you_mean(key, known) or f"known: {', '.join(sorted(known))}"
                self.refuse("unknown_key", f"there is no {what} {key!r}", key, hint=hint)
