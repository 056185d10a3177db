"""A whole report, worked out anew from runs, and put beside the one that is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .best import best
from .comparing import Comparison
from .confounding import before_after, confounding, main_effects
from .crashes import crashes
from .experiment import UNSET, CannotRecompute, Experiment, value_at
from .model import Model
from .pairs import Matched
from .verdicts import Verdicts

Told = dict[str, Any]


def as_asked(found: Experiment, report: Mapping[str, Any]) -> Experiment:
    """The experiment with what the question says and no run does.

    Raises:
        CannotRecompute: The question is one that is not worked out here.
    """
    question = report["question"]
    unusual = [
        key for key in ("factors", "waived", "sampler", "denominator", "bins") if question[key]
    ]
    if unusual or question["transform"] != "identity":
        raise CannotRecompute(f"a question with {unusual or 'a transform'} is not known here")
    return replace(
        found,
        level=question["level"],
        hours_per_run=question["hours_per_run"],
        resolution=question["resolution"],
    )


def recompute(asked: Experiment, report: Mapping[str, Any]) -> Told:
    """All that can be worked out anew, each number at its place in the report.

    Args:
        asked: The runs.
        report: Says which terms the model holds and which error it takes, and which recorded
            quantities to look at; nothing else is taken from it.
    """
    pairs = [
        Matched(asked, factor, low, high)
        for factor in asked.factors
        for low, high in asked.compared(factor, asked.usable)
    ]
    main = main_effects(asked)
    said = report["effects"]
    model = Model(asked, said["model"], error=said["error"]) if said else None
    verdicts = Verdicts(asked, pairs, model, main)
    told: Told = {
        **envelope(asked),
        "moved_along": [moved_along(asked, fact) for fact in report["moved_along"]],
        "factors": verdicts.told(),
        "contrasts": [one.told() for one in pairs],
        "effects": effects(asked, model, said["seed_block"]) if model else None,
        "crashes": crashes(asked, model.terms if model else [], said and said["error"]),
        "confounding": confounding(asked, main),
        "best": best(asked, pairs) if asked.goal else None,
    }
    if not main.null and all(asked.observed(f.name) == f.labels for f in asked.factors):
        told["follow_ups"] = {"k": 0, "before_after": before_after(asked, main, model)}
    if model:
        told["box_cox"] = {"powers": model.box_cox()}
    told["power"] = [
        {"factor": f["factor"], "status": f["status"], "outlook": f["outlook"]}
        for f in told["factors"]
    ]
    if {row["response"] for row in report["responses"]} == {asked.response}:
        told["responses"] = verdicts.responses()
    return told


def envelope(asked: Experiment) -> Told:
    """What stands around the answers."""
    lost = [run for run in asked.runs if not run.is_usable]
    return {
        "response": asked.response,
        "goal": asked.goal,
        "n": len(asked.usable),
        "runs": [run.id for run in asked.usable],
        "excluded": [{"id": run.id, "state": run.state} for run in lost],
        "excluded_count": len(lost),
        "held_fixed": dict(asked.held),
        "question": {"smallest_effect": asked.smallest_effect},
    }


def moved_along(asked: Experiment, fact: Mapping[str, Any]) -> Told:
    """Mean of a recorded quantity at each level of a factor, where it is a number."""
    factor, quantity = asked.factor(fact["factor"]), fact["quantity"]
    by_level: Told = {}
    for label in factor.labels:
        here = [run for run in asked.usable if run.setting[factor.name] == label]
        values = [value_at(run.recorded, quantity) for run in here]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if numbers and len(numbers) == len([v for v in values if v != UNSET]):
            by_level[label] = math.fsum(numbers) / len(numbers)
    return {"factor": factor.name, "quantity": quantity, "by_level": by_level}


def effects(asked: Experiment, model: Model, seed: str | None) -> Told:
    """The report's `effects`."""
    names = [factor.name for factor in asked.factors]
    contrasts = [
        row
        for factor in asked.factors
        if factor.name in model.terms
        for row in model.contrast_rows(factor, asked.level)[0]
    ]
    return {
        "n": len(model.y),
        "parameters": len(model.columns[0]),
        "rank": model.rank,
        "residual_df": model.df,
        "residual_sd": model.sd,
        "terms": model.term_rows(names),
        "contrasts": contrasts,
        "spread": model.spread(seed),
        "gvif": model.gvif(),
    }


def compare(report: Mapping[str, Any], anew: Mapping[str, Any], asked: Experiment) -> Comparison:
    """Put the two beside each other."""
    size = max((abs(run.value or 0.0) for run in asked.usable), default=1.0)
    compared = Comparison(size)
    compared.compare(report, anew)
    return compared
