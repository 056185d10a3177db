"""What METHOD 9.3 computes: evaluation and training after a run's best evaluation.

    pair = paired(seen, "eval/loss", ("train/loss",), is_turned=False)
    after_best(pair)            # AfterBest(best=2, behind=4, evaluation=Trend(p=…), …)

Training is averaged between evaluations. The best evaluation itself is in no test, since it was
selected. With fewer than four evaluations behind it, the last half is tested instead, and for an
improvement. An evaluation that is better when larger is turned round first (METHOD 9.2), so that
a rise is always a change for the worse; a generalisation loss and a gap then have no meaning, and
none is given.

Source: METHOD 9.3; generalisation loss: Prechelt, Early Stopping - But When?, 1998.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from paribus_sweeps.analysis.curve_features import WINDOW_AFTER_MINIMUM, feature_of
from paribus_sweeps.analysis.curves import Curve, FloatArray
from paribus_sweeps.analysis.findings.rule import Seen
from paribus_sweeps.analysis.findings.trends import (
    LEAST_POINTS,
    Movement,
    Trend,
    means_between,
    movement,
    trend,
)

ROUNDING = 1e-12  # of the values: two gaps that differ by less are one


@dataclass(frozen=True, slots=True)
class Pair:
    """An evaluation curve, and training averaged between its points."""

    eval_key: str
    train_key: str | None
    x_name: str
    curve: Curve
    """Turned round where larger is better: larger is worse."""
    train: FloatArray
    """Shape (n,); NaN where nothing was logged between two evaluations."""
    is_turned: bool

    @property
    def keys(self) -> tuple[str, ...]:
        """What was read."""
        return (self.eval_key, *((self.train_key,) if self.train_key else ()))

    def shown(self, value: float) -> float:
        """Return a value as it was logged."""
        return -value if self.is_turned else value


def paired(seen: Seen, key: str, train_keys: Collection[str], *, is_turned: bool) -> Pair:
    """Return an evaluation beside the training that leaves the fewest intervals empty.

    Args:
        seen: The run.
        key: What evaluations are logged as.
        train_keys: What training may be logged as; of equally full ones the first counts.
        is_turned: Whether larger evaluations are better.
    """
    pairs = [_paired(seen, key, train_key, is_turned) for train_key in (train_keys or (None,))]
    return min(pairs, key=lambda pair: int(np.isnan(pair.train).sum()))


def _paired(seen: Seen, key: str, train_key: str | None, is_turned: bool) -> Pair:
    keys = (key,) if train_key is None else (key, train_key)
    x_key = seen.x_key(*keys)
    curve = seen.curve_over(key, x_key)
    train: FloatArray = np.full(len(curve), math.nan)
    if train_key is not None:
        train = means_between(seen.curve_over(train_key, x_key), curve.x)
    turned = replace(curve, values=-curve.values) if is_turned else curve
    return Pair(key, train_key, seen.x_name(*keys), turned, train, is_turned)


@dataclass(frozen=True, slots=True)
class AfterBest:
    """What a pair shows from its best evaluation on."""

    pair: Pair
    best: int
    """Place of the best evaluation, counted from 0."""
    behind: int
    """Evaluations after it."""
    first: int
    """Where the evaluations that are tested begin."""
    evaluation: Trend
    """Of these: tested for a worsening where they lie behind the best, else an improvement."""
    train: Trend | None
    """Tested for a fall; None with too few intervals that hold any."""
    rise: float
    noise: float

    @property
    def is_behind(self) -> bool:
        """Whether enough evaluations stand behind the best one to look at them alone."""
        return self.behind >= WINDOW_AFTER_MINIMUM

    @property
    def steps(self) -> tuple[float, float]:
        """From the best, or from where the test begins, to the end."""
        x = self.pair.curve.x
        return float(x[self.best if self.is_behind else self.first]), float(x[-1])

    def numbers(self) -> dict[str, Any]:
        """Return METHOD's quantities; n, i* and n_post count evaluations, i* from 1."""
        pair, curve, evaluation = self.pair, self.pair.curve, self.evaluation
        return {
            "n": len(curve),
            "i_star": self.best + 1,
            "n_post": self.behind,
            "best": pair.shown(float(curve.values[self.best])),
            "best_at": float(curve.x[self.best]),
            "last": pair.shown(float(curve.values[-1])),
            "steps_after_best": float(curve.x[-1]) - float(curve.x[self.best]),
            "window": evaluation.points,
            "tested": "worsening after the best" if self.is_behind else "improvement to the end",
            "p_e": evaluation.p,
            "p_e_method": evaluation.method,
            "tau_e": evaluation.tau,
            "slope_e": evaluation.slope,
            "p_t": self.train.p if self.train else None,
            "p_t_method": self.train.method if self.train else None,
            "tau_t": self.train.tau if self.train else None,
            "slope_t": self.train.slope if self.train else None,
            "train_intervals": self.train.points if self.train else 0,
            "rise": self.rise,
            "noise_sd": self.noise,
            "is_turned": pair.is_turned,
            "non_finite": curve.non_finite,
            "overlaps": curve.overlaps,
            **self._companions(),
        }

    def _companions(self) -> dict[str, float | None]:
        values, is_turned = self.pair.curve.values, self.pair.is_turned
        lowest, last = float(values[self.best]), float(values[-1])
        return {
            "gl_percent": None if is_turned or lowest <= 0 else 100 * (last / lowest - 1),
            "gap_at_best": self.gap(self.best),
            "gap_at_end": self.gap(-1),
        }

    def gap(self, at: int) -> float | None:
        """Return evaluation minus training, both losses; None where none was logged by then."""
        if self.pair.is_turned:
            return None
        gap = float(self.pair.curve.values[at]) - float(self.pair.train[at])
        return gap if math.isfinite(gap) else None

    @property
    def gap_grew(self) -> bool | None:
        """Whether it is larger at the end than at the best; None where one is not known."""
        best, end = self.gap(self.best), self.gap(-1)
        if best is None or end is None:
            return None
        scale = float(np.abs(self.pair.curve.values[[self.best, -1]]).max())
        return end - best > ROUNDING * scale


