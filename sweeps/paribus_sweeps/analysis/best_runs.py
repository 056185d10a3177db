"""Best run per level of each factor: facts, with what is needed to weigh them.

A best run of a level is a fact and always shown; a best level is a claim and is
never made here. Beside each best run stand n, mean and the spread over seeds, and
every run that could not be ranked with the reason, because the best of many runs
beats the best of few by luck alone.

Source: METHOD 7 and DESIGN 8. No answer depends on the order of the runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from paribus_sweeps.design.confounding import UNSET, MovedTogether
from paribus_sweeps.factors import Factor, FactorKind
from paribus_sweeps.runs import Run

Goal = Literal["minimize", "maximize"]

_TIE_TOLERANCE = 1e-9  # relative, of `resolution`: 1/m is no exact float
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RankedRun:
    """A finished run with a finite response."""

    run: Run
    value: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        run = self.run
        return {
            "id": run.id,
            "wandb_id": run.wandb_id,
            "name": run.name,
            "url": run.url,
            "value": self.value,
            "setting": dict(run.setting),
            "replicate": dict(run.replicate),
            "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        }


@dataclass(frozen=True, slots=True)
class NotRanked:
    """A run that has no place in the ranking, and why."""

    run: Run
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "id": self.run.id,
            "wandb_id": self.run.wandb_id,
            "name": self.run.name,
            "url": self.run.url,
            "state": self.run.state,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ConfigurationMean:
    """One setting of all factors, averaged over its seeds."""

    setting: Mapping[str, str]
    n: int
    mean: float
    sd: float | None
    """Over its seeds, with n - 1; None below two runs."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {"setting": dict(self.setting), "n": self.n, "mean": self.mean, "sd": self.sd}


