"""Best run per level, what luck is worth, and configurations pulled towards the common mean.

Source: METHOD 7.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from scipy import integrate, special

from .experiment import Experiment, Factor, Run
from .pairs import Matched, spread

Told = dict[str, Any]


def best(asked: Experiment, matched: Sequence[Matched]) -> Told:
    """Everything of the report's `best` that is a number, a run or a level."""
    return {
        "n": len(asked.usable),
        "best": _best_of(asked, asked.usable),
        "factors": [_of_factor(asked, factor) for factor in asked.factors],
        "configurations": configurations(asked),
        "matched_pairs": [_counted(asked, factor, matched) for factor in asked.factors],
        "not_ranked": [{"id": run.id} for run in asked.runs if not run.is_usable],
    }


def _best_of(asked: Experiment, runs: Sequence[Run]) -> list[Told]:
    """All runs that share the best value, by id where the report's order is by time."""
    if not runs:
        return []
    top = _sorted(asked, runs)[0].value or 0.0
    tied = [run for run in runs if abs((run.value or 0.0) - top) <= asked.resolution]
    return [{"id": run.id, "value": run.value, "replicate": dict(run.replicate)} for run in tied]


def _sorted(asked: Experiment, runs: Sequence[Run]) -> list[Run]:
    sign = 1 if asked.goal == "minimize" else -1
    return sorted(runs, key=lambda run: sign * (run.value or 0.0))


def _of_factor(asked: Experiment, factor: Factor) -> Told:
    groups = {
        label: [run for run in asked.usable if run.setting[factor.name] == label]
        for label in factor.labels
    }
    least = min((len(runs) for runs in groups.values() if runs), default=0)
    levels = [_level(asked, factor, label, runs, least) for label, runs in groups.items()]
    gains = {
        level["level"]: expected_maximum(level["n"]) * level["sd"]
        for level in levels
        if level["sd"] is not None
    }
    luck = {"expected_gain": gains} if gains else None
    return {"factor": factor.name, "levels": levels, "luck": luck}


def _level(asked: Experiment, factor: Factor, label: str, runs: Sequence[Run], least: int) -> Told:
    settings = _as_declared(asked, _by_setting(runs))
    groups = [[run.value or 0.0 for run in group] for group in settings.values()]
    everything = [value for group in groups for value in group]
    lost = [r for r in asked.runs if not r.is_usable and r.setting[factor.name] == label]
    return {
        "level": label,
        "best": _best_of(asked, runs),
        "value": _sorted(asked, runs)[0].value if runs else None,
        "n": len(runs),
        "mean": math.fsum(everything) / len(everything) if runs else None,
        "sd": _pooled(groups),
        "expected_best": _expected_best(_sorted(asked, runs), least),
        "configuration_count": len(settings),
        "configurations": [
            {
                "setting": dict(group[0].setting),
                "n": len(group),
                "mean": math.fsum(values) / len(values),
                "sd": spread(values),
            }
            for group, values in zip(settings.values(), groups, strict=True)
        ],
        "not_ranked": [{"id": run.id} for run in lost],
    }


def _by_setting(runs: Sequence[Run]) -> dict[tuple[str, ...], list[Run]]:
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(tuple(run.setting.values()), []).append(run)
    return groups


def _as_declared(
    asked: Experiment, settings: dict[tuple[str, ...], list[Run]]
) -> dict[tuple[str, ...], list[Run]]:
    """Settings in the declared order of levels."""
    labels = [factor.labels for factor in asked.factors]

    def place(setting: tuple[str, ...]) -> list[int]:
        return [known.index(label) for known, label in zip(labels, setting, strict=True)]

    return {setting: settings[setting] for setting in sorted(settings, key=place)}


def _pooled(groups: Sequence[Sequence[float]]) -> float | None:
    """Spread over seeds within settings."""
    df = sum(len(group) - 1 for group in groups)
    if not df:
        return None
    squares = ((spread(g) or 0.0) ** 2 * (len(g) - 1) for g in groups if len(g) > 1)
    return math.sqrt(math.fsum(squares) / df)


