"""Best run per factor with what it is worth: luck, shrinkage, and levels that may be compared.

A best run of a level is a fact and always shown. A best level is a claim: it is made only
where the factor is isolated and its verdict is yes, and then by the comparison of levels that
the verdict stands on, never by the best single runs.

Source: METHOD 7, DESIGN 8.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from paribus_sweeps.analysis.best_runs import FactorBest, best_per_factor
from paribus_sweeps.analysis.cases import Case
from paribus_sweeps.analysis.shrinkage import expected_maximum, shrink
from paribus_sweeps.analysis.verdicts import FactorAnswer
from paribus_sweeps.design.confounding import moved_together
from paribus_sweeps.design.matching import matched_pairs
from paribus_sweeps.errors import GoalUnknown
from paribus_sweeps.factors import level_label
from paribus_sweeps.runs import Run

MOST_CONFIGURATIONS = 1_000


def best_answer(
    case: Case, answers: Sequence[FactorAnswer], *, bins: int | None = None
) -> dict[str, Any]:
    """Return best runs per factor, with the verdicts beside them.

    Args:
        case: The runs and the question, which names a goal.
        answers: The verdict on each factor that is asked about.
        bins: Quantile bins for continuous factors; None for none.

    Raises:
        GoalUnknown: The question has no goal.
    """
    question = case.question
    if question.goal is None:
        raise GoalUnknown(question.response)
    blocks = [c.name for c in case.table.blocks if c.name not in question.waived]
    factors = [factor for factor in case.factors if factor.name not in question.waived]
    usable = _usable(case)
    together = moved_together(factors, usable, blocks=blocks)
    found = best_per_factor(
        case.runs,
        case.asked,
        response=question.response,
        goal=question.goal,
        resolution=question.resolution,
        together=together,
        bins=bins,
    )
    by_name = {answer.factor: answer for answer in answers}
    made = found.as_dict()
    for factor, entry in zip(found.factors, made["factors"], strict=True):
        entry |= _claim(by_name[factor.factor], factor, question.goal)
        entry["luck"] = _luck(factor)
    pairs = matched_pairs(factors, usable, blocks=blocks)
    return {
        **made,
        "configurations": configurations(case),
        "matched_pairs": [pair.as_dict() for pair in pairs],
        "moved_together": [fact.as_dict() for fact in together],
    }


def _claim(answer: FactorAnswer, factor: FactorBest, goal: str) -> dict[str, Any]:
    """Return status and verdict of a factor, and the best level where one may be named."""
    ran = {level.label for level in factor.levels if level.n}
    return {
        "status": answer.status,
        "verdict": answer.verdict,
        "sentence": answer.sentence,
        "best_level": best_level(answer, ran, goal),
    }


def best_level(answer: FactorAnswer, ran: Collection[str], goal: str) -> str | None:
    """Return the level that beats every other one that ran; None where none may be named.

    Levels that are not told apart stay tied: then no single one is best.

    Args:
        answer: The verdict on the factor, with the comparisons it stands on.
        ran: Levels that have a finished run.
        goal: "minimize" or "maximize".
    """
    if answer.status != "isolated" or answer.verdict != "yes" or answer.label:
        return None
    beaten: dict[str, set[str]] = {}
    for found in answer.comparisons:
        if found.verdict == "yes" and found.estimate is not None:
            high_wins = (found.estimate > 0) == (goal == "maximize")
            winner, loser = (found.high, found.low) if high_wins else (found.low, found.high)
            beaten.setdefault(winner, set()).add(loser)
    best = [winner for winner, losers in beaten.items() if losers | {winner} >= set(ran)]
    return best[0] if best and best[0] in ran else None


def _luck(factor: FactorBest) -> dict[str, Any] | None:
    """Return by how much chance alone lifts the best run of each level (METHOD 7)."""
    told = [level for level in factor.levels if level.sd is not None]
    if not told:
        return None
    return {
        "expected_gain": {
            level.label: expected_maximum(level.n) * (level.sd or 0.0) for level in told
        },
        "note": "The best of n equal runs beats their mean by this much on average: levels with "
        "different n are compared by expected_best.",
    }


def configurations(case: Case) -> dict[str, Any]:
    """Return the settings that ran, their means over seeds pulled towards the common one.

    Repeats of one (setting, block, replicate) are averaged first: they are no seeds.

    Raises:
        GoalUnknown: The question has no goal.
    """
    goal = case.question.goal
    if goal is None:
        raise GoalUnknown(case.question.response)
    names = [f.name for f in case.factors if f.name not in case.question.waived]
    groups = _by_setting(_usable(case), names)
    blocks = [column.name for column in case.table.blocks]
    values = dict(zip(case.table.ids, case.table.values.tolist(), strict=True))
    found = shrink([_seeds(runs, blocks, values) for runs in groups.values()], goal=goal)
    rows: list[dict[str, Any]] = [
        {
            "setting": dict(zip(names, setting, strict=True)),
            "n": shrunk.n,
            "mean": shrunk.mean,
            "shrunk": shrunk.shrunk,
            "weight": shrunk.weight,
            "rank": shrunk.rank,
            "runs": [run.id for run in runs],
        }
        for (setting, runs), shrunk in zip(groups.items(), found.configurations, strict=True)
    ]
    sign = 1 if goal == "minimize" else -1
    rows.sort(key=lambda row: (row["rank"] is None, row["rank"] or 0, sign * row["mean"]))
    return {
        "within_sd": found.within_sd,
        "between_sd": found.between_sd,
        "common_mean": found.common_mean,
        "note": found.note,
        "count": len(rows),
        "rows": rows[:MOST_CONFIGURATIONS],
    }


def _by_setting(
    runs: Sequence[Run], factors: Sequence[str]
) -> Mapping[tuple[str | None, ...], list[Run]]:
    groups: dict[tuple[str | None, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.setting.get(name) for name in factors), []).append(run)
    return groups


def _seeds(runs: Sequence[Run], blocks: Sequence[str], values: Mapping[str, float]) -> list[float]:
    """Return one value for each seed of a setting; without a replicate key, for each run."""
    seeds: dict[Any, list[float]] = {}
    for run in runs:
        replicate = {name: level_label(value) for name, value in run.replicate.items()}
        place = tuple(run.blocks.get(name) for name in blocks)
        key = (tuple(sorted(replicate.items())), place) if replicate else run.id
        seeds.setdefault(key, []).append(values[run.id])
    return [math.fsum(value / len(found) for value in found) for found in seeds.values()]


def _usable(case: Case) -> list[Run]:
    """Return the runs that the verdicts stand on."""
    ids = {name for name, ok in zip(case.table.ids, case.table.usable, strict=True) if ok}
    return [run for run in case.runs if run.id in ids]
