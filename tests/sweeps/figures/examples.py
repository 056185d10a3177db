"""One of each figure, and of each that cannot be drawn yet; plain functions with defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from paribus_sweeps.analysis.answers import answer
from paribus_sweeps.analysis.plain_tables import read_table
from paribus_sweeps.figures import (
    CadencePrice,
    CurveBand,
    CurveLine,
    Figure,
    Look,
    Mark,
    Rate,
    Spread,
    cadence_phases,
    cadence_price,
    design_matrix,
    effects,
    grad_norm_spread,
    importance,
    interaction,
    overlay,
    parallel_coordinates,
    progress,
    throughput,
    train_eval,
)
from paribus_sweeps.runs import Run

LEVELS = {"batch": ["8", "64"], "ratio": ["1:1", "4:1"]}
_LOSSES = {
    ("8", "1:1"): (0.31, 0.33, 0.30),
    ("64", "1:1"): (0.36, 0.372, 0.389),
    ("8", "4:1"): (0.303, 0.325, 0.311),
    ("64", "4:1"): (0.375, 0.361, 0.38),
}


def run(name: str, value: float | None = 0.3, **more: Any) -> Run:
    """A run of the batch-by-ratio study; finished where it has a value."""
    setting = {"batch": more.pop("batch", "8"), "ratio": more.pop("ratio", "1:1")}
    state = more.pop("state", "finished" if value is not None else "crashed")
    return Run(id=name, setting=setting, value=value, state=state, **more)


def study() -> list[Run]:
    """Two batch sizes, two ratios, three seeds."""
    return [
        run(f"R{cell}-{seed}", value, batch=batch, ratio=ratio, replicate={"seed": seed})
        for cell, ((batch, ratio), values) in enumerate(_LOSSES.items())
        for seed, value in enumerate(values)
    ]


def table(runs: Sequence[Run], **question: Any) -> dict[str, Any]:
    """The body of a plain table that holds these runs."""
    rows = [
        {
            "id": r.id, "loss": r.value, "state": r.state, "batch": int(r.setting["batch"] or 0),
            "ratio": r.setting["ratio"], "seed": r.replicate.get("seed", k),
        }
        for k, r in enumerate(runs)
    ]  # fmt: skip
    return {
        "factors": {"batch": {"levels": [8, 64], "baseline": 8}, "ratio": {}},
        "replicate": "seed",
        "response": {"name": "loss", "goal": "minimize"},
        "question": question,
        "runs": rows,
    }


def told(kind: str = "effects", runs: Sequence[Run] | None = None, **question: Any) -> Any:
    """An answer about the study, or about other runs."""
    return answer(kind, read_table(table(study() if runs is None else runs, **question)))


def together() -> list[Run]:
    """Batch size and ratio always changed together; the run that would tell crashed."""
    return [
        run("R1", 0.31),
        run("R2", 0.33),
        run("R3", 0.38, batch="64", ratio="4:1"),
        run("R4", 0.36, batch="64", ratio="4:1"),
        run("R5", None, batch="64"),
    ]


def line(name: str = "R1", *, n: int = 20, **more: Any) -> CurveLine:
    """A curve that falls from 1 by a twentieth a point."""
    return CurveLine(name, [10.0 * k for k in range(n)], [1 - k / 20 for k in range(n)], **more)


def importance_answer(**more: Any) -> Mapping[str, Any]:
    """An importance answer, cut to what a figure reads."""
    factor = {
        "factor": "lr", "importance": 0.88, "interval": [0.56, 0.95], "rank": 1, "group": [],
        "sentence": "`lr`: 88 % of the variance.",
    }  # fmt: skip
    found = {"label": "association", "factors": [factor], "note": None, **more}
    return {"response": "loss", "n": 24, "importance": found}


@cache
def every_figure(look: Look) -> tuple[tuple[str, Figure], ...]:
    """(what it shows, figure), drawn once for each look."""
    return (*_of_answers(look), *_of_curves(look), *_of_nothing(look))


def _of_answers(look: Look) -> Iterator[tuple[str, Figure]]:
    effect, facts = told(smallest_effect=0.02), told("confounding", together())["confounding"]
    yield "effects", effects(effect, look)
    yield "importance", importance(importance_answer(), look)
    yield (
        "interaction",
        interaction(
            study(), "batch", "ratio", response="loss", tested=effect["effects"], look=look
        ),
    )
    yield "matrix", design_matrix(together(), LEVELS, facts=facts["facts"], look=look)
    yield "parallel", parallel_coordinates(together(), LEVELS, response="loss", look=look)
    yield "progress", progress({"finished": 3, "failed": 1, "queued": 4}, look=look)
    ended = [("2026-01-01T10:00:00", "finished"), ("2026-01-01T11:00:00", "failed")]
    yield "progress over time", progress({"finished": 1, "failed": 1}, ended=ended, look=look)


def _of_curves(look: Look) -> Iterator[tuple[str, Figure]]:
    mark = Mark("overfitting", "Eval loss rose.", 50, 150)
    smooth = line(
        "R1", smoothed=[0.5] * 20, smoothing="running mean", stands_for=900, marks=[mark]
    )
    band = CurveBand("batch 8", [0, 1], [0.5, 0.4], [0.4, 0.3], [0.6, 0.5], n=3)
    yield "overlay", overlay([smooth, line("R2")], key="loss", bands=[band], look=look)
    yield "train and eval", train_eval(smooth, line("eval"), run="R1", marks=[mark], look=look)
    spreads = [Spread("R1", "8", [1.0, 2.0, 3.0]), Spread("R2", "64", [2.0])]
    yield "spread", grad_norm_spread(spreads, factor="batch", look=look)
    rates = [Rate("R1", "T4", 4.553), Rate("R2", "A100", 17.233), Rate("R3", "A100", 17.0)]
    yield "throughput", throughput(rates, look=look)
    yield "phases", cadence_phases(line(), every=4, told={3: "hidden"}, look=look)
    prices = [
        CadencePrice(20, 469, 1.2, 0.31, is_chosen=True),
        CadencePrice(200, 47, 0.12, is_coarsest=True),
    ]
    yield "price", cadence_price(prices, look=look)


def _of_nothing(look: Look) -> Iterator[tuple[str, Figure]]:
    yield "no effect", effects(told(runs=together()), look)
    yield "no importance", importance(importance_answer(factors=[]), look)
    yield "no interaction", interaction([], "batch", "ratio", response="loss", look=look)
    yield "no design", design_matrix([], LEVELS, look=look)
    yield "no runs", parallel_coordinates([], LEVELS, response="loss", look=look)
    yield "no trials", progress({}, look=look)
    yield "no curve", overlay([], key="loss", look=look)
    yield "no pair", train_eval(None, None, run="R1", look=look)
    yield "no norms", grad_norm_spread([], look=look)
    yield "no rates", throughput([], look=look)
    yield "no phases", cadence_phases(line(n=2), every=4, look=look)
    yield "no price", cadence_price([], look=look)
