"""Crashes as a response: counts by level, Fisher's exact test, and ranks with crashed worst.

Source: METHOD 5.8; Freeman & Halton 1951.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from scipy import stats

from .experiment import FINISHED, Experiment, Factor, Run
from .families import holm
from .model import Model

MOST_SEEDS = 10  # as blocks
CRASHED = {"failed", "crashed", "interrupted"}
Told = dict[str, Any]


def has_crashed(run: Run) -> bool:
    """It ended by itself without a usable value."""
    not_finite = run.state == FINISHED and run.value is not None and not math.isfinite(run.value)
    return run.state in CRASHED or not_finite


def crashes(asked: Experiment, terms: Sequence[str], error: str) -> Told:
    """The report's `crashes`."""
    ended = [run for run in asked.runs if run.is_usable or has_crashed(run)]
    factors = [_of_factor(factor, ended) for factor in asked.factors]
    tested = [row for row in factors if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_adjusted"] = p
    for row in factors:
        over_half = any(2 * one["crashed"] > one["total"] for one in row["levels"])
        p = row["p_adjusted"]
        row["not_at_random"] = over_half or (p is not None and p < 0.05)
    lost = sum(map(has_crashed, ended))
    told: Told = {
        "crashed": lost,
        "ended": len(ended),
        "not_at_random": any(row["not_at_random"] for row in factors),
        "factors": factors,
        "sensitivity": [],
    }
    if lost and terms:
        told["sensitivity"] = _sensitivity(asked, ended, terms, error)
    return told


def _of_factor(factor: Factor, ended: Sequence[Run]) -> Told:
    levels: list[Told] = []
    for label in factor.labels:
        runs = [run for run in ended if run.setting[factor.name] == label]
        lost = sum(map(has_crashed, runs))
        if runs:
            rate = lost / len(runs)
            levels.append({"level": label, "crashed": lost, "total": len(runs), "rate": rate})
    p = fisher([(one["crashed"], one["total"]) for one in levels])
    return {"factor": factor.name, "levels": levels, "p": p, "p_adjusted": None}


def fisher(counts: Sequence[tuple[int, int]]) -> float | None:
    """Share of all tables with these sums that are no likelier than this one, in whole numbers."""
    lost, total = sum(x for x, _ in counts), sum(n for _, n in counts)
    if len(counts) < 2 or lost in (0, total):
        return None
    own = math.prod(math.comb(n, x) for x, n in counts)
    as_rare = sum(w for w in _tables([n for _, n in counts], lost) if w <= own)
    return as_rare / math.comb(total, lost)


def _tables(totals: Sequence[int], lost: int) -> Iterator[int]:
    """How many ways lead to each table."""
    if len(totals) == 1:
        if lost <= totals[0]:
            yield math.comb(totals[0], lost)
        return
    for x in range(min(totals[0], lost) + 1):
        for ways in _tables(totals[1:], lost - x):
            yield math.comb(totals[0], x) * ways


def _on_ranks(
    asked: Experiment, ended: Sequence[Run], terms: Sequence[str], ranks: dict[str, float]
) -> list[str]:
    """The same interactions, over the main effects that vary among all runs that ended.

    The seed is a block where it takes nothing away from what can be told (METHOD 5.3).
    """
    columns = [*asked.blocks, *(factor.name for factor in asked.factors)]
    main = [c for c in columns if len({asked.label(run, c) for run in ended}) > 1]
    alone = Model(asked, ["intercept", *main], values=ranks)
    seed = "the seed"
    added = [term for term in terms if " x " in term and term not in main]
    seeds = {run.seed for run in ended}
    if not asked.replicates or not 1 < len(seeds) <= MOST_SEEDS:
        return ["intercept", *main, *added]
    within = Model(asked, ["intercept", seed, *main], values=ranks)
    whole = all(within.df_estimable(term) == alone.df_estimable(term) for term in main)
    return ["intercept", *([seed] if whole and within.df >= 1 else []), *main, *added]


def _sensitivity(
    asked: Experiment, ended: Sequence[Run], terms: Sequence[str], error: str
) -> list[Told]:
    """Each factor on surviving runs, and on ranks with crashed runs tied for the worst."""
    sign = 1 if asked.goal == "minimize" else -1
    worst = [math.inf if has_crashed(run) else sign * (run.value or 0.0) for run in ended]
    ranks = dict(zip([run.id for run in ended], map(float, stats.rankdata(worst)), strict=True))
    names = [factor.name for factor in asked.factors]
    survivors, ranked = (
        {row["term"]: row for row in model.term_rows(names)}
        for model in (
            Model(asked, terms, error=error),
            Model(asked, _on_ranks(asked, ended, terms, ranks), values=ranks, error=error),
        )
    )
    return [
        {
            "factor": name,
            "f": survivors.get(name, {}).get("f"),
            "p": survivors.get(name, {}).get("p"),
            "f_on_ranks": ranked[name].get("f"),
            "p_on_ranks": ranked[name].get("p"),
        }
        for name in names
        if name in ranked
    ]