def after_best(pair: Pair) -> AfterBest | str:
    """Return what a pair of six evaluations or more shows, or why it cannot be computed."""
    rise, noise = (feature_of(pair.curve, name) for name in ("rise_after_minimum", "noise_sd"))
    if rise.value is None or noise.value is None:
        return f"{pair.eval_key}: {rise.note or noise.note}"
    best = int(np.argmin(pair.curve.values))
    behind, first = len(pair.curve) - 1 - best, _first(pair.curve, best)
    is_behind = behind >= WINDOW_AFTER_MINIMUM
    window = pair.curve.at(slice(first, None))
    return AfterBest(
        pair=pair,
        best=best,
        behind=behind,
        first=first,
        evaluation=trend(window, "up" if is_behind else "down"),
        train=_train_trend(window, pair.train[first:]),
        rise=rise.value,
        noise=noise.value,
    )


def _first(curve: Curve, best: int) -> int:
    """Return where the evaluations that are tested begin."""
    n = len(curve)
    if n - 1 - best >= WINDOW_AFTER_MINIMUM:
        return best + 1
    return n - max(LEAST_POINTS, math.ceil(n / 2))


def trend_behind(pair: Pair, x: float, *, of_train: bool) -> Movement | None:
    """Return what `after_best` tests, from x on alone, in the direction in which it moves.

    Args:
        pair: Of six evaluations or more.
        x: From where on.
        of_train: Whether training is tested, and not the evaluation.

    Returns:
        None with fewer than four points.
    """
    curve = replace(pair.curve, values=pair.train) if of_train else pair.curve
    first = _first(pair.curve, int(np.argmin(pair.curve.values)))
    kept = np.isfinite(curve.values) & (curve.x >= x)
    kept[:first] = False
    window = curve.at(kept)
    return movement(window) if len(window) >= LEAST_POINTS else None


def _train_trend(window: Curve, means: FloatArray) -> Trend | None:
    held = np.isfinite(means)
    if np.count_nonzero(held) < LEAST_POINTS:
        return None
    return trend(replace(window, x=window.x[held], values=means[held]), "down")
