"""Speeds of many runs by kind of GPU, and how many times as fast one kind was as another.

    told = gpu_speeds([Compared(speed, {"per_device_train_batch_size": 8}, {"seed": 0}), …])
    told["training"].gpus        # each kind: n, mean, least, most
    told["training"].ratios      # each two kinds, over matched pairs

Where a step is not the same number of examples in all runs, all are brought to examples a
second; where that is not known of each, steps stay, and that is said.

Two runs are a pair where they are equal in everything but the GPU, seed included. Each trial of
a sweep runs once, so there is often no such pair; then runs that differ in the seed as well are
taken, a pair for each setting, and the answer is labelled so.

Source: METHOD 9.6; the label as METHOD 9.2 has it for partners that differ in more.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from paribus_sweeps.analysis.curves import FloatArray
from paribus_sweeps.analysis.device_ratio import (
    LEVEL,
    DeviceRate,
    DeviceRatio,
    device_ratios,
)
from paribus_sweeps.analysis.execution_keys import REPLICATE_KEYS, class_of
from paribus_sweeps.analysis.run_speed import RunSpeed
from paribus_sweeps.analysis.training_speed import OPTIMIZER_STEPS
from paribus_sweeps.analysis.words import counted
from paribus_sweeps.factors import level_label

Part = Literal["training", "evaluation"]
PARTS: tuple[Part, ...] = ("training", "evaluation")
UNITS: Mapping[Part, str] = {"training": "steps per second", "evaluation": "batches per second"}
EXAMPLES = "examples per second"
EVERYTHING, ALL_BUT_THE_SEED = "everything but the GPU", "everything but the GPU and the seed"
GPU_COUNT = "gpu_count"
_MATCHED = (None, "cadence", "versions")
"""Classes of config keys that the runs of a pair must share; None: settings."""
_EXTREME = 1e150  # beyond it, and below its inverse, a rate is no rate, and a mean would overflow


@dataclass(frozen=True, slots=True)
class Compared:
    """One run's speed, and what it must share with another to be compared."""

    speed: RunSpeed
    setting: Mapping[str, Any]
    """Key → value of all that could make a run faster or slower, its GPU left out."""
    replicate: Mapping[str, Any] = field(default_factory=dict)
    """{"seed": 0}."""


