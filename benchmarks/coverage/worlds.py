"""Made-up experiments whose truth is known: layouts of runs, and responses drawn for them."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

import numpy as np

from paribus_sweeps.design.table import Floats, Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run


def words(name: str) -> np.random.Generator:
    """Random numbers that the name of a row decides, and nothing else."""
    return np.random.default_rng(int.from_bytes(sha256(name.encode()).digest()[:8], "big"))


def factor(name: str, labels: Iterable[str], baseline: str | None = None) -> Factor:
    levels = tuple(Level(label, {name: label}) for label in labels)
    return Factor(name, (name,), levels, baseline=baseline)


@dataclass(frozen=True)
class World:
    """A layout that stays, while responses are drawn again and again."""

    table: Table
    settings: tuple[Mapping[str, str], ...]
    """Of each run: factors, blocks and seed."""

    @classmethod
    def of(
        cls, settings: Sequence[Mapping[str, str]], factors: Sequence[Factor], **more: Any
    ) -> "World":
        blocks = [*more.get("blocks", ()), *more.get("lurking", ())]
        runs = [
            Run(
                id=f"r{at:04d}",
                value=0.0,
                setting={f.name: setting[f.name] for f in factors},
                blocks={name: setting[name] for name in blocks},
                replicate={"seed": setting["seed"]} if "seed" in setting else {},
            )
            for at, setting in enumerate(settings)
        ]
        return cls(Table.from_runs(runs, factors, **more), tuple(settings))

    @classmethod
    def crossed(cls, factors: Sequence[Factor], seeds: int, **more: Any) -> "World":
        """Every combination of levels, with so many seeds each."""
        names = [f.name for f in factors]
        cells = itertools.product(*(f.labels for f in factors), map(str, range(seeds)))
        settings = [dict(zip([*names, "seed"], cell, strict=True)) for cell in cells]
        return cls.of(settings, factors, **more)

    def __len__(self) -> int:
        return len(self.settings)

    def at(self, **levels: str) -> Floats:
        """1 for each run at these levels, else 0."""
        return np.array([float(levels.items() <= s.items()) for s in self.settings])

    def shared(self, draw: Floats, name: str = "seed") -> Floats:
        """For each run, the number of its seed (or other column)."""
        places = {
            label: at for at, label in enumerate(dict.fromkeys(s[name] for s in self.settings))
        }
        return draw[[places[s[name]] for s in self.settings]]

    def drawn(self, values: Floats, crashed: Any = None) -> Table:
        """The runs with these responses; a crashed one has none."""
        if crashed is None:
            return self.table.with_values(values)
        states = tuple("crashed" if lost else "finished" for lost in crashed)
        reasons = tuple("crashed: exit code 1" if lost else "" for lost in crashed)
        lost = replace(self.table, states=states, reasons=reasons)
        return lost.with_values(np.where(crashed, np.nan, values))
