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
from paribus_sweeps.runs import LARGEST, Run

Goal = Literal["minimize", "maximize"]

MOST_CONFIGURATIONS = 1_000  # of one level that are listed; beyond it they are counted
MOST_LISTED = 1_000  # runs that are tied, or have no place; beyond it they are counted
_MOST_OF_LEVELS = 5_000  # the same, of all levels together: each run has one in every factor
_MOST_LABELS = 200_000  # in the lists of all levels: each configuration has one for each factor
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

    def as_dict(
        self, *, most: int = MOST_CONFIGURATIONS, most_runs: int = MOST_LISTED
    ) -> dict[str, Any]:
        """Return it as plain JSON, with at most so many configurations and runs."""
        return {
            "level": self.label,
            "declared": self.declared,
            "note": None if self.n else "no finished run",
            "best": [run.as_dict() for run in self.best[:most_runs]],
            "best_count": len(self.best),
            "value": self.value,
            "n": self.n,
            "mean": self.mean,
            "sd": self.sd,
            "expected_best": self.expected_best,
            "configurations": [c.as_dict() for c in self.configurations[:most]],
            "configuration_count": len(self.configurations),
            "not_ranked": [run.as_dict() for run in self.not_ranked[:most_runs]],
            "not_ranked_count": len(self.not_ranked),
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

    def as_dict(
        self, *, most: int = MOST_CONFIGURATIONS, most_runs: int = MOST_LISTED
    ) -> dict[str, Any]:
        """Return it as plain JSON, with at most so many configurations and runs of each level."""
        holding = self.best[:MOST_LISTED] if self.kind == "continuous" else ()
        return {
            "factor": self.factor,
            "keys": list(self.keys),
            "kind": self.kind,
            "baseline": self.baseline,
            "levels": [level.as_dict(most=most, most_runs=most_runs) for level in self.levels],
            "best": [_with_own_value(run, self.factor) for run in holding],
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
        levels = sum(len(factor.levels) for factor in self.factors)
        lists = max(1, levels * len(self.factors))
        most = max(1, min(MOST_CONFIGURATIONS, _MOST_LABELS // lists))
        most_runs = max(1, min(MOST_LISTED, _MOST_OF_LEVELS // max(1, levels)))
        return {
            "response": self.response,
            "goal": self.goal,
            "resolution": self.resolution,
            "n": self.n,
            "best": [run.as_dict() for run in self.best[:MOST_LISTED]],
            "best_count": len(self.best),
            "factors": [f.as_dict(most=most, most_runs=most_runs) for f in self.factors],
            "not_ranked": [run.as_dict() for run in self.not_ranked[:MOST_LISTED]],
            "not_ranked_count": len(self.not_ranked),
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
    look = _Look(
        tuple(ranked), tuple(not_ranked), _configurations(ranked, factors), goal, resolution
    )
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
    for run in sorted(runs, key=lambda run: run.place):
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
    if abs(run.value) > LARGEST:
        return f"{response} is {run.value:g}: too large to be squared"
    return None


@dataclass(frozen=True, slots=True)
class _Configuration:
    """The runs of one setting, and their mean; it lies whole in one level of each factor."""

    runs: tuple[RankedRun, ...]
    mean: ConfigurationMean


def _configurations(
    ranked: Sequence[RankedRun], factors: Sequence[Factor]
) -> tuple[_Configuration, ...]:
    """Return the runs by setting, in declared order of levels."""
    groups: dict[tuple[str, ...], list[RankedRun]] = {}
    for entry in ranked:
        groups.setdefault(tuple(_label(entry.run, f) for f in factors), []).append(entry)
    names = [factor.name for factor in factors]
    places = [{label: at for at, label in enumerate(factor.labels)} for factor in factors]

    def order(labels: tuple[str, ...]) -> list[tuple[int, str]]:
        pairs = zip(places, labels, strict=True)
        return [(place.get(label, len(place)), label) for place, label in pairs]

    return tuple(
        _Configuration(
            tuple(groups[labels]),
            _configuration_mean(dict(zip(names, labels, strict=True)), groups[labels]),
        )
        for labels in sorted(groups, key=order)
    )


def _configuration_mean(
    setting: Mapping[str, str], runs: Sequence[RankedRun]
) -> ConfigurationMean:
    values = [entry.value for entry in runs]
    return ConfigurationMean(setting, len(values), _mean(values), _sd(values))


@dataclass(frozen=True, slots=True)
class _Look:
    """The runs, and what counts as better: shared by all levels."""

    ranked: tuple[RankedRun, ...]
    not_ranked: tuple[NotRanked, ...]
    configurations: tuple[_Configuration, ...]
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
        holding: list[RankedRun] = []
        if factor.kind == "levels":
            levels = self._levels(factor)
        else:
            holding = [r for r in self.ranked if _number(r.run.setting, factor) is not None]
            levels = self._bins(factor, bins) if bins else ()
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
        groups: dict[str, list[_Configuration]] = {label: [] for label in factor.labels}
        for configuration in self.configurations:
            label = configuration.mean.setting[factor.name]
            groups.setdefault(label, []).append(configuration)
        left_out: dict[str, list[NotRanked]] = {}
        for entry in self.not_ranked:
            left_out.setdefault(_label(entry.run, factor), []).append(entry)
        undeclared = sorted((groups.keys() | left_out.keys()) - set(factor.labels))
        fewest = _fewest(groups.values())
        return tuple(
            self._level(
                label,
                groups.get(label, []),
                left_out.get(label, []),
                fewest,
                declared=label not in undeclared,
            )
            for label in (*factor.labels, *undeclared)
        )

    def _bins(self, factor: Factor, bins: int) -> tuple[LevelBest, ...]:
        pairs = [
            (number, configuration)
            for configuration in self.configurations
            if (number := _number(configuration.mean.setting, factor)) is not None
        ]
        groups = _quantile_groups(pairs, bins)
        fewest = _fewest([configuration for _, configuration in group] for group in groups)
        return tuple(
            self._level(f"{group[0][0]:g} to {group[-1][0]:g}", [c for _, c in group], [], fewest)
            for group in groups
        )

    def _level(
        self,
        label: str,
        configurations: Sequence[_Configuration],
        not_ranked: Sequence[NotRanked],
        fewest: int,
        *,
        declared: bool = True,
    ) -> LevelBest:
        ranked = [entry for configuration in configurations for entry in configuration.runs]
        means = tuple(configuration.mean for configuration in configurations)
        return LevelBest(
            label=label,
            best=self.best_of(ranked),
            value=self.best_value(ranked) if ranked else None,
            n=len(ranked),
            mean=_mean([entry.value for entry in ranked]) if ranked else None,
            sd=_pooled_sd(means),
            expected_best=self._expected_best([entry.value for entry in ranked], fewest),
            configurations=means,
            not_ranked=tuple(not_ranked),
            declared=declared,
        )

    def _expected_best(self, values: Sequence[float], size: int) -> float | None:
        """Return the mean, over all choices of `size` of the values, of the best chosen.

        Exact: with x sorted from best to worst, x_i is the best of C(n-1-i, size-1) of the
        C(n, size) choices; the shares follow one another without those large numbers.
        """
        if not values:
            return None
        n, share, terms = len(values), size / len(values), []
        for i, value in enumerate(sorted(values, reverse=self.goal == "maximize")):
            terms.append(value * share)
            share *= (n - i - size) / max(1, n - 1 - i)
        return math.fsum(terms)


def _fewest(groups: Iterable[Sequence[_Configuration]]) -> int:
    """Return the number of runs in the smallest group that has any."""
    sizes = (sum(len(configuration.runs) for configuration in group) for group in groups)
    return min((size for size in sizes if size), default=0)


def _quantile_groups(
    pairs: Sequence[tuple[float, _Configuration]], bins: int
) -> list[list[tuple[float, _Configuration]]]:
    """Cut into bins of about equally many runs; equal values stay in one bin."""
    ordered = sorted(pairs, key=lambda pair: pair[0])  # equal values keep their settings' order
    runs = sum(len(configuration.runs) for _, configuration in ordered)
    before = 0
    bin_of: dict[float, int] = {}
    groups: dict[int, list[tuple[float, _Configuration]]] = {}
    for number, configuration in ordered:
        at = bin_of.setdefault(number, before * bins // runs)
        groups.setdefault(at, []).append((number, configuration))
        before += len(configuration.runs)
    return list(groups.values())


def _label(run: Run, factor: Factor) -> str:
    label = run.setting.get(factor.name)
    return UNSET if label is None else label


def _number(setting: Mapping[str, str | None], factor: Factor) -> float | None:
    """Return the value of a continuous factor; None where a setting holds no number for it."""
    try:
        return float(setting.get(factor.name) or UNSET)
    except ValueError:
        return None


def _earlier_finish(ranked: RankedRun) -> tuple[datetime, str]:
    finished = ranked.run.finished_at
    if finished is not None and finished.tzinfo is None:
        finished = finished.replace(tzinfo=UTC)
    return finished or _LAST, ranked.run.id


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


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
