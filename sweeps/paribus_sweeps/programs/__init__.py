"""Schemas of training programs: what each parameter is, and what it may be.

The shipped ones are JSON files beside this one, named `<program>.json` and
written from the program's own configuration class.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from paribus_sweeps.programs.schema import ProgramSchema

__all__ = ["ProgramSchema", "names", "shipped"]


def names() -> tuple[str, ...]:
    """Return the programs whose schema is shipped, in alphabetical order."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(f.name[:-5] for f in files if f.name.endswith(".json")))


@cache
def shipped(name: str) -> ProgramSchema | None:
    """Return the shipped schema of a program ("paribus_agent.train"), None where there is none."""
    if name not in names():
        return None
    text = resources.files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return ProgramSchema.from_json(json.loads(text), name=name)