def _expected_best(runs: Sequence[Run], least: int) -> float | None:
    """Mean of the best of `least` of these runs, over all ways to choose them."""
    if not runs:
        return None
    ways = math.comb(len(runs), least)
    chosen = (math.comb(len(runs) - at - 1, least - 1) for at in range(len(runs)))
    return math.fsum(
        count / ways * (run.value or 0.0) for count, run in zip(chosen, runs, strict=True)
    )


def expected_maximum(k: int) -> float:
    """Mean of the largest of k standard normal numbers."""
    if k == 1:
        return 0.0

    def density(z: float) -> float:
        normal = math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return float(z * k * normal * special.ndtr(z) ** (k - 1))

    return float(integrate.quad(density, -12, 12, epsabs=1e-14, epsrel=1e-13, limit=200)[0])


def configurations(asked: Experiment) -> Told:
    """Empirical Bayes over the settings, seeds within them as noise."""
    settings = _by_setting(asked.usable)
    groups = [_seeds(runs) for runs in settings.values()]
    rows: list[Told] = [
        {
            "setting": dict(runs[0].setting),
            "n": len(values),
            "mean": math.fsum(values) / len(values),
            "runs": [run.id for run in runs],
            "shrunk": None,
            "weight": None,
            "rank": None,
        }
        for runs, values in zip(settings.values(), groups, strict=True)
    ]
    found = _shrink(groups, rows, minimize=asked.goal == "minimize")
    sign = 1 if asked.goal == "minimize" else -1
    rows.sort(key=lambda row: (row["rank"] or 0, sign * row["mean"]))
    return {**found, "count": len(rows), "rows": rows}


def _seeds(runs: Sequence[Run]) -> list[float]:
    """One value for each seed; repeats of one are averaged."""
    seeds: dict[Any, list[float]] = {}
    for run in runs:
        key = (run.seed, *run.blocks.values()) if run.replicate else run.id
        seeds.setdefault(key, []).append(run.value or 0.0)
    return [math.fsum(values) / len(values) for values in seeds.values()]


def _shrink(groups: Sequence[Sequence[float]], rows: list[Told], *, minimize: bool) -> Told:
    """s^2, tau^2, mu and the shrunken means of METHOD 7."""
    total, count = sum(map(len, groups)), len(groups)
    if count < 2 or total == count:
        return {"within_sd": None, "between_sd": None, "common_mean": None}
    pooled = _pooled(groups)
    s2 = (pooled or 0.0) ** 2
    grand = math.fsum(v for group in groups for v in group) / total
    between = math.fsum(row["n"] * (row["mean"] - grand) ** 2 for row in rows) / (count - 1)
    n0 = (total - sum(len(g) ** 2 for g in groups) / total) / (count - 1)
    tau2 = max(0.0, (between - s2) / n0)
    if s2 + tau2 == 0:
        return {"within_sd": None, "between_sd": None, "common_mean": None}
    weights = [1 / (tau2 + s2 / row["n"]) for row in rows]
    mu = math.fsum(w * row["mean"] for w, row in zip(weights, rows, strict=True))
    mu /= math.fsum(weights)
    for row in rows:
        row["weight"] = tau2 / (tau2 + s2 / row["n"])
        row["shrunk"] = mu + row["weight"] * (row["mean"] - mu)
    order = sorted((row["shrunk"] for row in rows), reverse=not minimize)
    for row in rows:
        row["rank"] = order.index(row["shrunk"]) + 1
    return {"within_sd": math.sqrt(s2), "between_sd": math.sqrt(tau2), "common_mean": mu}


def _counted(asked: Experiment, factor: Factor, matched: Sequence[Matched]) -> Told:
    """Pairs of a factor over all pairs of its levels, whatever the baseline."""
    labels = asked.observed(factor.name)
    of_all = [
        Matched(asked, factor, a, b) for at, a in enumerate(labels) for b in labels[at + 1 :]
    ]
    contexts = {context for one in of_all for context in one.contexts}
    pairs = sum(len(one.found) for one in of_all)
    return {"factor": factor.name, "pairs": pairs, "contexts": len(contexts)}
