"""Small tables of runs, written as they read."""

from collections.abc import Mapping, Sequence

from paribus_sweeps.design.table import Table, Transform
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

BLOCKS = ("gpu_name",)
LURKING = ("host", "commit")


def small(
    text: str,
    *,
    numeric: Sequence[str] = (),
    transforms: Mapping[str, Transform] | None = None,
    baselines: Mapping[str, str] | None = None,
    levels: Mapping[str, Sequence[str]] | None = None,
    arrival: Sequence[int] | None = None,
) -> Table:
    """Return the table that is written down: names first, then one run a line.

    The runs are r1, r2, …. A column `state` is the run's state, default finished; `seed` is the
    replicate; gpu_name is a block, host and commit are lurking keys, the rest are factors, their
    levels in the order in which they come, or as `levels` has them. `-` stands for nothing.
    `arrival` has the numbers of the runs in the order in which they are handed over.
    """
    names, *lines = (line.split() for line in text.strip().splitlines())
    declared = levels or {}
    factors = [
        _factor(
            name,
            declared.get(name, [line[at] for line in lines]),
            (baselines or {}).get(name),
        )
        for at, name in enumerate(names)
        if name not in (*BLOCKS, *LURKING, "seed", "state")
    ]
    runs = [
        _run(f"r{number}", dict(zip(names, line, strict=True)), factors)
        for number, line in enumerate(lines, 1)
    ]
    if arrival is not None:
        runs = [runs[number - 1] for number in arrival]
    return Table.from_runs(
        runs, factors, blocks=BLOCKS, lurking=LURKING, numeric=numeric, transforms=transforms
    )


def _factor(name: str, held: Sequence[str], baseline: str | None) -> Factor:
    labels = [label for label in dict.fromkeys(held) if label != "-"]
    levels = tuple(Level(label, {name: label}) for label in labels)
    return Factor(name, (name,), levels, baseline=baseline)


def _run(id: str, held: Mapping[str, str], factors: Sequence[Factor]) -> Run:
    state = held.get("state", "finished")
    return Run(
        id=id,
        setting={f.name: held[f.name] if held[f.name] != "-" else None for f in factors},
        value=1.0 if state == "finished" else None,
        state=state,
        replicate={"seed": held["seed"]} if "seed" in held else {},
        blocks={name: held[name] for name in (*BLOCKS, *LURKING) if held.get(name, "-") != "-"},
    )
