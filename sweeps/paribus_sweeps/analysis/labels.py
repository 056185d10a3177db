"""Labels of the values that runs hold: equal values share one, a text and a number never do.

    labelled([32, 32.0, "32"])   # (["number 32", "number 32", "32"], {"32": "number 32"})

32 and 32.0 are one level, 2e-5 and 0.00002 too. The text "32" joins them only where something
says that the values are numbers; else it is a level of its own, and a notice says so.

Source: METHOD 13.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from paribus_sweeps.factors import level_label

MOST_LEVELS_OF_A_NUMBER = 5  # METHOD 1: more distinct numbers are taken as numbers


def number_of(value: Any) -> float | None:
    """Return the finite number that a value is, or None: a text is none, nor is true."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:  # an integer beyond every float is a name
        return None
    return number if math.isfinite(number) else None


def number_in(value: Any) -> float | None:
    """Return the finite number that a value is or, as a text, reads as; None without one."""
    if not isinstance(value, str):
        return number_of(value)
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def labels_of(values: Iterable[Any]) -> list[str]:
    """Return the label of each value; those of equal values are worked out once."""
    known: dict[tuple[type, Any], str] = {}
    labels = []
    for value in values:
        if isinstance(value, str):
            labels.append(value)
        elif isinstance(value, int | float):
            kind = (type(value), value)
            if kind not in known:
                known[kind] = level_label(value)
            labels.append(known[kind])
        else:
            labels.append(level_label(value))
    return labels


def labelled(values: Sequence[Any]) -> tuple[list[str], dict[str, str]]:
    """Return the label of each value, and text → what an equally written other value is called.

    The text "32" keeps its label, and the number beside it becomes `number 32`.
    """
    labels = labels_of(values)
    texts = {value for value in values if isinstance(value, str)}
    both: dict[str, str] = {}
    for at, (value, label) in enumerate(zip(values, labels, strict=True)):
        if label in texts and not isinstance(value, str):
            labels[at] = both[label] = beside_a_text(value, label)
    return labels, both


def beside_a_text(value: Any, label: str) -> str:
    """Return what a value that is no text is called where a text has its label."""
    return f"{'number' if number_of(value) is not None else 'value'} {label}"


def both_sentence(key: str, text: str, other: str) -> str:
    """Say that a text and another value were kept apart."""
    return (
        f"`{key}` is the {other} in some runs and the text {text} in others: they are two "
        f"levels, `{other}` and `{text}`."
    )
