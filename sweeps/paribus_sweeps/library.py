"""The shipped sweeps: find, load and list them.

Each is one YAML file in `library/` that opens with the question it answers, what
it costs, and the line that runs it. A name that ends in "-demo" is the same
question with BERT-tiny and few reviews: a laptop finishes it in minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from paribus_sweeps.errors import UnknownSweepName
from paribus_sweeps.spec import read_config

# A package directory would be a module of this name too: files are found from the package's root.
_FOLDER = resources.files("paribus_sweeps") / "library"


@dataclass(frozen=True, slots=True)
class LibraryEntry:
    """One shipped sweep."""

    name: str
    question: str
    """What it answers, as a sentence that ends in a question mark."""
    cost: str
    """What it takes: trials, and what a trial is made of."""
    text: str
    """The file as it is, comments included."""
    config: Mapping[str, Any]


def names() -> tuple[str, ...]:
    """Return the names of the shipped sweeps, in alphabetical order."""
    return tuple(sorted(f.name[:-5] for f in _FOLDER.iterdir() if f.name.endswith(".yaml")))


def load(name: str) -> LibraryEntry:
    """Return the shipped sweep of this name.

    Raises:
        UnknownSweepName: With the names that come close.
    """
    known = names()
    if name not in known:
        raise UnknownSweepName(name, known)
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    question, cost = _opening(text)
    return LibraryEntry(name, question, cost, text, read_config(text))


def _opening(text: str) -> tuple[str, str]:
    """Question and cost, from the comment on top: up to the "?", and from there to "Run:"."""
    comment, _, _ = text.partition("# Run:")
    words = comment.replace("#", " ").split()
    question, _, cost = " ".join(words).partition("?")
    return f"{question}?", cost.strip()
