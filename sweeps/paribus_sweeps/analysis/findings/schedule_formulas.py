"""The learning rate that a schedule of the Trainer's gives to each optimizer step.

Source: transformers 5.23.0, optimization.py: the `_get_…_lr_lambda` functions, whose formulas
and defaults these are (tests compare with the functions themselves); training_args.py,
`get_warmup_steps` (`warmup_steps` below 1 is a share of all steps, rounded up); transformers
4.57, training_args.py (`warmup_ratio`, which counts where `warmup_steps` is 0).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from paribus_sweeps.analysis.curves import FloatArray

Shape = Callable[["Schedule", FloatArray], FloatArray]

POLYNOMIAL_END = 1e-7  # transformers' default of lr_end
TIMESCALE = 10_000.0  # of inverse_sqrt, where there is no warm-up


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a config says of the learning rate.

    Schedule("linear", peak=2e-5, warm_up=100, steps=1_000).at(np.array([0.0, 100.0]))
    """

    name: str
    peak: float
    warm_up: float
    """Optimizer steps; 0 of `constant`, which has no warm-up whatever the config says."""
    steps: float
    """Optimizer steps in all."""
    extra: Mapping[str, float]
    """`lr_scheduler_kwargs`."""

    def at(self, done: FloatArray) -> FloatArray:
        """Return the learning rate after so many moves of the schedule: 0 for the first step."""
        rising = done / max(self.warm_up, 1.0)
        found: FloatArray = self.peak * np.where(
            done < self.warm_up, rising, SHAPES[self.name](self, done)
        )
        return found

    def progress(self, done: FloatArray) -> FloatArray:
        """Return the share of the steps behind the warm-up, from 0."""
        behind: FloatArray = (done - self.warm_up) / max(self.steps - self.warm_up, 1.0)
        return behind


def warm_up_of(steps: float, share: float, total: float) -> float:
    """Return the steps of a warm-up: `warmup_steps`, else `warmup_ratio` of all steps."""
    if steps >= 1:
        return float(int(steps))
    return float(math.ceil((steps or share) * total))


def _constant(schedule: Schedule, done: FloatArray) -> FloatArray:
    return np.ones_like(done)


def _linear(schedule: Schedule, done: FloatArray) -> FloatArray:
    return np.maximum(0.0, 1.0 - schedule.progress(done))


def _cosine(schedule: Schedule, done: FloatArray) -> FloatArray:
    cycles = schedule.extra.get("num_cycles", 0.5)
    turned = np.cos(math.pi * cycles * 2.0 * schedule.progress(done))
    return np.maximum(0.0, 0.5 * (1.0 + turned))


def _cosine_with_restarts(schedule: Schedule, done: FloatArray) -> FloatArray:
    progress = schedule.progress(done)
    turned = np.cos(math.pi * ((schedule.extra.get("num_cycles", 1.0) * progress) % 1.0))
    return np.where(progress >= 1.0, 0.0, np.maximum(0.0, 0.5 * (1.0 + turned)))


def _polynomial(schedule: Schedule, done: FloatArray) -> FloatArray:
    end = schedule.extra.get("lr_end", POLYNOMIAL_END) / schedule.peak
    left = np.clip(1.0 - schedule.progress(done), 0.0, 1.0)
    found: FloatArray = (1.0 - end) * left ** schedule.extra.get("power", 1.0) + end
    return found


def _inverse_sqrt(schedule: Schedule, done: FloatArray) -> FloatArray:
    scale = schedule.extra.get("timescale", schedule.warm_up or TIMESCALE)
    moved = np.maximum(done - schedule.warm_up, 0.0)  # before it, `at` rises
    found: FloatArray = 1.0 / np.sqrt((moved + scale) / scale)
    return found


SHAPES: Mapping[str, Shape] = {
    "linear": _linear,
    "cosine": _cosine,
    "cosine_with_restarts": _cosine_with_restarts,
    "polynomial": _polynomial,
    "constant": _constant,
    "constant_with_warmup": _constant,
    "inverse_sqrt": _inverse_sqrt,
}
"""By the Trainer's `lr_scheduler_type`."""

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "cosine": ("num_cycles",),
    "cosine_with_restarts": ("num_cycles",),
    "polynomial": ("lr_end", "power"),
    "inverse_sqrt": ("timescale",),
}
"""What `lr_scheduler_kwargs` may say of each."""

NEEDS_TOTAL = frozenset({"linear", "cosine", "cosine_with_restarts", "polynomial"})
