"""The tables in tests/sweeps/r/data and what R says of them in tests/sweeps/r/expected."""

import csv
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from paribus_sweeps.design.estimability import Gate, gate
from paribus_sweeps.design.model_matrix import Term
from paribus_sweeps.design.table import Table
from paribus_sweeps.factors import Factor, Level
from paribus_sweeps.runs import Run

HERE = Path(__file__).parent / "r"
MODELS = (
    "blocks",
    "empty_cells",
    "factorials",
    "foldover",
    "fractions",
    "numeric",
    "one_at_a_time",
    "plackett_burman",
    "split_plot",
    "unbalanced",
    "unequal_variances",
)


@cache
def expected(name: str) -> dict[str, Any]:
    """One file of expectations."""
    found: dict[str, Any] = json.loads((HERE / "expected" / f"{name}.json").read_text())
    return found


def cases(what: str, *names: str) -> Iterator[Any]:
    """Every case of one kind, as (its table, the case), for `parametrize`."""
    for name in names or MODELS:
        found = expected(name)
        for case in found["cases"]:
            if case["what"] == what:
                yield found["tables"][case["data"]], case


def label(value: Any) -> str | None:
    """What a parametrised case is called."""
    return f"{value['data']}-{value['by'][:20]}" if "what" in value else ""


def terms_of(case: dict[str, Any]) -> tuple[Term, ...]:
    """The model of a case, the intercept first."""
    return (Term(), *(Term(tuple(members)) for members in case["model"]["terms"]))


def table_of(told: dict[str, Any], case: dict[str, Any]) -> Table:
    """The table of a case, with the response of its model."""
    model = case["model"]
    factors = [
        Factor(
            f["name"],
            (f["name"],),
            tuple(Level(text, {f["name"]: _number(text)}) for text in f["levels"]),
            baseline=told["baseline"].get(f["name"]),
        )
        for f in told["factors"]
    ]
    blocks = [block["name"] for block in told["blocks"]]
    with (HERE / told["file"]).open(newline="") as lines:
        runs = [
            _run(row, factors, blocks, model["response"], model["transform"])
            for row in csv.DictReader(lines)
        ]
    return Table.from_runs(
        runs, factors, blocks=blocks, numeric=model["numeric"], transforms=model["numeric"]
    )


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


GATES: dict[str, Gate] = {}

SCALES: dict[str, Callable[[float], float]] = {
    "identity": float,
    "log": math.log,
    "reciprocal": lambda value: 1 / value,
}


def _run(
    row: dict[str, str], factors: list[Factor], blocks: list[str], response: str, scale: str
) -> Run:
    value = row[response]
    return Run(
        id=row["run"],
        setting={factor.name: row[factor.name] for factor in factors},
        value=None if value in ("", "NA") else SCALES[scale](float(value)),
        state=row["state"],
        blocks={name: row[name] for name in blocks},
    )


def gate_of(told: dict[str, Any], case: dict[str, Any]) -> Gate:
    """The gate of a case's model; the same gate is asked once."""
    key = json.dumps([told["file"], case["model"]], sort_keys=True)
    if key not in GATES:
        GATES[key] = gate(table_of(told, case), terms=terms_of(case))
    return GATES[key]