@dataclass(frozen=True, slots=True)
class LevelBest:
    """One level (or quantile bin) of a factor: its best run, and what stands behind it."""

    label: str
    best: tuple[RankedRun, ...]
    """All tied runs, by earlier finish and then id; empty without a finished run."""
    value: float | None
    """The best value; of tied runs, the very best."""
    n: int
    mean: float | None
    """Over all ranked runs of the level."""
    sd: float | None
    """Over seeds: within configurations, pooled; None where none has two runs."""
    expected_best: float | None
    """The best that as few runs as the smallest level has would show on average."""
    configurations: tuple[ConfigurationMean, ...]
    not_ranked: tuple[NotRanked, ...]
    declared: bool = True
    """False for a level that runs hold and the sweep does not declare."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "level": self.label,
            "declared": self.declared,
            "note": None if self.n else "no finished run",
            "best": [run.as_dict() for run in self.best],
            "value": self.value,
            "n": self.n,
            "mean": self.mean,
            "sd": self.sd,
            "expected_best": self.expected_best,
            "configurations": [c.as_dict() for c in self.configurations],
            "not_ranked": [run.as_dict() for run in self.not_ranked],
        }


@dataclass(frozen=True, slots=True)
class FactorBest:
    """One factor: its levels in declared order, each with its best run."""

    factor: str
    keys: tuple[str, ...]
    kind: FactorKind
    baseline: str | None
    levels: tuple[LevelBest, ...]
    """Of a continuous factor: quantile bins, where asked for."""
    best: tuple[RankedRun, ...]
    """Of a continuous factor, which has no levels: the best of all runs that hold it."""
    together: tuple[MovedTogether, ...]
    """What always moved with this factor: the levels cannot be weighed against each other."""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        continuous = self.kind == "continuous"
        return {
            "factor": self.factor,
            "keys": list(self.keys),
            "kind": self.kind,
            "baseline": self.baseline,
            "levels": [level.as_dict() for level in self.levels],
            "best": [_with_own_value(run, self.factor) for run in self.best] if continuous else [],
            "together": [fact.as_dict() for fact in self.together],
        }


@dataclass(frozen=True, slots=True)
class BestPerFactor:
    """Best runs of a sweep, of several sweeps, or of a project, factor by factor."""

    response: str
    goal: Goal
    resolution: float
    """Runs whose values differ by no more are tied; in the response's own unit."""
    n: int
    """Runs that are ranked."""
    best: tuple[RankedRun, ...]
    """The best of them all; several if tied."""
    factors: tuple[FactorBest, ...]
    not_ranked: tuple[NotRanked, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON, without NaN."""
        return {
            "response": self.response,
            "goal": self.goal,
            "resolution": self.resolution,
            "n": self.n,
            "best": [run.as_dict() for run in self.best],
            "factors": [factor.as_dict() for factor in self.factors],
            "not_ranked": [run.as_dict() for run in self.not_ranked],
        }


def best_per_factor(
    runs: Iterable[Run],
    factors: Sequence[Factor],
    *,
    response: str,
    goal: Goal,
    resolution: float = 0.0,
    together: Sequence[MovedTogether] = (),
    bins: int | None = None,
) -> BestPerFactor:
    """Rank runs within each level of each factor.

    Args:
        runs: One for each trial: the one that counts. Those that did not finish, or have
            no finite `value`, are listed with the reason.
        factors: What is asked about, in the order of the answer.
        response: What `Run.value` is, for sentences.
        goal: Which way is better.
        resolution: Difference that is no difference, such as 1/m for an accuracy on m
            examples; 0 ties equal values only.
        together: From `confounding.moved_together`; shown beside the factors concerned.
        bins: Quantile bins for continuous factors; None for none.

    Raises:
        ValueError: A goal that is neither minimize nor maximize, a resolution below 0,
            fewer than one bin.
    """
    _check_arguments(goal, resolution, bins)
    ranked, not_ranked = _eligible(runs, response)
    look = _Look(tuple(ranked), tuple(not_ranked), tuple(factors), goal, resolution)
    return BestPerFactor(
        response=response,
        goal=goal,
        resolution=resolution,
        n=len(ranked),
        best=look.best_of(ranked),
        factors=tuple(look.factor_best(factor, together, bins) for factor in factors),
        not_ranked=tuple(not_ranked),
    )


def _check_arguments(goal: str, resolution: float, bins: int | None) -> None:
    if goal not in ("minimize", "maximize"):
        raise ValueError(f"goal {goal!r}: minimize or maximize was expected")
    if not resolution >= 0:
        raise ValueError(f"resolution {resolution}: at least 0 was expected")
    if bins is not None and bins < 1:
        raise ValueError(f"bins {bins}: at least 1 was expected")


def _eligible(runs: Iterable[Run], response: str) -> tuple[list[RankedRun], list[NotRanked]]:
    ranked, not_ranked = [], []
    for run in sorted(runs, key=lambda run: run.id):
        reason = _why_not(run, response)
        if reason is None and run.value is not None:
            ranked.append(RankedRun(run, float(run.value)))
        else:
            not_ranked.append(NotRanked(run, reason or ""))
    return ranked, not_ranked


def _why_not(run: Run, response: str) -> str | None:
    if not run.is_finished:
        return f"{run.state}: {run.reason}" if run.reason else run.state
    if run.value is None:
        return run.value_note or f"{response} was not logged"
    if not math.isfinite(run.value):
        return f"{response} is {run.value}"
    return None


@dataclass(frozen=True, slots=True)
class _Look:
    """The runs, and what counts as better: shared by all levels."""

    ranked: tuple[RankedRun, ...]
    not_ranked: tuple[NotRanked, ...]
    factors: tuple[Factor, ...]
    goal: Goal
    resolution: float

    def best_of(self, runs: Sequence[RankedRun]) -> tuple[RankedRun, ...]:
        if not runs:
            return ()
        top = self.best_value(runs)
        near = self.resolution * (1 + _TIE_TOLERANCE)
        tied = [run for run in runs if abs(run.value - top) <= near]
        return tuple(sorted(tied, key=_earlier_finish))

    def best_value(self, runs: Sequence[RankedRun]) -> float:
        choose: Callable[[Iterable[float]], float] = min if self.goal == "minimize" else max
        return choose(run.value for run in runs)

    def factor_best(
        self, factor: Factor, together: Sequence[MovedTogether], bins: int | None
    ) -> FactorBest:
        facts = tuple(fact for fact in together if factor.name in fact.members)
        if factor.kind == "levels":
            levels = self._levels(factor)
            holding = []
        else:
            holding = [r for r in self.ranked if _number(r.run, factor) is not None]
            levels = self._bins(factor, holding, bins) if bins else ()
        return FactorBest(
            factor=factor.name,
            keys=factor.keys,
            kind=factor.kind,
            baseline=factor.baseline,
            levels=levels,
            best=self.best_of(holding),
            together=facts,
        )

    def _levels(self, factor: Factor) -> tuple[LevelBest, ...]:
        everyone = [r.run for r in self.ranked] + [r.run for r in self.not_ranked]
        undeclared = {_label(run, factor) for run in everyone} - set(factor.labels)
        labels = (*factor.labels, *sorted(undeclared))
        groups = {
            label: [r for r in self.ranked if _label(r.run, factor) == label] for label in labels
        }
        fewest = min((len(group) for group in groups.values() if group), default=0)
        return tuple(
            self._level(
                label,
                groups[label],
                [r for r in self.not_ranked if _label(r.run, factor) == label],
                fewest,
                declared=label not in undeclared,
            )
            for label in labels
        )

    def _bins(
        self, factor: Factor, holding: Sequence[RankedRun], bins: int
    ) -> tuple[LevelBest, ...]:
        groups = _quantile_groups([(_number(r.run, factor) or 0.0, r) for r in holding], bins)
        fewest = min((len(group) for group in groups), default=0)
        return tuple(
            self._level(f"{group[0][0]:g} to {group[-1][0]:g}", [r for _, r in group], [], fewest)
            for group in groups
        )

    def _level(
        self,
        label: str,
        ranked: Sequence[RankedRun],
        not_ranked: Sequence[NotRanked],
        fewest: int,
        *,
        declared: bool = True,
    ) -> LevelBest:
        ranked = sorted(ranked, key=lambda r: r.run.id)
        configurations = self._configurations(ranked)
        return LevelBest(
            label=label,
            best=self.best_of(ranked),
            value=self.best_value(ranked) if ranked else None,
            n=len(ranked),
            mean=_mean([r.value for r in ranked]) if ranked else None,
            sd=_pooled_sd(configurations),
            expected_best=self._expected_best([r.value for r in ranked], fewest),
            configurations=configurations,
            not_ranked=tuple(not_ranked),
            declared=declared,
        )

    def _configurations(self, ranked: Sequence[RankedRun]) -> tuple[ConfigurationMean, ...]:
        groups: dict[tuple[str, ...], list[float]] = {}
        for r in ranked:
            groups.setdefault(tuple(_label(r.run, f) for f in self.factors), []).append(r.value)
        names = [factor.name for factor in self.factors]
        return tuple(
            ConfigurationMean(
                dict(zip(names, labels, strict=True)), len(values), _mean(values), _sd(values)
            )
            for labels, values in sorted(groups.items(), key=lambda item: self._order(item[0]))
        )

    def _order(self, labels: Sequence[str]) -> list[tuple[int, str]]:
        """Return the sort key of a setting: declared order of levels, then the label."""
        return [
            (factor.labels.index(label) if label in factor.labels else len(factor.levels), label)
            for factor, label in zip(self.factors, labels, strict=True)
        ]

    def _expected_best(self, values: Sequence[float], size: int) -> float | None:
        """Return the mean, over all choices of `size` of the values, of the best chosen.

        Exact: with x sorted from best to worst, x_i is the best of C(n-1-i, size-1) choices.
        """
        if not values:
            return None
        ordered = sorted(values, reverse=self.goal == "maximize")
        n = len(ordered)
        choices = math.comb(n, size)
        return math.fsum(
            value * (math.comb(n - 1 - i, size - 1) / choices) for i, value in enumerate(ordered)
        )


def _quantile_groups(
    pairs: Sequence[tuple[float, RankedRun]], bins: int
) -> list[list[tuple[float, RankedRun]]]:
    """Cut sorted pairs into bins of about equal size; equal values stay in one bin."""
    ordered = sorted(pairs, key=lambda pair: (pair[0], pair[1].run.id))
    first_rank: dict[float, int] = {}
    for rank, (value, _) in enumerate(ordered):
        first_rank.setdefault(value, rank)
    groups: dict[int, list[tuple[float, RankedRun]]] = {}
    for pair in ordered:
        groups.setdefault(first_rank[pair[0]] * bins // len(ordered), []).append(pair)
    return list(groups.values())


def _label(run: Run, factor: Factor) -> str:
    label = run.setting.get(factor.name)
    return UNSET if label is None else label


def _number(run: Run, factor: Factor) -> float | None:
    """Return the value of a continuous factor; None where the run holds no number for it."""
    try:
        return float(_label(run, factor))
    except ValueError:
        return None


def _earlier_finish(ranked: RankedRun) -> tuple[datetime, str]:
    finished = ranked.run.finished_at
    if finished is not None and finished.tzinfo is None:
        finished = finished.replace(tzinfo=UTC)
    return finished or _LAST, ranked.run.id


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:  # diverged losses near the largest float
        return math.fsum(value / len(values) for value in values)


def _sd(values: Sequence[float]) -> float | None:
    if len(values) < 2:
        return None
    mean = _mean(values)
    return _finite(math.hypot(*(v - mean for v in values)) / math.sqrt(len(values) - 1))


def _pooled_sd(configurations: Sequence[ConfigurationMean]) -> float | None:
    """Return the spread over seeds, pooled over the configurations that have two or more."""
    spread = [(c.n - 1, c.sd) for c in configurations if c.sd is not None]
    freedom = sum(df for df, _ in spread)
    if not freedom:
        return None
    return _finite(math.hypot(*(math.sqrt(df) * sd for df, sd in spread)) / math.sqrt(freedom))


def _finite(number: float) -> float | None:
    """Return the number, or None where it is beyond the largest float: JSON has no infinity."""
    return number if math.isfinite(number) else None


def _with_own_value(ranked: RankedRun, factor: str) -> dict[str, Any]:
    return {**ranked.as_dict(), "at": ranked.run.setting[factor]}
