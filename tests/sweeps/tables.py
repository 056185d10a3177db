"""Tables of runs that tests of answers ask about: a small grid with noise that is fixed."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.plain_tables import read_table
from paribus_sweeps.analysis.verdicts import Judged, judge

NOISE = (0.013, -0.002, 0.004, -0.005, 0.008, 0.005, -0.014, -0.007, 0.001, 0.02, -0.015, 0.029)
"""What seeds do to a loss: sd about 0.013."""


SATURATED = [
    {"batch": b, "ratio": r, "loss": loss}
    for b, r, loss in ((8, "1:1", 1.0), (64, "1:1", 2.0), (8, "4:1", 4.0), (64, "4:1", 9.0))
]
"""Four runs, four parameters with the interaction: effects 3, 5 and 2, and no error."""


def grid(
    batch: float = 0.0,
    ratio: float = 0.0,
    *,
    seeds: int = 3,
    noise: float = 1.0,
    start: float = 0.3,
) -> list[dict[str, Any]]:
    """Two batch sizes by two ratios in some seeds; `batch` and `ratio` are their effects."""
    cells = itertools.product((8, 64), ("1:1", "4:1"), range(seeds))
    return [
        {
            "batch": b,
            "ratio": r,
            "seed": seed,
            "loss": start
            + batch * (b == 64)
            + ratio * (r == "4:1")
            + noise * NOISE[at % len(NOISE)],
        }
        for at, (b, r, seed) in enumerate(cells)
    ]


def case_of(
    rows: Sequence[Mapping[str, Any]],
    factors: Any = ("batch", "ratio"),
    *,
    goal: str | None = "minimize",
    response: Mapping[str, Any] | None = None,
    **more: Any,
) -> Case:
    """The rows as a case about the loss; `more` are further keys of a plain table."""
    named = {"name": "loss", **({"goal": goal} if goal else {}), **(response or {})}
    body = {
        "factors": factors if isinstance(factors, Mapping) else list(factors),
        "response": named,
        "runs": [dict(row) for row in rows],
        **more,
    }
    if any("seed" in row for row in rows):
        body["replicate"] = "seed"
    return read_table(body)


def judged(
    rows: Sequence[Mapping[str, Any]], factors: Any = ("batch", "ratio"), **more: Any
) -> Judged:
    """The verdicts on a case."""
    case = case_of(rows, factors, **more)
    return judge(case.table, case.question)