def setting_of(
    config: Mapping[str, Any], ignore: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what runs of a pair must share of their config: the setting, and the replicate.

    Where a run was executed is left out, but how many GPUs it had; its cadence and its versions
    of code and libraries are not, since both can change how fast it is.

    Args:
        config: Dotted key → value.
        ignore: Keys, and classes of keys (`versions`), that may differ.
    """
    held = {key: value for key, value in config.items() if not {key, class_of(key)} & {*ignore}}
    replicate = {key: value for key, value in held.items() if key in REPLICATE_KEYS}
    setting = {
        key: value
        for key, value in held.items()
        if key not in replicate and (key == GPU_COUNT or class_of(key) in _MATCHED)
    }
    return setting, replicate


@dataclass(frozen=True, slots=True)
class GpuSpeed:
    """The runs of one kind of GPU."""

    gpu_name: str
    n: int
    """Runs with a rate."""
    mean: float | None
    """Of their rates, whatever their settings were; None without one."""
    least: float | None
    most: float | None
    without: int
    """Runs without a rate."""


@dataclass(frozen=True, slots=True)
class GpuRatio:
    """How many times as fast, and what pairs share."""

    ratio: DeviceRatio
    matched: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {**self.ratio.as_dict(), "matched": self.matched}


@dataclass(frozen=True, slots=True)
class GpuSpeeds:
    """Training or evaluation, by kind of GPU."""

    unit: str
    gpus: tuple[GpuSpeed, ...]
    ratios: tuple[GpuRatio, ...]
    cautions: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "unit": self.unit,
            "gpus": [
                {name: getattr(gpu, name) for name in GpuSpeed.__slots__} for gpu in self.gpus
            ],
            "ratios": [ratio.as_dict() for ratio in self.ratios],
            "cautions": list(self.cautions),
        }


def gpu_speeds(
    runs: Sequence[Compared], *, seed: str | None = None, level: float = LEVEL
) -> dict[Part, GpuSpeeds]:
    """Return speeds by kind of GPU, of training and of evaluation.

    Args:
        runs: Finished or not; those without a GPU's name are left out, and counted.
        seed: What random draws follow from; None: none is drawn.
        level: Confidence of intervals.
    """
    ordered = sorted(runs, key=lambda run: run.speed.run)
    return {part: _of_part(part, ordered, seed, level) for part in PARTS}


@dataclass(frozen=True, slots=True)
class _Rated:
    """One run's rate in both units."""

    run: Compared
    own: float | None
    """Steps or batches a second."""
    examples: float | None
    per_step: float | None
    counts: FloatArray
    spans: FloatArray
    is_by_optimizer: bool

    @classmethod
    def of(cls, part: Part, run: Compared) -> _Rated:
        speed = run.speed
        told = speed.training if part == "training" else speed.evaluation
        per_step = speed.examples_per_step if part == "training" else speed.eval_batch
        return cls(
            run=run,
            own=_usable(told.steps_per_second),
            examples=_usable(told.examples_per_second),
            per_step=per_step,
            counts=told.counts,
            spans=told.spans,
            is_by_optimizer=part == "evaluation"
            or told.steps_per_second is None
            or speed.training.step_name == OPTIMIZER_STEPS,
        )


def _usable(rate: float | None) -> float | None:
    return rate if rate is not None and 1 / _EXTREME < rate < _EXTREME else None


def _of_part(part: Part, runs: Sequence[Compared], seed: str | None, level: float) -> GpuSpeeds:
    cautions: list[str] = []
    rated = [_Rated.of(part, run) for run in runs if run.speed.gpu_name is not None]
    if len(rated) < len(runs):
        cautions.append(f"left out: {_runs(len(runs) - len(rated))} without a GPU's name")
    rated = list(_by_one_step(rated, cautions))
    in_examples = _is_in_examples(rated)
    cautions += _of_unit(rated, UNITS[part], in_examples=in_examples)
    rates = [(one, one.examples if in_examples else one.own) for one in rated]
    return GpuSpeeds(
        unit=EXAMPLES if in_examples else UNITS[part],
        gpus=tuple(_by_gpu(rates)),
        ratios=tuple(_ratios(rates, f"{seed} {part}" if seed is not None else None, level)),
        cautions=tuple(cautions),
    )


def _by_one_step(rated: Sequence[_Rated], cautions: list[str]) -> Iterator[_Rated]:
    """Keep runs by optimizer steps, where there are any: calls of log are no steps."""
    others = sum(not one.is_by_optimizer for one in rated)
    if not 0 < others < len(rated):
        yield from rated
        return
    cautions.append(f"left out: {_runs(others)} without a logged optimizer step")
    yield from (one for one in rated if one.is_by_optimizer)


def _is_in_examples(rated: Sequence[_Rated]) -> bool:
    """Whether steps are of different size, and examples a second are known of every rate."""
    told = [one for one in rated if one.own is not None or one.examples is not None]
    if any(one.examples is None for one in told):
        return False
    return any(one.own is None for one in told) or len({one.per_step for one in told}) > 1


def _of_unit(rated: Sequence[_Rated], unit: str, *, in_examples: bool) -> Iterator[str]:
    told = [one for one in rated if one.own is not None]
    unknown = sum(one.per_step is None for one in told)
    if in_examples:
        yield f"not every run has the same examples in a step, so rates are {EXAMPLES}"
    elif unknown and len(told) > 1:
        yield (
            f"rates are {unit}: how many examples one takes is not known of {unknown:,} of "
            f"{_runs(len(told))}, and between batch sizes steps are not comparable"
        )


def _by_gpu(rates: Sequence[tuple[_Rated, float | None]]) -> Iterator[GpuSpeed]:
    held: dict[str, list[float | None]] = {}
    for one, rate in rates:
        held.setdefault(str(one.run.speed.gpu_name), []).append(rate)
    for name in sorted(held):
        known = [rate for rate in held[name] if rate is not None]
        mean = math.fsum(known) / len(known) if known else None
        least, most = (min(known), max(known)) if known else (None, None)
        yield GpuSpeed(name, len(known), mean, least, most, len(held[name]) - len(known))


# ratios


def _ratios(
    rates: Sequence[tuple[_Rated, float | None]], seed: str | None, level: float
) -> Iterator[GpuRatio]:
    """Yield each two kinds of GPU, over strict pairs; else over settings, labelled so."""
    strict = {
        (found.device, found.against): found
        for found in device_ratios(_rates(rates, with_seed=True), seed=seed, level=level)
    }
    loose = device_ratios(_rates(rates, with_seed=False), seed=seed, level=level)
    looser = {frozenset((found.device, found.against)): found for found in loose}
    told = [
        GpuRatio(found, EVERYTHING)
        if found.n or not looser[frozenset(two)].n
        else GpuRatio(looser[frozenset(two)], ALL_BUT_THE_SEED)
        for two, found in strict.items()
    ]
    yield from sorted(told, key=lambda one: (-one.ratio.n, one.ratio.device, one.ratio.against))


def _rates(
    rates: Sequence[tuple[_Rated, float | None]], *, with_seed: bool
) -> Iterator[DeviceRate]:
    for one, rate in rates:
        if rate is not None:
            yield DeviceRate(
                run=one.run.speed.run,
                device=str(one.run.speed.gpu_name),
                match=_match(one.run, with_seed=with_seed),
                rate=rate,
                counts=one.counts,
                spans=one.spans,
            )


def _match(run: Compared, *, with_seed: bool) -> frozenset[tuple[str, str]]:
    held = {**run.setting, **(run.replicate if with_seed else {})}
    return frozenset((key, level_label(value)) for key, value in held.items())


def _runs(count: int) -> str:
    return counted(count, "run")
