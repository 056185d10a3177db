"""Small sweeps to ask for follow-ups, and R's cases as tables."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from paribus_sweeps.design.follow_ups import follow_ups
from paribus_sweeps.design.planning import Plan, Request
from paribus_sweeps.design.proposals import FollowUps, ProposedRun
from paribus_sweeps.design.prospect import Prospect
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run
from tests.sweeps.textbook import expected


def factor(name: str, *labels: str, baseline: str | None = None, numeric: bool = False) -> Factor:
    """A factor of these levels; of a numeric one the values are numbers."""
    values = [float(label) if numeric else label for label in labels]
    levels = tuple(Level(at, {name: v}) for at, v in zip(labels, values, strict=True))
    return Factor(name, (name,), levels, baseline=baseline)


BATCH = factor("batch", "8", "64", baseline="8")
RATIO = factor("ratio", "1:1", "4:1", baseline="1:1")
CADENCE = factor("cadence", "coarse", "fine", baseline="coarse")
STORY = (BATCH, RATIO, CADENCE)


def two_levels(count: int) -> tuple[Factor, ...]:
    """Factors a, b, … of the levels - and +."""
    return tuple(factor(name, "-", "+", baseline="-") for name in "abcdefghijklmnopqrst"[:count])


def ran(cell: str, factors: Sequence[Factor] = STORY, **more: Any) -> Run:
    """A run of one cell, its labels parted by spaces: `ran("8 1:1 coarse", seed=1)`."""
    setting = {f.name: label for f, label in zip(factors, cell.split(), strict=True)}
    seed, gpu = more.pop("seed", None), more.pop("gpu", None)
    state = more.pop("state", "finished")
    return Run(
        id=more.pop("id", f"{cell} {seed} {gpu} {state}"),
        setting={name: label for name, label in setting.items() if label != "?"},
        value=more.pop("value", 0.5 if state == "finished" else None),
        state=state,
        replicate=more.pop("replicate", {} if seed is None else {"seed": seed}),
        blocks=more.pop("blocks", {} if gpu is None else {"gpu_name": gpu}),
        **more,
    )


def table(*runs: Run | str, factors: Sequence[Factor] = STORY, **how: Any) -> Table:
    """A table of runs, or of cells that finished."""
    made = [ran(run, factors) if isinstance(run, str) else run for run in runs]
    return Table.from_runs(made, factors, **how)


def three_runs(**more: Any) -> Table:
    """R1 to R3 of DESIGN 1: nothing can be told from anything else."""
    return table(*(ran(c, **more) for c in ("8 1:1 coarse", "64 4:1 coarse", "64 1:1 fine")))


def grid(factors: Sequence[Factor]) -> list[str]:
    """Every cell."""
    return [" ".join(labels) for labels in itertools.product(*(f.labels for f in factors))]


def cells_of(runs: Sequence[ProposedRun]) -> list[str]:
    """The settings of proposed runs, as `ran` takes them."""
    return [" ".join(run.setting.values()) for run in runs]


def plan_of(asked: Table, **request: Any) -> Plan:
    """The plan of a question."""
    return Plan.of(asked, Request(**request))


def prospect_of(asked: Table, **request: Any) -> Prospect:
    """The prospect of a question that candidates can answer."""
    return Prospect(plan_of(asked, **request), never=0, hours_per_run=None)


def r_cases() -> list[dict[str, Any]]:
    """Every case of expected/follow_ups.json."""
    found: list[dict[str, Any]] = expected("follow_ups")["cases"]
    return found


def r_answer(case: Mapping[str, Any]) -> FollowUps:
    """What `follow_ups` says to one of R's cases."""
    model = case["model"]
    factors = [
        factor(f["name"], *f["levels"], numeric=f["name"] in model["numeric"])
        for f in case["factors"]
    ]
    names = [f.name for f in factors]
    runs = [
        Run(f"r{at:03}", {name: cell[name] for name in names}, 0.0)
        for at, cell in enumerate(case["finished"])
    ]
    asked = Table.from_runs(runs, factors, numeric=model["numeric"], transforms=model["numeric"])
    target = None if case["target"] == "model" else [" x ".join(t) for t in case["target"]]
    return follow_ups(
        asked,
        factors=target,
        interactions=[tuple(term) for term in model["terms"] if len(term) == 2],
        candidates=[{name: cell[name] for name in names} for cell in case["candidates"]],
        new_wave=bool(case["blocks"]),
    )
